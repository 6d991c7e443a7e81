#!/usr/bin/env python3
"""Measures weft beside an Apache Kafka of its own on this machine. It prints figures and asserts
nothing.

    bench.py [drain] [latency] [driver] [restore] [catalogue] [rankings] [scale] [serve]
    bench.py soak [--minutes N] [--rate N]

Without a name it runs all but scale, serve and soak.

drain      a backlog of 500,000 events, exactly-once, with lists: events/s from the start of the
           process to the last commit, CPU of weft and of the broker for each event, peak memory
latency    the time from an event's sending to its list at a read_committed reader, at 1,000, 5,000
           and 10,000 events/s
driver     one process without a broker: events/s, microseconds for a list, bytes for a visitor and
           an item, microseconds for each placement
catalogue  1,000,000 products of 50 attributes: rows/s from JSON, bytes an item, seconds to start
           from disk, microseconds for similar products and for a search, microseconds for the lists
           of an event in a mall of that size
rankings   the rankings and lists of 3,000 and 200,000 items: the cost of an event and of a round
restore    rows/s from a changelog after the local state was deleted; the time from kill -9 to the
           first new list, with the state and without it (session.timeout.ms is part of that)
soak       memory and latency over a long time: the process's memory and its parts, in MB, each
           minute; the last third by the third before. --minutes N (100), --rate N (1500)
scale      a lost state of a million visitors and a lost model of 200,000 items: time, rows/s and
           memory of the restore from the changelog and from the snapshot; takes some minutes
serve      lists over HTTP with a million visitors: requests/s and times at 1, 64 and 1,024
           connections, beside nginx with a static file of the same size; 10,000 open streams. Needs
           wrk and nginx-light

With WEFT_QUALITY=lean (or rules), drain, latency, restore, soak and driver run with that set of the
ranker.
With WEFT_SET="KEY=VALUE KEY=VALUE" they run with these settings (placements.off= : all placements).
"""

import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from bench_serve import serve
from shop import Kafka, Shop, WEFT, weft

EVENTS = 500_000
SERVE_VISITORS = 1_000_000
SETTINGS = []
if "WEFT_QUALITY" in os.environ:
    SETTINGS += ["--set", "quality=" + os.environ["WEFT_QUALITY"]]
for assignment in os.environ.get("WEFT_SET", "").split():
    SETTINGS += ["--set", assignment]
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mb(pid):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0


def make_events(folder):
    path = os.path.join(folder, "events.jsonl")
    weft("simulate", "--out", path, "--events", str(EVENTS), "--rate", "50", "--visitors", "20000",
         "--no-catalogue", "--cut-off", "0")
    return path


def broker_pid(kafka):
    with open(os.path.join(kafka.home, "broker-1.pid")) as file:
        return int(file.read())


def wait_read(shop, count):
    while True:
        row = shop.metrics()
        if row and row["read"] >= count:
            return row
        shop.alive()
        time.sleep(0.02)


def drain(kafka, path):
    print(f"drain: {EVENTS} events, 4 partitions, exactly-once, lists on, {os.cpu_count()} threads",
          flush=True)
    for run in ("cold broker", "warm broker"):
        shop = Shop(f"drain-{run[:4]}", kafka.address, 4)
        shop.replay(path)
        pid = broker_pid(kafka)
        broker, begun = cpu_seconds(pid), time.time()
        shop.start(0, "--set", "metrics.interval.ms=100", "--set", f"threads={os.cpu_count()}",
                   *SETTINGS)
        row = wait_read(shop, EVENTS)
        seconds = time.time() - begun
        mine = shop.processes[0].pid
        print(f"  {run}: {EVENTS / seconds:,.0f} events/s from the start of the process; "
              f"CPU an event: weft {cpu_seconds(mine) / EVENTS * 1e6:.1f} us, broker "
              f"{(cpu_seconds(pid) - broker) / EVENTS * 1e6:.1f} us; peak memory "
              f"{peak_mb(mine):.0f} MB; {row['lists']:,} lists, {row['commits']} commits",
              flush=True)
        shop.stop()
        shop.remove()


