/* How large a record may be, topic by topic. Outputs are cut to it before they are sent, since a
 * topic refuses a larger record for ever:
 *
 *     visitor-changelog           the oldest activities fall out      (state/visitor.h)
 *     recommendations             items fall out at the ends of lists (lists.c)
 *     late, dead-letters          the value is cut, then the key      (letter.h)
 *     all of a worker's outputs   batches of records stay smaller     (batch.size)
 *
 * A topic's limit is its max.message.bytes, which counts a batch as compressed. librdkafka counts a
 * record uncompressed. So weft counts uncompressed bytes: such a record fits in any case.
 *
 * The limits are read at the start. A worker reads one again when its topic refused a record.
 * Names no librdkafka. Thread: any. */
#ifndef WEFT_KAFKA_SIZE_BUDGET_H
#define WEFT_KAFKA_SIZE_BUDGET_H

#include "processors/runtime/topology.h"

#include <stdatomic.h>

#define RECORD_BYTES_MAX 16777216  /* of a record that weft sends, at most */
#define KAFKA_RECORD_BYTES 1048588 /* Kafka's default of max.message.bytes */
#define SIZE_UNKNOWN (-1)          /* the broker did not tell the limit */

struct size_budget {
    const struct config *config;
    const struct topology *topology;
    atomic_llong limits[TOPICS]; /* bytes of a batch; 0: not known, all that weft sends fits */
};

/* Nothing is known yet. `config` and `topology` are borrowed, for errors. */
void size_budget_init(struct size_budget *budget, const struct config *config,
                      const struct topology *topology);

/* max.message.bytes of the topics that weft creates; 0: the broker's default. */
int64_t size_budget_created(enum topic topic);

/* Notes max.message.bytes of a topic. FATAL: the topic takes too little for sensible work; the
 * error names the command that mends it. */
enum verdict size_budget_set(struct size_budget *budget, enum topic topic, int64_t limit,
                             struct error *error);

/* The topic refused a record that fitted when its budget was `used` (size_budget_limit()). `limit`
 * is its max.message.bytes as of now, or SIZE_UNKNOWN. If that is no less than `used`, something
 * else limits records, and the budget halves. FATAL as above. */
enum verdict size_budget_refused(struct size_budget *budget, enum topic topic, int64_t used,
                                 int64_t limit, struct error *error);

/* Bytes of a batch that the topic takes at most. */
int64_t size_budget_limit(const struct size_budget *budget, enum topic topic);

/* Bytes of a record's key, value and headers together, at most. */
size_t size_budget_record(const struct size_budget *budget, enum topic topic);
/* batch.size of a producer that writes to this topic alone; TOPICS: of a worker's producers. */
int64_t size_budget_batch(const struct size_budget *budget, enum topic topic);

#endif
