#include "processors/recommend/candidates/content_similarity.h"

#include "processors/recommend/candidates/key_select.h"
#include "schemas/hash_index.h"
#include "schemas/top_k.h"

#include <math.h>
#include <stdlib.h>

#define SLOTS (2 * SIMILAR_POSTINGS_MAX)
#define FILTER_BITS 4096
#define AHEAD 4   /* products whose words are fetched from memory before their turn */
#define HISTORY 3 /* items of the visitor that similar products are looked up for */

static const float kind_weights[PRODUCT_KINDS] = {
    [WORD_BRAND] = 1,  [WORD_CATEGORY] = 1,    [WORD_COLOUR] = .6f,  [WORD_TAG] = 1,
    [WORD_GENDER] = 1, [WORD_AGE_GROUP] = .6f, [WORD_ATTRIBUTE] = 1,
};

/* ---- the formula ---- */

/* v(w)^2 of a word whose kind has this weight. */
static float square(const struct catalogue *catalogue, uint32_t word, float weight)
{
    float value = weight * catalogue_rarity(catalogue, word);
    return value * value;
}

/* One product, ready to be compared with many. The filter tells most foreign words apart without a
 * search: a merge of both products' words has branches that no processor can predict. */
struct compared {
    uint32_t product;
    float norm;                       /* sum of the squares of its words */
    uint64_t maybe[FILTER_BITS / 64]; /* by the low bits of the word */
};

static bool maybe_has(const struct compared *compared, uint32_t word)
{
    return compared->maybe[word % FILTER_BITS / 64] >> word % 64 & 1;
}

static bool has_word(const struct product *product, enum word_kind kind, uint32_t word)
{
    struct words words = product_words(product, kind);
    uint32_t from = 0, to = words.count;
    while (kind != WORD_CATEGORY && to - from > 8) { /* the words of other kinds are in order */
        uint32_t middle = (from + to) / 2;
        if (words.at[middle] <= word)
            from = middle;
        else
            to = middle;
    }
    for (uint32_t i = from; i < to; i++)
        if (words.at[i] == word)
            return true;
    return false;
}

/* The sum of v^2 over the product's words, and the part of it from words of the compared one. */
static float norm(const struct catalogue *catalogue, uint32_t product,
                  const struct compared *compared, float *ret_shared)
{
    const struct product *row = &catalogue->products[product];
    float sum = 0, common = 0;
    for (int kind = 0; kind < PRODUCT_KINDS; kind++) {
        struct words words = product_words(row, (enum word_kind)kind);
        for (uint32_t i = 0; i < words.count; i++) {
            float value = square(catalogue, words.at[i], kind_weights[kind]);
            sum += value;
            if (compared && maybe_has(compared, words.at[i]) &&
                has_word(&catalogue->products[compared->product], (enum word_kind)kind,
                         words.at[i]))
                common += value;
        }
    }
    *ret_shared = common;
    return sum;
}

static void compare_with(const struct catalogue *catalogue, uint32_t product,
                         struct compared *ret_compared)
{
    struct words words = product_all_words(&catalogue->products[product]);
    float none;
    memset(ret_compared->maybe, 0, sizeof ret_compared->maybe);
    for (uint32_t i = 0; i < words.count; i++)
        ret_compared->maybe[words.at[i] % FILTER_BITS / 64] |= 1ull << words.at[i] % 64;
    ret_compared->product = product;
    ret_compared->norm = norm(catalogue, product, NULL, &none);
}

static float category_factor(const struct catalogue *catalogue, uint32_t a, uint32_t b)
{
    uint32_t mine = catalogue->products[a].category;
    if (mine == WORD_NONE)
        return 1;
    uint32_t depth = catalogue_shared_depth(catalogue, mine, catalogue->products[b].category);
    return .3f + .7f * (float)depth / (float)catalogue->words.at[mine].depth;
}

static float price_factor(const struct product *a, const struct product *b)
{
    if (!(a->price > 0) || !(b->price > 0))
        return 1;
    return .6f + .4f / (1 + fabsf(logf(a->price / b->price)));
}

static float similarity_to(const struct catalogue *catalogue, const struct compared *a, uint32_t b)
{
    float shared, norms = a->norm * norm(catalogue, b, a, &shared);
    if (!(norms > 0) || !(shared > 0))
        return 0;
    return shared / sqrtf(norms) * category_factor(catalogue, a->product, b) *
           price_factor(&catalogue->products[a->product], &catalogue->products[b]);
}

