#!/usr/bin/env python3
"""Tests the local state and its restore: a state that is damaged, half deleted or older, full
disks, two processes on one folder, snapshots of the model, a log that was cut, verify and reset,
and partitions that were added. Each case ends with the recount of all tables.

    state.py [CASE]...

The test needs kcat and the programs that tools/kafka needs."""

import glob
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from protocol import Client
from shop import Checks, Kafka, Shop, INPUTS, ROOT, WEFT, recount, split, weft

SMALL_DISK = "24m"  # below what RocksDB reserves for a log, so that each write takes room
LONG = "visitor.activities.max=1000"
WIDE = ("cooccurrence.row.entries.max=100000", "channels.entries.max=100000")


def tool(kafka, name, *arguments):
    return subprocess.run([os.path.join(ROOT, "tools", "kafka"), "tool", name,
                           "--bootstrap-server", kafka.address, *arguments],
                          env=kafka.environment, capture_output=True, text=True)


def log_of(shop, index):
    with open(os.path.join(shop.folder, f"log-{index}.txt")) as log:
        return log.read()


def wait_log(shop, index, pattern, start=0, timeout=40):
    deadline = time.time() + timeout
    while time.time() < deadline:
        found = re.findall(pattern, log_of(shop, index)[start:])
        if found:
            return found
        time.sleep(0.1)
    return []


def tables_equal(checks, name, shop, file, index=0):
    """The state of a process that was stopped, against the recount."""
    state = ["--set", f"state.dir={shop.state(index)}"]
    good, text = recount(file, "--activities", "1000", "--visitor",
                         shop.dump("visitor", *state), "--cooccurrence",
                         shop.dump("cooccurrence", *state), "--popularity",
                         shop.dump("popularity", *state))
    checks.check(f"{name}: visitors and model equal the recount", good, text)


def failed_start(shop, *more, limit=None):
    """A run that ends by itself: (exit code, log)."""
    def bound():
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    result = subprocess.run([WEFT, "run", *shop.common(), "--set", f"state.dir={shop.state(0)}",
                             *more], capture_output=True, text=True, timeout=90,
                            preexec_fn=bound)
    return result.returncode, result.stderr


def filled(kafka, name, file, *extra):
    """A shop that has read the file and was stopped."""
    shop = Shop(name, kafka.address, 2, [*WIDE, LONG, *extra])
    _, shop.published, _ = shop.replay(file)
    shop.start(0)
    shop.settle(shop.published)
    shop.stop()
    return shop


def joined(one, other):
    path = f"{other}.joined"
    with open(path, "w") as out:
        for part in (one, other):
            with open(part) as source:
                out.write(source.read())
    return path


