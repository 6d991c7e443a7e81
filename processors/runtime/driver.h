/* The in-process driver: runs the whole topology synchronously, without Kafka, on the memory store.
 * Each record is a batch of its own, and the model folds it before the next record comes. It is
 * deterministic: the same records give the same bytes. Backtests, step tests and recounts run on
 * it. Thread: all calls come from the one that made it. */
#ifndef WEFT_RUNTIME_DRIVER_H
#define WEFT_RUNTIME_DRIVER_H

#include "processors/runtime/pipeline.h"

struct driver;

/* Receives the outputs of the steps. Key and value hold during the call. */
struct driver_sink {
    void (*written)(struct driver_sink *sink, enum output output, struct bytes key,
                    struct bytes value);
};

/* Copies `config`. `sink` and `source` (the schemas of Confluent framing, schemas/codec.h) are
 * borrowed and may be NULL. `lists`: whether each record makes lists. SKIP or FATAL as
 * pipeline_new() and topology_build() say. The caller frees it; NULL is fine there. */
enum verdict driver_new(const struct config *config, bool lists, struct driver_sink *sink,
                        struct schema_source *source, struct driver **ret_driver,
                        struct error *error);
void driver_free(struct driver *driver);

/* Takes one record as it is on the wire. OK: `ret_fate` is its outcome, and for a dead letter
 * `error` holds the reason. RETRY: `source` does not have its schema yet. FATAL: a step failed, or
 * emitted to an output that its row does not declare. */
enum verdict driver_record(struct driver *driver, enum event_type type, struct bytes key,
                           struct bytes value, enum fate *ret_fate, struct error *error);
/* The same for an event that is decoded already. */
enum verdict driver_event(struct driver *driver, const struct event *event, enum fate *ret_fate,
                          struct error *error);

/* Adds or changes a product, from a checked event of type EVENT_PRODUCT; or deletes one. */
enum catalogue_change driver_product(struct driver *driver, const struct event *product);
enum catalogue_change driver_product_gone(struct driver *driver, struct bytes item_id);

/* The wall clock from now on: records of lists carry it, and nothing else depends on it. 0: the
 * time of each event, as at the start. */
void driver_wall_clock(struct driver *driver, int64_t now_ms);

/* Events of any time are processed: files without times begin at 0. */
void driver_any_time(struct driver *driver);

/* The Kafka timestamp of all records from now on; 0, as at the start: they have none, so no event
 * lies ahead of its record. */
void driver_written(struct driver *driver, int64_t written_ms);

/* Off: the model does not change any more (`weft backtest --freeze`). */
void driver_learning(struct driver *driver, bool on);
/* Off: the ranker does not learn any more. */
void driver_ranking(struct driver *driver, bool on);
/* Folds an interaction that the caller made or held back; other bytes are ignored. */
void driver_fold(struct driver *driver, struct bytes interaction);

/* The visitor's state, until the next record; NULL: there is none. */
struct visitor *driver_visitor(struct driver *driver, struct bytes key);
/* The driver's own, until driver_free(). */
struct model *driver_model(struct driver *driver);
struct catalogue *driver_catalogue(struct driver *driver);
struct recommender *driver_recommender(struct driver *driver);
struct store *driver_store(struct driver *driver); /* driver_save() first, for the model's rows */
/* The average memory of a visitor's object, in bytes. */
double driver_visitor_bytes(struct driver *driver);
const struct counts *driver_counts(const struct driver *driver);
/* Writes the changed rows of the model and the catalogue to the store. */
enum verdict driver_save(struct driver *driver, struct error *error);

#endif
