#!/usr/bin/env python3
"""Checks who may include whom, and how long a file and a function may be.

    test_includes.py [SOURCE_FOLDER]

Layers: schemas <- state <- processors <- tools, tests. Inside processors/recommend/:
search <- candidates <- ranking <- lists <- recommend.c; rankings uses lists,
candidates and search. Inside processors/runtime/: visitors and model never include each other.
Files form no cycle; a .c and its .h are one file. Exit code 1: a rule is broken.
"""
import os
import re
import sys

LAYERS = ("schemas/", "state/", "processors/", "tools/", "tests/")

RECOMMEND = "processors/recommend/"
RUNTIME = "processors/runtime/"
BASE = ("schemas/", "state/", "processors/math/")

# By the start of a file's path, the longest that fits: the headers of weft that it may include.
OWN = {
    "schemas/": ("schemas/",),
    "state/": ("schemas/", "state/"),
    "processors/": ("processors/processor.h", "schemas/", RECOMMEND, "processors/math/"),
    "processors/processor.h": ("schemas/", "state/", RECOMMEND),
    "processors/math/": ("schemas/", "processors/math/"),
    RECOMMEND: (*BASE, RECOMMEND),
    RECOMMEND + "search/": (*BASE, RECOMMEND + "search/"),
    RECOMMEND + "candidates/": (*BASE, RECOMMEND + "search/", RECOMMEND + "candidates/"),
    RECOMMEND + "ranking/": (*BASE, RECOMMEND + "search/", RECOMMEND + "candidates/",
                             RECOMMEND + "ranking/"),
    RECOMMEND + "lists/": (*BASE, RECOMMEND + "search/", RECOMMEND + "candidates/",
                           RECOMMEND + "ranking/", RECOMMEND + "lists/"),
    RECOMMEND + "rankings/": (*BASE, RECOMMEND + "search/", RECOMMEND + "candidates/",
                              RECOMMEND + "lists/", RECOMMEND + "rankings/"),
    RUNTIME: ("schemas/", "state/", "processors/"),
    RUNTIME + "visitors/": ("schemas/", "state/", "processors/"),
    RUNTIME + "model/": ("schemas/", "state/", "processors/"),
    "tools/": ("schemas/", "state/", "processors/", "tools/"),
    "tools/serve/": ("schemas/", "state/", "processors/", "tools/serve/"),
    "tests/": LAYERS,
}

# Rooms that may not include each other, in either direction.
APART = ((RUNTIME + "visitors/", RUNTIME + "model/"),)

# By library: the files that may include it. A step includes no state/ but through processor.h.
LIBRARIES = {
    r"librdkafka/": (RUNTIME + "kafka/", "tests/test_faults.c", "tests/test_preflight.c"),
    r"avro\.h$": ("schemas/", "tools/", "tests/"),
    r"jansson\.h$": ("schemas/", "tools/", RUNTIME + "kafka/registry_answer.c", "tests/"),
    r"curl/": (RUNTIME + "kafka/registry_http.c",),
    r"rocksdb/": ("state/store_rocksdb.c", "tests/failing_calls.c"),
    r"utf8proc": (RECOMMEND + "search/text.c",),
    r"microhttpd": (RUNTIME + "http/http_exchange.h",),
}

# A library's names, and the files that may use them.
NAMES = {
    r"\brd_kafka_\w+": (RUNTIME + "kafka/", "tests/"),
    r"\brocksdb_\w+\(": ("state/store_rocksdb.c", "tests/"),
    r"\bMHD_\w+": (RUNTIME + "http/",),
}

# Headers name no library: whoever includes them needs none.
HIDDEN = re.compile(r"\b(rd_kafka_|rocksdb_|json_t\b|avro_schema_t|avro_value|MHD_)|"
                    r"#\s*include\s*<(avro\.h|rocksdb|jansson|librdkafka|microhttpd)")
HIDDEN_IN = (RUNTIME + "kafka/", RUNTIME + "http/http_exchange.h")

FUNCTION_LINES_MAX = 70
HEADER_LINES_MAX = 240


def lines_max(path):
    if path.startswith("tests/"):
        return 800
    if path.endswith(".h") and "processors/math/kernels_" not in path: # those are code
        return HEADER_LINES_MAX
    if path.startswith("processors/") and not path.startswith((RUNTIME, "processors/math/")):
        return 500
    return 700


INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def starts_with(path, starts):
    return any(path == start or (start.endswith("/") and path.startswith(start))
               for start in starts)


def allowed_own(path):
    return OWN[max((start for start in OWN if starts_with(path, (start,))), key=len)]


def check_include(path, quoted, angled):
    if quoted:
        if not quoted.startswith(LAYERS):
            return f'"{quoted}" is not named from the top folder'
        if not starts_with(quoted, allowed_own(path)) or any(
                {a, b} == {room for room in (a, b) if path.startswith(room) or
                           quoted.startswith(room)} for a, b in APART):
            return f'may not include "{quoted}"'
        if path.startswith("processors/") and path.count("/") == 1 and path.endswith(".c") and \
                quoted.startswith("processors/") and quoted.count("/") == 1 and \
                quoted != "processors/processor.h":
            return f'a step includes "{quoted}"'
        return None
    for library, places in LIBRARIES.items():
        if re.search(library, angled) and not starts_with(path, places):
            return f"may not include <{angled}>"
    return None


def long_functions(lines):
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            if number - start - 1 > FUNCTION_LINES_MAX:
                yield start, number - start - 1
            start = None


