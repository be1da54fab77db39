# The front end under valgrind: no error, nothing lost, and what is held at the end doesn't grow with
# what it was given. `tests/analysis/run BUILD_DIR valgrind` runs this in the laboratory, with a
# sendmail that isn't linked statically (valgrind can't replace the malloc of one that is).
. "$LAB/lib.sh"

command -v valgrind > /dev/null || skip "no valgrind"
# Outside of the spool's checks, and writable for alice.
install -d -m 1777 "$RUN/valgrind"

# checked NAME STATUS COMMAND...: runs it as alice; engines that it starts run as they are.
checked() {
    local name=$1 expected=$2 status=0 log=$RUN/valgrind/$1
    shift 2
    as_user alice valgrind --quiet --leak-check=full --show-leak-kinds=all \
        --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=99 \
        --log-file="$log" "$@" > "$RUN/stdout" 2> "$RUN/stderr" || status=$?
    if [ "$status" != "$expected" ]; then
        cat "$log" "$RUN/stderr"
        fail "$name: exit $status, not $expected"
    fi
}

# held NAME: octets that were still reachable at the end of a run, by valgrind's reckoning.
held() {
    sed -nE 's/^.*== +([0-9,]+)( \([^)]*\))? bytes in [0-9,]+ blocks are still reachable.*/\1/p' \
        "$RUN/valgrind/$1" | tr -d , | awk '{ n += $1 } END { print n + 0 }'
}

# expect_no_growth SMALL LARGE: a few buffers may be larger, memory for each message mustn't stay.
expect_no_growth() {
    local small large
    small=$(held "$1")
    large=$(held "$2")
    echo "held at the end: $small octets ($1), $large octets ($2)"
    [ "$large" -le $((small + 4096)) ] || fail "$2 holds $large octets, $1 $small"
}

recipients() { # COUNT
    seq -f 'u%g@p.test' -s ', ' "$1"
}

session() { # MESSAGES
    printf 'EHLO client.test\r\n'
    for ((i = 0; i < $1; i++)); do
        printf 'MAIL FROM:<s@corp.example> BODY=8BITMIME\r\nRCPT TO:<u%d@p.test>\r\n' "$i"
        printf 'DATA\r\nSubject: \303\244 %d\r\n\r\n..\r\nx\r\n.\r\nRSET\r\n' "$i"
    done
    printf 'NOOP\r\nVRFY x\r\nBOGUS\r\nMAIL FROM:<\r\nQUIT\r\n'
}

part "submission"
letter plain | checked plain 0 sendmail -odq -i u@p.test
letter many | checked many 0 sendmail -odq -i $(seq -f 'u%g@p.test' 500)
printf 'Subject: no header end' | checked dot 0 sendmail -odq -f s@corp.example u@p.test
checked empty 0 sendmail -odq u@p.test < /dev/null
head -c 3000000 /dev/urandom | checked octets 0 sendmail -odq -i u@p.test
expect_no_growth plain many

part "recipients from the header"
printf 'To: J\303\266<%s>\nBcc: b@p.test\nSubject: \303\244\n\nx\n' u@p.test | checked few 0 sendmail -odq -t -i
{
    printf 'To: %s\nBcc: G: %s;\n' "$(recipients 300)" "$(recipients 300)"
    seq -f "X-%g: $(printf '\303\244 %0900d' 0)" 400
    printf '\nx\n'
} | checked long 0 sendmail -odq -t -i
printf 'Subject: nobody\n\nx\n' | checked nobody 64 sendmail -odq -t -i
printf 'To: "open\n\nx\n' | checked unreadable "$(printf 'To: "open\n\nx\n' | exit_of sendmail -odq -t -i)" \
    sendmail -odq -t -i
expect_no_growth few long

part "SMTP"
session 1 | checked one-message 0 sendmail -odq -bs
session 40 | checked many-messages 0 sendmail -odq -bs
printf 'MAIL FROM:<a@p.test>\r\nDATA\r\n' | checked cut-off "$(printf 'MAIL FROM:<a@p.test>\r\nDATA\r\n' |
    exit_of as_user alice sendmail -bs | tail -n 1)" sendmail -bs
expect_no_growth one-message many-messages

part "the queue"
checked mailq 0 mailq -v
[ "$(grep -c '^Mail\|@' "$RUN/stdout")" -gt 40 ] || fail "mailq shows too little: $(cat "$RUN/stdout")"
checked bp 0 sendmail -bp
checked count 0 sendmail -bP
checked selected 0 sendmail -bp -qRp.test
checked newaliases "$(exit_of as_user alice newaliases | tail -n 1)" newaliases

part "flags"
count=0
for arguments in "-Z" "-bz" "-o" "-f" "-B9BITMIME" "-Nwhenever" "-Rmaybe" "-bv u@p.test" "-bt" "-d0.1 -bp" \
    "-X /tmp/x u@p.test" "-C /nonexistent u@p.test" "-- -x" "-F name -r s@p.test"; do
    # shellcheck disable=SC2086 # several words
    expected=$(exit_of as_user alice sendmail $arguments < /dev/null | tail -n 1)
    # shellcheck disable=SC2086
    checked "flags-$((++count))" "$expected" sendmail $arguments < /dev/null
done
