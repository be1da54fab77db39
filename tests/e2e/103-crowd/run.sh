# A thousand callers at the same moment; and users who flood.
#
#   1000 x sendmail (alice, bob) -> an engine on demand each, then a system engine -> mx.a.test
#   nine at a time x sendmail (alice, games, mail), each beyond a limit -> mx.b.test, never takes any
#        meanwhile bob's mail goes out at once
#
# Each call returns 0, and its mail arrives once, or 75, and it doesn't. MXPOST_CALLERS_COUNT: of callers.
. "$LAB/lib.sh"

callers=${MXPOST_CALLERS_COUNT:-1000}
# Sanitizers take ten times the memory.
[ ! -e /usr/lib/mxpost-lab ] || callers=$((callers / 5))

# call_all: and looks whether what arrived is what was accepted, each once.
call_all() {
    rm -rf "$RUN/got/a"/*
    "$CASE/callers.py" "$callers" "$RUN/calls" || fail "callers.py"
    sed -n 's/^0 //p' "$RUN/calls" | sort > "$RUN/accepted"
    echo "$callers callers, $(wc -l < "$RUN/accepted") accepted"
    wait_until 120 has_mail a "$(wc -l < "$RUN/accepted")"
    wait_empty 60
    cat "$RUN"/got/a/*.eml | tr -d '\r' | sed -n 's/^Subject: //p' | sort > "$RUN/arrived"
    cmp "$RUN/accepted" "$RUN/arrived" || fail "$(diff "$RUN/accepted" "$RUN/arrived" | head)"
    [ "$(cat "$RUN"/got/a/*.eml | tr -d '\r' | grep -c '^ended$')" = "$(wc -l < "$RUN/arrived")" ] ||
        fail "half a message"
}

part "with engines on demand"
cp /etc/mxpost.conf "$RUN/mxpost.conf"
sed -i /^max-queued/d /etc/mxpost.conf
call_all
[ "$(wc -l < "$RUN/accepted")" = "$callers" ] || fail "refused: $(grep -c '^75 ' "$RUN/calls")"

part "with a system engine"
start_system_engine
wait_until 20 has_system_engine 1500
call_all
[ "$(wc -l < "$RUN/accepted")" = "$callers" ] || fail "refused: $(grep -c '^75 ' "$RUN/calls")"

part "users who flood"
stop_system_engine
cp "$RUN/mxpost.conf" /etc/mxpost.conf
start_system_engine
wait_until 20 has_system_engine 1500
install -d -m 777 "$RUN/flood"
floods=()
flood() { # USER LIMIT
    as_user "$1" python3 "$CASE/flood.py" "$2" "$RUN/flood" &
    floods+=($!)
}
flood alice max-queued-messages
flood games max-queued-size
flood mail max-queued-recipients
sent=$(mail_count a)
slowest=0
bob_sends() {
    local before
    before=$(date +%s%N)
    letter flooded | as_user bob sendmail -i -f s@corp.example bob@a.test || fail "bob: exit $?"
    sent=$((sent + 1))
    wait_until 20 has_mail a "$sent"
    before=$((($(date +%s%N) - before) / 1000000))
    [ $before -le $slowest ] || slowest=$before
}
every_limit_was_met() {
    bob_sends
    [ "$(find "$RUN/flood" -name '*.full' | wc -l)" = 3 ]
}
wait_until 120 every_limit_was_met
for _ in $(seq 10); do
    bob_sends
done
kill -0 "${floods[@]}" || fail "a flood has ended"
touch "$RUN/flood/enough"
for flood in "${floods[@]}"; do
    wait "$flood" || fail "flood.py"
done
expect_count a "$sent"
echo "alice has $(message_count 1500) messages in the queue; bob's slowest took $slowest ms"
[ "$slowest" -lt 10000 ] || fail "bob had to wait"
# Callers at the same moment may exceed a limit by one message each; and none was refused too early.
of_alice=$(message_count 1500)
[ "$of_alice" -ge 100 ] && [ "$of_alice" -le 103 ] || fail "alice has $of_alice messages, not 100"
of_mail=$(message_count "$(id -u mail)")
[ "$of_mail" -ge 30 ] && [ "$of_mail" -le 32 ] || fail "mail has $of_mail messages, not 30"
stop_system_engine
