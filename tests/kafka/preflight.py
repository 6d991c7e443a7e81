#!/usr/bin/env python3
"""Breaks the set-up of weft in more than thirty ways, one at a time, on Apache Kafka with an
authorizer, TLS and passwords. 'weft check --preflight' names each in one sentence, with the right
exit code. Then weft runs with exactly the rights that 'weft check --acls' prints, over TLS with a
password, and delivers lists.

    preflight.py [--long]

Without --long the test tries one set-up of each kind; tests/test_preflight.c tries all kinds of
answers without a broker. The test needs openssl, kcat and the programs that tools/kafka needs."""

import http.server
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from protocol import Client, Reader, Writer
from shop import INPUTS, WEFT, Checks, Kafka, Shop, weft

PORT = int(os.environ.get("WEFT_KAFKA_PORT", "19092"))
PASSWORDS, OTHER_TLS, TOKENS = PORT + 40, PORT + 41, PORT + 42
TYPES = {"--topic": 2, "--group": 3, "--cluster": 4, "--transactional-id": 5}
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
LITERAL, PREFIXED, ALLOW = 3, 4, 3
FIX, WAIT = 1, 75


class Admin(Client):
    def check_rows(self, reader):
        reader.number(4)
        for error, why in reader.array(lambda: (reader.number(2), reader.text())):
            if error:
                raise RuntimeError(f"error {error}: {why}")

    def allow(self, user, rights):
        """rights: (type, name, pattern, operation)"""
        body = Writer()
        body.array(sorted(rights), lambda row: body.number(1, row[0]).text(row[1]).number(
            1, row[2]).text(f"User:{user}").text("*").number(1, row[3]).number(1, ALLOW))
        self.check_rows(self.any_broker(30, 1, body))

    def create(self, topic, partitions, **settings):
        body = Writer()
        rows = [(name.replace("_", "."), str(value)) for name, value in settings.items()]
        body.array([topic], lambda name: body.text(name).number(4, partitions).number(
            2, 1).array([], None).array(rows, lambda row: body.text(row[0]).text(row[1])))
        self.check_rows_named(self.any_broker(19, 3, body.number(4, 30000).number(1, 0)))

    def check_rows_named(self, reader: Reader):
        reader.number(4)
        for name, error, why in reader.array(
                lambda: (reader.text(), reader.number(2), reader.text())):
            if error:
                raise RuntimeError(f"{name}: error {error}: {why}")


def rights_of(lines):
    """The rights that the commands grant, one a resource and operation."""
    rights = set()
    for line in lines:
        words = shlex.split(line)
        operations = [words[i + 1] for i, word in enumerate(words) if word == "--operation"]
        kind = next(word for word in words if word in TYPES)
        name = "kafka-cluster" if kind == "--cluster" else words[words.index(kind) + 1]
        pattern = PREFIXED if "prefixed" in words else LITERAL
        rights |= {(TYPES[kind], name, pattern, OPERATIONS[o]) for o in operations}
    return rights


