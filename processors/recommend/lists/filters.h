/* From a ranked list to what is shown: the shop's rules and what no list may hold, as plain
 * functions over the ranked candidates of one placement.
 *
 * Out, whatever its score: the item of the page itself; what the catalogue has as deleted or out of
 * stock; what the visitor bought lately (filter_settings.bought_ms, or the rule "repurchase" of its
 * category) and did not send back; and, each if it is switched on: what is marked as for adults
 * (tag "adult", or attribute adult=true); what costs less than price_min; what is for genders, or
 * age groups, that together make up less than gender_min (age_group_min) of what the visitor did
 * with products that are for some (AUDIENCE_LEAST fresh views at least; products for "unisex"
 * pass), or that is not the one that the shop declares for them, if products have that word; what
 * was in shown_max of the lists for them without their doing anything with it (an item counts as
 * shown when it is among the first SHOWN_PLACES of a list that is written, or, with
 * list.shown.from=impressions, each time that the shop says so); what a rule excludes; a second
 * variant of a product (the same attribute item_group_id, or else the same brand and title); more
 * of a brand than its limit. Pinned items come at their place if none of these but the brand's
 * limit speaks against them. Then what the placement's own filters are about (placements.h).
 *
 * The others come by score; a rule boosts or buries by adding or taking ln(by) (scores are the
 * ranker's logits, so this multiplies the odds). With a diversity d > 0 each next item is the one
 * with the largest
 *
 *     (1 - d) * r(i) - d * max over the chosen ones j of alike(i, j)
 *
 * (maximal marginal relevance: Carbonell, Goldstein 1998); r is the score, put between 0 and 1 over
 * the first FILTER_WINDOW_MAX; alike = .5 same category (less, the higher up they meet) + .3 same
 * brand + .2 a common first colour.
 *
 * Items that the catalogue does not know pass all that is about products. */
#ifndef WEFT_LISTS_FILTERS_H
#define WEFT_LISTS_FILTERS_H

#include "processors/recommend/lists/placements.h"
#include "state/visitor.h"

#define FILTER_WINDOW_MAX 128 /* candidates that diversity chooses from */
#define FILTER_PINS_MAX 20    /* in one list; further ones are left out */

enum removal {
    REMOVED_NOT,
    REMOVED_CONTEXT, /* the page's own item */
    REMOVED_GONE,
    REMOVED_OUT_OF_STOCK,
    REMOVED_BOUGHT,
    REMOVED_ADULT,
    REMOVED_PRICE,
    REMOVED_GENDER,
    REMOVED_AGE_GROUP,
    REMOVED_TIRED,
    REMOVED_RULE,
    REMOVED_VARIANT,
    REMOVED_BRAND,
    REMOVED_VIEWED,
    REMOVED_IN_CART,
    REMOVED_CATEGORY,
    REMOVED_LENGTH, /* the list is full */
    REMOVALS,
};
extern const char *const removal_texts[REMOVALS]; /* "out of stock", ... */

/* Where an item of a list comes from; its reason follows from it (reasons.h). */
enum item_origin {
    ORIGIN_CANDIDATE,     /* the ranking; index: its place (ranking/rank.h) */
    ORIGIN_BASKET,        /* the basket walk; index: the item of the basket that gave most */
    ORIGIN_POPULAR,       /* popular items, which fill up a basket walk's list */
    ORIGIN_SEARCH,        /* the search index */
    ORIGIN_QUERY_HISTORY, /* items that visitors took after the search */
    ORIGIN_CHANNEL,       /* items popular in the visitor's channel */
    ORIGIN_NEW,           /* exploration: a new product that is no candidate */
    ORIGIN_PIN,           /* a merchandising rule, which pins what was not among the items */
    ORIGINS,
};

struct filter_item {
    struct bytes item_id;
    uint32_t product; /* PRODUCT_NONE: the catalogue does not know it */
    float score;
    enum item_origin origin;
    uint32_t index; /* by origin; else the caller's */
    enum removal removal;
    uint32_t line; /* of the rule that removed or pinned it; 0: none */
    bool pinned;
    float propensity; /* of the draw that put it here (exploration.h); 0: none did */
    uint64_t variant; /* filters_apply()'s own, as the next two: 0 */
    float alike;
    bool judged;
};

#define AUDIENCE_LEAST 5
#define SHOWN_PLACES 10

struct filter_settings {
    bool adult_off;                  /* what is for adults is taken out */
    float price_min;                 /* 0: no limit; prices that are not known pass */
    float gender_min, age_group_min; /* 0 to 1; 0: all pass */
    uint32_t shown_max;              /* 0: as often as it likes */
    int64_t bought_ms;  /* for so long what was bought does not come again; 0: it may at once */
    uint32_t brand_max; /* of a brand in a list; 0: no limit */
    float diversity;    /* 0 to 1 */
};

struct filter_query {
    const struct catalogue *catalogue;       /* NULL: nothing is known */
    const struct visitor *visitor;           /* NULL: nobody */
    const struct merchandising_rules *rules; /* NULL: none */
    const struct filter_settings *settings;
    const char *placement;
    uint32_t
        filters; /* of the placement: bits of placements.h, but seen, which is about candidates */
    uint32_t category; /* that same_category and other_category are about; WORD_NONE: none */
    struct bytes context_item_id; /* of the page; absent: none */
    int64_t time_ms;
    bool shown_only; /* only what is shown is asked for: the others' removal may be REMOVED_LENGTH
                      * for any reason, which saves looking at most of them */
};

/* Working memory of one thread: the rules with the numbers that their words have now. */
struct filters;
struct filters *filters_new(void);
void filters_free(struct filters *filters);

/* `items` are ranked, best first, with room for FILTER_PINS_MAX more; `*count` is raised by pinned
 * ones that were not among them (ORIGIN_PIN). Puts what is shown first, in its order, and the
 * others behind with what removed them. Returns how many are shown, at most `length`. Thread: holds
 * the catalogue's read lock. */
uint32_t filters_apply(struct filters *filters, const struct filter_query *query,
                       struct filter_item *items, uint32_t *count, uint32_t length);

/* How alike two products look in a list, 0 to 1: the formula above. */
float filters_alike(const struct catalogue *catalogue, uint32_t a, uint32_t b);
/* The same for two variants of one product. */
uint64_t filters_variant(const struct catalogue *catalogue, uint32_t product);

#endif
