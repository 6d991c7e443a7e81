#include "processors/recommend/search/query_history.h"

#include "processors/recommend/search/text.h"
#include "schemas/hash_index.h"

#include <math.h>
#include <stdlib.h>

#define SHARING_SLOTS 4096 /* a power of two */
#define SHARING_MAX (SHARING_SLOTS / 2)
#define ITEM_SLOTS 1024 /* a power of two */
#define ITEMS_MAX (ITEM_SLOTS / 2)

_Static_assert(SHARING_MAX >= QUERY_HISTORY_SCAN_MAX, "there is room for one word's queries");

/* ---- similar queries ---- */

/* A query that shares a word with the term. */
struct sharing_query {
    uint32_t key; /* query + 1; 0: free (number_slot()) */
    float shared; /* sum of idf^2 */
};

static float idf_squared(const struct queries *queries, uint32_t count)
{
    float idf = logf(1 + (float)queries->count / (float)count);
    return idf * idf;
}

/* The sum of the words' idf^2. A word that no query has weighs as if one had it. */
static float weight_of(const struct queries *queries, struct bytes text)
{
    struct bytes word;
    float sum = 0;
    while (query_next_word(&text, &word)) {
        const struct query_word *listed = queries_word(queries, word);
        sum += idf_squared(queries, listed ? listed->count : 1);
    }
    return sum;
}

static void add_shared(struct sharing_query *slots, uint32_t *count, uint32_t query, float weight)
{
    uint32_t at = number_slot(slots, sizeof *slots, SHARING_SLOTS, query);
    if (slots[at].key == 0) {
        if (*count == SHARING_MAX)
            return;
        ++*count;
        slots[at].key = query + 1;
    }
    slots[at].shared += weight;
}

/* The QUERY_HISTORY_SIMILAR most similar queries, without `itself`. Returns how many. */
static uint32_t find_similar(const struct queries *queries, struct bytes text, uint32_t itself,
                             struct top_item *ret_similar)
{
    struct sharing_query *slots = memory_zero(SHARING_SLOTS, sizeof *slots);
    struct bytes rest = text, word;
    uint32_t sharing = 0, count = 0;
    float own = weight_of(queries, text);
    for (int words = 0; words < QUERY_HISTORY_WORDS_MAX && query_next_word(&rest, &word); words++) {
        const struct query_word *listed = queries_word(queries, word);
        for (uint32_t i = 0; listed && i < listed->count && i < QUERY_HISTORY_SCAN_MAX; i++)
            add_shared(slots, &sharing, listed->at[i], idf_squared(queries, listed->count));
    }
    for (uint32_t i = 0; i < SHARING_SLOTS; i++) {
        if (slots[i].key == 0 || slots[i].key - 1 == itself)
            continue;
        uint32_t query = slots[i].key - 1;
        float other = weight_of(queries, query_text(&queries->rows[query]));
        float similarity = slots[i].shared / sqrtf(own * other);
        struct top_item similar = {.item = query, .score = similarity < 1 ? similarity : 1};
        count = top_keep(ret_similar, count, QUERY_HISTORY_SIMILAR, similar);
    }
    free(slots);
    return count;
}

/* ---- items ---- */

struct taken_item {
    uint32_t key; /* item + 1; 0: free (number_slot()) */
    float evidence;
};

struct taken_items {
    struct taken_item slots[ITEM_SLOTS];
    uint32_t count;
};

/* Adds the items that visitors took after a query, in units as of `time_ms`. */
static void add_evidence(struct taken_items *items, const struct model *model,
                         const struct query_row *row, int64_t time_ms, float factor)
{
    struct decay now = decay_at(time_ms, model->limits.pair_half_life_ms);
    /* A clock long before the events says nothing: the sum has to stay finite. */
    int shift = row->base - now.k < QUERY_BASE_RANGE ? row->base - now.k : QUERY_BASE_RANGE;
    float scale = factor * (float)(decay_shift(1, shift) / now.m);
    for (uint32_t i = 0; i < row->count; i++) {
        uint32_t item = row->entries[i].item;
        uint32_t at = number_slot(items->slots, sizeof *items->slots, ITEM_SLOTS, item);
        if (items->slots[at].key == 0) {
            if (items->count == ITEMS_MAX)
                return;
            items->count++;
            items->slots[at].key = item + 1;
        }
        items->slots[at].evidence += scale * (float)row->entries[i].weight;
    }
}

static uint32_t select_top(const struct taken_items *items, uint32_t length,
                           struct top_item *ret_items)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ITEM_SLOTS; i++) {
        const struct taken_item *taken = &items->slots[i];
        if (taken->key == 0)
            continue;
        count = top_keep(ret_items, count, length,
                         (struct top_item){
                             .item = taken->key - 1,
                             .score = taken->evidence / (taken->evidence + QUERY_HISTORY_TRUST),
                             .cause = ITEM_NONE,
                         });
    }
    return count;
}

uint32_t query_history_top(const struct model *model, struct bytes term, int64_t time_ms,
                           uint32_t length, struct top_item *ret_items)
{
    const struct queries *queries = model->queries;
    char written[TEXT_QUERY_BYTES_MAX];
    struct top_item similar[QUERY_HISTORY_SIMILAR];
    struct bytes text = text_query(term, written);
    if (queries->count == 0 || text.size == 0 || length == 0)
        return 0;
    struct taken_items items;
    memset(&items, 0, sizeof items);
    uint32_t query = queries_find(queries, text);
    if (query != QUERY_NONE)
        add_evidence(&items, model, &queries->rows[query], time_ms, 1);
    uint32_t count = find_similar(queries, text, query, similar);
    for (uint32_t i = 0; i < count; i++)
        add_evidence(&items, model, &queries->rows[similar[i].item], time_ms,
                     similar[i].score * similar[i].score);
    return select_top(&items, length, ret_items);
}
