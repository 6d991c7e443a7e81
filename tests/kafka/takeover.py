#!/usr/bin/env python3
"""Measures how long visitors wait for new lists when a process goes away. It prints figures and
asserts nothing.

    takeover.py [--times N] [--set KEY=VALUE]... [kill] [rolling]       both by default

kill     one of two processes is killed with -9 and stays away: the time from the kill to the first
         list that a read_committed reader sees in each of its partitions
rolling  three processes stop and start again one after the other: the longest pause between lists
         in the partitions of the restarted process, and in the partitions of the others"""

import argparse
import collections
import os
import signal
import statistics
import subprocess
import sys
import threading
import time

from protocol import Client, patiently
from shop import Kafka, Shop
from traffic import Feeder, Traffic

PARTITIONS = 8
RATE = 400


class Reader(threading.Thread):
    """When lists became visible, by partition."""

    def __init__(self, shop):
        super().__init__(daemon=True)
        self.seen = collections.defaultdict(list)
        self.process = subprocess.Popen(
            ["kcat", "-C", "-q", "-u", "-b", shop.address, "-t", f"{shop.name}.recommendations",
             "-o", "end", "-X", "isolation.level=read_committed", "-X", "fetch.wait.max.ms=10",
             "-f", "%p\n"], stdout=subprocess.PIPE)

    def run(self):
        for line in self.process.stdout:
            self.seen[int(line)].append(time.time())

    def stop(self):
        self.process.kill()
        self.process.wait()

    def after(self, partition, when):
        return next((t for t in list(self.seen[partition]) if t > when), None)

    def pause(self, partition, since, until):
        """The longest time without a list that touches the interval."""
        times = [t for t in list(self.seen[partition]) if t <= until]
        later = [t for t in times if t > since]
        before = [t for t in times if t <= since]
        points = before[-1:] + later + ([] if later else [until])
        return max((b - a for a, b in zip(points, points[1:])), default=until - since)


def owned(client, shop, index):
    path = os.path.join(shop.state(index), "instance.id")
    if not os.path.exists(path):  # it has just been started
        return []
    with open(path) as file:
        name = file.read().strip()
    _, members = patiently(lambda: client.group(shop.name))
    return sorted(p for member, topics in members.items() if member.startswith(name + "-")
                  for p in topics.get(f"{shop.name}.view", []))


def say(name, values):
    if values:
        print(f"{name}: p50 {statistics.median(values):.2f} s, max {max(values):.2f} s, "
              f"{len(values)} partitions", flush=True)


def balanced(client, shop, processes):
    deadline = time.time() + 60
    while time.time() < deadline:
        shop.alive()
        shares = [owned(client, shop, i) for i in range(processes)]
        if sorted(sum(shares, [])) == list(range(PARTITIONS)) and all(shares):
            break
        time.sleep(0.2)
    shop.ready(processes)
    time.sleep(3)
    return shares


def kill(client, shop, reader, times):
    waits = []
    for number in range(times):
        shares = balanced(client, shop, 2)
        victim = number % 2
        struck = time.time()
        shop.stop(victim, signal.SIGKILL)
        while any(reader.after(p, struck + 0.3) is None for p in shares[victim]):
            if time.time() > struck + 120:
                raise RuntimeError("nobody took over within 120 s")
            time.sleep(0.05)
        waits += [reader.after(p, struck + 0.3) - struck for p in shares[victim]]
        print(f"  took over after {max(waits[-len(shares[victim]):]):.2f} s", flush=True)
        shop.start(victim)
    say("kill -9 to the first list of its visitors by another", waits)


def rolling(client, shop, reader, times):
    moved, stayed = [], []
    shop.start(2)
    for _ in range(times):
        for index in range(3):
            shares = balanced(client, shop, 3)
            begun = time.time()
            shop.stop(index)
            shop.start(index)
            shop.ready(3)
            time.sleep(2)
            ended = time.time()
            for other, share in enumerate(shares):
                pauses = [reader.pause(p, begun, ended) for p in share]
                (moved if other == index else stayed).extend(pauses)
    say("rolling restart, longest pause: visitors of the process that restarts", moved)
    say("rolling restart, longest pause: visitors of the others", stayed)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--port", type=int, default=19360)
    parser.add_argument("what", nargs="*", default=["kill", "rolling"])
    options = parser.parse_args()
    kafka = Kafka(options.port)
    shop = Shop("takeover", kafka.address, PARTITIONS, options.set)
    client = Client(kafka.address)
    feeder = reader = None
    try:
        shop.start(0)
        shop.start(1)
        shop.ready(2)
        feeder = Feeder(Traffic(7, visitors=2000), kafka.address, shop.name, RATE)
        feeder.start()
        reader = Reader(shop)
        reader.start()
        time.sleep(5)
        if "kill" in options.what:
            kill(client, shop, reader, options.times)
        if "rolling" in options.what:
            rolling(client, shop, reader, options.times)
    finally:
        if reader:
            reader.stop()
        if feeder:
            feeder.kill()
        shop.remove()
        kafka.stop()


if __name__ == "__main__":
    sys.exit(main())
