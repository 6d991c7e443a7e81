#include "processors/runtime/rules_file.h"

#include "processors/recommend/lists/near_word.h"
#include "processors/recommend/rankings/item_lists.h"
#include "processors/recommend/rankings/rankings.h"
#include "processors/runtime/log.h"

enum verdict rules_file_open(struct rules_file *rules, const struct config *config,
                             struct error *error)
{
    *rules = (struct rules_file){.silent = false};
    watched_file_init(&rules->file, config->rules_path, config->rules_reload_ms);
    if (rules->file.path[0] == '\0')
        return VERDICT_OK;
    return merchandising_rules_read(rules->file.path, &rules->rules, error);
}

void rules_file_release(struct rules_file *file)
{
    merchandising_rules_release(&file->rules);
}

bool rules_file_reload(struct rules_file *file)
{
    struct merchandising_rules rules;
    struct error error = {0};
    if (!watched_file_changed(&file->file))
        return false;
    enum verdict verdict = merchandising_rules_read(file->file.path, &rules, &error);
    if (verdict != VERDICT_OK) {
        if (!file->silent)
            log_line(LOG_LEVEL_WARN, "rules", "%s; the previous rules stay", error.message);
        if (verdict == VERDICT_RETRY) /* it is read again at the next look, changed or not */
            watched_file_again(&file->file);
        return false;
    }
    merchandising_rules_release(&file->rules);
    file->rules = rules;
    if (!file->silent)
        log_line(LOG_LEVEL_INFO, "rules", "%u rules from %s", rules.count, file->file.path);
    return true;
}

/* ---- rules that match nothing ---- */

static void add_placement(const struct placements *placements, const char *name, uint32_t line,
                          struct buffer *text)
{
    char quoted[BYTES_QUOTED_SIZE];
    struct near_word near;
    near_word_init(&near, bytes_text(name));
    for (uint32_t i = 0; i < placements->count; i++)
        near_word_offer(&near, bytes_text(placements->at[i].name));
    buffer_format(text, "line %u: there is no placement %s", line,
                  bytes_quote(bytes_text(name), quoted));
    if (near.nearest.at)
        buffer_format(text, " (%s?)", near.nearest.at);
    buffer_byte(text, '\n');
    near_word_release(&near);
}

/* Rankings and lists of items are no placements, but rules may name them. */
static bool is_placement(const struct placements *placements, const char *name)
{
    return strcmp(name, RANKINGS_PLACEMENT) == 0 || strcmp(name, ITEM_LISTS_PLACEMENT) == 0 ||
           placements_find(placements, name) != NULL;
}

void rules_placements_text(const struct merchandising_rules *rules,
                           const struct placements *placements, struct buffer *text)
{
    for (uint32_t i = 0; i < rules->count; i++)
        for (uint32_t k = 0; k < rules->at[i].placement_count; k++)
            if (!is_placement(placements, rules->at[i].placements[k]))
                add_placement(placements, rules->at[i].placements[k], rules->at[i].line, text);
}

void rules_unmatched_text(const struct merchandising_rules *rules,
                          const struct catalogue *catalogue, struct buffer *text)
{
    char name[BYTES_QUOTED_SIZE], other[BYTES_QUOTED_SIZE];
    uint32_t count = 0;
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct merchandising_rule *rule = &rules->at[i];
        struct bytes nearest;
        if (merchandising_rule_matches(rule, catalogue, count < RULES_TOLD_MAX ? &nearest : NULL))
            continue;
        if (++count > RULES_TOLD_MAX)
            continue;
        const char *kind = rule->what == RULE_ON_ITEM ? "item_id" : word_kind_names[rule->what];
        buffer_format(text, "line %u: no product has the %s %s", rule->line, kind,
                      bytes_quote(bytes_of(rule->text, rule->text_size), name));
        if (nearest.at)
            buffer_format(text, " (there is %s)", bytes_quote(nearest, other));
        buffer_byte(text, '\n');
    }
    if (count > RULES_TOLD_MAX)
        buffer_format(text, "%u more rules match no product\n", count - RULES_TOLD_MAX);
}
