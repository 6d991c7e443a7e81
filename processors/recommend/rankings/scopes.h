/* Scopes of rankings: the whole shop, and each category, brand, gender and age
 * group that has items. They know which items belong to them, and which of them
 * are heavy enough to have rankings. Thread: the owner's. */
#ifndef WEFT_RANKINGS_SCOPES_H
#define WEFT_RANKINGS_SCOPES_H

#include "processors/recommend/rankings/tops.h"
#include "schemas/hash_index.h"
#include "schemas/ranking.h"
#include "state/catalogue.h"

#define SCOPE_KINDS 4       /* rankings of a scope: viewed, carted, bought, trending */
#define SCOPE_WHOLE_SHOP 0  /* number of the scope that is always there */
#define ITEM_SCOPES_MAX 255 /* of one product, without the shop */

struct scope {
    uint64_t hash; /* of kind and name */
    enum ranking_scope kind;
    char *name; /* owned; NULL: the shop has none */
    size_t name_size;
    double weight; /* of all activities in it */
    bool chosen;   /* it has rankings */
    struct top tops[SCOPE_KINDS];
};

/* An item's scopes: `count` numbers in members from `first` on. */
struct scope_members {
    uint32_t first;
    uint8_t count;
};

struct scopes {
    struct scope *at;
    uint32_t count, capacity;
    struct hash_index index; /* by hash; all but the shop */
    uint32_t *members;       /* scopes, item by item */
    size_t member_count, member_capacity;
};

/* Holds the whole shop alone. */
void scopes_init(struct scopes *scopes);
void scopes_release(struct scopes *scopes);

/* Puts an item of this weight into the scopes of its product, each once.
 * Returns which these are. Thread: holds the catalogue's read lock. */
struct scope_members scopes_join(struct scopes *scopes, const struct catalogue *catalogue,
                                 const struct product *product, double weight);

/* Chooses the shop and the `max` heaviest other scopes. `ret_chosen`, with room
 * for all scopes, has the chosen ones first, ordered by kind and name behind
 * the shop. Returns how many they are. */
uint32_t scopes_choose(struct scopes *scopes, uint32_t max, struct scope **ret_chosen);

#endif
