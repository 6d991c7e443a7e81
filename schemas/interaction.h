/* A record of the interactions log: one accepted activity with its neighbours (interaction.avsc).
 * The model is a fold of these records. Thread: any. */
#ifndef WEFT_SCHEMAS_INTERACTION_H
#define WEFT_SCHEMAS_INTERACTION_H

#include "schemas/bytes.h"
#include "schemas/error.h"

/* Kinds of activities. The numbers are on disk and in the log: only append. */
enum kind {
    KIND_VIEW,
    KIND_SEARCH,
    KIND_CART, /* put into the cart */
    KIND_PURCHASE,
    KIND_CART_REMOVE,
    KIND_CART_UPDATE,
    KIND_CART_CLEAR,
    KIND_REFUND,
    KINDS,
};

extern const char *const kind_names[KINDS];

/* The effect of a record on the counts of its activity. */
enum interaction_change {
    CHANGE_ACTIVITY,      /* it is new */
    CHANGE_TAKEN_BACK,    /* it no longer counts: taken out of the cart, or sent back */
    CHANGE_COUNTED_AGAIN, /* a late event shows that it does count */
    CHANGES,
};

#define CHANNEL_BYTES_MAX 32 /* a channel's name; a longer one counts as unknown */
#define NEIGHBOURS_MAX 8     /* items up to 8 activities apart make a pair */

struct neighbour {
    struct bytes item_id;
    int64_t event_time_ms; /* only in `after` */
};

struct interaction {
    struct bytes event_id; /* empty: no activity, only a late event that joined two sessions. With
                            * another change: of the event that is the cause */
    uint32_t position;     /* the item's place in its event; of a change its number, from 0 */
    enum kind kind;
    struct bytes subject; /* item_id or search term; empty: none */
    int64_t event_time_ms;
    float price;              /* NaN: not known */
    uint64_t visitor;         /* hash of the visitor's key; 0: not known */
    struct bytes search_term; /* the search before it, normalised; absent: none */
    struct bytes channel;     /* the event's, normalised; absent: not known */
    enum interaction_change change;
    bool joined; /* before[0] and after[0] were in one session already */
    uint32_t before_count;
    uint32_t after_count;
    struct neighbour before[NEIGHBOURS_MAX]; /* nearest first */
    struct neighbour after[NEIGHBOURS_MAX];  /* nearest first */
};

/* Appends the record in single-object encoding. */
void interaction_write(const struct interaction *interaction, uint64_t fingerprint,
                       struct buffer *buffer);

/* Fingerprints of older formats: before the field change, before channel, before search_term, and
 * before visitor. They are read as well, because a log may be folded again from its beginning. */
#define INTERACTION_WITHOUT_CHANGE 0xfebf2dbcafcb78c0ull
#define INTERACTION_WITHOUT_CHANNEL 0x25f22f7a9f75735full
#define INTERACTION_WITHOUT_TERM 0x32b884068ca684faull
#define INTERACTION_WITHOUT_VISITOR 0x2247aaa0ada4ce38ull

/* Slices point into `record`. SKIP: the bytes are no record of a known format. */
enum verdict interaction_read(struct bytes record, uint64_t fingerprint,
                              struct interaction *ret_interaction, struct error *error);

#endif
