/* The catalogue's rows on disk, in FAMILY_CATALOGUE (integers little endian in values, big endian
 * in keys):
 *
 *     'f'             format version
 *     'n' item_id     numbers: price and the like, as drawn in catalogue_store.c
 *     'p' item_id     the rest of the product, the same
 *     'w' word(4)     kind(1) parent(4) text
 *
 * Thread: the catalogue's writer, under the write lock. */
#ifndef WEFT_STATE_CATALOGUE_STORE_H
#define WEFT_STATE_CATALOGUE_STORE_H

#include "state/catalogue.h"
#include "state/store.h"

#define CATALOGUE_FORMAT 1

/* Puts what changed since the last time into the batch. */
void catalogue_save(struct catalogue *catalogue, struct store_batch *batch);
/* Reads all rows into an empty catalogue. FATAL: damaged, or of a newer format. */
enum verdict catalogue_load(struct catalogue *catalogue, struct store *store, struct error *error);

/* ---- what catalogue_store.c needs of catalogue.c ---- */

/* Takes the product's data over: id, words and texts as product_words() finds them. */
uint32_t catalogue_add_stored(struct catalogue *catalogue, const struct product *product);
/* False: the word's number or text is taken. */
bool catalogue_add_stored_word(struct catalogue *catalogue, uint32_t number, enum word_kind kind,
                               uint32_t parent, struct bytes text);
/* Once all words are there. False: a parent is missing, of a wrong kind, or the paths run in a
 * circle. */
bool catalogue_link_words(struct catalogue *catalogue);
/* Once all rows are there: works out what is summed over products, and numbers of words that nobody
 * has can be used again. */
void catalogue_end_loading(struct catalogue *catalogue);
#define PRODUCT_DIRTY_NUMBERS 1
#define PRODUCT_DIRTY_CONTENT 2

#endif
