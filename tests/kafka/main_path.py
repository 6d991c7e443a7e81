#!/usr/bin/env python3
"""Sends events through brokers to tables and lists. The test accounts for every line, recounts
every table, and checks restarts, order, and the lists themselves.

    main_path.py [--short] [FILE]...

--short leaves out what differs only in numbers; it is for slow builds. FILEs are event files of
any format that weft reads. Without a FILE the test simulates a shop. It needs kcat and the
programs that tools/kafka needs."""

import json
import os
import signal
import sys
import tempfile
import time

from shop import Checks, Embedded, Kafka, Shop, INPUTS, merged, recount, split, weft

LONG = "visitor.activities.max=1000"  # beyond the bound a late event can come too late
# at the bounds the order of the log would matter
WIDE = ("cooccurrence.row.entries.max=100000", "channels.entries.max=100000")


def model_tables(file):
    """Those that there is something to count for."""
    with open(file, "rb") as events:
        channels = b'"channel"' in events.read(1 << 20)
    return ["cooccurrence", "popularity", "trends"] + ["channels"] * channels


def recounted(shop, tables, *where):
    return [word for table in tables for word in (f"--{table}", shop.dump(table, *where))]


def count_inputs(shop):
    return sum(shop.size(f"{shop.name}.{topic}") for topic in INPUTS)


def check_counts(checks, name, shop, published, totals):
    checks.equal(f"{name}: read = published", totals["read"], published)
    fates = sum(totals[f] for f in ("processed", "duplicates", "double_clicks", "late",
                                    "dropped", "dead_letters"))
    checks.equal(f"{name}: every record has one fate", fates, published)
    checks.equal(f"{name}: dead letters are in their topic",
                 shop.size(f"{shop.name}-dead-letters"), totals["dead_letters"])
    checks.equal(f"{name}: late records are in their topic", shop.size(f"{shop.name}-late"),
                 totals["late"])
    checks.equal(f"{name}: interactions, and what rankers learned, are in the log",
                 shop.size(f"{shop.name}-interactions"),
                 totals["interactions"] + totals["weights"])


def sum_metrics(shop):
    rows = [shop.metrics(i) for i in shop.processes]
    return {k: sum(r[k] for r in rows) for k in rows[0] if isinstance(rows[0][k], int)}


def check_tables(checks, name, shop, file, indexes):
    """The state's, the topics' and every process's model against the recount."""
    states = [["--set", f"state.dir={shop.state(i)}"] for i in indexes]
    visitors = merged([shop.dump("visitor", *s) for s in states],
                      os.path.join(shop.folder, "visitors"))
    good, text = recount(file, "--activities", "1000", "--visitor", visitors,
                         "--visitor", shop.dump("visitor", "--from", "topics"),
                         *recounted(shop, model_tables(file), "--from", "topics"))
    checks.check(f"{name}: state, changelog and log equal the recount", good, text)
    for state in states:
        good, text = recount(file, *recounted(shop, model_tables(file), *state))
        checks.check(f"{name}: the stored model equals the recount", good, text)


