/* Category popularity: proposes the items that are popular right now (the quick sums of
 * state/trends.h) in the category of the item that the visitor viewed last.
 *
 * No list has the time to read a whole category. So each thread keeps the first CATEGORY_ITEMS
 * items of each category, in order. Each query brings the list of its category up to date:
 *
 *     the visitor's last items of the category --+
 *     the items in the list ---------------------+--> sort by the quick sums --> the list
 *     CATEGORY_SCAN more of the category --------+
 *
 * An item moves up only when visitors do something with it, and a visitor's lists follow their
 * events. Where one thread sees all events, the order is exact, for as many items as the list has
 * room for. The scan goes through the category in turn, and brings in the items of visitors whom
 * other processes serve. The first scan of a category reads CATEGORY_SCAN_FIRST products.
 *
 * The lists are a function of the queries of the thread, the model and the catalogue. */
#ifndef WEFT_CANDIDATES_CATEGORY_POPULARITY_H
#define WEFT_CANDIDATES_CATEGORY_POPULARITY_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

#define CATEGORY_ITEMS 40    /* of a category's list */
#define CATEGORY_PROPOSED 20 /* of them */
#define CATEGORY_LAST 3      /* last items of the visitor that are put into the list */
#define CATEGORY_SCAN 4
#define CATEGORY_SCAN_FIRST 512
#define CATEGORIES_MAX 65536 /* that have a list; one more, and all lists begin again */

/* The lists of one thread. */
struct category_popularity;
struct category_popularity *category_popularity_new(void);
void category_popularity_free(struct category_popularity *popularity);

/* The generator; it proposes nothing without query->category_popularity, which
 * it changes. Weighs .1 / rank. Thread: that of the query. */
void category_popularity_generate(const struct query *query, struct candidates *candidates,
                                  int generator);
float category_popularity_weight(const struct candidate *candidate);

#endif
