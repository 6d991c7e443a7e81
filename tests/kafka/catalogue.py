#!/usr/bin/env python3
"""Tests the catalogue through Apache Kafka. No later list has a product that is sold out,
deleted, bought or excluded. Lists also have products that nobody has clicked. Rows that can't be
used go to the dead letters once. The catalogue is the same after kill -9 and in a second process.
A topic that is deleted and created again replaces all products.
The test needs kcat and the programs that tools/kafka needs."""

import json
import os
import signal
import subprocess
import sys
import time

from shop import Checks, Kafka, Shop, weft

NOW = int(time.time() * 1000) - 3600_000
PRODUCTS = 40


def product(number, **changes):
    row = {"item_id": f"p{number}", "title": f"Coat number {number}",
           "item_brand": f"Brand {number % 4}", "categories": ["Women > Coats"],
           "price": 50 + number, "attributes": {"material": "wool", "lining": f"l{number % 5}"}}
    row.update(changes)
    return row


class Session:
    """One visitor's events, each a second after the one before."""

    def __init__(self, shop, visitor):
        self.shop, self.visitor, self.count = shop, visitor, 0

    def send(self, kind, **fields):
        self.count += 1
        event = {"type": kind, "event_id": f"{self.visitor}-{self.count}",
                 "visitor_id": self.visitor, "event_time": NOW + self.count * 1000, **fields}
        send_lines(self.shop, [event])
        return event["event_time"]

    def lists(self, newest):
        """The lists that know the event of that time, by placement."""
        deadline = time.time() + 60
        while time.time() < deadline:
            out = weft("get", "visitor", self.visitor, "--json", *self.shop.common(), check=False)
            record = json.loads(out.stdout) if out.returncode == 0 and out.stdout else {}
            if record.get("source_event_time", 0) >= newest:
                return {entry["placement"]: [item["item_id"] for item in entry["items"]]
                        for entry in record["lists"]}
            time.sleep(0.2)
        raise RuntimeError(f"no list of {self.visitor} as of {newest}")


def send_lines(shop, rows):
    path = os.path.join(shop.folder, "lines.jsonl")
    with open(path, "w") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")
    shop.replay(path)


def put(shop, key, value, topic="product"):
    """A record of the catalogue's topic, or another, as it is; None: a deletion."""
    line = key + "\t" + ("" if value is None else value if isinstance(value, str)
                         else json.dumps(value)) + "\n"
    subprocess.run(["kcat", "-P", "-b", shop.address, "-t", f"{shop.name}.{topic}", "-K", "\t",
                    "-Z", "-X", "topic.partitioner=murmur2_random"],
                   input=line.encode(), check=True)


def wait_for(shop, name, value, index=0, timeout=60):
    deadline = time.time() + timeout
    while time.time() < deadline:
        if (shop.metrics(index) or {}).get(name) == value:
            return True
        shop.alive()
        time.sleep(0.1)
    return False


def dead_letters(shop):
    out = subprocess.run(["kcat", "-C", "-b", shop.address, "-t", f"{shop.name}-dead-letters", "-e",
                          "-q", "-f", "%k %h\n"], capture_output=True, text=True, check=True).stdout
    return [line for line in out.splitlines() if "__weft.errors.step=catalogue" in line]


