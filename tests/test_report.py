#!/usr/bin/env python3
"""Tests `weft report`. A made-up shop's events go through it, and all figures are computed again
here, from the events and the formulas alone: who is in which variant, the delta method, the
adjustment by the time before, the sequential test, the split and the plan. They must agree to 1e-9.
Then come the verdicts, the page, and mistakes.

    test_report.py WEFT"""

import html.parser
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile

PRECISION = 1e-9
MASK = (1 << 64) - 1
START_MS, FROM_MS, END_MS = 1793750400000, 1794268800000, 1794873600000  # FROM: 2026-11-10
EFFECT, ALPHA, PLANNED = .05, .05, .03
EXPERIMENT = """# two kinds of lists, and none
experiment longer-lists placement home placement product share 80% from 2026-11-10 to 2026-11-17
  variant as-it-is-now 45%
  variant with-brands 35% list.brand.max=2
  variant with-prices 20% list.price.min=1
"""
NAMES = ("as-it-is-now", "with-brands", "with-prices")
SHARES = (.45, .35, .20)


# ---- who is in which variant ----

SECRET = bytes.fromhex("b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
                       "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c")


def number(text, at):
    return int.from_bytes(text[at:at + 8], "little")


def hash_of(text):
    """XXH3 of 9 to 16 bytes."""
    text = text.encode()
    assert 9 <= len(text) <= 16
    low = number(text, 0) ^ number(SECRET, 24) ^ number(SECRET, 32)
    high = number(text, len(text) - 8) ^ number(SECRET, 40) ^ number(SECRET, 48)
    product = low * high
    swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
    h = (len(text) + swapped + high + (product & MASK ^ product >> 64)) & MASK
    h ^= h >> 37
    h = h * 0x165667919E3779F9 & MASK
    return h ^ h >> 32


def mix(x):
    x = x + 0x9E3779B97F4A7C15 & MASK
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


def place(name, use, key):
    seed = mix(hash_of(name) + use & MASK)
    return (mix(seed ^ hash_of(key)) >> 32) * 1000000 >> 32


def variant_of(key):
    if place("longer-lists", 2, key) >= 800000:
        return None
    at, end = place("longer-lists", 3, key), 0
    for i, share in enumerate(SHARES):
        end += round(share * 1000000)
        if at < end:
            return i
    return None


# ---- the shop's events ----

class Shop:
    """Events as lines; `rate(variant)` is the chance of a click."""

    def __init__(self, visitors, rate, seed=7, impressions=True):
        self.random, self.rate, self.lines = random.Random(seed), rate, []
        self.impressions, self.count = impressions, 0
        for i in range(visitors):
            self.visit(i)
        self.random.shuffle(self.lines)

    def add(self, kind, time, key, **fields):
        self.count += 1
        event = {"type": kind, "event_id": f"e{self.count}", "visitor_id": key,
                 "event_time": time, **fields}
        self.lines.append(event)
        if self.random.random() < .02:  # sent again
            self.lines.append(event)

    def item(self, price=None):
        item = {"item_id": f"M{self.random.randrange(50)}"}
        return item if price is None else {**item, "price": price,
                                           "quantity": self.random.randrange(1, 4)}

    def visit(self, i):
        draw, key = self.random, f"visitor-{i:05}"
        user = {"user_id": f"user-{i // 9:07}"} if i % 9 == 0 else {}
        taste = draw.lognormvariate(0, .5)
        if i % 40 == 3:
            self.lines.append({"type": "user", "user_id": f"user-{i // 9:07}",
                               "consent": i % 80 == 3})
        for _ in range(1 + int(draw.paretovariate(1.3)) % 60):
            time = draw.randrange(START_MS, END_MS + 86400000)
            name = {**user} if time > FROM_MS + 86400000 else {}
            if draw.random() < .01:
                name["consent"] = False
            shown = draw.choice(["home", "product", "cart"])
            variant = variant_of(name.get("user_id", key))
            if self.impressions:
                self.add("impression", time, key, placement=shown,
                         items=[{**self.item(), "index": 0}], recommendation_id="r1", **name)
            else:
                self.add("view", time, key, item=self.item(), **name)
            if draw.random() < min(.9, taste * self.rate(variant)):
                self.add("click", time + 1000, key, placement=shown,
                         item={**self.item(), "index": 0}, recommendation_id="r1", **name)
                if draw.random() < .3:
                    self.add("cart", time + 2000, key, action="add", items=[self.item()], **name)
            if draw.random() < .05:
                amount = {"value": round(draw.expovariate(.02), 2)} if draw.random() < .5 else {}
                status = {"status": "refunded"} if draw.random() < .1 else {}
                self.add("purchase", time + 3000, key, items=[self.item(9.5)],
                         transaction_id=f"t{self.count}", **amount, **status, **name)

    def write(self, folder, keep=lambda event: True):
        paths = [os.path.join(folder, f"events-{i}.jsonl") for i in range(2)]
        lines = [line for line in self.lines if keep(line)]
        for i, path in enumerate(paths):
            with open(path, "w", encoding="utf-8") as file:
                for line in lines[i::2]:
                    file.write(json.dumps(line) + "\n")
        return paths


