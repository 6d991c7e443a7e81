#!/usr/bin/env python3
"""Sends poison records among good ones. A poison record is too large, too deep, too dense, or
strange in its key, headers or value. A foreign producer writes transactions, too. Three processes
read all of them. Each good record is processed exactly once, each bad record has exactly one dead
letter, and no process ends. A bot's searches are longer than a record of the changelog may be. weft
refuses to start if the largest record of a topic is too small. The test needs kcat and the programs
that tools/kafka needs.

    poison.py [--long]

Without --long the test sends 6,000 good records and 108 bad ones; with it, 100,000 and about
1,500."""

import json
import os
import subprocess
import sys
import time

from shop import Checks, Kafka, Shop, recount, weft

NOW = int(time.time() * 1000)
MIB = 1 << 20
LIMIT = 1048588  # Kafka's default of max.message.bytes
BUDGET = LIMIT - 512  # what weft makes of it
TOPIC_COMMAND, CONFIG_COMMAND = "org.apache.kafka.tools.TopicCommand", "kafka.admin.ConfigCommand"


def view(number, **changes):
    event = {"event_id": f"poison{number}", "visitor_id": "v", "event_time": NOW,
             "item": {"item_id": "i"}}
    event.update(changes)
    return json.dumps(event).encode()


def nested(depth):
    return b'{"event_id":"n","attributes":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


