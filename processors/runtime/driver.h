/* The in-process driver: the whole topology in one process, synchronously, without Kafka, on the
 * memory store. Each record is a batch of its own, and the model has folded it before the next one
 * comes. Deterministic: the same records give the same bytes. Backtests, step tests and recounts
 * run on it. Thread: the one that made it. */
#ifndef WEFT_RUNTIME_DRIVER_H
#define WEFT_RUNTIME_DRIVER_H

#include "processors/runtime/pipeline.h"

struct driver;

/* Receives what the topology writes; slices hold during the call. */
struct driver_sink {
    void (*written)(struct driver_sink *sink, enum output output, struct bytes key,
                    struct bytes value);
};

/* `sink` and `source` (of Confluent framing's schemas, schemas/codec.h) may be NULL and outlive the
 * driver. `lists`: whether lists are made at each record. */
enum verdict driver_new(const struct config *config, bool lists, struct driver_sink *sink,
                        struct schema_source *source, struct driver **ret_driver,
                        struct error *error);
void driver_free(struct driver *driver);

/* One record as it is on the wire. OK: `ret_fate` says what became of it, and for a dead letter
 * `error` holds the reason. */
enum verdict driver_record(struct driver *driver, enum event_type type, struct bytes key,
                           struct bytes value, enum fate *ret_fate, struct error *error);
/* The same for an event that is decoded already. */
enum verdict driver_event(struct driver *driver, const struct event *event, enum fate *ret_fate,
                          struct error *error);

/* What the shop says of a product from now on; of type EVENT_PRODUCT and checked. */
enum catalogue_change driver_product(struct driver *driver, const struct event *product);
enum catalogue_change driver_product_gone(struct driver *driver, struct bytes item_id);

/* While this is off the model does not change (`weft backtest --freeze`). */
void driver_learning(struct driver *driver, bool on);
/* While this is off the ranker does not learn. */
void driver_ranking(struct driver *driver, bool on);
/* Folds an interaction that the caller made or held back. */
void driver_fold(struct driver *driver, struct bytes interaction);

/* The visitor as remembered now; NULL: never seen. Holds until the next record. */
struct visitor *driver_visitor(struct driver *driver, struct bytes key);
struct model *driver_model(struct driver *driver);
struct catalogue *driver_catalogue(struct driver *driver);
struct recommender *driver_recommender(struct driver *driver);
struct store *driver_store(struct driver *driver); /* driver_save() first, for the model's rows */
/* Average memory of a visitor's object, bytes. */
double driver_visitor_bytes(struct driver *driver);
const struct counts *driver_counts(const struct driver *driver);
enum verdict driver_save(struct driver *driver, struct error *error);

#endif
