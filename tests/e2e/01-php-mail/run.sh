# PHP's mail() with everything that its callers put into it: no headers, CRLF headers, LF headers
# (which PHP then mixes with its own CRLF), additional parameters, Bcc in all of them.
#
#   php (alice) -> sendmail -t -i -> Postfix, MX of p.test and q.test
#
# mail() returns true, each mail arrives as PHP made it, once per domain, the blind recipients with
# their own copy and without the Bcc header; the envelope sender is the user or what -f said.
. "$LAB/lib.sh"

as_user alice php "$CASE/mail.php" || fail "mail() returned false"
wait_mail postfix 6
wait_empty

n=$(find_mail postfix '^Subject: plain')
mail_diff expect/plain postfix "$n"
expect_envelope postfix "$n" alice@corp.example u1@p.test

for n in 1 2 3 4 5 6; do
    case $(envelope postfix $n | sed 1d | tr -d '\n'):$(grep -a '^Subject' "$(got postfix $n)") in
    "to <b1@q.test>to <b2@q.test>:Subject: crlf headers"*)
        mail_diff expect/crlf postfix $n ;;
    "to <c1@p.test>to <u1@p.test>to <u2@p.test>:Subject: crlf headers"*)
        mail_diff expect/crlf postfix $n ;;
    "to <b1@q.test>:Subject: lf headers"* | "to <u1@p.test>:Subject: lf headers"*)
        mail_diff expect/lf postfix $n ;;
    "to <u1@p.test>:Subject: plain"*) ;;
    "to <u1@p.test>:Subject: parameters"*)
        expect_envelope postfix $n bounce@corp.example u1@p.test
        mail_diff expect/parameters postfix $n ;;
    *) fail "nobody sent mail $n: $(envelope postfix $n)" ;;
    esac
done
