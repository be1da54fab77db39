# The listener is no open relay: not by default, not by a setting alone, not by the way of writing
# an address.
#
#   "world" (192.0.2.254, 198.51.100.x) -> port 25 of "host" (192.0.2.1), several configurations
#
# Addresses that others can reach need relay-networks, else the engine doesn't start (78, one line).
# A client outside of them gets 554 and nothing else, whatever it says.
. "$LAB/lib.sh"

# The engine's pid: root's local helper has the same name.
serving() {
    pgrep -x -u mxpost mxpost
}

configure() {
    printf 'host-name = host.example\nfrom-domain = corp.example\n' > /etc/mxpost.conf
    printf '%s\n' "$@" >> /etc/mxpost.conf
}

in_world() {
    nsenter --net="/proc/$WORLD/ns/net" -- "$@"
}

# first_line FROM TO: what a client in the world hears from TO when it connects from FROM.
first_line() {
    in_world timeout 5 python3 -c '
import socket, sys
s = socket.create_connection((sys.argv[2], 25), timeout=4, source_address=(sys.argv[1], 0))
s.settimeout(4)
print(s.makefile().readline().strip())' "$1" "$2" 2>&1 | tail -n 1 || true
}

expect_first() {
    local line
    line=$(first_line "$2" "$3")
    [[ $line == "$1"* ]] || fail "$2 -> $3: $line"
}

listening() {
    (exec 3<> /dev/tcp/127.0.0.1/25) 2> /dev/null
}

start() {
    start_system_engine
    wait_until 10 listening
}

in_world ip addr add 2001:db8::77/64 dev veth0 nodad

part "the default is out of reach"
expect_exit 0 sendmail -bd
expect_first 'ConnectionRefusedError' 192.0.2.254 192.0.2.1
expect_first 'ConnectionRefusedError' 2001:db8::fe 2001:db8::1
kill -TERM "$(serving)"
wait_until 10 no_engine

part "an address alone is an error"
for listen in 0.0.0.0:25 '[::]:25' 192.0.2.1 '127.0.0.1, 192.0.2.1:2525' '[2001:db8::1]:25'; do
    configure "listen = $listen"
    expect_exit 78 mxpost run
    [ "$(wc -l < "$RUN/stderr")" = 1 ] || fail "not one line: $(cat "$RUN/stderr")"
    grep -q 'relay-networks must say' "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
    expect_exit 78 sendmail -bd
    grep -q 'relay-networks must say' "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
    expect_exit 78 mxpost config > "$RUN/config"
    expect_exit 78 sendmail -bC
    no_engine || fail "an engine runs"
done

part "named networks, and nobody else"
configure 'listen = 0.0.0.0:25, [::]:25' 'relay-networks = 198.51.100.64/26, 2001:db8::70/124'
start
expect_first '220 host.example' 198.51.100.77 192.0.2.1
expect_first '554 5.7.1 [192.0.2.254] may not send' 192.0.2.254 192.0.2.1
expect_first '554 5.7.1' 198.51.100.20 192.0.2.1
expect_first '554 5.7.1' 198.51.100.128 192.0.2.1
expect_first '220 host.example' 2001:db8::77 2001:db8::1
expect_first '554 5.7.1 [2001:db8::fe] may not' 2001:db8::fe 2001:db8::1
wait_log 'client \[192\.0\.2\.254\] was turned away'
# This host's own other address is no loopback address.
python3 - <<'END'
import socket
line = socket.create_connection(("192.0.2.1", 25), source_address=("192.0.2.1", 0)).makefile().readline()
assert line.startswith("554 5.7.1 [192.0.2.1]"), line
END
# Whatever it says behind the 554, and without waiting for it.
in_world python3 - <<'END'
import socket
s = socket.create_connection(("192.0.2.1", 25), source_address=("192.0.2.254", 0), timeout=5)
try:
    s.sendall(b"EHLO x\r\nXCLIENT ADDR=127.0.0.1\r\nMAIL FROM:<a@corp.example>\r\n"
              b"RCPT TO:<b@a.test>\r\nDATA\r\n.\r\nQUIT\r\n")
    s.settimeout(5)
    heard = b""
    while piece := s.recv(4096):
        heard += piece
except OSError:
    pass
assert b"250" not in heard and b"354" not in heard, heard
END
in_world swaks --server 192.0.2.1 --local-interface 198.51.100.77 --from app@corp.example \
    --to one@a.test --silent 2 || fail "swaks from a named network: $?"
wait_mail a 1
expect_text '^Received: from .*\(\[198\.51\.100\.77\]\)' a 1
stop_system_engine

part "networks of one family hold no address of the other"
configure 'listen = 0.0.0.0:25, [::]:25' 'relay-networks = ::/0'
start
expect_first '554 5.7.1' 198.51.100.77 192.0.2.1
expect_first '220 ' 2001:db8::fe 2001:db8::1
wait_log 'relay-networks: ::/0 lets strangers send'
stop_system_engine

part "no client says who it is"
configure 'listen = 127.0.0.1'
start
python3 - <<'END'
import socket
s = socket.create_connection(("127.0.0.1", 25), timeout=5)
replies = s.makefile()
assert replies.readline().startswith("220 ")
s.sendall(b"EHLO x\r\n")
while (line := replies.readline())[3] == "-":
    assert "XCLIENT" not in line and "XFORWARD" not in line and "AUTH" not in line, line
for command in (b"XCLIENT ADDR=10.0.0.1\r\n", b"XFORWARD ADDR=10.0.0.1\r\n"):
    s.sendall(command)
    assert replies.readline().startswith("500 "), command
END
expect_count a 1
