#include "processors/recommend/lists/placements.h"

#include "processors/recommend/candidates/generators.h"
#include "schemas/recommendation.h"

#include <stdio.h>
#include <stdlib.h>

const char *const placement_context_names[CONTEXTS] = {"visitor", "item", "term", "cart",
                                                       "category"};

struct named {
    const char *name;
    uint32_t bits;
};

static const struct named filter_names[] = {
    {"seen", FILTER_SEEN},
    {"viewed", FILTER_VIEWED},
    {"in_cart", FILTER_IN_CART},
    {"same_category", FILTER_SAME_CATEGORY},
    {"other_category", FILTER_OTHER_CATEGORY},
};
#define FILTER_NAMES (sizeof filter_names / sizeof filter_names[0])

static const struct named event_names[] = {
    {"view", 1u << KIND_VIEW},
    {"search", 1u << KIND_SEARCH},
    {"cart",
     1u << KIND_CART | 1u << KIND_CART_REMOVE | 1u << KIND_CART_UPDATE | 1u << KIND_CART_CLEAR},
    {"purchase", 1u << KIND_PURCHASE | 1u << KIND_REFUND},
};
#define EVENT_NAMES (sizeof event_names / sizeof event_names[0])

/* ---- built-in placements ---- */

static const char *const built_in[][3] = {
    {"home", "filters", ""},
    {"email", "when", "cart,purchase"},
    {"email", "while", "20"},
    {"email", "filters", ""},
    {"email", "length", "8"},
    {"email", "diversity.percent", "10"},
    {"product", "context", "item"},
    {"goes_with", "context", "item"},
    {"goes_with", "generators", "walk"},
    {"goes_with", "filters", "other_category,in_cart"},
    {"search", "context", "term"},
    {"search", "filters", ""},
    {"cart", "context", "cart"},
    {"cart", "filters", ""},
    {"category", "context", "category"},
    {"category", "filters", "seen,same_category"},
};

void placements_init(struct placements *placements)
{
    placements->count = 0;
    for (size_t i = 0; i < sizeof built_in / sizeof built_in[0]; i++) {
        char key[3 * PLACEMENT_NAME_BYTES_MAX];
        snprintf(key, sizeof key, "%s.%s", built_in[i][0], built_in[i][1]);
        placements_set(placements, key, built_in[i][2], NULL);
    }
}

/* ---- one key ---- */

/* Reads a list of names as bits. */
static enum verdict read_names(const char *key, const char *list, const struct named *names,
                               size_t count, uint32_t *ret_bits, struct error *error)
{
    uint32_t bits = 0;
    struct bytes name;
    while (list_next(&list, &name)) {
        size_t at = 0;
        while (at < count && !bytes_equal(bytes_text(names[at].name), name))
            at++;
        if (at == count) {
            char all[200] = "";
            for (size_t i = 0; i < count; i++)
                snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "",
                         names[i].name);
            return error_set(error, VERDICT_SKIP, "%s: '%.*s' is none of %s", key, (int)name.size,
                             name.at, all);
        }
        bits |= names[at].bits;
    }
    *ret_bits = bits;
    return VERDICT_OK;
}

static enum verdict read_number(const char *key, const char *value, long least, long most,
                                long *ret_number, struct error *error)
{
    char *end = NULL;
    long number = strtol(value, &end, 10);
    if (end == value || *end != '\0' || number < least || number > most)
        return error_set(error, VERDICT_SKIP, "%s = '%.40s' is not a whole number from %ld to %ld",
                         key, value, least, most);
    *ret_number = number;
    return VERDICT_OK;
}

