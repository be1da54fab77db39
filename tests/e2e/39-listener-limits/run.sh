# Clients that are many, slow, fast or rude.
#
#   clients.py -> 127.0.0.1:25 (mxpost run) -> mx.a.test
#
# Thousands of idle ones cost a few kilobytes each and keep nobody else out; whoever is slow is told
# so and goes; rates and counts hold; running out of descriptors neither stops nor spins the engine.
. "$LAB/lib.sh"

# The engine's pid: root's local helper has the same name.
serving() {
    pgrep -x -u mxpost mxpost
}

configure() {
    printf 'host-name = host.example\nfrom-domain = corp.example\n' > /etc/mxpost.conf
    printf '%s\n' "$@" >> /etc/mxpost.conf
}

# The port is open before the listener is there, so the log is asked.
starts=0
has_started() {
    [ "$(grep -c 'listening on 127\.0\.0\.1:25' "$SYSLOG")" -ge "$starts" ]
}

start() {
    starts=$((starts + 1))
    start_system_engine
    wait_until 10 has_started
    engine=$(serving)
}

resident() {
    awk '/^VmRSS/ { print $2 }' "/proc/$engine/status"
}

ulimit -n 20000 2> /dev/null || skip "too few descriptors here"

part "5,000 idle clients"  # fewer than three quarters of the most, from where on it hurries them
configure 'listen = 127.0.0.1:25' 'listen-max-connections = 7000' \
    'listen-max-connections-per-client = 7000'
start
"$CASE/clients.py" once one@a.test
before=$(resident)
"$CASE/clients.py" idle 5000 "$RUN/sync/idle" "$RUN/sync/go" > "$RUN/idle" 2>&1 &
idle=$!
wait_mark idle 60
grown=$(($(resident) - before))
echo "memory: $before KiB, and $grown KiB for 5000 idle clients"
[ "$grown" -lt 100000 ] || [ -e /usr/lib/mxpost-lab ] || fail "more than 20 KiB each"
"$CASE/clients.py" once two@a.test || fail "nobody else is served"
release go
wait "$idle" || fail "$(cat "$RUN/idle")"
wait_mail a 2
stop_system_engine

part "slow ones go, and sooner where it is crowded"
configure 'listen = 127.0.0.1:25' 'listen-idle-timeout = 3s' 'listen-session-timeout = 8s'
start
"$CASE/clients.py" slow || fail "slow"
stop_system_engine

part "counts"
configure 'listen = 127.0.0.1:25, [::1]:25' 'listen-max-connections = 3' \
    'listen-max-connections-per-client = 2' 'listen-max-errors = 5' 'max-recipients = 3' \
    'message-size-limit = 10k'
start
"$CASE/clients.py" counts || fail "counts"
wait_mail a 5
stop_system_engine

part "rates"
configure 'listen = 127.0.0.1:25' 'listen-message-rate = 2'
start
"$CASE/clients.py" message-rate || fail "message-rate"
stop_system_engine
configure 'listen = 127.0.0.1:25' 'listen-connection-rate = 3'
start
"$CASE/clients.py" connection-rate || fail "connection-rate"
stop_system_engine

# UBSan looks through a pipe whether memory can be read: without descriptors it takes every object
# for a broken one.
if [ -e /usr/lib/mxpost-lab ]; then
    exit 0
fi

part "out of descriptors"
configure 'listen = 127.0.0.1:25' 'listen-max-connections = 7000' \
    'listen-max-connections-per-client = 7000'
start
# Only the same uid may, or whoever has a capability that a laboratory may lack.
setpriv --reuid mxpost --regid mxpost --clear-groups prlimit --pid "$engine" --nofile=100:
"$CASE/clients.py" descriptors || fail "descriptors"
wait_log 'out of file descriptors'
ticks() {
    awk '{ print $14 + $15 }' "/proc/$engine/stat"
}
before=$(ticks)
"$CASE/clients.py" descriptors || fail "descriptors, again"
spent=$(($(ticks) - before))
echo "processor: $spent ticks in about 3 s"
[ "$spent" -lt 100 ] || fail "the engine spins: $spent ticks"
setpriv --reuid mxpost --regid mxpost --clear-groups prlimit --pid "$engine" --nofile=1000:
"$CASE/clients.py" once three@a.test || fail "it doesn't recover"
wait_until 20 has_mail a 8
