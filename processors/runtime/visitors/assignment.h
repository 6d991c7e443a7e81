/* What a worker does with the partitions that it is given: are they whole, and from which offsets
 * it goes on. Names librdkafka; the runtime's own. Thread: the worker's. */
#ifndef WEFT_VISITORS_ASSIGNMENT_H
#define WEFT_VISITORS_ASSIGNMENT_H

#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/process.h"

/* Who asks; all borrowed. */
struct assignment {
    struct run *run;
    rd_kafka_t *consumer;
    const char *member; /* its name in the group */
    const char *name;   /* for the log */
};

/* Every partition comes with its counterparts in the other inputs; a partition too many, or one
 * alone, would tear visitors apart. FATAL: partitions were added to an input. RETRY: the member
 * that shares out does not know all inputs yet, or the group shares out those of before
 * (`ret_stale`), or the broker does not answer. */
enum verdict assignment_check(const struct assignment *assignment,
                              const rd_kafka_topic_partition_list_t *partitions, bool *ret_stale,
                              struct error *error);

/* Sets the offset of each: the group's, once no transaction on it is open (what members that are
 * gone left open is ended); without one, the store's (never "earliest" while the store has one);
 * without both, the beginning. RETRY: the group's can't be had. FATAL: the group was moved back
 * behind what the store has seen. */
enum verdict assignment_offsets(const struct assignment *assignment,
                                rd_kafka_topic_partition_list_t *partitions, struct error *error);

#endif
