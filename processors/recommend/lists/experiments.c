#include "processors/recommend/lists/experiments.h"

#include "processors/recommend/lists/experiment_keys.h"
#include "schemas/array.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_BYTES                                                                                 \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-" /* of a name */
#define HOLDOUT "holdout"

/* ---- the reader ---- */

/* Collects the experiments of a file. */
struct experiments_reader {
    struct shop_reader reader; /* first */
    const struct placements *placements;
    struct experiments experiments;
    uint32_t capacity;
    bool lost; /* the last experiment's line has a mistake, and its variants are not looked at */
};

static struct experiment *last_of(struct experiments_reader *reader)
{
    return &reader->experiments.at[reader->experiments.count - 1];
}

static enum verdict read_name(struct shop_line *line, const char *after,
                              char ret_name[EXPERIMENT_NAME_BYTES_MAX])
{
    char what[120];
    const char *name = shop_line_next(line);
    if (name && *name && strlen(name) < EXPERIMENT_NAME_BYTES_MAX &&
        name[strspn(name, NAME_BYTES)] == '\0') {
        strcpy(ret_name, name);
        return VERDICT_OK;
    }
    snprintf(what, sizeof what, "after '%s' a name of up to %d letters, digits, _, - and . belongs",
             after, EXPERIMENT_NAME_BYTES_MAX - 1);
    return shop_line_wrong(line, what, name ? name : "");
}

/* "20%", "33.3%" */
static enum verdict read_share(struct shop_line *line, const char *after, uint32_t *ret_parts)
{
    char what[120], *end = NULL;
    const char *word = shop_line_next(line);
    double percent = word ? strtod(word, &end) : 0;
    double parts = percent * EXPERIMENT_PARTS / 100;
    if (word && end != word && strcmp(end, "%") == 0 && parts >= 1 && percent <= 100) {
        *ret_parts = (uint32_t)lround(parts);
        return VERDICT_OK;
    }
    snprintf(what, sizeof what, "after '%s' a share such as 20%%, of at most 100%%, belongs%s",
             after, word ? ", not" : "");
    return shop_line_wrong(line, what, word ? word : "");
}

static enum verdict read_text(struct shop_line *line, const char *after, char **text)
{
    char what[80];
    const char *word = shop_line_next(line);
    snprintf(what, sizeof what, "after '%s' one name belongs, in UTF-8", after);
    if (word == NULL || *word == '\0' || *text || !bytes_utf8(bytes_text(word)))
        return shop_line_wrong(line, what, word ? word : "");
    *text = memory_text(bytes_text(word));
    return VERDICT_OK;
}

/* ---- the experiment's line ---- */

/* The name of a placement that makes lists. */
static enum verdict check_placement(const struct shop_line *line,
                                    const struct placements *placements, const char *name)
{
    const char *names[PLACEMENTS_MAX];
    if (placements == NULL)
        return VERDICT_OK;
    const struct placement *placement = placements_find(placements, name);
    if (placement && placement->off)
        return shop_line_wrong(line,
                               "there are no lists at this placement (placements.off):", name);
    if (placement)
        return VERDICT_OK;
    for (uint32_t i = 0; i < placements->count; i++)
        names[i] = placements->at[i].name;
    return shop_line_wrong_name(line, "there is no placement", name, names, placements->count);
}

static enum verdict read_placement(struct experiments_reader *reader, struct shop_line *line)
{
    struct experiment *experiment = last_of(reader);
    const char *name = shop_line_next(line);
    if (name == NULL || *name == '\0')
        return shop_line_wrong(line, "a name is missing after 'placement'", "");
    if (strlen(name) >= PLACEMENT_NAME_BYTES_MAX)
        return shop_line_wrong(line, "no placement has so long a name", name);
    if (experiment->placement_count == EXPERIMENT_PLACEMENTS_MAX)
        return shop_line_wrong(line, "more placements than there can be, at", name);
    if (experiment->placement_count > 0 && experiment_plays_at(experiment, name))
        return shop_line_wrong(line, "the placement stands there twice:", name);
    strcpy(experiment->placements[experiment->placement_count++], name); /* it was measured */
    return check_placement(line, reader->placements, name);
}

