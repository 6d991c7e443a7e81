/* What is popular very lately (the quick sums of state/trends.h) in the category of the item that
 * was looked at last.
 *
 * No list has the time to look through a category, so each thread keeps the first of each: a shelf.
 * An item can only move up when something is done with it, and a list of a visitor who did is asked
 * for right after; so each list puts the visitor's last items on their category_popularity, and
 * looks at SHELF_SCAN more products of the category in turn, which brings what other processes'
 * visitors do (the first time SHELF_FIRST). Where all clicks come by, that is the exact order of
 * those that the shelf has room for. A function of the lists that the thread made, of the model and
 * the catalogue.
 */
#ifndef WEFT_CANDIDATES_CATEGORY_POPULARITY_H
#define WEFT_CANDIDATES_CATEGORY_POPULARITY_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

#define SHELF_KEPT 40 /* items of a category */
#define SHELF_TOP 20  /* of them that are proposed */
#define SHELF_LAST 3  /* items of the visitor's that are put on theirs */
#define SHELF_SCAN 4
#define SHELF_FIRST 512
#define SHELVES_MAX 65536 /* categories; what comes after has none */

struct category_popularity;

struct category_popularity *category_popularity_new(void);
void category_popularity_free(struct category_popularity *category_popularity);

/* The generator; it needs query->category_popularity. They weigh .1 / rank. Thread: that of the
 * query. */
void category_popularity_generate(const struct query *query, struct candidates *candidates,
                                  int generator);
float category_popularity_weight(const struct candidate *candidate);

#endif