# ---- the figures again ----

def amount_of(event):
    sign = -1 if event.get("status", "completed") != "completed" else 1
    if "value" in event:
        return sign * event["value"]
    return sign * sum(item["price"] * item["quantity"] for item in event["items"])


def count(event, to):
    kind, here = event["type"], event.get("placement") in ("home", "product")
    to["lists"] += kind == "impression" and here
    to["clicks"] += kind == "click" and here
    to["carts"] += kind == "cart"
    if kind == "purchase":
        to["purchases"] += event.get("status", "completed") == "completed"
        to["revenue"] += amount_of(event)


def persons_of(lines, by_impressions=True):
    """The persons with their variants, and how many had two."""
    refused = {line["user_id"] for line in lines if line["type"] == "user" and not line["consent"]}
    user_of, events = {}, {}
    for line in lines:
        if line["type"] != "user" and line.get("consent", True):
            if "user_id" in line:
                user_of[line["visitor_id"]] = line["user_id"]
            events[line["event_id"]] = line
    by_person = {}
    for event in events.values():
        user = user_of.get(event["visitor_id"])
        person = event.get("user_id", user or event["visitor_id"])
        if person not in refused:
            by_person.setdefault(person, []).append(event)
    persons, mixed = [], 0
    for own in by_person.values():
        zero = dict.fromkeys(("lists", "clicks", "carts", "purchases", "revenue"), 0)
        before, now, variants = dict(zero), dict(zero), []
        for event in sorted(own, key=lambda event: event["event_time"]):
            if event["event_time"] < FROM_MS:
                count(event, before)
                continue
            if event["event_time"] >= END_MS:
                continue
            exposes = not by_impressions or event["type"] == "impression" and \
                event["placement"] in ("home", "product")
            variant = variant_of(event.get("user_id", event["visitor_id"])) if exposes else None
            if variant is not None:
                variants.append(variant)
            if variants:
                count(event, now)
        if len(set(variants)) == 1:
            persons.append((variants[0], now, before))
        mixed += len(set(variants)) > 1
    return persons, mixed


def values_of(persons, metric):
    """x, y and z of each person, by variant."""
    lists = sum(before["lists"] for _, _, before in persons)
    ratio = sum(before["clicks"] for _, _, before in persons) / lists if lists else 0
    values = [[], [], []]
    for variant, now, before in persons:
        values[variant].append({
            "click_through": (now["clicks"], now["lists"],
                              before["clicks"] - ratio * before["lists"]),
            "conversion": (now["purchases"] > 0, 1, before["purchases"] > 0),
        }.get(metric) or (now[metric], 1, before[metric]))
    return values


def covariance(a, b):
    mean_a, mean_b = math.fsum(a) / len(a), math.fsum(b) / len(b)
    return math.fsum((x - mean_a) * (y - mean_b) for x, y in zip(a, b)) / (len(a) - 1)


def figures_of(values):
    """By variant: ratio, its variance, and both adjusted."""
    parts = []
    for own in values:
        x, y, z = zip(*own)
        ratio, mean_y = math.fsum(x) / math.fsum(y), math.fsum(y) / len(y)
        parts.append((ratio, [(a - ratio * b) / mean_y for a, b in zip(x, y)], z))
    theta = sum(covariance(line, z) for _, line, z in parts) / \
        sum(covariance(z, z) for _, _, z in parts)
    mean = math.fsum(math.fsum(z) for _, _, z in parts) / sum(len(z) for _, _, z in parts)
    figures = []
    for ratio, line, z in parts:
        rest = [a - theta * b for a, b in zip(line, z)]
        figures.append((ratio, covariance(line, line) / len(line),
                        ratio - theta * (math.fsum(z) / len(z) - mean),
                        covariance(rest, rest) / len(rest)))
    return figures


