/* Rules: which item follows which. Sequential rules of Ludewig and Jannach 2018, "Evaluation of
 * session-based recommendation algorithms", section 3.1: a pair at gap j counts 1/j; kept in both
 * directions, for j up to 8, with forward decay (state/model.h). */
#ifndef WEFT_CANDIDATES_COOCCURRENCE_H
#define WEFT_CANDIDATES_COOCCURRENCE_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

/* Candidates, by the rows of views. forward: what was viewed after the last item; p the share of
 * the row's weight, weighs 1/(3 + rank) + p. backward: what was viewed before it; .5/(3 + rank). */
void cooccurrence_forward(const struct query *query, struct candidates *candidates, int generator);
float cooccurrence_forward_weight(const struct candidate *candidate);
void cooccurrence_backward(const struct query *query, struct candidates *candidates, int generator);
float cooccurrence_backward_weight(const struct candidate *candidate);
/* Candidates: what was viewed after the four activities before the last: previous = sum of .7^j p;
 * weighs half of it. The same over what was viewed before them only adds evidence to items that are
 * there already. */
void cooccurrence_previous(const struct query *query, struct candidates *candidates, int generator);
float cooccurrence_previous_weight(const struct candidate *candidate);
uint32_t cooccurrence_previous_cause(const struct query *query, const struct candidate *candidate);
/* Candidates: what was put in the cart, and bought, together with the last item, in both
 * directions; .5/(3 + rank). */
void cooccurrence_carted(const struct query *query, struct candidates *candidates, int generator);
float cooccurrence_carted_weight(const struct candidate *candidate);
void cooccurrence_bought(const struct query *query, struct candidates *candidates, int generator);
float cooccurrence_bought_weight(const struct candidate *candidate);

static inline const struct row *cooccurrence_row(const struct model *model, uint32_t item,
                                                 enum pair_kind kind, enum pair_direction direction)
{
    return &model->items[item].rows[kind][direction];
}

/* Rows are all over memory. Fetches the first `most` entries ahead of their use; to fetch the row
 * itself, prefetch cooccurrence_row(). */
static inline void cooccurrence_fetch_entries(const struct row *row, uint32_t most)
{
    const char *from = (const char *)row->entries;
    for (size_t at = 0; at < most * sizeof *row->entries; at += 64)
        __builtin_prefetch(from + at);
}

/* The factor from an entry's weight to its share of the row: 1/total; 0 for an empty row. */
static inline float cooccurrence_scale(const struct row *row)
{
    return row->total > 0 ? (float)(1 / row->total) : 0;
}

#endif
