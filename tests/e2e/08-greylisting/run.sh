# A server that refuses each new address for a while.
#
#   sendmail (alice) -> mx.a.test, which answers 451 to the first RCPT of grey@a.test
#
# The other recipient gets the mail at once; the refused one stays in the queue with the server's
# words in log and mailq; `sendmail -q` sends it now, to that one only, and nobody gets it twice.
. "$LAB/lib.sh"

printf 'Subject: grey\n\nbody\n' |
    as_user alice sendmail -i -f s@corp.example grey@a.test white@a.test
wait_mail a 1
expect_envelope a 1 s@corp.example white@a.test
wait_log 'to=<grey@a\.test>, .*dsn=4\.7\.1, status=deferred \(.*451 4\.7\.1 .*Greylisted'
as_user alice mailq > "$RUN/mailq"
grep -q '451 4.7.1 <grey@a.test>: Greylisted, come back later' "$RUN/mailq" || fail "$(cat "$RUN/mailq")"
grep -q 'grey@a.test' "$RUN/mailq"
queue_has 1 || fail "$(message_count) messages in the queue"

as_user alice sendmail -q
wait_mail a 2
expect_envelope a 2 s@corp.example grey@a.test
wait_empty
as_user alice mailq > "$RUN/mailq"
! grep -q grey@a.test "$RUN/mailq" || fail "still in mailq"
