"""Validates answers over HTTP by the OpenAPI document that `weft serve` gives: the path, the
status, the media type, and the body by its schema. Knows the part of JSON Schema that the document
uses; any other word in it is an error."""

import json
import re

KNOWN = {"type", "properties", "required", "items", "enum", "oneOf", "additionalProperties",
         "minimum", "maximum", "maxLength", "description", "default", "$ref"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
         "number": (int, float), "null": type(None)}


class Document:
    def __init__(self, text):
        self.root = json.loads(text)
        self.used = set()
        self.patterns = [(re.compile("^" + re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(path)) + "$"),
                          path) for path in self.root["paths"]]
        self.patterns.sort(key=lambda row: row[1].count("{"))

    def resolve(self, node):
        while "$ref" in node:
            target = self.root
            for part in node["$ref"].lstrip("#/").split("/"):
                target = target[part]
            node = target
        return node

    def problems(self, schema, value, where="body"):
        """Yields what the value breaks."""
        schema = self.resolve(schema)
        unknown = set(schema) - KNOWN
        if unknown:
            yield f"{where}: the document has {unknown}"
        kinds = schema.get("type", list(TYPES))
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if not any(isinstance(value, TYPES[kind]) and
                   (kind == "boolean" or not isinstance(value, bool)) for kind in kinds):
            yield f"{where} is not {kinds}: {value!r}"
            return
        if "enum" in schema and value not in schema["enum"]:
            yield f"{where}: {value!r} is none of {schema['enum']}"
        if "minimum" in schema and value < schema["minimum"] or \
                "maximum" in schema and value > schema["maximum"]:
            yield f"{where}: {value} is out of range"
        if isinstance(value, list):
            for index, element in enumerate(value):
                yield from self.problems(schema.get("items", {}), element, f"{where}[{index}]")
        if isinstance(value, dict):
            yield from self.object_problems(schema, value, where)

    def object_problems(self, schema, value, where):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        for name in schema.get("required", []):
            if name not in value:
                yield f"{where} lacks {name}"
        for name, field in value.items():
            if name in properties:
                yield from self.problems(properties[name], field, f"{where}.{name}")
            elif others is False:
                yield f"{where}: {name} is not in the document"
            elif isinstance(others, dict):
                yield from self.problems(others, field, f"{where}.{name}")

    def check(self, method, path, status, kind, body):
        """What is wrong with an answer; empty: nothing. `body`: bytes."""
        path = path.split("?")[0]
        if status == 421:  # any path, for another host's name
            return []
        pattern = next((name for regex, name in self.patterns if regex.match(path)), None)
        if pattern is None:
            return [] if status in (302, 400, 404) else [f"{path} is not in the document"]
        operation = self.root["paths"][pattern].get(method.lower())
        if operation is None:
            return [] if status in (204, 404, 405) else [f"{method} {pattern} is not documented"]
        answer = operation["responses"].get(str(status))
        if answer is None:
            return [f"{method} {pattern} does not document {status}"]
        self.used.add((method, pattern, status))
        content = self.resolve(answer).get("content", {})
        if not content:
            return [f"{status} has a body"] if body else []
        if kind not in content:
            return [f"{method} {pattern} {status}: {kind} is none of {list(content)}"]
        if "json" not in kind:
            return []
        return list(self.problems(content[kind]["schema"], json.loads(body)))
