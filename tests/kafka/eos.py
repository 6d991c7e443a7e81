#!/usr/bin/env python3
"""Tries to make weft lose an event or count one twice, and lets a verifier judge.

    eos.py [--kills N] [--points N] [--zombies N] [--broker-kills N] [--cuts N] [OPTION]...

Rounds of seeded traffic through 1 to 4 processes of weft, in which things break; after each, the
verifier (verifier.py) recomputes everything from the input topics alone. Needs kcat, Java, and a
binary with fail points: $WEFT, or build-failpoints/weft.

  --kills N         kill -9 at random, three in four while a transaction of that process is open
  --points N        ends at each named point of processors/runtime/failpoint.h
  --zombies N       SIGSTOP beyond the session time-out, then SIGCONT
  --stops N         clean stops and starts
  --wipes N         kill -9, and the local state is deleted
  --torn N          kill -9, and the end of the local state's write-ahead log is cut off
  --broker-kills N  kill -9 of a broker
  --bounces N       a broker is stopped and started
  --elections N     all leaders are moved back to the first replica
  --coordinators N  a process stands still between sending offsets and committing while the broker
                    that coordinates its transaction goes away
  --cuts N          connections cut, held up, or delayed, some or all, by a proxy
  --lopsided N      connections held up in one direction only
  --islands N       a process is cut from one broker
  --compactions N   rounds in which Kafka compacts the outputs at once, and forgets deletions soon
  --retentions N    the inputs' records that were read are taken away
  --registries N    the schema registry is away, slow, or refuses
  --hangs N         a producer dies with a transaction open on inputs and outputs
  --partitions N    partitions are added to an input: must be refused
  --brokers N       1 (default) or 3, with min.insync.replicas=2
  --alo N           so many rounds more with at_least_once: nothing lost; doubles are counted
  --seed N          of everything that is drawn (default 1)
  --rate N          events a second (default 150)
  --port P          of the first broker (default 19300)
  --state FOLDER    remembers what was done, so that the same command goes on after an interruption;
                    keeps the logs of rounds with violations
  --long            the long mix: at least ten of each of these, unless a number says otherwise
  --mutations       also damages what the verifier reads, and checks that it notices

The last line is 'N passed, N failed': rounds and aims."""

import argparse
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import shop as shop_module
from faults import (FAST_COMPACTION, OF_CLUSTER, OF_PROCESSES, OF_PROXY, POINTS, SESSION_MS, SLOW,
                    Broken, Cluster, Instance, Waits, binary_has, told)
from protocol import Client, Unanswered, patiently
from registry import Registry
from shop import ROOT, Shop
from traffic import KINDS, Feeder, Traffic, producer, record, schemas
import mutations
import verifier

FAULTS_A_ROUND, CLUSTER_FAULTS_A_ROUND = 36, 4
PROCESSES = (4, 3, 2, 4, 3, 1)  # by round
SETTLE_S = 180 * SLOW
LONG = {"brokers": 3, "kills": 100, "points": 12, "zombies": 12, "stops": 10, "wipes": 10,
        "torn": 10, "broker-kills": 10, "bounces": 4, "elections": 4, "coordinators": 3, "cuts": 10,
        "lopsided": 10, "islands": 16, "compactions": 6, "retentions": 6, "registries": 10,
        "hangs": 4, "alo": 1, "rate": 60}


