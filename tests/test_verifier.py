#!/usr/bin/env python3
"""The verifier of tests/kafka without a broker: what is right passes, and each deliberate fault is
reported, for exactly_once and, where something is missing, for at_least_once."""

import json
import os
import sys
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "kafka"))

import mutations  # noqa: E402
import verifier  # noqa: E402
from avro import Decoder, fingerprint  # noqa: E402
from traffic import Traffic  # noqa: E402

LOST_ONLY = ("one event lost", "one stale row restored", "one list missing",
             "a commit without the batch, followed by a wipe", "a batch that was not read back",
             "one offset behind", "a transaction that hangs", "one dead letter lost")


SIDE = ("refused", "gender", "age_group", "impressions", "clicks", "channel", "order_lines",
        "cart")


class Guests:
    """weft's part for visitors who are erased at times."""

    def __init__(self):
        self.log, self.events, self.refused = [], {}, set()

    def take(self, kind, key, value):
        event = json.loads(value) if value else {"erased": True}
        if kind == "user":
            self.refused.discard(key)
            if event.get("consent") is False:
                self.refused.add(key)
            if event.get("erased") or event.get("consent") is False:
                self.events.pop(key, None)
        elif key not in self.refused:
            self.events.setdefault(key, []).append((kind, event))
            self.log += verifier.places(event)

    def rows(self):
        for guest in self.refused | self.events.keys():
            rows, before, channel = [], 0, ""
            for kind, event in self.events.get(guest, []):
                channel = verifier.recount.channel_name(event.get("channel")) or channel
                for item in event.get("items") or [event["item"]]:
                    rows.append({"elapsed_ms": event["event_time"] - before, "price": float("nan"),
                                 "kind": verifier.ACTIVITY_KINDS.index(kind),
                                 "subject": item["item_id"]})
                    before = event["event_time"]
            yield guest, {"accepted": len(rows), "activities": rows,
                          "refused": guest in self.refused, "gender": "", "age_group": "",
                          "impressions": 0, "clicks": 0, "channel": channel, "order_lines": 0,
                          "cart": []}


def made_up(seed, events=1400):
    """What weft would leave behind."""
    found, ends = verifier.Found(), {}
    traffic = Traffic(seed, visitors=60, items=40)
    guests, products = Guests(), {}
    for number, (kind, key, value) in enumerate(next(traffic) for _ in range(events)):
        if kind == "product":
            products[key] = value
            continue
        partition = zlib.crc32(key.encode()) % 4
        offset = ends.get((kind, partition), 0)
        ends[kind, partition] = offset + 1
        value = value if isinstance(value, bytes) else value.encode()
        found.inputs.append((kind, partition, offset, key.encode(), value or None))
        written = 1000 * number if not key.startswith("liar") else int(1000 * time.time())
        found.times[kind, partition, offset] = written
        if key.startswith("guest"):
            guests.take(kind, key, value)
    expected = verifier.Expected(found)
    found.input_ends, found.committed = dict(ends), dict(ends)
    found.interactions = [{"event_id": place[0], "position": place[1],
                           "channel": expected.channels[place]} for place in expected.places]
    found.interactions += [{"event_id": place[0], "position": place[1], "subject": "g",
                            "channel": expected.channels[place]} for place in guests.log]
    found.interactions += [{"event_id": "x", "position": 0, "kind": kind, "subject": subject,
                            "event_time": when, "change": "taken_back"} for
                           (kind, subject, when), count in expected.taken_back.items()
                           for _ in range(count)]
    found.interactions.insert(7, {"event_id": "", "position": 0})  # a joint of two sessions
    found.weights = [{"source": source, "number": n} for n in (1, 2) for source in (8, 9)]
    found.dead = list(expected.dead)
    for visitor, (accepted, activities) in expected.visitors.items():
        rows, before = [], 0
        taken_back = []
        for place, (when, kind, subject, price, counts) in enumerate(activities):
            rows.append({"elapsed_ms": when - before, "subject": subject,
                         "kind": verifier.ACTIVITY_KINDS.index(kind),
                         "price": float("nan") if price is None else price})
            before = when
            if not counts:
                taken_back.append(place - sum(taken_back))
        side = dict(zip(SIDE, expected.sides[visitor]))
        found.changelog[visitor] = (expected.partitions[visitor],
                                    {"accepted": accepted, "activities": rows,
                                     "taken_back": taken_back, **side})
        if activities:
            found.lists[visitor] = {"source_event_time": expected.latest[visitor]}
    for guest, record in guests.rows():
        found.changelog[guest] = (expected.partitions[guest], record)
        if record["activities"]:
            found.lists[guest] = {"source_event_time": sum(
                row["elapsed_ms"] for row in record["activities"])}
    rows = {key: verifier.sequence(record) for key, (_, record) in found.changelog.items()}
    sides = {key: verifier.side(record) for key, (_, record) in found.changelog.items()}
    for instance in range(2):
        found.models[instance] = (dict(expected.cooccurrence), dict(expected.popularity),
                                  dict(expected.trends), dict(expected.taken))
        found.local[instance] = ([2 * instance, 2 * instance + 1], dict(rows))
        found.local_sides[instance] = dict(sides)
    found.rankings = [("viewed|shop", b'{"offset":7,"items":[{"item_id":"a","score":1.0}]}')] * 2
    (_, direction, item), (_, entries) = next(
        row for row in sorted(expected.cooccurrence.items())
        if row[0][:2] == ("view", "forward") and row[1][1].keys() - {row[0][2]})
    found.items = [(item, json.dumps({
        "item_id": item, "offset": 7, "catalogue": "0", "rules": "0", "lists": [
            {"list": "viewed_next", "items": [{
                "item_id": min(entries.keys() - {item}), "score": .5}]}]}).encode())] * 2
    found.catalogue = {key: (0, json.loads(value)) for key, value in products.items() if value}
    found.products = dict.fromkeys((0, 1), len(found.catalogue))
    found.driver = {table: ["{1}", "{2}"] for table in verifier.DRIVER_TABLES}
    found.copies = {(instance, table): list(rows) for table, rows in found.driver.items()
                    for instance in (0, 1)}
    found.ends = {("x-interactions", 0): (900, 900), ("x-late", 1): (0, 0)}
    return found


