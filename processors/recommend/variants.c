#include "processors/recommend/variants.h"

#include <stdlib.h>

/* ---- numbers of combinations ---- */

static bool same_layer(const struct experiment *a, const struct experiment *b)
{
    return a->layer[0] && strcmp(a->layer, b->layer) == 0;
}

static bool sets_something(const struct variant *variant)
{
    return variant->holdout || variant->setting_count > 0;
}

/* Gives the experiments of a layer, from place `first` on, one digit. */
static void number_layer(struct settings_variants *variants, uint32_t first)
{
    const struct experiments *experiments = &variants->experiments;
    uint32_t digit = variants->count, values = 1;
    for (uint32_t i = first; i < experiments->count; i++) {
        const struct experiment *experiment = &experiments->at[i];
        if (i != first && !same_layer(&experiments->at[first], experiment))
            continue;
        variants->digit[i] = digit;
        for (uint32_t k = 0; k < experiment->variant_count; k++)
            if (sets_something(&experiment->variants[k]))
                variants->first[i][k] = digit * values++;
    }
    for (uint32_t i = first; i < experiments->count; i++)
        if (variants->digit[i] == digit)
            variants->values[i] = values;
    variants->count *= values;
}

enum verdict settings_variants_init(struct settings_variants *variants,
                                    struct experiments *experiments,
                                    const struct recommend_settings *own, struct error *error)
{
    *variants = (struct settings_variants){.experiments = *experiments, .own = own, .count = 1};
    *experiments = (struct experiments){0};
    for (uint32_t i = 0; i < variants->experiments.count; i++) {
        if (variants->digit[i] == 0)
            number_layer(variants, i);
        if (variants->count > COMBINATIONS_MAX) {
            error_set(error, VERDICT_SKIP,
                      "line %u: with experiment '%s' variants can meet in more than %d ways; put "
                      "experiments into one layer, or remove some that have ended",
                      variants->experiments.at[i].line, variants->experiments.at[i].name,
                      COMBINATIONS_MAX);
            settings_variants_release(variants);
            return VERDICT_SKIP;
        }
        for (uint32_t k = 0; k < own->placements.count; k++)
            variants->plays[i][k] =
                experiment_plays_at(&variants->experiments.at[i], own->placements.at[k].name);
    }
    variants->at = memory_zero(variants->count, sizeof *variants->at);
    for (uint32_t i = 0; i < variants->count; i++)
        variants->at[i] = *own;
    return VERDICT_OK;
}

void settings_variants_release(struct settings_variants *variants)
{
    experiments_release(&variants->experiments);
    free(variants->at);
    *variants = (struct settings_variants){0};
}

bool settings_variants_has(const struct settings_variants *variants, uint32_t combination,
                           uint32_t experiment, uint32_t variant)
{
    uint32_t first = variants->first[experiment][variant], digit = variants->digit[experiment];
    return first > 0 && combination / digit % variants->values[experiment] == first / digit;
}

void settings_variants_hold_out(struct recommend_settings *settings)
{
    for (uint32_t i = 0; i < settings->placements.count; i++)
        if (settings->placements.at[i].source != SOURCE_SEARCH)
            settings->placements.at[i].source = SOURCE_POPULAR;
}

/* ---- a visitor's ---- */

bool settings_variants_choose(const struct settings_variants *variants,
                              const struct visitor *visitor, struct list_variants *ret_variants)
{
    const struct experiments *experiments = &variants->experiments;
    const struct experiment_visitor who = {
        .key = visitor_key(visitor),
        .channel = visitor_channel(visitor),
        .gender = visitor_gender(visitor),
        .time_ms = visitor->latest_time_ms,
    };
    if (experiments->count == 0 || experiments_assign(experiments, &who, ret_variants->of) == 0)
        return false;
    for (uint32_t k = 0; k < variants->own->placements.count; k++) {
        uint32_t combination = 0;
        for (uint32_t i = 0; i < experiments->count; i++)
            if (variants->plays[i][k] && ret_variants->of[i] != EXPERIMENT_NONE)
                combination += variants->first[i][ret_variants->of[i]];
        ret_variants->settings[k] = combination > 0 ? &variants->at[combination] : variants->own;
    }
    return true;
}
