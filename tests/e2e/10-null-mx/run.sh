# A domain that takes no mail (RFC 7505) and says so, beside one that does.
#
#   sendmail (alice) -> null.test (MX 0 .), a.test
#   bounce -> mx.corp.example, the sender's
#
# a.test gets the mail, null.test's address is not tried, and the sender gets a bounce with 5.1.10.
. "$LAB/lib.sh"

printf 'Subject: null\n\nbody\n' |
    as_user alice sendmail -i -f s@corp.example n@null.test u@a.test
wait_mail a 1
expect_envelope a 1 s@corp.example u@a.test
wait_mail corp 1
expect_envelope corp 1 '' s@corp.example
expect_text '^Status: 5\.1\.10' corp 1
expect_text '^Final-Recipient: rfc822; ?n@null\.test' corp 1
wait_empty
! grep -q n@null.test "$RUN/log/a" || fail "the null MX's address was tried"
