/* Searching the catalogue by words: an inverted index of the terms (text.h) in titles and in the
 * words of products (brand, category, colour, tag, attribute values), kept up to date as products
 * change. Titles have postings of their own; a term that is in a word leads to the word's.
 *
 *   score = sum over query terms t of idf(t) * tf (k + 1) / (tf + k) * (.5 + .5 * share of the sum
 *           of idf that the product has)
 *   tf = sum over the product's fields with t, or a term like it, of field weight * likeness
 *   idf(t) = ln(1 + N / n): N products, n with t or a term like it
 *
 * (BM25F without length normalisation, k = 1.2: Robertson, Zaragoza 2009, "The probabilistic
 * relevance framework". Field weights: title, brand, category 2, colour 1.5, the rest 1; parts of
 * runs count a third.)
 *
 * A run of Hangul, Han or Kana that no product has is taken apart where both halves are terms. Any
 * other term that no product has stands for terms like it: those that it begins, and those
 * spelled alike (one edit up to five letters, else two), found by pairs of letters.
 *
 * Work is bounded: at most SEARCH_SCAN_MAX postings are looked at, the rarest terms' first; when
 * more than SEARCH_FOUND_MAX products have one of the terms a sample of them is kept, the same
 * products for each term; the exact score is computed for the SEARCH_EXACT_MAX best of these.
 *
 * Threads: changes under the catalogue's write lock, searches under its read lock. */
#ifndef WEFT_RECOMMEND_SEARCH_H
#define WEFT_RECOMMEND_SEARCH_H

#include "processors/recommend/text.h"
#include "state/catalogue.h"

#define SEARCH_SCAN_MAX 65536
#define SEARCH_FOUND_MAX 4096
#define SEARCH_EXACT_MAX 96
#define SEARCH_QUERY_TERMS_MAX 12 /* of a query; further ones are ignored */
#define SEARCH_LIKE_MAX 6         /* terms that stand for one that is not there */
#define SEARCH_TERMS_MAX 4000000  /* distinct ones; what comes after is not found, and counted */
#define SEARCH_RESULTS_MAX 100

struct search;

/* Watches the catalogue from now on; it must be empty yet, and outlive the index. */
struct search *search_new(struct catalogue *catalogue);
void search_free(struct search *search);

struct search_result {
    uint32_t product;
    float score;
};

/* The best `length` (<= SEARCH_RESULTS_MAX) available products, ties by their number. Returns how
 * many. */
uint32_t search_top(const struct search *search, const struct catalogue *catalogue,
                    struct bytes query, uint32_t length, struct search_result *ret_results);

uint64_t search_terms_refused(const struct search *search);
size_t search_bytes(const struct search *search);

#endif
