/* The catalogue: what the shop says about its products. A fold of a compacted topic of products,
 * keyed by item_id. It is held in memory, with RocksDB behind it (state/catalogue_store.h).
 *
 *     index     hash of item_id -> number                       schemas/hash_index.h
 *     products  [ product 0 ][ product 1 ] ...                  by number; state/product.h
 *                   |  words of the product, by number
 *     words     [ word 0 ][ word 1 ] ...                        state/catalogue_words.h
 *                   |  postings: products that have the word
 *     dirty     [ 1 ] ...                                       products that a save must write
 *     gone      queue of numbers                                deleted products, oldest first
 *
 * An item_id keeps its number when its product is deleted ("gone") and comes back, so that lists
 * leave out a gone product. Once there are CATALOGUE_NUMBERS_MAX numbers, the catalogue forgets the
 * older half of the gone products. Their numbers are free for other products, and `renumbered`
 * counts up: caches by number forget them then. Among equal products, lists take the smaller
 * number. That is the older product, unless a newer one has the number of a forgotten one.
 *
 * Numbers hold within one process only; what is stored or sent elsewhere uses the item_id.
 *
 * Bounds: struct catalogue_limits and the constants of product.h and catalogue_words.h. The
 * catalogue leaves out and counts everything beyond a bound. Out of memory ends the process.
 *
 * Threads: one writer, many readers, kept apart by catalogue_lock_*(). The locks nest in one order:
 * the model's first, then the catalogue's; writers hold one of the two at a time. A
 * result of a function points into the catalogue and holds while the lock is held. */
#ifndef WEFT_STATE_CATALOGUE_H
#define WEFT_STATE_CATALOGUE_H

#include "state/number_queue.h"
#include "state/product.h"
#include "state/reused_numbers.h"

#define PRODUCT_NONE UINT32_MAX
#define CATALOGUE_NEWEST 64 /* newest products that the catalogue knows in their order */

struct catalogue_limits {
    uint32_t products_max; /* that are not gone; the next one is refused */
    uint32_t attribute_names_max;
    uint32_t attribute_values_max; /* distinct name=value */
    uint32_t product_attributes_max;
};

struct catalogue;

/* Is told of each product whose words or title changed, or that came or went. The caller holds the
 * write lock. */
struct catalogue_watcher {
    /* Before the change, of a product that is not gone; may be NULL. */
    void (*changing)(struct catalogue_watcher *self, const struct catalogue *catalogue,
                     uint32_t product);
    /* After the change. */
    void (*changed)(struct catalogue_watcher *self, const struct catalogue *catalogue,
                    uint32_t product);
};
#define CATALOGUE_WATCHERS_MAX 4

/* Numbers of products that are there, gone or free: some more than products_max, so that numbers
 * become free many at a time. */
#define CATALOGUE_NUMBERS_MAX(limits)                                                              \
    ((uint64_t)(limits)->products_max + (limits)->products_max / 8 + 1024)

struct catalogue {
    struct catalogue_limits limits;
    struct product *products;
    uint32_t product_count, product_capacity; /* gone and free ones are counted too */
    struct hash_index index;                  /* of gone ones too */
    struct number_queue gone;
    uint64_t gone_serial; /* of the newest in `gone` */
    uint32_t *free;       /* numbers that new products get first */
    uint32_t free_count, free_capacity;
    struct buffer deleted; /* size(2) item_id, of forgotten products that the store may have */
    uint32_t newest[CATALOGUE_NEWEST]; /* a ring; PRODUCT_NONE: another one got the number */
    uint64_t newest_count;
    struct reused_numbers reused;
    uint64_t renumbered; /* how often numbers became free */
    struct catalogue_words words;
    uint32_t present;              /* products that are not gone */
    uint64_t discount_steps;       /* sum over the present ones; 1,024ths */
    uint64_t digest;               /* sum of product_digest() over the present ones */
    uint64_t changes;              /* calls of `changed` */
    uint64_t availability_changes; /* of products, among CATALOGUE_NUMBERS */
    uint32_t *dirty;
    uint32_t dirty_count, dirty_capacity;
    struct catalogue_counts counts;
    struct catalogue_watcher *watchers[CATALOGUE_WATCHERS_MAX];
    int watcher_count;
    struct catalogue_locks *locks;
};

