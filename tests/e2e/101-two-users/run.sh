# Two ordinary users in one spool: bob tries to read, change, forge, delay or delete alice's mail, and to
# have root and the engine touch files outside of his box.
#
#   alice -> box -> system engine -> mx.a.test        bob: everything that an unprivileged user can try
#
# She gets through at once and unchanged, he sees nothing of it, and nothing outside is touched.
. "$LAB/lib.sh"

start_system_engine
letter warm | as_user alice sendmail -i warm@a.test
wait_mail a 1
letter warm | as_user bob sendmail -i warm@b.test
wait_mail b 1
wait_until 10 has_system_engine 1500
wait_until 10 has_system_engine 1501
engine_of_system=$(pgrep -u mxpost -x mxpost)
letter secret | as_user alice sendmail -i -f s@corp.example later@a.test
is_deferred() {
    mxpost queue list --json | grep -q '"queue_name":"deferred"'
}
wait_until 10 is_deferred
message=$(messages 1500)
id=$(basename "$message" | cut -d . -f 1)
sha256sum "$message" > "$RUN/before"

part "by system calls"
# shellcheck disable=SC2016  # expands in the inner shell
as_user bob sh -c 'ENGINE=$1; export ENGINE; shift; exec "$@"' sh "$engine_of_system" \
    "$CASE/attack.py" "$SPOOL" "$SPOOL/1500" "$message" "$id" > "$RUN/possible" || fail "attack.py"
[ ! -s "$RUN/possible" ] || fail "bob can: $(cat "$RUN/possible")"

part "by our programs"
expect_nothing_of_alice() { # COMMAND...: whatever it says, it says nothing of her mail
    as_user bob timeout 10 "$@" > "$RUN/out" 2>&1 || true
    # Her id is in what bob asked for.
    ! sed "s/^mxpost: $id: no such message.*//" "$RUN/out" | grep -q "later@\|secret\|1500\|$id" ||
        fail "bob's $* tells: $(cat "$RUN/out")"
}
expect_nothing_of_alice mailq
expect_nothing_of_alice mailq -v
expect_nothing_of_alice sendmail -bp
expect_nothing_of_alice mxpost queue list --json
expect_nothing_of_alice mxpost queue list --recipient later
expect_nothing_of_alice mxpost queue show "$id"
expect_nothing_of_alice mxpost queue show --content "$id"
expect_nothing_of_alice mxpost trace "$id"
expect_nothing_of_alice mxpost queue stats
expect_nothing_of_alice mxpost queue watch --json --count 1
for verb in retry hold release delete bounce; do
    expect_nothing_of_alice mxpost queue $verb "$id"
    expect_nothing_of_alice mxpost queue $verb --all
done
expect_nothing_of_alice sendmail -q
expect_nothing_of_alice sendmail "-qI$id"
expect_nothing_of_alice mxpost run --once
# His own settings don't lead to her box either.
as_user bob env MXPOST_SPOOL="$SPOOL/1500" timeout 10 mxpost queue list > "$RUN/out" 2>&1 || true
! grep -q 'later@\|secret' "$RUN/out" || fail "with MXPOST_SPOOL: $(cat "$RUN/out")"
sha256sum "$message" | cmp - "$RUN/before" || fail "alice's message isn't what it was"
expect_count a 1

part "by requests for her message in his box"
for verb in retry hold delete bounce; do
    as_user bob touch "$SPOOL/1501/.ask-$id-$verb"
done
letter nudge | as_user bob sendmail -i nudge@b.test
wait_mail b 2
timeout 20 mxpost run --once
sha256sum "$message" | cmp - "$RUN/before" || fail "alice's message isn't what it was"
expect_count a 1

part "by links in his box, looked at by root and the engine"
before_of() {
    stat -c '%n %i %Y %Z %s %U %a' /etc/shadow "$message" "$SPOOL/1500" /home/alice
}
before_of > "$RUN/before.stat"
his=0$(printf %s "$id" | cut -c 2-15)
ways=(/etc/shadow "$message" /home/alice "$SPOOL/1500")
for n in "${!ways[@]}"; do
    as_user bob ln -s "${ways[n]}" "$SPOOL/1501/${his}aa$n.0000000"
    as_user bob ln -s "${ways[n]}" "$SPOOL/1501/.ask-${his}bb$n-delete"