static enum verdict read_condition(struct experiments_reader *reader, struct shop_line *line)
{
    static const char *const names[] = {"placement", "share", "layer", "channel",
                                        "gender",    "from",  "to"};
    struct experiment *experiment = last_of(reader);
    const char *word = shop_line_next(line);
    if (strcmp(word, "placement") == 0)
        return read_placement(reader, line);
    if (strcmp(word, "share") == 0)
        return read_share(line, word, &experiment->parts);
    if (strcmp(word, "layer") == 0)
        return read_name(line, word, experiment->layer);
    if (strcmp(word, "channel") == 0)
        return read_text(line, word, &experiment->channel);
    if (strcmp(word, "gender") == 0)
        return read_text(line, word, &experiment->gender);
    if (strcmp(word, "from") == 0)
        return shop_line_time(line, word, &experiment->from_ms);
    if (strcmp(word, "to") == 0)
        return shop_line_time(line, word, &experiment->to_ms);
    return shop_line_wrong_name(line,
                                "only placement, share, layer, channel, gender, from and to can "
                                "follow an experiment's name, not",
                                word, names, sizeof names / sizeof *names);
}

static enum verdict read_experiment(struct experiments_reader *reader, struct shop_line *line)
{
    struct experiments *experiments = &reader->experiments;
    if (experiments->count == EXPERIMENTS_MAX)
        return shop_line_wrong(line, "more than 16 experiments; remove some that have ended", "");
    ARRAY_RESERVE(experiments->at, reader->capacity, experiments->count + 1);
    struct experiment *experiment = &experiments->at[experiments->count++];
    *experiment = (struct experiment){
        .line = line->number,
        .parts = EXPERIMENT_PARTS,
        .from_ms = INT64_MIN,
        .to_ms = INT64_MAX,
    };
    enum verdict verdict = read_name(line, "experiment", experiment->name);
    while (verdict == VERDICT_OK && line->at < line->count)
        verdict = read_condition(reader, line);
    if (verdict != VERDICT_OK)
        return verdict;
    if (experiment->from_ms >= experiment->to_ms)
        return shop_line_wrong(line, "'to' is not after 'from'", "");
    for (uint32_t i = 0; i + 1 < experiments->count; i++)
        if (strcmp(experiments->at[i].name, experiment->name) == 0)
            return shop_line_wrong(line, "two experiments have this name; choose another one for",
                                   experiment->name);
    if (!experiments_place_last(experiments))
        return shop_line_wrong(line,
                               "the shares of the experiments that run at this time are more than "
                               "100% in the layer",
                               experiment->layer);
    return VERDICT_OK;
}

/* ---- a variant's line ---- */

static bool at_one_time(const struct experiment *a, const struct experiment *b)
{
    return a->from_ms < b->to_ms && b->from_ms < a->to_ms;
}

static bool exclusive(const struct experiment *a, const struct experiment *b)
{
    return !at_one_time(a, b) || (a->layer[0] && strcmp(a->layer, b->layer) == 0);
}

static bool sets(const struct experiment *experiment, const char *key)
{
    for (uint32_t i = 0; i < experiment->variant_count; i++)
        for (uint32_t k = 0; k < experiment->variants[i].setting_count; k++)
            if (strcmp(experiment->variants[i].settings[k].key, key) == 0)
                return true;
    return false;
}

/* A visitor can be in both experiments, which would both set the key for one list. */
static enum verdict check_alone(const struct experiments *experiments, const struct shop_line *line,
                                const char *key)
{
    char what[200];
    const struct experiment *last = &experiments->at[experiments->count - 1];
    for (const struct experiment *other = experiments->at; other < last; other++) {
        if (exclusive(other, last) || !experiments_meet(other, last) || !sets(other, key))
            continue;
        snprintf(what, sizeof what,
                 "experiment '%s' in line %u sets the same key for the same lists; put both into "
                 "one layer, so that no visitor is in both:",
                 other->name, other->line);
        return shop_line_wrong(line, what, key);
    }
    return VERDICT_OK;
}

