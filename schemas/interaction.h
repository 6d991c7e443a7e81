/* A record of the interactions log: one accepted activity with its neighbours (interaction.avsc).
 * The model is a fold of these. */
#ifndef WEFT_SCHEMAS_INTERACTION_H
#define WEFT_SCHEMAS_INTERACTION_H

#include "schemas/bytes.h"
#include "schemas/error.h"

/* What a visitor did with an item. The numbers are on disk and in the log: append only. */
enum kind {
    KIND_VIEW,
    KIND_SEARCH,
    KIND_CART, /* put in */
    KIND_PURCHASE,
    KIND_CART_REMOVE,
    KIND_CART_UPDATE,
    KIND_CART_CLEAR,
    KIND_REFUND,
    KINDS,
};

extern const char *const kind_names[KINDS];

#define CHANNEL_BYTES_MAX 32 /* of a channel's name; a longer one counts as not known */
#define NEIGHBOURS_MAX 8     /* gaps of up to 8 clicks count as seen together */

struct neighbour {
    struct bytes item_id;
    int64_t event_time_ms; /* only of those that follow */
};

struct interaction {
    struct bytes event_id; /* empty: a joint, which carries no activity of its own */
    uint32_t position;     /* of the item in its event */
    enum kind kind;
    struct bytes subject; /* item_id or search term; empty: none */
    int64_t event_time_ms;
    float price;              /* NaN: not known */
    uint64_t visitor;         /* hash of the visitor's key; 0: not known */
    struct bytes search_term; /* normalised, of the search that it followed; absent: none */
    struct bytes channel;     /* normalised, that the event came by; absent: not known */
    bool joined;              /* before[0] and after[0] were already in one session */
    uint32_t before_count;
    uint32_t after_count;
    struct neighbour before[NEIGHBOURS_MAX]; /* nearest first */
    struct neighbour after[NEIGHBOURS_MAX];  /* nearest first */
};

/* Appends the record in single-object encoding. */
void interaction_write(const struct interaction *interaction, uint64_t fingerprint,
                       struct buffer *buffer);

/* Fingerprints of records from before there was a channel, before there was a search_term, and
 * before there was a visitor, which are read as well: a log is folded again from its beginning. */
#define INTERACTION_WITHOUT_CHANNEL 0x25f22f7a9f75735full
#define INTERACTION_WITHOUT_TERM 0x32b884068ca684faull
#define INTERACTION_WITHOUT_VISITOR 0x2247aaa0ada4ce38ull

/* Slices point into `record`. SKIP for bytes that no writer made. */
enum verdict interaction_read(struct bytes record, uint64_t fingerprint,
                              struct interaction *ret_interaction, struct error *error);

#endif
