/* The search index: an inverted index of the catalogue's text. It keeps up with the catalogue: each
 * change of a product changes the index in the same call.
 *
 *     by_text   "coat" ---------------+              hash_index: term text -> number
 *                                     v
 *     terms[]   { text, products, most, words }      one for each distinct term (text.h)
 *                          |               |
 *                          |               +-------> catalogue words that have the term
 *                          +-----------------------> product_set: products that have the term in
 *                                                    their title or in one of their words
 *
 *     titles[product]   { term, term, ... }          the terms of a title, in its order
 *     words[word]       { term, ... }                the terms of a catalogue word: a brand, the
 *                                                    last part of a category, a tag, ...
 *
 *     by_pair   ('c','o') ------------+              hash_index: two letters -> number
 *                                     v
 *     pairs[]   { letters, terms }                   terms with the two letters: for spellings
 *
 * There are at most `terms_max` terms. When a new one comes, the one with the fewest products of
 * TERM_SAMPLE drawn ones goes, never one of the product that changes. So a catalogue with too many
 * words loses its rarest ones, and a new product is always found. A product gets a term back when
 * it changes. The draws follow from the changes alone. A number may so stand for another term after
 * a change.
 *
 * Threads: the catalogue calls the index under its write lock. Others read it under the catalogue's
 * read lock. */
#ifndef WEFT_SEARCH_SEARCH_INDEX_H
#define WEFT_SEARCH_SEARCH_INDEX_H

#include "processors/recommend/search/product_set.h"
#include "processors/recommend/search/text.h"
#include "schemas/hash_index.h"
#include "state/catalogue.h"

#define SEARCH_TERMS_MAX 4000000 /* distinct terms, if search_index_limit() says nothing else */
#define SEARCH_TERMS_MIN 10000   /* the least limit: more than one product has */
#define SEARCH_TERM_NONE UINT32_MAX

struct search_index;

/* Makes an index that watches the catalogue, which is still empty and outlives the index. */
struct search_index *search_index_new(struct catalogue *catalogue);
void search_index_free(struct search_index *index);

/* Sets the bound of terms, while the index is empty. */
void search_index_limit(struct search_index *index, uint32_t terms_max);
/* Terms that went at the bound, since the start of the process. */
uint64_t search_index_evicted(const struct search_index *index);
/* Bytes of memory. */
size_t search_index_bytes(const struct search_index *index);

/* ---- for the other files of search/ ---- */

/* Weights of fields are whole numbers, so that a sum of them is the same in any order: 40 is 1. */
#define SEARCH_WEIGHT_ONE 40
#define SEARCH_TITLE_WEIGHT 80
extern const uint8_t search_field_weights[PRODUCT_KINDS];

#define SEARCH_PART                                                                                \
    0x80000000u /* set in a term's number in a text: the term is a part of a run                   \
                 */

/* The weight of a term in a field of this weight: parts of runs count a third. */
static inline uint32_t search_weight(uint32_t term, uint32_t field_weight)
{
    return term & SEARCH_PART ? field_weight * 35 / 100 : field_weight;
}

struct numbers {
    uint32_t *at;
    uint32_t count, capacity;
};

struct term_row {
    uint32_t stamp, sum;         /* scratch: its weight in the product that changes */
    uint32_t named_by;           /* the newest change whose texts have it */
    uint32_t most;               /* the largest weight that it ever had in a product */
    struct product_set products; /* that have it */
    struct numbers words;        /* of the catalogue; some may belong to no product any more */
    char *text;
    uint8_t size;
};

/* The terms of a title or of a word, with SEARCH_PART: text_row_terms(). Most words have one or
 * two terms, which need no memory of their own. */
#define TEXT_ROW_FEW 2
struct text_row {
    uint64_t hash; /* of the word; the catalogue may give its number to another word */
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

struct pair_row {
    uint64_t letters;
    struct numbers terms; /* ascending */
};

struct search_index {
    struct catalogue_watcher watcher; /* first */
    struct term_row *terms;
    uint32_t term_count, term_capacity;
    struct hash_index by_text;
    struct text_row *titles, *words;
    uint32_t title_capacity, word_capacity;
    struct pair_row *pairs;
    uint32_t pair_count, pair_capacity;
    struct hash_index by_pair;
    uint32_t terms_max;
    uint32_t change; /* the number of the change that goes on */
    uint64_t terms_evicted;
    struct numbers before, after; /* scratch: terms of the product that changes */
    uint32_t stamp;
};

/* SEARCH_TERM_NONE: no product ever had the term. */
uint32_t search_index_term(const struct search_index *index, struct bytes text);

/* The pairs of letters of a text, with its two ends as letters too. `ret_pairs` has room for
 * LETTERS_MAX + 1. Returns how many. */
uint32_t search_index_pairs_of(struct bytes text, uint64_t *ret_pairs);
/* The terms that have the pair. */
const struct numbers *search_index_pair_terms(const struct search_index *index, uint64_t pair);

#endif
