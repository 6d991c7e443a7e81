/* A product of the catalogue: its numbers, and one block of data with its words and texts. Calls
 * schemas/ and catalogue_words.
 *
 *     struct product
 *       price, rating, ...
 *       data --> [ words, 4 bytes each: brand | category | colour | ... | attribute ]
 *                [ item_id ][ title ][ image ]                  without a NUL
 *       starts[kind]   where the words of a kind begin; starts[PRODUCT_KINDS]: how many there are
 *
 * A product's words are ascending numbers, each once; only categories come path by path, each from
 * its leaf up. The product owns its data. Threads: as the catalogue's. */
#ifndef WEFT_STATE_PRODUCT_H
#define WEFT_STATE_PRODUCT_H

#include "schemas/event.h"
#include "state/catalogue_words.h"

#define TITLE_BYTES_MAX 512    /* longer ones are cut */
#define IMAGE_BYTES_MAX 1024   /* longer ones are left out */
#define CATEGORY_PATHS_MAX 8   /* of a product */
#define PRODUCT_WORDS_MAX 1024 /* of a product in all */
#define PRODUCT_ATTRIBUTES_MAX EVENT_PAIRS_MAX
#define PRODUCT_KINDS WORD_NAME /* a product's words are of the kinds before it */

/* Bits of product.dirty: the rows that a save must write. */
#define PRODUCT_DIRTY_NUMBERS 1
#define PRODUCT_DIRTY_CONTENT 2

struct product {
    char *data;
    uint64_t content;     /* hash of all but the numbers */
    float price;          /* NaN: not known */
    float original_price; /* before a discount, or recommended; NaN: not known */
    float rating;         /* NaN: none */
    uint32_t rating_count;
    uint32_t like_count;
    uint32_t brand;    /* word; WORD_NONE */
    uint32_t category; /* word of the first path's leaf; WORD_NONE */
    uint16_t starts[PRODUCT_KINDS + 1];
    uint16_t id_size, title_size, image_size;
    uint8_t availability; /* enum availability */
    bool gone;            /* deleted */
    uint8_t dirty;
};

/* ---- reading ---- */

struct words product_words(const struct product *product, enum word_kind kind);
struct words product_all_words(const struct product *product);
struct bytes product_id(const struct product *product);
struct bytes product_title(const struct product *product);
struct bytes product_image(const struct product *product);
/* 1 - price / original_price; 0 if it is negative or not known. */
float product_discount(const struct product *product);
/* Neither gone nor out of stock. */
bool product_available(const struct product *product);

/* ---- writing ---- */

/* Counts of the things that the catalogue left out at a bound. */
struct catalogue_counts {
    uint64_t products_refused;
    uint64_t attributes_out; /* too many, too long a text, or a value that is no text */
    uint64_t words_refused;  /* the kind has as many words as it may */
    uint64_t texts_cut;      /* titles, images, categories, colours, tags, genders, age groups */
};

/* Builds a product from an event of type EVENT_PRODUCT: interns its words, at most `attributes_max`
 * attributes, and adds to `counts`. The caller owns the product's data, and calls words_take(). */
void product_build(const struct event *event, uint32_t attributes_max,
                   struct catalogue_words *words, struct catalogue_counts *counts,
                   struct product *ret_product);

/* Hash of the event without the product's numbers: product.content. It is on disk. */
uint64_t product_hash_content(const struct event *event);

/* Hash of the product with its item_id and its numbers, the same on every machine. */
uint64_t product_digest(const struct product *product);

/* Sets price, rating and the like. */
void product_set_numbers(struct product *product, const struct event *event);
bool product_same_numbers(const struct product *a, const struct product *b);

/* Sets brand and category from the words. */
void product_set_main_words(struct product *product);

#endif
