"""Reads Avro's binary encoding by the schemas in schemas/, enough for all that weft writes. It also
writes events."""

import json
import os
import struct


class Decoder:
    """One record after another. `decode(bytes)` gives (value, bytes read)."""

    def __init__(self, schema):
        self.names = {}
        self.read = self.compile(schema, None)

    def compile(self, schema, space):
        if isinstance(schema, list):
            return self.union([self.compile(branch, space) for branch in schema])
        if isinstance(schema, str):
            known = {"null": lambda data, at: (None, at), "boolean": read_boolean,
                     "int": read_long, "long": read_long, "float": read_float,
                     "double": read_double, "string": read_string, "bytes": read_bytes}
            if schema in known:
                return known[schema]
            return lambda data, at: self.names[schema.rsplit(".", 1)[-1]](data, at)
        kind = schema["type"]
        if kind == "array":
            return self.array(self.compile(schema["items"], space))
        if kind == "map":
            item = self.compile(schema["values"], space)

            def entry(data, at):
                key, at = read_string(data, at)
                value, at = item(data, at)
                return (key, value), at

            entries = self.array(entry)
            return lambda data, at: (lambda rows: (dict(rows[0]), rows[1]))(entries(data, at))
        if kind == "enum":
            symbols = schema["symbols"]

            def read_enum(data, at):
                index, at = read_long(data, at)
                return symbols[index], at

            self.names[schema["name"]] = read_enum
            return read_enum
        if kind == "record":
            fields = []

            def read_record(data, at):
                record = {}
                for name, read in fields:
                    record[name], at = read(data, at)
                return record, at

            self.names[schema["name"]] = read_record
            fields.extend((field["name"], self.compile(field["type"], space))
                          for field in schema["fields"])
            return read_record
        return self.compile(kind, space)

    @staticmethod
    def union(branches):
        def read(data, at):
            index, at = read_long(data, at)
            return branches[index](data, at)

        return read

    @staticmethod
    def array(item):
        def read(data, at):
            values = []
            while True:
                count, at = read_long(data, at)
                if count == 0:
                    return values, at
                if count < 0:
                    count = -count
                    _, at = read_long(data, at)
                for _ in range(count):
                    value, at = item(data, at)
                    values.append(value)

        return read


def read_long(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return (value >> 1) ^ -(value & 1), at


def read_boolean(data, at):
    return data[at] != 0, at + 1


def read_float(data, at):
    return struct.unpack_from("<f", data, at)[0], at + 4


def read_double(data, at):
    return struct.unpack_from("<d", data, at)[0], at + 8


def read_bytes(data, at):
    size, at = read_long(data, at)
    if size < 0 or at + size > len(data):
        raise ValueError("a text is longer than its record")
    return data[at:at + size], at + size


def read_string(data, at):
    text, at = read_bytes(data, at)
    return text.decode(), at


PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")


def canonical(schema, space):
    """Avro's parsing canonical form."""
    if isinstance(schema, list):
        return "[" + ",".join(canonical(branch, space) for branch in schema) + "]"
    if isinstance(schema, str):
        schema = {"type": schema}
    kind = schema["type"]
    if not isinstance(kind, str):
        return canonical(kind, space)
    if kind in PRIMITIVES:
        return f'"{kind}"'
    if kind == "array":
        return '{"type":"array","items":' + canonical(schema["items"], space) + "}"
    if kind == "map":
        return '{"type":"map","values":' + canonical(schema["values"], space) + "}"
    space = schema.get("namespace", space)
    name = schema.get("name", kind)
    if "." not in name and space:
        name = f"{space}.{name}"
    if kind == "enum":
        return (f'{{"name":"{name}","type":"enum","symbols":[' +
                ",".join(f'"{symbol}"' for symbol in schema["symbols"]) + "]}")
    if kind == "record":
        return (f'{{"name":"{name}","type":"record","fields":[' + ",".join(
            f'{{"name":"{field["name"]}","type":{canonical(field["type"], space)}}}'
            for field in schema["fields"]) + "]}")
    return f'"{name}"'


def fingerprint(schema):
    """CRC-64-AVRO, as the eight bytes of a single-object header."""
    empty = value = 0xC15D213AA4D7A795
    for byte in canonical(schema, None).encode():
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (empty & -(value & 1))
    return value.to_bytes(8, "little")


class SingleObject:
    """Reads C3 01, a fingerprint and a body, by the schema of that fingerprint."""

    def __init__(self, root, *names):
        self.decoders = {}
        for name in names:
            with open(os.path.join(root, "schemas", f"{name}.avsc"), encoding="utf-8") as file:
                schema = json.load(file)
            self.decoders[b"\xc3\x01" + fingerprint(schema)] = (name, Decoder(schema))

    def decode(self, data):
        """(the schema's name, the record); ('unknown', bytes) for any other."""
        if data[:10] not in self.decoders:
            return "unknown", data
        name, decoder = self.decoders[data[:10]]
        record, end = decoder.read(data, 10)
        if end != len(data):
            return "unknown", data
        return name, record


# ---- writing, as much as an event needs ----


def put_long(value):
    value = value << 1 ^ value >> 63
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def put(schema, value):
    """The value in Avro's binary encoding; a field that is not there has its default."""
    if isinstance(schema, list):
        for branch, one in enumerate(schema):
            if (one == "null") == (value is None):
                return put_long(branch) + put(one, value)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "null":
        return b""
    if kind == "boolean":
        return b"\1" if value else b"\0"
    if kind in ("int", "long"):
        return put_long(value)
    if kind == "float":
        return struct.pack("<f", value)
    if kind == "double":
        return struct.pack("<d", value)
    if kind in ("string", "bytes"):
        return put_long(len(value.encode())) + value.encode()
    if kind == "enum":
        return put_long(schema["symbols"].index(value))
    if kind == "array":
        block = b"".join(put(schema["items"], one) for one in value)
        return (put_long(len(value)) + block if value else b"") + put_long(0)
    if kind == "map":
        block = b"".join(put("string", k) + put(schema["values"], v) for k, v in value.items())
        return (put_long(len(value)) + block if value else b"") + put_long(0)
    if kind == "record":
        return b"".join(
            put(field["type"], value.get(field["name"], field.get("default")))
            for field in schema["fields"]
        )
    return put(kind, value)  # {"type": {"type": ...}}


def framed(schema_id, schema, value):
    """Confluent's framing."""
    return b"\0" + struct.pack(">I", schema_id) + put(schema, value)
