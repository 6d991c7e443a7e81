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
removes the item; an addition to the cart does not count if its item is taken out before it is
bought, and a purchase does not count if all that was bought is sent back;
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
ACTIVITY_BYTES, REST_BYTES = 32, 65536  # of a row: an activity without its subject, the rest
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
        subjects = [(kind, event["search_term"], None, 1)]
    else:
        items = [event["item"]] if kind == "view" else event.get("items", [])
        subjects = [(item_kind(kind, item), item["item_id"], item.get("price"),
                     max(item.get("quantity", 1), 1)) for item in items] or [(kind, "", None, 1)]
    user = event.get("user_id") or event["visitor_id"]
    return (event["event_time"], user, event["event_id"], subjects,
            channel_name(event.get("channel")), event.get("transaction_id"))


def read_events(path):
    """(time_ms, user, event_id or None, [(kind, subject, price or None, quantity)], channel or
    None, transaction_id or None) of every usable line."""
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
                yield when, row[7], record, [(row[1], row[2], price_of(row[6]), 1)], None, None
        else:
            for line in lines:
                row = line.rstrip("\r\n").split("\t")
                kind = "refund" if row[3] == "return" else row[3]
                if kind == "purchase" and row[8].startswith("-"):
                    continue
                record = (*row[:5], price_of(row[7]), float(row[8] or 1))
                quantity = max(int(float(row[8] or 1)), 1)
                items = [(kind, row[4], price_of(row[7]), quantity)]
                yield int(row[0]), row[1], record, items, None, \
                    None


# The order of activities at the same moment: a page is viewed before it is bought from.
ORDER = {"view": 0, "search": 1, "cart": 2, "purchase": 3, "cart_remove": 4, "cart_update": 5,
         "cart_clear": 6, "refund": 7}


ALL = 1 << 20  # of a line, or of an order, is sent back


class Orders:
    """The lines of each visitor's orders, as their events arrive."""

    def __init__(self):
        self.lines = defaultdict(dict)  # visitor: {(order, item): [bought, returned, time]}

    def buy(self, visitor, order, items, when):
        """`items`: (item, quantity). Returns the line of each item, None if the order had it."""
        lines = self.lines[visitor]
        known = {item for item, _ in items if lines.get((order, item), [0])[0] > 0}
        bought = []
        for item, quantity in items:
            if item in known:
                bought.append(None)
                continue
            line = lines.setdefault((order, item), [0, 0, when])
            line[0] += quantity
            line[2] = when
            if (order, None) in lines:
                line[1] = ALL
            bought.append(line)
        return bought

    def send_back(self, visitor, order, item, quantity, when):
        """`order` None: the newest purchase of the item. `item` empty: the whole order."""
        lines = self.lines[visitor]
        if order is None:
            bought = [line for (_, of), line in lines.items()
                      if of == item and line[0] > line[1] and line[2] <= when]
            if bought:
                max(reversed(bought), key=lambda line: line[2])[1] += quantity
        elif item:
            lines.setdefault((order, item), [0, 0, when])[1] += quantity
        else:
            for (of, _), line in lines.items():
                if of == order:
                    line[1] = ALL
            lines.setdefault((order, None), [0, ALL, when])


def visitors_of(path):
    """Each visitor's activities in the order of time, then kind, then the file's order: (time,
    kind,     subject, price, channel, whether it counts)."""
    visitors = defaultdict(list)
    known, orders = set(), Orders()
    for number, (when, user, event_id, subjects, channel, transaction) in enumerate(
            read_events(path)):
        if event_id is not None:
            if (user, event_id) in known:
                continue
            known.add((user, event_id))
        lines = [None] * len(subjects)
        if subjects[0][0] == "purchase":
            order = transaction or (event_id, number)
            lines = orders.buy(user, order, [(item, count) for _, item, _, count in subjects], when)
            subjects = [subject for subject, line in zip(subjects, lines) if line]
            lines = [line for line in lines if line]
        elif subjects[0][0] == "refund":
            for _, item, _, count in subjects:
                orders.send_back(user, transaction or None, item, count, when)
        by_kind = defaultdict(list)
        for (kind, item, price, _), line in zip(subjects, lines):
            by_kind[kind].append((item, price, line))
        for kind, of_kind in by_kind.items():
            visitors[user].append((when, ORDER[kind], kind, of_kind, channel))
    return {user: what_counts(drop_double_clicks(sorted(events, key=lambda e: e[:2])))
            for user, events in visitors.items()}


