/* The interactions log: what its records are, and how the model folds them. Calls no Kafka: readers
 * bring the bytes. */
#ifndef WEFT_RUNTIME_INTERACTIONS_LOG_H
#define WEFT_RUNTIME_INTERACTIONS_LOG_H

#include "processors/runtime/topology.h"
#include "schemas/interaction.h"
#include "state/weights.h"

/* A record of the log: an interaction, or a difference of the ranker's weights. */
struct log_record {
    struct interaction interaction;
    const struct weights *weights; /* NULL: it is an interaction. The reader's, until its next
                                    * log_read() */
};

/* Reads records. Thread: one at a time. */
struct log_reader {
    uint64_t interaction_fingerprint, weights_fingerprint;
    struct weights *weights;
};

void log_reader_init(struct log_reader *reader);
void log_reader_release(struct log_reader *reader);
/* The strings of `ret_record` point into `bytes`. SKIP: no writer of this version made the bytes.
 */
enum verdict log_read(struct log_reader *reader, struct bytes bytes, struct log_record *ret_record,
                      struct error *error);

/* Folds one record: each step of the model stage takes the interaction, or the model merges the
 * weights. Thread: writer of the model, under its write lock. */
void log_fold(const struct topology *topology, struct model *model,
              const struct log_record *record);

#endif