/* "forward" or "popular:.2" */
static enum verdict read_generator(struct placement *placement, const char *key, struct bytes text,
                                   struct error *error)
{
    const char *colon = memchr(text.at, ':', text.size);
    struct bytes name = bytes_of(text.at, colon ? (size_t)(colon - text.at) : text.size);
    int generator = generator_find(name);
    if (generator < 0) {
        char all[300] = "walk, search";
        for (int i = 0; i < generator_count; i++)
            snprintf(all + strlen(all), sizeof all - strlen(all), ", %s", generators[i].name);
        return error_set(error, VERDICT_SKIP, "%s: there is no generator '%.*s'; there are %s", key,
                         (int)name.size, name.at, all);
    }
    float weight = 1;
    if (colon) {
        char number[32] = "", *end = NULL;
        size_t size = text.size - name.size - 1;
        if (size < sizeof number)
            memcpy(number, colon + 1, size);
        weight = strtof(number, &end);
        if (end == number || *end != '\0' || !(weight > 0) || weight > 1000)
            return error_set(error, VERDICT_SKIP,
                             "%s: the weight in '%.*s' is not a number above 0, up to 1000", key,
                             (int)text.size, text.at);
    }
    placement->generators_off &= ~(1ull << generator);
    placement->weights[generator] = weight;
    placement->weighted = placement->weighted || weight < 1 || weight > 1;
    return VERDICT_OK;
}

static bool names_source(struct bytes name)
{
    return bytes_equal(name, bytes_text("walk")) || bytes_equal(name, bytes_text("search"));
}