def check_lists(checks, name, shop, file):
    visitors = {}
    for line in open(shop.dump("visitor", "--from", "topics")):
        row = json.loads(line)
        visitors[row["visitor"]] = row
    items = {json.loads(line)["item"] for line in open(shop.dump("popularity", "--from", "topics"))}
    lists = shop.lists()
    checks.equal(f"{name}: every visitor has lists", set(lists), set(visitors))
    wrong = []
    for visitor, record in lists.items():
        seen = visitors.get(visitor)
        if seen is None:
            continue
        views = [a["subject"] for a in seen["activities"] if a["kind"] == "view"]
        searches = any(a["kind"] == "search" for a in seen["activities"])
        history = {a["subject"] for a in seen["activities"]}
        placements = {entry["placement"]: entry for entry in record["lists"]}
        if record["source_event_time"] != seen["latest_time"]:
            wrong.append((visitor, "older than the newest event"))
        if record["generated_time"] < record["source_event_time"]:
            wrong.append((visitor, "made before the newest event"))
        if "home" not in placements or bool(views) != ("product" in placements):
            wrong.append((visitor, "placements", list(placements)))
        for entry in record["lists"]:
            ids = [item["item_id"] for item in entry["items"]]
            if not 0 < len(ids) <= 20 or len(set(ids)) != len(ids) or not items.issuperset(ids):
                wrong.append((visitor, "items", ids))
            if entry["placement"] == "product" and (entry["context_item_id"] != views[-1] or
                                                    views[-1] in ids):
                wrong.append((visitor, "context", views[-1]))
            for item in entry["items"]:
                cause = item.get("because_item_id")
                if item["reason"] in ("popular", "searched", "taken_after_search",
                                      "popular_in_channel", "new"):
                    if cause is not None:
                        wrong.append((visitor, item["reason"], "has a cause"))
                    if "search" in item["reason"] and not searches:
                        wrong.append((visitor, item["reason"], "without a search"))
                elif item["reason"] in ("viewed_before", "bought_before"):
                    if cause is not None or item["item_id"] not in history:
                        wrong.append((visitor, item["reason"], item["item_id"]))
                elif cause not in history:
                    wrong.append((visitor, "cause not in history", cause))
                elif cause == item["item_id"]:
                    wrong.append((visitor, "its own cause", cause))
    checks.check(f"{name}: lists are whole, new and true", not wrong, wrong[:3])
    some = next(iter(lists))
    shown = weft("get", "visitor", some, "--json", *shop.common()).stdout
    checks.equal(f"{name}: weft get shows the same record", json.loads(shown), lists[some])


def one_run(checks, file, address, partitions, processes, name):
    shop = Shop(name, address, partitions, [*WIDE, LONG])
    broker = None
    if address is None:
        broker = Embedded(shop.settings)
        shop.address = broker.address
    try:
        if processes > 1:  # each has its share before the events come
            for i in range(processes):
                shop.start(i)
            shop.ready()
        lines, published, rejected = shop.replay(file)
        checks.equal(f"{name}: lines read = published + rejected", lines, published + rejected)
        if broker is None:
            checks.equal(f"{name}: the topics hold what was published", count_inputs(shop),
                         published)
        if processes == 1:
            shop.start(0)
        shop.settle(published)
        totals = sum_metrics(shop)
        check_counts(checks, name, shop, published, totals)
        if processes == 1:
            checks.equal(f"{name}: a backlog is read in the order of time", totals["reordered"], 0)
        else:
            checks.check(f"{name}: every process had a share",
                         all(shop.metrics(i)["read"] > 0 for i in shop.processes), "")
        check_lists(checks, name, shop, file)
        shop.stop()
        check_tables(checks, name, shop, file, range(processes))
    finally:
        shop.remove()
        if broker:
            broker.stop()


def restarts(checks, file, address):
    """Stops, kills and lost state in the middle of the work: the same tables as without."""
    name = "restarts"
    shop = Shop(name, address, 4, [*WIDE, LONG, "session.timeout.ms=6000", "commit.interval.ms=20",
                                   "batch.records.max=500"])
    try:
        *parts, last = split(file, 6)  # so that there is work for every one
        struck = 0
        strikes = (signal.SIGINT, signal.SIGKILL, "wipe", signal.SIGKILL, "wipe")
        for part, how in zip(parts, strikes):
            lines, _, _ = shop.replay(part)
            shop.start(0)
            shop.ready()
            begun = time.time()
            while shop.total("read") < lines // 2 and time.time() - begun < 3:
                time.sleep(0.01)
            struck += shop.total("read") > 0
            shop.stop(how=signal.SIGINT if how == signal.SIGINT else signal.SIGKILL)
            if how == "wipe":
                for folder in ("visitors", "model"):
                    os.system(f"rm -rf {shop.state(0)}/{folder}")
        checks.check(f"{name}: work was under way when it was struck", struck >= 3, struck)
        shop.replay(last)
        shop.start(0)
        shop.settle()
        checks.equal(f"{name}: nothing is left to read", shop.lag(), 0)
        check_lists(checks, name, shop, file)
        shop.stop()
        check_tables(checks, name, shop, file, [0])
    finally:
        shop.remove()


