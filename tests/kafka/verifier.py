"""Judges what weft left behind, from the input topics alone: `read` gathers what is there, `judge`
recomputes what must be there and says what differs. No code of weft; its dumps of RocksDB are read,
never its arithmetic. `judge` needs no broker, so its own test feeds it made-up findings."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor

from avro import SingleObject
from protocol import Client, Unanswered, patiently
from shop import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests"))
import recount  # noqa: E402

INPUTS = ("view", "search", "cart", "purchase", "impression", "click", "user")
ACTIVITIES = INPUTS[:4]
# An erasure and a record that are written within this time of each other may change places.
SLACK_MS = 30_000
ACTIVITIES_MAX = 1000
ORDER_LINES_MAX = 128  # visitor.order.lines.max
EVENT_TIME_MIN_MS = 946684800000  # event.time.min.ms: an earlier timestamp of Kafka says nothing
AHEAD_MAX_MS = 300_000  # event.ahead.max.ms: an event further ahead gets the time of its record
FUTURE_MAX_MS = 86_400_000  # event.future.max.ms: an event further ahead is a dead letter
recount.ACTIVITIES_MAX = ACTIVITIES_MAX
WAIT_MAX_S = 120  # from an event to its commit, whatever breaks meanwhile
# Tables that each process and the in-process driver compute from the log, the same to the last bit.
DRIVER_TABLES = ("queries", "vectors", "weights")
PUBLISHED = ("-model", ".rankings", ".items")  # the next publisher ends what was open there
PAIR_REASONS = ("viewed_next", "viewed_together", "carted_together", "bought_together")
COUNTED_LISTS = ("viewed_next", "bought_together", "goes_with")
MODEL_TABLES = ("cooccurrence", "popularity", "trends", "channels")
ACTIVITY_KINDS = ("view", "search", "cart", "purchase", "cart_remove", "cart_update", "cart_clear",
                  "refund")


def outputs(name):
    return [f"{name}-interactions", f"{name}-visitor-changelog", f"{name}.recommendations",
            f"{name}.rankings", f"{name}.items", f"{name}-dead-letters", f"{name}-late",
            f"{name}-model"]


def compacted(name):
    return [f"{name}-visitor-changelog", f"{name}.recommendations", f"{name}.rankings",
            f"{name}.items"]


class Found:
    """What there is. Offsets are those of Kafka; visitors are keys as text."""

    def __init__(self):
        self.inputs = []        # (kind, partition, offset, key, value), every committed record
        self.interactions = []  # records of the log, in its order
        self.weights = []       # the ranker's records of the log
        self.strangers = []     # records of the log that are neither
        self.dead = []          # (kind, partition, offset) of each dead letter
        self.late = []
        self.times = {}         # (kind, partition, offset): when it was written, ms
        self.changelog = {}     # visitor: (partition, record), the newest
        self.lists = {}         # visitor: record, the newest
        self.models = {}        # instance: (cooccurrence, popularity, trends, channels) rows
        self.rankings = []      # (key, value) of each record
        self.items = []         # likewise, of the lists of items
        self.local = {}         # instance: (partitions that it owns, {visitor: row})
        self.local_sides = {}   # instance: {visitor: what else is kept of them, as side()}
        self.ends = {}          # (output topic, partition): (end, last stable offset)
        self.publisher_killed = False  # at the end; it may have been in mid-snapshot
        self.input_ends = {}    # (kind, partition): end
        self.committed = {}     # (kind, partition): the group's offset
        self.longest_wait_s, self.longest_wait_at = 0.0, ""  # of an event for its commit
        self.catalogue = {}     # item: (partition, product), the newest that are not deleted
        self.catalogue_moves = False  # products came, changed or went
        self.products = {}      # instance: how many products it has
        self.driver = {}        # table: rows that the in-process driver computes from the log
        self.copies = {}        # (instance, table): the same rows of a process


# ---- reading ----

HEADER = re.compile(rb"__weft\.errors\.topic=(.*?),__weft\.errors\.partition=(\d+),"
                    rb"__weft\.errors\.offset=(\d+),")


def read_topic(address, topic, isolation="read_committed", times=None):
    """[(partition, offset, key, value or None, headers)]; `times` takes when each was written, by
    (partition, offset)."""
    out = subprocess.run(
        ["kcat", "-C", "-q", "-e", "-b", address, "-t", topic, "-o", "beginning", "-X",
         f"isolation.level={isolation}", "-X", "fetch.wait.max.ms=10", "-X",
         "topic.auto.offset.reset=earliest", "-f", "%p %o %T %K %S %h\\n%k%s"],
        capture_output=True, check=True, timeout=120).stdout
    rows, at = [], 0
    while at < len(out):
        line_end = out.index(b"\n", at)
        partition, offset, when, key_size, size, headers = out[at:line_end].split(b" ", 5)
        at = line_end + 1
        key = out[at:at + max(int(key_size), 0)]
        at += len(key)
        value = out[at:at + max(int(size), 0)] if int(size) >= 0 else None
        at += len(value or b"")
        rows.append((int(partition), int(offset), key, value, headers))
        if times is not None:
            times[int(partition), int(offset)] = int(when)
    return rows


def read_inputs(address, topic):
    """{(partition, offset): (key, value, when it was written)}"""
    times = {}
    return {row[:2]: (row[2], row[3], times[row[:2]])
            for row in read_topic(address, topic, times=times)}


def newest_by_key(rows, decode):
    newest = {}
    for partition, _, key, value, _ in sorted(rows, key=lambda row: row[:2]):
        if value is None:
            newest.pop(key.decode(), None)
        else:
            newest[key.decode()] = (partition, decode(value))
    return newest


def failed_places(rows, name):
    """Which input each dead letter was."""
    places = []
    for *_, headers in rows:
        match = HEADER.search(headers)
        topic = match.group(1).decode()
        places.append((topic[len(name) + 1:], int(match.group(2)), int(match.group(3))))
    return places


def read_offsets(found, address, name):
    client = Client(address)
    inputs = [f"{name}.{kind}" for kind in INPUTS]

    def short(rows):
        return {(topic[len(name) + 1:], partition): offset
                for (topic, partition), offset in rows.items()}

    found.input_ends = short(patiently(lambda: client.ends(inputs, False)))
    found.committed = short(patiently(lambda: client.committed(name, inputs)))
    high = patiently(lambda: client.ends(outputs(name), False))
    stable = patiently(lambda: client.ends(outputs(name), True))
    found.ends = {place: (high[place], stable[place]) for place in high}
    client.close()


def catalogue(name, address):
    return newest_by_key(read_topic(address, f"{name}.product"), json.loads)


def read(shop, address, owners, states, log_isolation="read_committed", taken=()):
    """`owners`: {instance: partitions that it has}; `states`: {instance: state.dir}; `taken`:
    [(input topic, the answer of read_inputs() before records were taken away)]."""
    name, found = shop.name, Found()
    in_log = SingleObject(ROOT, "interaction", "weights")
    in_changelog = SingleObject(ROOT, "visitor")
    inputs = {f"{name}.{kind}": kind for kind in INPUTS}
    there = {topic: {} for topic in inputs}
    for topic, records in taken:
        there[topic].update(records)
    with ThreadPoolExecutor(4) as pool:
        rows = dict(zip(outputs(name), pool.map(
            lambda topic: read_topic(address, topic, log_isolation if topic.endswith(
                "-interactions") else "read_committed"), outputs(name))))
        for topic, records in zip(inputs, pool.map(
                lambda topic: read_inputs(address, topic), inputs)):
            there[topic].update(records)
        dumps = {}
        for instance, folder in states.items():
            for table in ("visitor", *MODEL_TABLES):
                dumps[instance, table] = pool.submit(dump, shop, table, folder)
            for table in DRIVER_TABLES:
                dumps[instance, table] = pool.submit(dump, shop, table, folder)
        for table in DRIVER_TABLES:
            dumps["driver", table] = pool.submit(dump, shop, table, None)
        dumps = {key: future.result() for key, future in dumps.items()}
    for (instance, table), path in dumps.items():
        if table in DRIVER_TABLES:
            with open(path) as file:
                lines = sorted(file.read().splitlines())
            os.unlink(path)
            if instance == "driver":
                found.driver[table] = lines
            else:
                found.copies[instance, table] = lines
    for topic, kind in inputs.items():
        for place, (key, value, when) in there[topic].items():
            found.inputs.append((kind, *place, key, value))
            found.times[kind, *place] = when
    log = sorted(rows[f"{name}-interactions"], key=lambda row: row[1])
    for *_, value, _ in log:
        kind, record = in_log.decode(value)
        {"interaction": found.interactions, "weights": found.weights}.get(
            kind, found.strangers).append(record)
    found.dead = failed_places(rows[f"{name}-dead-letters"], name)
    found.late = failed_places(rows[f"{name}-late"], name)
    found.changelog = newest_by_key(rows[f"{name}-visitor-changelog"],
                                    lambda value: in_changelog.decode(value)[1])
    found.lists = {key: record for key, (_, record) in newest_by_key(
        rows[f"{name}.recommendations"], json.loads).items()}
    found.rankings = [(key.decode(), value) for _, _, key, value, _ in rows[f"{name}.rankings"]]
    for instance in states:
        paths = [dumps[instance, table] for table in ("visitor", *MODEL_TABLES)]
        found.local[instance] = (owners.get(instance, []), recount.dumped_visitors(paths[0]))
        found.local_sides[instance] = {row["visitor"]: side(row)
                                       for row in recount.read_dump(paths[0])}
        found.models[instance] = (recount.dumped_cooccurrence(paths[1]),
                                  recount.dumped_popularity(paths[2]),
                                  recount.dumped_trends(paths[3]),
                                  recount.dumped_channels(paths[4]))
        for path in paths:
            os.unlink(path)
    found.items = [(key.decode(), value) for _, _, key, value, _ in rows[f"{name}.items"]]
    found.catalogue = catalogue(name, address)
    found.catalogue_moves = bool(read_topic(address, f"{name}.product"))
    read_offsets(found, address, name)
    return found


NOTHING = (False, "", "", 0, 0, "", 0, ())


def side(record):
    """What is kept of a visitor beside the activities; NOTHING of one who has none of it."""
    lines = record["order_lines"]  # in a dump their number
    return (record["refused"], record["gender"], record["age_group"], record["impressions"],
            record["clicks"], record["channel"], lines if isinstance(lines, int) else len(lines),
            tuple(record["cart"]))


def dump(shop, table, folder):
    """A dump of a state, through a copy: the process may be writing on. Without a folder, the table
    that the in-process driver computes from the log."""
    handle, path = tempfile.mkstemp(prefix=f"dump-{table}-", dir=shop.folder)
    with os.fdopen(handle, "w") as file:
        subprocess.run([os.environ.get("WEFT", os.path.join(ROOT, "build", "weft")), "get", "table",
                        table, *shop.common(), *(["--set", f"state.dir={folder}"] if folder else
                                                 ["--from", "topics"])], stdout=file,
                       check=True, stderr=subprocess.PIPE)
    return path


# ---- recomputing ----

def without_nulls(value):
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


def decode(avro, value):
    """The event of a record in Avro. The schema ids of Confluent's framing are the places of the
    kinds in ACTIVITIES, from 1 on."""
    if value[:1] == b"\0":
        value = list(avro.decoders)[int.from_bytes(value[1:5], "big") - 1] + value[5:]
    return avro.decode(value)[1]


def accept(found):
    """Returns [(partition, event, time of writing)] of the accepted events, in the order of their
    topics, and the places of the dead letters. weft may refuse records that are no JSON, or whose
    key is not the visitor's."""
    events, dead, avro = [], [], SingleObject(ROOT, *ACTIVITIES)
    for kind, partition, offset, key, value in found.inputs:
        try:
            if kind == "user" and value is None:
                event = {"user_id": key.decode(), "erased": True}
            elif value[:1] in (b"\xc3", b"\0"):
                event = without_nulls(decode(avro, value))
            else:
                event = json.loads(value)
            if key.decode() != (event.get("user_id") or event["visitor_id"]):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            dead.append((kind, partition, offset))
            continue
        event["type"] = kind
        written = found.times.get((kind, partition, offset), 0)
        ahead = event.get("event_time", 0) - written
        if written >= EVENT_TIME_MIN_MS and ahead > AHEAD_MAX_MS:
            if ahead > FUTURE_MAX_MS:
                dead.append((kind, partition, offset))
                continue
            event["event_time"] = written
        events.append((partition, event, written))
    return events, dead


