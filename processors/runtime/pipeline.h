/* Runs the steps of the visitors stage over the records of a batch, and those of the model stage
 * over the log. What the worker and the in-process driver have in common; knows no Kafka. */
#ifndef WEFT_RUNTIME_PIPELINE_H
#define WEFT_RUNTIME_PIPELINE_H

#include "processors/runtime/topology.h"
#include "schemas/codec.h"

struct pipeline;

/* Everything given is borrowed and outlives the pipeline. `source` may be NULL (schemas/codec.h).
 * Thread: the one that made it. SKIP: a file in schemas.path can't be used. */
enum verdict pipeline_new(const struct config *config, const struct topology *topology,
                          struct store *store, struct model *model,
                          const struct catalogue *catalogue, struct outlet *outlet,
                          struct schema_source *source, struct pipeline **ret_pipeline,
                          struct error *error);
/* Teaches the codec the schemas of a folder (schemas.path); empty: none. SKIP with the file. */
enum verdict pipeline_learn_schemas(struct codec *codec, const char *folder, struct error *error);
/* The index of the catalogue; borrowed. Without it there are no lists of searches. */
void pipeline_search(struct pipeline *pipeline, const struct search_index *search);
void pipeline_free(struct pipeline *pipeline);

/* Decodes record->value into record->event and checks the key. SKIP: a dead letter, for the reason
 * in `error`; the record's fate is set. Slices hold as long as value and arena. */
enum verdict pipeline_decode(struct pipeline *pipeline, struct record *record, struct arena *arena,
                             struct error *error);

/* Takes a decoded record through the steps. OK: record->fate says what became of it; for
 * FATE_DEAD_LETTER the reason is in `error` and the step in `ret_step`. FATAL else. Fates and
 * counters are added to pipeline_counts(). */
enum verdict pipeline_event(struct pipeline *pipeline, struct record *record, const char **ret_step,
                            struct error *error);

/* Closes the batch: lists of the visitors that it touched, by the shop's rules as their file has
 * them now; with a mistake in it, as it had them before. Visitors whose lists the model could not
 * fill are looked at again in later batches, a few times, at growing distance. */
enum verdict pipeline_close(struct pipeline *pipeline, struct error *error);

/* Second looks go by the clock: a driver that must be deterministic turns them off. */
void pipeline_look_once(struct pipeline *pipeline);
/* Whether a visitor of any partition waits for one. */
bool pipeline_has_looks(const struct pipeline *pipeline);
/* Takes up the waiting visitors of a partition from the store, as after a crash. */
enum verdict pipeline_find_looks(struct pipeline *pipeline, struct store *store, int32_t partition,
                                 struct error *error);
/* Forgets all who wait: their partitions may go to another worker. */
void pipeline_forget_looks(struct pipeline *pipeline);
/* When the next second look is due, by the monotonic clock; INT64_MAX: none waits. */
int64_t pipeline_next_look_us(const struct pipeline *pipeline);

/* The outcome of the batch; counts of an aborted one are taken back. */
void pipeline_committed(struct pipeline *pipeline);
void pipeline_aborted(struct pipeline *pipeline);

struct visitor_table *pipeline_visitors(struct pipeline *pipeline);
struct context *pipeline_context(struct pipeline *pipeline);
const struct counts *pipeline_counts(const struct pipeline *pipeline); /* committed ones */

/* A record of the interactions log: an interaction, or a difference of the ranker's weights. */
struct log_record {
    struct interaction interaction;
    const struct weights *weights; /* NULL: it is an interaction. Holds until the next log_read() */
};

struct log_reader {
    uint64_t interaction_fingerprint, weights_fingerprint;
    struct weights *weights;
};

void log_reader_init(struct log_reader *reader);
void log_reader_release(struct log_reader *reader);
/* Slices point into `bytes`. SKIP: bytes that no writer of this version made. */
enum verdict log_read(struct log_reader *reader, struct bytes bytes, struct log_record *ret_record,
                      struct error *error);

/* Folds one record of the log. Thread: writer of the model, under its write lock. */
void pipeline_fold(const struct topology *topology, struct model *model,
                   const struct log_record *record);

#endif
