/* Search: finds the products of the catalogue whose text fits a query, through the search index.
 *
 *   score = sum over query terms t of idf(t) * tf (k + 1) / (tf + k)
 *           * (.5 + .5 * (sum of idf of the terms that the product has) / (sum over all terms))
 *   tf = sum over the product's fields with t, or a term like it, of field weight * likeness
 *   idf(t) = ln(1 + N / n): N products, n of them with t (the sum, for terms like it)
 *
 * This is BM25F without length normalisation, k = 1.2 (Robertson, Zaragoza 2009, "The probabilistic
 * relevance framework"). Field weights: title, brand, category and colour 2, the rest 1. Parts of
 * runs count a third (text.h). search_terms.h has the terms that stand for one that is misspelled.
 *
 * Candidates come from the SEARCH_FIND_TERMS_MAX rarest terms. Terms that are 64 times as frequent
 * as the rarest one only rank. A pattern is a set of these terms; its products have these terms and
 * none of the others. The largest weights of its terms bound the scores of a pattern. The search
 * visits the patterns in the order of this bound, the highest first, and scores their products in
 * the order of their numbers. It ends when no further product can come among the best; the result
 * is exact then. (MaxScore, Turtle, Flood 1995, "Query evaluation: strategies and optimizations",
 * by sets of terms instead of single ones.)
 *
 * The work is bounded:
 *   - When 256 products of a pattern are scored and the bound still says nothing, the search
 *     samples the rest of the pattern evenly.
 *   - It looks at no more than SEARCH_SCAN_MAX places of lists and words of 64 products.
 *   - It scores no more than SEARCH_EXACT_MAX products.
 * At a bound the result may lack better products. (tests/measure_catalogue 500000 50 1000, where
 * one product in 1,000 has more of a word than the others: 97 % of the places of searches of three
 * words are the exact ones. The scores of 100 results for one or two frequent words sum to 98 % of
 * the exact ones'.) The same catalogue, put in the same order, gives the same results.
 *
 * Thread: any that holds the catalogue's read lock. */
#ifndef WEFT_SEARCH_SEARCH_H
#define WEFT_SEARCH_SEARCH_H

#include "processors/recommend/search/search_index.h"

#define SEARCH_SCAN_MAX 131072
#define SEARCH_EXACT_MAX 1024
#define SEARCH_FIND_TERMS_MAX 6
#define SEARCH_RESULTS_MAX 100

struct search_result {
    uint32_t product;
    float score;
};

/* The best `length` (<= SEARCH_RESULTS_MAX) available products; of equal scores the lower number
 * first. Returns how many. `index` watches `catalogue`. */
uint32_t search_top(const struct search_index *index, const struct catalogue *catalogue,
                    struct bytes query, uint32_t length, struct search_result *ret_results);

/* The same without the bounds of work, to measure what they cost. */
uint32_t search_all(const struct search_index *index, const struct catalogue *catalogue,
                    struct bytes query, uint32_t length, struct search_result *ret_results);

#endif
