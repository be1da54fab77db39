# The queue as people and programs read it, and a flush of a part of it.
#
#   sendmail (alice -> a.test, b.test; bob -> a.test) -> 450 each -> mailq, queue list, -qR, -qI
. "$LAB/lib.sh"

letter one | as_user alice sendmail -i -f s@corp.example u1@a.test
letter two | as_user alice sendmail -i -f s@corp.example u2@b.test
letter three | as_user bob sendmail -i -f t@corp.example u3@a.test
for user in u1@a u2@b u3@a; do
    wait_log "to=<$user\.test>, .*status=deferred"
done

part "mailq in Sendmail's form"
as_user alice mailq > "$RUN/mailq"
grep -Pqx '\t\t/var/spool/mxpost/1500 \(2 requests\)' "$RUN/mailq" || fail "$(cat "$RUN/mailq")"
grep -Pq '^[0-9a-z]{18}[ *] +\d+ \w{3} \w{3} [ \d]\d \d\d:\d\d <s@corp\.example>$' "$RUN/mailq" ||
    fail "$(cat "$RUN/mailq")"
grep -Pqx ' {17}\(Deferred: 450 4\.2\.0 Mailbox busy, says mx\.a\.test\.\)' "$RUN/mailq" ||
    fail "$(cat "$RUN/mailq")"
grep -Pqx '\t{5} <u1@a\.test>' "$RUN/mailq" || fail "$(cat "$RUN/mailq")"
[ "$(tail -n 1 "$RUN/mailq")" = $'\t\tTotal requests: 2' ] || fail "$(cat "$RUN/mailq")"
! grep -q u3@ "$RUN/mailq" || fail "alice sees bob's mail"
[ "$(mailq | tail -n 1)" = $'\t\tTotal requests: 3' ] || fail "root sees: $(mailq)"
[ "$(mailq -qRu3@ | tail -n 1)" = $'\t\tTotal requests: 1' ] || fail "$(mailq -qRu3@)"
as_user alice mailq -v | grep -q '(next attempt ' || fail "$(as_user alice mailq -v)"
[ "$(sendmail -bP | tail -n 1)" = $'\t\tTotal requests: 3' ] || fail "$(sendmail -bP)"
as_user alice sendmail -bh | grep -Pq '^ mx\.b\.test +\d\d:\d\d:\d\d 450 4\.2\.0 Mailbox busy$' ||
    fail "$(as_user alice sendmail -bh)"
[ -z "$(sendmail -bH)" ] || fail "-bH says something"
# shellcheck disable=SC2016
expect_exit 74 sh -c 'sendmail -bp > /dev/full'
sendmail -bp | true  # a reader that has enough is no error

part "JSON"
mxpost queue list --json > "$RUN/json"
as_user alice mxpost queue list --json --recipient B.test > "$RUN/json-b"
python3 - "$RUN/json" "$RUN/json-b" << 'END'
import json, sys
every = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
assert len(every) == 3, every
assert {m["uid"] for m in every} == {1500, 1501}, every
assert all(m["queue_name"] in ("deferred", "active") and m["has_engine"] for m in every), every
(one,) = [json.loads(line) for line in open(sys.argv[2], encoding="utf-8")]
(recipient,) = one["recipients"]
assert recipient["address"] == "u2@b.test" and recipient["reply_code"] == 450, recipient
assert recipient["delay_reason"] == "Deferred: 450 4.2.0 Mailbox busy, says mx.b.test.", recipient
END

part "a flush of a part"
as_user alice sendmail -qQ
as_user alice sendmail -q!Rtest
as_user alice sendmail -qRb.test
wait_mail b 1
id=$(as_user alice mxpost queue list --json | python3 -c 'import json, sys; print(json.loads(sys.stdin.read())["queue_id"])')
expect_count a 0
as_user alice sendmail "-qI$id"
wait_mail a 1
expect_envelope a 1 s@corp.example u1@a.test
wait_until 10 sh -c 'mailq | grep -q "Total requests: 1"'
sendmail -qSt@corp -qf
wait_mail a 2
wait_empty
[ "$(mailq)" = $'Mail queue is empty\n\t\tTotal requests: 0' ] || fail "$(mailq)"
