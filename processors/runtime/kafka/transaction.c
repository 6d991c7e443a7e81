#include "processors/runtime/kafka/transaction.h"

#include "processors/runtime/failpoint.h"
#include "processors/runtime/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PRODUCERS 2
#define CALL_MS 10000
#define PATIENCE_US 60000000

struct producer {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topics[TOPICS];
    int64_t *changelog; /* by partition: highest offset written in this batch; -1: none */
    uint64_t failures;
    char failure[ERROR_MESSAGE_MAX]; /* the first one's reason */
};

struct transactions {
    struct run *run;
    const char *name;
    int index;
    struct producer producers[PRODUCERS];
    int turn; /* whose producer it is */
    bool open;
    bool doubtful; /* the last commit was asked for more than once */
};

static struct producer *current(struct transactions *transactions)
{
    return &transactions->producers[transactions->turn];
}

static bool exactly_once(const struct transactions *transactions)
{
    return config_exactly_once(transactions->run->config);
}

/* ---- sending ---- */

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct producer *producer = opaque;
    (void)rk;
    if (message->err) {
        if (producer->failures++ == 0)
            snprintf(producer->failure, sizeof producer->failure, "%s [%d]: %s",
                     message->rkt ? rd_kafka_topic_name(message->rkt) : "?",
                     (int)message->partition, rd_kafka_err2str(message->err));
    } else if (message->_private && message->offset > producer->changelog[message->partition]) {
        producer->changelog[message->partition] = message->offset;
    }
}

enum verdict transaction_begin(struct transactions *transactions, struct error *error)
{
    if (transactions->open || !exactly_once(transactions)) {
        transactions->open = true;
        return VERDICT_OK;
    }
    rd_kafka_t *rk = current(transactions)->rk;
    char why[256];
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(rk, why, sizeof why);
    if (fatal)
        return error_set(error, VERDICT_RETRY, "the producer is fenced or broken: %s", why);
    rd_kafka_error_t *failed = rd_kafka_begin_transaction(rk);
    if (failed) {
        error_set(error, VERDICT_RETRY, "a transaction can't begin: %s",
                  rd_kafka_error_string(failed));
        rd_kafka_error_destroy(failed);
        return VERDICT_RETRY;
    }
    transactions->open = true;
    return VERDICT_OK;
}

bool transaction_is_open(const struct transactions *transactions)
{
    return transactions->open;
}

enum verdict transaction_send(struct transactions *transactions, enum topic topic,
                              int32_t partition, struct bytes key, struct bytes value,
                              struct error *error)
{
    struct producer *producer = current(transactions);
    enum verdict verdict = transaction_begin(transactions, error);
    if (verdict != VERDICT_OK)
        return verdict;
    void *mark = topic == TOPIC_VISITOR_CHANGELOG ? producer : NULL;
    while (rd_kafka_produce(producer->topics[topic], partition, RD_KAFKA_MSG_F_COPY,
                            (void *)(uintptr_t)value.at, value.size, key.at, key.size, mark) != 0) {
        rd_kafka_resp_err_t err = rd_kafka_last_error();
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return error_set(error, VERDICT_RETRY, "can't write to %s [%d]: %s",
                             transactions->run->topology.topics[topic], (int)partition,
                             rd_kafka_err2str(err));
        rd_kafka_poll(producer->rk, 10);
    }
    return VERDICT_OK;
}

