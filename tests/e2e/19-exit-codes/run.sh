# The synchronous modes: -odi waits for the first attempt and tells its outcome by the exit code
# (sysexits.h), -oe says how else a failure is reported, -v shows the dialogue.
#
#   sendmail -odi (alice) -> mx.a.test, which knows good, unknown, blocked, busy and slow
#   bounces -> mx.corp.example
#
. "$LAB/lib.sh"

send() { # EXIT ARGUMENTS...
    local expected=$1 status=0
    shift
    letter "$*" | as_user alice sendmail -i -f s@corp.example "$@" > "$RUN/stdout" 2> "$RUN/stderr" || status=$?
    [ "$status" = "$expected" ] ||
        fail "exit $status, not $expected: $* ($(cat "$RUN/stdout" "$RUN/stderr"))"
}

part "outcomes"
send 0 -odi good@a.test
expect_count a 1
send 67 -odi unknown@a.test
grep -q 'unknown@a.test' "$RUN/stderr" && grep -q 'No such user here' "$RUN/stderr" ||
    fail "stderr says: $(cat "$RUN/stderr")"
send 68 -odi u@nowhere.test
send 69 -odi blocked@a.test
send 0 -odi busy@a.test
send 0 -odi u@broken.test
queue_has 2 || fail "$(message_count) messages wait, not the two deferred ones"
expect_count a 1

part "how failures are reported"
bounces=$(mail_count corp)
send 67 -odi -oem unknown@a.test
bounces=$((bounces + 1))
wait_mail corp $bounces
expect_envelope corp $bounces '' s@corp.example
send 0 -odi -oee unknown@a.test
bounces=$((bounces + 1))
wait_mail corp $bounces
send 67 -odi -oeq unknown@a.test
[ ! -s "$RUN/stderr" ] || fail "-oeq prints: $(cat "$RUN/stderr")"

part "the wait is bounded"
before=$SECONDS
send 0 -odi slow@a.test
((SECONDS - before <= 10)) || fail "waited $((SECONDS - before)) s"
release go
wait_mail a 2

part "the dialogue"
kill_engines # and its warm session, whose greeting was said before
send 0 -v good@a.test
cat "$RUN/stdout" "$RUN/stderr" > "$RUN/verbose"
for line in 'S> 220 mx.a.test' 'C> EHLO host.example' 'C> MAIL FROM:<s@corp.example>' \
    'C> RCPT TO:<good@a.test>' 'S> 354' 'S> 250 2.0.0 Ok: taken'; do
    grep -qF -- "$line" "$RUN/verbose" || fail "no \"$line\" in $(cat "$RUN/verbose")"
done

part "mistakes of the caller"
send 64 -odi
send 64 -y good@a.test
expect_count a 3

part "an engine that can't start is no reason to wait"
kill_engines
mkdir -p /etc/mxpost
echo nonsense > /etc/mxpost/replies
before=$SECONDS
send 0 -v good@a.test
((SECONDS - before <= 20)) || fail "waited $((SECONDS - before)) s"
cat "$RUN/stdout" "$RUN/stderr" > "$RUN/verbose"
grep -q 'waiting: the engine has ended with exit status 78; "mxpost run --once" says why' "$RUN/verbose" ||
    fail "$(cat "$RUN/verbose")"
rm /etc/mxpost/replies
