/* The catalogue: what the shop says of its products. A fold of a compacted topic of products, keyed
 * by item_id, held in memory, with RocksDB behind it (catalogue_store.h).
 *
 * What many products share (brands, categories, attributes, ...) is a word: a text of a kind,
 * stored once. A category is the path down to it, "Women > Shoes > Boots", and its parent the path
 * above; a product has the words of all its categories and of all that these lie in. An attribute
 * is "name=value", and its parent the word of the name. A word that no product has any more makes
 * room for another. Numbers of words and products hold within one process only: what is stored or
 * sent elsewhere uses texts, or the word's hash, which is the same in every process.
 *
 * An item_id keeps its index as long as the process runs, also when its product is deleted ("gone")
 * and comes back.
 *
 * Bounds: struct catalogue_limits and the constants below; what is beyond is left out and counted.
 *
 * Threads: one writer, many readers, kept apart by catalogue_lock_*(). The locks nest in one order:
 * the model's first, then the catalogue's; writers hold one of the two at a time. */
#ifndef WEFT_STATE_CATALOGUE_H
#define WEFT_STATE_CATALOGUE_H

#include "schemas/event.h"

#define PRODUCT_NONE UINT32_MAX
#define WORD_NONE UINT32_MAX

#define TITLE_BYTES_MAX 512    /* longer ones are cut */
#define IMAGE_BYTES_MAX 1024   /* longer ones are left out */
#define WORD_BYTES_MAX 256     /* longer ones are left out */
#define CATEGORY_PATHS_MAX 8   /* of a product */
#define CATEGORY_DEPTH_MAX 8   /* deeper paths are cut */
#define PRODUCT_SET_MAX 32     /* colours, tags, genders, age groups: each */
#define PRODUCT_WORDS_MAX 1024 /* of a product in all */
#define PRODUCT_ATTRIBUTES_MAX EVENT_PAIRS_MAX

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
#define PRODUCT_KINDS WORD_NAME /* the kinds that a product's words are of */
extern const char *const word_kind_names[WORD_KINDS];

/* The products that have a word, in no order. May hold some that have lost it, and a product more
 * than once: who reads checks by catalogue_has(). */
struct postings {
    uint32_t *at;
    uint32_t count, capacity;
};

struct word {
    uint64_t hash; /* of kind and text */
    char *text;    /* NULL: free */
    uint32_t size;
    uint32_t parent; /* WORD_NONE: none */
    uint32_t count;  /* products that have it, gone ones not; of a name: attributes of that name */
    uint8_t kind;    /* enum word_kind */
    uint8_t depth;   /* of a category, the topmost 1 */
    bool dirty;
    struct postings postings; /* not of genders, age groups and names */
};

struct product {
    char *data;           /* words, item_id, title, image: product_words() and the like */
    uint64_t content;     /* hash of all but the numbers */
    float price;          /* NaN: not known */
    float original_price; /* NaN: not known; what it cost before, or is said to be worth */
    float rating;         /* NaN: none */
    uint32_t rating_count;
    uint32_t like_count;
    uint32_t brand;                     /* word; WORD_NONE */
    uint32_t category;                  /* word of the first path's leaf; WORD_NONE */
    uint16_t starts[PRODUCT_KINDS + 1]; /* of each kind in the words */
    uint16_t id_size, title_size, image_size;
    uint8_t availability; /* enum availability */
    bool gone;            /* deleted, or never told of */
    uint8_t dirty;
};

struct catalogue_limits {
    uint32_t products_max;
    uint32_t attribute_names_max;
    uint32_t attribute_values_max; /* distinct name=value */
    uint32_t product_attributes_max;
};

/* What was left out at a bound. */
struct catalogue_counts {
    uint64_t products_refused;
    uint64_t attributes_out; /* of products that have too many, or whose text is too long */
    uint64_t words_refused;  /* the kind has as many words as it may */
    uint64_t texts_cut;      /* titles, images, categories */
};

/* Told of each product whose words or title changed, or that came or went, the writer's lock held;
 * `changing`, which may be NULL, of one that is there and still as it was. */
struct catalogue;
struct catalogue_watcher {
    void (*changing)(struct catalogue_watcher *self, const struct catalogue *catalogue,
                     uint32_t product);
    void (*changed)(struct catalogue_watcher *self, const struct catalogue *catalogue,
                    uint32_t product);
};
#define CATALOGUE_WATCHERS_MAX 4

