# PHP's mail libraries, as Debian has them.
#
#   Symfony Mailer: sendmail://default (-bs), with a command (-t, which it replaces by arguments),
#                   native://default (php.ini's sendmail_path)
#   PHPMailer: isSendmail(), isMail() -> mx.a.test
#
# Recipients, sender and body arrive as given, Bcc is nobody's to see, one process sends several.
. "$LAB/lib.sh"

# expect_mails SUBJECT TO...: one mail with that subject, from A <from@a.test>, for those.
expect_mail() {
    local n subject=$1
    shift
    n=$(find_mail a "^Subject: $subject")
    expect_envelope a "$n" from@a.test "$@"
    expect_text '^From: A <from@a.test>' a "$n"
    ! grep -iq '^bcc' "$(got a "$n")" || fail "Bcc in $subject"
    tr -d '\r' < "$(got a "$n")" | sed '1,/^$/d; /^$/d' > "$RUN/body"
    printf 'body\n.\n..\nlast\n' | diff - "$RUN/body" || fail "body of $subject"
}

part "Symfony Mailer"
as_user alice php "$CASE/symfony.php" > "$RUN/symfony" || fail "$(cat "$RUN/symfony")"
wait_mail a 6
for subject in default-1 default-2 command-1 command-2 native-1 native-2; do
    expect_mail "$subject" u@a.test v@a.test c@a.test b@a.test
done

part "a refusal is an exception"
as_user alice php "$CASE/symfony.php" refused > "$RUN/refused" || fail "$(cat "$RUN/refused")"
grep -q '^refused: ' "$RUN/refused" || fail "$(cat "$RUN/refused")"

part "PHPMailer"
as_user alice php "$CASE/phpmailer.php" > "$RUN/phpmailer" || fail "$(cat "$RUN/phpmailer")"
wait_mail a 8
for subject in isSendmail isMail; do
    expect_mail "$subject" u@a.test c@a.test b@a.test
done
wait_empty
expect_count a 8
