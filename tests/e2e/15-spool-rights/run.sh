# Two users and user mxpost in one spool. Each gets a box that the system engine can read and write
# and nobody else, whatever umask, seccomp filter or default ACL the submitter lives under.
#
#   sendmail -odq (alice, bob, mxpost) -> boxes -> system engine (`mxpost run --once`) -> mx.a.test
#
. "$LAB/lib.sh"

box_of() {
    find "$SPOOL" -mindepth 1 -maxdepth 1 -type d -name "$1*" -uid "$1"
}

expect_rights() { # UID
    local box
    box=$(box_of "$1")
    [ "$(stat -c '%u %G %a' "$box")" = "$1 mxpost 2770" ] || fail "box: $(stat -c '%n %u %G %a' "$box")"
    messages "$1" | while read -r file; do
        [ "$(stat -c '%u %G %a' "$file")" = "$1 mxpost 660" ] ||
            fail "file: $(stat -c '%n %u %G %a' "$file")"
    done
}

sent=0
submit() { # USER UMASK [WRAPPER...]
    # shellcheck disable=SC2016  # expands in the inner shell
    letter "from $1" | as_user "$1" sh -c 'umask "$0"; exec "$@"' "$2" "${@:3}" \
        sendmail -i -odq u@a.test || fail "$1 with umask $2 ${*:3}: $?"
    sent=$((sent + 1))
}

deliver() {
    timeout 30 mxpost run --once
    wait_empty 1
    expect_count a "$sent"
}

for mask in 022 077 000; do
    part "umask $mask"
    submit alice $mask
    submit bob $mask
    submit mxpost $mask
    expect_rights 1500
    expect_rights 1501
    expect_rights 699
    ! as_user bob ls "$(box_of 1500)" 2> /dev/null || fail "bob can look into alice's box"
    deliver
    rm -rf "${SPOOL:?}"/*
done

part "no set-gid chmod or mkdir (as with RestrictSUIDSGID=)"
if "$LAB/restrict_setid.py" true; then
    submit alice 022 "$LAB/restrict_setid.py"
    expect_rights 1500
    deliver
    rm -rf "${SPOOL:?}"/*
else
    echo "LEFT OUT: submission without set-gid chmod and mkdir, no seccomp filter here"
fi

part "a default ACL on the spool that changes nothing"
if setfacl -d -m u::rwx,g::rwx,o::r-x "$SPOOL" 2> /dev/null; then
    submit alice 077
    expect_rights 1500
    deliver
    rm -rf "${SPOOL:?}"/*

    part "a default ACL that takes the group's right to write"
    setfacl -d -m u::rwx,g::r-x,o::--- "$SPOOL"
    letter acl | as_user alice sendmail -i -odq u@a.test || fail "exit $?"
    sent=$((sent + 1))
    timeout 30 mxpost run --once || fail "mxpost run --once: $?"
    wait_log "mxpost/1500 isn't open to this engine's group" 5
    as_user alice sendmail -q # the owner's engine can serve it
    wait_mail a "$sent"
    kill_engines
    setfacl -k "$SPOOL"
    rm -rf "${SPOOL:?}"/*
else
    echo "LEFT OUT: default ACLs on the spool, none on this file system"
fi

part "a box that all may write to"
submit alice 022
deliver
as_user alice chmod 777 "$SPOOL/1500"
submit alice 022
[ -z "$(find "$SPOOL/1500" -type f ! -name '.*')" ] || fail "alice's mail lies in an open directory"
deliver
wait_log "mxpost/1500 is no box: others than its owner may write to it" 5
rm -rf "${SPOOL:?}"/*

part "a squatted name"
as_user bob mkdir -m 777 "$SPOOL/1500"
as_user bob ln -s /etc "$SPOOL/33"
submit alice 022
submit www-data 022
[ -z "$(find "$SPOOL/1500" -user alice)" ] || fail "alice's mail lies in bob's directory"
[ -n "$(box_of 1500)" ] || fail "alice has no box"
[ "$(stat -c %a "$(box_of 1500)")" = 2770 ] || fail "$(ls -la "$SPOOL")"
letter bob | as_user alice sendmail -i -odq u@a.test # the second one finds the same box
sent=$((sent + 1))
[ "$(box_of 1500 | wc -l)" = 1 ] || fail "alice has several boxes: $(ls -la "$SPOOL")"
deliver
[ "$(stat -c %U "$SPOOL/1500" 2> /dev/null || echo none)" != bob ] || fail "the squatter is still there"
