# Software that speaks SMTP to this host: swaks, Postfix's smtp-source, and many at once.
#
#   swaks, smtp-source, load.py -> 127.0.0.1:25, [::1]:25 (sendmail -bd) -> mx.a.test
#
# `sendmail -bd` returns when its sockets are open, or says why they aren't. What got 250 arrives,
# also when the engine is killed in the middle of a load; a load's end is no loss either.
. "$LAB/lib.sh"

# The engine's pid: root's local helper has the same name.
serving() {
    pgrep -x -u mxpost mxpost
}

listens() {
    (exec 3<> "/dev/tcp/$1/25") 2> /dev/null
}

# Counts each Subject once: of those that were acknowledged in the file $1, how many are missing.
missing() {
    local subjects
    subjects=$(cat "$RUN"/got/a/*.eml 2> /dev/null | tr -d '\r' | sed -n 's/^Subject: //p' | sort -u)
    comm -23 <(sort -u "$1") <(printf '%s\n' "$subjects")
}
all_there() {
    [ -z "$(missing "$1")" ]
}

part "nothing listens by default"
start_system_engine
wait_until 10 has_engine
! listens 127.0.0.1 || fail "port 25 is open"
stop_system_engine
wait_until 10 no_engine

part "-bd as init scripts have it"
expect_exit 0 /usr/sbin/sendmail -L sm-mta -bd -q15m
listens 127.0.0.1 || fail "-bd returned before port 25 was open"
listens ::1 || fail "no listener on ::1"
[ -n "$(serving)" ] || fail "the listener isn't user mxpost"
expect_exit 71 /usr/sbin/sendmail -bd
grep -q "can't listen on 127.0.0.1:25.*another mail server" "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
expect_exit 77 as_user alice /usr/sbin/sendmail -bd

part "swaks"
swaks --server 127.0.0.1 --from app@corp.example --to one@a.test,two@a.test --helo app.corp.example \
    --header 'Subject: by swaks' --body 'hello' --silent 2 || fail "swaks: $?"
smtp-source -6 -f app@corp.example -t three@a.test '[::1]:25'
wait_mail a 2
swaks_mail=$(find_mail a '^Subject: by swaks')
expect_envelope a "$swaks_mail" app@corp.example one@a.test two@a.test
expect_text '^Received: from app\.corp\.example \(\[127\.0\.0\.1\]\)' a "$swaks_mail"
expect_text 'by host\.example \(mxpost\) with ESMTP' a "$swaks_mail"
wait_log 'client=app\.corp\.example \(\[127\.0\.0\.1\]\) from=<app@corp\.example>.*nrcpt=2'

part "refusals"
expect_exit 24 swaks --server 127.0.0.1 --from app@corp.example --to '@@nonsense' --silent 3
swaks --server 127.0.0.1 --quit-after RCPT --from a@corp.example --to b@a.test \
    --xclient 'ADDR=192.0.2.99' --silent 3 > "$RUN/xclient" 2>&1 && fail "XCLIENT was taken" || true

part "smtp-source, 20 at a time"
smtp-source -s 20 -m 400 -l 2000 -f src@corp.example -t sink@a.test 127.0.0.1:25
wait_mail a 402 60
wait_empty

part "killed in the middle of a load"
"$CASE/load.py" 20 4000 one@a.test "$RUN/acknowledged" &
load=$!
acknowledged() {
    [ -e "$RUN/acknowledged" ] && [ "$(wc -l < "$RUN/acknowledged")" -ge 200 ]
}
wait_until 20 acknowledged
kill_engines
wait "$load" || fail "load.py"
echo "acknowledged: $(wc -l < "$RUN/acknowledged") of 4000"
[ "$(wc -l < "$RUN/acknowledged")" -lt 4000 ] || fail "the load was over before the kill"
expect_exit 0 /usr/sbin/sendmail -bd
wait_until 60 all_there "$RUN/acknowledged"
wait_empty 60

part "told to end in the middle of a load"
"$CASE/load.py" 20 4000 two@a.test "$RUN/acknowledged2" &
load=$!
acknowledged2() {
    [ -e "$RUN/acknowledged2" ] && [ "$(wc -l < "$RUN/acknowledged2")" -ge 200 ]
}
wait_until 20 acknowledged2
engine=$(serving)
kill -TERM "$engine"
wait "$load" || fail "load.py"
wait_until 25 no_engine
expect_exit 0 /usr/sbin/sendmail -bd
wait_until 60 all_there "$RUN/acknowledged2"
wait_empty 60

part "an idle client hears of the end, a message that is coming in is taken"
"$CASE/end.py" "$(serving)" || fail "end.py"
wait_until 25 no_engine
ln -s sendmail /usr/sbin/smtpd
expect_exit 0 /usr/sbin/smtpd
echo "the last one" > "$RUN/last"
wait_until 20 all_there "$RUN/last"
