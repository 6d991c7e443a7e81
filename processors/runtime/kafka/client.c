#include "processors/runtime/kafka/client.h"

#include "processors/runtime/kafka/kafka.h"

#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MS 10000
#define CLIENT_TOPICS_MAX 16

struct client_producer {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topics[CLIENT_TOPICS_MAX];
    size_t topic_count;
    uint64_t delivered, failed;
    char failure[200];
};

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct client_producer *producer = opaque;
    (void)rk;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        producer->delivered++;
    } else if (producer->failed++ == 0) {
        snprintf(producer->failure, sizeof producer->failure, "%s", rd_kafka_err2str(message->err));
    }
}

struct client_producer *client_producer_new(const struct config *config, struct error *error)
{
    struct client_producer *producer = memory_zero(1, sizeof *producer);
    const struct kafka_extra extra[] = {
        {"enable.idempotence", "true"}, {"linger.ms", "1"}, {NULL, NULL}};
    rd_kafka_conf_t *conf = kafka_conf(config, KAFKA_PRODUCER, extra, error);
    if (conf) {
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
        rd_kafka_conf_set_opaque(conf, producer);
        producer->rk = kafka_new(KAFKA_PRODUCER, conf, error);
    }
    if (producer->rk)
        return producer;
    free(producer);
    return NULL;
}

void client_producer_free(struct client_producer *producer)
{
    if (producer == NULL)
        return;
    rd_kafka_flush(producer->rk, ANSWER_MS);
    for (size_t i = 0; i < producer->topic_count; i++)
        rd_kafka_topic_destroy(producer->topics[i]);
    rd_kafka_purge(producer->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(producer->rk);
    free(producer);
}

static rd_kafka_topic_t *topic_handle(struct client_producer *producer, const char *topic)
{
    for (size_t i = 0; i < producer->topic_count; i++)
        if (strcmp(rd_kafka_topic_name(producer->topics[i]), topic) == 0)
            return producer->topics[i];
    if (producer->topic_count == CLIENT_TOPICS_MAX)
        return NULL;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(producer->rk, topic, NULL);
    producer->topics[producer->topic_count++] = handle;
    return handle;
}

static rd_kafka_headers_t *make_headers(const struct client_header *headers, size_t count)
{
    rd_kafka_headers_t *list = rd_kafka_headers_new(count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_header_add(list, headers[i].name, -1, headers[i].value, -1);
    return list;
}

enum verdict client_send_with(struct client_producer *producer, const char *topic,
                              int32_t partition, struct bytes key, struct bytes value,
                              const struct client_header *headers, size_t header_count,
                              struct error *error)
{
    rd_kafka_topic_t *handle = topic_handle(producer, topic);
    for (;;) {
        rd_kafka_headers_t *list = header_count > 0 ? make_headers(headers, header_count) : NULL;
        rd_kafka_resp_err_t err = rd_kafka_producev(
            producer->rk, RD_KAFKA_V_RKT(handle), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key.at, key.size),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)value.at, value.size), RD_KAFKA_V_HEADERS(list),
            RD_KAFKA_V_END);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            return VERDICT_OK;
        if (list)
            rd_kafka_headers_destroy(list);
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return error_set(error, VERDICT_SKIP, "can't send to %s: %s", topic,
                             rd_kafka_err2str(err));
        rd_kafka_poll(producer->rk, 10);
    }
}

enum verdict client_send(struct client_producer *producer, const char *topic, int32_t partition,
                         struct bytes key, struct bytes value, struct error *error)
{
    return client_send_with(producer, topic, partition, key, value, NULL, 0, error);
}

size_t client_producer_poll(struct client_producer *producer, int timeout_ms)
{
    rd_kafka_poll(producer->rk, timeout_ms);
    return (size_t)rd_kafka_outq_len(producer->rk);
}

enum verdict client_producer_flush(struct client_producer *producer, int timeout_ms,
                                   struct error *error)
{
    rd_kafka_resp_err_t err = rd_kafka_flush(producer->rk, timeout_ms);
    if (err)
        return error_set(error, VERDICT_RETRY, "%d records were not delivered within %d s",
                         rd_kafka_outq_len(producer->rk), timeout_ms / 1000);
    if (producer->failed > 0)
        return error_set(error, VERDICT_RETRY, "%llu records were not delivered: %s",
                         (unsigned long long)producer->failed, producer->failure);
    return VERDICT_OK;
}