def lists_follow(checks, shop):
    send_lines(shop, [{"type": "product", **product(i)} for i in range(PRODUCTS)])
    checks.equal("all products came", wait_for(shop, "products", PRODUCTS), True)
    session = Session(shop, "v1")
    session.send("view", item={"item_id": "p0"})
    newest = session.send("view", item={"item_id": "p4"})
    shop.settle()  # the first lists may be of a model that has not folded these two yet
    shown = session.lists(newest)
    fresh = [item for item in shown["product"] if item not in ("p0", "p4")]
    checks.equal("products that nobody has clicked come", len(fresh) >= 10, True)
    put(shop, fresh[0], product(int(fresh[0][1:]), availability="out_of_stock"))
    put(shop, fresh[1], None)
    checks.equal("the deletion came", wait_for(shop, "products", PRODUCTS - 1), True)
    shown = session.lists(session.send("view", item={"item_id": "p0"}))
    everything = {item for items in shown.values() for item in items}
    checks.equal("what is sold out is in no list", fresh[0] in everything, False)
    checks.equal("what was deleted is in no list", fresh[1] in everything, False)
    checks.equal("the rest still comes", fresh[2] in everything, True)
    shown = session.lists(session.send("purchase", transaction_id="t",
                                       items=[{"item_id": fresh[2]}]))
    checks.equal("what was bought is in no list",
                 any(fresh[2] in items for items in shown.values()), False)
    put(shop, fresh[0], product(int(fresh[0][1:])))
    put(shop, fresh[1], product(int(fresh[1][1:])))
    checks.equal("it came back", wait_for(shop, "products", PRODUCTS), True)
    for item in fresh[:2]:
        shown = session.lists(session.send("search", search_term=f"coat number {item[1:]}"))
        checks.equal(f"{item} is found again", shown.get("search", [None])[0], item)
    shown = session.lists(session.send("search", search_term="wol coat"))
    checks.equal("a search is answered", len(shown.get("search", [])) >= 10, True)
    put(shop, "p7", product(7, categories=["Women > Bags"]))  # coats are substitutes of coats
    Session(shop, "v3").send("view", item={"item_id": "p7"})
    shop.settle()
    shown = session.lists(session.send("cart", action="add", items=[{"item_id": "p4"}]))
    checks.equal("a cart has a list, without substitutes of its item",
                 "p7" in shown.get("cart", []) and not {"p0", "p4"} & set(shown["cart"]), True)
    out = weft("get", "visitor", "v1", "--explain", *shop.common(), "--set",
               f"state.dir={shop.state(0)}", check=False)
    checks.equal("why an item was taken out is told", "bought lately" in out.stdout, True)


def bad_rows(checks, shop):
    rows = [("b1", "{\"item_id\":\"b1\",", "cut off"),
            ("b2", product(1, item_id="b2", price=-1), "price"),
            ("b3", product(2, item_id="other"), "key"), ("b4", "null", "neither JSON"),
            ("b5", product(3, item_id="b5", rating_count=-4), "negative")]
    for key, value, _ in rows:
        put(shop, key, value)
    put(shop, "b6", product(4, item_id="b6", title="long " * 100000))
    put(shop, "b7", product(5, item_id="b7", categories=["A > B > " * 200 + "A"]))
    put(shop, "b8", product(6, item_id="b8", attributes={f"n{i}": "x" for i in range(20000)}))
    for index in shop.processes:
        checks.equal(f"process {index}: bad rows are counted",
                     wait_for(shop, "products_rejected", len(rows), index), True)
        checks.equal(f"process {index}: large ones are taken, cut",
                     wait_for(shop, "products", PRODUCTS + 3, index), True)
    checks.equal("texts were cut", (shop.metrics(0) or {}).get("texts_cut", 0) >= 2, True)
    checks.equal("attributes were left out", shop.metrics(0)["attributes_out"], 20000 - 100)
    deadline = time.time() + 30
    while time.time() < deadline and len(dead_letters(shop)) < len(rows):
        time.sleep(0.5)
    time.sleep(2)
    letters = dead_letters(shop)
    checks.equal("each bad row is in the dead letters once",
                 sorted(line.split()[0] for line in letters), [key for key, _, _ in rows])
    for key, _, why in rows:
        checks.equal(f"{key} says why",
                     any(line.startswith(key) and why in line for line in letters), True)


def restarts(checks, shop):
    time.sleep(1)
    shop.stop(0, signal.SIGKILL)
    shop.start(0)
    checks.equal("after kill -9 the catalogue is the same",
                 wait_for(shop, "products", PRODUCTS + 3), True)


