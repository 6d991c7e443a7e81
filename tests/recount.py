#!/usr/bin/env python3
"""Recounts weft's tables from files of events, sharing no code with weft.

    recount.py FILE (--visitor DUMP | --cooccurrence DUMP | --popularity DUMP | --trends DUMP |
            --channels DUMP)...
            [--activities N]   first: visitor.activities.max of the weft that is recounted (64)
            [--row-bytes N]    first: bytes of a visitor's row, if the changelog's topic limits it

FILE is REES46's CSV, the tsv with the header ts_ms user session kind item ..., or weft's JSON
lines, plain or gzip.
A DUMP is what `weft get table NAME` printed; '-' is standard input. Every row must be equal: the
same visitors with the same activities, the same pairs with exactly the same weights. Prints what
differs and 'N passed, N failed'; exits with 1 if anything differs.

The rules, as the README states them: views of one item within double.click.ms (500) count once;
the items that an order (transaction_id) already has do not count again; a cart update to quantity 0
removes the item;
sessions end after 30 minutes; of each kind a session's pairs up to 8 apart count 1/gap, weighted by
2^(time / half-life) with 11 significant bits. By a channel a view counts 1, a cart 3, a purchase 6.
"""

import calendar
import csv
import gzip
import json
import sys
import time
from collections import defaultdict
from fractions import Fraction

SESSION_GAP_MS = 30 * 60 * 1000
DOUBLE_CLICK_MS = 500
ACTIVITIES_MAX = 64
ROW_BYTES = None
ACTIVITY_BYTES, REST_BYTES = 32, 40960  # of a row: an activity without its subject, the rest
CART_ITEMS_MAX, CART_BYTES_MAX = 100, 8192
GAPS = 8
RULES_HALF_LIFE_MS = 90 * 86400 * 1000
POPULAR_HALF_LIFE_MS = 3 * 86400 * 1000
QUICK_HALF_LIFE_MS = 6 * 3600 * 1000
KINDS = ("view", "cart", "purchase")
UNITS = {"view": 1, "cart": 3, "purchase": 6}
CHANNEL_BYTES_MAX = 32


def open_text(path):
    raw = gzip.open(path, "rt", encoding="utf-8", newline="") if path.endswith(".gz") else open(
        path, encoding="utf-8", newline="")
    return raw


CART_KINDS = {"add": "cart", "remove": "cart_remove", "update": "cart_update",
              "clear": "cart_clear"}


def price_of(text):
    return float(text) if text else None


def channel_name(text):
    """None: not known."""
    name = (text or "").strip().lower()
    return name if 0 < len(name.encode()) <= CHANNEL_BYTES_MAX else None


def item_kind(kind, item):
    taken_out = kind == "cart_update" and item.get("quantity", 1) == 0
    return "cart_remove" if taken_out else kind


