# The doctor's page, in a browser: asks for nothing, fits a telephone, needs no scripts.
#
#   mxpost doctor --html page -> Chromium, 400 pixels wide
. "$LAB/lib.sh"

part "without a recipient, and with one that is down"
mxpost doctor --time-limit 10s --from user@corp.example --html page.html u@a.test u@down.test > text || true
status=0
"$LAB/page_judged.py" page.html 400 "$RUN/page.png" > judged || status=$?
[ "$status" != 77 ] || skip "no Chromium here"
cat judged
grep -qx 'requests 0' judged || fail "it asks for something"
grep -qx 'width 400' judged || fail "wider than its window"
[ "$(sed -n 's/^smallest \([0-9]*\).*/\1/p' judged)" -ge 12 ] || fail "too small to read"
# All that the terminal has is there, and can be read; each record is one text.
grep -q 'no SPF record says that mail may come from' judged || fail "a finding is missing"
grep -q 'corp\.example\. 3600 IN TXT "v=spf1 ip4:192\.0\.2\.1 ~all"' judged || fail "a record is missing"
sed -n 's/^  *\(ok\|warning\|problem\)  *//p' text | tr -s ' ' > findings
[ "$(wc -l < findings)" -gt 5 ] || fail "$(cat text)"
while read -r finding; do
    grep -qF -- "$finding" judged || fail "not on the page: $finding"
done < findings
"$LAB/page_judged.py" page.html 1200 "$RUN/wide.png" > judged
grep -qx 'width 1200' judged || fail "wider than its window: $(cat judged)"
