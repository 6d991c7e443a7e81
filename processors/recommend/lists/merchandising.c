#include "processors/recommend/lists/merchandising.h"

#include "processors/recommend/lists/shop_lines.h"
#include "schemas/array.h"
#include "schemas/draw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *const rule_action_names[RULE_ACTIONS] = {"exclude", "pin",       "boost",     "bury",
                                                     "limit",   "diversity", "repurchase"};

/* ---- parts of a rule ---- */

static enum verdict read_number(struct shop_line *line, const char *after, double least,
                                double most, double *ret_number)
{
    char what[120], *end = NULL;
    const char *word = shop_line_next(line);
    double number = word ? strtod(word, &end) : 0;
    if (word && end != word && *end == '\0' && number >= least && number <= most) {
        *ret_number = number;
        return VERDICT_OK;
    }
    snprintf(what, sizeof what, "after '%s' a number from %g to %g belongs%s", after, least, most,
             word ? ", not" : "");
    return shop_line_wrong(line, what, word ? word : "");
}

/* "3d", "12h", "30m" */
static enum verdict read_duration(struct shop_line *line, int64_t *ret_ms)
{
    char *end = NULL;
    const char *word = shop_line_next(line);
    double number = word ? strtod(word, &end) : -1;
    int64_t unit = end && strcmp(end, "d") == 0   ? 86400000
                   : end && strcmp(end, "h") == 0 ? 3600000
                   : end && strcmp(end, "m") == 0 ? 60000
                                                  : 0;
    if (number >= 0 && number <= 10000 && unit > 0) {
        *ret_ms = (int64_t)(number * (double)unit);
        return VERDICT_OK;
    }
    return shop_line_wrong(line, "after 'after' a time such as 3d, 12h or 30m belongs",
                           word ? word : "");
}

static enum verdict read_what(struct shop_line *line, struct merchandising_rule *rule)
{
    const char *what = shop_line_next(line);
    int kind = 0;
    while (what && kind < PRODUCT_KINDS && strcmp(what, word_kind_names[kind]) != 0)
        kind++;
    if (what && kind == PRODUCT_KINDS && strcmp(what, "item") == 0)
        kind = RULE_ON_ITEM;
    if (what == NULL || kind == PRODUCT_KINDS) {
        const char *names[PRODUCT_KINDS + 1];
        memcpy(names, word_kind_names, PRODUCT_KINDS * sizeof *names);
        names[PRODUCT_KINDS] = "item";
        return shop_line_wrong_name(
            line,
            "what the rule is about is missing: brand, category, colour, tag, "
            "gender, age_group, attribute or item, not",
            what ? what : "", names, PRODUCT_KINDS + 1);
    }
    if (rule->action == RULE_PIN && kind != RULE_ON_ITEM)
        return shop_line_wrong(line, "only an item can be pinned: pin item ID at 1, not", what);
    if (rule->action == RULE_REPURCHASE && kind != WORD_CATEGORY)
        return shop_line_wrong(
            line, "repurchase is by category: repurchase category NAME after 3d, not", what);
    const char *text = shop_line_next(line);
    if (text == NULL || *text == '\0')
        return shop_line_wrong(line, "a name is missing after", what);
    if (!bytes_utf8(bytes_text(text)))
        return shop_line_wrong(line, "the name is not UTF-8", "");
    if (kind == WORD_ATTRIBUTE && strchr(text, '=') == NULL)
        return shop_line_wrong(line, "an attribute is written name=value, not", text);
    rule->what = kind;
    rule->text = memory_text(bytes_text(text));
    rule->text_size = strlen(text);
    return VERDICT_OK;
}

static enum verdict read_placement(struct shop_line *line, struct merchandising_rule *rule)
{
    const char *name = shop_line_next(line);
    if (name == NULL || *name == '\0')
        return shop_line_wrong(line, "a name is missing after 'placement'", "");
    if (strlen(name) >= PLACEMENT_NAME_BYTES_MAX)
        return shop_line_wrong(line, "no placement has so long a name", name);
    if (rule->placement_count == RULE_PLACEMENTS_MAX)
        return shop_line_wrong(line, "more than 8 placements; write a second rule for the others",
                               "");
    strcpy(rule->placements[rule->placement_count++], name); /* the length was checked */
    return VERDICT_OK;
}

/* One of placement, from, to, by, at and after, with its value. `ret_has`: it was the word that the
 * action needs. */
static enum verdict read_condition(struct shop_line *line, struct merchandising_rule *rule,
                                   bool *ret_has)
{
    const char *word = shop_line_next(line);
    bool by = rule->action == RULE_BOOST || rule->action == RULE_BURY;
    if (strcmp(word, "placement") == 0)
        return read_placement(line, rule);
    if (strcmp(word, "from") == 0)
        return shop_line_time(line, word, &rule->from_ms);
    if (strcmp(word, "to") == 0)
        return shop_line_time(line, word, &rule->to_ms);
    *ret_has = true;
    if (by && strcmp(word, "by") == 0)
        return read_number(line, word, 1, 1000, &rule->number);
    if (rule->action == RULE_PIN && strcmp(word, "at") == 0)
        return read_number(line, word, 1, RULE_PIN_MAX, &rule->number);
    if (rule->action == RULE_REPURCHASE && strcmp(word, "after") == 0)
        return read_duration(line, &rule->after_ms);
    static const char *const names[] = {"placement", "from", "to", "by", "at", "after"};
    return shop_line_wrong_name(
        line,
        "only placement, from, to, by (boost, bury), at (pin) and after (repurchase) "
        "can follow; a name with spaces needs quotes; not",
        word, names, sizeof names / sizeof *names);
}

