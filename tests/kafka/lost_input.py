#!/usr/bin/env python3
"""Tests through Apache Kafka that input which nobody reads is told and counted: retention took it
while weft was down or stood still, or somebody moved the group forward. Also an input that was
created again, and offsets that are all gone. weft goes on each time, and reads what is there.
The test needs kcat and the programs that tools/kafka needs."""

import json
import os
import signal
import sys
import time

from shop import Checks, Kafka, Shop

NOW = int(time.time() * 1000) - 3600_000


class Broker:
    """Kafka's own tools."""

    def __init__(self, kafka, topic):
        self.kafka, self.topic = kafka, topic

    def run(self, tool, *arguments):
        return self.kafka.tool(f"org.apache.kafka.tools.{tool}", *arguments)

    def cut(self, shop, offset):
        """As retention does."""
        path = os.path.join(shop.folder, "cut.json")
        with open(path, "w") as file:
            json.dump({"version": 1, "partitions": [
                {"topic": self.topic, "partition": 0, "offset": offset}]}, file)
        self.run("DeleteRecordsCommand", "--offset-json-file", path)

    def move(self, shop, count):
        """The tool refuses as long as the group still has the member that was stopped."""
        deadline = time.time() + 40
        while time.time() < deadline:
            out = self.run("consumer.group.ConsumerGroupCommand", "--group", shop.name, "--topic",
                           self.topic, "--reset-offsets", "--shift-by", str(count), "--execute")
            if self.topic in out.replace("'", ""):
                return
            time.sleep(1)
        raise RuntimeError(f"the group can't be moved: {out}")


def send(shop, count, sent=[0]):
    path = os.path.join(shop.folder, "events.jsonl")
    with open(path, "w") as file:
        for number in range(sent[0], sent[0] + count):
            file.write(json.dumps({"type": "view", "event_id": f"e{number}",
                                   "visitor_id": f"v{number % 50}", "item": {"item_id": "A"},
                                   "event_time": NOW + number * 1000}) + "\n")
    sent[0] += count
    shop.replay(path)


def wait_for(shop, name, value):
    deadline = time.time() + 60
    while time.time() < deadline:
        if (shop.metrics() or {}).get(name) == value:
            return value
        shop.alive()
        time.sleep(0.1)
    return (shop.metrics() or {}).get(name)


def log_has(shop, text):
    with open(os.path.join(shop.folder, "log-0.txt")) as file:
        return text in file.read()


def expect(checks, shop, what, lost, processed, text):
    checks.equal(f"{what}: the rest is processed", wait_for(shop, "processed", processed),
                 processed)
    checks.equal(f"{what}: the lost records are counted", shop.metrics()["records_lost"], lost)
    checks.equal(f"{what}: the log says it", log_has(shop, text), True)


def restart(shop):
    shop.start(0)
    shop.ready()


def main():
    checks = Checks()
    port = int(os.environ.get("WEFT_KAFKA_PORT", "19700"))
    with Kafka(port) as kafka, Shop("lost", kafka.address, 1, ["session.timeout.ms=6000"]) as shop:
        broker = Broker(kafka, "lost.view")
        restart(shop)
        send(shop, 100)
        checks.equal("all is read at first", wait_for(shop, "processed", 100), 100)
        os.kill(shop.processes[0].pid, signal.SIGSTOP)
        send(shop, 100)
        broker.cut(shop, 150)
        os.kill(shop.processes[0].pid, signal.SIGCONT)
        expect(checks, shop, "retention, while it stood still", 50, 150,
               "lost.view [0] was read up to 100, but begins at 150: up to 50 records are lost")
        shop.stop()
        send(shop, 100)
        broker.cut(shop, 230)
        restart(shop)
        expect(checks, shop, "retention, while it was down", 30, 70, "but begins at 230")
        shop.stop()
        send(shop, 100)
        broker.move(shop, 60)
        restart(shop)
        expect(checks, shop, "a group that was moved forward", 60, 40,
               "somebody moved the group forward: its offset of lost.view [0] is 360")
        shop.stop()
        broker.run("TopicCommand", "--delete", "--topic", broker.topic)
        broker.run("TopicCommand", "--create", "--topic", broker.topic, "--partitions", "1")
        send(shop, 30)
        restart(shop)
        expect(checks, shop, "a topic that was created again", 0, 30,
               "lost.view [0] was read up to 400, but ends at 30: the topic was created again")
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
