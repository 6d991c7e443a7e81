/* The model's rows on disk, in FAMILY_MODEL; the tables are those of state/model_tables.h.
 *
 *     'm'                    format version(4)
 *     'a'                    sweep_key(8) serial(8) sweep_from(8) sweep_step(4) numbers(4), then
 * the serials of queries(8) and channels(8) 'b' item(4)            state(1) visitor(8) serial(8):
 * items on probation, and evicted ones 'i' item(4)            the item_id 's' item(4) count(8) x 3,
 * recent(8), base(4), last_ms(8)        = 44 bytes 'r' pair row(1) item(4)   total(8) total_one(8)
 * base(4) count(4), then for each entry item(4) last_s(4) weight(8) weight_one(8)           = 24 +
 * 24 n bytes
 *
 * A number without a row 'i' is unused. An evicted item has no 's' and 'r', an item of several
 * visitors no 'b'. A pair row is kind * PAIR_DIRECTIONS + direction. Integers and floats in values
 * are little endian. The other tables are saved and loaded by the files that own them.
 *
 * Thread: the model's writer; other threads have no access while a model is loaded. */
#ifndef WEFT_STATE_MODEL_STORE_H
#define WEFT_STATE_MODEL_STORE_H

#include "state/model.h"
#include "state/store.h"

#define MODEL_FORMAT 4        /* 3: without weights of goals; 2: without the cart ranker's */
#define MODEL_FORMAT_OLDEST 1 /* that is read: without 'a' and 'b' */

/* Adds to the batch what changed since the last call. The batch must be written. */
void model_save(struct model *model, struct store_batch *batch);
/* Reads all rows into an empty model. SKIP: a row makes no sense. FATAL: it has a newer format, or
 * the store can't be read now; its rows may be good. */
enum verdict model_load(struct model *model, struct store *store, struct error *error);
/* The MODEL_FORMAT of the weft that wrote the store's model. SKIP: the store has none, and
 * `ret_format` is 0. Thread: any. */
enum verdict model_stored_format(struct store *store, uint32_t *ret_format, struct error *error);

#endif
