#!/usr/bin/env python3
"""Tests Confluent framing against a schema registry: weft's own schema, one that gained fields,
one that lost optional ones, and ids that nobody registered. While the registry hangs or is away,
records wait. tests/kafka/registry.py tries more, without a real registry.

The test needs Docker for the registry (Apicurio, which speaks Confluent's API) and kcat. The broker
is weft's embedded one. The test takes about a minute.

Usage: tests/deploy/registry.py [WEFT]        the binary; default: build/weft
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kafka"))
from avro import framed  # noqa: E402

IMAGE = "apicurio/apicurio-registry-mem:2.6.13.Final"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNKNOWN_ID = 4242
EACH = 20  # events of each kind

passed = failed = 0


def check(what, good, more=""):
    global passed, failed
    if good:
        passed += 1
        print("ok      " + what)
    else:
        failed += 1
        print("FAILED  %s %s" % (what, more))
    sys.stdout.flush()


def within(seconds, condition):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


# ---- schemas: what weft has, and what others made of it ----


def own_schema():
    with open(os.path.join(ROOT, "schemas", "view.avsc")) as file:
        return json.load(file)


def grown_schema():
    """New fields at the front, in the middle and at the end, of kinds that must be stepped over."""
    schema = own_schema()
    size = {"type": "record", "name": "Size",
            "fields": [{"name": "w", "type": "int"}, {"name": "h", "type": "int"}]}
    schema["fields"].insert(0, {"name": "viewport", "type": size,
                                "default": {"w": 1280, "h": 720}})
    schema["fields"].insert(5, {"name": "scrolled", "type": "double", "default": 0.75})
    schema["fields"].append({"name": "sections", "default": ["price", "sizes"],
                             "type": {"type": "array", "items": "string"}})
    return schema


def shrunk_schema(*gone):
    schema = own_schema()
    schema["fields"] = [field for field in schema["fields"] if field["name"] not in gone]
    return schema


def view(number, kind):
    return {
        "event_id": "%s-%d" % (kind, number),
        "visitor_id": "visitor-%s-%d" % (kind, number),
        "event_time": int(time.time() * 1000),
        "item": {"item_id": "item-%s" % kind, "price": 9.5, "currency": "EUR", "quantity": 1},
    }


# ---- the registry ----


class Registry:
    def __init__(self):
        self.container = output_of("docker", "run", "-d", "--rm", "-p", "127.0.0.1::8080",
                                   IMAGE).decode().strip()
        port = output_of("docker", "port", self.container, "8080").decode().split()[0]
        self.url = "http://%s/apis/ccompat/v7" % port

    def answers(self):
        try:
            urllib.request.urlopen(self.url + "/subjects", timeout=2).read()
            return True
        except OSError:
            return False

    def register(self, schema):
        request = urllib.request.Request(
            self.url + "/subjects/events.view-value/versions",
            json.dumps({"schema": json.dumps(schema)}).encode(),
            {"Content-Type": "application/vnd.schemaregistry.v1+json"},
        )
        return json.load(urllib.request.urlopen(request, timeout=10))["id"]

    def do(self, what):
        subprocess.run(["docker", what, self.container], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)


# ---- weft and its broker ----


class Weft:
    def __init__(self, binary, folder, registry):
        self.binary, self.folder, self.processes = binary, folder, []
        address = os.path.join(folder, "address")
        self.start("broker", "--address-file", address)
        if not within(10, lambda: os.path.exists(address) and os.path.getsize(address) > 0):
            raise RuntimeError("the embedded broker does not start")
        with open(address) as file:
            self.brokers = file.read().strip()
        self.common = ["--brokers", self.brokers, "--set", "schema.registry.url=" + registry.url]
        self.metrics_file = os.path.join(folder, "metrics.json")
        self.counted = {}

    def start(self, *arguments):
        with open(os.path.join(self.folder, arguments[0] + ".log"), "w") as log:
            self.processes.append(subprocess.Popen([self.binary, *arguments], stdout=log,
                                                   stderr=log))

    def run(self):
        self.start("run", *self.common, "--set", "state.dir=" + self.folder + "/state",
                   "--set", "metrics.interval.ms=200", "--metrics-file", self.metrics_file)

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            if process.wait(20) != 0:
                return False
        return True

    def metrics(self):
        try:
            with open(self.metrics_file) as file:
                self.counted = json.load(file)
        except (OSError, ValueError):
            pass  # not there yet, or being written
        return self.counted

    def has(self, **wanted):
        metrics = self.metrics()
        return all(metrics.get(name) == number for name, number in wanted.items())

    def send(self, key, value):
        path = os.path.join(self.folder, "value")
        with open(path, "wb") as file:
            file.write(value)
        subprocess.run(["kcat", "-b", self.brokers, "-P", "-t", "events.view", "-k", key,
                        "-X", "topic.partitioner=murmur2_random", path], check=True)

    def dead_letters(self):
        """[(bytes, headers)]"""
        letters = []
        for line in self.read("weft-dead-letters", "%p %o %S %h\\n").splitlines():
            partition, offset, size, headers = line.split(b" ", 3)
            value = self.read("weft-dead-letters", "%s", "-p", partition, "-o", offset, "-c", "1")
            letters.append((value[:int(size)], headers.decode()))
        return letters

    def read(self, topic, shape, *more):
        return output_of("kcat", "-b", self.brokers, "-C", "-q", "-e", "-t", topic, "-f", shape,
                         *more)


# ---- the checks ----


def known_schemas(weft, registry, counts):
    grown, shrunk = grown_schema(), shrunk_schema("user_agent", "dwell_ms")
    ids = registry.register(grown), registry.register(shrunk)
    lines = os.path.join(weft.folder, "events.jsonl")
    with open(lines, "w") as file:
        for i in range(EACH):
            file.write(json.dumps(dict(view(i, "own"), type="view")) + "\n")
    subprocess.run([weft.binary, "replay", "--wire", "confluent", *weft.common, lines],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for i in range(EACH):
        weft.send("visitor-grown-%d" % i, framed(ids[0], grown, view(i, "grown")))
        weft.send("visitor-shrunk-%d" % i, framed(ids[1], shrunk, view(i, "shrunk")))
    weft.run()
    counts["processed"] += 3 * EACH
    check("events of three schemas are processed", within(30, lambda: weft.has(**counts)),
          weft.metrics())
    changelog = weft.read("weft-visitor-changelog", "%k %s\\n")
    for kind in ("own", "grown", "shrunk"):
        check("what the %s schema wrote is read as it was meant" % kind,
              all(b"visitor-%s-%d " % (kind.encode(), i) in changelog for i in range(EACH)) and
              b"item-" + kind.encode() in changelog)
    return ids[0], grown


def refused_schemas(weft, registry, counts):
    own = own_schema()
    unknown = framed(UNKNOWN_ID, own, view(0, "unknown"))
    weft.send("visitor-unknown-0", unknown)
    without_item = shrunk_schema("item")
    useless = framed(registry.register(without_item), without_item, view(0, "useless"))
    weft.send("visitor-useless-0", useless)
    timeless_schema = shrunk_schema("event_time")
    timeless = framed(registry.register(timeless_schema), timeless_schema, view(0, "timeless"))
    weft.send("visitor-timeless-0", timeless)
    weft.send("visitor-cut-0", unknown[:3])
    counts["dead_letters"] += 4
    check("what can't be read goes to the dead letters", within(30, lambda: weft.has(**counts)),
          weft.metrics())
    letters = dict(weft.dead_letters())
    check("as the bytes that came", {unknown, useless, timeless, unknown[:3]} <= set(letters))
    why = letters.get(unknown, "")
    check("an id that is not registered is named", "schema id %d: the registry does not know it"
          % UNKNOWN_ID in why, why)
    why = letters.get(useless, "")
    check("a schema without the item is refused for it", "item: the field is missing" in why, why)
    why = letters.get(timeless, "")
    check("a schema without the time too", "event_time: the field is missing" in why, why)
    print("        " + why.partition("errors.message=")[2])
    why = letters.get(unknown[:3], "")
    check("a record that ends in its id is called cut off", "cut off" in why, why)


def hung_registry(weft, registry, counts):
    """It takes connections and says nothing: records wait, and are processed when it is back."""
    schemas = [shrunk_schema("channel"), shrunk_schema("channel", "uri"),
               shrunk_schema("placement")]
    ids = [registry.register(schema) for schema in schemas]
    registry.do("pause")
    for i, schema in enumerate(schemas):
        weft.send("visitor-hung-0", framed(ids[i], schema, view(i, "hung")))
    check("records wait for a registry that hangs",
          within(30, lambda: weft.has(schemas_awaited=1)) and weft.has(**counts), weft.metrics())
    registry.do("unpause")
    counts["processed"] += len(schemas)
    check("when it is back they are processed", within(30, lambda: weft.has(**counts)),
          weft.metrics())


def without_registry(weft, registry, counts, known):
    late_schema = shrunk_schema("uri")
    late_id = registry.register(late_schema)
    registry.do("kill")
    for i in range(EACH):
        weft.send("visitor-known-%d" % i, framed(known[0], known[1], view(i, "known")))
        weft.send("visitor-json-%d" % i, json.dumps(view(i, "json")).encode())
    counts["processed"] += 2 * EACH
    check("with the registry gone, JSON and schemas seen before go on",
          within(30, lambda: weft.has(**counts)), weft.metrics())
    weft.send("visitor-late-0", framed(late_id, late_schema, view(0, "late")))
    check("a schema never seen is awaited, and its record is no dead letter",
          within(30, lambda: weft.has(schemas_awaited=1)) and weft.has(**counts), weft.metrics())


def main():
    binary = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ROOT + "/build/weft")
    engine = shutil.which("docker") and subprocess.run(
        ["docker", "info"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    if not engine or not shutil.which("kcat"):
        print("left out: there is no %s" % ("kcat" if engine else "docker engine"))
        print("0 passed, 0 failed")
        return 0
    registry, weft = Registry(), None
    counts = {"processed": 0, "dead_letters": 0}
    with tempfile.TemporaryDirectory(prefix="weft-registry-") as folder:
        try:
            check("the registry answers", within(60, registry.answers))
            weft = Weft(binary, folder, registry)
            known = known_schemas(weft, registry, counts)
            refused_schemas(weft, registry, counts)
            hung_registry(weft, registry, counts)
            without_registry(weft, registry, counts, known)
            check("weft ends with 0", weft.stop())
            weft = None
        finally:
            registry.do("kill")
            if weft:
                weft.stop()
            if failed:
                with open(os.path.join(folder, "run.log")) as log:
                    print("".join(log.readlines()[-20:]))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
