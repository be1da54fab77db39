# What owners and root do with mail that waits: retry, hold, release, delete, bounce, by themselves and,
# while a message is being sent, through the engine that has it.
#
#   sendmail (alice, bob) -> 450 from mx.a.test -> mxpost queue VERB
#   mxpost queue VERB while mx.a.test thinks -> a request in the box -> carried out after the attempt
. "$LAB/lib.sh"

# queue_id TO: the id of the message in the queue for this recipient.
queue_id() {
    mxpost queue list --json --recipient "<$1>" |
        python3 -c 'import json, sys; (line,) = sys.stdin; print(json.loads(line)["queue_id"])'
}
# waiting TO [USER]: queues a message which its first attempt leaves there.
waiting() {
    letter waiting | as_user "${2:-alice}" sendmail -i -f s@corp.example "$1"
    wait_log "to=<$1>, .*status=deferred"
    wait_until 10 not_busy "$1"
}
not_busy() {
    mxpost queue list --json --recipient "<$1>" | grep -q '"queue_name":"deferred"'
}
gone() {
    [ -z "$(mxpost queue list --json --recipient "<$1>")" ]
}

part "hold and release, by the owner"
waiting one@a.test
id=$(queue_id one@a.test)
[ "$(as_user alice mxpost queue hold "$id")" = "$id: held" ] || fail "hold"
[ "$(as_user alice mxpost queue hold "$id")" = "$id: was held already" ] || fail "hold again"
as_user alice mailq > "$RUN/mailq"
grep -Pq "^$id! " "$RUN/mailq" || fail "no mark: $(cat "$RUN/mailq")"
grep -Fq '(held by alice (uid 1500))' "$RUN/mailq" || fail "not by whom: $(cat "$RUN/mailq")"
wait_log "$id: held by alice \(uid 1500\)"
[ "$(as_user alice mxpost queue retry "$id")" = "$id: is held, release it first" ] || fail "retry"
as_user alice sendmail -q
[ "$(as_user alice mxpost queue list --held --json | wc -l)" = 1 ] || fail "--held"
expect_count a 0
kill_engines
[ "$(as_user alice mxpost queue release "$id")" = "$id: released" ] || fail "release"
wait_mail a 1
wait_until 10 gone one@a.test
[ "$(ps -o comm= -C mxpost,exe)" = mxpost ] || fail "ps calls the engine: $(ps -o comm= -C mxpost,exe)"

part "others have no say"
waiting two@a.test
id=$(queue_id two@a.test)
for verb in hold delete bounce retry; do
    expect_exit 69 as_user bob mxpost queue $verb "$id"
    grep -qx "mxpost: $id: no such message" "$RUN/stderr" || fail "it says: $(cat "$RUN/stderr")"
done
[ -z "$(as_user bob mxpost queue delete --all)" ] || fail "bob deletes what isn't his"
expect_exit 69 as_user bob mxpost queue show "$id"
[ "$(queue_id two@a.test)" = "$id" ] || fail "it is gone"

part "what is meant must be said"
for verb in retry hold release delete bounce; do
    expect_exit 64 mxpost queue $verb
done
expect_exit 64 mxpost queue hold nonsense
expect_exit 64 mxpost queue hold --older-than yesterday
expect_exit 64 mxpost queue frobnicate --all
[ "$(mxpost queue delete --dry-run --domain A.test)" = "$id: would be deleted" ] || fail "dry run"
[ -z "$(mxpost queue delete --older-than 1d)" ] || fail "it is no day old"
[ -z "$(mxpost queue delete --domain test)" ] || fail "no such domain"
for option in --id --sender --recipient --domain; do
    expect_exit 64 mxpost queue delete $option ""
    grep -q "^mxpost: .*$option wants a text" "$RUN/stderr" || fail "it says: $(cat "$RUN/stderr")"
done
[ "$(queue_id two@a.test)" = "$id" ] || fail "an empty text means every message"

part "a domain however it is spelled"
kill_engines
letter spelled | as_user alice sendmail -i -odq -f s@corp.example ü@bücher.a.test
for name in bücher.a.test BÜCHER.A.test. xn--bcher-kva.a.test XN--BCHER-KVA.a.test.; do
    [ "$(mxpost queue list --json --domain "$name" | wc -l)" = 1 ] || fail "--domain $name"
done
mxpost queue delete --domain xn--bcher-kva.a.test > /dev/null

part "root holds, releases and retries everyone's"
waiting three@a.test bob
[ "$(mxpost queue hold --newer-than 1h --sender corp.example | wc -l)" = 2 ] || fail "root's hold"
mxpost queue hold --all --json | python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin]
assert len(lines) == 2 and all(l["result"] == "needless" and l["order"] == "hold" for l in lines), lines
assert {l["uid"] for l in lines} == {1500, 1501}, lines'
expect_count a 1
mxpost queue release --held > /dev/null
wait_mail a 3
wait_empty

part "delete tells nobody, and the log who did it"
waiting four@a.test
id=$(queue_id four@a.test)
[ "$(mxpost queue delete "$id")" = "$id: deleted" ] || fail "delete"
queue_is_empty || fail "it is there: $(messages)"
wait_log "$id: deleted by root: from=<s@corp\.example>, to=<four@a\.test>, nobody is told"
expect_exit 69 mxpost queue delete "$id"
expect_count corp 0

part "bounce tells the sender"
waiting five@a.test
id=$(queue_id five@a.test)
as_user alice mxpost queue hold "$id" > /dev/null
[ "$(as_user alice mxpost queue bounce "$id")" = "$id: returned to its sender" ] || fail "bounce"
wait_mail corp 1
expect_envelope corp 1 '' s@corp.example
expect_text '^Status: 5\.7\.0' corp 1
expect_text "returned on its sender's own request; the last" corp 1
expect_text 'attempt: 450 4\.2\.0 Mailbox later$' corp 1
wait_empty
waiting six@a.test
mxpost queue bounce --recipient six@ > /dev/null
wait_mail corp 2
expect_text 'returned by the administrator' corp 2
wait_empty

part "while it is being sent"
letter busy | as_user alice sendmail -i -f s@corp.example hold@a.test
wait_mark holding
id=$(queue_id hold@a.test)
[ "$(exit_of as_user alice mxpost queue hold "$id")" = "$id: busy, asked its engine to hold it
75" ] || fail "hold of a busy message"
mailq -v | grep -q 'hold asked for' || fail "mailq doesn't tell: $(mailq -v)"
# The engine that has the message is about to end: that one or the next does it.
start_system_engine
wait_log 'engine ends: a system engine takes over'
release go1
wait_log "$id: held by uid 1500"
[ ! -e "$SPOOL/1500/.ask-$id-hold" ] || fail "the request is still there"
mxpost queue list --json | grep -q '"is_held":true,"held_by":"uid 1500"' || fail "$(mailq)"
mxpost queue release --all > /dev/null
wait_mail a 4

letter busy | as_user alice sendmail -i -f s@corp.example delete@a.test
wait_mark deleting
id=$(queue_id delete@a.test)
expect_exit 75 mxpost queue delete "$id"
release go2
wait_log "$id: deleted by root"
wait_empty

letter busy | as_user alice sendmail -i -f s@corp.example bounce@a.test
wait_mark bouncing
id=$(queue_id bounce@a.test)
expect_exit 75 as_user alice mxpost queue hold "$id"
expect_exit 75 as_user alice mxpost queue bounce "$id"  # instead of that
release go3
wait_mail corp 3
expect_text "returned on its sender's own request; the last" corp 3
wait_empty
expect_count a 4
stop_system_engine
