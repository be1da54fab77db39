# bsd-mailx, Debian's /usr/bin/mail: recipients in the header (-t), Bcc in it, a raw 8-bit subject, which leaves encoded.
#
#   echo | mail (alice) -> sendmail -i -t -f SENDER -> Postfix, MX of p.test and q.test
#
# Three recipients at p.test in one transaction, the blind one at q.test in another, no Bcc header.
. "$LAB/lib.sh"

printf 'body\n.\n~x\nümläut\n' | as_user alice bsd-mailx -s 'Subj é' -a 'X-H: v' \
    -c c1@p.test -b b1@q.test -r ret@corp.example u1@p.test 'Joe <u2@p.test>'
wait_mail postfix 2
wait_empty
p=1 q=2
[ "$(envelope postfix 1 | tail -n 1)" = "to <u2@p.test>" ] || p=2 q=1
expect_envelope postfix $p ret@corp.example u1@p.test u2@p.test c1@p.test
expect_envelope postfix $q ret@corp.example b1@q.test
mail_diff expect/mail postfix 1
mail_diff expect/mail postfix 2
