/* Shared by the files that call librdkafka: handles with weft's settings. Only files in
 * processors/runtime/kafka/ include it. Thread: any. */
#ifndef WEFT_KAFKA_KAFKA_H
#define WEFT_KAFKA_KAFKA_H

#include "processors/runtime/topology.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>

enum kafka_role {
    KAFKA_MEMBER,  /* consumer of a group; read_committed */
    KAFKA_READER,  /* consumer without a group; read_committed */
    KAFKA_WATCHER, /* the same, but read_uncommitted: sees the true ends */
    KAFKA_PRODUCER,
};

/* A property that a caller adds to those of the role. */
struct kafka_extra {
    const char *name; /* NULL ends the list */
    const char *value;
};

/* The properties of a role, then `extra` (NULL: none), then the configuration's kafka.* keys
 * (kafka.consumer.* and kafka.producer.* only for their kind). A member's client.id also tells its
 * format of rows (client_id.h). The caller owns the result. NULL with the error when librdkafka
 * refuses a property. A consumer's group.id is the application.id, unless `extra` has another. */
rd_kafka_conf_t *kafka_conf(const struct config *config, enum kafka_role role,
                            const struct kafka_extra *extra, struct error *error);

/* Makes a handle, which the caller frees by rd_kafka_destroy(). Takes the conf over. NULL with the
 * error. */
rd_kafka_t *kafka_new(enum kafka_role role, rd_kafka_conf_t *conf, struct error *error);

/* kafka_conf() and kafka_new() in one. Readers and watchers need no `extra`. */
rd_kafka_t *kafka_open(const struct config *config, enum kafka_role role,
                       const struct kafka_extra *extra, struct error *error);

/* Memory of a record in librdkafka's queues, beside its key and value. */
#define KAFKA_QUEUED_BYTES 800

/* Takes a record's size into the mean of the last ones. */
static inline void kafka_note_size(uint32_t *mean_bytes, size_t bytes)
{
    int64_t most = bytes < UINT32_MAX / 2 ? (int64_t)bytes : UINT32_MAX / 2, mean = *mean_bytes;
    *mean_bytes = (uint32_t)(mean == 0 ? most : mean + (most - mean) / 16);
}

static inline size_t kafka_records_bytes(size_t count, uint32_t mean_bytes)
{
    return count * (KAFKA_QUEUED_BYTES + mean_bytes);
}

/* Describes a group by the request that the oldest brokers know too. The caller frees the list by
 * rd_kafka_group_list_destroy(). SKIP: the broker does not know it. RETRY: no answer in time. */
enum verdict kafka_describe_group(rd_kafka_t *rk, const char *group, int answer_ms,
                                  const struct rd_kafka_group_list **ret_list, struct error *error);

/* ---- why no broker answers ---- */

/* The error that tells best why a handle has no connection, of those that librdkafka reported. */
#define KAFKA_TROUBLE_BYTES_MAX 256
struct kafka_trouble {
    int code;            /* 0: none was reported */
    bool no_group_right; /* the handle's group was refused meanwhile, which is told once */
    char text[KAFKA_TROUBLE_BYTES_MAX];
};

/* As kafka_open(), for a consumer whose errors go to `trouble`, which is borrowed until the handle
 * is destroyed. They arrive in rd_kafka_consumer_poll(). */
rd_kafka_t *kafka_open_watched(const struct config *config, const struct kafka_extra *extra,
                               struct kafka_trouble *trouble, struct error *error);

/* Waits for metadata of the topics that the handle knows, or of all, until `until_us` (monotonic)
 * or until `stop` is set (NULL: never), which it sees within two seconds. RETRY: no answer;
 * `trouble` has the reason. FATAL: the brokers refuse this client, so waiting does not help. */
enum verdict kafka_await(rd_kafka_t *rk, bool all, int64_t until_us, const atomic_bool *stop,
                         struct kafka_trouble *trouble,
                         const struct rd_kafka_metadata **ret_metadata, struct error *error);

/* The names and partitions of all topics; the caller frees them by rd_kafka_metadata_destroy().
 * RETRY: no answer within 10 s. */
enum verdict kafka_metadata(rd_kafka_t *rk, const struct rd_kafka_metadata **ret_metadata,
                            struct error *error);
/* Number of a topic's partitions; 0: there is no such topic. */
int32_t kafka_partitions_in(const struct rd_kafka_metadata *metadata, const char *topic);
/* Both in one. RETRY: no answer. */
enum verdict kafka_partitions(rd_kafka_t *rk, const char *topic, int32_t *ret_count,
                              struct error *error);

#endif
