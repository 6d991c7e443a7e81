#include "processors/recommend/lists/item_filters.h"

#include "state/visitor_history.h"

#include <math.h>

/* ---- merchandising rules ---- */

static void add_rule(struct item_filters *filters, const struct merchandising_rule *rule)
{
    const struct catalogue *catalogue = filters->query->catalogue;
    struct active_rule active = {.rule = rule, .word = WORD_NONE};
    if (rule->what != RULE_ON_ITEM && catalogue)
        active.word = catalogue_word(catalogue, (enum word_kind)rule->what,
                                     bytes_of(rule->text, rule->text_size));
    if (rule->what != RULE_ON_ITEM && active.word == WORD_NONE)
        return; /* no product has the word */
    filters->rules[filters->rule_count++] = active;
    filters->reorder = filters->reorder || rule->action == RULE_BOOST ||
                       rule->action == RULE_BURY || rule->action == RULE_PIN;
}

/* The last one of several limits counts, and so of several diversities. */
static void find_rules(struct item_filters *filters)
{
    const struct filter_query *query = filters->query;
    filters->rule_count = 0;
    filters->reorder = false;
    filters->brand_max = query->settings->brand_max;
    filters->brand_line = 0;
    filters->diversity = query->settings->diversity;
    for (uint32_t i = 0; query->rules && i < query->rules->count; i++) {
        const struct merchandising_rule *rule = &query->rules->at[i];
        if (!merchandising_rule_applies(rule, query->placement, query->time_ms))
            continue;
        if (rule->action == RULE_LIMIT) {
            filters->brand_max = (uint32_t)rule->number;
            filters->brand_line = rule->line;
        } else if (rule->action == RULE_DIVERSITY) {
            filters->diversity = (float)rule->number;
        } else {
            add_rule(filters, rule);
        }
    }
}

static bool concerns(const struct filter_query *query, const struct active_rule *active,
                     const struct filter_item *item)
{
    if (active->rule->what == RULE_ON_ITEM)
        return bytes_equal(item->item_id, bytes_of(active->rule->text, active->rule->text_size));
    return item->product != PRODUCT_NONE &&
           catalogue_has(query->catalogue, item->product, active->word);
}

/* ---- words and audiences ---- */

static void find_audiences(struct item_filters *filters)
{
    const struct filter_query *query = filters->query;
    const struct filter_settings *settings = query->settings;
    struct preferences preferences = {0};
    filters->genders.on = filters->age_groups.on = false;
    if (query->catalogue == NULL || query->visitor == NULL ||
        !(settings->gender_min > 0 || settings->age_group_min > 0))
        return;
    visitor_preferences(query->visitor, &preferences);
    audience_find(query->catalogue, &preferences, TASTE_GENDER, WORD_GENDER,
                  visitor_gender(query->visitor), settings->gender_min, &filters->genders);
    audience_find(query->catalogue, &preferences, TASTE_AGE_GROUP, WORD_AGE_GROUP,
                  visitor_age_group(query->visitor), settings->age_group_min, &filters->age_groups);
}

void item_filters_begin(struct item_filters *filters, const struct filter_query *query)
{
    filters->query = query;
    filters->adult_tag = filters->adult_attribute = WORD_NONE;
    if (query->catalogue && query->settings->adult_off) {
        filters->adult_tag = catalogue_word(query->catalogue, WORD_TAG, bytes_text("adult"));
        filters->adult_attribute =
            catalogue_word(query->catalogue, WORD_ATTRIBUTE, bytes_text("adult=true"));
    }
    find_rules(filters);
    find_audiences(filters);
}

/* ---- one item ---- */

static bool has_word(const struct filter_query *query, uint32_t product, uint32_t word)
{
    return word != WORD_NONE && catalogue_has(query->catalogue, product, word);
}

