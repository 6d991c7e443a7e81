/* The nearest known word: what somebody probably meant with a misspelt name. Offer the known words
 * one after another, and then read `nearest`.
 *
 * Words are compared as search compares them (search/text.h): without their case, and by the edits
 * from one to the other. Up to a third of its letters may differ. Thread: any. */
#ifndef WEFT_LISTS_NEAR_WORD_H
#define WEFT_LISTS_NEAR_WORD_H

#include "processors/recommend/search/text.h"

struct near_word {
    struct bytes nearest; /* absent: no known word is near; borrowed from the caller */
    struct bytes word;    /* borrowed */
    uint32_t letters[LETTERS_MAX], count;
    int32_t most; /* edits that a nearer word may have; -1: no word can be nearer */
    struct buffer scratch;
};

/* `word` is borrowed until near_word_release(). */
void near_word_init(struct near_word *near, struct bytes word);
void near_word_release(struct near_word *near);

/* Takes the word as the nearest one, if it is nearer than those before. Only the case may differ;
 * the word itself is not offered. The known word stays where it is while the caller uses it. */
void near_word_offer(struct near_word *near, struct bytes known);

#endif
