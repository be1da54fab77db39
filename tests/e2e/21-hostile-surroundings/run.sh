# The caller's process is in a poor state: no passwd entry, closed descriptors, a deleted working
# directory, no capabilities, a limit on file sizes, a full disk.
#
#   sendmail (uid 4242, alice) -> mx.a.test
#
# The mail goes out, or sendmail says why not by its exit code and nothing is half-queued; stdin is
# read to its end in any case, so no writer gets SIGPIPE.
. "$LAB/lib.sh"

as_uid() { # UID COMMAND...
    setpriv --reuid "$1" --regid "$1" --clear-groups env -i PATH="$PATH" "${@:2}"
}

part "uid without a name"
letter nameless | as_uid 4242 sendmail -i u@a.test || fail "exit $?"
wait_mail a 1
[[ $(field a 1 mail) == *4242*@corp.example ]] || fail "sender: $(field a 1 mail)"

part "closed stdout and stderr"
letter closed | as_user alice sendmail -i u@a.test >&- 2>&- || fail "exit $?"
wait_mail a 2
part "closed stdin"
status=$(exit_of as_user alice sendmail -i u@a.test <&-)
[[ $status == 66 || $status == 74 ]] || fail "exit $status"
part "everything closed"
status=0
as_user alice sendmail -i u@a.test <&- >&- 2>&- || status=$?
[[ $status == 66 || $status == 74 ]] || fail "exit $status"

part "deleted working directory"
as_user alice sh -c 'mkdir /tmp/gone && cd /tmp/gone && rmdir /tmp/gone && exec sendmail -i u@a.test' \
    < <(letter gone) || fail "exit $?"
wait_mail a 3
wait_empty

part "root without capabilities, as in a container with --cap-drop ALL"
wait_until 20 no_engine
letter powerless | setpriv --inh-caps=-all --bounding-set=-all sendmail -i u@a.test || fail "exit $?"
wait_mail a 4
wait_empty

part "RLIMIT_FSIZE"
{ letter big; filler 2000; } > "$RUN/big"
status=$(exit_of as_user alice prlimit --fsize=20000 sendmail -i u@a.test < "$RUN/big")
[ "$status" = 75 ] || fail "exit $status: $(cat "$RUN/stderr")"
[ -s "$RUN/stderr" ] || fail "nothing on stderr"
queue_is_empty || fail "half-queued: $(messages)"

part "no SIGPIPE for the writer"
writer() {
    cat "$RUN/big" "$RUN/big" "$RUN/big" "$RUN/big"
    echo finished >&2
}
for arguments in "-y u@a.test" "" "-bs u@a.test"; do
    # shellcheck disable=SC2086  # several words
    { writer 2> "$RUN/writer"; } | as_user alice sendmail -i $arguments > /dev/null 2>&1 || true
    [ "$(cat "$RUN/writer")" = finished ] || fail "the writer broke off: sendmail $arguments"
done
{ writer 2> "$RUN/writer"; } | as_user alice prlimit --fsize=20000 sendmail -i u@a.test 2> /dev/null || true
[ "$(cat "$RUN/writer")" = finished ] || fail "the writer broke off under RLIMIT_FSIZE"

part "less than min-free-space, then no space at all"
wait_until 20 no_engine
mount -t tmpfs -o size=300k,mode=3777,uid=699,gid=699 small "$SPOOL"
status=$(exit_of as_user alice sendmail -i u@a.test < <(letter full))
[ "$status" = 75 ] || fail "exit $status with $(df -h "$SPOOL")"
filler 10000 > "$RUN/full"
for size in 1 2 3 4 5 6 7; do # the last ones don't fit
    head -c $((size * 50000)) "$RUN/full" > "$RUN/part"
    { letter full; cat "$RUN/part"; } > "$RUN/big"
    status=$(MXPOST_MIN_FREE_SPACE=1 exit_of setpriv --reuid alice --regid alice --init-groups \
        sendmail -i -odq u@a.test < "$RUN/big")
    case $status in
    0) [ "$(message_count)" = 1 ] || fail "exit 0 and $(message_count) messages" ;;
    75) queue_is_empty || fail "exit 75, and half-queued: $(messages)" ;;
    *) fail "exit $status: $(cat "$RUN/stderr")" ;;
    esac
    messages | xargs -r rm
done
[ "$status" = 75 ] || fail "300 kB fitted into 300 kB"
umount "$SPOOL"
expect_count a 4
