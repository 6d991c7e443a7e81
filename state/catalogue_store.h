/* The catalogue's rows on disk, in FAMILY_CATALOGUE. The first byte of a key names the table:
 *
 *     'f'             format version(4)
 *     'w' word(4)     kind(1) parent(4) text
 *     'p' item_id     content(8) starts(2) x 8, title_size(2), image_size(2), then words(4), title,
 *                     image
 *     'n' item_id     price(4) original_price(4) rating(4) rating_count(4) like_count(4)
 *                     availability(1)
 *
 * Integers and floats are little endian in values, integers big endian in keys. A gone product and
 * a free word have no row.
 *
 * Thread: the catalogue's writer, under the write lock. */
#ifndef WEFT_STATE_CATALOGUE_STORE_H
#define WEFT_STATE_CATALOGUE_STORE_H

#include "state/catalogue.h"
#include "state/store.h"

#define CATALOGUE_FORMAT 1

/* Adds to the batch what changed since the last call. The batch must be written. */
void catalogue_save(struct catalogue *catalogue, struct store_batch *batch);
/* Reads all rows into an empty catalogue. SKIP: a row makes no sense. FATAL: it has a newer format,
 * or the store can't be read now; its rows may be good. */
enum verdict catalogue_load(struct catalogue *catalogue, struct store *store, struct error *error);

#endif
