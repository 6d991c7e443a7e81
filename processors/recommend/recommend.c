#include "processors/recommend/recommend.h"

#include "processors/recommend/candidates/basket_walk.h"
#include "processors/recommend/candidates/channel_popularity.h"
#include "processors/recommend/search/query_history.h"
#include "processors/recommend/search/search_cache.h"
#include "state/visitor_history.h"

#include <math.h>
#include <stdlib.h>

struct recommender {
    const struct recommend_settings *settings;
    struct learner learner;
    struct training_log *served;
    struct shown_log *shown;
    uint64_t clicks; /* that could be learned from */
    struct ranked_candidates ranked;
    struct filters *filters;
    struct basket_walk_memory *room;
    const struct merchandising_rules *rules;
    const struct search *search;
    struct search_cache *answers;
    struct list_watcher *watcher;
    struct list_item reasons[RANKED_MAX]; /* by place, of lists that are not of candidates */
    struct filter_item items[RANKED_MAX + EXPLORE_PLACES_MAX + FILTER_PINS_MAX];
};

struct recommender *recommender_new(const struct recommend_settings *settings,
                                    const struct model *model)
{
    struct recommender *recommender = memory_aligned(sizeof *recommender);
    memset(recommender, 0, sizeof *recommender);
    recommender->settings = settings;
    ranked_init(&recommender->ranked);
    recommender->filters = filters_new();
    recommender->answers = search_cache_new();
    recommender->room = basket_walk_memory_new();
    learner_init(&recommender->learner, model, &settings->rank.features_off);
    recommender->served = training_log_new(
        settings->training_log_bytes, settings->rank.candidates_max, settings->training_log_age_ms);
    recommender->shown =
        shown_log_new(settings->shown_bytes, &settings->placements, settings->training_log_age_ms);
    return recommender;
}

void recommender_free(struct recommender *recommender)
{
    if (recommender == NULL)
        return;
    ranked_release(&recommender->ranked);
    filters_free(recommender->filters);
    search_cache_free(recommender->answers);
    basket_walk_memory_free(recommender->room);
    learner_release(&recommender->learner);
    training_log_free(recommender->served);
    shown_log_free(recommender->shown);
    free(recommender);
}

void recommender_set_rules(struct recommender *recommender, const struct merchandising_rules *rules)
{
    recommender->rules = rules;
}

void recommender_set_search(struct recommender *recommender, const struct search *search)
{
    recommender->search = search;
}

void recommender_watch(struct recommender *recommender, struct list_watcher *watcher)
{
    recommender->watcher = watcher;
}

struct learner *recommender_learner(struct recommender *recommender)
{
    return &recommender->learner;
}

/* ---- ranking ---- */

static void rank_all(struct recommender *recommender, const struct model *model,
                     const struct catalogue *catalogue, const struct visitor *visitor)
{
    recommender->learner.ranker.frozen = !recommender->settings->learning;
    rank_visitor(&recommender->ranked, &recommender->settings->rank, &recommender->learner.ranker,
                 model, catalogue, visitor);
}

static void keep_served(struct recommender *recommender, struct visitor *visitor)
{
    const struct recommend_settings *settings = recommender->settings;
    if (settings->learning && !settings->rank.ranker_off)
        visitor->training_serial = training_log_add(
            recommender->served, visitor->latest_time_ms, &recommender->ranked.candidates,
            &recommender->ranked.matrix, recommender->ranked.ranks);
}

/* ---- lists ---- */

static void explain(const struct recommender *recommender, const struct placement *placement,
                    const struct candidate *candidate, struct list_item *ret_item)
{
    const struct query *query = &recommender->ranked.query;
    uint32_t bits =
        candidate->generators & ~(placement->filters & FILTER_SEEN ? generators_seen_only() : 0);
    int most = -1;
    float weight = -1;
    for (; bits; bits &= bits - 1) {
        int generator = __builtin_ctz(bits);
        float part = generators[generator].weight(candidate) * placement->weights[generator];
        if (part > weight) {
            most = generator;
            weight = part;
        }
    }
    uint32_t cause = generators[most].cause(query, candidate);
    ret_item->item_id = query_item_id(query, candidate->item);
    ret_item->reason = generators[most].reason;
    ret_item->because_item_id =
        cause == ITEM_NONE ? bytes_of(NULL, 0) : query_item_id(query, cause);
}

