# Another program's configuration becomes an mxpost.conf that mxpost takes as it is printed; a
# password gets into no output, only into the file that is asked for.
#
#   mxpost config --import -> /etc/mxpost.conf -> mxpost config
#
. "$LAB/lib.sh"

rm -rf /etc/ssmtp /etc/msmtprc /etc/dma /etc/nullmailer
mv /etc/postfix/main.cf /etc/postfix/main.cf.away 2>/dev/null || true

import() { # ARGUMENTS...: into $RUN/conf, errors into $RUN/stderr
    mxpost config --import "$@" > "$RUN/conf" 2> "$RUN/stderr" || fail "exit $?: $(cat "$RUN/stderr")"
    ! grep -q geheim "$RUN/conf" "$RUN/stderr" || fail "the password is shown"
    cp "$RUN/conf" /etc/mxpost.conf
    mxpost config > "$RUN/config" || fail "the result can't be read: $(cat "$RUN/conf")"
}

has() { # KEY VALUE
    grep -Eq "^$1 *= $2 *# /etc/mxpost.conf:" "$RUN/config" ||
        fail "no $1 = $2 in: $(cat "$RUN/conf")"
}

part "nothing is there"
expect_exit 66 mxpost config --import > "$RUN/conf"
[ ! -s "$RUN/conf" ] || fail "something was printed"

part "ssmtp, found by itself; the password on demand"
mkdir /etc/ssmtp
cat > /etc/ssmtp/ssmtp.conf <<'CONF'
root=ops@a.test
mailhub=smtp.a.test:587
UseSTARTTLS=YES
AuthUser=me@a.test
AuthPass=geheim
Debug=YES
CONF
echo 'root:me@a.test' > /etc/ssmtp/revaliases
import
has relay smtp.a.test:587
has local-mail-to ops@a.test
grep -q '^#   /etc/ssmtp/ssmtp.conf:6: Debug: has no equal' "$RUN/conf" || fail "$(cat "$RUN/conf")"
grep -q '^#   root me@a.test' "$RUN/conf" || fail "$(cat "$RUN/conf")"
grep -q -- '--credentials' "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
import --credentials /etc/mxpost.credentials
[ "$(cat /etc/mxpost.credentials)" = me@a.test:geheim ] || fail "$(cat /etc/mxpost.credentials)"
[ "$(stat -c '%a %G' /etc/mxpost.credentials)" = '640 mxpost' ] || fail "$(stat -c '%a %G' /etc/mxpost.credentials)"
expect_exit 74 mxpost config --import --credentials /etc/mxpost.credentials > "$RUN/conf"

part "files that are named"
mkdir /etc/dma /etc/nullmailer
echo 'SMARTHOST relay.a.test' > /etc/dma/dma.conf
import /etc/dma/dma.conf
has relay '\[relay\.a\.test\]'
echo 'relay.b.test smtp --port=587 --starttls --user=me --pass=geheim' > /etc/nullmailer/remotes
import /etc/nullmailer
has relay relay.b.test:587
printf 'account default\nhost relay.c.test\nport 587\ntls on\npassword geheim\n' > /etc/msmtprc
import /etc/msmtprc
has relay-tls verify
mkdir -p /tmp/postfix
printf 'myhostname = web1.a.test\nrelayhost = [relay.d.test]\nmyorigin = $mydomain\n' > /tmp/postfix/main.cf
import /tmp/postfix/main.cf
has from-domain a.test
import
grep -q '/etc/msmtprc is there as well' "$RUN/stderr" || fail "$(cat "$RUN/stderr")"

part "what can't be imported"
expect_exit 66 mxpost config --import /etc/none/main.cf
expect_exit 64 mxpost config --import /etc/hosts
expect_exit 64 mxpost config /etc/hosts
