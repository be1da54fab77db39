# Debian's cron mails a job's output to the list in MAILTO, one argument with a comma, from a header
# with unqualified names, without a final newline, and reads what sendmail prints until it ends.
#
#   cron -> job (alice, @reboot) -> sendmail -FCronDaemon -i -B8BITMIME -oem LIST -> Postfix
#
# Both recipients get the output byte for byte; cron itself comes to an end with the job.
. "$LAB/lib.sh"

rm -rf /etc/crontab /etc/cron.* /var/run/crond.reboot /var/spool/cron/crontabs/*
cat > /var/spool/cron/crontabs/alice <<'CRONTAB'
MAILTO=ops@p.test,second@q.test
@reboot printf 'one\n.\nafter the dot \303\274\nno newline'
CRONTAB
chown alice:crontab /var/spool/cron/crontabs/alice
chmod 600 /var/spool/cron/crontabs/alice
cron -f &

wait_mail postfix 2
for n in 1 2; do
    mail_diff expect/mail postfix $n
done
first=1 second=2
[ "$(envelope postfix 1 | tail -n 1)" = "to <ops@p.test>" ] || first=2 second=1
expect_envelope postfix $first alice@corp.example ops@p.test
expect_envelope postfix $second alice@corp.example second@q.test

children_are_gone() {
    ! pgrep -x CRON > /dev/null
}
wait_until 5 children_are_gone
