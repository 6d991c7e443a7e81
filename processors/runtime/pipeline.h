/* The pipeline: runs the steps of the visitors stage over the records of a batch. The worker and
 * the in-process driver share it. It calls no Kafka.
 *
 *     pipeline_decode   bytes -> event, or a dead letter
 *     pipeline_event    the event() of each step, in order
 *     ...               more records
 *     pipeline_close    the batch() of each step, then the close() of each step for each visitor
 *     pipeline_committed, or pipeline_aborted
 *
 * What a step emits goes to the outlet, if the step's row declares it. Each step's outputs are
 * known, so an emit that is not declared is FATAL.
 *
 * Thread: all calls come from the one that made it. Threads of its own may run close(). */
#ifndef WEFT_RUNTIME_PIPELINE_H
#define WEFT_RUNTIME_PIPELINE_H

#include "processors/runtime/owed_lists.h"
#include "processors/runtime/second_looks.h"
#include "processors/runtime/topology.h"
#include "schemas/codec.h"

struct pipeline;

/* All arguments are borrowed and outlive the pipeline. `source` gives the schemas of Confluent
 * framing (schemas/codec.h) and may be NULL. SKIP: a file in schemas.path, a mapping, or
 * the file of merchandising rules or of experiments can't be used. */
enum verdict pipeline_new(const struct config *config, const struct topology *topology,
                          struct store *store, struct model *model,
                          const struct catalogue *catalogue, struct outlet *outlet,
                          struct schema_source *source, struct pipeline **ret_pipeline,
                          struct error *error);
void pipeline_free(struct pipeline *pipeline); /* NULL is fine */
/* Lists are made by `count` threads side by side, this one among them (list_makers.h). Before the
 * first record and pipeline_search(). FATAL: a thread can't be started. */
enum verdict pipeline_start_makers(struct pipeline *pipeline, int count, struct error *error);
/* Sets the search index of the catalogue; borrowed. Without it there are no lists for searches. */
void pipeline_search(struct pipeline *pipeline, const struct search_index *search);
/* For a driver that must not depend on the clock and never aborts: no second looks, no copies of
 * the ranker. */
void pipeline_ignore_clock(struct pipeline *pipeline);

/* Decodes record->value into record->event and checks the key. An event more than
 * event.ahead.max.ms ahead of record->written_ms takes that as its time; record->ahead_ms says by
 * how much it lay ahead. Beyond event.future.max.ms its time stays, and the step validate refuses
 * it. The clock of this machine plays no part. SKIP: the record ends here, and its fate is set: a
 * dead letter, for the reason in `error`, or dropped by a mapping. RETRY: its schema is not here
 * yet; the record has no fate. Slices hold as long as value and arena. */
enum verdict pipeline_decode(struct pipeline *pipeline, struct record *record, struct arena *arena,
                             struct error *error);

/* Takes a decoded record through the steps. OK: record->fate says what became of it; for
 * FATE_DEAD_LETTER and FATE_LATE `ret_step` names the step, and for FATE_DEAD_LETTER `error` holds
 * the reason. FATAL: the store or a step failed. The fate counts once the batch is committed. */
enum verdict pipeline_event(struct pipeline *pipeline, struct record *record, const char **ret_step,
                            struct error *error);

/* Whether the worker is behind. While it is, pipeline_close() makes lists for a sample of the
 * visitors only, so that the ranker learns on; the others wait (owed_lists.h). */
void pipeline_set_behind(struct pipeline *pipeline, bool behind);
/* When lists that wait are due, by the monotonic clock; INT64_MAX: none waits. */
int64_t pipeline_next_lists_us(const struct pipeline *pipeline);
/* Whether a visitor of any partition waits for lists or for a second look. */
bool pipeline_lists_wait(const struct pipeline *pipeline);
/* Takes up the visitors of a partition that wait, by their rows in the store, as after a crash.
 * FATAL: the store can't be read. */
enum verdict pipeline_find_waiting(struct pipeline *pipeline, struct store *store,
                                   int32_t partition, struct error *error);
/* Forgets the visitors that wait: their partitions may go to another worker. */
void pipeline_forget_waiting(struct pipeline *pipeline);

/* From now on each list also goes to OUTPUT_EARLY, as soon as it is made, unless the worker is
 * behind. OUTPUT_RECOMMENDATIONS gets the last one of each visitor in pipeline_close(), byte by
 * byte the same (early_lists.h). For a worker, before the first record. */
void pipeline_start_early(struct pipeline *pipeline);
/* Within a batch: makes the lists of the visitors that it touched since their last lists. A visitor
 * that nothing touches afterwards keeps them at the end of the batch. FATAL: a step failed. */
enum verdict pipeline_make_early(struct pipeline *pipeline, struct error *error);

/* Ends the batch: makes the lists of the visitors that it touched, of some that waited, and of
 * those whose second look is due (second_looks.h). Reads the files of merchandising rules and of
 * experiments again if they have changed. FATAL: a step failed. */
enum verdict pipeline_close(struct pipeline *pipeline, struct error *error);

/* The outcome of the batch: visitors, ranker and counts keep its changes, or take them back. The
 * batch's arena is empty afterwards. */
void pipeline_committed(struct pipeline *pipeline);
void pipeline_aborted(struct pipeline *pipeline);

/* Parts of the pipeline, which owns them. */
const struct owed_lists *pipeline_owed(const struct pipeline *pipeline);
struct visitor_table *pipeline_visitors(struct pipeline *pipeline);
struct context *pipeline_context(struct pipeline *pipeline);
/* Bytes of memory for the batch at hand. */
size_t pipeline_batch_bytes(const struct pipeline *pipeline);
/* Memory of the shown lists of all makers, and of all their lists that wait for a click. */
size_t pipeline_shown_bytes(const struct pipeline *pipeline);
size_t pipeline_waiting_bytes(const struct pipeline *pipeline);
/* The sums over all committed batches. */
const struct counts *pipeline_counts(const struct pipeline *pipeline);

#endif
