#include "processors/runtime/kafka/transaction.h"

#include "processors/runtime/failpoint.h"
#include "processors/runtime/log.h"

#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_US 60000000

struct producer {
    struct edge_deliveries deliveries; /* first: the edge hands it back */
    bool is_open;
    int64_t *changelog; /* by partition: highest offset written in this batch; -1: none */
    uint64_t failures;
    bool setup_is_wrong;             /* one of them says so */
    enum topic refused;              /* refused a record as too large; TOPICS: none did */
    const struct topology *topology; /* for names */
    char failure[ERROR_MESSAGE_MAX]; /* the first one's reason */
};

struct transactions {
    struct transactions_options options;
    struct kafka_edge *edge;
    struct producer producers[EDGE_PRODUCERS];
    int turn; /* the slot of the producer that sends now */
    bool open;
    bool repeated; /* the last commit took more than one call */
    enum topic refused;
};

static struct producer *current(struct transactions *transactions)
{
    return &transactions->producers[transactions->turn];
}

static bool exactly_once(const struct transactions *transactions)
{
    return config_exactly_once(transactions->options.config);
}

static int64_t patience_ends_us(const struct transactions *transactions)
{
    return transactions->edge->now_us(transactions->edge) + PATIENCE_US;
}

static bool is_past(const struct transactions *transactions, int64_t until_us)
{
    return transactions->edge->now_us(transactions->edge) >= until_us;
}

/* The caller's next move after a call of the transactional API. OK: go on. SKIP: make the same call
 * again. RETRY: abort and start again. FATAL: end the process. */
static enum verdict next_move(const struct transactions *transactions, enum edge_outcome outcome,
                              const char *call, const struct error *why, struct error *error)
{
    if (outcome == EDGE_OK)
        return VERDICT_OK;
    bool again = outcome == EDGE_RETRIABLE;
    log_line(again ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, transactions->options.name, "%s: %s", call,
             why->message);
    if (again)
        return VERDICT_SKIP;
    return error_set(error, outcome == EDGE_SETUP ? VERDICT_FATAL : VERDICT_RETRY, "%s: %s", call,
                     why->message);
}

/* ---- sending ---- */

static struct producer *producer_of(struct edge_deliveries *deliveries)
{
    return (struct producer *)(void *)deliveries;
}

static void written(struct edge_deliveries *deliveries, int32_t partition, int64_t offset)
{
    struct producer *producer = producer_of(deliveries);
    if (offset > producer->changelog[partition])
        producer->changelog[partition] = offset;
}

/* Tells the failure that a person or a smaller record can mend, if there are several: the others
 * follow from it. */
static void failed(struct edge_deliveries *deliveries, enum topic topic, int32_t partition,
                   enum fault fault, const char *why)
{
    struct producer *producer = producer_of(deliveries);
    bool tells = producer->failures++ == 0;
    if (fault == FAULT_SETUP && !producer->setup_is_wrong)
        tells = producer->setup_is_wrong = true;
    if (fault == FAULT_TOO_LARGE && producer->refused == TOPICS) {
        producer->refused = topic;
        tells = !producer->setup_is_wrong;
    }
    if (tells)
        snprintf(producer->failure, sizeof producer->failure, "%s [%d]: %s",
                 topic < TOPICS ? producer->topology->topics[topic] : "?", (int)partition, why);
}

enum verdict transaction_begin(struct transactions *transactions, struct error *error)
{
    struct kafka_edge *edge = transactions->edge;
    struct error why = {0};
    enum edge_outcome outcome = EDGE_OK;
    if (!transactions->open && exactly_once(transactions))
        outcome = edge->begin(edge, transactions->turn, &why);
    if (outcome != EDGE_OK)
        return error_set(error, outcome == EDGE_SETUP ? VERDICT_FATAL : VERDICT_RETRY,
                         "a transaction can't begin: %s", why.message);
    transactions->open = true;
    return VERDICT_OK;
}

bool transaction_is_open(const struct transactions *transactions)
{
    return transactions->open;
}

enum verdict transaction_send(struct transactions *transactions, const struct edge_record *record,
                              struct error *error)
{
    struct kafka_edge *edge = transactions->edge;
    struct error why = {0};
    enum verdict verdict = transaction_begin(transactions, error);
    if (verdict != VERDICT_OK)
        return verdict;
    enum edge_outcome outcome;
    do
        outcome = edge->produce(edge, transactions->turn, record, &why);
    while (outcome == EDGE_RETRIABLE);
    if (outcome == EDGE_OK)
        return VERDICT_OK;
    if (outcome == EDGE_TOO_LARGE)
        transactions->refused = record->topic;
    return error_set(
        error, outcome == EDGE_SETUP ? VERDICT_FATAL : VERDICT_RETRY, "can't write to %s [%d]: %s",
        transactions->options.topology->topics[record->topic], (int)record->partition, why.message);
}

