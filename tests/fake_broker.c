/* The broker of fake_broker.h: logs, transactions, the group's offsets. */
#include "schemas/array.h"
#include "tests/fake_edge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void fake_break(struct fake_broker *broker, const char *format, ...)
{
    va_list arguments;
    if (broker->broken[0])
        return;
    va_start(arguments, format);
    vsnprintf(broker->broken, sizeof broker->broken, format, arguments);
    va_end(arguments);
}

void fake_config(struct config *config, const struct fake_broker *broker)
{
    snprintf(config->bootstrap_servers, sizeof config->bootstrap_servers, "%p",
             (const void *)broker);
}

struct fake_broker *fake_broker_of(const struct config *config)
{
    void *broker = NULL;
    if (sscanf(config->bootstrap_servers, "%p", &broker) != 1)
        abort();
    return broker;
}

struct fake_broker *fake_broker_new(const struct topology *topology, int32_t partitions)
{
    struct fake_broker *broker = memory_zero(1, sizeof *broker);
    broker->topology = topology;
    broker->partitions = partitions;
    broker->now_us = 1000000000;
    for (int i = 0; i < INPUT_TOPICS; i++)
        for (int p = 0; p < FAKE_PARTITIONS_MAX; p++)
            broker->offsets[i][p].next = -1;
    return broker;
}

void fake_broker_free(struct fake_broker *broker)
{
    for (int i = 0; i < TOPICS; i++) {
        for (int p = 0; p < FAKE_PARTITIONS_MAX; p++) {
            struct fake_log *log = &broker->logs[i][p];
            for (size_t k = 0; k < log->count; k++) {
                free((void *)(uintptr_t)log->records[k].key.at);
                free((void *)(uintptr_t)log->records[k].value.at);
            }
            free(log->records);
        }
    }
    free(broker->transactions);
    free(broker);
}

/* ---- logs ---- */

static int64_t append(struct fake_log *log, struct fake_record record)
{
    ARRAY_RESERVE(log->records, log->capacity, log->count + 1);
    log->records[log->count] = record;
    return (int64_t)log->count++;
}

struct bytes fake_copy(struct bytes bytes)
{
    return bytes_of(bytes.at ? memory_text(bytes) : NULL, bytes.size);
}

void fake_append(struct fake_broker *broker, enum topic topic, int32_t partition, struct bytes key,
                 struct bytes value, int64_t arrives_us)
{
    append(&broker->logs[topic][partition], (struct fake_record){.transaction = -1,
                                                                 .key = fake_copy(key),
                                                                 .value = fake_copy(value),
                                                                 .source_offset = -1,
                                                                 .arrives_us = arrives_us});
}

int64_t fake_arrived(const struct fake_broker *broker, enum topic topic, int32_t partition)
{
    const struct fake_log *log = &broker->logs[topic][partition];
    size_t end = 0;
    while (end < log->count && log->records[end].arrives_us <= broker->now_us)
        end++;
    return (int64_t)end;
}

static enum fake_end end_of(const struct fake_broker *broker, const struct fake_record *record)
{
    return record->transaction < 0 ? FAKE_COMMITTED : broker->transactions[record->transaction].end;
}

int64_t fake_stable_end(const struct fake_broker *broker, enum topic topic, int32_t partition)
{
    const struct fake_log *log = &broker->logs[topic][partition];
    size_t end = 0;
    while (end < log->count && end_of(broker, &log->records[end]) != FAKE_OPEN)
        end++;
    return (int64_t)end;
}

bool fake_is_visible(const struct fake_broker *broker, enum topic topic, int32_t partition,
                     int64_t offset)
{
    const struct fake_record *record = &broker->logs[topic][partition].records[offset];
    return !record->is_control && end_of(broker, record) == FAKE_COMMITTED &&
           offset < fake_stable_end(broker, topic, partition);
}

static bool owns(const struct fake_broker *broker, const char *instance, int32_t partition)
{
    const char *owner = broker->owners[partition];
    return instance == NULL || (owner && strcmp(owner, instance) == 0);
}

bool fake_owns(const struct fake_broker *broker, const char *instance)
{
    for (int32_t p = 0; p < broker->partitions; p++)
        if (owns(broker, instance, p))
            return true;
    return false;
}