uint64_t client_delivered(const struct client_producer *producer)
{
    return producer->delivered;
}

uint64_t client_failed(const struct client_producer *producer)
{
    return producer->failed;
}

/* ---- reading ---- */

static enum verdict assign_topic(struct partition_reader *reader, const char *topic,
                                 int32_t partition, bool from_end, struct error *error)
{
    int32_t count;
    enum verdict verdict = partition_reader_partitions(reader, &count, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (count == 0)
        return error_set(error, VERDICT_SKIP, "there is no topic %s", topic);
    int32_t first = partition == CLIENT_ALL_PARTITIONS ? 0 : partition;
    if (partition != CLIENT_ALL_PARTITIONS)
        count = 1;
    struct reader_start *starts = memory_zero((size_t)count, sizeof *starts);
    for (int32_t i = 0; i < count && verdict == VERDICT_OK; i++) {
        int64_t low, high = READER_BEGINNING;
        if (from_end)
            verdict = partition_reader_ends(reader, first + i, &low, &high, error);
        starts[i] = (struct reader_start){.partition = first + i, .offset = high};
    }
    if (verdict == VERDICT_OK)
        partition_reader_assign(reader, starts, (size_t)count);
    free(starts);
    return verdict;
}

enum verdict client_open_reader(const struct config *config, const char *topic, int32_t partition,
                                bool from_end, struct partition_reader **ret_reader,
                                struct error *error)
{
    const struct reader_options options = {.topic = topic, .log_name = "reader"};
    struct partition_reader *reader = partition_reader_open(config, &options, error);
    if (reader == NULL)
        return VERDICT_FATAL;
    enum verdict verdict = assign_topic(reader, topic, partition, from_end, error);
    if (verdict == VERDICT_OK)
        *ret_reader = reader;
    else
        partition_reader_free(reader);
    return verdict;
}

/* ---- reset ---- */

static enum verdict group_result(rd_kafka_event_t *event, struct error *error)
{
    if (event == NULL)
        return error_set(error, VERDICT_RETRY, "the broker does not answer");
    if (rd_kafka_event_error(event))
        return error_set(error, VERDICT_RETRY, "%s", rd_kafka_event_error_string(event));
    size_t count;
    const rd_kafka_group_result_t **results =
        rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_error_t *failed = rd_kafka_group_result_error(results[i]);
        if (failed == NULL || rd_kafka_error_code(failed) == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
            continue;
        return error_set(error, VERDICT_SKIP, "%s", rd_kafka_error_string(failed));
    }
    return VERDICT_OK;
}

static enum verdict group_members(rd_kafka_t *rk, const char *group, int *ret_members,
                                  struct error *error)
{
    const struct rd_kafka_group_list *list;
    enum verdict verdict = kafka_describe_group(rk, group, ANSWER_MS, &list, error);
    if (verdict != VERDICT_OK)
        return verdict;
    *ret_members = 0;
    for (int i = 0; i < list->group_cnt; i++)
        *ret_members += list->groups[i].member_cnt;
    rd_kafka_group_list_destroy(list);
    return VERDICT_OK;
}

static enum verdict delete_group(rd_kafka_t *rk, const char *name, struct error *error)
{
    rd_kafka_DeleteGroup_t *group = rd_kafka_DeleteGroup_new(name);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteGroups(rk, &group, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);
    enum verdict verdict = group_result(event, error);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteGroup_destroy(group);
    return verdict;
}

enum verdict client_delete_group(const struct config *config, bool dry_run, struct error *error)
{
    int members = 0;
    rd_kafka_t *rk = kafka_open(config, KAFKA_PRODUCER, NULL, error);
    if (rk == NULL)
        return VERDICT_FATAL;
    enum verdict verdict = group_members(rk, config->application_id, &members, error);
    if (verdict == VERDICT_OK && members > 0)
        verdict = error_set(error, VERDICT_SKIP,
                            "the group %s has %d members: stop all processes first (a stopped one "
                            "counts until session.timeout.ms has passed)",
                            config->application_id, members);
    if (verdict == VERDICT_OK && !dry_run)
        verdict = delete_group(rk, config->application_id, error);
    rd_kafka_destroy(rk);
    return verdict;
}
