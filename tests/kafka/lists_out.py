#!/usr/bin/env python3
"""Tests the output in Confluent's framing against weft's embedded broker: the schemas in the
registry, and a Python service that reads lists, rankings and tombstones with the usual
deserialiser. The test needs kcat, and Debian's python3-confluent-kafka and python3-avro.

Usage: tests/kafka/lists_out.py
"""
import json
import os
import subprocess
import sys
import time

from registry import Bench, Registry, schema_of
from shop import ROOT, Checks, weft

READER = os.path.join(ROOT, "tests", "kafka", "avro_reader.py")
VISITORS = 6


def settings(*more):
    return ["output.format=avro", "output.framing=confluent", "items.lists=on",
            "topics.items=out.items", "rankings.interval.ms=500",
            "items.lists.interval.ms=1000", *more]


def read(bench, registry, topic):
    found = subprocess.run([READER, bench.broker.address, f"http://127.0.0.1:{registry.port}",
                            topic], capture_output=True, text=True, check=False)
    bench.checks.check(f"the deserialiser reads {topic}", found.returncode == 0, found.stderr)
    return [json.loads(line) for line in found.stdout.splitlines()]


def newest(records):
    return {record["key"]: record["value"] for record in records}


def fill(bench):
    for visitor in range(VISITORS):
        for item in range(4):
            bench.number += 1
            event = {"event_id": f"e{bench.number}", "visitor_id": f"v{visitor}",
                     "event_time": int(time.time() * 1000),
                     "item": {"item_id": f"i{(visitor + item) % 8}"}}
            bench.shop.produce("out.view", f"v{visitor}", json.dumps(event).encode())


def wait_for(bench, what, holds, seconds=60):
    deadline = time.time() + seconds
    while not holds() and time.time() < deadline:
        bench.shop.alive()
        time.sleep(0.2)
    bench.checks.check(what, holds(), bench.shop.log_end())


def away_then_there(bench, registry):
    """The registry answers 503 at first: weft waits, and loses nothing."""
    registry.mood = 503
    bench.shop.start(0)
    wait_for(bench, "the log says what weft waits for",
             lambda: "weft needs the ids of its schemas, and waits" in bench.log())
    registry.mood = None
    bench.within("then all is processed", 60, processed=4 * VISITORS, dead_letters=0)
    bench.checks.equal("the schemas are registered by topic", sorted(registry.subjects),
                       ["out.items-value", "out.rankings-value", "out.recommendations-value"])


def read_all(bench, registry):
    shop = bench.shop
    wait_for(bench, "rankings are written", lambda: shop.size("out.rankings") > 0)
    wait_for(bench, "lists of items are written", lambda: shop.size("out.items") > 3)
    lists = newest(read(bench, registry, "out.recommendations"))
    bench.checks.equal("each visitor has lists", len(lists), VISITORS)
    first = lists.get("v0") or {"visitor": None, "lists": []}
    bench.checks.check("they are whole", first["visitor"] == "v0" and first["lists"] and
                       first["lists"][0]["items"][0]["item_id"], first)
    raw = shop.kcat("out.recommendations", "%k")
    bench.checks.check("kcat still shows the keys", b"v0" in raw, raw)
    rankings = newest(read(bench, registry, "out.rankings"))
    viewed = rankings.get("viewed|shop") or {"items": []}
    bench.checks.check("the ranking of the shop is whole", len(viewed["items"]) == 8, viewed)
    items = newest(read(bench, registry, "out.items"))
    bench.checks.check("lists of items are whole", items and all(
        key == value["item_id"] for key, value in items.items()), items)
    shown = weft("get", "visitor", "v0", *shop.common()).stdout
    bench.checks.check("weft get shows the lists", "i1" in shown and "home" in shown, shown)


def erase(bench, registry):
    path = os.path.join(bench.shop.folder, "empty")
    with open(path, "w") as file:
        file.write("v1#\n")
    subprocess.run(["kcat", "-P", "-Z", "-K", "#", "-b", bench.broker.address, "-t",
                    "out.user", "-l", path, "-X", "topic.partitioner=murmur2_random"], check=True)
    wait_for(bench, "an erased visitor has a tombstone", lambda: newest(
        read(bench, registry, "out.recommendations")).get("v1", 1) is None, 30)


def looked_up_only(bench, registry):
    """With auto.register.schemas=off weft starts only if the registry has the schemas."""
    off = ["--set", "auto.register.schemas=off"]
    before = dict(registry.subjects)
    bench.shop.start(0, *off)
    bench.shop.ready()
    bench.checks.equal("looking up registers nothing", registry.subjects, before)
    bench.shop.stop()
    bench.shop.start(0, *off, "--set", "output.subject.name.strategy=record")
    code = bench.shop.processes.pop(0).wait(timeout=60)
    bench.checks.equal("a schema that is not there ends the start", code, 1)
    bench.checks.check("and the log says what to do",
                       "subject weft.Recommendation" in bench.log() and
                       "'weft check --schema recommendation' prints" in bench.log(),
                       bench.shop.log_end())
    printed = json.loads(weft("check", "--schema", "recommendation").stdout)
    bench.checks.equal("weft check --schema prints it", printed, schema_of("recommendation"))


def refused(bench, registry):
    registry.refusal = (409, {"error_code": 409, "message": "incompatible with version 3"})
    bench.shop.start(0, "--set", "output.subject.name.strategy=topic-record")
    code = bench.shop.processes.pop(0).wait(timeout=60)
    bench.checks.equal("a refused schema ends the start", code, 1)
    bench.checks.check("the log has the registry's reason",
                       "out.recommendations-weft.Recommendation" in bench.log() and
                       "incompatible with version 3" in bench.log(), bench.shop.log_end())


def main():
    checks = Checks()
    registry = Registry()
    bench = Bench(checks, "out", f"http://127.0.0.1:{registry.port}", *settings())
    try:
        fill(bench)
        away_then_there(bench, registry)
        read_all(bench, registry)
        erase(bench, registry)
        bench.shop.stop()
        looked_up_only(bench, registry)
        refused(bench, registry)
    finally:
        bench.remove()
        registry.stop()
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
