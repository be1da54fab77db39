# Engines hand over in the middle of a burst, and with 20,000 other messages in the box, so that a
# look through it takes its time.
#
#   alice and bob submit without pause -> on-demand engines -> mx.a.test (slow)
#   `mxpost run` starts; later it is killed while all its transactions are open
#
# Each message arrives exactly once, and within seconds there is an engine for each box again.
# (23-takeover has the same with one message at a time.)
. "$LAB/lib.sh"

# Names are all that an engine looks at before a message is due.
fill_box() { # BOX COUNT
    python3 - "$@" << 'END'
import os, sys, time
digits = "0123456789abcdefghjkmnpqrstvwxyz"
def base32(value, size):
    return "".join(digits[value >> 5 * place & 31] for place in reversed(range(size)))
box, count = sys.argv[1], int(sys.argv[2])
owner, now = os.stat(box).st_uid, time.time()
for number in range(count):
    name = base32(int((now - 3600) * 1000000), 11) + base32(number, 7) + "." + base32(int(now + 3600), 7)
    path = os.path.join(box, name)
    open(path, "w").close()
    os.chown(path, owner, -1)
END
}
# Those of fill_box have no content.
letters() {
    find "$SPOOL" -mindepth 2 -maxdepth 2 -type f -name '*.*' ! -name '.*' -size +0
}
no_letters() {
    [ -z "$(letters)" ]
}
submit_burst() { # USER FIRST LAST
    local n
    for n in $(seq "$2" "$3"); do
        letter "$1-$n" | as_user "$1" sendmail -i -f s@corp.example "$1$n@a.test" || fail "$1 $n: $?"
    done
}
expect_once() { # COUNT
    local subjects
    subjects=$(grep -ha '^Subject: ' "$RUN"/got/a/*.eml | tr -d '\r' | LC_ALL=C sort)
    [ -z "$(uniq -d <<< "$subjects")" ] || fail "twice: $(uniq -d <<< "$subjects")"
    [ "$(wc -l <<< "$subjects")" = "$1" ] || fail "$(wc -l <<< "$subjects") mails, not $1"
}
no_engine_of() {
    ! pgrep -x -u "$1" mxpost > /dev/null
}

part "a burst on demand"
letter zero | as_user alice sendmail -i -f s@corp.example zero@a.test
wait_mail a 1
fill_box "$SPOOL/1500" 20000
submit_burst alice 1 40 &
alice=$!
submit_burst bob 1 40 &
bob=$!
wait_until 20 has_mail a 10

part "a system engine starts in the middle of it"
start_system_engine
wait_log 'engine ends: a system engine takes over'
wait_until 10 no_engine_of alice
wait_until 10 no_engine_of bob
letter served | as_user alice sendmail -i -f s@corp.example served@a.test
wait $alice || fail "alice's burst"
wait $bob || fail "bob's burst"
wait_until 30 has_mail a 82
wait_until 10 no_letters
expect_once 82
no_engine_of alice && no_engine_of bob || fail "an on-demand engine started beside it"

part "it is killed while its transactions are open"
for n in 1 2 3 4 5; do
    letter "held-alice-$n" | as_user alice sendmail -i -f s@corp.example "held$n@a.test"
    letter "held-bob-$n" | as_user bob sendmail -i -f s@corp.example "held$n@a.test"
done
wait_mark held
kill -KILL "$system_engine"
wait "$system_engine" || true
submit_burst alice 41 45
submit_burst bob 41 45
release go
wait_until 30 has_mail a 102
wait_until 10 no_letters
expect_once 102
