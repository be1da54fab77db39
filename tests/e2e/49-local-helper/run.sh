# The helper as the service manager starts it, apart from the engine; and what it refuses.
. "$LAB/lib.sh"

mbox_has() {
    grep -qs -- "$2" "/var/mail/$1"
}
readonly SOCKET=/run/mxpost-local.sock
start_helper() {
    rm -f "$SOCKET"
    # As systemd does it: the socket is passed on, and only three capabilities are left.
    setsid python3 - "$SOCKET" > "$RUN/log/helper.out" 2>&1 <<'PYTHON' &
import os, pwd, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
os.umask(0o177)
listener.bind(sys.argv[1])
os.chown(sys.argv[1], pwd.getpwnam("mxpost").pw_uid, -1)
listener.listen(128)
passed = os.dup(listener.fileno())
os.dup2(passed, 3, inheritable=True)
os.set_inheritable(3, True)
os.umask(0o022)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execvp("setpriv", ["setpriv", "--bounding-set=-all,+setuid,+setgid,+kill", "mxpost", "local"])
PYTHON
    helper=$!
    wait_until 10 test -S "$SOCKET"
    wait_until 10 pgrep -x mxpost-local > /dev/null
}

part "it can't be started by a user"
expect_exit 77 as_user alice mxpost local
start_helper
[ "$(stat -c '%U %a' "$SOCKET")" = 'mxpost 600' ] || fail "$(stat "$SOCKET")"

part "the engine runs as mxpost, without any privilege"
setsid setpriv --reuid mxpost --regid mxpost --init-groups --no-new-privs --bounding-set=-all \
    mxpost run > "$RUN/log/engine.out" 2>&1 &
system_engine=$!
letter first | sendmail -i -f bob@corp.example alice@host.example
wait_until 20 mbox_has alice 'body of first'
wait_empty

part "only mxpost is served"
chmod 777 "$SOCKET"
as_user bob python3 - "$SOCKET" <<'PYTHON'
import os, socket, struct, sys
text = lambda s: struct.pack("<H", len(s)) + s.encode()
packet = b"MXL1\x01" + text("alice") + text("a@x") + text("a@x") + text("b@x") + text("ID") + b"\0\0"
message = os.memfd_create("message")
os.write(message, b"Subject: forged\n\n")
connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
connection.connect(sys.argv[1])
try:
    socket.send_fds(connection, [packet], [message])
    assert connection.recv(1000) == b""
except (BrokenPipeError, ConnectionResetError):
    pass
PYTHON
wait_log 'connection of uid 1501 refused'
! mbox_has alice forged || fail "bob wrote alice's mailbox"

part "programs of the alias file run as nobody"
# shellcheck disable=SC2016
echo 'list: "|/bin/sh -c '\''id -un > /tmp/ran-as; cat > /dev/null'\''", bob' > /etc/aliases
letter list | sendmail -i -f alice@corp.example list@host.example
wait_until 20 test -s /tmp/ran-as
[ "$(cat /tmp/ran-as)" = nobody ] || fail "it ran as $(cat /tmp/ran-as)"
wait_until 20 mbox_has bob 'body of list'
wait_empty

part "mail waits while the helper is gone"
kill -KILL "$helper"
wait "$helper" 2> /dev/null || true
letter second | sendmail -i -f bob@corp.example alice@host.example
wait_log 'to=<alice@host\.example>, .*status=deferred .*no local helper answers'
sendmail -bp > "$RUN/mailq"
grep -q 'no local helper answers' "$RUN/mailq" || fail "$(cat "$RUN/mailq")"
start_helper
sendmail -q
wait_until 20 mbox_has alice 'body of second'
wait_empty

part "it ends when told to"
kill -TERM "$helper"
wait "$helper" || fail "status $?"
