/* The Kafka edge over librdkafka. No decisions are made here: each function is one call of
 * librdkafka, or a few, with their errors sorted into classes. */
#include "processors/runtime/kafka/edge.h"

#include "processors/runtime/kafka/early_sender.h"
#include "processors/runtime/kafka/edge_ask.h"
#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/kafka/size_budget.h"
#include "processors/runtime/kafka/topic_settings.h"
#include "processors/runtime/log.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ANSWER_MS 10000
#define REPLACED_ANSWER_MS 2000
#define STABLE_ANSWER_MS 1500 /* librdkafka repeats by itself while offsets are not stable */
#define FLUSH_MS 1000
#define FULL_QUEUE_MS 10
#define WAIT_MAX_US 50000 /* so that the caller looks at the group and at the process's end */
#define TRANSACTION_TIMEOUT_MS "10000"

struct edge_producer {
    rd_kafka_t *rk; /* NULL: closed */
    rd_kafka_topic_t *topics[TOPICS];
    struct edge_deliveries *deliveries;
};

struct edge_input {
    const char *topic;
    int32_t partition;
    rd_kafka_queue_t *queue;
    struct edge_input *older;
    uint32_t bytes; /* of a record: the mean of the last ones */
};

struct rdkafka_edge {
    struct kafka_edge edge; /* first */
    const struct config *config;
    const struct topology *topology;
    const struct size_budget *sizes;
    struct early_sender *early; /* NULL: none */
    char name[32];
    struct edge_producer producers[EDGE_SLOTS];
    rd_kafka_t *consumer; /* NULL: closed */
    rd_kafka_queue_t *group_queue;
    struct edge_group *group;
    struct edge_input *inputs; /* the newest of those that are open */
    uint32_t sent_bytes;       /* of a record: the mean of the last ones */
    int wake[2];               /* a pipe: librdkafka writes a byte when something arrives */
};

static struct rdkafka_edge *rdkafka_edge(struct kafka_edge *edge)
{
    return (struct rdkafka_edge *)(void *)edge;
}

static rd_kafka_t *producer_of(struct kafka_edge *edge, int slot)
{
    return rdkafka_edge(edge)->producers[slot].rk;
}

/* The class of an error, in the order that librdkafka's manual asks for; errors of rights and
 * settings first. Destroys the error. */
static enum edge_outcome classify(rd_kafka_error_t *failed, struct error *error)
{
    if (failed == NULL)
        return EDGE_OK;
    char advice[FAULT_ADVICE_BYTES_MAX];
    const struct fault_row *row = fault_find(FAULT_OF_KAFKA, rd_kafka_error_code(failed));
    enum edge_outcome outcome = EDGE_FATAL;
    if (row->fault == FAULT_SETUP)
        outcome = EDGE_SETUP;
    else if (rd_kafka_error_is_fatal(failed))
        outcome = EDGE_FATAL;
    else if (rd_kafka_error_txn_requires_abort(failed))
        outcome = EDGE_ABORTABLE;
    else if (rd_kafka_error_is_retriable(failed))
        outcome = EDGE_RETRIABLE;
    error_set(error, VERDICT_RETRY, "%s: %s%s", rd_kafka_error_name(failed),
              rd_kafka_error_string(failed), fault_advice(row, advice));
    rd_kafka_error_destroy(failed);
    return outcome;
}

/* `outcome`: of an error that passes. */
static enum edge_outcome refused(enum edge_outcome outcome, rd_kafka_resp_err_t err,
                                 struct error *error)
{
    char advice[FAULT_ADVICE_BYTES_MAX];
    const struct fault_row *row = fault_find(FAULT_OF_KAFKA, err);
    error_set(error, VERDICT_RETRY, "%s%s", rd_kafka_err2str(err), fault_advice(row, advice));
    return row->fault == FAULT_SETUP ? EDGE_SETUP : outcome;
}

/* ---- producers ---- */

