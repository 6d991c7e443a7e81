/* Exploration: a bounded share of a list's places goes to products that are new, so that it is
 * found out whether anybody wants them. Calls nothing.
 *
 * Of n options, each with the score that its place would be by and the clicks it has had, one is
 * drawn with the probability
 *
 *     p(i) = exp(u(i)) / sum of exp(u(j)),   u(i) = score(i) + sqrt(2 ln(1 + N) / (1 + clicks(i)))
 *
 * N all options' clicks: the index of UCB1 (Auer, Cesa-Bianchi, Fischer 2002), drawn from by its
 * softmax instead of taking the largest, so that each option's chance is known and can be written
 * down. How often a product was seen nobody tells, so clicks stand for trials. */
#ifndef WEFT_LISTS_EXPLORATION_H
#define WEFT_LISTS_EXPLORATION_H

#include <stdint.h>

#define EXPLORE_OPTIONS_MAX 64
#define EXPLORE_NEWEST_MAX 64 /* of the catalogue's newest products that are looked at */
#define EXPLORE_PLACES_MAX 10 /* in one list */

struct explore_settings {
    float share;     /* of a list's places, 0 to 1; 0: none */
    uint32_t clicks; /* a product with fewer is new */
};

struct explore_option {
    float score;
    uint32_t clicks;
    uint32_t at; /* the caller's */
};

/* A number from 0 to below 1; the same state gives the same numbers (splitmix64). */
double explore_random(uint64_t *state);

/* How many places of a list of `length` are explored: share * length on average, never more than
 * that rounded up, nor than EXPLORE_PLACES_MAX. */
uint32_t explore_places(const struct explore_settings *settings, uint32_t length, uint64_t *state);

/* Draws one of `count` >= 1 options by the formula above. */
uint32_t explore_draw(const struct explore_option *options, uint32_t count, uint64_t *state,
                      float *ret_propensity);

#endif
