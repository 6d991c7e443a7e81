#!/usr/bin/env python3
"""Tests files of events, and of rules, as people have them. Each folder of tests/cases/files holds
`input`, also as input.gz or input.zst, and `expected.txt`. The lines of `expected.txt` are parts of
the output of `weft check input`; the last line is its exit code. `options` holds an option, and its
value behind the first space. `weft backtest` refuses the files that check refuses, for the same
reason, in one line. Equal records of two files are one event, different records are two.

The folders of tests/cases/rules do the same for files of merchandising rules: `input` is the
rules.path of the configuration that `weft check` checks; without `input` the file is not there.
Those of tests/cases/experiments do it for experiments.path.

    test_event_files.py WEFT"""

import json
import os
import re
import subprocess
import sys
import tempfile

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases", "files")
RULES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases", "rules")
EXPERIMENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases", "experiments")


def run(weft, *arguments, folder=None):
    done = subprocess.run([weft, *arguments], capture_output=True, text=True, cwd=folder,
                          check=False)
    return done.stdout + done.stderr, done.returncode


def cases(weft, check):
    for name in sorted(os.listdir(CASES)):
        folder = os.path.join(CASES, name)
        source = next(file for file in sorted(os.listdir(folder)) if file.startswith("input"))
        with open(os.path.join(folder, "expected.txt"), encoding="utf-8") as file:
            *parts, code = file.read().splitlines()
        options = []
        if os.path.exists(os.path.join(folder, "options")):
            with open(os.path.join(folder, "options"), encoding="utf-8") as file:
                options = file.read().strip().split(" ", 1)
        printed, exit_code = run(weft, "check", *options, source, folder=folder)
        for part in parts:
            check(f"{name}: says '{part}'", part in printed, printed)
        check(f"{name}: {code}", code == f"exit {exit_code}", printed)
        if printed.startswith("weft check: "):
            check(f"{name}: one sentence", len(printed.splitlines()) == 1, printed)
            printed, exit_code = run(weft, "backtest", *options, source, folder=folder)
            check(f"{name}: backtest refuses it too",
                  exit_code == 1 and parts[-1] in printed, printed)
        elif code == "exit 1" and " rejected" in printed and source == "input":
            rejected = re.search(r"(\d+) rejected", printed).group(1)
            printed, exit_code = run(weft, "backtest", "--json", *options, source, folder=folder)
            check(f"{name}: backtest rejects as many lines",
                  f'"rejected":{rejected}' in printed or "hold no events" in printed, printed)


def mapped(weft, check):
    """The cases of test_mapping.c as files: check, backtest and replay read them."""
    folder = os.path.join(os.path.dirname(CASES), "mappings")
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name, "input.jsonl")
        own = os.path.join(folder, name, "mapping.json")
        chosen = own if os.path.exists(own) else name
        with open(os.path.join(folder, name, "expected.jsonl"), encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        views = sum(line.get("type") == "view" for line in lines)
        refused = sum("refused" in line for line in lines)
        dropped = sum("dropped" in line for line in lines)
        printed, exit_code = run(weft, "check", "--map", chosen, path)
        for part in (f"{len(lines)} lines, {refused} rejected",
                     f"view       {views}" if views else "",
                     f"dropped    {dropped}" if dropped else ""):
            check(f"{name}: check says '{part}'", part in printed, printed)
        check(f"{name}: check", exit_code == (1 if refused else 0), printed)
        printed, exit_code = run(weft, "backtest", "--json", "--map", chosen, path)
        check(f"{name}: backtest", exit_code == 0 and f'"rejected":{refused}' in printed, printed)
    printed, _ = run(weft, "describe", "--set", "topics.cart.map=ga4")
    check("describe names mappings",
          "mappings\n  events.cart                  ga4\n" in printed, printed)
    for more in ([], ["--preflight"]):
        printed, exit_code = run(weft, "check", "--set", "input.map=ga3", *more)
        check(f"check {more} refuses a mapping", exit_code == 1 and
              "input.map: there is no mapping 'ga3'" in printed, printed)
    printed, exit_code = run(weft, "check", "--map", "ga3", path)
    check("no such mapping", exit_code == 1 and "there is no mapping 'ga3'" in printed, printed)
    printed, exit_code = run(weft, "check", "--map", "weft", path)
    check("no mapping needed", exit_code == 1 and "take --format weft" in printed, printed)


def products(weft, check):
    """What lines say of products reaches the report."""
    for name, options, parts in (
            ("columns_products", ("--map", "columns:item_brand=brand"),
             ('"products":2,"products_with_price":1,"products_with_brand":1,'
              '"products_with_category":1,"products_with_title":2,',)),
            ("online_retail", (), ('"products":4,"products_with_price":4,',
                                   '"taken_back":1,', '"products_with_title":3,'))):
        folder = os.path.join(CASES, name)
        printed, exit_code = run(weft, "check", "--report", "--json", *options, "input",
                                 folder=folder)
        for part in parts:
            check(f"{name}: the report says '{part}'", part in printed and exit_code == 0, printed)


def shop_files(weft, check, cases_folder, key):
    for name in sorted(os.listdir(cases_folder)):
        folder = os.path.join(cases_folder, name)
        with open(os.path.join(folder, "expected.txt"), encoding="utf-8") as file:
            *parts, code = file.read().splitlines()
        printed, exit_code = run(weft, "check", "--set", f"{key}=input", folder=folder)
        for part in parts:
            check(f"{name}: says '{part}'", part in printed, printed)
        check(f"{name}: {code}", code == f"exit {exit_code}", printed)


def made_up_ids(weft, check):
    head = "ts_ms\tuser\tsession\tkind\titem\tcategory\tbrand\tprice\tqty\ttext\n"
    line = "{}\tu1\ts1\tview\t{}\t\t\t1.5\t1\t\n"
    with tempfile.TemporaryDirectory() as folder:
        for name, first in (("a", 0), ("b", 2)):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(head + "".join(line.format(1767225600000 + n * 60000, f"i{n}")
                                          for n in range(first, first + 3)))
        printed, _ = run(weft, "get", "table", "popularity", "--from", "files", "a", "b",
                         folder=folder)
    check("two files of three lines that share one are five events",
          printed.count('"view":1,') == 5, printed)


def main(weft):
    counts = [0, 0]

    def check(name, good, detail):
        counts[0 if good else 1] += 1
        if not good:
            print(f"FAIL  {name}: {detail}")

    cases(weft, check)
    mapped(weft, check)
    products(weft, check)
    shop_files(weft, check, RULES, "rules.path")
    shop_files(weft, check, EXPERIMENTS, "experiments.path")
    made_up_ids(weft, check)
    print(f"{counts[0]} passed, {counts[1]} failed")
    return 1 if counts[1] or not counts[0] else 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
