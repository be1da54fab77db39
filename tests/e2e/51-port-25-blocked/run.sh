# relay-when = blocked: port 25 is closed by a firewall, which drops or refuses.
#
#   sendmail -> engine -x-> mx.a.test, mx.b.test, mx.c.test :25
#                      ---> relay.test:587 (AUTH)
#
# While it is open mail goes straight. One or two servers that are down are no sign. Of three that
# can't be reached the third one's mail goes to the relay in the same attempt, from then on all mail
# does, and the log says why. An engine that starts anew finds an open port open. Without a relay the
# mail waits, untried, and mailq says what to do.
. "$LAB/lib.sh"
. "$LAB/relay.sh"
nft list tables > /dev/null 2>&1 || skip "no nftables in this kernel"
start_relay
credentials tim:tanstaaf
configure "relay = relay.test:587" "relay-credentials = /etc/mxpost.credentials" \
    "relay-when = blocked"

firewall() {  # VERDICT
    nft -f - <<NFT
table inet lab {
    chain out {
        type filter hook output priority 0;
        tcp dport 25 $1
    }
}
NFT
}

part "open"
start_system_engine
letter direct | as_user alice sendmail -odq -i u@a.test
wait_mail a 1
wait_empty

for verdict in "reject with tcp reset" "reject with icmpx admin-prohibited" drop; do
    part "$verdict"
    stop_system_engine
    : > "$SYSLOG"
    firewall "$verdict"
    before=$(mail_count postfix)
    letter one | as_user alice sendmail -odq -i u@a.test w@b.test
    start_system_engine
    wait_log 'to=<u@a\.test>, .*status=deferred' 60
    wait_log 'to=<w@b\.test>, .*status=deferred' 60
    expect_count postfix "$before"
    expect_no_log 'port 25 seems to be blocked'
    letter three | as_user alice sendmail -i u@c.test
    wait_mail postfix $((before + 1)) 60
    expect_envelope postfix $((before + 1)) alice@corp.example u@c.test
    wait_log 'port 25 seems to be blocked from here: .*the relay relay\.test:587 can'
    wait_log 'to=<u@c\.test>, host=relay\.test\[198\.51\.100\.40\]:587, .*status=sent'
    letter known | as_user alice sendmail -i u@a.test w@b.test x@c.test
    wait_mail postfix $((before + 2))
    expect_envelope postfix $((before + 2)) alice@corp.example u@a.test w@b.test x@c.test
    as_user alice sendmail -q
    wait_mail postfix $((before + 3))
    wait_empty
    nft flush ruleset
done

part "open again"
stop_system_engine
letter direct | as_user alice sendmail -odq -i u@b.test
start_system_engine
wait_mail b 1
wait_empty

part "without a relay"
stop_system_engine
configure
: > "$SYSLOG"
firewall "counter reject with tcp reset"
before=$(mail_count a)
letter one | as_user alice sendmail -odq -i u@a.test w@b.test x@c.test
start_system_engine
wait_log 'no mail server answers on port 25: outgoing mail is blocked, .* Mail waits' 60
syns() { nft list ruleset | sed -n 's/.*counter packets \([0-9]*\).*/\1/p'; }
wait_log 'to=<x@c\.test>, .*status=deferred'
tried=$(syns)
letter two | as_user alice sendmail -i u@a.test
wait_log 'to=<u@a\.test>, .*status=deferred \(no mail server answers on port 25: .*; not tried this time'
[ "$(syns)" = "$tried" ] || fail "tried in vain"
as_user alice mailq > listing
head -n 1 listing | grep -q '^ *(no mail server answers on port 25: .*\. Ask the provider .*recipient' ||
    fail "mailq doesn't say so: $(cat listing)"
[ "$(grep -c 'Mail waits; now and then' "$SYSLOG")" = 1 ] || fail "said more than once"
nft flush ruleset
as_user alice sendmail -q
wait_mail a $((before + 2))
wait_empty
wait_log 'port 25 is open again'
