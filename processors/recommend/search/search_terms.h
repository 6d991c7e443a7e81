/* Query terms: reads a query into terms, and finds for each the terms of the index that stand for
 * it.
 *
 *   "wool coats redd"
 *        |                                  stands for            likeness
 *        +--> wool    in the index          wool                  LIKENESS_SAME
 *        +--> coat    in the index          coat                  LIKENESS_SAME
 *        +--> redd    in no product         red, redder           less: spelled alike
 *
 *   - A run of Hangul, Han or Kana that no product has becomes two terms, if both halves are in the
 *     index.
 *   - Any other term that no product has stands for the terms that it begins and for those that are
 *     spelled alike: one edit up to five letters, else two. Shared pairs of letters find them. A
 *     number is never spelled like another number.
 *
 * For search.c. Thread: any that holds the catalogue's read lock. */
#ifndef WEFT_SEARCH_SEARCH_TERMS_H
#define WEFT_SEARCH_SEARCH_TERMS_H

#include "processors/recommend/search/search_index.h"

#define SEARCH_QUERY_TERMS_MAX 12 /* of a query; further ones are left out */
#define SEARCH_LIKE_MAX 6         /* terms that stand for one */
#define LIKENESS_SAME 10          /* likenesses are whole numbers, as weights are */

/* Owns `united`. */
struct query_term {
    struct {
        uint32_t term; /* of the index */
        uint32_t likeness;
    } like[SEARCH_LIKE_MAX]; /* the most alike first */
    uint32_t like_count;
    uint32_t position;                  /* in the query */
    uint64_t postings;                  /* products with one of them, summed over `like` */
    float weight;                       /* rarity; of parts a third */
    uint32_t most;                      /* that it weighs in any product */
    const struct product_set *products; /* that have one of them; of the index, or `united` */
    struct product_set united;
};

/* The terms of the query that some product has, the rarest first. Returns how many of
 * SEARCH_QUERY_TERMS_MAX; they hold while the index does not change. */
uint32_t search_terms_read(const struct search_index *index, const struct catalogue *catalogue,
                           struct bytes query, struct query_term *ret_terms);
void search_terms_release(struct query_term *terms, uint32_t count);

#endif
