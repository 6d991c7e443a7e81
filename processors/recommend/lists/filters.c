#include "processors/recommend/lists/filters.h"

#include "state/visitor_history.h"

#include <math.h>
#include <stdlib.h>

#define GROUP_NAME "item_group_id"

const char *const removal_texts[REMOVALS] = {
    "shown",
    "the item of the page",
    "deleted from the catalogue",
    "out of stock",
    "bought lately",
    "for adults",
    "below the least price",
    "for a gender that is not theirs",
    "for an age group that is not theirs",
    "shown often without a click",
    "a rule of the shop",
    "a variant of an item further up",
    "more of its brand than a list may have",
    "viewed before",
    "in the cart",
    "not of the category that this list is for",
    "further down than the list is long",
};

/* A rule that is for this list, with the number of its word. */
struct active {
    const struct merchandising_rule *rule;
    uint32_t word; /* WORD_NONE: no product has it */
};

/* Whom the visitor looks for: the words of one kind that make up enough of what they did. */
struct audience {
    bool on;
    uint32_t words[TASTE_WORDS_MAX + 1];
    float shares[TASTE_WORDS_MAX + 1];
    uint32_t count;
    float least;
};

struct filters {
    uint32_t adult_tag, adult_attribute; /* words; WORD_NONE: nothing is marked so */
    struct audience genders, age_groups;
    struct active active[MERCHANDISING_RULES_MAX];
    uint32_t active_count;
    uint32_t brand_max;
    uint32_t brand_line;
    float diversity;
    struct filter_item *spare;
    uint32_t spare_capacity;
};

struct filters *filters_new(void)
{
    return memory_zero(1, sizeof(struct filters));
}

void filters_free(struct filters *filters)
{
    if (filters == NULL)
        return;
    free(filters->spare);
    free(filters);
}

/* ---- rules ---- */

static void choose_rules(struct filters *filters, const struct filter_query *query)
{
    filters->active_count = 0;
    filters->brand_max = query->settings->brand_max;
    filters->brand_line = 0;
    filters->diversity = query->settings->diversity;
    for (uint32_t i = 0; query->rules && i < query->rules->count; i++) {
        const struct merchandising_rule *rule = &query->rules->at[i];
        struct active active = {.rule = rule, .word = WORD_NONE};
        if (!merchandising_rule_applies(rule, query->placement, query->time_ms))
            continue;
        if (rule->action == RULE_LIMIT) { /* of several the last counts, as of diversity */
            filters->brand_max = (uint32_t)rule->number;
            filters->brand_line = rule->line;
        } else if (rule->action == RULE_DIVERSITY) {
            filters->diversity = (float)rule->number;
        } else {
            if (rule->what != RULE_ON_ITEM && query->catalogue)
                active.word = catalogue_word(query->catalogue, (enum word_kind)rule->what,
                                             bytes_of(rule->text, rule->text_size));
            if (rule->what == RULE_ON_ITEM || active.word != WORD_NONE)
                filters->active[filters->active_count++] = active;
        }
    }
}

static bool concerns(const struct filter_query *query, const struct active *active,
                     const struct filter_item *item)
{
    if (active->rule->what == RULE_ON_ITEM)
        return bytes_equal(item->item_id, bytes_of(active->rule->text, active->rule->text_size));
    return item->product != PRODUCT_NONE &&
           catalogue_has(query->catalogue, item->product, active->word);
}

/* ---- what the visitor is ---- */

static void choose_audience(const struct filter_query *query, const struct preferences *preferences,
                            enum taste_word_kind taste, enum word_kind kind, struct bytes declared,
                            float least, struct audience *audience)
{
    uint32_t sum = 0;
    const struct taste_word *words = preferences->words[taste];
    *audience = (struct audience){.least = least};
    uint32_t declared_word =
        declared.size > 0 ? catalogue_word(query->catalogue, kind, declared) : WORD_NONE;
    if (least > 0 && declared_word != WORD_NONE) {
        audience->on = true;
        audience->words[audience->count] = declared_word;
        audience->shares[audience->count++] = 1;
    }
    bool learned = !audience->on;
    for (uint32_t i = 0; i < preferences->word_counts[taste]; i++)
        sum += words[i].weight;
    audience->on = audience->on || (least > 0 && sum >= AUDIENCE_LEAST * TASTE_UNIT);
    for (uint32_t i = 0; i < preferences->word_counts[taste] && audience->on && learned; i++) {
        uint32_t word = catalogue_tagged(query->catalogue, kind, words[i].word);
        audience->words[audience->count] = word;
        audience->shares[audience->count++] = (float)words[i].weight / (float)sum;
    }
    if (kind == WORD_GENDER) {
        audience->words[audience->count] =
            catalogue_word(query->catalogue, kind, bytes_text("unisex"));
        audience->shares[audience->count++] = 1;
    }
}

