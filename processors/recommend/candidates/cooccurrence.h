/* Co-occurrence: proposes items that stood next to the visitor's items in other sessions. The
 * counts are those of processors/cooccurrence.c (state/model.h); p is an entry's share of its row's
 * weight.
 *
 *     rows[kind][direction] of an item      kind: views, carts, purchases
 *         forward    items that follow it
 *         backward   items that precede it
 *
 * Thread: that of the query. */
#ifndef WEFT_CANDIDATES_COOCCURRENCE_H
#define WEFT_CANDIDATES_COOCCURRENCE_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

/* Items that visitors viewed after the last item; weighs 1/(3 + rank) + p. */
void cooccurrence_forward(const struct query *query, struct candidates *candidates, int generator);
float cooccurrence_forward_weight(const struct candidate *candidate);
/* Items that visitors viewed before the last item; weighs .5/(3 + rank). */
void cooccurrence_backward(const struct query *query, struct candidates *candidates, int generator);
float cooccurrence_backward_weight(const struct candidate *candidate);
/* Items that visitors viewed after the four activities before the last one. previous = sum of .7^j
 * p; weighs half of it. Items viewed before them only add evidence to candidates that exist. */
void cooccurrence_previous(const struct query *query, struct candidates *candidates, int generator);
float cooccurrence_previous_weight(const struct candidate *candidate);
uint32_t cooccurrence_previous_cause(const struct query *query, const struct candidate *candidate);
/* Items that visitors put in the cart, or bought, together with the last item, in both directions;
 * weighs .5/(3 + rank). */
void cooccurrence_carted(const struct query *query, struct candidates *candidates, int generator);
float cooccurrence_carted_weight(const struct candidate *candidate);
void cooccurrence_bought(const struct query *query, struct candidates *candidates, int generator);
float cooccurrence_bought_weight(const struct candidate *candidate);

static inline const struct row *cooccurrence_row(const struct model *model, uint32_t item,
                                                 enum pair_kind kind, enum pair_direction direction)
{
    return &model->items[item].rows[kind][direction];
}

/* Fetches the first `most` entries from memory ahead of their use: rows are all over memory. The
 * row itself is there already, by a prefetch of cooccurrence_row(). */
static inline void cooccurrence_fetch_entries(const struct row *row, uint32_t most)
{
    uintptr_t from = (uintptr_t)row->entries; /* a number: an empty row has no entries */
    for (size_t at = 0; at < most * sizeof *row->entries; at += 64)
        __builtin_prefetch((const void *)(from + at));
}

/* 1/total, which makes a share p of an entry's weight; 0 for an empty row. */
static inline float cooccurrence_scale(const struct row *row)
{
    return row->total > 0 ? (float)(1 / row->total) : 0;
}

#endif
