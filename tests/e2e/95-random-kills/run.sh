# Submitters and engines are killed (SIGKILL) at random moments, round after round, under load.
#
#   ten times sendmail (alice) at a time -> system engine, or one on demand -> mx.a.test
#
# Each message has a number. Every one that was accepted (exit 0) arrives; one arrives twice only
# where an engine was killed between the server's reply and the record of it. MXPOST_KILL_ROUNDS:
# how many (`setup test --long` has thousands).
. "$LAB/lib.sh"

part "rounds"
"$CASE/rounds.py" "${MXPOST_KILL_ROUNDS:-60}" "$RUN/rounds.json"

part "the rest is delivered"
kill_engines
for _ in $(seq 20); do
    timeout 60 mxpost run --once || fail "mxpost run --once: $?"
    ! queue_is_empty || break
done
queue_is_empty || fail "the queue keeps $(message_count) messages"
"$CASE/judge.py" "$RUN/rounds.json" "$RUN/got/a" || fail "see above"
[ -z "$(find "$SPOOL" -path '*corrupt/*')" ] || fail "set aside: $(find "$SPOOL" -path '*corrupt/*')"