static enum verdict check_key(struct experiments_reader *reader, const struct shop_line *line,
                              const struct variant *variant, const char *key)
{
    char what[120], name[PLACEMENT_NAME_BYTES_MAX] = "";
    const struct experiment *experiment = last_of(reader);
    struct bytes placement = experiment_key_placement(key);
    if (experiment_key_check(line, key) != VERDICT_OK)
        return VERDICT_SKIP;
    if (placement.size >= sizeof name)
        return shop_line_wrong(line, "no placement has so long a name", key);
    if (placement.size > 0) {
        memcpy(name, placement.at, placement.size);
        if (check_placement(line, reader->placements, name) != VERDICT_OK)
            return VERDICT_SKIP;
        snprintf(what, sizeof what,
                 "the experiment does not play there; add 'placement %s' to line %u for", name,
                 experiment->line);
        if (!experiment_plays_at(experiment, name))
            return shop_line_wrong(line, what, key);
    }
    for (uint32_t i = 0; i < variant->setting_count; i++)
        if (strcmp(variant->settings[i].key, key) == 0)
            return shop_line_wrong(line, "the key stands there twice:", key);
    return check_alone(&reader->experiments, line, key);
}

static enum verdict read_setting(struct experiments_reader *reader, struct shop_line *line,
                                 struct variant *variant)
{
    char key[SHOP_WORD_MAX + 1];
    const char *word = shop_line_next(line), *equals = strchr(word, '=');
    if (equals == NULL || equals == word)
        return shop_line_wrong(line,
                               "behind a variant's share only settings such as list.brand.max=2 "
                               "can stand, not",
                               word);
    memcpy(key, word, (size_t)(equals - word));
    key[equals - word] = '\0';
    enum verdict verdict = check_key(reader, line, variant, key);
    if (verdict != VERDICT_OK)
        return verdict;
    variant->settings =
        memory_resize(variant->settings, (variant->setting_count + 1) * sizeof *variant->settings);
    variant->settings[variant->setting_count++] = (struct variant_setting){
        .key = memory_text(bytes_text(key)),
        .value = memory_text(bytes_text(equals + 1)),
    };
    return VERDICT_OK;
}

static enum verdict check_variant(const struct shop_line *line, const struct experiment *experiment,
                                  const struct variant *variant)
{
    uint32_t parts = 0;
    if (!variant->holdout && strcmp(variant->name, HOLDOUT) == 0)
        return shop_line_wrong(line, "for a hold-out write: holdout 10%; no variant has the name",
                               variant->name);
    for (const struct variant *other = experiment->variants; other < variant; other++) {
        parts += other->parts;
        if (strcmp(other->name, variant->name) == 0)
            return shop_line_wrong(line, "two variants have this name; choose another one for",
                                   variant->name);
    }
    if (parts + variant->parts <= EXPERIMENT_PARTS)
        return VERDICT_OK;
    char what[160];
    snprintf(what, sizeof what,
             "the shares of the variants of '%s' are more than 100%% together; at most %g%% are "
             "left for",
             experiment->name, (double)(EXPERIMENT_PARTS - parts) * 100 / EXPERIMENT_PARTS);
    return shop_line_wrong(line, what, variant->name);
}

static enum verdict read_variant(struct experiments_reader *reader, struct shop_line *line,
                                 bool holdout)
{
    if (reader->experiments.count == 0)
        return shop_line_wrong(line, "an experiment's line belongs before its variants", "");
    struct experiment *experiment = last_of(reader);
    if (experiment->variant_count == VARIANTS_MAX)
        return shop_line_wrong(line, "more than 8 variants; make two experiments of", //
                               experiment->name);
    struct variant *variant = &experiment->variants[experiment->variant_count];
    *variant = (struct variant){.holdout = holdout, .line = line->number, .name = HOLDOUT};
    enum verdict verdict = holdout ? VERDICT_OK : read_name(line, "variant", variant->name);
    if (verdict == VERDICT_OK)
        verdict = read_share(line, variant->name, &variant->parts);
    if (verdict == VERDICT_OK)
        verdict = check_variant(line, experiment, variant);
    if (verdict != VERDICT_OK)
        return verdict;
    experiment->variant_count++;
    while (verdict == VERDICT_OK && line->at < line->count)
        verdict = holdout ? shop_line_wrong(line,
                                            "a hold-out gets popular items and has no settings, so "
                                            "leave out",
                                            shop_line_next(line))
                          : read_setting(reader, line, variant);
    return verdict;
}

/* ---- the file ---- */