def latency(kafka):
    print("latency: 4 partitions, exactly-once; the broker gets warm with the first of each",
          flush=True)
    for rate in (1000, 1000, 5000, 5000, 10000, 10000):
        shop = Shop(f"latency-{rate}-{time.time_ns() % 1000}", kafka.address, 4)
        shop.start(0, *SETTINGS)
        shop.ready()
        out = weft("simulate", *shop.common(), *SETTINGS, "--rate", str(rate), "--minutes",
                   "0.35", "--measure", "--no-catalogue").stdout
        print(f"  {rate}/s: {out.splitlines()[0]}", flush=True)
        shop.stop()
        shop.remove()


def driver(path):
    print("driver: the same events without a broker", flush=True)
    rows = [json.loads(weft("backtest", "--json", *SETTINGS, path).stdout) for _ in range(3)]
    middle = lambda name: statistics.median(row[name] for row in rows)
    print(f"  {middle('events_per_s'):,.0f} events/s, asked before each; us a list p50 "
          f"{middle('list_us_p50'):.1f}, p99 {middle('list_us_p99'):.1f}; "
          f"{rows[0]['model_bytes_per_item']:.0f} bytes an item, "
          f"{rows[0]['visitor_bytes']:.0f} bytes a visitor", flush=True)
    program = os.path.join(os.path.dirname(WEFT), "tests", "measure_placements")
    short = path + ".short"  # with products, which searches and categories need
    weft("simulate", "--out", short, "--events", "120000", "--rate", "50", "--visitors", "20000",
         "--cut-off", "0")
    with open(short) as file:
        lines = file.readlines()
    products = [line for line in lines if line.startswith('{"type":"product"')]
    random.Random(1).shuffle(products)  # the mall makes the most popular ones first
    with open(short, "w") as file:
        file.writelines(products)
        file.writelines(line for line in lines if not line.startswith('{"type":"product"'))
    measured = lambda *keys: json.loads(subprocess.run(
        [program, short, "placements.off=", *keys], capture_output=True, text=True,
        check=True).stdout)
    rows, without = measured(), measured("queries.max=0")["searches"]
    searches = rows.pop("searches")
    rows.pop("quality")
    print(f"  of {searches['viewed']} searches with a view after them {searches['share']:.3f} had "
          f"it in the first 10; without queries {without['share']:.3f}", flush=True)
    for name, row in rows.items():
        print(f"  placement {name:10} {row['lists']:6} lists, {row['items']:4.1f} items; us "
              f"p50 {row['us_p50']:.1f}, p99 {row['us_p99']:.1f}", flush=True)


def rankings():
    print("rankings, CPU time", flush=True)
    program = os.path.join(os.path.dirname(WEFT), "tests", "measure_rankings")
    for items, events in ((3_000, 300_000), (200_000, 1_000_000)):
        row = json.loads(subprocess.run([program, str(items), str(events)], capture_output=True,
                                        text=True, check=True).stdout)
        print(f"  {items:,} items: {row['fold_us']:.2f} us an event, {row['bytes_an_item']:.0f} "
              f"bytes an item; a publication of {row['records']:,} rankings: "
              f"{row['take_ms']:.1f} ms of the fold's thread, "
              f"{row['make_ms']:.0f} ms of the publisher's", flush=True)
    program = os.path.join(os.path.dirname(WEFT), "tests", "measure_items")
    for items, events in ((3_000, 300_000), (200_000, 2_000_000)):
        row = json.loads(subprocess.run([program, str(items), str(events)], capture_output=True,
                                        text=True, check=True).stdout)
        print(f"  lists of {items:,} items: {row['us_an_item']:.0f} us an item, "
              f"{row['step_us_max']:.0f} us under one lock at most, "
              f"{row['record_bytes']:.0f} bytes a record; "
              f"{row['more']:,} further events change {row['changed']:,} records of "
              f"{row['changed_bytes'] / 1e6:.0f} MB", flush=True)


def catalogue():
    print("catalogue: 1,000,000 products of 50 attributes, CPU time", flush=True)
    for name in ("measure_catalogue", "measure_large"):
        program = os.path.join(os.path.dirname(WEFT), "tests", name)
        print(" ", subprocess.run([program], capture_output=True, text=True, check=True)
              .stdout.strip(), flush=True)


def first_list_after(shop, visitor):
    """Seconds until a list that knows a new event of the visitor is readable."""
    now = int(time.time() * 1000)
    shop.produce(f"{shop.name}.view", visitor, json.dumps(
        {"event_id": f"n{now}", "visitor_id": visitor, "event_time": now,
         "item": {"item_id": f"new {now}"}}).encode())
    while True:
        out = shop.kcat(f"{shop.name}.recommendations", "%k %s\\n", "-o", "-20").decode()
        if any(line.startswith(visitor + " ") and f'"source_event_time":{now}' in line
               for line in out.splitlines()):
            return
        time.sleep(0.02)


