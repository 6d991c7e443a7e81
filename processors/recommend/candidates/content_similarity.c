#include "processors/recommend/candidates/content_similarity.h"

#include <math.h>
#include <stdlib.h>

#define SLOTS (2 * SIMILAR_POSTINGS_MAX)
#define FILTER_BITS 4096
#define AHEAD 4   /* products whose words are fetched from memory before their turn */
#define HISTORY 3 /* items of the visitor that are asked for what is similar */

static const float kind_weights[PRODUCT_KINDS] = {
    [WORD_BRAND] = 1,  [WORD_CATEGORY] = 1,    [WORD_COLOUR] = .6f,  [WORD_TAG] = 1,
    [WORD_GENDER] = 1, [WORD_AGE_GROUP] = .6f, [WORD_ATTRIBUTE] = 1,
};

/* ---- the formula ---- */

/* Squares of the values of one kind's words. */
static float square(const struct catalogue *catalogue, uint32_t word, float weight)
{
    float value = weight * catalogue_rarity(catalogue, word);
    return value * value;
}

/* One product, ready to be compared with many: its words in a small table, so that another's are
 * looked up one by one without a merge, whose branches nobody can foresee. */
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
    while (kind != WORD_CATEGORY && to - from > 8) { /* the others are in order */
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

/* Norm of the product, and the part of it that is of the compared one's words. */
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

float similarity(const struct catalogue *catalogue, uint32_t a, uint32_t b)
{
    struct compared compared;
    if (catalogue->products[a].gone || catalogue->products[b].gone)
        return 0;
    compare_with(catalogue, a, &compared);
    return similarity_to(catalogue, &compared, b);
}

/* ---- finding ---- */

/* Products met in postings, with what they share as far as it was seen. */
struct found {
    uint16_t slots[SLOTS]; /* by product; place in `at` + 1; 0: free */
    uint32_t count;
    struct similar_product at[SIMILAR_POSTINGS_MAX];
};

static void add_found(struct found *found, uint32_t product, float score)
{
    uint32_t i = (product * 0x9E3779B1u) >> 7 & (SLOTS - 1);
    while (found->slots[i] != 0 && found->at[found->slots[i] - 1].product != product)
        i = (i + 1) & (SLOTS - 1);
    if (found->slots[i] == 0) {
        found->at[found->count] = (struct similar_product){product, 0};
        found->slots[i] = (uint16_t)++found->count;
    }
    found->at[found->slots[i] - 1].similarity += score;
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

static void read_postings(const struct catalogue *catalogue, uint32_t product, struct found *found)
{
    struct ordered_word order[PRODUCT_WORDS_MAX];
    struct words words = product_all_words(&catalogue->products[product]);
    uint32_t left = SIMILAR_POSTINGS_MAX;
    for (uint32_t i = 0; i < words.count; i++)
        order[i] =
            (struct ordered_word){words.at[i], catalogue->words.at[words.at[i]].postings.count};
    qsort(order, words.count, sizeof *order, rarest_first);
    for (uint32_t i = 0; i < words.count && left > 0; i++) {
        const struct postings *postings = &catalogue->words.at[order[i].word].postings;
        float value =
            square(catalogue, order[i].word, kind_weights[catalogue->words.at[order[i].word].kind]);
        uint32_t share = left / 2 + 1; /* so that the next word has something left */
        uint32_t take = postings->count < share ? postings->count : share;
        for (uint32_t k = 0; k < take; k++) {
            uint32_t at = (uint32_t)((uint64_t)k * postings->count / take);
            add_found(found, postings->at[at], value);
        }
        left -= take;
    }
}

/* Keeps the `most` best in order: the best first, ties by the number. */
static bool better(const struct similar_product *a, float score, uint32_t product)
{
    return a->similarity > score || (!(a->similarity < score) && a->product < product);
}

static uint32_t keep(struct similar_product *best, uint32_t count, uint32_t most, uint32_t product,
                     float score)
{
    if (count == most && better(&best[most - 1], score, product))
        return count;
    uint32_t at = count < most ? count++ : most - 1;
    uint32_t from = 0, to = at;
    while (from < to) {
        uint32_t middle = (from + to) / 2;
        if (better(&best[middle], score, product))
            from = middle + 1;
        else
            to = middle;
    }
    memmove(best + from + 1, best + from, (at - from) * sizeof *best);
    best[from] = (struct similar_product){.product = product, .similarity = score};
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
    struct similar_product likely[SIMILAR_EXACT_MAX];
    uint32_t likely_count = 0, count = 0;
    memset(found.slots, 0, sizeof found.slots);
    found.count = 0;
    read_postings(catalogue, product, &found);
    for (uint32_t i = 0; i < found.count; i++)
        if (found.at[i].product != product)
            likely_count = keep(likely, likely_count, SIMILAR_EXACT_MAX, found.at[i].product,
                                found.at[i].similarity);
    struct compared compared;
    compare_with(catalogue, product, &compared);
    for (uint32_t i = 0; i < likely_count; i++) {
        const struct product *row = &catalogue->products[likely[i].product];
        __builtin_prefetch(row);
        __builtin_prefetch(row + 1); /* it may lie across two lines */
    }
    for (uint32_t i = 0; i < likely_count + AHEAD; i++) {
        if (i < likely_count)
            fetch_words(&catalogue->products[likely[i].product]);
        if (i < AHEAD || !product_available(&catalogue->products[likely[i - AHEAD].product]))
            continue;
        uint32_t other = likely[i - AHEAD].product;
        float score = similarity_to(catalogue, &compared, other);
        if (score > 0)
            count = keep(ret_products, count, length, other, score);
    }
    return count;
}

/* ---- rows that are kept ---- */

struct similar_kept {
    uint32_t product; /* + 1; 0: none */
    uint32_t count;
    uint64_t content, changes;
    struct similar_product products[SIMILAR_MAX];
};

struct content_similarity {
    struct similar_kept *rows; /* by product, modulo */
};

struct content_similarity *content_similarity_new(void)
{
    struct content_similarity *similar = memory_get(sizeof *similar);
    similar->rows = memory_zero(SIMILAR_ROWS_MAX, sizeof *similar->rows);
    return similar;
}

void content_similarity_free(struct content_similarity *similar)
{
    if (similar == NULL)
        return;
    free(similar->rows);
    free(similar);
}

const struct similar_product *content_similarity_row(struct content_similarity *similar,
                                                     const struct catalogue *catalogue,
                                                     uint32_t product, uint32_t *ret_count)
{
    struct similar_kept *kept = &similar->rows[product % SIMILAR_ROWS_MAX];
    uint64_t many = SIMILAR_CHANGES_MIN + catalogue->present / 64;
    if (kept->product != product + 1 || kept->content != catalogue->products[product].content ||
        catalogue->changes - kept->changes > many) {
        kept->product = product + 1;
        kept->content = catalogue->products[product].content;
        kept->changes = catalogue->changes;
        kept->count = content_similarity_top(catalogue, product, SIMILAR_MAX, kept->products);
    }
    *ret_count = kept->count;
    return kept->products;
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