class Round:
    def __init__(self, cluster, number, seed, faults, cluster_faults, once=True, rate=150,
                 instances=4):
        self.cluster, self.number, self.once = cluster, number, once
        self.random = random.Random(f"{seed}/{number}/{once}")
        self.seed = self.random.randrange(1 << 30)
        self.cluster_faults = cluster_faults
        self.rate = rate
        self.instances = instances
        self.long = number % 2 == 1
        self.threads = 2 if number % 5 == 2 and instances <= 2 else 1  # four partitions for all
        self.fixed_names = number % 3 == 0
        self.standbys = 1 if number % 4 in (1, 2) and instances > 1 else 0
        self.transaction_ms = int((10000 if self.long else 5000) * SLOW)
        self.ending = ("stop", "alive", "kill")[number % 3]
        self.through_proxy = any(fault in OF_PROXY for fault in [*faults, *cluster_faults])
        self.struck = collections.Counter()
        self.counts = collections.Counter()
        self.exits, self.notes, self.violations = [], [], []
        self.spoilt = None
        self.over = False
        self.lock = threading.Lock()
        self.doubled, self.taken = 0, []
        self.registry = Registry()
        for schema_id, (_, schema) in enumerate(schemas().values(), 1):
            self.registry.add(schema_id, schema)
        commit = 5000 if self.long else 100
        settings = ["cooccurrence.row.entries.max=100000", "channels.entries.max=100000",
                    "visitor.activities.max=1000", "list.shown.max=5",
                    f"schema.registry.url=http://127.0.0.1:{self.registry.port}",
                    f"session.timeout.ms={SESSION_MS}", f"commit.interval.ms={commit}",
                    f"commit.min.ms={commit if self.long else 3}", "model.save.ms=300",
                    f"workers={self.threads}", f"threads={1 + number % 2}",
                    f"num.standby={self.standbys}",
                    "rankings.interval.ms=1000", "items.lists=on", "items.lists.interval.ms=1000",
                    f"topics.items={'eos' if once else 'alo'}{number}.items",
                    f"snapshot.interval.ms={1500 if instances == 1 else 5000}",
                    "kafka.topic.metadata.refresh.interval.ms=2000",
                    f"kafka.producer.transaction.timeout.ms={self.transaction_ms}",
                    "processing.guarantee=" + ("exactly_once" if once else "at_least_once")]
        self.shop = Shop(f"eos{number}" if once else f"alo{number}",
                         cluster.kafka.proxied if self.through_proxy else cluster.address,
                         4, settings)
        if self.fixed_names:
            start = self.shop.start
            self.shop.start = lambda index=0, *more, environment=None: start(
                index, "--set", f"instance.id=fixed{index}", *more, environment=environment)
        dealt = [faults[i::self.instances] for i in range(self.instances)]
        for fault in [f for f in cluster_faults if f == "coordinator"]:
            dealt[self.random.randrange(self.instances)].append(fault)
        for faults_ in dealt:
            self.random.shuffle(faults_)
        self.threads_of = [Instance(self, i, dealt[i], self.random.randrange(1 << 30))
                           for i in range(self.instances)]

    # -- what the threads report --

    def note(self, text):
        with self.lock:
            self.notes.append(text)

    def note_exit(self, index, code):
        with self.lock:
            self.exits.append((index, code, self.troubles(index)[-400:]))

    def scan_logs(self):
        """What a sanitizer says, or a process that ended in another way than by an error of its
        own, is a violation whatever the verifier finds."""
        for index in range(self.instances):
            with open(os.path.join(self.shop.folder, f"log-{index}.txt"), errors="replace") as log:
                for line in log:
                    if "Sanitizer" in line or "runtime error:" in line:
                        self.violations.append(f"instance {index}: {line.strip()}")
                        break
        self.violations += [f"instance {index} ended with {code}"
                            for index, code, _ in self.exits if code != 1]

    def troubles(self, index):
        """The newest warnings and errors of an instance's log."""
        with open(os.path.join(self.shop.folder, f"log-{index}.txt"), errors="replace") as log:
            return "\n".join([line.rstrip() for line in log
                              if " WARN " in line or " ERROR " in line][-3:])

    def count(self, name, good):
        with self.lock:
            self.counts[name] += bool(good)
            self.counts[name + ", of"] += 1

    def count_open(self, opened):
        if opened is None:
            self.counts["kills at random"] += 1
        else:
            self.count("kills with a transaction open", opened)

    # -- what happens to the brokers --

    def broker_kill(self):
        self.cluster.away(self.random.randrange(self.cluster.kafka.brokers) + 1, "kill",
                          self.random.random() * 3)

    def bounce(self):
        self.cluster.away(self.random.randrange(self.cluster.kafka.brokers) + 1, "stop",
                          self.random.random() * 2)

    def election(self):
        with self.cluster.lock:
            client = Client(self.cluster.address)
            patiently(client.elect_leaders)
            client.close()
        time.sleep(1)

    def cut(self):
        what = self.random.choice(("cut", "cut", "stall", "delay"))
        seconds = self.random.choice((0.3, 1.5, SESSION_MS / 1000 + 2))
        first = self.random.choice((50, 300, 900)) if what == "delay" else self.random.choice(
            (0.3, 0.6, 1))
        self.cluster.command(f"{what} {first} {seconds}")
        time.sleep(seconds + 2)

    def lopsided(self):
        seconds = self.random.choice((0.5, 2, SESSION_MS / 1000 + 2))
        way, share = self.random.choice(("deaf", "mute")), self.random.choice((0.3, 0.6, 1))
        self.cluster.command(f"{way} {share} {seconds}")
        time.sleep(seconds + 2)

    def compaction(self):
        """From now on to the end of the round."""
        client = Client(self.cluster.address)
        for topic in verifier.compacted(self.shop.name):
            patiently(lambda topic=topic: client.change(topic, **FAST_COMPACTION))
        client.close()

    def registry_faults(self):
        self.registry.mood = self.random.choice((500, 503, 401, "hangs"))
        time.sleep(self.random.choice((0.5, 3, 8)))
        self.registry.mood = None

    def retention(self):
        """What it takes is kept for the verifier."""
        client = Client(self.cluster.address)
        with self.cluster.lock:
            patiently(lambda: self.take_away(client), 120)
        client.close()

    def take_away(self, client):
        """Not of users: Kafka refuses, as that topic is compacted only."""
        inputs = [f"{self.shop.name}.{kind}" for kind in verifier.INPUTS if kind != "user"]
        committed = client.committed(self.shop.name, inputs)
        for topic in inputs:
            offsets = {partition: offset for (name, partition), offset in committed.items()
                       if name == topic}
            self.taken.append((topic, verifier.read_inputs(self.cluster.address, topic)))
            client.delete_records(topic, offsets)

    def hang(self):
        """A producer that dies in its transaction; what it wrote must count nowhere."""
        name = self.shop.name
        dead = Traffic(f"{self.seed}-hang-{self.struck['hang']}")
        targets = [f"{name}.view", f"{name}-visitor-changelog", f"{name}-interactions"]
        producers = []
        for topic in targets:
            process = producer(self.cluster.address, topic, "-X",
                               f"transactional.id={topic}-dead-{self.struck['hang']}", "-X",
                               "transaction.timeout.ms=4000")
            for _ in range(40):
                _, key, value = dead.event()
                value = value.replace('"event_id": "e', '"event_id": "dead')
                process.stdin.write(record(key, value))
            process.stdin.flush()
            producers.append(process)
        time.sleep(2)
        for process in producers:
            process.kill()
            process.wait()
        time.sleep(6)

    def run_cluster_faults(self):
        for fault in self.cluster_faults:
            if fault == "coordinator":
                continue
            time.sleep(self.random.random())
            (self.registry_faults if fault == "registry" else getattr(self, fault))()
            self.struck[fault] += 1

    # -- the round --

    def run(self):
        started = time.time()
        self.feeder = None
        waits = Waits(self.cluster.address, self.shop.name, verifier.INPUTS)
        try:
            for i in range(self.instances):
                self.shop.start(i)
            for instance in self.threads_of:
                instance.ready()
            self.feeder = Feeder(Traffic(self.seed, products=self.long), self.cluster.address,
                                 self.shop.name, self.rate,
                                 brokers_die=self.cluster.kafka.brokers > 1)
            self.feeder.start()
            waits.start()
            for instance in self.threads_of:
                instance.start()
            self.run_cluster_faults()
            for instance in self.threads_of:
                instance.join()
                if instance.broken:
                    self.violations.append(instance.broken)
            time.sleep(2)
            self.feeder.finish()
            self.settle()
            waits.finish()
            self.judge(waits)
            self.scan_logs()
        except (subprocess.CalledProcessError, Unanswered) as error:
            self.spoilt = told(error)  # a broker did not come up: says nothing of weft
        except Exception as error:
            self.violations.append(told(error))
        except BaseException:
            self.kill_all()
            raise
        finally:
            waits.over.set()
            if self.feeder:
                self.feeder.kill()
        self.seconds = time.time() - started

    def settle(self):
        client = Client(self.cluster.address)
        deadline = time.time() + SETTLE_S
        left = "not asked"
        while time.time() < deadline:
            for instance in self.threads_of:
                instance.up()
            left = verifier.settled(client, self.shop.name)
            if left is None:
                end = client.ends([f"{self.shop.name}-interactions"], False)
                rows = [self.shop.metrics(i) for i in range(self.instances)]
                behind = [i for i, row in enumerate(rows)
                          if not row or row["saved_offset"] < max(end.values())]
                products = len(verifier.catalogue(self.shop.name, self.cluster.address))
                self.products = {i: row["products"] for i, row in enumerate(rows) if row}
                if not behind and set(self.products.values()) == {products}:
                    break
                left = f"models behind: {behind}; products {self.products} of {products}"
            time.sleep(0.2)
        else:
            raise Broken(f"not settled after {SETTLE_S} s: {left}")
        _, members = patiently(lambda: client.group(self.shop.name))
        client.close()
        self.owners = {}
        for instance in self.threads_of:
            self.owners[instance.index] = [
                partition for name, topics in members.items()
                if name.startswith(instance.name() + "-")
                for partition in topics.get(f"{self.shop.name}.view", [])]
        if sorted(sum(self.owners.values(), [])) != [0, 1, 2, 3]:
            self.violations.append(f"partitions have not one owner each: {self.owners}")

    def judge(self, waits):
        if self.ending == "stop":
            self.shop.stop()
        elif self.ending == "kill":
            self.shop.stop(how=signal.SIGKILL)
        states = {i: self.shop.state(i) for i in range(self.instances)}
        self.found = verifier.read(self.shop, self.cluster.address, self.owners, states,
                                   taken=self.taken)
        self.found.products = self.products
        self.found.publisher_killed = self.ending == "kill"
        self.found.longest_wait_s, self.found.longest_wait_at = waits.longest / SLOW, waits.where
        self.expected = verifier.Expected(self.found)
        wrong, self.doubled = verifier.judge(self.found, self.once, self.expected)
        self.violations += wrong

    def mutate(self):
        """The faults that the verifier misses: mutations, and this round's aborted records if they
        counted."""
        def judge(found):
            return verifier.judge(found, True, self.expected)

        missed = mutations.unnoticed(self.found, judge)
        states = {0: self.shop.state(0)}
        found = verifier.read(self.shop, self.cluster.address, self.owners, states,
                              "read_uncommitted", self.taken)
        aborted = len(found.interactions) - len(self.found.interactions)
        if aborted and not judge(found)[0]:
            missed.append(f"{aborted} aborted records of this round")
        print(f"      {len(mutations.MUTATIONS)} deliberate faults and {aborted} aborted records: "
              f"{len(missed)} not noticed", flush=True)
        return missed

    def partitions_added(self):
        """Refused by those that run and by those that start, with what to do."""
        client = Client(self.cluster.address)
        for i in range(self.instances):
            if i not in self.shop.processes:
                self.shop.start(i)
        for instance in self.threads_of:
            instance.ready()
        patiently(lambda: client.add_partitions(f"{self.shop.name}.view", 8))
        client.close()
        deadline = time.time() + 60
        for i in range(self.instances):
            process = self.shop.processes.pop(i)
            try:
                code = process.wait(max(1, deadline - time.time()))
            except subprocess.TimeoutExpired:
                process.kill()
                code = "none: it runs on"
            if code != 1 or "Adding partitions" not in self.troubles(i):
                self.violations.append(f"partitions were added and instance {i} ended with {code}: "
                                       f"{self.troubles(i)[-500:]}")
        self.shop.start(0)
        try:
            code = self.shop.processes.pop(0).wait(60)
        except subprocess.TimeoutExpired:
            code = "none"
        if code != 1 or "partitions" not in self.troubles(0):
            self.violations.append(f"started on unequal partitions: {code}")
        self.struck["partitions"] += 1

    def describe(self):
        return (f"{self.instances} processes of {self.threads} threads, commit "
                f"{'5 s' if self.long else '100 ms'}, names "
                f"{'fixed' if self.fixed_names else 'drawn'}, "
                f"{'a standby, ' if self.standbys else ''}"
                f"{'through the proxy, ' if self.through_proxy else ''}judged "
                f"{ {'stop': 'stopped', 'alive': 'running', 'kill': 'after kill -9'}[self.ending]}")

    def kill_all(self):
        self.over = True
        for instance in self.threads_of:
            instance.faults.clear()
        if self.shop.processes:
            self.shop.stop(how=signal.SIGKILL)

    def remove(self, keep=None):
        self.kill_all()
        if keep:
            shutil.copytree(self.shop.folder, keep, dirs_exist_ok=True)
        self.shop.remove()
        self.registry.stop()
        try:
            client = Client(self.cluster.address)
            client.delete_topics([f"{self.shop.name}.{kind}" for kind in KINDS] +
                                 verifier.outputs(self.shop.name) +
                                 [f"{self.shop.name}-metrics"])
            client.close()
        except (Unanswered, OSError):
            pass


