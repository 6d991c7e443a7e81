#include "processors/runtime/rules_file.h"

#include "processors/recommend/lists/near_word.h"
#include "processors/recommend/rankings/item_lists.h"
#include "processors/recommend/rankings/rankings.h"
#include "processors/runtime/log.h"

static bool has_changed(struct rules_file *file)
{
    struct stat now, *seen = &file->seen;
    file->due_us = clock_monotonic_us() + file->reload_us;
    if (stat(file->path, &now) != 0)
        memset(&now, 0, sizeof now);
    bool changed = now.st_ino != seen->st_ino || now.st_size != seen->st_size ||
                   now.st_mtim.tv_sec != seen->st_mtim.tv_sec ||
                   now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec;
    *seen = now;
    return changed;
}

enum verdict rules_file_open(struct rules_file *file, const struct config *config,
                             struct error *error)
{
    *file = (struct rules_file){
        .path = config->rules_path,
        .reload_us = config->rules_reload_ms * 1000,
    };
    if (file->path[0] == '\0')
        return VERDICT_OK;
    has_changed(file); /* before it is read, so that a change in between is found later */
    return merchandising_rules_read(file->path, &file->rules, error);
}

void rules_file_release(struct rules_file *file)
{
    merchandising_rules_release(&file->rules);
}

bool rules_file_reload(struct rules_file *file)
{
    struct merchandising_rules rules;
    struct error error = {0};
    if (file->path[0] == '\0' || file->reload_us == 0 || clock_monotonic_us() < file->due_us ||
        !has_changed(file))
        return false;
    enum verdict verdict = merchandising_rules_read(file->path, &rules, &error);
    if (verdict != VERDICT_OK) {
        if (!file->silent)
            log_line(LOG_LEVEL_WARN, "rules", "%s; the previous rules stay", error.message);
        if (verdict == VERDICT_RETRY) /* it is read again at the next look, changed or not */
            memset(&file->seen, 0, sizeof file->seen);
        return false;
    }
    merchandising_rules_release(&file->rules);
    file->rules = rules;
    if (!file->silent)
        log_line(LOG_LEVEL_INFO, "rules", "%u rules from %s", rules.count, file->path);
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
