# at mails a job's output to its owner: an unqualified name in argument and header, group daemon,
# working directory /, the job's own output file as stdin.
#
#   atd -> job (alice) -> sendmail -i alice -> Postfix, MX of corp.example (the from-domain)
#
# It goes to alice@corp.example, with the name completed in the header too.
. "$LAB/lib.sh"

mkdir -p /var/spool/cron/atjobs
atd -f &
atd_is_up() {
    [ -s /run/atd.pid ]
}
wait_until 5 atd_is_up
echo 'echo at-out; echo . ; echo err >&2' | as_user alice at now 2> /dev/null
wait_mail postfix 1
mail_diff expect/mail postfix 1
expect_envelope postfix 1 alice@corp.example alice@corp.example
wait_empty
