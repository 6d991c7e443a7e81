#include "processors/runtime/kafka/sender.h"

#include "processors/runtime/kafka/faults.h"
#include "processors/runtime/kafka/kafka.h"

#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MS 10000
#define FLUSH_MS 500 /* between questions for the lease */
#define FULL_POLL_MS 10

struct sender {
    struct lease *lease;
    rd_kafka_t *producer;
    char *topic;
    bool transactional, begun;
    uint64_t failures;
    rd_kafka_resp_err_t failure; /* the first one's */
    int64_t first;               /* offset of the first record that was delivered; -1: none yet */
};

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct sender *sender = opaque;
    (void)rk;
    if (message->err)
        sender->failure = sender->failures++ == 0 ? message->err : sender->failure;
    else if (sender->first < 0)
        sender->first = message->offset; /* reports of one partition come in order */
}

/* OK, or RETRY with the error's text; destroys it. */
static enum verdict check(rd_kafka_error_t *failed, const char *what, struct error *error)
{
    if (failed == NULL)
        return VERDICT_OK;
    error_set(error, VERDICT_RETRY, "can't %s: %s", what, rd_kafka_error_string(failed));
    rd_kafka_error_destroy(failed);
    return VERDICT_RETRY;
}

static rd_kafka_conf_t *make_conf(struct sender *sender, const struct config *config,
                                  const struct sender_options *options, struct error *error)
{
    char id[CONFIG_TEXT_MAX + 16], batch[24];
    snprintf(id, sizeof id, "%s-%s", config->application_id, options->role);
    snprintf(batch, sizeof batch, "%lld", (long long)options->batch_bytes);
    const struct kafka_extra transactions[] = {
        {"transactional.id", id},
        {"transaction.timeout.ms", options->timeout_ms},
        {"batch.size", batch},
        {NULL, NULL},
    };
    const struct kafka_extra idempotent[] = {
        {"enable.idempotence", "true"}, {"batch.size", batch}, {NULL, NULL}};
    rd_kafka_conf_t *conf = kafka_conf(config, KAFKA_PRODUCER,
                                       sender->transactional ? transactions : idempotent, error);
    if (conf == NULL)
        return NULL;
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_opaque(conf, sender);
    return conf;
}

static enum verdict open_producer(struct sender *sender, const struct config *config,
                                  const struct sender_options *options, struct error *error)
{
    rd_kafka_conf_t *conf = make_conf(sender, config, options, error);
    if (conf == NULL)
        return VERDICT_FATAL;
    sender->producer = kafka_new(KAFKA_PRODUCER, conf, error);
    if (sender->producer == NULL)
        return VERDICT_FATAL;
    if (!sender->transactional)
        return VERDICT_OK;
    return check(rd_kafka_init_transactions(sender->producer, ANSWER_MS), "initialise transactions",
                 error);
}

enum verdict sender_open(const struct config *config, const struct sender_options *options,
                         struct sender **ret_sender, struct error *error)
{
    struct sender *sender = memory_zero(1, sizeof *sender);
    sender->lease = options->lease;
    sender->topic = memory_text(bytes_text(options->topic));
    sender->transactional = config_exactly_once(config);
    sender->first = -1;
    enum verdict verdict = open_producer(sender, config, options, error);
    if (verdict == VERDICT_OK)
        *ret_sender = sender;
    else
        sender_close(sender);
    return verdict;
}

static enum verdict begin(struct sender *sender, struct error *error)
{
    if (!sender->transactional || sender->begun)
        return VERDICT_OK;
    enum verdict verdict =
        check(rd_kafka_begin_transaction(sender->producer), "begin a transaction", error);
    sender->begun = verdict == VERDICT_OK;
    return verdict;
}

enum verdict sender_send_to(struct sender *sender, const struct sender_record *record,
                            struct error *error)
{
    struct bytes key = record->key, value = record->value;
    enum verdict verdict = begin(sender, error);
    if (verdict != VERDICT_OK)
        return verdict;
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = record->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = record->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key.at, key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)value.at, value.size}},
        {.vtype = RD_KAFKA_VTYPE_HEADER, .u.header = {record->header_name, record->header, -1}},
    };
    size_t count = sizeof parts / sizeof parts[0] - (record->header_name == NULL); /* the last */
    for (;;) {
        rd_kafka_error_t *failed = rd_kafka_produceva(sender->producer, parts, count);
        if (failed == NULL)
            return VERDICT_OK;
        bool full = rd_kafka_error_code(failed) == RD_KAFKA_RESP_ERR__QUEUE_FULL;
        if (!full)
            error_set(error, VERDICT_RETRY, "a record for %s can't be sent: %s", record->topic,
                      rd_kafka_error_string(failed));
        rd_kafka_error_destroy(failed);
        if (!full)
            return VERDICT_RETRY;
        rd_kafka_poll(sender->producer, FULL_POLL_MS);
        if (!lease_holds(sender->lease))
            return VERDICT_SKIP;
    }
}

enum verdict sender_send(struct sender *sender, struct bytes key, struct bytes value,
                         const char *header_name, const char *header, struct error *error)
{
    const struct sender_record record = {
        .topic = sender->topic,
        .key = key,
        .value = value,
        .header_name = header_name,
        .header = header,
    };
    return sender_send_to(sender, &record, error);
}

bool sender_poll(struct sender *sender)
{
    rd_kafka_poll(sender->producer, 0);
    return lease_holds(sender->lease);
}

int64_t sender_first(const struct sender *sender)
{
    return sender->first;
}

enum verdict sender_flush(struct sender *sender, struct error *error)
{
    while (rd_kafka_flush(sender->producer, FLUSH_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        if (!lease_holds(sender->lease))
            return VERDICT_SKIP;
    if (sender->failures == 0)
        return VERDICT_OK;
    char advice[FAULT_ADVICE_BYTES_MAX];
    fault_advice(fault_find(FAULT_OF_KAFKA, sender->failure), advice);
    return error_set(error, VERDICT_RETRY, "%llu records for %s were not delivered: %s%s",
                     (unsigned long long)sender->failures, sender->topic,
                     rd_kafka_err2str(sender->failure), advice);
}

enum verdict sender_commit(struct sender *sender, struct error *error)
{
    enum verdict verdict = sender_flush(sender, error);
    if (verdict != VERDICT_OK || !sender->begun)
        return verdict;
    verdict = check(rd_kafka_commit_transaction(sender->producer, ANSWER_MS), "commit", error);
    if (verdict == VERDICT_OK)
        sender->begun = false;
    return verdict;
}

static void purge(struct sender *sender)
{
    rd_kafka_purge(sender->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
}

void sender_close(struct sender *sender)
{
    if (sender == NULL)
        return;
    if (sender->begun) {
        purge(sender);
        rd_kafka_error_t *failed = rd_kafka_abort_transaction(sender->producer, ANSWER_MS);
        if (failed)
            rd_kafka_error_destroy(failed); /* the next sender's start aborts it */
    }
    if (sender->producer) {
        purge(sender);
        rd_kafka_flush(sender->producer, 100);
        rd_kafka_destroy(sender->producer);
    }
    free(sender->topic);
    free(sender);
}
