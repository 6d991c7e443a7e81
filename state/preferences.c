#include "state/preferences.h"

#include <math.h>
#include <stdlib.h>

#define LOG_MAX (64 * TASTE_LOG) /* prices are bounded to e^-64 .. e^64 */
#define BASE_S_MAX 10000000000   /* year 2286 */
#define PRIOR_WEIGHT (2 * TASTE_UNIT)

const uint32_t taste_weights[TASTE_KINDS] = {1, 3, 5};

/* ---- decay ---- */

static uint32_t shifted(uint32_t weight, uint32_t bits)
{
    return bits > 31 ? 0 : (uint32_t)(((uint64_t)weight + ((1ull << bits) >> 1)) >> bits);
}

static int64_t shifted_sum(int64_t sum, uint32_t bits)
{
    if (bits > 62)
        return 0;
    int64_t size = (llabs(sum) + ((1ll << bits) >> 1)) >> bits;
    return sum < 0 ? -size : size;
}

static void shift_prices(struct taste_prices *prices, uint32_t bits)
{
    prices->weight = shifted(prices->weight, bits);
    prices->sum = prices->weight ? shifted_sum(prices->sum, bits) : 0;
    prices->square = prices->weight ? shifted_sum(prices->square, bits) : 0;
}

static uint32_t brand_weight(const struct taste_brand *brand)
{
    uint32_t sum = 0;
    for (int kind = 0; kind < TASTE_KINDS; kind++)
        sum += taste_weights[kind] * brand->weights[kind];
    return sum;
}

/* Drops words whose weight has become 0. */
static void shift_all(struct preferences *preferences, uint32_t bits)
{
    uint32_t left = 0;
    preferences->weight = shifted(preferences->weight, bits);
    preferences->discount = shifted(preferences->discount, bits);
    shift_prices(&preferences->prices, bits);
    for (uint32_t i = 0; i < preferences->brand_count; i++) {
        struct taste_brand brand = preferences->brands[i];
        for (int kind = 0; kind < TASTE_KINDS; kind++)
            brand.weights[kind] = shifted(brand.weights[kind], bits);
        if (brand_weight(&brand) > 0)
            preferences->brands[left++] = brand;
    }
    preferences->brand_count = left;
    left = 0;
    for (uint32_t i = 0; i < preferences->category_count; i++) {
        struct taste_category category = preferences->categories[i];
        category.weight = shifted(category.weight, bits);
        shift_prices(&category.prices, bits);
        if (category.weight > 0)
            preferences->categories[left++] = category;
    }
    preferences->category_count = left;
    for (int kind = 0; kind < TASTE_WORD_KINDS; kind++) {
        left = 0;
        for (uint32_t i = 0; i < preferences->word_counts[kind]; i++) {
            struct taste_word word = preferences->words[kind][i];
            word.weight = shifted(word.weight, bits);
            if (word.weight > 0)
                preferences->words[kind][left++] = word;
        }
        preferences->word_counts[kind] = left;
    }
}

/* Begins a new period if it is time. Returns the half-lives from the period's beginning to the
 * time. */
static double move_on(struct preferences *preferences, int64_t time_ms, int64_t half_life_ms)
{
    if (preferences->weight == 0) {
        *preferences = (struct preferences){.base_s = time_ms / 1000};
        return (double)(time_ms - preferences->base_s * 1000) / (double)half_life_ms;
    }
    int64_t past_ms = time_ms - preferences->base_s * 1000;
    int64_t periods = past_ms / half_life_ms;
    if (periods > 0) {
        shift_all(preferences, periods > 63 ? 63 : (uint32_t)periods);
        int64_t base_ms = time_ms - past_ms % half_life_ms;
        preferences->base_s = base_ms / 1000;
        past_ms = time_ms - preferences->base_s * 1000;
    }
    return (double)past_ms / (double)half_life_ms;
}

float preferences_scale(const struct preferences *preferences, int64_t time_ms,
                        int64_t half_life_ms)
{
    double past = (double)(time_ms - preferences->base_s * 1000) / (double)half_life_ms;
    return (float)(exp2(past < -64 ? 64 : -past) / TASTE_UNIT);
}

/* ---- learning ---- */

