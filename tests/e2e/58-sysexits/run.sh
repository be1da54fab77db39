# The exit codes of compat/exit-codes.tsv that don't wait for a delivery (19-exit-codes has those),
# and what becomes of the message with each: sent, or nothing in the queue.
#
#   sendmail (alice) -> mx.a.test
#
. "$LAB/lib.sh"

count=0

# send EXIT COUNT ARGUMENTS...: the message on standard input; COUNT mails arrive of it.
send() {
    local expected=$1 mails=$2 status=0
    shift 2
    as_user alice sendmail -i "$@" > "$RUN/stdout" 2> "$RUN/stderr" || status=$?
    [ "$status" = "$expected" ] || fail "exit $status, not $expected: $* ($(cat "$RUN/stderr"))"
    if [ "$expected" != 0 ]; then
        [ "$(grep -c '^sendmail: ' "$RUN/stderr")" -ge 1 ] || fail "$*: nothing on stderr"
    fi
    [ ! -s "$RUN/stdout" ] || fail "$* prints: $(cat "$RUN/stdout")"
    count=$((count + mails))
    if [ "$mails" = 0 ]; then
        queue_is_empty || fail "$*: something is queued"
    else
        wait_mail a $count
        wait_empty
    fi
}

part "the command line"
send 64 0 -Z r@a.test < <(letter x)
send 64 0 -f < <(letter x)
send 64 0 < <(letter x)
send 64 0 -t < <(letter x)
send 64 0 - < <(letter x)
send 64 0 -f 'a@b@c' r@a.test < <(letter x)
send 0 1 -oQ/tmp/x -OQueueDirectory=/tmp/x -X /tmp/x -C /tmp/x r@a.test < <(letter x)
[ ! -e /tmp/x ] || fail "/tmp/x was made"
expect_exit 77 as_user alice sendmail -q15m < /dev/null
expect_exit 77 as_user alice sendmail -bd -q15m < /dev/null

part "addresses"
send 65 1 r@a.test '<broken' < <(letter x)
grep -q '<broken' "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
expect_envelope a $count alice@corp.example r@a.test
send 65 1 -t < <(printf 'To: r@a.test, <broken\nCc: s@a.test\n\nx\n')
expect_envelope a $count alice@corp.example r@a.test s@a.test
send 65 0 '<broken' < <(letter x)
send 0 1 -t < <(printf 'Resent-From: alice@corp.example\nTo: r@a.test\n\nx\n')
expect_envelope a $count alice@corp.example r@a.test

part "too much"
send 69 0 -h 99 r@a.test < <(letter x)
echo 'message-size-limit = 100k' >> /etc/mxpost.conf
send 69 0 r@a.test < <({ letter x; filler 4000; })
sed -i '$d' /etc/mxpost.conf
{ for i in {1..2000}; do echo "X-Field-$i: $(printf %080d "$i")"; done; letter x; } > "$RUN/header"
[ "$(wc -c < "$RUN/header")" -gt 131072 ] || fail "the header is too small"
send 0 1 r@a.test < "$RUN/header"
expect_text '^X-Field-2000: 0' a $count

part "octets that the wire can't take"
send 0 1 r@a.test < <({ letter x; printf 'one%02000dtwo\n' 0; })
[ "$(tr -d '\r' < "$(got a $count)" | awk '{ if (length > n) n = length } END { print n }')" -le 998 ] ||
    fail "a line is longer than 998"
python3 -c 'import email, sys; body = email.message_from_binary_file(open(sys.argv[1], "rb")).get_payload(decode=True); sys.exit(b"one" + b"0" * 2000 + b"two" not in body)' "$(got a $count)" ||
    fail "the long line isn't what it was"
send 0 1 r@a.test < <(printf 'Subject: NUL\n\nbefore\000after\n')
[ "$(tr -cd '\000' < "$(got a $count)" | wc -c)" = 0 ] || fail "a NUL was sent"
expect_text 'before.?after' a $count

part "the configuration"
echo 'no-such-key = 1' >> /etc/mxpost.conf
send 78 0 r@a.test < <(letter x)
expect_exit 78 as_user alice sendmail -bC
sed -i '$d' /etc/mxpost.conf
expect_exit 0 as_user alice sendmail -bC
