/* The lists of one item, for everybody (item_lists.avsc): what a page, a newsletter or a partner
 * shows beside it without knowing the visitor. The record's key is the item_id. Everything that it
 * points to is borrowed. Thread: any. */
#ifndef WEFT_SCHEMAS_ITEM_LISTS_H
#define WEFT_SCHEMAS_ITEM_LISTS_H

#include "schemas/avro_binary.h"

#define ITEM_LIST_ITEMS_MAX 100

enum item_list_kind {
    ITEM_LIST_SIMILAR,         /* products like it, by their words */
    ITEM_LIST_NEAREST,         /* items near it, by the item vectors */
    ITEM_LIST_VIEWED_NEXT,     /* items that visitors viewed after it */
    ITEM_LIST_GOES_WITH,       /* other categories' items in carts and orders with it */
    ITEM_LIST_BOUGHT_TOGETHER, /* items in orders with it */
    ITEM_LIST_KINDS,
};
extern const char *const item_list_names[ITEM_LIST_KINDS];

struct listed_item {
    struct bytes item_id;
    double score; /* comparable within its list only */
    const char *reason;
};

struct item_list {
    struct listed_item items[ITEM_LIST_ITEMS_MAX]; /* best first, distinct */
    uint32_t count;                                /* 0: the record leaves the list out */
};

struct item_lists {
    struct bytes item_id;
    int64_t offset; /* in the interactions log: the lists follow from the records before it */
    int64_t event_time_ms;
    uint64_t catalogue; /* digest of the catalogue that they follow from */
    uint64_t rules;     /* digest of the merchandising rules; 0: there are none */
    struct item_list lists[ITEM_LIST_KINDS];
};

/* Append the record: one line of JSON without its end, or Avro behind a frame of
 * output_schemas.h. */
void item_lists_write_json(const struct item_lists *lists, struct buffer *buffer);
void item_lists_write_avro(const struct item_lists *lists, const struct avro_frame *frame,
                           struct buffer *buffer);

/* A hash of the lists' items, their order and reasons. The scores do not count, since most of them
 * change a little with every click. */
uint64_t item_lists_version(const struct item_lists *lists);

#endif
