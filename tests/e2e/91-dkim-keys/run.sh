# Keys that sign: made, published, compared, changed, and not to be read.
#
#   sendmail (alice) -> engine on demand (alice), which may not read the key: the mail waits
#                    -> system engine (mxpost), which may: signed
#   dkim-failure = send: what can't be signed goes all the same
. "$LAB/lib.sh"
. "$LAB/dkim.sh"
dir=/etc/mxpost/dkim
sent=0

send() { # SUBJECT [FROM]
    letter "$@" | as_user alice sendmail -i -f "${2:-s@corp.example}" u@a.test
}
arrived() { # COUNT: signatures
    sent=$((sent + 1))
    wait_mail a $sent
    judged "$1" "$(got a $sent)"
    wait_empty
}
start_serving() {
    start_system_engine
    wait_until 20 has_system_engine 1500
}
checked() { # STATUS TEXT
    expect_exit "$1" mxpost dkim check > "$RUN/check"
    grep -Eq -- "$2" "$RUN/check" || fail "check doesn't say $2: $(cat "$RUN/check")"
}

part "new"
expect_exit 64 mxpost dkim
expect_exit 64 mxpost dkim new
expect_exit 64 mxpost dkim new --type dsa corp.example
expect_exit 78 mxpost dkim check
(umask 077; mxpost dkim new corp.example --selector s1 > "$RUN/new")
[ "$(stat -c %a /etc/mxpost)" = 755 ] || fail "engines can't read /etc/mxpost: $(stat -c %a /etc/mxpost)"
[ "$(stat -c '%a %U %G' $dir $dir/corp.example.s1.pem)" = $'750 root mxpost\n640 root mxpost' ] ||
    fail "$(ls -la $dir)"
sum=$(sha256sum < $dir/corp.example.s1.pem)
expect_exit 69 mxpost dkim new corp.example --selector s1
grep -q 'name another --selector' "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
[ "$(sha256sum < $dir/corp.example.s1.pem)" = "$sum" ] || fail "it was overwritten"
expect_exit 77 as_user alice mxpost dkim new corp.example --selector alice
as_user alice mxpost dkim new corp.example --selector alice --directory /home/alice/keys > "$RUN/new-alice"
[ "$(stat -c '%a %U' /home/alice/keys/corp.example.alice.pem)" = '600 alice' ] || fail "alice's key"
# OpenDKIM's own tool says that the key and its record belong together.
record=$(sed -n 's/^value: //p' "$RUN/new")
[ "$record" = "v=DKIM1; k=rsa; p=$(openssl pkey -in $dir/corp.example.s1.pem -pubout -outform DER | base64 -w 0)" ] ||
    fail "the record isn't the key's: $record"

part "check"
configure "$(grep '^dkim = ' "$RUN/new")"
checked 78 "^corp\.example s1: missing: s1\._domainkey\.corp\.example has no TXT record"
publish "s1._domainkey.corp.example. 1 IN TXT \"v=DKIM1; p=\""
is_revoked() { mxpost dkim check | grep -q revoked || [ "${PIPESTATUS[1]}" = 0 ]; }
wait_until 20 is_revoked
checked 78 '^corp\.example s1: different: .*the key is revoked'
sed -i '/^s1\._domainkey/d' "$RUN/dns/root.zone"
publish "$(records "$RUN/new")"
wait_until 20 key_is_published
checked 0 '^corp\.example s1: ok$'
echo "Nameservers 198.51.100.53" > "$RUN/opendkim.conf"
opendkim-testkey -x "$RUN/opendkim.conf" -d corp.example -s s1 -k $dir/corp.example.s1.pem ||
    fail "OpenDKIM says no"
mxpost dkim check --json | python3 -c '
import json, sys
[row] = [json.loads(line) for line in sys.stdin]
assert row["state"] == "ok" and row["selector"] == "s1" and row["value"].startswith("v=DKIM1; k=rsa; p=")'
expect_exit 77 as_user alice mxpost dkim check > "$RUN/check"
grep -q 'unreadable' "$RUN/check" || fail "$(cat "$RUN/check")"

part "an engine that can't read the key leaves it to the one that can"
send left
wait_log 'to=<u@a\.test>, .*status=deferred \(waits for the system engine, which can read the DKIM key of corp\.example'
as_user alice mailq | grep -q 'waits for the system engine' || fail "$(as_user alice mailq)"
expect_count a 0
start_system_engine
wait_log 'engine ends: a system engine takes over'
as_user alice sendmail -q
arrived 1

part "what isn't from there isn't signed"
send other s@other.example
arrived 0

part "two keys while they change"
mxpost dkim new corp.example --selector s2 --type ed25519 > "$RUN/new2"
publish "$(records "$RUN/new2")"
stop_system_engine
configure "$(grep '^dkim = ' "$RUN/new2")"
grep -q "dkim = corp.example s1 $dir/corp.example.s1.pem, corp.example s2 $dir/corp.example.s2.pem" \
    /etc/mxpost.conf || fail "$(cat /etc/mxpost.conf)"
wait_until 20 key_is_published
start_serving
send both
arrived 2

part "one of them is gone"
mv $dir/corp.example.s1.pem $dir/away
# The engine looks at a file once a second.
sends_without_it() {
    send single
    log_has 'can.t read the DKIM key .*s1\.pem: No such file or directory; mail from corp\.example is signed without it'
}
wait_until 20 sends_without_it
wait_empty
sent=$(mail_count a)
judged 1 "$(got a "$sent")"

part "both are gone"
mv $dir/corp.example.s2.pem $dir/away2
waits() {
    send gone
    log_has 'mail from corp\.example waits'
}
wait_until 20 waits
mailq | grep -q "it can't be signed" || fail "$(mailq)"
mv $dir/away $dir/corp.example.s1.pem
mv $dir/away2 $dir/corp.example.s2.pem
goes() {
    mxpost queue retry --all > "$RUN/retry" || true
    queue_is_empty
}
wait_until 20 goes
sent=$(mail_count a)
judged 2 "$(got a "$sent")"
stop_system_engine

part "dkim-failure = send"
chmod 600 $dir/*.pem
configure "$(grep '^dkim = ' "$RUN/new2")" "dkim-failure = send"
start_serving
send unsigned
arrived 0
wait_log 'Permission denied .*mail from corp\.example leaves unsigned'
stop_system_engine

part "a key of alice's own, without a system engine"
publish "$(records "$RUN/new-alice")"
configure "dkim = corp.example alice /home/alice/keys/corp.example.alice.pem"
wait_until 20 key_is_published
send own
arrived 1
