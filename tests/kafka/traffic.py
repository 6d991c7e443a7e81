"""Seeded traffic of a shop for the tests that break things. In their sessions visitors view,
search, fill carts and buy. Some events are late, some are sent twice, some are damaged or very
large, some are Avro. There are also impressions, clicks, what the shop declares of users, products
that change and go, guests, who are erased time and again, and liars, whose clocks are ahead."""

import json
import os
import random
import subprocess
import tempfile
import threading
import time
import zlib

from avro import fingerprint, framed, put
from shop import ROOT

ACTIVITIES = ("view", "search", "cart", "purchase")
KINDS = (*ACTIVITIES, "impression", "click", "user", "product")
PLACEMENTS = ("home", "product", "cart")
GUESTS = 6
PRODUCTS = 60
LARGE_BYTES = 700_000
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
# Between the records of kcat. Avro may have any bytes, so no single one will do.
KEY_ENDS, RECORD_ENDS = "\x1d\x1e\x1d", "\x1e\x1d\x1e\x1f"
START_MS = 1_760_000_000_000
CHANNELS = ("web", "web", "App ", "app", "Mobile web", None, "",
            "longer than any channel's name may be")


def schemas():
    found = {}
    for kind in ACTIVITIES:
        with open(os.path.join(ROOT, "schemas", f"{kind}.avsc"), encoding="utf-8") as file:
            schema = json.load(file)
        found[kind] = (b"\xc3\x01" + fingerprint(schema), schema)
    return found


def record(key, value):
    """The bytes for kcat."""
    value = value if isinstance(value, bytes) else value.encode()
    return key.encode() + KEY_ENDS.encode() + value + RECORD_ENDS.encode()


