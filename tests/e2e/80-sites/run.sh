# What belongs to a set of MX hosts: what they think of our addresses, whether they can be reached,
# the sessions to them.
#
#   sendmail (alice) -> mail.both.test: refuses at the end of data what comes over IPv6
#                    -> mail.down.test: nobody listens
#                    -> mail.live.test: serves live.test and *.shared.test
#
# Mail that IPv6 is no good for arrives over IPv4 in the same attempt, and the next one takes IPv4
# at once, with another engine too. Of hundreds of messages for a site that is down one tries, and
# the others say why they wait; mail for others isn't delayed, and one who asks gets an attempt.
# Domains behind one MX share a session, and a message for more recipients than the server takes
# goes in several transactions, over several connections where one takes no more. A message that is
# taken back while it waits for its site is gone before the site's turn comes.
. "$LAB/lib.sh"

ip -6 addr show dev eth0 | grep -q 2001:db8::1 || skip "no IPv6 here"
echo 'address-family = prefer-ipv6' >> /etc/mxpost.conf

part "the other family in the same attempt"
letter one | as_user alice sendmail -i -f s@corp.example u@both.test
wait_mail four 1
expect_envelope four 1 s@corp.example u@both.test
wait_empty
letter two | as_user alice sendmail -i -f s@corp.example u@both.test
wait_mail four 2
expect_count six 0
[ "$(dialogue six | grep -c 'MAIL FROM')" = 1 ] || fail "$(dialogue six)"
wait_empty
kill_engines
letter three | as_user alice sendmail -i -f s@corp.example u@both.test
wait_mail four 3
[ "$(dialogue six | grep -c 'MAIL FROM')" = 1 ] || fail "the next engine has forgotten: $(dialogue six)"
expect_no_log 'status=(deferred|bounced)'
# The engine and the doctor know why.
grep -q 'mail\.both\.test said: 550 5\.7\.1\|mail\.both\.test said: 550-5\.7\.1' "$SYSLOG" || fail "the log doesn't tell"
mxpost doctor --json --from s@corp.example u@both.test > "$RUN/report.json" || true
grep -q '"ptr"' "$RUN/report.json" || fail "$(cat "$RUN/report.json")"
grep -q 'it has no PTR record, and many servers refuse mail from such addresses' "$RUN/report.json" ||
    fail "$(cat "$RUN/report.json")"

part "one message tries a site that is down, the others wait"
for n in $(seq 200); do
    letter down | as_user alice sendmail -odq -i -f s@corp.example "u$n@down.test"
done
letter live | as_user alice sendmail -i -f s@corp.example u@live.test
wait_mail live 1
waiting() {
    [ "$(grep -c 'to=<u[0-9]*@down\.test>.*status=deferred' "$SYSLOG")" -ge 200 ]
}
wait_until 30 waiting
tried=$(grep 'to=<u[0-9]*@down\.test>.*status=deferred (connect to mail\.down\.test' "$SYSLOG" | grep -vc 'not tried again yet')
((tried <= 2)) || fail "$tried of 200 messages were tried"
grep -q 'to=<u[0-9]*@down\.test>.*status=deferred (connect to mail\.down\.test.*refused.*(not tried again yet)' "$SYSLOG" ||
    fail "no message says why it waits"
letter live | as_user alice sendmail -i -f s@corp.example v@live.test
wait_mail live 2 5

part "who asks gets an attempt"
id=$(as_user alice mxpost queue list --json --recipient u150@down.test | sed 's/.*"queue_id": *"\([^"]*\)".*/\1/')
as_user alice mxpost queue retry "$id"
wait_log "$id: to=<u150@down\.test>.*status=deferred \(connect to mail\.down\.test"

part "a thousand domains, one site, few sessions"
as_user alice mxpost queue delete --all > "$RUN/deleted"
wait_empty
before=$(dialogue live | grep -c 'EHLO')
for n in $(seq 60); do
    letter shared | as_user alice sendmail -odq -i -f s@corp.example "u@d$n.shared.test"
done
as_user alice sendmail -q
wait_mail live 62
sessions=$(($(dialogue live | grep -c 'EHLO') - before))
((sessions <= 10)) || fail "$sessions sessions for 60 messages"

part "a second session although the first message isn't done"
letter "held 1" | as_user alice sendmail -i -f s@corp.example u1@held.test
wait_mark held-open  # the others come while the first session is being opened
for n in 2 3; do
    letter "held $n" | as_user alice sendmail -i -f s@corp.example "u$n@held.test"
done
all_are_in_work() {
    [ "$(as_user alice mailq | grep -c '^[0-9a-z]*\*')" = 3 ]
}
wait_until 10 all_are_in_work
release held-greet
two_sessions() {
    [ "$(dialogue held | grep -c 'EHLO')" -ge 2 ]
}
wait_until 10 two_sessions
release held-go
wait_mail held 3

part "no more sessions than stand, where one more is turned away"
# Each that is taken lets one session more be tried; then one is stuck, and the others are refused.
for n in $(seq 10); do
    letter "full $n" | as_user alice sendmail -i -f s@corp.example "u$n@full.test"
    wait_mail full "$n"
done
letter stuck | as_user alice sendmail -i -f hold@corp.example u11@full.test
wait_mark full-end
for n in $(seq 12 24); do
    letter "full $n" | as_user alice sendmail -i -f s@corp.example "u$n@full.test"
done
wait_mark full-again
before=$(dialogue live | grep -c 'MAIL FROM')
letter live | as_user alice sendmail -i -f s@corp.example w@live.test
live_got_one() {
    [ "$(dialogue live | grep -c 'MAIL FROM')" -gt "$before" ]
}
wait_until 10 live_got_one
release full-go
wait_mail full 24
refused=$(grep -c 'mark full-again' "$RUN/log/full")
((refused <= 4)) || fail "$refused connections more to a server that takes one"

part "more recipients than the server takes"
# shellcheck disable=SC2046  # many words
letter many | as_user alice sendmail -i -f s@corp.example $(printf 'r%s@live.test ' $(seq 100))
wait_mail live 66
[ "$(for n in 64 65 66; do envelope live $n; done | grep -c '^to ')" = 100 ] || fail "not 100 recipients"

part "more transactions than the server takes in a connection"
for server in few some; do
    # shellcheck disable=SC2046  # many words
    letter many | as_user alice sendmail -i -f s@corp.example $(printf "r%s@$server.test " $(seq 100))
    wait_mail $server 10
    [ "$(for n in $(seq 10); do envelope $server "$n"; done | grep -c '^to ')" = 100 ] || fail "not 100 recipients"
    wait_empty
    expect_no_log "@$server\\.test>.*status=deferred"
done

part "taken back while it waits for its site"
wait_empty
kill_engines
echo 'max-sessions-per-site = 1' >> /etc/mxpost.conf
letter first | as_user alice sendmail -i -f s@corp.example first@stuck.test
wait_mark reached
letter second | as_user alice sendmail -i -f s@corp.example second@stuck.test
letter third | as_user alice sendmail -i -f s@corp.example third@stuck.test
in_work() { mxpost queue list --json --recipient second@stuck.test | grep -q '"queue_name":"active"'; }
wait_until 10 in_work
id=$(mxpost queue list --json --recipient second@stuck.test | sed 's/.*"queue_id": *"\([^"]*\)".*/\1/')
expect_exit 75 as_user alice mxpost queue delete "$id"
wait_log "$id: deleted by"
expect_count stuck 0
release go
wait_mail stuck 2
wait_empty
expect_envelope stuck 2 s@corp.example third@stuck.test