/* The part behind the action: what the rule is about, or its number. */
static enum verdict read_subject(struct shop_line *line, struct merchandising_rule *rule)
{
    if (rule->action == RULE_DIVERSITY)
        return read_number(line, "diversity", 0, 1, &rule->number);
    if (rule->action != RULE_LIMIT)
        return read_what(line, rule);
    const char *what = shop_line_next(line);
    if (what == NULL || strcmp(what, "brand") != 0)
        return shop_line_wrong(line, "only brands are limited: limit brand 4, not",
                               what ? what : "");
    return read_number(line, what, 1, 1000, &rule->number);
}

static enum verdict read_rule(struct shop_line *line, struct merchandising_rule *rule)
{
    static const char *const missing[RULE_ACTIONS] = {
        [RULE_PIN] = "its place is missing: pin item ID at 1",
        [RULE_BOOST] = "how much is missing: boost brand NAME by 1.5",
        [RULE_BURY] = "how much is missing: bury brand NAME by 1.5",
        [RULE_REPURCHASE] = "when is missing: repurchase category NAME after 3d",
    };
    const char *action = shop_line_next(line);
    int found = 0;
    while (found < RULE_ACTIONS && strcmp(action, rule_action_names[found]) != 0)
        found++;
    if (found == RULE_ACTIONS)
        return shop_line_wrong_name(
            line,
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
        return shop_line_wrong(line, missing[found], "");
    if (rule->from_ms >= rule->to_ms)
        return shop_line_wrong(line, "'to' is not after 'from'", "");
    if ((rule->action == RULE_LIMIT || rule->action == RULE_PIN) &&
        floor(rule->number) != rule->number)
        return shop_line_wrong(line, "a whole number belongs there", "");
    return VERDICT_OK;
}

/* ---- the file ---- */

/* Collects the rules of a file. */
struct rules_reader {
    struct shop_reader reader; /* first */
    struct merchandising_rules rules;
    uint32_t capacity;
};

static enum verdict parse_line(struct shop_line *line, struct bytes text,
                               struct merchandising_rules *rules, uint32_t *capacity)
{
    enum verdict verdict = shop_line_cut(line, text);
    if (verdict != VERDICT_OK || line->count == 0)
        return verdict;
    if (rules->count == MERCHANDISING_RULES_MAX)
        return shop_line_wrong(
            line,
            "more than 2000 rules; exclude a category or a tag instead of single "
            "items",
            "");
    ARRAY_RESERVE(rules->at, *capacity, rules->count + 1);
    memset(&rules->at[rules->count], 0, sizeof *rules->at);
    return read_rule(line, &rules->at[rules->count++]);
}

static enum verdict take_line(struct shop_reader *reader, struct shop_line *line, struct bytes text)
{
    struct rules_reader *self = (struct rules_reader *)reader;
    return parse_line(line, text, &self->rules, &self->capacity);
}

static enum verdict parse(struct bytes text, struct shop_mistakes *mistakes,
                          struct merchandising_rules *ret_rules)
{
    struct rules_reader self = {.reader.take = take_line};
    enum verdict verdict = shop_lines_read(text, &self.reader, mistakes);
    if (verdict == VERDICT_OK)
        *ret_rules = self.rules;
    else
        merchandising_rules_release(&self.rules);
    return verdict;
}

enum verdict merchandising_rules_parse(struct bytes text, struct merchandising_rules *ret_rules,
                                       struct error *error)
{
    struct shop_mistakes mistakes = {.error = error};
    return parse(text, &mistakes, ret_rules);
}

static enum verdict read_rules(const char *path, struct shop_mistakes *mistakes,
                               struct merchandising_rules *ret_rules)
{
    struct buffer text = {0};
    enum verdict verdict = shop_file_read(path, "merchandising rules", &text, mistakes->error);
    if (verdict == VERDICT_OK)
        verdict = parse(buffer_bytes(&text), mistakes, ret_rules);
    buffer_release(&text);
    return verdict;
}

enum verdict merchandising_rules_read(const char *path, struct merchandising_rules *ret_rules,
                                      struct error *error)
{
    struct shop_mistakes mistakes = {.error = error, .path = path};
    return read_rules(path, &mistakes, ret_rules);
}

enum verdict merchandising_rules_check(const char *path, struct buffer *list)
{
    struct merchandising_rules rules;
    struct error error = {0};
    struct shop_mistakes mistakes = {.error = &error, .path = path, .text = list};
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
