/* Query history: ranks items by what visitors took after they searched for a term, and for terms
 * like it. processors/queries.c counts it, state/queries.h keeps it.
 *
 *   units(q, i)      of the views, carts and purchases of item i after query q (taken_items.h)
 *   idf(w)           = ln(1 + queries / queries with the word w)
 *   similarity(q, s) = sum over shared words of idf^2
 *                      / sqrt(sum over q's words of idf^2 * sum over s's words of idf^2)
 *                      (cosine over idf weights: Salton, Buckley 1988)
 *   evidence(q, i)   = units(q, i) + sum over s of similarity(q, s)^2 units(s, i),
 *                      s: the QUERY_HISTORY_SIMILAR most similar queries
 *   score(q, i)      = evidence / (evidence + QUERY_HISTORY_TRUST), between 0 and 1
 *
 * So an item that few visitors took has a low score. A word's list is read up to its first
 * QUERY_HISTORY_SCAN_MAX queries. */
#ifndef WEFT_SEARCH_QUERY_HISTORY_H
#define WEFT_SEARCH_QUERY_HISTORY_H

#include "schemas/top_k.h"
#include "state/model.h"

#define QUERY_HISTORY_TRUST 20.0f /* chosen on the mall */
#define QUERY_HISTORY_SIMILAR 8
#define QUERY_HISTORY_SCAN_MAX 512
#define QUERY_HISTORY_WORDS_MAX 16 /* of a term */

/* The best `length` items for a term as the visitor typed it, as of a time; of equal scores the
 * lower number first. Causes are ITEM_NONE. Returns how many. Thread: holds the model's read lock.
 */
uint32_t query_history_top(const struct model *model, struct bytes term, int64_t time_ms,
                           uint32_t length, struct top_item *ret_items);

#endif
