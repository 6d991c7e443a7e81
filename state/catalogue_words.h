/* The catalogue's words: interned brands, categories, colours, ..., each with the products that
 * have it. For catalogue.c alone; what others may read of words is in catalogue.h. Thread: writer,
 * under the write lock. */
#ifndef WEFT_STATE_CATALOGUE_WORDS_H
#define WEFT_STATE_CATALOGUE_WORDS_H

#include "state/catalogue.h"

struct catalogue_slot {
    uint32_t tag;   /* low half of the hash, which also says where the slot belongs */
    uint32_t index; /* + 1; 0: free */
};

/* Room for one more of `size` bytes behind `count`; returns where they are then. */
void *catalogue_reserve(void *at, uint32_t count, uint32_t *capacity, size_t size);

/* Words lie all over memory. Of many that are asked for one after the other, first the places
 * where they are looked up are fetched, by the hash that is returned, then all that is there. */
uint64_t words_fetch(const struct catalogue *catalogue, enum word_kind kind, struct bytes text);
void words_fetch_all(const struct catalogue *catalogue, const uint64_t *hashes, uint32_t count);

/* Finds or adds; WORD_NONE when the kind is full. The caller gives it to a product at once. */
uint32_t words_intern(struct catalogue *catalogue, enum word_kind kind, uint32_t parent,
                      struct bytes text);
/* There are as many of the kind as its bound allows. */
bool words_full(const struct catalogue *catalogue, enum word_kind kind);
/* Room for one more word. */
void words_reserve(struct catalogue *catalogue);
/* Makes the word of that number. */
void words_set(struct catalogue *catalogue, uint32_t number, enum word_kind kind, uint32_t parent,
               struct bytes text);
/* What a word owes to its parent: a category its depth, an attribute's name a count. */
void words_link(struct catalogue *catalogue, uint32_t number);
/* Nobody has it any more: its number can be used again. */
void words_free(struct catalogue *catalogue, uint32_t number);
void words_free_number(struct catalogue *catalogue, uint32_t number);

/* Counts the product's words and puts it into their postings. */
void words_take(struct catalogue *catalogue, uint32_t product);
/* The opposite, after the product has its new words: what both had before and after is not freed.
 */
void words_drop(struct catalogue *catalogue, struct words words);

/* All rarities, when the number of products has moved. */
void words_set_rarities(struct catalogue *catalogue);

/* Sorts and removes repetitions. Returns how many are left. */
uint32_t words_make_set(uint32_t *at, uint32_t count);

#endif
