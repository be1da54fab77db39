# What a user can do with their own box harms nobody else: strange things in the place of messages and
# of the box's own entries, more of them than anybody needs, and files that change while they are sent.
#
#   box of alice { everything but mail } \
#                                          system engine -> mx.a.test, mx.b.test
#   box of bob   { mail }                /
#
# Alice's things are set aside or refused, the log has a line about each, nothing outside of the box is
# touched, and bob's mail passes at once. MXPOST_JUNK_ENTRIES: how many are "more than anybody needs".
. "$LAB/lib.sh"

bobs=0
bob_gets_through() { # [SECONDS]
    bobs=$((bobs + 1))
    letter "bob$bobs" | as_user bob sendmail -i u@b.test
    wait_mail b "$bobs" "${1:-10}"
}
lines_about() {
    grep -c -- "$1" "$SYSLOG" || true
}
most_memory() { # in kB, of the system engine
    # shellcheck disable=SC2154  # lib.sh sets it
    awk '/^VmHWM/ { print $2 }' "/proc/$system_engine/status"
}

start_system_engine
letter warm | as_user alice sendmail -i u@b.test
bobs=1
wait_mail b 1
wait_until 10 has_system_engine 1500
bob_gets_through
wait_until 10 has_system_engine 1501
usual=$(most_memory)
stop_system_engine

part "strange things in the place of messages"
echo "alice's own file" > /home/alice/outside
chown alice /home/alice/outside
letter good | as_user alice sendmail -i -odq good@b.test
"$CASE/strange.py" "$(messages 1500)" > "$RUN/strange"
stat -c '%i %Y %Z %s' /home/alice/outside > "$RUN/outside.before"
start_system_engine
bobs=$((bobs + 1))
wait_mail b "$bobs"
bob_gets_through
is_set_aside() {
    [ -z "$(find "$SPOOL/1500" -maxdepth 1 -name "$1" -print -quit)" ] &&
        [ -n "$(find "$SPOOL/1500/corrupt" -maxdepth 1 -name "$1" -print -quit)" ]
}
while read -r kind name; do
    case $kind in
    closed*) [ -e "$SPOOL/1500/$name" ] || fail "$kind is gone" ;;
    *) wait_until 20 is_set_aside "$name" ;;
    esac
    [ "$(lines_about "^[^,]*${name%.*}: ")" = 1 ] || fail "$kind: $(grep -- "${name%.*}" "$SYSLOG")"
done < "$RUN/strange"
stat -c '%i %Y %Z %s' /home/alice/outside | cmp - "$RUN/outside.before" || fail "alice's file was touched"
expect_count b "$bobs"

part "the next engine says nothing of them"
set_aside=$(lines_about 'set aside')
stop_system_engine
start_system_engine
bob_gets_through
[ "$(lines_about 'set aside')" = "$set_aside" ] || fail "$(tail -n 20 "$SYSLOG")"
stop_system_engine
[ "$(find "$SPOOL/1500/corrupt" -mindepth 1 -maxdepth 1 | wc -l)" = "$(grep -vc '^closed' "$RUN/strange")" ] ||
    fail "$(ls -la "$SPOOL/1500/corrupt")"

part "strange things in the place of the box's own entries"
rm -rf "$SPOOL/1500"
# A place of the engine's own, on the same file system: it could write there.
target=$SPOOL/target
mkdir "$target"
touch "$target/file"
chown -R mxpost "$target"
obstruct() { # ENTRY KIND
    case $2 in
    link) ln -s "$target" "$1" ;;
    file-link) ln -s "$target/file" "$1" ;;
    file) touch "$1" ;;
    fifo) mkfifo "$1" ;;
    directory) mkdir "$1" ;;
    closed) mkdir -m 0 "$1" ;;
    esac
    chown -h alice "$1"
}
for kind in link file-link file fifo directory closed; do
    letter damaged | as_user alice sendmail -i -odq damaged@b.test
    name=$(basename "$(messages 1500)")
    truncate -s 100 "$SPOOL/1500/$name"
    for entry in corrupt .system .usage state ".ask-${name%.*}-retry" ".new-${name%.*}"; do
        rm -rf "${SPOOL:?}/1500/$entry"
        obstruct "$SPOOL/1500/$entry" $kind
    done
    before=$(wc -l < "$SYSLOG")
    start_system_engine
    bob_gets_through
    stop_system_engine
    timeout 20 mxpost run --once || fail "$kind: mxpost run --once: $?"
    timeout 20 mxpost queue list > /dev/null 2>&1 || true
    said=$(tail -n "+$((before + 1))" "$SYSLOG" | grep -- "${name%.*}\|/1500" || true)
    [ "$(wc -l <<< "$said")" -le 4 ] || fail "$kind: $said"
    [ "$(find "$target" -printf '%y ')" = 'd f ' ] || fail "$kind: $(ls -la "$target")"
    [ ! -s "$target/file" ] || fail "$kind: written to: $(head -c 100 "$target/file")"
    rm -rf "${SPOOL:?}/1500"
