# `sendmail` is killed (SIGKILL) at every one of its system calls, from reading argv to its exit.
#
#   strace kills sendmail (alice) at call N -> the system engine's `run --once` -> mx.a.test
#
# Wherever it dies, the queue has the whole message or nothing: what is there is delivered once, as
# it was written, and what isn't never arrives.
. "$LAB/lib.sh"
strace -f true 2> /dev/null || skip "strace doesn't work here"

letter whole > "$RUN/letter"
filler 200 >> "$RUN/letter"
chmod 644 "$RUN/letter"
{
    printf 'Received: *\nDate: *\nMessage-ID: <*>\n'
    cat "$RUN/letter"
} > "$RUN/expect"

part "record the calls"
as_user alice strace -o /tmp/trace sendmail -i u@a.test < "$RUN/letter"
wait_mail a 1
wait_empty
kill_engines
# "NAME N": the Nth call of that name, in the order in which they were made.
sed -n 's/^\([a-z_0-9]*\)(.*/\1/p' /tmp/trace | grep -v '^exit' |
    awk '{ print $1, ++count[$1] }' > "$RUN/calls"

part "kill at each of $(wc -l < "$RUN/calls") calls"
arrived=1
while read -r name n <&3; do
    [ "$name $n" != "execve 1" ] || continue
    status=0
    rm -rf "${SPOOL:?}"/* # so that the box is made anew, as in the recording
    as_user alice strace -o /dev/null -e "trace=$name" -e "inject=$name:signal=KILL:when=$n" \
        sendmail -i u@a.test < "$RUN/letter" 2> /dev/null || status=$?
    # An engine that was started before the kill delivers by itself; what nobody serves is left.
    if ! has_engine; then
        timeout 30 mxpost run --once || fail "mxpost run --once: $?"
    fi
    wait_empty
    kill_engines
    count=$(mail_count a)
    ((count - arrived <= 1)) || fail "$name $n: $((count - arrived)) mails from one call"
    if [ "$status" = 0 ]; then
        [ "$count" -gt "$arrived" ] || fail "$name $n: exit 0, and no mail"
    fi
    if [ "$count" -gt "$arrived" ]; then
        mail_diff "$RUN/expect" a "$count"
        echo "$name $n: delivered"
    fi
    arrived=$count
done 3< "$RUN/calls"
[ "$arrived" -gt 1 ] || fail "no call was ever late enough to leave a message"
[ -z "$(find "$SPOOL" -path '*corrupt/*' -o -name '.[!.]*' | head -n 3)" ] ||
    fail "leavings: $(find "$SPOOL")"
