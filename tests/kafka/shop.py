"""What the tests against a broker share: a broker, weft processes, and what can be read back.
Python's standard library and kcat; no code of weft."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WEFT = os.environ.get("WEFT", os.path.join(ROOT, "build", "weft"))
INPUTS = ("view", "search", "cart", "purchase", "impression", "click", "user")
# Nothing new for so long: nothing comes any more. A sanitizer makes one batch last for seconds.
CALM_S = 8 if "san" in os.path.basename(os.path.dirname(WEFT)) else 1.5


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, good, detail=""):
        if good:
            self.passed += 1
            print(f"ok    {name}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL  {name}: {detail}", flush=True)
        return good

    def equal(self, name, found, expected):
        return self.check(name, found == expected, f"found {found!r}, expected {expected!r}")

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0


def weft(*arguments, check=True):
    result = subprocess.run([WEFT, *arguments], capture_output=True, text=True)
    if check and result.returncode != 0:
        raise RuntimeError(f"weft {' '.join(arguments)}: {result.stderr}")
    return result


class Kafka:
    """Apache Kafka by tools/kafka, with a data folder and ports of its own. With `proxy`, the first
    port of a proxy, `proxied` is the address of clients that go through it."""

    def __init__(self, port=int(os.environ.get("WEFT_KAFKA_PORT", "19092")), brokers=1, proxy=None,
                 settings=()):
        self.home = tempfile.mkdtemp(prefix="weft-kafka-")
        self.environment = {"WEFT_KAFKA_HEAP": "512m", **os.environ, "WEFT_KAFKA_HOME": self.home}
        jars = os.path.join(os.environ.get("WEFT_KAFKA_HOME", os.path.join(ROOT, "build", "kafka")),
                            "libs")
        if os.path.exists(os.path.join(jars, ".complete")):
            os.symlink(jars, os.path.join(self.home, "libs"))
        self.brokers = brokers
        self.address = ",".join(f"127.0.0.1:{port + n}" for n in range(brokers))
        arguments = ["--port", str(port), "--brokers", str(brokers)]
        if proxy:
            self.proxied = ",".join(f"127.0.0.1:{proxy + n}" for n in range(brokers))
            arguments += ["--proxy", str(proxy)]
        for assignment in settings:
            arguments += ["--set", assignment]
        self.run("start", *arguments)

    def broker(self, number, what):
        """start, stop or kill one of them, 1 being the first."""
        self.run("broker", str(number), what)

    def run(self, *arguments):
        subprocess.run([os.path.join(ROOT, "tools", "kafka"), *arguments], env=self.environment,
                       check=True, stdout=subprocess.DEVNULL)

    def tool(self, name, *arguments):
        """The output of one of Kafka's own tools."""
        return subprocess.run([os.path.join(ROOT, "tools", "kafka"), "tool", name,
                               "--bootstrap-server", self.address, *arguments],
                              env=self.environment, check=True, stdout=subprocess.PIPE,
                              text=True).stdout

    def stop(self):
        self.run("stop")
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Embedded:
    """The broker that is built into weft; knows the topics of one shop only."""

    def __init__(self, settings):
        self.file = tempfile.mktemp(prefix="weft-broker-")
        self.process = subprocess.Popen([WEFT, "broker", "--address-file", self.file, *settings],
                                        stdout=subprocess.DEVNULL)
        while not os.path.exists(self.file) or not open(self.file).read().endswith("\n"):
            if self.process.poll() is not None:
                raise RuntimeError(f"weft broker ended with {self.process.returncode}")
            time.sleep(0.05)
        self.address = open(self.file).read().strip()

    def stop(self):
        self.process.terminate()
        self.process.wait()
        os.unlink(self.file)