def read_json_line(line):
    """None for a line that is no event."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    kind = event.get("type")
    if kind not in ("view", "search", "cart", "purchase"):
        return None
    if kind == "cart":
        kind = CART_KINDS[event["action"]]
    if kind == "purchase" and event.get("status", "completed") != "completed":
        kind = "refund"
    if kind == "search":
        subjects = [(kind, event["search_term"], None)]
    else:
        items = [event["item"]] if kind == "view" else event.get("items", [])
        subjects = [(item_kind(kind, item), item["item_id"], item.get("price"))
                    for item in items] or [(kind, "", None)]
    user = event.get("user_id") or event["visitor_id"]
    return (event["event_time"], user, event["event_id"], subjects,
            channel_name(event.get("channel")), event.get("transaction_id"))


def read_events(path):
    """(time_ms, user, event_id or None, [(kind, subject, price or None)], channel or None,
    transaction_id or None) of every usable line."""
    with open_text(path) as lines:
        header = next(lines).rstrip("\r\n")
        if header.startswith("{"):
            yield from filter(None, map(read_json_line, [header, *lines]))
        elif header.startswith("event_time,"):
            for row in csv.reader(lines):
                if len(row) != 9:
                    continue
                when = calendar.timegm(time.strptime(row[0], "%Y-%m-%d %H:%M:%S UTC")) * 1000
                # Equal records are one event.
                record = (when, row[1], row[2], price_of(row[6]), row[8])
                yield when, row[7], record, [(row[1], row[2], price_of(row[6]))], None, None
        else:
            for line in lines:
                row = line.rstrip("\r\n").split("\t")
                kind = "refund" if row[3] == "return" else row[3]
                if kind == "purchase" and row[8].startswith("-"):
                    continue
                record = (*row[:5], price_of(row[7]), float(row[8] or 1))
                yield int(row[0]), row[1], record, [(kind, row[4], price_of(row[7]))], None, None


# The order of activities at the same moment: a page is viewed before it is bought from.
ORDER = {"view": 0, "search": 1, "cart": 2, "purchase": 3, "cart_remove": 4, "cart_update": 5,
         "cart_clear": 6, "refund": 7}


class Orders:
    """The items of each visitor's orders."""

    def __init__(self):
        self.lines = defaultdict(set)  # visitor: {(transaction_id, item)}

    def new(self, visitor, transaction, items):
        """Adds items to the order. Returns a flag for each: true if the order did not have it."""
        flags = [(transaction, item) not in self.lines[visitor] for item in items]
        self.lines[visitor].update((transaction, item) for item in items)
        return flags


def visitors_of(path):
    """Each visitor's activities in the order of time, then kind, then the file's order."""
    visitors = defaultdict(list)
    known, orders = set(), Orders()
    for when, user, event_id, subjects, channel, transaction in read_events(path):
        if event_id is not None:
            if (user, event_id) in known:
                continue
            known.add((user, event_id))
        if transaction and subjects[0][0] == "purchase":
            new = orders.new(user, transaction, [item for _, item, _ in subjects])
            subjects = [subject for subject, is_new in zip(subjects, new) if is_new]
        by_kind = defaultdict(list)
        for kind, item, price in subjects:
            by_kind[kind].append((item, price))
        for kind, of_kind in by_kind.items():
            visitors[user].append((when, ORDER[kind], kind, of_kind, channel))
    return {user: drop_double_clicks(sorted(events, key=lambda e: e[:2]))
            for user, events in visitors.items()}


def drop_double_clicks(events):
    last_view = {}
    keep = []
    for when, _, kind, subjects, channel in events:
        if kind == "view":
            item = subjects[0][0]
            if item in last_view and when - last_view[item] < DOUBLE_CLICK_MS:
                continue
            last_view[item] = when
        keep.extend((when, kind, subject, price, channel) for subject, price in subjects)
    return keep


def growth(when, half_life):
    """2^(when / half_life) as m * 2^k with 11 bits."""
    k = when // half_life
    m = round(2.0 ** ((when - k * half_life) / half_life) * 1024)
    return m, k


class Weight:
    """A sum of whole numbers, each times a power of two."""

    def __init__(self):
        self.parts = defaultdict(int)

    def add(self, units, m, k):
        self.parts[k] += units * m

    def value(self, reference, scale):
        total = sum((Fraction(n) * Fraction(2) ** (k - reference) for k, n in self.parts.items()),
                    Fraction(0))
        return float(total / scale)


