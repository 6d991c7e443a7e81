/* From ordered items to the list that is shown: the filters, the shop's merchandising rules and
 * diversity. Filters on one item are in item_filters.c, the choice among what is left in filters.c.
 *
 * Out, whatever its score, is
 *   - the item of the page itself;
 *   - a product that the catalogue has as deleted or out of stock;
 *   - an item that the visitor bought and did not send back, for filter_settings.bought_ms or the
 *     time of the rule "repurchase" of its category;
 *   - an item that a rule excludes;
 *   - a second variant of a product, and more items of a brand than its limit (diversity.h);
 * and, each if it is switched on,
 *   - a product for adults (tag "adult", or attribute adult=true);
 *   - a product that costs less than price_min;
 *   - a product for other genders or age groups than the visitor's (audience.h);
 *   - an item that was in shown_max of the visitor's lists without an activity on it. An item
 *     counts as shown when it is among the first SHOWN_PLACES of a list that is written, or, with
 *     list.shown.from=impressions, each time that the shop says so;
 *   - what the placement's own filters remove (placements.h).
 * Items that the catalogue does not know pass all filters on products.
 *
 * A pinned item comes at its place unless it is out; the limit of its brand does not count. The
 * others come by score, or by diversity (diversity.h). A rule boosts or buries by adding or taking
 * ln(by): scores are the ranker's logits, so this multiplies the odds. */
#ifndef WEFT_LISTS_FILTERS_H
#define WEFT_LISTS_FILTERS_H

#include "processors/recommend/lists/placements.h"
#include "state/visitor.h"

#define FILTER_WINDOW_MAX 128 /* candidates that diversity chooses from */
#define FILTER_PINS_MAX 20    /* in one list; further ones are left out */

/* What keeps an item out of the list. */
enum removal {
    REMOVED_NOT,     /* it is shown */
    REMOVED_CONTEXT, /* the page's own item */
    REMOVED_GONE,
    REMOVED_OUT_OF_STOCK,
    REMOVED_BOUGHT,
    REMOVED_ADULT,
    REMOVED_PRICE,
    REMOVED_GENDER,
    REMOVED_AGE_GROUP,
    REMOVED_TIRED, /* shown often without a click */
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

/* One item of a list. The caller sets the first five members and leaves the others zero. */
struct filter_item {
    struct bytes item_id; /* borrowed */
    uint32_t product;     /* PRODUCT_NONE: the catalogue does not know it */
    float score;
    enum item_origin origin;
    uint32_t index;   /* as the origin says; else the caller's */
    float propensity; /* probability of the draw that put it here (exploration.h); 0: none did */
    enum removal removal; /* from filters_apply(), as the next two */
    uint32_t line;        /* of the rule that removed or pinned it; 0: none */
    bool pinned;
    bool judged;      /* working memory of filters_apply(), as the next two */
    float alike;      /* to the chosen item that is most alike */
    uint64_t variant; /* 0: not known yet */
};

#define SHOWN_PLACES 10

struct filter_settings {
    bool adult_off;                  /* products for adults are out */
    float price_min;                 /* 0: no limit; products without a price pass */
    float gender_min, age_group_min; /* 0 to 1; 0: all pass */
    uint32_t shown_max;              /* 0: no limit */
    int64_t bought_ms;               /* time that a bought item stays out; 0: it comes at once */
    uint32_t brand_max;              /* items of a brand in a list; 0: no limit */
    float diversity;                 /* 0 to 1 */
};

/* Borrows all that it points to for the call. */
struct filter_query {
    const struct catalogue *catalogue;       /* NULL: no product is known */
    const struct visitor *visitor;           /* NULL: nobody */
    const struct merchandising_rules *rules; /* NULL: none */
    const struct filter_settings *settings;
    const char *placement;        /* name, as rules name it */
    uint32_t filters;             /* bits of placements.h without FILTER_SEEN (sources.h) */
    uint32_t category;            /* word of the context's category; WORD_NONE: none */
    struct bytes context_item_id; /* of the page; absent: none */
    int64_t time_ms;
    bool shown_only; /* the caller reads only the items that are shown: any other one may have
                      * REMOVED_LENGTH, so that most need not be judged */
};

/* Working memory of one thread. Owned by the caller. */
struct filters;
struct filters *filters_new(void);
void filters_free(struct filters *filters);

/* `items` are in order, the best first, with room for FILTER_PINS_MAX more. Pinned items that are
 * not among them are added and raise `*count` (ORIGIN_PIN). Puts the items that are shown first, in
 * their order, and the others behind, each with what removed it. Returns how many are shown, at
 * most `length`. Thread: the owner's of `filters`; holds the catalogue's read lock. */
uint32_t filters_apply(struct filters *filters, const struct filter_query *query,
                       struct filter_item *items, uint32_t *count, uint32_t length);

#endif
