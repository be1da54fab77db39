# A recipient that doesn't exist, beside one that does.
#
#   sendmail (alice) -> Postfix, MX of p.test
#   bounce -> mx.corp.example, the sender's
#
# The good recipient gets the mail; the sender gets one report (multipart/report, null sender) with
# the server's words. Mail with the null sender fails without a report, which is logged.
. "$LAB/lib.sh"

printf 'Subject: unknown\n\nbody\n' |
    as_user alice sendmail -i -f s@corp.example unknown@p.test u1@p.test
wait_mail postfix 1
expect_envelope postfix 1 s@corp.example u1@p.test
wait_mail corp 1
expect_envelope corp 1 '' s@corp.example
python3 "$CASE/check.py" "$(got corp 1)" || fail "the bounce is wrong: $(got corp 1)"
wait_log 'to=<unknown@p\.test>, .*dsn=5\.1\.1, status=[a-z]+ \(.*550 5\.1\.1'
wait_empty

part "null sender"
printf 'Subject: null\n\nbody\n' | as_user alice sendmail -i -f '<>' unknown2@p.test
wait_log 'to=<unknown2@p\.test>, .*dsn=5\.1\.1'
wait_empty
expect_count corp 1