def count_pairs(visitors):
    pairs = defaultdict(lambda: [Weight(), Weight(), 0])
    for activities in visitors.values():
        recent = {kind: [] for kind in KINDS}
        previous = None
        for when, kind, item, *_ in activities:
            if previous is not None and when - previous > SESSION_GAP_MS:
                recent = {k: [] for k in KINDS}
            previous = when
            if kind not in recent:
                continue
            m, k = growth(when, RULES_HALF_LIFE_MS)
            for gap, earlier in enumerate(reversed(recent[kind][-GAPS:]), 1):
                pair = pairs[kind, earlier, item]
                pair[0].add(840 // gap, m, k)
                if gap == 1:
                    pair[1].add(840, m, k)
                pair[2] = max(pair[2], when // 1000)
            recent[kind].append(item)
    return pairs


def cooccurrence_rows(visitors):
    rows = defaultdict(dict)
    for (kind, earlier, later), pair in count_pairs(visitors).items():
        rows[kind, "forward", earlier][later] = pair
        rows[kind, "backward", later][earlier] = pair
    result = {}
    for key, entries in rows.items():
        reference = max(pair[2] for pair in entries.values()) * 1000 // RULES_HALF_LIFE_MS
        scale = 1024 * 840
        total = Weight()
        for pair in entries.values():
            for k, n in pair[0].parts.items():
                total.parts[k] += n
        result[key] = (total.value(reference, scale),
                       {item: (pair[0].value(reference, scale), pair[1].value(reference, scale),
                               pair[2]) for item, pair in entries.items()})
    return result


def popularity_rows(visitors):
    rows = defaultdict(lambda: [dict.fromkeys(KINDS, 0), Weight(), None])
    for activities in visitors.values():
        for when, kind, item, *_ in activities:
            if kind not in KINDS:
                continue
            row = rows[item]
            row[0][kind] += 1
            row[1].add(1, *growth(when, POPULAR_HALF_LIFE_MS))
            row[2] = when if row[2] is None else max(row[2], when)
    return {item: (counts["view"], counts["cart"], counts["purchase"],
                   weight.value(last // POPULAR_HALF_LIFE_MS, 1024), last)
            for item, (counts, weight, last) in rows.items()}


def trends_rows(visitors):
    rows = defaultdict(lambda: [{kind: Weight() for kind in KINDS}, Weight(), None])
    for activities in visitors.values():
        for when, kind, item, *_ in activities:
            if kind not in KINDS:
                continue
            row = rows[item]
            row[0][kind].add(1, *growth(when, POPULAR_HALF_LIFE_MS))
            row[1].add(1, *growth(when, QUICK_HALF_LIFE_MS))
            row[2] = when if row[2] is None else max(row[2], when)
    return {item: (*(slow[kind].value(last // POPULAR_HALF_LIFE_MS, 1024) for kind in KINDS),
                   quick.value(last // QUICK_HALF_LIFE_MS, 1024), last)
            for item, (slow, quick, last) in rows.items()}


def channels_rows(visitors):
    """Of each channel and item, all that was done, in views as they count at 1970."""
    rows = defaultdict(Weight)
    for activities in visitors.values():
        for when, kind, item, _, channel in activities:
            if kind in KINDS and channel:
                rows[channel, item].add(UNITS[kind], *growth(when, POPULAR_HALF_LIFE_MS))
    return {key: sum(Fraction(n, 1024) * 2 ** k for k, n in weight.parts.items())
            for key, weight in rows.items()}


def carts_of(visitors):
    """What each visitor's cart held when the older activities were dropped; none of one whose cart
    was empty."""
    carts = {}
    for user, activities in visitors.items():
        cart = []
        for _, kind, item, _, _ in activities[:len(activities) - len(fitting(activities))]:
            if kind == "cart_clear":
                cart = []
            if kind in ("cart", "cart_remove", "purchase") and item in cart:
                cart.remove(item)
            if item and (kind == "cart" or kind == "cart_update" and item not in cart):
                cart.append(item)
            while len(cart) > CART_ITEMS_MAX or sum(
                    len(item.encode()) + 2 for item in cart) > CART_BYTES_MAX:
                cart.pop(0)
        if cart:
            carts[user] = cart
    return carts


def newest_channels(visitors):
    """Of each visitor who came by a known one."""
    newest = {}
    for user, activities in visitors.items():
        known = [(when, channel) for when, _, _, _, channel in activities if channel]
        if known:
            newest[user] = max(known)[1]
    return newest


def read_dump(path):
    with (sys.stdin if path == "-" else open(path, encoding="utf-8")) as lines:
        return [json.loads(line) for line in lines]


def dumped_visitors(path):
    rows = {}
    for row in read_dump(path):
        rows[row["visitor"]] = (row["accepted"], [
            (a["time"], a["kind"], a["subject"], a.get("price")) for a in row["activities"]])
    return rows


def fitting(activities):
    """The newest ones."""
    room, count = (ROW_BYTES or sys.maxsize) - REST_BYTES, 0
    for _, _, subject, _, _ in reversed(activities):
        room -= ACTIVITY_BYTES + len(subject.encode())
        if (room < 0 and count > 0) or count == ACTIVITIES_MAX:
            break
        count += 1
    return activities[len(activities) - count:]


def expected_visitors(visitors):
    def single(price):  # as a 32-bit float prints with nine digits
        import struct
        if price is None:
            return None
        return float("%.9g" % struct.unpack("f", struct.pack("f", price))[0])

    return {user: (len(activities), [(w, k, i, single(p)) for w, k, i, p, _ in
                                     fitting(activities)])
            for user, activities in visitors.items()}


def dumped_carts(path):
    return {row["visitor"]: row["cart"] for row in read_dump(path)}


def with_carts(rows, carts):
    return {user: (*row, carts.get(user, [])) for user, row in rows.items()}


def dumped_cooccurrence(path):
    return {(row["kind"], row["direction"], row["item"]):
            (row["total"], {e["item"]: (e["weight"], e["one"], e["last"]) for e in row["entries"]})
            for row in read_dump(path)}


def dumped_popularity(path):
    return {row["item"]: (row["view"], row["cart"], row["purchase"], row["recent"], row["last"])
            for row in read_dump(path)}


def dumped_trends(path):
    return {row["item"]: (row["view"], row["cart"], row["purchase"], row["quick"], row["last"])
            for row in read_dump(path)}


def dumped_channels(path):
    return {(row["channel"], entry["item"]): Fraction(entry["weight"]) * Fraction(2) ** row["base"]
            for row in read_dump(path) for entry in row["entries"]}


def compare(name, expected, found):
    """Prints the first differences; returns (rows equal, rows different)."""
    different = [key for key in expected.keys() | found.keys()
                 if expected.get(key) != found.get(key)]
    for key in sorted(different, key=str)[:5]:
        print(f"{name} {key}:\n  expected {expected.get(key)}\n  found    {found.get(key)}")
    return len(expected.keys() | found.keys()) - len(different), len(different)


def main(arguments):
    if len(arguments) < 3 or len(arguments) % 2 == 0:
        sys.exit(__doc__)
    visitors = visitors_of(arguments[0])
    tables = {
        "--visitor": lambda path: (with_carts(expected_visitors(visitors), carts_of(visitors)),
                                   with_carts(dumped_visitors(path), dumped_carts(path))),
        "--cooccurrence": lambda path: (cooccurrence_rows(visitors), dumped_cooccurrence(path)),
        "--popularity": lambda path: (popularity_rows(visitors), dumped_popularity(path)),
        "--trends": lambda path: (trends_rows(visitors), dumped_trends(path)),
        "--channels": lambda path: (channels_rows(visitors), dumped_channels(path)),
    }
    passed = failed = 0
    for option, path in zip(arguments[1::2], arguments[2::2]):
        if option == "--activities":
            global ACTIVITIES_MAX
            ACTIVITIES_MAX = int(path)
            continue
        if option == "--row-bytes":
            global ROW_BYTES
            ROW_BYTES = int(path)
            continue
        if option not in tables:
            sys.exit(f"recount.py: no option {option}")
        equal, different = compare(option[2:], *tables[option](path))
        print(f"{option[2:]}: {equal} rows equal, {different} different")
        passed += different == 0 and equal > 0
        failed += different > 0 or equal == 0
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
