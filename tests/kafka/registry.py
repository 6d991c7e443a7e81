#!/usr/bin/env python3
"""Tests a schema registry in every condition, against weft's embedded broker. The registry is
away at the start, slow or faulty, refuses credentials, or is behind https. Records wait for it,
none is lost, and weft shows no secret. The test needs kcat and openssl and takes about a minute
and a half.

Usage: tests/kafka/registry.py
"""
import base64
import http.server
import json
import os
import ssl
import subprocess
import sys
import threading
import time

from avro import framed
from shop import ROOT, Checks, Embedded, Shop

SECRET = "s3cret-of-the-registry"
TOKEN = "t0ken-of-the-registry"
SESSION_MS = 6000


def schema_of(name, *gone):
    with open(os.path.join(ROOT, "schemas", name + ".avsc")) as file:
        schema = json.load(file)
    schema["fields"] = [field for field in schema["fields"] if field["name"] not in gone]
    return schema


def divided_view():
    """The view whose item is registered under a subject of its own: (schema, item)."""
    schema = schema_of("view")
    for field in schema["fields"]:
        if field["name"] == "item":
            item, field["type"] = field["type"], "shop.TheItem"
    return schema, {**item, "name": "TheItem", "namespace": "shop"}


class Registry:
    """`answers` has (status, object) by path; other paths are answered with 404. `mood` is a status
    for all paths, or "hangs". `subjects` has the schemas that were registered, and `refusal` is
    the answer to further ones."""

    def __init__(self, port=0, certificates=None, authorization=None):
        self.answers, self.mood, self.paths = {}, None, []
        self.subjects, self.ids, self.refusal = {}, {}, None
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.answer(*registry.post(self.path.split("/"), body["schema"]))

            def do_GET(self):
                registry.paths.append(self.path)
                while registry.mood == "hangs":
                    time.sleep(0.1)
                status, body = registry.answers.get(
                    self.path, (404, {"error_code": 40403, "message": "Schema not found"}))
                self.answer(status, body)

            def answer(self, status, body):
                if authorization and self.headers.get("Authorization") != authorization:
                    status, body = 401, {"error_code": 401, "message": "who are you?"}
                if registry.mood:
                    status, body = registry.mood, "<html>later</html>"
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.end_headers()
                    self.wfile.write(json.dumps(body).encode())
                except OSError:
                    pass  # weft has given up on this one

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.handle_error = lambda *arguments: None  # clients without a certificate
        self.port = self.server.server_port
        if certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.path("server.pem"),
                                    certificates.path("server.key"))
            context.load_verify_locations(certificates.path("ca.pem"))
            context.verify_mode = ssl.CERT_REQUIRED
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, number, schema, **more):
        self.answers[f"/schemas/ids/{number}"] = (200, {"schema": json.dumps(schema), **more})

    def post(self, path, schema):
        """/subjects/S/versions registers a schema, /subjects/S looks it up: (status, object)."""
        subject = path[2]
        if path[-1] == "versions" and not self.mood and self.refusal:
            return self.refusal
        if path[-1] == "versions" and not self.mood:
            self.subjects[subject] = schema
            self.ids.setdefault(schema, 100 + len(self.ids))
            self.add(self.ids[schema], json.loads(schema))
        if self.subjects.get(subject) != schema:
            return 404, {"error_code": 40401, "message": "Subject not found"}
        return 200, {"id": self.ids[schema]}

    def stop(self):
        self.mood = None
        self.server.shutdown()
        self.server.server_close()


class Certificates:
    """An authority, a server on 127.0.0.1, a client, and another authority."""

    def __init__(self, folder):
        self.folder = folder
        for authority in ("ca", "other"):
            self.run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                     f"/CN={authority}", "-keyout", self.path(f"{authority}.key"), "-out",
                     self.path(f"{authority}.pem"))
        with open(self.path("names"), "w") as file:
            file.write("subjectAltName=IP:127.0.0.1\n")
        for name in ("server", "client"):
            self.run("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout",
                     self.path(f"{name}.key"), "-out", self.path(f"{name}.csr"))
            self.run("x509", "-req", "-in", self.path(f"{name}.csr"), "-CA", self.path("ca.pem"),
                     "-CAkey", self.path("ca.key"), "-CAcreateserial", "-days", "2", "-extfile",
                     self.path("names"), "-out", self.path(f"{name}.pem"))

    def path(self, name):
        return os.path.join(self.folder, name)

    @staticmethod
    def run(*arguments):
        subprocess.run(["openssl", *arguments], check=True, stderr=subprocess.DEVNULL)


