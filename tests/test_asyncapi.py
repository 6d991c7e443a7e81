#!/usr/bin/env python3
"""Checks the document of `weft describe --asyncapi`: references, channels and examples.

Usage: tests/test_asyncapi.py WEFT
"""
import json
import os
import subprocess
import sys
import tempfile

KINDS = ("view", "search", "cart", "purchase", "impression", "click")
TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict,
         "array": list, "null": type(None)}
passed = failed = 0


def check(what, good, detail=""):
    global passed, failed
    passed += bool(good)
    failed += not good
    if not good:
        print(f"FAIL  {what}: {detail}")


def document(weft, *settings):
    arguments = [word for setting in settings for word in ("--set", setting)]
    return json.loads(subprocess.run([weft, "describe", "--asyncapi", *arguments],
                                     capture_output=True, text=True, check=True).stdout)


def resolve(whole, reference):
    at = whole
    for name in reference.removeprefix("#/").split("/"):
        at = at[name]
    return at


def references(value):
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def faults(schema, value, path="value"):
    """What of a value does not fit its JSON Schema."""
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(isinstance(value, TYPES[name]) and
                         not (isinstance(value, bool) and name != "boolean") for name in types):
        return [f"{path} is no {types}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{path} is none of {schema['enum']}"]
    found = []
    if isinstance(value, list):
        for i, inner in enumerate(value):
            found += faults(schema["items"], inner, f"{path}[{i}]")
    elif isinstance(value, dict) and "properties" in schema:
        found += [f"{path}.{name} is missing" for name in schema["required"] if name not in value]
        for name, inner in value.items():
            if name in schema["properties"]:
                found += faults(schema["properties"][name], inner, f"{path}.{name}")
            else:
                found.append(f"{path}.{name} is unknown")
    return found


def check_document(whole):
    for reference in references(whole):
        try:
            resolve(whole, reference)
            check(reference, True)
        except KeyError:
            check(f"{reference} is in the document", False)
    for name, operation in whole["operations"].items():
        check(f"{name} has an action", operation["action"] in ("send", "receive"))
    for name, message in whole["components"]["messages"].items():
        if message["contentType"] != "application/json":
            continue
        examples = message.get("examples", [])
        check(f"{name} has an example", examples)
        for example in examples:
            bad = faults(message["payload"], example["payload"])
            check(f"the example of {name} fits", not bad, bad)
            changed = {**example["payload"], "no such field": 1}
            check("the check finds a wrong field", faults(message["payload"], changed))


def check_examples(weft, whole):
    """weft itself takes the examples of its inputs."""
    messages = whole["components"]["messages"]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "events.jsonl")
        with open(path, "w") as file:
            for kind in KINDS:
                example = messages[kind]["examples"][0]["payload"]
                file.write(json.dumps({"type": kind, **example}) + "\n")
        done = subprocess.run([weft, "check", path], capture_output=True, text=True, check=False)
        check("weft check takes the examples",
              done.returncode == 0 and f"{len(KINDS)} lines" in done.stdout, done.stdout)


def main(weft):
    plain = document(weft)
    check_document(plain)
    check_examples(weft, plain)
    check("inputs and outputs are there", {"view", "recommendations", "rankings", "dead-letters"} <=
          set(plain["channels"]), list(plain["channels"]))
    check("topics that are not in use are left out",
          "recommendations.item" not in plain["channels"])
    check("inputs are JSON or Avro", set(plain["channels"]["view"]["messages"]) ==
          {"view", "viewAvro"})
    full = document(weft, "output.format=avro", "items.lists=on", "lists.early=on",
                    "topics.view=shop.views", "bootstrap.servers=a:1,b:2")
    check_document(full)
    check("outputs are Avro", list(full["channels"]["recommendations.item"]["messages"]) ==
          ["item_listsAvro"])
    check("names are those of the brokers", full["channels"]["view"]["address"] == "shop.views")
    check("each broker is a server", len(full["servers"]) == 2)
    mixed = document(weft, "topics.events=everything")
    check_document(mixed)
    check("one topic has all kinds", set(KINDS) <= set(mixed["channels"]["view"]["messages"]) and
          "search" not in mixed["channels"], mixed["channels"]["view"])
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
