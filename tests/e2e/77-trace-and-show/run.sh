# What a server said, told by show, trace and stats; nothing of it reaches a terminal as it came.
#
#   sendmail (alice -> u1, u3@a.test) -> 450 for u1, twice
. "$LAB/lib.sh"

printf 'Subject: kept \033[1mwords\n\nbody with \033]0;a title\007\n' |
    as_user alice sendmail -i -f s@corp.example u1@a.test u3@a.test
wait_log 'to=<u1@a\.test>, .*status=deferred'
wait_mail a 1
is_deferred() {
    mxpost queue list --json | grep -q '"queue_name":"deferred"'
}
wait_until 10 is_deferred
id=$(mxpost queue list --json | python3 -c 'import json, sys; print(json.loads(sys.stdin.read())["queue_id"])')
as_user alice sendmail -q
second_attempt() {
    mxpost queue list --json | grep -q '"queue_name":"deferred".*"attempts":2'
}
wait_until 10 second_attempt

no_control() {
    ! grep -q $'[\001-\010\013-\037]' "$1" || fail "control characters in $1: $(cat -v "$1")"
}

part "show"
as_user alice mxpost queue show "$id" > "$RUN/show"
no_control "$RUN/show"
for line in "Message:      $id" 'State:        waits after 2 attempts' 'Sender:       <s@corp.example>'; do
    grep -q "^$line" "$RUN/show" || fail "no \"$line\": $(cat "$RUN/show")"
done
grep -q '^  <u1@a.test>  deferred, 2 attempts, the last ' "$RUN/show" || fail "$(cat "$RUN/show")"
grep -q '^  <u3@a.test>  delivered, 1 attempt, ' "$RUN/show" || fail "$(cat "$RUN/show")"
grep -Fq '450 4.2.0 Mailbox ?[31mbusy (mx.a.test [198.51.100.20]' "$RUN/show" || fail "$(cat "$RUN/show")"
grep -Fqx '  Subject: kept ?[1mwords' "$RUN/show" || fail "$(cat "$RUN/show")"
mxpost queue show --json "$id" | python3 -c '
import json, sys
message = json.loads(sys.stdin.read())
assert message["attempts"] == 2 and "Subject: kept ?[1mwords" in message["header"], message'

part "its content, as it is for programs and printable for people"
as_user alice mxpost queue show --content "$id" > "$RUN/content"
grep -Fq $'body with \033]0;a title\007' "$RUN/content" || fail "$(cat -v "$RUN/content")"
python3 "$CASE/on_terminal.py" mxpost queue show --content "$id" > "$RUN/terminal"
grep -q 'body with ?\]0;a title?' "$RUN/terminal" || fail "$(cat -v "$RUN/terminal")"

part "trace"
as_user alice mxpost trace "$id" > "$RUN/trace"
no_control "$RUN/trace"
head -n 1 "$RUN/trace" | grep -q "^$id: from=<s@corp.example>, 2 recipients" || fail "$(cat "$RUN/trace")"
[ "$(grep -c '  dialogue$' "$RUN/trace")" = 2 ] || fail "not two dialogues: $(cat "$RUN/trace")"
grep -q '^    C: RCPT TO:<u1@a.test>' "$RUN/trace" || fail "$(cat "$RUN/trace")"
grep -Fq '    S: 450 4.2.0 Mailbox ?[31mbusy' "$RUN/trace" || fail "$(cat "$RUN/trace")"
[ "$(grep -c '<u1@a.test> deferred: 450 4.2.0' "$RUN/trace")" = 2 ] || fail "$(cat "$RUN/trace")"
mxpost trace --json "$id" | python3 -c '
import json, sys
events = [json.loads(line) for line in sys.stdin]
kinds = [event["event"] for event in events]
assert kinds.count("dialogue") == 2 and kinds.count("outcome") == 3 and kinds[0] == "dialogue", kinds
assert any(line.startswith("S: 450") for line in events[0]["lines"]), events[0]'
expect_exit 69 as_user bob mxpost trace "$id"
grep -qx "mxpost: $id: no such message in the queue" "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
expect_exit 64 mxpost trace
expect_exit 64 mxpost trace nonsense

part "the same by sender, recipient, domain or age, and what matches nothing"
for selection in "--sender s@corp" "--recipient u1@" "--domain a.test" --all; do
    # shellcheck disable=SC2086 # an option and its value
    as_user alice mxpost queue show $selection | grep -q "^Message:      $id" || fail "show $selection"
    # shellcheck disable=SC2086 # the same
    as_user alice mxpost trace $selection | grep -q "^$id: from=" || fail "trace $selection"
done
expect_exit 0 mxpost trace --domain nowhere.test
grep -qx "mxpost: no message matches" "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
expect_exit 0 mxpost queue hold --domain nowhere.test
grep -qx "mxpost: no message matches" "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
mxpost queue list --domain nowhere.test | grep -qx "No message matches" || fail "list"
expect_exit 64 mxpost queue show --content --domain a.test

part "each command's own usage, and what isn't one"
for command in "queue hold" trace doctor "dkim new" route config run; do
    # shellcheck disable=SC2086 # two words
    mxpost $command --help | grep -q "mxpost ${command%% *}" || fail "mxpost $command --help"
done
expect_exit 64 mxpost queue lst
grep -q "list, show, retry" "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
expect_exit 64 mxpost run once
expect_exit 64 mxpost queue watch --count -1
expect_exit 64 mxpost route -t u1@a.test

part "stats"
mxpost queue stats > "$RUN/stats"
no_control "$RUN/stats"
grep -q '^1 message, ' "$RUN/stats" || fail "$(cat "$RUN/stats")"
grep -q '^a.test  *1  *1  .*450 4.2.0 Mailbox ?\[31mbusy (mx.a.test)$' "$RUN/stats" || fail "$(cat "$RUN/stats")"
mxpost queue stats --json | python3 -c '
import json, sys
stats = json.loads(sys.stdin.read())
(one,) = stats["destinations"]
assert stats["messages"] == 1 and one["domain"] == "a.test" and one["deferred"] == 1, stats'

part "a run with progress for who looks on, and none for who doesn't"
kill_engines
for n in $(seq 30); do
    letter "$n" | as_user alice sendmail -odq -i -f s@corp.example "v$n@a.test"
done
python3 "$CASE/on_terminal.py" mxpost run --once > "$RUN/run" &
runner=$!
wait_mark slow
has_progress() {
    grep -q 'messages: 1 left (1 under way), 29 done, 0 deferred' "$RUN/run"
}
wait_until 20 has_progress
release go
wait "$runner" || fail "exit $? of the run"
grep -q 'messages: 30 done, 0 deferred' "$RUN/run" || fail "$(cat -v "$RUN/run")"
expect_exit 0 mxpost run --once
[ ! -s "$RUN/stderr" ] || fail "it says: $(cat "$RUN/stderr")"
as_user alice mxpost queue retry --all > "$RUN/retry"
grep -qx "$id: due now" "$RUN/retry" || fail "$(cat "$RUN/retry")"
wait_empty