struct catalogue {
    struct catalogue_limits limits;
    struct product *products;
    uint32_t product_count, product_capacity; /* gone ones are counted too */
    uint32_t present;                         /* products that are not gone */
    uint64_t discount_steps;                  /* of the present ones, summed; 1,024ths */
    uint64_t changes;                         /* what watchers were told */
    uint64_t availability_changes;            /* without more */
    struct catalogue_slot *slots;             /* of item_ids */
    uint32_t slot_capacity;
    struct word *words;
    float *rarities;      /* of the words */
    uint32_t rarities_of; /* products that they were all worked out for */
    uint32_t word_count, word_capacity;
    struct catalogue_slot *word_slots;
    uint32_t word_slot_capacity, word_slots_used;
    uint32_t kind_counts[WORD_KINDS]; /* words in use */
    uint32_t *free_words;
    uint32_t free_count, free_capacity;
    uint32_t *dirty, *dirty_words;
    uint32_t dirty_count, dirty_capacity, dirty_word_count, dirty_word_capacity;
    struct catalogue_counts counts;
    struct catalogue_watcher *watchers[CATALOGUE_WATCHERS_MAX];
    int watcher_count;
    bool loading; /* rarities are worked out at the end */
    struct catalogue_locks *locks;
};

struct catalogue *catalogue_new(const struct catalogue_limits *limits);
void catalogue_free(struct catalogue *catalogue);
/* Borrowed; before the first product comes. */
void catalogue_watch(struct catalogue *catalogue, struct catalogue_watcher *watcher);

void catalogue_lock_read(const struct catalogue *catalogue);
void catalogue_unlock_read(const struct catalogue *catalogue);
void catalogue_lock_write(struct catalogue *catalogue);
void catalogue_unlock_write(struct catalogue *catalogue);

/* ---- reading: under a lock ---- */

/* PRODUCT_NONE: never heard of. */
uint32_t catalogue_find(const struct catalogue *catalogue, struct bytes item_id);
/* Mean of product_discount() over the products that are there; 0 without any. */
float catalogue_discount(const struct catalogue *catalogue);
/* WORD_NONE: no product has it. Categories as "A > B". */
uint32_t catalogue_word(const struct catalogue *catalogue, enum word_kind kind, struct bytes text);
/* By the low half of the word's hash; of several that have it, one. */
uint32_t catalogue_tagged(const struct catalogue *catalogue, enum word_kind kind, uint32_t tag);
bool catalogue_has(const struct catalogue *catalogue, uint32_t product, uint32_t word);
/* Is the category `word` this one, or does it lie in it? */
bool catalogue_within(const struct catalogue *catalogue, uint32_t word, uint32_t category);
/* How deep the deepest category is that both lie in; 0: none. */
uint32_t catalogue_shared_depth(const struct catalogue *catalogue, uint32_t a, uint32_t b);
/* ln(1 + N / n): N products, n with the word (Robertson, Sparck Jones 1976, smoothed). N may be off
 * by RARITY_SLACK. */
#define RARITY_SLACK .02
static inline float catalogue_rarity(const struct catalogue *catalogue, uint32_t word)
{
    return catalogue->rarities[word];
}

struct words {
    const uint32_t *at; /* ascending, but categories: each path from its leaf up, the first first */
    uint32_t count;
};
struct words product_words(const struct product *product, enum word_kind kind);
struct words product_all_words(const struct product *product);
struct bytes product_id(const struct product *product);
struct bytes product_title(const struct product *product);
struct bytes product_image(const struct product *product);
/* 1 - price / original_price; 0 where that is not known or negative. */
float product_discount(const struct product *product);
bool product_available(const struct product *product); /* not gone, not out of stock */

size_t catalogue_bytes(const struct catalogue *catalogue);

/* ---- writing: thread: writer, under the write lock ---- */

enum catalogue_change {
    CATALOGUE_SAME,
    CATALOGUE_NUMBERS, /* price, availability, rating, likes alone: cheap */
    CATALOGUE_CONTENT,
    CATALOGUE_NEW,
    CATALOGUE_GONE,
    CATALOGUE_REFUSED, /* products_max */
    CATALOGUE_CHANGES,
};

/* `event` is of type EVENT_PRODUCT and checked. The whole product is replaced. */
enum catalogue_change catalogue_put(struct catalogue *catalogue, const struct event *event);
enum catalogue_change catalogue_delete(struct catalogue *catalogue, struct bytes item_id);

#endif