static void choose_products(struct filters *filters, const struct filter_query *query)
{
    const struct filter_settings *settings = query->settings;
    struct preferences preferences = {0};
    filters->genders.on = filters->age_groups.on = false;
    filters->adult_tag = filters->adult_attribute = WORD_NONE;
    if (query->catalogue == NULL)
        return;
    if (settings->adult_off) {
        filters->adult_tag = catalogue_word(query->catalogue, WORD_TAG, bytes_text("adult"));
        filters->adult_attribute =
            catalogue_word(query->catalogue, WORD_ATTRIBUTE, bytes_text("adult=true"));
    }
    if (query->visitor == NULL || !(settings->gender_min > 0 || settings->age_group_min > 0))
        return;
    visitor_preferences(query->visitor, &preferences);
    choose_audience(query, &preferences, TASTE_GENDER, WORD_GENDER, visitor_gender(query->visitor),
                    settings->gender_min, &filters->genders);
    choose_audience(query, &preferences, TASTE_AGE_GROUP, WORD_AGE_GROUP,
                    visitor_age_group(query->visitor), settings->age_group_min,
                    &filters->age_groups);
}

static bool for_others(const struct audience *audience, struct words words)
{
    float share = 0;
    if (!audience->on || words.count == 0)
        return false;
    for (uint32_t i = 0; i < words.count; i++)
        for (uint32_t k = 0; k < audience->count; k++)
            share += audience->words[k] == words.at[i] ? audience->shares[k] : 0;
    return share < audience->least;
}

/* ---- what speaks against one item ---- */

static bool has_word(const struct filter_query *query, uint32_t product, uint32_t word)
{
    return word != WORD_NONE && catalogue_has(query->catalogue, product, word);
}

/* What the product is, against the settings and the visitor. */
static enum removal judge_product(const struct filters *filters, const struct filter_query *query,
                                  uint32_t number)
{
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
    if (for_others(&filters->genders, product_words(product, WORD_GENDER)))
        return REMOVED_GENDER;
    if (for_others(&filters->age_groups, product_words(product, WORD_AGE_GROUP)))
        return REMOVED_AGE_GROUP;
    return REMOVED_NOT;
}

static int64_t repurchase_after(const struct filters *filters, const struct filter_query *query,
                                const struct filter_item *item)
{
    int64_t after_ms = query->settings->bought_ms;
    for (uint32_t i = 0; i < filters->active_count; i++)
        if (filters->active[i].rule->action == RULE_REPURCHASE &&
            concerns(query, &filters->active[i], item))
            after_ms = filters->active[i].rule->after_ms;
    return after_ms;
}

/* The visitor's newest word on it: bought, and not sent back since. */
static bool bought_lately(const struct filters *filters, const struct filter_query *query,
                          const struct filter_item *item)
{
    const struct activity *newest = visitor_history_newest_on(
        query->visitor, 1u << KIND_PURCHASE | 1u << KIND_REFUND, item->item_id);
    if (newest == NULL || newest->kind != KIND_PURCHASE)
        return false;
    int64_t after_ms = repurchase_after(filters, query, item);
    return after_ms > 0 && query->time_ms - newest->time_ms < after_ms;
}

/* What the placement does not take. */
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

static enum removal judge(const struct filters *filters, const struct filter_query *query,
                          struct filter_item *item)
{
    if (query->context_item_id.at && bytes_equal(item->item_id, query->context_item_id))
        return REMOVED_CONTEXT;
    if (item->product != PRODUCT_NONE) {
        enum removal removal = judge_product(filters, query, item->product);
        if (removal != REMOVED_NOT)
            return removal;
    }
    if (query->settings->shown_max > 0 && query->visitor &&
        visitor_shown(query->visitor, shown_tag(item->item_id)) >= query->settings->shown_max)
        return REMOVED_TIRED;
    for (uint32_t i = 0; i < filters->active_count; i++) {
        const struct active *active = &filters->active[i];
        if (active->rule->action == RULE_EXCLUDE && concerns(query, active, item)) {
            item->line = active->rule->line;
            return REMOVED_RULE;
        }
    }
    if (bought_lately(filters, query, item))
        return REMOVED_BOUGHT;
    return query->filters ? judge_for_placement(query, item) : REMOVED_NOT;
}

