/* Similar products: by the words that they share (attributes, brand, categories, colours, tags),
 * the rare ones counting more, the closer the category and the price the more. For products that
 * nobody has looked at yet it is all there is.
 *
 *   similarity(a, b) = sum over shared words of v(w)^2 / sqrt(sum over a's v^2 * sum over b's v^2)
 *                      * (.3 + .7 * depth of the deepest common category / depth of a's)
 *                      * (.6 + .4 / (1 + |ln(price a / price b)|))
 *   v(w) = weight of w's kind * ln(1 + products / products with w)
 *
 * (cosine over tf-idf weights, as in Salton, Buckley 1988.) Where a price or a's category is not
 * known, its factor is 1. Between 0 and 1.
 *
 * Candidates are found through the words' postings, the rarest words first, at most
 * SIMILAR_POSTINGS_MAX of them: of longer lists evenly spread samples are taken. The exact
 * similarity is computed for the SIMILAR_EXACT_MAX best of these. */
#ifndef WEFT_CANDIDATES_CONTENT_SIMILARITY_H
#define WEFT_CANDIDATES_CONTENT_SIMILARITY_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

#define SIMILAR_POSTINGS_MAX 2048
#define SIMILAR_EXACT_MAX 96
#define SIMILAR_MAX 20 /* of one product */

struct similar_product {
    uint32_t product;
    float similarity;
};

/* The formula above; 0 when one of them is gone. Thread: holds the catalogue's read lock, as below.
 */
float similarity(const struct catalogue *catalogue, uint32_t a, uint32_t b);

/* At most `length` (<= SIMILAR_MAX) available products, the most similar first, ties by their
 * number. Returns how many. */
uint32_t content_similarity_top(const struct catalogue *catalogue, uint32_t product,
                                uint32_t length, struct similar_product *ret_products);

/* Rows of content_similarity_top() kept, for one thread. A row is made anew when its product has
 * changed, or many others have since (SIMILAR_CHANGES_MIN, or a 64th of the catalogue); products
 * that have gone or are sold out since are still in it: who reads checks by product_available(). */
struct content_similarity;
#define SIMILAR_ROWS_MAX 65536 /* that are kept */
#define SIMILAR_CHANGES_MIN 64
struct content_similarity *content_similarity_new(void);
void content_similarity_free(struct content_similarity *similar);
/* At most SIMILAR_MAX; hold until the next call. */
const struct similar_product *content_similarity_row(struct content_similarity *similar,
                                                     const struct catalogue *catalogue,
                                                     uint32_t product, uint32_t *ret_count);

/* Candidates: what is similar to the last three items: similar = sum of similarity / distance; also
 * products that the model does not know (ITEM_PRODUCT); weighs .04 of it. Nothing without
 * query->catalogue and query->content_similarity. */
void content_similarity_generate(const struct query *query, struct candidates *candidates,
                                 int generator);
float content_similarity_weight(const struct candidate *candidate);
uint32_t content_similarity_cause(const struct query *query, const struct candidate *candidate);

#endif
