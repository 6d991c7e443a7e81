/* Candidates: the items that the generators propose for one query, each once, with the evidence
 * that each generator found for it. The ranker's features are made of this evidence.
 *
 * Knows nothing of the generators themselves (generators.h) nor of the query.
 *
 * Thread: one. */
#ifndef WEFT_CANDIDATES_CANDIDATES_H
#define WEFT_CANDIDATES_CANDIDATES_H

#include "processors/recommend/candidates/item_products.h"

#define CANDIDATES_MAX 1536 /* more than the generators' own bounds add up to */
#define RANKED_MAX 128      /* candidates that the ranker may see */

/* Evidence for one item. A field is 0 when its generator did not propose the item. A share p is a
 * part of a row's whole weight; ranks count from 1. */
struct candidate {
    uint32_t item;            /* or ITEM_PRODUCT | product */
    uint32_t generators;      /* which proposed it: bit 1 << index in generators[] */
    float weight;             /* sum of the generators' weights */
    uint16_t distance, times; /* repeats: how long ago, how often */
    uint16_t forward_rank, backward_rank;
    float forward, forward_one;    /* p, and p of the pairs at gap one */
    float forward_weight;          /* decayed, in pairs at gap one */
    uint32_t forward_last_s;       /* time of the newest such pair, seconds since 1970 */
    float backward;                /* p */
    float previous, previous_back; /* sum of .7^j p over the items before the last */
    float previous_most;           /* the largest of these */
    uint32_t previous_cause;       /* the item that gave it */
    float pair, pair_share;        /* sessions that went on so after the last two items */
    uint16_t pair_rank, popular_rank;
    uint16_t together_rank[PAIR_KINDS]; /* in the rows of carts and of purchases */
    float together[PAIR_KINDS];         /* p */
    float similar;                      /* content similarity: sum of similarity / distance */
    float similar_most;                 /* the largest of these */
    uint32_t content_similarity_cause;  /* the item that gave it */
    float hop;                          /* two-hop: sum of p p' over two steps */
    float vector;                       /* h . n(u) of session_encoder.h */
    float near, near_after; /* session kNN: shares of the sums over all items, and what follows */
    float near_of_most;     /* near, divided by the largest near */
    uint16_t near_rank, near_after_rank;
    uint16_t category_rank; /* category popularity */
};

/* The pool of one thread's candidates, reused from query to query. Owns its arrays.
 *
 *     items.at[item]        { round, place } --+      round: of the query that proposed it
 *     products.at[product]  { round, place } --+
 *                                              v
 *     at[]                  candidate  candidate  candidate ...  (count of them) */
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
    uint64_t *keys; /* scratch of candidates_prune() */
    uint32_t round;
};

void candidates_init(struct candidates *candidates);
void candidates_release(struct candidates *candidates);
/* Empties the pool, and makes room for a model and a catalogue of so many entries. */
void candidates_clear(struct candidates *candidates, uint32_t item_count, uint32_t product_count);

/* The item's candidate, made if it is new, marked as proposed by the generator. NULL past
 * CANDIDATES_MAX. Holds until candidates_prune(). */
struct candidate *candidates_propose(struct candidates *candidates, uint32_t item, int generator);
/* The item's candidate if a generator proposed it before, else NULL. */
struct candidate *candidates_find(const struct candidates *candidates, uint32_t item);

/* Keeps the `length` candidates with the largest weights, in no order. The smaller number wins
 * among equal weights: the item that the log named first. */
void candidates_prune(struct candidates *candidates, uint32_t length);

#endif