static void adjust_score(const struct filters *filters, const struct filter_query *query,
                         struct filter_item *item)
{
    for (uint32_t i = 0; i < filters->active_count; i++) {
        const struct active *active = &filters->active[i];
        enum rule_action action = active->rule->action;
        if ((action == RULE_BOOST || action == RULE_BURY) && concerns(query, active, item))
            item->score += (float)(action == RULE_BOOST ? log(active->rule->number)
                                                        : -log(active->rule->number));
    }
}

/* ---- pins ---- */

/* Marks the pinned items, adding those that are not among the candidates. */
static void pin_items(struct filters *filters, const struct filter_query *query,
                      struct filter_item *items, uint32_t *count)
{
    uint32_t added = 0;
    for (uint32_t i = 0; i < filters->active_count; i++) {
        const struct merchandising_rule *rule = filters->active[i].rule;
        struct bytes id = bytes_of(rule->text, rule->text_size);
        if (rule->action != RULE_PIN)
            continue;
        uint32_t at = 0;
        while (at < *count && !bytes_equal(items[at].item_id, id))
            at++;
        if (at == *count) {
            uint32_t product =
                query->catalogue ? catalogue_find(query->catalogue, id) : PRODUCT_NONE;
            if (product == PRODUCT_NONE || added == FILTER_PINS_MAX)
                continue; /* nobody knows it */
            items[(*count)++] = (struct filter_item){
                .item_id = product_id(&query->catalogue->products[product]),
                .product = product,
                .origin = ORIGIN_PIN,
                .score = -INFINITY,
            };
            added++;
        }
        items[at].pinned = true;
        items[at].line = rule->line;
    }
}

/* The place that the last such rule pins the item at, from 1. */
static uint32_t pinned_place(const struct filters *filters, const struct filter_item *item)
{
    uint32_t place = 0;
    for (uint32_t i = 0; i < filters->active_count; i++) {
        const struct merchandising_rule *rule = filters->active[i].rule;
        if (rule->action == RULE_PIN &&
            bytes_equal(item->item_id, bytes_of(rule->text, rule->text_size)))
            place = (uint32_t)rule->number;
    }
    return place;
}

/* ---- choosing ---- */

/* `name`: the attribute's that tells the product of a variant; WORD_NONE: no product has it. */
static uint64_t variant_of(const struct catalogue *catalogue, uint32_t product, uint32_t name)
{
    const struct product *row = &catalogue->products[product];
    struct words words = product_words(row, WORD_ATTRIBUTE);
    for (uint32_t i = 0; i < words.count && name != WORD_NONE; i++)
        if (catalogue->words.at[words.at[i]].parent == name)
            return catalogue->words.at[words.at[i]].hash;
    if (row->title_size == 0) /* nothing to go by: it is its own only variant */
        return (uint64_t)product + 1;
    return bytes_hash(product_title(row)) ^ (uint64_t)row->brand * 0x9E3779B97F4A7C15u;
}

uint64_t filters_variant(const struct catalogue *catalogue, uint32_t product)
{
    return variant_of(catalogue, product,
                      catalogue_word(catalogue, WORD_NAME, bytes_text(GROUP_NAME)));
}

float filters_alike(const struct catalogue *catalogue, uint32_t a, uint32_t b)
{
    const struct product *x = &catalogue->products[a], *y = &catalogue->products[b];
    float alike = 0;
    if (x->category != WORD_NONE)
        alike += .5f * (float)catalogue_shared_depth(catalogue, x->category, y->category) /
                 (float)catalogue->words.at[x->category].depth;
    if (x->brand != WORD_NONE && x->brand == y->brand)
        alike += .3f;
    struct words left = product_words(x, WORD_COLOUR), right = product_words(y, WORD_COLOUR);
    if (left.count > 0 && right.count > 0 && left.at[0] == right.at[0])
        alike += .2f;
    return alike;
}

