#!/usr/bin/env python3
"""Processes of an older and of this version of weft under one application.id, in both directions. A
new process waits until the older ones are gone, says so, and goes on with their state, whose tables
then equal the recount. An older process that starts beside new ones is told of in their logs, and
loses nothing. A process that meets a newer one refuses to start. The test needs kcat and the
programs that tools/kafka needs.

    mixed_versions.py [OLDER]

OLDER is the binary of the older version. Without it the test builds tag or commit $WEFT_OLDER of
this repository in a temporary folder; without either it tries only what needs no older binary."""

import os
import shutil
import subprocess
import sys
import tempfile
import time

import shop as shop_module
from shop import ROOT, Checks, Kafka, Shop, merged, recount, split, weft
from users import changelog, wait

PARTITIONS = 4
SESSION_MS = 6000


def build(commit, folder):
    """The binary of a commit."""
    source = os.path.join(folder, "source")
    subprocess.run(["git", "-C", ROOT, "worktree", "add", "--detach", source, commit], check=True,
                   stdout=subprocess.DEVNULL)
    try:
        subprocess.run(["cmake", "--preset", "release"], cwd=source, check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", "build", "-j", str(os.cpu_count()), "--target", "weft"],
                       cwd=source, check=True, stdout=subprocess.DEVNULL)
        shutil.copy(os.path.join(source, "build", "weft"), os.path.join(folder, "weft"))
    finally:
        subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", source], check=True)
    return os.path.join(folder, "weft")


class Mixed:
    def __init__(self, checks, kafka, name, older):
        self.checks, self.older = checks, older
        self.shop = Shop(name, kafka.address, PARTITIONS, [f"session.timeout.ms={SESSION_MS}",
                                                           "rankings.interval.ms=1000"])
        self.file = os.path.join(self.shop.folder, "mall.jsonl")
        weft("simulate", "--out", self.file, "--events", "3000", "--rate", "100", "--visitors",
             "200", "--seed", "5", "--no-catalogue", "--duplicates", "0", "--double-clicks", "0",
             "--cut-off", "0")
        self.parts = split(self.file, 3)

    def start(self, index, old):
        new, shop_module.WEFT = shop_module.WEFT, self.older if old else shop_module.WEFT
        try:
            self.shop.start(index)
        finally:
            shop_module.WEFT = new

    def log(self, index):
        with open(os.path.join(self.shop.folder, f"log-{index}.txt")) as log:
            return log.read()

    def says(self, index, words, seconds=60):
        """Waits for a line of the log."""
        return self.checks.check(f"{index} says '{words}'", wait(
            words, lambda: words in self.log(index), seconds), self.log(index)[-900:])

    def feed(self, part):
        before = self.shop.total("read")
        lines, published, _ = self.shop.replay(self.parts[part])
        self.checks.equal(f"part {part} is sent", published, lines)
        return before + published

    def check_tables(self, parts, when):
        file = merged(self.parts[:parts], self.file + ".so-far")
        same, text = recount(file, "--visitor", self.shop.dump("visitor", "--from", "topics"))
        self.checks.check(f"{when}: the visitors equal the recount", same, text)

    def nobody_calls_it_damaged(self, indexes):
        for index in indexes:
            self.checks.check(f"{index} calls nothing damaged", "is damaged" not in self.log(index),
                              self.log(index)[-900:])

    def remove(self):
        self.shop.remove()


