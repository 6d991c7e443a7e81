#!/usr/bin/env python3
"""Sends records that can't be used to Apache Kafka. The dead-letter topic has each of them, byte
for byte, with its origin and the reason. weft processes everything else. GA4's events of all kinds,
in one topic, give lists through their mapping. The test needs kcat and the programs that
tools/kafka needs."""

import json
import os
import signal
import struct
import subprocess
import sys
import time

from shop import INPUTS, ROOT, Checks, Kafka, Shop, weft

NOW = int(time.time() * 1000)


def view(**changes):
    event = {"event_id": "x", "visitor_id": "v", "event_time": NOW, "item": {"item_id": "i"}}
    event.update(changes)
    return json.dumps(event).encode()


def cart(items, **changes):
    event = {"event_id": "x", "visitor_id": "v", "event_time": NOW, "action": "add",
             "items": items}
    event.update(changes)
    return json.dumps(event).encode()


def avro_view(fingerprint, price=None, cut=0):
    """A view as Avro in single-object encoding."""
    text = lambda t: bytes([2 * len(t)]) + t.encode()
    zigzag = b""
    n = NOW << 1
    while n >= 128:
        zigzag += bytes([n & 127 | 128])
        n >>= 7
    zigzag += bytes([n])
    body = text("x") + text("v") + b"\0\0" + zigzag + b"\0\0\0\1\0\0\0\0" + text("i") + b"\0"
    body += b"\0" if price is None else b"\2" + struct.pack("<d", price)
    body += b"\0\0\2\0\0" + b"\0"
    record = b"\xc3\x01" + int(fingerprint, 16).to_bytes(8, "little") + body
    return record[:len(record) - cut] if cut else record


# name, topic, key, bytes, what the reason must say
CASES = [
    ("not JSON", "view", "v", b"hello", "neither JSON nor Avro"),
    ("JSON cut off", "view", "v", view()[:40], "cut off at byte 40"),
    ("JSON of another shape", "view", "v", b"[1,2]", "neither JSON nor Avro"),
    ("something behind the JSON", "view", "v", view() + b"{}", "something follows"),
    ("no visitor", "view", "v", b'{"event_id":"x","event_time":1,"item":{"item_id":"i"}}',
     "visitor_id is missing"),
    ("empty visitor", "view", "v", view(visitor_id=""), "visitor_id is missing or empty"),
    ("no event_id", "view", "v", b'{"visitor_id":"v","event_time":1,"item":{"item_id":"i"}}',
     "event_id is missing"),
    ("another's key", "view", "w", view(), "the record's key is 'w' but its visitor is 'v'"),
    ("no key", "view", None, view(), "the record's key is missing"),
    ("a key of bytes", "view", b"\x01\xff12", view(), "the record's key is '\\x01\\xff12' but"),
    ("empty items", "cart", "v", cart([]), "items is empty"),
    ("100,000 items", "cart", "v", cart([{"item_id": "i"}] * 20000), "more than 500 items"),
    ("negative price", "view", "v", view(item={"item_id": "i", "price": -1}), "price is -1"),
    ("NaN price", "view", "v", view(item={"item_id": "i", "price": float("nan")}),
     "price is not a number"),
    ("price as text", "view", "v", view(item={"item_id": "i", "price": "1"}),
     "price is not a number"),
    ("event_time in 1970", "view", "v", view(event_time=1000), "before event.time.min.ms"),
    ("event_time in 2099", "view", "v", view(event_time=4070908800000), "event.future.max.ms"),
    ("event_time as text", "view", "v", view(event_time="now"), "event_time is not a number"),
    ("event_time as fraction", "view", "v", view(event_time=1.5), "event_time is not a whole"),
    ("item as text", "view", "v", view(item="i"), "item is not an object"),
    ("string of 900 KB", "view", "v", view(visitor_id="v" * 900000), "visitor_id has 900000 bytes"),
    ("string of 10 MB", "view", "v", view(uri="u" * 10000000), "at most 1048576 are taken"),
    ("NUL in an id", "view", "v", view(visitor_id="v\0w"), "visitor_id has a control character"),
    ("invalid UTF-8", "view", "v", b'{"event_id":"\xff\xfe"}', "not UTF-8"),
    ("half a surrogate", "view", "v", b'{"event_id":"\\ud800"}', "surrogate"),
    ("nested too deep", "view", "v", b'{"a":' * 40 + b"1" + b"}" * 40, "nested more than 32"),
    ("unknown action", "cart", "v", cart([{"item_id": "i"}], action="steal"),
     "action is 'steal', not one of add, remove, update, clear"),
    ("no search term", "search", "v", b'{"event_id":"x","visitor_id":"v","event_time":1}',
     "search_term is missing"),
    ("Avro of an unknown schema", "view", "v", b"\xc3\x01" + b"12345678" + b"x",
     "no view schema has the fingerprint"),
    ("Avro cut off in its header", "view", "v", b"\xc3\x01\x02", "cut off in the schema's"),
    ("Confluent framing without a registry", "view", "v", b"\0\0\0\0\7abc",
     "schema.registry.url is not set"),
    ("a tombstone", "view", "v", None, "tombstone"),
    ("an impression without places", "impression", "v", view(
        recommendation_id="r", placement="home", items=[{"item_id": "i"}]), "has no index"),
    ("a click on no list", "click", "v", view(), "recommendation_id is missing"),
    ("a user under another's key", "user", "u", b'{"user_id":"w"}', "the record's key is 'u'"),
    ("a user without a name", "user", "u", b'{"gender":"female"}', "user_id is missing"),
    ("an empty record", "view", "v", b"", "empty"),
]


