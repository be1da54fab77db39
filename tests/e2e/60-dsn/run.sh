# Delivery status notifications: -N, -R and -V.
#
#   sendmail (alice) -> plain: an MX without DSN      success is ours to report: relayed
#                    -> dsn: an MX with DSN           gets NOTIFY, ORCPT, RET, ENVID; reports itself
#                    -> Postfix                       the same; its report goes to the sender's MX
#                    -> odd: offers DSN, says 501     as without DSN
#   reports -> mx.corp.example, the sender's
# Success is reported to who asks for it, by us or by the next hop; never to the null sender; failures
# only where NOTIFY wants them; a bad value is EX_USAGE and sends nothing.
. "$LAB/lib.sh"

send() {
    printf 'Subject: dsn\n\nbody\n' | as_user alice sendmail -i -f s@corp.example "$@"
}

part "success, without DSN"
send -N success,failure -V QQ+2B1 -R hdrs u@plain.test v@plain.test
wait_mail plain 1
wait_mail corp 1
expect_envelope corp 1 '' s@corp.example
python3 "$CASE/check.py" "$(got corp 1)" relayed QQ+1 u@plain.test v@plain.test
! grep -E 'NOTIFY|ORCPT|RET=|ENVID' "$RUN/log/plain" || fail "parameters for a server without DSN"
wait_empty

part "success, with DSN"
send -N success,delay -V QQ2 -R full u@dsn.test
wait_mail dsn 1
grep -q 'C> MAIL FROM:<s@corp.example> SIZE=[0-9]* RET=FULL ENVID=QQ2$' "$RUN/log/dsn" || fail "MAIL"
grep -q 'C> RCPT TO:<u@dsn.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;u@dsn.test$' "$RUN/log/dsn" || fail "RCPT"
wait_empty
expect_count corp 1

part "an address beyond ASCII"
send -N success jörg@dsn.test
wait_mail dsn 2
grep -q 'NOTIFY=SUCCESS ORCPT=utf-8;j\\x{F6}rg@dsn.test$' "$RUN/log/dsn" || fail "ORCPT=utf-8"

part "Postfix"
send -N success -V QQ3 u@p.test
wait_mail postfix 1
wait_mail corp 2
python3 "$CASE/check.py" "$(got corp 2)" any QQ3 u@p.test
expect_text '^Reporting-MTA: dns; mx.postfix.example' corp 2

part "a server that refuses what it offers"
send -N success -V QQ4 u@odd.test
wait_mail odd 1
wait_mail corp 3
python3 "$CASE/check.py" "$(got corp 3)" relayed QQ4 u@odd.test

part "failures: who asks for other news only hears nothing"
send -N never no@plain.test
wait_log 'to=<no@plain\.test>, .*dsn=5\.1\.1'
wait_empty
send -N delay,success no2@plain.test
wait_log 'to=<no2@plain\.test>, .*dsn=5\.1\.1'
wait_empty
expect_count corp 3
send -N failure -R hdrs no3@plain.test u@plain.test
wait_mail corp 4
python3 "$CASE/check.py" "$(got corp 4)" failed - no3@plain.test
expect_text '^Content-Type: text/rfc822-headers' corp 4

part "RET=FULL"
{
    printf 'Subject: long\n\n'
    filler 2000
    echo the last line
} | as_user alice sendmail -i -f s@corp.example -R full no4@plain.test
wait_mail corp 5
expect_text '^Content-Type: message/rfc822' corp 5
expect_text '^the last line' corp 5

part "the null sender hears nothing"
send -f '<>' -N success,failure w@plain.test
wait_empty
send -f '<>' -N success,failure no5@plain.test
wait_log 'to=<no5@plain\.test>, .*dsn=5\.1\.1'
wait_empty
expect_count corp 5

part "an alias for one address: it has the request and the answer"
printf 'one: u@plain.test\nmany: u@plain.test, u@dsn.test\n' > /etc/aliases
reports=$(mail_count corp)
send -N success -V QQ7 one@host.example
reports=$((reports + 1))
wait_mail corp "$reports"
expect_text '^Original-Recipient: rfc822; one@host.example' corp "$reports"
expect_text '^Final-Recipient: rfc822; u@plain.test' corp "$reports"
expect_text '^Action: relayed' corp "$reports"
expect_text '^Original-Envelope-Id: QQ7' corp "$reports"
wait_empty
expect_count corp "$reports"

part "an alias for several: expanded, and no more of success"
send -N success,failure -V QQ8 many@host.example
reports=$((reports + 1))
wait_mail corp "$reports"
python3 "$CASE/check.py" "$(got corp "$reports")" expanded QQ8 many@host.example
wait_empty
grep -q 'C> RCPT TO:<u@dsn.test> NOTIFY=FAILURE' "$RUN/log/dsn" || fail "NOTIFY behind an alias"
expect_count corp "$reports"

part "bad values"
for words in '-N sometimes' '-N never,success' '-R all' '-R full -R hdrs' '-V a=b'; do
    # shellcheck disable=SC2086  # two words
    expect_exit 64 send $words u@plain.test
    [ "$(wc -l < "$RUN/stderr")" = 1 ] || fail "not one line: $(cat "$RUN/stderr")"
done

part "without a spool"
mount -o remount,bind,ro "$SPOOL"
printf 'Subject: dsn\n\nbody\n' |
    as_user www-data sendmail -i -f s@corp.example -N success -V QQ6 x@plain.test
wait_mail corp $((reports + 1))
python3 "$CASE/check.py" "$(got corp $((reports + 1)))" relayed QQ6 x@plain.test
