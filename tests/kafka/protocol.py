"""The part of Kafka's protocol that the tests need: ends, committed offsets, owners of partitions,
open transactions, settings of topics. It asks the broker itself, without a library that weft uses
too. Each Client is for one thread."""

import socket
import struct
import time

COORDINATOR_GROUP, COORDINATOR_TRANSACTION = 0, 1
TOPIC = 2  # as a resource with settings
TIMEOUT_S = 5


class Unanswered(Exception):
    """No broker answers, or the answer is an error that goes away by itself."""


class Writer:
    def __init__(self):
        self.data = b""

    def number(self, size, value):
        self.data += struct.pack({1: ">b", 2: ">h", 4: ">i", 8: ">q"}[size], value)
        return self

    def text(self, value):
        if value is None:
            return self.number(2, -1)
        encoded = value.encode()
        self.number(2, len(encoded))
        self.data += encoded
        return self

    def array(self, values, write):
        if values is None:
            return self.number(4, -1)
        self.number(4, len(values))
        for value in values:
            write(value)
        return self

    def compact_text(self, value):
        encoded = value.encode()
        assert len(encoded) < 127
        self.data += bytes([len(encoded) + 1]) + encoded
        return self


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, size):
        if self.at + size > len(self.data):
            raise Unanswered("a short answer")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size):
        return struct.unpack({1: ">b", 2: ">h", 4: ">i", 8: ">q"}[size], self.take(size))[0]

    def text(self):
        size = self.number(2)
        return None if size < 0 else self.take(size).decode()

    def bytes(self):
        size = self.number(4)
        return b"" if size < 0 else self.take(size)

    def array(self, read):
        return [read() for _ in range(max(self.number(4), 0))]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def compact_text(self):
        return self.take(self.varint() - 1).decode()

    def compact_array(self, read):
        return [read() for _ in range(self.varint() - 1)]

    def tags(self):
        for _ in range(self.varint()):
            self.varint()
            self.take(self.varint())


def parse_assignment(data):
    """{topic: [partition]} of a consumer protocol's assignment."""
    if not data:
        return {}
    reader = Reader(data)
    reader.number(2)
    rows = reader.array(lambda: (reader.text(), reader.array(lambda: reader.number(4))))
    return dict(rows)