enum verdict transaction_flush(struct transactions *transactions, struct error *error)
{
    struct kafka_edge *edge = transactions->edge;
    const struct producer *producer = current(transactions);
    int64_t until_us = patience_ends_us(transactions);
    while (edge->flush(edge, transactions->turn, NULL) != EDGE_OK)
        if (is_past(transactions, until_us))
            return error_set(error, VERDICT_RETRY, "outputs were not delivered for %d s",
                             PATIENCE_US / 1000000);
    if (producer->failures == 0)
        return VERDICT_OK;
    if (producer->refused != TOPICS)
        transactions->refused = producer->refused;
    return error_set(error, producer->setup_is_wrong ? VERDICT_FATAL : VERDICT_RETRY,
                     "%llu outputs were not delivered: %s", (unsigned long long)producer->failures,
                     producer->failure);
}

enum topic transactions_refused(const struct transactions *transactions)
{
    return transactions->refused;
}

/* ---- committing ---- */

static enum verdict send_offsets(struct transactions *transactions, const struct edge_place *places,
                                 size_t count, int64_t until_us, struct error *error)
{
    struct kafka_edge *edge = transactions->edge;
    enum verdict verdict = count > 0 ? VERDICT_SKIP : VERDICT_OK;
    while (verdict == VERDICT_SKIP && !is_past(transactions, until_us)) {
        struct error why = {0};
        verdict = next_move(transactions,
                            edge->send_offsets(edge, transactions->turn, places, count, &why),
                            "sending offsets", &why, error);
    }
    if (verdict == VERDICT_SKIP)
        return error_set(error, VERDICT_RETRY, "offsets could not be sent for %d s",
                         PATIENCE_US / 1000000);
    return verdict;
}

/* A commit without an answer may have happened, may happen later, or may never happen. The same
 * call again waits for the same end. After a minute the outcome stays unknown here. */
static enum verdict end_transaction(struct transactions *transactions, int64_t until_us,
                                    struct error *error)
{
    struct kafka_edge *edge = transactions->edge;
    enum verdict verdict = VERDICT_SKIP;
    while (verdict == VERDICT_SKIP && !is_past(transactions, until_us)) {
        struct error why = {0};
        verdict = next_move(transactions, edge->commit(edge, transactions->turn, &why),
                            "committing", &why, error);
        transactions->repeated = transactions->repeated || verdict == VERDICT_SKIP;
    }
    if (verdict == VERDICT_SKIP)
        return error_set(error, VERDICT_RETRY, "the commit's outcome is unknown");
    if (verdict == VERDICT_OK)
        transactions->open = false;
    return verdict;
}

enum verdict transaction_commit(struct transactions *transactions, const struct edge_place *places,
                                size_t count, struct error *error)
{
    int64_t until_us = patience_ends_us(transactions);
    enum verdict verdict = send_offsets(transactions, places, count, until_us, error);
    if (verdict != VERDICT_OK)
        return verdict;
    failpoint("after_offsets");
    return end_transaction(transactions, until_us, error);
}

int64_t transaction_changelog(const struct transactions *transactions, int32_t partition)
{
    return transactions->producers[transactions->turn].changelog[partition];
}

/* ---- opening and closing ---- */

static enum verdict open_producer(struct transactions *transactions, int slot, struct error *error)
{
    const struct transactions_options *options = &transactions->options;
    struct kafka_edge *edge = transactions->edge;
    struct producer *producer = &transactions->producers[slot];
    bool transactional = exactly_once(transactions);
    char id[3 * CONFIG_TEXT_MAX];
    snprintf(id, sizeof id, "%s-%s-%d-%c", options->config->application_id, options->instance,
             options->index, 'a' + slot);
    producer->deliveries = (struct edge_deliveries){.written = written, .failed = failed};
    producer->topology = options->topology;
    producer->refused = TOPICS;
    producer->changelog = memory_get((size_t)options->partitions * sizeof *producer->changelog);
    for (int32_t i = 0; i < options->partitions; i++)
        producer->changelog[i] = -1;
    producer->is_open = true;
    if (edge->open_producer(edge, slot, transactional ? id : NULL, &producer->deliveries, error) !=
        VERDICT_OK)
        return VERDICT_FATAL;
    enum verdict verdict = transactional ? VERDICT_SKIP : VERDICT_OK;
    int64_t until_us = patience_ends_us(transactions);
    while (verdict == VERDICT_SKIP && !atomic_load(options->stop) &&
           !is_past(transactions, until_us)) {
        struct error why = {0};
        verdict = next_move(transactions, edge->init(edge, slot, &why), "initialising transactions",
                            &why, error);
    }
    if (verdict == VERDICT_SKIP)
        error_set(error, VERDICT_RETRY, "transactions could not be initialised for %d s",
                  PATIENCE_US / 1000000);
    return verdict == VERDICT_SKIP ? VERDICT_RETRY : verdict;
}

