# The machine restarts while mail is deferred: its engine dies, the system engine starts.
#
#   sendmail (alice, bob) -> mx.a.test (450 once) -> all engines killed -> `mxpost run` -> mx.a.test
#
# The system engine keeps to the schedule (retry-min is 3 s here), needs no flush, and knows from
# the journal who has the mail already.
. "$LAB/lib.sh"

letter one | as_user alice sendmail -i -f s@corp.example u1@a.test
letter two | as_user bob sendmail -i -f s@corp.example u2@a.test
wait_log 'to=<u1@a\.test>, .*status=deferred \(.*450 4\.2\.0 Mailbox busy'
wait_log 'to=<u2@a\.test>, .*status=deferred \(.*450 4\.2\.0 Mailbox busy'
kill_engines
queue_has 2
start_system_engine
wait_mail a 2 30
wait_empty
n=$(find_mail a '^Subject: two')
expect_envelope a "$n" s@corp.example u2@a.test
[ "$(stat -c %U "/proc/$system_engine")" = mxpost ] || fail "the system engine runs as root"
stop_system_engine
no_engine || fail "left: $(engines)"
