#include "processors/recommend/lists/merchandising.h"

#include "processors/recommend/lists/near_word.h"
#include "schemas/array.h"
#include "schemas/draw.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WORD_MAX 300 /* bytes of a word of a line */
#define WORDS_MAX 40 /* of a line */

const char *const rule_action_names[RULE_ACTIONS] = {"exclude", "pin",       "boost",     "bury",
                                                     "limit",   "diversity", "repurchase"};

/* ---- words ---- */

struct word_at {
    char text[WORD_MAX + 1];
    bool quoted;
};

struct line {
    struct word_at words[WORDS_MAX];
    uint32_t count, at;
    uint32_t number;
    struct error *error;
};

static enum verdict wrong(const struct line *line, const char *what, const char *word)
{
    return error_set(line->error, VERDICT_SKIP, "line %u: %s%s%.60s%s", line->number, what,
                     *word ? " '" : "", word, *word ? "'" : "");
}

/* The same for a word that should be one of `names`. */
static enum verdict wrong_name(const struct line *line, const char *what, const char *word,
                               const char *const *names, size_t count)
{
    struct near_word near;
    near_word_init(&near, bytes_text(word));
    for (size_t i = 0; i < count; i++)
        near_word_offer(&near, bytes_text(names[i]));
    enum verdict verdict = near.nearest.at
                               ? error_set(line->error, VERDICT_SKIP, "line %u: %s '%.60s' (%s?)",
                                           line->number, what, word, near.nearest.at)
                               : wrong(line, what, word);
    near_word_release(&near);
    return verdict;
}

static enum verdict cut_words(struct line *line, struct bytes text)
{
    size_t i = 0;
    line->count = line->at = 0;
    for (;;) {
        while (i < text.size && strchr(" \t\r", text.at[i]))
            i++;
        if (i == text.size || text.at[i] == '#')
            return VERDICT_OK;
        if (line->count == WORDS_MAX)
            return wrong(line, "it has more than 40 words; split it into two rules", "");
        struct word_at *word = &line->words[line->count++];
        size_t size = 0;
        word->quoted = text.at[i] == '"';
        i += word->quoted;
        while (i < text.size &&
               (word->quoted ? text.at[i] != '"' : !strchr(" \t\r#", text.at[i]))) {
            if (word->quoted && text.at[i] == '\\' && i + 1 < text.size)
                i++;
            if (size == WORD_MAX)
                return wrong(line, "a word of more than 300 bytes", "");
            if (text.at[i] == '\0')
                return wrong(line, "a byte 0; is this a text file?", "");
            word->text[size++] = text.at[i++];
        }
        word->text[size] = '\0';
        if (word->quoted && i == text.size)
            return wrong(line, "a quote is not closed; put \" behind", word->text);
        i += word->quoted;
    }
}

/* NULL: the line ends. */
static const char *next_word(struct line *line)
{
    return line->at < line->count ? line->words[line->at++].text : NULL;
}

/* ---- parts of a rule ---- */

static enum verdict read_number(struct line *line, const char *after, double least, double most,
                                double *ret_number)
{
    char what[120], *end = NULL;
    const char *word = next_word(line);
    double number = word ? strtod(word, &end) : 0;
    if (word && end != word && *end == '\0' && number >= least && number <= most) {
        *ret_number = number;
        return VERDICT_OK;
    }
    snprintf(what, sizeof what, "after '%s' a number from %g to %g belongs%s", after, least, most,
             word ? ", not" : "");
    return wrong(line, what, word ? word : "");
}

/* "3d", "12h", "30m" */
static enum verdict read_duration(struct line *line, int64_t *ret_ms)
{
    char *end = NULL;
    const char *word = next_word(line);
    double number = word ? strtod(word, &end) : -1;
    int64_t unit = end && strcmp(end, "d") == 0   ? 86400000
                   : end && strcmp(end, "h") == 0 ? 3600000
                   : end && strcmp(end, "m") == 0 ? 60000
                                                  : 0;
    if (number >= 0 && number <= 10000 && unit > 0) {
        *ret_ms = (int64_t)(number * (double)unit);
        return VERDICT_OK;
    }
    return wrong(line, "after 'after' a time such as 3d, 12h or 30m belongs", word ? word : "");
}

