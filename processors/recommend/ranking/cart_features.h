/* Features of the cart ranker: what it sees of each item that may go into the cart next, and of the
 * cart as a whole. The basket walk gives its evidence (basket_walk.h), styling says which
 * attributes go together (styling.h), and the catalogue gives categories, brands and prices.
 *
 * The cart ranker is a ranker (ranker.h) with these columns in place of feature_table.h's. It
 * learns what was put into the cart, or into the order, next. */
#ifndef WEFT_RANKING_CART_FEATURES_H
#define WEFT_RANKING_CART_FEATURES_H

#include "processors/recommend/ranking/cart_candidates.h"
#include "processors/recommend/ranking/ranker.h"

extern const uint32_t cart_feature_count, cart_feature_varying_count;
/* Hash of their names and order. */
uint64_t cart_features_hash(void);

/* Fills all columns, not standardised. The view is the one by which cart_find() found the
 * candidates. Thread: holds the read locks of the model and the catalogue. */
void cart_features_fill(const struct style_view *view, struct styling *styling,
                        const struct basket *basket, const struct cart_candidates *candidates,
                        struct feature_matrix *ret_matrix);

/* Orders the candidates by the cart ranker. Until it has learned enough, they stay as they are. The
 * matrix is standardised then. */
void cart_rank(struct ranker *ranker, struct feature_matrix *matrix,
               struct cart_candidates *candidates);

#endif
