"""Faults that hit the processes of weft and the brokers while traffic flows. Each process has a
thread with its own sequence of faults."""

import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback

import shop as shop_module
from protocol import Client, Unanswered, COORDINATOR_TRANSACTION, patiently
from shop import Kafka
from traffic import KINDS

POINTS = ("mid_flush", "after_flush", "after_offsets", "after_commit", "mid_batch", "mid_restore",
          "mid_snapshot")
OF_PROCESSES = ("kill", "zombie", "stop", "wipe", "torn", "island", *POINTS)
OF_CLUSTER = ("broker_kill", "bounce", "election", "coordinator", "cut", "lopsided", "hang",
              "compaction", "retention", "registry")
OF_PROXY = ("cut", "lopsided", "island")
SLOW = float(os.environ.get("WEFT_TEST_SLOW", "1"))  # builds that need so many times longer
SESSION_MS = int(4000 * SLOW)
READY_S = 90 * SLOW
POINT_S = 40 * SLOW
OPEN_S = 8 * SLOW
ENDS_MAX = 10  # of one process in one round, by itself
FAST_COMPACTION = {"delete_retention_ms": 12000, "segment_ms": 1000, "min_compaction_lag_ms": 0,
                   "min_cleanable_dirty_ratio": 0.001, "max_compaction_lag_ms": 1000}


class Broken(Exception):
    """A violation that needs no verifier."""


def binary_has(point):
    with open(shop_module.WEFT, "rb") as file:
        return point.encode() + b"\0" in file.read()


class Cluster:
    """The brokers, the proxy before them, and the lock that keeps two of them from being away."""

    def __init__(self, brokers, port):
        self.port = port
        self.kafka = Kafka(port, brokers, port + 40, (
            "log.cleaner.backoff.ms=500", "log.retention.check.interval.ms=500",
            "group.min.session.timeout.ms=1000",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms=1000",
            "leader.imbalance.check.interval.seconds=5", "log.flush.scheduler.interval.ms=1000"))
        self.address = self.kafka.address
        self.lock = threading.Lock()
        self.command_lock = threading.Lock()
        pairs = [f"{port + 40 + n}:{port + 20 + n}" for n in range(brokers)]
        self.proxy = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__), "proxy.py"), *pairs],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.proxy.stdout.readline()

    def command(self, text):
        with self.command_lock:
            self.proxy.stdin.write(text + "\n")
            self.proxy.stdin.flush()

    def close_of(self, pid, broker):
        """Closes the connections of a process to one broker."""
        ports = ports_of(pid)
        if ports:
            self.command(f"close {self.port + 19 + broker} {','.join(map(str, ports))}")

    def whole(self):
        client = Client(self.address)

        def check():
            if len(client.metadata([]) or client.brokers) < self.kafka.brokers or \
                    not client.in_sync():
                raise Unanswered("replicas are behind")

        patiently(check, 120)
        client.close()

    def away(self, number, how, seconds):
        """One broker is away for some seconds, and everything in sync again after it."""
        with self.lock:
            self.whole()
            self.kafka.broker(number, how)
            time.sleep(seconds)
            self.kafka.broker(number, "start")
            self.whole()

    def stop(self):
        self.proxy.stdin.close()
        self.proxy.wait()
        for number in range(1, self.kafka.brokers + 1):
            self.kafka.broker(number, "kill")
        self.kafka.stop()


def ports_of(pid):
    """The local ports of a process's connections."""
    sockets = set()
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            link = os.readlink(f"/proc/{pid}/fd/{name}")
            if link.startswith("socket:["):
                sockets.add(link[8:-1])
        with open(f"/proc/{pid}/net/tcp") as file:
            rows = [line.split() for line in file.readlines()[1:]]
    except OSError:
        return []
    return [int(row[1].split(":")[1], 16) for row in rows if row[9] in sockets]


