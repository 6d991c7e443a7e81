/* Merchandising rules: the shop's own rules for its lists, from a file. A line is a rule; '#'
 * begins a comment.
 *
 *     exclude brand "Maison Lise" placement home placement email
 *     exclude tag adult
 *     pin item M00012 at 1 placement home from 2026-12-01 to 2026-12-24T18:00
 *     boost category "Women > Dresses" by 1.5
 *     bury attribute material=Leather by 3
 *     limit brand 4 placement home          at most so many items of a brand in a list
 *     diversity 0.3 placement home          0: none, 1: diversity alone
 *     repurchase category "Food" after 3d   its bought items come again after this time (m, h, d)
 *
 * A rule is about a brand, a category with all below it, a colour, tag, gender, age_group,
 * attribute (name=value) or item (its item_id). A text with spaces stands in double quotes; \" is a
 * quote in it. Without `placement` a rule is for all placements. `from` and `to` (UTC, `to` not
 * included) bound the time. The error for a mistake tells its line, what to do and, for a misspelt
 * name, the nearest known one. */
#ifndef WEFT_LISTS_MERCHANDISING_H
#define WEFT_LISTS_MERCHANDISING_H

#include "schemas/bytes.h"
#include "schemas/error.h"
#include "state/catalogue.h"

#define MERCHANDISING_RULES_MAX 2000
#define RULE_PLACEMENTS_MAX 8
#define PLACEMENT_NAME_BYTES_MAX 32
#define RULE_PIN_MAX 100 /* the last place at which an item can be pinned */

enum rule_action {
    RULE_EXCLUDE,
    RULE_PIN,
    RULE_BOOST,
    RULE_BURY,
    RULE_LIMIT,
    RULE_DIVERSITY,
    RULE_REPURCHASE,
    RULE_ACTIONS,
};
extern const char *const rule_action_names[RULE_ACTIONS];

#define RULE_ON_ITEM WORD_KINDS /* in place of a kind of word: an item_id */

struct merchandising_rule {
    enum rule_action action;
    int what;   /* enum word_kind, or RULE_ON_ITEM; limit, diversity: -1 */
    char *text; /* owned; NULL: limit, diversity */
    size_t text_size;
    double number;          /* boost, bury: by; limit, diversity: their number; pin: place from 1 */
    int64_t after_ms;       /* repurchase */
    int64_t from_ms, to_ms; /* INT64_MIN, INT64_MAX: always */
    char placements[RULE_PLACEMENTS_MAX][PLACEMENT_NAME_BYTES_MAX];
    uint32_t placement_count; /* 0: all */
    uint32_t line;
};

/* Owns its rules. */
struct merchandising_rules {
    struct merchandising_rule *at;
    uint32_t count;
};

/* Reads rules from text. SKIP with "line 7: ..." and what to do; `ret_rules` is untouched then. The
 * caller releases the rules. */
enum verdict merchandising_rules_parse(struct bytes text, struct merchandising_rules *ret_rules,
                                       struct error *error);
/* The same from a file; the error has its name, too. RETRY: the file is there, but can't be read
 * now.
 */
enum verdict merchandising_rules_read(const char *path, struct merchandising_rules *ret_rules,
                                      struct error *error);
/* Reads the file in the same way, but goes on behind a mistake: appends a line to `mistakes` for
 * each. OK: there is none; `mistakes` is untouched. */
enum verdict merchandising_rules_check(const char *path, struct buffer *mistakes);
void merchandising_rules_release(struct merchandising_rules *rules);
/* A hash of the rules and their order, the same on every machine; 0: there are none. */
uint64_t merchandising_rules_digest(const struct merchandising_rules *rules);

/* Whether the rule is for this placement at this time. */
bool merchandising_rule_applies(const struct merchandising_rule *rule, const char *placement,
                                int64_t time_ms);

/* Tells whether a rule can match a product of the catalogue at all: whether one has its word or,
 * for a pin, is its item. False: `ret_nearest` is the nearest word of the catalogue (near_word.h),
 * which may differ only in its case; absent: none is near. It is borrowed from the catalogue.
 * Limits, diversities and other rules for items always match. Thread: any, under the catalogue's
 * read lock, or its writer. */
bool merchandising_rule_matches(const struct merchandising_rule *rule,
                                const struct catalogue *catalogue, struct bytes *ret_nearest);

#endif