# ---- the run ----

class State:
    """What was done so far, in a file."""

    def __init__(self, folder, wanted, arguments):
        self.folder = folder
        self.path = os.path.join(folder, "state.json")
        self.data = {"arguments": arguments, "struck": {}, "rounds": 0, "alo_rounds": 0,
                     "seconds": 0.0, "events": 0, "doubled": 0, "violations": [], "counts": {},
                     "exits": 0, "missed": [], "mutated": False, "waits": [],
                     "spoilt": 0}
        os.makedirs(folder, exist_ok=True)
        if os.path.exists(self.path):
            with open(self.path) as file:
                self.data = json.load(file)
            if self.data["arguments"] != arguments:
                sys.exit(f"eos.py: {self.path} is of another command: {self.data['arguments']}")
            print(f"going on after {self.data['rounds']} rounds", flush=True)
        self.wanted = wanted

    def left(self, kinds):
        return {kind: max(0, self.wanted.get(kind, 0) - self.data["struck"].get(kind, 0))
                for kind in kinds}

    def add(self, round_):
        data = self.data
        if round_.spoilt:
            data["spoilt"] += 1
            round_.struck.clear()
            round_.counts.clear()
            round_.violations.clear()
        for kind, count in round_.struck.items() if round_.once else ():
            data["struck"][kind] = data["struck"].get(kind, 0) + count
        for name, count in round_.counts.items():
            data["counts"][name] = data["counts"].get(name, 0) + count
        data["rounds" if round_.once else "alo_rounds"] += not round_.spoilt
        data["seconds"] += round_.seconds
        data["events"] += len(round_.found.inputs) if hasattr(round_, "found") else 0
        data["doubled"] += round_.doubled
        data["waits"] += [round(round_.found.longest_wait_s, 1)] if hasattr(round_, "found") else []
        data["exits"] += len(round_.exits)
        data["missed"] += round_.notes
        data["violations"] += [f"round {round_.number}: {text}" for text in round_.violations]
        with open(self.path + ".part", "w") as file:
            json.dump(data, file, indent=1)
        os.replace(self.path + ".part", self.path)


