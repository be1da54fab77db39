# mxpost doctor: one thing is broken at a time; it and nothing else is blamed, and where a remedy is a
# record, a setting or a command, doing literally what it says mends it.
#
#   mxpost doctor -> unbound, mx.a.test, mx.b.test, mx.c.test (.41 … .43), Postfix .44 (expired)
#
# Name servers keep answers for a second, so each state is waited for.
. "$LAB/lib.sh"
. "$LAB/dkim.sh"
nft list tables > /dev/null 2>&1 || skip "no nftables in this kernel"
zone=$RUN/dns/root.zone
report=$RUN/report.json
from=user@corp.example

examine() { # [RECIPIENT…]
    status=0
    mxpost doctor --json --from "$from" "$@" > "$report" 2> "$RUN/stderr" || status=$?
    # What this machine's file system is, is no business of the case.
    "$CASE/report.py" blamed "$report" > "$RUN/all"
    grep -v '^spool:warning$' "$RUN/all" > "$RUN/blamed" || true
}
is_blamed() { # "CHECK:LEVEL…" [RECIPIENT…]
    local expected=$1
    shift
    examine "$@"
    [ "$(tr '\n' ' ' < "$RUN/blamed" | sed 's/ $//')" = "$expected" ]
}
# blames "CHECK:LEVEL…" TEXT [RECIPIENT…]
blames() {
    local expected=$1 text=$2
    shift 2
    [ $# -gt 0 ] || set -- u@a.test
    wait_until 30 is_blamed "$expected" "$@" || fail "$expected: $(cat "$RUN/blamed" "$report" "$RUN/stderr")"
    grep -Eq -- "$text" "$report" || fail "it doesn't say $text: $(cat "$report")"
}
is_well() {
    blames "" '"worst"' "$@"
}
mend() {
    "$CASE/report.py" apply "$report" "$zone" /etc/mxpost.conf || fail "can't be applied: $(cat "$report")"
    reload_zones
}
# broken SED-EXPRESSION LINE…: a change of the zone, and lines added to it.
broken() {
    sed -i -E "$1" "$zone"
    shift
    printf '%s\n' "$@" >> "$zone"
    reload_zones
}
# row "CHECK:LEVEL" TEXT: blamed, mended by its own remedy, well again.
row() {
    blames "$@"
    mend
    is_well
}
spf='/^corp\.example\..*v=spf1/d'

mxpost dkim new corp.example --selector s1 > "$RUN/new"
publish "$(records "$RUN/new" | sed 's/ 3600 / 1 /; s/^\([^ ]*\) IN/\1 1 IN/')"
key=$(sed -n 's/^dkim = corp\.example //p' "$RUN/new")
configure "dkim = corp.example $key, *.corp.example $key" 'local-mail-to = root@corp.example'

part "all is well"
is_well
[ "$status" = 0 ] || [ "$status" = 1 ] || fail "exit status $status"
mxpost doctor --from user@corp.example u@a.test > "$RUN/text" || true
grep -q '^This host$' "$RUN/text" || fail "$(cat "$RUN/text")"
mxpost doctor --verbose --from user@corp.example u@a.test > "$RUN/text2" 2> "$RUN/verbose" || true
grep -q '^== DNS a\.test MX: 10 mx\.a\.test (.* ms)$' "$RUN/verbose" || fail "$(cat "$RUN/verbose")"
grep -q '^<- 220 mx\.a\.test ' "$RUN/verbose" || fail "$(cat "$RUN/verbose")"
grep -q "ok .*mx\.a\.test\[198\.51\.100\.41\]: answers in .* 220 " "$RUN/text" || fail "$(cat "$RUN/text")"
expect_count a 0

part "SPF: missing, another address, two records, too many look-ups, no such mechanism"
broken "$spf"
row spf:problem 'no SPF record says that mail may come from 192\.0\.2\.1'
broken "$spf" 'corp.example. 1 IN TXT "v=spf1 ip4:192.0.2.77 -all"'
row spf:problem 'gets ."fail.": ."-all." of corp\.example'
broken "$spf" 'corp.example. 1 IN TXT "v=spf1 ip4:192.0.2.77 -all"' 'corp.example. 1 IN TXT "v=spf1 mx ~all"'
row spf:problem 'corp\.example has 2 SPF records'
broken "$spf" 'corp.example. 1 IN TXT "v=spf1 include:_spf.many.test include:_spf.many.test -all"'
row spf:problem 'permerror'
broken "$spf" 'corp.example. 1 IN TXT "v=spf1 ipv4:192.0.2.1 -all"'
row spf:problem 'no such mechanism'

part "DKIM: missing, another key, a truncated record"
broken '/^s1\._domainkey\./d'
row dkim:problem 's1\._domainkey\.corp\.example has no TXT record'
other=$(openssl genrsa 2048 2> /dev/null | openssl pkey -pubout -outform DER | base64 -w 0)
broken '/^s1\._domainkey\./d' "s1._domainkey.corp.example. 1 IN TXT \"v=DKIM1; k=rsa; p=${other:0:200}\" \"${other:200}\""
row dkim:problem "doesn't fit"
broken '/^s1\._domainkey\./d' "s1._domainkey.corp.example. 1 IN TXT \"v=DKIM1; k=rsa; p=${other:0:120}\""
row dkim:problem "doesn't fit"

part "DMARC: there is none"
broken '/^_dmarc\.corp\.example/d'
row dmarc:warning 'there is no DMARC record'

part "DMARC: not aligned"
# The signature is by corp.example, and nothing else vouches for the domain below it.
from=user@web.corp.example
broken '/^_dmarc\.corp\.example/d' '_dmarc.corp.example. 1 IN TXT "v=DMARC1; p=reject; adkim=s"' \
    'web.corp.example. 1 IN MX 10 mx.a.test.'
row "dmarc:problem spf:problem" "which adkim=s of corp\.example doesn't take for web\.corp\.example"
from=user@corp.example

part "PTR: none, not confirmed; IPv6 without one"
broken '/^1\.2\.0\.192\.in-addr/d'
row ptr:problem 'it has no PTR record, and many servers refuse'
broken '/^1\.2\.0\.192\.in-addr/d' '1.2.0.192.in-addr.arpa. 1 IN PTR elsewhere.example.'
row ptr:problem 'elsewhere\.example has no A record that leads back'
broken '/^1\.2\.0\.192\.in-addr/d' '1.2.0.192.in-addr.arpa. 1 IN PTR host.example.'
is_well
if ip -6 addr show dev eth0 | grep -q 2001:db8::1; then
    broken '/ip6\.arpa\./d'
    row ptr:warning 'so mail leaves over IPv4 only'
fi

part "HELO: a short name"
cp /etc/mxpost.conf "$RUN/conf"
cp /etc/hosts "$RUN/hosts"
sed -i '/^host-name/d' /etc/mxpost.conf
echo '127.0.0.1 localhost' > /etc/hosts
hostname host
row helo:warning 'this host is called ."host.", which is no full name'
hostname host.example
cp "$RUN/hosts" /etc/hosts
cp "$RUN/conf" /etc/mxpost.conf
echo 'helo-name = nowhere.example' >> /etc/mxpost.conf
row helo:problem "HELO says this name, which the DNS doesn't know"
cp "$RUN/conf" /etc/mxpost.conf

part "a block list"
broken '' '1.2.0.192.bl.test. 1 IN A 127.0.0.2' '1.2.0.192.bl.test. 1 IN TXT "spam seen"'
blames block-list:problem 'it is on the block list bl\.test: spam seen'
broken '/^1\.2\.0\.192\.bl\.test/d' '1.2.0.192.bl.test. 1 IN A 127.255.255.254'
is_well
grep -q 'not checked' "$report" || fail "$(cat "$report")"

part "port 25: dropped, refused; a server that is down"
firewall() {
    nft -f - <<NFT
table inet lab {
    chain out {
        type filter hook output priority 0;
        tcp dport 25 $1
    }
}
NFT
}
firewall drop
blames port-25:problem 'outgoing mail is blocked, most likely by the provider'
nft flush ruleset
for verdict in 'tcp reset' 'icmpx admin-prohibited'; do
    firewall "reject with $verdict"
    blames port-25:problem 'a firewall of this host or its network'
    nft flush ruleset
done
blames connect:problem "it doesn't answer on port 25" u@down.test
grep -q 'mail servers can be reached on port 25' "$report" || fail "$(cat "$report")"
# A limit that comes while a server is waited for.
mxpost doctor --json --verbose --time-limit 2s --from user@corp.example u@down.test > "$report" 2> "$RUN/stderr" || true
grep -q 'took longer than 2 s' "$report" || fail "$(cat "$report" "$RUN/stderr")"

part "the recipient's domain"
blames mx:problem 'null MX' u@null.test
blames mx:problem 'there is no such domain' u@none.test
blames tls:warning 'certificate has expired' u@expired.test
is_well u@a.test u@b.test

part "several things at once"
broken "$spf; /^1\.2\.0\.192\.in-addr/d; /^s1\._domainkey\./d; /^_dmarc\.corp/d" \
    '_dmarc.corp.example. 1 IN TXT "v=DMARC1; p=reject"'
row "dkim:problem dmarc:warning ptr:problem spf:problem" 'no SPF record'

part "any two at once"
declare -A breaks=(
    [spf]=$spf
    [dkim]='/^s1\._domainkey\./d'
    [dmarc]='/^_dmarc\.corp\.example/d'
    [ptr]='/^1\.2\.0\.192\.in-addr/d'
)
broken "${breaks[dmarc]}" '_dmarc.corp.example. 1 IN TXT "v=DMARC1; p=none"'
declare -A level=([spf]=spf:problem [dkim]=dkim:problem [dmarc]=dmarc:warning [ptr]=ptr:problem)
for first in "${!breaks[@]}"; do
    for second in "${!breaks[@]}"; do
        [[ $first < $second ]] || continue
        broken "${breaks[$first]}; ${breaks[$second]}"
        row "${level[$first]} ${level[$second]}" .
    done
done

part "one of them, and one that no record mends"
# beside CHECK:LEVEL [RECIPIENT]: with each of the four; the remedy of the one leaves the other.
beside() {
    local other=$1 each
    shift
    for each in "${!breaks[@]}"; do
        broken "${breaks[$each]}"
        blames "$(printf '%s\n' "$other" "${level[$each]}" | sort | paste -sd ' ')" . "$@"
        mend
        blames "$other" . "$@"
    done
}
firewall "reject with tcp reset"
beside port-25:problem
nft flush ruleset
broken '' '1.2.0.192.bl.test. 1 IN A 127.0.0.2'
beside block-list:problem
broken '/^1\.2\.0\.192\.bl\.test/d'
beside tls:warning u@expired.test
beside mx:problem u@null.test
is_well

part "the name server: dead, slow, without DNSSEC"
cp /etc/resolv.conf "$RUN/resolv.conf"
echo 'nameserver 203.0.113.99' > /etc/resolv.conf
blames resolver:problem "the name server doesn't answer"
"$CASE/slow_dns.py" 127.0.0.2 198.51.100.53 2.2 > "$RUN/log/slow" 2>&1 &
wait_until 10 grep -q ready "$RUN/log/slow"
echo 'nameserver 127.0.0.2' > /etc/resolv.conf
mxpost doctor --json --time-limit 60s --from user@corp.example u@a.test > "$report" || true
[ "$("$CASE/report.py" blamed "$report" | grep -v '^spool:')" = resolver:warning ] || fail "$(cat "$report")"
# It ends in time all the same, with what it knows.
begin=$SECONDS
mxpost doctor --json --time-limit 4s --from user@corp.example u@a.test > "$report" || true
[ $((SECONDS - begin)) -le 20 ] || fail "it took $((SECONDS - begin)) s"
grep -q 'took longer than 4 s' "$report" || fail "$(cat "$report")"
cp "$RUN/resolv.conf" /etc/resolv.conf
sed -i '/^dane/d' /etc/mxpost.conf
blames dnssec:warning 'DANE is off'

part "a page"
mxpost doctor --html "$RUN/page.html" --from user@corp.example u@a.test > "$RUN/text" || true
grep -q 'corp\.example' "$RUN/page.html" || fail "no page"
! grep -Eq 'https?:|<script|src=' "$RUN/page.html" || fail "the page needs something"
expect_exit 64 mxpost doctor --from nobody
expect_exit 64 mxpost doctor 'not a domain'
# No mail was sent by any of it.
for server in a b c postfix; do
    expect_count $server 0
done

part "whether the recipient is taken, where that is asked for"
wait_until 20 is_blamed "dnssec:warning" --probe u@a.test || fail "$(cat "$report")"
grep -q 'the recipient is taken: mx\.a\.test\[198\.51\.100\.41\] said: 250 ' "$report" || fail "$(cat "$report")"
wait_until 20 is_blamed "dnssec:warning rcpt:problem" --probe nobody@a.test || fail "$(cat "$report")"
wait_until 20 is_blamed "dnssec:warning" --probe grey@a.test || fail "$(cat "$report")"
grep -q 'not yet (greylisting), and taken later: ' "$report" || fail "$(cat "$report")"
expect_count a 0

part "a test message, where it is asked for"
expect_exit 64 mxpost doctor --send a.test
mxpost doctor --json --send --from user@corp.example u@a.test > "$report" || true
wait_mail a 1
expect_envelope a 1 user@corp.example u@a.test
grep -q 'test message: u@a\.test\.\.\. Sent' "$report" || fail "$(cat "$report")"
# What waits may never arrive.
mxpost doctor --json --send --from user@corp.example grey@a.test > "$report" || true
grep -Eq '"level": ?"warning", ?"text": ?"test message: grey@a\.test\.\.\. Deferred' "$report" || fail "$(cat "$report")"
