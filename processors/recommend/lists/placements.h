/* Placements: where the shop shows a list, and what goes into it. They are rows that the
 * configuration changes and adds to; no code knows a placement by its name.
 *
 *     placements.checkout.context=cart          what the list is about
 *     placements.checkout.when=cart,purchase    it is made only after these kinds of event
 *     placements.checkout.generators=walk       where its items come from
 *     placements.checkout.filters=other_category
 *     placements.checkout.length=8
 *     placements.checkout.diversity.percent=30
 *
 * A new row starts as context=visitor, when=, while=5, generators=, filters=seen, length=0, goal=,
 * diversity.percent=-1.
 *
 *   context      visitor   all that the visitor did
 *                item      the item that was viewed last; no list before the first view
 *                term      the last search, while it is one of the last `while` + 1 activities
 *                cart      the items in the cart; no list while it is empty
 *                category  the category of the item that was viewed last, as the catalogue has it
 *
 *   when         view, search, cart, purchase: one of the last `while` + 1 activities of the
 *                session must be of these kinds. Empty: any. context=term takes none, since it
 *                follows a search
 *
 *   generators   names of candidate generators (candidates/generators.h), each with a weight
 *                if that is not 1, as forward,popular:.2. The others do not run. Empty: all run.
 *                The ranker orders the candidates; weights w multiply an item's odds by sum of
 *                w p / sum of p over its generators' parts p of the candidate's weight
 *   ... walk     alone: the basket walk (candidates/basket_walk.h) from the context's items, for
 *                context=visitor from earlier purchases; the default for carts
 *   ... search   alone: the items for the term (lists/sources.h); the default for terms
 *
 *   filters      seen            no item that only generators of seen items proposed
 *                viewed          no item that was viewed before, as far as is remembered
 *                in_cart         no item that is in the cart
 *                same_category   only items of the context's category
 *                other_category  no item of the context's category
 *
 *   length       0: list.items
 *
 *   goal         view, cart, purchase, or a mix with weights as view,cart:3: the activity that the
 *                ranker orders candidates for (ranking/goals.h). Empty: ranker.goal. Only for lists
 *                of the ranking
 *
 *   diversity.percent  -1: list.diversity.percent; a merchandising rule counts more than both
 *
 * Rows stand in the order of their contexts as above, then in the order in which they were made. So
 * rows that share a ranking stand together: each other context or set of generators costs one more
 * ranking. Thread: any; finished placements do not change. */
#ifndef WEFT_LISTS_PLACEMENTS_H
#define WEFT_LISTS_PLACEMENTS_H

#include "processors/recommend/lists/merchandising.h"
#include "processors/recommend/ranking/goals.h"

#define PLACEMENTS_MAX 16
#define PLACEMENT_GENERATORS_MAX 32
#define PLACEMENT_WHILE_MAX 1000

enum placement_context {
    CONTEXT_VISITOR,
    CONTEXT_ITEM,
    CONTEXT_TERM,
    CONTEXT_CART,
    CONTEXT_CATEGORY,
    CONTEXTS,
};
extern const char *const placement_context_names[CONTEXTS];

enum placement_source {
    SOURCE_RANKED, /* the candidate generators and the ranker */
    SOURCE_SEARCH,
    SOURCE_WALK,    /* the basket walk */
    SOURCE_POPULAR, /* popular items, for the hold-outs of experiments */
};

/* Filters of a placement, as bits. */
enum {
    FILTER_SEEN = 1,
    FILTER_VIEWED = 2,
    FILTER_IN_CART = 4,
    FILTER_SAME_CATEGORY = 8,
    FILTER_OTHER_CATEGORY = 16,
};

struct placement {
    char name[PLACEMENT_NAME_BYTES_MAX]; /* as merchandising rules name it */
    enum placement_context context;
    enum placement_source source;
    uint32_t kinds;  /* bits of enum kind; 0: any */
    uint32_t within; /* `while`: how many activities may have come since */
    uint64_t generators_off;
    float weights[PLACEMENT_GENERATORS_MAX];
    bool own;         /* the configuration names generators */
    bool weighted;    /* one of the weights is not 1 */
    uint32_t filters; /* bits */
    uint32_t length;  /* 0: list.items */
    float diversity;  /* 0 to 1; below 0: list.diversity.percent */
    struct goal_mix goals;
    bool own_goals; /* the configuration names goals */
    bool off;       /* no list is made */
};

struct placements {
    struct placement at[PLACEMENTS_MAX];
    uint32_t count;
};

/* Sets the built-in placements: home, email, product, goes_with, search, cart, category. */
void placements_init(struct placements *placements);

/* Sets one key, NAME.KEY; a new name makes a new placement. SKIP, with what to do: the name is not
 * allowed, there are PLACEMENTS_MAX already, the key is none of the above, or its value is wrong.
 */
enum verdict placements_set(struct placements *placements, const char *key, const char *value,
                            struct error *error);

/* Switches off the placements in `off`, names with commas between, chooses each one's source and
 * orders them. SKIP, with what to do: a name is not known, or keys of a placement contradict each
 * other. */
enum verdict placements_finish(struct placements *placements, const char *off, struct error *error);

/* The placement of this name; NULL: there is none. */
const struct placement *placements_find(const struct placements *placements, const char *name);

/* Appends a line for each, as `weft check` prints them. */
void placements_text(const struct placements *placements, struct buffer *buffer);

#endif
