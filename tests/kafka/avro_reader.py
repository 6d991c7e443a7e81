#!/usr/bin/python3 -P
"""Reads a topic as a Python service does: with the Avro deserialiser of confluent_kafka, which
gets the schemas from a schema registry. It runs with Debian's Python, whose packages
python3-confluent-kafka and python3-avro it needs.

Usage: tests/kafka/avro_reader.py BROKERS REGISTRY_URL TOPIC
It prints a JSON line {"key": ..., "value": ...} for each record up to the end of the topic. The
value of a tombstone is null.
"""
import json
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from confluent_kafka.avro import CachedSchemaRegistryClient
from confluent_kafka.avro.serializer.message_serializer import MessageSerializer


def main(brokers, registry, topic):
    deserialiser = MessageSerializer(CachedSchemaRegistryClient({"url": registry}))
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "reader",
                         "enable.auto.commit": False,
                         "enable.partition.eof": True, "isolation.level": "read_committed"})
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    left = len(partitions)
    while left > 0:
        message = consumer.poll(30)
        if message is None:
            sys.exit("no record and no end of the topic within 30 s")
        if message.error():
            if message.error().code() != KafkaError._PARTITION_EOF:
                sys.exit(str(message.error()))
            left -= 1
            continue
        value = message.value()
        print(json.dumps({"key": message.key().decode(),
                          "value": value and deserialiser.decode_message(value)}, default=str))
    consumer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
