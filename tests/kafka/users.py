#!/usr/bin/env python3
"""Tests users, impressions and clicks through Apache Kafka. Inputs that nobody writes to hold up
no list. Items that were shown often stay away. A declared gender changes the lists. The row, the
changelog and the lists of an erased user are gone, and stay gone after kill -9 and with the local
state lost. The events of a user who refused are dropped until the user consents. The test needs
kcat and the programs that tools/kafka needs."""

import json
import os
import shutil
import signal
import sys
import time

from avro import SingleObject
from catalogue import Session, put, send_lines
from protocol import Client
from shop import INPUTS, ROOT, Checks, Kafka, Shop, weft
from verifier import newest_by_key, read_topic

GENDERS = ("female", "male", "unisex")
PRODUCTS = 30
# Who waits for an input that is empty waits for longer than any test.
SETTINGS = ["list.gender.percent=30", "list.shown.max=2", "list.shown.from=impressions",
            "max.task.idle.ms=300000"]


def wait(what, true, timeout=30):
    deadline = time.time() + timeout
    while time.time() < deadline:
        if true():
            return True
        time.sleep(0.1)
    print(f"waited in vain: {what}")
    return False


def put_user(shop, key, value):
    put(shop, key, value, topic="user")


def gone(shop, visitor):
    """The lists' newest record is a tombstone."""
    rows = [row for row in read_topic(shop.address, f"{shop.name}.recommendations")
            if row[2] == visitor.encode()]
    return bool(rows) and rows[-1][3] is None


def changelog(shop):
    reader = SingleObject(ROOT, "visitor")
    return {key: row for key, (_, row) in newest_by_key(
        read_topic(shop.address, f"{shop.name}-visitor-changelog"),
        lambda value: reader.decode(value)[1]).items()}


def local(shop, index=0):
    with open(shop.dump("visitor", "--set", f"state.dir={shop.state(index)}")) as file:
        return {row["visitor"]: row for row in map(json.loads, file)}


def record_of(shop, visitor):
    return shop.lists().get(visitor)


def items_of(record):
    return {item["item_id"] for entry in record["lists"] for item in entry["items"]}


def restart_with_nothing(shop):
    shop.stop(0, signal.SIGKILL)
    shutil.rmtree(shop.state(0))
    shop.start(0)
    shop.ready()


def start(checks, shop):
    send_lines(shop, [{"type": "product", "item_id": f"p{i}", "title": f"Coat number {i}",
                       "genders": [GENDERS[i % 3]], "price": 50} for i in range(PRODUCTS)])
    shop.start(0)
    shop.ready()
    wait("the catalogue", lambda: (shop.metrics() or {}).get("products") == PRODUCTS)
    sessions = {}
    for visitor in ("u1", "u2", "u3"):
        sessions[visitor] = Session(shop, visitor)
        for i in range(9):
            newest = sessions[visitor].send("view", item={"item_id": f"p{i}"}, channel=" Shop App")
        sessions[visitor].lists(newest)
    checks.check("inputs that nobody writes to hold up no list", True)
    client = Client(shop.address)
    inputs = [f"{shop.name}.{kind}" for kind in INPUTS]
    checks.equal("and have their places with the others",
                 sorted(client.committed(shop.name, inputs)),
                 sorted((topic, partition) for topic in inputs for partition in range(2)))
    client.close()
    return sessions


def declared(checks, shop):
    female = {f"p{i}" for i in range(0, PRODUCTS, 3)}
    checks.check("before, all genders come", items_of(record_of(shop, "u3")) & female)
    put_user(shop, "u3", {"user_id": "u3", "gender": "male"})
    checks.check("a declared gender acts on the lists",
                 wait("lists for him", lambda: not items_of(record_of(shop, "u3")) & female))
    text = weft("get", "visitor", "u3", *shop.common()).stdout
    checks.check("weft get says so", "declared: gender male" in text, text)
    checks.check("and the channel that he came by", "came by: shop app\n" in text, text)
    checks.check("and leaves the others", items_of(record_of(shop, "u3")))


def shown(checks, shop, sessions):
    record = record_of(shop, "u2")
    home = next(entry for entry in record["lists"] if entry["placement"] == "home")
    seen = [item["item_id"] for item in home["items"][:3]]
    for _ in range(2):
        checks.check("what was shown less often comes", items_of(record_of(shop, "u2")) & set(seen))
        sessions["u2"].send("impression", recommendation_id=record["recommendation_id"],
                            placement="home", items=[{"item_id": item, "index": index}
                                                     for index, item in enumerate(seen)])
        wait("the impression",
             lambda: shop.total("read") == sum(s.count for s in sessions.values()) + 1)
    checks.check("what was shown often stays away", wait(
        "lists without it", lambda: not items_of(record_of(shop, "u2")) & set(seen)))
    sessions["u2"].send("click", recommendation_id=record["recommendation_id"], placement="home",
                        item={"item_id": seen[1], "index": 1})
    wait("the click", lambda: shop.metrics()["quality"]["home"]["shown"]["clicks"] == 1)
    checks.equal("shown and clicked are counted", shop.metrics()["quality"]["home"]["shown"],
                 {"lists": 2, "items": 6, "clicks": 1, "click_through": 0.5})


