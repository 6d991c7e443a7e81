/* The Kafka edge: everything that a worker asks of Kafka, as typed functions. The recipe of
 * exactly-once (visitors/commit.c) stands above it and names no librdkafka.
 *
 * Two implementations: edge.c over librdkafka, and tests/fake_edge.c, a broker in memory that fails
 * on demand and has a clock of its own.
 *
 * An edge belongs to one worker. It has one consumer of the group, two producers that take turns,
 * and a third producer that fences members that are gone.
 *
 * Thread: all functions and both listeners run on the worker's thread. librdkafka's own threads
 * only fill queues and wake edge->wait(). */
#ifndef WEFT_KAFKA_EDGE_H
#define WEFT_KAFKA_EDGE_H

#include "processors/runtime/kafka/faults.h"
#include "processors/runtime/kafka/range.h"
#include "processors/runtime/topology.h"

#define MEMBER_NAME_MAX (2 * CONFIG_TEXT_MAX)
#define EDGE_PRODUCERS 2
#define EDGE_FENCER EDGE_PRODUCERS /* the slot of the producer that fences others */
#define EDGE_SLOTS (EDGE_PRODUCERS + 1)

/* How a call ended. These are the classes of errors of Kafka's transactional API. */
enum edge_outcome {
    EDGE_OK,
    EDGE_RETRIABLE, /* no answer in time, or "not now": make the same call again. After a commit the
                     * outcome is unknown until a repeated call tells it */
    EDGE_ABORTABLE, /* the transaction can only be aborted */
    EDGE_FATAL,     /* the producer is fenced or broken: it can only be closed */
    EDGE_TOO_LARGE, /* of produce: the record does not fit its topic; like ABORTABLE else */
    EDGE_SETUP,     /* rights or settings are wrong: the process ends with the error's advice */
};

/* A place in a partition of an input: an offset of the group, or one to read from. */
struct edge_place {
    const char *topic; /* borrowed; in assigned() it holds during the call */
    int32_t partition;
    int64_t offset;              /* of the next record; negative: none */
    char owner[MEMBER_NAME_MAX]; /* the member that committed it; empty: unknown */
};

/* A record of an input. The slices point into the edge's memory until edge->release(). */
struct edge_message {
    struct bytes key, value; /* absent: none */
    int64_t offset;
    int64_t written_ms; /* by its producer or its broker; INT64_MIN: unknown */
    void *handle;       /* the edge's own */
};

enum edge_arrival {
    EDGE_NOTHING, /* nothing is here now */
    EDGE_RECORD,
    EDGE_END,  /* the partition ends at the message's offset, as last heard */
    EDGE_LOST, /* the partition does not have the next record: nothing comes any more */
};

/* One partition of an input topic, as a queue of its own. The edge's. */
struct edge_input;

struct edge_header {
    const char *name, *value;
};

/* A record to send. Everything is borrowed for the call. */
struct edge_record {
    enum topic topic;
    int32_t partition;
    struct bytes key, value;           /* absent: none */
    const struct edge_header *headers; /* NULL: none */
    size_t header_count;
    bool reported; /* deliveries->written() tells its offset */
};

/* Receives delivery reports. They arrive during produce, flush, poll and close_producer. */
struct edge_deliveries {
    void (*written)(struct edge_deliveries *self, int32_t partition, int64_t offset);
    /* `topic` is TOPICS if it is not known; `why` tells the reason and advice. */
    void (*failed)(struct edge_deliveries *self, enum topic topic, int32_t partition,
                   enum fault fault, const char *why);
};

/* Receives rebalances. They arrive during poll and leave. Each call must end in edge->assign(). */
struct edge_group {
    /* `places` have no offsets yet; the receiver may set them. */
    void (*assigned)(struct edge_group *self, struct edge_place *places, size_t count);
    /* `lost`: another member may have the partitions already. */
    void (*revoked)(struct edge_group *self, bool lost);
    /* The group refuses this member until a person mends the setup: another process has joined
     * under its name, or a right or a setting is wrong. `why` has the advice. Needs no assign(). */
    void (*refused)(struct edge_group *self, const char *why);
};

struct members;

struct kafka_edge {
    /* ---- producers; `slot` is 0, 1 or EDGE_FENCER ---- */

    /* Makes the producer. `id` is its transactional id; NULL: an idempotent producer without
     * transactions. `deliveries` is borrowed until close_producer; NULL: nobody listens.
     * FATAL: the configuration is wrong. */
    enum verdict (*open_producer)(struct kafka_edge *edge, int slot, const char *id,
                                  struct edge_deliveries *deliveries, struct error *error);
    /* Initialises transactions: fences the id's earlier producers and ends what they left open. */
    enum edge_outcome (*init)(struct kafka_edge *edge, int slot, struct error *error);
    enum edge_outcome (*begin)(struct kafka_edge *edge, int slot, struct error *error);
    /* Copies key, value and headers. RETRIABLE: the queue is full; the call has waited a while. */
    enum edge_outcome (*produce)(struct kafka_edge *edge, int slot,
                                 const struct edge_record *record, struct error *error);
    /* Waits for delivery reports, at most a second. RETRIABLE: some are still missing. */
    enum edge_outcome (*flush)(struct kafka_edge *edge, int slot, struct error *error);
    /* Adds the inputs' offsets to the transaction, with the group's current generation. */
    enum edge_outcome (*send_offsets)(struct kafka_edge *edge, int slot,
                                      const struct edge_place *places, size_t count,
                                      struct error *error);
    enum edge_outcome (*commit)(struct kafka_edge *edge, int slot, struct error *error);
    /* Drops records that are not sent yet, then aborts. */
    enum edge_outcome (*abort)(struct kafka_edge *edge, int slot, struct error *error);
    /* Drops undelivered records. A closed slot is fine. */
    void (*close_producer)(struct kafka_edge *edge, int slot);
    /* Sends a record outside of any transaction, through the process's producer of early lists
     * (early_sender.h). Never waits. A record that can't be delivered is counted there. */
    void (*send_early)(struct kafka_edge *edge, const struct edge_record *record);

