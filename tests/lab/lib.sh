# The vocabulary of the cases (tests/e2e/*/run.sh source this first). A case runs as root inside the
# laboratory, on network "host", with errexit; its directory is $CASE, what servers record is below
# $RUN. Nothing waits for a fixed time: everything waits for a condition.
# shellcheck shell=bash
set -eu -o pipefail
cd /

readonly SPOOL=/var/spool/mxpost
readonly SYSLOG=$RUN/log/syslog
touch "$SYSLOG"

fail() {
    local i
    echo "FAIL: $*"
    for ((i = 1; i < ${#FUNCNAME[@]} - 1; i++)); do
        echo "    at ${BASH_SOURCE[i + 1]}:${BASH_LINENO[i]}"
    done
    exit 1
}

skip() {
    echo "SKIP: $*"
    exit 77
}

# Says which part of a case runs: the last line before a failure tells where it was.
part() {
    echo "-- $*"
}

trap 'fail "status $? from: $BASH_COMMAND"' ERR
set -o errtrace

# wait_until SECONDS COMMAND...: runs COMMAND until it succeeds.
wait_until() {
    local seconds=$1 deadline=$((SECONDS + $1 + 1))
    shift
    until "$@"; do
        if ((SECONDS >= deadline)); then
            fail "not within $seconds s: $*"
        fi
        sleep 0.05
    done
}

# ---- mail that arrived

# mail_count SERVER: how many transactions a server has accepted.
mail_count() {
    find "$RUN/got/$1" -name '*.json' 2>/dev/null | wc -l
}

has_mail() {
    [ "$(mail_count "$1")" -ge "$2" ]
}

# wait_mail SERVER COUNT [SECONDS]: waits until COUNT mails are there; more are a failure.
wait_mail() {
    wait_until "${3:-20}" has_mail "$1" "$2"
    expect_count "$1" "$2"
}

expect_count() {
    local count
    count=$(mail_count "$1")
    [ "$count" = "$2" ] || fail "$1 got $count mails, not $2"
}

# got SERVER N: the path of the Nth mail's content.
got() {
    printf '%s/got/%s/%04d.eml' "$RUN" "$1" "$2"
}

envelope() {
    local content
    content=$(got "$1" "$2")
    "$LAB/envelope" "${content%.eml}.json"
}

# expect_envelope SERVER N FROM TO...
expect_envelope() {
    local expected server=$1 n=$2
    expected="from <$3>"$'\n'$(printf 'to <%s>\n' "${@:4}" | LC_ALL=C sort)
    if [ "$(envelope "$server" "$n")" != "$expected" ]; then
        envelope "$server" "$n"
        fail "the envelope of $server $n isn't:"$'\n'"$expected"
    fi
}

# field SERVER N NAME: one value of what was recorded beside the envelope.
field() {
    local content
    content=$(got "$1" "$2")
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' \
        "${content%.eml}.json" "$3"
}

# mail_diff EXPECTED SERVER N [headers]: see tests/lab/mail_diff. EXPECTED is relative to the case.
mail_diff() {
    local expected=$1
    [[ $expected == /* ]] || expected=$CASE/$expected
    "$LAB/mail_diff" "$expected" "$(got "$2" "$3")" "${@:4}" || fail "$2 $3 isn't $1"
}

# expect_text REGEX SERVER N: the mail's content has a line that matches.
expect_text() {
    # Not `tr | grep -q`: grep would end first, and tr's SIGPIPE fail the pipeline.
    grep -Eq -- "$1" <(tr -d '\r' < "$(got "$2" "$3")") || {
        cat "$(got "$2" "$3")"
        fail "no line of $2 $3 matches $1"
    }
}

# find_mail SERVER REGEX: prints the number of the one mail with such a line.
find_mail() {
    local file found=()
    for file in "$RUN/got/$1"/*.eml; do
        [ ! -e "${file%.eml}.json" ] || ! grep -Eq -- "$2" "$file" || found+=("$file")
    done
    [ "${#found[@]}" = 1 ] || fail "${#found[@]} mails at $1 match $2, not 1" >&2
    basename "${found[0]}" .eml | sed 's/^0*//'
}

# ---- steps of the scripted servers (mx.py: mark, hold)

marked() {
    [ -e "$RUN/sync/$1" ]
}

wait_mark() {
    wait_until "${2:-20}" marked "$1"
}

release() {
    touch "$RUN/sync/$1"
}

# rearm NAME...: undoes marks and releases, for the next round.
rearm() {
    local name
    for name in "$@"; do
        rm -f "$RUN/sync/$name"
    done
}

# ---- logs

log_has() {
    grep -Eq -- "$1" "$SYSLOG"
}

wait_log() {
    wait_until "${2:-20}" log_has "$1"
}

expect_no_log() {
    ! log_has "$1" || fail "the log has: $(grep -E -- "$1" "$SYSLOG")"
}

# dialogue SERVER: everything that was said to a scripted server.
dialogue() {
    cat "$RUN/log/$1"
}

# ---- processes

# as_user NAME COMMAND...: with that user's ids, groups and environment, nothing else of root's.
as_user() {
    local user=$1 home
    shift
    home=$(getent passwd "$user" | cut -d : -f 6)
    setpriv --reuid "$user" --regid "$user" --init-groups \
        env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME="$home" LOGNAME="$user" \
        USER="$user" LC_ALL=C.UTF-8 "$@"
}

# exit_of COMMAND...: prints the exit status and fails never. Standard error goes to $RUN/stderr.
exit_of() {
    local status=0
    "$@" 2> "$RUN/stderr" || status=$?
    echo "$status"
}

# expect_exit STATUS COMMAND...
expect_exit() {
    local expected=$1 status=0
    shift
    "$@" 2> "$RUN/stderr" || status=$?
    [ "$status" = "$expected" ] || fail "exit $status, not $expected: $* ($(cat "$RUN/stderr"))"
}

# The process ids of the engines that run.
engines() {
    pgrep -x mxpost || true
}

no_engine() {
    [ -z "$(engines)" ]
}

has_engine() {
    [ -n "$(engines)" ]
}

kill_engines() {
    local pids
    pids=$(engines)
    # shellcheck disable=SC2086  # several pids
    [ -z "$pids" ] || kill -KILL $pids || true
    wait_until 5 no_engine
}

# system_engine: `mxpost run` in the background; $system_engine is its pid.
start_system_engine() {
    setsid mxpost run > "$RUN/log/engine.out" 2>&1 &
    system_engine=$!
}

# has_system_engine UID: the system engine serves the box. Until it does, what is submitted there
# can still be taken by an engine on demand.
has_system_engine() {
    local lock
    lock=$(stat -c %i "$SPOOL/$1/.system") && grep -q ":$lock 0 EOF" /proc/locks
}

stop_system_engine() {
    kill -TERM "$system_engine"
    wait "$system_engine" || true
}

# ---- the spool

# messages [UID]: the message files, of one uid's boxes or of all.
messages() {
    find "$SPOOL" -mindepth 2 -maxdepth 2 -type f -path "$SPOOL/${1:-}*" -name '*.*' ! -name '.*'
}

message_count() {
    messages "$@" | wc -l
}

queue_is_empty() {
    [ -z "$(messages)" ]
}

wait_empty() {
    wait_until "${1:-20}" queue_is_empty
}

queue_has() {
    [ "$(message_count)" = "$1" ]
}

# A line of COUNT times a text: bodies of some size.
filler() {
    python3 -c 'import sys; sys.stdout.write("".join("%07d the quick brown fox jumps over the lazy dog\n" % i for i in range(int(sys.argv[1]))))' "$1"
}

# letter SUBJECT [FROM]: a small mail on standard output.
letter() {
    printf 'From: %s\nSubject: %s\n\nbody of %s\n' "${2:-s@corp.example}" "$1" "$1"
}

# ---- Postfix as a client, to compare: in the host's network, listening on 127.0.0.1:10025

readonly POSTFIX_CLIENT_LOG=$RUN/log/postfix-client.log

# start_postfix_client [KEY = VALUE]...: lines for its main.cf. It keeps to DANE.
start_postfix_client() {
    local dir=/lab/client
    mkdir -p "$dir/queue" "$dir/data"
    chown postfix "$dir/data"
    sed -E -e '/^(pickup|postlog|smtp +inet)/d' \
        -e 's/^(\w+ +(inet|unix|fifo) +\S+ +\S+ +)\S+/\1n/' /etc/postfix/master.cf > "$dir/master.cf"
    printf '%s\n' 'postlog unix-dgram n - n - 1 postlogd' '127.0.0.1:10025 inet n - n - - smtpd' \
        >> "$dir/master.cf"
    cat > "$dir/main.cf" <<POSTFIX
compatibility_level = 3.6
queue_directory = $dir/queue
data_directory = $dir/data
maillog_file_prefixes = /lab
maillog_file = $POSTFIX_CLIENT_LOG
myhostname = host.example
mydestination =
mynetworks = 127.0.0.1/32
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
smtp_dns_support_level = dnssec
smtp_tls_security_level = dane
smtp_tls_loglevel = 1
smtp_host_lookup = dns
biff = no
$(printf '%s\n' "$@")
POSTFIX
    postfix -c "$dir" check 2>&1 | grep -v 'not owned by\|symlink leaves' >&2 || true
    setsid /usr/lib/postfix/sbin/master -c "$dir" -d > "$RUN/log/postfix-client.out" 2>&1 &
    wait_until 20 postfix_client_listens
}

postfix_client_listens() {
    (exec 3<> /dev/tcp/127.0.0.1/10025) 2> /dev/null
}

# postfix_client_send FROM TO < MAIL
postfix_client_send() {
    python3 -c '
import smtplib, sys
with smtplib.SMTP("127.0.0.1", 10025) as server:
    server.sendmail(sys.argv[1], [sys.argv[2]], sys.stdin.buffer.read().replace(b"\n", b"\r\n"))
' "$1" "$2"
}

# ---- the world's web servers (https.py), and what the world's DNS says

# start_https NAME ADDRESS CERTIFICATE KEY: $https_NAME is its pid.
start_https() {
    rearm "https-$1.ready"
    nsenter --net="/proc/$WORLD/ns/net" -- "$LAB/https.py" "$RUN" "$@" > "$RUN/log/https-$1.out" 2>&1 &
    printf -v "https_$1" '%s' "$!"
    wait_mark "https-$1.ready"
}

# https_answer HOST STATUS CONTENT-TYPE < CONTENT
https_answer() {
    local content=$RUN/https/$1.content
    mkdir -p "$RUN/https"
    cat > "$content"
    {
        printf 'HTTP/1.1 %s\r\n' "$2"
        [ -z "$3" ] || printf 'Content-Type: %s\r\n' "$3"
        printf 'Content-Length: %s\r\nConnection: close\r\n\r\n' "$(stat -c %s "$content")"
        cat "$content"
    } > "$RUN/https/$1.new"
    mv "$RUN/https/$1.new" "$RUN/https/$1"
    rm "$content"
}

# https_requests HOST: how many there were.
https_requests() {
    grep -c " $1 " "$RUN/log/https" 2> /dev/null || true
}

# change_zone SED-EXPRESSION: in the world's root zone (not where DNSSEC signs it).
change_zone() {
    sed -i -E "$1" "$RUN/dns/root.zone"
    reload_zones
}

# reload_zones: the world's name server reads its files again. A signal that comes before it has
# started would end it.
reload_zones() {
    wait_until 20 is_name_server_there
    kill -HUP "$(pgrep -o -f '^/usr/sbin/nsd ')"
}
is_name_server_there() {
    drill SOA . @198.51.100.54 2> /dev/null | grep -q 'rcode: NOERROR'
}

# world_lacks NAME: the resolver has no TXT record of it.
world_lacks() {
    ! drill TXT "$1" @198.51.100.53 | grep -q 'TXT.*"v='
}
