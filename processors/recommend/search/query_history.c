#include "processors/recommend/search/query_history.h"

#include "processors/recommend/search/text.h"

#include <math.h>
#include <stdlib.h>

#define MET_SLOTS 4096 /* queries that share a word; a power of two, twice what is looked at */
#define REACHED_SLOTS 1024

_Static_assert(MET_SLOTS / 2 >= QUERY_HISTORY_SCAN_MAX, "one word's queries find room");

/* ---- similar queries ---- */

struct similar_query {
    uint32_t query;
    float similarity;
};

struct met {
    uint32_t query; /* + 1; 0: free */
    float shared;   /* sum of idf^2 */
};

static float idf_squared(const struct queries *queries, uint32_t count)
{
    float idf = logf(1 + (float)queries->count / (float)count);
    return idf * idf;
}

/* sum of the words' idf^2; words that no query has weigh as if one had them. */
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

static void meet(struct met *met, uint32_t *used, uint32_t query, float weight)
{
    uint32_t at = (query * 0x9E3779B1u) >> 8 & (MET_SLOTS - 1);
    while (met[at].query != 0 && met[at].query != query + 1)
        at = (at + 1) & (MET_SLOTS - 1);
    if (met[at].query == 0) {
        if (*used == MET_SLOTS / 2)
            return;
        ++*used;
        met[at].query = query + 1;
    }
    met[at].shared += weight;
}

static uint32_t keep_similar(struct similar_query *best, uint32_t count, struct similar_query new)
{
    uint32_t at = count;
    while (at > 0 &&
           (best[at - 1].similarity < new.similarity ||
            (!(best[at - 1].similarity > new.similarity) && best[at - 1].query > new.query)))
        at--;
    if (at == QUERY_HISTORY_SIMILAR)
        return count;
    count += count < QUERY_HISTORY_SIMILAR;
    memmove(best + at + 1, best + at, (count - at - 1) * sizeof new);
    best[at] = new;
    return count;
}

static uint32_t find_similar(const struct queries *queries, struct bytes text, uint32_t itself,
                             struct similar_query *ret_similar)
{
    struct met *met = memory_zero(MET_SLOTS, sizeof *met);
    struct bytes rest = text, word;
    uint32_t used = 0, count = 0;
    float own = weight_of(queries, text);
    for (int words = 0; words < QUERY_HISTORY_WORDS_MAX && query_next_word(&rest, &word); words++) {
        const struct query_word *listed = queries_word(queries, word);
        for (uint32_t i = 0; listed && i < listed->count && i < QUERY_HISTORY_SCAN_MAX; i++)
            meet(met, &used, listed->at[i], idf_squared(queries, listed->count));
    }
    for (uint32_t i = 0; i < MET_SLOTS; i++) {
        if (met[i].query == 0 || met[i].query - 1 == itself)
            continue;
        float other = weight_of(queries, query_text(&queries->rows[met[i].query - 1]));
        struct similar_query new = {met[i].query - 1, met[i].shared / sqrtf(own * other)};
        new.similarity = new.similarity < 1 ? new.similarity : 1;
        count = keep_similar(ret_similar, count, new);
    }
    free(met);
    return count;
}

/* ---- answers ---- */

struct reached {
    uint32_t item; /* + 1; 0: free */
    float evidence;
};

struct answers {
    struct reached slots[REACHED_SLOTS];
    uint32_t used;
};

/* What followed a query, in units as of a time. */
static void add_evidence(struct answers *answers, const struct model *model,
                         const struct query_row *row, int64_t time_ms, float factor)
{
    struct decay now = decay_at(time_ms, model->limits.pair_half_life_ms);
    /* a clock that stands long before the events says nothing: the sum has to stay finite */
    int shift = row->base - now.k < QUERY_BASE_RANGE ? row->base - now.k : QUERY_BASE_RANGE;
    float scale = factor * (float)(ldexp(1, shift) / now.m);
    for (uint32_t i = 0; i < row->count; i++) {
        uint32_t item = row->entries[i].item;
        uint32_t at = (item * 0x9E3779B1u) >> 8 & (REACHED_SLOTS - 1);
        while (answers->slots[at].item != 0 && answers->slots[at].item != item + 1)
            at = (at + 1) & (REACHED_SLOTS - 1);
        if (answers->slots[at].item == 0) {
            if (answers->used == REACHED_SLOTS / 2)
                return;
            answers->used++;
            answers->slots[at].item = item + 1;
        }
        answers->slots[at].evidence += scale * (float)row->entries[i].weight;
    }
}

static uint32_t best_of(const struct answers *answers, uint32_t length, struct top_item *ret_items)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < REACHED_SLOTS; i++) {
        const struct reached *reached = &answers->slots[i];
        if (reached->item == 0)
            continue;
        count = top_keep(ret_items, count, length,
                         (struct top_item){
                             .item = reached->item - 1,
                             .score = reached->evidence / (reached->evidence + QUERY_HISTORY_TRUST),
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
    struct similar_query similar[QUERY_HISTORY_SIMILAR];
    struct bytes text = text_query(term, written);
    if (queries->count == 0 || text.size == 0 || length == 0)
        return 0;
    struct answers answers;
    memset(&answers, 0, sizeof answers);
    uint32_t query = queries_find(queries, text);
    if (query != QUERY_NONE)
        add_evidence(&answers, model, &queries->rows[query], time_ms, 1);
    uint32_t count = find_similar(queries, text, query, similar);
    for (uint32_t i = 0; i < count; i++)
        add_evidence(&answers, model, &queries->rows[similar[i].query], time_ms,
                     similar[i].similarity * similar[i].similarity);
    return best_of(&answers, length, ret_items);
}