done

part "many things that are no mail"
letter junk | as_user alice sendmail -i -odq u@a.test
count=${MXPOST_JUNK_ENTRIES:-50000}
setpriv --reuid alice --regid alice --clear-groups "$CASE/junk.py" "$SPOOL/1500" "$count"
start_system_engine
for _ in $(seq 5); do
    bob_gets_through 5
done
wait_mail a 1 $((60 + count / 5000)) # her own comes after her junk
peak=$(most_memory)
echo "$count entries: the engine has used $peak kB at most, $usual without them"
[ "$peak" -lt $((usual + 40000)) ] || fail "that is too much"
stop_system_engine
rm -rf "${SPOOL:?}/1500"

part "many things in the spool's root that are no boxes"
junk_in_root() { # FIRST LAST
    as_user alice python3 -c '
import os, sys
for n in range(int(sys.argv[2]), int(sys.argv[3])):
    os.close(os.open(f"{sys.argv[1]}/1500-j{n}", os.O_CREAT | os.O_WRONLY, 0o600))
    os.mkdir(f"{sys.argv[1]}/1500-d{n}", 0o700) if n % 100 == 0 else None' "$SPOOL" "$1" "$2"
}
no_junk() {
    [ -z "$(find "$SPOOL" -mindepth 1 -maxdepth 1 -type f -print -quit)" ]
}
junk_in_root 0 20000
before=$(wc -l < "$SYSLOG")
start_system_engine
for _ in $(seq 3); do
    bob_gets_through 5
done
wait_until 30 no_junk
junk_in_root 20000 40000 # more than the kernel keeps events of
for _ in $(seq 3); do
    bob_gets_through 5
done
wait_until 90 no_junk
said=$(tail -n "+$((before + 1))" "$SYSLOG" | grep '/1500-[jd]\|1500-j' || true)
[ "$(wc -l <<< "$said")" -le 8 ] || fail "$said"
stop_system_engine
rm -rf "$SPOOL"/1500-d*

part "a file that changes at every moment of its transaction"
# One session with the server at a time: alice's message and bob's share it.
filler 120000 > "$RUN/large"
chmod 644 "$RUN/large"
start_system_engine
letter warm | as_user alice sendmail -i u@b.test
bobs=$((bobs + 1))
wait_mail b "$bobs"
wait_until 10 has_system_engine 1500
as_mail=1
corrupt=0
has_settled() {
    [ -z "$(messages)" ] && [ "$(mail_count a)" -ge "$as_mail" ]
}
corrupt_count() {
    find "$SPOOL"/1500/corrupt -type f 2> /dev/null | wc -l
}
round() { # STEP CHANGE COMMAND with $0 as the file
    rearm first first-go alice alice-go
    letter "bob-before-$1-$2" | as_user bob sendmail -i -f first@corp.example u@a.test
    wait_mark first
    { printf 'Subject: alice-%s-%s\n\n' "$1" "$2"; cat "$RUN/large"; } |
        as_user alice sendmail -i -f "$1@corp.example" "$1@a.test"
    release first-go
    wait_mark alice
    as_user alice sh -c "$3" "$(messages 1500)"
    letter "bob-after-$1-$2" | as_user bob sendmail -i -f other@corp.example u@a.test
    release alice-go
    as_mail=$((as_mail + 2))
    # All was read before the final dot; and who removes the name takes nothing away.
    if [ "$1" = end ] || [ "$2" = removed ]; then
        as_mail=$((as_mail + 1))
    else
        corrupt=$((corrupt + 1))
    fi
    wait_until 20 has_settled
    expect_count a "$as_mail"
    [ "$(corrupt_count)" = "$corrupt" ] || fail "$1, $2: $(corrupt_count) in corrupt/, not $corrupt"
}
for step in mail data body end; do
    # shellcheck disable=SC2016  # expand in alice's shell
    {
        round $step rewritten 'printf "RCPT TO:<x@a.test>" |
            dd of="$0" bs=1 seek=5900000 conv=notrunc 2> /dev/null'
        round $step truncated 'truncate -s 3000000 "$0"'
        round $step emptied 'truncate -s 0 "$0"'
        round $step extended 'head -c 100000 /dev/zero | tr "\0" "\n" >> "$0"'
        round $step removed 'rm "$0"'
    }
done
rm "$RUN/got/a/0001.json" "$RUN/got/a/0001.eml"
"$CASE/arrived.py" "$RUN/got/a" "$RUN/large" || fail "see above"
! grep -q 'RCPT TO:<x@a.test>' "$RUN/log/a" || fail "the changed text was taken for a command"
