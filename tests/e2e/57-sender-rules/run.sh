# sender-map and masquerade-domains, for each way that mail comes in: arguments and standard input,
# SMTP on standard input, the listener; what is relayed (-G) stays as it is.
#
#   sendmail (www-data, alice, root), 127.0.0.1:25 -> mx.a.test
#
. "$LAB/lib.sh"

cat > /etc/mxpost.senders <<'MAP'
# who             leaves as
root              ops@corp.example
www-data:         noreply@shop.example
nonsense
@old.example      @new.example
MAP
count=0

arrives() { # FROM, as the envelope and the header's From have it; ORIGINAL, or nothing
    count=$((count + 1))
    wait_mail a $count
    expect_envelope a $count "$1" r@a.test
    if [ -n "$1" ]; then
        expect_text "^From: (.*<)?${1//./\\.}(>.*)?\$" a $count
    fi
    if [ -n "${2:-}" ]; then
        expect_text "^X-Original-From: .*${2//./\\.}" a $count
    elif grep -qi '^X-Original-From' "$(got a $count)"; then
        fail "$(cat "$(got a $count)")"
    fi
}

part "by the map"
printf 'From: Shop <www-data>\nReply-To: customer@c.test\n\n' | as_user www-data sendmail -i r@a.test
arrives noreply@shop.example 'Shop <www-data@corp.example>'
expect_text '^Reply-To: customer@c\.test' a $count
printf 'Subject: no From\n\n' | sendmail -i r@a.test
arrives ops@corp.example root@corp.example
printf 'From: x@old.example\n\n' | as_user alice sendmail -i -f x@OLD.example r@a.test
arrives x@new.example x@old.example

part "by masquerading"
printf 'From: bob@web1.corp.example\n\n' | as_user bob sendmail -i -f bob@web1.corp.example r@a.test
arrives bob@corp.example bob@web1.corp.example
printf 'From: alice@web1.corp.example\n\n' | as_user alice sendmail -i -f alice@web1.corp.example r@a.test
arrives alice@web1.corp.example

part "what stays"
printf 'From: www-data@corp.example\n\n' | as_user www-data sendmail -G -i -f www-data@corp.example r@a.test
arrives www-data@corp.example
printf 'From: x@old.example\n\n' | as_user alice sendmail -i -f '<>' r@a.test
arrives ''  x@old.example

part "SMTP on standard input"
printf 'EHLO localhost\r\nMAIL FROM:<www-data@corp.example>\r\nRCPT TO:<r@a.test>\r\nDATA\r\n%s\r\n.\r\nQUIT\r\n' \
    $'From: www-data@corp.example\r\n\r\nbody' | as_user www-data sendmail -bs > "$RUN/dialogue"
arrives noreply@shop.example www-data@corp.example

part "the listener"
wait_empty
kill_engines
sendmail -bd
cat > "$RUN/say.py" <<'SAY'
import smtplib
with smtplib.SMTP("127.0.0.1") as server:
    server.sendmail("www-data@corp.example", ["r@a.test"],
                    "From: Shop <www-data@corp.example>\r\n\r\nbody\r\n")
SAY
python3 "$RUN/say.py"
arrives noreply@shop.example 'Shop <www-data@corp.example>'
wait_log 'mxpost\[[0-9]+\]: /etc/mxpost\.senders:4: '
wait_empty
kill_engines

part "a bad line costs no mail, and is named"
wait_log 'mxpost/sendmail.*/etc/mxpost\.senders:4: "nonsense" has no address to become'
expect_exit 78 sendmail -bC
grep -q '/etc/mxpost.senders:4' "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
expect_exit 78 mxpost config > "$RUN/config"
grep -q '^sender-map *= /etc/mxpost.senders' "$RUN/config" || fail "$(cat "$RUN/config")"
rm /etc/mxpost.senders
printf 'From: www-data@corp.example\n\n' | as_user www-data sendmail -i r@a.test
arrives www-data@corp.example
wait_log 'sender-map: open /etc/mxpost\.senders: No such file'