static enum verdict take_line(struct shop_reader *shop_reader, struct shop_line *line,
                              struct bytes text)
{
    static const char *const names[] = {"experiment", "variant", HOLDOUT};
    struct experiments_reader *reader = (struct experiments_reader *)shop_reader;
    enum verdict verdict = shop_line_cut(line, text);
    if (verdict != VERDICT_OK || line->count == 0)
        return verdict;
    const char *word = shop_line_next(line);
    if (strcmp(word, "experiment") == 0) {
        verdict = read_experiment(reader, line);
        reader->lost = verdict != VERDICT_OK;
        return verdict;
    }
    bool holdout = strcmp(word, HOLDOUT) == 0;
    if (holdout || strcmp(word, "variant") == 0)
        return reader->lost ? VERDICT_OK : read_variant(reader, line, holdout);
    return shop_line_wrong_name(line, "a line begins with experiment, variant or holdout, not",
                                word, names, sizeof names / sizeof *names);
}

/* The experiments are whole. SKIP: one of them is not. */
static enum verdict finish(struct experiments *experiments, struct shop_mistakes *mistakes)
{
    enum verdict verdict = VERDICT_OK;
    for (uint32_t i = 0; i < experiments->count; i++) {
        struct experiment *experiment = &experiments->at[i];
        struct error why = {0};
        experiment_identify(experiment);
        if (experiment->variant_count >= 2)
            continue;
        verdict = error_set(&why, VERDICT_SKIP,
                            "line %u: experiment '%s' has fewer than two variants; put lines such "
                            "as 'variant today 50%%' below it",
                            experiment->line, experiment->name);
        if (!shop_mistakes_add(mistakes, &why))
            return verdict;
    }
    return verdict;
}

static enum verdict parse(struct bytes text, const struct placements *placements,
                          struct shop_mistakes *mistakes, struct experiments *ret_experiments)
{
    struct experiments_reader reader = {.reader.take = take_line, .placements = placements};
    enum verdict verdict = shop_lines_read(text, &reader.reader, mistakes);
    if (verdict == VERDICT_OK)
        verdict = finish(&reader.experiments, mistakes);
    if (verdict == VERDICT_OK)
        *ret_experiments = reader.experiments;
    else
        experiments_release(&reader.experiments);
    return verdict;
}

enum verdict experiments_parse(struct bytes text, const struct placements *placements,
                               struct experiments *ret_experiments, struct error *error)
{
    struct shop_mistakes mistakes = {.error = error};
    return parse(text, placements, &mistakes, ret_experiments);
}

static enum verdict read_file(const char *path, const struct placements *placements,
                              struct shop_mistakes *mistakes, struct experiments *ret_experiments)
{
    struct buffer text = {0};
    enum verdict verdict = shop_file_read(path, "experiments", &text, mistakes->error);
    if (verdict == VERDICT_OK)
        verdict = parse(buffer_bytes(&text), placements, mistakes, ret_experiments);
    buffer_release(&text);
    return verdict;
}

enum verdict experiments_read(const char *path, const struct placements *placements,
                              struct experiments *ret_experiments, struct error *error)
{
    struct shop_mistakes mistakes = {.error = error, .path = path};
    return read_file(path, placements, &mistakes, ret_experiments);
}

enum verdict experiments_check(const char *path, const struct placements *placements,
                               struct buffer *list)
{
    struct experiments experiments;
    struct error error = {0};
    struct shop_mistakes mistakes = {.error = &error, .path = path, .text = list};
    enum verdict verdict = read_file(path, placements, &mistakes, &experiments);
    if (verdict == VERDICT_OK)
        experiments_release(&experiments);
    else if (mistakes.count == 0)
        buffer_format(list, "%s\n", error.message);
    return verdict;
}

void experiments_release(struct experiments *experiments)
{
    for (uint32_t i = 0; i < experiments->count; i++) {
        struct experiment *experiment = &experiments->at[i];
        for (uint32_t k = 0; k < experiment->variant_count; k++) {
            struct variant *variant = &experiment->variants[k];
            for (uint32_t j = 0; j < variant->setting_count; j++) {
                free(variant->settings[j].key);
                free(variant->settings[j].value);
            }
            free(variant->settings);
        }
        free(experiment->channel);
        free(experiment->gender);
    }
    free(experiments->at);
    *experiments = (struct experiments){0};
}