/* "2026-12-24" or "2026-12-24T18:00" */
static enum verdict read_time(struct line *line, const char *after, int64_t *ret_ms)
{
    const char *word = next_word(line);
    struct tm utc = {0};
    int used = 0, year = 0, month = 0;
    if (word &&
        (sscanf(word, "%4d-%2d-%2dT%2d:%2d%n", &year, &month, &utc.tm_mday, &utc.tm_hour,
                &utc.tm_min, &used) == 5 ||
         ((utc.tm_hour = 0), (used = 0),
          sscanf(word, "%4d-%2d-%2d%n", &year, &month, &utc.tm_mday, &used) == 3)) &&
        word[used] == '\0' && year >= 1970 && month >= 1 && month <= 12 && utc.tm_mday >= 1 &&
        utc.tm_mday <= 31 && utc.tm_hour >= 0 && utc.tm_hour < 24 && utc.tm_min >= 0 &&
        utc.tm_min < 60) {
        utc.tm_year = year - 1900;
        utc.tm_mon = month - 1;
        *ret_ms = (int64_t)timegm(&utc) * 1000;
        return VERDICT_OK;
    }
    char what[100];
    snprintf(what, sizeof what,
             "after '%s' a day such as 2026-12-24 or a time such as "
             "2026-12-24T18:00 belongs",
             after);
    return wrong(line, what, word ? word : "");
}

static enum verdict read_what(struct line *line, struct merchandising_rule *rule)
{
    const char *what = next_word(line);
    int kind = 0;
    while (what && kind < PRODUCT_KINDS && strcmp(what, word_kind_names[kind]) != 0)
        kind++;
    if (what && kind == PRODUCT_KINDS && strcmp(what, "item") == 0)
        kind = RULE_ON_ITEM;
    if (what == NULL || kind == PRODUCT_KINDS) {
        const char *names[PRODUCT_KINDS + 1];
        memcpy(names, word_kind_names, PRODUCT_KINDS * sizeof *names);
        names[PRODUCT_KINDS] = "item";
        return wrong_name(line,
                          "what the rule is about is missing: brand, category, colour, tag, "
                          "gender, age_group, attribute or item, not",
                          what ? what : "", names, PRODUCT_KINDS + 1);
    }
    if (rule->action == RULE_PIN && kind != RULE_ON_ITEM)
        return wrong(line, "only an item can be pinned: pin item ID at 1, not", what);
    if (rule->action == RULE_REPURCHASE && kind != WORD_CATEGORY)
        return wrong(line, "repurchase is by category: repurchase category NAME after 3d, not",
                     what);
    const char *text = next_word(line);
    if (text == NULL || *text == '\0')
        return wrong(line, "a name is missing after", what);
    if (!bytes_utf8(bytes_text(text)))
        return wrong(line, "the name is not UTF-8", "");
    if (kind == WORD_ATTRIBUTE && strchr(text, '=') == NULL)
        return wrong(line, "an attribute is written name=value, not", text);
    rule->what = kind;
    rule->text = memory_text(bytes_text(text));
    rule->text_size = strlen(text);
    return VERDICT_OK;
}

static enum verdict read_placement(struct line *line, struct merchandising_rule *rule)
{
    const char *name = next_word(line);
    if (name == NULL || *name == '\0')
        return wrong(line, "a name is missing after 'placement'", "");
    if (strlen(name) >= PLACEMENT_NAME_BYTES_MAX)
        return wrong(line, "no placement has so long a name", name);
    if (rule->placement_count == RULE_PLACEMENTS_MAX)
        return wrong(line, "more than 8 placements; write a second rule for the others", "");
    strcpy(rule->placements[rule->placement_count++], name); /* the length was checked */
    return VERDICT_OK;
}

/* One of placement, from, to, by, at and after, with its value. `ret_has`: it was the word that the
 * action needs. */
static enum verdict read_condition(struct line *line, struct merchandising_rule *rule,
                                   bool *ret_has)
{
    const char *word = next_word(line);
    bool by = rule->action == RULE_BOOST || rule->action == RULE_BURY;
    if (strcmp(word, "placement") == 0)
        return read_placement(line, rule);
    if (strcmp(word, "from") == 0)
        return read_time(line, word, &rule->from_ms);
    if (strcmp(word, "to") == 0)
        return read_time(line, word, &rule->to_ms);
    *ret_has = true;
    if (by && strcmp(word, "by") == 0)
        return read_number(line, word, 1, 1000, &rule->number);
    if (rule->action == RULE_PIN && strcmp(word, "at") == 0)
        return read_number(line, word, 1, RULE_PIN_MAX, &rule->number);
    if (rule->action == RULE_REPURCHASE && strcmp(word, "after") == 0)
        return read_duration(line, &rule->after_ms);
    static const char *const names[] = {"placement", "from", "to", "by", "at", "after"};
    return wrong_name(line,
                      "only placement, from, to, by (boost, bury), at (pin) and after (repurchase) "
                      "can follow; a name with spaces needs quotes; not",
                      word, names, sizeof names / sizeof *names);
}

