# Over which family mail leaves: address-family, source addresses, and what `auto` makes of the name
# that the IPv6 address of this host has, or hasn't.
#
#   sendmail (alice) -> mail.*.test at 198.51.100.20 and 2001:db8:1::20, as its DNS says
#   bounces -> mx.corp.example
#
# Receivers refuse mail from IPv6 addresses without a name that leads back, so `auto` uses IPv6 from
# such an address only where there is no other way.
. "$LAB/lib.sh"

ip -6 addr show dev eth0 | grep -q 2001:db8::1 || skip "no IPv6 here"
for address in 2001:db8::7 2001:db8::8; do
    ip addr add $address/64 dev eth0 nodad preferred_lft 0
done
ip addr add 192.0.2.7/24 dev eth0

# Ends what runs and forgets what waits: the next part begins anew.
configure() { # LINE...
    kill_engines
    messages | xargs -r rm -f
    [ -e /etc/mxpost.conf.base ] || cp /etc/mxpost.conf /etc/mxpost.conf.base
    { cat /etc/mxpost.conf.base; printf '%s\n' "$@"; } > /etc/mxpost.conf
}

serial=0
send() { # DOMAIN
    serial=$((serial + 1))
    letter "$1" | as_user alice sendmail -i -f s@corp.example -- "u$serial@$1"
}

arrived=0
comes_from() { # ADDRESS DOMAIN
    send "$2"
    arrived=$((arrived + 1))
    wait_mail mx $arrived
    expect_envelope mx $arrived s@corp.example "u$serial@$2"
    [ "$(field mx $arrived peer)" = "$1" ] ||
        fail "mail for $2 came from $(field mx $arrived peer), not $1"
}

waits() { # DOMAIN REGEX
    send "$1"
    wait_log "to=<u$serial@$1>.*status=deferred.*$2"
    expect_count mx $arrived
}

bounced=0
bounces() { # DOMAIN REGEX
    send "$1"
    bounced=$((bounced + 1))
    wait_mail corp $bounced
    expect_text "$2" corp $bounced
}

part "auto, from an address without a name"
configure
comes_from 192.0.2.1 both.test
comes_from 2001:db8::1 six.test
waits half.test 'mail\.half\.test\[203\.0\.113\.5\]:25: Connection refused( |\)|$)'

part "auto, from an address whose name leads elsewhere"
configure 'source-address-ipv6 = 2001:db8::8'
waits half.test 'Connection refused'
comes_from 2001:db8::8 six.test

part "auto, from an address with a name"
configure 'source-address-ipv6 = 2001:db8::7'
comes_from 192.0.2.1 both.test
comes_from 2001:db8::7 half.test
comes_from 2001:db8::7 six.test

part "ipv4"
configure 'address-family = ipv4' 'source-address-ipv4 = 192.0.2.7'
comes_from 192.0.2.7 both.test
bounces six.test 'no mail server of six\.test has an address \(only IPv4'

part "ipv6"
configure 'address-family = ipv6'
comes_from 2001:db8::1 both.test
bounces four.test 'no mail server of four\.test has an address \(only IPv6'

part "prefer-ipv4"
configure 'address-family = prefer-ipv4'
comes_from 192.0.2.1 both.test
comes_from 2001:db8::1 half.test

part "prefer-ipv6"
configure 'address-family = prefer-ipv6'
comes_from 2001:db8::1 both.test
comes_from 192.0.2.1 four.test

part "a source address that isn't ours"
configure 'address-family = prefer-ipv4' 'source-address-ipv4 = 192.0.2.9'
comes_from 2001:db8::1 both.test
waits four.test "source-address-ipv4 192\.0\.2\.9 isn't an address of this host"
mailq > "$RUN/mailq"
grep -q "isn't an address of this host" "$RUN/mailq" || fail "mailq says: $(cat "$RUN/mailq")"
configure 'address-family = prefer-ipv6' 'source-address-ipv6 = 2001:db8::9'
comes_from 192.0.2.1 both.test
waits six.test "source-address-ipv6 2001:db8::9 isn't an address of this host"
configure 'source-address-ipv4 = 192.0.2.9'
comes_from 2001:db8::1 both.test

part "auto without a route for IPv4"
ip route add 198.51.100.53/32 via 192.0.2.254 # the resolver
ip route del default
configure
comes_from 2001:db8::1 both.test
