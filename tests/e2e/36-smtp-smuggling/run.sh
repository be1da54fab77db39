# Smuggling: a message whose body holds another one behind what some servers take for the end of
# data.
#
#   smuggle.py (alice) <-> sendmail -bs -> engine -> Postfix, MX of p.test and q.test
#
# Each carrier is refused or arrives as one message, whose hidden part is text; q.test, the hidden
# message's domain, gets nothing.
. "$LAB/lib.sh"

taken=$(as_user alice python3 "$CASE/smuggle.py") || fail "exit $?"
[ "$taken" -ge 20 ] || fail "only $taken messages were taken"
wait_mail postfix "$taken" 60
wait_empty
for file in "$RUN"/got/postfix/*.json; do
    grep -q 'u@p\.test' "$file" && ! grep -q 'q\.test' "$file" || fail "$(cat "$file")"
    grep -aq '^MAIL FROM:<evil@q\.test>' "${file%.json}.eml" ||
        grep -aq 'MAIL FROM:<evil@q\.test>' "${file%.json}.eml" || fail "$file has lost text"
done
