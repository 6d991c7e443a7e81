"""Deliberate faults in what the verifier reads: it must report each. A mutation changes a copy of
the findings, as the fault in weft would have."""

import copy
import json
from fractions import Fraction

from verifier import DRIVER_TABLES, WAIT_MAX_S, side


def some_visitor(found):
    """One with several activities, whose local row somebody owns."""
    return max(visitors(found),
               key=lambda visitor: (len(found.changelog[visitor][1]["activities"]), visitor))


def visitors(found):
    return sorted(visitor for visitor in found.changelog if not visitor.startswith("guest"))


def some_guest(found):
    return max((visitor for visitor in found.changelog if visitor.startswith("guest")),
               key=lambda visitor: (len(found.changelog[visitor][1]["activities"]), visitor))


def change(found, visitor, **fields):
    """The visitor's row in the changelog, and so in the local state."""
    partition, record = found.changelog[visitor]
    found.changelog[visitor] = (partition, {**record, **fields})
    of_them = side(found.changelog[visitor][1])
    for instance, (owned, _) in found.local.items():
        if partition in owned:
            found.local_sides[instance][visitor] = of_them


def forget_last(found, visitor, everywhere=True):
    """The visitor's row as it was before the last activity."""
    partition, record = found.changelog[visitor]
    if everywhere:
        last = len(record["activities"]) - 1
        taken_back = record.get("taken_back", [])
        if sum(taken_back) == last and taken_back:
            taken_back = taken_back[:-1]
        record = dict(record, accepted=record["accepted"] - 1,
                      activities=record["activities"][:-1], taken_back=taken_back)
        found.changelog[visitor] = (partition, record)
    for owned, rows in found.local.values():
        if partition in owned and visitor in rows:
            accepted, activities = rows[visitor]
            rows[visitor] = (accepted - 1, activities[:-1])


def of_guest(item):
    """Of these only what is kept is known, so their counts are not judged."""
    return item.startswith("g")