class Waits(threading.Thread):
    """Measures how long records of the inputs wait for the commit that has their lists, too. A row
    of `history` is ((topic, partition), end of the input, when this end was seen first)."""

    def __init__(self, address, name, inputs):
        super().__init__(daemon=True)
        self.address, self.name = address, name
        self.inputs = [f"{name}.{kind}" for kind in inputs]
        self.history, self.ends = [], {}
        self.longest, self.where = 0.0, ""
        self.looks, self.ended = 0, False
        self.over = threading.Event()

    def note(self, now, ends, committed):
        for place, end in ends.items():
            if end > self.ends.get(place, 0):
                self.ends[place] = end
                self.history.append((place, end, now))
        self.history = [row for row in self.history if committed.get(row[0], 0) < row[1]]
        for (topic, partition), _, since in self.history:
            if now - since > self.longest:
                self.longest, self.where = now - since, f"{topic} [{partition}]"

    def run(self):
        client = Client(self.address)
        while not self.over.wait(0.4):
            try:
                committed = client.committed(self.name, self.inputs)
                self.note(time.time(), client.ends(self.inputs, True), committed)
                self.looks += 1
            except (Unanswered, OSError):
                pass
        client.close()
        self.ended = True

    def finish(self):
        """Nothing is known of waits if the thread died, or never had an answer."""
        self.over.set()
        self.join()
        if not self.ended or not self.looks:
            raise Broken("nobody measured how long events wait for their commit")


