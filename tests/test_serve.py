#!/usr/bin/env python3
"""Tests `weft serve` over HTTP beside the embedded broker, without `weft run`: paths, methods,
bodies, tokens, origins, limits, products with script in their texts, events, and that every answer
is as the OpenAPI document says.

    test_serve.py WEFT"""

import gzip
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from openapi import Document

EVIL = "\"'><script>alert(1)</script>\u2028</title>"
TOKENS = {name: f"{name}-token-of-the-test" for name in ("read", "write", "admin")}
passed, failed = 0, 0


def check(what, true, detail=""):
    global passed, failed
    passed += bool(true)
    failed += not true
    if not true:
        print(f"FAIL  {what} {detail}")


def wait(what, true, seconds=20):
    until = time.time() + seconds
    while time.time() < until:
        if true():
            return
        time.sleep(0.02)
    check(f"waited for: {what}", False)


class Serve:
    """A `weft serve`, and requests to it, each validated."""

    def __init__(self, weft, address, folder, name, *settings):
        port_file = os.path.join(folder, name + ".port")
        arguments = [weft, "serve", "--brokers", address, "--port-file", port_file, "--set",
                     f"state.dir={folder}/{name}", "--set", "kafka.consumer.fetch.wait.max.ms=10"]
        if not any(each.startswith("http.listen=") for each in settings):
            settings = ("http.listen=127.0.0.1:0", *settings)
        for setting in settings:
            arguments += ["--set", setting]
        self.log = open(os.path.join(folder, name + ".log"), "w+")
        self.process = subprocess.Popen(arguments, stderr=self.log)
        wait("the port", lambda: os.path.exists(port_file) and os.path.getsize(port_file) or
             self.process.poll() is not None)
        with open(port_file) as file:
            self.port = int(file.read())
        self.document = None
        self.document = Document(self.get("/v1/openapi.json")[2])

    def ask(self, method, path, body=None, headers=None):
        """(status, headers, body)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
        head = {name.lower(): value for name, value in answer.getheaders()}
        connection.close()
        plain = gzip.decompress(data) if head.get("content-encoding") == "gzip" else data
        if self.document and method != "HEAD":
            wrong = self.document.check(method, path, answer.status,
                                        head.get("content-type", "").split(";")[0], plain)
            check(f"{method} {path} is as the document says", not wrong, wrong[:3])
        return answer.status, head, plain

    def get(self, path, **headers):
        return self.ask("GET", path, None, {k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, body, **headers):
        return self.ask("POST", "/v1/events", body if isinstance(body, (str, bytes)) else
                        json.dumps(body), {k.replace("_", "-"): v for k, v in headers.items()})

    def end(self):
        self.process.send_signal(signal.SIGINT)
        check("it ends in time", self.process.wait(20) == 0, self.process.returncode)
        self.log.close()


def view(**fields):
    return {"type": "view", "visitor_id": "v1", "event_time": int(time.time() * 1000),
            "item": {"item_id": "A"}, **fields}


def paths(serve):
    check("live", serve.get("/livez")[0] == 200)
    check("metrics", b"weft_serve_ready 1\n" in serve.get("/metrics")[2])
    for method, path, status in (("GET", "/loglevel", 200), ("PUT", "/loglevel?level=x", 400),
                                 ("PUT", "/loglevel?level=debug", 200)):
        check(f"{method} {path}", serve.ask(method, path)[0] == status)
    check("the level is set", json.loads(serve.get("/loglevel")[2]) == {"level": "debug"})
    serve.ask("PUT", "/loglevel?level=info")
    check("nothing is known of nobody", serve.get("/v1/visitors/nobody")[0] == 404)
    for path, status in (("/nothing", 404), ("/v1/products/none", 404),
                         ("/v1/visitors//lists", 404),
                         ("/v1/products/%zz", 400), ("/v1/products/%00", 400),
                         ("/../../etc/passwd", 404), ("/weft.js/../../x", 404),
                         ("/v1/visitors/" + "x" * 257 + "/lists", 400),
                         ("/v1/rankings/viewed/shop", 404), ("/v1/rankings/x/shop", 404),
                         ("/v1/search", 400), ("/v1/items/none/lists", 404)):
        got, head, body = serve.get(path)
        check(f"{path} is {status}", got == status, got)
        check(f"{path} is a problem", head["content-type"] == "application/problem+json" and
              json.loads(body)["status"] == status)
    status, head, _ = serve.ask("POST", "/livez")
    check("405 names the methods", status == 405 and head["allow"] == "GET, HEAD", (status, head))
    check("HEAD has no body", serve.ask("HEAD", "/livez")[::2] == (200, b""))
    check("another host's name is refused", serve.get("/livez", Host="evil.example")[0] == 421)


def products(serve):
    for title in ("q=blue", "q=%EC%BD%94%ED%8A%B8", "q=blue&limit=1", "q=blue&visitor=v1"):
        status, _, body = serve.get("/v1/search?" + title)
        found = [item["item_id"] for item in json.loads(body)["items"]]
        check(f"{title} finds", status == 200 and found == ["A"], found)
    status, head, body = serve.get("/v1/products/A")
    check("a product's text comes as it is", json.loads(body)["title"] == EVIL + " Blue")
    check("JSON is no page", head["content-type"] == "application/json" and
          head["x-content-type-options"] == "nosniff" and
          head["content-security-policy"] == "default-src 'none'")
    tag = head["etag"]
    status, head, body = serve.get("/v1/products/A", If_None_Match=tag)
    check("304", status == 304 and body == b"" and head["etag"] == tag, status)
    status, head, body = serve.get("/v1/products/long", Accept_Encoding="gzip")
    check("gzip", head["content-encoding"] == "gzip" and json.loads(body)["item_id"] == "long")
    check("the compressed form has another tag", head["etag"] !=
          serve.get("/v1/products/long")[1]["etag"])
    status, _, body = serve.get("/v1/visitors/" + "%3Cscript%3E" + "/lists")
    check("a visitor whom nobody knows is no error", status == 200 and
          json.loads(body) == {"visitor": "<script>", "known": False, "lists": []}, body)


def events(serve):
    status, _, body = serve.post(view(event_id="e1"))
    check("one event", status == 202 and json.loads(body) == {"accepted": 1, "event_ids": ["e1"]})
    status, _, body = serve.post({"events": [view(), view(visitor_id=EVIL)]},
                                 Content_Type="text/plain;charset=UTF-8")
    ids = json.loads(body)["event_ids"]
    check("events without an id get one", status == 202 and len(set(ids)) == 2 and
          all(re.fullmatch("[0-9a-f]{32}", each) for each in ids), ids)
    status, _, body = serve.post([view(), {"type": "view"}, view(event_time=5), view(item={})])
    bad = [(each["index"], each["reason"]) for each in json.loads(body)["errors"]]
    check("bad events are named", status == 400 and [index for index, _ in bad] == [1, 2, 3] and
          all(reason for _, reason in bad), bad)
    for body in ("", "x", "[1]", "{", "[{}", '{"type":"product","item_id":"B","title":"x"}',
                 "[" + "{}," * 1000 + "{}]", b"\xff{}"):
        check("no events are refused", serve.post(body)[0] == 400, body[:30])
    check("an empty array is nothing", serve.post("[]")[0] == 202)
    check("a large body is refused", serve.post("[" + " " * 70000 + "]")[0] == 413)
    status, head, _ = serve.post(view(), Origin="https://evil.example")
    check("a page of another site may not send", status == 403)
    status, head, _ = serve.post(view(), Origin="https://shop.example")
    check("a page of the shop may", status == 202 and
          head["access-control-allow-origin"] == "https://shop.example")
    status, head, _ = serve.ask("OPTIONS", "/v1/events", None, {
        "Origin": "https://shop.example", "Access-Control-Request-Method": "POST"})
    check("preflight", status == 204 and "POST" in head["access-control-allow-methods"] and
          "Authorization" in head["access-control-allow-headers"])
    head = serve.ask("OPTIONS", "/v1/events", None, {
        "Origin": "https://evil.example", "Access-Control-Request-Method": "POST"})[1]
    check("preflight of another site", "access-control-allow-origin" not in head)


def raw(serve, data, pause=0.0):
    """Sends bytes one after another; what comes back until the connection ends."""
    connection = socket.create_connection(("127.0.0.1", serve.port), 10)
    answer = b""
    try:
        for at in range(0, len(data), 1 if pause else len(data)):
            connection.sendall(data[at:at + (1 if pause else len(data))])
            time.sleep(pause)
        while part := connection.recv(65536):
            answer += part
    except OSError:
        pass
    connection.close()
    return answer


def limits(serve):
    started = time.time()
    answer = raw(serve, b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 400, 0.01)
    check("a request that drips is cut", b"200 OK" not in answer and time.time() - started < 4,
          answer[:100])
    flood = b"".join(b"X-%d: %s\r\n" % (i, b"y" * 100) for i in range(1000))
    answer = raw(serve, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + flood + b"\r\n")
    check("a flood of headers is refused", b"200 OK" not in answer[:20], answer[:60])
    answer = raw(serve, b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n" +
                 (b"10000\r\n" + b" " * 65536 + b"\r\n") * 8)
    check("a body without end is refused", b"202" not in answer[:20], answer[:60])
    for start in (b"GET", b"\x16\x03\x01", b"GET /livez HTTP/9.9\r\n\r\n", b"\r\n" * 1000):
        raw(serve, start + b"\0\xff\r\n\r\n")
    check("it lives", serve.get("/livez")[0] == 200)


def tokens(weft, address, folder):
    settings = []
    for name, token in TOKENS.items():
        path = os.path.join(folder, name + ".token")
        with open(path, "w") as file:
            file.write(token + "\n")
        settings.append(f"http.token.{name}.file={path}")
    serve = Serve(weft, address, folder, "tokens", "http.listen=:0", *settings)
    for method, path, good in (("GET", "/v1/visitors/a/lists", ("read", "admin")),
                               ("POST", "/v1/events", ("write", "admin")),
                               ("DELETE", "/v1/visitors/a", ("admin",)),
                               ("GET", "/livez", ("read", "write", "admin", None))):
        for name in ("read", "write", "admin", None):
            body = json.dumps(view()) if method == "POST" else None
            header = {"Authorization": f"Bearer {TOKENS[name]}"} if name else {}
            status = serve.ask(method, path, body, header)[0]
            check(f"{method} {path} with {name}", (status in (200, 202)) == (name in good), status)
            check(f"{method} {path} with {name} is 401 if not", status in (200, 202, 401), status)
            if name and path != "/livez":
                status = serve.ask(method, f"{path}?token={TOKENS[name]}", body)[0]
                check(f"{path}?token= of {name}", (status in (200, 202)) ==
                      (name in good and method != "DELETE"), status)
    serve.end()
    with open(os.path.join(folder, "tokens.log")) as file:
        check("the log has no token", not any(token in file.read() for token in TOKENS.values()))


def tls(weft, address, folder):
    certificate, key = os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-keyout", key, "-out", certificate, "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost"], check=True, stderr=subprocess.DEVNULL)
    port_file = os.path.join(folder, "tls.port")
    process = subprocess.Popen(
        [weft, "serve", "--brokers", address, "--port-file", port_file, "--listen", ":0",
         "--set", f"state.dir={folder}/tls", "--set", f"http.tls.certificate.file={certificate}",
         "--set", f"http.tls.key.file={key}"], stderr=subprocess.DEVNULL)
    wait("the port", lambda: os.path.exists(port_file) and os.path.getsize(port_file))
    with open(port_file) as file:
        connection = http.client.HTTPSConnection(
            "localhost", int(file.read()), timeout=15,
            context=ssl.create_default_context(cafile=certificate))
    connection.request("GET", "/livez")
    check("HTTPS", connection.getresponse().read() == b'{"live":true}')
    connection.close()
    process.send_signal(signal.SIGINT)
    process.wait(20)


def refused(weft, address, folder, text, *settings):
    arguments = [weft, "serve", "--brokers", address, "--set", f"state.dir={folder}/refused"]
    for setting in settings:
        arguments += ["--set", setting]
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=30)
    check(f"{settings} is refused", ended.returncode == 2 and text in ended.stderr, ended.stderr)


def feed(weft, address, folder):
    path = os.path.join(folder, "products.jsonl")
    with open(path, "w") as file:
        for row in ({"item_id": "A", "title": EVIL + " Blue", "attributes": {"ko": "파란 코트"}},
                    {"item_id": "sold", "title": "Blue", "availability": "out_of_stock"},
                    {"item_id": "long", "title": "x" * 500, "tags": ["y" * 200] * 6}):
            file.write(json.dumps({"type": "product", **row}) + "\n")
    subprocess.run([weft, "replay", "--catalogue", "--brokers", address, path], check=True,
                   stdout=subprocess.DEVNULL)


def main(weft):
    with tempfile.TemporaryDirectory() as folder:
        address_file = os.path.join(folder, "address")
        broker = subprocess.Popen([weft, "broker", "--address-file", address_file],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait("the broker", lambda: os.path.exists(address_file) and os.path.getsize(address_file))
        with open(address_file) as file:
            address = file.read().strip()
        feed(weft, address, folder)
        serve = Serve(weft, address, folder, "serve", "http.body.bytes.max=65536",
                      "http.request.ms=1000", "http.cors.origins=https://shop.example")
        wait("it is ready", lambda: serve.get("/readyz")[0] == 200)
        wait("the index", lambda: json.loads(serve.get("/v1/search?q=blue")[2])["items"])
        paths(serve)
        products(serve)
        events(serve)
        limits(serve)
        serve.end()
        tokens(weft, address, folder)
        tls(weft, address, folder)
        refused(weft, address, folder, "http.token.read.file", "http.listen=:0")
        refused(weft, address, folder, "127.0.0.1:8080", "http.listen=8080")
        refused(weft, address, folder, "go together", "http.tls.key.file=/dev/null")
        refused(weft, address, folder, "can't be read", "http.token.read.file=/nothing")
        broker.kill()
        broker.wait()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
