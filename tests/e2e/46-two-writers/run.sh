# Several programs change one mailbox at once, as Debian policy 11.6 lets them: mxpost appends,
# another delivery program appends, a mail reader deletes. Nothing is lost, nothing is torn.
. "$LAB/lib.sh"

readonly COUNT=40

# What a delivery program of liblockfile does.
other_program() {
    local i
    for ((i = 0; i < COUNT; i++)); do
        dotlockfile -l -r 20 /var/mail/alice.lock
        printf 'From other@x %s\nSubject: other-%s\n\nbody\n\n' "$(date '+%a %b %e %T %Y')" "$i" \
            >> /var/mail/alice
        dotlockfile -u /var/mail/alice.lock
    done
}

start_system_engine
printf 'From old@x Mon Jan  1 12:00:00 2024\nSubject: junk\n\nbody\n\n%.0s' 1 2 3 > /var/mail/alice
chown alice:mail /var/mail/alice
chmod 660 /var/mail/alice
other_program &
other=$!
for ((i = 0; i < COUNT; i++)); do
    printf 'Subject: ours-%s\n\nFrom here on\n' "$i" | sendmail -i alice@host.example
    if ((i % 10 == 5)); then
        # Deletes the first of what is there: rewrites the whole mailbox, with both locks. With -f it
        # would take none, and delete whatever comes in meanwhile.
        printf 'delete 1\nquit\n' | as_user alice env MAIL=/var/mail/alice mailx -n -N \
            > "$RUN/mailx" 2>&1 || fail "$(cat "$RUN/mailx")"
    fi
done
wait "$other"
wait_empty 60
subjects() {
    grep -c "^Subject: $1-" /var/mail/alice || true
}
deleted=$((4 - 3))  # the junk, and one more
[ "$(($(subjects ours) + $(subjects other)))" -ge "$((2 * COUNT - deleted))" ] ||
    fail "$(subjects ours) and $(subjects other) of $COUNT each are left"
! grep -q '^Subject: junk' /var/mail/alice || fail "mailx deleted nothing"
python3 - <<'PYTHON'
import mailbox, re, sys
box = mailbox.mbox("/var/mail/alice")
subjects = [message["Subject"] for message in box]
bad = [subject for subject in subjects if not re.fullmatch(r"(ours|other)-\d+", str(subject))]
assert not bad, bad
assert len(set(subjects)) == len(subjects), "one came twice"
for message in box:
    body = message.get_payload()
    assert body in (">From here on\n", "body\n"), body
PYTHON
[ ! -e /var/mail/alice.lock ]