def erased(checks, shop, sessions):
    restart_with_nothing(shop)
    checks.equal("counts are back from the changelog",
                 (changelog(shop)["u2"]["impressions"], changelog(shop)["u2"]["clicks"]), (2, 1))
    put_user(shop, "u1", None)
    put_user(shop, "u1", None)
    put_user(shop, "u2", {"user_id": "u2", "consent": False, "gender": "female"})
    checks.check("the lists are taken back",
                 wait("tombstones", lambda: gone(shop, "u1") and gone(shop, "u2")))
    for name in ("at once", "after kill -9 with the state lost"):
        rows = changelog(shop)
        checks.check(f"no row of the changelog, {name}", "u1" not in rows, rows.get("u1"))
        left = {key: value for key, value in rows["u2"].items()
                if value and key != "checksum" and value != {"weight": 0, "sum": 0, "square": 0}}
        checks.equal(f"of who refused this alone, {name}", left, {"refused": True})
        rows = local(shop)
        checks.check(f"no row of the local state, {name}", "u1" not in rows and "u3" in rows)
        checks.equal(f"no activity of who refused, {name}", rows["u2"]["activities"], [])
        checks.check(f"no lists, {name}", gone(shop, "u1") and gone(shop, "u2"))
        restart_with_nothing(shop)
    sessions["u2"].send("view", item={"item_id": "p1"})
    checks.check("what comes of who refused is dropped", wait(
        "no_consent", lambda: (shop.metrics() or {}).get("no_consent") == 1))
    sessions["u1"].lists(sessions["u1"].send("view", item={"item_id": "p1"}))
    row = changelog(shop)["u1"]
    checks.equal("who was erased is a new visitor",
                 (len(row["activities"]), row["channel"]), (1, ""))
    checks.check("and who refused has no lists", gone(shop, "u2"))
    put_user(shop, "u2", {"user_id": "u2", "consent": True})
    wait("consent", lambda: shop.total("processed") == 2)
    sessions["u2"].lists(sessions["u2"].send("view", item={"item_id": "p1"}))
    checks.equal("until they consent", len(changelog(shop)["u2"]["activities"]), 1)


def bad_rows(checks, shop):
    put_user(shop, "u4", "{\"user_id\":")
    put_user(shop, "u4", {"user_id": "u5"})
    put_user(shop, "u4", {"user_id": "u4", "gender": "x" * 300})
    checks.check("bad rows go to the dead letters", wait(
        "dead letters", lambda: shop.size(f"{shop.name}-dead-letters") == 3))
    checks.check("and leave nothing", "u4" not in changelog(shop))


def simulated(checks, kafka):
    """The mall's visitors look at the lists that are written for them."""
    shop = Shop("mall", kafka.address, partitions=2)
    try:
        shop.start(0)
        shop.ready()
        out = weft("simulate", *shop.common(), "--rate", "200", "--minutes", "0.1",
                   "--history", "60", "--products", "60", "--shown", "--users",
                   "--erasures", ".02", "--duplicates", "0", "--double-clicks", "0",
                   "--cut-off", "0").stdout
        said = [int(word) for word in out.split() if word.isdigit()]
        events, (lists, clicks, declared, erasures) = said[0], said[-4:]
        shop.settle(events + lists + clicks + declared + erasures)
        of_pages = [row["shown"] for row in shop.metrics()["quality"].values() if "shown" in row]
        checks.equal("what the mall says was shown is counted",
                     sum(row["lists"] for row in of_pages), lists)
        counted = sum(row["clicks"] for row in of_pages)  # a second one on the same item is none
        checks.check("and what was clicked on", .9 * clicks <= counted <= clicks, (counted, clicks))
        checks.check("and it is not little", lists > 200 and clicks > 5 and declared > 100, said)
        checks.check("its users are erased", 0 < shop.total("erased") <= erasures, said)
        out = weft("verify", *shop.common(), "--set", f"state.dir={shop.state(0)}", check=False)
        checks.equal("weft verify finds no difference there", out.returncode, 0)
    finally:
        shop.remove()


def main():
    checks = Checks()
    kafka = Kafka(int(os.environ.get("WEFT_KAFKA_PORT", "19450")))
    shop = Shop("members", kafka.address, partitions=2, extra=SETTINGS)
    try:
        sessions = start(checks, shop)
        declared(checks, shop)
        shown(checks, shop, sessions)
        erased(checks, shop, sessions)
        bad_rows(checks, shop)
        out = weft("verify", *shop.common(), "--set", f"state.dir={shop.state(0)}", check=False)
        checks.equal("weft verify finds no difference", out.returncode, 0)
        simulated(checks, kafka)
    finally:
        shop.remove()
        kafka.stop()
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
