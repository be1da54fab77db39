# There is no writable spool: a read-only root. A person's mail goes to the queue in their home
# directory; a service user, who has none, gets spool-less delivery: the exit code is the answer.
#
#   sendmail (alice: home; www-data: none) -> mx.a.test
#
# www-data: 0 where all have accepted, or some and the bounce for the rest as well; 69 where the
# bounce can't be sent; 67, 68, 69, 75 by cause where nobody accepted. Told to end, it finishes what
# is under way, and its exit code says how far it got. Nothing is left in a spool.
. "$LAB/lib.sh"

mount -o remount,bind,ro "$SPOOL"

part "alice"
letter home | as_user alice sendmail -i -odq u1@a.test || fail "exit $?"
[ -n "$(find /home/alice/.local/state/mxpost -type f)" ] || fail "nothing in alice's home"
as_user alice mailq > "$RUN/mailq"
grep -q u1@a.test "$RUN/mailq" || fail "mailq says: $(cat "$RUN/mailq")"
as_user alice sendmail -q
wait_mail a 1

send() { # EXIT ARGUMENTS...
    local expected=$1 status=0
    shift
    letter "$*" | as_user www-data sendmail -i "$@" > "$RUN/stdout" 2> "$RUN/stderr" || status=$?
    [ "$status" = "$expected" ] || fail "exit $status, not $expected: $* ($(cat "$RUN/stderr"))"
}

part "www-data: all or nobody"
send 0 -f s@corp.example u2@a.test u3@a.test
expect_count a 2
expect_envelope a 2 s@corp.example u2@a.test u3@a.test
id=$(sed -n 's/.*sendmail\[.*: \([0-9a-z]\{18\}\): uid=33 .*nrcpt=2 .*/\1/p' "$SYSLOG")
wait_log "mxpost\\[.*: $id: to=<u3@a\\.test>, .*status=sent" # one name in both programs' lines
send 67 -f s@corp.example unknown@a.test
send 68 -f s@corp.example u@nowhere.test
send 69 -f s@corp.example blocked@a.test
send 75 -f s@corp.example busy@a.test
send 75 -f s@corp.example u@dead.test
expect_count a 2

part "www-data: some"
bounces=$(mail_count corp)
send 0 -f s@corp.example u4@a.test unknown@a.test
expect_count a 3
wait_mail corp $((bounces + 1))
expect_text 'unknown@a\.test' corp $((bounces + 1))
send 69 -f s@dead.test u5@a.test unknown@a.test busy@a.test
expect_count a 4
expect_envelope a 4 s@dead.test u5@a.test
for who in unknown@a.test busy@a.test; do
    grep -q "$who" "$RUN/stderr" || fail "$who isn't on stderr: $(cat "$RUN/stderr")"
done
! grep -q u5@a.test "$RUN/stderr" || fail "u5 is on stderr: $(cat "$RUN/stderr")"

part "www-data: told to end"
# ended MARK HOLD EXIT ARGUMENTS...: SIGTERM when the server has come to MARK
ended() {
    local mark=$1 hold=$2
    shift 2
    send "$@" &
    wait_mark "$mark"
    kill -TERM "$(pgrep -u www-data -x sendmail)"
    release "$hold"
    wait $! || exit 1
}
ended at-end end-go 0 -f held@corp.example u6@a.test
expect_count a 5
expect_envelope a 5 held@corp.example u6@a.test
ended at-rcpt rcpt-go 69 -f s@corp.example late@a.test u7@b.test
expect_count a 6
grep -q 'u7@b\.test' "$RUN/stderr" || fail "$(cat "$RUN/stderr")"

part "www-data: who got nothing is told of, whether refused for good or not"
send 0 -f s@corp.example u8@a.test unknown@a.test busy@a.test
for who in unknown@a.test busy@a.test; do
    grep -q "$who" "$RUN/stderr" || fail "$who isn't on stderr: $(cat "$RUN/stderr")"
done
queue_is_empty
