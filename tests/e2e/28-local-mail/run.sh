# Mail for this host's own users, where no system engine serves mailboxes, and sent elsewhere.
#
#   sendmail (alice) -> root@host.example: waits, and mailq says why
#   local-mail-to = ops@a.test -> mx.a.test, once for both local recipients
#
. "$LAB/lib.sh"

letter first | as_user alice sendmail -i root@host.example bob@localhost u@a.test
wait_mail a 1
expect_envelope a 1 alice@corp.example u@a.test
wait_log 'to=<root@host\.example>, host=none, .*dsn=4\.3\.0, status=deferred \(local delivery needs the system engine'
as_user alice mailq > "$RUN/mailq"
grep -q 'local delivery needs the system engine' "$RUN/mailq" || fail "$(cat "$RUN/mailq")"
queue_has 1 || fail "$(message_count) messages in the queue"
kill_engines

echo 'local-mail-to = ops@a.test' >> /etc/mxpost.conf
as_user alice sendmail -q
wait_mail a 2
expect_envelope a 2 alice@corp.example ops@a.test
wait_empty
wait_log 'to=<ops@a\.test>, orig_to=<root@host\.example>, .*status=sent'
wait_log 'to=<ops@a\.test>, orig_to=<bob@localhost>, .*status=sent'
