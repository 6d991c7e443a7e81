#include "processors/runtime/kafka/early_sender.h"

#include "processors/runtime/kafka/faults.h"
#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/kafka/size_budget.h"
#include "processors/runtime/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define LINGER_MS "2"
#define TOLD_US 60000000 /* between two warnings */
#define REOPEN_US 1000000

struct early_sender {
    const struct config *config;
    const struct topology *topology;
    const struct size_budget *sizes;
    atomic_ullong *failures;
    pthread_mutex_t lock;
    /* under the lock */
    rd_kafka_t *rk; /* NULL: it broke, or could not be opened again yet */
    rd_kafka_topic_t *topic;
    int64_t told_us, closed_us;
    uint64_t untold;
};

/* ---- failures ---- */

static void fail(struct early_sender *sender, rd_kafka_resp_err_t err)
{
    char advice[FAULT_ADVICE_BYTES_MAX];
    int64_t now_us = clock_monotonic_us();
    atomic_fetch_add(sender->failures, 1);
    sender->untold++;
    if (sender->told_us != 0 && now_us - sender->told_us < TOLD_US)
        return;
    log_line(LOG_LEVEL_WARN, "early lists",
             "%llu records for %s were not delivered: %s%s; the lists come with the commit",
             (unsigned long long)sender->untold, sender->topology->topics[TOPIC_EARLY],
             rd_kafka_err2str(err), fault_advice(fault_find(FAULT_OF_KAFKA, err), advice));
    sender->told_us = now_us;
    sender->untold = 0;
}

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    if (message->err)
        fail(opaque, message->err);
}

/* ---- the producer ---- */

static enum verdict open_producer(struct early_sender *sender, struct error *error)
{
    char timeout[24], batch[24];
    snprintf(timeout, sizeof timeout, "%lld", (long long)(sender->config->session_timeout_ms / 2));
    snprintf(batch, sizeof batch, "%lld", (long long)size_budget_batch(sender->sizes, TOPIC_EARLY));
    const struct kafka_extra extra[] = {
        {"enable.idempotence", "true"}, /* which sets acks=all */
        {"linger.ms", LINGER_MS},       {"message.timeout.ms", timeout},
        {"batch.size", batch},          {NULL, NULL},
    };
    rd_kafka_conf_t *conf = kafka_conf(sender->config, KAFKA_PRODUCER, extra, error);
    if (conf == NULL)
        return VERDICT_FATAL;
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_opaque(conf, sender);
    sender->rk = kafka_new(KAFKA_PRODUCER, conf, error);
    if (sender->rk == NULL)
        return VERDICT_FATAL;
    sender->topic = rd_kafka_topic_new(sender->rk, sender->topology->topics[TOPIC_EARLY], NULL);
    return VERDICT_OK;
}

static void close_producer(struct early_sender *sender)
{
    if (sender->rk == NULL)
        return;
    if (sender->topic)
        rd_kafka_topic_destroy(sender->topic);
    rd_kafka_flush(sender->rk, 100);
    rd_kafka_purge(sender->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(sender->rk, 100);
    rd_kafka_destroy(sender->rk);
    sender->topic = NULL;
    sender->rk = NULL;
    sender->closed_us = clock_monotonic_us();
}

enum verdict early_sender_new(const struct config *config, const struct topology *topology,
                              const struct size_budget *sizes, atomic_ullong *failures,
                              struct early_sender **ret_sender, struct error *error)
{
    struct early_sender *sender = memory_zero(1, sizeof *sender);
    sender->config = config;
    sender->topology = topology;
    sender->sizes = sizes;
    sender->failures = failures;
    pthread_mutex_init(&sender->lock, NULL);
    enum verdict verdict = open_producer(sender, error);
    if (verdict == VERDICT_OK)
        *ret_sender = sender;
    else
        early_sender_free(sender);
    return verdict;
}

void early_sender_free(struct early_sender *sender)
{
    if (sender == NULL)
        return;
    close_producer(sender);
    pthread_mutex_destroy(&sender->lock);
    free(sender);
}

/* ---- sending ---- */

/* An idempotent producer that met a fatal error sends nothing any more. */
static void renew(struct early_sender *sender)
{
    char why[256];
    struct error error = {0};
    if (sender->rk && rd_kafka_fatal_error(sender->rk, why, sizeof why)) {
        log_line(LOG_LEVEL_WARN, "early lists", "the producer is opened again: %s", why);
        close_producer(sender);
    }
    if (sender->rk == NULL && clock_monotonic_us() - sender->closed_us > REOPEN_US &&
        open_producer(sender, &error) != VERDICT_OK)
        sender->closed_us = clock_monotonic_us();
}

static void send_now(struct early_sender *sender, int32_t partition, struct bytes key,
                     struct bytes value)
{
    if (sender->rk == NULL)
        fail(sender, RD_KAFKA_RESP_ERR__FATAL);
    else if (rd_kafka_produce(sender->topic, partition, RD_KAFKA_MSG_F_COPY,
                              (void *)(uintptr_t)value.at, value.size, key.at, key.size, NULL) != 0)
        fail(sender, rd_kafka_last_error());
}

void early_sender_send(struct early_sender *sender, int32_t partition, struct bytes key,
                       struct bytes value)
{
    if (sender == NULL)
        return;
    pthread_mutex_lock(&sender->lock);
    send_now(sender, partition, key, value);
    pthread_mutex_unlock(&sender->lock);
}

void early_sender_poll(struct early_sender *sender)
{
    if (sender == NULL)
        return;
    pthread_mutex_lock(&sender->lock);
    if (sender->rk)
        rd_kafka_poll(sender->rk, 0);
    renew(sender);
    pthread_mutex_unlock(&sender->lock);
}
