/* Audiences: the genders or age groups that a visitor looks for. A user's declared one counts
 * alone; else the words of the products that the visitor viewed, put in the cart or bought count by
 * their share of the visitor's weight (state/preferences.h). Thread: holds the catalogue's read
 * lock. */
#ifndef WEFT_LISTS_AUDIENCE_H
#define WEFT_LISTS_AUDIENCE_H

#include "state/catalogue.h"
#include "state/preferences.h"

#define AUDIENCE_LEAST 5 /* fresh views of products for some audience; with fewer all pass */

struct audience {
    bool on; /* enough is known of the visitor */
    uint32_t words[TASTE_WORDS_MAX + 1];
    float shares[TASTE_WORDS_MAX + 1];
    uint32_t count;
    float least; /* share, 0 to 1 */
};

/* The visitor's audience of one kind. `declared` is what the shop says of the user; absent:
 * nothing. `least` 0: all products pass. Products for "unisex" always pass. */
void audience_find(const struct catalogue *catalogue, const struct preferences *preferences,
                   enum taste_word_kind taste, enum word_kind kind, struct bytes declared,
                   float least, struct audience *ret_audience);

/* Whether a product with these words is for another audience: the shares of its words sum to less
 * than the least. */
bool audience_excludes(const struct audience *audience, struct words words);

#endif
