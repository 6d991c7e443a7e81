#include "processors/runtime/kafka/election.h"

#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/log.h"

#include <stdio.h>
#include <stdlib.h>

#define POLL_PAUSE_US 500000 /* between polls of the group by questions for the lease */

struct election {
    struct lease lease; /* first */
    const char *log_name;
    const atomic_bool *stop;
    rd_kafka_t *consumer;
    bool won;
    uint64_t decisions;
    int64_t polled_us;
};

static void rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                      rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct election *election = opaque;
    bool won = err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && partitions->cnt > 0;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        for (int i = 0; i < partitions->cnt; i++)
            partitions->elems[i].offset = RD_KAFKA_OFFSET_END;
        rd_kafka_assign(rk, partitions);
        rd_kafka_pause_partitions(rk, partitions); /* the role is wanted, not the records */
    } else {
        rd_kafka_assign(rk, NULL);
    }
    if (won != election->won)
        log_line(LOG_LEVEL_INFO, election->log_name,
                 won ? "elected" : "another process has the role");
    election->won = won;
    election->decisions++;
}

void election_poll(struct election *election, int timeout_ms)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(election->consumer, timeout_ms);
    if (message) {
        if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            log_line(LOG_LEVEL_WARN, election->log_name, "%s", rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
    }
    election->polled_us = clock_monotonic_us();
}

static bool lease_is_held(struct lease *self)
{
    struct election *election = (struct election *)(void *)self;
    if (clock_monotonic_us() - election->polled_us > POLL_PAUSE_US)
        election_poll(election, 0);
    return election->won && !atomic_load_explicit(election->stop, memory_order_relaxed);
}

static rd_kafka_t *open_consumer(struct election *election, const struct config *config,
                                 const char *group, struct error *error)
{
    char timeout[24];
    snprintf(timeout, sizeof timeout, "%lld", (long long)config->session_timeout_ms);
    const struct kafka_extra extra[] = {
        {"group.id", group}, {"session.timeout.ms", timeout}, {NULL, NULL}};
    rd_kafka_conf_t *conf = kafka_conf(config, KAFKA_MEMBER, extra, error);
    if (conf == NULL)
        return NULL;
    rd_kafka_conf_set_rebalance_cb(conf, rebalance);
    rd_kafka_conf_set_opaque(conf, election);
    return kafka_new(KAFKA_MEMBER, conf, error);
}

struct election *election_join(const struct config *config, const struct election_options *options,
                               struct error *error)
{
    struct election *election = memory_zero(1, sizeof *election);
    election->lease.holds = lease_is_held;
    election->log_name = options->log_name;
    election->stop = options->stop;
    election->consumer = open_consumer(election, config, options->group, error);
    if (election->consumer == NULL) {
        free(election);
        return NULL;
    }
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, options->topic, -1);
    rd_kafka_subscribe(election->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return election;
}

void election_leave(struct election *election)
{
    if (election == NULL)
        return;
    rd_kafka_consumer_close(election->consumer);
    rd_kafka_destroy(election->consumer);
    free(election);
}

bool election_won(const struct election *election)
{
    return election->won;
}

uint64_t election_decisions(const struct election *election)
{
    return election->decisions;
}

struct lease *election_lease(struct election *election)
{
    return &election->lease;
}
