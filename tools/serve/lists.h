/* The lists of a visitor as `weft serve` answers them: those of the visitor's record, and where
 * there is none for a placement, lists for everybody, marked as such. Thread: any. */
#ifndef WEFT_SERVE_LISTS_H
#define WEFT_SERVE_LISTS_H

#include "processors/recommend/lists/placements.h"
#include "state/store.h"
#include "tools/serve/products.h"

/* All is borrowed. */
struct lists_source {
    struct store *store;
    struct products *products;
    const struct placements *placements;
    int64_t early_retention_ms; /* 0: there are no early lists */
};

struct lists_request {
    struct bytes visitor;
    struct bytes placement; /* absent: all */
    struct bytes context;   /* of the list: an item, a search term or a category; absent: any */
    struct bytes scope[2];  /* category and brand, for visitors without lists; absent: none */
    uint32_t limit;         /* items of each list */
};

/* Appends the answer, one line of JSON. `ret_id`: gets the record's recommendation_id, or "0";
 * NULL: nobody asks. FATAL: the store can't be read. */
enum verdict lists_write(const struct lists_source *source, const struct lists_request *request,
                         struct buffer *json, struct buffer *ret_id, struct error *error);

/* Appends a ranking's answer. SKIP: there is no such ranking. `key`: schemas/ranking.h. */
enum verdict lists_write_ranking(const struct lists_source *source, struct bytes key,
                                 uint32_t limit, struct buffer *json, struct error *error);

/* Appends the answer for the lists of an item. SKIP: nobody knows the item. */
enum verdict lists_write_item(const struct lists_source *source, struct bytes item_id,
                              uint32_t limit, struct buffer *json, struct error *error);

#endif
