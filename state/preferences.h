/* Preferences: what a visitor likes, learned from the products that they looked at, put in the cart
 * and bought. A part of the visitor's value (visitor.avsc), erased with it. Calls schemas/.
 *
 * Every number is a sum of whole units that decays by the time of the events: with a half-life H
 * and a period that began at time b, an activity at time t with a product adds
 *
 *     round(TASTE_UNIT * taste_weights[kind] * 2^((t - b) / H))
 *
 * An activity at or after b + H begins a new period: b moves on by n whole half-lives and all sums
 * are shifted by n bits, rounded. So nothing fades by being written, and the state read back is the
 * state that was written.
 *
 * Kept are, of brands, categories and of colours, genders and age groups (words of the catalogue,
 * by the low half of their hash, which is the same in every process), at most so many; a new one
 * takes the place of the weakest of its kind. Prices are kept as sums of w, w x and w x^2, x =
 * round(32 ln price), over all and by category, which gives mean and spread. */
#ifndef WEFT_STATE_PREFERENCES_H
#define WEFT_STATE_PREFERENCES_H

#include "schemas/avro_binary.h"

enum taste_kind { TASTE_SEEN, TASTE_CARTED, TASTE_BOUGHT, TASTE_KINDS };
extern const uint32_t taste_weights[TASTE_KINDS]; /* 1, 3, 5; brands count each kind apart as 1 */

enum taste_word_kind { TASTE_COLOUR, TASTE_GENDER, TASTE_AGE_GROUP, TASTE_WORD_KINDS };

#define TASTE_UNIT 32
#define TASTE_LOG 32 /* steps of ln price */
#define TASTE_DISCOUNT_STEPS 64
#define TASTE_BRANDS_MAX 8
#define TASTE_CATEGORIES_MAX 6
#define TASTE_WORDS_MAX 4 /* of each kind */
#define TASTE_WEIGHT_MAX                                                                           \
    (1u << 24) /* what would go beyond is not learned: 16,000 purchases at once */

/* ln of prices in steps of 1 / TASTE_LOG, weighed. */
struct taste_prices {
    uint32_t weight;
    int64_t sum, square;
};

struct taste_brand {
    uint32_t word;
    uint32_t weights[TASTE_KINDS];
};

struct taste_category {
    uint32_t word;
    uint32_t weight;
    struct taste_prices prices;
};

struct taste_word {
    uint32_t word;
    uint32_t weight;
};

struct preferences {
    int64_t base_s;    /* when the period began; of no use while weight is 0 */
    uint32_t weight;   /* of all products */
    uint32_t discount; /* of weight, 64ths of the price taken off times w */
    struct taste_prices prices;
    uint32_t brand_count, category_count;
    uint32_t word_counts[TASTE_WORD_KINDS];
    struct taste_brand brands[TASTE_BRANDS_MAX];
    struct taste_category categories[TASTE_CATEGORIES_MAX];
    struct taste_word words[TASTE_WORD_KINDS][TASTE_WORDS_MAX];
};

/* A product that the visitor did something with. Words are taste_tag()s, 0: none. */
struct tasted {
    uint32_t brand, category;
    uint32_t words[TASTE_WORD_KINDS][TASTE_WORDS_MAX];
    float price;    /* NaN or not positive: not known */
    float discount; /* 0 to 1 */
};

static inline uint32_t taste_tag(uint64_t word_hash)
{
    return (uint32_t)word_hash ? (uint32_t)word_hash : 1;
}

/* `half_life_ms` > 0. */
void preferences_learn(struct preferences *preferences, const struct tasted *tasted,
                       enum taste_kind kind, int64_t time_ms, int64_t half_life_ms);

/* How many fresh activities the units are worth at `time_ms`; times a weight, the weight then. */
float preferences_scale(const struct preferences *preferences, int64_t time_ms,
                        int64_t half_life_ms);

/* Mean of ln price and its standard deviation, drawn towards TASTE_SPREAD as if two views had it.
 * False: no price is known. */
#define TASTE_SPREAD .5f
bool taste_prices_level(const struct taste_prices *prices, float *ret_mean, float *ret_spread);

/* The visitor's part of visitor.avsc, from "tastes" to the last array. */
void preferences_write(const struct preferences *preferences, struct buffer *buffer);
/* False: nothing that was written so. */
bool preferences_read(struct avro_reader *reader, struct preferences *ret_preferences);

#endif