/* The list under way. */
struct choice {
    const struct filters *filters;
    const struct filter_query *query;
    struct filter_item *items; /* the chosen ones come first */
    uint32_t count, chosen;
    uint32_t group_name; /* word; WORD_NONE */
    bool diverse;
};

/* What removes the item, looked at once. */
static enum removal removal_of(const struct choice *choice, struct filter_item *item)
{
    if (!item->judged)
        item->removal = judge(choice->filters, choice->query, item);
    item->judged = true;
    return item->removal;
}

static bool same_variant(const struct choice *choice, struct filter_item *item)
{
    if (item->product == PRODUCT_NONE)
        return false;
    if (item->variant == 0)
        item->variant = variant_of(choice->query->catalogue, item->product, choice->group_name);
    for (uint32_t i = 0; i < choice->chosen; i++)
        if (choice->items[i].product != PRODUCT_NONE && choice->items[i].variant == item->variant)
            return true;
    return false;
}

static bool brand_full(const struct choice *choice, const struct filter_item *item)
{
    const struct catalogue *catalogue = choice->query->catalogue;
    uint32_t count = 0, most = choice->filters->brand_max;
    if (most == 0 || item->product == PRODUCT_NONE ||
        catalogue->products[item->product].brand == WORD_NONE)
        return false;
    uint32_t brand = catalogue->products[item->product].brand;
    for (uint32_t i = 0; i < choice->chosen; i++)
        count += choice->items[i].product != PRODUCT_NONE &&
                 catalogue->products[choice->items[i].product].brand == brand;
    return count >= most;
}

/* Moves items[at] behind the chosen ones; those between make room. */
static void choose(struct choice *choice, uint32_t at)
{
    struct filter_item item = choice->items[at];
    memmove(choice->items + choice->chosen + 1, choice->items + choice->chosen,
            (at - choice->chosen) * sizeof item);
    choice->items[choice->chosen++] = item;
    const struct catalogue *catalogue = choice->query->catalogue;
    for (uint32_t i = choice->chosen, seen = 0;
         i < choice->count && seen < FILTER_WINDOW_MAX && choice->diverse; i++) {
        struct filter_item *other = &choice->items[i];
        if (removal_of(choice, other) != REMOVED_NOT)
            continue;
        seen++;
        if (other->product == PRODUCT_NONE || item.product == PRODUCT_NONE)
            continue;
        float alike = filters_alike(catalogue, other->product, item.product);
        other->alike = alike > other->alike ? alike : other->alike;
    }
}

/* What the list so far says against it. */
static enum removal judge_in_list(const struct choice *choice, struct filter_item *item)
{
    if (same_variant(choice, item))
        return REMOVED_VARIANT;
    return brand_full(choice, item) ? REMOVED_BRAND : REMOVED_NOT;
}

/* The next pinned item that belongs at this place or before; `any`: wherever it belongs. */
static bool choose_pin(struct choice *choice, bool any)
{
    for (uint32_t i = choice->chosen; i < choice->count; i++) {
        struct filter_item *item = &choice->items[i];
        if (!item->pinned || item->removal != REMOVED_NOT ||
            (!any && pinned_place(choice->filters, item) > choice->chosen + 1))
            continue;
        if (same_variant(choice, item)) {
            item->removal = REMOVED_VARIANT;
            continue;
        }
        choose(choice, i);
        return true;
    }
    return false;
}

static float marginal(const struct choice *choice, const struct filter_item *item, float high,
                      float spread)
{
    float d = choice->filters->diversity;
    float relevance = spread > 0 ? 1 - (high - item->score) / spread : 1;
    return (1 - d) * relevance - d * item->alike;
}

/* The next item by score, or by marginal relevance. False: there is none. */
static bool choose_next(struct choice *choice, float high, float spread)
{
    uint32_t best = UINT32_MAX, seen = 0;
    float best_value = -INFINITY;
    for (uint32_t i = choice->chosen; i < choice->count && seen < FILTER_WINDOW_MAX; i++) {
        struct filter_item *item = &choice->items[i];
        if (removal_of(choice, item) != REMOVED_NOT || item->pinned)
            continue;
        enum removal removal = judge_in_list(choice, item);
        if (removal != REMOVED_NOT) { /* the list only grows, so it stays out */
            item->removal = removal;
            item->line = removal == REMOVED_BRAND ? choice->filters->brand_line : 0;
            continue;
        }
        seen++;
        float value = choice->diverse ? marginal(choice, item, high, spread) : item->score;
        if (best == UINT32_MAX || value > best_value) {
            best = i;
            best_value = value;
        }
        if (!choice->diverse)
            break; /* they are in order */
    }
    if (best == UINT32_MAX)
        return false;
    choose(choice, best);
    return true;
}