static enum topic topic_of(const struct edge_producer *producer, const rd_kafka_topic_t *rkt)
{
    const char *name = rkt ? rd_kafka_topic_name(rkt) : "";
    for (int i = 0; i < TOPICS; i++)
        if (producer->topics[i] && strcmp(rd_kafka_topic_name(producer->topics[i]), name) == 0)
            return (enum topic)i;
    return TOPICS;
}

static void report_failure(const struct edge_producer *producer, const rd_kafka_message_t *message)
{
    char why[300], advice[FAULT_ADVICE_BYTES_MAX];
    const struct fault_row *row = fault_find(FAULT_OF_KAFKA, message->err);
    snprintf(why, sizeof why, "%s%s", rd_kafka_err2str(message->err), fault_advice(row, advice));
    producer->deliveries->failed(producer->deliveries, topic_of(producer, message->rkt),
                                 message->partition, row->fault, why);
}

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    const struct edge_producer *producer = opaque;
    (void)rk;
    if (producer->deliveries == NULL)
        return;
    if (message->err)
        report_failure(producer, message);
    else if (message->_private)
        producer->deliveries->written(producer->deliveries, message->partition, message->offset);
}

static enum verdict open_producer(struct kafka_edge *self, int slot, const char *id,
                                  struct edge_deliveries *deliveries, struct error *error)
{
    struct rdkafka_edge *edge = rdkafka_edge(self);
    struct edge_producer *producer = &edge->producers[slot];
    char timeout[24], batch[24];
    snprintf(batch, sizeof batch, "%lld", (long long)size_budget_batch(edge->sizes, TOPICS));
    const struct kafka_extra transactional[] = {
        {"transactional.id", id},
        {"batch.size", batch},
        {"transaction.timeout.ms", TRANSACTION_TIMEOUT_MS},
        {NULL, NULL},
    };
    /* Nothing fences a process that stood still. So librdkafka drops a record that waited for so
     * long that another process may have its partitions: it checks the time before it sends. */
    snprintf(timeout, sizeof timeout, "%lld", (long long)(edge->config->session_timeout_ms / 2));
    const struct kafka_extra idempotent[] = {{"enable.idempotence", "true"},
                                             {"message.timeout.ms", timeout},
                                             {"batch.size", batch},
                                             {NULL, NULL}};
    rd_kafka_conf_t *conf =
        kafka_conf(edge->config, KAFKA_PRODUCER, id ? transactional : idempotent, error);
    if (conf == NULL)
        return VERDICT_FATAL;
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_opaque(conf, producer);
    producer->deliveries = deliveries;
    producer->rk = kafka_new(KAFKA_PRODUCER, conf, error);
    if (producer->rk == NULL)
        return VERDICT_FATAL;
    for (int i = 0; i < TOPICS; i++)
        if (topology_uses(edge->topology, i))
            producer->topics[i] = rd_kafka_topic_new(producer->rk, edge->topology->topics[i], NULL);
    return VERDICT_OK;
}

static enum edge_outcome init(struct kafka_edge *edge, int slot, struct error *error)
{
    return classify(rd_kafka_init_transactions(producer_of(edge, slot), ANSWER_MS), error);
}

/* A fatal error is asked for first: librdkafka may begin a transaction after one (#4420). */
static enum edge_outcome begin(struct kafka_edge *edge, int slot, struct error *error)
{
    char why[256];
    rd_kafka_t *rk = producer_of(edge, slot);
    if (rd_kafka_fatal_error(rk, why, sizeof why)) {
        error_set(error, VERDICT_RETRY, "the producer is fenced or broken: %s", why);
        return EDGE_FATAL;
    }
    return classify(rd_kafka_begin_transaction(rk), error);
}

static rd_kafka_headers_t *headers_of(const struct edge_record *record)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++)
        rd_kafka_header_add(headers, record->headers[i].name, -1, record->headers[i].value, -1);
    return headers;
}

