# Mail programs and libraries of Debian's, with nothing configured: what a user sends with them
# arrives with the right envelope, without Bcc, whole (a lone dot in the body is text), and they
# see success.
#
#   mutt, GNU mailutils, git send-email, nmh, Perl's Email::Sender, MIME::Lite and Mail::Send,
#   Ruby's mail -> mx.a.test
. "$LAB/lib.sh"

n=0

# expect_next FROM TO...: the next mail at a.test has this envelope and shows nobody's Bcc.
expect_next() {
    n=$((n + 1))
    wait_mail a "$n"
    expect_envelope a "$n" "$@"
    ! grep -aiq '^bcc' "$(got a "$n")" || fail "Bcc in $(got a "$n")"
}

part "mutt"
printf 'body\n.\nFrom x\n' | as_user alice mutt -s 'from mutt' -c c@a.test -b b@a.test u@a.test 'Joe <v@a.test>'
expect_next alice@corp.example u@a.test v@a.test c@a.test b@a.test
expect_text '^From: "Alice Q. Tester" <alice@corp.example>' a "$n"
expect_text '^From x' a "$n"
printf 'b\n' | as_user alice mutt -e 'set dsn_notify="failure,delay"; set dsn_return=hdrs' -s dsn u@a.test
expect_next alice@corp.example u@a.test
# Where sendmail refuses, mutt says so.
status=0
printf 'b\n' | as_user alice mutt -s big -e 'set sendmail="/usr/sbin/sendmail -odx"' u@a.test \
    > "$RUN/mutt" 2>&1 || status=$?
[ "$status" != 0 ] || fail "mutt calls a refusal success"

part "GNU mailutils"
printf 'body\nlast\n' | as_user alice mail.mailutils -s 'from mailutils' u@a.test,v@a.test
expect_next alice@host.example u@a.test v@a.test
expect_text '^last' a "$n"
as_user alice sh -c 'echo b | mail.mailutils -s "unqualified" root'
wait_mail corp 1
expect_envelope corp 1 alice@host.example root@corp.example

part "git send-email"
cat > /tmp/series <<'SCRIPT'
set -e
cd
git config --global user.email alice@a.test
git config --global user.name Alice
git init -q series
cd series
for i in 1 2 3; do
    printf 'text\n.\n%s\n' "$i" > file
    git add file
    git commit -qm "change $i"
done
git format-patch -q -2
git send-email --quiet --confirm=never --to=u@a.test --cc=c@a.test --bcc=b@a.test ./*.patch
SCRIPT
as_user alice sh /tmp/series > "$RUN/git" 2>&1
wait_mail a $((n + 2))
# One may overtake the other.
for i in 2 3; do
    number=$(find_mail a "^Subject: \[PATCH .*change $i")
    expect_envelope a "$number" alice@corp.example u@a.test c@a.test b@a.test alice@a.test
    expect_text '^From: Alice <alice@a.test>' a "$number"
    expect_text "^\\+$i" a "$number"
done
n=$((n + 2))

part "nmh"
as_user alice sh -c 'mkdir ~/Mail; echo "Path: Mail" > ~/.mh_profile
    printf "From: alice@a.test\nTo: u@a.test\nBcc: b@a.test\nSubject: from nmh\n--------\nbody\n.\nlast\n" > ~/Mail/d
    /usr/bin/mh/send ~/Mail/d' > "$RUN/nmh" 2>&1 || fail "$(cat "$RUN/nmh")"
wait_mail a $((n + 2))
n=$((n + 2))

part "Perl: Email::Sender"
as_user alice perl -e '
    use Email::Sender::Simple qw(sendmail);
    use Email::Simple;
    my $mail = Email::Simple->create(
        header => [To => "u\@a.test", From => "me\@a.test", Bcc => "b\@a.test", Subject => "Email::Sender"],
        body => "body\n.\nlast\n");
    sendmail($mail, {from => "bounce\@a.test", to => ["u\@a.test", "v\@a.test"]});'
expect_next bounce@a.test u@a.test v@a.test
expect_text '^last' a "$n"
as_user alice perl -e '
    use Email::Sender::Simple qw(sendmail);
    use Email::Simple;
    sendmail(Email::Simple->create(header => [To => "u\@a.test", From => "me\@a.test"], body => "b\n"),
        {from => "", to => ["u\@a.test"]});'
expect_next '' u@a.test

part "Perl: MIME::Lite"
as_user alice perl -e '
    use MIME::Lite;
    my $mail = MIME::Lite->new(From => "me\@a.test", To => "u\@a.test", Bcc => "b\@a.test",
        Subject => "MIME::Lite", Type => "multipart/mixed");
    $mail->attach(Type => "TEXT", Data => "body\n.\nlast\n");
    $mail->attach(Type => "application/octet-stream", Data => join("", map chr, 0 .. 255), Encoding => "base64");
    $mail->send or die;'
expect_next me@a.test u@a.test b@a.test
expect_text '^last' a "$n"
expect_text '^AAECAwQFBgcICQoLDA0ODxAR' a "$n"

part "Perl: Mail::Send"
as_user alice perl -e '
    use Mail::Send;
    my $mail = Mail::Send->new(Subject => "Mail::Send", To => "u\@a.test");
    my $handle = $mail->open("sendmail");
    print $handle "body\nlast\n";
    $handle->close or die;'
expect_next alice@corp.example u@a.test
expect_text '^last' a "$n"

part "Ruby: mail"
as_user alice ruby -e '
    require "mail"
    mail = Mail.new { from "me@a.test"; to "u@a.test"; bcc "b@a.test"; subject "é"; body "body\n.\nlast\n" }
    mail.delivery_method :sendmail
    mail.deliver!'
expect_next me@a.test u@a.test b@a.test
expect_text '^last' a "$n"

wait_empty