/* By score, as stable as the order that came: a merge sort, bottom up. */
static void sort_items(struct filters *filters, struct filter_item *items, uint32_t count)
{
    if (count > filters->spare_capacity) {
        filters->spare_capacity = count + count / 2;
        filters->spare =
            memory_resize(filters->spare, filters->spare_capacity * sizeof *filters->spare);
    }
    for (uint32_t width = 1; width < count; width *= 2) {
        for (uint32_t from = 0; from < count; from += 2 * width) {
            uint32_t middle = from + width < count ? from + width : count;
            uint32_t end = from + 2 * width < count ? from + 2 * width : count;
            uint32_t a = from, b = middle;
            for (uint32_t at = from; at < end; at++) {
                bool left = a < middle && (b >= end || items[a].score >= items[b].score);
                filters->spare[at] = left ? items[a++] : items[b++];
            }
        }
        memcpy(items, filters->spare, count * sizeof *items);
    }
}

/* Judges all and adjusts their scores. Returns whether one of these moved. */
static bool judge_all(const struct choice *choice)
{
    bool adjusted = false;
    for (uint32_t i = 0; i < choice->count; i++) {
        struct filter_item *item = &choice->items[i];
        float before = item->score;
        removal_of(choice, item);
        adjust_score(choice->filters, choice->query, item);
        adjusted = adjusted || item->score > before || item->score < before;
    }
    return adjusted;
}

/* Whether only those that come into question need to be judged: the order is as it came. */
static bool needs_few(const struct filters *filters, const struct filter_query *query)
{
    bool few = query->shown_only;
    for (uint32_t i = 0; i < filters->active_count; i++) {
        enum rule_action action = filters->active[i].rule->action;
        few = few && action != RULE_BOOST && action != RULE_BURY && action != RULE_PIN;
    }
    return few;
}

/* What the scores of the first ones that stay range over. */
static void find_range(const struct choice *choice, float *ret_high, float *ret_spread)
{
    float high = -INFINITY, low = INFINITY;
    for (uint32_t i = 0, seen = 0; i < choice->count && seen < FILTER_WINDOW_MAX; i++) {
        struct filter_item *item = &choice->items[i];
        if (removal_of(choice, item) != REMOVED_NOT || item->origin == ORIGIN_PIN)
            continue;
        seen++;
        high = item->score > high ? item->score : high;
        low = item->score < low ? item->score : low;
    }
    *ret_high = high;
    *ret_spread = high - low;
}

uint32_t filters_apply(struct filters *filters, const struct filter_query *query,
                       struct filter_item *items, uint32_t *count, uint32_t length)
{
    float high = 0, spread = 0;
    choose_rules(filters, query);
    choose_products(filters, query);
    pin_items(filters, query, items, count);
    struct choice choice = {.filters = filters,
                            .query = query,
                            .items = items,
                            .count = *count,
                            .group_name = WORD_NONE,
                            .diverse = filters->diversity > 0 && query->catalogue};
    if (query->catalogue)
        choice.group_name = catalogue_word(query->catalogue, WORD_NAME, bytes_text(GROUP_NAME));
    for (uint32_t i = 0; i < *count; i++) {
        items[i].removal = REMOVED_NOT;
        items[i].judged = false;
    }
    if (!needs_few(filters, query) && judge_all(&choice))
        sort_items(filters, items, *count);
    if (choice.diverse)
        find_range(&choice, &high, &spread);
    while (choice.chosen < length)
        if (!choose_pin(&choice, false) && !choose_next(&choice, high, spread) &&
            !choose_pin(&choice, true))
            break;
    for (uint32_t i = choice.chosen; i < *count; i++)
        if (items[i].removal == REMOVED_NOT)
            items[i].removal = REMOVED_LENGTH;
    return choice.chosen;
}