static uint32_t product_of(const struct recommender *recommender, struct bytes item_id)
{
    const struct catalogue *catalogue = recommender->ranked.query.catalogue;
    return catalogue && catalogue->product_count > 0 ? catalogue_find(catalogue, item_id)
                                                     : PRODUCT_NONE;
}

/* A list that is being made, and what it is about. */
struct making {
    const struct placement *placement;
    const struct visitor *visitor;
    int64_t now_ms;
    uint32_t focus;       /* item that the ranking is focused on; ITEM_NONE: nothing */
    uint32_t category;    /* WORD_NONE: none */
    struct basket basket; /* of carts, and for walks */
    struct list *list;
};

/* The score with the placement's weights of generators: the formula of placements.h. */
static float weighted_score(const struct recommender *recommender,
                            const struct placement *placement, const struct candidate *candidate,
                            float score)
{
    float all = 0, weighted = 0;
    for (uint32_t bits = candidate->generators; bits; bits &= bits - 1) {
        int generator = __builtin_ctz(bits);
        float part = generators[generator].weight(candidate);
        all += part;
        weighted += part * placement->weights[generator];
    }
    if (!recommender->ranked.by_ranker)
        return weighted;
    return all > 0 && weighted > 0 ? score + logf(weighted / all) : score;
}

static void insert_item(struct filter_item *items, uint32_t count, struct filter_item new)
{
    uint32_t at = count;
    for (; at > 0 && items[at - 1].score < new.score; at--)
        items[at] = items[at - 1];
    items[at] = new;
}

/* The ranked candidates as the filters take them. */
static uint32_t ranked_candidates(struct recommender *recommender, const struct making *making)
{
    const struct placement *placement = making->placement;
    const struct candidates *candidates = &recommender->ranked.candidates;
    uint32_t count = 0, left_out = placement->filters & FILTER_SEEN ? generators_seen_only() : 0;
    for (uint32_t i = 0; i < candidates->count; i++) {
        uint16_t place = recommender->ranked.order[i];
        const struct candidate *candidate = &candidates->at[place];
        if ((candidate->generators & ~left_out) == 0)
            continue;
        struct filter_item item = {
            .item_id = query_item_id(&recommender->ranked.query, candidate->item),
            .product = query_product(&recommender->ranked.query, candidate->item),
            .score = recommender->ranked.scores[place],
            .place = place,
        };
        if (placement->weighted)
            item.score = weighted_score(recommender, placement, candidate, item.score);
        if (placement->weighted)
            insert_item(recommender->items, count++, item);
        else
            recommender->items[count++] = item;
    }
    return count;
}

/* What goes with the basket. */
static uint32_t walk_candidates(struct recommender *recommender, const struct making *making)
{
    const struct model *model = recommender->ranked.query.model;
    struct top_item items[RANKED_MAX];
    uint32_t found = basket_top(recommender->room, model, &making->basket, RANKED_MAX, items),
             count = 0;
    for (uint32_t i = 0; i < found; i++) {
        struct bytes id = model->items[items[i].item].id;
        /* what is popular fills a cart's list up, but does not go with an item */
        if (items[i].cause == ITEM_NONE && making->placement->context == CONTEXT_ITEM)
            continue;
        recommender->items[count] = (struct filter_item){
            .item_id = id,
            .product = query_product(&recommender->ranked.query, items[i].item),
            .score = items[i].score,
            .place = count,
        };
        recommender->reasons[count] = (struct list_item){.reason = "popular"};
        if (items[i].cause != ITEM_NONE)
            recommender->reasons[count] = (struct list_item){
                .reason = "bought_together", .because_item_id = model->items[items[i].cause].id};
        count++;
    }
    return count;
}

#define SEARCH_PERSONAL                                                                            \
    .5f /* the visitor's first candidate weighs half as much as the best answer */
