#!/usr/bin/python3
"""The lab's web servers: HTTPS that answers as files say.

    https.py RUN_DIR NAME ADDRESS CERTIFICATE KEY

Port 443 on ADDRESS. RUN_DIR/https/HOST is the whole answer, head included, to every request for
HOST; without one the connection is closed. A file HOST.hang: nothing is ever answered. Each request
is a line "NAME METHOD HOST PATH" of RUN_DIR/log/https, and what came with a POST is
RUN_DIR/got/https/NNNN (the head in NNNN.head, written last). RUN_DIR/sync/https-NAME.ready says that
it listens.
"""
import os
import re
import socket
import ssl
import sys
import threading

LOCK = threading.Lock()


class Server:
    def __init__(self, run, name, address, certificate, key):
        self.run, self.name = run, name
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.listener = socket.create_server((address, 443))

    def serve(self):
        open(f"{self.run}/sync/https-{self.name}.ready", "w", encoding="ascii").close()
        while True:
            connection = self.listener.accept()[0]
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        try:
            with self.context.wrap_socket(connection, server_side=True) as tls:
                self.answer(tls)
        except (OSError, ssl.SSLError):
            pass

    def answer(self, tls):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = tls.recv(65536)
            if not piece:
                return
            data += piece
        head, content = data.split(b"\r\n\r\n", 1)
        head = head.decode("latin-1")
        length = re.search(r"(?im)^content-length: *(\d+)", head)
        while length and len(content) < int(length[1]):
            content += tls.recv(65536)
        method, path = head.split(" ")[:2]
        host = re.search(r"(?im)^host: *([^\r\n:]*)", head)[1]
        self.record(method, host, path, head, content)
        if os.path.exists(f"{self.run}/https/{host}.hang"):
            tls.recv(1)
            return
        with open(f"{self.run}/https/{host}", "rb") as file:
            tls.sendall(file.read())

    def record(self, method, host, path, head, content):
        with LOCK:
            with open(f"{self.run}/log/https", "a", encoding="utf-8") as log:
                log.write(f"{self.name} {method} {host} {path}\n")
            if method == "POST":
                got = f"{self.run}/got/https"
                os.makedirs(got, exist_ok=True)
                number = len([name for name in os.listdir(got) if name.endswith(".head")]) + 1
                with open(f"{got}/{number:04d}", "wb") as file:
                    file.write(content)
                with open(f"{got}/{number:04d}.head", "w", encoding="utf-8") as file:
                    file.write(head + "\n")


if __name__ == "__main__":
    Server(*sys.argv[1:6]).serve()
