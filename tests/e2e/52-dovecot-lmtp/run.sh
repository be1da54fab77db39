# Mailboxes behind Dovecot's LMTP server.
#
#   sendmail (alice) -> engine -> /run/dovecot/lmtp, or 127.0.0.1:24 -> Maildir
#                              -> mx.a.test (whoever isn't of this host)
#
# Whom Dovecot knows gets the mail, a user of this host or not; whom it doesn't know is bounced with
# its words; mail waits while Dovecot is down.
. "$LAB/lib.sh"

mkdir -p /lab/dovecot /run/dovecot /lab/mail
chown 1600:1600 /lab/mail
echo vmail:x:1600:1600::/lab/mail:/bin/false >> /etc/passwd
echo vmail:x:1600: >> /etc/group
printf '%s:::::::\n' alice virtual news > /lab/dovecot/users
cat > /lab/dovecot/dovecot.conf <<DOVECOT
base_dir = /run/dovecot
log_path = $RUN/log/dovecot
protocols = lmtp
ssl = no
auth_username_format = %Ln
mail_location = maildir:/lab/mail/%Ln
mail_uid = vmail
mail_gid = vmail
first_valid_uid = 100
postmaster_address = postmaster@corp.example
recipient_delimiter = +
passdb {
  driver = passwd-file
  args = /lab/dovecot/users
}
userdb {
  driver = static
  args = uid=vmail gid=vmail home=/lab/mail/%Ln
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = 24
  }
}
DOVECOT

start_dovecot() {
    dovecot -F -c /lab/dovecot/dovecot.conf > "$RUN/log/dovecot.out" 2>&1 &
    wait_until 20 test -S /run/dovecot/lmtp
}

inbox_has() {  # USER COUNT
    [ "$(find "/lab/mail/$1" -type f -path '*/new/*' 2> /dev/null | wc -l)" = "$2" ]
}

part "down"
letter waiting | as_user alice sendmail -odq -i virtual@corp.example
start_system_engine
wait_log 'to=<virtual@corp\.example>, host=lmtp:/run/dovecot/lmtp, .*status=deferred \(connect to lmtp:/run/dovecot/lmtp: '

part "up"
start_dovecot
as_user alice sendmail -q
wait_until 20 inbox_has virtual 1
wait_log 'to=<virtual@corp\.example>, host=lmtp:/run/dovecot/lmtp, .*status=sent \(250 2\.0\.0 <virtual@corp\.example> .* Saved'
wait_empty

part "several, one of whom nobody knows"
letter several | as_user alice sendmail -i alice virtual@corp.example nobody@corp.example x@a.test
wait_until 20 inbox_has virtual 2
wait_mail a 1
expect_envelope a 1 alice@corp.example x@a.test
wait_log 'to=<nobody@corp\.example>, host=lmtp:/run/dovecot/lmtp, .*status=bounced \(550 5\.1\.1'
wait_until 20 inbox_has alice 2  # the mail and the report
grep -rq '^Diagnostic-Code: smtp; 550 5.1.1 <nobody@corp.example> User doesn.t exist' /lab/mail/alice || fail "$(cat /lab/mail/alice/new/*)"
grep -rq '^Remote-MTA: x-lmtp; /run/dovecot/lmtp' /lab/mail/alice || fail "no Remote-MTA"
wait_empty

part "by TCP"
sed -i 's|^mailbox = .*|mailbox = lmtp:localhost:24|' /etc/mxpost.conf
stop_system_engine
letter tcp | as_user alice sendmail -odq -i news+today@corp.example
start_system_engine
wait_until 20 inbox_has news 1
wait_log 'host=lmtp:localhost\[127\.0\.0\.1\]:24, .*status=sent'
wait_empty
