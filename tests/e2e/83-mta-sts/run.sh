# MTA-STS: what becomes of mail to domains with all kinds of policies, policy servers and mail
# servers, and what is remembered.
#
#   sendmail (alice) -> Postfix .30 (self-signed), .40 (good), .41 (expired), .42 (another name)
#                    -> mx.py .20, without TLS
#   mxpost           -> https.py .60 (good), .61 (expired), .62 (another name), .63 (self-signed)
#
# `table` has a line for each domain: what must happen, by which rule.
. "$LAB/lib.sh"

rows() {
    sed 's/#.*//' "$CASE/table" | grep .
}

# policy NAME MODE MAX-AGE MX...
policy() {
    local name=$1 mode=$2 age=$3
    shift 3
    {
        printf 'version: STSv1\r\nmode: %s\r\n' "$mode"
        printf 'mx: %s\r\n' "$@"
        printf 'max_age: %s\r\n' "$age"
    } | https_answer "mta-sts.$name.example" '200 OK' text/plain
}

# What the log says last about mail for a domain, in the table's words.
outcome() {
    local line
    line=$(grep "to=<u@$1\.example>" "$SYSLOG" | tail -n 1)
    case $line in
        '') echo nothing ;;
        *status=deferred*) echo deferred ;;
        *status=bounced*) echo bounced ;;
        *tls=TLS*verified*) echo verified ;;
        *tls=TLS*) echo untrusted ;;
        *) echo clear ;;
    esac
}

is_outcome() {
    [ "$(outcome "$1")" = "$2" ]
}

all_tried() {
    local domain
    while read -r domain _; do
        grep -q "to=<u@$domain\.example>" "$SYSLOG" || return 1
    done < <(rows)
}

send() {
    letter "$1" | as_user alice sendmail -i -f s@corp.example "u@$1.example"
}

has_outcome() {
    ! is_outcome "$1" nothing
}

# afresh NAME OUTCOME: true when that comes of mail that waits, in an engine that knows nothing but
# what an earlier one has written.
afresh() {
    kill_engines
    : > "$SYSLOG"
    as_user alice sendmail -q
    wait_until 30 has_outcome "$1"
    is_outcome "$1" "$2"
}

knows() {
    grep -q "^domain $1\.example$" "$SPOOL/1500/state/mta-sts"
}

certs=/lab/certs
start_https good 198.51.100.60 $certs/good.pem $certs/good.key
start_https expired 198.51.100.61 $certs/expired.pem $certs/expired.key
start_https other 198.51.100.62 $certs/other.pem $certs/other.key
start_https self 198.51.100.63 $certs/self.pem $certs/self.key
while read -r domain _; do
    policy "$domain" enforce 86400 "mx.$domain.example"
done < <(rows)
policy wildcard enforce 86400 '*.wildcard.example'
policy deep enforce 86400 '*.deep.example'
policy mismatch enforce 86400 mx.elsewhere.example '*.mismatch.elsewhere.example'
policy second enforce 86400 mx2.second.example
policy both enforce 86400 '*.both.example'
for domain in testing-self testing-clear; do
    policy $domain testing 86400 "mx.$domain.example"
done
policy testing-mismatch testing 86400 mx.elsewhere.example
policy mode-none none 86400
printf 'version: STSv1\nmode: enforce\nmx: mx.lf.example\nmax_age: 86400\n' |
    https_answer mta-sts.lf.example '200 OK' 'text/plain; charset=utf-8'
printf 'mode: enforce\r\nversion: STSv1\r\nnew: x: y\r\nmx: mx.unknown-key.example\r\nmax_age: 1000000000\r\n\r\n' |
    https_answer mta-sts.unknown-key.example '200 OK' text/plain
printf 'version: STSv1\r\nmx: mx.invalid.example\r\nmax_age: 86400\r\n' |
    https_answer mta-sts.invalid.example '200 OK' text/plain
https_answer mta-sts.empty.example '200 OK' text/plain < /dev/null
for domain in missing html typeless redirect oversized; do
    policy $domain enforce 86400 "mx.$domain.example"
done
sed -i '1s/.*/HTTP\/1.1 404 Not Found\r/' "$RUN/https/mta-sts.missing.example"
sed -i 's/^Content-Type: .*/Content-Type: text\/html\r/' "$RUN/https/mta-sts.html.example"
sed -i '/^Content-Type:/d' "$RUN/https/mta-sts.typeless.example"
sed -i '1s/.*/HTTP\/1.1 301 Moved\r\nLocation: https:\/\/mta-sts.good.example\/.well-known\/mta-sts.txt\r/' \
    "$RUN/https/mta-sts.redirect.example"
{
    printf 'version: STSv1\r\nmode: enforce\r\nmx: mx.oversized.example\r\nmax_age: 86400\r\n'
    printf 'filler: %s\r\n' "$(head -c 66000 /dev/zero | tr '\0' x)"
} | https_answer mta-sts.oversized.example '200 OK' text/plain
touch "$RUN/https/mta-sts.hang.example.hang"