# name, topic, key (None: none), value (by number; None: a null value), more arguments of kcat
KINDS = [
    ("17 MiB of spaces, gzip", "view", b"v", lambda n: b" " * (17 * MIB), ["-z", "gzip"]),
    ("17 MiB of spaces, zstd", "cart", b"v", lambda n: b" " * (17 * MIB), ["-z", "zstd"]),
    ("1.5 MiB of hexadecimal digits", "view", b"v",
     lambda n: os.urandom(3 * MIB // 4).hex().encode(), ["-z", "gzip"]),
    ("JSON of 100,000 levels", "cart", b"v", lambda n: nested(100000), []),
    ("JSON that compresses a thousandfold", "view", b"v", lambda n: view(n, uri="u" * (8 * MIB)),
     ["-z", "gzip"]),
    ("an id of 900 KiB", "view", b"v", lambda n: view(n, visitor_id="v" * 900 * 1024),
     ["-z", "gzip"]),
    ("another visitor's key", "purchase", b"w", view, []),
    ("a key of 100 KB", "view", b"k" * 100000, view, []),
    ("no key", "view", None, view, []),
    ("a key that is no text", "view", b"\x05\xff\xfe\x1b[31m", view, []),
    ("a header of 100 KB", "view", b"v", lambda n: b"h" * (n + 1), ["-H", "h=" + "x" * 100000]),
    ("a hundred headers", "view", b"v", lambda n: b"hh",
     ["-H", "__weft.errors.step=forged"] * 100),
    ("an Avro string of 2^60 bytes", "view", b"v",
     lambda n: b"\xc3\x01" + b"\0" * 8 + b"\xfe" * 8 + b"\x7f", []),
    ("an unknown schema id", "search", b"v", lambda n: b"\0\0\0\0\x07" + bytes([n % 256]) * 9, []),
    ("invalid UTF-8", "search", b"v", lambda n: b'{"event_id":"\xff\xfe","visitor_id":"v"}', []),
    ("a null value", "view", b"v", lambda n: None, []),
    ("a null value without a key", "purchase", None, lambda n: None, []),
]
# of these, the kinds whose values the dead-letter topic does not take whole
TOO_LARGE = ("17 MiB of spaces, gzip", "17 MiB of spaces, zstd", "1.5 MiB of hexadecimal digits",
             "JSON that compresses a thousandfold")


class Sender:
    """Sends files as records by kcat."""

    def __init__(self, shop):
        self.shop = shop
        self.count = 0

    def kcat(self, topic, key, more, lines=b"", paths=()):
        keys = ["-k", key] if key is not None else []
        subprocess.run(["kcat", "-P", "-b", self.shop.address, "-t", f"{self.shop.name}.{topic}",
                        *keys, "-X", "message.max.bytes=100000000", "-X",
                        "topic.partitioner=murmur2_random", *more, *paths],
                       check=True, input=lines)

    def send(self, topic, key, values, more):
        if values[0] is None:  # -Z: empty means null
            self.kcat(topic, None, ["-Z", "-K:", *more], ((key or b"") + b":\n") * len(values))
            self.count += len(values)
            return
        folder = os.path.join(self.shop.folder, f"poison{self.count}")
        os.mkdir(folder)
        paths = []
        for value in values:
            paths.append(os.path.join(folder, str(len(paths))))
            with open(paths[-1], "wb") as file:
                file.write(value)
        self.kcat(topic, key, more, paths=paths)
        self.count += len(paths)
        for path in paths:
            os.unlink(path)
        os.rmdir(folder)


def foreign_transactions(shop, kafka, count):
    """A producer that is not weft's: transactions with records, and the control records behind."""
    payload = os.path.join(shop.folder, "payload")
    with open(payload, "w") as file:
        file.write("neither JSON nor Avro\n")
    kafka.run("tool", "org.apache.kafka.tools.ProducerPerformance", "--topic", f"{shop.name}.view",
              "--num-records", str(count), "--throughput", "50", "--payload-file", payload,
              "--transactional-id", "foreign", "--transaction-duration-ms", "100",
              "--producer-props", f"bootstrap.servers={kafka.address}")
    return count


def letters(shop):
    """The headers of weft and the size of the value, of each dead letter."""
    raw = shop.kcat(f"{shop.name}-dead-letters", "\\n@letter,%S,%h", "-X",
                    "fetch.message.max.bytes=20000000", "-X", "receive.message.max.bytes=200000000")
    found = []
    for line in raw.decode(errors="replace").split("\n@letter,")[1:]:
        size, _, line = line.partition(",")
        headers = {}
        for header in line.split(",__weft.errors."):
            name, _, value = header.removeprefix("__weft.errors.").partition("=")
            headers[name] = value
        found.append((headers, int(size)))
    return found


def check_letters(checks, shop, bad, bad_each):
    found = letters(shop)
    places = {(h["topic"], h["partition"], h["offset"]) for h, _ in found}
    checks.equal("each has one record in the dead-letter topic", (len(places), len(found)),
                 (bad, bad))
    cut = [(h, size) for h, size in found if "truncated" in h]
    checks.equal("those that are too large are cut", len(cut), bad_each * len(TOO_LARGE))
    checks.check("a cut one tells size and hash, and fills what the topic takes",
                 all(h["truncated"] == "value" and int(h["value.bytes"]) > size > LIMIT - 4096 and
                     len(h["value.hash"]) == 16 and "is cut at" in h["message"] for h, size in cut),
                 cut[:3])
    checks.equal("the metric counts them", shop.total("letters_cut"), len(cut))


def add_bot(path, searches):
    """A bot's long searches behind the good events."""
    with open(path, "a") as file:
        for n in range(searches):
            term = f"{n} " + os.urandom(1500).hex()
            file.write(json.dumps({"type": "search", "event_id": f"bot{n}", "visitor_id": "bot",
                                   "event_time": NOW - 600000 + 1000 * n,
                                   "search_term": term}) + "\n")
    return searches


def peak_memory(shop):
    peaks = []
    for process in shop.processes.values():
        with open(f"/proc/{process.pid}/status") as file:
            peaks += [int(line.split()[1]) // 1024 for line in file if line.startswith("VmHWM")]
    return peaks


def check(checks, shop, kafka, events, bad_each):
    good = f"{shop.folder}/good.jsonl"
    out = weft("simulate", "--out", good, "--events", str(events), "--rate", "500", "--visitors",
               "2000", "--seed", "9", "--duplicates", "0", "--double-clicks", "0", "--cut-off", "0",
               "--no-catalogue", "--start", str(NOW - 3600000)).stdout
    checks.check("the mall makes good events", f"{events} events" in out, out)
    events += add_bot(good, 500)
    sender = Sender(shop)
    feeding = subprocess.Popen([os.environ.get("WEFT", os.path.join("build", "weft")), "replay",
                                *shop.common(), "--rate", "2000", good],
                               stdout=subprocess.DEVNULL)
    for name, topic, key, value, more in KINDS:
        for first in range(0, bad_each, 20):
            sender.send(topic, key, [value(n) for n in range(first, min(bad_each, first + 20))],
                        more)
        print(f"sent  {bad_each} of: {name}", flush=True)
    bad = sender.count + foreign_transactions(shop, kafka, 40)
    checks.equal("the good events are sent", feeding.wait(), 0)
    shop.settle(events + bad, timeout=300)
    checks.equal("each record is read once", shop.total("read"), events + bad)
    checks.equal("each good one is processed",  # the mall itself views an item twice at times
                 shop.total("processed") + shop.total("double_clicks"), events)
    checks.equal("each bad one is a dead letter", shop.total("dead_letters"), bad)
    checks.check("no process ended", all(p.poll() is None for p in shop.processes.values()))
    checks.equal("no worker started again", shop.total("aborts"), 0)
    check_letters(checks, shop, bad, bad_each)
    checks.check("the bot's oldest searches fell out", shop.total("activities_cut") > 100)
    same, text = recount(good, "--activities", "1000", "--row-bytes", str(BUDGET), "--visitor",
                         shop.dump("visitor", "--from", "topics"))
    checks.check("the visitors equal the recount of the good events", same, text)
    print(f"peak memory of the processes: {peak_memory(shop)} MB")


def check_limit_lowered(checks, shop, kafka):
    """The dead-letter topic takes less from now on; nobody told weft."""
    alter(kafka, f"{shop.name}-dead-letters", "max.message.bytes=300000")
    read = shop.total("read")
    letters_before = shop.total("dead_letters")
    Sender(shop).send("view", b"v", [os.urandom(450000).hex().encode() for _ in range(3)], [])
    shop.settle(read + 3)
    checks.equal("a limit that is lowered later is learned", shop.total("dead_letters"),
                 letters_before + 3)
    checks.check("by starting again once", 1 <= shop.total("aborts") <= 3, shop.total("aborts"))
    checks.check("no process ended", all(p.poll() is None for p in shop.processes.values()))


def check_refused(checks, shop, kafka):
    """What a topic must take, weft says at its start."""
    for topic, setting, why in (
            ("dead-letters", "cleanup.policy=compact", "cleanup.policy=delete"),
            ("late", "max.message.bytes=1000", "takes records of 1000 bytes")):
        name = f"{shop.name}-{topic}"
        alter(kafka, name, setting)
        started = subprocess.run([os.environ.get("WEFT", os.path.join("build", "weft")), "run",
                                  *shop.common(), "--set", f"state.dir={shop.state(9)}"],
                                 capture_output=True, text=True, timeout=60)
        checks.check(f"{topic} with {setting}: refused with the command that mends it",
                     started.returncode == 1 and why in started.stderr and
                     f"--entity-name {name} --add-config" in started.stderr, started.stderr[-600:])


def alter(kafka, topic, setting):
    kafka.run("tool", CONFIG_COMMAND, "--bootstrap-server", kafka.address, "--alter",
              "--entity-type", "topics", "--entity-name", topic, "--add-config", setting)


def main():
    long = "--long" in sys.argv[1:]
    checks = Checks()
    kafka = Kafka(19550, settings=("message.max.bytes=2000000",))  # what the inputs take
    shop = Shop("poison", kafka.address, 3, ["visitor.activities.max=1000"])
    try:
        # an operator made these with Kafka's default size
        for topic in ("poison-dead-letters", "poison-visitor-changelog"):
            kafka.run("tool", TOPIC_COMMAND, "--bootstrap-server", kafka.address, "--create",
                      "--topic", topic, "--partitions", "3", "--config",
                      f"max.message.bytes={LIMIT}", "--config",
                      f"cleanup.policy={'compact' if 'changelog' in topic else 'delete'}")
        for index in range(3):
            shop.start(index)
        shop.ready(3)
        check(checks, shop, kafka, 100000 if long else 6000, 88 if long else 4)
        check_limit_lowered(checks, shop, kafka)
        shop.stop()
        check_refused(checks, shop, kafka)
    finally:
        shop.remove()
        kafka.stop()
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
