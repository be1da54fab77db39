# DANE and MTA-STS together: which of them has the say.
#
#   sendmail (alice) -> Postfix .40 (a certificate that this host trusts), .41 (self-signed)
#   mxpost           -> https.py .60 (policies)
#
# `table` has a line for each domain: what must happen, by which rule.
. "$LAB/lib.sh"

rows() {
    sed 's/#.*//' "$CASE/table" | grep .
}

all_tried() {
    local domain
    while read -r domain _; do
        log_has "to=<u@$domain\.example>" || return 1
    done < <(rows)
}

outcome() {
    case $(grep -m 1 "to=<u@$1\.example>" "$SYSLOG") in
        *status=deferred*) echo deferred ;;
        *tls=*DANE,*) echo dane ;;
        *tls=TLS*verified*) echo verified ;;
        *) echo else ;;
    esac
}

echo 'options trust-ad' >> /etc/resolv.conf
start_https good 198.51.100.60 /lab/certs/good.pem /lab/certs/good.key
while read -r domain _ _ named _; do
    [ "$named" = another ] || named=$domain
    printf 'version: STSv1\r\nmode: enforce\r\nmx: mx.%s.example\r\nmax_age: 86400\r\n' "$named" |
        https_answer "mta-sts.$domain.example" '200 OK' text/plain
done < <(rows)

part "every row of the table"
while read -r domain _; do
    letter "$domain" | as_user alice sendmail -odq -i -f s@corp.example "u@$domain.example"
done < <(rows)
as_user alice sendmail -q
wait_until 100 all_tried
wrong=0
while read -r domain _ _ _ expected why; do
    if [ "$(outcome "$domain")" != "$expected" ]; then
        echo "$domain: $(outcome "$domain") instead of $expected ($why)"
        wrong=$((wrong + 1))
    fi
done < <(rows)
[ $wrong = 0 ] || fail "$wrong rows are wrong"

part "the log says who refused"
wait_log 'to=<u@dane-fails\.example>.*TLSA records of mx\.dane-fails\.example'
wait_log 'to=<u@unusable-self\.example>.*for the MTA-STS policy of unusable-self\.example'
wait_log 'to=<u@unusable-another\.example>.*names none of its mail servers'