float content_similarity(const struct catalogue *catalogue, uint32_t a, uint32_t b)
{
    struct compared compared;
    if (catalogue->products[a].gone || catalogue->products[b].gone)
        return 0;
    compare_with(catalogue, a, &compared);
    return similarity_to(catalogue, &compared, b);
}

/* ---- finding ---- */

/* Products found in postings, each with the sum of v^2 over the shared words that were read. */
struct found {
    struct {
        uint32_t key; /* product + 1; 0: free (number_slot()) */
        float shared;
    } slots[SLOTS];
    uint32_t capacity;                   /* slots that are in use: a power of two */
    uint16_t used[SIMILAR_POSTINGS_MAX]; /* slots, in the order of their first use */
    uint32_t count;
};

/* Empty, with room for `count` products, which are few as a rule: it clears no more slots. */
static void init_found(struct found *found, uint64_t count)
{
    found->capacity = 16;
    while (found->capacity < 2 * count && found->capacity < SLOTS)
        found->capacity *= 2;
    memset(found->slots, 0, found->capacity * sizeof *found->slots);
    found->count = 0;
}

static void add_found(struct found *found, uint32_t product, float value)
{
    uint32_t at = number_slot(found->slots, sizeof *found->slots, found->capacity, product);
    if (found->slots[at].key == 0) {
        found->slots[at].key = product + 1;
        found->slots[at].shared = 0;
        found->used[found->count++] = (uint16_t)at;
    }
    found->slots[at].shared += value;
}

struct ordered_word {
    uint32_t word, count;
};

static int rarest_first(const void *a, const void *b)
{
    const struct ordered_word *x = a, *y = b;
    if (x->count != y->count)
        return (x->count > y->count) - (x->count < y->count);
    return (x->word > y->word) - (x->word < y->word);
}

/* Finds products through the postings of the product's words. */
static void read_postings(const struct catalogue *catalogue, uint32_t product, struct found *found)
{
    struct ordered_word order[PRODUCT_WORDS_MAX];
    struct words words = product_all_words(&catalogue->products[product]);
    uint32_t left = SIMILAR_POSTINGS_MAX;
    uint64_t postings_count = 0;
    for (uint32_t i = 0; i < words.count; i++) {
        uint32_t count = catalogue->words.at[words.at[i]].postings.count;
        order[i] = (struct ordered_word){words.at[i], count};
        postings_count += count;
    }
    init_found(found, postings_count);
    qsort(order, words.count, sizeof *order, rarest_first);
    for (uint32_t i = 0; i < words.count && left > 0; i++) {
        const struct postings *postings = &catalogue->words.at[order[i].word].postings;
        float value =
            square(catalogue, order[i].word, kind_weights[catalogue->words.at[order[i].word].kind]);
        uint32_t share = left / 2 + 1; /* the next word gets a part too */
        uint32_t take = postings->count < share ? postings->count : share;
        for (uint32_t k = 0; k < take; k++) {
            uint32_t at = (uint32_t)((uint64_t)k * postings->count / take);
            add_found(found, postings->at[at], value);
        }
        left -= take;
    }
}

/* The SIMILAR_EXACT_MAX products that share most, in no order. */
static uint32_t find_likely(const struct found *found, uint32_t product, uint32_t *ret_products)
{
    uint64_t keys[SIMILAR_POSTINGS_MAX], least = 0;
    uint32_t key_count = 0, count = 0;
    for (uint32_t i = 0; i < found->count; i++) {
        uint32_t at = found->used[i], other = found->slots[at].key - 1;
        if (other != product)
            keys[key_count++] = key_make(found->slots[at].shared, other);
    }
    if (key_count > SIMILAR_EXACT_MAX)
        least = key_select(keys, key_count, SIMILAR_EXACT_MAX);
    for (uint32_t i = 0; i < key_count; i++)
        if (keys[i] >= least)
            ret_products[count++] = key_number(keys[i]);
    return count;
}

static void fetch_words(const struct product *product)
{
    const char *words = product->data;
    for (size_t at = 0; at < product->starts[PRODUCT_KINDS] * sizeof(uint32_t); at += 64)
        __builtin_prefetch(words + at);
}

