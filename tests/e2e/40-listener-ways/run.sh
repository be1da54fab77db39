# The other ways into the listener: encrypted, through a Unix socket, through sockets that a service
# manager has opened.
#
#   smtplib with STARTTLS, swaks --socket (alice, bob) -> the engine that root started -> mx.a.test
#   pass.py (in systemd's place: sockets as descriptors 3, 4, …) -> an engine without any privilege
#
# The key is root's alone; the peer's uid is the kernel's word; what is said in clear behind
# STARTTLS is no command.
. "$LAB/lib.sh"

serving() {
    pgrep -x -u mxpost mxpost
}

configure() {
    printf 'host-name = host.example\nfrom-domain = corp.example\n' > /etc/mxpost.conf
    printf '%s\n' "$@" >> /etc/mxpost.conf
}

listening() {
    (exec 3<> /dev/tcp/127.0.0.1/25) 2> /dev/null
}

stop() {
    kill -TERM "$(serving)"
    wait_until 10 no_engine
}

socket=/run/mxpost/submit.sock
mkdir -m 755 /run/mxpost
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
    -subj /CN=host.example -keyout /etc/ssl/private/host.pem -out /etc/ssl/host.pem 2> /dev/null
chmod 600 /etc/ssl/private/host.pem

part "STARTTLS"
configure "listen = 127.0.0.1, $socket" 'listen-tls-certificate = /etc/ssl/host.pem' \
    'listen-tls-key = /etc/ssl/private/host.pem' 'listen-max-connections-per-client = 3'
expect_exit 0 sendmail -bd
python3 - <<'END' || fail "smtplib with STARTTLS"
import smtplib, ssl
context = ssl.create_default_context(cafile="/etc/ssl/host.pem")
context.check_hostname = False
with smtplib.SMTP("127.0.0.1", 25, "app.corp.example", timeout=10) as server:
    server.starttls(context=context)
    server.sendmail("app@corp.example", ["one@a.test"], "Subject: encrypted\n\nhello\n")
END
wait_mail a 1
expect_text '^Received: from app\.corp\.example \(\[127\.0\.0\.1\]\)' a 1
expect_text 'with ESMTPS' a 1
python3 - <<'END'
import socket, ssl

def client():
    connection = socket.create_connection(("127.0.0.1", 25), timeout=10)
    replies = connection.makefile("rb")
    assert replies.readline().startswith(b"220 ")
    connection.sendall(b"EHLO x\r\n")
    lines = [replies.readline()]
    while lines[-1][3:4] == b"-":
        lines.append(replies.readline())
    assert any(b"STARTTLS" in line for line in lines), lines
    return connection, replies

# Octets behind the command, in the same segment …
connection, replies = client()
connection.sendall(b"STARTTLS\r\nMAIL FROM:<evil@corp.example>\r\n")
line = replies.readline()
assert line.startswith(b"554 "), line
assert replies.readline() == b""
# … or after the reply: the handshake fails, and no command is answered.
connection, replies = client()
connection.sendall(b"STARTTLS\r\n")
assert replies.readline().startswith(b"220 ")
connection.sendall(b"MAIL FROM:<evil@corp.example>\r\n")
try:
    heard = replies.read()
except ConnectionResetError:
    heard = b""
assert b"250" not in heard, heard
# What was said before the handshake is forgotten (RFC 3207 4.2).
connection, replies = client()
connection.sendall(b"STARTTLS\r\n")
assert replies.readline().startswith(b"220 ")
context = ssl.create_default_context(cafile="/etc/ssl/host.pem")
context.check_hostname = False
connection = context.wrap_socket(connection)
replies = connection.makefile("rb")
for say, code in ((b"MAIL FROM:<a@corp.example>", b"503"), (b"STARTTLS", b"502"),
                  (b"QUIT", b"221")):
    connection.sendall(say + b"\r\n")
    line = replies.readline()
    assert line.startswith(code), (say, line)
END
wait_log 'TLS handshake failed'

