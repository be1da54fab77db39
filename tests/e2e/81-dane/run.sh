# DANE: what becomes of mail to domains with all kinds of TLSA records, certificates and zones.
#
#   sendmail (alice) -> Postfix .40 … .45, each with another certificate, and mx.py .20 without TLS
#   Postfix as a client, for comparison, with smtp_tls_security_level = dane -> the same
#
# `table` has a line for each domain: what must happen, by which rule; `policies` the same for domains
# that tls-policy (Postfix: smtp_tls_policy_maps) names. Names are checked by unbound, which
# resolv.conf trusts (trust-ad). Where Postfix does something else:
#
#   to-signed.unsigned   Its smtp_tls_dane_insecure_mx_policy is dane: it heeds the TLSA records of a
#                        host although anybody may have written the MX record that names it. That
#                        keeps off only who can't forge DNS answers, and holds up mail for which no
#                        record of its domain asks it; RFC 7672 2.2.1 leaves it open.
. "$LAB/lib.sh"

rows() { # FILE
    sed 's/#.*//' "$CASE/$1" | grep .
}

# send_all FILE COMMAND…: a letter for each domain of FILE; the recipient is the last argument.
send_all() {
    local file=$1 domain
    shift
    while read -r domain _; do
        letter "$domain" | "$@" "u@$domain.example"
    done < <(rows "$file")
}

all_tried() { # FILE LOG
    local domain
    while read -r domain _; do
        grep -q "to=<u@$domain\.example>" "$2" || return 1
    done < <(rows "$1")
}

show() { # DOMAIN
    grep "to=<u@$1\.example>" "$SYSLOG" || true
}

# What the log says about the first attempt for a domain, in the table's words.
outcome() {
    local line
    line=$(grep -m 1 "to=<u@$1\.example>" "$SYSLOG")
    case $line in
        *status=deferred*) echo deferred ;;
        *status=bounced*) echo bounced ;;
        *tls=*DANE,*) echo dane ;;
        *tls=TLS*) echo encrypted ;;
        *) echo clear ;;
    esac
}

# The same of Postfix. TLS: of the last connection that the process made before.
postfix_outcome() {
    local line process level
    line=$(grep -m 1 "to=<u@$1\.example>" "$POSTFIX_CLIENT_LOG")
    case $line in
        *status=deferred*) echo deferred && return ;;
        *status=bounced*) echo bounced && return ;;
    esac
    process=$(sed -E 's/.*postfix\/smtp\[([0-9]+)\].*/\1/' <<< "$line")
    level=$(grep -F -m 1 -B 1000 -- "$line" "$POSTFIX_CLIENT_LOG" | grep "smtp\[$process\]" |
        grep -oE '(Verified|Trusted|Untrusted|Anonymous) TLS connection established|to=<[^>]*>' |
        tail -n 2 | head -n 1)
    case $level in
        Verified*) echo dane ;;
        *TLS*) echo encrypted ;;
        *) echo clear ;;
    esac
}

# compare FILE COLUMN FUNCTION LOG: what FUNCTION says of each domain with the file's column.
compare() {
    local domain words expected wrong=0
    while read -r domain words; do
        expected=$(cut -d ' ' -f "$2" <<< "$(tr -s ' ' <<< "$domain $words")")
        if [ "$("$3" "$domain")" != "$expected" ]; then
            echo "$domain: $("$3" "$domain") instead of: $words"
            grep "$domain\.example" "$4" || true
            wrong=$((wrong + 1))
        fi
    done < <(rows "$1")
    [ $wrong = 0 ] || fail "$wrong rows of $1 are wrong"
}

begin_anew() {
    as_user alice mxpost queue delete --all > "$RUN/deleted"
    wait_until 20 no_engine
    : > "$SYSLOG"
}

part "nobody is trusted: DANE is off, and says so"
mxpost config > "$RUN/config" 2> "$RUN/stderr"
grep -q 'DANE is off' "$RUN/stderr" || fail "mxpost config says nothing of DANE"
letter off | as_user alice sendmail -i -f s@corp.example u@wrong.example
wait_mail postfix 1
wait_empty
grep -q 'tls=TLS.*untrusted.*status=sent' <(show wrong) || fail "$(show wrong)"
begin_anew

part "every row of the table"
echo 'options trust-ad' >> /etc/resolv.conf
mxpost config > "$RUN/config" 2> "$RUN/stderr"
! grep 'DANE is off' "$RUN/stderr" || fail "mxpost config says that DANE is off"
send_all table as_user alice sendmail -odq -i -f s@corp.example
as_user alice sendmail -q
wait_until 150 all_tried table "$SYSLOG"
compare table 2 outcome "$SYSLOG"

part "why mail waits"
grep -q 'TLSA records of mx\.forged\.example' <(show forged) || fail "$(show forged)"
grep -q 'TLSA records of mx\.unanswered\.example' <(show unanswered) || fail "$(show unanswered)"
grep -q 'TLSA records of mx\.wrong\.example' <(show wrong) || fail "$(show wrong)"
grep -q 'TLS is required' <(show clear) || fail "$(show clear)"
begin_anew

part "policies"
cp /etc/mxpost.conf /etc/mxpost.conf.base
policies=$(rows policies | awk '{printf "%s%s.example:%s", (NR > 1 ? ", " : ""), $1, $2}')
echo "tls-policy = $policies" >> /etc/mxpost.conf
send_all policies as_user alice sendmail -odq -i -f s@corp.example
as_user alice sendmail -q
wait_until 150 all_tried policies "$SYSLOG"
compare policies 3 outcome "$SYSLOG"
begin_anew

part "dane = no"
{ cat /etc/mxpost.conf.base; echo 'dane = no'; } > /etc/mxpost.conf
letter off | as_user alice sendmail -i -f s@corp.example u@wrong.example
wait_log 'to=<u@wrong\.example>.*tls=TLS.*untrusted.*status=sent'

part "Postfix on the table"
start_postfix_client
send_all table postfix_client_send s@corp.example
wait_until 150 all_tried table "$POSTFIX_CLIENT_LOG"
compare table 3 postfix_outcome "$POSTFIX_CLIENT_LOG"

part "Postfix on the policies"
: > "$POSTFIX_CLIENT_LOG"
rows policies | awk '{print $1 ".example", $2 == "dane" ? "dane-only" : $2}' > /lab/client/policies
postconf -c /lab/client -e smtp_tls_policy_maps=texthash:/lab/client/policies
postfix -c /lab/client reload 2> "$RUN/log/postfix-client.reload"
send_all policies postfix_client_send s@corp.example
wait_until 150 all_tried policies "$POSTFIX_CLIENT_LOG"
compare policies 4 postfix_outcome "$POSTFIX_CLIENT_LOG"