def parse_headers(text):
    """kcat's name=value,name=value; a comma within a value is followed by no known name."""
    headers = {}
    for part in text.split(",__weft.errors."):
        name, _, value = part.removeprefix("__weft.errors.").partition("=")
        headers[name] = value
    return headers


def send(shop, topic, key, value):
    if not value:  # -Z: empty means none
        subprocess.run(["kcat", "-P", "-b", shop.address, "-t", topic, "-K:",
                        *([] if value is not None else ["-Z"])], check=True,
                       input=f"{key}:\n".encode())
    else:
        shop.produce(topic, key, value)


def case_lines(name):
    """The records of a case of tests/cases/mappings, with their keys, and the expected events."""
    folder = os.path.join(ROOT, "tests", "cases", "mappings", name)
    with open(os.path.join(folder, "input.jsonl"), "rb") as file:
        records = [line.rstrip(b"\n") for line in file]
    with open(os.path.join(folder, "expected.jsonl"), encoding="utf-8") as file:
        expected = [json.loads(line) for line in file]
    keyed = []
    for record in records:
        row = json.loads(record)
        key = row.get("user_id") or row.get("user_pseudo_id") or row["client_id"]
        keyed.append((key.encode(), record))
    return keyed, expected


def mapped(checks, address):
    """One topic with GA4's events of all kinds: lists come, dead letters are as they came."""
    records, expected = case_lines("ga4")
    settings = ["topics.events=ga.events", "input.map=ga4"]
    with Shop("ga", address, 2, settings) as shop:
        shop.start(0)
        shop.ready()
        subprocess.run(["kcat", "-P", "-b", address, "-t", "ga.events", "-K\t", "-X",
                        "topic.partitioner=murmur2_random"], check=True,
                       input=b"".join(b"%s\t%s\n" % record for record in records))
        shop.settle(len(records))
        row = shop.metrics()
        events = [line for line in expected if "type" in line]
        refused = [record for (_, record), line in zip(records, expected) if "refused" in line]
        checks.equal("ga4: dropped", row["dropped"], sum("dropped" in line for line in expected))
        checks.equal("ga4: dead letters", row["dead_letters"], len(refused))
        checks.equal("ga4: equal records are one", row["duplicates"], 1)
        checks.equal("ga4: processed", row["processed"], len(events) - 1)
        letters = shop.kcat("ga-dead-letters").splitlines()
        checks.equal("ga4: dead letters are as they came", sorted(letters), sorted(refused))
        lists = shop.lists()
        checks.equal("ga4: each visitor has lists", sorted(lists), ["a1", "c3", "u7"])
        home = [item["item_id"] for entry in lists["a1"]["lists"] for item in entry["items"]]
        checks.check("ga4: with the items of the events", {"P10", "P12"} <= set(home), home)
        topics = subprocess.run(["kcat", "-L", "-b", address], capture_output=True, text=True,
                                check=True).stdout
        checks.check("ga4: there is one topic of events", '"ga.events"' in topics and
                     '"ga.view"' not in topics, topics)
        done = weft("check", "--preflight", *shop.common())
        checks.check("ga4: the preflight knows it", "ga.view" not in done.stdout, done.stdout)
        shop.stop(0, signal.SIGKILL)
        shop.start(0)
        shop.ready()
        shop.settle(0)
        checks.equal("ga4: nothing is read twice after kill -9", shop.metrics()["read"], 0)
        shop.stop()


