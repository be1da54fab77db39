# ~/.forward: addresses, programs, files; with the user's rights and no others.
. "$LAB/lib.sh"

mbox_has() {
    grep -qs -- "$2" "/var/mail/$1"
}
forward() {
    local user=$1
    printf '%s\n' "${@:2}" > "/home/$user/.forward"
    chown "$user:$user" "/home/$user/.forward"
    chmod 600 "/home/$user/.forward"
}

start_system_engine
part "an address elsewhere, the mailbox and a program"
# shellcheck disable=SC2016  # a shell of the user's own choice
forward alice '\alice, out@a.test' \
    '"|/bin/sh -c '\''(id -u; id -Gn; echo $SENDER $RECIPIENT; cat) > got'\''"'
letter one | sendmail -i -f bob@corp.example alice@host.example
wait_mail a 1
expect_text '^Delivered-To: alice@host\.example' a 1
wait_until 20 mbox_has alice 'body of one'
wait_until 20 test -s /home/alice/got
[ "$(head -n 3 /home/alice/got)" = "1500"$'\n'"alice"$'\n'"bob@corp.example alice@host.example" ] ||
    fail "$(cat /home/alice/got)"
grep -q '^From bob@corp.example ' /home/alice/got
[ "$(stat -c %U /home/alice/got)" = alice ]
wait_empty

part "a program's exit status is the mail's fate"
forward alice '"|/bin/sh -c '\''echo go away; exit 69'\''"'
letter refused | sendmail -i -f bob@host.example alice@host.example
wait_until 20 mbox_has bob 'go away'
wait_empty
forward alice '"|/bin/sh -c '\''test -e now || exit 75'\''"'
letter later | sendmail -i -f bob@host.example alice@host.example
wait_log 'to=<alice@host\.example>, .*status=deferred .*exit status 75'
touch /home/alice/now
sendmail -q
wait_empty

part "what others could have written isn't obeyed"
forward alice stolen@a.test
chmod 666 /home/alice/.forward
letter unsafe | sendmail -i -f bob@host.example alice@host.example
wait_until 20 mbox_has alice 'body of unsafe'
wait_log '\.forward is ignored: it may be written by everybody'
forward alice stolen@a.test
chown bob /home/alice/.forward
chmod 644 /home/alice/.forward
letter foreign | sendmail -i -f bob@host.example alice@host.example
wait_until 20 mbox_has alice 'body of foreign'
rm /home/alice/.forward
ln -s /home/bob/.forward /home/alice/.forward
letter link | sendmail -i -f bob@host.example alice@host.example
wait_until 20 mbox_has alice 'body of link'
expect_count a 1
rm /home/alice/.forward

part "nobody reaches another's mail"
before=$(cat /var/mail/alice)
forward bob :include:/var/mail/alice
letter include | sendmail -i -f alice@corp.example bob@host.example
wait_log 'to=<bob@host\.example>, .*status=deferred .*:include:/var/mail/alice: Permission denied'
forward bob /var/mail/alice
letter file | sendmail -i -f alice@corp.example bob@host.example
wait_log 'to=<bob@host\.example>, .*status=deferred .*/var/mail/alice: .*Permission denied'
forward bob '"|/bin/sh -c '\''cat /var/mail/alice; ls -l /var/mail; > /var/mail/new; exit 75'\''"'
letter pipe | sendmail -i -f alice@corp.example bob@host.example
wait_log 'to=<bob@host\.example>, .*status=deferred .*alice: Permission denied'
[ ! -e /var/mail/new ] || fail "a program had the mail group"
[ "$(cat /var/mail/alice)" = "$before" ] || fail "alice's mailbox changed"
# A link that bob could plant nowhere but in his own home leads nowhere else.
ln -s /var/mail/alice /home/bob/link
forward bob /home/bob/link
letter link2 | sendmail -i -f alice@corp.example bob@host.example
wait_log 'status=deferred .*symbolic link, which is not followed'
[ "$(cat /var/mail/alice)" = "$before" ] || fail "alice's mailbox changed"

part "no shell"
forward bob '"|/usr/bin/touch /home/bob/a; /usr/bin/touch /home/bob/b"'
letter shell | sendmail -i -f alice@corp.example bob@host.example
wait_log 'to=<bob@host\.example>, .*dsn=4\.3\.5, status=deferred .*is shell syntax, but no shell'
[ ! -e /home/bob/a ]

part "Maildir"
forward bob /home/bob/Mail/
sendmail -q
is_in_maildir() { [ "$(find /home/bob/Mail/new -type f 2> /dev/null | wc -l)" -ge 5 ]; }
wait_until 20 is_in_maildir
[ "$(stat -c '%U %a' /home/bob/Mail/new)" = 'bob 700' ]
wait_empty