/* The part behind the action: what the rule is about, or its number. */
static enum verdict read_subject(struct line *line, struct merchandising_rule *rule)
{
    if (rule->action == RULE_DIVERSITY)
        return read_number(line, "diversity", 0, 1, &rule->number);
    if (rule->action != RULE_LIMIT)
        return read_what(line, rule);
    const char *what = next_word(line);
    if (what == NULL || strcmp(what, "brand") != 0)
        return wrong(line, "only brands are limited: limit brand 4, not", what ? what : "");
    return read_number(line, what, 1, 1000, &rule->number);
}

static enum verdict read_rule(struct line *line, struct merchandising_rule *rule)
{
    static const char *const missing[RULE_ACTIONS] = {
        [RULE_PIN] = "its place is missing: pin item ID at 1",
        [RULE_BOOST] = "how much is missing: boost brand NAME by 1.5",
        [RULE_BURY] = "how much is missing: bury brand NAME by 1.5",
        [RULE_REPURCHASE] = "when is missing: repurchase category NAME after 3d",
    };
    const char *action = next_word(line);
    int found = 0;
    while (found < RULE_ACTIONS && strcmp(action, rule_action_names[found]) != 0)
        found++;
    if (found == RULE_ACTIONS)
        return wrong_name(line,
                          "a rule begins with exclude, pin, boost, bury, limit, diversity or "
                          "repurchase, not",
                          action, rule_action_names, RULE_ACTIONS);
    *rule = (struct merchandising_rule){.action = (enum rule_action)found,
                                        .what = -1,
                                        .from_ms = INT64_MIN,
                                        .to_ms = INT64_MAX,
                                        .line = line->number};
    bool has = missing[found] == NULL;
    enum verdict verdict = read_subject(line, rule);
    if (verdict != VERDICT_OK)
        return verdict;
    while (line->at < line->count) {
        verdict = read_condition(line, rule, &has);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    if (!has)
        return wrong(line, missing[found], "");
    if (rule->from_ms >= rule->to_ms)
        return wrong(line, "'to' is not after 'from'", "");
    if ((rule->action == RULE_LIMIT || rule->action == RULE_PIN) &&
        floor(rule->number) != rule->number)
        return wrong(line, "a whole number belongs there", "");
    return VERDICT_OK;
}

/* ---- the file ---- */

static enum verdict parse_line(struct line *line, struct bytes text,
                               struct merchandising_rules *rules, uint32_t *capacity)
{
    enum verdict verdict = cut_words(line, text);
    if (verdict != VERDICT_OK || line->count == 0)
        return verdict;
    if (rules->count == MERCHANDISING_RULES_MAX)
        return wrong(line,
                     "more than 2000 rules; exclude a category or a tag instead of single "
                     "items",
                     "");
    ARRAY_RESERVE(rules->at, *capacity, rules->count + 1);
    memset(&rules->at[rules->count], 0, sizeof *rules->at);
    return read_rule(line, &rules->at[rules->count++]);
}

/* Where mistakes go. */
struct mistakes {
    struct error *error; /* gets the first one; NULL: not told */
    struct buffer *text; /* gets a line for each; NULL: reading ends at the first one */
    const char *path;    /* NULL: they come without a file's name */
    uint32_t count;
};

/* Lists the mistake. False: reading ends. */
static bool list_mistake(struct mistakes *mistakes, const struct error *why)
{
    if (mistakes->text == NULL)
        return false;
    if (++mistakes->count > MERCHANDISING_MISTAKES_MAX) {
        buffer_text(mistakes->text, "and more\n");
        return false;
    }
    buffer_format(mistakes->text, "%s, %s\n", mistakes->path, why->message);
    return true;
}

static enum verdict parse_lines(struct line *line, struct bytes text, struct mistakes *mistakes,
                                struct merchandising_rules *rules)
{
    uint32_t capacity = 0;
    enum verdict verdict = VERDICT_OK;
    for (size_t at = 0; at < text.size;) {
        struct error why = {0};
        const char *end = memchr(text.at + at, '\n', text.size - at);
        size_t size = end ? (size_t)(end - text.at) - at : text.size - at;
        line->number++;
        line->error = &why;
        if (parse_line(line, bytes_of(text.at + at, size), rules, &capacity) != VERDICT_OK) {
            verdict = VERDICT_SKIP;
            error_set(mistakes->error, verdict, "%s%s%s", mistakes->path ? mistakes->path : "",
                      mistakes->path ? ", " : "", why.message);
            if (!list_mistake(mistakes, &why))
                return verdict;
        }
        at += size + 1;
    }
    return verdict;
}

static enum verdict parse(struct bytes text, struct mistakes *mistakes,
                          struct merchandising_rules *ret_rules)
{
    struct merchandising_rules rules = {0};
    struct line *line = memory_zero(1, sizeof *line);
    enum verdict verdict = parse_lines(line, text, mistakes, &rules);
    free(line);
    if (verdict == VERDICT_OK)
        *ret_rules = rules;
    else
        merchandising_rules_release(&rules);
    return verdict;
}

enum verdict merchandising_rules_parse(struct bytes text, struct merchandising_rules *ret_rules,
                                       struct error *error)
{
    struct mistakes mistakes = {.error = error};
    return parse(text, &mistakes, ret_rules);
}

static enum verdict read_file(const char *path, struct buffer *text, struct error *error)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return error_set(error, errno == ENOENT ? VERDICT_SKIP : VERDICT_RETRY,
                         "can't open the merchandising rules %s: %s", path, strerror(errno));
    buffer_reserve(text, MERCHANDISING_RULES_BYTES_MAX + 1);
    text->size = fread(text->at, 1, MERCHANDISING_RULES_BYTES_MAX + 1, file);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed)
        return error_set(error, VERDICT_RETRY, "can't read the merchandising rules %s", path);
    if (text->size > MERCHANDISING_RULES_BYTES_MAX)
        return error_set(error, VERDICT_SKIP, "%s has more than %u bytes", path,
                         MERCHANDISING_RULES_BYTES_MAX);
    return VERDICT_OK;
}