def live_order(checks, file, address):
    """The same events live: topics are written side by side, records may come late."""
    name = "live"
    shop = Shop(name, address, 4, [*WIDE, LONG])
    try:
        shop.start(0)
        shop.ready()
        _, published, _ = shop.replay(file, "--rate", "20000")
        shop.settle(published)
        check_lists(checks, name, shop, file)
        shop.stop()
        check_tables(checks, name, shop, file, [0])
    finally:
        shop.remove()


def lopsided(checks, address):
    """A view topic a hundred times longer than the purchase topic, all of it a backlog."""
    name = "lopsided"
    folder = tempfile.mkdtemp(prefix="weft-lopsided-")
    path = os.path.join(folder, "events.jsonl")
    with open(path, "w") as file:
        for i in range(20000):
            when = 1760000000000 + i * 1000
            visitor = f"v{i * 7919 % 300}"
            file.write(json.dumps({"type": "view", "event_id": f"a{i}", "visitor_id": visitor,
                                   "event_time": when, "channel": ("web", "App")[i % 2],
                                   "item": {"item_id": f"i{i * 31 % 500}"}}) + "\n")
            if i % 100 == 50:
                file.write(json.dumps({"type": "purchase", "event_id": f"b{i}",
                                       "visitor_id": visitor, "event_time": when + 10,
                                       "transaction_id": f"t{i}",
                                       "items": [{"item_id": f"i{i * 31 % 500}"},
                                                 {"item_id": f"i{i * 17 % 500}"}]}) + "\n")
    one_run(checks, path, address, 4, 1, name)


def at_least_once(checks, file, address):
    name = "alo"
    shop = Shop(name, address, 2, [*WIDE, LONG, "processing.guarantee=at_least_once"])
    try:
        _, published, _ = shop.replay(file)
        shop.start(0)
        shop.settle(published)
        check_counts(checks, name, shop, published, sum_metrics(shop))
        shop.stop()
        check_tables(checks, name, shop, file, [0])
    finally:
        shop.remove()


def driver(checks, file, name):
    """Without a broker: the same bytes twice, and from either wire format."""
    outputs = {}
    for wire in ("json", "avro", "confluent", "json"):
        for table in ("visitor", *model_tables(file), "lists"):
            text = weft("get", "table", table, "--from", "files", "--wire", wire, "--set", WIDE[0],
                        "--set", WIDE[1], file).stdout
            outputs.setdefault(table, []).append(text)
    for table, texts in outputs.items():
        checks.check(f"{name}: {table} from json, avro, confluent and json again are the same "
                     "bytes", texts[0] and texts.count(texts[0]) == 4, "they differ")
    with tempfile.TemporaryDirectory() as folder:
        options = []
        for table in ("visitor", *model_tables(file)):
            path = os.path.join(folder, table)
            with open(path, "w") as out:
                out.write(outputs[table][0])
            options += [f"--{table}", path]
        good, text = recount(file, *options)
    checks.check(f"{name}: the driver's tables equal the recount", good, text)


def main(files):
    checks = Checks()
    short = "--short" in files
    files = [file for file in files if file != "--short"]
    shapes = [(2, 2)] if short else [(1, 1), (2, 2), (8, 2)]
    with tempfile.TemporaryDirectory(prefix="weft-events-") as folder:
        simulated = os.path.join(folder, "simulated.jsonl")
        weft("simulate", "--out", simulated, "--events", "3000" if short else "15000", "--rate",
             "20", "--visitors", "300" if short else "1500", "--no-catalogue")
        kafka = Kafka()
        try:
            for k, file in enumerate([simulated, *files]):
                driver(checks, file, f"driver-{k}")
                one_run(checks, file, None, 4, 1, f"embedded-{k}")
                for partitions, processes in shapes if k == 0 else shapes[-1:]:
                    one_run(checks, file, kafka.address, partitions, processes,
                            f"kafka-{k}-{partitions}-{processes}")
            restarts(checks, simulated, kafka.address)
            if not short:
                live_order(checks, simulated, kafka.address)
                lopsided(checks, kafka.address)
                at_least_once(checks, simulated, kafka.address)
        finally:
            kafka.stop()
    return checks.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