done
as_user bob ln -s "$SPOOL/1500" "$SPOOL/1501/corrupt"
as_user bob rm "$SPOOL/1501/.system"
as_user bob ln -s /etc/shadow "$SPOOL/1501/.system"
as_user bob ln -s /etc/shadow "$SPOOL/1501/.usage"
as_user bob ln -s "$SPOOL/1500" "$SPOOL/1501-zzzzzzzz"
as_user bob ln -s "$SPOOL/1500" "$SPOOL/1502"
for n in "${!ways[@]}"; do
    for look in "queue show" "queue show --content" trace "queue hold" "queue retry" "queue bounce" \
        "queue delete"; do
        # shellcheck disable=SC2086  # several words
        timeout 10 mxpost $look "${his}aa$n" >> "$RUN/looked" 2>&1 || true
    done
done
for look in "queue list" "queue stats" "queue watch --json --count 1"; do
    # shellcheck disable=SC2086
    timeout 10 mxpost $look >> "$RUN/looked" 2>&1 || true
done
timeout 10 mailq >> "$RUN/looked" 2>&1 || true
! grep -q '^root:\|:19000:' "$RUN/looked" || fail "root is shown what a link leads to: $(cat "$RUN/looked")"
stop_system_engine
timeout 20 mxpost run --once || fail "mxpost run --once: $?"
letter own | as_user bob sendmail -i own@b.test || fail "bob's own sendmail: $?"
before_of | diff - "$RUN/before.stat" || fail "something outside of bob's box was touched"
sha256sum "$message" | cmp - "$RUN/before" || fail "alice's message isn't what it was"
kill_engines
rm -rf "${SPOOL:?}"/1501*

part "by directories of the engine's and of root's, moved to where boxes are"
# Who may write to a directory can move it, and corrupt/ belongs to whoever found something strange.
as_user bob mkdir "$SPOOL/699" "$SPOOL/0" # the names that theirs would have
start_system_engine
wait_until 10 has_engine
bobs=$(mail_count b)
alices=$(mail_count a)
letter first | as_user bob sendmail -i first@b.test
wait_mail b $((bobs + 1))
wait_until 10 has_system_engine 1501
bob_has_no_engine() {
    ! pgrep -u bob -x mxpost > /dev/null
}
wait_until 20 bob_has_no_engine # what it sets aside is bob's
! as_user bob sh -c "echo forged > $SPOOL/1501/.system" 2> /dev/null || fail "bob can write a file of mxpost's"
put_strange() { # NUMBER
    as_user bob ln -s /nowhere "$SPOOL/1501/01hk2w7yz0c000000$1.1js5aa0"
}
is_set_aside() {
    [ ! -L "$SPOOL/1501/01hk2w7yz0c000000$1.1js5aa0" ]
}
take() { # OWNER NAME
    [ "$(stat -c %U "$SPOOL/1501/corrupt")" = "$1" ] || fail "$(ls -la "$SPOOL/1501")"
    as_user bob sh -c "rm -f $SPOOL/1501/corrupt/*"
    as_user bob mv "$SPOOL/1501/corrupt" "$SPOOL/$2" || fail "this is no attack any more"
}
put_strange 1
wait_until 10 is_set_aside 1
take mxpost 699-aaaa
taken=(699-aaaa 0-aaaa)
if as_user bob "$CASE/inherit.py" "$SPOOL/1501"; then
    put_strange 2
    wait_until 10 is_set_aside 2
    take mxpost 699-bbbb
    [ "$(stat -c %a "$SPOOL/699-bbbb")" = 2770 ] || fail "its mode tells: $(ls -la "$SPOOL")"
    taken+=(699-bbbb)
    as_user bob python3 -c 'import os, sys; os.removexattr(sys.argv[1], "system.posix_acl_default")' "$SPOOL/1501"
else
    echo "LEFT OUT: a default ACL on a box, none on this file system"
