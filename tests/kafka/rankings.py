#!/usr/bin/env python3
"""Tests rankings and lists of items through Apache Kafka. The topics have the result of an
independent recount of the events. The next publisher writes nothing that is there already. A
process that starts with nothing writes the same bytes. Products that are sold out, deleted or
excluded leave the rankings and lists, and empty ones are deleted. A publisher that is killed in the
middle of its writing loses none. The test needs kcat and the programs that tools/kafka needs."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from recount import POPULAR_HALF_LIFE_MS, QUICK_HALF_LIFE_MS, RULES_HALF_LIFE_MS, growth  # noqa
from recount import count_pairs, visitors_of  # noqa
from shop import WEFT, Checks, Kafka, Shop, weft  # noqa

NOW = int(time.time() * 1000) - 3600_000
DAY = 86400_000
LENGTH, TERMS, PRODUCTS = 10, 4, 60
ITEM_LENGTH = 8
COUNTED = {"viewed_next": (("view",), ("forward",)),
           "bought_together": (("purchase",), ("forward", "backward")),
           "goes_with": (("cart", "purchase"), ("forward", "backward"))}
UNITS = {"view": 1, "cart": 3, "purchase": 6}


def product(number, **changes):
    row = {"item_id": f"p{number}", "title": f"Thing number {number}",
           "item_brand": f"Brand {number % 7}",
           "categories": [f"All > Kind {number % 3} > Sort {number % 9}"],
           "genders": [["female", "male"][number % 2]], "price": 10 + number,
           "availability": "out_of_stock" if number % 11 == 5 else "in_stock"}
    if number == 50:  # a brand of its own
        row["item_brand"] = "Lone"
    row.update(changes)
    return row


def events(seed=7, count=3000):
    """Makes three days of visits. In the last hours p3 and p4 rise, and the new p59 gets three
    clicks."""
    draw = random.Random(seed)
    rows = []
    for n in range(count):
        when = NOW - 3 * DAY + n * (3 * DAY // count)
        item = min(int(draw.expovariate(1 / 12)), PRODUCTS - 3)
        if n > 0.95 * count and draw.random() < 0.5:
            item = draw.choice([3, 4])
        if n in (count - 90, count - 60, count - 40):
            item = 59
        kind = draw.choices(["view", "cart", "purchase", "search"], [10, 2, 1, 3])[0]
        row = {"type": kind, "event_id": f"e{n}", "visitor_id": f"v{n // 8 % 80}",
               "event_time": when}
        if kind == "search":
            row["search_term"] = f"thing number {draw.randrange(8)}"
        elif kind == "view":
            row["item"] = {"item_id": f"p{item}"}
        else:
            row["items"] = [{"item_id": f"p{item}"}]
            row.update({"action": "add"} if kind == "cart" else {"transaction_id": f"t{n}"})
        rows.append(row)
    return rows


class Sum:
    """Decayed counts, with weft's rounding: 2^(time / half-life) in 11 bits."""

    def __init__(self, half_life):
        self.half_life = half_life
        self.rows = defaultdict(float)

    def add(self, key, when, units=1):
        m, k = growth(when, self.half_life)
        self.rows[key] += units * m * 2.0 ** (k - NOW // self.half_life)

    def at(self, key, when):
        m, k = growth(when, self.half_life)
        return self.rows[key] * 2.0 ** (NOW // self.half_life - k) / m


def trend(s, e):
    k = 20 + s
    return k / (20 + e) * (1 - 1 / (9 * k) - 1.645 / (3 * k ** .5)) ** 3


def scopes_of(row):
    yield "shop", None
    parts = row["categories"][0].split(" > ")
    for depth in range(len(parts)):
        yield "category", " > ".join(parts[:depth + 1])
    yield "brand", row["item_brand"]
    yield "gender", row["genders"][0]


def expected(rows, catalogue, when):
    """{key: [(item, score)]} of all rankings but those of terms, and the terms' taken items."""
    slow = {kind: Sum(POPULAR_HALF_LIFE_MS) for kind in UNITS}
    quick, taken = Sum(QUICK_HALF_LIFE_MS), Sum(RULES_HALF_LIFE_MS)
    items = set()
    for row in rows:
        if row["type"] == "search":
            continue
        for item in [row["item"]] if row["type"] == "view" else row["items"]:
            slow[row["type"]].add(item["item_id"], row["event_time"])
            quick.add(item["item_id"], row["event_time"])
            items.add(item["item_id"])
    total = {item: sum(slow[kind].at(item, when) for kind in UNITS) for item in items}
    share = sum(quick.at(item, when) for item in items) / sum(total.values())
    rankings = defaultdict(list)
    for item in items:
        if item not in catalogue or catalogue[item]["availability"] == "out_of_stock":
            continue
        scores = {"viewed": slow["view"].at(item, when), "carted": slow["cart"].at(item, when),
                  "bought": slow["purchase"].at(item, when)}
        scores = {name: score for name, score in scores.items() if score > .01}
        trending = trend(quick.at(item, when), total[item] * share)
        if trending > 1:
            scores["trending"] = trending
        for scope, name in scopes_of(catalogue[item]):
            for ranking, score in scores.items():
                key = f"{ranking}|{scope}" + (f"|{name}" if name else "")
                rankings[key].append((item, score))
    return {key: sorted(found, key=lambda row: (-row[1], row[0]))[:LENGTH]
            for key, found in rankings.items()}


def item_lists(path, catalogue):
    """{item: {list: {item: score}}} of the lists that are counts, the best first."""
    reference = NOW // RULES_HALF_LIFE_MS
    weights = defaultdict(lambda: defaultdict(float))  # (kind, direction, item): {other: weight}
    for (kind, earlier, later), pair in count_pairs(visitors_of(path)).items():
        weight = pair[0].value(reference, 1)
        weights[kind, "forward", earlier][later] += weight
        weights[kind, "backward", later][earlier] += weight
    lists = defaultdict(dict)
    for item in catalogue:
        for name, (kinds, directions) in COUNTED.items():
            sums, total = defaultdict(float), 0
            for kind in kinds:
                for direction in directions:
                    for other, weight in weights[kind, direction, item].items():
                        sums[other] += weight
                        total += weight
            found = [(other, weight / total) for other, weight in sums.items()
                     if other != item and other in catalogue and
                     catalogue[other]["availability"] == "in_stock" and
                     (name != "goes_with" or
                      catalogue[other]["categories"] != catalogue[item]["categories"])]
            if found:
                lists[item][name] = dict(sorted(found, key=lambda row: -row[1]))
    return lists


def is_list(got, scores):
    """Whether the items and scores of a list are the best ones. weft adds in single precision, so
    items whose scores differ by less than that may stand in any order."""
    best = list(scores.values())[:ITEM_LENGTH]
    return len(got) == len(best) == len({item for item, _ in got}) and all(
        abs(score - scores.get(item, -1)) <= 2e-6 and abs(score - wanted) <= 2e-6
        for (item, score), wanted in zip(got, best))


def compare_items(checks, shop, rows, catalogue):
    """Returns the topic's records."""
    path = os.path.join(shop.folder, "all.jsonl")
    with open(path, "w") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")
    found, count = topic(shop, f"{shop.name}.items")
    records = {key: json.loads(value) for key, value in found.items()}
    expected_lists = item_lists(path, catalogue)
    checks.equal("each item's lists are written once", count, len(found))
    checks.check("most items have lists", PRODUCTS - 3 <= len(found) <= PRODUCTS, len(found))
    wrong = []
    for item in catalogue:
        lists = {row["list"]: row["items"] for row in records.get(item, {}).get("lists", ())}
        for name in COUNTED:
            got = [(row["item_id"], row["score"]) for row in lists.get(name, ())]
            scores = expected_lists[item].get(name, {})
            if not is_list(got, scores):
                wrong.append((item, name, got, list(scores.items())[:ITEM_LENGTH]))
    checks.equal("items' lists that are counts are the recounted ones", wrong[:1], [])
    checks.equal("nobody's own item is in its lists", [
        key for key, record in records.items() for row in record["lists"]
        if key in [item["item_id"] for item in row["items"]]], [])
    names = {row["list"] for record in records.values() for row in record["lists"]}
    checks.equal("all lists are there", sorted(names), [
        "bought_together", "goes_with", "nearest", "similar", "viewed_next"])
    checks.equal("of one catalogue, without rules", [
        len({record["catalogue"] for record in records.values()}),
        {record["rules"] for record in records.values()}], [1, {"0" * 16}])
    out = weft("get", "item", "p3", "--lists", "--shown", "2", *shop.common()).stdout
    checks.check("weft get item --lists has titles", "Thing number 3" in out and
                 "viewed_next" in out and " 2. p" in out and " 3. p" not in out, out)
    return found


def in_lists(shop, item):
    return any(item == row["item_id"] for value in topic(shop, f"{shop.name}.items")[0].values()
               for one in json.loads(value)["lists"] for row in one["items"])


def items_level(shop, index):
    """Whether a round ended that began after all was folded."""
    row = shop.metrics(index) or {}
    return row.get("item_lists_offset", 0) > 0 and row["item_lists_left"] == 0 and \
        row["item_lists_offset"] == row["folded_offset"]


def killed_publisher(checks, shop, index, found):
    """Kills the publisher in the middle of its first round; another one writes what is missing."""
    topic_of = ["--set", "topics.items=chart.killed"]
    shop.start(index, *ITEMS_ON, *topic_of, "--set", "items.lists.per.second=16")
    checks.equal("the publisher is in the middle", wait_for(lambda: 0 < (
        shop.metrics(index) or {}).get("item_lists_written", 0) < len(found)), True)
    shop.stop(index, how=signal.SIGKILL)
    shop.start(index, *ITEMS_ON, *topic_of)
    checks.equal("the next one ends the round", wait_for(lambda: items_level(shop, index)), True)
    newest, count = topic(shop, "chart.killed")
    checks.equal("kill -9 loses no list and doubles none", (
        count, {key: json.loads(value)["lists"] for key, value in newest.items()}), (
        len(found), {key: json.loads(value)["lists"] for key, value in found.items()}))
    shop.stop(index)


ITEMS_ON = ["--set", "items.lists=on", "--set", "items.lists.interval.ms=1000"]


def send(shop, rows):
    path = os.path.join(shop.folder, "lines.jsonl")
    with open(path, "w") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")
    shop.replay(path)


def topic(shop, name):
    """{key: newest value} as it stands, tombstones left out, and how many records there are."""
    newest, count = {}, 0
    out = shop.kcat(name, "%k\t%S\t%s\n")
    for line in out.decode(errors="surrogateescape").splitlines():
        key, size, value = line.split("\t", 2)
        count += 1
        newest.pop(key, None)
        if int(size) >= 0:
            newest[key] = value
    return newest, count


def keys(shop, name):
    """The same where values are not text: the keys that stand."""
    standing = {}
    for line in shop.kcat(name, "%k\t%S\n").decode().splitlines():
        key, size = line.split("\t")
        standing[key] = int(size)
    return {key for key, size in standing.items() if size >= 0}


def published(shop, index, timeout=60):
    """Waits for a publication of all that was folded; returns its offset."""
    deadline = time.time() + timeout
    while time.time() < deadline:
        row = shop.metrics(index) or {}
        if row.get("rankings_offset", 0) > 0 and row["rankings_offset"] == row["folded_offset"]:
            return row["rankings_offset"]
        shop.alive()
        time.sleep(0.1)
    raise RuntimeError(f"nothing is published: {shop.log_end(index)}")


def wait_for(condition, timeout=30):
    deadline = time.time() + timeout
    while time.time() < deadline and not condition():
        time.sleep(0.3)
    return condition()


def compare(checks, found, rows, catalogue, offset):
    records = {key: json.loads(value) for key, value in found.items()}
    times = {record["event_time"] for record in records.values()}
    checks.equal("all are as of one moment and one offset",
                 (len(times), {record["offset"] for record in records.values()}), (1, {offset}))
    rankings = expected(rows, catalogue, times.pop())
    plain = {key for key in records if not key.startswith("taken|")}
    checks.equal("the rankings that there should be", sorted(plain ^ rankings.keys()), [])
    wrong = [key for key in plain & rankings.keys()
             if [(item["item_id"], item["score"]) for item in records[key]["items"]] !=
             [(item, round(score, 4)) for item, score in rankings[key]]]
    checks.equal("items and scores are the recounted ones", [
        (key, records[key]["items"], rankings[key]) for key in wrong[:1]], [])
    trending = [item["item_id"] for item in records["trending|shop"]["items"]]
    checks.equal("what rises is trending", sorted(trending[:2]), ["p3", "p4"])
    checks.equal("three clicks on a new product are not", "p59" in trending, False)
    terms = [key for key in records if key.startswith("taken|")]
    checks.equal("as many searches as may be", len(terms), TERMS)
    for key in terms[:1]:
        items = records[key]["items"]
        checks.check("what was taken comes first, then what is found",
                     [item.get("found", False) for item in items] ==
                     sorted(item.get("found", False) for item in items) and
                     not items[0].get("found") and len(items) == LENGTH, items)


def shown(checks, shop):
    out = weft("get", "ranking", "trending", *shop.common()).stdout
    checks.check("weft get ranking has titles",
                 "Thing number 3" in out or "Thing number 4" in out, out)
    out = weft("get", "ranking", "viewed", "--category", "All > Kind 1", *shop.common()).stdout
    checks.check("of a category", "viewed in category All > Kind 1" in out and " 1. p" in out, out)
    key = next(key for key in topic(shop, f"{shop.name}.rankings")[0] if key.startswith("taken|"))
    term = key.split("|", 2)[2]
    out = weft("get", "ranking", "--term", term.upper() + " ", *shop.common()).stdout
    checks.check("of a term, as it may be typed", f"taken in term {term}" in out, out)
    out = weft("get", "ranking", "viewed", "--brand", "nobody", *shop.common(), check=False)
    checks.equal("one that is not there is told", (out.returncode, "no ranking" in out.stderr),
                 (1, True))


def changes(checks, shop, index, rows, catalogue):
    name = f"{shop.name}.rankings"
    first = json.loads(topic(shop, name)[0]["viewed|shop"])["items"][0]["item_id"]
    checks.equal("a brand of one product has rankings",
                 "viewed|brand|Lone" in topic(shop, name)[0], True)
    send(shop, [{"type": "product", **product(int(first[1:]), availability="out_of_stock")}])
    subprocess.run(["kcat", "-P", "-b", shop.address, "-t", f"{shop.name}.product", "-K", "\t",
                    "-Z"], input=b"p50\t\n", check=True)
    checks.equal("what is sold out goes, without an event", wait_for(
        lambda: first not in topic(shop, name)[0]["viewed|shop"]), True)
    checks.equal("and leaves the lists of items", wait_for(lambda: not in_lists(shop, first)), True)
    checks.equal("a deleted product's lists are deleted", wait_for(
        lambda: "p50" not in topic(shop, f"{shop.name}.items")[0]), True)
    checks.equal("what is empty is deleted", wait_for(
        lambda: not any(key.endswith("|Lone") for key in topic(shop, name)[0])), True)
    catalogue[first]["availability"] = "out_of_stock"
    del catalogue["p50"]
    before = topic(shop, name)[1]
    rows.append({"type": "view", "event_id": "last", "visitor_id": "v1", "event_time": NOW,
                 "item": {"item_id": "p55"}})  # nobody minds: it is out of stock
    send(shop, rows[-1:])
    wait_for(lambda: (shop.metrics(index) or {}).get("read", 0) > 0)
    published(shop, index)
    after = topic(shop, name)[1]
    checks.check("hardly any is written when nothing much changes", after - before < 10,
                 f"{after - before} records")


def main():
    checks = Checks()
    kafka = Kafka(int(os.environ.get("WEFT_KAFKA_PORT", "19500")))
    quiet = "rankings.interval.ms=0"
    shop = Shop("chart", kafka.address, extra=[
        "model.save.ms=300", f"rankings.length={LENGTH}", f"rankings.terms.max={TERMS}",
        "rankings.scopes.max=1000", f"items.lists.length={ITEM_LENGTH}",
        "topics.items=chart.items",
        "cooccurrence.row.entries.max=1000"])
    try:
        rows = events()
        catalogue = {f"p{i}": product(i) for i in range(PRODUCTS)}
        shop.start(0, "--set", quiet)
        shop.ready()
        send(shop, [{"type": "product", **row} for row in catalogue.values()])
        send(shop, rows)
        shop.settle(len(rows))
        shop.stop(0)
        shop.start(0, "--set", "rankings.interval.ms=500", *ITEMS_ON)
        offset = published(shop, 0)
        name = f"{shop.name}.rankings"
        found, count = topic(shop, name)
        checks.equal("each is written once", count, len(found))
        compare(checks, found, rows, catalogue, offset)
        shown(checks, shop)
        wait_for(lambda: items_level(shop, 0))
        items = compare_items(checks, shop, rows, catalogue)
        shop.start(1, "--set", "rankings.interval.ms=500", *ITEMS_ON)
        shop.ready()
        shop.stop(0)
        published(shop, 1)
        wait_for(lambda: (shop.metrics(1) or {}).get("rankings_same", 0) > 0)
        checks.equal("the next publisher writes nothing that is there",
                     (topic(shop, name)[1], shop.metrics(1)["rankings_written"],
                      shop.metrics(1)["rankings_same"]), (count, 0, len(found)))
        wait_for(lambda: (shop.metrics(1) or {}).get("item_lists_same", 0) > 0)
        checks.equal("nor lists of items", (
            topic(shop, f"{shop.name}.items")[1], shop.metrics(1)["item_lists_written"],
            shop.metrics(1)["item_lists_same"] >= len(items)), (len(items), 0, True))
        shop.stop(1)
        shop.start(2, "--set", "rankings.interval.ms=500", "--set",
                   "topics.rankings=chart.again")
        checks.equal("who starts with nothing folds as much", published(shop, 2), offset)
        checks.equal("and writes the same bytes", topic(shop, "chart.again")[0] == found, True)
        shop.stop(2)
        killed_publisher(checks, shop, 1, items)
        shop.start(1, "--set", "rankings.interval.ms=500", *ITEMS_ON)
        published(shop, 1)
        changes(checks, shop, 1, rows, catalogue)
        shop.stop(1)
        rules = os.path.join(shop.folder, "rules")
        with open(rules, "w") as file:
            file.write("exclude brand \"Brand 1\" placement rankings\n")
        shop.start(1, "--set", "rankings.interval.ms=500", "--set", f"rules.path={rules}", "--set",
                   "output.format=avro")
        checks.equal("an excluded brand has no rankings", wait_for(
            lambda: "viewed|brand|Brand 1" not in keys(shop, name)), True)
        text = shop.kcat(name, "%s")
        header = text[text.index(b"\xc3\x01"):][:10]
        checks.equal("another format is written again", text.count(header), len(keys(shop, name)))
        out = subprocess.run([WEFT, "get", "ranking", "viewed", "--json", *shop.common()],
                             check=True, capture_output=True).stdout
        checks.equal("and shown as JSON", json.loads(out)["ranking"], "viewed")
    finally:
        shop.remove()
        kafka.stop()
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
