# All mail through a relay: Postfix, which asks Dovecot who may send.
#
#   sendmail (alice) -> system engine -> relay.test:587 or :465 (AUTH) -> sink
#
# Each mechanism that Dovecot offers gets in, behind verified TLS; one transaction carries all domains;
# no password appears in a dialogue or log; whatever is wrong with the relay's settings, mail waits.
. "$LAB/lib.sh"
. "$LAB/relay.sh"
start_relay
credentials tim:tanstaaf

# send SUBJECT LINE...: a mail to two domains, through a system engine with these settings.
send() {
    local subject=$1
    shift
    configure "relay-credentials = /etc/mxpost.credentials" "$@"
    # First the mail: an engine that is just starting may find another one at work.
    letter "$subject" | as_user alice sendmail -odq -i u@a.test v@b.test
    start_system_engine
}

sent=0
accepted() {
    sent=$((sent + 1))
    wait_mail postfix $sent
    expect_envelope postfix $sent alice@corp.example u@a.test v@b.test
    wait_empty
    stop_system_engine
}

refused() {  # REGEX: for mailq; the mail is taken away
    wait_log "to=<u@a\.test>, .*status=deferred \(.*$1"
    mailq | grep -Eq "$1" || fail "mailq doesn't say $1: $(mailq)"
    expect_count postfix $sent
    stop_system_engine
    messages | xargs rm -f
    : > "$SYSLOG"
}

for mechanism in scram-sha-256 cram-md5 plain login; do
    part "$mechanism"
    send $mechanism "relay = relay.test:587" "relay-auth = $mechanism"
    accepted
    wait_log 'to=<u@a\.test>, host=relay\.test\[198\.51\.100\.40\]:587, tls=TLSv1.3 .* verified,.*status=sent'
    grep -q "sasl_method=${mechanism^^}, sasl_username=tim" "$RUN/log/postfix.log" ||
        fail "Postfix saw no $mechanism: $(grep sasl "$RUN/log/postfix.log")"
done

part "the strongest of all, and TLS from the start"
send implicit "relay = relay.test:465"
accepted
[ "$(grep -c sasl_method=SCRAM-SHA-256 "$RUN/log/postfix.log")" = 2 ] || fail "not with SCRAM"
wait_log 'host=relay\.test\[198\.51\.100\.40\]:465, tls=TLSv1.3 .* verified'

part "without TLS only what hides the password"
send clear "relay = relay.test:2525" "relay-tls = may"
accepted
send clear "relay = relay.test:2525" "relay-tls = may" "relay-auth = plain"
refused 'without TLS the server offers no way to log in'
send clear "relay = relay.test:2525" "relay-tls = none" "relay-auth = plain"
accepted
send clear "relay = relay.test:2525"
refused 'TLS is required, but the server does not offer it'

part "a certificate for another name"
send other "relay = other.test:587"
refused 'certificate of other\.test'
send other "relay = other.test:587" "relay-tls = encrypt"
accepted

part "a wrong password"
credentials tim:wrong
send wrong "relay = relay.test:587"
wait_log 'relay relay\.test:587: it refuses the user or password in /etc/mxpost\.credentials: 535 .*; mail for it waits'
failures=$(grep -c 'authentication failed' "$RUN/log/postfix.log")
letter again | as_user alice sendmail -i u@a.test
wait_log 'not tried again so soon'
[ "$(grep -c 'authentication failed' "$RUN/log/postfix.log")" = "$failures" ] ||
    fail "tried again at once"
refused '535'

part "the doctor looks at the relay, not at port 25"
# diagnosed REGEX SETTING...
diagnosed() {
    local regex=$1
    shift
    configure "relay-credentials = /etc/mxpost.credentials" "$@"
    mxpost doctor --from alice@corp.example u@a.test > /tmp/doctor || true
    grep -Eq "$regex" /tmp/doctor || fail "$(cat /tmp/doctor)"
}
diagnosed 'problem +relay\.test:587: it refuses the user or password in /etc/mxpost\.credentials: 535' "relay = relay.test:587"
credentials tim:tanstaaf
diagnosed 'ok +relay\.test:587: answers in .* verified, and takes user and password' "relay = relay.test:587"
! grep -Eq 'port 25|PTR|block list|mx\.a\.test' /tmp/doctor || fail "$(cat /tmp/doctor)"
diagnosed 'ok +a\.test: its mail goes through relay\.test:587' "relay = relay.test:587"
diagnosed 'problem +relay\.test:999: it refuses connections to port 999' "relay = relay.test:999"
diagnosed 'problem +gone\.test:587: .*no address' "relay = gone.test:587"
diagnosed 'ok +.*mail servers can be reached on port 25' "relay = relay.test:587" "relay-for = b.test"

part "a file that others can read"
credentials tim:tanstaaf 644
send open "relay = relay.test:587"
refused 'open to everybody and is not used'
credentials tim:tanstaaf
chown mxpost:bob /etc/mxpost.credentials
send open "relay = relay.test:587"
refused 'open to the group'

part "this host itself"
credentials tim:tanstaaf
configure "relay = loop.test"
letter loop | as_user alice sendmail -odq -i u@a.test
start_system_engine
refused 'loops back to this host'

part "an engine that can't read the credentials leaves it to the one that can"
configure "relay = relay.test:587" "relay-credentials = /etc/mxpost.credentials"
letter left | as_user alice sendmail -i u@a.test v@b.test
wait_log 'to=<u@a\.test>, .*status=deferred \(waits for the system engine'
as_user alice mailq | grep -q 'waits for the system engine' || fail "$(as_user alice mailq)"
start_system_engine
wait_log 'engine ends: a system engine takes over'
as_user alice sendmail -q
accepted

part "some domains only"
send some "relay = relay.test:587" "relay-for = b.test"
sent=$((sent + 1))
wait_mail postfix $sent
expect_envelope postfix $sent alice@corp.example v@b.test
wait_mail a 1
expect_envelope a 1 alice@corp.example u@a.test
wait_empty
stop_system_engine

part "no password anywhere"
letter verbose > /tmp/letter
start_system_engine
sendmail -v -i v@b.test < /tmp/letter > /tmp/dialogue 2>&1 || fail "$(cat /tmp/dialogue)"
grep -q 'AUTH SCRAM-SHA-256 \*\*\*\*' /tmp/dialogue || fail "$(cat /tmp/dialogue)"
! grep -rqE 'tanstaaf|dGFuc3RhYWY|AHRpbQ' /tmp/dialogue "$SYSLOG" "$SPOOL" || fail "a password"