fi
stop_system_engine
put_strange 3
mxpost queue hold 01hk2w7yz0c0000003 > /dev/null 2>&1 || true
is_set_aside 3 || fail "root's mxpost leaves it there"
take root 0-aaaa

letter own | as_user bob sendmail -i -odq own@b.test
for box in "${taken[@]}"; do
    # As from a file of its owner's that bob has found somewhere, and could write to.
    cp "$(messages 1501)" "$SPOOL/$box/01hk2w7yz0c0000004.1js5aa0"
    chown "$(stat -c %U "$SPOOL/$box"):mxpost" "$SPOOL/$box/01hk2w7yz0c0000004.1js5aa0"
    chmod 660 "$SPOOL/$box/01hk2w7yz0c0000004.1js5aa0"
    find "$SPOOL/$box" | sort > "$RUN/$box"
done
mailq > "$RUN/mailq" 2>&1 || true
grep -q "in $SPOOL can't be a box" "$RUN/mailq" || fail "$(cat "$RUN/mailq")"
letter root | sendmail -i -odq root@a.test
start_system_engine
letter bounced | as_user alice sendmail -i -f alice@a.test nobody@nowhere.test
wait_mail a $((alices + 2)) # root's, and the report, from the engine's own box
wait_mail b $((bobs + 2))
wait_log "$SPOOL/699-[ab]* is no box: others than its owner may write to it"
stop_system_engine
for box in "${taken[@]}"; do
    find "$SPOOL/$box" | sort | cmp - "$RUN/$box" || fail "$box was used: $(ls -la "$SPOOL/$box")"
done
expect_count b $((bobs + 2))
rm -rf "${SPOOL:?}"/1501* "$SPOOL"/699* "$SPOOL"/0*

part "by holding on to what is his"
start_system_engine
for n in $(seq 20); do
    letter "held$n" | as_user bob sendmail -i -odq held@b.test
done
wait_until 20 has_system_engine 1501
rearm held
as_user bob "$CASE/leases.py" "$SPOOL/1501" "/tmp/held" 2> /dev/null &
holder=$!
wait_until 10 test -e /tmp/held
alices=$(mail_count a)
for n in $(seq 3); do
    letter "alice$n" | as_user alice sendmail -i soon@a.test
    wait_mail a $((alices + n)) 5
done
kill "$holder"
wait "$holder" || true

part "by removing boxes and making them anew"
for n in $(seq 8); do
    as_user bob mkdir "$SPOOL/1501-anew$n"
    as_user bob rmdir "$SPOOL/1501-anew$n"
done
letter moved | as_user bob sendmail -i -odq moved@b.test
wait_until 20 has_system_engine 1501
as_user bob mv "$SPOOL/1501" "$SPOOL/1501-moved"
letter anew | as_user bob sendmail -i anew@b.test
wait_until 20 has_system_engine 1501
has_arrived() {
    grep -q '^Subject: anew' "$RUN"/got/b/*.eml
}
wait_until 20 has_arrived

part "by many boxes"
# shellcheck disable=SC2016  # expands in the inner shell
as_user bob sh -c 'cd "$0" && seq 300 | xargs -I% mkdir -m 770 "1501-box%"' "$SPOOL"
prlimit --nofile=1024:1024 --pid $$
stop_system_engine
start_system_engine
alices=$(mail_count a)
letter alice | as_user alice sendmail -i soon@a.test
letter nameless |
    setpriv --reuid 4242 --regid 4242 --clear-groups env -i PATH="$PATH" sendmail -i soon@a.test
wait_mail a $((alices + 2)) 10

part "by the name of her message"
# Two messages with one id, in two boxes: each is its own.
stop_system_engine
rm -rf "${SPOOL:?}"/1501*
letter twin | as_user bob sendmail -i -odq twin@b.test
twin=$(messages 1501)
as_user bob mv "$twin" "$SPOOL/1501/$(basename "$(messages 1500)")"
bobs=$(mail_count b)
mxpost queue retry --all > /dev/null
timeout 20 mxpost run --once || fail "mxpost run --once: $?"
wait_empty
wait_mail b $((bobs + 1))
wait_mail a $((alices + 3))
expect_text '^Subject: secret' a $((alices + 3))
expect_text '^body of secret' a $((alices + 3))