class Expected:
    def __init__(self, found):
        events, self.dead = accept(found)
        self.partitions = {}
        self.places = {}  # (event_id, position): visitor
        self.channels = {}  # (event_id, position): the channel that it came by; None: not known
        self.latest = {}
        self.guests = {}  # visitors who are erased at times: [(when it was written, event)]
        self.guest_places = set()
        self.declared, self.impressions, self.clicks = {}, {}, {}
        self.seconds = {}  # visitor: those in which the visitor's events happened
        activities, orders = [], recount.Orders()
        self.taken_back = Counter()  # (kind, item, time): activities that no longer count
        for partition, event, when in events:
            visitor = event.get("user_id") or event["visitor_id"]
            if not take_new_items(orders, visitor, event):
                continue
            self.partitions[visitor] = partition
            if "event_time" in event:
                self.seconds.setdefault(visitor, set()).add(event["event_time"] // 1000)
            if event["type"] in ACTIVITIES:
                self.channels.update(dict.fromkeys(
                    places(event), recount.channel_name(event.get("channel"))))
            if visitor.startswith("guest"):
                self.guests.setdefault(visitor, []).append((when, event))
                if event["type"] in ACTIVITIES:
                    self.guest_places.update(places(event))
            elif event["type"] in ACTIVITIES:
                activities.append(event)
                self.latest[visitor] = max(self.latest.get(visitor, 0), event["event_time"])
                self.places.update(dict.fromkeys(places(event), visitor))
            self.expose(visitor, event)
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            for event in activities:
                file.write(json.dumps(event) + "\n")
            file.flush()
            visitors = recount.visitors_of(file.name) if activities else {}
        self.visitors = recount.expected_visitors(visitors)
        for of_visitor in visitors.values():
            self.taken_back.update((kind, item, when) for when, kind, item, _, _, counts in
                                   of_visitor if not counts)
        channel_of, carts = recount.newest_channels(visitors), recount.carts_of(visitors)
        self.sides = {visitor: (False, *self.declared.get(visitor, ("", "")),
                                len(self.impressions.get(visitor, ())),
                                len(self.clicks.get(visitor, ())), channel_of.get(visitor, ""),
                                min(len(orders.lines.get(visitor, ())), ORDER_LINES_MAX),
                                tuple(carts.get(visitor, ())))
                      for visitor in self.partitions if visitor not in self.guests}
        for visitor, of_them in self.sides.items():
            if of_them != NOTHING:  # who was only shown something has a row, too
                self.visitors.setdefault(visitor, (0, []))
        self.cooccurrence = recount.cooccurrence_rows(visitors)
        self.popularity = recount.popularity_rows(visitors)
        self.trends = recount.trends_rows(visitors)
        self.taken = recount.channels_rows(visitors)
        for table in (self.cooccurrence, self.popularity, self.trends, self.taken):
            for key in [key for key in table if of_guest(key)]:
                del table[key]

    def expose(self, visitor, event):
        kind, item = event["type"], event.get("item", {}).get("item_id")
        if kind == "user" and "erased" not in event:
            self.declared[visitor] = (event.get("gender", ""), event.get("age_group", ""))
        elif kind == "impression":
            self.impressions.setdefault(visitor, set()).add(event["event_id"])
        elif item and "recommendation_id" in event:
            self.clicks.setdefault(visitor, set()).add(
                (event["recommendation_id"], event["placement"], item))


def of_guest(key):
    """Whether a row of the model is of an item of guests or liars. Their sum is not judged."""
    return (key if isinstance(key, str) else key[-1]).startswith("g")


def take_new_items(orders, visitor, event):
    """Leaves out the items that the order already has. False: it has all of them."""
    if event["type"] != "purchase":
        return True
    order, when = event["transaction_id"], event["event_time"]
    items = [(row["item_id"], max(row.get("quantity", 1), 1)) for row in event.get("items", [])]
    if event.get("status", "completed") != "completed":
        for item, quantity in items or [("", 1)]:
            orders.send_back(visitor, order, item, quantity, when)
        return True
    lines = orders.buy(visitor, order, items, when)
    event["items"] = [row for row, line in zip(event["items"], lines) if line]
    return bool(event["items"])


def places(event):
    """(event_id, position) of each activity that an event makes."""
    count = max(len(event.get("items", [])), 1)
    return [(event["event_id"], position) for position in range(count)]


def sequence(record):
    """(accepted, [(time, kind, subject, price, whether it counts)]) of a changelog's record."""
    when, activities, taken_back, at = 0, [], set(), 0
    for more in record.get("taken_back", ()):
        at += more
        taken_back.add(at)
    for position, activity in enumerate(record["activities"]):
        when += activity["elapsed_ms"]
        price = activity["price"]
        activities.append((when, ACTIVITY_KINDS[activity["kind"]], activity["subject"],
                           None if price != price else float("%.9g" % price),
                           position not in taken_back))
    return record["accepted"], activities


# ---- judging ----

def some(keys):
    shown = sorted(map(str, keys))
    return f"{len(shown)}: {', '.join(shown[:4])}"


def differences(expected, found):
    return [key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)]


