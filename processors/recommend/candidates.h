/* Candidates: what generators propose for one query, and the table of generators. */
#ifndef WEFT_RECOMMEND_CANDIDATES_H
#define WEFT_RECOMMEND_CANDIDATES_H

#include "state/catalogue.h"
#include "state/model.h"
#include "state/visitors.h"

#define RECENT_MAX 20     /* activities that a query looks back */
#define GENERATORS_MAX 8
#define CANDIDATES_MAX 1024 /* more than the generators' own bounds add up to */

/* In place of an item of the model: a product of the catalogue that the model does not know, since
 * nobody has clicked on it yet. ITEM_NONE is none. */
#define ITEM_PRODUCT 0x80000000u
static inline bool item_is_product(uint32_t item)
{
    return (item & ITEM_PRODUCT) && item != ITEM_NONE;
}

struct similar; /* similar.h */

/* What is asked: the visitor's last items, newest first, each once. */
struct query {
    const struct model *model;
    const struct catalogue *catalogue; /* NULL: nothing is known of products */
    struct similar *similar; /* the thread's; set once, NULL: none */
    uint32_t recent[RECENT_MAX];
    uint32_t distance[RECENT_MAX]; /* how many activities ago, the last one 1 */
    uint32_t recent_count;
    bool unknown; /* the model does not know all of them yet */
};

/* Items of views, carts and purchases of the visitor that the model knows. */
void query_init(struct query *query, const struct model *model, const struct catalogue *catalogue,
                const struct visitor *visitor);
/* Puts an item first, as if it had just been looked at. */
void query_focus(struct query *query, uint32_t item);

/* The item_id of an item or product. */
struct bytes query_item_id(const struct query *query, uint32_t item);

struct candidate {
    uint32_t item; /* or ITEM_PRODUCT | product */
    float parts[GENERATORS_MAX];     /* what each generator gives; 0: nothing */
    uint32_t causes[GENERATORS_MAX]; /* the item that weighed most in it; ITEM_NONE: none */
    float largest[GENERATORS_MAX];   /* how much that item weighed */
};

/* Working memory of one thread. */
struct candidates {
    struct candidate *at; /* CANDIDATES_MAX of them */
    uint32_t count;
    struct proposed {
        uint32_t *stamps; /* by number: the round in which it was proposed */
        uint32_t *places; /* by number: where it stands in `at` */
        uint32_t capacity;
    } items, products;
    uint32_t round;
};

void candidates_init(struct candidates *candidates);
void candidates_release(struct candidates *candidates);
/* Empty, for a model of so many items and a catalogue of so many products. */
void candidates_clear(struct candidates *candidates, uint32_t item_count, uint32_t product_count);

/* Adds to what the generator gives to the item. Past CANDIDATES_MAX new items are left out. */
void candidates_add(struct candidates *candidates, uint32_t item, int generator, float part,
                    uint32_t cause);

struct generator {
    const char *name;   /* for tools and reports */
    const char *reason; /* as readers of the lists see it */
    void (*generate)(const struct query *query, struct candidates *candidates, int generator);
};

/* All generators; the index is the `generator` of the calls above. Adding one is one file and one
 * row in candidates.c. */
extern const struct generator generators[];
extern const int generator_count;

#endif
