# A submission server for the cases of the relay: the case's Postfix on ports 587 and 465, with a
# certificate for relay.test that this host trusts, and Dovecot to check user and password. Sourced
# after lib.sh; `start_relay` makes it. What it has taken is recorded as server "postfix".
# shellcheck shell=bash

in_world() {
    nsenter --net="/proc/$WORLD/ns/net" -- "$@"
}

relay_listens() {
    (in_world bash -c "exec 3<>/dev/tcp/198.51.100.40/$1") 2> /dev/null
}

make_certificate() {
    local dir=/lab/relay
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -keyout $dir/ca.key -out $dir/ca.pem -subj /CN=lab 2> /dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -keyout $dir/key.pem -out $dir/request.pem -subj /CN=relay.test 2> /dev/null
    openssl x509 -req -in $dir/request.pem -CA $dir/ca.pem -CAkey $dir/ca.key -days 30 \
        -extfile <(echo subjectAltName=DNS:relay.test) -out $dir/cert.pem 2> /dev/null
    cp $dir/ca.pem "/etc/ssl/certs/$(openssl x509 -in $dir/ca.pem -noout -hash).0"
}

start_dovecot_auth() {
    local dir=/lab/relay
    echo 'tim:{PLAIN}tanstaaf' > $dir/users
    cat > $dir/dovecot.conf <<DOVECOT
base_dir = $dir/run
log_path = $RUN/log/dovecot
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 scram-sha-256
auth_failure_delay = 0
# Nor after several failures from one address.
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
passdb {
  driver = passwd-file
  args = $dir/users
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=/tmp
}
service auth {
  unix_listener $dir/auth {
    mode = 0666
  }
}
DOVECOT
    dovecot -F -c $dir/dovecot.conf > "$RUN/log/dovecot.out" 2>&1 &
    wait_until 20 test -S $dir/auth
}

start_relay() {
    mkdir -p /lab/relay
    make_certificate
    start_dovecot_auth
    cat >> /lab/postfix/main.cf <<POSTFIX
smtpd_tls_cert_file = /lab/relay/cert.pem
smtpd_tls_key_file = /lab/relay/key.pem
smtpd_tls_security_level = may
smtpd_sasl_type = dovecot
smtpd_sasl_path = /lab/relay/auth
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
default_transport = lmtp:unix:/lab/postfix/sink
relay_transport = lmtp:unix:/lab/postfix/sink
POSTFIX
    cat >> /lab/postfix/master.cf <<POSTFIX
587 inet n - n - - smtpd
    -o smtpd_sasl_auth_enable=yes -o smtpd_tls_security_level=encrypt
465 inet n - n - - smtpd
    -o smtpd_sasl_auth_enable=yes -o smtpd_tls_wrappermode=yes
2525 inet n - n - - smtpd
    -o smtpd_sasl_auth_enable=yes -o smtpd_tls_security_level=none
POSTFIX
    in_world postfix -c /lab/postfix reload > /dev/null 2>&1
    wait_until 20 relay_listens 587
    wait_until 20 relay_listens 465
    wait_until 20 relay_listens 2525
}

# credentials USER:PASSWORD [MODE]
credentials() {
    install -m "${2:-640}" -g mxpost /dev/stdin /etc/mxpost.credentials <<< "$1"
}

# configure LINE...: the lines that a case adds to the configuration, in place of the earlier ones.
configure() {
    [ -e /etc/mxpost.conf.base ] || cp /etc/mxpost.conf /etc/mxpost.conf.base
    { cat /etc/mxpost.conf.base; printf '%s\n' "$@"; } > /etc/mxpost.conf
}