    /* ---- the group ---- */

    /* Makes the consumer and subscribes to the inputs. `member` and `group` are borrowed until
     * close_consumer. FATAL: the configuration is wrong. */
    enum verdict (*join)(struct kafka_edge *edge, const char *member, struct edge_group *group,
                         struct error *error);
    /* Serves the group and the producers; rebalances arrive here. Never blocks by itself. */
    void (*poll)(struct kafka_edge *edge);
    /* Reads on from `places`; a negative offset is the beginning. NULL: nothing is read any more.
     */
    void (*assign)(struct kafka_edge *edge, const struct edge_place *places, size_t count);
    /* Leaves the group: assigned partitions are revoked. Nothing is read afterwards. */
    void (*leave)(struct kafka_edge *edge);
    /* Frees the consumer; all inputs are closed. Fine without a consumer. */
    void (*close_consumer)(struct kafka_edge *edge);

    /* Fills in the group's offsets and their owners. RETRIABLE: no answer, or a transaction on them
     * is open. */
    enum edge_outcome (*committed)(struct kafka_edge *edge, struct edge_place *places, size_t count,
                                   struct error *error);
    /* The same, as the offsets were before any open transaction. */
    enum edge_outcome (*committed_before)(struct kafka_edge *edge, struct edge_place *places,
                                          size_t count, struct error *error);
    /* Asks where each place's partition begins and ends. RETRIABLE: no answer. */
    enum edge_outcome (*ranges)(struct kafka_edge *edge, const struct edge_place *places,
                                size_t count, struct edge_range *ret_ranges, struct error *error);
    /* Commits offsets without a transaction (at_least_once). */
    enum edge_outcome (*commit_offsets)(struct kafka_edge *edge, const struct edge_place *places,
                                        size_t count, struct error *error);
    /* Who is in the group now. RETRY: no answer. The caller releases `ret_members`. */
    enum verdict (*members)(struct kafka_edge *edge, struct members *ret_members,
                            struct error *error);
    /* Whether another process has joined the group under this member's name. False too if nobody
     * answers within two seconds, or while this member joins. */
    bool (*replaced)(struct kafka_edge *edge);
    /* How large a batch a topic takes: its max.message.bytes as of now. SKIP: the broker does not
     * tell. RETRY: no answer. */
    enum verdict (*topic_bytes)(struct kafka_edge *edge, const char *topic, int64_t *ret_bytes,
                                struct error *error);
    /* Partitions of a topic; 0: there is no such topic. RETRY: no answer. */
    enum verdict (*partitions)(struct kafka_edge *edge, const char *topic, int32_t *ret_count,
                               struct error *error);

    /* ---- inputs ---- */

    /* Opens a partition before it is assigned. The worker owns it until close_input. */
    struct edge_input *(*open_input)(struct kafka_edge *edge, const char *topic, int32_t partition);
    void (*close_input)(struct kafka_edge *edge, struct edge_input *input);
    /* Takes the next record without waiting and without a copy. The worker owns a RECORD until
     * release. END sets the offset alone. */
    enum edge_arrival (*next)(struct kafka_edge *edge, struct edge_input *input,
                              struct edge_message *ret_message);
    void (*release)(struct kafka_edge *edge, struct edge_message *message);
    /* The offset at which the partition ends, by what the last fetch told; -1: unknown. Cheap. */
    int64_t (*end)(struct kafka_edge *edge, const struct edge_input *input);
    /* About how much memory the records take that wait in the clients, read and to be sent. */
    size_t (*queued_bytes)(struct kafka_edge *edge);

    /* ---- time ---- */

    int64_t (*now_us)(struct kafka_edge *edge); /* the monotonic clock */
    /* Waits until something arrives or until `until_us`. */
    void (*wait)(struct kafka_edge *edge, int64_t until_us);

    void (*free)(struct kafka_edge *edge);
};

struct size_budget;
struct early_sender;

/* The edge of worker `index` over librdkafka. Opens nothing yet. The pointers are borrowed; `sizes`
 * bounds the batches of the producers that are opened from then on. `early` may be NULL: lists do
 * not go ahead. NULL with the error: no pipe can be made. */
struct kafka_edge *kafka_edge_new(const struct config *config, const struct topology *topology,
                                  const struct size_budget *sizes, struct early_sender *early,
                                  int index, struct error *error);

static inline void edge_pause(struct kafka_edge *edge, int64_t pause_us)
{
    int64_t until_us = edge->now_us(edge) + pause_us;
    while (edge->now_us(edge) < until_us)
        edge->wait(edge, until_us);
}

#endif