static rd_kafka_resp_err_t produce_with_headers(struct edge_producer *producer,
                                                const struct edge_record *record)
{
    rd_kafka_headers_t *headers = headers_of(record);
    rd_kafka_resp_err_t err = rd_kafka_producev(
        producer->rk, RD_KAFKA_V_RKT(producer->topics[record->topic]),
        RD_KAFKA_V_PARTITION(record->partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(record->key.at, record->key.size),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)record->value.at, record->value.size),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (err)
        rd_kafka_headers_destroy(headers);
    return err;
}

static enum edge_outcome produce(struct kafka_edge *edge, int slot,
                                 const struct edge_record *record, struct error *error)
{
    struct edge_producer *producer = &rdkafka_edge(edge)->producers[slot];
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    kafka_note_size(&rdkafka_edge(edge)->sent_bytes, record->key.size + record->value.size);
    if (record->headers)
        err = produce_with_headers(producer, record);
    else if (rd_kafka_produce(producer->topics[record->topic], record->partition,
                              RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)record->value.at,
                              record->value.size, record->key.at, record->key.size,
                              record->reported ? producer : NULL) != 0)
        err = rd_kafka_last_error();
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return EDGE_OK;
    if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        bool too_large = fault_find(FAULT_OF_KAFKA, err)->fault == FAULT_TOO_LARGE;
        return refused(too_large ? EDGE_TOO_LARGE : EDGE_ABORTABLE, err, error);
    }
    rd_kafka_poll(producer->rk, FULL_QUEUE_MS);
    return refused(EDGE_RETRIABLE, err, error);
}

static enum edge_outcome flush(struct kafka_edge *edge, int slot, struct error *error)
{
    rd_kafka_resp_err_t err = rd_kafka_flush(producer_of(edge, slot), FLUSH_MS);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? EDGE_OK : refused(EDGE_RETRIABLE, err, error);
}

static rd_kafka_topic_partition_list_t *list_of(const struct edge_place *places, size_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_t *partition =
            rd_kafka_topic_partition_list_add(list, places[i].topic, places[i].partition);
        partition->offset = places[i].offset < 0 ? RD_KAFKA_OFFSET_BEGINNING : places[i].offset;
        if (places[i].owner[0] == '\0')
            continue;
        partition->metadata = memory_text(bytes_text(places[i].owner));
        partition->metadata_size = strlen(places[i].owner);
    }
    return list;
}

static enum edge_outcome send_offsets(struct kafka_edge *edge, int slot,
                                      const struct edge_place *places, size_t count,
                                      struct error *error)
{
    rd_kafka_consumer_group_metadata_t *group =
        rd_kafka_consumer_group_metadata(rdkafka_edge(edge)->consumer);
    rd_kafka_topic_partition_list_t *list = list_of(places, count);
    enum edge_outcome outcome = classify(
        rd_kafka_send_offsets_to_transaction(producer_of(edge, slot), list, group, ANSWER_MS),
        error);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_group_metadata_destroy(group);
    return outcome;
}

static enum edge_outcome commit(struct kafka_edge *edge, int slot, struct error *error)
{
    return classify(rd_kafka_commit_transaction(producer_of(edge, slot), ANSWER_MS), error);
}

static enum edge_outcome abort_transaction(struct kafka_edge *edge, int slot, struct error *error)
{
    rd_kafka_t *rk = producer_of(edge, slot);
    rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE);
    return classify(rd_kafka_abort_transaction(rk, ANSWER_MS), error);
}

