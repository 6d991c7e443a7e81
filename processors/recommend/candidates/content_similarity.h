/* Content similarity: proposes products that share words (attributes, brand, categories, colours,
 * tags) with the visitor's last items. For products that nobody has viewed yet it is the only
 * evidence.
 *
 *   similarity(a, b) = sum over shared words of v(w)^2 / sqrt(sum over a's v^2 * sum over b's v^2)
 *                      * (.3 + .7 * depth of the deepest common category / depth of a's)
 *                      * (.6 + .4 / (1 + |ln(price a / price b)|))
 *   v(w) = weight of w's kind * ln(1 + products / products with w)
 *
 * This is the cosine over tf-idf weights (Salton, Buckley 1988), between 0 and 1. A factor whose
 * price or category of a is not known is 1.
 *
 * The words' postings find the products to compare, the rarest words first. At most
 * SIMILAR_POSTINGS_MAX postings are read: evenly spread samples of longer lists. The exact
 * similarity is computed for the SIMILAR_EXACT_MAX products that share most there. */
#ifndef WEFT_CANDIDATES_CONTENT_SIMILARITY_H
#define WEFT_CANDIDATES_CONTENT_SIMILARITY_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

#define SIMILAR_POSTINGS_MAX 2048
#define SIMILAR_EXACT_MAX 96
#define SIMILAR_MAX 20 /* products of a row */

struct similar_product {
    uint32_t product;
    float similarity;
};

/* The formula above; 0 if one of the products is gone. Thread: holds the catalogue's read lock, as
 * for all functions here. */
float content_similarity(const struct catalogue *catalogue, uint32_t a, uint32_t b);

/* At most `length` (<= SIMILAR_MAX) available products, the most similar first, of equal ones the
 * lower number. Returns how many. */
uint32_t content_similarity_top(const struct catalogue *catalogue, uint32_t product,
                                uint32_t length, struct similar_product *ret_products);

/* Remembers rows of content_similarity_top() for one thread. It makes a row again when the row's
 * product has changed, or SIMILAR_CHANGES_MIN others plus a 64th of the catalogue. In between a row
 * may hold products that are gone or sold out: the reader checks product_available(). */
struct content_similarity;
#define SIMILAR_ROWS_MAX 65536
#define SIMILAR_CHANGES_MIN 64
struct content_similarity *content_similarity_new(void);
void content_similarity_free(struct content_similarity *cache);
/* At most SIMILAR_MAX products, which hold until the next call. */
const struct similar_product *content_similarity_row(struct content_similarity *cache,
                                                     const struct catalogue *catalogue,
                                                     uint32_t product, uint32_t *ret_count);

/* The generator: products that are similar to the last three items, also ones that the model does
 * not know (ITEM_PRODUCT). similar = sum of similarity / distance; weighs .04 of it. Proposes
 * nothing without query->catalogue and query->content_similarity, which it changes. */
void content_similarity_generate(const struct query *query, struct candidates *candidates,
                                 int generator);
float content_similarity_weight(const struct candidate *candidate);
uint32_t content_similarity_cause(const struct query *query, const struct candidate *candidate);

#endif
