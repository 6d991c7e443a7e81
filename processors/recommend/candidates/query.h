/* The query: what the candidate generators look for. It holds the visitor's newest activities with
 * items that the model knows, and the tables that generators look them up in.
 *
 *     activities    ... view a   cart b   view a   [pause]   view c   view a      (oldest first)
 *     sequence[]    a  c  a  b  a                newest first, with repeats
 *     recent[]      a  c  b                      the same items, each once
 *     distance[]    1  2  4                      how many activities ago
 *     session_length = 2                         activities since the last pause
 *     earlier[]                                  items of older activities, newest first, each once
 *
 * Thread: one; holds the read locks of the model and, if there is one, of the catalogue. */
#ifndef WEFT_CANDIDATES_QUERY_H
#define WEFT_CANDIDATES_QUERY_H

#include "processors/recommend/candidates/item_products.h"
#include "state/catalogue.h"
#include "state/model.h"
#include "state/visitor.h"

#include <math.h>

#define RECENT_MAX 20  /* activities that a query looks back */
#define EARLIER_MAX 64 /* items of older activities */

struct content_similarity;  /* content_similarity.h */
struct category_popularity; /* category_popularity.h */

/* Reads sums of forward decay (state/model.h) as counts at one time. */
struct decay_now {
    int32_t k;      /* the half-life that the time lies in */
    float fraction; /* 2^-(how far into it) / 2^10 */
};

static inline float decay_count(struct decay_now now, double sum, int32_t base)
{
    return (float)(decay_shift(sum, base - now.k) * (double)now.fraction);
}

/* An item of the visitor's activities before the last RECENT_MAX. */
struct earlier_item {
    uint32_t item;
    uint16_t distance; /* how many activities ago the newest of them is */
    uint16_t times;    /* how many of them there are */
};

struct query {
    const struct model *model;
    uint64_t visitor;    /* hash of the visitor's key */
    struct bytes tastes; /* the visitor's packed preferences, borrowed; absent: none */
    const struct catalogue *catalogue; /* NULL: nothing is known of products */
    /* The thread's own tables. Their owner sets them once, before the first query_init(). */
    struct content_similarity *content_similarity;   /* NULL: the generator proposes nothing */
    struct category_popularity *category_popularity; /* NULL: the same */
    struct item_products *products;                  /* NULL: nothing is remembered */
    uint32_t sequence[RECENT_MAX];
    uint8_t kinds[RECENT_MAX]; /* of `sequence`: enum kind */
    float prices[RECENT_MAX];  /* of `sequence`; NaN: not known */
    uint32_t length;
    uint32_t session_length; /* how many of `sequence` belong to the last session */
    uint32_t recent[RECENT_MAX];
    uint32_t distance[RECENT_MAX]; /* of `recent`; the newest activity has 1 */
    uint32_t recent_count;
    struct earlier_item earlier[EARLIER_MAX]; /* some of them may be in `recent`, too */
    uint32_t earlier_count;
    int64_t time_ms; /* of the newest activity; 0: none */
    /* Decayed sums are read as of time_ms, or of the model's newest activity if that is earlier. */
    struct decay_now pairs_now, popular_now;
    bool has_session;                        /* `session` is set */
    _Alignas(32) float session[VECTOR_SIZE]; /* h of session_encoder.h */
    bool unknown;                            /* the model lacks an item of the visitor */
};

/* Fills the query from the visitor's activities. A pause longer than `gap_ms` ends a session.
 * Borrows all arguments until the next call. */
void query_init(struct query *query, const struct model *model, const struct catalogue *catalogue,
                const struct visitor *visitor, int64_t gap_ms);

/* Puts an item first, as if the visitor had just viewed it. */
void query_focus(struct query *query, uint32_t item);

/* See item_products.h. An item may be ITEM_PRODUCT | product in all three. */
uint32_t query_product(const struct query *query, uint32_t item);
uint32_t query_item(const struct query *query, uint32_t product);
/* The item_id; points into the model or the catalogue. */
struct bytes query_item_id(const struct query *query, uint32_t item);

#endif
