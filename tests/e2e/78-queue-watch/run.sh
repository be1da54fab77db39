# `mxpost queue watch`: a screen on a terminal, which is as it was afterwards; lines elsewhere.
#
#   sendmail (alice -> u1, u2@a.test) -> 450 -> watch, on a terminal of watch.py's and through a pipe
. "$LAB/lib.sh"

for user in u1 u2; do
    letter $user | as_user alice sendmail -i -f s@corp.example $user@a.test
    wait_log "to=<$user@a\.test>, .*status=deferred"
done
both_deferred() {
    [ "$(mxpost queue list --json | grep -c '"queue_name":"deferred"')" = 2 ]
}
wait_until 10 both_deferred

part "lines where there is no terminal"
as_user alice mxpost queue watch --count 2 --interval 1 > "$RUN/lines"
[ "$(wc -l < "$RUN/lines")" = 2 ] || fail "$(cat "$RUN/lines")"
grep -Eq '^[0-9T:-]+Z queued=2 due=0 active=0 held=0 came=0.0/s left=0.0/s opened=2 most=a.test:2 last="450 4.2.0 Mailbox \?\[31mbusy"$' "$RUN/lines" ||
    fail "$(cat "$RUN/lines")"
mxpost queue watch --json --count 1 | python3 -c '
import json, sys
figures = json.loads(sys.stdin.read())
(one,) = figures["destinations"]
assert figures["messages"] == 2 and one["site"] == "mx.a.test", figures'
[ -z "$(as_user bob mxpost queue watch --count 1 | grep -v ' queued=0 ')" ] || fail "bob sees alice's mail"
expect_exit 64 mxpost queue watch --interval 0

part "a screen on a terminal"
as_user alice python3 "$CASE/watch.py" || fail "the screen is wrong"

part "mail that comes is seen to come"
mxpost queue watch --interval 1 --count 30 > "$RUN/live" &
watcher=$!
first_line() {
    [ -s "$RUN/live" ]
}
wait_until 10 first_line
letter u3 | as_user alice sendmail -i -f s@corp.example u3@a.test
has_third() {
    grep -Eq ' queued=3 .*came=(0\.[1-9]|1\.)' "$RUN/live"
}
wait_until 20 has_third
kill "$watcher"
