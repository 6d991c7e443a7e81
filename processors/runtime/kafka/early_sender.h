/* The process's producer of lists ahead of their commit (lists.early). All its workers share it.
 *
 * It is idempotent and never transactional, so a read_committed reader is not held up by it. A
 * record that can't be delivered is counted and told in the log, and nothing else happens: the same
 * list comes with the commit. A record that was not sent within half of session.timeout.ms is
 * dropped: after a longer stand-still another process may have its visitor. After a fatal error the
 * producer is opened again. Names no librdkafka. Thread: any. */
#ifndef WEFT_KAFKA_EARLY_SENDER_H
#define WEFT_KAFKA_EARLY_SENDER_H

#include "processors/runtime/topology.h"

#include <stdatomic.h>

struct early_sender;
struct size_budget;

/* Everything is borrowed until early_sender_free(). Adds the records that were not delivered to
 * `failures`. FATAL: librdkafka refuses the configuration. */
enum verdict early_sender_new(const struct config *config, const struct topology *topology,
                              const struct size_budget *sizes, atomic_ullong *failures,
                              struct early_sender **ret_sender, struct error *error);
/* Drops records that are not delivered yet. NULL is fine. */
void early_sender_free(struct early_sender *sender);

/* Sends a record to TOPIC_EARLY, without waiting. Copies key and value. NULL is fine: the record is
 * dropped. */
void early_sender_send(struct early_sender *sender, int32_t partition, struct bytes key,
                       struct bytes value);
/* Takes in delivery reports, without waiting. NULL is fine. */
void early_sender_poll(struct early_sender *sender);

#endif
