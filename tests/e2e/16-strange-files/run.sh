# What lies in a box isn't what submission put there: a file of another owner, one with a second
# link, a symbolic link, a FIFO, a directory, an empty file, garbage.
#
#   box of alice { one good message, seven strange ones } -> `mxpost run --once` -> mx.a.test
#
# The good message is delivered, none of the strange ones is, nothing outside of the box is touched,
# and no engine hangs.
. "$LAB/lib.sh"

for kind in foreign linked symlink fifo directory empty garbage; do
    letter "$kind" | as_user alice sendmail -i -odq "$kind@a.test"
    declare "$kind=$(messages 1500 | sort | tail -n 1)"
done
letter good | as_user alice sendmail -i -odq good@a.test
queue_has 8

# shellcheck disable=SC2154  # declared above
{
    chown bob "$foreign"
    ln "$linked" /var/spool/mxpost/1500/second-link
    mv "$symlink" /home/alice/moved
    ln -s /home/alice/moved "$symlink"
    chown -h alice "$symlink"
    cp /home/alice/moved /tmp/moved.before
    rm "$fifo"
    mkfifo -m 660 "$fifo"
    chown alice:mxpost "$fifo"
    rm "$directory"
    mkdir -m 2770 "$directory"
    chown alice:mxpost "$directory"
    truncate -c -s 0 "$empty"
    head -c 5000 /dev/urandom > "$garbage"
}

run_twice() {
    timeout 20 mxpost run --once || fail "mxpost run --once: $?"
    timeout 20 mxpost run --once || fail "mxpost run --once again: $?"
}
run_twice
wait_mail a 1
expect_envelope a 1 alice@corp.example good@a.test
cmp /home/alice/moved /tmp/moved.before || fail "the symbolic link's target was changed"
[ ! -e /var/spool/mxpost/1500/second-link ] || [ "$(stat -c %s /var/spool/mxpost/1500/second-link)" -gt 0 ]

part "the owner's own engine, beside them"
letter own | as_user alice sendmail -i own@a.test
wait_mail a 2
expect_envelope a 2 alice@corp.example own@a.test
has_left() {
    [ -z "$(find "$SPOOL/1500" -maxdepth 1 -name "${1##*/}")" ]
}

part "what one engine can't use, the other kind sets aside too"
kill_engines
letter later | as_user alice sendmail -i -odq later@a.test
later=$(messages 1500 | sort | tail -n 1)
truncate -c -s 100 "$later"
letter nudge | as_user alice sendmail -i nudge@a.test
wait_mail a 3
wait_until 10 has_left "$later"
[ -e "$SPOOL/1500/corrupt/${later##*/}" ] || fail "not in corrupt/: $(ls -laR "$SPOOL/1500")"

part "mailq"
timeout 10 mailq > "$RUN/mailq" 2>&1 || fail "root's mailq: $? $(cat "$RUN/mailq")"
grep -q corrupt "$RUN/mailq" || fail "$(cat "$RUN/mailq")"
as_user alice timeout 10 mailq > "$RUN/mailq" 2>&1 || fail "alice's mailq: $? $(cat "$RUN/mailq")"
grep -q corrupt "$RUN/mailq" || fail "$(cat "$RUN/mailq")"