struct catalogue *catalogue_new(const struct catalogue_limits *limits);
void catalogue_free(struct catalogue *catalogue);
/* Adds a watcher, which is borrowed. Call it before the first product comes. */
void catalogue_watch(struct catalogue *catalogue, struct catalogue_watcher *watcher);

/* Thread: any. */
void catalogue_lock_read(const struct catalogue *catalogue);
void catalogue_unlock_read(const struct catalogue *catalogue);
void catalogue_lock_write(struct catalogue *catalogue);
void catalogue_unlock_write(struct catalogue *catalogue);

/* ---- reading: under a lock ---- */

/* The product, also a gone one. PRODUCT_NONE: there was never such a product, or it is forgotten.
 */
uint32_t catalogue_find(const struct catalogue *catalogue, struct bytes item_id);
/* The newest product (`age` 0), the one before it, and so on up to CATALOGUE_NEWEST - 1; it may be
 * gone. PRODUCT_NONE: there is none. */
uint32_t catalogue_newest(const struct catalogue *catalogue, uint32_t age);
/* Mean of product_discount() over the products that are not gone; 0 without any. */
float catalogue_discount(const struct catalogue *catalogue);
bool catalogue_has(const struct catalogue *catalogue, uint32_t product, uint32_t word);
/* Bytes of memory: the tables; the texts and words that the products `from` to `to` - 1 own; all.
 * The last one looks at each product. A caller that must not hold the lock for long adds up the
 * others, a few products at a time. */
size_t catalogue_tables_bytes(const struct catalogue *catalogue);
size_t catalogue_products_bytes(const struct catalogue *catalogue, uint32_t from, uint32_t to);
size_t catalogue_bytes(const struct catalogue *catalogue);

/* words_find() and its like, of the catalogue's words. */
static inline uint32_t catalogue_word(const struct catalogue *catalogue, enum word_kind kind,
                                      struct bytes text)
{
    return words_find(&catalogue->words, kind, text);
}
static inline uint32_t catalogue_tagged(const struct catalogue *catalogue, enum word_kind kind,
                                        uint32_t tag)
{
    return words_find_tagged(&catalogue->words, kind, tag);
}
static inline bool catalogue_within(const struct catalogue *catalogue, uint32_t word,
                                    uint32_t category)
{
    return words_within(&catalogue->words, word, category);
}
static inline uint32_t catalogue_shared_depth(const struct catalogue *catalogue, uint32_t a,
                                              uint32_t b)
{
    return words_shared_depth(&catalogue->words, a, b);
}
/* ln(1 + N / n): N products, n with the word (Robertson, Sparck Jones 1976, smoothed). N may be off
 * by RARITY_SLACK. */
static inline float catalogue_rarity(const struct catalogue *catalogue, uint32_t word)
{
    return catalogue->words.rarities[word];
}

/* ---- writing: thread: writer, under the write lock ---- */

enum catalogue_change {
    CATALOGUE_SAME,
    CATALOGUE_NUMBERS, /* price, availability, rating, likes alone: cheap */
    CATALOGUE_CONTENT,
    CATALOGUE_NEW,
    CATALOGUE_GONE,
    CATALOGUE_REFUSED, /* products_max of them are there */
    CATALOGUE_CHANGES,
};

/* Replaces the whole product. `event` is of type EVENT_PRODUCT and checked. */
enum catalogue_change catalogue_put(struct catalogue *catalogue, const struct event *event);
enum catalogue_change catalogue_delete(struct catalogue *catalogue, struct bytes item_id);

/* ---- loading: for catalogue_store.c ---- */

/* Adds a product, whose words are there already. Takes its data over. */
uint32_t catalogue_add_stored(struct catalogue *catalogue, const struct product *product);
/* Computes the sums over all products, and frees words that no product has. */
void catalogue_end_loading(struct catalogue *catalogue);

#endif
