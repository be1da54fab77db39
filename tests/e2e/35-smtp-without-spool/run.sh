# `sendmail -bs` where no spool can be written: each message is delivered before its reply.
#
#   python (www-data, who has no home) <-> sendmail -bs -> engine per message -> mx.a.test
#
# 250 where all have accepted; 5yz or 4yz by cause where nobody has; the dialogue goes on with the
# next message in any case. Nothing is left in a spool.
. "$LAB/lib.sh"

mount -o remount,bind,ro "$SPOOL"

say() { # RECIPIENT...
    printf 'MAIL FROM:<s@corp.example>\r\n'
    printf 'RCPT TO:<%s>\r\n' "$@"
    printf 'DATA\r\nSubject: %s\r\n\r\nbody\r\n.\r\n' "$1"
}

{
    printf 'EHLO client.corp.example\r\n'
    say u1@a.test u2@a.test
    say unknown@a.test
    say busy@a.test
    say u@nowhere.test
    say u3@a.test
    say u4@a.test unknown@a.test
    printf 'QUIT\r\n'
} | as_user www-data sendmail -bs > "$RUN/replies" || fail "exit $?"
tr -d '\r' < "$RUN/replies" | sed '1,/^354/d' | grep -v '^250 2\.1\|^354' > "$RUN/ends"
paste -sd ' ' <(cut -d ' ' -f 1 "$RUN/ends") | grep -qx '250 554 451 554 250 250 221' ||
    fail "$(cat "$RUN/replies")"
sed -n 2p "$RUN/ends" | grep -q 'unknown@a\.test.*No such user here' || fail "$(cat "$RUN/ends")"
sed -n 3p "$RUN/ends" | grep -q 'busy@a\.test.*Mailbox busy' || fail "$(cat "$RUN/ends")"
wait_mail a 3
expect_envelope a 1 s@corp.example u1@a.test u2@a.test
expect_envelope a 2 s@corp.example u3@a.test
expect_envelope a 3 s@corp.example u4@a.test
wait_mail corp 1 # the bounce of the last one's other recipient
expect_text 'unknown@a\.test' corp 1

part "queue only has nowhere to queue"
{
    printf 'HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<u5@a.test>\r\nDATA\r\n'
} | as_user www-data sendmail -bs -odq > "$RUN/replies" || fail "exit $?"
grep -q "^451 4.3.0 can't queue the message: no spool" "$RUN/replies" || fail "$(cat "$RUN/replies")"
queue_is_empty
