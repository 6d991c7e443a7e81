#include "tools/tune_space.h"

#include "schemas/draw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

static struct bytes trimmed(struct bytes text)
{
    while (text.size > 0 && strchr(" \t\r", text.at[0]))
        text = bytes_of(text.at + 1, text.size - 1);
    while (text.size > 0 && strchr(" \t\r", text.at[text.size - 1]))
        text.size--;
    return text;
}

static const char *copy_text(struct space *space, struct bytes text)
{
    char *copy = arena_get(&space->memory, text.size + 1);
    memcpy(copy, text.at, text.size);
    copy[text.size] = '\0';
    return copy;
}

static enum verdict find_key(struct bytes name, const struct config_key **ret_key,
                             struct error *error)
{
    char text[CONFIG_TEXT_MAX];
    const char *nearest = config_keys[0].name;
    snprintf(text, sizeof text, "%.*s", (int)name.size, name.at);
    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].name, text) == 0) {
            *ret_key = &config_keys[i];
            return VERDICT_OK;
        }
        if (config_distance(config_keys[i].name, text) < config_distance(nearest, text))
            nearest = config_keys[i].name;
    }
    return error_set(error, VERDICT_SKIP, "there is no key '%s'; the nearest is '%s'", text,
                     nearest);
}

static enum verdict read_values(struct space *space, struct space_key *key, struct bytes text,
                                struct error *error)
{
    for (size_t from = 0, at = 0; at <= text.size; at++) {
        if (at < text.size && text.at[at] != '|')
            continue;
        if (key->value_count == SPACE_VALUES_MAX)
            return error_set(error, VERDICT_SKIP, "%s has more than %d values", key->key->name,
                             SPACE_VALUES_MAX);
        key->values[key->value_count++] =
            copy_text(space, trimmed(bytes_of(text.at + from, at - from)));
        from = at + 1;
    }
    return VERDICT_OK;
}

/* "LOW .. HIGH" or "LOW .. HIGH log" */
static enum verdict read_range(struct space_key *key, const char *text, struct error *error)
{
    char low[32], high[32], scale[8] = "";
    int fields = sscanf(text, "%31s .. %31s %7s", low, high, scale);
    char *low_end = low, *high_end = high;
    key->low = fields >= 2 ? strtod(low, &low_end) : 0;
    key->high = fields >= 2 ? strtod(high, &high_end) : 0;
    key->logarithmic = strcmp(scale, "log") == 0;
    key->whole = fmod(key->low, 1) == 0 && fmod(key->high, 1) == 0;
    if (fields < 2 || *low_end || *high_end || !(key->low < key->high) ||
        (scale[0] && !key->logarithmic) || (key->logarithmic && key->low <= 0))
        return error_set(error, VERDICT_SKIP,
                         "'%s' is no range; write LOW .. HIGH, or LOW .. HIGH log with LOW over 0",
                         text);
    return VERDICT_OK;
}

static const char *range_value(struct space *space, const struct space_key *key, double share)
{
    char text[40];
    double value = key->logarithmic ? key->low * pow(key->high / key->low, share)
                                    : key->low + (key->high - key->low) * share;
    if (key->whole)
        snprintf(text, sizeof text, "%.0f", value);
    else
        snprintf(text, sizeof text, "%.4g", value);
    return copy_text(space, bytes_text(text));
}

/* Each value must be one that the key takes. */
static enum verdict try_values(struct space *space, const struct space_key *key,
                               struct error *error)
{
    struct config *config = memory_get(sizeof *config);
    enum verdict verdict = VERDICT_OK;
    config_init(config);
    uint32_t values = key->value_count > 0 ? key->value_count : 2;
    for (uint32_t i = 0; i < values && verdict == VERDICT_OK; i++) {
        const char *value = key->value_count > 0 ? key->values[i] : range_value(space, key, i);
        verdict = config_set(config, key->key->name, value, error);
        if (verdict == VERDICT_OK)
            verdict = config_finish(config, error);
    }
    free(config);
    return verdict;
}

static enum verdict read_line(struct space *space, struct bytes line, struct error *error)
{
    const char *equals = memchr(line.at, '=', line.size);
    if (equals == NULL)
        return error_set(error, VERDICT_SKIP, "write key = value | value, or key = LOW .. HIGH");
    if (space->count == SPACE_KEYS_MAX)
        return error_set(error, VERDICT_SKIP, "a space has at most %d keys", SPACE_KEYS_MAX);
    struct space_key *key = &space->keys[space->count];
    size_t before = (size_t)(equals - line.at);
    struct bytes rest = trimmed(bytes_of(equals + 1, line.size - before - 1));
    *key = (struct space_key){0};
    enum verdict verdict = find_key(trimmed(bytes_of(line.at, before)), &key->key, error);
    if (verdict != VERDICT_OK)
        return verdict;
    for (uint32_t i = 0; i < space->count; i++)
        if (space->keys[i].key == key->key)
            return error_set(error, VERDICT_SKIP, "%s stands here twice", key->key->name);
    const char *text = copy_text(space, rest);
    verdict =
        strstr(text, "..") ? read_range(key, text, error) : read_values(space, key, rest, error);
    if (verdict == VERDICT_OK)
        verdict = try_values(space, key, error);
    space->count++;
    return verdict;
}

