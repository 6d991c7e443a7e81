/* Candidates: what the generators propose for one query, with the evidence that the ranker's
 * features are made of, and the table of generators. */
#ifndef WEFT_CANDIDATES_CANDIDATES_H
#define WEFT_CANDIDATES_CANDIDATES_H

#include "state/catalogue.h"
#include "state/model.h"
#include "state/visitor.h"

#include <math.h>

#define RECENT_MAX 20       /* activities that a query looks back */
#define CANDIDATES_MAX 1536 /* more than the generators' own bounds add up to */
#define RANKED_MAX 128      /* what is left of them for the ranker */

/* In place of an item of the model: a product of the catalogue that the model does not know, since
 * nobody has clicked on it yet. ITEM_NONE is none. */
#define ITEM_PRODUCT 0x80000000u
static inline bool item_is_product(uint32_t item)
{
    return (item & ITEM_PRODUCT) && item != ITEM_NONE;
}

struct content_similarity;  /* content_similarity.h */
struct category_popularity; /* category_popularity.h */

/* For reading sums of forward decay (state/model.h) as counts at a time. */
struct decay_now {
    int32_t k;      /* the half-life that the time lies in */
    float fraction; /* 2^-(how far into it) / 2^10 */
};

static inline float decay_count(struct decay_now now, double sum, int32_t base)
{
    return (float)(ldexp(sum, base - now.k) * (double)now.fraction);
}

/* What is asked: the visitor's last activities with items that the model knows, newest first. */
struct query {
    const struct model *model;
    uint64_t visitor;    /* hash of the key */
    struct bytes tastes; /* the visitor's packed preferences, borrowed; absent: none */
    const struct catalogue *catalogue;               /* NULL: nothing is known of products */
    struct content_similarity *similar;              /* the thread's; set once, NULL: none */
    struct category_popularity *category_popularity; /* the same */
    struct item_products *products;                  /* the same: which product each item is */
    uint32_t sequence[RECENT_MAX];                   /* items, with repeats */
    uint8_t kinds[RECENT_MAX];                       /* enum kind */
    float prices[RECENT_MAX];                        /* NaN: not known */
    uint32_t length;
    uint32_t session_length;       /* how many of them are of the last session */
    uint32_t recent[RECENT_MAX];   /* the same items, each once */
    uint32_t distance[RECENT_MAX]; /* how many activities ago, the last one 1 */
    uint32_t recent_count;
    int64_t time_ms;                         /* of the last activity; 0: none */
    struct decay_now pairs_now, popular_now; /* what decayed sums are worth then, or at the model's
                                              * newest activity if that is earlier */
    bool has_session;                        /* there is an h */
    _Alignas(32) float session[VECTOR_SIZE]; /* the encoder's h */
    bool unknown;                            /* the model does not know all of them yet */
};

/* A pause longer than `gap_ms` ends a session. */
void query_init(struct query *query, const struct model *model, const struct catalogue *catalogue,
                const struct visitor *visitor, int64_t gap_ms);
/* Puts an item first, as if it had just been looked at. */
void query_focus(struct query *query, uint32_t item);

/* The product of an item (or of ITEM_PRODUCT | product); PRODUCT_NONE: the catalogue has none. */
uint32_t query_product(const struct query *query, uint32_t item);

/* The other way round: the item of a product, or ITEM_PRODUCT | product where nobody clicked on it.
 */
uint32_t query_item(const struct query *query, uint32_t product);

/* The item_id of an item or product. */
struct bytes query_item_id(const struct query *query, uint32_t item);

/* Evidence for one item; what no generator gave is 0. Shares `p` are of a row's whole weight, ranks
 * count from 1. */