def draw(left, most, rounds_left, rng):
    """So many of each kind that all rounds have about the same."""
    chosen = []
    for kind, count in left.items():
        share = count / rounds_left
        chosen += [kind] * (int(share) + (rng.random() < share - int(share)))
    rng.shuffle(chosen)
    return chosen[:most]


def one_round(cluster, state, options, number, once):
    rng = random.Random(f"{options.seed}/plan/{number}/{once}")
    of_processes, of_cluster = state.left(OF_PROCESSES), state.left(OF_CLUSTER)
    # Snapshots are written by one process of all: only one that is alone comes to the point surely.
    snapshots = of_processes.pop("mid_snapshot", 0)
    instances = PROCESSES[number % len(PROCESSES)]
    if once:
        rounds = max(1, -(-sum(of_processes.values()) // FAULTS_A_ROUND),
                     -(-sum(of_cluster.values()) // CLUSTER_FAULTS_A_ROUND))
        if not sum(of_processes.values()) + sum(of_cluster.values()):
            instances = 1
    else:  # the same mixture, without counting
        of_processes = {kind: 2 for kind in OF_PROCESSES if state.wanted.get(kind)}
        of_cluster, rounds = {kind: 1 for kind in OF_CLUSTER if state.wanted.get(kind)}, 1
        # without the points that are not there, or not surely
        for kind in ("after_offsets", "after_commit", "mid_snapshot"):
            of_processes.pop(kind, None)
        of_cluster.pop("coordinator", None)
    faults = draw(of_processes, 2 * FAULTS_A_ROUND, rounds, rng)
    if instances == 1:
        faults = faults[:12] + ["mid_snapshot"] * min(snapshots, 14)
    cluster_faults = draw(of_cluster, 2 * CLUSTER_FAULTS_A_ROUND, rounds, rng)
    round_ = Round(cluster, number, options.seed, faults, cluster_faults, once, options.rate,
                   instances)
    round_.run()
    clean = not round_.violations and not round_.spoilt
    if once and options.mutations and clean and not state.data["mutated"]:
        round_.violations += [f"the verifier does not notice {name}" for name in round_.mutate()]
        state.data["mutated"] = True
    if once and state.left(["partitions"])["partitions"] and clean:
        try:
            round_.partitions_added()
        except Exception as error:
            round_.violations.append(told(error))
    return round_


def report(round_):
    struck = ", ".join(f"{count} {kind}" for kind, count in sorted(round_.struck.items()))
    if round_.spoilt:
        print(f"      round {round_.number} does not count: {round_.spoilt}", flush=True)
        return
    print(f"{'FAIL' if round_.violations else 'ok  '}  round {round_.number}"
          f"{'' if round_.once else ' (at least once)'}: "
          f"{len(round_.found.inputs) if hasattr(round_, 'found') else 0} events, {struck}; "
          f"{round_.describe()}; longest wait "
          f"{round_.found.longest_wait_s if hasattr(round_, 'found') else 0:.0f} s; "
          f"{round_.seconds:.0f} s", flush=True)
    for text in round_.violations:
        print(f"      {text[:1500]}", flush=True)
    for index, code, end in round_.exits[:4]:
        print(f"      instance {index} ended by itself with {code}: {end[-300:]}", flush=True)
    if len(round_.exits) > 4:
        print(f"      and {len(round_.exits) - 4} times more", flush=True)
    for text in round_.notes:
        print(f"      {text}", flush=True)


def finish(state, options):
    data, failed = state.data, 0
    print(f"seed {options.seed}, {data['seconds']:.0f} s, {data['rounds']} rounds, "
          f"{data['alo_rounds']} of them more with at_least_once, {data['events']} events, "
          f"{options.brokers} brokers")
    for kind, wanted in state.wanted.items():
        struck = data["struck"].get(kind, 0)
        print(f"{'ok   ' if struck >= wanted else 'FAIL '} {kind}: {struck} of {wanted}")
        failed += struck < wanted
    for name, count in sorted(data["counts"].items()):
        if not name.endswith(", of"):
            of = data["counts"].get(name + ", of")
            print(f"      {name}: {count}" + (f" of {of}" if of else ""))
    aimed = data["counts"].get("kills with a transaction open, of", 0)
    if data["counts"].get("kills with a transaction open", 0) < 0.75 * aimed:
        print("FAIL  kills hit too few open transactions to say anything")
        failed += 1
    if data["spoilt"]:
        print(f"      rounds that did not count because a broker did not come up: {data['spoilt']}")
    if data["waits"]:
        print(f"      longest wait of an event for its commit, in the worst and the median round: "
              f"{max(data['waits'])} and {sorted(data['waits'])[len(data['waits']) // 2]} s")
    print(f"      processes that ended by themselves and were started again: {data['exits']}")
    if data["alo_rounds"]:
        print(f"      at_least_once: {data['doubled']} activities counted more than once, "
              "none lost" if not data["violations"] else "")
    print(f"violations: {len(data['violations'])}")
    for text in data["violations"]:
        print(f"      {text[:300]}")
    passed = data["rounds"] + data["alo_rounds"] + len(state.wanted) - failed
    failed += len(data["violations"])
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__, add_help=True)
    numbers = {"kills": 0, "points": 0, "zombies": 0, "stops": 0, "wipes": 0, "torn": 0,
               "broker-kills": 0, "bounces": 0, "elections": 0, "coordinators": 0, "cuts": 0,
               "lopsided": 0, "islands": 0, "compactions": 0, "retentions": 0,
               "registries": 0, "hangs": 0, "partitions": 0, "brokers": 1, "alo": 0, "seed": 1,
               "rate": 150, "port": 19300}
    long = {**numbers, **LONG} if "--long" in sys.argv[1:] else numbers
    for name, fallback in long.items():
        parser.add_argument(f"--{name}", type=int, default=fallback)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--state")
    parser.add_argument("--mutations", action="store_true")
    options = parser.parse_args()
    if "WEFT" not in os.environ:
        shop_module.WEFT = os.path.join(ROOT, "build-failpoints", "weft")
        os.environ["WEFT"] = shop_module.WEFT
    wanted = {"kill": options.kills, "zombie": options.zombies, "stop": options.stops,
              "wipe": options.wipes, "torn": options.torn, "broker_kill": options.broker_kills,
              "bounce": options.bounces, "election": options.elections,
              "coordinator": options.coordinators, "cut": options.cuts, "hang": options.hangs,
              "lopsided": options.lopsided, "island": options.islands,
              "compaction": options.compactions, "retention": options.retentions,
              "registry": options.registries,
              "partitions": options.partitions}
    for point in POINTS:
        if options.points and not binary_has(point):
            print(f"{shop_module.WEFT} has no point {point}", flush=True)
        else:
            wanted[point] = options.points
    wanted = {kind: count for kind, count in wanted.items() if count}
    folder = options.state or tempfile.mkdtemp(prefix="weft-eos-")
    arguments = {name.replace("-", "_"): getattr(options, name.replace("-", "_"))
                 for name in numbers}
    state = State(folder, wanted, arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("eos.py: stopped"))
    cluster = Cluster(options.brokers, options.port)
    try:
        while any(state.left(wanted).values()) or state.data["alo_rounds"] < options.alo:
            once = any(state.left(wanted).values())
            number = state.data["rounds" if once else "alo_rounds"] + state.data["spoilt"]
            round_ = one_round(cluster, state, options, number, once)
            report(round_)
            state.add(round_)
            round_.remove(os.path.join(folder, f"round-{number}") if round_.violations else None)
            if len(state.data["violations"]) > 20 or state.data["spoilt"] > 20:
                print("too much goes wrong: ending", flush=True)
                break
    finally:
        cluster.stop()
    return finish(state, options)


if __name__ == "__main__":
    sys.exit(main())