part "REQUIRETLS"
# Neither DNSSEC nor MTA-STS vouches for a.test's servers (RFC 8689 4.2.1): it may not go there.
python3 - <<'END' || fail "smtplib with REQUIRETLS"
import smtplib, ssl
context = ssl.create_default_context(cafile="/etc/ssl/host.pem")
context.check_hostname = False
with smtplib.SMTP("127.0.0.1", 25, "app.corp.example", timeout=10) as server:
    server.ehlo()
    assert not server.has_extn("requiretls")  # in clear it means nothing
    server.starttls(context=context)
    server.ehlo()
    assert server.has_extn("requiretls")
    server.sendmail("app@corp.example", ["strict@a.test"], "Subject: strict\n\nhello\n", ["REQUIRETLS"])
END
wait_log 'to=<strict@a\.test>, .*dsn=5\.7\.30, status=bounced'
# Nor may the bounce go to the sender's (RFC 8689 5).
wait_log 'to=<app@corp\.example>, .*dsn=5\.7\.30, status=bounced'
expect_count a 1

part "a Unix socket"
as_user alice swaks --socket "$socket" --from alice@corp.example --to two@a.test \
    --header 'Subject: from alice' --silent 2 || fail "swaks --socket: $?"
wait_mail a 2
expect_text 'by host\.example \(mxpost, from userid 1500\) with ESMTP' a 2
wait_log 'uid=1500 from=<alice@corp\.example>'
as_user bob python3 - "$socket" <<'END' || fail "LMTP"
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
replies = connection.makefile("rb")
assert replies.readline().startswith(b"220 ")
for say, codes in ((b"LHLO x", None), (b"MAIL FROM:<bob@corp.example>", 1),
                   (b"RCPT TO:<three@a.test>", 1), (b"RCPT TO:<four@a.test>", 1), (b"DATA", 1),
                   (b"Subject: by LMTP\r\n\r\nhi\r\n.", 2), (b"QUIT", 1)):
    connection.sendall(say + b"\r\n")
    line = replies.readline()
    while codes is None and line[3:4] == b"-":
        line = replies.readline()
    for _ in range((codes or 1) - 1):
        line = replies.readline()
    assert line[:1] in b"23", (say, line)
END
wait_mail a 3
lmtp=$(find_mail a '^Subject: by LMTP')
expect_envelope a "$lmtp" bob@corp.example three@a.test four@a.test

part "users are counted one by one"
as_user alice python3 - "$socket" > "$RUN/alice" <<'END' &
import socket, sys, time
held = []
for _ in range(4):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(sys.argv[1])
    held.append(connection)
    print(connection.makefile().readline().strip(), flush=True)
time.sleep(5)
END
alice_was_refused() {
    grep -q '^421 4\.7\.0 too many connections from you' "$RUN/alice"
}
wait_until 10 alice_was_refused
[ "$(grep -c '^220 ' "$RUN/alice")" = 3 ] || fail "$(cat "$RUN/alice")"
as_user bob swaks --socket "$socket" --from bob@corp.example --to five@a.test --silent 2 ||
    fail "bob pays for alice"
wait_mail a 4

part "a socket that a dead engine left"
kill_engines
[ -S "$socket" ] || fail "no socket was left"
expect_exit 0 sendmail -bd
as_user alice swaks --socket "$socket" --from alice@corp.example --to six@a.test --silent 2 ||
    fail "swaks --socket: $?"
wait_mail a 5
stop

part "a certificate that isn't there"
configure 'listen = 127.0.0.1' 'listen-tls-certificate = /etc/ssl/absent.pem'
expect_exit 78 sendmail -bd
grep -q '/etc/ssl/absent.pem' "$RUN/stderr" || fail "$(cat "$RUN/stderr")"

part "sockets from a service manager"
configure
rm -f "$socket"
"$CASE/pass.py" 127.0.0.1 ::1 > "$RUN/log/passed" 2>&1 &
wait_until 10 listening
[ -n "$(serving)" ] || fail "no engine"
swaks --server 127.0.0.1 --from app@corp.example --to seven@a.test --silent 2 || fail "swaks: $?"
wait_mail a 6
stop
expect_exit 78 "$CASE/pass.py" 0.0.0.0
grep -q 'relay-networks must say' "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
# Without them, that user has no right to port 25.
configure 'listen = 127.0.0.1'
expect_exit 77 setpriv --reuid mxpost --regid mxpost --init-groups mxpost run
grep -q "can't listen on 127.0.0.1:25 (enable mxpost.socket" "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
