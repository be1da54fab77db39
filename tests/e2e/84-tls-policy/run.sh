# What the settings demand of TLS, and what is remembered of servers.
#
#   sendmail (alice) -> mx.p.test: Postfix with a self-signed certificate
#                    -> mx.plain.test: offers no TLS
#                    -> mx.broken.test: offers STARTTLS, then answers the handshake with nonsense
#
# tls-policy counts for its domains and their subdomains, more or less than tls. A session with the
# weaker demand isn't used for mail with the stronger one. A failed handshake is remembered for an
# hour, a server's best level for 30 days: by default its loss is said in the log, with no-downgrade
# the mail waits.
. "$LAB/lib.sh"

sessions() {
    grep -c 'S> 220 mx' "$RUN/log/$1"
}

part "each domain's demand"
cp /etc/mxpost.conf "$RUN/mxpost.conf"
echo 'tls-policy = other.test:verify, .plain.test:none, plain.test:encrypt' >> /etc/mxpost.conf
letter may | as_user alice sendmail -i u@p.test
wait_mail postfix 1
letter verify | as_user alice sendmail -i u@other.test
wait_log 'to=<u@other\.test>, .*status=deferred \(TLS failed: the certificate of mx\.p\.test, for tls-policy other\.test:verify: self-signed'
expect_count postfix 1
letter encrypt | as_user alice sendmail -i u@plain.test
wait_log 'to=<u@plain\.test>, .*status=deferred \(TLS is required for tls-policy plain\.test:encrypt, but the server does not offer it\)'
expect_count plain 0
mxpost queue delete --all > /dev/null
wait_empty

part "a policy that makes no sense"
echo 'tls-policy = other.test' > /etc/mxpost.conf
mxpost config > "$RUN/config" 2>&1 && fail "it was taken"
grep -q 'tls-policy must be domain:level, such as example.com:verify, not "other.test"' "$RUN/config" ||
    fail "no help: $(cat "$RUN/config")"
kill_engines
cp "$RUN/mxpost.conf" /etc/mxpost.conf

part "a broken handshake is remembered"
letter clear | as_user alice sendmail -i u@broken.test
wait_mail broken 1
[ "$(sessions broken)" = 2 ] || fail "$(sessions broken) sessions instead of 2"
wait_log 'mx\.broken\.test\[198\.51\.100\.21\]:25: mail goes in clear for an hour: TLS failed'
wait_empty
letter again | as_user alice sendmail -i v@broken.test
wait_mail broken 2
[ "$(grep -c 'C> STARTTLS' "$RUN/log/broken")" = 1 ] || fail "STARTTLS again: $(dialogue broken)"

part "a level that is lost is told"
wait_empty
kill_engines
grep -q '^mx\.p\.test encrypted ' "$SPOOL/1500/state/tls-levels" || fail "nothing was kept: $(cat "$SPOOL/1500/state/"*)"
day=$(($(date +%s) / 86400))
as_user alice sh -c "echo 'mx.plain.test encrypted $((day - 3))' >> '$SPOOL/1500/state/tls-levels'"
letter downgraded | as_user alice sendmail -i u@plain.test
wait_mail plain 1
wait_log "mx\.plain\.test used to offer TLS \(until $(date -u -d "@$(((day - 3) * 86400))" +%F)\) and does so no more: mail goes in clear"

part "or refused"
wait_empty
kill_engines
echo 'tls = no-downgrade' >> /etc/mxpost.conf
letter refused | as_user alice sendmail -i v@plain.test
wait_log 'to=<v@plain\.test>, .*status=deferred \(TLS is required for mx\.plain\.test, which has offered TLS before, but'
expect_count plain 1
letter other | as_user alice sendmail -i u@p.test
wait_mail postfix 2
kill_engines
day=$((day - 40))
as_user alice sh -c "echo 'mx.plain.test encrypted $day' > '$SPOOL/1500/state/tls-levels'"
as_user alice sendmail -q
wait_mail plain 2
