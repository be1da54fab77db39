# The spool's disk is full, has no inodes left, or turns read-only; and gets well again.
#
#   sendmail -> a small file system -> `mxpost run --once` -> mx.a.test; report -> mx.corp.example
#
# What was accepted is delivered all the same, once, because room for its outcome was reserved; a
# report that nobody can write waits; and nobody is told that something was accepted which wasn't.
# Where loop devices can be had the same on ext4, which also turns read-only in the middle of a
# delivery, as after an I/O error.
. "$LAB/lib.sh"

as_mail=0
reports=0
send() { # [TO...]
    letter "$*" | as_user alice sendmail -i -odq -f s@corp.example "$@"
}
# One that is taken, one that is refused.
queue_both() {
    send ok@a.test bad@a.test
    as_mail=$((as_mail + 1))
}
run_once() {
    timeout 30 mxpost run --once || fail "mxpost run --once: $?"
}
refuses() {
    [ "$(exit_of send nobody@a.test)" = 75 ] || fail "not 75: $(cat "$RUN/stderr")"
    [ "$(grep -c '^sendmail: ' "$RUN/stderr")" = 1 ] || fail "not one line: $(cat "$RUN/stderr")"
    [ "$(wc -l < "$RUN/stderr")" = 1 ] || fail "not one line: $(cat "$RUN/stderr")"
}
# While nothing can be written: it is delivered, and the report waits.
delivers_what_was_accepted() {
    run_once
    wait_mail a "$as_mail"
    expect_count corp "$reports"
    queue_has 1 || fail "the queue has $(message_count) messages"
    run_once
    wait_mail a "$as_mail"
}
# When there is room again.
gets_well() {
    mxpost queue retry --all > /dev/null
    run_once
    reports=$((reports + 1))
    wait_mail a "$as_mail"
    wait_mail corp "$reports"
    expect_text 'bad@a\.test' corp "$reports"
    wait_empty
    send again@a.test
    as_mail=$((as_mail + 1))
    run_once
    wait_mail a "$as_mail"
    [ -z "$(find "$SPOOL" -path '*corrupt/*' -o -name '.new-*')" ] || fail "leavings: $(find "$SPOOL")"
}
fill() {
    dd if=/dev/zero of="$SPOOL/filled" bs=64k 2> /dev/null || true
    dd if=/dev/zero of="$SPOOL/filled" bs=1 oflag=append conv=notrunc 2> /dev/null || true
    sync -f "$SPOOL"
}
unmount() {
    wait_until 20 no_engine # `mxpost queue retry` has started one
    umount "$SPOOL"
}
mount_small() { # OPTIONS
    mount -t tmpfs -o "mode=3777,uid=699,gid=699,$1" small "$SPOOL"
}

part "a full disk"
mount_small size=2m
queue_both
fill
refuses
delivers_what_was_accepted
refuses
rm "$SPOOL/filled"
gets_well
unmount

part "no inodes"
mount_small nr_inodes=300
queue_both
mkdir "$SPOOL/used"
(cd "$SPOOL/used" && seq 400 | xargs touch 2> /dev/null) || true
refuses
delivers_what_was_accepted
rm -r "$SPOOL/used"
gets_well
unmount

part "read-only, and writable again"
mount_small size=2m
queue_both
mount -o remount,ro "$SPOOL"
run_once
expect_count a $((as_mail - 1))
send home@a.test || fail "alice's home spool: $?"
[ -n "$(find /home/alice/.local/state/mxpost -name '*.*' -type f)" ] || fail "nothing in alice's home"
mount -o remount,rw "$SPOOL"
as_user alice timeout 30 mxpost run --once || fail "alice's mxpost run --once: $?"
as_mail=$((as_mail + 1))
wait_mail a "$as_mail"
gets_well
unmount

loop_file_system() { # TYPE
    local n
    [ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237 || return 1
    for n in 0 1 2 3 4 5 6 7; do
        [ -e /dev/loop$n ] || mknod /dev/loop$n b 7 $n || return 1
    done
    truncate -s 16M "$RUN/disk"
    mkfs.ext4 -q -m 0 "$RUN/disk" || return 1
    # The device goes when the mount does, however this laboratory ends.
    mount_disk || return 1
    chown mxpost:mxpost "$SPOOL" && chmod 3777 "$SPOOL"
}
mount_disk() {
    mount -t ext4 -o loop,errors=remount-ro "$RUN/disk" "$SPOOL" 2> "$RUN/mount"
}
if ! command -v mkfs.ext4 > /dev/null || ! loop_file_system; then
    echo "LEFT OUT: full disks and read-only ones on ext4, no mkfs.ext4 or loop device here"
    exit 0
fi

part "a full disk (ext4)"
queue_both
fill
refuses
delivers_what_was_accepted
refuses
rm "$SPOOL/filled"
sync -f "$SPOOL"
gets_well

part "a disk that fills up while sendmail writes (ext4)"
filler 60000 > "$RUN/large"
chmod 644 "$RUN/large"
accepted=0
status=0
while [ "$status" = 0 ]; do
    status=0
    { letter large; cat "$RUN/large"; } | as_user alice sendmail -i -odq large@a.test 2> /dev/null || status=$?
    [ "$status" != 0 ] || accepted=$((accepted + 1))
    queue_has "$accepted" || fail "$accepted accepted, $(message_count) in the queue"
done
[ "$status" = 75 ] || fail "exit $status"
[ "$accepted" -ge 2 ] || fail "only $accepted fitted in"
as_mail=$((as_mail + accepted))
run_once
wait_mail a "$as_mail"

part "read-only in the middle of a delivery (ext4)"
send waiting@a.test
mxpost queue hold --all > /dev/null
letter held | as_user alice sendmail -i -odq -f held@corp.example ok@a.test bad@a.test
setsid mxpost run --once > "$RUN/log/engine.out" 2>&1 &
engine=$!
wait_mark at-end
mount -o remount,abort "$SPOOL"
release go
wait_log "outcomes can't be written down"
as_mail=$((as_mail + 1))
wait_mail a "$as_mail"
kill -TERM "$engine"
wait "$engine" || true
unmount
fsck.ext4 -fy "$RUN/disk" > "$RUN/fsck" 2>&1 || true
mount_disk
mxpost queue release --all > /dev/null
wait_empty
# The one in flight again: no disk took what became of it. The one that waited, once.
as_mail=$((as_mail + 2))
reports=$((reports + 1))
wait_mail a "$as_mail"
wait_mail corp "$reports"
find_mail a '^Subject: waiting' > /dev/null
