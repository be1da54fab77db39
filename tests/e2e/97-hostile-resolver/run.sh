# A resolver that lies, floods, cuts its answers off, or answers when nobody waits any more.
#
#   sendmail (alice) -> a domain for each way to answer (dns.py) -> mx.good.test, or nobody
#   bounces -> mx.corp.example
#
# Mail goes where the DNS says that it goes, or waits, or is returned; never to mx.evil.test, whom
# only lies name. Each attempt ends within seconds (the resolver's: two tries of a second), and the
# engine's memory stays what it was.
. "$LAB/lib.sh"

sanitized=
[ ! -d /usr/lib/mxpost-lab ] || sanitized=1
nsenter --net="/proc/$WORLD/ns/net" -- python3 "$CASE/dns.py" 198.51.100.57 "$RUN/sync/dns" "$RUN/log/dns" \
    > "$RUN/log/dns.out" 2>&1 &
wait_mark dns
printf 'nameserver 198.51.100.57\noptions timeout:1 attempts:2\n' > /etc/resolv.conf
start_system_engine

send() { # DOMAIN
    letter "$1" | as_user alice sendmail -i -f s@corp.example "u@$1"
}
peak() { # the engine's memory at its highest, in KiB
    awk '/^VmHWM:/ { print $2 }' "/proc/$system_engine/status"
}

part "what can be found"
send victim.test
wait_mail good 1
before=$(peak)
for domain in many.test poison.test ids.test; do
    send $domain
done
wait_mail good 4
send victim.test # after what poison.test's server said of it
wait_mail good 5
expect_count evil 0

part "what can't be known"
deferring="addresses.test a.loop.test flood.test cut.test late.test silent.test drip.test"
begun=$SECONDS
for domain in $deferring; do
    send $domain
done
waits() { # DOMAIN REGEX
    wait_log "to=<u@$1>, .*dsn=4\.[0-9.]*, status=deferred \(.*$2" 15
}
waits 'addresses\.test' 'Connection refused \(and 9 more addresses fail\)'
waits 'a\.loop\.test' 'is an alias of an alias without end'
waits 'flood\.test' 'only replies to other questions'
waits 'cut\.test' 'wrong reply over TCP'
waits 'late\.test' 'no reply over UDP: Connection timed out'
waits 'silent\.test' 'no reply over UDP: Connection timed out'
waits 'drip\.test' 'over TCP: Connection timed out'
echo "the last one was deferred after $((SECONDS - begun)) s"

part "what is no good"
bounced=0
returned() { # DOMAIN STATUS REGEX
    send "$1"
    wait_log "to=<u@$1>, .*dsn=$2, status=bounced \(.*$3"
    bounced=$((bounced + 1))
    wait_mail corp $bounced
}
returned localhost.test 5.4.6 'localhost has the address 127\.0\.0\.1, a loopback address'
returned literal.test 5.4.4 'no mail server of literal\.test has an address'
returned own.test 5.4.6 'loops back to this host'
returned odd.test 5.4.4 'no mail server of odd\.test has an address'
expect_count evil 0
! LC_ALL=C grep -q $'[\001-\010\013-\037\177]' "$SYSLOG" || fail "the log has control characters"

part "bounds"
grown=$(($(peak) - before))
echo "the engine's memory: $before KiB, and $grown more"
((grown < (sanitized ? 200000 : 8000))) || fail "the engine grew by $grown KiB"
# Of 500 hosts ten were looked up, in order.
[ "$(grep -c ' mx[0-9]*\.many\.test$' "$RUN/log/dns")" -le 20 ] || fail "$(grep -c many "$RUN/log/dns") questions"
! grep -q ' mx11\.many' "$RUN/log/dns" || fail "the eleventh host was looked up"
stop_system_engine