#define SEARCH_HISTORY 1.0f /* what others took after the search as much */

/* The place that an item has for this visitor, 0 to 1; the candidates are ranked already. */
static float personal_score(const struct recommender *recommender, uint32_t item)
{
    uint32_t rank = ranked_rank(&recommender->ranked, item);
    return rank > 0 ? 1 - (float)rank / RANKED_MAX : 0;
}

struct found_item {
    float score;
    uint16_t place;
    uint32_t item; /* or ITEM_PRODUCT | product */
    uint32_t product;
};

static void insert_found(struct found_item *found, uint32_t count, struct found_item new)
{
    uint32_t at = count;
    for (; at > 0 && found[at - 1].score < new.score; at--)
        found[at] = found[at - 1];
    found[at] = new;
}

/* What answers the term: the text's score, what others took after searching for it, and the place
 * that the item has for this visitor. */
static uint32_t search_candidates(struct recommender *recommender, const struct visitor *visitor,
                                  struct bytes term)
{
    const struct catalogue *catalogue = recommender->ranked.query.catalogue;
    const struct model *model = recommender->ranked.query.model;
    const struct search_result *results = NULL;
    struct top_item asked[SEARCH_RESULTS_MAX];
    uint32_t result_count = 0, count = 0;
    uint32_t asked_count =
        query_history_top(model, term, visitor->latest_time_ms, SEARCH_RESULTS_MAX, asked);
    if (recommender->search && catalogue && catalogue->present > 0)
        results = search_cache_top(recommender->answers, recommender->search, catalogue, term,
                                   &result_count);
    struct found_item found[RANKED_MAX];
    for (uint32_t i = 0; i < result_count; i++) {
        uint32_t item = query_item(&recommender->ranked.query, results[i].product), at = 0;
        float score = results[i].score / results[0].score;
        const char *reason = "searched";
        while (at < asked_count && asked[at].item != item)
            at++;
        if (at < asked_count) {
            score += SEARCH_HISTORY * asked[at].score;
            reason = "taken_after_search";
            asked[at].item = ITEM_NONE;
        }
        recommender->reasons[count] = (struct list_item){.reason = reason};
        score += SEARCH_PERSONAL * personal_score(recommender, item);
        insert_found(found, count,
                     (struct found_item){score, (uint16_t)count, item, results[i].product});
        count++;
    }
    for (uint32_t i = 0; i < asked_count && count < RANKED_MAX; i++) {
        uint32_t item = asked[i].item;
        if (item == ITEM_NONE)
            continue;
        float score =
            SEARCH_HISTORY * asked[i].score + SEARCH_PERSONAL * personal_score(recommender, item);
        recommender->reasons[count] = (struct list_item){.reason = "taken_after_search"};
        insert_found(found, count,
                     (struct found_item){score, (uint16_t)count, item,
                                         query_product(&recommender->ranked.query, item)});
        count++;
    }
    for (uint32_t i = 0; i < count; i++)
        recommender->items[i] = (struct filter_item){
            .item_id = query_item_id(&recommender->ranked.query, found[i].item),
            .product = found[i].product,
            .score = found[i].score,
            .place = found[i].place};
    return count;
}

/* ---- exploration ---- */

#define REASONS_FROM (1u << 16) /* place of the first for newcomers: a number in reasons */

#define EXPLORED_PLACE (UINT32_MAX - 1) /* of what was no candidate */