def judge_log(expected, found, once, say):
    """Returns how many activities are in the log more than once."""
    times = Counter((row["event_id"], row["position"]) for row in found.interactions
                    if row["event_id"] and is_activity(row))
    missing = expected.places.keys() - times.keys()
    unknown = times.keys() - expected.places.keys() - expected.guest_places
    twice = [place for place, count in times.items() if count > 1]
    if missing:
        say(f"events missing in the interactions log, {some(missing)}")
    if unknown:
        say(f"events in the interactions log that no input has, {some(unknown)}")
    if twice and once:
        say(f"events more than once in the interactions log, {some(twice)}")
    if found.strangers:
        say(f"records of the interactions log that nobody can read: {len(found.strangers)}")
    logged = [((row["event_id"], row["position"]), row.get("channel"))
              for row in found.interactions if is_activity(row)]
    judge_changes(expected, found, once, say)
    wrong = [place for place, channel in logged if place not in unknown
             and channel != expected.channels.get(place)]  # joints have none
    if wrong:
        say(f"events whose channel in the interactions log is not the one that they came by, "
            f"{some(wrong)}")
    numbers = {}
    for row in found.weights:
        numbers.setdefault(row["source"], []).append(row["number"])
    uneven = [source for source, row in numbers.items() if row != list(range(1, len(row) + 1))]
    if uneven and once:
        say(f"rankers whose records are not numbered 1, 2, ..., {some(uneven)}")
    return sum(times[place] - 1 for place in twice)


