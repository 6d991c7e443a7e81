/* An item on its way into a list: where it comes from, its score, and what keeps it out. */
#ifndef WEFT_LISTS_FILTER_ITEM_H
#define WEFT_LISTS_FILTER_ITEM_H

#include "schemas/bytes.h"

/* Why an item is not in the list. */
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
/* "out of stock", ... */
extern const char *const removal_texts[REMOVALS];

/* Where an item of a list comes from; its reason follows from it (reasons.h). */
enum item_origin {
    ORIGIN_CANDIDATE,     /* the ranking; index: its place (ranking/rank.h) */
    ORIGIN_BASKET,        /* goes with a basket; index: the item of the basket that gave most */
    ORIGIN_POPULAR,       /* popular items, which fill up a basket walk's list */
    ORIGIN_SEARCH,        /* the search index */
    ORIGIN_QUERY_HISTORY, /* items that visitors took after the search */
    ORIGIN_CHANNEL,       /* items popular in the visitor's channel */
    ORIGIN_NEW,           /* exploration: a new product that is no candidate */
    ORIGIN_PIN,           /* a merchandising rule, which pins what was not among the items */
    ORIGINS,
};

/* One item. The caller sets the first five members and leaves the others zero. */
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

#endif
