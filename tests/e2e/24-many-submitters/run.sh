# Eight processes of two users send 25 messages each at the same time.
#
#   8 x sendmail x 25 (alice, bob) -> on-demand engines -> mx.a.test (a.test and b.test)
#
# Each of the 200 arrives exactly once and whole, and each call returned 0.
. "$LAB/lib.sh"

submitter() { # NUMBER USER
    local n
    for n in $(seq 1 25); do
        { letter "mail-$1-$n"; filler 20; } |
            as_user "$2" sendmail -i -f "s$1@corp.example" "u$n@$([ $((n % 2)) = 0 ] && echo a || echo b).test" ||
            fail "submitter $1, mail $n: $?"
    done
}

pids=()
for number in 1 2 3 4 5 6 7 8; do
    submitter $number "$([ $((number % 2)) = 0 ] && echo alice || echo bob)" &
    pids+=($!)
done
for pid in "${pids[@]}"; do
    wait "$pid" || fail "a submitter failed"
done
wait_mail a 200 60
wait_empty
grep -ha '^Subject: mail-' "$RUN"/got/a/*.eml | tr -d '\r' | sort -u | wc -l | grep -qx 200 ||
    fail "not 200 different mails"
for file in "$RUN"/got/a/*.eml; do
    [ "$(grep -c 'quick brown fox' "$file")" = 20 ] || fail "$file isn't whole"
done
