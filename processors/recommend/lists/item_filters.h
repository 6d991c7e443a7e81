/* Filters on one item: whether it may stand in a list at all, whatever else stands there, and how
 * merchandising rules change its score. filters.h names all removals.
 *
 * Thread: the owner's; holds the catalogue's read lock from item_filters_begin() to the last call
 * for this list, since the numbers of words may change after. */
#ifndef WEFT_LISTS_ITEM_FILTERS_H
#define WEFT_LISTS_ITEM_FILTERS_H

#include "processors/recommend/lists/audience.h"
#include "processors/recommend/lists/filters.h"

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

/* What removes the item; REMOVED_NOT: nothing. Sets item->line where a rule does. */
enum removal item_filters_judge(const struct item_filters *filters, struct filter_item *item);

/* Boosts and buries: ln(by) is added to the score or taken from it. */
void item_filters_adjust(const struct item_filters *filters, struct filter_item *item);

#endif
