# A mailbox on a full disk: the mail waits with 4.2.2, nothing of it stays behind, and it arrives
# when there is room. A delivery that is killed while it writes leaves no torn message.
. "$LAB/lib.sh"

mbox_has() {
    grep -qs -- "$2" "/var/mail/$1"
}

start_system_engine
part "no room"
group=$(stat -c %g /var/mail)
mount -t tmpfs -o "size=64k,mode=2775,gid=$group" mail /var/mail
letter small | sendmail -i -f bob@corp.example alice@host.example
wait_until 20 mbox_has alice 'body of small'
cp /var/mail/alice "$RUN/before"
{
    letter large
    filler 3000
} | sendmail -i -f bob@corp.example alice@host.example
wait_log 'to=<alice@host\.example>, .*dsn=4\.2\.2, status=deferred .*No space left on device'
cmp /var/mail/alice "$RUN/before"
[ ! -e /var/mail/alice.lock ]
sendmail -bp > "$RUN/mailq"
grep -q 'No space left on device' "$RUN/mailq" || fail "$(cat "$RUN/mailq")"
mount -o remount,size=1m /var/mail
sendmail -q
wait_until 20 mbox_has alice 'body of large'
wait_empty

part "killed while it writes"
# The mailbox as a delivery leaves it that dies in the middle, with its lock file.
size=$(stat -c %s /var/mail/alice)
printf '0\nmxpost %s %s 5000\n' "$(stat -c %i /var/mail/alice)" "$size" > /var/mail/alice.lock
chown alice /var/mail/alice.lock # nobody else's is believed
cp /var/mail/alice "$RUN/before"
printf 'From bob@corp.example Mon Jan  1 12:00:00 2024\nSubject: to' >> /var/mail/alice
letter torn | sendmail -i -f bob@corp.example alice@host.example
wait_until 20 mbox_has alice 'body of torn'
wait_log 'a delivery was killed while it wrote: its 58 octets are removed'
head -c "$size" /var/mail/alice | cmp - "$RUN/before"
[ "$(grep -c '^From ' /var/mail/alice)" = 3 ] || fail "$(grep '^From ' /var/mail/alice)"
wait_empty
umount /var/mail
