#!/usr/bin/env python3
"""Tests the metrics of `weft run` and `weft serve` with Prometheus itself: promtool finds nothing
wrong with them, Prometheus scrapes both in OpenMetrics, every query of the Grafana board and of the
alerts is answered and names metrics that there are, and each alert fires once in its unit test.
Needs Debian's prometheus.

    prometheus.py"""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WEFT = os.environ.get("WEFT", os.path.join(ROOT, "build", "weft"))
RULES = os.path.join(ROOT, "deploy", "prometheus")
BOARD = os.path.join(ROOT, "deploy", "grafana", "weft.json")
passed, failed = 0, 0


def check(what, good, detail=""):
    global passed, failed
    passed += bool(good)
    failed += not good
    print(f"{'ok   ' if good else 'FAIL '} {what}{'' if good else f': {detail}'}", flush=True)


def wait(what, true, seconds=30):
    until = time.time() + seconds
    while time.time() < until:
        if true():
            return True
        time.sleep(0.1)
    check(f"waited for {what}", False)
    return False


def get(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.getheader("Content-Type"), body


def promtool(*arguments, text=None):
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True,
                          cwd=RULES)
    return done.returncode == 0 and not done.stderr.strip(), done.stdout + done.stderr


def static_checks():
    check("the scrape configuration", *promtool("check", "config", "prometheus.yml"))
    check("the alerts", *promtool("check", "rules", "weft.rules.yml"))
    good = subprocess.run(["promtool", "test", "rules", "weft.rules.test.yml"], cwd=RULES,
                          capture_output=True, text=True)
    check("each alert fires once, and none in a calm hour", good.returncode == 0,
          good.stdout + good.stderr)
    with open(f"{RULES}/weft.rules.yml") as rules, open(f"{RULES}/weft.rules.test.yml") as tests:
        alerts, tried = set(re.findall(r"alert: (\w+)", rules.read())), tests.read()
        untried = [name for name in alerts if f"name: {name}\n" not in tried]
    check("each alert has a test", alerts and not untried, untried)


def start(folder, name, *arguments):
    log = open(os.path.join(folder, name + ".log"), "w")
    return subprocess.Popen([WEFT, *arguments], stderr=log, stdout=subprocess.DEVNULL)


def read_file(path):
    if not os.path.exists(path):
        return ""
    with open(path) as file:
        return file.read().strip()


def listening_port(folder, name):
    found = re.search(r"port (\d+)", read_file(os.path.join(folder, name + ".log")))
    return int(found.group(1)) if found else 0


def check_texts(name, port):
    status, kind, text = get(port, "/metrics")
    check(f"{name}: Prometheus' text", status == 200 and kind.startswith("text/plain"), kind)
    check(f"{name}: promtool finds nothing wrong", *promtool("check", "metrics", text=text))
    status, kind, text = get(port, "/metrics", Accept="application/openmetrics-text;version=1.0.0")
    check(f"{name}: OpenMetrics", kind.startswith("application/openmetrics-text") and
          text.endswith("# EOF\n"), kind)
    check(f"{name}: each sample stands once",
          len(set(re.findall(r"^[^#].* ", text, re.M))) == len(re.findall(r"^[^#].* ", text, re.M)))


def expressions():
    """(where, query) of the board and of the alerts."""
    with open(BOARD) as file:
        for panel in json.load(file)["panels"]:
            for target in panel["targets"]:
                yield panel["title"], target["expr"].replace("$__rate_interval", "1m")
    with open(os.path.join(RULES, "weft.rules.yml")) as file:
        for text in re.findall(r"expr: (?:>\n((?:          .*\n)+)|(.*)\n)", file.read()):
            yield "alert", " ".join((text[0] or text[1]).split())


def check_queries(port, names):
    for where, query in expressions():
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": query})
        status, _, body = get(port, path)
        check(f"{where}: {query[:50]}", status == 200 and
              json.loads(body)["status"] == "success", body)
        unknown = [name for name in re.findall(r"\b(?:weft|process)_\w+", query)
                   if name not in names]
        check(f"{where}: its metrics are there", not unknown, unknown)


def scrape(folder, run_port, serve_port):
    config = read_file(os.path.join(RULES, "prometheus.yml"))
    config = config.replace("localhost:9464", f"127.0.0.1:{run_port}").replace(
        "localhost:8080", f"127.0.0.1:{serve_port}").replace("15s", "1s")
    with open(os.path.join(folder, "prometheus.yml"), "w") as file:
        file.write(config)
    shutil.copy(os.path.join(RULES, "weft.rules.yml"), folder)
    port = 19790
    process = subprocess.Popen(
        ["prometheus", f"--config.file={folder}/prometheus.yml",
         f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=open(os.path.join(folder, "prometheus.log"), "w"))

    def up():
        try:
            rows = json.loads(get(port, "/api/v1/query?query=up")[2])["data"]["result"]
        except (OSError, ValueError, KeyError):
            return False
        return [row["value"][1] for row in rows] == ["1", "1"]

    if wait("both targets are up", up):
        names = json.loads(get(port, "/api/v1/label/__name__/values")[2])["data"]
        check("Prometheus has the metrics", "weft_records_total" in names and
              "weft_serve_left_records" in names, names[:5])
        check_queries(port, set(names))
        rows = json.loads(get(port, "/api/v1/query?query=weft_records_total")[2])
        total = sum(float(row["value"][1]) for row in rows["data"]["result"])
        check("it counts the events", total > 50, total)
        firing = json.loads(get(port, "/api/v1/alerts")[2])["data"]["alerts"]
        check("no alert fires", not [each for each in firing if each["state"] == "firing"], firing)
    process.terminate()
    process.wait()


def main():
    static_checks()
    with tempfile.TemporaryDirectory() as folder:
        broker = start(folder, "broker", "broker", "--address-file", f"{folder}/address")
        wait("the broker", lambda: read_file(f"{folder}/address"))
        common = ["--brokers", read_file(f"{folder}/address"),
                  "--set", "kafka.consumer.fetch.wait.max.ms=10"]
        run = start(folder, "run", "run", *common, "--set", f"state.dir={folder}/run",
                    "--set", "http.listen=127.0.0.1:0")
        serve = start(folder, "serve", "serve", *common, "--set", f"state.dir={folder}/copy",
                      "--listen", "127.0.0.1:0")
        wait("ports", lambda: listening_port(folder, "run") and listening_port(folder, "serve"))
        ports = [listening_port(folder, name) for name in ("run", "serve")]
        status, _, body = get(ports[0], "/readyz")
        check("not ready while restoring, with the share done",
              status == 503 and 0 <= json.loads(body)["done"] < 1 or status == 200, body)
        check("it lives meanwhile", get(ports[0], "/livez")[0] == 200)
        for port in ports:
            wait("readiness", lambda at=port: get(at, "/readyz")[0] == 200)
        subprocess.run([WEFT, "simulate", *common[:2], "--events", "100", "--rate", "1000"],
                       stdout=subprocess.DEVNULL, check=True)
        wait("the events", lambda: re.search(r'records_total{fate="processed"} [5-9]\d',
                                             get(ports[0], "/metrics")[2]))
        for name, port in zip(("run", "serve"), ports):
            check_texts(name, port)
        scrape(folder, *ports)
        for process in (serve, run):
            process.send_signal(signal.SIGINT)
            check("it ends", process.wait(30) == 0)
        broker.kill()
        broker.wait()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
