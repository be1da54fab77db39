# Lists and their owners, :include:, and ways that lead in a circle.
#
#   staff -> x@a.test, nobody@gone.test; the bounce goes to owner-staff -> boss@corp.example
#
. "$LAB/lib.sh"

sed -i '/^from-domain/d' /etc/mxpost.conf # names are completed with the host's own
rm -f /etc/mailname

mkdir -p /etc/mail
printf '# members\nx@a.test\nnobody@gone.test\n|/bin/true\n' > /etc/mail/staff
cat > /etc/aliases <<'EOT'
staff: :include:/etc/mail/staff,
       y@a.test
owner-staff: boss@corp.example
one: two
two: three@localhost
three: one
half: half2, z@a.test
half2: half
away: :include:/etc/mail/gone
EOT

part "a list's trouble is its owner's"
letter list | as_user alice sendmail -i -f alice@corp.example staff
wait_mail a 1
expect_envelope a 1 owner-staff@host.example x@a.test y@a.test
wait_mail corp 1
expect_envelope corp 1 '' boss@corp.example
expect_text '^Final-Recipient: rfc822; ?nobody@gone\.test' corp 1
wait_log '/etc/mail/staff: commands, files and :include: are not heeded here'
wait_empty

part "a circle is returned, and what hangs on it is delivered"
letter loop | as_user alice sendmail -i -f alice@corp.example one
wait_mail corp 2
expect_text '^Status: 5\.4\.6' corp 2
expect_text 'alias loop: one -> two -> three -> one' corp 2
letter half | as_user alice sendmail -i -f alice@corp.example half
wait_mail a 2
expect_envelope a 2 alice@corp.example z@a.test
wait_log 'alias loop: half -> half2 -> half'

part "a message that comes back is returned"
{ echo 'Delivered-To: staff@host.example'; letter back; } \
    | as_user alice sendmail -i -f alice@corp.example staff
wait_mail corp 3
expect_text 'mail forwarding loop for staff@host\.example' corp 3

part "a list that can't be read waits"
letter away | as_user alice sendmail -i away
wait_log 'to=<away@host\.example>, .*dsn=4\.2\.4, status=deferred \(can.t read /etc/mail/gone'
expect_count a 2

part "NOTIFY=SUCCESS to several is answered with expanded, to one it goes on"
printf 'both: x@a.test, y@a.test\nsingle: x@a.test\n' > /etc/aliases
letter both | as_user alice sendmail -i -f alice@corp.example -N success,failure both
wait_mail a 3
wait_mail corp 4
expect_text '^Action: expanded' corp 4
letter single | as_user alice sendmail -i -f alice@corp.example -N success single
wait_mail a 4
wait_mail corp 5
expect_text '^Action: (relayed|delivered)' corp 5
expect_text '^Final-Recipient: rfc822; ?x@a\.test' corp 5
