#!/usr/bin/python3
"""load.py CONNECTIONS MESSAGES RECIPIENT FILE: sends until all is sent or the server has gone.

The subject of each message that got its 250 is added to FILE at once.
"""
import socket
import sys
import threading

connections, messages, recipient, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
acknowledged = open(path, "a", buffering=1)
lock = threading.Lock()


def talk(number):
    try:
        server = socket.create_connection(("127.0.0.1", 25), timeout=30)
        replies = server.makefile("rb")

        def expect(code):
            while True:
                line = replies.readline()
                if line[:3] != code or line[3:4] != b"-":
                    return line[:3] == code

        def say(text, code):
            server.sendall(text.encode())
            return expect(code)

        if not expect(b"220") or not say("EHLO load.corp.example\r\n", b"250"):
            return
        for message in range(number, messages, connections):
            subject = f"{recipient} {message}"
            if not (say("MAIL FROM:<load@corp.example>\r\n", b"250")
                    and say(f"RCPT TO:<{recipient}>\r\n", b"250") and say("DATA\r\n", b"354")
                    and say(f"Subject: {subject}\r\n\r\n" + "line\r\n" * 50 + ".\r\n", b"250")):
                return
            with lock:
                acknowledged.write(subject + "\n")
    except OSError:
        pass


threads = [threading.Thread(target=talk, args=(n,)) for n in range(connections)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
