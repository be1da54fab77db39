# Cron's mail for root, through the alias file to a user's mailbox, read with mailx; and what has no
# mailbox, or no helper.
#
#   cron (root) -> root: alice -> /var/mail/alice <- mailx
#   alice, no system engine -> bob: waits, and mailq says what for
#
. "$LAB/lib.sh"

in_mailbox() {
    [ "$(grep -c '^From ' "/var/mail/$1" 2> /dev/null || true)" = "$2" ]
}

part "without the system engine"
letter early alice@host.example | as_user alice sendmail -i bob@host.example
wait_log 'to=<bob@host\.example>, .*dsn=4\.3\.0, status=deferred .*needs the system engine'
as_user alice mailq > "$RUN/mailq"
grep -q 'needs the system engine and the local helper' "$RUN/mailq" || fail "$(cat "$RUN/mailq")"
[ ! -e /var/mail/bob ] || fail "somebody wrote bob's mailbox"
kill_engines

part "cron's queue run, where there is no systemd"
[ ! -d /run/systemd/system ] || fail "this lab has systemd"
line=$(grep '^\*/10' /usr/lib/mxpost-lab/crontab)
[[ $line =~ ^\*/10\ \*\ \*\ \*\ \*\ +root\ +(.*)$ ]] || fail "not root's: $line"
letter second alice@host.example | as_user alice sendmail -i -odq bob@host.example
sh -c "${BASH_REMATCH[1]}"
wait_until 20 in_mailbox bob 1
rm -f /var/mail/bob

part "the engine that is started as root has a helper of its own"
echo 'root: alice' > /etc/aliases
start_system_engine
wait_until 20 pgrep -x mxpost-local > /dev/null
[ "$(ps -o user= -C mxpost)" = mxpost ] || fail "the engine runs as: $(ps -o user= -C mxpost)"
# The system engine may not have the box yet: then alice's own engine tries again in vain.
asked_again() {
    as_user alice sendmail -q
    in_mailbox bob 1
}
wait_until 20 asked_again
[ "$(stat -c '%U:%G %a' /var/mail/bob)" = 'bob:mail 660' ] || fail "$(stat /var/mail/bob)"

part "cron"
printf '* * * * * root echo the job says hello\n' > /etc/cron.d/hello
cron
wait_until 80 in_mailbox alice 1
rm /etc/cron.d/hello
pkill -x cron
cp /var/mail/alice "$RUN/mailbox"
grep -q '^the job says hello$' /var/mail/alice
grep -q '^Subject: Cron <root@host> echo the job says hello$' /var/mail/alice
grep -q '^Delivered-To: alice@' /var/mail/alice || fail "$(cat /var/mail/alice)"
grep -q '^X-Original-To: root@' /var/mail/alice
printf 'headers\nexit\n' | as_user alice mailx -n -N -f /var/mail/alice > "$RUN/headers"
grep -q 'Cron <root@host>' "$RUN/headers" || fail "$(cat "$RUN/headers")"

part "who has no mailbox"
letter system | sendmail -i -f alice@host.example www-data@host.example
wait_log 'to=<www-data@host\.example>, .*status=deferred .*have no mailbox: name in /etc/aliases'
[ ! -e /var/mail/www-data ]
letter unknown | sendmail -i -f alice@host.example nobody-here@host.example
# For some seconds after root's line was written, who has no alias might still get one.
is_returned() {
    sendmail -q
    in_mailbox alice 2
}
wait_until 20 is_returned
grep -q 'Status: 5.1.1' /var/mail/alice || fail "$(cat /var/mail/alice)"
echo 'www-data: bob' >> /etc/aliases
sendmail -q
wait_until 20 in_mailbox bob 2
wait_empty
stop_system_engine
wait_until 5 no_engine
helper_is_gone() { ! pgrep -x mxpost-local > /dev/null; }
wait_until 5 helper_is_gone

part "as the first process of a container it leaves no zombies of what delivery programs left"
setsid unshare --pid --fork --kill-child mxpost run > "$RUN/log/container.out" 2>&1 &
container=$!
wait_until 20 pgrep -x mxpost-local > /dev/null
first=$(pgrep -P "$container" -x mxpost)
nsenter --target "$first" --pid setsid --fork sh -c 'touch /tmp/orphan-ran'
wait_until 10 test -e /tmp/orphan-ran
no_zombies() { ! ps --ppid "$first" -o stat= | grep -q Z; }
wait_until 10 no_zombies
kill -TERM "$first"
wait "$container" || fail "status $?"
wait_until 5 helper_is_gone