def is_activity(row):
    """Whether a record of the log is of a new activity. Others take one back, or count it again."""
    return row.get("change", "activity") == "activity"


def judge_changes(expected, found, once, say):
    taken_back = Counter()
    for row in found.interactions:
        if not is_activity(row) and not of_guest(row["subject"]):
            place = row["kind"], row["subject"], row["event_time"]
            taken_back[place] += 1 if row["change"] == "taken_back" else -1
    wrong = [place for place in taken_back.keys() | expected.taken_back.keys()
             if taken_back[place] != expected.taken_back[place] and not of_guest(place[1])]
    if wrong and once:
        say(f"carts and purchases that are taken back in the log and should not be, or the "
            f"reverse, "
            f"{some(wrong)}")


def judge_dead(expected, found, once, say):
    times = Counter(found.dead)
    wrong = [place for place in set(expected.dead) | set(times)
             if (times[place] != 1 if once else times[place] < 1) or place not in expected.dead]
    if wrong:
        say(f"dead letters that are missing, doubled or not dead, {some(wrong)}")
    if found.late:
        say(f"late records though nothing may be too late, {some(found.late)}")


def judge_visitors(expected, found, once, say):
    log = {key: sequence(record) for key, (_, record) in found.changelog.items()}
    if once:
        wrong = differences(expected.visitors, {key: row for key, row in log.items()
                                                if key not in expected.guests})
    else:  # every activity is there
        wrong = [key for key, (_, activities) in expected.visitors.items()
                 if Counter(activities) - Counter(log.get(key, (0, []))[1])]
    if wrong:
        say(f"visitors whose sequence in the changelog is not the recomputed one, {some(wrong)}; "
            f"expected {expected.visitors.get(wrong[0])}, found {log.get(wrong[0])}")
    strayed = [key for key, (partition, _) in found.changelog.items()
               if expected.partitions.get(key, partition) != partition]
    if strayed:
        say(f"visitors in another partition of the changelog, {some(strayed)}")
    for instance, (owned, rows) in found.local.items():
        wrong = [key for key, partition in expected.partitions.items()
                 if partition in owned and rows.get(key) != log.get(key)]
        if wrong:
            say(f"instance {instance}: visitors whose local state is not that of the changelog, "
                f"{some(wrong)}; changelog {log.get(wrong[0])}, local {rows.get(wrong[0])}")