part "every row of the table"
while read -r domain _; do
    letter "$domain" | as_user alice sendmail -odq -i -f s@corp.example "u@$domain.example"
done < <(rows)
as_user alice sendmail -q
wait_until 150 all_tried
wrong=0
while read -r domain _ _ expected why; do
    if ! is_outcome "$domain" "$expected"; then
        echo "$domain: $(outcome "$domain") instead of $expected ($why)"
        grep "$domain\.example" "$SYSLOG" || true
        wrong=$((wrong + 1))
    fi
done < <(rows)
[ $wrong = 0 ] || fail "$wrong rows are wrong"
[ "$(https_requests mta-sts.none.example)" = 0 ] || fail "no record, and yet a request"
[ "$(https_requests mta-sts.good.example)" = 1 ] || fail "the redirect was followed"
grep -q '^good GET mta-sts\.good\.example /\.well-known/mta-sts\.txt$' "$RUN/log/https" ||
    fail "$(cat "$RUN/log/https")"

part "the log says why"
wait_log 'the MTA-STS policy of mismatch\.example names none of its mail servers \(mx\.mismatch\.example'
wait_log 'to=<u@self\.example>.*for the MTA-STS policy of self\.example: self-signed certificate'
wait_log 'the MTA-STS policy of missing\.example can.t be fetched: .* status 404'
wait_log 'the MTA-STS policy of html\.example isn.t text/plain but text/html'
wait_log 'the MTA-STS policy of oversized\.example .* too large'
wait_log 'the MTA-STS policy of invalid\.example is invalid: its mode'
wait_log 'the MTA-STS policy of https-expired\.example can.t be trusted: .* expired'
wait_log 'the MTA-STS policy of https-other\.example can.t be trusted: .*mismatch'

part "TLS-Required: No goes before the policy"
{
    echo 'TLS-Required: No'
    letter 'a report'
} | as_user alice sendmail -i -f s@corp.example v@self.example
wait_log 'to=<v@self\.example>.*status=sent'

part "another engine knows the policies; servers that are down don't matter"
for domain in good self mismatch; do
    wait_until 10 knows $domain
done
before=$(grep -c . "$RUN/log/https")
# shellcheck disable=SC2154  # set by start_https
kill "$https_good"
kill_engines  # or the one that is there would send it
letter good | as_user alice sendmail -odq -i -f s@corp.example u@good.example
afresh good verified || fail "good: $(outcome good)"
wait_until 30 is_outcome self deferred
wait_until 30 is_outcome mismatch deferred
[ "$(grep -c . "$RUN/log/https")" = "$before" ] || fail "a policy that is known was fetched"
[ "$(stat -c %a:%u "$SPOOL/1500/state/mta-sts")" = 600:1500 ] || fail "$(ls -l "$SPOOL/1500/state")"
as_user alice mailq > "$RUN/mailq"
! grep -q corrupt "$RUN/mailq" || fail "mailq: $(cat "$RUN/mailq")"

part "nor does a record that is gone"
change_zone '/^_mta-sts\.self\.example\./d'
wait_until 10 world_lacks _mta-sts.self.example
afresh self deferred || fail "self: $(outcome self)"

part "a new id: the policy is fetched again"
start_https good 198.51.100.60 $certs/good.pem $certs/good.key
policy mismatch testing 86400 mx.elsewhere.example
policy other-name enforce 10 mx.other-name.example
change_zone 's/^(_mta-sts\.(mismatch|other-name)\.example\..*id=)1/\12/'
wait_until 40 afresh mismatch verified
wait_until 20 is_outcome other-name deferred
is_fetched_again() { # that engine may have had the old record from the resolver
    [ "$(https_requests mta-sts.other-name.example)" = 2 ] || { afresh other-name deferred; false; }
}
wait_until 40 is_fetched_again

part "an old policy ends"
is_short_policy_kept() {
    grep -A6 '^domain other-name\.example$' "$SPOOL/1500/state/mta-sts" | grep -q '^max_age: 10$'
}
wait_until 20 is_short_policy_kept
kill "$https_good"
wait_until 60 afresh other-name untrusted

part "the system engine has its own"
kill_engines
start_https good 198.51.100.60 $certs/good.pem $certs/good.key
: > "$SYSLOG"
start_system_engine
wait_until 20 has_system_engine 1500  # else an engine on demand may take it
send lf
wait_until 30 is_outcome lf deferred
stop_system_engine
grep -q '^domain lf\.example$' /var/lib/mxpost/mta-sts || fail "$(ls -l /var/lib/mxpost)"

part "mta-sts = no"
echo 'mta-sts = no' >> /etc/mxpost.conf
: > "$SYSLOG"
send mismatch
wait_until 20 is_outcome mismatch verified
as_user alice sendmail -q
wait_until 20 is_outcome lf untrusted