def certificate(folder, name):
    """A self-signed certificate; with its key in one file, too."""
    paths = [os.path.join(folder, f"{name}.{part}") for part in ("key", "crt", "pem")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", paths[0], "-out", paths[1]], check=True, capture_output=True)
    with open(paths[2], "w") as both:
        for path in paths[:2]:
            with open(path) as part:
                both.write(part.read())
    return paths


def broker_settings(folder, users):
    _, authority, server = certificate(folder, "broker")
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    token = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required"
    names = " ".join(f'user_{user}="secret-{user}"' for user in users)
    return authority, [
        f"listeners=PLAINTEXT://127.0.0.1:{PORT},SECURE://127.0.0.1:{PASSWORDS},"
        f"MUTUAL://127.0.0.1:{OTHER_TLS},TOKENS://127.0.0.1:{TOKENS},"
        f"CONTROLLER://127.0.0.1:{PORT + 101}",
        f"advertised.listeners=PLAINTEXT://127.0.0.1:{PORT},SECURE://127.0.0.1:{PASSWORDS},"
        f"MUTUAL://127.0.0.1:{OTHER_TLS},TOKENS://127.0.0.1:{TOKENS}",
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,MUTUAL:SSL,"
        "TOKENS:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users=User:ANONYMOUS",
        "ssl.keystore.type=PEM", f"ssl.keystore.location={server}",
        "ssl.truststore.type=PEM", f"ssl.truststore.location={authority}",
        "listener.name.mutual.ssl.client.auth=required",
        "listener.name.secure.sasl.enabled.mechanisms=PLAIN",
        f"listener.name.secure.plain.sasl.jaas.config={plain} {names};",
        "listener.name.tokens.sasl.enabled.mechanisms=OAUTHBEARER",
        f'listener.name.tokens.oauthbearer.sasl.jaas.config={token} '
        'unsecuredLoginStringClaim_sub="x";',
    ]


class Registry:
    """Answers every request with one status."""

    def __init__(self, status, body=b'{"error_code":40403,"message":"no schema"}'):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def options(assignments):
    return [word for assignment in assignments for word in ("--set", assignment)]


def with_password(user, authority, password=None):
    return [f"bootstrap.servers=127.0.0.1:{PASSWORDS}", "kafka.security.protocol=SASL_SSL",
            "kafka.sasl.mechanisms=PLAIN", f"kafka.sasl.username={user}",
            f"kafka.sasl.password={password or 'secret-' + user}",
            f"kafka.ssl.ca.location={authority}"]


class Case:
    """One way to break the set-up."""

    def __init__(self, name, code, words, settings, more=(), count=1):
        self.name, self.code, self.words, self.settings = name, code, words, list(settings)
        self.more, self.count = list(more), count

    def run(self):
        begun = time.time()
        out = subprocess.run([WEFT, "check", "--preflight", *self.more, *options(self.settings)],
                             capture_output=True, text=True, timeout=60)
        self.seconds = time.time() - begun
        kind = {FIX: "fix: ", WAIT: "wait: ", 0: "none"}[self.code]
        found = [line for line in out.stdout.splitlines() if line.startswith(("fix: ", "wait: "))]
        told = [line for line in found
                if line.startswith(kind) and all(word in line for word in self.words)]
        self.good = out.returncode == self.code and len(found) == self.count and \
            (told or not self.count)
        self.why = f"exit {out.returncode}, {found or out.stdout + out.stderr}"


# A right that is missing, and what the sentence names.
RIGHTS = [
    ("read an input", (2, "events.view", LITERAL, 3), ["see topic events.view", "Read"]),
    ("read the catalogue", (2, "catalog.product", LITERAL, 3), ["see topic catalog.product"]),
    ("read the log", (2, "weft-interactions", LITERAL, 3), ["read", "weft-interactions"]),
    ("write lists", (2, "recommendations", LITERAL, 4), ["see topic recommendations", "Write"]),
    ("write the changelog", (2, "weft-visitor-changelog", LITERAL, 4), ["write"]),
    ("write dead letters", (2, "weft-dead-letters", LITERAL, 4), ["see topic weft-dead-letters"]),
    ("read settings", (2, "weft-visitor-changelog", LITERAL, 10), ["DescribeConfigs"]),
    ("use the group", (3, "weft", LITERAL, 3), ["consumer group weft;", "--group weft"]),
    ("use the publisher's group", (3, "weft-publisher", LITERAL, 3), ["--group weft-publisher"]),
    ("use transactions", (5, "weft-", PREFIXED, 4), ["--transactional-id weft-"]),
]


# One of each kind.
SHORT = {"no right to read an input", "no right to write the changelog",
         "no right to use the group", "no right to use transactions", "no right to create",
         "partitions of the changelog", "erasures that are forgotten", "a wrong password",
         "an authority that is not theirs", "no encryption to a listener with TLS", "no broker",
         "a registry that is ill", "nothing is broken", "no right at all",
         "all rights, over TLS with a password"}


def right_cases(admin, authority, needed):
    cases = []
    for index, (name, row, words) in enumerate(RIGHTS):
        user = f"case{index}"
        left = needed - {row}
        if words[0].startswith("see "):  # the topic's other rights include Describe
            left = {other for other in left if other[1] != row[1]}
        admin.allow(user, left)
        assert row in needed, row
        cases.append(Case(f"no right to {name}", FIX, words, with_password(user, authority)))
    admin.allow("create", needed | {(2, "absent", LITERAL, 3)})
    cases.append(Case("no right to create", FIX, ["may not create it", "kafka-topics.sh"],
                      [*with_password("create", authority), "topics.user=absent"]))
    return cases


def topic_cases(admin):
    """Each has an application.id of its own, of which only the broken topics exist."""
    cases = []

    def case(name, words, topic, partitions, code=FIX, more=(), settings=(), **changes):
        application = f"broken{len(cases)}"
        if topic:
            admin.create(f"{application}-{topic}", partitions, **changes)
        cases.append(Case(name, code, [*words, *([f"{application}-{topic}"] if topic else [])],
                          [f"application.id={application}", f"bootstrap.servers=127.0.0.1:{PORT}",
                           *settings], more))

    compact = {"cleanup_policy": "compact", "delete_retention_ms": 2592000000}
    case("partitions of the changelog", ["has 3 partitions and needs 4"], "visitor-changelog", 3,
         **compact)
    case("the log in two partitions", ["needs 1"], "interactions", 2)
    case("a changelog that is deleted", ["cleanup.policy=compact"], "visitor-changelog", 4)
    case("dead letters that are compacted", ["without keys", "cleanup.policy=delete"],
         "dead-letters", 4, cleanup_policy="compact")
    case("a changelog for tiny records", ["max.message.bytes="], "visitor-changelog", 4,
         max_message_bytes=1000, **compact)
    case("lists that are cut", ["takes records of 100000 bytes"], "model", 1,
         max_message_bytes=100000, cleanup_policy="compact")
    case("erasures that are forgotten", ["forgets deletions after 60000 ms"], "visitor-changelog",
         4, cleanup_policy="compact", delete_retention_ms=60000)
    case("a log that is too short", ["retention.ms=-1"], "interactions", 1, retention_ms=600000)
    case("more in-sync replicas than replicas", ["min.insync.replicas=1"], "metrics", 1,
         min_insync_replicas=2)
    cases[-1].settings.append("replication.factor=1")
    admin.create("purchases3", 3)
    case("partitions of the inputs", ["same partition of every input", "purchases3"], None, 0,
         settings=["topics.purchase=purchases3"])
    admin.create("users-deleted", 4, delete_retention_ms=86400000)
    case("users that are deleted", ["users-deleted", "newest record of a key"], None, 0,
         settings=["topics.user=users-deleted"])
    admin.create("products-rescan", 1, cleanup_policy="compact", delete_retention_ms=1000)
    case("products that are forgotten", ["catalogue.rescan.ms"], None, 0,
         settings=["topics.product=products-rescan"])
    case("a topic that operators must create", ["does not exist; create it", "absent-topic"], None,
         0, more=["--no-create"], settings=["topics.product=absent-topic"])
    cases[-1].count = 7  # all of the application's, and the one
    case("more replicas than brokers", ["can't be created", "eplication"], None, 0,
         settings=["replication.factor=3"])
    cases[-1].count = 6
    return cases


def connection_cases(authority, wrong, folder, mine):
    password = with_password("weft", authority)
    plain = [f"bootstrap.servers=127.0.0.1:{PORT}", "application.id=fresh"]
    state = os.path.join(folder, "a-file")
    open(state, "w").close()
    secret = os.path.join(folder, "password")
    return [
        Case("a wrong password", FIX, ["refuse the user or the password"],
             with_password("weft", authority, "guessed")),
        Case("an unknown user", FIX, ["refuse the user or the password"],
             with_password("nobody", authority)),
        Case("another mechanism", FIX, ["sasl.mechanisms"],
             [f"bootstrap.servers=127.0.0.1:{TOKENS}", "kafka.security.protocol=SASL_PLAINTEXT",
              "kafka.sasl.mechanisms=PLAIN", "kafka.sasl.username=weft",
              "kafka.sasl.password=secret"]),
        Case("an authority that is not theirs", FIX, ["kafka.ssl.ca.location"],
             [*password[:-1], f"kafka.ssl.ca.location={wrong}"]),
        Case("no client certificate", FIX, ["kafka.ssl.certificate.location"],
             [f"bootstrap.servers=127.0.0.1:{OTHER_TLS}", "kafka.security.protocol=SSL",
              f"kafka.ssl.ca.location={authority}"]),
        Case("no encryption to a listener with TLS", FIX, ["kafka.security.protocol"],
             [f"bootstrap.servers=127.0.0.1:{PASSWORDS}"]),
        Case("encryption to a listener without TLS", FIX, ["kafka.security.protocol"],
             [f"bootstrap.servers=127.0.0.1:{PORT}", "kafka.security.protocol=SSL",
              f"kafka.ssl.ca.location={authority}"]),
        Case("no broker", WAIT, ["no broker answers", "start the brokers"],
             ["bootstrap.servers=127.0.0.1:1"]),
        Case("a key that is misspelt", FIX, ["the nearest is 'sasl.username'"],
             [*plain, "kafka.sasl.usernam=weft"]),
        Case("a state's folder that is a file", FIX, ["state.dir", "chmod 700"],
             [*plain, f"state.dir={state}"]),
        Case("a registry that is away", WAIT, ["registry does not answer"],
             [*plain, "schema.registry.url=http://127.0.0.1:1"]),
        Case("a registry that refuses the password", FIX, ["401", "schema.registry.user"],
             [*plain, f"schema.registry.url={Registry(401).url}"]),
        Case("a registry that is ill", WAIT, ["503"],
             [*plain, f"schema.registry.url={Registry(503).url}"]),
        Case("a page that is no registry", FIX, ["names no schema registry"],
             [*plain, f"schema.registry.url={Registry(404, b'not found').url}"]),
        Case("a registry's password that is missing", FIX, ["schema.registry.password.file"],
             [*plain, f"schema.registry.url={Registry(404).url}", "schema.registry.user=weft",
              f"schema.registry.password.file={secret}"]),
        Case("nothing is broken", 0, [],
             [*plain, f"schema.registry.url={Registry(404).url}", f"state.dir={folder}/s/t"], (),
             0),
        *mine,
    ]


def scram():
    """Refused where librdkafka sends a wrong nonce; elsewhere the broker has no such mechanism."""
    return Case("SCRAM", FIX, ["kafka.sasl.mechanisms"],
                [f"bootstrap.servers=127.0.0.1:{TOKENS}", "kafka.security.protocol=SASL_PLAINTEXT",
                 "kafka.sasl.mechanisms=SCRAM-SHA-512", "kafka.sasl.username=weft",
                 "kafka.sasl.password=secret"])


def tokens():
    return [f"bootstrap.servers=127.0.0.1:{TOKENS}", "kafka.security.protocol=SASL_PLAINTEXT",
            "kafka.sasl.mechanisms=OAUTHBEARER", "kafka.enable.sasl.oauthbearer.unsecure.jwt=true",
            "kafka.sasl.oauthbearer.config=principal=token"]


def delivers(checks, kafka, settings, folder, name):
    """weft with the rights alone; events come from a user who may do all."""
    log = os.path.join(folder, f"{name}.log")
    metrics = os.path.join(folder, f"{name}.json")
    with open(log, "w") as out:
        process = subprocess.Popen(
            [WEFT, "run", "--no-create", "--metrics-file", metrics,
             *options([*settings, f"state.dir={folder}/state-{name}", "metrics.interval.ms=200"])],
            stderr=out)
    shop = Shop("weft", kafka.address)
    shop.settings = []
    shop.name = "weft"
    try:
        events = os.path.join(folder, f"{name}.jsonl")
        with open(events, "w") as out:
            for number in range(40):
                out.write(f'{{"type":"view","event_id":"{name}{number}","visitor_id":'
                          f'"{name}{number % 4}","event_time":{int(time.time() * 1000) + number},'
                          f'"item":{{"item_id":"i{number % 7}"}}}}\n')
        weft("replay", "--brokers", kafka.address, events)
        deadline = time.time() + 40
        found = b""
        while time.time() < deadline and process.poll() is None:
            found = shop.kcat("recommendations", "%k\\n")
            if found.count(name.encode()) >= 4:
                break
            time.sleep(0.2)
        checks.check(f"{name}: lists are delivered", found.count(name.encode()) >= 4,
                     open(log).read()[-3000:])
        process.send_signal(signal.SIGTERM)
        checks.equal(f"{name}: weft stops cleanly", process.wait(timeout=30), 0)
        text = open(log).read().split(" run: stopping")[0]
        bad = [line for line in text.splitlines() if " ERROR " in line or
               " WARN " in line and " weft#" not in line]  # librdkafka's own pass
        checks.check(f"{name}: nothing is warned of", not bad, bad[:5])
    finally:
        if process.poll() is None:
            process.kill()
        shop.remove()


def stops_at_once(checks, folder):
    process = subprocess.Popen([WEFT, "run", "--brokers", "127.0.0.1:1", "--set",
                                f"state.dir={folder}/waits"], stderr=subprocess.DEVNULL)
    time.sleep(1)
    begun = time.time()
    process.send_signal(signal.SIGTERM)
    checks.equal("SIGTERM ends a weft that waits for its first broker", process.wait(timeout=40), 0)
    checks.check("at once", time.time() - begun < 5, time.time() - begun)


def same_name(checks, kafka, folder):
    """Two processes of one name: one of them ends and says why, and the other one works on."""
    shop = Shop("twins", kafka.address, 4, ["instance.id=twin", "session.timeout.ms=6000"])
    try:
        events = os.path.join(folder, "twins.jsonl")
        weft("simulate", "--out", events, "--events", "3000", "--no-catalogue")
        shop.start(0)
        shop.ready()
        shop.start(1)
        deadline = time.time() + 60
        ended = {}
        while time.time() < deadline and not ended:
            shop.replay(events)
            ended = {i: p.returncode for i, p in shop.processes.items() if p.poll() is not None}
        checks.equal("same instance.id: one process ends with 1", list(ended.values()), [1])
        for index in ended:
            checks.check("and says why", "instance.id" in shop.log_end(index), shop.log_end(index))
            shop.processes.pop(index)
        before = shop.total("read")
        shop.replay(events)
        shop.settle()
        checks.check("the other one works on", shop.total("read") > before, before)
        shop.stop()
    finally:
        shop.remove()


def main(whole):
    checks = Checks()
    folder = tempfile.mkdtemp(prefix="weft-preflight-")
    lines = weft("check", "--acls").stdout.split("# only without")[0].splitlines()
    needed = rights_of(lines)
    optional = {row for row in needed if row[3] == OPERATIONS["DescribeConfigs"]}
    checks.equal("weft needs 23 rights", len(needed - optional), 23)
    checks.equal("and settings of ten topics", len(optional), 10)
    users = ["weft", "create", "nothing"] + [f"case{i}" for i in range(len(RIGHTS))]
    authority, settings = broker_settings(folder, users)
    _, wrong, _ = certificate(folder, "stranger")
    kafka = Kafka(settings=settings)
    try:
        admin = Admin(kafka.address)
        weft("replay", "--brokers", kafka.address, os.devnull, check=False)  # creates the topics
        for user in ("weft", "token"):
            admin.allow(user, needed)
        nothing = Case("no right at all", FIX, [], with_password("nothing", authority), (), 19)
        cases = [*right_cases(admin, authority, needed), *topic_cases(admin),
                 *connection_cases(authority, wrong, folder, [scram(), nothing])]
        cases.append(Case("all rights, over TLS with a password", 0, [],
                          with_password("weft", authority), ["--no-create"], 0))
        cases.append(Case("all rights, with a token", 0, [], tokens(), ["--no-create"], 0))
        for case in cases:
            if not any(row.startswith("state.dir=") for row in case.settings):
                case.settings.append(f"state.dir={folder}/state")
        checks.check("more than forty ways", len(cases) > 40, len(cases))
        cases = [case for case in cases if whole or case.name in SHORT]
        checks.check("each short case exists", len(cases) >= len(SHORT), len(cases))
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(Case.run, cases))
        for case in cases:
            checks.check(f"{case.name}, {case.seconds:.1f} s", case.good, case.why)
        delivers(checks, kafka, with_password("weft", authority), folder, "password")
        if whole:
            delivers(checks, kafka, tokens(), folder, "token")
        same_name(checks, kafka, folder)
        stops_at_once(checks, folder)
        admin.close()
    finally:
        kafka.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main("--long" in sys.argv[1:]))
