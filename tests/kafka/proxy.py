"""A TCP proxy that breaks connections on demand.

    proxy.py LISTEN:TARGET...      ports on 127.0.0.1

It reads commands from standard input, a line each, and ends with its input:
    cut SHARE SECONDS     closes that share of the connections and refuses as many new ones
    stall SHARE SECONDS   that share of the connections stays open, but nothing passes
    deaf SHARE SECONDS    the same, but only what the broker sends is held up
    mute SHARE SECONDS    the same, but only what the client sends is held up
    delay MS SECONDS      everything is late by MS
    close TARGET PORT,PORT...   closes the connections of these client ports to one broker
Each of the others lasts for SECONDS."""

import asyncio
import random
import sys
import time


class Proxy:
    def __init__(self):
        self.connections = set()
        self.refuse = (0.0, 0.0)  # share, until
        self.delay = (0.0, 0.0)   # seconds, until
        self.cuts = 0

    async def pump(self, connection, way, reader, writer):
        try:
            while data := await reader.read(65536):
                pause, until = self.delay
                if time.time() < until:
                    await asyncio.sleep(pause)
                while time.time() < connection.stalled_until[way]:
                    await asyncio.sleep(0.05)
                writer.write(data)
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass
        connection.close()

    async def serve(self, target, reader, writer):
        share, until = self.refuse
        if time.time() < until and random.random() < share:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.transport.abort()
            return
        connection = Connection(target, writer, far_writer)
        self.connections.add(connection)
        await asyncio.gather(self.pump(connection, "mute", reader, far_writer),
                             self.pump(connection, "deaf", far_reader, writer))
        self.connections.discard(connection)

    def command(self, line):
        what, first, seconds = line.split()
        if what == "close":
            ports = set(map(int, seconds.split(",")))
            for connection in [c for c in self.connections
                               if c.target == int(first) and c.port in ports]:
                connection.close()
            return
        until = time.time() + float(seconds)
        if what == "delay":
            self.delay = (float(first) / 1000, until)
            return
        chosen = [c for c in self.connections if random.random() < float(first)]
        for connection in chosen:
            if what == "cut":
                connection.close()
            for way in ("mute", "deaf") if what == "stall" else (what,):
                connection.stalled_until[way] = until
        if what == "cut":
            self.refuse = (float(first), until)


class Connection:
    def __init__(self, target, *writers):
        self.target, self.writers = target, writers
        self.port = writers[0].get_extra_info("peername")[1]  # of the client
        self.stalled_until = {"mute": 0.0, "deaf": 0.0, "cut": 0.0}

    def close(self):
        for writer in self.writers:
            writer.transport.abort()


async def main(pairs):
    proxy = Proxy()
    for pair in pairs:
        listen, target = map(int, pair.split(":"))
        await asyncio.start_server(lambda r, w, target=target: proxy.serve(target, r, w),
                                   "127.0.0.1", listen)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print("ready", flush=True)
    while line := await commands.readline():
        proxy.command(line.decode())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
