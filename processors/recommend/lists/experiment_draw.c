#include "processors/recommend/lists/experiments.h"
#include "schemas/draw.h"

#include <stdio.h>

/* ---- draws ---- */

uint64_t experiment_seed(struct bytes name, enum experiment_draw use)
{
    return draw_mix(bytes_hash(name) + (uint64_t)use);
}

uint32_t experiment_place(uint64_t seed, uint64_t key_hash)
{
    return draw_below(draw_mix(seed ^ key_hash), EXPERIMENT_PARTS);
}

int experiment_variant(const struct experiment *experiment, uint64_t key_hash)
{
    uint32_t end = 0;
    if (experiment->parts < EXPERIMENT_PARTS &&
        experiment_place(experiment->layer_seed, key_hash) - experiment->begin >= experiment->parts)
        return EXPERIMENT_NONE;
    uint32_t place = experiment_place(experiment->seed, key_hash);
    for (uint32_t i = 0; i < experiment->variant_count; i++) {
        end += experiment->variants[i].parts;
        if (place < end)
            return (int)i;
    }
    return EXPERIMENT_NONE;
}

/* ---- who takes part ---- */

static bool is_one(const char *wanted, struct bytes text)
{
    return wanted == NULL || bytes_equal(bytes_text(wanted), text);
}

bool experiment_admits(const struct experiment *experiment,
                       const struct experiment_visitor *visitor)
{
    return visitor->time_ms >= experiment->from_ms && visitor->time_ms < experiment->to_ms &&
           is_one(experiment->channel, visitor->channel) &&
           is_one(experiment->gender, visitor->gender);
}

bool experiment_plays_at(const struct experiment *experiment, const char *placement)
{
    for (uint32_t i = 0; i < experiment->placement_count; i++)
        if (strcmp(experiment->placements[i], placement) == 0)
            return true;
    return experiment->placement_count == 0;
}

bool experiments_meet(const struct experiment *a, const struct experiment *b)
{
    for (uint32_t i = 0; i < a->placement_count; i++)
        if (experiment_plays_at(b, a->placements[i]))
            return true;
    return a->placement_count == 0;
}

static bool in_holdout(const struct experiment *experiment, int variant)
{
    return variant != EXPERIMENT_NONE && experiment->variants[variant].holdout;
}

/* Takes the visitor of a hold-out out of the other experiments at its placements. */
static void hold_out(const struct experiments *experiments, uint32_t holdout, int8_t *variants)
{
    for (uint32_t i = 0; i < experiments->count; i++)
        if (i != holdout && experiments_meet(&experiments->at[holdout], &experiments->at[i]))
            variants[i] = EXPERIMENT_NONE;
}

uint32_t experiments_assign(const struct experiments *experiments,
                            const struct experiment_visitor *visitor,
                            int8_t ret_variants[EXPERIMENTS_MAX])
{
    uint64_t key_hash = bytes_hash(visitor->key);
    uint32_t count = 0;
    for (uint32_t i = 0; i < experiments->count; i++)
        ret_variants[i] = (int8_t)(experiment_admits(&experiments->at[i], visitor)
                                       ? experiment_variant(&experiments->at[i], key_hash)
                                       : EXPERIMENT_NONE);
    for (uint32_t i = 0; i < experiments->count; i++)
        if (in_holdout(&experiments->at[i], ret_variants[i]))
            hold_out(experiments, i, ret_variants);
    for (uint32_t i = 0; i < experiments->count; i++)
        count += ret_variants[i] != EXPERIMENT_NONE;
    return count;
}

static char *append(char *to, const char *text)
{
    size_t size = strlen(text);
    memcpy(to, text, size);
    return to + size;
}

struct bytes experiments_text(const struct experiments *experiments,
                              const int8_t variants[EXPERIMENTS_MAX], char to[EXPERIMENTS_TEXT_MAX])
{
    char *end = to;
    for (uint32_t i = 0; i < experiments->count; i++) {
        if (variants[i] == EXPERIMENT_NONE)
            continue;
        if (end > to)
            *end++ = ',';
        end = append(end, experiments->at[i].id);
        *end++ = ':';
        end = append(end, experiments->at[i].variants[variants[i]].name);
    }
    return bytes_of(end > to ? to : NULL, (size_t)(end - to));
}

/* ---- identity ---- */

static uint64_t digest_text(uint64_t digest, const char *text)
{
    return draw_mix(digest ^ (text ? bytes_hash(bytes_text(text)) : 1));
}

static uint64_t digest_variant(uint64_t digest, const struct variant *variant)
{
    digest = digest_text(digest, variant->name);
    digest = draw_mix(digest ^ variant->parts);
    digest = draw_mix(digest ^ variant->setting_count);
    for (uint32_t i = 0; i < variant->setting_count; i++) {
        digest = digest_text(digest, variant->settings[i].key);
        digest = digest_text(digest, variant->settings[i].value);
    }
    return digest;
}

static uint64_t digest_of(const struct experiment *experiment)
{
    uint64_t digest = digest_text(0, experiment->name);
    digest = digest_text(digest, experiment->layer);
    digest = digest_text(digest, experiment->channel);
    digest = digest_text(digest, experiment->gender);
    digest = draw_mix(digest ^ experiment->begin);
    digest = draw_mix(digest ^ experiment->parts);
    digest = draw_mix(digest ^ (uint64_t)experiment->from_ms);
    digest = draw_mix(digest ^ experiment->placement_count);
    for (uint32_t i = 0; i < experiment->placement_count; i++)
        digest = digest_text(digest, experiment->placements[i]);
    for (uint32_t i = 0; i < experiment->variant_count; i++)
        digest = digest_variant(digest, &experiment->variants[i]);
    return digest;
}

/* ---- places in a layer ---- */

/* The two want the same places of the same layer at the same time. */
static bool collide(const struct experiment *a, const struct experiment *b)
{
    return strcmp(a->layer, b->layer) == 0 && a->from_ms < b->to_ms && b->from_ms < a->to_ms &&
           a->begin < b->begin + b->parts && b->begin < a->begin + a->parts;
}

bool experiments_place_last(struct experiments *experiments)
{
    struct experiment *last = &experiments->at[experiments->count - 1];
    last->begin = 0;
    for (uint32_t i = 0; last->layer[0] && i + 1 < experiments->count; i++)
        if (collide(&experiments->at[i], last)) {
            last->begin = experiments->at[i].begin + experiments->at[i].parts;
            i = UINT32_MAX; /* it may be in the way of one that was looked at before */
        }
    return last->begin + last->parts <= EXPERIMENT_PARTS;
}

void experiment_identify(struct experiment *experiment)
{
    struct bytes name = bytes_text(experiment->name), layer = bytes_text(experiment->layer);
    experiment->seed = experiment_seed(name, DRAW_VARIANT);
    experiment->layer_seed =
        layer.size > 0 ? experiment_seed(layer, DRAW_LAYER) : experiment_seed(name, DRAW_SHARE);
    snprintf(experiment->id, sizeof experiment->id, "%s@%08x", experiment->name,
             (uint32_t)digest_of(experiment));
}
