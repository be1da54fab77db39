# Each call that touches a file or takes a resource fails in turn, by strace, with no space, no quota,
# an I/O error, too many files, no memory, a read-only file system or an interruption.
#
#   strace sendmail (alice) -> box -> `mxpost run --once` -> mx.a.test
#   sendmail -> box -> strace `mxpost run --once` -> mx.a.test; report -> mx.corp.example
#
# Exit 0 means that the message arrives, once; any other code, with one line on stderr, that it never
# does. What fails an engine makes nothing be lost and no failure go unreported; a message arrives
# twice only where what happened to it could not be written down, or the connection broke behind the
# final dot. MXPOST_FAULTS=all: each call of the engine with each error, not only those from the
# opening of the spool on with one error each.
. "$LAB/lib.sh"
strace -f --seccomp-bpf true 2> /dev/null || skip "strace doesn't work here"

drain_queue() {
    mxpost queue retry --all > /dev/null # starts an engine
    wait_until 120 queue_is_empty
}

part "submissions"
mkdir "$SPOOL.stash"
"$CASE/submit.py" "$SPOOL.stash" "$RUN/submitted.json" || fail "see above"

part "what was accepted is delivered once"
install -d -m 2770 -o alice -g mxpost "$SPOOL/1500"
find "$SPOOL.stash" -type f -exec mv -t "$SPOOL/1500" {} +
drain_queue
"$CASE/judge.py" submitted "$RUN/submitted.json" || fail "see above"

part "submissions without memory"
"$CASE/no_memory.py" "$RUN/frugal.json" || fail "see above"
drain_queue
"$CASE/judge.py" frugal "$RUN/frugal.json" || fail "see above"

part "the hand-over to an engine"
# The message is safe by then: exit 0, and it waits for whoever comes.
"$CASE/hand_over.py" "$RUN/handed.json" || fail "see above"
drain_queue
"$CASE/judge.py" handed "$RUN/handed.json" || fail "see above"

part "deliveries and reports"
"$CASE/deliver.py" "$RUN/delivered.json" || fail "see above"
drain_queue
"$CASE/judge.py" delivered "$RUN/delivered.json" || fail "see above"
[ -z "$(find "$SPOOL" -path '*corrupt/*' -o -name '.new-*')" ] || fail "leavings: $(find "$SPOOL")"
