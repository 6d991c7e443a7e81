#!/usr/bin/env python3
"""Events in a form that weft does not know yet. The log warns within ten seconds, with the share,
the reason and the remedy, and the metrics count by reason. With the right mapping, `weft
dead-letters --redrive` sends them again, is killed in the middle, and goes on: each event is
processed once, and what fails again comes back only once. The test needs kcat and the programs that
tools/kafka needs.

    dead_letters.py"""

import json
import os
import re
import signal
import subprocess
import sys
import time

from shop import Checks, Kafka, Shop, WEFT, weft

FOREIGN = 40_000
GOOD = 2_500
BROKEN = 30


def foreign(number, now_us):
    """A view as GA4 exports it."""
    visitor = f"g{number % 500}"
    return visitor, json.dumps({
        "event_name": "view_item", "user_pseudo_id": visitor, "event_timestamp": now_us + number,
        "items": [{"item_id": f"item {number % 997}", "price": 10 + number % 90}]})


def good(number, now_us):
    visitor = f"v{number % 100}"
    return visitor, json.dumps({
        "event_id": f"e{number}", "visitor_id": visitor, "event_time": now_us // 1000 + number,
        "item": {"item_id": f"item {number % 997}"}})


def send(shop, records):
    """Many records at once, as a file of keys and values."""
    path = os.path.join(shop.folder, "records")
    with open(path, "w") as file:
        file.writelines(f"{key}\t{value}\n" for key, value in records)
    subprocess.run(["kcat", "-P", "-b", shop.address, "-t", f"{shop.name}.view", "-K", "\t", "-X",
                    "topic.partitioner=murmur2_random", "-l", path], check=True)


def find_warning(shop):
    """(when it was written, its text); both are empty if there is none."""
    with open(os.path.join(shop.folder, "log-0.txt")) as log:
        found = re.search(r"^(\S+) WARN worker 0: (.* are dead letters.*)", log.read(), re.M)
    return found.groups() if found else ("", "")


def check_warning(checks, shop, began):
    when, text = find_warning(shop)
    last = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began + 10))
    checks.check("the log warns within ten seconds", "" < when < last, (when, last))
    checks.check("with the share", re.match(r"9\d\.\d % of [0-9]+ records in", text), text)
    checks.check("with the reason and an example",
                 "decode: " in text and f"such as {shop.name}.view [" in text, text)
    checks.check("with the remedy", "input.map" in text and "--redrive" in text, text)
    reasons = shop.metrics()["dead_letter_reasons"]
    checks.equal("the metrics count by reason", sum(reasons.values()), FOREIGN + BROKEN)


def redrive(shop, *more):
    """(sent, of so many), by one call that ends."""
    out = weft("dead-letters", *shop.common(), "--redrive", *more).stdout
    return tuple(map(int, re.search(r"sent (\d+) of (\d+) again", out).groups())), out


def kill_in_the_middle(checks, shop):
    """A redrive that is killed once some of its letters are read."""
    process = subprocess.Popen([WEFT, "dead-letters", *shop.common(), "--redrive"],
                               stdout=subprocess.DEVNULL)
    before = shop.total("read")
    while shop.total("read") < before + FOREIGN // 10 and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    checks.equal("the redrive is killed in the middle", process.wait(), -signal.SIGKILL)


def main():
    checks = Checks()
    port = int(os.environ.get("WEFT_KAFKA_PORT", "19740"))
    with Kafka(port) as kafka, Shop("letters", kafka.address, 2) as shop:
        shop.start()
        shop.ready()
        now_us = int(time.time() * 1e6)
        began = time.time()
        send(shop, [good(number, now_us) for number in range(GOOD)] +
             [foreign(number, now_us) for number in range(FOREIGN)] +
             [(f"b{number}", '{"event_name":') for number in range(BROKEN)])
        shop.settle(GOOD + FOREIGN + BROKEN)
        check_warning(checks, shop, began)
        listed = weft("dead-letters", *shop.common()).stdout
        checks.check("the command lists them", f"{FOREIGN + BROKEN} dead letters: "
                     f"{FOREIGN + BROKEN} open" in listed, listed)
        (sent, _), out = redrive(shop, "--reason", "no such reason")
        checks.equal("a filter that nothing fits sends nothing", sent, 0)
        shop.stop()
        shop.settings += ["--set", "input.map=ga4"]
        shop.start()
        shop.ready()
        processed = shop.total("processed")
        kill_in_the_middle(checks, shop)
        (sent, wanted), out = redrive(shop)
        checks.check("the second call sends the rest", 0 < sent == wanted < FOREIGN + BROKEN, out)
        shop.settle()
        checks.equal("each is processed once", shop.total("processed") - processed, FOREIGN)
        checks.equal("none is a duplicate", shop.total("duplicates"), 0)
        checks.equal("the broken ones are dead letters again", shop.total("dead_letters"), BROKEN)
        (sent, wanted), out = redrive(shop)
        checks.equal("what came back is not sent again", (sent, wanted), (0, 0))
        checks.check("and is told", f"{BROKEN} came back" in out, out)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
