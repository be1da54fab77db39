# Encryption where it is offered (opportunistic TLS).
#
#   sendmail (alice) -> Postfix with a self-signed certificate
#                    -> broken: offers STARTTLS, then answers the handshake with nonsense
#                    -> early: sends plain text behind its 220 (an injection)
#                    -> refuses: offers STARTTLS and says 454
#
# Postfix gets it encrypted, which the log says; broken gets it in clear on a new connection, refuses
# on the same one; the session with early is dropped, as an attack, and the mail waits.
. "$LAB/lib.sh"

sessions() {
    grep -c 'S> 220 mx' "$RUN/log/$1"
}

part "Postfix"
letter encrypted | as_user alice sendmail -i u@p.test
wait_mail postfix 1
expect_text 'using TLSv1\.3 with cipher' postfix 1
wait_log 'to=<u@p\.test>, .*tls=.*status=sent'

part "broken"
letter clear | as_user alice sendmail -i u@broken.test
wait_mail broken 1
expect_envelope broken 1 alice@corp.example u@broken.test
[ "$(sessions broken)" = 2 ] || fail "$(sessions broken) sessions instead of 2"

part "early"
letter injected | as_user alice sendmail -i u@early.test
wait_log 'to=<u@early\.test>, .*status=deferred \(.*STARTTLS'
! grep -q 'C> MAIL' "$RUN/log/early" || fail "the session went on behind the injection"

part "refuses"
letter clear | as_user alice sendmail -i u@refuses.test
wait_mail refuses 1
wait_until 10 queue_has 1