def damage(checks, kafka, file):
    parts = split(file, 8)  # damage is met where it is read, so events have to come after it
    seen = parts[0]
    shop = filled(kafka, "damage", seen)
    visitors, model = (os.path.join(shop.state(0), part) for part in ("visitors", "model"))

    def flip(folder):
        tables = glob.glob(os.path.join(folder, "*.sst"))
        path = max(tables, key=os.path.getsize)
        with open(path, "r+b") as table:
            size = os.path.getsize(path)
            draw = random.Random(1)
            for _ in range(40):
                at = draw.randrange(size // 2)
                table.seek(at)
                byte = table.read(1)[0]
                table.seek(at)
                table.write(bytes([byte ^ 1 << draw.randrange(8)]))

    def older(folder):
        shutil.rmtree(folder)
        os.mkdir(folder)
        subprocess.run(["tar", "-C", folder, "-xzf",
                        os.path.join(ROOT, "tests/fixtures/store-format-1.tar.gz")], check=True)

    def half(folder):
        for path in glob.glob(os.path.join(folder, "MANIFEST-*")):
            os.unlink(path)

    try:
        shop.start(0)
        shop.ready()
        shop.stop()  # what the log held is in tables now
        for what, change in (("flipped bits", flip), ("half deleted", half),
                             ("an older format", older)):
            for part in (visitors, model):
                change(part)
                name = f"{os.path.basename(part)}, {what}"
                before = len(log_of(shop, 0))
                parts = parts[1:]
                seen = joined(seen, parts[0])
                shop.replay(parts[0])
                shop.start(0)
                shop.ready()
                shop.settle()
                shop.stop()
                log = log_of(shop, 0)[before:]
                checks.check(f"{name}: the log says what happens",
                             "it is deleted and rebuilt from Kafka" in log, log[-1500:])
                tables_equal(checks, name, shop, seen)
        shutil.rmtree(visitors)
        os.mkdir(visitors)
        subprocess.run(["tar", "-C", visitors, "-xzf",
                        os.path.join(ROOT, "tests/fixtures/store-format-9.tar.gz")], check=True)
        code, text = failed_start(shop)
        checks.check("a newer format is refused", code == 1 and "use the newer weft" in text, text)
        shutil.rmtree(visitors)
        shop.start(0)
        shop.ready()
        code, text = failed_start(shop)
        checks.check("a second process on the folder is refused",
                     code == 1 and "another process uses state.dir" in text, text)
        code = weft("reset", *shop.common(), "--set", f"state.dir={shop.state(0)}", check=False)
        checks.check("reset while the group is active is refused",
                     code.returncode == 1 and "members" in code.stderr, code.stderr)
        shop.settle()
        shop.stop()
        tables_equal(checks, "after all that", shop, seen)
    finally:
        shop.remove()


def full_disk(checks, kafka, file):
    shop = Shop("full", kafka.address, 2, [*WIDE, LONG])
    try:
        _, published, _ = shop.replay(file)
        code, text = failed_start(shop, limit=300_000)
        checks.check("a full disk stops the process with a message",
                     code == 1 and "can't write to" in text, f"{code}: {text[-1500:]}")
        shop.start(0)
        shop.ready()
        shop.settle()
        shop.stop()
        tables_equal(checks, "after a full disk", shop, file)
        again = weft("verify", *shop.common(), "--set", f"state.dir={shop.state(0)}", check=False)
        checks.check("after a full disk: verify finds no difference", again.returncode == 0,
                     again.stdout + again.stderr)
    finally:
        shop.remove()


def fill(folder):
    """Takes all room on the folder's disk. Returns the file to delete for more."""
    path = os.path.join(folder, "ballast")
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return path


def room_again(checks, kafka, file):
    """The disk of state.dir is full for a while: a small one in memory, which the process mounts in
    a namespace of its own."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        print("left out: a disk that is full for a while (this machine allows no user namespaces)")
        return
    shop = Shop("room", kafka.address, 2, [*WIDE, LONG, "model.save.ms=100"])
    try:
        os.mkdir(shop.state(0))
        shop.start(0, before=["unshare", "-rm", "sh", "-c",
                              f'mount -t tmpfs -o size={SMALL_DISK} tmpfs "$0" && '
                              'cat /dev/zero >"$0/ballast" 2>/dev/null; exec "$@"', shop.state(0)])
        full = wait_log(shop, 0, "the disk of state.dir .* is full: free space on it")
        checks.check("a start on a full disk waits", full, log_of(shop, 0)[-1500:])
        disk = f"/proc/{shop.processes[0].pid}/root{shop.state(0)}"
        os.unlink(os.path.join(disk, "ballast"))
        shop.ready()
        seen = len(log_of(shop, 0))
        ballast = fill(disk)
        shop.replay(file)
        full = wait_log(shop, 0, "the disk of state.dir .* is full: free space on it", seen)
        checks.check("a full disk: the log says what to do", full, log_of(shop, 0)[-1500:])
        time.sleep(2.5)  # it tries again meanwhile
        checks.check("a full disk: the process waits", shop.processes[0].poll() is None,
                     log_of(shop, 0)[-1500:])
        os.unlink(ballast)
        deadline = time.time() + 40
        while time.time() < deadline and shop.lag() != 0:
            time.sleep(0.2)
        shop.settle()
        waits = (shop.metrics(0) or {}).get("disk_waits", 0)
        checks.check("a full disk: the metrics count the waits", waits > 0, str(waits))
        time.sleep(0.5)  # until the model is saved
        shutil.copytree(disk, shop.state(1))
        tables_equal(checks, "when there is room again", shop, file, 1)
        shop.stop()
    finally:
        shop.remove()


def delete_before(kafka, topic, offsets):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"version": 1, "partitions": [
            {"topic": topic, "partition": p, "offset": o} for p, o in offsets.items()]}, file)
        file.flush()
        result = tool(kafka, "org.apache.kafka.tools.DeleteRecordsCommand",
                      "--offset-json-file", file.name)
    if result.returncode:
        raise RuntimeError(result.stdout + result.stderr)


def snapshots(checks, kafka, file):
    fast = ["snapshot.interval.ms=500", "model.save.ms=100"]
    shop = Shop("snapshots", kafka.address, 2, [*WIDE, LONG, *fast])
    try:
        _, published, _ = shop.replay(file)
        shop.start(0)
        shop.start(1)
        shop.settle(published)
        end = int(shop.metrics(0)["folded_offset"])
        deadline = time.time() + 30
        while time.time() < deadline and max(
                shop.metrics(i)["snapshot_offset"] for i in (0, 1)) < end:
            time.sleep(0.1)
        offsets = [shop.metrics(i)["snapshot_offset"] for i in (0, 1)]
        checks.equal("one of two processes wrote a snapshot of the whole log", max(offsets), end)
        elected, deadline = [], time.time() + 30
        while len(elected) != 1 and time.time() < deadline:  # it moves when the second one comes
            time.sleep(0.1)
            roles = {i: re.findall(r"publisher: (elected|another process has the role)",
                                   log_of(shop, i)) for i in (0, 1)}
            elected = [i for i in (0, 1) if roles[i][-1:] == ["elected"]]
        checks.equal("one of two has the role", len(elected), 1)
        if elected:
            other = 1 - elected[0]
            before = len(log_of(shop, other))
            shop.stop(elected[0], signal.SIGKILL)
            checks.check("after kill -9 the other takes the role",
                         wait_log(shop, other, "publisher: elected", before),
                         log_of(shop, other)[-800:])
        shop.stop()
        delete_before(kafka, "snapshots-interactions", {0: end - 1})
        shop.start(2)
        shop.ready()
        shop.settle()
        shop.stop()
        checks.check("an empty process takes the snapshot",
                     re.search(r"snapshot: the model as of \d+: \d+ rows", log_of(shop, 2)),
                     log_of(shop, 2)[-1500:])
        state = ["--set", f"state.dir={shop.state(2)}"]
        good, text = recount(file, "--cooccurrence", shop.dump("cooccurrence", *state),
                             "--popularity", shop.dump("popularity", *state),
                             "--trends", shop.dump("trends", *state),
                             "--channels", shop.dump("channels", *state))
        checks.check("its model equals the recount, though the log was cut", good, text)
        # behind a log that was cut while it was away
        shutil.rmtree(os.path.join(shop.state(0), "model"))
        shop.start(0)
        shop.ready()
        shop.settle()
        shop.stop()
        state = ["--set", f"state.dir={shop.state(0)}"]
        good, text = recount(file, "--popularity", shop.dump("popularity", *state))
        checks.check("a process that lost its model takes the snapshot", good, text)
    finally:
        shop.remove()


def no_snapshot(checks, kafka, file):
    shop = filled(kafka, "cut", file, "snapshot.interval.ms=0")
    try:
        delete_before(kafka, "cut-interactions", {0: 100})
        shop.start(0)
        shop.ready()
        shop.stop()
        tables_equal(checks, "a cut log and the state that had read it", shop, file)
        shutil.rmtree(os.path.join(shop.state(0), "model"))
        code, text = failed_start(shop)
        checks.check("a cut log, no model and no snapshot is refused with what to do",
                     code == 1 and "there is no snapshot of the model" in text, text)
    finally:
        shop.remove()


def verify(checks, kafka, file):
    shop = filled(kafka, "verify", file)
    state = ["--set", f"state.dir={shop.state(0)}"]
    try:
        result = weft("verify", *shop.common(), *state, check=False)
        checks.check("verify: the state is the changelog's", result.returncode == 0 and
                     " 0 differences" in result.stdout, result.stdout + result.stderr)
        visitor = next(iter(shop.lists()))
        shop.produce("verify-visitor-changelog", visitor, b"nonsense")
        result = weft("verify", *shop.common(), *state, check=False)
        checks.check("verify: a damaged record of the changelog is reported",
                     result.returncode == 1 and
                     f"visitor {visitor}: its record in the changelog is damaged" in result.stdout,
                     result.stdout + result.stderr)
        shutil.rmtree(os.path.join(shop.state(0), "visitors"))
        code, text = failed_start(shop)
        checks.check("restoring a damaged record is refused", code == 1 and
                     re.search(r"verify-visitor-changelog \[\d\]@\d+ is damaged", text),
                     text[-1500:])
    finally:
        shop.remove()
    shop = filled(kafka, "gone", file)
    state = ["--set", f"state.dir={shop.state(0)}"]
    try:
        for _ in range(40):  # a stopped member counts until its session has passed
            result = weft("reset", "--dry-run", *shop.common(), *state, check=False)
            if result.returncode == 0:
                break
            time.sleep(1)
        checks.check("reset --dry-run says what it would do",
                     "would delete topic gone-model" in result.stdout, result.stdout)
        checks.check("reset --dry-run does nothing",
                     os.path.exists(os.path.join(shop.state(0), "visitors")) and
                     shop.size("gone-interactions") > 0)
        for action in ("--delete", "--create"):
            tool(kafka, "org.apache.kafka.tools.TopicCommand", action, "--topic",
                 "gone-visitor-changelog", *(["--partitions", "2"] if action == "--create" else []))
            time.sleep(1)
        for partition in ("0", "1"):
            subprocess.run(["kcat", "-P", "-b", kafka.address, "-t", "gone-visitor-changelog", "-p",
                            partition, "-K:", "-Z"], input=b"nobody:\n" * 30000, check=True)
        result = weft("verify", *shop.common(), *state, check=False)
        checks.check("verify: visitors that the changelog does not have are reported",
                     result.returncode == 1 and "is here but not in the changelog"
                     in result.stdout, result.stdout + result.stderr)
        weft("reset", *shop.common(), *state)
        checks.check("reset deletes the state",
                     not os.path.exists(os.path.join(shop.state(0), "visitors")))
        shop.start(0)
        shop.settle(shop.published)
        shop.stop()
        tables_equal(checks, "after reset", shop, file)
    finally:
        shop.remove()


def more_partitions(checks, kafka, file):
    shop = filled(kafka, "more", file)
    try:
        shop.start(0, "--set", "kafka.topic.metadata.refresh.interval.ms=1000")
        shop.ready()
        for topic in INPUTS[:1]:
            result = tool(kafka, "org.apache.kafka.tools.TopicCommand", "--alter", "--topic",
                          f"more.{topic}", "--partitions", "3")
            if result.returncode:
                raise RuntimeError(result.stdout + result.stderr)
        process = shop.processes.pop(0)
        try:
            code = process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        checks.check("partitions added to an input while it runs: stops with what to do",
                     code == 1 and "Adding partitions" in log_of(shop, 0),
                     f"{code}: {log_of(shop, 0)[-800:]}")
        code, text = failed_start(shop)
        checks.check("one input with more partitions is refused",
                     code == 1 and "partitions but" in text, text)
        for topic in INPUTS[1:]:
            tool(kafka, "org.apache.kafka.tools.TopicCommand", "--alter", "--topic",
                 f"more.{topic}", "--partitions", "3")
        code, text = failed_start(shop)
        checks.check("all inputs with more partitions are refused with what to do",
                     code == 1 and "Adding partitions" in text, text)
    finally:
        shop.remove()


def wait_snapshot(shop):
    """Waits until one of the processes has written a snapshot of the whole log."""
    def is_behind():
        newest = max(shop.metrics(i)["snapshot_offset"] for i in shop.processes)
        return newest < shop.metrics(0)["folded_offset"]

    deadline = time.time() + 30
    while time.time() < deadline and is_behind():
        time.sleep(0.1)


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def shipped(checks, kafka, file):
    """The same model in two processes; in a file; in an application that begins from the file."""
    fast = ["snapshot.interval.ms=500", "model.save.ms=100", "ranker.merge.ms=200"]
    tables = ("cooccurrence", "popularity", "vectors", "weights", "trends", "channels")
    shop = Shop("teacher", kafka.address, 2, fast)
    pupil = Shop("pupil", kafka.address, 2, ["learning=off", *fast])
    path = os.path.join(shop.folder, "model")

    def dumps(of, index):
        return [contents(of.dump(t, "--set", f"state.dir={of.state(index)}")) for t in tables]

    try:
        shop.start(0)
        shop.start(1)
        shop.ready()
        shop.replay(file, "--rate", "1000")
        shop.settle()
        wait_snapshot(shop)
        shop.stop()
        taught = dumps(shop, 0)
        for table, one, other in zip(tables, taught, dumps(shop, 1)):
            checks.check(f"two processes folded the same {table} from the log",
                         one == other and len(one) > 1000, f"{len(one)} and {len(other)} bytes")
        learned = json.loads(taught[3].splitlines()[0])  # the second line: the cart ranker
        checks.check("rankers of both learned, and were merged",
                     learned["merges"] >= 2 and learned["steps"] > 300,
                     f"{learned['merges']} merges, {learned['steps']} steps")

        weft("get", "model", path, *shop.common(), "--set", f"state.dir={shop.state(0)}")
        weft("get", "model", path + "-snapshot", *shop.common(), "--from", "topics")
        checks.check("the snapshot's file is the state's, byte by byte",
                     contents(path) == contents(path + "-snapshot"))
        model = contents(path)
        for name, bad in (("cut off", model[:-1]), ("changed", model[:len(model) // 2] + bytes(
                [model[len(model) // 2] ^ 4]) + model[len(model) // 2 + 1:])):
            with open(path + "-bad", "wb") as out:
                out.write(bad)
            code, text = failed_start(pupil, "--model", path + "-bad")
            checks.check(f"a model that was {name} is refused",
                         code == 1 and "it is cut off, or damaged" in text,
                         f"{code}: {text[-800:]}")
        pupil.start(0, "--model", path)
        pupil.ready()
        pupil.stop()
        checks.check("what begins from the file has that model", dumps(pupil, 0) == taught)
        code, text = failed_start(pupil, "--model", path)
        checks.check("a second beginning is refused",
                     code == 1 and "has a model of its own already" in text,
                     f"{code}: {text[-800:]}")
        pupil.start(1)
        pupil.ready()
        pupil.replay(file)
        pupil.settle()
        pupil.stop()
        taken = dumps(pupil, 1)
        checks.check("another process takes it; "
                     "learning=off: vectors and ranker stay, counts go on",
                     taken[2:4] == taught[2:4] and taken[0] != taught[0] and
                     taken[4] != taught[4] and
                     re.search(r"snapshot: the model as of 0: \d+ rows", log_of(pupil, 1)),
                     log_of(pupil, 1)[-800:])
    finally:
        shop.remove()
        pupil.remove()


def other_inputs(checks, kafka, file):
    """The group still assigns topics that are no longer inputs, as after an upgrade that changes
    the inputs."""
    shop = Shop("inputs", kafka.address, 2)
    try:
        shop.start(0, "--set", f"topics.search={shop.name}.searches-of-before")
        shop.start(1, "--set", f"topics.search={shop.name}.searches-of-before")
        shop.ready(2)
        shop.replay(file)
        shop.settle()
        before = shop.total("read")
        shop.stop()
        client = Client(kafka.address)
        searches = sum(client.ends([f"{shop.name}.search"], False).values())
        client.close()
        shop.start(0)
        shop.start(1)
        shop.ready(2)
        shop.settle(read=searches)
        checks.check("with other inputs both processes get their share, and read what is new",
                     searches > 0 and before > 0 and shop.total("read") == searches,
                     f"{shop.total('read')} of {searches}, {before} before")
        logs = log_of(shop, 0) + log_of(shop, 1)
        checks.check("what they had to wait for is said",
                     "the group still assigns the inputs of an earlier subscription" in logs)
    finally:
        shop.remove()


CASES = {function.__name__: function for function in
         (damage, full_disk, room_again, snapshots, no_snapshot, shipped, verify, more_partitions,
          other_inputs)}


def main(wanted):
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="weft-state-") as folder:
        file = os.path.join(folder, "events.jsonl")
        weft("simulate", "--out", file, "--events", "6000", "--rate", "20", "--visitors", "600",
             "--no-catalogue", "--cut-off", "0")
        kafka = Kafka()
        try:
            for name in wanted or CASES:
                CASES[name](checks, kafka, file)
        finally:
            kafka.stop()
    return checks.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
