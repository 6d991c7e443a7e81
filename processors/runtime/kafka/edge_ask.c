#include "processors/runtime/kafka/edge_ask.h"

#include "processors/runtime/kafka/topic_settings.h"

#define ANSWER_MS 10000

/* Sets each place's offset to one side of its partition, which Kafka takes in place of a time. */
static rd_kafka_resp_err_t ask_side(rd_kafka_t *rk, int64_t side,
                                    rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = side;
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(rk, list, ANSWER_MS);
    for (int i = 0; i < list->cnt && !err; i++)
        if (list->elems[i].err || list->elems[i].offset < 0)
            list->elems[i].offset = -1;
    return err;
}

rd_kafka_resp_err_t edge_ask_ranges(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                                    struct edge_range *ret_ranges)
{
    rd_kafka_resp_err_t err = ask_side(rk, RD_KAFKA_OFFSET_BEGINNING, list);
    for (int i = 0; i < list->cnt && !err; i++)
        ret_ranges[i].low = list->elems[i].offset;
    if (!err)
        err = ask_side(rk, RD_KAFKA_OFFSET_END, list);
    for (int i = 0; i < list->cnt && !err; i++)
        ret_ranges[i].high = list->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return err;
}

enum verdict edge_ask_members(const struct config *config, struct members *ret_members,
                              struct error *error)
{
    struct member_watch *watch = member_watch_new(config, error);
    if (watch == NULL)
        return VERDICT_FATAL;
    enum verdict verdict = member_watch_ask(watch, config->application_id, ret_members, error);
    member_watch_free(watch);
    return verdict;
}

int64_t edge_written_ms(const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    int64_t time_ms = rd_kafka_message_timestamp(message, &type);
    return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? INT64_MIN : time_ms;
}

bool edge_has_other_id(const struct rd_kafka_group_info *group, const char *own)
{
    size_t size = strlen(own), name = member_name_bytes(own);
    for (int i = 0; i < group->member_cnt; i++) {
        const char *id = group->members[i].member_id;
        if (name > 0 && strlen(id) == size && memcmp(id, own, name) == 0 && strcmp(id, own) != 0)
            return true;
    }
    return false;
}

enum verdict edge_ask_topic_bytes(const struct config *config, const char *topic,
                                  int64_t *ret_bytes, struct error *error)
{
    rd_kafka_t *rk = kafka_open(config, KAFKA_PRODUCER, NULL, error);
    if (rk == NULL)
        return VERDICT_FATAL;
    enum verdict verdict = topic_setting_number(rk, topic, "max.message.bytes", ret_bytes, error);
    rd_kafka_destroy(rk);
    return verdict == VERDICT_FATAL ? VERDICT_SKIP : verdict; /* weft is not allowed to ask */
}