static enum verdict read_generators(struct placement *placement, const char *key, const char *value,
                                    struct error *error)
{
    struct placement new = *placement;
    const char *list = value;
    struct bytes name;
    new.source = strcmp(value, "walk") == 0     ? SOURCE_WALK
                 : strcmp(value, "search") == 0 ? SOURCE_SEARCH
                                                : SOURCE_RANKED;
    new.weighted = false;
    new.own = *value != '\0';
    new.generators_off = new.own ? ~0ull : 0;
    for (int i = 0; i < PLACEMENT_GENERATORS_MAX; i++)
        new.weights[i] = 1;
    while (new.source == SOURCE_RANKED && list_next(&list, &name)) {
        if (names_source(name))
            return error_set(error, VERDICT_SKIP,
                             "%s: '%.*s' stands alone, without other generators", key,
                             (int)name.size, name.at);
        enum verdict verdict = read_generator(&new, key, name, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    *placement = new;
    return VERDICT_OK;
}

static enum verdict read_context(struct placement *placement, const char *key, const char *value,
                                 struct error *error)
{
    for (int i = 0; i < CONTEXTS; i++)
        if (strcmp(placement_context_names[i], value) == 0) {
            placement->context = (enum placement_context)i;
            return VERDICT_OK;
        }
    return error_set(error, VERDICT_SKIP,
                     "%s: '%.40s' is none of visitor, item, term, cart, category", key, value);
}

/* Sets one key of a copy, which the caller drops unless this is OK. */
static enum verdict set_one(struct placement *placement, const char *key, const char *value,
                            struct error *error)
{
    long number = 0;
    enum verdict verdict = VERDICT_OK;
    if (strcmp(key, "context") == 0)
        return read_context(placement, key, value, error);
    if (strcmp(key, "when") == 0)
        return read_names(key, value, event_names, EVENT_NAMES, &placement->kinds, error);
    if (strcmp(key, "filters") == 0)
        return read_names(key, value, filter_names, FILTER_NAMES, &placement->filters, error);
    if (strcmp(key, "generators") == 0)
        return read_generators(placement, key, value, error);
    if (strcmp(key, "goal") == 0) {
        placement->own_goals = *value != '\0';
        return goal_mix_read(value, &placement->goals, error);
    }
    if (strcmp(key, "while") == 0) {
        verdict = read_number(key, value, 0, PLACEMENT_WHILE_MAX, &number, error);
        placement->within = (uint32_t)number;
    } else if (strcmp(key, "length") == 0) {
        verdict = read_number(key, value, 0, LIST_ITEMS_MAX, &number, error);
        placement->length = (uint32_t)number;
    } else if (strcmp(key, "diversity.percent") == 0) {
        verdict = read_number(key, value, -1, 100, &number, error);
        placement->diversity = (float)number / 100;
    } else {
        return error_set(error, VERDICT_SKIP,
                         "%.40s is no key: context, when, while, generators, filters, length, "
                         "goal, diversity.percent are",
                         key);
    }
    return verdict;
}

static struct placement *find(struct placements *placements, struct bytes name)
{
    for (uint32_t i = 0; i < placements->count; i++)
        if (bytes_equal(bytes_text(placements->at[i].name), name))
            return &placements->at[i];
    return NULL;
}

enum verdict placements_set(struct placements *placements, const char *key, const char *value,
                            struct error *error)
{
    struct bytes name = bytes_of(key, strcspn(key, "."));
    struct placement *old = find(placements, name), new;
    struct error inner = {0};
    if (key[name.size] == '\0')
        return error_set(error, VERDICT_SKIP,
                         "there is no key placements.%.40s: placements.off, or "
                         "placements.NAME.context and the like",
                         key);
    if (name.size == 0 || name.size >= PLACEMENT_NAME_BYTES_MAX ||
        strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_-") != name.size)
        return error_set(error, VERDICT_SKIP,
                         "'%.*s' is no name for a placement: up to %d small letters, digits, _, -",
                         (int)name.size, name.at, PLACEMENT_NAME_BYTES_MAX - 1);
    if (old == NULL && placements->count == PLACEMENTS_MAX)
        return error_set(error, VERDICT_SKIP,
                         "'%.*s' would be placement %d of at most %d. Give a placement that is not "
                         "used another context instead",
                         (int)name.size, name.at, PLACEMENTS_MAX + 1, PLACEMENTS_MAX);
    if (old) {
        new = *old;
    } else {
        new = (struct placement){.within = 5, .filters = FILTER_SEEN, .diversity = -.01f};
        memcpy(new.name, name.at, name.size);
        for (int i = 0; i < PLACEMENT_GENERATORS_MAX; i++)
            new.weights[i] = 1;
    }
    if (set_one(&new, key + name.size + 1, value, &inner) != VERDICT_OK)
        return error_set(error, VERDICT_SKIP, "placements.%.*s.%s", (int)name.size, name.at,
                         inner.message);
    *(old ? old : &placements->at[placements->count++]) = new;
    return VERDICT_OK;
}

/* ---- all of them ---- */

static enum verdict mark_off(struct placements *placements, const char *off, struct error *error)
{
    struct bytes name;
    for (uint32_t i = 0; i < placements->count; i++)
        placements->at[i].off = false;
    while (list_next(&off, &name)) {
        struct placement *placement = find(placements, name);
        if (placement == NULL) {
            char all[PLACEMENTS_MAX * (PLACEMENT_NAME_BYTES_MAX + 2)] = "";
            for (uint32_t i = 0; i < placements->count; i++)
                snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "",
                         placements->at[i].name);
            return error_set(error, VERDICT_SKIP,
                             "placements.off: there is no placement '%.*s'; there are %s",
                             (int)name.size, name.at, all);
        }
        placement->off = true;
    }
    return VERDICT_OK;
}

static enum verdict check(struct placement *placement, struct error *error)
{
    const char *name = placement->name;
    bool term = placement->context == CONTEXT_TERM;
    bool by_category = placement->filters & (FILTER_SAME_CATEGORY | FILTER_OTHER_CATEGORY);
    if (!placement->own)
        placement->source = term                                 ? SOURCE_SEARCH
                            : placement->context == CONTEXT_CART ? SOURCE_WALK
                                                                 : SOURCE_RANKED;
    if ((placement->source == SOURCE_SEARCH) != term)
        return error_set(error, VERDICT_SKIP,
                         "placements.%s: generators=search and context=term go together", name);
    if (term && placement->kinds != 0)
        return error_set(error, VERDICT_SKIP,
                         "placements.%s: context=term is made after a search; leave 'when' empty",
                         name);
    if (placement->own_goals && placement->source != SOURCE_RANKED)
        return error_set(error, VERDICT_SKIP,
                         "placements.%s: goal is for lists of the ranking, not for walk or search",
                         name);
    if (by_category && placement->context != CONTEXT_ITEM && placement->context != CONTEXT_CATEGORY)
        return error_set(error, VERDICT_SKIP,
                         "placements.%s: same_category and other_category need context=item or "
                         "context=category",
                         name);
    if ((placement->filters & FILTER_SAME_CATEGORY) && (placement->filters & FILTER_OTHER_CATEGORY))
        return error_set(error, VERDICT_SKIP,
                         "placements.%s: same_category and other_category leave nothing", name);
    return VERDICT_OK;
}

enum verdict placements_finish(struct placements *placements, const char *off, struct error *error)
{
    struct placements ordered = {.count = 0};
    enum verdict verdict = mark_off(placements, off, error);
    if (verdict != VERDICT_OK)
        return verdict;
    for (int context = 0; context < CONTEXTS; context++)
        for (uint32_t i = 0; i < placements->count; i++)
            if (placements->at[i].context == (enum placement_context)context)
                ordered.at[ordered.count++] = placements->at[i];
    for (uint32_t i = 0; i < ordered.count; i++) {
        verdict = check(&ordered.at[i], error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    *placements = ordered;
    return VERDICT_OK;
}

const struct placement *placements_find(const struct placements *placements, const char *name)
{
    for (uint32_t i = 0; i < placements->count; i++)
        if (strcmp(placements->at[i].name, name) == 0)
            return &placements->at[i];
    return NULL;
}

static void names_text(const char *label, const struct named *names, size_t count, uint32_t bits,
                       struct buffer *buffer)
{
    bool first = true;
    for (size_t i = 0; i < count; i++)
        if (bits & names[i].bits) {
            buffer_format(buffer, "%s%s", first ? label : ",", names[i].name);
            first = false;
        }
}

static void generators_text(const struct placement *placement, struct buffer *buffer)
{
    if (placement->source != SOURCE_RANKED) {
        buffer_text(buffer,
                    placement->source == SOURCE_WALK ? " generators=walk" : " generators=search");
        return;
    }
    for (int i = 0, first = 1; i < generator_count && placement->own; i++) {
        if (placement->generators_off >> i & 1)
            continue;
        buffer_format(buffer, "%s%s", first ? " generators=" : ",", generators[i].name);
        if (placement->weights[i] < 1 || placement->weights[i] > 1)
            buffer_format(buffer, ":%g", (double)placement->weights[i]);
        first = 0;
    }
}

void placements_text(const struct placements *placements, struct buffer *buffer)
{
    for (uint32_t i = 0; i < placements->count; i++) {
        const struct placement *placement = &placements->at[i];
        buffer_format(buffer, "placement %s: %scontext=%s", placement->name,
                      placement->off ? "off, " : "", placement_context_names[placement->context]);
        names_text(" when=", event_names, EVENT_NAMES, placement->kinds, buffer);
        if (placement->kinds || placement->context == CONTEXT_TERM)
            buffer_format(buffer, " while=%u", placement->within);
        generators_text(placement, buffer);
        names_text(" filters=", filter_names, FILTER_NAMES, placement->filters, buffer);
        if (placement->length)
            buffer_format(buffer, " length=%u", placement->length);
        for (int goal = 0; goal < GOALS; goal++)
            if (placement->goals.shares[goal] > 0)
                buffer_format(buffer, " goal.%s=%.2f", goal_names[goal],
                              (double)placement->goals.shares[goal]);
        if (placement->diversity >= 0)
            buffer_format(buffer, " diversity.percent=%.0f", (double)placement->diversity * 100);
        buffer_byte(buffer, '\n');
    }
}
