#include "processors/runtime/visitors/assignment.h"

#include "processors/runtime/kafka/members.h"

#include <unistd.h>

#define ANSWER_MS 10000
#define STABLE_ANSWER_MS 1500    /* librdkafka asks again by itself while offsets are not stable */
#define STABLE_OFFSETS_TRIES 300 /* of 200 ms: longer than transaction.timeout.ms */

static bool is_input(const struct run *run, const char *topic)
{
    int i = 0;
    while (i < INPUT_TOPICS && strcmp(topic, run->topology.topics[i]) != 0)
        i++;
    return i < INPUT_TOPICS;
}

enum verdict assignment_check(const struct assignment *assignment,
                              const rd_kafka_topic_partition_list_t *partitions, bool *ret_stale,
                              struct error *error)
{
    const struct run *run = assignment->run;
    bool whole = true;
    *ret_stale = false;
    for (int i = 0; i < partitions->cnt && whole; i++) {
        int32_t partition = partitions->elems[i].partition;
        int count = 0;
        for (int k = 0; k < partitions->cnt; k++)
            count += partitions->elems[k].partition == partition;
        whole = partition < run->partitions && count == INPUT_TOPICS &&
                is_input(run, partitions->elems[i].topic);
    }
    if (whole)
        return VERDICT_OK;
    for (int i = 0; i < INPUT_TOPICS; i++) {
        int32_t count;
        enum verdict verdict =
            kafka_partitions(assignment->consumer, run->topology.topics[i], &count, error);
        if (verdict != VERDICT_OK)
            return verdict;
        if (count != 0 && count != run->partitions)
            return error_set(
                error, VERDICT_FATAL,
                "%s now has %d partitions where %d were: a visitor's events must stay "
                "in the same partition of every input, so partitions can't be added in "
                "place; see 'Adding partitions' in the README",
                run->topology.topics[i], (int)count, (int)run->partitions);
    }
    *ret_stale = true;
    return error_set(error, VERDICT_RETRY, "not all inputs were shared out");
}

/* By the offsets as they were before the transaction that is open on them. */
static void fence_unstable(const struct assignment *assignment,
                           const rd_kafka_topic_partition_list_t *partitions)
{
    const struct kafka_extra group[] = {{"group.id", assignment->run->config->application_id},
                                        {NULL, NULL}};
    rd_kafka_t *watcher = kafka_open(assignment->run->config, KAFKA_WATCHER, group, NULL);
    rd_kafka_topic_partition_list_t *before = rd_kafka_topic_partition_list_copy(partitions);
    if (watcher && rd_kafka_committed(watcher, before, ANSWER_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
        members_fence_gone(assignment->run, before, assignment->member, assignment->name);
    rd_kafka_topic_partition_list_destroy(before);
    if (watcher)
        rd_kafka_destroy(watcher);
}

/* The group's offsets, once no transaction on them is open. */
static enum verdict committed_offsets(const struct assignment *assignment,
                                      rd_kafka_topic_partition_list_t *partitions,
                                      struct error *error)
{
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < STABLE_OFFSETS_TRIES && !run_stops(assignment->run); i++) {
        bool stable = true;
        err = rd_kafka_committed(assignment->consumer, partitions, STABLE_ANSWER_MS);
        for (int k = 0; k < partitions->cnt && err == RD_KAFKA_RESP_ERR_NO_ERROR; k++) {
            if (partitions->elems[k].err)
                err = partitions->elems[k].err;
            stable = stable && !partitions->elems[k].err;
        }
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR && stable) {
            members_fence_gone(assignment->run, partitions, assignment->member, assignment->name);
            return VERDICT_OK;
        }
        if (i == 0) /* somebody's transaction on them is open; perhaps it is nobody's any more */
            fence_unstable(assignment, partitions);
        usleep(200000);
    }
    return error_set(error, VERDICT_RETRY, "the group's offsets can't be had: %s",
                     rd_kafka_err2str(err));
}

static enum verdict start_offset(const struct assignment *assignment,
                                 rd_kafka_topic_partition_t *partition, struct error *error)
{
    int64_t stored = -1;
    enum verdict verdict = store_get_offset(assignment->run->store, 'i', partition->topic,
                                            partition->partition, &stored, error);
    if (verdict == VERDICT_FATAL)
        return verdict;
    if (partition->offset < 0) {
        partition->offset = stored >= 0 ? stored : RD_KAFKA_OFFSET_BEGINNING;
    } else if (partition->offset < stored) {
        return error_set(error, VERDICT_FATAL,
                         "the group's offset of %s [%d] is %lld, the local state has seen it up to "
                         "%lld: somebody moved the group back; to read again from there use "
                         "'weft reset', which clears the state with it",
                         partition->topic, (int)partition->partition, (long long)partition->offset,
                         (long long)stored);
    }
    return VERDICT_OK;
}

enum verdict assignment_offsets(const struct assignment *assignment,
                                rd_kafka_topic_partition_list_t *partitions, struct error *error)
{
    enum verdict verdict = committed_offsets(assignment, partitions, error);
    for (int i = 0; i < partitions->cnt && verdict == VERDICT_OK; i++)
        verdict = start_offset(assignment, &partitions->elems[i], error);
    return verdict;
}
