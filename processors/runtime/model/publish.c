#include "processors/runtime/model/publish.h"

#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/log.h"
#include "processors/runtime/model/publish_rankings.h"
#include "processors/runtime/model/snapshots.h"

#include <stdio.h>
#include <unistd.h>

#define POLL_MS 100
#define LOOK_US 500000     /* between polls of the group while a snapshot is written */
#define FIRST_MS_MAX 60000 /* until the first snapshot there ever was */
#define AGAIN_US 5000000   /* after a failure */

struct publisher {
    struct lease lease; /* first */
    struct run *run;
    rd_kafka_t *consumer;
    bool elected;
    bool looked;    /* for what predecessors wrote */
    int64_t offset; /* of the log, that the newest snapshot stands for; -1: there is none */
    int64_t due_us, polled_us;
    struct rankings_publisher *rankings;
    int64_t rankings_due_us;
};

static void rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                      rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct publisher *publisher = opaque;
    bool elected = err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && partitions->cnt > 0;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        for (int i = 0; i < partitions->cnt; i++)
            partitions->elems[i].offset = RD_KAFKA_OFFSET_END;
        rd_kafka_assign(rk, partitions);
        rd_kafka_pause_partitions(rk, partitions); /* the role is wanted, not the records */
    } else {
        rd_kafka_assign(rk, NULL);
    }
    if (elected != publisher->elected)
        log_line(LOG_LEVEL_INFO, "publisher", elected ? "elected" : "another process has the role");
    publisher->elected = elected;
    publisher->looked = false;
    publisher->due_us = publisher->rankings_due_us = 0;
    rankings_publisher_forget(publisher->rankings);
}

static void poll_group(struct publisher *publisher, int timeout_ms)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(publisher->consumer, timeout_ms);
    if (message) {
        if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            log_line(LOG_LEVEL_WARN, "publisher", "%s", rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
    }
    publisher->polled_us = clock_monotonic_us();
}

static bool still_elected(struct lease *self)
{
    struct publisher *publisher = (struct publisher *)(void *)self;
    if (clock_monotonic_us() - publisher->polled_us > LOOK_US)
        poll_group(publisher, 0);
    return publisher->elected && !run_stops(publisher->run);
}

/* When the next snapshot is due, by the newest that is there. */
static void look_back(struct publisher *publisher)
{
    struct run *run = publisher->run;
    struct snapshot_header header;
    struct error error = {0};
    int64_t time_ms = 0, wait_ms = run->config->snapshot_interval_ms;
    enum verdict verdict = snapshots_find(run, &header, &time_ms, &error);
    publisher->offset = -1;
    if (verdict == VERDICT_OK) {
        publisher->offset = header.offset;
        wait_ms -= clock_now_ms() - time_ms;
    } else if (verdict == VERDICT_SKIP) {
        wait_ms = wait_ms < FIRST_MS_MAX ? wait_ms : FIRST_MS_MAX;
    } else {
        log_line(LOG_LEVEL_WARN, "publisher", "%s", error.message);
    }
    publisher->looked = verdict == VERDICT_OK || verdict == VERDICT_SKIP;
    publisher->due_us =
        clock_monotonic_us() + (publisher->looked ? (wait_ms > 0 ? wait_ms : 0) * 1000 : AGAIN_US);
}

static void write_snapshot(struct publisher *publisher)
{
    struct run *run = publisher->run;
    struct snapshot_header header;
    struct error error = {0};
    int64_t from_us = clock_monotonic_us(), saved = -1;
    store_get_offset(run->model_store, OFFSETS_MODEL, run->topology.topics[TOPIC_INTERACTIONS], 0,
                     &saved, NULL);
    publisher->due_us = from_us + run->config->snapshot_interval_ms * 1000;
    if (saved <= publisher->offset)
        return; /* nothing new */
    enum verdict verdict = snapshots_write(run, &publisher->lease, &header, &error);
    int64_t now_us = clock_monotonic_us();
    if (verdict == VERDICT_OK) {
        publisher->offset = header.offset;
        atomic_store(&run->snapshot_offset, header.offset);
        publisher->due_us = now_us + run->config->snapshot_interval_ms * 1000;
        log_line(LOG_LEVEL_INFO, "publisher", "snapshot of the model as of %lld: %llu rows, %.2f s",
                 (long long)header.offset, (unsigned long long)header.rows,
                 (double)(now_us - from_us) / 1e6);
    } else if (verdict != VERDICT_SKIP) {
        publisher->due_us = now_us + AGAIN_US;
        log_line(LOG_LEVEL_WARN, "publisher", "no snapshot now: %s", error.message);
    }
}

