# Servers that say anything but what they should.
#
#   sendmail (alice) -> words: escape sequences, NULs, broken UTF-8 and MIME in all that it says
#                    -> others: floods, garbage, resets, at one step each
#   bounce -> mx.corp.example, the sender's
#
# Nothing that people are shown has a control character: log, mailq, queue list, show, trace, stats,
# watch, doctor, -v, the report. No flood is heard out: each message is deferred at once, with the
# reason, and the engine's memory stays what it was.
. "$LAB/lib.sh"

sanitized=
[ ! -d /usr/lib/mxpost-lab ] || sanitized=1
start_system_engine
letter first | as_user alice sendmail -i -f s@corp.example first@linefeed.test
wait_mail linefeed 1 # by line feeds alone
wait_empty
peak() { # the engine's memory at its highest, in KiB
    awk '/^VmHWM:/ { print $2 }' "/proc/$system_engine/status"
}
before=$(peak)

part "floods, garbage and resets"
deferring="garbage line lines unended code replies keywords reset data verdict"
for name in $deferring handshake; do
    letter "$name" | as_user alice sendmail -i -f s@corp.example "u@$name.test"
done
reason() { # NAME REGEX
    wait_log "to=<u@$1\.test>, host=mx\.$1\.test.*status=deferred \($2"
}
broken='the server broke the protocol: '
reason garbage "${broken}its reply is not SMTP: a line without a reply code"
reason line "${broken}its reply is not SMTP: a line over 4096 octets"
reason lines "${broken}its reply is not SMTP: a reply over 100 lines"
reason unended 'connection lost while waiting for the greeting'
reason code "${broken}its reply is not SMTP: a line without a reply code"
reason replies "${broken}an unexpected reply"
reason keywords "${broken}its reply is not SMTP: a reply over 100 lines"
reason reset 'connection lost .*while waiting for the reply to MAIL'
reason data "${broken}an unexpected reply"
reason verdict "${broken}its reply is not SMTP: a line over 4096 octets"
wait_mail handshake 1 # in clear, on a second connection
for name in garbage line lines replies keywords data verdict handshake; do
    wait_until 10 grep -q 'heard out to less than' "$RUN/log/$name"
done
heard=$(sed -n 's/.* heard out to less than \([0-9]*\) octets/\1/p' "$RUN"/log/* | sort -n | tail -n 1)
echo "the server that could say most said less than $heard octets, most of it to the kernel"
((heard < 64 << 20)) || fail "$heard octets were heard"
queue_has "$(wc -w <<< "$deferring")"
grown=$(($(peak) - before))
echo "the engine's memory: $before KiB, and $grown more after the floods"
((grown < (sanitized ? 200000 : 8000))) || fail "the engine grew by $grown KiB"

part "words"
letter words | as_user alice sendmail -i -f s@corp.example later@words.test never@words.test now@words.test
wait_log 'to=<later@words\.test>, .*status=deferred \(450 4\.2\.0 \?\]0;owned\? Mailbox \? \?31m \?31m grüß \?\? \? \? busy \?tnes'
wait_log 'to=<never@words\.test>, .*dsn=5\.1\.1, status=bounced \(550 5\.1\.1 \?\[2J --=_0_0'
wait_log 'to=<now@words\.test>, .*status=sent \(250 2\.0\.0 taken \?\[31m \? as \?'
wait_mail corp 1
python3 "$CASE/bounce.py" "$(got corp 1)"

part "what is shown"
shown=$RUN/shown
mkdir "$shown"
# show FILE COMMAND...: as alice, whatever its exit status.
show() {
    local file=$shown/$1
    shift
    as_user alice "$@" > "$file" 2>&1 < /etc/hostname || true
}
is_deferred() { as_user alice mxpost queue list --json --recipient later@words.test | grep -q '"queue_name":"deferred"'; }
wait_until 10 is_deferred
id=$(as_user alice mxpost queue list --json --recipient later@words.test | sed 's/.*"queue_id": *"\([^"]*\)".*/\1/')
show mailq mailq
show mailq-v mailq -v
show hosts sendmail -bh
show list.json mxpost queue list --json
show show mxpost queue show "$id"
show show.json mxpost queue show --json "$id"
show trace mxpost trace "$id"
show trace.json mxpost trace --json "$id"
show stats mxpost queue stats
show stats.json mxpost queue stats --json
show watch mxpost queue watch --count 1
show watch.json mxpost queue watch --json --count 1
show doctor mxpost doctor --from s@corp.example later@words.test
show doctor.json mxpost doctor --json --from s@corp.example later@words.test
for name in $deferring; do
    other=$(as_user alice mxpost queue list --json --recipient "u@$name.test" | sed 's/.*"queue_id": *"\([^"]*\)".*/\1/')
    show "trace-$name" mxpost trace "$other"
done
stop_system_engine
show verbose sendmail -v -i -f s@corp.example later@words.test
# Something of the server's words is in each: or nothing would be proved.
for file in mailq mailq-v hosts list.json show show.json trace trace.json stats stats.json verbose; do
    grep -q 'owned' "$shown/$file" || fail "$file has nothing of it: $(cat -v "$shown/$file")"
done
cp "$SYSLOG" "$shown/log"
find "$SPOOL" -path '*/state/*' -type f -size +0 -exec cp -t "$shown" {} +
python3 "$CASE/clean.py" "$shown"/*