def judge_sides(expected, found, once, say):
    log = {key: side(record) for key, (_, record) in found.changelog.items()}
    wrong = [key for key, of_them in expected.sides.items() if log.get(key, NOTHING) != of_them]
    if wrong and once:
        say(f"visitors with other declarations, impressions, clicks or channels, {some(wrong)}; "
            f"expected {expected.sides[wrong[0]]}, found {log.get(wrong[0])}")
    for instance, rows in found.local_sides.items():
        owned, _ = found.local[instance]
        wrong = [key for key, partition in expected.partitions.items()
                 if partition in owned and rows.get(key) != log.get(key)]
        if wrong:
            say(f"instance {instance}: visitors whose row differs from the changelog, "
                f"{some(wrong)}")


def judge_times(expected, found, say):
    """Items count as shown since an event of the visitor, not since a time of a machine's clock."""
    wrong = [key for key, (_, record) in found.changelog.items() if record.get("shown") and
             record["shown_since"] not in expected.seconds.get(key, ())]
    if wrong:
        say(f"visitors whose items count as shown since a time at which nothing happened, "
            f"{some(wrong)}; {found.changelog[wrong[0]][1]['shown_since']}")


def judge_guest(visitor, records, logged, found, say):
    """What is kept of one who is erased at times are the last of their accepted events, without a
    gap, none of them from well before the last erasure, and all from well after it; of one who
    refused last it is that alone."""
    users = [(when, event) for when, event in records if event["type"] == "user"]
    erasing = [at for at, (_, event) in enumerate(users)
               if event.get("erased") or event.get("consent") is False]
    refusals = [event for _, event in users if event.get("consent") is False]
    refused = bool(users) and users[-1][1].get("consent") is False
    _, record = found.changelog.get(visitor, (0, None))
    stored = [] if record is None else [row[2] for row in sequence(record)[1]]
    if refused != (record is not None and record["refused"]):
        say(f"{visitor} refused last: {refused}, in the changelog: {not refused}")
    if refused and (stored or side(record)[1:] != NOTHING[1:]):
        say(f"{visitor} refused, but something is kept of them: {record}")
    event_of, written = {}, {}
    for when, event in records:
        if event["type"] in ACTIVITIES:
            written[event["event_id"]] = when
            for item in event.get("items") or [event["item"]]:
                event_of[item["item_id"]] = event
    ids = {event_of[item]["event_id"] for item in stored if item in event_of}
    if any(item not in event_of for item in stored) or ids != set(logged[len(logged) - len(ids):]):
        say(f"{visitor}: what is kept are not their last accepted events: {sorted(ids)}, accepted "
            f"{logged[-12:]}")
    if not refusals and set(written) - set(logged):
        say(f"{visitor} never refused, but events are not in the log: {set(written) - set(logged)}")
    came = max(((event_of[item]["event_time"], channel) for item in stored if item in event_of
                if (channel := recount.channel_name(event_of[item].get("channel")))),
               default=(0, ""))
    if record is not None and record["channel"] != came[1]:
        say(f"{visitor} came by '{came[1]}' last, kept is '{record['channel']}'")
    cut = None
    if erasing:  # a refusal holds until the next record
        cut = users[min(erasing[-1] + (not users[erasing[-1]][1].get("erased")), len(users) - 1)][0]
    old = [key for key in ids if cut is not None and written[key] < cut - SLACK_MS]
    lost = [key for key, when in written.items()
            if not refused and key not in ids and (cut is None or when > cut + SLACK_MS)]
    if old:
        say(f"{visitor} was erased, but what was before is kept: {old}")
    if lost:
        say(f"{visitor}: events since the last erasure are not kept: {lost}")
    newest = max((event_of[item]["event_time"] for item in stored if item in event_of),
                 default=None)
    if found.lists.get(visitor, {}).get("source_event_time") != newest:
        say(f"{visitor}: the newest event that is kept is of {newest}, the list's of "
            f"{found.lists.get(visitor, {}).get('source_event_time')}")