uint32_t content_similarity_top(const struct catalogue *catalogue, uint32_t product,
                                uint32_t length, struct similar_product *ret_products)
{
    struct found found;
    uint32_t likely[SIMILAR_EXACT_MAX], count = 0;
    struct top_item best[SIMILAR_MAX];
    read_postings(catalogue, product, &found);
    uint32_t likely_count = find_likely(&found, product, likely);
    struct compared compared;
    compare_with(catalogue, product, &compared);
    for (uint32_t i = 0; i < likely_count; i++) {
        const struct product *row = &catalogue->products[likely[i]];
        __builtin_prefetch(row);
        __builtin_prefetch(row + 1); /* it may lie across two lines */
    }
    for (uint32_t i = 0; i < likely_count + AHEAD; i++) {
        if (i < likely_count)
            fetch_words(&catalogue->products[likely[i]]);
        if (i < AHEAD || !product_available(&catalogue->products[likely[i - AHEAD]]))
            continue;
        struct top_item other = {.item = likely[i - AHEAD]};
        other.score = similarity_to(catalogue, &compared, other.item);
        if (other.score > 0)
            count = top_keep(best, count, length, other);
    }
    for (uint32_t i = 0; i < count; i++)
        ret_products[i] = (struct similar_product){best[i].item, best[i].score};
    return count;
}

/* ---- remembered rows ---- */

struct similar_row {
    uint32_t product; /* + 1; 0: none */
    uint32_t count;
    uint64_t content, changes;
    struct similar_product products[SIMILAR_MAX];
};

struct content_similarity {
    struct similar_row *rows; /* by product, modulo */
};

struct content_similarity *content_similarity_new(void)
{
    struct content_similarity *cache = memory_get(sizeof *cache);
    cache->rows = memory_zero(SIMILAR_ROWS_MAX, sizeof *cache->rows);
    return cache;
}

void content_similarity_free(struct content_similarity *cache)
{
    if (cache == NULL)
        return;
    free(cache->rows);
    free(cache);
}

const struct similar_product *content_similarity_row(struct content_similarity *cache,
                                                     const struct catalogue *catalogue,
                                                     uint32_t product, uint32_t *ret_count)
{
    struct similar_row *row = &cache->rows[product % SIMILAR_ROWS_MAX];
    uint64_t changes_max = SIMILAR_CHANGES_MIN + catalogue->present / 64;
    if (row->product != product + 1 || row->content != catalogue->products[product].content ||
        catalogue->changes - row->changes > changes_max) {
        row->product = product + 1;
        row->content = catalogue->products[product].content;
        row->changes = catalogue->changes;
        row->count = content_similarity_top(catalogue, product, SIMILAR_MAX, row->products);
    }
    *ret_count = row->count;
    return row->products;
}

void content_similarity_generate(const struct query *query, struct candidates *candidates,
                                 int generator)
{
    const struct catalogue *catalogue = query->catalogue;
    if (catalogue == NULL || query->content_similarity == NULL)
        return;
    for (uint32_t i = 0; i < query->recent_count && i < HISTORY; i++) {
        uint32_t item = query->recent[i];
        uint32_t product = query_product(query, item);
        if (product == PRODUCT_NONE || catalogue->products[product].gone)
            continue;
        uint32_t count;
        const struct similar_product *row =
            content_similarity_row(query->content_similarity, catalogue, product, &count);
        for (uint32_t k = 0; k < count; k++)
            __builtin_prefetch(&catalogue->products[row[k].product]);
        for (uint32_t k = 0; k < count; k++) {
            if (!product_available(&catalogue->products[row[k].product]))
                continue;
            struct candidate *candidate =
                candidates_propose(candidates, query_item(query, row[k].product), generator);
            if (candidate == NULL)
                return;
            float part = row[k].similarity / (float)query->distance[i];
            candidate->similar += part;
            if (part > candidate->similar_most) {
                candidate->similar_most = part;
                candidate->content_similarity_cause = item;
            }
        }
    }
}

float content_similarity_weight(const struct candidate *candidate)
{
    return .04f * candidate->similar;
}

uint32_t content_similarity_cause(const struct query *query, const struct candidate *candidate)
{
    (void)query;
    return candidate->content_similarity_cause;
}
