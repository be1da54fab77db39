# The first servers of a domain don't work, each in another way.
#
#   sendmail (alice) -> dead (refused), gone (no address), no (554 greeting), rude (hangs up), good
#
# They are tried in the order of their preference, in one attempt, and the last one gets the mail.
. "$LAB/lib.sh"

printf 'Subject: dead\n\nbody\n' | as_user alice sendmail -i u@a.test
wait_mail good 1 40
expect_envelope good 1 alice@corp.example u@a.test
wait_log 'to=<u@a\.test>, host=good\.a\.test\.?\[198\.51\.100\.23\]:25, .*status=sent'
grep -q 'S> 554' "$RUN/log/no" || fail "no.a.test wasn't tried"
grep -q 'C> EHLO' "$RUN/log/rude" || fail "rude.a.test wasn't tried"
wait_empty
expect_no_log 'to=<u@a\.test>.*status=(deferred|bounced|failed)'