static enum verdict read_rules(const char *path, struct mistakes *mistakes,
                               struct merchandising_rules *ret_rules)
{
    struct buffer text = {0};
    enum verdict verdict = read_file(path, &text, mistakes->error);
    if (verdict == VERDICT_OK)
        verdict = parse(buffer_bytes(&text), mistakes, ret_rules);
    buffer_release(&text);
    return verdict;
}

enum verdict merchandising_rules_read(const char *path, struct merchandising_rules *ret_rules,
                                      struct error *error)
{
    struct mistakes mistakes = {.error = error, .path = path};
    return read_rules(path, &mistakes, ret_rules);
}

enum verdict merchandising_rules_check(const char *path, struct buffer *list)
{
    struct merchandising_rules rules;
    struct error error = {0};
    struct mistakes mistakes = {.error = &error, .path = path, .text = list};
    enum verdict verdict = read_rules(path, &mistakes, &rules);
    if (verdict == VERDICT_OK)
        merchandising_rules_release(&rules);
    else if (mistakes.count == 0)
        buffer_format(list, "%s\n", error.message);
    return verdict;
}

void merchandising_rules_release(struct merchandising_rules *rules)
{
    for (uint32_t i = 0; i < rules->count; i++)
        free(rules->at[i].text);
    free(rules->at);
    *rules = (struct merchandising_rules){0};
}

static uint64_t digest_number(uint64_t digest, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return draw_mix(digest ^ bits);
}

uint64_t merchandising_rules_digest(const struct merchandising_rules *rules)
{
    uint64_t digest = 0;
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct merchandising_rule *rule = &rules->at[i];
        digest = draw_mix(digest ^ ((uint64_t)rule->action << 8 | (uint8_t)rule->what));
        digest = draw_mix(digest ^ bytes_hash(bytes_of(rule->text, rule->text_size)));
        digest = digest_number(digest, rule->number);
        digest = draw_mix(digest ^ (uint64_t)rule->after_ms);
        digest = draw_mix(digest ^ (uint64_t)rule->from_ms);
        digest = draw_mix(digest ^ (uint64_t)rule->to_ms);
        for (uint32_t k = 0; k < rule->placement_count; k++)
            digest = draw_mix(digest ^ bytes_hash(bytes_text(rule->placements[k])));
    }
    return digest;
}

bool merchandising_rule_applies(const struct merchandising_rule *rule, const char *placement,
                                int64_t time_ms)
{
    if (time_ms < rule->from_ms || time_ms >= rule->to_ms)
        return false;
    for (uint32_t i = 0; i < rule->placement_count; i++)
        if (strcmp(rule->placements[i], placement) == 0)
            return true;
    return rule->placement_count == 0;
}