def check_avro():
    """By the examples of Avro's specification."""
    schema = {"type": "record", "name": "test", "fields": [
        {"name": "a", "type": "long"}, {"name": "b", "type": "string"},
        {"name": "c", "type": ["null", "string"]},
        {"name": "d", "type": {"type": "array", "items": "long"}}]}
    data = b"\x36\x06foo" + b"\x02\x02a" + b"\x04\x06\x36\x00"
    value, end = Decoder(schema).read(data, 0)
    return (value == {"a": 27, "b": "foo", "c": "a", "d": [3, 27]} and end == len(data) and
            fingerprint("int") == (0x7275D51A3F395C8F).to_bytes(8, "little"))


def main():
    passed = failed = 0

    def check(name, good, why=""):
        nonlocal passed, failed
        passed, failed = passed + bool(good), failed + (not good)
        if not good:
            print(f"FAIL  {name} {why}")

    check("avro", check_avro())
    fates = set()
    for seed in (1, 2):
        found = made_up(seed)
        ids = {json.loads(value)["event_id"] for *_, value in found.inputs
               if value and value.startswith(b"{\"event_id\"") and value.endswith(b"}")}
        check("there are dead letters and duplicates",
              found.dead and len(found.inputs) > len(ids))
        expected = verifier.Expected(found)
        fates |= {record["refused"] for key, (_, record) in found.changelog.items()
                  if key.startswith("guest")}
        wrong, doubled = verifier.judge(found, expected=expected)
        check(f"seed {seed}: what is right passes", not wrong and doubled == 0, wrong)
        missed = mutations.unnoticed(
            found, lambda f: verifier.judge(f, expected=expected))
        for name, _ in mutations.MUTATIONS:
            check(f"seed {seed}: {name}", name not in missed, "is not noticed")
        missed = mutations.unnoticed(found, lambda f: verifier.judge(f, False, expected))
        for name in LOST_ONLY:
            check(f"seed {seed}, at least once: {name}", name not in missed, "is not noticed")
        mutations.event_doubled(found)
        wrong, doubled = verifier.judge(found, False, expected)
        check(f"seed {seed}: at least once counts doubles", not wrong and doubled == 1,
              (wrong, doubled))
    check("guests are erased, refuse and stay", len(fates) == 2)
    check("nothing at all is no success", verifier.judge(verifier.Found())[0])
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
