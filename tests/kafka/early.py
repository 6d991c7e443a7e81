#!/usr/bin/env python3
"""Lists ahead of the commit (lists.early=on, commits a second apart). One process is killed in the
middle of its events and starts again. Each committed list went ahead, byte by byte the same. No
early list is in a transaction. The visitors equal the recount, and the newest lists of both topics
agree. The test needs kcat and the programs that tools/kafka needs.

    early.py"""

import os
import signal
import subprocess
import sys
import time

from shop import Checks, Kafka, Shop, recount, weft

EVENTS = 1200
RATE = 300
SETTINGS = ["lists.early=on", "commit.interval.ms=1000", "session.timeout.ms=6000"]


def records(shop, topic):
    """[(partition, offset, key, value)] as committed readers see them."""
    rows = []
    for line in shop.kcat(f"{shop.name}.{topic}", "%p\t%o\t%k\t%s\n").splitlines():
        partition, offset, key, value = line.split(b"\t", 3)
        rows.append((int(partition), int(offset), key, value))
    return rows


def check_topics(checks, shop):
    lists, early = records(shop, "recommendations"), records(shop, "recommendations.early")
    ahead = {(key, value) for _, _, key, value in early}
    late = [key for _, _, key, value in lists if value and (key, value) not in ahead]
    checks.check("each committed list went ahead", not late, late[:5])
    checks.check("more lists go ahead than are committed", len(early) > len(lists) > 100,
                 (len(early), len(lists)))
    ends = {}
    for partition, offset, _, _ in early:
        ends[partition] = max(offset, ends.get(partition, 0))
    checks.equal("no early list is in a transaction, whose mark would take an offset",
                 sum(end + 1 for end in ends.values()), len(early))
    newest, ahead = ({key: value for _, _, key, value in rows} for rows in (lists, early))
    other = [key for key in newest if newest[key] != ahead.get(key)]
    checks.check("the newest lists of both topics agree", not other, other[:5])
    return lists[-1][2].decode()


def main():
    checks = Checks()
    port = int(os.environ.get("WEFT_KAFKA_PORT", "19720"))
    with Kafka(port) as kafka, Shop("early", kafka.address, 2, SETTINGS) as shop:
        good = f"{shop.folder}/good.jsonl"
        weft("simulate", "--out", good, "--events", str(EVENTS), "--rate", "50", "--visitors",
             "300", "--seed", "5", "--no-catalogue")
        shop.start()
        shop.ready()
        feeding = subprocess.Popen([os.environ.get("WEFT", os.path.join("build", "weft")),
                                    "replay", *shop.common(), "--rate", str(RATE), good],
                                   stdout=subprocess.DEVNULL)
        time.sleep(EVENTS / RATE / 2)
        checks.check("early lists come before the kill", shop.total("lists_early") > 50)
        checks.check("commits are about a second apart", shop.total("commits") < 8,
                     shop.total("commits"))
        shop.stop(0, signal.SIGKILL)
        checks.equal("the events are sent", feeding.wait(), 0)
        shop.start()
        shop.ready()
        shop.settle()
        checks.equal("none failed", shop.total("lists_early_failed"), 0)
        visitor = check_topics(checks, shop)
        same, text = recount(good, "--visitor", shop.dump("visitor", "--from", "topics"))
        checks.check("the visitors equal the recount", same, text)
        shown = weft("get", "visitor", visitor, *shop.common()).stdout
        checks.check("get shows the committed list", "from early.recommendations\n" in shown, shown)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
