#!/usr/bin/env python3
"""Tests `weft serve` beside `weft run` and Apache Kafka. Lists over HTTP are those of the topic,
with products. A stream tells of a change. Events that are acknowledged while serve is killed are in
the topics, and count once. An erased visitor is gone, also from a copy that was away for longer
than the topic remembers deletions. The test needs kcat and the programs that tools/kafka needs.

    serve.py [--long]"""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

from catalogue import send_lines
from shop import INPUTS, Checks, Kafka, Shop, WEFT, recount, weft
from verifier import read_topic

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from openapi import Document  # noqa: E402

SETTINGS = ["items.lists=on", "topics.items=serve.items", "items.lists.interval.ms=1000",
            "rankings.interval.ms=1000"]
PRODUCTS = 60


class Serve:
    """A `weft serve` that can be killed and started again on the same port."""

    def __init__(self, shop, checks, state="serve", port=0):
        self.shop, self.checks, self.state, self.port = shop, checks, state, port
        self.document = self.process = None
        self.start()

    def start(self):
        port_file = f"{self.shop.folder}/{self.state}.port"
        if os.path.exists(port_file):
            os.unlink(port_file)
        with open(f"{self.shop.folder}/{self.state}.log", "a") as log:
            self.process = subprocess.Popen(
                [WEFT, "serve", *self.shop.common(), "--set",
                 f"state.dir={self.shop.folder}/{self.state}", "--listen",
                 f"127.0.0.1:{self.port}", "--port-file", port_file], stderr=log)
        while not os.path.exists(port_file) or not os.path.getsize(port_file):
            if self.process.poll() is not None:
                raise RuntimeError(f"weft serve ended with {self.process.returncode}: {self.log()}")
            time.sleep(0.01)
        with open(port_file) as file:
            self.port = int(file.read())

    def log(self):
        with open(f"{self.shop.folder}/{self.state}.log") as log:
            return log.read()

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        return self.process.wait(60)

    def ask(self, method, path, body=None, timeout=20):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if self.document:
            wrong = self.document.check(method, path, answer.status,
                                        answer.getheader("Content-Type", "").split(";")[0], data)
            if wrong:
                self.checks.check(f"{method} {path} is as the document says", False, wrong[:3])
        return answer.status, data

    def get(self, path):
        status, data = self.ask("GET", path)
        return json.loads(data) if status == 200 else None

    def ready(self):
        return self.ask("GET", "/readyz")[0] == 200


def wait(what, true, timeout=30):
    until = time.time() + timeout
    while time.time() < until:
        if true():
            return True
        time.sleep(0.05)
    print(f"waited in vain: {what}")
    return False


def parsed(line):
    """None: the mall cuts some lines off."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def make_events(shop, count, seed=5, run=0):
    """Events of the mall as typed JSON, with event times of now; and its products."""
    path = f"{shop.folder}/events-{seed}-{run}.jsonl"
    weft("simulate", "--out", path, "--events", str(count), "--rate", "50", "--visitors", "40",
         "--products", str(PRODUCTS), "--seed", str(seed))
    with open(path) as file:
        rows = [row for row in map(parsed, file) if row]
    products = [row for row in rows if row["type"] == "product"]
    rows = [row for row in rows if row["type"] in INPUTS and row["type"] != "user"]
    ahead = int(time.time() * 1000) - max(row["event_time"] for row in rows)
    for row in rows:
        row["event_time"] += ahead
        row["event_id"] = f"{run}-{row['event_id']}"
    return rows, products


class Sender(threading.Thread):
    """Sends events in small requests, each again until it is acknowledged, as a page would."""

    def __init__(self, serve, rows):
        super().__init__(daemon=True)
        self.serve, self.rows, self.acknowledged, self.failures = serve, rows, set(), 0

    def run(self):
        at, draw = 0, random.Random(7)
        while at < len(self.rows):
            part = self.rows[at:at + draw.randint(1, 8)]
            try:
                status, data = self.serve.ask("POST", "/v1/events", json.dumps(part))
            except (OSError, http.client.HTTPException):
                status = 0
            if status == 202:
                self.acknowledged.update(json.loads(data)["event_ids"])
                at += len(part)
            else:
                self.failures += 1
                time.sleep(0.01)


def sent_ids(shop):
    """The event_ids in the inputs, each as often as it is there."""
    return [json.loads(value)["event_id"] for kind in INPUTS if kind != "user"
            for _, _, _, value, _ in read_topic(shop.address, f"{shop.name}.{kind}")]


def killed(checks, shop, serve, rounds, rows):
    sender = Sender(serve, rows)
    sender.start()
    for _ in range(rounds):
        time.sleep(0.15 + random.random() / 4)
        serve.kill()
        serve.start()
    sender.join(300)
    found = sent_ids(shop)
    wanted = {row["event_id"] for row in rows}
    checks.equal("all events are acknowledged at last", sender.acknowledged, wanted)
    checks.check("every acknowledged event is in the topics, and no other", set(found) == wanted,
                 (len(set(found)), len(wanted)))
    shop.settle(len(found))
    checks.equal("each has one fate", sum(shop.total(fate) for fate in (
        "processed", "double_clicks", "late", "duplicates")), len(found))
    good = f"{shop.folder}/good.jsonl"
    with open(good, "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    same, text = recount(good, "--visitor", shop.dump("visitor", "--from", "topics"))
    checks.check("the visitors are those of each event counted once", same, text)
    print(f"      {rounds} kills, {sender.failures} requests without an answer, "
          f"{len(found) - len(wanted)} repeated sends")


def same_lists(shop, serve, visitor, record):
    """Whether the answer has the record's lists."""
    answer = serve.get(f"/v1/visitors/{visitor}/lists?limit=200")
    def short(lists):
        return [(each["placement"], [item["item_id"] for item in each["items"]]) for each in lists]
    return answer["known"] and short(answer["lists"]) == short(record["lists"]) and \
        answer["recommendation_id"] == record["recommendation_id"] and \
        all(item["product"]["title"] for each in answer["lists"] for item in each["items"])


