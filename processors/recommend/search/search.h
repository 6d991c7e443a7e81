/* Searching the catalogue by words: an inverted index of the terms (text.h) in titles and in the
 * words of products (brand, category, colour, tag, attribute values), kept up to date as products
 * change. A term has the set of products that it is in (product_set.h), and the most that it has
 * ever weighed in one of them.
 *
 *   score = sum over query terms t of idf(t) * tf (k + 1) / (tf + k) * (.5 + .5 * share of the sum
 *           of idf that the product has)
 *   tf = sum over the product's fields with t, or a term like it, of field weight * likeness
 *   idf(t) = ln(1 + N / n): N products, n of them with t (of terms like it the sum)
 *
 * (BM25F without length normalisation, k = 1.2: Robertson, Zaragoza 2009, "The probabilistic
 * relevance framework". Field weights: title, brand, category, colour 2, the rest 1; parts of
 * runs count a third.)
 *
 * A run of Hangul, Han or Kana that no product has is taken apart where both halves are terms. Any
 * other term that no product has stands for terms like it: those that it begins, and those
 * spelled alike (one edit up to five letters, else two), found by pairs of letters.
 *
 * What finds are the SEARCH_FIND_TERMS_MAX rarest terms, those left out that are 64 times as
 * frequent as the rarest; all terms rank. The products that have one set of these terms and none of
 * the others, a pattern, have a score of at most what the terms' most weights give. Patterns are
 * gone through by this bound, the highest first, within each the products by their number, and each
 * product is scored exactly, until the bound says that no further one can come among the best: the
 * answer is exact then. (MaxScore, Turtle, Flood 1995, "Query evaluation: strategies and
 * optimizations", by sets of terms instead of single ones.)
 *
 * Work is bounded: when 256 products of a pattern are scored and its bound still says nothing, the
 * rest of it is sampled evenly; at most SEARCH_SCAN_MAX places of lists and of words of 64 products
 * are looked at, and SEARCH_EXACT_MAX products scored. Then the answer may lack better products.
 * (tests/measure_catalogue 500000 50 1000, where one product in 1,000 has more of a word than the
 * others: 97 % of the places of searches of three words are the exact ones; the scores of 100
 * answers to one or two frequent words sum to 98 % of the exact ones'.) The same catalogue, put in
 * the same order, gives the same answers.
 *
 * Threads: changes under the catalogue's write lock, searches under its read lock. */
#ifndef WEFT_SEARCH_SEARCH_H
#define WEFT_SEARCH_SEARCH_H

#include "processors/recommend/search/text.h"
#include "state/catalogue.h"

#define SEARCH_SCAN_MAX 131072
#define SEARCH_EXACT_MAX 1024
#define SEARCH_FIND_TERMS_MAX 6
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

/* The same without the bounds of work, for measuring what these cost. */
uint32_t search_all(const struct search *search, const struct catalogue *catalogue,
                    struct bytes query, uint32_t length, struct search_result *ret_results);

uint64_t search_terms_refused(const struct search *search);
size_t search_bytes(const struct search *search);

#endif
