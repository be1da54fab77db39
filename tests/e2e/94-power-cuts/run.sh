# The power goes off, again and again, under real file systems.
#
#   sendmail (alice) -> /var/spool/mxpost on ext4, XFS, btrfs -> loop device -> recording_disk.py
#
# The disk keeps a record of each write and flush while messages are accepted, tried, returned and
# delivered. judge.py makes the disk anew as it was at each flush, and with any of the sectors that
# were written after it; has the file system recover; and looks whether all that had been accepted is
# there, or was with its server by then, and nothing is that would be sent twice. MXPOST_POWER_CUTS: at
# how many flushes of each file system.
. "$LAB/lib.sh"

readonly DISK=/tmp/recording
export PYTHONDONTWRITEBYTECODE=1

# Devices of the machine's: loop devices are shared with all.
make_nodes() {
    local number
    [ -e /dev/fuse ] || mknod /dev/fuse c 10 229
    [ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237
    for number in $(seq 0 31); do
        [ -e "/dev/loop$number" ] || mknod "/dev/loop$number" b 7 "$number"
    done
    (exec 3<> /dev/fuse) 2> /dev/null && losetup -f > /dev/null 2>&1
}

mark() {
    echo "$*" > "$DISK/mark"
}

is_disk_there() {
    [ -e "$DISK/disk" ]
}

# submit NUMBER KIND RECIPIENT
submit() {
    {
        printf 'From: s@corp.example\nSubject: number %s\n\n' "$1"
        (cd "$CASE" && /usr/bin/python3 -B -c 'import sys, judge; sys.stdout.write(judge.text(int(sys.argv[1])))' "$1")
    } > "$RUN/message"
    as_user alice sendmail -i -odq -f s@corp.example "$3" < "$RUN/message"
    mark "accepted $1 $2"
}

# The server's log is to say which message it took when: by the recipient.
number=0
submit_three() {
    submit "$((number + 1))" waits "u@later.test"
    submit "$((number + 2))" bounces "nobody@bad.test"
    submit "$((number + 3))" arrives "u$((number + 3))@fine.test"
    number=$((number + 3))
}

run_once() {
    mark run
    mxpost run --once
    mark ran
}

# record MKFS-COMMAND…: the queue's life on such a file system.
record() {
    mkdir -p "$DISK"
    "$CASE/recording_disk.py" "$DISK" "$DISK_SIZE" "$RUN/record" > "$RUN/log/disk" 2>&1 &
    wait_until 10 is_disk_there
    "$@" "$DISK/disk" > "$RUN/log/mkfs" 2>&1 || fail "$(cat "$RUN/log/mkfs")"
    mount -o loop,nodiscard "$DISK/disk" "$SPOOL"
    chown 699:699 "$SPOOL"
    chmod 3777 "$SPOOL"
    sync -f "$SPOOL"
    mark begin
    for _ in 1 2 3 4; do
        submit_three
    done
    run_once
    for _ in 1 2; do
        submit_three
        run_once
    done
    umount "$SPOOL"
    umount "$DISK"
}

make_nodes || skip "no FUSE or no loop devices here"
expected=0
for fs in ext4 xfs btrfs; do
    part "$fs"
    case $fs in
        ext4) export DISK_SIZE=$((320 << 20)) make="mkfs.ext4 -q -F -E nodiscard" ;;
        xfs) export DISK_SIZE=$((320 << 20)) make="mkfs.xfs -q -K" ;;
        btrfs) export DISK_SIZE=$((320 << 20)) make="mkfs.btrfs -q -K" ;;
    esac
    if ! grep -qw "$fs" /proc/filesystems; then
        echo "LEFT OUT: power cuts under $fs, not in this kernel"
        continue
    fi
    # shellcheck disable=SC2086  # words
    record $make
    expected=$((expected + 6))
    wait_mail fine "$expected"
    "$CASE/judge.py" "$RUN/record" "$SPOOL" "${MXPOST_POWER_CUTS:-40}" "$RUN/log/fine" "$RUN/got/fine" ||
        fail "see above"
done
[ "$expected" -gt 0 ] || skip "no file system to test"