class Bench:
    """A shop with a broker of its own."""

    def __init__(self, checks, name, url, *extra):
        self.checks = checks
        self.shop = Shop(name, None, 1, [f"schema.registry.url={url}", "max.task.idle.ms=500",
                                         "schema.registry.timeout.ms=1000",
                                         "schema.registry.retry.max.ms=1000",
                                         f"session.timeout.ms={SESSION_MS}", *extra])
        self.broker = Embedded(self.shop.settings)
        self.shop.address = self.broker.address
        self.number = 0

    def event(self, **more):
        self.number += 1
        return {"event_id": f"e{self.number}", "visitor_id": "v",
                "event_time": int(time.time() * 1000), **more}

    def view(self, number, schema):
        event = self.event(item={"item_id": f"i{self.number}", "quantity": 1})
        self.shop.produce(f"{self.shop.name}.view", "v", framed(number, schema, event))

    def search(self):
        self.shop.produce(f"{self.shop.name}.search", "v",
                          json.dumps(self.event(search_term="wool")).encode())

    def within(self, what, seconds=30, **wanted):
        deadline = time.time() + seconds
        row = None
        while time.time() < deadline:
            self.shop.alive()
            row = self.shop.metrics() or row
            if row and all(row[name] == number for name, number in wanted.items()):
                return self.checks.check(what, True)
            time.sleep(0.1)
        return self.checks.check(what, False, f"wanted {wanted}, found {row}; "
                                              f"{self.shop.log_end()}")

    def log(self):
        with open(os.path.join(self.shop.folder, "log-0.txt")) as file:
            return file.read()

    def letters(self):
        return self.shop.kcat(f"{self.shop.name}-dead-letters", "%h\\n").decode(errors="replace")

    def shown(self):
        """All that weft writes where people look."""
        topics = b"".join(self.shop.kcat(f"{self.shop.name}-{topic}", "%h %k %s\\n")
                          for topic in ("dead-letters", "late", "metrics"))
        return self.log() + topics.decode(errors="replace") + json.dumps(self.shop.metrics())

    def remove(self):
        self.shop.remove()
        self.broker.stop()


def away_at_the_start(checks, port):
    own, product = schema_of("view"), schema_of("product")
    bench = Bench(checks, "away", f"http://weft:{SECRET}@127.0.0.1:{port}")
    try:
        bench.search()
        for _ in range(5):
            bench.view(7, own)
        bench.shop.produce("away.product", "i", framed(8, product, {"item_id": "i",
                                                                    "title": "a coat"}))
        bench.shop.start(0)
        bench.search()
        bench.within("without the registry the other inputs go on", 60, processed=2,
                     schemas_awaited=2, dead_letters=0)
        time.sleep(1.5 * SESSION_MS / 1000)
        row = bench.shop.metrics()
        checks.equal("views and products wait", (row["read"], row["products"]), (2, 0))
        checks.equal("the group does not lose the worker meanwhile",
                     bench.log().count("partitions assigned"), 1)
        advice = "start the registry, or check schema.registry.url"
        told = [line for line in bench.log().splitlines() if advice in line]
        checks.check("the log warns and says what to do",  # once, beside the preflight's line
                     len([line for line in told if "preflight:" not in line]) == 1, told)
        checks.check("requests without an answer are counted", row["schema_requests_failed"] > 4,
                     row)
        bench.shop.stop()  # nothing of the views is committed
        bench.shop.start(0)
        registry = Registry(port)
        registry.add(7, own)
        registry.add(8, product)
        bench.within("when it is there all are processed, once", 30, read=5, processed=5,
                     dead_letters=0, duplicates=0, products=1, schemas_awaited=0)
        in_all_conditions(bench, registry, own)
        unknown_schemas(bench, registry, own)
        checks.check("no secret is shown", SECRET not in bench.shown())
        bench.shop.stop()
        registry.stop()
    finally:
        bench.remove()


def in_all_conditions(bench, registry, own):
    """Each time a new schema, so that the registry is needed."""
    read = bench.shop.metrics()["read"]
    for number, mood in enumerate((500, 503, 429, 401, 403, 302, "hangs"), 20):
        failed = bench.shop.metrics()["schema_requests_failed"]
        registry.add(number, own)
        registry.mood = mood
        bench.view(number, own)
        deadline = time.time() + 20
        while bench.shop.metrics()["schema_requests_failed"] < failed + 2 and \
                time.time() < deadline:
            time.sleep(0.05)
        row = bench.shop.metrics()
        bench.checks.equal(f"{mood}: the record waits", (row["read"], row["schemas_awaited"]),
                           (read, 1))
        registry.mood = None
        read += 1
        bench.within(f"{mood}: then it is processed", 20, read=read, dead_letters=0)


