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
    mkfifo "$fifo"
    chown alice "$fifo"
    rm "$directory"
    mkdir "$directory"
    truncate -s 0 "$empty"
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
as_user alice timeout 10 mailq > /dev/null
timeout 10 mailq > /dev/null
