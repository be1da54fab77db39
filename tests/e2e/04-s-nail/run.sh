# s-nail gives the recipients as arguments after `--` and makes Date and Message-ID itself.
#
#   s-nail (alice) -> sendmail -i -f SENDER -- RECIPIENTS -> Postfix, MX of p.test and q.test
#
# What it made stays as it was; nothing but Received is added.
. "$LAB/lib.sh"

printf 'body\n.\nx\n' | as_user alice s-nail -s 'Subj é' -c c1@p.test -b b1@q.test \
    -r ret@corp.example u1@p.test 'Joe <u2@p.test>'
wait_mail postfix 2
wait_empty
p=1 q=2
[ "$(envelope postfix 1 | tail -n 1)" = "to <u2@p.test>" ] || p=2 q=1
expect_envelope postfix $p ret@corp.example u1@p.test u2@p.test c1@p.test
expect_envelope postfix $q ret@corp.example b1@q.test
mail_diff expect/mail postfix 1
mail_diff expect/mail postfix 2
