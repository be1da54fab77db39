# The engine is killed (SIGKILL) at each step of a session, and the mail is still delivered: by the
# next submission, by the timer's `mxpost run --once`, by the system engine.
#
#   sendmail (alice) -> engine -> STEP.test's server, which stops at STEP; kill; a new engine
#
# Killed before the server has seen the final dot, the mail arrives exactly once. Killed between the
# dot and its reply, it may arrive twice (promise 3), never not at all.
. "$LAB/lib.sh"

steps=(connect ehlo mail rcpt data body end)
declare -A arrived
ok=0

submit() { # STEP
    { letter "$1"; filler 12000; } | as_user alice sendmail -i -f s@corp.example "u@$1.test"
}

round() { # STEP RECOVERY
    local least=$((${arrived[$1]:-0} + 1)) most
    part "killed at $1, then $2"
    rearm "$1" "$1-go"
    submit "$1"
    wait_mark "$1"
    kill_engines
    release "$1-go"
    queue_has 1 || fail "the queue has $(message_count) messages after the kill"
    case $2 in
    submission)
        letter next | as_user alice sendmail -i u@ok.test
        ok=$((ok + 1))
        ;;
    once)
        timeout 30 mxpost run --once || fail "mxpost run --once: $?"
        queue_is_empty || fail "mxpost run --once left something"
        ;;
    system)
        start_system_engine
        ;;
    esac
    wait_until 20 has_mail "$1" "$least"
    wait_empty
    most=$least
    [ "$1" != end ] || most=$((least + 1))
    arrived[$1]=$(mail_count "$1")
    [ "${arrived[$1]}" -le "$most" ] || fail "$1: ${arrived[$1]} mails instead of $most"
    expect_text '^0011999 the quick' "$1" "${arrived[$1]}"
    [ "$2" != system ] || stop_system_engine
    kill_engines
}

for recovery in submission once system; do
    for step in "${steps[@]}"; do
        round "$step" "$recovery"
    done
done
expect_count ok "$ok"
