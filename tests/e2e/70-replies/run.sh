# Refusals that mean something else than their first digit says.
#
#   sendmail (alice) -> mx.a.test, which refuses each recipient in its own words
#
# Greylisting is tried again when the server says; a block list's 554 keeps the mail, tells the
# administrator once and is tried hourly; Yahoo's "will NOT succeed" waits long; a full mailbox is
# returned (5.2.2) or waits (4.2.2). The administrator's own rules come first; a mistake in them is
# told with file and line, and no engine starts with it.
. "$LAB/lib.sh"

send() {
    letter "$1" | as_user alice sendmail -i -f s@corp.example "$1@a.test"
}

# is_between LOW HIGH RECIPIENT: its message's next attempt is so many minutes away.
is_between() {
    as_user alice mxpost queue list --json --recipient "$3" > "$RUN/json"
    python3 - "$1" "$2" "$RUN/json" <<'END'
import json, sys, time
(one,) = [json.loads(line) for line in open(sys.argv[3], encoding="utf-8")]
minutes = (one["next_attempt"] - time.time()) / 60
sys.exit(not float(sys.argv[1]) <= minutes <= float(sys.argv[2]))
END
}

# The due time is noted a moment after the outcome.
between() {
    wait_until 10 is_between "$@"
}

forget_sites() {
    kill_engines
    rm -f "$SPOOL/1500/state/sites"
}

part "greylisting"
send stated
wait_log 'to=<stated@a\.test>, .*status=deferred \(.*450 4\.2\.0 .*in 7 minutes'
between 6.5 8.1 stated@a.test
send silent
wait_log 'to=<silent@a\.test>, .*status=deferred'
between 4.5 6.1 silent@a.test

part "a block list"
send listed
wait_log 'to=<listed@a\.test>, .*dsn=4\.7\.1, status=deferred \(.*554 5\.7\.1 .*blocked using zen\.spamhaus\.org'
wait_log "This host's address is on a block list: .*mx\.a\.test said: 554 5\.7\.1"
between 55 76 listed@a.test
as_user alice mailq > "$RUN/mailq"
grep -q '554 5.7.1 Service unavailable' "$RUN/mailq" || fail "$(cat "$RUN/mailq")"

part "a 4 that will never succeed"
forget_sites  # this one is to be left alone for an hour
send hopeless
wait_log 'to=<hopeless@a\.test>, .*dsn=4\.7\.1, status=deferred \(.*421 4\.7\.1 \[TS03\]'
wait_log 'Yahoo blocks this host.*\(mx\.a\.test said: 421'
between 235 301 hopeless@a.test

part "a mailbox that is full, and one that is for now"
forget_sites
send full
wait_log 'to=<full@a\.test>, .*dsn=5\.2\.2, status=bounced \(.*552 5\.2\.2'
wait_mail corp 1
expect_text '^Diagnostic-Code: smtp; 552 5\.2\.2' corp 1
send almost
wait_log 'to=<almost@a\.test>, .*dsn=4\.2\.2, status=deferred'
between 115 151 almost@a.test
expect_count corp 1

part "rules of one's own"
forget_sites
mkdir -p /etc/mxpost
cat > /etc/mxpost/replies <<'END'
rule lunch       # an hour and a half
    code    4xx
    text    gone for lunch
    scope   site
    retry   90m
rule moving
    host    .a.test
    code    5xx
    text    moving house
    scope   site
    kind    defer
    give-up 1d
    notice  a.test is moving
rule desk
    code    550
    text    no such desk
    scope   recipient
    notice  Whoever sat there works for b.test now
END
mxpost config > "$RUN/config"
grep -q '^reply-rules *= /etc/mxpost/replies' "$RUN/config"
send lunch
wait_log 'to=<lunch@a\.test>, .*status=deferred'
between 85 114 lunch@a.test
send moved
wait_log 'to=<moved@a\.test>, .*status=deferred \(.*554 5\.3\.2'
wait_log 'a\.test is moving \(mx\.a\.test said: 554 5\.3\.2 Moving house\)'
# The sender is told as well, in the bounce.
forget_sites
send desk
wait_mail corp 2
expect_text '^    Whoever sat there works for b\.test now\.$' corp 2

part "a mistake in them"
forget_sites
echo '    suspnd 2h' >> /etc/mxpost/replies
expect_exit 78 mxpost config > "$RUN/config"
grep -q '^mxpost: /etc/mxpost/replies:19: "suspnd" is no word of a rule$' "$RUN/stderr" ||
    fail "$(cat "$RUN/stderr")"
expect_exit 78 mxpost run
wait_log 'engine can.t start: /etc/mxpost/replies:19: "suspnd"'
rm /etc/mxpost/replies
echo 'provider a' > /etc/mxpost/providers
expect_exit 78 mxpost config > "$RUN/config"
grep -q '^mxpost: /etc/mxpost/providers:1: provider "a" has no host$' "$RUN/stderr" ||
    fail "$(cat "$RUN/stderr")"
rm /etc/mxpost/providers
as_user alice sendmail -qRstated@a.test
as_user alice sendmail -qRsilent@a.test
wait_mail a 2  # who was greylisted