def rules(checks, shop):
    path = os.path.join(shop.folder, "rules")
    with open(path, "w") as file:
        file.write("# ours\nexclude brand \"Brand 1\"\npin item p7 at 1 placement home\n")
    for index in list(shop.processes):
        shop.stop(index)
    shop.start(0, "--set", f"rules.path={path}")
    shop.ready()
    session = Session(shop, "v2")
    session.send("view", item={"item_id": "p8"})
    shown = session.lists(session.send("view", item={"item_id": "p12"}))
    everything = {item for items in shown.values() for item in items}
    checks.equal("a brand is excluded",
                 {f"p{i}" for i in range(1, PRODUCTS, 4)} & everything, set())
    checks.equal("an item is pinned", shown["home"][0], "p7")
    with open(path, "w") as file:
        file.write("exclude brand \"Brand 2\"\n")
    time.sleep(1.5)  # rules.reload.ms is 1000
    shown = session.lists(session.send("view", item={"item_id": "p8"}))
    everything = {item for items in shown.values() for item in items}
    checks.equal("changed rules hold without a restart",
                 ({f"p{i}" for i in range(2, PRODUCTS, 4)} & everything, shown["home"][0] != "p7",
                  bool({f"p{i}" for i in range(1, PRODUCTS, 4)} & everything)), (set(), True, True))
    with open(path, "w") as file:
        file.write("# ours\n\n\n\n\n\nexclude shade red\n")
    time.sleep(1.5)
    shown = session.lists(session.send("view", item={"item_id": "p12"}))
    everything = {item for items in shown.values() for item in items}
    checks.equal("with a mistake in it those from before stay",
                 {f"p{i}" for i in range(2, PRODUCTS, 4)} & everything, set())
    out = weft("run", *shop.common(), "--set", f"rules.path={path}", "--set",
               f"state.dir={shop.state(9)}", check=False)
    checks.equal("a mistake stops the start", out.returncode, 1)
    checks.equal("and is told with its line",
                 "line 7:" in out.stderr and "'shade'" in out.stderr, True)


def rescan(checks, shop):
    """A process that was away for longer than catalogue.rescan.ms drops all products that the topic
    does not have."""
    shop.stop(0)
    other = f"{shop.name}.product2"
    shop.start(0, "--set", f"topics.product={other}")
    shop.ready()
    lines = "".join(f"p{i}\t{json.dumps(product(i))}\n" for i in range(10, PRODUCTS))
    subprocess.run(["kcat", "-P", "-b", shop.address, "-t", other, "-K", "\t"],
                   input=lines.encode(), check=True)
    time.sleep(1)
    checks.equal("a short pause: what was there stays", wait_for(shop, "products", PRODUCTS + 3),
                 True)
    shop.stop(0)
    time.sleep(1.5)
    shop.start(0, "--set", f"topics.product={other}", "--set", "catalogue.rescan.ms=1000")
    shop.ready()
    checks.equal("a long one: what is no longer in the topic is gone",
                 wait_for(shop, "products", PRODUCTS - 10), True)
    session = Session(shop, "v3")
    session.send("view", item={"item_id": "p20"})
    newest = session.send("view", item={"item_id": "p24"})
    everything, deadline = set(), time.time() + 30
    while len(everything) < 10 and time.time() < deadline:  # the second look fills them
        everything = {item for items in session.lists(newest).values() for item in items}
    checks.equal("and in no list", ({f"p{i}" for i in range(10)} & everything,
                                    len(everything) >= 10), (set(), True))


def created_again(checks, shop, kafka):
    """The topic is deleted and created again while the process runs; the new one has more records,
    so that the process's position lies within it."""
    topic, count = f"{shop.name}.product2", 300

    def change(*arguments):
        kafka.tool("org.apache.kafka.tools.TopicCommand", "--topic", topic, *arguments)

    change("--delete")
    change("--create", "--partitions", "2", "--config", "cleanup.policy=compact")
    lines = "".join(f"n{i}\t{json.dumps(product(i, item_id=f'n{i}'))}\n" for i in range(count))
    subprocess.run(["kcat", "-P", "-b", shop.address, "-t", topic, "-K", "\t"],
                   input=lines.encode(), check=True)
    checks.equal("a topic that was created again replaces all products",
                 wait_for(shop, "products", count), True)
    checks.equal("which is counted", shop.metrics(0)["catalogue_rereads"] >= 1, True)
    shop.stop(0, signal.SIGKILL)
    shop.start(0, "--set", f"topics.product={topic}")
    shop.ready()
    checks.equal("and holds after kill -9", wait_for(shop, "products", count), True)


def main():
    checks = Checks()
    port = int(os.environ.get("WEFT_KAFKA_PORT", "19400"))
    with Kafka(port) as kafka, Shop("products", kafka.address, extra=["model.save.ms=300"]) as shop:
        shop.start(0)
        shop.ready()
        lists_follow(checks, shop)
        shop.start(1)
        shop.ready()
        bad_rows(checks, shop)
        restarts(checks, shop)
        rules(checks, shop)
        rescan(checks, shop)
        created_again(checks, shop, kafka)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
