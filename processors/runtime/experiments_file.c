#include "processors/runtime/experiments_file.h"

#include "processors/runtime/log.h"

#include <stdlib.h>

/* ---- the settings of a combination ---- */

static enum verdict refuse(const struct config *config, uint32_t line, const char *why,
                           struct error *error)
{
    return error_set(error, VERDICT_SKIP, "%s, line %u: %s", config->experiments_path, line, why);
}

/* Sets the variant's keys. */
static enum verdict apply_variant(const struct variant *variant, struct config *config,
                                  struct error *error)
{
    struct error why = {0};
    for (uint32_t i = 0; i < variant->setting_count; i++)
        if (config_set(config, variant->settings[i].key, variant->settings[i].value, &why) !=
            VERDICT_OK)
            return refuse(config, variant->line, why.message, error);
    return VERDICT_OK;
}

/* A generator may only be switched off: candidates are made once, and the ranker learns from all of
 * them. So it is switched off in each placement. */
static enum verdict move_generators_off(const struct recommend_settings *own,
                                        struct recommend_settings *settings, struct error *why)
{
    uint64_t off = settings->rank.generators_off, own_off = own->rank.generators_off;
    if (own_off & ~off)
        return error_set(why, VERDICT_SKIP,
                         "generators.off has to name all that the configuration's generators.off "
                         "names, too: a variant can only switch off more of them");
    for (uint32_t i = 0; i < settings->placements.count; i++)
        settings->placements.at[i].generators_off |= off & ~own_off;
    settings->rank.generators_off = own_off;
    return VERDICT_OK;
}

/* A longer list may need more candidates. */
static enum verdict check_candidates(const struct recommend_settings *own,
                                     const struct recommend_settings *settings, struct error *why)
{
    if (settings->rank.candidates_max <= own->rank.candidates_max)
        return VERDICT_OK;
    return error_set(why, VERDICT_SKIP,
                     "lists of this length need ranker.candidates=%u; set it in the configuration, "
                     "for everybody",
                     settings->rank.candidates_max);
}

/* The first line of the combination's, for an error. */
static uint32_t line_of(const struct settings_variants *variants, uint32_t combination)
{
    const struct experiments *experiments = &variants->experiments;
    for (uint32_t i = 0; i < experiments->count; i++)
        for (uint32_t k = 0; k < experiments->at[i].variant_count; k++)
            if (settings_variants_has(variants, combination, i, k))
                return experiments->at[i].variants[k].line;
    return 0;
}

static enum verdict finish_combination(struct settings_variants *variants, uint32_t combination,
                                       struct config *config, struct error *error)
{
    struct error why = {0};
    struct recommend_settings *settings = &variants->at[combination];
    enum verdict verdict = config_finish(config, &why);
    *settings = config->settings.recommend;
    if (verdict == VERDICT_OK)
        verdict = move_generators_off(variants->own, settings, &why);
    if (verdict == VERDICT_OK)
        verdict = check_candidates(variants->own, settings, &why);
    if (verdict != VERDICT_OK)
        return refuse(config, line_of(variants, combination), why.message, error);
    settings->rank = variants->own->rank;
    return VERDICT_OK;
}

static enum verdict make_combination(struct settings_variants *variants, uint32_t combination,
                                     struct config *config, struct error *error)
{
    const struct experiments *experiments = &variants->experiments;
    bool holdout = false;
    for (uint32_t i = 0; i < experiments->count; i++)
        for (uint32_t k = 0; k < experiments->at[i].variant_count; k++) {
            const struct variant *variant = &experiments->at[i].variants[k];
            if (!settings_variants_has(variants, combination, i, k))
                continue;
            holdout = holdout || variant->holdout;
            if (apply_variant(variant, config, error) != VERDICT_OK)
                return VERDICT_SKIP;
        }
    if (finish_combination(variants, combination, config, error) != VERDICT_OK)
        return VERDICT_SKIP;
    if (holdout)
        settings_variants_hold_out(&variants->at[combination]);
    return VERDICT_OK;
}