static void close_producer(struct kafka_edge *edge, int slot)
{
    struct edge_producer *producer = &rdkafka_edge(edge)->producers[slot];
    if (producer->rk == NULL)
        return;
    for (int i = 0; i < TOPICS; i++)
        if (producer->topics[i])
            rd_kafka_topic_destroy(producer->topics[i]);
    rd_kafka_purge(producer->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(producer->rk, 100);
    rd_kafka_destroy(producer->rk);
    *producer = (struct edge_producer){0};
}

static void send_early(struct kafka_edge *edge, const struct edge_record *record)
{
    early_sender_send(rdkafka_edge(edge)->early, record->partition, record->key, record->value);
}

/* ---- the group ---- */

static void rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                      rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct rdkafka_edge *edge = opaque;
    if (err != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        edge->group->revoked(edge->group, rd_kafka_assignment_lost(rk));
        return;
    }
    size_t count = (size_t)partitions->cnt;
    struct edge_place *places = memory_zero(count + 1, sizeof *places);
    for (size_t i = 0; i < count; i++) {
        places[i].topic = partitions->elems[i].topic;
        places[i].partition = partitions->elems[i].partition;
        places[i].offset = -1;
    }
    edge->group->assigned(edge->group, places, count);
    free(places);
}

static rd_kafka_conf_t *member_conf(struct rdkafka_edge *edge, const char *member,
                                    struct error *error)
{
    char timeout[24], heartbeat[24];
    int64_t timeout_ms = edge->config->session_timeout_ms;
    snprintf(timeout, sizeof timeout, "%lld", (long long)timeout_ms);
    /* librdkafka's own 3 s would be too seldom for a short time-out */
    snprintf(heartbeat, sizeof heartbeat, "%lld",
             (long long)(timeout_ms > 9000 ? 3000 : timeout_ms / 3));
    const struct kafka_extra extra[] = {
        {"group.id", edge->config->application_id},
        {"group.instance.id", member},
        {"session.timeout.ms", timeout},
        {"heartbeat.interval.ms", heartbeat},
        {NULL, NULL},
    };
    rd_kafka_conf_t *conf = kafka_conf(edge->config, KAFKA_MEMBER, extra, error);
    if (conf) {
        rd_kafka_conf_set_rebalance_cb(conf, rebalance);
        rd_kafka_conf_set_opaque(conf, edge);
    }
    return conf;
}