def upgrade(mixed):
    """Two older processes; a new one joins them, and waits until they are gone."""
    shop, checks = mixed.shop, mixed.checks
    for index in (0, 1):
        mixed.start(index, old=True)
    shop.ready(2)
    shop.settle(mixed.feed(0))
    mixed.start(2, old=False)
    mixed.says(2, "processes of an older weft run")
    checks.check("the new process has not joined", "partitions assigned" not in mixed.log(2))
    shop.stop(0)
    time.sleep(1)
    checks.check("it waits for the second one, too", shop.metrics(2) is None)
    shop.stop(1)
    mixed.says(2, f"{PARTITIONS} partitions assigned")
    mixed.start(0, old=False)
    shop.ready(2)
    mixed.feed(1)
    shop.settle()
    mixed.check_tables(2, "after the upgrade")
    mixed.nobody_calls_it_damaged((0, 1, 2))
    for index in (0, 2):
        out = weft("verify", *shop.common(), "--set", f"state.dir={shop.state(index)}",
                   check=False)
        checks.equal(f"weft verify finds no difference in {index}", out.returncode, 0)


def downgrade(mixed):
    """An older process is started beside the new ones. It may end; nothing is lost."""
    shop, checks = mixed.shop, mixed.checks
    mixed.start(3, old=True)
    told = [index for index in (0, 2) if wait(
        "the log tells", lambda index=index: "an older weft was started on" in mixed.log(index),
        30)]
    checks.equal("the new processes say that an older one was started", told, [0, 2])
    try:
        code = shop.processes[3].wait(40)
    except subprocess.TimeoutExpired:
        code = "none: it runs on"
    print(f"the older process ended with {code}")
    process = shop.processes.pop(3)
    if process.poll() is None:
        process.terminate()
        process.wait()
    checks.check("the new ones run on", all(p.poll() is None for p in shop.processes.values()))
    wait("the group forgets it", lambda: shop.total("workers_ready") == 2, 60)
    mixed.feed(2)
    time.sleep(SESSION_MS / 1000)
    shop.settle()
    mixed.check_tables(3, "after the older process")
    mixed.nobody_calls_it_damaged((0, 2))


def newer(checks, kafka):
    """A process of a later version, played by kcat: this version refuses to start beside it."""
    shop = Shop("newer", kafka.address, PARTITIONS, [f"session.timeout.ms={SESSION_MS}"])
    shop.start(0)
    try:
        shop.ready()
        shop.stop()
        later = subprocess.Popen(
            ["kcat", "-b", shop.address, "-X", "client.id=weft-rows-99", "-X",
             f"session.timeout.ms={SESSION_MS}", "-G", f"{shop.name}-publisher",
             f"{shop.name}-model"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while "rebalanced" not in later.stderr.readline():
            pass
        out = subprocess.run([shop_module.WEFT, "run", *shop.common(), "--set",
                              f"state.dir={shop.state(0)}"], capture_output=True, text=True,
                             timeout=60)
        later.kill()
        later.wait()
        checks.check("beside a newer weft it refuses to start, with what to do",
                     out.returncode == 1 and "start the newer weft instead" in out.stderr and
                     "is damaged" not in out.stderr, out.stderr[-900:])
        shop.start(0)  # once the group has forgotten it
        wait("it starts", lambda: shop.metrics(0) is not None or
             shop.processes[0].poll() is not None, 10)
        if shop.processes[0].poll() is not None:
            del shop.processes[0]
            time.sleep(SESSION_MS / 1000 + 1)
            shop.start(0)
        shop.ready()
        checks.equal("without it, it starts", len(changelog(shop)), 0)
    finally:
        shop.remove()


def main():
    folder = tempfile.mkdtemp(prefix="weft-older-")
    older = sys.argv[1] if len(sys.argv) > 1 else None
    if older is None and os.environ.get("WEFT_OLDER"):
        older = build(os.environ["WEFT_OLDER"], folder)
    checks = Checks()
    kafka = Kafka(19750, settings=("group.min.session.timeout.ms=1000",))
    mixed = None
    try:
        newer(checks, kafka)
        if older:
            mixed = Mixed(checks, kafka, "mixed", older)
            upgrade(mixed)
            downgrade(mixed)
        else:
            print("left out: an older binary (give one, or set WEFT_OLDER to a commit)")
    finally:
        if mixed:
            mixed.remove()
        kafka.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
