/* Searches answered by what visitors took after such searches (state/queries.h): of the same term,
 * and of similar ones, which share its rare words.
 *
 *   units of a view 1, a cart ASKED_CART, a purchase ASKED_PURCHASE, decayed
 *   similarity(q, s) = sum over shared words of idf^2 / sqrt(sum over q's idf^2 * sum over s's
 * idf^2), idf = ln(1 + queries / queries with the word)    (Salton, Buckley 1988) evidence(q, i) =
 * units(q, i) + sum over the ASKED_SIMILAR most similar s of similarity(q, s)^2 units(s, i)
 *   score(q, i) = evidence / (evidence + ASKED_TRUST)
 *
 * Between 0 and 1: an item that few took says little. Of each word's list the first ASKED_SCAN_MAX
 * queries are looked at. */
#ifndef WEFT_RECOMMEND_ASKED_H
#define WEFT_RECOMMEND_ASKED_H

#include "processors/recommend/best.h"
#include "state/model.h"

#define ASKED_CART 3
#define ASKED_PURCHASE 6
#define ASKED_TRUST 20.0f /* chosen on the simulated shop */
#define ASKED_SIMILAR 8
#define ASKED_SCAN_MAX 512
#define ASKED_WORDS_MAX 16 /* of a term */

/* Counts what was taken in the row of `text`, weighed as above; nothing where that is empty, or no
 * item was taken. Thread: writer of the model. */
void taken_fold(struct model *model, struct queries *queries, struct bytes text,
                int64_t half_life_ms, const struct interaction *interaction);

/* Counts what followed a search. Thread: writer of the model. */
void asked_fold(struct model *model, const struct interaction *interaction);

/* The best `length` items for a term as it was typed, as of a time, ties by their number; scores
 * are 0 to 1, causes ITEM_NONE. Returns how many. Thread: holds the model's read lock. */
uint32_t asked_top(const struct model *model, struct bytes term, int64_t time_ms, uint32_t length,
                   struct best_item *ret_items);

#endif