static uint32_t clicks_of(const struct model *model, uint32_t item)
{
    uint64_t sum = 0;
    if (item_is_product(item))
        return 0;
    for (int kind = 0; kind < PAIR_KINDS; kind++)
        sum += model->items[item].counts.count[kind];
    return sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

static bool is_new(const struct recommender *recommender, uint32_t product, uint32_t clicks)
{
    const struct catalogue *catalogue = recommender->ranked.query.catalogue;
    return product != PRODUCT_NONE && product_available(&catalogue->products[product]) &&
           clicks < recommender->settings->explore.clicks;
}

/* New products among the candidates that the list is too short for, and the newest ones of the
 * catalogue, as good as the worst candidate. `at` is the place in recommender->items, or of the
 * latter `count` + product. */
static uint32_t explore_options(const struct recommender *recommender, uint32_t count,
                                uint32_t length, struct explore_option *ret_options)
{
    const struct model *model = recommender->ranked.query.model;
    const struct catalogue *catalogue = recommender->ranked.query.catalogue;
    uint32_t found = 0;
    for (uint32_t i = length; i < count && found < EXPLORE_OPTIONS_MAX; i++) {
        const struct filter_item *item = &recommender->items[i];
        if (item->place >= REASONS_FROM)
            continue;
        uint32_t clicks = clicks_of(model, recommender->ranked.candidates.at[item->place].item);
        if (is_new(recommender, item->product, clicks))
            ret_options[found++] = (struct explore_option){item->score, clicks, i};
    }
    float least = count > 0 ? recommender->items[count - 1].score : 0;
    for (uint32_t k = 1;
         k <= EXPLORE_NEWEST_MAX && k <= catalogue->product_count && found < EXPLORE_OPTIONS_MAX;
         k++) {
        uint32_t product = catalogue->product_count - k;
        uint32_t item = query_item(&recommender->ranked.query, product);
        uint32_t clicks = clicks_of(model, item);
        if (is_new(recommender, product, clicks) &&
            !candidates_find(&recommender->ranked.candidates, item))
            ret_options[found++] = (struct explore_option){least, clicks, count + product};
    }
    return found;
}

/* Puts new products into the second half of the list to come. Returns how many items there are. The
 * draws follow from the visitor and their activities so far: the same again gives the same. */
static uint32_t explore(struct recommender *recommender, const struct making *making,
                        uint32_t count, uint32_t length)
{
    const struct catalogue *catalogue = recommender->ranked.query.catalogue;
    struct explore_option options[EXPLORE_OPTIONS_MAX];
    struct filter_item *items = recommender->items, drawn[EXPLORE_PLACES_MAX];
    uint64_t random = recommender->ranked.query.visitor ^
                      (uint64_t)making->visitor->accepted * 0x9E3779B97F4A7C15u ^
                      bytes_hash(bytes_text(making->placement->name));
    if (catalogue == NULL)
        return count;
    uint32_t places = explore_places(&recommender->settings->explore, length, &random);
    uint32_t left = places > 0 ? explore_options(recommender, count, length, options) : 0;
    places = places < left ? places : left;
    for (uint32_t i = 0; i < places; i++) {
        float propensity;
        uint32_t which = explore_draw(options, left, &random, &propensity);
        struct explore_option option = options[which];
        options[which] = options[--left];
        if (option.at < count) {
            drawn[i] = items[option.at];
            items[option.at].place = UINT32_MAX; /* leaves its old place, below */
        } else {
            const struct product *product = &catalogue->products[option.at - count];
            drawn[i] = (struct filter_item){.item_id = product_id(product),
                                            .product = option.at - count,
                                            .place = EXPLORED_PLACE};
        }
        drawn[i].propensity = propensity;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (items[i].place != UINT32_MAX)
            items[kept++] = items[i];
    for (uint32_t i = 0; i < places; i++, kept++) {
        uint32_t first = length / 2, most = length < kept ? length : kept;
        uint32_t at = first + (uint32_t)(explore_random(&random) * (length - first));
        at = at < most ? at : most;
        drawn[i].score = at < kept ? items[at].score : at > 0 ? items[at - 1].score : 0;
        memmove(items + at + 1, items + at, (kept - at) * sizeof *items);
        items[at] = drawn[i];
    }
    return kept;
}

/* ---- newcomers ---- */

#define NEWCOMERS_MAX 40

/* The best of those who come by the visitor's channel. */
static uint32_t channel_candidates(struct recommender *recommender, const struct visitor *visitor)
{
    const struct model *model = recommender->ranked.query.model;
    struct top_item best[NEWCOMERS_MAX];
    uint32_t count = channel_popularity_top(model, visitor_channel(visitor), NEWCOMERS_MAX, best);
    for (uint32_t i = 0; i < count; i++) {
        recommender->items[i] =
            (struct filter_item){.item_id = model->items[best[i].item].id,
                                 .product = query_product(&recommender->ranked.query, best[i].item),
                                 .score = best[i].score,
                                 .place = i};
        recommender->reasons[i] = (struct list_item){.reason = "popular_in_channel"};
    }
    return count;
}

/* What answers the last search; else what is of the channel. */
static uint32_t known_of_newcomer(struct recommender *recommender, const struct visitor *visitor)
{
    const struct recommend_settings *settings = recommender->settings;
    struct bytes search = visitor_history_last_search(visitor);
    uint32_t found = 0;
    if (settings->newcomers_search && search.at)
        found = search_candidates(recommender, visitor, search);
    if (found == 0 && settings->newcomers_channel)
        found = channel_candidates(recommender, visitor);
    return found < NEWCOMERS_MAX ? found : NEWCOMERS_MAX;
}

/* Of somebody of whom no item is known: what answers their search, or is of their channel, and then
 * the ranked ones, which are what is popular. */
static uint32_t newcomer_candidates(struct recommender *recommender, const struct making *making,
                                    uint32_t count)
{
    struct filter_item ranked[RANKED_MAX], *items = recommender->items;
    memcpy(ranked, items, count * sizeof *items);
    uint32_t found = known_of_newcomer(recommender, making->visitor), kept = found;
    for (uint32_t i = 0; i < found; i++)
        items[i].place += REASONS_FROM;
    for (uint32_t i = 0; i < count && kept < RANKED_MAX; i++) {
        uint32_t same = 0;
        while (same < found && !bytes_equal(items[same].item_id, ranked[i].item_id))
            same++;
        if (same < found)
            continue;
        items[kept] = ranked[i];
        if (found > 0) /* behind, in their order */
            items[kept].score += items[found - 1].score - ranked[0].score - 1;
        kept++;
    }
    return kept;
}

/* Takes the best of the `count` in recommender->items for the placement and writes them out with
 * their reasons. */
static void fill_list(struct recommender *recommender, const struct making *making, uint32_t count,
                      uint32_t length, struct arena *arena)
{
    const struct placement *placement = making->placement;
    struct list *list = making->list;
    struct filter_settings settings = recommender->settings->filters;
    if (placement->diversity >= 0)
        settings.diversity = placement->diversity;
    struct filter_query query = {
        .catalogue = recommender->ranked.query.catalogue,
        .visitor = making->visitor,
        .rules = recommender->rules,
        .settings = &settings,
        .placement = placement->name,
        .filters = placement->filters & ~(uint32_t)FILTER_SEEN,
        .category = making->category,
        .context_item_id = list->context_item_id,
        .time_ms = making->now_ms,
        .shown_only = recommender->watcher == NULL || recommender->watcher->shown_only,
    };
    if (recommender->settings->explore.share > 0 && placement->source == SOURCE_RANKED)
        count = explore(recommender, making, count, length);
    uint32_t shown =
        filters_apply(recommender->filters, &query, recommender->items, &count, length);
    if (recommender->watcher)
        recommender->watcher->filtered(recommender->watcher, placement->name, recommender->items,
                                       shown, count);
    list->placement = placement->name;
    list->item_count = shown;
    list->items = arena_get(arena, shown * sizeof *list->items);
    for (uint32_t i = 0; i < shown; i++) {
        const struct filter_item *from = &recommender->items[i];
        struct list_item *item = &list->items[i];
        *item = (struct list_item){.reason = "pinned"};
        if (from->place == EXPLORED_PLACE)
            item->reason = "new";
        else if (from->place != UINT32_MAX && from->place >= REASONS_FROM)
            *item = recommender->reasons[from->place - REASONS_FROM];
        else if (from->place != UINT32_MAX && placement->source == SOURCE_RANKED)
            explain(recommender, placement, &recommender->ranked.candidates.at[from->place], item);
        else if (from->place != UINT32_MAX)
            *item = recommender->reasons[from->place];
        item->item_id = from->item_id;
        item->score = from->place != UINT32_MAX ? from->score : 0;
        item->propensity = from->propensity;
    }
}

/* The item that the list is about: viewed, or put in the cart last. */
static struct bytes item_of_context(struct recommender *recommender, struct making *making)
{
    const struct model *model = recommender->ranked.query.model;
    if (making->placement->context != CONTEXT_CART)
        return visitor_history_last_viewed(making->visitor);
    return making->basket.cart_count
               ? model->items[making->basket.cart[making->basket.cart_count - 1]].id
               : bytes_of(NULL, 0);
}

/* What the walk starts from: the cart, the item, or what was bought before. */
static void choose_basket(struct recommender *recommender, struct making *making)
{
    const struct model *model = recommender->ranked.query.model;
    struct basket *basket = &making->basket;
    basket->cart_count = basket->history_count = 0;
    if (making->placement->source != SOURCE_WALK && making->placement->context != CONTEXT_CART)
        return;
    if (making->placement->context == CONTEXT_ITEM ||
        making->placement->context == CONTEXT_CATEGORY) {
        basket->cart[0] = model_find(model, visitor_history_last_viewed(making->visitor));
        basket->cart_count = basket->cart[0] != ITEM_NONE;
        return;
    }
    basket_of(model, making->visitor, basket);
    if (making->placement->context == CONTEXT_VISITOR)
        basket->cart_count = 0;
}

/* What the list is about, now. False: there is nothing of the kind. */
static bool find_context(struct recommender *recommender, struct making *making)
{
    const struct placement *placement = making->placement;
    const struct catalogue *catalogue = recommender->ranked.query.catalogue;
    int64_t gap_ms = recommender->settings->rank.session_gap_ms;
    making->focus = ITEM_NONE;
    making->category = WORD_NONE;
    if (placement->kinds && visitor_history_newest(making->visitor, placement->kinds,
                                                   placement->within, gap_ms) == NULL)
        return false;
    choose_basket(recommender, making);
    if (placement->source == SOURCE_WALK &&
        making->basket.cart_count + making->basket.history_count == 0)
        return false;
    if (placement->context == CONTEXT_VISITOR)
        return true;
    if (placement->context == CONTEXT_TERM) {
        const struct activity *search =
            visitor_history_newest(making->visitor, 1u << KIND_SEARCH, placement->within, gap_ms);
        if (search)
            making->list->search_term = activity_subject(making->visitor, search);
    } else if (placement->context == CONTEXT_CART && making->basket.cart_count == 0) {
        return false;
    }
    struct bytes id = item_of_context(recommender, making);
    if (id.at == NULL && placement->context != CONTEXT_TERM)
        return false;
    making->focus = id.at ? model_find(recommender->ranked.query.model, id) : ITEM_NONE;
    uint32_t product = id.at ? product_of(recommender, id) : PRODUCT_NONE;
    if (product != PRODUCT_NONE)
        making->category = catalogue->products[product].category;
    if (placement->context == CONTEXT_ITEM)
        making->list->context_item_id = id;
    if (placement->context == CONTEXT_CATEGORY && making->category != WORD_NONE)
        making->list->context_category = bytes_of(catalogue->words[making->category].text,
                                                  catalogue->words[making->category].size);
    if (placement->context == CONTEXT_TERM)
        return making->list->search_term.size > 0;
    return making->category != WORD_NONE ||
           (placement->context != CONTEXT_CATEGORY && !(placement->filters & FILTER_SAME_CATEGORY));
}

/* The ranking that the list needs, unless it is at hand. */
static void make_ranking(struct recommender *recommender, const struct making *making)
{
    const struct placement *placement = making->placement;
    if (placement->source != SOURCE_WALK)
        rank_focused(&recommender->ranked, &recommender->settings->rank,
                     &recommender->learner.ranker, making->visitor, making->focus,
                     placement->source == SOURCE_RANKED ? placement->generators_off : 0);
}

static uint32_t make_candidates(struct recommender *recommender, const struct making *making)
{
    switch (making->placement->source) {
    case SOURCE_WALK:
        return walk_candidates(recommender, making);
    case SOURCE_SEARCH:
        return search_candidates(recommender, making->visitor, making->list->search_term);
    default:
        break;
    }
    uint32_t count = ranked_candidates(recommender, making);
    if (recommender->ranked.query.length == 0 && recommender->ranked.focus == ITEM_NONE)
        count = newcomer_candidates(recommender, making, count);
    return count;
}

uint32_t recommend_lists(struct recommender *recommender, struct model *model,
                         const struct catalogue *catalogue, struct visitor *visitor, int64_t now_ms,
                         uint32_t length, struct arena *arena, struct list *ret_lists,
                         bool *ret_look_again)
{
    const struct placements *placements = &recommender->settings->placements;
    uint32_t list_count = 0;
    rank_all(recommender, model, catalogue, visitor);
    keep_served(recommender, visitor);
    *ret_look_again = recommender->ranked.query.unknown;
    for (uint32_t i = 0; i < placements->count; i++) {
        const struct placement *placement = &placements->at[i];
        struct list *list = &ret_lists[list_count];
        struct making making = {
            .placement = placement, .visitor = visitor, .now_ms = now_ms, .list = list};
        *list = (struct list){0};
        if (placement->off || !find_context(recommender, &making))
            continue;
        make_ranking(recommender, &making);
        uint32_t count = make_candidates(recommender, &making);
        bool ranked = placement->source == SOURCE_RANKED;
        bool whole = ranked && !(placement->filters & FILTER_SAME_CATEGORY);
        if (count == 0 && !ranked)
            continue;
        uint32_t most = placement->length ? placement->length : length;
        fill_list(recommender, &making, count, most, arena);
        *ret_look_again = *ret_look_again || (whole && list->item_count < most);
        list_count += whole || list->item_count > 0; /* filters may have left nothing to show */
    }
    visitor->shown_serial =
        shown_log_add(recommender->shown, visitor->latest_time_ms, ret_lists, list_count);
    return list_count;
}

uint32_t recommend_next(struct recommender *recommender, struct model *model,
                        const struct catalogue *catalogue, struct visitor *visitor, uint32_t length,
                        struct ranked_item *ret_items)
{
    rank_all(recommender, model, catalogue, visitor);
    keep_served(recommender, visitor);
    uint32_t count = recommender->ranked.candidates.count;
    if (count > length)
        count = length;
    for (uint32_t i = 0; i < count; i++)
        ret_items[i] = (struct ranked_item){
            .item = recommender->ranked.candidates.at[recommender->ranked.order[i]].item,
            .score = recommender->ranked.scores[recommender->ranked.order[i]],
        };
    return count;
}

/* ---- learning ---- */

void recommend_measure(const struct recommender *recommender, const struct visitor *visitor,
                       struct bytes item_id, enum kind kind, struct online_metrics *quality)
{
    online_metrics_answer(quality, recommender->shown, visitor->shown_serial, item_id, kind);
}

size_t recommend_shown_bytes(const struct recommender *recommender)
{
    return shown_log_bytes(recommender->shown);
}

struct outcome recommend_learn(struct recommender *recommender, struct visitor *visitor,
                               uint32_t item, enum kind kind)
{
    const struct recommend_settings *settings = recommender->settings;
    const struct training_list *list =
        training_log_find(recommender->served, visitor->training_serial);
    struct outcome outcome = {.known = list != NULL};
    visitor->training_serial = 0;
    if (list == NULL || item == ITEM_NONE)
        return outcome;
    uint32_t place = training_log_place(list, item, &outcome.rank);
    if (place == UINT32_MAX || !settings->learning ||
        recommender->clicks++ % settings->learn_every != 0)
        return outcome;
    training_log_matrix(list, &recommender->ranked.matrix);
    if (recommender->ranked.matrix.count > 1) {
        ranker_learn(&recommender->learner.ranker, &recommender->ranked.matrix, place,
                     settings->kind_weights[kind]);
        recommender->learner.changed = true;
    }
    return outcome;
}