/* Variants that set nothing have no combination; nobody's settings need no check. */
static enum verdict make_combinations(struct settings_variants *variants,
                                      const struct config *config, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    struct config *changed = memory_get(sizeof *changed);
    for (uint32_t i = 1; verdict == VERDICT_OK && i < variants->count; i++) {
        *changed = *config;
        verdict = make_combination(variants, i, changed, error);
    }
    free(changed);
    return verdict;
}

static enum verdict read_variants(const struct config *config,
                                  struct settings_variants *ret_variants, struct error *error)
{
    const struct recommend_settings *own = &config->settings.recommend;
    struct experiments experiments;
    struct settings_variants variants;
    struct error why = {0};
    enum verdict verdict =
        experiments_read(config->experiments_path, &own->placements, &experiments, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (settings_variants_init(&variants, &experiments, own, &why) != VERDICT_OK)
        return error_set(error, VERDICT_SKIP, "%s, %s", config->experiments_path, why.message);
    verdict = make_combinations(&variants, config, error);
    if (verdict == VERDICT_OK)
        *ret_variants = variants;
    else
        settings_variants_release(&variants);
    return verdict;
}

/* ---- the file ---- */

enum verdict experiments_file_open(struct experiments_file *experiments,
                                   const struct config *config, struct error *error)
{
    *experiments = (struct experiments_file){.config = config};
    watched_file_init(&experiments->file, config->experiments_path, config->experiments_reload_ms);
    if (experiments->file.path[0] == '\0')
        return VERDICT_OK;
    return read_variants(config, &experiments->variants, error);
}

void experiments_file_release(struct experiments_file *experiments)
{
    settings_variants_release(&experiments->variants);
}

const struct settings_variants *
experiments_file_variants(const struct experiments_file *experiments)
{
    const char *path = experiments->file.path; /* NULL: it was not opened */
    return path && path[0] ? &experiments->variants : NULL;
}

/* A running experiment that is changed is a new one. */
static void tell_changes(const struct experiments_file *experiments, const struct experiments *now)
{
    const struct experiments *before = &experiments->variants.experiments;
    for (uint32_t i = 0; i < now->count; i++)
        for (uint32_t k = 0; k < before->count; k++)
            if (strcmp(now->at[i].name, before->at[k].name) == 0 &&
                strcmp(now->at[i].id, before->at[k].id) != 0)
                log_line(LOG_LEVEL_WARN, "experiments",
                         "%s, line %u: experiment '%s' has changed: it is a new one from now on, "
                         "%s; to go on with %s, put its lines back, also those of its layer",
                         experiments->file.path, now->at[i].line, now->at[i].name, now->at[i].id,
                         before->at[k].id);
}

bool experiments_file_reload(struct experiments_file *experiments)
{
    struct settings_variants variants;
    struct error error = {0};
    if (!watched_file_changed(&experiments->file))
        return false;
    enum verdict verdict = read_variants(experiments->config, &variants, &error);
    if (verdict != VERDICT_OK) {
        log_line(LOG_LEVEL_WARN, "experiments", "%s; the previous experiments stay", error.message);
        if (verdict == VERDICT_RETRY)
            watched_file_again(&experiments->file);
        return false;
    }
    tell_changes(experiments, &variants.experiments);
    settings_variants_release(&experiments->variants);
    experiments->variants = variants;
    log_line(LOG_LEVEL_INFO, "experiments", "%u experiments from %s", variants.experiments.count,
             experiments->file.path);
    return true;
}

void experiments_file_text(const struct experiments_file *experiments, struct buffer *text)
{
    const struct experiments *all = &experiments->variants.experiments;
    for (uint32_t i = 0; i < all->count; i++) {
        const struct experiment *experiment = &all->at[i];
        buffer_format(text, "experiment %s: %g%% of the visitors:", experiment->id,
                      (double)experiment->parts * 100 / EXPERIMENT_PARTS);
        for (uint32_t k = 0; k < experiment->variant_count; k++)
            buffer_format(text, "%s %s %g%%", k ? "," : "", experiment->variants[k].name,
                          (double)experiment->variants[k].parts * 100 / EXPERIMENT_PARTS);
        buffer_byte(text, '\n');
    }
}
