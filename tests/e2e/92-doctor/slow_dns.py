#!/usr/bin/env python3
"""A name server that takes its time: slow_dns.py ADDRESS UPSTREAM SECONDS"""
import asyncio
import socket
import sys


class Server(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, client):
        asyncio.get_running_loop().create_task(self.answer(data, client))

    async def answer(self, data, client):
        loop = asyncio.get_running_loop()
        await asyncio.sleep(float(sys.argv[3]))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
            upstream.setblocking(False)
            await loop.sock_connect(upstream, (sys.argv[2], 53))
            await loop.sock_sendall(upstream, data)
            self.transport.sendto(await loop.sock_recv(upstream, 65535), client)


async def main():
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Server, local_addr=(sys.argv[1], 53))
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