def lists(checks, shop, serve):
    newest = shop.lists()
    wait("the copy is level", lambda: all(
        (serve.get(f"/v1/visitors/{visitor}/lists") or {}).get("recommendation_id") ==
        record["recommendation_id"] for visitor, record in newest.items()), 10)
    other = [visitor for visitor, record in newest.items()
             if not same_lists(shop, serve, visitor, record)]
    checks.check(f"the lists of {len(newest)} visitors are those of the topic", not other and
                 len(newest) > 10, other[:3])
    wait("rankings", lambda: serve.get("/v1/rankings/viewed/shop"), 10)
    unknown = serve.get("/v1/visitors/nobody/lists")
    checks.check("a visitor whom nobody knows gets a ranking", not unknown["known"] and
                 unknown["lists"][0]["source"] == "ranking" and unknown["lists"][0]["items"],
                 unknown)
    item = unknown["lists"][0]["items"][0]["item_id"]
    wait("lists of items", lambda: (serve.get(f"/v1/items/{item}/lists") or {}).get("lists"), 15)
    beside = serve.get(f"/v1/visitors/nobody/lists/product?context={item}")["lists"]
    checks.check("and beside a product the item's own list",
                 beside and beside[0]["source"] == "item", beside)


def known(checks, shop, serve):
    """All that weft knows of each visitor is what the changelog has."""
    with open(shop.dump("visitor", "--from", "topics")) as file:
        rows = [json.loads(line) for line in file]
    wait("the changelog's copy is level", lambda: all(
        (serve.get(f"/v1/visitors/{row['visitor']}") or {}).get("accepted") == row["accepted"]
        for row in rows), 10)
    other = []
    for row in rows:
        told = serve.get(f"/v1/visitors/{row['visitor']}")
        sequence = [(each["kind"], each.get("item_id", each.get("search_term")),
                     each["event_time"]) for each in reversed(told["activities"])]
        if sequence != [(each["kind"], each["subject"], each["time"])
                        for each in row["activities"]]:
            other.append((told, row))
    checks.check(f"what is known of {len(rows)} visitors is what the changelog has",
                 not other and len(rows) > 10, other[:1])
    tastes = [serve.get(f"/v1/visitors/{row['visitor']}").get("tastes") for row in rows]
    checks.check("with tastes in the catalogue's words",
                 any(each and each["brands"] and each["categories"] for each in tastes), tastes[:2])


def sold_out(checks, shop, serve):
    visitor, record = next(iter(shop.lists().items()))
    item = record["lists"][0]["items"][0]["item_id"]
    send_lines(shop, [{"type": "product", "item_id": item, "title": "Coat", "price": 5,
                       "availability": "out_of_stock"}])
    checks.check("what is sold out leaves the lists when they are read", wait(
        "it is gone", lambda: item not in json.dumps(serve.get(f"/v1/visitors/{visitor}/lists"))
        .replace(f'"because_item_id": "{item}"', "").replace(f'"context_item_id": "{item}"', ""),
        5))


