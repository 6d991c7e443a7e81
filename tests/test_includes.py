#!/usr/bin/env python3
"""Who may include whom (DESIGN: schemas <- state <- processors <- tools, tests).

    test_includes.py [SOURCE_FOLDER]

Rules are checked, lengths of files and functions only warned of. Exit code 1: a rule is broken.
"""
import os
import re
import sys

LAYERS = ("schemas/", "state/", "processors/", "tools/", "tests/")

# By the start of a file's path, the longest that fits: which of weft's own headers it may include.
OWN = {
    "schemas/": ("schemas/",),
    "state/": ("schemas/", "state/"),
    "processors/": ("processors/processor.h", "schemas/", "processors/recommend/",
                    "processors/math/"),
    "processors/processor.h": ("schemas/", "state/", "processors/recommend/"),
    "processors/recommend/": ("schemas/", "state/", "processors/recommend/", "processors/math/"),
    "processors/math/": ("schemas/", "processors/math/"),
    "processors/runtime/": ("schemas/", "state/", "processors/"),
    "tools/": ("schemas/", "state/", "processors/", "tools/"),
    "tests/": LAYERS,
}

# By library: the files that may include it. A step includes no state/ but through processor.h.
LIBRARIES = {
    r"librdkafka/": ("processors/runtime/",),
    r"avro\.h$": ("schemas/", "tools/", "tests/"),
    r"jansson\.h$": ("schemas/", "tools/", "processors/runtime/kafka/registry.c", "tests/"),
    r"rocksdb/": ("state/store_rocksdb.c",),
    r"utf8proc": ("processors/recommend/search/text.c",),
}

# Headers that name none of the libraries, with those that do for the runtime's own use.
HIDDEN = re.compile(r"\b(rd_kafka_|rocksdb_|json_t\b|avro_schema_t|avro_value)|"
                    r"#\s*include\s*<(avro\.h|rocksdb|jansson|librdkafka)")
INTERNAL = ("processors/runtime/kafka/kafka.h", "processors/runtime/visitors/task.h",
            "processors/runtime/kafka/transaction.h", "processors/runtime/kafka/members.h",
            "processors/runtime/visitors/restore.h", "processors/runtime/visitors/assignment.h")

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = {".c": 800, ".h": 200}
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
        if not starts_with(quoted, allowed_own(path)):
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


def check_file(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        lines = file.read().splitlines()
    errors, warnings = [], []
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        problem = match and check_include(path, match.group(1), match.group(2))
        if problem:
            errors.append(f"{path}:{number}: {problem}")
        if path.endswith(".h") and not path.startswith("tests/") and path not in INTERNAL and \
                HIDDEN.search(line):
            errors.append(f"{path}:{number}: a public header names a library: {line.strip()}")
    if len(lines) > FILE_LINES_MAX[os.path.splitext(path)[1]]:
        warnings.append(f"{path}: {len(lines)} lines")
    warnings += [f"{path}:{at}: a function of {size} lines" for at, size in long_functions(lines)]
    return len(lines), errors, warnings


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
            ("processors/recommend/candidates/cooccurrence.c", "processors/runtime/log.h", None, False),
            ("processors/recommend/candidates/cooccurrence.c", None, "jansson.h", False),
            ("processors/runtime/visitors/worker.c", None, "librdkafka/rdkafka.h", True),
            ("tools/get.c", None, "librdkafka/rdkafka.h", False),
            ("processors/runtime/kafka/registry.c", None, "jansson.h", True),
            ("processors/runtime/visitors/worker.c", None, "avro.h", False),
            ("processors/runtime/visitors/worker.c", "tools/feed.h", None, False),
            ("schemas/json.c", "json.h", None, False)):
        if (check_include(path, quoted, angled) is None) != fine:
            sys.exit(f"self-test: {path} and {quoted or angled}")


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(
        os.path.abspath(__file__)))
    self_test()
    checked, errors, warnings = 0, [], []
    for layer in LAYERS:
        for folder, _, names in os.walk(os.path.join(root, layer)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    path = os.path.relpath(os.path.join(folder, name), root)
                    _, wrong, long = check_file(root, path)
                    checked += 1
                    errors += wrong
                    warnings += long
    for warning in warnings:
        print("warning:", warning)
    for error in errors:
        print(error, file=sys.stderr)
    if checked == 0:
        sys.exit(f"no sources under {root}")
    print(f"{checked} files, {len(errors)} broken rules, {len(warnings)} warnings")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
