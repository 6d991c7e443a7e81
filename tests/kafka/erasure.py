#!/usr/bin/env python3
"""Erased visitors stay away, also from copies of the state that are older than the tombstones.
Two processes share the visitors. One of them stops, loses a partition for a while, or stands
still with its standby copies. Meanwhile visitors are erased and Kafka compacts their tombstones
away. No erased visitor is in any topic or local state afterwards. A visitor who returns is a new
one. weft says which topics forget deletions too soon. The test needs kcat and the programs that
tools/kafka needs.

    erasure.py [--long]

With --long it also erases 200 visitors in five steps. It copies the state of a process before each
step and puts every copy back once Kafka has forgotten the tombstones."""

import os
import shutil
import signal
import sys
import time

from catalogue import NOW, Session, send_lines
from protocol import Client
from shop import Checks, Kafka, Shop, weft
from users import changelog, local, put_user, wait
from verifier import read_topic

PARTITIONS = 4
ERASED_EACH = 20
RETURNING = 3
COPIES, ERASED_A_COPY = 5, 40  # with --long
RETENTION_MS = 4000
FAST_COMPACTION = {"delete_retention_ms": RETENTION_MS, "segment_ms": 500,
                   "min_cleanable_dirty_ratio": 0.001, "min_compaction_lag_ms": 0,
                   "max_compaction_lag_ms": 500}


def tombstones(shop, keys):
    rows = read_topic(shop.address, f"{shop.name}-visitor-changelog")
    return {row[2].decode() for row in rows if row[3] is None} & set(keys)


class Erasure:
    def __init__(self, checks, kafka, shop):
        self.checks, self.kafka, self.shop = checks, kafka, shop
        self.sessions = {}
        self.erased = []

    def visit(self, names):
        """Each views three items; an item of their own tells what is remembered of them."""
        rows = []
        for name in names:
            session = self.sessions.setdefault(name, Session(self.shop, name))
            for item in (f"own-{name}", "common-1", "common-2"):
                session.count += 1
                rows.append({"type": "view", "event_id": f"{name}-{session.count}",
                             "visitor_id": name, "event_time": NOW + session.count * 1000,
                             "item": {"item_id": item}})
        send_lines(self.shop, rows)
        self.sessions[names[-1]].lists(rows[-1]["event_time"])

    def log(self, index):
        with open(os.path.join(self.shop.folder, f"log-{index}.txt")) as log:
            return log.read()

    def takes_all(self, index, action):
        """Does the action, and waits until the process has every partition."""
        line = f"worker 0: {PARTITIONS} partitions assigned"
        before = self.log(index).count(line)
        action()
        wait(f"{index} has all partitions", lambda: self.log(index).count(line) > before, 60)
        wait("it is restored", lambda: (self.shop.metrics(index) or {}).get("workers_ready") == 1)

    def erase(self, names):
        for name in names:
            put_user(self.shop, name, None)
        self.erased += names
        wait("the erasure", lambda: not set(names) & set(changelog(self.shop)), 60)

    def forget_tombstones(self):
        """Writes to the changelog until Kafka has compacted the tombstones away."""
        deadline, round_number = time.time() + 120, 0
        while tombstones(self.shop, self.erased) and time.time() < deadline:
            self.visit([f"filler-{round_number % 4}-{n}" for n in range(8)])
            round_number += 1
            time.sleep(1)
        self.checks.equal("Kafka has compacted the tombstones away",
                          tombstones(self.shop, self.erased), set())

    def nobody_is_back(self, when):
        erased = set(self.erased)
        self.checks.equal(f"{when}: no erased visitor is in the changelog",
                          erased & set(changelog(self.shop)), set())
        self.checks.equal(f"{when}: no erased visitor has lists",
                          erased & set(self.shop.lists()), set())
        for index in self.shop.processes:  # copies of partitions of the others go later
            wait("old copies are dropped",
                 lambda index=index: not erased & set(local(self.shop, index)))
            self.checks.equal(f"{when}: no erased visitor is in the local state of {index}",
                              erased & set(local(self.shop, index)), set())

    def return_as_new(self, names):
        for name in names:
            session = self.sessions[name]
            session.lists(session.send("view", item={"item_id": "common-3"}))
            row = changelog(self.shop)[name]
            self.checks.equal(f"{name} who returns is a new visitor", len(row["activities"]), 1)
            causes = {item.get("because_item_id") for entry in self.shop.lists()[name]["lists"]
                      for item in entry["items"]}
            self.checks.equal(f"no list of {name} gives an erased view as its cause",
                              causes & {f"own-{name}", "common-1", "common-2"}, set())
            self.erased.remove(name)


