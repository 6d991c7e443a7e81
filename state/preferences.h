/* Preferences: a visitor's taste in brands, categories, prices and the like. It is learned from the
 * products that the visitor viewed, put in the cart and bought. Preferences are a part of the
 * visitor's value (visitor.avsc) and are erased with it. Calls schemas/.
 *
 * Every number is a sum of whole units that decays by the time of the events. With a half-life H
 * and a period that began at time b, an activity at time t with a product adds
 *
 *     round(TASTE_UNIT * taste_weights[kind] * 2^((t - b) / H))
 *
 * An activity at or after b + H begins a new period: b moves on by n whole half-lives, and all sums
 * are shifted by n bits, rounded. So writing changes nothing: what is read is what was written.
 *
 * Brands, categories, colours, genders and age groups are words of the catalogue. Their tag is the
 * low half of their hash, which is the same in every process. Each kind has a bound; a new word
 * replaces the weakest of its kind. Prices are stored as sums of w, w x and w x^2 with weight w and
 * x = round(32 ln price), over all products and by category: they give mean and spread.
 *
 * The struct owns no memory. Thread: any; one at a time for one struct. */
#ifndef WEFT_STATE_PREFERENCES_H
#define WEFT_STATE_PREFERENCES_H

#include "schemas/avro_binary.h"

enum taste_kind { TASTE_SEEN, TASTE_CARTED, TASTE_BOUGHT, TASTE_KINDS };
extern const uint32_t taste_weights[TASTE_KINDS]; /* 1, 3, 5; brands count each kind by itself */

enum taste_word_kind { TASTE_COLOUR, TASTE_GENDER, TASTE_AGE_GROUP, TASTE_WORD_KINDS };

#define TASTE_UNIT 32
#define TASTE_LOG 32 /* steps of ln price */
#define TASTE_DISCOUNT_STEPS 64
#define TASTE_BRANDS_MAX 8
#define TASTE_CATEGORIES_MAX 6
#define TASTE_WORDS_MAX 4 /* of each kind */
/* The bound of a sum: at least 50,000 fresh purchases. Nothing beyond it is learned. */
#define TASTE_WEIGHT_MAX (1u << 24)

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
    int64_t base_s;    /* when the period began; meaningless while weight is 0 */
    uint32_t weight;   /* sum of w over all products */
    uint32_t discount; /* sum of w times the discount, in 64ths of the price */
    struct taste_prices prices;
    uint32_t brand_count, category_count;
    uint32_t word_counts[TASTE_WORD_KINDS];
    struct taste_brand brands[TASTE_BRANDS_MAX];
    struct taste_category categories[TASTE_CATEGORIES_MAX];
    struct taste_word words[TASTE_WORD_KINDS][TASTE_WORDS_MAX];
};

/* The product of an activity. Words are taste_tag()s; 0: none. */
struct tasted {
    uint32_t brand, category;
    uint32_t words[TASTE_WORD_KINDS][TASTE_WORDS_MAX];
    float price;    /* NaN or not positive: not known */
    float discount; /* 0 to 1 */
};

/* The tag of a word: never 0. */
static inline uint32_t taste_tag(uint64_t word_hash)
{
    return (uint32_t)word_hash ? (uint32_t)word_hash : 1;
}

/* Learns from one activity. `half_life_ms` > 0. Formula above. */
void preferences_learn(struct preferences *preferences, const struct tasted *tasted,
                       enum taste_kind kind, int64_t time_ms, int64_t half_life_ms);

/* Takes back what is left of preferences_learn() with the same arguments. Sums are rounded when a
 * period begins, so a unit may remain, or be missing, for each period since. No sum goes below 0;
 * a word that fell out takes nothing back. */
void preferences_unlearn(struct preferences *preferences, const struct tasted *tasted,
                         enum taste_kind kind, int64_t time_ms, int64_t half_life_ms);

/* Fresh activities per unit at `time_ms`: a weight times this is the weight decayed to then. */
float preferences_scale(const struct preferences *preferences, int64_t time_ms,
                        int64_t half_life_ms);

/* Mean of ln price and its standard deviation, shrunk towards TASTE_SPREAD as if two views had that
 * deviation. False: no price is known. */
#define TASTE_SPREAD .5f
bool taste_prices_level(const struct taste_prices *prices, float *ret_mean, float *ret_spread);

/* Appends the part of visitor.avsc from "tastes" to the last array. */
void preferences_write(const struct preferences *preferences, struct buffer *buffer);
/* Reads it. False: no writer made these bytes. */
bool preferences_read(struct avro_reader *reader, struct preferences *ret_preferences);

#endif
