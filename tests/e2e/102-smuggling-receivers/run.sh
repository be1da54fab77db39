# Every sequence of CR, LF, dot and NUL that some server may take for the end of data, with another
# message hidden behind it; and the servers that differ in this.
#
#   smuggling.py (alice) <-> sendmail, with and without -i, and -bs -> system engine
#        "       (app)   <-> 127.0.0.1:25, by DATA and by BDAT            |
#                           Postfix, with and without CHUNKING  <---------+
#                           Exim, with and without CHUNKING     <---------+
#                           OpenSMTPD -> a sink                 <---------+
#                           Sendmail -> a sink                  <---------+
#
# Each receiver gets each message that was accepted once, with the meaning that it had here, and no
# other; what has a bare LF is refused with 550 5.6.11. MXPOST_SMUGGLING_LENGTH: of the sequences.
. "$LAB/lib.sh"
. "$LAB/exim.sh"
. "$LAB/receivers.sh"

part "receivers"
start_exim
start_opensmtpd
start_sendmail

part "messages"
start_system_engine
wait_log 'listening on 127\.0\.0\.1:25'
install -d -m 777 "$RUN/plan"
pids=()
for way in stdin-i stdin bs-data bs-bdat; do
    as_user alice env MXPOST_SMUGGLING_LENGTH="${MXPOST_SMUGGLING_LENGTH:-5}" \
        python3 "$CASE/smuggling.py" $way "$RUN/plan" &
    pids+=($!)
done
for way in listener-data listener-bdat; do
    python3 "$CASE/smuggling.py" $way "$RUN/plan" &
    pids+=($!)
done
for pid in "${pids[@]}"; do
    wait "$pid" || fail "a submitter failed"
done

part "what arrived"
wait_empty 120
all_there() {
    "$CASE/smuggling.py" judge "$RUN/plan" "$RUN/got" > "$RUN/judged" 2>&1
}
last_count=-1
# What the receivers pass on to their sinks takes its time: as long as more comes, there is hope.
more_or_all() {
    local count
    count=$(find "$RUN/got" -name '*.json' | wc -l)
    [ "$count" = "$last_count" ] || { last_count=$count; return 1; }
    all_there
}
wait_until 120 more_or_all || true
all_there || fail "$(cat "$RUN/judged")"
cat "$RUN/judged"
stop_system_engine

part "by BDAT and by DATA"
bdats() {  # ADDRESS: what Postfix and Exim have been offered there
    grep -c "host=.*\[$1\].*status=sent" "$SYSLOG"
}
for address in 198.51.100.30 198.51.100.31 198.51.100.32 198.51.100.33 198.51.100.34 198.51.100.35; do
    [ "$(bdats $address)" -gt 0 ] || fail "nothing was sent to $address"
done