def topics(checks, kafka, shop, erasure):
    """weft creates topics that remember deletions for 30 days. Then the test shortens that time."""
    client = Client(kafka.address)
    for topic in (f"{shop.name}-visitor-changelog", f"{shop.name}.recommendations",
                  f"{shop.name}.user"):
        checks.equal(f"{topic} remembers deletions for 30 days",
                     client.settings(topic)["delete.retention.ms"], str(30 * 24 * 3600 * 1000))
        if topic != f"{shop.name}.user":
            client.change(topic, **FAST_COMPACTION)
    client.close()
    checks.check("and weft has nothing to say", "forgets deletions" not in erasure.log(0))


def a_stopped_process_returns(checks, shop, erasure, names):
    shop.stop(0)
    erasure.takes_all(1, lambda: None)
    erasure.erase(names)
    erasure.forget_tombstones()
    shop.start(0)
    shop.ready(2)
    shop.settle()
    erasure.nobody_is_back("a stopped process that returns")
    checks.check("it says why it reads again",
                 "is dropped: it was away for longer" in erasure.log(0))
    checks.check("and which topic forgets too soon",
                 f"{shop.name}-visitor-changelog forgets deletions after {RETENTION_MS} ms"
                 in erasure.log(0))
    erasure.return_as_new(names[:RETURNING])


def a_partition_moves(shop, erasure, names):
    erasure.takes_all(0, lambda: shop.stop(1))
    shop.start(1)
    shop.ready(2)
    erasure.erase(names)
    erasure.forget_tombstones()
    erasure.takes_all(0, lambda: shop.stop(1))
    erasure.nobody_is_back("a partition that moved away and back")
    erasure.return_as_new(names[:RETURNING])


def a_process_stands_still(shop, erasure, names):
    """With a standby copy of the visitors that the other has."""
    shop.stop(0)
    for index in (0, 1):
        shop.start(index, "--set", "num.standby=1")
    shop.ready(2)
    erasure.visit([f"filler-0-{n}" for n in range(8)])
    shop.settle()
    still = shop.processes.pop(1)
    erasure.takes_all(0, lambda: still.send_signal(signal.SIGSTOP))
    erasure.erase(names)
    erasure.forget_tombstones()
    still.send_signal(signal.SIGCONT)
    shop.processes[1] = still
    erasure.visit([f"filler-1-{n}" for n in range(8)])
    shop.ready(2)
    shop.settle()
    erasure.nobody_is_back("a process that stood still")
    erasure.return_as_new(names[:RETURNING])


def stale_copies(shop, erasure, names):
    """Copies of the state of process 0, of all ages, come back one after the other. Each copy then
    takes all partitions. Every second one also has standby copies."""
    copies = []
    for step in range(COPIES):
        shop.stop(0)
        copies.append(os.path.join(shop.folder, f"copy-{step}"))
        shutil.copytree(shop.state(0), copies[-1])
        erasure.takes_all(1, lambda: None)
        erasure.erase(names[step * ERASED_A_COPY:(step + 1) * ERASED_A_COPY])
        shop.start(0)
        shop.ready(2)
        shop.settle()
    erasure.forget_tombstones()
    for step, copy in enumerate(copies):
        shop.stop(0)
        erasure.takes_all(1, lambda: None)
        shutil.rmtree(shop.state(0))
        shutil.copytree(copy, shop.state(0))
        shop.start(0, "--set", f"num.standby={step % 2}")
        shop.ready(2)
        shop.settle()
        erasure.nobody_is_back(f"copy {step}")
        erasure.takes_all(0, lambda: shop.stop(1))
        erasure.nobody_is_back(f"copy {step} with all partitions")
        shop.start(1)
        shop.ready(2)


def main():
    long = "--long" in sys.argv[1:]
    checks = Checks()
    kafka = Kafka(19650, settings=("log.cleaner.backoff.ms=200",
                                   "log.retention.check.interval.ms=500"))
    shop = Shop("erasure", kafka.address, partitions=PARTITIONS, extra=["session.timeout.ms=6000"])
    erasure = Erasure(checks, kafka, shop)
    names = [f"v{n}" for n in range(6 * ERASED_EACH)]
    try:
        shop.start(0)
        shop.start(1)
        shop.ready(2)
        topics(checks, kafka, shop, erasure)
        erasure.visit(names)
        shop.settle()
        a_stopped_process_returns(checks, shop, erasure, names[:ERASED_EACH])
        a_partition_moves(shop, erasure, names[ERASED_EACH:2 * ERASED_EACH])
        a_process_stands_still(shop, erasure, names[2 * ERASED_EACH:3 * ERASED_EACH])
        if long:
            many = [f"many{n}" for n in range(COPIES * ERASED_A_COPY)]
            erasure.visit(many)
            shop.settle()
            stale_copies(shop, erasure, many)
            print(f"erased in all: {3 * ERASED_EACH + len(many)}; {3 * RETURNING} of them returned "
                  "as new visitors")
        for index in (0, 1):
            out = weft("verify", *shop.common(), "--set", f"state.dir={shop.state(index)}",
                       check=False)
            checks.equal(f"weft verify finds no difference in {index}", out.returncode, 0)
    finally:
        shop.remove()
        kafka.stop()
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