def event_lost(found):
    rows = [at for at, row in enumerate(found.interactions)
            if row["event_id"] and not of_guest(row.get("subject", "")) and
            row.get("change", "activity") == "activity"]
    found.interactions.pop(rows[len(rows) // 2])


def event_doubled(found):
    rows = [row for row in found.interactions if row.get("change", "activity") == "activity"]
    found.interactions.append(rows[len(rows) // 2])


def weights_doubled(found):
    found.weights += 2 * (found.weights[-1:] or [{"source": 1, "number": 1}])


def stale_row(found):
    forget_last(found, some_visitor(found))


def list_missing(found):
    del found.lists[some_visitor(found)]


def list_old(found):
    visitor = some_visitor(found)
    found.lists[visitor] = dict(found.lists[visitor], source_event_time=found.lists[visitor][
        "source_event_time"] - 1000)


def aborted_counted(found):
    record = dict(found.interactions[0], event_id="of an aborted transaction")
    found.interactions.append(record)


def taken_back_lost(found):
    """A cart that was emptied, or a purchase that was sent back, still counts."""
    found.interactions.remove(next(row for row in found.interactions
                                   if row.get("change") == "taken_back" and
                                   not of_guest(row["subject"])))


def taken_back_twice(found):
    found.interactions.append(next(row for row in found.interactions
                                   if row.get("change") == "taken_back" and
                                   not of_guest(row["subject"])))


def taken_back_not_in_row(found):
    visitor = max(key for key in visitors(found) if found.changelog[key][1].get("taken_back"))
    partition, record = found.changelog[visitor]
    record = {**record, "taken_back": []}
    found.changelog[visitor] = (partition, record)
    for owned, rows in found.local.values():
        if partition in owned:
            accepted, activities = rows[visitor]
            rows[visitor] = (accepted, [(*row[:4], True) for row in activities])


def taken_back_in_one_model(found):
    """A purchase that was sent back still counts in one process."""
    popularity = found.models[sorted(found.models)[-1]][1]
    row = next(row for row in found.interactions if row.get("change") == "taken_back" and
               row["kind"] == "purchase" and row["subject"] in popularity)
    view, cart, purchase, recent, last = popularity[row["subject"]]
    popularity[row["subject"]] = (view, cart, purchase + 1, recent + 1, last)


def commit_without_batch(found):
    """The offsets of a batch were committed, its rows are nowhere, and the state was then read back
    from the changelog: a handful of visitors are one event behind, in both."""
    for visitor in visitors(found)[:5]:
        forget_last(found, visitor)


def batch_not_restored(found):
    """The same with the rows in the changelog, but not read back from it."""
    for visitor in visitors(found)[:5]:
        forget_last(found, visitor, everywhere=False)


def one_model_differs(found):
    instance = sorted(found.models)[-1]
    popularity = found.models[instance][1]
    item = min(item for item in popularity if not of_guest(item))
    view, cart, purchase, recent, last = popularity[item]
    popularity[item] = (view + 1, cart, purchase, recent, last)


def one_trend_differs(found):
    trends = found.models[sorted(found.models)[-1]][2]
    item = min(item for item in trends if not of_guest(item))
    trends[item] = (*trends[item][:3], trends[item][3] * (1 + 1e-12), trends[item][4])


def one_channel_differs(found):
    """What one activity counts went to another channel."""
    channels = found.models[sorted(found.models)[-1]][3]
    key = min(key for key in channels if not of_guest(key[1]))
    channels["another", key[1]] = channels.pop(key)


def channel_weight_differs(found):
    channels = found.models[sorted(found.models)[-1]][3]
    key = min(key for key in channels if not of_guest(key[1]))
    channels[key] *= 1 + Fraction(1, 2 ** 40)


def channel_not_logged(found):
    row = next(row for row in found.interactions if row.get("channel"))
    row["channel"] = None


def old_channel(found):
    """Of a visitor an event that came late, or none, gave it."""
    visitor = max(key for key in visitors(found) if found.changelog[key][1]["channel"])
    change(found, visitor, channel="another")


def channel_of_erased(found):
    """What a guest came by before, still kept after."""
    change(found, some_guest(found), channel="before")


def item_lists_differ(found):
    key, value = next(row for row in found.items if row[1] is not None and b"viewed_next" in row[1])
    found.items.append((key, value.replace(b'"score": 0.', b'"score": 0.0').replace(
        b'"score":0.', b'"score":0.0')))


def item_list_invented(found):
    key, value = next(row for row in found.items if row[1] is not None and b"viewed_next" in row[1])
    record = json.loads(value)
    next(row for row in record["lists"] if row["list"] == "viewed_next")["items"].append(
        {"item_id": "i of no pair", "score": .1})
    found.items.append((key, json.dumps({**record, "offset": record["offset"] + 1}).encode()))


def ranking_differs(found):
    key, value = next(row for row in found.rankings if row[1] is not None)
    found.rankings.append((key, value.replace(b'"score"', b'"score" ')))


def pair_weight_differs(found):
    instance = sorted(found.models)[-1]
    rows = found.models[instance][0]
    key = min(key for key in rows if not of_guest(key[2]))
    total, entries = rows[key]
    item = sorted(entries)[0]
    weight, one, last = entries[item]
    rows[key] = (total, {**entries, item: (weight * (1 + 2 ** -40), one, last)})


def offset_behind(found):
    place = max(found.committed)
    found.committed[place] -= 1


def transaction_hangs(found):
    place = max(found.ends)
    found.ends[place] = (found.ends[place][0], found.ends[place][0] - 3)


def dead_letter_lost(found):
    found.dead.pop()


def dead_letter_doubled(found):
    found.dead.append(found.dead[-1])


def impression_doubled(found):
    visitor = some_visitor(found)
    change(found, visitor, impressions=found.changelog[visitor][1]["impressions"] + 1)


def declaration_lost(found):
    visitor = max(key for key, (_, record) in found.changelog.items() if record["gender"])
    change(found, visitor, gender="")


def click_not_read_back(found):
    visitor = some_visitor(found)
    partition, record = found.changelog[visitor]
    for instance, (owned, _) in found.local.items():
        if partition in owned:
            found.local_sides[instance][visitor] = side({**record, "clicks": record["clicks"] + 1})


def order_line_lost(found):
    visitor = max(key for key, (_, record) in found.changelog.items() if record["order_lines"])
    change(found, visitor, order_lines=side(found.changelog[visitor][1])[-2] - 1)


def cart_item_invented(found):
    visitor = some_visitor(found)
    change(found, visitor, cart=[*found.changelog[visitor][1]["cart"], "i of no cart"])


def refusal_lost(found):
    """Or one too many."""
    guest = some_guest(found)
    change(found, guest, refused=not found.changelog[guest][1]["refused"])


def guest_takes(found):
    guest = some_guest(found)
    partition, record = found.changelog[guest]
    stranger = {"elapsed_ms": 1, "kind": 0, "subject": "g of another", "price": float("nan")}
    activities = [stranger, *record["activities"]]
    found.changelog[guest] = (partition, {**record, "activities": activities})


def list_of_erased(found):
    """A list of a visitor without a row, or no list of a visitor with one."""
    guests = {key for key in found.changelog if key.startswith("guest")}
    blank = [guest for guest in sorted(guests) if guest not in found.lists]
    if blank:
        found.lists[blank[0]] = {"source_event_time": 1}
    else:
        del found.lists[some_guest(found)]


def clock_in_row(found):
    """As if the row had the time of the machine at which the list was made."""
    visitor = some_visitor(found)
    change(found, visitor, shown=[{"item": 1, "times": 1}], shown_since=1)


def strayed(found):
    visitor = some_visitor(found)
    partition, record = found.changelog[visitor]
    found.changelog[visitor] = (partition + 1, record)


def listed(found):
    """The lists of a visitor, changed in a copy."""
    visitor = some_visitor(found)
    return found.lists[visitor].setdefault("lists", [{"placement": "home", "items": [
        {"item_id": "i1", "reason": "popular"}]}])


def item_twice(found):
    items = listed(found)[0]["items"]
    items.append(dict(items[0]))


def strange_cause(found):
    listed(found)[0]["items"].append({"item_id": "i2", "reason": "viewed_by_similar",
                                      "because_item_id": "i of another"})


def invented_pair(found):
    visitor = some_visitor(found)
    own = next(row["subject"] for row in found.changelog[visitor][1]["activities"]
               if row["subject"].startswith("i"))
    listed(found)[0]["items"].append({"item_id": "i never seen", "reason": "viewed_together",
                                      "because_item_id": own})


def driver_differs(table):
    def mutate(found):
        instance = max(key[0] for key in found.copies)
        rows = found.copies[instance, table]
        rows[0] = rows[0][:-1] + " "

    return mutate


def erased_returns(found):
    """The row of a guest as it was before the erasure: a copy that missed the tombstone."""
    guest = some_guest(found)
    _, record = found.changelog[guest]
    first = next(row["subject"] for row in found.interactions
                 if row.get("subject", "").startswith("g") and row["event_id"] and
                 row["subject"] not in {a["subject"] for a in record["activities"]})
    old = {"elapsed_ms": 1, "kind": 0, "subject": first, "price": float("nan")}
    change(found, guest, activities=[old, *record["activities"]])


def product_missing(found):
    found.products[max(found.products)] -= 1


def time_ahead_stays(found):
    """An event from hours ahead keeps its time, as if there were no rule for it."""
    liar = next(key for key, (_, record) in sorted(found.changelog.items())
                if key.startswith("liar") and len(record["activities"]) == 3)
    activities = [dict(row) for row in found.changelog[liar][1]["activities"]]
    activities[-1]["elapsed_ms"] += 5 * 3_600_000
    change(found, liar, activities=activities)


def waited_too_long(found):
    found.longest_wait_s, found.longest_wait_at = WAIT_MAX_S + 1, "view [0]"


# The first six are what a commit's steps in the wrong order, or left out, would do.
MUTATIONS = [
    ("one event lost", event_lost),
    ("one event doubled", event_doubled),
    ("one stale row restored", stale_row),
    ("one list missing", list_missing),
    ("an aborted record counted", aborted_counted),
    ("a commit without the batch, followed by a wipe", commit_without_batch),
    ("a batch that was not read back", batch_not_restored),
    ("one list older than its events", list_old),
    ("one record of the ranker doubled", weights_doubled),
    ("one count of one model", one_model_differs),
    ("the last bits of one pair's weight", pair_weight_differs),
    ("the last bits of one trend", one_trend_differs),
    ("what is taken by one channel counted by another", one_channel_differs),
    ("the last bits of a channel's weight", channel_weight_differs),
    ("the channel of one event not in the log", channel_not_logged),
    ("one visitor's channel not the newest", old_channel),
    ("the channel of one who was erased", channel_of_erased),
    ("a ranking that two publishers differ about", ranking_differs),
    ("lists of an item that two publishers differ about", item_lists_differ),
    ("a pair in an item's list that nobody made", item_list_invented),
    ("what is taken back lost from the log", taken_back_lost),
    ("what is taken back twice in the log", taken_back_twice),
    ("what is taken back still counted in a row", taken_back_not_in_row),
    ("what is taken back still counted in one model", taken_back_in_one_model),
    ("one offset behind", offset_behind),
    ("a transaction that hangs", transaction_hangs),
    ("one dead letter lost", dead_letter_lost),
    ("one dead letter doubled", dead_letter_doubled),
    ("a visitor in another's partition", strayed),
    ("one impression doubled", impression_doubled),
    ("what was declared of one lost", declaration_lost),
    ("one click not read back", click_not_read_back),
    ("one line of an order lost", order_line_lost),
    ("one item of a cart that nobody put in", cart_item_invented),
    ("one refusal lost", refusal_lost),
    ("of one guest something that they did not do", guest_takes),
    ("the list of one who was erased", list_of_erased),
    ("a time of the machine's clock in a row", clock_in_row),
    ("one who was erased and returns", erased_returns),
    ("an item twice in a list", item_twice),
    ("a cause that the visitor does not know", strange_cause),
    ("a pair that nobody made", invented_pair),
    *((f"one row of {table} not the driver's", driver_differs(table)) for table in DRIVER_TABLES),
    ("a product missing in one catalogue", product_missing),
    ("the time of an event from hours ahead", time_ahead_stays),
    ("an event that waits too long", waited_too_long),
]


def unnoticed(found, judge):
    """The names of the mutations that `judge` does not report; none of them touches the inputs."""
    missed = []
    for name, mutate in MUTATIONS:
        damaged = copy.deepcopy(found)
        mutate(damaged)
        if not judge(damaged)[0]:
            missed.append(name)
    return missed
