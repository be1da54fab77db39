# Encryption where it is offered (opportunistic TLS).
#
#   sendmail (alice) -> Postfix with a self-signed certificate
#                    -> broken: offers STARTTLS, then answers the handshake with nonsense
#                    -> early: sends plain text behind its 220 (an injection)
#                    -> refuses: offers STARTTLS and says 454
#
# Postfix gets it encrypted, which the log says. The others get it in clear on a new connection (or
# the same one, after a 454); nothing that was said before the handshake is believed.
. "$LAB/lib.sh"

sessions() {
    grep -c 'S> 220 mx' "$RUN/log/$1"
}

part "Postfix"
letter encrypted | as_user alice sendmail -i u@p.test
wait_mail postfix 1
expect_text 'using TLSv1\.3 with cipher' postfix 1
wait_log 'to=<u@p\.test>, .*tls=.*status=sent'

for peer in broken early; do
    part "$peer"
    letter clear | as_user alice sendmail -i "u@$peer.test"
    wait_mail $peer 1
    expect_envelope $peer 1 alice@corp.example "u@$peer.test"
    [ "$(sessions $peer)" = 2 ] || fail "$(sessions $peer) sessions instead of 2"
done

part "refuses"
letter clear | as_user alice sendmail -i u@refuses.test
wait_mail refuses 1
wait_empty
