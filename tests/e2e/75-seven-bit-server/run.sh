# A server without 8BITMIME (RFC 6152 3).
#
#   sendmail (alice) -> eight: an MX with 8BITMIME       gets each message as it is
#                    -> seven: an MX without it          gets the same, in seven bits
#   reports -> seven: a warning, then the failure, of an address beyond ASCII
# Python's email package says that both got the same (tests/lab/recode_judged.py, which also
# makes the messages).
. "$LAB/lib.sh"

part "messages of all kinds"
python3 "$CASE/judge.py" make "$RUN/made" 40
count=0
for message in "$RUN"/made/*; do
    as_user alice sendmail -i -f s@seven.test u@eight.test v@seven.test < "$message"
    count=$((count + 1))
    # One after the other: what the servers number belongs together.
    wait_mail seven $count
    wait_mail eight $count
done
python3 "$CASE/judge.py" judge "$RUN/got/eight" "$RUN/got/seven" 40
grep -q 'C> MAIL FROM:<s@seven.test> SIZE=[0-9]* BODY=8BITMIME' "$RUN/log/eight" || fail "no BODY"
! grep 'BODY=' "$RUN/log/seven" || fail "BODY= to a server without 8BITMIME"
wait_empty

part "a warning and a failure of an address beyond ASCII"
printf 'From: s@seven.test\nSubject: late\n\nGrüße\n' |
    as_user alice sendmail -i -f s@seven.test grauß@eight.test
wait_mail seven $((count + 1))
python3 "$CASE/judge.py" report "$(got seven $((count + 1)))" delayed 'utf-8; grau\x{DF}@eight.test'
wait_until 30 has_mail seven $((count + 2))
python3 "$CASE/judge.py" report "$(got seven $((count + 2)))" failed 'utf-8; grau\x{DF}@eight.test'
wait_empty
expect_count seven $((count + 2))