def bound_of(variance, mixing, alpha):
    return math.sqrt(variance * (variance + mixing) / mixing *
                     (math.log((variance + mixing) / variance) - 2 * math.log(alpha)))


def test_of(base, other, scale, alpha):
    difference, variance = other[2] - base[2], other[3] + base[3]
    mixing = (EFFECT * scale) ** 2
    bound = bound_of(variance, mixing, alpha)
    ratio = math.sqrt(variance / (variance + mixing)) * \
        math.exp(mixing * difference ** 2 / (2 * variance * (variance + mixing)))
    return {"difference": difference, "low": difference - bound, "high": difference + bound,
            "p": min(1, 1 / ratio)}


def needed_of(base, visitors, alpha):
    """The most visitors of any variant, by halving."""
    power, most = statistics.NormalDist().inv_cdf(.8), 0
    for share in SHARES[1:]:
        def enough(n, share=share):
            variance = base[3] * visitors * (1 / (n * SHARES[0]) + (1 + PLANNED) ** 2 / (n * share))
            return base[0] * PLANNED >= bound_of(variance, (EFFECT * base[0]) ** 2, alpha) + \
                power * math.sqrt(variance)
        low, high = 1, 10 ** 15
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if enough(middle) else (middle, high)
        most = max(most, high)
    return most


def check_figures(report, persons, check):
    def near(name, a, b):
        check(f"{name} is {a}, not {b}", a is not None and
              (abs(a - b) <= PRECISION * max(abs(b), 1e-6) or a == b))

    alpha = ALPHA / 2
    for metric in ("click_through", "carts", "conversion", "purchases", "revenue"):
        values = values_of(persons, metric)
        if sum(y for own in values for _, y, _ in own) == 0:
            continue
        figures = figures_of(values)
        scale = math.fsum(x for own in values for x, _, _ in own) / \
            math.fsum(y for own in values for _, y, _ in own)
        near(f"needed for {metric}", report["plan"][metric]["visitors"],
             needed_of(figures[0], len(values[0]), alpha))
        for i, variant in enumerate(report["variants"]):
            found = variant["metrics"][metric]
            name = f"{metric} of {variant['name']}"
            near(f"visitors, {name}", variant["visitors"], len(values[i]))
            near(f"numerator, {name}", found["numerator"], math.fsum(x for x, _, _ in values[i]))
            near(f"denominator, {name}", found["denominator"],
                 math.fsum(y for _, y, _ in values[i]))
            for key, figure in zip(("value", "variance", "adjusted_value", "adjusted_variance"),
                                   figures[i]):
                near(f"{key}, {name}", found[key], figure)
            if i == 0:
                continue
            test = test_of(figures[0], figures[i], scale, alpha)
            for key, figure in test.items():
                near(f"{key}, {name}", found["test"][key], figure)
            near(f"corrected p, {name}", found["p_corrected"], min(1, 2 * test["p"]))
    observed = [variant["visitors"] for variant in report["variants"]]
    chi = sum((n - sum(observed) * share) ** 2 / (sum(observed) * share)
              for n, share in zip(observed, SHARES))
    near("the split", report["split_p"], math.exp(-chi / 2))


# ---- the tests ----

class Page(html.parser.HTMLParser):
    """Checks that tags are closed, and that nothing comes from elsewhere."""

    VOID = ("meta", "line", "circle", "polygon", "polyline")

    def __init__(self, check):
        super().__init__()
        self.open, self.check, self.plots = [], check, 0

    def handle_starttag(self, tag, attrs):
        self.plots += tag == "svg"
        self.check(f"<{tag}> loads something",
                   not any(name in ("src", "href") for name, _ in attrs))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        self.check(f"</{tag}> closes nothing", self.open and self.open.pop() == tag)


def check_page(path, check):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    page = Page(check)
    page.feed(text)
    check("the page ends within a tag", not page.open)
    check(f"{page.plots} plots", page.plots >= 4)
    for part in ("prefers-color-scheme:dark", "click_through, at each look", "with-brands"):
        check(f"the page lacks {part}", part in text)
    check("the page names another site", "http" not in text)
    check("the page has a number that is none", "nan" not in text and ">inf" not in text)


