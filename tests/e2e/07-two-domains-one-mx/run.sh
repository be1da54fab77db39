# One message, three recipients each at two domains that have the same MX.
#
#   sendmail (alice) -> mx.shared.test for a.test and b.test
#
# One transaction per domain, its recipients together and in order; a repeated address counts once.
. "$LAB/lib.sh"

as_user alice sendmail -i -f s@corp.example a1@a.test b1@b.test a2@a.test b2@b.test a3@a.test \
    b3@b.test a1@A.TEST < "$CASE/mail" || fail "exit $?"
wait_mail shared 2
a=1 b=2
[[ $(envelope shared 1) == *@a.test* ]] || a=2 b=1
expect_envelope shared $a s@corp.example a1@a.test a2@a.test a3@a.test
expect_envelope shared $b s@corp.example b1@b.test b2@b.test b3@b.test
[ "$(field shared $a rcpt)" = "['a1@a.test', 'a2@a.test', 'a3@a.test']" ] || fail "not in order"
wait_empty
for who in a1@a.test b2@b.test; do
    wait_log "to=<$who>, .*dsn=2\.0\.0, status=sent \(250 2\.0\.0 Ok: taken\)"
done
