/* Filters on one item: whether it may stand in a list at all, whatever else stands there, and how
 * merchandising rules change its score. filters.h lists all filters.
 *
 * Thread: the owner's; holds the catalogue's read lock from item_filters_begin() to the last call
 * for this list, since the numbers of words may change after. */
#ifndef WEFT_LISTS_ITEM_FILTERS_H
#define WEFT_LISTS_ITEM_FILTERS_H

#include "processors/recommend/lists/audience.h"
#include "processors/recommend/lists/filter_item.h"
#include "processors/recommend/lists/placements.h"
#include "state/visitor.h"

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

/* A merchandising rule that counts for this list, with the number of its word. */
struct active_rule {
    const struct merchandising_rule *rule;
    uint32_t word; /* WORD_NONE: the rule is about an item_id */
};

struct item_filters {
    const struct filter_query *query;
    uint32_t adult_tag, adult_attribute; /* words; WORD_NONE: no product is marked so */
    struct audience genders, age_groups;
    struct active_rule rules[MERCHANDISING_RULES_MAX];
    uint32_t rule_count;
    bool reorder;        /* a rule boosts, buries or pins */
    uint32_t brand_max;  /* of a brand in a list; 0: no limit */
    uint32_t brand_line; /* of the rule that sets it; 0: none */
    float diversity;
};

/* Finds the rules and words that count for the list. `query` outlives the calls below. */
void item_filters_begin(struct item_filters *filters, const struct filter_query *query);

/* Why the item is out; REMOVED_NOT: it may stay. Sets item->line where a rule excludes it. */
enum removal item_filters_judge(const struct item_filters *filters, struct filter_item *item);

/* Boosts and buries: ln(by) is added to the score or taken from it. */
void item_filters_adjust(const struct item_filters *filters, struct filter_item *item);

#endif
