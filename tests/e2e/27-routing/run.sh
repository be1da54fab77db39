# Where mail goes: MX, no MX, aliases, IPv6, IDN, address literals, large answers, loops.
#
#   sendmail (alice) -> mail.mx.test, whatever leads there
#   bounces -> mx.corp.example
#
# What leads nowhere for good is returned with its own status; what can't be looked up now waits.
. "$LAB/lib.sh"

send() {
    letter "$1" | as_user alice sendmail -i -f s@corp.example -- "$1"
}

arrived=0
arrives() { # RECIPIENT [AS]
    send "$1"
    arrived=$((arrived + 1))
    wait_mail mx $arrived
    expect_envelope mx $arrived s@corp.example "${2:-$1}"
}

part "what leads to the server"
arrives u@mx.test
arrives u@implicit.test
arrives 'u@[198.51.100.20]'
arrives u@münchen.test u@xn--mnchen-3ya.test
arrives u@many.test
arrives u@better.test # a better server than we are
if ip -6 addr show dev eth0 | grep -q 2001:db8::1; then
    arrives u@six.test
    [ "$(field mx $arrived peer)" = 2001:db8::1 ] || fail "came from $(field mx $arrived peer)"
fi
send u@alias.test
arrived=$((arrived + 1))
wait_mail mx $arrived
wait_empty
expect_count corp 0

part "what leads nowhere"
bounced=0
bounces() { # RECIPIENT STATUS
    send "$1"
    bounced=$((bounced + 1))
    wait_mail corp $bounced
    expect_text "^Final-Recipient: rfc822; ?${1//./\\.}" corp $bounced
    expect_text "^Status: ${2//./\\.}" corp $bounced
}
bounces u@nowhere.test 5.1.2
bounces u@loop.test 5.4.6
bounces u@worse.test 5.4.6
bounces u@loopback.test 5.4.
wait_empty

part "what can't be looked up now"
send u@broken.test
wait_log 'to=<u@broken\.test>, .*dsn=4\.[0-9.]+, status=deferred'
send u@servfail.mx.test
wait_log 'to=<u@servfail\.mx\.test>, .*dsn=4\.[0-9.]+, status=deferred'
queue_has 2
expect_count mx $arrived