static enum verdict join(struct kafka_edge *self, const char *member, struct edge_group *group,
                         struct error *error)
{
    struct rdkafka_edge *edge = rdkafka_edge(self);
    rd_kafka_conf_t *conf = member_conf(edge, member, error);
    if (conf == NULL)
        return VERDICT_FATAL;
    edge->group = group;
    edge->consumer = kafka_new(KAFKA_MEMBER, conf, error);
    if (edge->consumer == NULL)
        return VERDICT_FATAL;
    edge->group_queue = rd_kafka_queue_get_consumer(edge->consumer);
    rd_kafka_queue_io_event_enable(edge->group_queue, edge->wake[1], "w", 1);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(INPUT_TOPICS);
    for (int i = 0; i < INPUT_TOPICS; i++)
        if (topology_uses(edge->topology, i))
            rd_kafka_topic_partition_list_add(topics, edge->topology->topics[i], -1);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(edge->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (err)
        return error_set(error, VERDICT_FATAL, "can't subscribe: %s", rd_kafka_err2str(err));
    return VERDICT_OK;
}

/* A fatal error stands behind a code that only says so. With FENCED_INSTANCE_ID, another process
 * has joined the group under this member's name. */
static void meet_error(struct rdkafka_edge *edge, const rd_kafka_message_t *message)
{
    char why[256], text[512], advice[FAULT_ADVICE_BYTES_MAX];
    rd_kafka_resp_err_t err = message->err;
    bool fatal = err == RD_KAFKA_RESP_ERR__FATAL;
    snprintf(why, sizeof why, "%.255s", rd_kafka_message_errstr(message));
    if (fatal)
        err = rd_kafka_fatal_error(edge->consumer, why, sizeof why);
    const struct fault_row *row = fault_find(FAULT_OF_KAFKA, err);
    if (row->fault != FAULT_SETUP && !fatal) {
        log_line(LOG_LEVEL_WARN, edge->name, "consumer: %s", why);
        return;
    }
    snprintf(text, sizeof text, "%s%s", why, fault_advice(row, advice));
    edge->group->refused(edge->group, text);
}

static void poll_all(struct kafka_edge *self)
{
    struct rdkafka_edge *edge = rdkafka_edge(self);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(edge->consumer, 0);
    if (message) {
        meet_error(edge, message);
        rd_kafka_message_destroy(message);
    }
    for (int i = 0; i < EDGE_PRODUCERS; i++)
        if (edge->producers[i].rk)
            rd_kafka_poll(edge->producers[i].rk, 0);
    early_sender_poll(edge->early);
}

static void assign(struct kafka_edge *edge, const struct edge_place *places, size_t count)
{
    rd_kafka_topic_partition_list_t *list = places ? list_of(places, count) : NULL;
    rd_kafka_assign(rdkafka_edge(edge)->consumer, list);
    if (list)
        rd_kafka_topic_partition_list_destroy(list);
}

static void leave(struct kafka_edge *edge)
{
    if (rdkafka_edge(edge)->consumer)
        rd_kafka_consumer_close(rdkafka_edge(edge)->consumer);
}

static void close_consumer(struct kafka_edge *self)
{
    struct rdkafka_edge *edge = rdkafka_edge(self);
    if (edge->consumer == NULL)
        return;
    if (edge->group_queue)
        rd_kafka_queue_destroy(edge->group_queue);
    rd_kafka_destroy(edge->consumer);
    edge->group_queue = NULL;
    edge->consumer = NULL;
}

static enum edge_outcome ask_committed(rd_kafka_t *rk, struct edge_place *places, size_t count,
                                       int timeout_ms, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = list_of(places, count);
    rd_kafka_resp_err_t err = rd_kafka_committed(rk, list, timeout_ms);
    for (size_t i = 0; i < count && err == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        err = list->elems[i].err;
    for (size_t i = 0; i < count && err == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        const rd_kafka_topic_partition_t *partition = &list->elems[i];
        places[i].offset = partition->offset < 0 ? -1 : partition->offset;
        size_t size = partition->metadata_size < MEMBER_NAME_MAX ? partition->metadata_size : 0;
        if (size > 0)
            memcpy(places[i].owner, partition->metadata, size);
        places[i].owner[size] = '\0';
    }
    rd_kafka_topic_partition_list_destroy(list);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? EDGE_OK : refused(EDGE_RETRIABLE, err, error);
}

static enum edge_outcome committed(struct kafka_edge *edge, struct edge_place *places, size_t count,
                                   struct error *error)
{
    return ask_committed(rdkafka_edge(edge)->consumer, places, count, STABLE_ANSWER_MS, error);
}

static enum edge_outcome committed_before(struct kafka_edge *edge, struct edge_place *places,
                                          size_t count, struct error *error)
{
    const struct config *config = rdkafka_edge(edge)->config;
    rd_kafka_t *watcher = kafka_open(config, KAFKA_WATCHER, NULL, error);
    if (watcher == NULL)
        return EDGE_FATAL;
    enum edge_outcome outcome = ask_committed(watcher, places, count, ANSWER_MS, error);
    rd_kafka_destroy(watcher);
    return outcome;
}

static enum edge_outcome ranges(struct kafka_edge *edge, const struct edge_place *places,
                                size_t count, struct edge_range *ret_ranges, struct error *error)
{
    rd_kafka_t *rk = rdkafka_edge(edge)->consumer;
    rd_kafka_resp_err_t err = edge_ask_ranges(rk, list_of(places, count), ret_ranges);
    return err ? refused(EDGE_RETRIABLE, err, error) : EDGE_OK;
}

static enum edge_outcome commit_offsets(struct kafka_edge *edge, const struct edge_place *places,
                                        size_t count, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = list_of(places, count);
    rd_kafka_resp_err_t err = rd_kafka_commit(rdkafka_edge(edge)->consumer, list, 0);
    rd_kafka_topic_partition_list_destroy(list);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR || err == RD_KAFKA_RESP_ERR__NO_OFFSET)
        return EDGE_OK;
    return refused(EDGE_ABORTABLE, err, error);
}

static enum verdict ask_members(struct kafka_edge *edge, struct members *ret_members,
                                struct error *error)
{
    return edge_ask_members(rdkafka_edge(edge)->config, ret_members, error);
}

static bool replaced(struct kafka_edge *self)
{
    struct rdkafka_edge *edge = rdkafka_edge(self);
    const struct rd_kafka_group_list *list;
    struct error why = {0};
    bool found = false;
    char *before = edge->consumer ? rd_kafka_memberid(edge->consumer) : NULL;
    if (before && *before &&
        kafka_describe_group(edge->consumer, edge->config->application_id, REPLACED_ANSWER_MS,
                             &list, &why) == VERDICT_OK) {
        char *after = rd_kafka_memberid(edge->consumer);
        for (int i = 0; i < list->group_cnt; i++)
            found = found || edge_has_other_id(&list->groups[i], before);
        found = found && after && strcmp(before, after) == 0; /* else it joins again itself */
        if (after)
            rd_kafka_mem_free(edge->consumer, after);
        rd_kafka_group_list_destroy(list);
    }
    if (before)
        rd_kafka_mem_free(edge->consumer, before);
    return found;
}

static enum verdict topic_bytes(struct kafka_edge *edge, const char *topic, int64_t *ret_bytes,
                                struct error *error)
{
    return edge_ask_topic_bytes(rdkafka_edge(edge)->config, topic, ret_bytes, error);
}

static enum verdict partitions(struct kafka_edge *edge, const char *topic, int32_t *ret_count,
                               struct error *error)
{
    return kafka_partitions(rdkafka_edge(edge)->consumer, topic, ret_count, error);
}

/* ---- inputs ---- */

/* The partition's queue is taken off the consumer's common one, so that it can be read alone. */
static struct edge_input *open_input(struct kafka_edge *self, const char *topic, int32_t partition)
{
    struct rdkafka_edge *edge = rdkafka_edge(self);
    struct edge_input *input = memory_zero(1, sizeof *input);
    *input = (struct edge_input){.topic = topic, .partition = partition, .older = edge->inputs};
    edge->inputs = input;
    input->queue = rd_kafka_queue_get_partition(edge->consumer, topic, partition);
    rd_kafka_queue_forward(input->queue, NULL);
    rd_kafka_queue_io_event_enable(input->queue, edge->wake[1], "w", 1);
    return input;
}

static void close_input(struct kafka_edge *edge, struct edge_input *input)
{
    struct edge_input **at = &rdkafka_edge(edge)->inputs;
    for (; *at != input; at = &(*at)->older)
        ;
    *at = input->older;
    rd_kafka_queue_io_event_enable(input->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(input->queue);
    free(input);
}

static enum edge_arrival next(struct kafka_edge *edge, struct edge_input *input,
                              struct edge_message *ret_message)
{
    (void)edge;
    for (;;) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(input->queue, 0);
        if (message == NULL)
            return EDGE_NOTHING;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            *ret_message = (struct edge_message){
                .key = bytes_of(message->key, message->key_len),
                .value = bytes_of(message->payload, message->len),
                .offset = message->offset,
                .written_ms = edge_written_ms(message),
                .handle = message,
            };
            kafka_note_size(&input->bytes, message->key_len + message->len);
            return EDGE_RECORD;
        }
        bool end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        bool lost = message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET;
        int64_t offset = message->offset;
        if (!end)
            log_line(LOG_LEVEL_WARN, "input", "%s [%d]: %s", input->topic, (int)input->partition,
                     rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
        if (end) {
            *ret_message = (struct edge_message){.offset = offset};
            return EDGE_END;
        }
        if (lost)
            return EDGE_LOST;
    }
}

static void release(struct kafka_edge *edge, struct edge_message *message)
{
    (void)edge;
    rd_kafka_message_destroy(message->handle);
    message->handle = NULL;
}

/* The high watermark comes with the records. The end-of-partition event comes a fetch later. */
static int64_t end(struct kafka_edge *edge, const struct edge_input *input)
{
    int64_t low, high;
    rd_kafka_resp_err_t err = rd_kafka_get_watermark_offsets(
        rdkafka_edge(edge)->consumer, input->topic, input->partition, &low, &high);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : -1;
}

static size_t queued_bytes(struct kafka_edge *self)
{
    const struct rdkafka_edge *edge = rdkafka_edge(self);
    size_t bytes = 0;
    for (const struct edge_input *input = edge->inputs; input; input = input->older)
        bytes += kafka_records_bytes(rd_kafka_queue_length(input->queue), input->bytes);
    for (int slot = 0; slot < EDGE_SLOTS; slot++) {
        rd_kafka_t *rk = edge->producers[slot].rk;
        bytes += kafka_records_bytes(rk ? (size_t)rd_kafka_outq_len(rk) : 0, edge->sent_bytes);
    }
    return bytes;
}

/* ---- time ---- */

static int64_t now_us(struct kafka_edge *edge)
{
    (void)edge;
    return clock_monotonic_us();
}

static void wait_until(struct kafka_edge *self, int64_t until_us)
{
    struct rdkafka_edge *edge = rdkafka_edge(self);
    char bytes[256];
    int64_t now = clock_monotonic_us();
    struct pollfd wake = {.fd = edge->wake[0], .events = POLLIN};
    if (until_us > now + WAIT_MAX_US)
        until_us = now + WAIT_MAX_US;
    if (until_us > now)
        poll(&wake, 1, (int)((until_us - now + 999) / 1000));
    while (read(edge->wake[0], bytes, sizeof bytes) == sizeof bytes)
        ;
}

static void free_edge(struct kafka_edge *self)
{
    struct rdkafka_edge *edge = rdkafka_edge(self);
    for (int slot = 0; slot < EDGE_SLOTS; slot++)
        close_producer(self, slot);
    close_consumer(self);
    close(edge->wake[0]);
    close(edge->wake[1]);
    free(edge);
}

struct kafka_edge *kafka_edge_new(const struct config *config, const struct topology *topology,
                                  const struct size_budget *sizes, struct early_sender *early,
                                  int index, struct error *error)
{
    struct rdkafka_edge *edge = memory_zero(1, sizeof *edge);
    if (pipe2(edge->wake, O_NONBLOCK | O_CLOEXEC) != 0) {
        error_set(error, VERDICT_FATAL, "no pipe can be made");
        free(edge);
        return NULL;
    }
    edge->config = config;
    edge->topology = topology;
    edge->sizes = sizes;
    edge->early = early;
    snprintf(edge->name, sizeof edge->name, "worker %d", index);
    edge->edge = (struct kafka_edge){
        .open_producer = open_producer,
        .init = init,
        .begin = begin,
        .produce = produce,
        .flush = flush,
        .send_offsets = send_offsets,
        .commit = commit,
        .abort = abort_transaction,
        .close_producer = close_producer,
        .send_early = send_early,
        .join = join,
        .poll = poll_all,
        .assign = assign,
        .leave = leave,
        .close_consumer = close_consumer,
        .committed = committed,
        .committed_before = committed_before,
        .ranges = ranges,
        .commit_offsets = commit_offsets,
        .members = ask_members,
        .replaced = replaced,
        .topic_bytes = topic_bytes,
        .partitions = partitions,
        .open_input = open_input,
        .close_input = close_input,
        .next = next,
        .release = release,
        .end = end,
        .queued_bytes = queued_bytes,
        .now_us = now_us,
        .wait = wait_until,
        .free = free_edge,
    };
    return &edge->edge;
}