class Shop:
    """Topics and processes under one application.id."""

    def __init__(self, name, address=None, partitions=4, extra=()):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix=f"weft-{name}-")
        self.address = address
        self.settings = ["--set", f"application.id={name}", "--set", f"partitions={partitions}",
                         "--set", f"topics.recommendations={name}.recommendations",
                         "--set", f"topics.rankings={name}.rankings",
                         "--set", f"topics.product={name}.product"]
        for topic in INPUTS:
            self.settings += ["--set", f"topics.{topic}={name}.{topic}"]
        for assignment in extra:
            self.settings += ["--set", assignment]
        self.processes = {}

    def common(self):
        return ["--brokers", self.address, *self.settings]

    def state(self, index):
        return os.path.join(self.folder, f"state-{index}")

    def metrics_path(self, index):
        return os.path.join(self.folder, f"metrics-{index}.json")

    def start(self, index=0, *more, environment=None, before=()):
        if os.path.exists(self.metrics_path(index)):
            os.unlink(self.metrics_path(index))
        log = open(os.path.join(self.folder, f"log-{index}.txt"), "a")
        self.processes[index] = subprocess.Popen(
            [*before, WEFT, "run", *self.common(), "--set", f"state.dir={self.state(index)}",
             "--set", "metrics.interval.ms=200", "--metrics-file", self.metrics_path(index), *more],
            stderr=log, env={**os.environ, **(environment or {})})
        log.close()

    def metrics(self, index=0):
        try:
            with open(self.metrics_path(index)) as file:
                return json.load(file)
        except (OSError, ValueError):
            return None

    def ready(self, count=None, timeout=60):
        """Waits until every process has its partitions."""
        deadline = time.time() + timeout
        while time.time() < deadline:
            rows = [self.metrics(i) for i in self.processes]
            if all(rows) and sum(r["workers_ready"] for r in rows) >= (count or len(rows)):
                return
            self.alive()
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} is not ready: {self.log_end()}")

    def alive(self):
        for index, process in self.processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"weft ended with {process.returncode}: {self.log_end(index)}")

    def log_end(self, index=0):
        with open(os.path.join(self.folder, f"log-{index}.txt")) as log:
            return log.read()[-8000:]

    def total(self, name):
        return sum((self.metrics(i) or {}).get(name, 0) for i in self.processes)

    def settle(self, read=None, timeout=120):
        """Waits until that many records are read, or else until no more come, and until the model
        has folded what was written and all second looks are over or rare."""
        deadline = time.time() + timeout
        last, since = None, time.time()
        while time.time() < deadline:
            self.alive()
            now = (self.total("read"), self.total("folded"), self.total("interactions"))
            if now != last:
                last, since = now, time.time()
            elif time.time() - since > CALM_S and (read is None or now[0] >= read):
                return
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} does not settle: {last}, wanted {read}: {self.log_end()}")

    def stop(self, index=None, how=signal.SIGINT):
        for i in list(self.processes) if index is None else [index]:
            process = self.processes.pop(i)
            process.send_signal(how)
            code = process.wait(timeout=60)
            if how == signal.SIGINT and code != 0:
                raise RuntimeError(f"weft ended with {code}: {self.log_end(i)}")

    def remove(self):
        if self.processes:
            self.stop(how=signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    def replay(self, path, *more):
        """(lines read, published, rejected)"""
        out = weft("replay", *self.common(), *more, path).stdout
        words = out.replace(",", "").split()
        return (int(words[words.index("lines") - 1]), int(words[words.index("published") + 1]),
                int(words[words.index("rejected") + 1]))

    def dump(self, table, *source):
        path = os.path.join(self.folder, f"dump-{table}-{len(os.listdir(self.folder))}")
        with open(path, "w") as file:
            subprocess.run([WEFT, "get", "table", table, *self.common(), *source], stdout=file,
                           check=True)
        return path

    def kcat(self, topic, template="%s\\n", *more):
        out = subprocess.run(["kcat", "-C", "-q", "-e", "-b", self.address, "-t", topic,
                              "-X", "isolation.level=read_committed",
                              "-X", "fetch.wait.max.ms=10", "-f", template, *more],
                             capture_output=True, check=True)
        return out.stdout

    def produce(self, topic, key, value):
        """One record as it is, bytes and all; it is not empty."""
        path = os.path.join(self.folder, "record")
        with open(path, "wb") as file:
            file.write(value)
        arguments = ["kcat", "-P", "-b", self.address, "-t", topic, "-X",
                     "message.max.bytes=20000000", "-X", "topic.partitioner=murmur2_random"]
        if key is not None:
            arguments += ["-k", key]
        subprocess.run([*arguments, path], check=True, stdin=subprocess.DEVNULL)

    def lag(self):
        """Records of the inputs behind the group's offsets, by Kafka's own tool."""
        out = subprocess.run([os.path.join(ROOT, "tools", "kafka"), "tool",
                              "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
                              "--bootstrap-server", self.address, "--describe", "--group",
                              self.name], capture_output=True, text=True).stdout
        rows = [line.split() for line in out.splitlines() if line.startswith(self.name + " ")]
        return sum(int(row[5]) for row in rows if row[5] != "-") if rows else -1

    def size(self, topic):
        """Records of a topic that were committed, compacted ones left out."""
        return len(self.kcat(topic, "%o\\n").split())

    def lists(self):
        """The newest recommendation of each visitor."""
        newest = {}
        for line in self.kcat(f"{self.name}.recommendations", "%k\\t%s\\n").splitlines():
            key, value = line.split(b"\t", 1)
            if value:
                newest[key.decode()] = json.loads(value)
            else:  # erased
                newest.pop(key.decode(), None)
        return newest


def split(file, count):
    with open(file) as source:
        lines = source.readlines()
    paths = []
    for i in range(count):
        paths.append(f"{file}.{i}")
        with open(paths[-1], "w") as part:
            part.writelines(lines[len(lines) * i // count:len(lines) * (i + 1) // count])
    return paths


def recount(file, *options):
    result = subprocess.run([sys.executable, os.path.join(ROOT, "tests", "recount.py"), file,
                             *options], capture_output=True, text=True)
    return result.returncode == 0, result.stdout + result.stderr


def merged(paths, to):
    with open(to, "w") as out:
        for path in paths:
            with open(path) as file:
                out.write(file.read())
    return to