struct candidate {
    uint32_t item;            /* or ITEM_PRODUCT | product */
    uint32_t generators;      /* which proposed it, a bit each */
    float weight;             /* what stage one ranks by: the generators' weights, summed */
    uint16_t distance, times; /* repeats: how long ago, how often */
    uint16_t forward_rank, backward_rank;
    float forward, forward_one;    /* p, and p of the pairs at gap one */
    float forward_weight;          /* decayed, in pairs at gap one */
    uint32_t forward_last_s;       /* time of the newest such pair */
    float backward;                /* p */
    float previous, previous_back; /* sum of .7^j p over the items before the last */
    float previous_most;           /* the largest of these */
    uint32_t previous_cause;       /* the item that gave it */
    float pair, pair_share;        /* sessions that went on so after the last two items */
    uint16_t pair_rank, popular_rank;
    uint16_t together_rank[PAIR_KINDS]; /* in the rows of carts and of purchases */
    float together[PAIR_KINDS];         /* p */
    float similar;                      /* sum of similarity / distance */
    float similar_most;
    uint32_t content_similarity_cause;
    float hop;              /* sum of p p' over two steps */
    float vector;           /* h . n(u) */
    float near, near_after; /* session neighbours: shares of all, and of what follows */
    float near_of_most;
    uint16_t near_rank, near_after_rank;
    uint16_t category_rank; /* among what is popular in its category */
};

/* Which product of the catalogue each item of the model is, and the other way round: looked up
 * once, for one thread, which always asks with the same model and catalogue. Neither ever gives one
 * of its own another number, so what came since the last query is looked up at the next, up to a
 * bound. */
struct item_products {
    uint32_t *at; /* by item, product + 1; 0: not looked up, or none when last looked */
    uint32_t capacity;
    uint32_t *items; /* by product, item + 1; 0: none of the items that were seen */
    uint32_t items_capacity;
    uint32_t items_seen, products_seen; /* those before are looked up */
};
void item_products_release(struct item_products *products);

/* Working memory of one thread. */
struct candidates {
    struct candidate *at; /* CANDIDATES_MAX of them */
    uint32_t count;
    struct proposed {
        struct proposal {
            uint32_t round; /* in which it was proposed */
            uint32_t place; /* where it stands in `at` */
        } *at;              /* by number */
        uint32_t capacity;
    } items, products;
    uint64_t *keys; /* of stage one */
    uint32_t round;
};

void candidates_init(struct candidates *candidates);
void candidates_release(struct candidates *candidates);
/* Empty, for a model of so many items and a catalogue of so many products. */
void candidates_clear(struct candidates *candidates, uint32_t item_count, uint32_t product_count);

/* The item's candidate, made if it is new, marked as proposed by the generator. NULL past
 * CANDIDATES_MAX. */
struct candidate *candidates_propose(struct candidates *candidates, uint32_t item, int generator);
/* The item's candidate if some generator proposed it before, else NULL. */
struct candidate *candidates_find(const struct candidates *candidates, uint32_t item);

/* Stage one: sums the generators' weights and keeps the `keep` best, in no order. Ties go to the
 * item that the log named first. */
void candidates_prune(struct candidates *candidates, uint32_t keep);

struct generator {
    const char *name;   /* for settings, tools and reports */
    const char *reason; /* as readers of the lists see it */
    void (*generate)(const struct query *query, struct candidates *candidates, int generator);
    /* Its part of a candidate's weight in stage one. */
    float (*weight)(const struct candidate *candidate);
    /* The item of the visitor's history that made it propose the candidate; ITEM_NONE: none. */
    uint32_t (*cause)(const struct query *query, const struct candidate *candidate);
    bool seen_only; /* it proposes only items that the visitor has already seen */
};

/* All generators; the index is the `generator` of the calls above. They run in this order; adding
 * one is one file and one row in candidates.c. */
extern const struct generator generators[];
extern const int generator_count;
/* -1: there is none of this name. */
int generator_find(struct bytes name);
/* The bits (1 << index) of the generators that propose only items which the visitor has seen. */
uint32_t generators_seen_only(void);

/* Runs all generators but those whose bit is in `off`, then stage one. */
void candidates_generate(struct candidates *candidates, const struct query *query, uint64_t off,
                         uint32_t keep);

/* A key that orders as (x, then the smaller number first) does; x is not negative. */
static inline uint64_t key_make(float x, uint32_t number)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint64_t)bits << 32 | (uint32_t)~number;
}

/* The k-th largest (k from 1) of n different keys, by Hoare's selection (1961); reorders them. */
uint64_t key_select(uint64_t *keys, uint32_t n, uint32_t k);

/* A usual cause: the item looked at last. */
uint32_t cause_last(const struct query *query, const struct candidate *candidate);
uint32_t cause_none(const struct query *query, const struct candidate *candidate);

#endif
