# Descriptors and memory of an engine that delivers for long.
#
#   smtp-source -> 127.0.0.1:25 -> system engine -> smtp-sink, MX of as many domains as there are rounds
#                                                 -> mx.b.test, refuses all: reports
#
# In eight rounds; after each the engine has hardly more descriptors open than before them, and from
# the third on its memory doesn't grow. MXPOST_FLAT_MESSAGES: how many in all (a million:
# `setup test --long`).
. "$LAB/lib.sh"

readonly ROUNDS=8
messages=${MXPOST_FLAT_MESSAGES:-20000}
[ ! -e /usr/lib/mxpost-lab ] || messages=$((messages / 10))
a_round=$((messages / ROUNDS))

nsenter --net="/proc/$WORLD/ns/net" -- smtp-sink -u nobody 198.51.100.41:25 1000 > "$RUN/log/sink" 2>&1 &
start_system_engine
wait_log 'listening on 127\.0\.0\.1:25'
engine=$(pgrep -x -u mxpost mxpost)

resident() {
    awk '/^VmRSS/ { print $2 }' "/proc/$engine/status"
}
descriptors() {
    find "/proc/$engine/fd" -mindepth 1 | wc -l
}
has_no_more_than() {
    [ "$(descriptors)" -le "$1" ] || { ls -l "/proc/$engine/fd" > "$RUN/descriptors"; false; }
}
delivered() {
    grep -c 'to=<[^>]*many\.test>.*status=sent' "$SYSLOG"
}

memory=() open=()
at_rest=$(descriptors)
for ((round = 1; round <= ROUNDS; round++)); do
    smtp-source -s 20 -m "$a_round" -l 1000 -f "s@r$round.many.test" -t "u@d$round.many.test" 127.0.0.1:25
    smtp-source -s 5 -m 20 -l 1000 -f "s@r$round.many.test" -t u@b.test 127.0.0.1:25
    wait_empty 600
    # Its sessions end some seconds after their last message.
    part "round $round: $(descriptors) descriptors, $(resident) KiB"
    wait_until 30 has_no_more_than $((at_rest + 4))
    open+=("$(descriptors)") memory+=("$(resident)")
done
echo "$messages messages, $((20 * ROUNDS)) reports"
echo "descriptors: ${open[*]}"
echo "memory, KiB: ${memory[*]}"
[ "$(delivered)" -ge $((a_round * ROUNDS)) ] || fail "only $(delivered) were delivered"
[ "$(pgrep -x -u mxpost mxpost)" = "$engine" ] || fail "it is another engine"
[ "${open[-1]}" -le $((open[2] + 3)) ] || fail "it has ${open[-1]} descriptors: $(cat "$RUN/descriptors")"
# A sanitizer keeps what was freed.
[ ! -e /usr/lib/mxpost-lab ] || exit 0
early=$(printf '%s\n' "${memory[@]:2:2}" | sort -n | tail -n 1)
late=$(printf '%s\n' "${memory[@]:6}" | sort -n | head -n 1)
[ "$late" -le $((early + early / 20 + 512)) ] || fail "it grows: from $early to $late KiB"