bool fake_is_done(const struct fake_broker *broker, const char *instance)
{
    for (int i = 0; i < INPUT_TOPICS; i++)
        for (int32_t p = 0; p < broker->partitions; p++)
            if (owns(broker, instance, p) && broker->logs[i][p].count > 0 &&
                broker->offsets[i][p].next < (int64_t)broker->logs[i][p].count)
                return false;
    return true;
}

/* ---- transactions ---- */

int fake_find_id(struct fake_broker *broker, const char *id)
{
    size_t i = 0;
    while (i < broker->id_count && strcmp(broker->ids[i].id, id) != 0)
        i++;
    if (i == broker->id_count) {
        if (i == FAKE_IDS_MAX)
            abort();
        struct fake_id *added = &broker->ids[broker->id_count++];
        snprintf(added->id, sizeof added->id, "%s", id);
        added->open = -1;
    }
    return (int)i;
}

struct fake_transaction *fake_transaction_of(struct fake_broker *broker, int id)
{
    struct fake_id *owner = &broker->ids[id];
    if (owner->open < 0) {
        ARRAY_RESERVE(broker->transactions, broker->transaction_capacity,
                      broker->transaction_count + 1);
        struct fake_transaction *begun = &broker->transactions[broker->transaction_count];
        *begun = (struct fake_transaction){.end = FAKE_OPEN, .began_us = broker->now_us};
        for (int i = 0; i < INPUT_TOPICS; i++)
            for (int p = 0; p < FAKE_PARTITIONS_MAX; p++)
                begun->offsets[i][p].next = -1;
        owner->open = (int)broker->transaction_count++;
    }
    return &broker->transactions[owner->open];
}

void fake_end_transaction(struct fake_broker *broker, int id, bool commits)
{
    struct fake_id *owner = &broker->ids[id];
    if (owner->open < 0)
        return;
    struct fake_transaction *transaction = &broker->transactions[owner->open];
    transaction->end = commits ? FAKE_COMMITTED : FAKE_ABORTED;
    for (int i = 0; i < TOPICS; i++)
        for (int p = 0; p < FAKE_PARTITIONS_MAX; p++)
            if (transaction->touched[i][p])
                append(&broker->logs[i][p],
                       (struct fake_record){.is_control = true, .transaction = owner->open});
    for (int i = 0; i < INPUT_TOPICS && commits; i++)
        for (int p = 0; p < FAKE_PARTITIONS_MAX; p++)
            if (transaction->offsets[i][p].next >= 0)
                broker->offsets[i][p] = transaction->offsets[i][p];
    owner->open = -1;
}

int64_t fake_write(struct fake_broker *broker, int id, const struct fake_sent *sent)
{
    const struct edge_record *record = &sent->record;
    struct fake_record written = {.transaction = -1,
                                  .key = fake_copy(record->key),
                                  .value = fake_copy(record->value),
                                  .source_offset = sent->source_offset};
    if (id >= 0) {
        fake_transaction_of(broker, id)->touched[record->topic][record->partition] = true;
        written.transaction = broker->ids[id].open;
    }
    return append(&broker->logs[record->topic][record->partition], written);
}

bool fake_is_unstable(const struct fake_broker *broker, int input, int32_t partition)
{
    for (size_t i = 0; i < broker->id_count; i++)
        if (broker->ids[i].open >= 0 &&
            broker->transactions[broker->ids[i].open].offsets[input][partition].next >= 0)
            return true;
    return false;
}

/* Ends by itself what began too long ago; its producer is fenced. */
void fake_pass_time(struct fake_broker *broker, int64_t us)
{
    broker->now_us += us;
    for (size_t i = 0; i < broker->id_count; i++) {
        int open = broker->ids[i].open;
        if (open < 0 ||
            broker->now_us - broker->transactions[open].began_us < FAKE_TRANSACTION_TIMEOUT_US)
            continue;
        broker->ids[i].epoch++;
        fake_end_transaction(broker, (int)i, broker->transactions[open].committing);
    }
}

void fake_assign(struct fake_broker *broker, int32_t partition, const char *instance)
{
    broker->owners[partition] = instance;
    broker->generation++;
}

void fake_assign_all(struct fake_broker *broker, const char *instance)
{
    for (int32_t p = 0; p < broker->partitions; p++)
        fake_assign(broker, p, instance);
}