def judge_guests(expected, found, say):
    place = {}
    for at, row in enumerate(found.interactions):
        place.setdefault(row["event_id"], at)
    for visitor, records in expected.guests.items():
        logged = sorted({event["event_id"] for _, event in records
                         if event["type"] in ACTIVITIES and event["event_id"] in place},
                        key=place.get)
        judge_guest(visitor, records, logged, found, say)


def judge_models(expected, found, doubled, say):
    for instance, (cooccurrence, popularity, trends, channels) in found.models.items():
        cooccurrence, popularity, trends, channels = (
            {key: row for key, row in table.items() if not of_guest(key)}
            for table in (cooccurrence, popularity, trends, channels))
        if doubled:  # what is counted twice is known; nothing may be missing
            wrong = [item for item, row in expected.popularity.items()
                     if any(a < b for a, b in zip(popularity.get(item, (0, 0, 0)), row[:3]))]
            if wrong:
                say(f"instance {instance}: items that were counted too seldom, {some(wrong)}")
            continue
        wrong = [key for key in expected.cooccurrence.keys() | cooccurrence.keys()
                 if not recount.same_row(expected.cooccurrence.get(key), cooccurrence.get(key))]
        if wrong:
            say(f"instance {instance}: co-occurrence rows that differ, {some(wrong)}")
        wrong = differences(expected.popularity, popularity)
        if wrong:
            say(f"instance {instance}: popularity rows that differ, {some(wrong)}")
        wrong = differences(expected.trends, trends)
        if wrong:
            say(f"instance {instance}: trends rows that differ, {some(wrong)}")
        wrong = differences(expected.taken, channels)
        if wrong:
            say(f"instance {instance}: what is taken by channels differs, {some(wrong)}")


