/* Searches answered by what visitors took after such searches (state/queries.h): of the same term,
 * and of similar ones, which share its rare words.
 *
 *   units: of a view, cart or purchase (taken_items.h), decayed
 *   similarity(q, s) = sum over shared words of idf^2 / sqrt(sum over q's idf^2 * sum over s's
 * idf^2), idf = ln(1 + queries / queries with the word)    (Salton, Buckley 1988) evidence(q, i) =
 * units(q, i) + sum over the QUERY_HISTORY_SIMILAR most similar s of similarity(q, s)^2 units(s, i)
 *   score(q, i) = evidence / (evidence + QUERY_HISTORY_TRUST)
 *
 * Between 0 and 1: an item that few took says little. Of each word's list the first
 * QUERY_HISTORY_SCAN_MAX queries are looked at. */
#ifndef WEFT_SEARCH_QUERY_HISTORY_H
#define WEFT_SEARCH_QUERY_HISTORY_H

#include "schemas/top_k.h"
#include "state/model.h"

#define QUERY_HISTORY_TRUST 20.0f /* chosen on the simulated shop */
#define QUERY_HISTORY_SIMILAR 8
#define QUERY_HISTORY_SCAN_MAX 512
#define QUERY_HISTORY_WORDS_MAX 16 /* of a term */

/* The best `length` items for a term as it was typed, as of a time, ties by their number; scores
 * are 0 to 1, causes ITEM_NONE. Returns how many. Thread: holds the model's read lock. */
uint32_t query_history_top(const struct model *model, struct bytes term, int64_t time_ms,
                           uint32_t length, struct top_item *ret_items);

#endif
