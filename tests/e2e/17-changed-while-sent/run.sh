# The owner of a queued message changes its file while it is being sent: rewrites, truncates and
# extends it. The server reads the first part and then waits until that is done.
#
#   sendmail (alice, 12 MB) -> engine -> mx.a.test (stops reading) ; alice changes the file
#
# The session ends without the final dot, so the server takes nothing; the file goes to the box's
# corrupt/; alice's and bob's other mail is delivered.
. "$LAB/lib.sh"

filler 240000 > "$RUN/body"
chmod 644 "$RUN/body"
others=0

corrupt_has() {
    [ "$(find "$SPOOL"/1500*/corrupt -type f 2> /dev/null | wc -l)" = "$1" ]
}

has_seen_no_dot() {
    [ "$(grep -c 'no final dot' "$RUN/log/a")" = "$1" ]
}

changed=0
round() { # NAME COMMAND with $0 as the file
    part "$1"
    rearm reading go
    { letter "$1"; cat "$RUN/body"; } | as_user alice sendmail -i "$1@a.test"
    wait_mark reading
    as_user alice sh -c "$2" "$(messages 1500)"
    release go
    changed=$((changed + 1))
    wait_until 30 corrupt_has $changed
    queue_is_empty || fail "still in the queue"
    expect_count a 0
    wait_until 10 has_seen_no_dot $changed
    letter other | as_user alice sendmail -i other@b.test
    letter other | as_user bob sendmail -i other@b.test
    others=$((others + 2))
    wait_mail b $others
}

# shellcheck disable=SC2016  # expand in alice's shell
{
    round rewritten 'printf "RCPT TO:<x@a.test>" | dd of="$0" bs=1 seek=11000000 conv=notrunc 2> /dev/null'
    round truncated 'truncate -s 6000000 "$0"'
    round extended 'head -c 100000 /dev/zero | tr "\0" "\n" >> "$0"'
}
as_user alice mailq > "$RUN/mailq" 2>&1
grep -qi corrupt "$RUN/mailq" || fail "mailq says nothing: $(cat "$RUN/mailq")"
! grep -q 'RCPT TO:<x@a.test>' "$RUN/log/a" || fail "the changed text was taken for a command"
