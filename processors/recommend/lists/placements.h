/* Placements: where the shop shows a list, and what goes into it, as rows that the configuration
 * changes and adds to. No code knows one by its name.
 *
 *     placements.checkout.context=cart          what the list is about
 *     placements.checkout.when=cart,purchase    made after these kinds of event alone
 *     placements.checkout.generators=walk       where its items come from
 *     placements.checkout.filters=other_category
 *     placements.checkout.length=8
 *     placements.checkout.diversity.percent=30
 *
 * A new row starts as context=visitor, when=, while=5, generators=, filters=seen, length=0,
 * diversity.percent=-1.
 *
 *   context      visitor   all that the visitor did
 *                item      the item that was viewed last; none before
 *                term      the last search, while it is one of the last `while` + 1 activities
 *                cart      what is in the cart; no list while it is empty
 *                category  the category of the item that was viewed last, as the catalogue has it
 *   when         view, search, cart, purchase: one of the visitor's last `while` + 1 activities of
 * the session must be of these; empty: any. `term` takes none, since it is a search's generators
 * names of candidate generators (candidates.h), each with a weight if it is not 1, as
 *                forward,popular:.2; the others are not asked. Empty: all. The ranker orders them;
 *                weights w multiply an item's odds by sum of w p / sum of p over its generators'
 *                parts p of stage one. Alone: `walk`, what is bought and put in carts with the
 *                context's items (basket_walk.h; of a visitor: with what was bought before), and
 *                `search`, what answers the term (search.h). Empty is `walk` for carts and `search`
 *                for terms
 *   filters      seen            not what comes only because it was viewed before
 *                viewed          nothing that was viewed before, as far as is remembered
 *                in_cart         nothing that is in the cart
 *                same_category   of the context's category alone
 *                other_category  nothing of the context's category
 *   length       0: list.items
 *   diversity.percent  -1: list.diversity.percent; a rule of the shop counts more than both
 *
 * Rows are kept in the order of their contexts as above, then of their coming: what shares a
 * ranking stands together, since each other context or set of generators costs one more. */
#ifndef WEFT_LISTS_PLACEMENTS_H
#define WEFT_LISTS_PLACEMENTS_H

#include "processors/recommend/lists/merchandising.h"

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
    SOURCE_WALK,
};

enum {
    FILTER_SEEN = 1,
    FILTER_VIEWED = 2,
    FILTER_IN_CART = 4,
    FILTER_SAME_CATEGORY = 8,
    FILTER_OTHER_CATEGORY = 16,
};

struct placement {
    char name[PLACEMENT_NAME_BYTES_MAX]; /* as rules of the shop name it */
    enum placement_context context;
    enum placement_source source;
    uint32_t kinds;  /* bits of enum kind; 0: any */
    uint32_t within; /* `while`: activities that may have come since */
    uint64_t generators_off;
    float weights[PLACEMENT_GENERATORS_MAX];
    bool own;         /* generators are named */
    bool weighted;    /* one of their weights is not 1 */
    uint32_t filters; /* bits */
    uint32_t length;  /* 0: list.items */
    float diversity;  /* below 0: that of all */
    bool off;
};

struct placements {
    struct placement at[PLACEMENTS_MAX];
    uint32_t count;
};

/* The ready ones: home, email, product, goes_with, search, cart, category. */
void placements_init(struct placements *placements);

/* `key` is NAME.KEY; a new name is a new placement. SKIP, with what to do: the name is none, there
 * are PLACEMENTS_MAX already, the key is none of the above, or its value is wrong. */
enum verdict placements_set(struct placements *placements, const char *key, const char *value,
                            struct error *error);

/* Marks those whose names stand in `off`, with commas, and checks what only fits together: SKIP,
 * with what to do. */
enum verdict placements_finish(struct placements *placements, const char *off, struct error *error);

/* NULL: there is none. */
const struct placement *placements_find(const struct placements *placements, const char *name);

/* A line for each, as `weft check` prints them. */
void placements_text(const struct placements *placements, struct buffer *buffer);

#endif
