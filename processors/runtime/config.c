#include "processors/runtime/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the nearest key ---- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein 1966, with one row. */
size_t config_distance(const char *a, const char *b)
{
    size_t row[CONFIG_TEXT_MAX + 1], size = smaller(strlen(b), CONFIG_TEXT_MAX);
    for (size_t k = 0; k <= size; k++)
        row[k] = k;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= size; k++) {
            size_t above = row[k];
            row[k] =
                smaller(smaller(above, row[k - 1]) + 1, diagonal + (a[i - 1] == b[k - 1] ? 0 : 1));
            diagonal = above;
        }
    }
    return row[size];
}

static const char *nearest_key(const char *name)
{
    size_t best = SIZE_MAX;
    const char *nearest = "";
    for (size_t i = 0; i < config_key_count; i++) {
        size_t distance = config_distance(name, config_keys[i].name);
        if (distance < best) {
            best = distance;
            nearest = config_keys[i].name;
        }
    }
    return nearest;
}

/* ---- former names ---- */

struct former_name {
    const char *kind;
    const char *former;
    const char *name;
};

static const struct former_name former_generators[] = {
    {"generator", "neighbours", "session_knn"},
    {"generator", "similar", "content_similarity"},
    {"generator", "shelves", "category_popularity"},
};

static const struct former_name former_quality = {"quality", "rules", "counts"};

/* A key of former versions that is accepted still. */
static const char key_without_effect[] = "ranker.served.ms";

static void add_warning(struct config *config, const char *text)
{
    struct config_warnings *warnings = &config->warnings;
    for (uint32_t i = 0; i < warnings->count; i++)
        if (strcmp(warnings->text[i], text) == 0)
            return;
    if (warnings->count < CONFIG_WARNINGS_MAX)
        strcpy(warnings->text[warnings->count++], text);
}

static void warn_former(struct config *config, const struct former_name *former)
{
    char text[CONFIG_WARNING_BYTES_MAX];
    snprintf(text, sizeof text, "%s '%s' is called '%s' now", former->kind, former->former,
             former->name);
    add_warning(config, text);
}

static const struct former_name *find_former_generator(struct bytes name)
{
    for (size_t i = 0; i < sizeof former_generators / sizeof former_generators[0]; i++)
        if (bytes_equal(bytes_text(former_generators[i].former), name))
            return &former_generators[i];
    return NULL;
}

/* Copies a list of generators, such as "forward,popular:.2", with their present names. */
static void rename_generators(struct config *config, const char *list, struct buffer *to)
{
    struct bytes entry;
    while (list_next(&list, &entry)) {
        const char *colon = memchr(entry.at, ':', entry.size);
        struct bytes name = bytes_of(entry.at, colon ? (size_t)(colon - entry.at) : entry.size);
        const struct former_name *former = find_former_generator(name);
        if (former)
            warn_former(config, former);
        buffer_format(to, "%s%s%.*s", to->size ? "," : "", former ? former->name : "",
                      (int)(former ? entry.size - name.size : entry.size),
                      former ? entry.at + name.size : entry.at);
    }
    buffer_byte(to, '\0');
}

static bool names_generators(const char *key)
{
    const char *dot = strrchr(key, '.');
    return strcmp(key, "generators.off") == 0 ||
           (strncmp(key, "placements.", 11) == 0 && strcmp(dot, ".generators") == 0);
}

/* ---- setting one key ---- */

static bool is_pem(const char *name)
{
    size_t size = strlen(name);
    return size > 4 && strcmp(name + size - 4, ".pem") == 0;
}