def stream(checks, serve, visitor, item):
    """The first message, then one for an event of the visitor."""
    connection = http.client.HTTPConnection("127.0.0.1", serve.port, timeout=20)
    connection.request("GET", f"/v1/visitors/{visitor}/stream?limit=3")
    answer = connection.getresponse()

    def message():
        fields = {}
        while True:
            line = answer.readline().decode().rstrip("\n")
            if not line and "data" in fields:
                return fields["id"], json.loads(fields["data"])
            if ":" in line:
                name, value = line.split(":", 1)
                fields[name] = value.strip()

    first, data = message()
    checks.check("a stream begins with the lists for everybody", first == "0" and
                 not data["known"], data)
    sent = time.time()
    serve.ask("POST", "/v1/events", json.dumps(
        {"type": "view", "visitor_id": visitor, "event_time": int(sent * 1000),
         "item": {"item_id": item}}))
    second, data = message()
    checks.check("and tells of new ones", second == data["recommendation_id"] and data["known"] and
                 data["visitor"] == visitor and time.time() - sent < 5, data)
    connection.close()
    again = http.client.HTTPConnection("127.0.0.1", serve.port, timeout=1)
    again.request("GET", f"/v1/visitors/{visitor}/stream", headers={"Last-Event-ID": second})
    try:
        text = again.getresponse().read(4000)
    except (TimeoutError, OSError):
        text = b""
    checks.check("Last-Event-ID spares the same message", b"data" not in text, text[:200])
    again.close()


def erased(checks, shop, serve, visitor):
    checks.equal("an erasure is accepted", serve.ask("DELETE", f"/v1/visitors/{visitor}")[0], 202)
    checks.check("the lists are gone at once",
                 not serve.get(f"/v1/visitors/{visitor}/lists")["known"])
    rows = f"{shop.name}.recommendations"
    checks.check("weft run deletes them", wait("the tombstone", lambda: [
        row[3] for row in read_topic(shop.address, rows)
        if row[2] == visitor.encode()][-1] is None))
    time.sleep(0.3)
    checks.check("and they stay away", not serve.get(f"/v1/visitors/{visitor}/lists")["known"])
    checks.check("nothing is known any more", wait(
        "404", lambda: serve.ask("GET", f"/v1/visitors/{visitor}")[0] == 404, 5))


def away(checks, kafka, shop, serve, visitor):
    """A copy that was away while the topic forgot an erasure."""
    other = Serve(shop, checks, "away")
    wait("the other copy is level", lambda: other.ready() and
         other.get(f"/v1/visitors/{visitor}/lists")["known"])
    other.kill(signal.SIGINT)
    kafka.tool("kafka.admin.ConfigCommand", "--alter", "--entity-type", "topics", "--entity-name",
               f"{shop.name}.recommendations", "--add-config", "delete.retention.ms=1000")
    erased(checks, shop, serve, visitor)
    time.sleep(2)
    other.start()
    wait("it is ready", other.ready)
    checks.check("a copy that was away too long is read from the beginning",
                 "erased visitors could stay in it" in other.log(), other.log())
    checks.check("and brings nobody back", not other.get(f"/v1/visitors/{visitor}/lists")["known"])
    checks.check("and has the others", sum(other.get(f"/v1/visitors/{each}/lists")["known"]
                                           for each in list(shop.lists())[:5]) == 5)
    other.kill(signal.SIGINT)


def kafka_away(checks, kafka, shop, serve, seconds):
    rows, _ = make_events(shop, 300, seed=6, run=1)
    before = set(sent_ids(shop))
    kafka.broker(1, "kill")
    sender = Sender(serve, rows)
    sender.start()
    time.sleep(seconds)
    checks.check("without Kafka nothing is acknowledged", not sender.acknowledged)
    checks.check("but lists are answered", serve.get("/v1/visitors/nobody/lists")["lists"])
    kafka.broker(1, "start")
    sender.join(120)
    wanted = {row["event_id"] for row in rows}
    checks.equal("it comes back by itself", sender.acknowledged, wanted)
    found = set(sent_ids(shop))
    checks.check("nothing is lost, and nothing invented", found == before | wanted,
                 (len(found), len(before), len(wanted)))


def main(long):
    checks = Checks()
    port = int(os.environ.get("WEFT_KAFKA_PORT", "19730"))
    with Kafka(port) as kafka, Shop("serve", kafka.address, 2, SETTINGS) as shop:
        shop.start()
        shop.ready()
        rows, products = make_events(shop, 6000 if long else 500)
        send_lines(shop, products)
        serve = Serve(shop, checks)
        wait("serve is ready", serve.ready)
        serve.document = Document(serve.ask("GET", "/v1/openapi.json")[1])
        killed(checks, shop, serve, 20 if long else 2, rows)
        wait("serve is ready again", serve.ready)
        lists(checks, shop, serve)
        known(checks, shop, serve)
        stream(checks, serve, "streamer", products[0]["item_id"])
        sold_out(checks, shop, serve)
        if long:
            kafka_away(checks, kafka, shop, serve, 60)
        visitors = list(shop.lists())
        if long:
            away(checks, kafka, shop, serve, visitors[0])
        else:
            erased(checks, shop, serve, visitors[0])
        checks.equal("serve ends in order", serve.kill(signal.SIGINT), 0)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main("--long" in sys.argv))
