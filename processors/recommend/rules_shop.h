/* The shop's own rules, from a file: one a line, '#' begins a comment.
 *
 *     exclude brand "Maison Lise" placement home placement email
 *     exclude tag adult
 *     pin item M00012 at 1 placement home from 2026-12-01 to 2026-12-24T18:00
 *     boost category "Women > Dresses" by 1.5
 *     bury attribute material=Leather by 3
 *     limit brand 4 placement home          at most so many of a brand in a list
 *     diversity 0.3 placement home          0: none, 1: nothing else counts
 *     repurchase category "Food" after 3d   bought items of it come again then (m, h, d)
 *
 * What: brand, category (and what lies in it), colour, tag, gender, age_group, attribute
 * (name=value), item (its item_id). A text with spaces stands in double quotes, in which \" is a
 * quote. Without `placement` a rule is for all; `from` and `to` (UTC, the latter not included)
 * bound the time. A mistake is told with its line and what to do. */
#ifndef WEFT_RECOMMEND_RULES_SHOP_H
#define WEFT_RECOMMEND_RULES_SHOP_H

#include "schemas/bytes.h"
#include "schemas/error.h"
#include "state/catalogue.h"

#define SHOP_RULES_MAX 2000
#define SHOP_RULE_PLACEMENTS_MAX 8
#define SHOP_RULES_BYTES_MAX (1u << 20) /* of the file */
#define SHOP_PLACEMENT_BYTES_MAX 32
#define SHOP_PIN_MAX 100 /* the last place that something can be pinned at */

enum shop_action {
    SHOP_EXCLUDE,
    SHOP_PIN,
    SHOP_BOOST,
    SHOP_BURY,
    SHOP_LIMIT,
    SHOP_DIVERSITY,
    SHOP_REPURCHASE,
    SHOP_ACTIONS,
};
extern const char *const shop_action_names[SHOP_ACTIONS];

#define SHOP_ITEM WORD_KINDS /* in place of a kind of word: an item_id */

struct shop_rule {
    enum shop_action action;
    int what; /* enum word_kind, or SHOP_ITEM; of limit and diversity -1 */
    char *text;
    size_t text_size;
    double number;          /* by; of limit and diversity their number; of pin the place, from 1 */
    int64_t after_ms;       /* repurchase */
    int64_t from_ms, to_ms; /* INT64_MIN, INT64_MAX: always */
    char placements[SHOP_RULE_PLACEMENTS_MAX][SHOP_PLACEMENT_BYTES_MAX];
    uint32_t placement_count; /* 0: all */
    uint32_t line;
};

struct shop_rules {
    struct shop_rule *at;
    uint32_t count;
};

/* Reads rules from text. SKIP with "line 7: ..." and what to do; `ret_rules` is untouched then. */
enum verdict shop_rules_parse(struct bytes text, struct shop_rules *ret_rules, struct error *error);
/* The same from a file, whose name the error has too. */
enum verdict shop_rules_read(const char *path, struct shop_rules *ret_rules, struct error *error);
void shop_rules_release(struct shop_rules *rules);

/* Is the rule for this placement, at this time? */
bool shop_rule_applies(const struct shop_rule *rule, const char *placement, int64_t time_ms);

#endif
