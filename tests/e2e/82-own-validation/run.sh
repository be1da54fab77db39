# DNSSEC where no name server is trusted: resolver = validating, and what trusted-resolver means.
#
#   sendmail (alice) -> Postfix .40
#   names: unbound .55, which doesn't validate; .56, which cuts signatures off; nsd, which is also the
#   root servers; unbound .53, which validates
#
# Validating itself, the engine finds out the same from either name server: with the first it checks
# the signatures that it passes on, with the other it asks the DNS's own servers.
. "$LAB/lib.sh"

setting() {
    [ -e /etc/mxpost.conf.base ] || cp /etc/mxpost.conf /etc/mxpost.conf.base
    { cat /etc/mxpost.conf.base; printf '%s\n' "$@"; } > /etc/mxpost.conf
}

name_server() {
    echo "nameserver $1" > /etc/resolv.conf
}

# tries DOMAIN PATTERN: mail for it, whose first log line matches.
tries() {
    letter "$1" | as_user alice sendmail -i -f s@corp.example "u@$1.example"
    wait_until 40 log_has "to=<u@$1\.example>"
    log_has "to=<u@$1\.example>.*$2" || fail "$(grep "to=<u@$1\.example>" "$SYSLOG")"
}

begin_anew() {
    as_user alice mxpost queue delete --all > "$RUN/deleted"
    wait_until 20 no_engine
    : > "$SYSLOG"
}

for server in 198.51.100.55 198.51.100.56; do
    part "validating, with $server"
    name_server "$server"
    setting 'resolver = validating' "trust-anchor = $RUN/dns/root.key"
    mxpost config > "$RUN/config" 2> "$RUN/stderr"
    ! grep 'DANE is off' "$RUN/stderr" || fail "mxpost config says that DANE is off"
    tries right 'tls=TLS.* DANE,.*status=sent'
    tries wrong 'status=deferred'
    tries forged 'status=deferred .*TLSA records of mx\.forged\.example.*fails DNSSEC validation'
    tries unsigned 'tls=TLS.* untrusted,.*status=sent'
    begin_anew
done

part "no name server is trusted, and none validates"
name_server 198.51.100.53
setting
tries wrong 'tls=TLS.* untrusted,.*status=sent'
begin_anew

part "a trusted name server, named"
setting 'resolver = 198.51.100.53' 'trusted-resolver = 198.51.100.53'
tries right 'tls=TLS.* DANE,.*status=sent'
tries wrong 'status=deferred'
begin_anew

part "nobody asks the one beside it, which would pass on what is forged"
setting 'resolver = 198.51.100.53, 198.51.100.55' 'trusted-resolver = 198.51.100.53'
tries right 'tls=TLS.* DANE,.*status=sent'
tries forged 'status=deferred .*TLSA records of mx\.forged\.example.*198\.51\.100\.53 answered SERVFAIL'
begin_anew

part "a system engine says once that DANE is off"
setting
start_system_engine
wait_log 'DANE is off: no name server is trusted'
stop_system_engine
: > "$SYSLOG"
setting 'resolver = 198.51.100.55' 'trusted-resolver = 198.51.100.55'
start_system_engine
wait_log "DANE is off: .*doesn't say that it did"
stop_system_engine
: > "$SYSLOG"
setting 'resolver = 198.51.100.53' 'trusted-resolver = 198.51.100.53'
start_system_engine
tries right 'tls=TLS.* DANE,.*status=sent'
expect_no_log 'DANE is off'
stop_system_engine

part "the doctor says so, and what mends it"
: > "$SYSLOG"
name_server 198.51.100.55
setting "trust-anchor = $RUN/dns/root.key"
dnssec_findings() {
    mxpost doctor --json --from s@corp.example u@right.example > "$RUN/report.json" 2> "$RUN/stderr" || true
    python3 - "$RUN/report.json" /etc/mxpost.conf "$1" <<'PYTHON'
import json
import sys

report, conf, applies = sys.argv[1:]
for finding in json.load(open(report, encoding="utf-8"))["findings"]:
    if finding["check"] not in ("dnssec", "tls"):
        continue
    print(finding["check"], finding["level"], finding["text"])
    for remedy in finding["remedies"] if applies == "apply" else []:
        assert remedy["kind"] == "setting", remedy
        with open(conf, "a", encoding="utf-8") as file:
            file.write(remedy["text"] + "\n")
PYTHON
}
dnssec_findings apply > "$RUN/findings"
grep -q '^dnssec warning DANE is off: no name server is trusted' "$RUN/findings" || fail "$(cat "$RUN/findings")"
dnssec_findings look > "$RUN/findings"
grep -q '^dnssec ok ' "$RUN/findings" || fail "$(cat "$RUN/findings" "$RUN/stderr")"
grep -q "^tls ok .* DANE\$" "$RUN/findings" || fail "$(cat "$RUN/findings" "$RUN/report.json")"
tries right 'tls=TLS.* DANE,.*status=sent'
begin_anew

part "no keys of the root"
setting 'resolver = validating' 'trust-anchor = /etc/none'
expect_exit 78 mxpost config > "$RUN/config"
grep -q 'trust anchor /etc/none' "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
expect_exit 78 mxpost run --once
