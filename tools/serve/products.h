/* The products of the catalogue as answers have them: a JSON object each, in memory, so that a list
 * is joined with them without a look at the disk.
 *
 * Threads: one writes; any others read between products_lock() and products_unlock(). */
#ifndef WEFT_SERVE_PRODUCTS_H
#define WEFT_SERVE_PRODUCTS_H

#include "schemas/bytes.h"

struct products;

/* A product as readers see it; borrowed until products_unlock(). */
struct product_text {
    struct bytes json;  /* an object */
    struct bytes title; /* as a JSON string, with its quotes */
    bool available;     /* it is not out of stock */
};

struct products *products_new(void);
void products_free(struct products *products);

/* Copies all. Thread: the writer. */
void products_put(struct products *products, struct bytes item_id, const struct product_text *text);
void products_remove(struct products *products, struct bytes item_id);
void products_clear(struct products *products);

void products_lock(struct products *products);
void products_unlock(struct products *products);
/* NULL: the catalogue does not have it. Between lock and unlock. */
const struct product_text *products_find(const struct products *products, struct bytes item_id);
uint32_t products_count(const struct products *products);
/* Bytes of memory. */
size_t products_bytes(const struct products *products);

#endif
