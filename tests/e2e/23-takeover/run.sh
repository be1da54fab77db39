# The system engine starts while an on-demand engine is in the middle of a transaction.
#
#   sendmail (alice) -> on-demand engine -> mx.a.test (waits at the final dot)
#   `mxpost run` starts; more mail; mx.a.test goes on
#
# The on-demand engine finishes its transaction, starts no other, and ends; the system engine does
# the rest: every mail once. When the system engine is killed, mail flows on demand again.
. "$LAB/lib.sh"

engine_of() {
    pgrep -x -u "$1" mxpost || true
}
on_demand_has_gone() {
    [ -z "$(engine_of alice)" ]
}
system_is_up() {
    [ -n "$(engine_of mxpost)" ]
}

letter first | as_user alice sendmail -i -f first@corp.example first@a.test
wait_mark first
[ -n "$(engine_of alice)" ] || fail "no on-demand engine"

start_system_engine
wait_until 10 system_is_up
for n in 1 2 3 4 5; do
    letter "later $n" | as_user alice sendmail -i "later$n@a.test"
    letter "bob $n" | as_user bob sendmail -i "bob$n@a.test"
done
release go
wait_mail a 11
wait_empty
wait_until 20 on_demand_has_gone
[ "$(grep -c 'RCPT TO:<first@a.test>' "$RUN/log/a")" = 1 ] || fail "first was sent twice"

part "the system engine serves"
letter served | as_user alice sendmail -i served@a.test
wait_mail a 12
[ -z "$(engine_of alice)$(engine_of bob)" ] || fail "an on-demand engine started beside it"

part "the system engine is dead"
kill_engines
letter again | as_user alice sendmail -i again@a.test
wait_mail a 13
wait_empty
