/* The index that searches read (search.h): terms, the products that have each, pairs of letters.
 * For search.c alone. Changes under the catalogue's write lock, reading under its read lock. */
#ifndef WEFT_SEARCH_SEARCH_INDEX_H
#define WEFT_SEARCH_SEARCH_INDEX_H

#include "processors/recommend/search/product_set.h"
#include "processors/recommend/search/search.h"

#define SEARCH_PART 0x80000000u /* of a term's number in a text: only a part of a run */

/* Weights of fields are whole numbers, so that a sum of them is the same in any order: 40 is 1. */
#define SEARCH_WEIGHT_ONE 40
#define SEARCH_TITLE_WEIGHT 80
extern const uint8_t search_field_weights[PRODUCT_KINDS];

/* Numbers, growing. */
struct numbers {
    uint32_t *at;
    uint32_t count, capacity;
};

struct term_row {
    uint32_t stamp, sum;         /* while a product's are added up */
    uint32_t most;               /* it has weighed in a product */
    struct product_set products; /* that have it in the title or in a word */
    struct numbers words;        /* of the catalogue; some may be no product's any more */
    char *text;
    uint8_t size;
};

/* The terms of a title or of a word, with SEARCH_PART: text_row_terms(). Most words have one or
 * two, which need no room of their own. */
#define TEXT_ROW_FEW 2
struct text_row {
    uint64_t hash; /* of a word; a number may be used again for another */
    union {
        uint32_t few[TEXT_ROW_FEW];
        uint32_t *many;
    };
    uint32_t count;
};

static inline const uint32_t *text_row_terms(const struct text_row *row)
{
    return row->count <= TEXT_ROW_FEW ? row->few : row->many;
}

struct gram_row {
    uint64_t key; /* two letters; 0: free */
    struct numbers terms;
};

struct search {
    struct catalogue_watcher watcher; /* first */
    struct term_row *terms;
    uint32_t term_count, term_capacity;
    uint32_t *slots; /* term + 1 */
    uint32_t slot_capacity;
    struct text_row *titles, *words; /* by product, by word */
    uint32_t title_capacity, word_capacity;
    struct gram_row *grams;
    uint32_t gram_count, gram_capacity;
    uint64_t terms_refused;
    struct numbers before, after; /* terms of the product that changes */
    uint32_t stamp;
};

/* UINT32_MAX: no product ever had it. */
uint32_t search_find_term(const struct search *search, struct bytes text);

/* Pairs of letters with the ends as letters too. Returns how many. */
uint32_t search_grams_of(struct bytes text, uint64_t *ret_keys);
/* The terms that have the pair, ascending. */
const struct numbers *search_gram(const struct search *search, uint64_t key);

/* Of a term in a text of that weight: parts of runs count a third. */
static inline uint32_t search_weight(uint32_t term, uint32_t weight)
{
    return term & SEARCH_PART ? weight * 35 / 100 : weight;
}

#endif