def check_lines(path, lines):
    """Broken rules of single lines."""
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        problem = match and check_include(path, match.group(1), match.group(2))
        if problem:
            yield f"{path}:{number}: {problem}"
        for names, places in NAMES.items():
            found = re.search(names, line)
            if found and not starts_with(path, places):
                yield f"{path}:{number}: may not name {found.group(0)}"
        if path.endswith(".h") and not starts_with(path, ("tests/", *HIDDEN_IN)) and \
                HIDDEN.search(line):
            yield f"{path}:{number}: a public header names a library: {line.strip()}"


def check_file(path, lines):
    errors = list(check_lines(path, lines))
    if len(lines) > lines_max(path):
        errors.append(f"{path}: {len(lines)} lines, more than {lines_max(path)}")
    errors += [f"{path}:{at}: a function of {size} lines" for at, size in long_functions(lines)]
    return errors


def cycles(sources):
    """Rings of files, where a .c and its .h are one; `sources` has the lines of each path."""
    def unit(path):
        return os.path.splitext(path)[0]

    edges = {}
    for path, lines in sources.items():
        if path.startswith("tests/"):
            continue
        for line in lines:
            match = INCLUDE.match(line)
            if match and match.group(1) and unit(match.group(1)) != unit(path):
                edges.setdefault(unit(path), set()).add(unit(match.group(1)))
    done, found = set(), []

    def walk(node, trail):
        if node in trail:
            ring = trail[trail.index(node):]
            if min(ring) == ring[0]:
                found.append(" -> ".join([*ring, node]))
            elif not any(min(ring) in other for other in found):
                found.append(" -> ".join([*ring, node]))
            return
        if node in done:
            return
        for next_node in sorted(edges.get(node, ())):
            walk(next_node, [*trail, node])
        done.add(node)

    for node in sorted(edges):
        walk(node, [])
    return found


def self_test():
    """The rules themselves: what must be refused is, what must not is not."""
    for path, quoted, angled, fine in (
            ("schemas/json.c", "state/store.h", None, False),
            ("schemas/avro.c", None, "avro.h", True),
            ("state/model.c", "processors/processor.h", None, False),
            ("state/model.c", "schemas/bytes.h", None, True),
            ("state/model.c", None, "rocksdb/c.h", False),
            ("processors/lists.c", "processors/recommend/recommend.h", None, True),
            ("processors/lists.c", "processors/runtime/log.h", None, False),
            ("processors/lists.c", "state/store.h", None, False),
            ("processors/recommend/candidates/cooccurrence.c", "processors/runtime/log.h", None,
             False),
            ("processors/recommend/candidates/cooccurrence.c", None, "jansson.h", False),
            ("tools/get.c", None, "librdkafka/rdkafka.h", False),
            ("processors/runtime/kafka/registry_answer.c", None, "jansson.h", True),
            ("processors/runtime/visitors/worker.c", None, "librdkafka/rdkafka.h", False),
            ("processors/runtime/kafka/client.c", None, "librdkafka/rdkafka.h", True),
            ("processors/runtime/visitors/task.c", RUNTIME + "model/fold.h", None, False),
            ("processors/runtime/model/fold.c", RUNTIME + "visitors/task.h", None, False),
            (RECOMMEND + "search/text.c", RECOMMEND + "candidates/query.h", None, False),
            (RECOMMEND + "ranking/ranker.c", RECOMMEND + "lists/filters.h", None, False),
            (RECOMMEND + "rankings/build.c", RECOMMEND + "lists/filters.h", None, True),
            (RECOMMEND + "rankings/build.c", RECOMMEND + "ranking/ranker.h", None, False),
            ("processors/runtime/visitors/worker.c", None, "avro.h", False),
            ("processors/runtime/visitors/worker.c", "tools/feed.h", None, False),
            ("tools/serve/routes.c", RUNTIME + "http/http_server.h", None, True),
            ("tools/serve/routes.c", "tools/get_topics.h", None, False),
            ("tools/serve/routes.c", None, "microhttpd.h", False),
            ("schemas/json.c", "json.h", None, False)):
        if (check_include(path, quoted, angled) is None) != fine:
            sys.exit(f"self-test: {path} and {quoted or angled}")
    ring = {"a/x.c": ['#include "a/y.h"'], "a/y.c": ['#include "a/z.h"'],
            "a/z.h": ['#include "a/x.h"']}
    if len(cycles(ring)) != 1 or cycles({"a/x.c": ['#include "a/x.h"', '#include "a/y.h"']}):
        sys.exit("self-test: cycles")
    if not check_file("state/x.c", ["{", *["x"] * 71, "}"]) or check_file("state/x.c", ["x"]):
        sys.exit("self-test: lengths")


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(
        os.path.abspath(__file__)))
    self_test()
    sources = {}
    for layer in LAYERS:
        for folder, _, names in os.walk(os.path.join(root, layer)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    path = os.path.join(folder, name)
                    with open(path, encoding="utf-8") as file:
                        sources[os.path.relpath(path, root)] = file.read().splitlines()
    errors = [error for path, lines in sources.items() for error in check_file(path, lines)]
    errors += [f"a cycle of files: {ring}" for ring in cycles(sources)]
    for error in errors:
        print(error, file=sys.stderr)
    if not sources:
        sys.exit(f"no sources under {root}")
    print(f"{len(sources)} files, {len(errors)} broken rules")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