/* The product, against the settings and the visitor's audiences. */
static enum removal judge_product(const struct item_filters *filters, uint32_t number)
{
    const struct filter_query *query = filters->query;
    const struct product *product = &query->catalogue->products[number];
    if (product->gone)
        return REMOVED_GONE;
    if (!product_available(product))
        return REMOVED_OUT_OF_STOCK;
    if (has_word(query, number, filters->adult_tag) ||
        has_word(query, number, filters->adult_attribute))
        return REMOVED_ADULT;
    if (query->settings->price_min > 0 && product->price < query->settings->price_min)
        return REMOVED_PRICE;
    if (audience_excludes(&filters->genders, product_words(product, WORD_GENDER)))
        return REMOVED_GENDER;
    if (audience_excludes(&filters->age_groups, product_words(product, WORD_AGE_GROUP)))
        return REMOVED_AGE_GROUP;
    return REMOVED_NOT;
}

static const struct active_rule *excluding_rule(const struct item_filters *filters,
                                                const struct filter_item *item)
{
    for (uint32_t i = 0; i < filters->rule_count; i++)
        if (filters->rules[i].rule->action == RULE_EXCLUDE &&
            concerns(filters->query, &filters->rules[i], item))
            return &filters->rules[i];
    return NULL;
}

/* How long after its purchase the item comes again: of several rules the last one counts. */
static int64_t repurchase_after_ms(const struct item_filters *filters,
                                   const struct filter_item *item)
{
    int64_t after_ms = filters->query->settings->bought_ms;
    for (uint32_t i = 0; i < filters->rule_count; i++)
        if (filters->rules[i].rule->action == RULE_REPURCHASE &&
            concerns(filters->query, &filters->rules[i], item))
            after_ms = filters->rules[i].rule->after_ms;
    return after_ms;
}

/* Bought not long ago, and not sent back since. */
static bool bought_lately(const struct item_filters *filters, const struct filter_item *item)
{
    int64_t bought_ms;
    if (!visitor_history_bought_at(filters->query->visitor, item->item_id, &bought_ms))
        return false;
    int64_t after_ms = repurchase_after_ms(filters, item);
    return after_ms > 0 && filters->query->time_ms - bought_ms < after_ms;
}

/* The placement's own filters. */
static enum removal judge_for_placement(const struct filter_query *query,
                                        const struct filter_item *item)
{
    if ((query->filters & FILTER_VIEWED) && visitor_history_viewed(query->visitor, item->item_id))
        return REMOVED_VIEWED;
    if ((query->filters & FILTER_IN_CART) && visitor_history_in_cart(query->visitor, item->item_id))
        return REMOVED_IN_CART;
    if (query->category == WORD_NONE)
        return REMOVED_NOT;
    bool within = item->product != PRODUCT_NONE &&
                  catalogue_has(query->catalogue, item->product, query->category);
    if ((query->filters & FILTER_SAME_CATEGORY && !within) ||
        (query->filters & FILTER_OTHER_CATEGORY && within))
        return REMOVED_CATEGORY;
    return REMOVED_NOT;
}

enum removal item_filters_judge(const struct item_filters *filters, struct filter_item *item)
{
    const struct filter_query *query = filters->query;
    if (query->context_item_id.at && bytes_equal(item->item_id, query->context_item_id))
        return REMOVED_CONTEXT;
    if (item->product != PRODUCT_NONE) {
        enum removal removal = judge_product(filters, item->product);
        if (removal != REMOVED_NOT)
            return removal;
    }
    if (query->settings->shown_max > 0 && query->visitor &&
        visitor_shown(query->visitor, shown_tag(item->item_id)) >= query->settings->shown_max)
        return REMOVED_TIRED;
    const struct active_rule *excluding = excluding_rule(filters, item);
    if (excluding) {
        item->line = excluding->rule->line;
        return REMOVED_RULE;
    }
    if (bought_lately(filters, item))
        return REMOVED_BOUGHT;
    return query->filters ? judge_for_placement(query, item) : REMOVED_NOT;
}

void item_filters_adjust(const struct item_filters *filters, struct filter_item *item)
{
    for (uint32_t i = 0; i < filters->rule_count; i++) {
        const struct active_rule *active = &filters->rules[i];
        enum rule_action action = active->rule->action;
        if ((action == RULE_BOOST || action == RULE_BURY) && concerns(filters->query, active, item))
            item->score += (float)(action == RULE_BOOST ? log(active->rule->number)
                                                        : -log(active->rule->number));
    }
}