def restore(kafka, path):
    print("restore:", flush=True)
    shop = Shop("restore", kafka.address, 4)
    shop.replay(path)
    shop.start(0, *SETTINGS)
    wait_read(shop, EVENTS)
    shop.stop(how=signal.SIGKILL)
    for part in ("visitors", "model"):
        subprocess.run(["rm", "-rf", os.path.join(shop.state(0), part)], check=True)
    shop.start(0, *SETTINGS)
    shop.ready()
    time.sleep(0.5)
    with open(os.path.join(shop.folder, "log-0.txt")) as log:
        for line in log:
            if "restore: " in line and "rows in" in line or "model: ready" in line:
                print("  after the state was deleted:", line.split("INFO ")[1].strip(), flush=True)
    shop.stop(how=signal.SIGKILL)
    for lost in (False, True):
        times = []
        for _ in range(3):
            shop.start(0, *SETTINGS)
            shop.ready()
            first_list_after(shop, "probe")
            shop.stop(how=signal.SIGKILL)
            if lost:
                subprocess.run(["rm", "-rf", shop.state(0)], check=True)
            begun = time.time()
            shop.start(0, *SETTINGS)
            first_list_after(shop, "probe")
            times.append(time.time() - begun)
            shop.stop(how=signal.SIGKILL)
        what = "state and name lost" if lost else "state kept"
        print(f"  kill -9 to the first new list, {what}, the reader's own start with it: median "
              f"{statistics.median(times):.2f} s, all {', '.join(f'{t:.2f}' for t in times)}",
              flush=True)
    shop.remove()


def make_crowd(folder, visitors=1_000_000, items=200_000):
    """Two visitors in three come for one page, the third for two."""
    path = os.path.join(folder, "crowd.jsonl")
    with open(path, "w") as file:
        for v in range(visitors):
            for k in range(1 + (v % 3 == 0)):
                file.write(f'{{"type":"view","event_id":"c{v}-{k}","visitor_id":"visitor {v}",'
                           f'"event_time":{1760000000000 + v * 10 + k * 5000},'
                           f'"item":{{"item_id":"item {v * 7919 % items + k}"}}}}\n')
    return path


def scale(kafka, folder):
    path = make_crowd(folder)
    shop = Shop("scale", kafka.address, 4)
    _, published, _ = shop.replay(path)
    os.unlink(path)
    print(f"scale: {published:,} events of a crowd", flush=True)
    shop.start(0, "--set", "snapshot.interval.ms=10000")
    begun = time.time()
    wait_read(shop, published)
    print(f"  read in {time.time() - begun:.0f} s, peak memory "
          f"{peak_mb(shop.processes[0].pid):.0f} MB", flush=True)
    shop.settle()
    end = shop.metrics()["folded_offset"]
    while shop.metrics()["snapshot_offset"] < end:
        shop.alive()
        time.sleep(0.2)
    items = shop.metrics()["items"]
    shop.stop()
    for part in ("visitors", "model"):
        subprocess.run(["rm", "-rf", os.path.join(shop.state(0), part)], check=True)
    begun = time.time()
    shop.start(0, "--set", "snapshot.interval.ms=0")
    shop.ready(timeout=600)
    print(f"  the state was deleted: {items:,} items, ready after {time.time() - begun:.1f} s, "
          f"peak memory {peak_mb(shop.processes[0].pid):.0f} MB", flush=True)
    for line in open(os.path.join(shop.folder, "log-0.txt")):
        if "restore: " in line and "rows in" in line or "model: ready" in line or \
                "snapshot: the model as of" in line or "publisher: snapshot" in line:
            print("   ", line.split("INFO ")[1].strip(), flush=True)
    print(f"    on disk: {disk_mb(shop.state(0)):.0f} MB", flush=True)
    shop.stop()
    shop.remove()


PARTS = ("visitors", "lists", "model", "sessions", "queries", "catalogue", "search", "batches",
         "kafka", "store_cache", "store_writes", "store_tables", "free", "other")
REBALANCE_S = 600