class Traffic:
    """An endless sequence of (topic kind, key, value). The value is a text, or bytes in Avro. A
    record without a value is a deletion. The same seed gives the same sequence, except that the
    events of guests and liars, and the records of users, happen now. No two events of a visitor
    have the same time, and no two lie within a double click. Only guests and liars use their items.
    Their events are sent once, since a repeat after an erasure would be a new event."""

    def __init__(self, seed, visitors=300, items=150, products=True):
        self.products = products
        self.random = random.Random(seed)
        self.items = items
        self.clocks = {}
        self.used = {}
        self.count = 0
        self.recent = []
        self.follows = []  # rows that come next
        self.carts, self.orders = {}, {}  # of each visitor
        self.now_ms = 0
        self.schemas = schemas()
        self.visitors = [self.name_visitor(i) for i in range(visitors)]

    def name_visitor(self, i):
        visitor = f"v{i}" if i % 50 else f"v\u00fc-{i}"
        return visitor, (f"user-{i}" if self.random.random() < 0.2 else None)

    def channel(self):
        """Of the row that comes; draws nothing, so that it changes no traffic."""
        channel = CHANNELS[zlib.crc32(f"{self.count}".encode()) % len(CHANNELS)]
        return {} if channel is None else {"channel": channel}

    def event_time(self, key):
        used = self.used.setdefault(key, set())
        clock = self.clocks.setdefault(key, START_MS + self.random.randrange(0, 3600_000))
        if used and self.random.random() < 0.04:  # late
            when = clock - 1000 * self.random.randrange(1, 2000)
        else:
            pause = self.random.choice((5, 20, 60, 200)) * 1000
            if self.random.random() < 0.05:
                pause = 3_600_000
            when = clock + self.random.randrange(1000, pause + 1000)
            self.clocks[key] = when
        when -= when % 1000
        while when in used:
            when += 1000
        used.add(when)
        return when

    def item(self):
        return f"i{int(self.items * self.random.random() ** 2)}"

    def beside(self):
        """An impression, a click, perhaps with its view, a declaration of a user, or a guest's
        record."""
        what = self.random.choices(("impression", "click", "user", "guest"), (45, 20, 10, 25))[0]
        if what == "guest":
            return self.guest()
        visitor, user = self.random.choice(self.visitors)
        key = user or visitor
        if what == "user":
            return what, key, json.dumps({
                "user_id": key, "gender": self.random.choice(("", "female", "male")),
                "age_group": self.random.choice(("20-29", "30-39"))})
        event = {"event_id": f"e{self.count}", "visitor_id": visitor,
                 "event_time": self.event_time(key), "recommendation_id": f"r{self.count}",
                 "placement": self.random.choice(PLACEMENTS), **self.channel()}
        if user:
            event["user_id"] = user
        if what == "impression":
            event["items"] = [{"item_id": self.item(), "index": index}
                              for index in range(self.random.randrange(1, 5))]
        else:
            event["item"] = {"item_id": self.item()}
            if self.random.random() < 0.5:  # the page that it leads to says so as well
                view = {**event, "event_id": f"v{self.count}", "event_time": self.event_time(key)}
                self.follows.append(("view", key, json.dumps(view)))
        return what, key, json.dumps(event)

    def guest(self):
        key = f"guest{self.random.randrange(GUESTS)}"
        if self.random.random() < 0.15:
            fate = self.random.choices(("erased", "refuses", "consents"), (3, 2, 3))[0]
            value = json.dumps({"user_id": key, "consent": fate == "consents"})
            return "user", key, "" if fate == "erased" else value
        self.now_ms = max(self.now_ms + 1, int(time.time() * 1000))
        event = {"event_id": f"e{self.count}", "visitor_id": key, "event_time": self.now_ms,
                 **self.channel()}
        if self.random.random() < 0.7:
            return "view", key, json.dumps({**event, "item": {"item_id": f"g{self.count}"}})
        items = [{"item_id": f"g{self.count}-{index}"} for index in range(2)]
        return "cart", key, json.dumps({**event, "action": "add", "items": items})

    def liar(self):
        """A visitor of their own: an honest event, one from hours ahead, and the clock set back.
        Their items begin as the guests' do, so the model's tables leave them out."""
        visitor = f"liar{self.count}"
        ahead = self.random.choice((10 * MINUTE_MS, 5 * HOUR_MS, 20 * HOUR_MS, 26 * HOUR_MS))
        now = max(self.now_ms + 1, int(time.time() * 1000))
        for number, when in enumerate((now - HOUR_MS, now + ahead, now - HOUR_MS // 2)):
            event = {"event_id": f"l{self.count}-{number}", "visitor_id": visitor,
                     "event_time": when, "item": {"item_id": f"g{self.count}l{number}"}}
            self.follows.insert(0, ("view", visitor, json.dumps(event)))
        return self.follows.pop()

    def product(self):
        item = f"i{self.random.randrange(PRODUCTS)}"
        if self.random.random() < 0.15:
            return "product", item, ""
        return "product", item, json.dumps({
            "item_id": item, "title": f"Thing {item} {self.random.choice(('red', 'blue'))}",
            "price": self.random.randrange(100, 9999) / 100,
            "categories": [self.random.choice(("A > B", "A > C", "D"))],
            "availability": self.random.choice(("in_stock", "in_stock", "out_of_stock"))})

    def in_avro(self, row):
        kind, key, value = row
        header, schema = self.schemas[kind]
        data = header + put(schema, json.loads(value))
        if self.count % 2:
            data = framed(ACTIVITIES.index(kind) + 1, schema, json.loads(value))
        return row if RECORD_ENDS.encode() in data or KEY_ENDS.encode() in data else (kind, key,
                                                                                       data)

    def event(self):
        visitor, user = self.random.choice(self.visitors[:1 + int(
            len(self.visitors) * self.random.random())])
        key = user or visitor
        kind = self.random.choices(ACTIVITIES, (70, 8, 14, 8))[0]
        event = {"event_id": f"e{self.count}", "visitor_id": visitor,
                 "event_time": self.event_time(key), **self.channel()}
        if user:
            event["user_id"] = user
        if kind == "view":
            event["item"] = {"item_id": self.item(),
                             "price": self.random.randrange(100, 9999) / 100}
        elif kind == "search":
            event["search_term"] = f"term {self.random.randrange(40)}"
        else:
            ids = {self.item() for _ in range(self.random.choice((1, 1, 2, 3)))}
            event["items"] = [{"item_id": item} for item in sorted(ids)]
            if kind == "cart":
                self.change_cart(key, event)
            else:
                event["transaction_id"] = f"t{self.count}"
                orders = self.orders.setdefault(key, [])
                if self.random.random() < 0.2:
                    self.send_back(event, orders)
                else:
                    orders.append((event["transaction_id"], sorted(ids)))
                if event.get("status"):
                    pass
                elif self.count % 4 == 0:  # the page that says thank you is loaded again
                    again = {**event, "event_id": f"o{self.count}",
                             "event_time": event["event_time"] + 7000}
                    self.follows.append((kind, key, json.dumps(again)))
        return kind, key, json.dumps(event)

    def change_cart(self, key, event):
        """Puts items in, takes out some that are or are not there, or all."""
        cart = self.carts.setdefault(key, [])
        action = self.random.choices(("add", "remove", "update", "clear"), (12, 4, 2, 1))[0]
        event["action"] = action
        if action == "add":
            cart.extend(row["item_id"] for row in event["items"])
        elif action == "clear":
            del event["items"]
            cart.clear()
        elif cart and self.random.random() < 0.7:
            item = cart.pop(self.random.randrange(len(cart)))
            event["items"] = [{"item_id": item, "quantity": 0 if action == "update" else 1}]

    def send_back(self, event, orders):
        """Some items of an earlier order, the whole of it, or what was never bought."""
        event["status"] = self.random.choice(("refunded", "cancelled"))
        if not orders or self.random.random() < 0.2:
            return
        event["transaction_id"], items = self.random.choice(orders)
        if self.random.random() < 0.3:
            event["items"] = []
        else:
            event["items"] = [{"item_id": self.random.choice(items)}]

    def __iter__(self):
        return self

    def __next__(self):
        self.count += 1
        chance = self.random.random()
        if chance < 0.01 and self.recent:
            return self.random.choice(self.recent)  # sent twice
        if chance < 0.013:  # what is no event
            return "view", f"bad{self.count}", '{"event_id":"broken%d", "visitor_id":' % self.count
        if chance > 0.999:
            return "view", f"bad{self.count}", '{"event_id":"' + "x" * LARGE_BYTES
        if chance > 0.98 and self.products:
            return self.product()
        if self.follows:
            row = self.follows.pop()
        elif chance > 0.975:
            row = self.liar()
        else:
            row = self.beside() if self.random.random() < 0.1 else self.event()
        if row[1].startswith(("guest", "liar")):
            return row
        if chance < 0.015:  # the right event under a key that is not its visitor's
            return row[0], "somebody else", row[2]
        if row[0] in ACTIVITIES and self.count % 7 == 0:
            row = self.in_avro(row)
        self.recent = [*self.recent[-20:], row]
        return row


def producer(address, topic, *more, stderr=subprocess.DEVNULL):
    """kcat that takes record()s; no value is a deletion."""
    return subprocess.Popen(
        ["kcat", "-P", "-b", address, "-t", topic, "-K", KEY_ENDS, "-D", RECORD_ENDS, "-Z", "-X",
         "topic.partitioner=murmur2_random", "-X", "linger.ms=5", *more],
        stdin=subprocess.PIPE, stderr=stderr)


FEEDER_ENDS_MAX = 12  # of kcat, which gives up on some errors while brokers die


class Feeder(threading.Thread):
    """Sends traffic at a rate to the topics NAME.view, ... until it is told to end. With
    `brokers_die` kcat may end and is started again, and a record that did not reach a topic is no
    event. Otherwise all must arrive."""

    def __init__(self, traffic, address, name, rate, brokers_die=False):
        super().__init__(daemon=True)
        self.traffic = traffic
        self.rate = rate
        self.ended = threading.Event()
        self.sent = 0
        self.failure = None
        self.said = tempfile.TemporaryFile()  # a pipe that nobody reads would block
        self.ends, self.ends_max = 0, FEEDER_ENDS_MAX if brokers_die else 0
        self.start_producer = lambda kind: producer(address, f"{name}.{kind}", "-X",
                                                    "enable.idempotence=true", stderr=self.said)
        self.producers = {kind: self.start_producer(kind) for kind in KINDS}

    def send(self, kind, line):
        try:
            self.producers[kind].stdin.write(line)
            self.producers[kind].stdin.flush()
        except BrokenPipeError:
            self.ends += 1
            if self.ends > self.ends_max:
                raise
            self.producers[kind].wait()
            self.producers[kind] = self.start_producer(kind)
            self.send(kind, line)

    def run(self):
        try:
            started = time.time()
            while not self.ended.is_set():
                due = int((time.time() - started) * self.rate)
                for _ in range(min(due - self.sent, 1000)):
                    kind, key, value = next(self.traffic)
                    self.send(kind, record(key, value))
                    self.sent += 1
                time.sleep(0.02)
        except OSError as error:
            self.failure = f"feeding ended: {error}"

    def finish(self):
        """Waits until everything is with the brokers."""
        self.ended.set()
        self.join()
        for process in self.producers.values():
            try:
                process.stdin.close()
            except BrokenPipeError:
                pass  # counted by its return code
            process.wait(timeout=300)
            self.ends += process.returncode != 0
        if self.ends > self.ends_max:
            self.failure = f"kcat ended {self.ends} times"
        self.said.seek(0)
        text = self.said.read().decode(errors="replace")
        if "Delivery failed" in text and self.ends_max == 0:
            self.failure = "not all arrived"
        if self.failure:
            raise RuntimeError(f"traffic was not delivered: {self.failure}; {text[-1000:]}")

    def kill(self):
        self.ended.set()
        for process in self.producers.values():
            process.kill()
            process.wait()
