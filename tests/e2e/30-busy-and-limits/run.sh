# What happens to mail beside the usual way: a flush while the message is being sent, and a user who
# has more in the queue than allowed (max-queued-recipients is 3 here).
#
#   sendmail -q (while mx.a.test thinks) -> a request in the box -> a second attempt at once
#   alice puts a fourth recipient into her box by herself -> waits; bob's mail goes out
. "$LAB/lib.sh"

part "a flush while the message is being sent"
letter one | as_user alice sendmail -i -f s@corp.example busy@a.test
wait_mark trying
as_user alice sendmail -q > "$RUN/flushed" 2>&1 || fail "exit $?: $(cat "$RUN/flushed")"
id=$(messages 1500 | sed 's,.*/,,; s,\..*,,')
grep -qx "1 message is being sent just now and will be tried again after that: $id" "$RUN/flushed" ||
    fail "it says: $(cat "$RUN/flushed")"
[ -e "$SPOOL/1500/.ask-$id-retry" ] || fail "no request: $(ls -A "$SPOOL/1500")"
# The engine that has the message is about to end: the next one must know of it.
start_system_engine
wait_log 'engine ends: a system engine takes over'
release go
wait_mail a 1 # long before retry-min, 5 m
wait_empty
[ ! -e "$SPOOL/1500/.ask-$id-retry" ] || fail "the request is still there"

part "a submission over the limit"
letter stuck | as_user alice sendmail -i -f s@corp.example stuck1@a.test stuck2@a.test stuck3@a.test
wait_log 'to=<stuck3@a\.test>, .*status=deferred'
expect_exit 75 as_user alice sendmail -i -f s@corp.example more@a.test < /etc/hostname
[ "$(wc -l < "$RUN/stderr")" = 1 ] || fail "more than a line: $(cat "$RUN/stderr")"
grep -q 'would exceed 3 recipients (max-queued-recipients)' "$RUN/stderr" ||
    fail "it says: $(cat "$RUN/stderr")"
queue_has 1

part "a box that is over the limit"
letter over | as_user alice env MXPOST_MAX_QUEUED_RECIPIENTS=1000 sendmail -i -f s@corp.example over@a.test
wait_log 'mxpost/1500: more is queued than .* the rest waits'
letter bob | as_user bob sendmail -i -f s@corp.example bob@a.test
wait_mail a 2
as_user alice mailq > "$RUN/mailq"
grep -q 'max-queued-recipients' "$RUN/mailq" || fail "mailq: $(cat "$RUN/mailq")"
expect_no_log 'to=<over@a\.test>'

part "and within it again"
as_user alice sendmail -q
wait_mail a 4
wait_empty
[ "$(grep -c 'the rest waits' "$SYSLOG")" = 1 ] || fail "logged more than once"
stop_system_engine

part "told to end twice in the middle of a transaction"
start_system_engine
wait_until 20 has_system_engine 1500
letter two | as_user alice sendmail -i -f s@corp.example cut@a.test
wait_mark cutting
kill -TERM "$system_engine"
wait_log 'engine ends: told to end'
kill -TERM "$system_engine"
status=0
wait "$system_engine" || status=$?
[ "$status" = 0 ] || fail "exit $status: $(cat "$RUN/log/engine.out")"
wait_log 'told to end again: open transactions are cut off'
queue_has 1
release cut
as_user alice sendmail -q
wait_mail a 5
wait_empty