def unknown_schemas(bench, registry, own):
    read = bench.shop.metrics()["read"]
    for number in range(1000, 1100):
        bench.view(number, own)
    bench.within("a hundred unknown ids take seconds", 20, read=read + 100, dead_letters=100)
    letters = bench.letters()
    bench.checks.check("their dead letters say why",
                       letters.count("the registry does not know it") == 100, letters[:300])
    registry.add(1099, own)
    deadline = time.time() + 30
    processed = bench.shop.metrics()["processed"]
    while bench.shop.metrics()["processed"] == processed and time.time() < deadline:
        bench.view(1099, own)
        time.sleep(1)
    bench.checks.check("a schema that is registered later is found",
                       bench.shop.metrics()["processed"] > processed)
    failed = bench.shop.metrics()["dead_letters"]
    registry.add(40, {"type": "record", "name": "Other", "fields": []})
    registry.add(41, "nonsense")
    registry.add(42, own, schemaType="PROTOBUF")
    for number in (40, 41, 42):
        bench.view(number, own)
    bench.within("schemas that don't fit make dead letters", 20, dead_letters=failed + 3)
    divided, item = divided_view()
    registry.add(50, divided, references=[{"name": "shop.TheItem", "subject": "the item",
                                           "version": 2}])
    registry.answers["/subjects/the%20item/versions/2"] = (200, {"schema": json.dumps(item)})
    processed = bench.shop.metrics()["processed"]
    bench.view(50, own)
    bench.within("a schema with a reference is read", 20, processed=processed + 1,
                 dead_letters=failed + 3)


def over_https(checks, certificates):
    own = schema_of("view")
    with open(certificates.path("token"), "w") as file:
        file.write("an old token\n")
    registry = Registry(certificates=certificates, authorization=f"Bearer {TOKEN}")
    registry.add(7, own)
    url = f"https://127.0.0.1:{registry.port}"
    settings = ["schema.registry.ca.file=" + certificates.path("other.pem"),
                "schema.registry.token.file=" + certificates.path("token"),
                "schema.registry.certificate.file=" + certificates.path("client.pem"),
                "schema.registry.key.file=" + certificates.path("client.key")]
    bench = Bench(checks, "https", url, *settings)
    try:
        bench.view(7, own)
        bench.shop.start(0)
        bench.within("an unknown authority is not trusted", 60, read=0, schemas_awaited=1)
        deadline = time.time() + 20
        while "WARN registry" not in bench.log() and time.time() < deadline:
            time.sleep(0.1)
        checks.check("the log says so", "certificate" in bench.log(), bench.log())
        bench.shop.stop()
        right = "schema.registry.ca.file=" + certificates.path("ca.pem")
        bench.shop.start(0, "--set", right)
        deadline = time.time() + 20
        while "status 401" not in bench.log() and time.time() < deadline:
            time.sleep(0.1)
        checks.check("a token that is refused is said", "status 401" in bench.log(), bench.log())
        with open(certificates.path("token"), "w") as file:
            file.write(TOKEN + "\n")
        bench.within("a new token is taken without a restart", 20, processed=1)
        checks.check("no token is shown", TOKEN not in bench.shown() and
                     "an old token" not in bench.shown())
        bench.shop.stop()
    finally:
        bench.remove()
        registry.stop()


def with_a_password_file(checks, certificates):
    own = schema_of("view")
    word = base64.b64encode(f"weft:{SECRET}".encode()).decode()
    with open(certificates.path("password"), "w") as file:
        file.write(SECRET + "\n")
    registry = Registry(authorization="Basic " + word)
    registry.add(7, own)
    bench = Bench(checks, "basic", f"http://127.0.0.1:{registry.port}", "schema.registry.user=weft",
                  "schema.registry.password.file=" + certificates.path("password"))
    try:
        bench.view(7, own)
        bench.view(9, own)
        bench.shop.start(0)
        bench.within("user and password from a file are sent", 60, processed=1, dead_letters=1)
        checks.check("no password is shown", SECRET not in bench.shown() and
                     word not in bench.shown())
        bench.shop.stop()
    finally:
        bench.remove()
        registry.stop()


def main():
    checks = Checks()
    probe = Registry()
    probe.stop()
    away_at_the_start(checks, probe.port)
    shop = Shop("files")
    try:
        certificates = Certificates(shop.folder)
        over_https(checks, certificates)
        with_a_password_file(checks, certificates)
    finally:
        shop.remove()
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