static void close_producer(struct transactions *transactions, int slot)
{
    struct producer *producer = &transactions->producers[slot];
    if (!producer->is_open)
        return;
    transactions->edge->close_producer(transactions->edge, slot);
    free(producer->changelog);
    *producer = (struct producer){0};
}

/* A late end of a transaction may still be on its way to the broker. librdkafka has no epoch for
 * each transaction (KIP-890), so the broker could take it for the end of the next one. A producer
 * that is initialised again has another epoch, which fences the late end. */
static enum verdict renew(struct transactions *transactions, struct error *error)
{
    transactions->repeated = false;
    log_line(LOG_LEVEL_WARN, transactions->options.name,
             "a commit was late: its producer is closed and opened again");
    close_producer(transactions, transactions->turn);
    return open_producer(transactions, transactions->turn, error);
}

enum verdict transactions_turn(struct transactions *transactions, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    if (transactions->repeated)
        verdict = renew(transactions, error);
    struct producer *producer = current(transactions);
    for (int32_t i = 0; i < transactions->options.partitions; i++)
        producer->changelog[i] = -1;
    transactions->open = false;
    transactions->turn = (transactions->turn + 1) % EDGE_PRODUCERS;
    return verdict;
}

/* librdkafka 2.0.2 may hold a producer's first message for most of a second: let it be this one. */
static enum verdict send_first(struct transactions *transactions, struct error *error)
{
    struct kafka_edge *edge = transactions->edge;
    char text[2 * CONFIG_TEXT_MAX];
    struct error why = {0};
    snprintf(text, sizeof text, "{\"time\":%lld,\"instance_id\":\"%s-%d\",\"event\":\"start\"}",
             (long long)clock_now_ms(), transactions->options.instance,
             transactions->options.index);
    const struct edge_record record = {.topic = TOPIC_METRICS, .value = bytes_text(text)};
    enum verdict verdict = transaction_send(transactions, &record, error);
    if (verdict == VERDICT_OK)
        verdict = transaction_flush(transactions, error);
    if (verdict == VERDICT_OK && exactly_once(transactions))
        verdict = next_move(transactions, edge->commit(edge, transactions->turn, &why),
                            "the first transaction", &why, error);
    if (verdict == VERDICT_SKIP)
        return error_set(error, VERDICT_RETRY, "the first transaction: %s", why.message);
    return verdict == VERDICT_OK ? transactions_turn(transactions, error) : verdict;
}

enum verdict transactions_open(struct transactions *transactions, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    transactions->turn = 0;
    transactions->open = transactions->repeated = false;
    transactions->refused = TOPICS;
    for (int i = 0; i < EDGE_PRODUCERS && verdict == VERDICT_OK; i++)
        verdict = open_producer(transactions, i, error);
    for (int i = 0; i < EDGE_PRODUCERS && verdict == VERDICT_OK; i++)
        verdict = send_first(transactions, error);
    return verdict;
}

bool transactions_abort(struct transactions *transactions)
{
    struct kafka_edge *edge = transactions->edge;
    bool aborts =
        transactions->open && exactly_once(transactions) && current(transactions)->is_open;
    if (aborts) /* where it fails, the next start of this id aborts */
        (void)edge->abort(edge, transactions->turn, NULL);
    transactions->open = false;
    return aborts;
}

void transactions_close(struct transactions *transactions)
{
    transactions_abort(transactions);
    for (int i = 0; i < EDGE_PRODUCERS; i++)
        close_producer(transactions, i);
}

struct transactions *transactions_new(const struct transactions_options *options)
{
    struct transactions *transactions = memory_zero(1, sizeof *transactions);
    transactions->options = *options;
    transactions->edge = options->edge;
    return transactions;
}

void transactions_free(struct transactions *transactions)
{
    if (transactions == NULL)
        return;
    transactions_close(transactions);
    free(transactions);
}