class Instance(threading.Thread):
    """One process of weft and what happens to it, one fault after the other."""

    def __init__(self, round_, index, faults, seed):
        super().__init__(daemon=True)
        self.round = round_
        self.shop = round_.shop
        self.index = index
        self.faults = collections.deque(faults)
        self.random = random.Random(seed)
        self.client = Client(round_.cluster.address)
        self.broken = None
        self.ended = 0

    # -- the process --

    def start_weft(self, fail_at=None):
        if self.round.over:
            raise Broken("the round is over")
        self.shop.start(self.index, environment={"WEFT_FAIL_AT": fail_at or ""})

    @property
    def process(self):
        return self.shop.processes[self.index]

    def up(self):
        process = self.shop.processes.get(self.index)
        if process is not None and process.poll() is not None:
            self.round.note_exit(self.index, process.returncode)
            del self.shop.processes[self.index]
            process = None
            self.ended += 1
            if self.ended > ENDS_MAX:
                raise Broken(f"instance {self.index} ended by itself {self.ended} times: "
                             f"{self.round.troubles(self.index)[-400:]}")
            time.sleep(0.5)
        if process is None:
            self.start_weft()

    def ready(self, since=0.0):
        deadline = time.time() + READY_S
        while time.time() < deadline:
            self.up()
            row = self.shop.metrics(self.index)
            if row and row["workers_ready"] >= 1 and row["time"] >= since * 1000:
                return
            time.sleep(0.05)
        raise Broken(f"instance {self.index} was not ready after {READY_S} s")

    def name(self):
        if self.round.fixed_names:
            return f"fixed{self.index}"
        with open(os.path.join(self.shop.state(self.index), "instance.id")) as file:
            return file.read().strip()

    def transactions(self):
        app, name = self.shop.name, self.name()
        return [f"{app}-{name}-{w}-{which}" for w in range(self.round.threads) for which in "ab"]

    def work_is_open(self):
        """Whether events wait, and, with transactions, one of this process is open."""
        try:
            inputs = [f"{self.shop.name}.{kind}" for kind in KINDS]
            committed = self.client.committed(self.shop.name, inputs)
            if all(end <= committed.get(place, 0)
                   for place, end in self.client.ends(inputs, False).items()):
                return False
            return not self.round.once or any(
                self.client.transaction(name) == "Ongoing" for name in self.transactions())
        except (Unanswered, OSError):
            return False

    def await_open(self):
        """Whether one came to be open within some seconds in which no broker was away; None: there
        was no such time."""
        deadline, last = time.time() + OPEN_S, time.time() + 8 * OPEN_S
        while time.time() < min(deadline, last):
            self.up()
            if self.round.cluster.lock.locked():  # nothing is open before all are back
                deadline = time.time() + OPEN_S
            if self.work_is_open():
                return True
            time.sleep(0.01)
        return False if deadline < last else None

    def end(self):
        process = self.shop.processes.pop(self.index, None)
        if process:
            process.kill()
            process.wait()

    # -- what happens to it --

    def kill(self):
        aimed = self.random.random() < 0.75
        self.up()
        if aimed:
            self.ready()
            time.sleep(self.random.random() * (3 if self.round.long else 0.5))
            opened = self.await_open()
        else:
            time.sleep(self.random.random() * 2)
            opened = None
        self.end()
        self.round.count_open(opened)
        if self.random.random() < 0.2:  # long enough that others take over
            time.sleep(SESSION_MS / 1000 + 1 + self.random.random() * 2)

    def wipe(self):
        self.kill()
        shutil.rmtree(self.shop.state(self.index), ignore_errors=True)

    def torn(self):
        self.kill()
        folder = os.path.join(self.shop.state(self.index), "visitors")
        logs = sorted(name for name in os.listdir(folder) if name.endswith(".log")) \
            if os.path.isdir(folder) else []
        if logs:
            path = os.path.join(folder, logs[-1])
            size = os.path.getsize(path)
            os.truncate(path, max(0, size - self.random.randrange(1, 5000)))

    def zombie(self):
        self.up()
        self.ready()
        self.await_open()
        process = self.process
        process.send_signal(signal.SIGSTOP)
        long = self.random.random() < 0.4
        time.sleep(SESSION_MS / 1000 + 2 + (self.round.transaction_ms / 1000 if long else 0))
        try:
            _, members = self.client.group(self.shop.name)
            self.round.count("zombies out of the group",
                             not any(m.startswith(self.name() + "-") for m in members))
        except (Unanswered, OSError):
            pass
        since = time.time()
        process.send_signal(signal.SIGCONT)
        self.ready(since + 0.3)

    def island(self):
        """The process can't reach one broker; all others can."""
        self.up()
        self.ready()
        broker = self.random.randrange(self.round.cluster.kafka.brokers) + 1
        until = time.time() + self.random.choice((1, SESSION_MS / 1000 + 2))
        while time.time() < until:
            self.round.cluster.close_of(self.process.pid, broker)
            time.sleep(0.1)

    def stop(self):
        self.up()
        self.ready()
        time.sleep(self.random.random())
        process = self.process
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(60)
        except subprocess.TimeoutExpired:
            raise Broken(f"instance {self.index} did not stop within 60 s") from None
        self.shop.processes.pop(self.index)
        if code != 0:
            self.round.note_exit(self.index, code)

    def point(self, point):
        self.end()
        nth = self.random.randrange(1, 3 if self.round.long else 12)
        if point == "mid_restore":
            shutil.rmtree(os.path.join(self.shop.state(self.index), "visitors"),
                          ignore_errors=True)
            nth = self.random.randrange(1, 20)
        if point == "mid_snapshot":
            nth = 1
        self.start_weft(f"{point}:{nth}")
        try:
            code = self.process.wait(POINT_S)
        except subprocess.TimeoutExpired:
            self.round.note(f"{point}:{nth} was not come to")
            self.end()
            return False
        self.shop.processes.pop(self.index)
        if code != -signal.SIGKILL:
            self.round.note_exit(self.index, code)
            return False
        return True

    def coordinator(self):
        self.end()
        nth = self.random.randrange(1, 3 if self.round.long else 8)
        self.start_weft(f"after_offsets:{nth}:stop")
        process = self.process
        deadline = time.time() + POINT_S
        while not stands_still(process.pid):
            if process.poll() is not None or time.time() > deadline:
                self.round.note(f"after_offsets:{nth}:stop was not come to")
                self.end()
                return False
            time.sleep(0.01)
        try:
            for name in self.transactions():
                if self.client.transaction(name) == "Ongoing":
                    break
            node, _ = self.client.coordinator(name, COORDINATOR_TRANSACTION)
            with self.round.cluster.lock:
                self.round.cluster.kafka.broker(node, self.random.choice(("stop", "kill")))
                if self.round.cluster.kafka.brokers == 1:
                    self.round.cluster.kafka.broker(node, "start")
                else:
                    patiently(lambda: moved(self.client, name, node), 30)
                process.send_signal(signal.SIGCONT)
                time.sleep(1)
                self.round.cluster.kafka.broker(node, "start")
                self.round.cluster.whole()
        finally:
            process.send_signal(signal.SIGCONT)
        return True

    def run(self):
        tries = collections.Counter()
        try:
            while self.faults:
                fault = self.faults.popleft()
                if fault in POINTS:
                    struck = self.point(fault)
                else:
                    struck = getattr(self, fault)() is not False
                if struck:
                    self.round.struck[fault] += 1
                elif tries[fault] < 3:
                    tries[fault] += 1
                    self.faults.append(fault)
            self.up()
        except Exception as error:  # the round ends with it
            self.broken = f"instance {self.index}: {told(error)}"


def told(error):
    """An error with where it came from."""
    if isinstance(error, Broken):
        return str(error)
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(
        traceback.extract_tb(error.__traceback__)[-4:]))
    return f"{type(error).__name__}: {error} ({places})"


def stands_still(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "T"
    except OSError:
        return False


def moved(client, name, node):
    if client.coordinator(name, COORDINATOR_TRANSACTION)[0] == node:
        raise Unanswered("the coordinator has not moved yet")