def what_counts(activities):
    """With a flag in place of the order's line."""
    result, taken_out, cleared = [], {}, False
    for when, kind, item, price, channel, line in reversed(activities):
        counts = True
        if kind == "cart_clear":
            taken_out, cleared = {}, True
        elif kind in ("cart_remove", "purchase"):
            taken_out[item] = kind == "cart_remove"
        if kind == "cart":
            counts = not taken_out.get(item, cleared)
        elif kind == "purchase":
            counts = line[1] < line[0]
        result.append((when, kind, item, price, channel, counts))
    return result[::-1]


def drop_double_clicks(events):
    last_view = {}
    keep = []
    for when, _, kind, subjects, channel in events:
        if kind == "view":
            item = subjects[0][0]
            if item in last_view and when - last_view[item] < DOUBLE_CLICK_MS:
                continue
            last_view[item] = when
        keep.extend((when, kind, subject, price, channel, line)
                    for subject, price, line in subjects)
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
        for when, kind, item, *_, counts in activities:
            if previous is not None and when - previous > SESSION_GAP_MS:
                recent = {k: [] for k in KINDS}
            previous = when
            if kind not in recent or not counts:
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
        for when, kind, item, *_, counts in activities:
            if kind not in KINDS:
                continue
            row = rows[item]
            row[2] = when if row[2] is None else max(row[2], when)
            if counts:
                row[0][kind] += 1
                row[1].add(1, *growth(when, POPULAR_HALF_LIFE_MS))
    return {item: (counts["view"], counts["cart"], counts["purchase"],
                   weight.value(last // POPULAR_HALF_LIFE_MS, 1024), last)
            for item, (counts, weight, last) in rows.items()}


def trends_rows(visitors):
    rows = defaultdict(lambda: [{kind: Weight() for kind in KINDS}, Weight(), None])
    for activities in visitors.values():
        for when, kind, item, *_, counts in activities:
            if kind not in KINDS:
                continue
            row = rows[item]
            row[2] = when if row[2] is None else max(row[2], when)
            if counts:
                row[0][kind].add(1, *growth(when, POPULAR_HALF_LIFE_MS))
                row[1].add(1, *growth(when, QUICK_HALF_LIFE_MS))
    return {item: (*(slow[kind].value(last // POPULAR_HALF_LIFE_MS, 1024) for kind in KINDS),
                   quick.value(last // QUICK_HALF_LIFE_MS, 1024), last)
            for item, (slow, quick, last) in rows.items() if quick.parts}


def channels_rows(visitors):
    """Of each channel and item, all that was done, in views as they count at 1970. Nothing is taken
    back."""
    rows = defaultdict(Weight)
    for activities in visitors.values():
        for when, kind, item, _, channel, _ in activities:
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
        for _, kind, item, *_ in activities[:len(activities) - len(fitting(activities))]:
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
        known = [(when, channel) for when, _, _, _, channel, _ in activities if channel]
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
            (a["time"], a["kind"], a["subject"], a.get("price"), not a.get("taken_back"))
            for a in row["activities"]])
    return rows


def fitting(activities):
    """The newest ones."""
    room, count = (ROW_BYTES or sys.maxsize) - REST_BYTES, 0
    for _, _, subject, *_ in reversed(activities):
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

    return {user: (len(activities), [(w, k, i, single(p), counts) for w, k, i, p, _, counts in
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


def reference_of(entries):
    return max(last for _, _, last in entries.values()) * 1000 // RULES_HALF_LIFE_MS


def same_row(expected, found):
    """Whether two rows of co-occurrence have the same weights, to the last bit. The time at which a
    pair was last counted may be a later one: what is taken back takes back its weight, but not that
    time. Weights are decayed to it."""
    if not expected or not found or expected[1].keys() != found[1].keys():
        return expected == found
    scale = 2.0 ** (reference_of(expected[1]) - reference_of(found[1]))
    pairs = [(expected[1][item], found[1][item]) for item in found[1]]
    return expected[0] * scale == found[0] and all(
        (a[0] * scale, a[1] * scale) == b[:2] and a[2] <= b[2] for a, b in pairs)


def compare(name, expected, found):
    """Prints the first differences; returns (rows equal, rows different)."""
    same = same_row if name == "cooccurrence" else lambda a, b: a == b
    different = [key for key in expected.keys() | found.keys()
                 if not same(expected.get(key), found.get(key))]
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