enum verdict space_read(struct space *space, struct bytes text, struct error *error)
{
    int number = 0;
    while (text.size > 0) {
        const char *end = memchr(text.at, '\n', text.size);
        size_t size = end ? (size_t)(end - text.at) : text.size;
        struct bytes line = trimmed(bytes_of(text.at, size));
        struct error why = {0};
        number++;
        if (line.size > 0 && line.at[0] != '#' && read_line(space, line, &why) != VERDICT_OK)
            return error_set(error, VERDICT_SKIP, "line %d: %s", number, why.message);
        size += end != NULL;
        text = bytes_of(text.at + size, text.size - size);
    }
    return space->count > 0 ? VERDICT_OK : error_set(error, VERDICT_SKIP, "the space has no key");
}

void space_release(struct space *space)
{
    arena_release(&space->memory);
    *space = (struct space){0};
}

/* ---- drawing ---- */

static bool same_value(const struct config_key *key, const struct config *a, const struct config *b)
{
    static const size_t sizes[] = {
        [CONFIG_INT64] = 8,         [CONFIG_UINT32] = 4,  [CONFIG_SIZE] = 8,
        [CONFIG_FLOAT] = 4,         [CONFIG_PERCENT] = 4, [CONFIG_BOOL] = sizeof(bool),
        [CONFIG_ENUM] = sizeof(int)};
    const char *x = (const char *)a + key->offset, *y = (const char *)b + key->offset;
    return key->type == CONFIG_TEXT ? strcmp(x, y) == 0 : memcmp(x, y, sizes[key->type]) == 0;
}

bool space_defaults(const struct space *space, const struct config *base, struct choice *ret_choice)
{
    struct config *shipped = memory_get(sizeof *shipped);
    bool any = false;
    config_init(shipped);
    *ret_choice = (struct choice){0};
    for (uint32_t i = 0; i < space->count; i++) {
        const struct config_key *key = space->keys[i].key;
        if (same_value(key, base, shipped))
            continue;
        ret_choice->values[i] = key->fallback;
        any = true;
    }
    free(shipped);
    return any;
}

static const char *draw_value(struct space *space, uint32_t index, uint64_t *state)
{
    const struct space_key *key = &space->keys[index];
    uint64_t bits = draw_next(state);
    return key->value_count > 0 ? key->values[draw_below(bits, key->value_count)]
                                : range_value(space, key, draw_unit(bits));
}

/* About one key of four, and at least one. */
void space_draw(struct space *space, uint64_t *state, struct choice *ret_choice)
{
    uint32_t sure = draw_below(draw_next(state), space->count);
    *ret_choice = (struct choice){0};
    for (uint32_t i = 0; i < space->count; i++)
        if (draw_unit(draw_next(state)) < .25 || i == sure)
            ret_choice->values[i] = draw_value(space, i, state);
}

void space_mutate(struct space *space, uint64_t *state, const struct choice *parent,
                  struct choice *ret_choice)
{
    uint32_t changes = 1 + draw_below(draw_next(state), 2);
    *ret_choice = *parent;
    for (uint32_t i = 0; i < changes; i++) {
        uint32_t index = draw_below(draw_next(state), space->count);
        bool drop = ret_choice->values[index] && draw_unit(draw_next(state)) < .3;
        ret_choice->values[index] = drop ? NULL : draw_value(space, index, state);
    }
}

/* ---- using a choice ---- */

enum verdict choice_apply(const struct space *space, const struct choice *choice,
                          struct config *config, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    for (uint32_t i = 0; i < space->count && verdict == VERDICT_OK; i++)
        if (choice->values[i])
            verdict = config_set(config, space->keys[i].key->name, choice->values[i], error);
    return verdict == VERDICT_OK ? config_finish(config, error) : verdict;
}

static void put_choice(const struct space *space, const struct choice *choice, const char *between,
                       struct buffer *buffer)
{
    const char *before = "";
    for (uint32_t i = 0; i < space->count; i++) {
        if (choice->values[i] == NULL)
            continue;
        buffer_format(buffer, "%s%s=%s", before, space->keys[i].key->name, choice->values[i]);
        before = between;
    }
}

void choice_text(const struct space *space, const struct choice *choice, struct buffer *buffer)
{
    put_choice(space, choice, ", ", buffer);
}

void choice_lines(const struct space *space, const struct choice *choice, struct buffer *buffer)
{
    put_choice(space, choice, "\n", buffer);
    buffer_byte(buffer, '\n');
}