def main():
    weft = os.path.abspath(sys.argv[1])
    passed = failed = 0

    def check(what, ok):
        nonlocal passed, failed
        passed, failed = passed + bool(ok), failed + (not ok)
        if not ok:
            print(f"FAILED: {what}")

    with tempfile.TemporaryDirectory() as folder:
        experiments = os.path.join(folder, "experiments")

        def report(*arguments):
            done = subprocess.run([weft, "report", "--experiments", experiments, *arguments],
                                  capture_output=True, text=True, cwd=folder, check=False)
            return done.stdout, done.stderr, done.returncode

        def results(*arguments):
            out, errors, code = report("--json", *arguments)
            check(f"weft report: {errors}", code == 0)
            return json.loads(out) if code == 0 else None

        def write(text):
            with open(experiments, "w", encoding="utf-8") as file:
                file.write(text)

        write(EXPERIMENT)
        same = Shop(3000, lambda variant: .1)
        paths = same.write(folder)
        persons, mixed = persons_of(same.lines)
        found = results("--html", os.path.join(folder, "page.html"), *paths)
        one = found["experiments"][0]
        check(f"{one['two_variants']} with two variants, not {mixed}",
              one["two_variants"] == mixed > 10)
        check("nothing is sent again", found["repeated"] > 50)
        check("nobody refuses", found["without_consent"] > 50)
        check_figures(one, persons, check)
        check(one["verdict"], one["state"] == "no_difference_shown")
        check("no looks", len(one["looks"]) == 40)
        check("the last look is another",
              one["looks"][-1]["tests"][0]["p"] ==
              one["variants"][1]["metrics"]["click_through"]["test"]["p"])
        check_page(os.path.join(folder, "page.html"), check)
        out, _, _ = report(*paths)
        check(f"the text lacks the verdict: {out}", one["verdict"] in out)
        check("an earlier end does not count",
              results("--goal", "revenue", *paths)["experiments"][0]["goal"] == "revenue")

        write(EXPERIMENT.replace("2026-11-17", "2026-12-17"))
        one = results("--difference", "+20%", *paths)["experiments"][0]
        days = one["plan"]["click_through"]["days"]
        check(f"the verdict lacks the time: {one['verdict']}", days > 0 and
              f"+20 % would be seen in about {math.ceil(days)} days at" in one["verdict"])
        plan, _, _ = report("--plan", "+3%", *paths)
        check(f"the plan: {plan}", "+3 % takes" in plan and "about" in plan)

        write(EXPERIMENT)
        halved = same.write(folder, lambda event: variant_of(
            event.get("user_id", event.get("visitor_id"))) != 1 or
            event.get("event_id", "0")[-1] in "01")
        one = results(*halved)["experiments"][0]
        check(one["verdict"], one["state"] == "wrong_split" and "Do not trust" in one["verdict"])

        better = Shop(3000, lambda variant: .25 if variant == 1 else .1)
        one = results(*better.write(folder))["experiments"][0]
        check(one["verdict"], one["state"] == "different" and "with-brands" in one["verdict"] and
              "with-prices" not in one["verdict"])

        plain = Shop(1500, lambda variant: .1, impressions=False)
        paths = plain.write(folder)
        one = results(*paths)["experiments"][0]
        check("no impressions", one["exposed_by"] == "events" and one["goal"] == "conversion")
        check_figures(one, persons_of(plain.lines, by_impressions=False)[0], check)

        few = Shop(60, lambda variant: .1)
        one = results(*few.write(folder))["experiments"][0]
        check(one["verdict"], one["state"] == "too_early")

        write(EXPERIMENT.replace("2026-11-10 to 2026-11-17", "2026-12-10"))
        one = results(*few.write(folder))["experiments"][0]
        check(one["verdict"], one["state"] == "not_begun")

        write(EXPERIMENT.replace("45%", "95%"))
        _, errors, code = report(*paths)
        check(f"shares over 100 %: {errors}", code == 1 and "line" in errors)
        for wrong in (["--plan", "3"], ["--plan", "0%"], ["--goal", "luck"], ["--effect", "x%"],
                      ["--from-topics"]):
            _, errors, code = report(*wrong, *paths)
            check(f"{wrong}: {errors}", code == 2)

    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
