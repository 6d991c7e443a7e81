#include "processors/recommend/lists/audience.h"

static void add_word(struct audience *audience, uint32_t word, float share)
{
    audience->words[audience->count] = word;
    audience->shares[audience->count++] = share;
}

void audience_find(const struct catalogue *catalogue, const struct preferences *preferences,
                   enum taste_word_kind taste, enum word_kind kind, struct bytes declared,
                   float least, struct audience *ret_audience)
{
    const struct taste_word *words = preferences->words[taste];
    uint32_t sum = 0, word_count = preferences->word_counts[taste];
    uint32_t declared_word =
        declared.size > 0 ? catalogue_word(catalogue, kind, declared) : WORD_NONE;
    *ret_audience = (struct audience){.least = least};
    if (!(least > 0))
        return;
    for (uint32_t i = 0; i < word_count; i++)
        sum += words[i].weight;
    ret_audience->on = declared_word != WORD_NONE || sum >= AUDIENCE_LEAST * TASTE_UNIT;
    if (!ret_audience->on)
        return;
    if (declared_word != WORD_NONE)
        add_word(ret_audience, declared_word, 1);
    for (uint32_t i = 0; i < word_count && declared_word == WORD_NONE; i++)
        add_word(ret_audience, catalogue_tagged(catalogue, kind, words[i].word),
                 (float)words[i].weight / (float)sum);
    if (kind == WORD_GENDER)
        add_word(ret_audience, catalogue_word(catalogue, kind, bytes_text("unisex")), 1);
}

bool audience_excludes(const struct audience *audience, struct words words)
{
    float share = 0;
    if (!audience->on || words.count == 0)
        return false;
    for (uint32_t i = 0; i < words.count; i++)
        for (uint32_t k = 0; k < audience->count; k++)
            share += audience->words[k] == words.at[i] ? audience->shares[k] : 0;
    return share < audience->least;
}
