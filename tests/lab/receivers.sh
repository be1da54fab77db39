# OpenSMTPD and Sendmail as MX of anything, at 198.51.100.34 and .35, which pass all mail on to the
# case's scripted servers at 198.51.100.44 and .45. Sourced after lib.sh. Their packages can't be
# installed beside Postfix's; `prepare` unpacks them in /opt/lab.
# shellcheck shell=bash

in_the_world() {
    nsenter --net="/proc/$WORLD/ns/net" -- "$@"
}

receiver_listens() {
    (in_the_world bash -c "exec 3<>/dev/tcp/$1/25") 2> /dev/null
}

start_opensmtpd() {
    local smtpd=/opt/lab/usr/sbin/smtpd
    [ -x $smtpd ] || { echo "no OpenSMTPD in the lab's image"; return 1; }
    # It starts its helpers by the path that it was built for.
    ln -sfn /opt/lab/usr/libexec/opensmtpd /usr/libexec/opensmtpd
    printf '%s:x:%s:%s::/var/lib/opensmtpd/empty:/usr/sbin/nologin\n' \
        opensmtpd 697 697 opensmtpq 696 696 >> /etc/passwd
    printf '%s:x:%s:\n' opensmtpd 697 opensmtpq 696 >> /etc/group
    install -d -m 755 /var/lib/opensmtpd /var/lib/opensmtpd/empty
    mkdir -p /lab/opensmtpd
    cat > /lab/opensmtpd/smtpd.conf <<OPENSMTPD
listen on 198.51.100.34 hostname mx.o.test
action "sink" relay host smtp://198.51.100.44 helo mx.o.test
match from any for any action "sink"
OPENSMTPD
    in_the_world $smtpd -d -f /lab/opensmtpd/smtpd.conf > "$RUN/log/opensmtpd" 2>&1 &
    wait_until 20 receiver_listens 198.51.100.34
}

# Its configuration from scratch: m4 isn't here, and one mailer is enough.
start_sendmail() {
    local sendmail=/opt/lab/usr/libexec/sendmail/sendmail
    [ -x $sendmail ] || { echo "no Sendmail in the lab's image"; return 1; }
    install -d -m 700 /lab/sendmail /lab/sendmail/queue
    touch /etc/aliases
    cat > /lab/sendmail/sendmail.cf <<'SENDMAIL'
V10/Berkeley
Djmx.s.test
Dnpostmaster
O QueueDirectory=/lab/sendmail/queue
O DaemonPortOptions=Name=MTA, Addr=198.51.100.35, Port=25
O PidFile=/lab/sendmail/pid
O DeliveryMode=background
O DontBlameSendmail=Safe
O Timeout.ident=0
O QueueLA=1000
O RefuseLA=1000
O MaxDaemonChildren=100
O SevenBitInput=False
O EightBitMode=pass8
O SmtpGreetingMessage=$j Sendmail
O UnixFromLine=From $g $d
O OperatorChars=.:%@!^/[]+
Troot
Hreceived: from $s by $j id $i
S3
R$* < $* > $*	$2
S0
R$*	$#sink $@ [198.51.100.45] $: $1
S4
Mlocal, P=/bin/false, F=l, A=false
Msink, P=[IPC], F=mDFMuX8, E=\r\n, L=2040, T=DNS/RFC822/SMTP, A=TCP $h
SENDMAIL
    in_the_world $sendmail -C/lab/sendmail/sendmail.cf -bD -q1s > "$RUN/log/sendmail.out" 2>&1 &
    wait_until 20 receiver_listens 198.51.100.35
}