def judge_rankings(found, say):
    """Whoever publishes, the same offset of the log gives the same bytes, with the same catalogue.
    Nothing tells which catalogue a ranking had, so it must stand still."""
    if found.catalogue_moves:
        return
    values = defaultdict(set)
    for key, value in found.rankings:
        if value is not None:
            values[key, json.loads(value)["offset"]].add(value)
    wrong = [key for key, different in values.items() if len(different) > 1]
    if wrong:
        say(f"rankings of one offset that differ, {some(wrong)}")


def known_pairs(expected, found):
    """{item: the others} of the recomputed co-occurrence and of the log: a late event may have
    taken pairs of the log back since."""
    pairs = defaultdict(set)
    for (_, _, item), (_, entries) in expected.cooccurrence.items():
        pairs[item].update(entries)
    for row in found.interactions:
        after = [neighbour["item_id"] for neighbour in row.get("after", ())]
        for other in [*row.get("before", ()), *after]:
            pairs[row["subject"]].add(other)
            pairs[other].add(row["subject"])
    return pairs


def judge_items(expected, found, say):
    """The same offset, catalogue and rules give the same lists, whoever publishes. Only the lists
    that are counts are compared: with many products that are equally similar, a process chooses. A
    list names pairs that there are, of at most all pairs, and never the item itself."""
    values, pairs, wrong = defaultdict(set), known_pairs(expected, found), []
    for key, value in found.items:
        record = json.loads(value) if value is not None else {"lists": []}
        if record["lists"]:
            values[key, record["offset"], record["catalogue"], record["rules"]].add(json.dumps(
                [row for row in record["lists"] if row["list"] in COUNTED_LISTS]))
        for row in record["lists"]:
            items = [item["item_id"] for item in row["items"]]
            if key in items or len(items) != len(set(items)):
                wrong.append((key, row["list"], "itself, or one twice"))
            for item in row["items"] if row["list"] in COUNTED_LISTS else ():
                known = of_guest(item["item_id"]) or of_guest(key) or \
                    item["item_id"] in pairs[key]
                if not known or not 0 < item["score"] < 1.000002:
                    wrong.append((key, row["list"], item["item_id"]))
    if wrong:
        say(f"lists of items with unknown pairs, {some(wrong)}")
    differ = [key for key, different in values.items() if len(different) > 1]
    if differ:
        say(f"lists of items of one offset that differ, {some(differ)}")


def judge_lists(expected, found, say):
    old = [visitor for visitor, when in expected.latest.items()
           if found.lists.get(visitor, {}).get("source_event_time") != when]
    if old:
        say(f"visitors whose last list is missing or older than their last event, {some(old)}")
    unknown = found.lists.keys() - expected.latest.keys() - expected.guests.keys()
    if unknown:
        say(f"lists of visitors that no input has, {some(unknown)}")


def judge_list_contents(expected, found, say):
    """Each cause is an item of the visitor, or of the page that the list is for. Pairs that a list
    names are known ones. No item stands in a list twice."""
    pairs = known_pairs(expected, found)
    twice, strange, unpaired = [], [], []
    for visitor, record in found.lists.items():
        _, row = found.changelog.get(visitor, (0, {"activities": []}))
        own = {activity["subject"] for activity in row["activities"]}
        for entry in record.get("lists", ()):
            ids = [item["item_id"] for item in entry["items"]]
            if len(ids) > len(set(ids)):
                twice.append(f"{visitor}/{entry['placement']}")
            for item in entry["items"]:
                cause, shown = item.get("because_item_id"), item["item_id"]
                if item["reason"] in ("viewed_before", "bought_before") and \
                        (cause is not None or shown not in own):
                    strange.append(f"{visitor}/{entry['placement']}: {shown} {item['reason']}")
                if cause is None:
                    continue
                if cause not in own and cause != entry.get("context_item_id"):
                    strange.append(f"{visitor}/{entry['placement']}: {cause}")
                if item["reason"] in PAIR_REASONS and shown not in pairs[cause] and \
                        not (shown + cause).startswith("g") and not cause.startswith("g"):
                    unpaired.append(f"{visitor}: {shown} {item['reason']} {cause}")
    if twice:
        say(f"lists with an item twice, {some(twice)}")
    if strange:
        say(f"lists with a cause that the visitor does not know, {some(strange)}")
    if unpaired:
        say(f"lists with a pair that nobody made, {some(unpaired)}")


