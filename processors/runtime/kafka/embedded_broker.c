#include "processors/runtime/kafka/embedded_broker.h"

#include "processors/runtime/kafka/kafka.h"

#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

struct embedded_broker {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
};

struct embedded_broker *embedded_broker_new(const struct config *config,
                                            const struct topology *topology, struct error *error)
{
    struct embedded_broker *broker = memory_zero(1, sizeof *broker);
    /* a cluster of the handle's own, so that it looks for no other one */
    const struct kafka_extra own[] = {{"test.mock.num.brokers", "1"}, {NULL, NULL}};
    broker->rk = kafka_open(config, KAFKA_PRODUCER, own, error);
    if (broker->rk)
        broker->cluster = rd_kafka_handle_mock_cluster(broker->rk);
    for (int i = 0; broker->cluster && i < TOPICS; i++)
        if (topology_uses(topology, i))
            rd_kafka_mock_topic_create(broker->cluster, topology->topics[i],
                                       topic_rows[i].partitioned ? (int)config->partitions : 1, 1);
    if (broker->cluster)
        return broker;
    error_set(error, VERDICT_FATAL, "the embedded broker can't start");
    embedded_broker_free(broker);
    return NULL;
}

void embedded_broker_free(struct embedded_broker *broker)
{
    if (broker == NULL)
        return;
    if (broker->rk)
        rd_kafka_destroy(broker->rk); /* and its cluster */
    free(broker);
}

const char *embedded_broker_address(const struct embedded_broker *broker)
{
    return rd_kafka_mock_cluster_bootstraps(broker->cluster);
}