static void write_rankings(struct publisher *publisher)
{
    struct error error = {0};
    enum verdict verdict = rankings_publish(publisher->rankings, &error);
    publisher->rankings_due_us =
        clock_monotonic_us() + publisher->run->config->rankings_interval_ms * 1000;
    if (verdict == VERDICT_OK || verdict == VERDICT_SKIP)
        return;
    publisher->rankings_due_us = clock_monotonic_us() + AGAIN_US;
    log_line(LOG_LEVEL_WARN, "publisher", "no rankings now: %s", error.message);
}

static void do_what_is_due(struct publisher *publisher)
{
    const struct config *config = publisher->run->config;
    if (config->rankings_interval_ms > 0 && atomic_load(&publisher->run->catalogue_whole) &&
        clock_monotonic_us() >= publisher->rankings_due_us)
        write_rankings(publisher);
    if (config->snapshot_interval_ms == 0 || !publisher->elected ||
        clock_monotonic_us() < publisher->due_us)
        return;
    if (!publisher->looked)
        look_back(publisher);
    else
        write_snapshot(publisher);
}

static rd_kafka_t *join(struct publisher *publisher, struct error *error)
{
    struct run *run = publisher->run;
    char group[CONFIG_TEXT_MAX + 16], timeout[24];
    snprintf(group, sizeof group, "%s-publisher", run->config->application_id);
    snprintf(timeout, sizeof timeout, "%lld", (long long)run->config->session_timeout_ms);
    const struct kafka_extra extra[] = {
        {"group.id", group}, {"session.timeout.ms", timeout}, {NULL, NULL}};
    rd_kafka_conf_t *conf = kafka_conf(run->config, KAFKA_MEMBER, extra, error);
    if (conf == NULL)
        return NULL;
    rd_kafka_conf_set_rebalance_cb(conf, rebalance);
    rd_kafka_conf_set_opaque(conf, publisher);
    rd_kafka_t *consumer = kafka_new(KAFKA_MEMBER, conf, error);
    if (consumer == NULL)
        return NULL;
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, run->topology.topics[TOPIC_MODEL], -1);
    rd_kafka_subscribe(consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return consumer;
}

void *publish_thread(void *argument)
{
    struct run *run = argument;
    struct publisher publisher = {.lease.holds = still_elected, .run = run, .offset = -1};
    struct error error = {0};
    pthread_setname_np(pthread_self(), "publisher");
    while (!run_stops(run) && !atomic_load(&run->fold_ready))
        usleep(POLL_MS * 1000);
    bool idle = run->config->snapshot_interval_ms == 0 && run->config->rankings_interval_ms == 0;
    if (idle || run_stops(run))
        return NULL;
    publisher.rankings = rankings_publisher_new(run, &publisher.lease);
    publisher.consumer = join(&publisher, &error);
    if (publisher.consumer == NULL) {
        run_fail(run, "publisher", &error);
        rankings_publisher_free(publisher.rankings);
        return NULL;
    }
    while (!run_stops(run)) {
        poll_group(&publisher, POLL_MS);
        if (publisher.elected)
            do_what_is_due(&publisher);
    }
    rd_kafka_consumer_close(publisher.consumer);
    rd_kafka_destroy(publisher.consumer);
    rankings_publisher_free(publisher.rankings);
    return NULL;
}
