# Addresses beyond ASCII (RFC 6531, RFC 6533).
#
#   sendmail (alice) -> utf8: an MX with SMTPUTF8       gets it where, and only where, it is needed
#                    -> old: an MX without it           nothing that needs it: 5.6.7, and why
#   reports -> mx.corp.example, an ASCII sender's       "\x{F6}" in message/delivery-status
#           -> utf8, a UTF-8 sender's                   UTF-8 in message/global-delivery-status
# A domain beyond ASCII alone needs nothing: it is sent in A-labels. Nor does a name where an address
# should be.
. "$LAB/lib.sh"

send() {
    printf 'From: s@corp.example\nSubject: utf8\n\nbody\n' | as_user alice sendmail -i "$@"
}
report() { # SERVER N TYPE ADDRESS
    python3 "$CASE/check.py" "$(got "$1" "$2")" "$3" "$4"
}

part "where it is needed and offered"
printf 'From: s@corp.example\nTo: jörg@utf8.test\nSubject: utf8\n\nbody\n' |
    as_user alice sendmail -i -t -f s@corp.example
wait_mail utf8 1
grep -q 'C> MAIL FROM:<s@corp.example> .*SMTPUTF8' "$RUN/log/utf8" || fail "no SMTPUTF8"
expect_text '^To: jörg@utf8\.test' utf8 1
wait_empty

part "a domain alone"
send -f s@corp.example u@bücher.test
wait_mail old 1
expect_envelope old 1 s@corp.example u@xn--bcher-kva.test

part "each recipient for itself"
send -f s@corp.example jörg@utf8.test bob@old.test
wait_mail utf8 2
wait_mail old 2
expect_envelope old 2 s@corp.example bob@old.test
wait_empty
expect_count corp 0

part "a recipient where it isn't offered"
send -f s@corp.example jörg@old.test
wait_mail corp 1
report corp 1 message/delivery-status 'utf-8; j\x{F6}rg@old.test'
expect_text '^Status: 5\.6\.7' corp 1
tr -d '\r' < "$(got corp 1)" | tr -s ' \n' ' ' > "$RUN/words"
grep -q 'mx.old.test .* does not accept internationalized mail addresses' "$RUN/words" ||
    fail "it isn't clear: $(cat "$RUN/words")"
expect_count old 2

part "a header where it isn't offered"
printf 'From: s@corp.example\nTo: jörg@utf8.test, bob@old.test\nSubject: utf8\n\nbody\n' |
    as_user alice sendmail -i -t -f s@corp.example
wait_mail utf8 3
wait_mail corp 2
report corp 2 message/delivery-status 'rfc822; bob@old.test'
expect_text '^Status: 5\.6\.7' corp 2
expect_text '^Content-Type: message/global' corp 2
wait_empty

part "a sender where it isn't offered"
send -f änn@utf8.test jürgen@old.test
wait_mail utf8 4
grep -q 'C> MAIL FROM:<> .*SMTPUTF8' "$RUN/log/utf8" || fail "a report without SMTPUTF8"
report utf8 4 message/global-delivery-status 'utf-8; jürgen@old.test'
expect_text '^To: <änn@utf8\.test>' utf8 4
wait_empty
expect_count corp 2
expect_count old 2

part "a name without an address"
printf 'From: Büro\nTo: Müller, Jörg <bob@old.test>\nReply-To: Jörg <j@corp.example>, Käthe Müller
Errors-To: e@bücher.test\nSubject: utf8\n\nbody\n' |
    as_user alice sendmail -i -f s@corp.example bob@old.test
wait_mail old 3
expect_text '^From: =\?utf-8\?Q\?B=C3=BCro\?= <s@corp\.example>$' old 3
expect_text '^To: =\?utf-8\?Q\?M=C3=BCller=2C_J=C3=B6rg\?= <bob@old\.test>$' old 3
expect_text '^Reply-To: =\?utf-8\?Q\?J=C3=B6rg\?= <j@corp\.example>,' old 3
expect_text '^Errors-To: e@xn--bcher-kva\.test$' old 3

part "this host's domain"
sed -i 's/^from-domain.*/from-domain = bücher.test/' /etc/mxpost.conf
printf 'From: Alice <alice>\nSubject: utf8\n\nbody\n' | as_user alice sendmail -i bob@old.test
wait_mail old 4
expect_envelope old 4 alice@xn--bcher-kva.test bob@old.test
expect_text '^From: Alice <alice@xn--bcher-kva\.test>$' old 4
wait_empty
! grep SMTPUTF8 "$RUN/log/old" || fail "SMTPUTF8 to a server without it"
