# TLS reports: what was counted on one day goes out after it, by mail and by HTTPS, to those who ask.
#
#   sendmail (alice) -> system engine: deferred, because of policies that name other servers
#                    -> notls.mx: deferred, because its policy is enforced and it has no STARTTLS
#                    -> Postfix (plain.example)
#   the engine, two days later -> Postfix (reports@collector.example), https.py (POST)
#
# A day's end can't be waited for: the counts are made older in the state directory instead.
. "$LAB/lib.sh"

readonly COUNTS=/var/lib/mxpost/tls-reports

counted() {
    grep -Pq "^domain\t\d+\t$1\$" "$COUNTS"
}

tried_again() {
    [ "$(grep -c 'to=<u@silent\.example>.*status=deferred' "$SYSLOG")" -ge 2 ]
}

judge() {
    python3 "$LAB/tls_report_judged.py" "$@" || fail "the report isn't as RFC 8460 says"
}

start_https web 198.51.100.60 /lab/certs/web.pem /lab/certs/web.key
for domain in bymail byhttps silent; do
    printf 'version: STSv1\nmode: enforce\nmx: mx.elsewhere.example\nmax_age: 86400\n' |
        https_answer mta-sts.$domain.example '200 OK' text/plain
done
printf 'version: STSv1\nmode: enforce\nmx: mx.notls.example\nmax_age: 86400\n' |
    https_answer mta-sts.notls.example '200 OK' text/plain
https_answer reports.byhttps.example '201 Created' '' < /dev/null

part "sessions are counted, and survive the engine"
# With mail in it the box is there when the engine starts, and no other engine takes it.
letter plain | as_user alice sendmail -odq -f s@corp.example u@plain.example
start_system_engine
wait_mail postfix 1
wait_until 20 has_system_engine 1500
for domain in bymail byhttps silent; do
    letter $domain | as_user alice sendmail -i -f s@corp.example u@$domain.example
    wait_log "to=<u@$domain\.example>.*status=deferred .*names none of its mail servers"
done
letter notls | as_user alice sendmail -i -f s@corp.example u@notls.example
wait_log 'to=<u@notls\.example>.*status=deferred .*the server does not offer it'
stop_system_engine
for domain in bymail byhttps silent notls plain; do
    counted $domain.example || fail "$(cat "$COUNTS")"
done
[ "$(stat -c %a:%U "$COUNTS")" = 600:mxpost ] || fail "$(ls -l "$COUNTS")"

part "nothing is reported before the day has ended"
start_system_engine
wait_until 20 has_system_engine 1500
letter again | as_user alice sendmail -i -f s@corp.example u@silent.example
wait_until 20 tried_again
stop_system_engine
expect_no_log 'TLS report for'

part "two days later"
mxpost queue delete --all > "$RUN/deleted"
queue_is_empty || fail "$(messages)"
perl -pi -e 's/^domain\t(\d+)/"domain\t" . ($1 - 2)/e' "$COUNTS"
start_system_engine
wait_mail postfix 3
wait_until 20 test -e "$RUN/got/https/0002.head"
wait_log 'TLS report for byhttps\.example to https://reports\.byhttps\.example/tlsrpt\?x: sent'
expect_envelope postfix 2 '' reports@collector.example
expect_envelope postfix 3 '' reports@collector.example
bymail=$(find_mail postfix '^TLS-Report-Domain: bymail\.example')
judge mail "$(got postfix "$bymail")" bymail.example validation-failure
notls=$(find_mail postfix '^TLS-Report-Domain: notls\.example')
judge mail "$(got postfix "$notls")" notls.example starttls-not-supported
judge post "$RUN/got/https/0001" "$RUN/got/https/0001.head" byhttps.example validation-failure
judge post "$RUN/got/https/0002" "$RUN/got/https/0002.head" plain.example success
grep -q '^web POST reports\.byhttps\.example /tlsrpt?x$' "$RUN/log/https" || fail "$(cat "$RUN/log/https")"

part "once, and a report causes no report"
stop_system_engine
! grep -Eq 'bymail|byhttps|silent|notls|plain|collector' "$COUNTS" || fail "$(cat "$COUNTS")"
expect_count postfix 3
