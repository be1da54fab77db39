# A container called 3f2a9c, without any configuration: no full name, no /etc/mailname. Its cron mail
# goes to a server that refuses senders whose domain isn't one that the DNS knows.
#
#   sendmail (root, as cron calls it) -> Postfix
#
# The sender gets the PTR name of this host's address; where there is none, its literal; where other
# nets don't know the address either (a container's usual state), the mail waits and says what to
# set.
. "$LAB/lib.sh"

hostname 3f2a9c
rm -f /etc/mailname
printf '127.0.0.1 localhost\n192.0.2.1 3f2a9c\n' > /etc/hosts
: > /etc/mxpost.conf
ip addr add 192.0.2.7/24 dev eth0
ip addr add 10.9.9.9/32 dev eth0

cron_mail() {
    printf 'From: root (Cron Daemon)\nTo: ops@p.test\nSubject: %s\n\noutput\n' "$1" |
        sendmail -FCronDaemon -i -B8BITMIME -oem ops@p.test
}

part "the name that leads to this host's address"
cron_mail ptr
wait_mail postfix 1
expect_envelope postfix 1 root@host.example ops@p.test
expect_text '^From: root@host\.example \(Cron Daemon\)' postfix 1
expect_text '^Message-ID: <[0-9A-Za-z.]+@host\.example>' postfix 1
wait_empty
kill_engines

part "an alias that leads elsewhere"
echo 'root: admin@p.test' > /etc/aliases
printf 'From: root (Cron Daemon)\nTo: root\nSubject: alias\n\noutput\n' |
    sendmail -FCronDaemon -i -B8BITMIME -oem root
wait_mail postfix 2
expect_envelope postfix 2 root@host.example admin@p.test
expect_text '^From: root@host\.example \(Cron Daemon\)' postfix 2
wait_empty
kill_engines

part "a bounce for root goes where root's mail goes"
printf 'From: root (Cron Daemon)\nTo: gone@nowhere.test\nSubject: lost\n\noutput\n' | sendmail -i gone@nowhere.test
wait_mail postfix 3
expect_envelope postfix 3 '' admin@p.test
expect_text '^From: .*<MAILER-DAEMON@host\.example>' postfix 3
expect_text '^To: .*root@host\.example' postfix 3
wait_empty
kill_engines

part "a name for HELO is one for senders, and not where users are"
echo 'helo-name = host.example' > /etc/mxpost.conf
printf 'From: root (Cron Daemon)\nTo: root\nSubject: helo\n\noutput\n' | sendmail -i root
wait_mail postfix 4
expect_envelope postfix 4 root@host.example admin@p.test
wait_empty
kill_engines

part "an address without a name"
echo 'source-address-ipv4 = 192.0.2.7' > /etc/mxpost.conf
echo 'address-family = ipv4' >> /etc/mxpost.conf
cron_mail literal
wait_mail postfix 5
expect_envelope postfix 5 'root@[192.0.2.7]' ops@p.test
expect_text '^From: root@\[192\.0\.2\.7\] \(Cron Daemon\)' postfix 5
wait_empty
kill_engines

part "an address that other nets don't know"
printf 'source-address-ipv4 = 10.9.9.9\naddress-family = ipv4\n' > /etc/mxpost.conf
cron_mail private
wait_log 'to=<ops@p\.test>.*status=deferred.*set from-domain in mxpost\.conf'
mailq > "$RUN/mailq"
grep -q 'set from-domain' "$RUN/mailq" || fail "mailq says: $(cat "$RUN/mailq")"
printf 'From: root (Cron Daemon)\nTo: root\nSubject: second\n\noutput\n' | sendmail -i root
wait_log 'to=<admin@p\.test>.*status=deferred.*set from-domain in mxpost\.conf'
kill_engines

part "and once it is set"
echo 'from-domain = corp.example' > /etc/mxpost.conf
sendmail -q
wait_mail postfix 7
first=$(find_mail postfix '^Subject: private')
second=$(find_mail postfix '^Subject: second')
expect_envelope postfix "$first" root@corp.example ops@p.test
expect_envelope postfix "$second" root@corp.example admin@p.test
wait_empty