static void add(uint32_t *weight, uint32_t more)
{
    *weight = *weight + more < TASTE_WEIGHT_MAX ? *weight + more : TASTE_WEIGHT_MAX;
}

static void take(uint32_t *weight, uint32_t less)
{
    *weight = *weight > less ? *weight - less : 0;
}

static int64_t price_step(float price)
{
    int64_t step = lrintf(TASTE_LOG * logf(price));
    return step > LOG_MAX ? LOG_MAX : step < -LOG_MAX ? -LOG_MAX : step;
}

static void take_price(struct taste_prices *prices, float price, uint32_t weight)
{
    if (!(price > 0))
        return;
    int64_t step = price_step(price);
    if (weight >= prices->weight) {
        *prices = (struct taste_prices){0};
        return;
    }
    prices->weight -= weight;
    prices->sum -= step * weight;
    prices->square -= step * step * weight;
    if (prices->square < 0)
        prices->square = 0;
}

static void add_price(struct taste_prices *prices, float price, uint32_t weight)
{
    if (!(price > 0) || prices->weight + weight > TASTE_WEIGHT_MAX)
        return;
    int64_t step = price_step(price);
    prices->weight += weight;
    prices->sum += step * weight;
    prices->square += step * step * weight;
}

static void add_brand(struct preferences *preferences, uint32_t word, enum taste_kind kind,
                      uint32_t units)
{
    struct taste_brand *at = preferences->brands, *weakest = NULL;
    struct taste_brand *end = at + preferences->brand_count;
    for (; at < end && at->word != word; at++)
        if (weakest == NULL || brand_weight(at) < brand_weight(weakest))
            weakest = at;
    if (at == end) {
        if (preferences->brand_count < TASTE_BRANDS_MAX)
            preferences->brand_count++;
        else
            at = weakest;
        *at = (struct taste_brand){.word = word};
    }
    add(&at->weights[kind], units);
}

static void add_category(struct preferences *preferences, uint32_t word, float price,
                         uint32_t weight)
{
    struct taste_category *at = preferences->categories, *weakest = NULL;
    struct taste_category *end = at + preferences->category_count;
    for (; at < end && at->word != word; at++)
        if (weakest == NULL || at->weight < weakest->weight)
            weakest = at;
    if (at == end) {
        if (preferences->category_count < TASTE_CATEGORIES_MAX)
            preferences->category_count++;
        else
            at = weakest;
        *at = (struct taste_category){.word = word};
    }
    add(&at->weight, weight);
    add_price(&at->prices, price, weight);
}

static void add_word(struct preferences *preferences, int kind, uint32_t word, uint32_t weight)
{
    struct taste_word *at = preferences->words[kind], *weakest = NULL;
    struct taste_word *end = at + preferences->word_counts[kind];
    for (; at < end && at->word != word; at++)
        if (weakest == NULL || at->weight < weakest->weight)
            weakest = at;
    if (at == end) {
        if (preferences->word_counts[kind] < TASTE_WORDS_MAX)
            preferences->word_counts[kind]++;
        else
            at = weakest;
        *at = (struct taste_word){.word = word};
    }
    add(&at->weight, weight);
}

/* Units of an activity that is so many half-lives past the period's beginning. */
static uint32_t units_at(double past)
{
    return past < -30 ? 0 : (uint32_t)lrint(TASTE_UNIT * exp2(past < 1 ? past : 1));
}

static uint32_t discount_steps(const struct tasted *tasted)
{
    float discount = tasted->discount > 0 ? tasted->discount < 1 ? tasted->discount : 1 : 0;
    return (uint32_t)lrintf(TASTE_DISCOUNT_STEPS * discount);
}

void preferences_learn(struct preferences *preferences, const struct tasted *tasted,
                       enum taste_kind kind, int64_t time_ms, int64_t half_life_ms)
{
    uint32_t units = units_at(move_on(preferences, time_ms, half_life_ms));
    uint32_t weight = units * taste_weights[kind];
    if (units == 0 || preferences->weight + weight > TASTE_WEIGHT_MAX)
        return;
    preferences->weight += weight;
    preferences->discount += weight * discount_steps(tasted);
    add_price(&preferences->prices, tasted->price, weight);
    if (tasted->brand)
        add_brand(preferences, tasted->brand, kind, units);
    if (tasted->category)
        add_category(preferences, tasted->category, tasted->price, weight);
    for (int i = 0; i < TASTE_WORD_KINDS; i++)
        for (int k = 0; k < TASTE_WORDS_MAX && tasted->words[i][k]; k++)
            add_word(preferences, i, tasted->words[i][k], weight);
}