def main():
    checks = Checks()
    settings = ["kafka.consumer.fetch.message.max.bytes=20000000"]
    with Kafka(19192) as kafka, Shop("bad", kafka.address, 1, settings) as shop:
        shop.start(0)
        shop.ready()
        for topic in ("view", "search", "cart"):
            kafka.tool("kafka.admin.ConfigCommand", "--alter", "--entity-type", "topics",
                       "--entity-name", f"bad.{topic}",
                       "--add-config", "max.message.bytes=20000000")
        fingerprint = weft("check", "--fingerprint", "view").stdout.strip()
        cases = CASES + [
            ("Avro cut off", "view", "v", avro_view(fingerprint, cut=3), "cut off"),
            ("Avro with a NaN price", "view", "v", avro_view(fingerprint, price=float("nan")),
             "price is not a finite number"),
            ("Avro with a negative price", "view", "v", avro_view(fingerprint, price=-2.0),
             "price is -2"),
            ("Avro with something behind it", "view", "v", avro_view(fingerprint) + b"!",
             "something follows"),
        ]
        good = 0
        for number, (_, topic, key, value, _) in enumerate(cases):
            send(shop, f"bad.{topic}", key, value)
            shop.produce("bad.view", "good", view(event_id=f"good{number}", visitor_id="good",
                                                  event_time=NOW + 1000 * number))
            good += 1
        shop.produce("bad.view", "v", avro_view(fingerprint))
        shop.settle(len(cases) + good + 1)
        row = shop.metrics()
        checks.equal("everything else is processed", row["processed"], good + 1)
        checks.equal("every bad record is counted", row["dead_letters"], len(cases))
        shop.stop()
        letters = {}
        raw = shop.kcat("bad-dead-letters", "%h\\t%S\\t%K\\n", "-X",
                        "fetch.message.max.bytes=20000000")
        for line in raw.decode(errors="replace").splitlines():
            headers, size, _ = line.rsplit("\t", 2)
            parsed = parse_headers(headers)
            letters[parsed["topic"], int(parsed["offset"])] = (parsed, int(size))
        checks.equal("every bad record is in the dead letters", len(letters), len(cases))
        offsets = dict.fromkeys(INPUTS, 0)
        for name, topic, _, value, reason in cases:
            parsed, size = letters.get((f"bad.{topic}", offsets[topic]), ({}, None))
            offsets[topic] += 1
            offsets["view"] += 1  # the good one behind it
            checks.check(f"{name}: says '{reason}'", reason in parsed.get("message", ""), parsed)
            checks.check(f"{name}: comes as it came, with its place",
                         size == (-1 if value is None else len(value)) and
                         parsed.get("partition") == "0" and
                         parsed.get("step") in ("decode", "validate"), (size, parsed))
        mapped(checks, kafka.address)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
