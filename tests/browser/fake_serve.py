"""A web server for the tests of weft.js: it takes events as `weft serve` does, or fails as told,
and has one page under a strict Content-Security-Policy."""

import http.server
import json
import os
import threading
import time

WEB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "serve", "web")
POLICY = ("default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; "
          "img-src 'self'")
PAGE = """<!doctype html><html lang="en"><title>shop</title>
<link rel="stylesheet" href="/page.css"><script src="/weft.js"></script>
<h1>shop</h1><ul id="list"></ul><div id="far"></div><ul id="below"></ul></html>"""
LISTS = json.dumps({"visitor": "v1", "known": True, "recommendation_id": "r1", "lists": [
    {"placement": "home", "source": "visitor", "items": []},
    {"placement": "product", "source": "visitor", "items": [
        {"item_id": "M1", "product": {"title": "<b>Coat</b>"}},
        {"item_id": "M2", "product": {"title": "Boots"}}]}]})
STYLE = "li{height:40px} #far{height:3000px}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", kind="application/json", headers=()):
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))),
                            ("Content-Security-Policy", POLICY), ("Cache-Control", "no-store"),
                            *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/weft.js":
            with open(os.path.join(WEB, "weft.js"), "rb") as file:
                self.answer(200, file.read(), "text/javascript")
        elif self.path == "/page.css":
            self.answer(200, STYLE.encode(), "text/css")
        elif self.path.startswith("/v1/"):
            self.server.fake.reads.append((self.path, self.headers.get("Authorization")))
            if "/stream" in self.path:
                message = b"id: r1\nevent: lists\ndata: " + LISTS.encode() + b"\n\n"
                self.answer(200, message, "text/event-stream")
            else:
                self.answer(200, b'{"lists":[]}')
        else:
            self.answer(200, PAGE.encode(), "text/html; charset=utf-8")

    def do_POST(self):
        fake = self.server.fake
        body = self.rfile.read(int(self.headers["Content-Length"]))
        events = json.loads(body)
        status, headers = fake.next_answer(len(events))
        fake.posts.append({"at": time.monotonic(), "status": status, "events": events,
                           "bytes": len(body), "token": self.headers.get("Authorization"),
                           "kind": self.headers.get("Content-Type")})
        time.sleep(fake.delay_s)
        self.answer(status, b'{"title":"as told"}', headers=headers)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a browser drops connections as it leaves a page


class FakeServe:
    """`answers`: what the next posts get, as (status, headers); then 202. `events_max`: more events
    in a post get 413."""

    def __init__(self):
        self.posts, self.reads, self.answers = [], [], []
        self.events_max, self.delay_s = 1000, 0
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.fake = self
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next_answer(self, count):
        if self.answers:
            return self.answers.pop(0)
        return (413, ()) if count > self.events_max else (202, ())

    def taken(self, kind=None):
        """The events that were acknowledged, in the order of their posts."""
        return [event for post in self.posts if post["status"] == 202 for event in post["events"]
                if kind in (None, event["type"])]

    def wait(self, true, seconds=15):
        end = time.monotonic() + seconds
        while not true() and time.monotonic() < end:
            time.sleep(0.02)
        return true()

    def clear(self):
        self.posts.clear()
        self.reads.clear()

    def close(self):
        self.server.shutdown()