class Client:
    def __init__(self, addresses):
        self.bootstrap = [(host, int(port)) for host, port in
                          (address.split(":") for address in addresses.split(","))]
        self.connections = {}
        self.brokers = {}
        self.correlation = 0

    def close(self):
        for connection in self.connections.values():
            connection.close()
        self.connections = {}

    def connect(self, place):
        if place not in self.connections:
            connection = socket.create_connection(place, TIMEOUT_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections[place] = connection
        return self.connections[place]

    def receive(self, connection, size):
        data = b""
        while len(data) < size:
            part = connection.recv(size - len(data))
            if not part:
                raise OSError("closed")
            data += part
        return data

    def ask(self, place, key, version, body, flexible=False):
        """The answer's body. Unanswered when that broker does not answer."""
        self.correlation += 1
        request = Writer().number(2, key).number(2, version).number(4, self.correlation)
        request.text("judge")
        message = request.data + (b"\0" if flexible else b"") + body.data
        for last in (False, True):  # an idle connection may have been closed
            try:
                connection = self.connect(place)
                connection.sendall(struct.pack(">i", len(message)) + message)
                size, = struct.unpack(">i", self.receive(connection, 4))
                reader = Reader(self.receive(connection, size))
                if reader.number(4) != self.correlation:
                    raise OSError("another request's answer")
                if flexible:
                    reader.tags()
                return reader
            except OSError as error:
                connection = self.connections.pop(place, None)
                if connection:
                    connection.close()
                if last:
                    raise Unanswered(f"{place}: {error}") from error

    def any_broker(self, key, version, body):
        failed = None
        for place in [*self.brokers.values(), *self.bootstrap]:
            try:
                return self.ask(place, key, version, body)
            except Unanswered as error:
                failed = error
        raise failed

    def metadata(self, topics=None):
        """{topic: {partition: (leader, replicas, in sync)}}"""
        body = Writer()
        body.array(topics, body.text).number(1, 0)
        reader = self.any_broker(3, 4, body)
        reader.number(4)
        brokers = reader.array(lambda: (reader.number(4), reader.text(), reader.number(4),
                                        reader.text()))
        self.brokers = {node: (host, port) for node, host, port, _ in brokers}
        reader.text()
        self.controller = reader.number(4)

        def numbers():
            return reader.array(lambda: reader.number(4))

        def partition():
            reader.number(2)
            return reader.number(4), (reader.number(4), numbers(), numbers())

        def topic():
            error, name = reader.number(2), reader.text()
            reader.number(1)
            return error, name, dict(reader.array(partition))

        return {name: partitions for error, name, partitions in reader.array(topic) if error == 0}

    def ends(self, topics, committed):
        """{(topic, partition): end}: the last stable offset if `committed`, else the high
        watermark."""
        found = {}
        by_leader = {}
        known = self.metadata(topics)
        for topic in topics:
            if topic not in known:
                raise Unanswered(f"{topic} is not there")
            for partition, (leader, _, _) in known[topic].items():
                by_leader.setdefault(leader, {}).setdefault(topic, []).append(partition)
        for leader, rows in by_leader.items():
            if leader not in self.brokers:
                raise Unanswered("no leader")
            body = Writer().number(4, -1).number(1, 1 if committed else 0)

            def write(row, body=body):
                body.text(row[0]).array(row[1], lambda p: body.number(4, p).number(8, -1))

            body.array(list(rows.items()), write)
            reader = self.ask(self.brokers[leader], 2, 2, body)
            reader.number(4)

            def partition(reader=reader):
                index, error = reader.number(4), reader.number(2)
                reader.number(8)
                return index, error, reader.number(8)

            for topic, partitions in reader.array(lambda: (reader.text(),
                                                           reader.array(partition))):
                for index, error, offset in partitions:
                    if error:
                        raise Unanswered(f"{topic} [{index}]: error {error}")
                    found[topic, index] = offset
        return found

    def coordinator(self, key, kind):
        """(node, place)"""
        body = Writer().text(key).number(1, kind)
        reader = self.any_broker(10, 1, body)
        reader.number(4)
        error = reader.number(2)
        reader.text()
        node = reader.number(4)
        if error:
            raise Unanswered(f"coordinator of {key}: error {error}")
        return node, (reader.text(), reader.number(4))

    def committed(self, group, topics):
        """{(topic, partition): offset} of those that have one."""
        partitions = {name: list(rows) for name, rows in self.metadata(topics).items()}
        _, place = self.coordinator(group, COORDINATOR_GROUP)
        body = Writer().text(group)
        body.array(list(partitions.items()), lambda row: body.text(row[0]).array(
            row[1], lambda p: body.number(4, p)))
        reader = self.ask(place, 9, 3, body)
        reader.number(4)

        def partition():
            index, offset = reader.number(4), reader.number(8)
            reader.text()
            return index, offset, reader.number(2)

        rows = reader.array(lambda: (reader.text(), reader.array(partition)))
        if reader.number(2):
            raise Unanswered("the group's coordinator is moving")
        return {(topic, index): offset for topic, list_ in rows for index, offset, _ in list_
                if offset >= 0}

    def group(self, group):
        """(state, {member's static name or id: {topic: [partition]}})"""
        _, place = self.coordinator(group, COORDINATOR_GROUP)
        body = Writer()
        body.array([group], body.text).number(1, 0)
        reader = self.ask(place, 15, 4, body)
        reader.number(4)

        def member():
            member_id, static = reader.text(), reader.text()
            reader.text()
            reader.text()
            reader.bytes()
            return static or member_id, parse_assignment(reader.bytes())

        def row():
            error = reader.number(2)
            reader.text()
            state = reader.text()
            reader.text()
            reader.text()
            members = reader.array(member)
            reader.number(4)
            return error, state, dict(members)

        (error, state, members), = reader.array(row)
        if error:
            raise Unanswered(f"group {group}: error {error}")
        return state, members

    def settings(self, topic):
        """{name: value}, as the broker has them."""
        body = Writer()
        body.array([topic], lambda name: body.number(1, TOPIC).text(name).array(None, None))
        reader = self.any_broker(32, 1, body.number(1, 0))
        reader.number(4)

        def setting():
            name, value = reader.text(), reader.text()
            reader.number(1)
            reader.number(1)
            reader.number(1)
            reader.array(lambda: (reader.text(), reader.text(), reader.number(1)))
            return name, value

        def resource():
            error = reader.number(2)
            reader.text()
            reader.number(1)
            reader.text()
            return error, dict(reader.array(setting))

        (error, rows), = reader.array(resource)
        if error:
            raise Unanswered(f"settings of {topic}: error {error}")
        return rows

    def change(self, topic, **settings):
        """Sets these, with _ for the dots of their names, and leaves the others."""
        body = Writer()
        rows = [(name.replace("_", "."), str(value)) for name, value in settings.items()]
        body.array([topic], lambda name: body.number(1, TOPIC).text(name).array(
            rows, lambda row: body.text(row[0]).number(1, 0).text(row[1])))
        reader = self.any_broker(44, 0, body.number(1, 0))
        reader.number(4)
        (error, why), = reader.array(lambda: (reader.number(2), reader.text()))
        if error:
            raise Unanswered(f"settings of {topic}: error {error}: {why}")

    def transaction(self, name):
        """The state of a transactional.id, such as Ongoing; None: not known."""
        _, place = self.coordinator(name, COORDINATOR_TRANSACTION)
        body = Writer()
        body.data += b"\x02"
        body.compact_text(name)
        body.data += b"\0"
        reader = self.ask(place, 65, 0, body, flexible=True)
        reader.number(4)
        assert reader.varint() == 2
        error = reader.number(2)
        reader.compact_text()
        return None if error else reader.compact_text()

    def elect_leaders(self):
        """Moves every partition's leader to the first of its replicas."""
        body = Writer().number(1, 0).array(None, None).number(4, 10000)
        self.metadata([])
        for place in self.brokers.values():
            try:
                self.ask(place, 43, 1, body)
                return
            except Unanswered:
                continue

    def delete_topics(self, topics):
        body = Writer()
        body.array(topics, body.text).number(4, 30000)
        self.any_broker(20, 3, body)

    def delete_records(self, topic, offsets):
        """Takes what is before these offsets, by partition, as the retention does."""
        known = self.metadata([topic])[topic]
        for partition, offset in offsets.items():
            leader = known[partition][0]
            if leader not in self.brokers:
                raise Unanswered("no leader")
            body = Writer()
            body.array([topic], lambda name, row=(partition, offset), body=body: body.text(
                name).array([row], lambda row: body.number(4, row[0]).number(8, row[1])))
            reader = self.ask(self.brokers[leader], 21, 1, body.number(4, 30000))
            reader.number(4)

            def one(reader=reader):
                reader.number(4)
                reader.number(8)
                return reader.number(2)

            (errors,), = reader.array(lambda: (reader.text(), reader.array(one))[1:])
            if any(errors):
                raise Unanswered(f"{topic} [{partition}]: error {errors}")

    def add_partitions(self, topic, count):
        body = Writer()
        body.array([topic], lambda name: body.text(name).number(4, count).array(None, None))
        reader = self.any_broker(37, 1, body.number(4, 30000).number(1, 0))
        reader.number(4)
        for error, why in reader.array(
                lambda: (reader.text(), reader.number(2), reader.text())[1:]):
            if error:
                raise RuntimeError(f"partitions can't be added to {topic}: {why}")

    def in_sync(self):
        """Whether every replica of every partition is."""
        rows = self.metadata(None)
        return all(leader >= 0 and len(replicas) == len(isr)
                   for partitions in rows.values() for leader, replicas, isr in partitions.values())


def patiently(what, seconds=60):
    """Calls until it is answered."""
    deadline = time.time() + seconds
    while True:
        try:
            return what()
        except (Unanswered, OSError):
            if time.time() > deadline:
                raise
            time.sleep(0.2)