static void take_brand(struct preferences *preferences, uint32_t word, enum taste_kind kind,
                       uint32_t units)
{
    uint32_t at = 0, count = preferences->brand_count;
    while (at < count && preferences->brands[at].word != word)
        at++;
    if (at == count)
        return;
    struct taste_brand *brand = &preferences->brands[at];
    take(&brand->weights[kind], units);
    if (brand_weight(brand) > 0)
        return;
    memmove(brand, brand + 1, (count - at - 1) * sizeof *brand);
    preferences->brand_count--;
}

static void take_category(struct preferences *preferences, uint32_t word, float price,
                          uint32_t weight)
{
    uint32_t at = 0, count = preferences->category_count;
    while (at < count && preferences->categories[at].word != word)
        at++;
    if (at == count)
        return;
    struct taste_category *category = &preferences->categories[at];
    take(&category->weight, weight);
    take_price(&category->prices, price, weight);
    if (category->weight > 0)
        return;
    memmove(category, category + 1, (count - at - 1) * sizeof *category);
    preferences->category_count--;
}

static void take_word(struct preferences *preferences, int kind, uint32_t word, uint32_t weight)
{
    uint32_t at = 0, count = preferences->word_counts[kind];
    while (at < count && preferences->words[kind][at].word != word)
        at++;
    if (at == count)
        return;
    struct taste_word *found = &preferences->words[kind][at];
    take(&found->weight, weight);
    if (found->weight > 0)
        return;
    memmove(found, found + 1, (count - at - 1) * sizeof *found);
    preferences->word_counts[kind]--;
}

void preferences_unlearn(struct preferences *preferences, const struct tasted *tasted,
                         enum taste_kind kind, int64_t time_ms, int64_t half_life_ms)
{
    double past = (double)(time_ms - preferences->base_s * 1000) / (double)half_life_ms;
    uint32_t units = units_at(past), weight = units * taste_weights[kind];
    if (units == 0)
        return;
    take(&preferences->weight, weight);
    take(&preferences->discount, weight * discount_steps(tasted));
    take_price(&preferences->prices, tasted->price, weight);
    if (tasted->brand)
        take_brand(preferences, tasted->brand, kind, units);
    if (tasted->category)
        take_category(preferences, tasted->category, tasted->price, weight);
    for (int i = 0; i < TASTE_WORD_KINDS; i++)
        for (int k = 0; k < TASTE_WORDS_MAX && tasted->words[i][k]; k++)
            take_word(preferences, i, tasted->words[i][k], weight);
    if (preferences->weight == 0)
        *preferences = (struct preferences){0};
}

bool taste_prices_level(const struct taste_prices *prices, float *ret_mean, float *ret_spread)
{
    if (prices->weight == 0)
        return false;
    double weight = prices->weight, mean = (double)prices->sum / weight;
    double square = (double)prices->square / weight - mean * mean;
    square = (square > 0 ? square : 0) / (TASTE_LOG * TASTE_LOG);
    *ret_mean = (float)(mean / TASTE_LOG);
    *ret_spread =
        (float)sqrt((square * weight + (double)(TASTE_SPREAD * TASTE_SPREAD) * PRIOR_WEIGHT) /
                    (weight + PRIOR_WEIGHT));
    return true;
}

/* ---- bytes ---- */

static void write_prices(const struct taste_prices *prices, struct buffer *buffer)
{
    avro_put_long(buffer, prices->weight);
    avro_put_long(buffer, prices->sum);
    avro_put_long(buffer, prices->square);
}

