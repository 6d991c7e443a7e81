#include "processors/runtime/kafka/event_sender.h"

#include "processors/runtime/kafka/kafka.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define POLL_MS 100
#define FLUSH_MS 250

struct event_sender {
    rd_kafka_t *rk;
    int64_t timeout_ms;
    pthread_t thread;
    bool started;
    atomic_bool stop;
    atomic_ullong waiting;
};

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct event_sender *sender = opaque;
    struct event_delivery *delivery = message->_private;
    (void)rk;
    atomic_fetch_sub(&sender->waiting, 1);
    delivery->done(delivery, message->err == RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void *poll_thread(void *argument)
{
    struct event_sender *sender = argument;
    pthread_setname_np(pthread_self(), "event-sender");
    while (!atomic_load(&sender->stop))
        rd_kafka_poll(sender->rk, POLL_MS);
    return NULL;
}

enum verdict event_sender_new(const struct config *config, int64_t timeout_ms,
                              struct event_sender **ret_sender, struct error *error)
{
    char timeout[24];
    const struct kafka_extra extra[] = {{"enable.idempotence", "true"},
                                        {"acks", "all"},
                                        {"linger.ms", "1"},
                                        {"message.timeout.ms", timeout},
                                        {NULL, NULL}};
    struct event_sender *sender = memory_zero(1, sizeof *sender);
    snprintf(timeout, sizeof timeout, "%lld", (long long)timeout_ms);
    sender->timeout_ms = timeout_ms;
    rd_kafka_conf_t *conf = kafka_conf(config, KAFKA_PRODUCER, extra, error);
    if (conf) {
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
        rd_kafka_conf_set_opaque(conf, sender);
        sender->rk = kafka_new(KAFKA_PRODUCER, conf, error);
    }
    if (sender->rk && pthread_create(&sender->thread, NULL, poll_thread, sender) == 0)
        sender->started = true;
    else if (sender->rk)
        error_set(error, VERDICT_FATAL, "a thread can't be started");
    if (sender->started) {
        *ret_sender = sender;
        return VERDICT_OK;
    }
    event_sender_free(sender);
    return VERDICT_FATAL;
}

void event_sender_free(struct event_sender *sender)
{
    if (sender == NULL)
        return;
    atomic_store(&sender->stop, true);
    if (sender->started)
        pthread_join(sender->thread, NULL);
    for (int64_t waited = 0; sender->rk && waited <= sender->timeout_ms &&
                             rd_kafka_flush(sender->rk, FLUSH_MS) != RD_KAFKA_RESP_ERR_NO_ERROR;)
        waited += FLUSH_MS;
    if (sender->rk) { /* the rest is told as not delivered */
        rd_kafka_purge(sender->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        while (rd_kafka_outq_len(sender->rk) > 0)
            rd_kafka_poll(sender->rk, POLL_MS);
        rd_kafka_destroy(sender->rk);
    }
    free(sender);
}

enum verdict event_sender_send(struct event_sender *sender, const char *topic, struct bytes key,
                               struct bytes value, struct event_delivery *delivery,
                               struct error *error)
{
    atomic_fetch_add(&sender->waiting, 1);
    rd_kafka_resp_err_t err = rd_kafka_producev(
        sender->rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(key.at, key.size), RD_KAFKA_V_VALUE((void *)(uintptr_t)value.at, value.size),
        RD_KAFKA_V_OPAQUE(delivery), RD_KAFKA_V_END);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return VERDICT_OK;
    atomic_fetch_sub(&sender->waiting, 1);
    return error_set(error, err == RD_KAFKA_RESP_ERR__QUEUE_FULL ? VERDICT_RETRY : VERDICT_SKIP,
                     "%s: %s", topic, rd_kafka_err2str(err));
}

uint64_t event_sender_waiting(const struct event_sender *sender)
{
    return atomic_load(&sender->waiting);
}