def merges(rows):
    """How many records of the ranker a table knows; None: it is another table."""
    match = re.search(r'"merges":(\d+)', rows[0]) if rows else None
    return match and match.group(1)


def judge_driver(found, say):
    """A process that stops writes a last record of its ranker. Processes that stopped before do not
    know it, so their rankers are not compared."""
    for (instance, table), rows in found.copies.items():
        if merges(rows) == merges(found.driver[table]) and rows != found.driver[table]:
            wrong = set(rows) ^ set(found.driver[table])
            say(f"instance {instance}: rows of {table} that are not those of the in-process driver "
                f"on the same log, {some(text[:300] for text in wrong)}")


def judge_catalogue(found, say):
    wrong = [f"instance {instance}: {count}" for instance, count in found.products.items()
             if count != len(found.catalogue)]
    if wrong:
        say(f"catalogues that have not the topic's {len(found.catalogue)} products, {some(wrong)}")


def judge_wait(found, say):
    if found.longest_wait_s > WAIT_MAX_S:
        say(f"an event of {found.longest_wait_at} waited {found.longest_wait_s:.0f} s for its "
            f"commit, longer than {WAIT_MAX_S} s")


def judge_offsets(found, say):
    last = {}
    for kind, partition, offset, _, _ in found.inputs:
        last[kind, partition] = max(last.get((kind, partition), -1), offset)
    # Behind the last record there may be marks of transactions, which are no records.
    wrong = [place for place, end in found.input_ends.items()
             if not last.get(place, -1) + 1 <= found.committed.get(place, 0) <= end]
    if wrong:
        say(f"input partitions whose committed offset is not their end, {some(wrong)}")
    hanging = [place for place, (end, stable) in found.ends.items() if end != stable and
               not (found.publisher_killed and place[0].endswith(PUBLISHED))]
    if hanging:
        say(f"output partitions with a transaction that hangs, {some(hanging)}")


def judge(found, once=True, expected=None):
    """(what is wrong, one text each; activities counted more than once). `once` is false for
    at_least_once, where nothing may be missing. `expected`: when it was recomputed already."""
    wrong = []
    expected = expected or Expected(found)
    if not expected.places or not found.models:
        wrong.append("there is nothing to judge")
    doubled = judge_log(expected, found, once, wrong.append)
    judge_dead(expected, found, once, wrong.append)
    judge_visitors(expected, found, once, wrong.append)
    judge_sides(expected, found, once, wrong.append)
    judge_times(expected, found, wrong.append)
    if once:
        judge_guests(expected, found, wrong.append)
    judge_models(expected, found, doubled, wrong.append)
    judge_rankings(found, wrong.append)
    judge_items(expected, found, wrong.append)
    judge_lists(expected, found, wrong.append)
    if once:
        judge_list_contents(expected, found, wrong.append)
    judge_driver(found, wrong.append)
    judge_catalogue(found, wrong.append)
    judge_wait(found, wrong.append)
    judge_offsets(found, wrong.append)
    return wrong, doubled


def settled(client, name):
    """None when nothing is left to read and no transaction is open; else what is left."""
    try:
        inputs = [f"{name}.{kind}" for kind in INPUTS]
        committed = client.committed(name, inputs)
        behind = {place: end - committed.get(place, 0)
                  for place, end in client.ends(inputs, True).items()
                  if end > committed.get(place, 0)}
        if behind:
            return f"unread: {behind}"
        high, stable = client.ends(outputs(name), False), client.ends(outputs(name), True)
        opened = [place for place in high if high[place] != stable[place]]
        return f"open transactions: {opened}" if opened else None
    except (Unanswered, OSError) as error:
        return str(error)
