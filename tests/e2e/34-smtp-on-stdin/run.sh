# SMTP on standard input, as programs speak it that prefer it to a message on a pipe.
#
#   clients (alice) <-> sendmail -bs -> engine -> Postfix, MX of p.test and q.test
#
# Every message that got its 250 arrives, with the dialogue's sender and recipients, without Bcc,
# with the dots that it had; one engine is started for a session. What a script writes with bare
# line feeds from its first line on is taken as it is meant.
. "$LAB/lib.sh"

part "Symfony Mailer: a process for many messages"
as_user alice python3 "$CASE/clients.py" symfony || fail "exit $?"
wait_mail postfix 7
wait_empty
for n in 0 1 2; do
    copies=$(grep -la "^Subject: symfony $n" "$RUN"/got/postfix/*.eml | wc -l)
    [ "$copies" = 2 ] || fail "$copies copies of message $n, not one a domain"
done
n=$(find_mail postfix '^Subject: symfony 3')
expect_envelope postfix "$n" s@corp.example u3@p.test
n=$(basename "$(grep -la '^Subject: symfony 0' "$RUN"/got/postfix/*.eml | head -1)" .eml | sed 's/^0*//')
tr -d '\r' < "$(got postfix "$n")" | sed '1,/^$/d' > "$RUN/body"
printf 'line\n.\n..two\n' | diff - "$RUN/body" || fail "the body has changed"
expect_text '^Received: from client\.corp\.example' postfix "$n"
expect_text 'from userid [0-9]+\) with ESMTP$' postfix "$n"
expect_text '^Message-ID: <' postfix "$n"
! grep -aqi '^Bcc' "$(got postfix "$n")" || fail "Bcc is still there"
[ "$(grep -o 'mxpost\[[0-9]*\]: .*status=sent' "$SYSLOG" | cut -d : -f 1 | sort -u | wc -l)" = 1 ] ||
    fail "several engines for one session"

part "nmh: HELO, null sender, flags"
as_user alice python3 "$CASE/clients.py" nmh || fail "exit $?"
wait_mail postfix 8
n=$(find_mail postfix '^Subject: nmh')
expect_envelope postfix "$n" "" u4@p.test
expect_text 'from userid [0-9]+\) with SMTP$' postfix "$n"

part "PIPELINING and CHUNKING"
as_user alice python3 "$CASE/clients.py" pipelining || fail "exit $?"
wait_mail postfix 10
n=$(find_mail postfix '^Subject: pipelined')
expect_envelope postfix "$n" s@corp.example u5@p.test
n=$(find_mail postfix '^Subject: chunks')
[ "$(tr -d '=\r\n' < "$(got postfix "$n")" | grep -ao 'x*' | awk '{ n += length } END { print n }')" -ge 70000 ] ||
    fail "the long line isn't whole"

part "a script with bare line feeds"
as_user alice sendmail -bs > "$RUN/replies" <<'SCRIPT' || fail "exit $?"
MAIL FROM: alice
RCPT TO: u7@p.test
DATA
Subject: script

..
text
.
QUIT
SCRIPT
tr -d '\r' < "$RUN/replies" | cut -c 1-3 | tr '\n' ' ' | grep -qx '220 250 250 354 250 221 ' ||
    fail "$(cat "$RUN/replies")"
[ "$(tr -dc '\r' < "$RUN/replies" | wc -c)" = "$(wc -l < "$RUN/replies")" ] || fail "replies without CR LF"
wait_mail postfix 11
n=$(find_mail postfix '^Subject: script')
expect_envelope postfix "$n" alice@corp.example u7@p.test
tr -d '\r' < "$(got postfix "$n")" | sed '1,/^$/d' > "$RUN/body"
printf '.\ntext\n' | diff - "$RUN/body" || fail "the body has changed"

part "what isn't accepted"
expect_exit 64 as_user alice sendmail -bs u8@p.test < /dev/null
grep -q 'recipients from the dialogue' "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
expect_exit 0 as_user alice sendmail -bs < /dev/null > /dev/null
expect_exit 65 as_user alice sendmail -bs > "$RUN/replies" < <(
    printf 'MAIL FROM:<>\r\nRCPT TO:<u8@p.test>\r\nDATA\r\nSubject: cut\r\n')
tail -n 1 "$RUN/replies" | grep -q '^421 4\.4\.2 ' || fail "$(cat "$RUN/replies")"
expect_exit 66 as_user alice sh -c 'sendmail -bs <&-'

part "a signal: nothing is lost between messages, nothing half-taken within one"
mkfifo "$RUN/in"
for where in within between; do
    status=$([ $where = within ] && echo 75 || echo 0)
    expect_exit "$status" as_user alice sendmail -bs < "$RUN/in" > "$RUN/replies" &
    pid=$!
    exec 5> "$RUN/in"
    printf 'MAIL FROM:<>\r\nRCPT TO:<u9@p.test>\r\nDATA\r\nSubject: signal %s\r\n' $where >&5
    [ $where = within ] || printf '.\r\n' >&5
    wait_until 10 grep -q "$([ $where = within ] && echo '^354' || echo '^250 2\.0\.0')" "$RUN/replies"
    pkill -TERM -u alice -x sendmail
    wait $pid || fail "$where"
    exec 5>&-
done
wait_mail postfix 12
find_mail postfix '^Subject: signal between' > /dev/null
wait_empty
