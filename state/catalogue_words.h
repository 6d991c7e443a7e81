/* The catalogue's words: what many products share (brands, categories, attributes, ...) is a text
 * of a kind, stored once and known by its number. Knows nothing of products but their numbers.
 * Calls schemas/.
 *
 *     index   hash of kind and text -> number                         schemas/hash_index.h
 *     by_tag  kind and low half of the word's hash -> number
 *     at      [ word 0 ][ word 1 ][ free ][ word 3 ] ...             by number
 *                 |  text     --> "Women > Shoes > Boots"
 *                 |  parent   --> number of "Women > Shoes"
 *                 |  postings --> [ product ][ product ] ...         products that have the word
 *     rarities [ float ][ float ] ...                                by number
 *     free     [ 2 ]                                                 numbers for the next new words
 *     dirty    [ 0 ][ 3 ]                                            numbers that a save must write
 *
 * A category is the path down to it, and its parent is the path above. An attribute is
 * "name=value", and its parent is the word of the name. A word that no product has is freed, and
 * its number is used again. So a number holds only within one process and while a product has the
 * word; what is stored or sent elsewhere uses the text, or the hash, which is the same in every
 * process.
 *
 * The catalogue owns its words. Threads: as the catalogue's: find and walk functions under the read
 * lock, all others by the writer under the write lock. Out of memory ends the process. */
#ifndef WEFT_STATE_CATALOGUE_WORDS_H
#define WEFT_STATE_CATALOGUE_WORDS_H

#include "schemas/hash_index.h"

#define WORD_NONE UINT32_MAX
#define WORD_BYTES_MAX 256   /* of a text; the caller leaves longer ones out */
#define CATEGORY_DEPTH_MAX 8 /* deeper paths are cut */

enum word_kind {
    WORD_BRAND,
    WORD_CATEGORY,
    WORD_COLOUR,
    WORD_TAG,
    WORD_GENDER,
    WORD_AGE_GROUP,
    WORD_ATTRIBUTE,
    WORD_NAME, /* of attributes; no product has it by itself */
    WORD_KINDS,
};
extern const char *const word_kind_names[WORD_KINDS];

/* The products that have a word, in no order. Some may have lost it, and a product may be there
 * twice: the reader checks with catalogue_has(). */
struct postings {
    uint32_t *at;
    uint32_t count, capacity;
};

struct word {
    uint64_t hash; /* of kind and text; the same in every process */
    char *text;    /* NULL: the number is free */
    uint32_t size;
    uint32_t parent; /* WORD_NONE: none */
    uint32_t count;  /* products that have it, without gone ones; of a name: its attributes */
    uint8_t kind;    /* enum word_kind */
    uint8_t depth;   /* of a category, the topmost 1 */
    bool dirty;
    struct postings postings; /* not of genders, age groups and names */
};

/* Some words' numbers; borrowed. */
struct words {
    const uint32_t *at;
    uint32_t count;
};

struct catalogue_words {
    struct word *at;
    float *rarities;
    uint32_t count, capacity; /* free numbers are counted too */
    struct hash_index index;
    struct hash_index by_tag;         /* of words that words_find_tagged() may find */
    uint32_t same_tags;               /* words that another one keeps out of `by_tag` */
    uint32_t kind_counts[WORD_KINDS]; /* words in use */
    uint32_t kind_max[WORD_KINDS];
    uint32_t *free, *dirty;
    uint32_t free_count, free_capacity, dirty_count, dirty_capacity;
    uint32_t rarities_of; /* number of products when all rarities were computed last */
    bool loading;         /* rarities are computed at the end */
};

void words_init(struct catalogue_words *words, uint32_t attribute_names_max,
                uint32_t attribute_values_max);
void words_release(struct catalogue_words *words);
/* Bytes of memory, without the struct itself. */
size_t words_bytes(const struct catalogue_words *words);

/* ---- reading ---- */

/* WORD_NONE: there is no such word. Categories as "A > B". */
uint32_t words_find(const struct catalogue_words *words, enum word_kind kind, struct bytes text);
/* By the low half of the word's hash: of the words that have it, the one with the lowest hash.
 * Never a tag, an attribute or a name. */
uint32_t words_find_tagged(const struct catalogue_words *words, enum word_kind kind, uint32_t tag);
/* Whether the category `word` is `category`, or lies in it. */
bool words_within(const struct catalogue_words *words, uint32_t word, uint32_t category);
/* The depth of the deepest category that both lie in; 0: none. */
uint32_t words_shared_depth(const struct catalogue_words *words, uint32_t a, uint32_t b);

/* Many lookups in a row wait for memory. First words_prefetch() fetches the slot of each; it
 * returns the hash. Then words_prefetch_all() fetches the words that the slots name. */
#define WORDS_PREFETCH_MAX 64 /* in one call */
uint64_t words_prefetch(const struct catalogue_words *words, enum word_kind kind,
                        struct bytes text);
void words_prefetch_all(const struct catalogue_words *words, const uint64_t *hashes,
                        uint32_t count);

/* ---- writing ---- */

/* Finds or adds. The caller gives a new word to a product at once. WORD_NONE: words_full(). */
uint32_t words_intern(struct catalogue_words *words, enum word_kind kind, uint32_t parent,
                      struct bytes text);
/* There are as many words of the kind as its bound allows. */
bool words_full(const struct catalogue_words *words, enum word_kind kind);
/* No product has the word: frees it, and with its last attribute the name. */
void words_free(struct catalogue_words *words, uint32_t number);

/* A product has these words from now on: counts them, adds the product to their postings, and
 * computes their rarities for `present` products. */
void words_take(struct catalogue_words *words, struct words taken, uint32_t product,
                uint32_t present);

/* The rarity of a word, n products of `present` N: ln(1 + N / n). */
void words_set_rarity(struct catalogue_words *words, uint32_t number, uint32_t present);
/* All rarities, if the number of products has moved by more than RARITY_SLACK since. */
#define RARITY_SLACK .02
void words_set_rarities(struct catalogue_words *words, uint32_t present);

/* Whether words of the kind have postings. */
bool words_have_postings(enum word_kind kind);

/* Sorts numbers and removes repetitions. Returns how many are left. */
uint32_t words_make_set(uint32_t *at, uint32_t count);

/* ---- loading ---- */

/* Adds a stored word. False: the number or the text is taken. */
bool words_add_stored(struct catalogue_words *words, uint32_t number, enum word_kind kind,
                      uint32_t parent, struct bytes text);
/* Links the words to their parents, once all are there. False: a parent is missing or of a wrong
 * kind, or the paths run in a circle. */
bool words_link_stored(struct catalogue_words *words);
/* Frees the words that no product has, once all products are there, and computes the rarities. */
void words_end_loading(struct catalogue_words *words, uint32_t present);

#endif