void preferences_write(const struct preferences *preferences, struct buffer *buffer)
{
    avro_put_long(buffer, preferences->base_s);
    avro_put_long(buffer, preferences->weight);
    avro_put_long(buffer, preferences->discount);
    write_prices(&preferences->prices, buffer);
    if (preferences->brand_count > 0)
        avro_put_long(buffer, preferences->brand_count);
    for (uint32_t i = 0; i < preferences->brand_count; i++) {
        const struct taste_brand *brand = &preferences->brands[i];
        avro_put_long(buffer, (int32_t)brand->word);
        for (int kind = 0; kind < TASTE_KINDS; kind++)
            avro_put_long(buffer, brand->weights[kind]);
    }
    avro_put_long(buffer, 0);
    if (preferences->category_count > 0)
        avro_put_long(buffer, preferences->category_count);
    for (uint32_t i = 0; i < preferences->category_count; i++) {
        const struct taste_category *category = &preferences->categories[i];
        avro_put_long(buffer, (int32_t)category->word);
        avro_put_long(buffer, category->weight);
        write_prices(&category->prices, buffer);
    }
    avro_put_long(buffer, 0);
    for (int kind = 0; kind < TASTE_WORD_KINDS; kind++) {
        if (preferences->word_counts[kind] > 0)
            avro_put_long(buffer, preferences->word_counts[kind]);
        for (uint32_t i = 0; i < preferences->word_counts[kind]; i++) {
            avro_put_long(buffer, (int32_t)preferences->words[kind][i].word);
            avro_put_long(buffer, preferences->words[kind][i].weight);
        }
        avro_put_long(buffer, 0);
    }
}

/* A number between the bounds; otherwise the reader fails. */
static int64_t get_between(struct avro_reader *reader, int64_t least, int64_t most)
{
    int64_t value = avro_get_long(reader);
    if (value < least || value > most)
        reader->failed = true;
    return reader->failed ? 0 : value;
}

static uint32_t get_weight(struct avro_reader *reader)
{
    return (uint32_t)get_between(reader, 0, TASTE_WEIGHT_MAX);
}

static uint32_t get_tag(struct avro_reader *reader)
{
    return (uint32_t)get_between(reader, INT32_MIN, INT32_MAX);
}

static void read_prices(struct avro_reader *reader, struct taste_prices *prices)
{
    prices->weight = get_weight(reader);
    prices->sum = get_between(reader, -(int64_t)LOG_MAX * TASTE_WEIGHT_MAX,
                              (int64_t)LOG_MAX * TASTE_WEIGHT_MAX);
    prices->square = get_between(reader, 0, (int64_t)LOG_MAX * LOG_MAX * TASTE_WEIGHT_MAX);
}

/* The next element's place in an array of at most `max`. False: there is none. */
static bool next_element(struct avro_reader *reader, uint64_t *block, uint32_t *count, uint32_t max)
{
    if (*block == 0)
        *block = avro_get_block(reader);
    if (reader->failed || *block == 0)
        return false;
    if (*count == max) {
        reader->failed = true;
        return false;
    }
    (*block)--;
    (*count)++;
    return true;
}

bool preferences_read(struct avro_reader *reader, struct preferences *ret_preferences)
{
    struct preferences *to = ret_preferences;
    uint64_t block = 0;
    *to = (struct preferences){.base_s = get_between(reader, -BASE_S_MAX, BASE_S_MAX)};
    to->weight = get_weight(reader);
    to->discount =
        (uint32_t)get_between(reader, 0, (int64_t)TASTE_DISCOUNT_STEPS * TASTE_WEIGHT_MAX);
    read_prices(reader, &to->prices);
    while (next_element(reader, &block, &to->brand_count, TASTE_BRANDS_MAX)) {
        struct taste_brand *brand = &to->brands[to->brand_count - 1];
        brand->word = get_tag(reader);
        for (int kind = 0; kind < TASTE_KINDS; kind++)
            brand->weights[kind] = get_weight(reader);
    }
    while (next_element(reader, &block, &to->category_count, TASTE_CATEGORIES_MAX)) {
        struct taste_category *category = &to->categories[to->category_count - 1];
        category->word = get_tag(reader);
        category->weight = get_weight(reader);
        read_prices(reader, &category->prices);
    }
    for (int kind = 0; kind < TASTE_WORD_KINDS; kind++)
        while (next_element(reader, &block, &to->word_counts[kind], TASTE_WORDS_MAX)) {
            struct taste_word *word = &to->words[kind][to->word_counts[kind] - 1];
            word->word = get_tag(reader);
            word->weight = get_weight(reader);
        }
    return !reader->failed;
}
