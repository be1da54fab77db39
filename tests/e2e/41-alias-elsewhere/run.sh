# Aliases of a host without system engine and without rights over mailboxes, as in a container.
#
#   cron's mail: sendmail (alice) -> root -> ops@a.test, by an on-demand engine
#   root -> ops@a.test and a mailbox: the one goes, the other waits and says why
#   the file is edited while an engine runs; it can't be read; it has a bad line
#
. "$LAB/lib.sh"

sed -i '/^from-domain/d' /etc/mxpost.conf # names are completed with the host's own
rm -f /etc/mailname

echo 'root: ops@a.test' > /etc/aliases

part "root's mail leaves, as itself, once"
letter first | as_user alice sendmail -i root
wait_mail a 1
wait_empty
expect_envelope a 1 alice@host.example ops@a.test
expect_text '^Delivered-To: root@host\.example$' a 1
expect_text '^Subject: first$' a 1
wait_log 'to=<root@host\.example>, .*dsn=2\.0\.0, status=sent \(forwarded as [0-9a-z]+\)'
[ "$(exit_of as_user alice sendmail -i -odi postmaster < <(letter second))" = 0 ] || fail "-odi"
wait_mail a 2

part "the file changes under the engine"
has_engine || fail "no engine to see the change"
printf 'Root: ops@a.test, bob\n"the ops" : team@a.test\nbroken: "x\n' > /etc/aliases
letter third | as_user alice sendmail -i root
wait_mail a 3
wait_log 'to=<bob@host\.example>, .*status=deferred \(local delivery needs the system engine'
wait_log '/etc/aliases:3: unbalanced quote'
as_user alice mailq > "$RUN/mailq"
grep -q 'local delivery needs the system engine' "$RUN/mailq" || fail "$(cat "$RUN/mailq")"
letter fourth | as_user alice sendmail -i '"The Ops"@host.example'
wait_mail a 4
expect_envelope a 4 alice@host.example team@a.test
queue_has 1 || fail "$(message_count) messages wait, not bob's alone"

part "what can't be known now waits and is not returned"
letter fifth | as_user alice sendmail -i broken
wait_log 'to=<broken@host\.example>, .*status=deferred \(/etc/aliases:3: unbalanced quote'
chmod 600 /etc/aliases
letter sixth | as_user alice sendmail -i root
wait_log 'to=<root@host\.example>, .*status=deferred \(can.t read /etc/aliases: Permission denied'
chmod 644 /etc/aliases
printf 'root: ops@a.test\nbroken: ops@a.test\nbob: ops@a.test\n' > /etc/aliases
as_user alice sendmail -q
wait_mail a 6
expect_count corp 0

part "a large message goes on whole"
{ letter large; filler 100000; } | as_user alice sendmail -i root
wait_mail a 7
[ "$(tr -d '\r' < "$(got a 7)" | grep -c 'the quick brown fox')" = 100000 ] || fail "not whole"

part "without spool it goes on at once"
kill_engines
chmod 000 "$SPOOL"
mv /home/alice /home/alice.away
[ "$(exit_of as_user alice sendmail -i root < <(letter eighth))" = 0 ] || fail "$(cat "$RUN/stderr")"
expect_count a 8
expect_text '^Delivered-To: root@host\.example$' a 8