def soak_row(row, start):
    """One line of the curve, in MB."""
    parts = [row[f"memory_{part}"] / 1e6 for part in PARTS]
    whole = row["memory_resident"] / 1e6
    print(f"  {(time.time() - start) / 60:6.1f} {row['read']:10,} {whole:7.0f} "
          f"{sum(parts) / whole:5.2f}  "
          + " ".join(f"{part:{max(len(name), 5)}.0f}" for part, name in zip(parts, PARTS)),
          flush=True)


def soak_rebalance(shop):
    """A second process takes half of the partitions, and goes again."""
    shop.start(1, *SETTINGS)
    shop.ready(2, timeout=300)
    time.sleep(10)
    shop.stop(1)


def tell_thirds(name, curve):
    """Is the curve flat once weft has warmed up?"""
    third = len(curve) // 3
    if third == 0:
        return
    last, before = statistics.median(curve[-third:]), statistics.median(curve[-2 * third:-third])
    print(f"  {name}: median of the last third {last:.1f}, of the third before {before:.1f}, "
          f"ratio {last / before:.3f}", flush=True)


def soak(kafka, minutes, rate):
    print(f"soak: {minutes} minutes at {rate} events/s, a million visitors, 100,000 products, "
          f"erasures, a rebalance each {REBALANCE_S // 60} minutes", flush=True)
    shop = Shop("soak", kafka.address, 4)
    shop.start(0, "--set", "metrics.interval.ms=5000", *SETTINGS)
    shop.ready()
    told = os.path.join(shop.folder, "simulate.txt")
    with open(told, "w") as out:
        traffic = subprocess.Popen(
            [WEFT, "simulate", *shop.common(), "--rate", str(rate), "--minutes", str(minutes),
             "--visitors", "1000000", "--products", "100000", "--users", "--erasures", ".01",
             "--measure"], stdout=out)
    print("  minute     events      MB   sum  " + " ".join(f"{name:>5}" for name in PARTS))
    start, curve, rebalanced = time.time(), [], time.time()
    try:
        while traffic.poll() is None:
            time.sleep(60)
            shop.alive()
            row = shop.metrics()
            curve.append(row["memory_resident"])
            soak_row(row, start)
            if time.time() - rebalanced > REBALANCE_S:
                soak_rebalance(shop)
                rebalanced = time.time()
    finally:
        traffic.kill()
    tell_thirds("memory, MB", [bytes / 1e6 for bytes in curve])
    with open(told) as file:
        minutes = re.findall(r"minute \d+, .* p50 ([0-9.]+), p99 ([0-9.]+),", file.read())
    tell_thirds("event to list, p50 of a minute, ms", [float(p50) for p50, _ in minutes])
    tell_thirds("event to list, p99 of a minute, ms", [float(p99) for _, p99 in minutes])
    shop.stop()
    shop.remove()


def disk_mb(folder):
    return sum(os.path.getsize(os.path.join(root, name)) for root, _, names in os.walk(folder)
               for name in names) / 1e6


def take_number(arguments, name, fallback):
    """(the number behind `name`, the other arguments)"""
    if name not in arguments:
        return fallback, arguments
    at = arguments.index(name)
    return int(arguments[at + 1]), arguments[:at] + arguments[at + 2:]


def main(wanted):
    if "--help" in wanted or "-h" in wanted:
        print(__doc__)
        return 0
    minutes, wanted = take_number(wanted, "--minutes", 100)
    rate, wanted = take_number(wanted, "--rate", 1500)
    wanted = wanted or ["drain", "latency", "driver", "restore", "catalogue", "rankings"]
    print(f"{WEFT}, {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        no_events = set(wanted) <= {"scale", "soak", "rankings", "serve"}
        path = None if no_events else make_events(folder)
        if "driver" in wanted:
            driver(path)
        if "catalogue" in wanted:
            catalogue()
        if "rankings" in wanted:
            rankings()
        if "serve" in wanted:
            serve(os.path.join(os.path.dirname(WEFT), "tests", "measure_serve"), SERVE_VISITORS)
        if set(wanted) & {"drain", "latency", "restore", "scale", "soak"}:
            os.environ["WEFT_KAFKA_HEAP"] = "1g"
            kafka = Kafka(19292)
            try:
                if "drain" in wanted:
                    drain(kafka, path)
                if "latency" in wanted:
                    latency(kafka)
                if "restore" in wanted:
                    restore(kafka, path)
                if "scale" in wanted:
                    scale(kafka, folder)
                if "soak" in wanted:
                    soak(kafka, minutes, rate)
            finally:
                kafka.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
