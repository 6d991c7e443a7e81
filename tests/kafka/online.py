#!/usr/bin/env python3
"""The online metrics beside the topics. Live traffic of many visitors runs for some minutes. In
each minute at least a quarter of the clicks are measured, and the ranker learns from a sample of
the lists. The hit rate of the metrics is that which this script computes from the lists and the
events. The test needs kcat and the programs that tools/kafka needs.

    online.py [--rate N] [--minutes N] [--visitors N]"""

import argparse
import math
import os
import subprocess
import sys
import time

from shop import Checks, Kafka, Shop, WEFT

ITEMS = 20  # of a list that count as shown
DOUBLE_CLICK_MS = 500
MEASURED_MIN = 0.25
DEVIATIONS = 4  # that the two hit rates may be apart


def numbers(row):
    """(clicks on the home list's visitors, measured ones, hits, learned lists) so far"""
    view = row["quality"]["home"]["view"]
    return row["clicks"], view["asked"], view["hits"], row["learned"]


def watch(checks, shop, minutes, rate):
    """Runs the traffic; checks each whole minute behind the first one, in which the shop starts."""
    traffic = subprocess.Popen(
        [WEFT, "simulate", *shop.common(), "--rate", str(rate), "--minutes", str(minutes),
         "--visitors", str(shop.visitors), "--no-catalogue"], stdout=subprocess.DEVNULL)
    time.sleep(60)
    before = numbers(shop.metrics())
    for minute in range(2, minutes + 1):
        time.sleep(60 if minute < minutes else 50)
        now = numbers(shop.metrics())
        clicks, measured, _, learned = (new - old for new, old in zip(now, before))
        print(f"minute {minute}: {clicks:,} clicks, {measured / clicks:.2f} of them measured, "
              f"{learned / clicks:.2f} learned from", flush=True)
        checks.check(f"enough clicks are measured in minute {minute}",
                     measured >= MEASURED_MIN * clicks > 0, now)
        checks.check(f"the ranker learns in minute {minute}", learned > 0, now)
        before = now
    return checks.equal("the traffic ends", traffic.wait(), 0)


def text_of(line, name):
    at = line.index(name) + len(name)
    return line[at:line.index(b'"', at)]


def number_of(line, name):
    at = line.index(name) + len(name)
    end = at
    while line[end:end + 1].isdigit():
        end += 1
    return int(line[at:end])


def home_lists(shop):
    """{visitor: {time of the newest event that a list knows: its first items}}. Several lists may
    know the same events: the last one was shown when the next event came."""
    lists = {}
    for line in shop.kcat(f"{shop.name}.recommendations", "%k\t%s\n").splitlines():
        key, value = line.split(b"\t", 1)
        at = value.find(b'"placement":"home"')
        if at < 0:
            continue
        home = value[at:].split(b'"placement":', 2)[1]
        items = [part[:part.index(b'"')] for part in home.split(b'"item_id":"')[1:ITEMS + 1]]
        when = number_of(value, b'"source_event_time":')
        lists.setdefault(key, {})[when] = set(items)
    return lists


def activities(shop):
    """{visitor: [(time, kind, item)]} of views, cart additions and purchases, each once."""
    rows = {}
    for kind in ("view", "cart", "purchase"):
        for line in shop.kcat(f"{shop.name}.{kind}", "%k\t%s\n").splitlines():
            key, value = line.split(b"\t", 1)
            if value.endswith(b"}") and b'"item_id":"' in value:  # the mall cuts some off
                rows.setdefault(key, {})[text_of(value, b'"event_id":"')] = (
                    number_of(value, b'"event_time":'), kind, text_of(value, b'"item_id":"'))
    return {key: without_double_clicks(sorted(events.values())) for key, events in rows.items()}


def without_double_clicks(events):
    taken, viewed = [], {}
    for when, kind, item in events:
        if kind != "view" or when - viewed.get(item, 0) > DOUBLE_CLICK_MS:
            taken.append((when, kind, item))
        if kind == "view":
            viewed[item] = when
    return taken


def hit_rate(shop):
    """(views that came next after a list, those on one of its items)"""
    lists, compared, hits = home_lists(shop), 0, 0
    for visitor, events in activities(shop).items():
        made = lists.get(visitor, {})
        for (when, _, _), (_, kind, item) in zip(events, events[1:]):
            if kind == "view" and made.get(when):
                compared += 1
                hits += item in made[when]
    return compared, hits


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--minutes", type=int, default=4)
    parser.add_argument("--visitors", type=int, default=50000)
    options = parser.parse_args()
    checks = Checks()
    port = int(os.environ.get("WEFT_KAFKA_PORT", "19730"))
    with Kafka(port) as kafka, Shop("online", kafka.address, 4) as shop:
        shop.visitors = options.visitors
        shop.start()
        shop.ready()
        watch(checks, shop, options.minutes, options.rate)
        shop.settle(timeout=600)
        _, measured, found, _ = numbers(shop.metrics())
        compared, hits = hit_rate(shop)
        live, script = found / measured, hits / compared
        apart = math.sqrt(script * (1 - script) / min(measured, compared))
        print(f"hit rate of the home list: {live:.4f} in the metrics ({measured:,} views), "
              f"{script:.4f} from the topics ({compared:,})", flush=True)
        checks.check("the hit rates agree", abs(live - script) <= DEVIATIONS * apart,
                     (live, script, apart))
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