enum verdict transaction_send_raw(struct transactions *transactions, enum topic topic,
                                  const struct input *input, const char *step, const char *message,
                                  struct error *error)
{
    char partition[16], offset[24];
    enum verdict verdict = transaction_begin(transactions, error);
    struct producer *producer = current(transactions);
    snprintf(partition, sizeof partition, "%" PRId32, input->partition);
    snprintf(offset, sizeof offset, "%" PRId64, input->record.offset);
    const struct kafka_extra headers[] = {
        {"__weft.errors.topic", input->topic}, {"__weft.errors.partition", partition},
        {"__weft.errors.offset", offset},      {"__weft.errors.step", step},
        {"__weft.errors.message", message},
    };
    const size_t count = sizeof headers / sizeof headers[0];
    while (verdict == VERDICT_OK) {
        rd_kafka_headers_t *list = rd_kafka_headers_new(count);
        for (size_t i = 0; i < count; i++)
            rd_kafka_header_add(list, headers[i].name, -1, headers[i].value, -1);
        const rd_kafka_message_t *head = input->head;
        rd_kafka_resp_err_t err = rd_kafka_producev(
            producer->rk, RD_KAFKA_V_RKT(producer->topics[topic]),
            RD_KAFKA_V_PARTITION(input->partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(head->key, head->key_len), RD_KAFKA_V_VALUE(head->payload, head->len),
            RD_KAFKA_V_HEADERS(list), RD_KAFKA_V_END);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
        rd_kafka_headers_destroy(list);
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            verdict = error_set(error, VERDICT_RETRY, "can't write to %s: %s",
                                transactions->run->topology.topics[topic], rd_kafka_err2str(err));
        else
            rd_kafka_poll(producer->rk, 10);
    }
    return verdict;
}

/* ---- committing ---- */

/* What an error of the transactional API asks for; destroys it. OK: done. SKIP: the same call
 * again. RETRY: abort and start anew. */
static enum verdict classify(const struct transactions *transactions, rd_kafka_error_t *failed,
                             const char *what, struct error *error)
{
    if (failed == NULL)
        return VERDICT_OK;
    enum verdict verdict = VERDICT_RETRY;
    if (!rd_kafka_error_is_fatal(failed) && !rd_kafka_error_txn_requires_abort(failed) &&
        rd_kafka_error_is_retriable(failed))
        verdict = VERDICT_SKIP;
    log_line(verdict == VERDICT_SKIP ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, transactions->name,
             "%s: %s: %s", what, rd_kafka_error_name(failed), rd_kafka_error_string(failed));
    if (verdict == VERDICT_RETRY)
        error_set(error, verdict, "%s: %s", what, rd_kafka_error_string(failed));
    rd_kafka_error_destroy(failed);
    return verdict;
}

enum verdict transaction_flush(struct transactions *transactions, struct error *error)
{
    struct producer *producer = current(transactions);
    int64_t until_us = clock_monotonic_us() + PATIENCE_US;
    while (rd_kafka_flush(producer->rk, 1000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        if (clock_monotonic_us() > until_us)
            return error_set(error, VERDICT_RETRY, "outputs were not delivered for %d s",
                             PATIENCE_US / 1000000);
    if (producer->failures > 0)
        return error_set(error, VERDICT_RETRY, "%llu outputs were not delivered: %s",
                         (unsigned long long)producer->failures, producer->failure);
    return VERDICT_OK;
}

enum verdict transaction_commit(struct transactions *transactions, rd_kafka_t *consumer,
                                const rd_kafka_topic_partition_list_t *offsets, struct error *error)
{
    rd_kafka_t *rk = current(transactions)->rk;
    int64_t until_us = clock_monotonic_us() + PATIENCE_US;
    enum verdict verdict = VERDICT_SKIP;
    while (offsets->cnt > 0 && verdict == VERDICT_SKIP && clock_monotonic_us() < until_us) {
        rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(consumer);
        verdict = classify(transactions,
                           rd_kafka_send_offsets_to_transaction(rk, offsets, group, CALL_MS),
                           "sending offsets", error);
        rd_kafka_consumer_group_metadata_destroy(group);
    }
    if (offsets->cnt > 0 && verdict == VERDICT_SKIP)
        return error_set(error, VERDICT_RETRY, "offsets could not be sent for %d s",
                         PATIENCE_US / 1000000);
    if (offsets->cnt > 0 && verdict != VERDICT_OK)
        return verdict;
    failpoint("after_offsets");
    verdict = VERDICT_SKIP;
    while (verdict == VERDICT_SKIP && clock_monotonic_us() < until_us) {
        verdict =
            classify(transactions, rd_kafka_commit_transaction(rk, CALL_MS), "committing", error);
        transactions->doubtful = transactions->doubtful || verdict == VERDICT_SKIP;
    }
    if (verdict == VERDICT_SKIP)
        return error_set(error, VERDICT_RETRY, "the commit's outcome is not known");
    return verdict;
}

int64_t transaction_changelog(const struct transactions *transactions, int32_t partition)
{
    return transactions->producers[transactions->turn].changelog[partition];
}

void transactions_poll(struct transactions *transactions)
{
    for (int i = 0; i < PRODUCERS; i++)
        rd_kafka_poll(transactions->producers[i].rk, 0);
}

/* ---- opening and closing ---- */

static enum verdict open_producer(struct transactions *transactions, int which, struct error *error)
{
    struct run *run = transactions->run;
    struct producer *producer = &transactions->producers[which];
    char id[3 * CONFIG_TEXT_MAX], timeout[24];
    snprintf(id, sizeof id, "%s-%s-%d-%c", run->config->application_id, run->instance,
             transactions->index, 'a' + which);
    const struct kafka_extra transactional[] = {
        {"transactional.id", id},
        {"transaction.timeout.ms", "10000"},
        {NULL, NULL},
    };
    /* Nothing fences a process that stood still, so what waited to be sent for so long that another
     * may have its partitions is dropped: librdkafka looks at this before it sends. */
    snprintf(timeout, sizeof timeout, "%lld", (long long)(run->config->session_timeout_ms / 2));
    const struct kafka_extra idempotent[] = {
        {"enable.idempotence", "true"}, {"message.timeout.ms", timeout}, {NULL, NULL}};
    rd_kafka_conf_t *conf =
        kafka_conf(run->config, KAFKA_PRODUCER,
                   exactly_once(transactions) ? transactional : idempotent, error);
    if (conf == NULL)
        return VERDICT_FATAL;
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_opaque(conf, producer);
    producer->rk = kafka_new(KAFKA_PRODUCER, conf, error);
    if (producer->rk == NULL)
        return VERDICT_FATAL;
    producer->failures = 0;
    producer->changelog = memory_get((size_t)run->partitions * sizeof *producer->changelog);
    for (int32_t i = 0; i < run->partitions; i++)
        producer->changelog[i] = -1;
    for (int i = 0; i < TOPICS; i++)
        producer->topics[i] = rd_kafka_topic_new(producer->rk, run->topology.topics[i], NULL);
    enum verdict verdict = exactly_once(transactions) ? VERDICT_SKIP : VERDICT_OK;
    int64_t until_us = clock_monotonic_us() + PATIENCE_US;
    while (verdict == VERDICT_SKIP && !run_stops(run) && clock_monotonic_us() < until_us)
        verdict = classify(transactions, rd_kafka_init_transactions(producer->rk, CALL_MS),
                           "initialising transactions", error);
    if (verdict == VERDICT_SKIP)
        error_set(error, VERDICT_RETRY, "transactions could not be initialised for %d s",
                  PATIENCE_US / 1000000);
    return verdict == VERDICT_OK ? VERDICT_OK : VERDICT_RETRY;
}

static void close_producer(struct producer *producer)
{
    if (producer->rk == NULL)
        return;
    for (int i = 0; i < TOPICS; i++)
        if (producer->topics[i])
            rd_kafka_topic_destroy(producer->topics[i]);
    rd_kafka_purge(producer->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(producer->rk, 100);
    rd_kafka_destroy(producer->rk);
    free(producer->changelog);
    *producer = (struct producer){0};
}

/* An end of a transaction that was late may still be on its way, and librdkafka has no epoch for
 * each transaction (KIP-890) by which a broker could tell that it is not the next one's: a producer
 * that is initialised again has another epoch, which fences it. */
static enum verdict renew(struct transactions *transactions, struct error *error)
{
    transactions->doubtful = false;
    log_line(LOG_LEVEL_WARN, transactions->name, "a commit came late: its producer is made anew");
    close_producer(current(transactions));
    return open_producer(transactions, transactions->turn, error);
}

enum verdict transactions_turn(struct transactions *transactions, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    if (transactions->doubtful)
        verdict = renew(transactions, error);
    struct producer *producer = current(transactions);
    for (int32_t i = 0; i < transactions->run->partitions; i++)
        producer->changelog[i] = -1;
    transactions->open = false;
    transactions->turn = (transactions->turn + 1) % PRODUCERS;
    return verdict;
}

/* librdkafka 2.0.2 may hold a producer's first message for most of a second: let it be this one. */
static enum verdict warm_up(struct transactions *transactions, struct error *error)
{
    char text[2 * CONFIG_TEXT_MAX];
    enum verdict verdict = VERDICT_OK;
    for (int i = 0; i < PRODUCERS && verdict == VERDICT_OK; i++) {
        snprintf(text, sizeof text, "{\"time\":%lld,\"instance_id\":\"%s-%d\",\"event\":\"start\"}",
                 (long long)clock_now_ms(), transactions->run->instance, transactions->index);
        verdict = transaction_send(transactions, TOPIC_METRICS, 0, bytes_of(NULL, 0),
                                   bytes_text(text), error);
        if (verdict == VERDICT_OK)
            verdict = transaction_flush(transactions, error);
        if (verdict == VERDICT_OK && exactly_once(transactions))
            verdict = classify(transactions,
                               rd_kafka_commit_transaction(current(transactions)->rk, CALL_MS),
                               "the first transaction", error);
        if (verdict == VERDICT_OK)
            verdict = transactions_turn(transactions, error);
    }
    return verdict == VERDICT_SKIP ? VERDICT_RETRY : verdict;
}

enum verdict transactions_open(struct transactions *transactions, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    transactions->turn = 0;
    transactions->open = transactions->doubtful = false;
    for (int i = 0; i < PRODUCERS && verdict == VERDICT_OK; i++)
        verdict = open_producer(transactions, i, error);
    return verdict == VERDICT_OK ? warm_up(transactions, error) : verdict;
}

bool transactions_abort(struct transactions *transactions)
{
    rd_kafka_t *rk = current(transactions)->rk;
    bool aborts = transactions->open && exactly_once(transactions) && rk != NULL;
    if (aborts) {
        rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE);
        rd_kafka_error_t *failed = rd_kafka_abort_transaction(rk, CALL_MS);
        if (failed)
            rd_kafka_error_destroy(failed); /* the next start of this id aborts it */
    }
    transactions->open = false;
    return aborts;
}

void transactions_close(struct transactions *transactions)
{
    transactions_abort(transactions);
    for (int i = 0; i < PRODUCERS; i++)
        close_producer(&transactions->producers[i]);
}

struct transactions *transactions_new(struct run *run, const char *name, int index)
{
    struct transactions *transactions = memory_zero(1, sizeof *transactions);
    transactions->run = run;
    transactions->name = name;
    transactions->index = index;
    return transactions;
}

void transactions_free(struct transactions *transactions)
{
    if (transactions == NULL)
        return;
    transactions_close(transactions);
    free(transactions);
}
