/* Contexts: the subject of a placement's list for this visitor right now (placements.h): all that
 * they did, an item, a search, the cart or a category. Reads the visitor, the model and the
 * catalogue; changes nothing. */
#ifndef WEFT_LISTS_CONTEXTS_H
#define WEFT_LISTS_CONTEXTS_H

#include "processors/recommend/candidates/basket_walk.h"
#include "processors/recommend/lists/placements.h"

struct list_context {
    struct bytes item_id;       /* the page's item, which the list names; absent: none */
    struct bytes category_name; /* that the list names; absent: none */
    struct bytes search_term;   /* as the visitor wrote it; absent: none */
    uint32_t focus;             /* item that the ranking is focused on; ITEM_NONE: none */
    uint32_t category;          /* word of the focused item's category; WORD_NONE: none */
    struct basket basket;       /* where a basket walk starts; empty for other lists */
};

/* Finds the placement's context. False: the visitor has none, so there is no such list. `gap_ms`
 * ends a session; `catalogue` may be NULL. `ret_context` points into the visitor, the model and
 * the catalogue, and holds while these are locked. Thread: holds the read locks of the
 * model and the catalogue. */
bool context_find(const struct placement *placement, const struct visitor *visitor,
                  const struct model *model, const struct catalogue *catalogue, int64_t gap_ms,
                  struct list_context *ret_context);

#endif