/* A PEM has lines, and a .properties file writes their ends as \n. */
static void end_lines(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (from[0] == '\\' && from[1] == 'n') {
            *to++ = '\n';
            from++;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* Takes the value out, so that values set again and again need no more room. */
static void drop_kafka_value(struct config *config, size_t index)
{
    size_t at = config->kafka[index].value_at, size = strlen(config->kafka_values + at) + 1;
    memmove(config->kafka_values + at, config->kafka_values + at + size,
            config->kafka_bytes - at - size);
    config->kafka_bytes -= size;
    for (size_t i = 0; i < config->kafka_count; i++)
        if (config->kafka[i].value_at > at)
            config->kafka[i].value_at -= size;
}

static enum verdict set_kafka(struct config *config, const char *name, const char *value,
                              struct error *error)
{
    size_t index = 0, size = strlen(value) + 1;
    if (strlen(name) >= CONFIG_TEXT_MAX)
        return error_set(error, VERDICT_SKIP, "kafka.%.20s... is longer than %d bytes", name,
                         CONFIG_TEXT_MAX - 1);
    while (index < config->kafka_count && strcmp(config->kafka[index].name, name) != 0)
        index++;
    if (index == CONFIG_KAFKA_MAX)
        return error_set(error, VERDICT_SKIP, "more than %d kafka.* keys", CONFIG_KAFKA_MAX);
    size_t freed = index < config->kafka_count ? strlen(config_kafka_value(config, index)) + 1 : 0;
    if (config->kafka_bytes - freed + size > CONFIG_KAFKA_BYTES_MAX)
        return error_set(error, VERDICT_SKIP,
                         "the values of kafka.* are longer than %d bytes in all; put certificates "
                         "into files (kafka.ssl.*.location)",
                         CONFIG_KAFKA_BYTES_MAX);
    if (index < config->kafka_count)
        drop_kafka_value(config, index);
    else
        config->kafka_count++;
    struct kafka_property *property = &config->kafka[index];
    strcpy(property->name, name);
    property->value_at = config->kafka_bytes;
    memcpy(config->kafka_values + property->value_at, value, size);
    config->kafka_bytes += size;
    if (is_pem(name)) { /* the value is the last one */
        end_lines(config->kafka_values + property->value_at);
        config->kafka_bytes = property->value_at + strlen(config_kafka_value(config, index)) + 1;
    }
    return VERDICT_OK;
}

static void store_number(void *field, enum config_type type, int64_t number)
{
    switch (type) {
    case CONFIG_UINT32:
        *(uint32_t *)field = (uint32_t)number;
        break;
    case CONFIG_SIZE:
        *(size_t *)field = (size_t)number;
        break;
    case CONFIG_FLOAT:
        *(float *)field = (float)number;
        break;
    case CONFIG_PERCENT:
        *(float *)field = (float)number / 100;
        break;
    default:
        *(int64_t *)field = number;
        break;
    }
}

static enum verdict set_number(const struct config_key *key, void *field, const char *value,
                               struct error *error)
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0')
        return error_set(error, VERDICT_SKIP, "%s = '%s' is not a whole number", key->name, value);
    if (number < key->min || number > key->max)
        return error_set(error, VERDICT_SKIP, "%s = %lld is not between %lld and %lld", key->name,
                         number, (long long)key->min, (long long)key->max);
    store_number(field, key->type, number);
    return VERDICT_OK;
}

/* Appends "a, b or c". */
static void choices_text(const char *const *choices, struct buffer *buffer)
{
    for (size_t i = 0; choices[i]; i++)
        buffer_format(buffer, "%s%s", i == 0 ? "" : choices[i + 1] ? ", " : " or ", choices[i]);
}

static enum verdict refuse_choice(const struct config_key *key, const char *value,
                                  struct error *error)
{
    struct buffer choices = {0};
    choices_text(key->choices, &choices);
    error_set(error, VERDICT_SKIP, "%s = '%s' is not %.*s", key->name, value, (int)choices.size,
              choices.at);
    buffer_release(&choices);
    return VERDICT_SKIP;
}

static enum verdict set_choice(const struct config_key *key, void *field, const char *value,
                               struct error *error)
{
    _Static_assert(sizeof(enum guarantee) == sizeof(int) &&
                       sizeof(enum quality_preset) == sizeof(int),
                   "the fields of enums are written as int");
    int choice = 0;
    while (key->choices[choice] && strcmp(key->choices[choice], value) != 0)
        choice++;
    if (key->choices[choice] == NULL)
        return refuse_choice(key, value, error);
    if (key->type == CONFIG_BOOL)
        *(bool *)field = choice != 0;
    else
        memcpy(field, &choice, sizeof choice);
    return VERDICT_OK;
}

static const struct config_key *find_key(const char *name)
{
    for (size_t i = 0; i < config_key_count; i++)
        if (strcmp(config_keys[i].name, name) == 0)
            return &config_keys[i];
    return NULL;
}

static enum verdict set_value(struct config *config, const char *name, const char *value,
                              struct error *error)
{
    if (strncmp(name, "kafka.", 6) == 0)
        return set_kafka(config, name + 6, value, error);
    if (strncmp(name, "placements.", 11) == 0 && strcmp(name, "placements.off") != 0)
        return placements_set(&config->chosen.recommend.placements, name + 11, value, error);
    const struct config_key *key = find_key(name);
    if (key == NULL)
        return error_set(
            error, VERDICT_SKIP,
            "there is no key '%s'; the nearest is '%s' ('weft check --keys' lists them)", name,
            nearest_key(name));
    void *field = (char *)config + key->offset;
    if (config_key_is_number(key))
        return set_number(key, field, value, error);
    if (key->choices)
        return set_choice(key, field, value, error);
    if (strlen(value) > (size_t)key->max)
        return error_set(error, VERDICT_SKIP, "the value of %s is longer than %d bytes", name,
                         (int)key->max);
    strcpy(field, value);
    return VERDICT_OK;
}

enum verdict config_set(struct config *config, const char *name, const char *value,
                        struct error *error)
{
    if (strcmp(name, key_without_effect) == 0) {
        add_warning(config, "'ranker.served.ms' has no effect any more: remove it");
        return VERDICT_OK;
    }
    if (names_generators(name)) {
        struct buffer present = {0};
        rename_generators(config, value, &present);
        enum verdict verdict = set_value(config, name, present.at, error);
        buffer_release(&present);
        return verdict;
    }
    if (strcmp(name, "quality") == 0 && strcmp(value, former_quality.former) == 0) {
        warn_former(config, &former_quality);
        value = former_quality.name;
    }
    return set_value(config, name, value, error);
}

void config_init(struct config *config)
{
    memset(config, 0, sizeof *config);
    placements_init(&config->chosen.recommend.placements);
    config->chosen.frames = output_frames_single();
    for (int kind = 0; kind < KINDS; kind++)
        config->chosen.recommend.kind_weights[kind] = 1;
    for (size_t i = 0; i < config_key_count; i++)
        config_set(config, config_keys[i].name, config_keys[i].fallback, NULL);
}

static char *trim(char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    size_t size = strlen(text);
    while (size > 0 && strchr(" \t\r\n", text[size - 1]))
        text[--size] = '\0';
    return text;
}

enum verdict config_assign(struct config *config, const char *assignment, struct error *error)
{
    char *line = memory_text(bytes_text(assignment)), *equals = strchr(line, '=');
    enum verdict verdict;
    if (equals == NULL) {
        verdict = error_set(error, VERDICT_SKIP, "'%.*s' is not key=value",
                            (int)strcspn(assignment, ": \t"), assignment); /* not a secret */
    } else {
        *equals = '\0';
        verdict = config_set(config, trim(line), trim(equals + 1), error);
    }
    free(line);
    return verdict;
}

/* Reads a line and those that a backslash at the end joins to it. False: the file is at its end. */
static bool read_line(FILE *file, struct buffer *line, int *number)
{
    char *part = NULL;
    size_t capacity = 0;
    bool found = false, more = true;
    buffer_clear(line);
    while (more && getline(&part, &capacity, file) >= 0) {
        char *text = trim(part);
        size_t size = strlen(text);
        bool comment = !found && (*text == '#' || *text == '!');
        more = !comment && size > 0 && text[size - 1] == '\\';
        if (more)
            text[size - 1] = '\0';
        buffer_text(line, text);
        found = true;
        ++*number;
    }
    buffer_byte(line, '\0');
    free(part);
    return found;
}

enum verdict config_read_file(struct config *config, const char *path, struct error *error)
{
    struct buffer line = {0};
    int number = 0, first = 1;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return error_set(error, VERDICT_SKIP, "can't open %s: %s", path, strerror(errno));
    enum verdict verdict = VERDICT_OK;
    for (; verdict == VERDICT_OK && read_line(file, &line, &number); first = number + 1) {
        const char *text = line.at;
        struct error inner = {0};
        if (*text == '\0' || *text == '#' || *text == '!')
            continue;
        verdict = config_assign(config, text, &inner);
        if (verdict != VERDICT_OK)
            error_set(error, verdict, "%s, line %d: %s", path, first, inner.message);
    }
    if (verdict == VERDICT_OK && !feof(file))
        verdict = error_set(error, VERDICT_SKIP, "can't read %s: %s", path, strerror(errno));
    buffer_release(&line);
    fclose(file);
    return verdict;
}

/* ---- finishing ---- */

static enum verdict find_generators(const char *list, uint64_t *ret_bits, struct error *error)
{
    uint64_t bits = 0;
    struct bytes name;
    while (list_next(&list, &name)) {
        int generator = generator_find(name);
        if (generator < 0)
            return error_set(error, VERDICT_SKIP, "generators.off: there is no generator '%.*s'",
                             (int)name.size, name.at);
        bits |= 1ull << generator;
    }
    *ret_bits = bits;
    return VERDICT_OK;
}

#define LIST_SPARE 16 /* the context and filtered items are taken out of a list */
#define LEAN_CANDIDATES 64
#define LEAN_LEARN_EVERY 2
#define COUNTS_CANDIDATES 64

static enum verdict make_lean(struct settings *settings, struct error *error)
{
    struct rank_settings *rank = &settings->recommend.rank;
    struct feature_mask features_off = {{0, 0}};
    uint64_t generators_off = 0;
    if (rank->candidates_max > LEAN_CANDIDATES)
        rank->candidates_max = LEAN_CANDIDATES;
    if (settings->recommend.learn_every < LEAN_LEARN_EVERY)
        settings->recommend.learn_every = LEAN_LEARN_EVERY;
    settings->model.sessions.sessions_max = 0;
    enum verdict verdict = find_generators("session_knn", &generators_off, error);
    if (verdict == VERDICT_OK)
        verdict = features_find("neighbours,pairs", &features_off, error);
    rank->generators_off |= generators_off;
    for (int i = 0; i < 2; i++)
        rank->features_off.words[i] |= features_off.words[i];
    return verdict;
}

static void make_counts(struct settings *settings)
{
    settings->model.sessions.sessions_max = 0;
    settings->model.vectors.items_max = 0;
    settings->recommend.rank.candidates_max = COUNTS_CANDIDATES;
    settings->recommend.rank.ranker_off = true;
    settings->recommend.learning = false;
}

static enum verdict apply_quality(enum quality_preset quality, struct settings *settings,
                                  struct error *error)
{
    switch (quality) {
    case QUALITY_LEAN:
        return make_lean(settings, error);
    case QUALITY_COUNTS:
        make_counts(settings);
        return VERDICT_OK;
    default:
        return VERDICT_OK;
    }
}

/* Enough candidates to fill the longest list after some are taken out. */
static void widen_candidates(struct settings *settings)
{
    const struct placements *placements = &settings->recommend.placements;
    struct rank_settings *rank = &settings->recommend.rank;
    uint32_t least = settings->list_items;
    for (uint32_t i = 0; i < placements->count; i++)
        if (placements->at[i].length > least)
            least = placements->at[i].length;
    least += LIST_SPARE;
    if (rank->candidates_max < least)
        rank->candidates_max = least < RANKED_MAX ? least : RANKED_MAX;
}

static enum verdict finish_settings(const struct config *config, struct settings *settings,
                                    struct error *error)
{
    struct rank_settings *rank = &settings->recommend.rank;
    *settings = config->chosen;
    rank->session_gap_ms = settings->session_gap_ms;
    settings->model.sessions.gap_ms = settings->session_gap_ms;
    settings->model.features = features_hash();
    settings->model.cart_features = cart_features_hash();
    if (!settings->recommend.learning)
        settings->model.encoder_clicks_per_second_max = 0;
    enum verdict verdict = find_generators(config->generators_off, &rank->generators_off, error);
    if (verdict == VERDICT_OK)
        verdict = features_find(config->features_off, &rank->features_off, error);
    if (verdict == VERDICT_OK)
        verdict = goal_mix_read(config->goal, &settings->recommend.goals, error);
    if (verdict == VERDICT_OK)
        verdict = placements_finish(&settings->recommend.placements, config->placements_off, error);
    if (verdict == VERDICT_OK)
        verdict = apply_quality(config->quality, settings, error);
    widen_candidates(settings);
    return verdict;
}

static enum verdict check_registry(const struct config *config, struct error *error)
{
    const char *missing = NULL;
    if (config->schema_registry_token_file[0] && config->schema_registry_user[0])
        return error_set(error, VERDICT_SKIP,
                         "schema.registry.user and schema.registry.token.file are both set; keep "
                         "one of them");
    if (config->schema_registry_key_file[0] && !config->schema_registry_certificate_file[0])
        missing = "schema.registry.key.file needs schema.registry.certificate.file";
    if (config->schema_registry_certificate_file[0] && !config->schema_registry_key_file[0])
        missing = "schema.registry.certificate.file needs schema.registry.key.file";
    if (config->schema_registry_url[0] == '\0' &&
        (config->schema_registry_user[0] || config->schema_registry_token_file[0] ||
         config->schema_registry_certificate_file[0] || config->schema_registry_ca_file[0] ||
         config->schema_registry_password_file[0]))
        missing = "the keys schema.registry.* need schema.registry.url";
    if (config->framing == FRAMING_CONFLUENT && config->schema_registry_url[0] == '\0')
        missing = "output.framing=confluent needs schema.registry.url";
    if (config->framing == FRAMING_CONFLUENT && !config->chosen.output_avro)
        missing = "output.framing=confluent needs output.format=avro";
    return missing ? error_set(error, VERDICT_SKIP, "%s", missing) : VERDICT_OK;
}

enum verdict config_finish(struct config *config, struct error *error)
{
    const char *id = config->application_id;
    for (const char *at = id; *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *at))
            return error_set(error, VERDICT_SKIP,
                             "application.id = '%s' has characters that no topic's name may have",
                             id);
    if (*id == '\0' || strlen(id) > 150)
        return error_set(error, VERDICT_SKIP, "application.id must have 1 to 150 characters");
    if (config->commit_min_ms > config->commit_interval_ms)
        return error_set(error, VERDICT_SKIP, "commit.min.ms is larger than commit.interval.ms");
    if (config->chosen.lists_early && config->chosen.recommend.filters.shown_max > 0 &&
        !config->chosen.shown_from_impressions)
        return error_set(error, VERDICT_SKIP,
                         "lists.early=on with list.shown.max needs list.shown.from=impressions: an "
                         "early list may be taken back, so that it can't count as shown");
    if (config->chosen.lists_early && config_exactly_once(config) &&
        config->commit_interval_ms > COMMIT_INTERVAL_EARLY_MAX_MS)
        return error_set(
            error, VERDICT_SKIP,
            "lists.early=on needs a commit.interval.ms of at most %d: a transaction is "
            "open for so long, and brokers abort it after 10 s",
            COMMIT_INTERVAL_EARLY_MAX_MS);
    if (check_registry(config, error) != VERDICT_OK)
        return VERDICT_SKIP;
    return finish_settings(config, &config->settings, error);
}

/* ---- for people ---- */

static void key_text(const struct config_key *key, struct buffer *buffer)
{
    buffer_format(buffer, "%s=%s\n    %s", key->name, key->fallback, key->help);
    if (key->choices) {
        buffer_text(buffer, "; values: ");
        choices_text(key->choices, buffer);
    }
    buffer_byte(buffer, '\n');
}

void config_keys_text(enum config_group_name group, struct buffer *buffer)
{
    for (int i = 0; i < CONFIG_GROUPS; i++) {
        if (group != CONFIG_GROUPS && (int)group != i)
            continue;
        buffer_format(buffer, "%s# %s: %s\n", buffer->size ? "\n" : "", config_groups[i].name,
                      config_groups[i].summary);
        for (size_t k = 0; k < config_key_count; k++)
            if ((int)config_keys[k].group == i)
                key_text(&config_keys[k], buffer);
        if (config_groups[i].pattern)
            buffer_text(buffer, config_groups[i].pattern);
    }
}

void config_topic(const struct config *config, const char *suffix, char *to, size_t size)
{
    snprintf(to, size, "%s-%s", config->application_id, suffix);
}
