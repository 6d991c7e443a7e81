/* From the numbers of a moment to rankings. */
#include "processors/recommend/rankings/rankings.h"

#include "processors/recommend/lists/diversity.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define SLICE 64            /* items looked up under one lock */
#define SCOPE_KINDS 4       /* rankings of a scope: viewed, carted, bought, trending */
#define ITEM_SCOPES_MAX 255 /* of one product */
#define FOUND_MAX SEARCH_RESULTS_MAX

_Static_assert(FOUND_MAX <= RANKING_ITEMS_MAX, "what is found has room");

/* The best of a ranking so far, best first. */
struct place {
    struct bytes item_id;
    double score;
    uint64_t variant; /* 0: the catalogue does not know it */
};

struct top {
    struct place *places;
    uint32_t count, capacity;
};

struct scope {
    uint64_t hash; /* of kind and name; 0: free, or the shop */
    enum ranking_scope kind;
    char *name;
    size_t name_size;
    double weight; /* all that is done in it */
    bool chosen;
    struct top tops[SCOPE_KINDS];
};

/* What the catalogue says of an item. */
struct looked_up {
    double factor; /* of boosts; 0: it is not shown */
    uint64_t variant;
    uint32_t first;
    uint8_t scopes; /* so many, from `first` on */
};

struct maker {
    const struct rankings_view *view;
    const struct rankings_inputs *inputs;
    struct rankings_sink *sink;
    struct filters *filters;
    struct filter_settings settings;
    struct merchandising_rules rules; /* those that count, borrowed */
    struct looked_up *items;
    uint32_t *memberships; /* scopes, by item */
    size_t membership_count, membership_capacity;
    struct scope *scopes;
    uint32_t scope_count, scope_capacity;
    uint32_t *slots; /* hash -> scope + 1 */
    uint32_t slot_capacity;
    uint32_t length;
    struct place *spare; /* places of the tops of a term */
    bool stopped;
};

/* ---- tops ---- */

static bool before(const struct place *a, const struct place *b)
{
    if (a->score > b->score || a->score < b->score)
        return a->score > b->score;
    return bytes_compare(a->item_id, b->item_id) < 0;
}

/* Most scopes have fewer items than a ranking may have. */
static void reserve(struct top *top, uint32_t length)
{
    if (top->count < top->capacity)
        return;
    top->capacity = top->capacity ? 2 * top->capacity : 4;
    if (top->capacity > length)
        top->capacity = length;
    top->places = memory_resize(top->places, top->capacity * sizeof *top->places);
}

/* Of the variants of a product the best stays. */
static void offer(struct top *top, uint32_t length, struct place place)
{
    uint32_t at = top->count;
    if (at == length && !before(&place, &top->places[at - 1]))
        return;
    for (uint32_t i = 0; i < top->count && place.variant != 0; i++) {
        if (top->places[i].variant != place.variant)
            continue;
        if (!before(&place, &top->places[i]))
            return;
        at = i; /* it gives its place */
        break;
    }
    if (at == length) {
        at--;
    } else if (at == top->count) {
        reserve(top, length);
        top->count++;
    }
    for (; at > 0 && before(&place, &top->places[at - 1]); at--)
        top->places[at] = top->places[at - 1];
    top->places[at] = place;
}

/* ---- scopes ---- */

static uint32_t *scope_slot(const struct maker *maker, uint64_t hash)
{
    uint32_t mask = maker->slot_capacity - 1, at = (uint32_t)hash & mask;
    while (maker->slots[at] != 0 && maker->scopes[maker->slots[at] - 1].hash != hash)
        at = (at + 1) & mask;
    return &maker->slots[at];
}

static uint32_t new_scope(struct maker *maker, enum ranking_scope kind, uint64_t hash,
                          struct bytes name)
{
    if (maker->scope_count == maker->scope_capacity) {
        maker->scope_capacity = maker->scope_capacity ? 2 * maker->scope_capacity : 256;
        maker->scopes = memory_resize(maker->scopes, maker->scope_capacity * sizeof *maker->scopes);
    }
    maker->scopes[maker->scope_count] = (struct scope){
        .hash = hash,
        .kind = kind,
        .name = name.at ? memory_text(name) : NULL,
        .name_size = name.size,
    };
    return maker->scope_count++;
}

/* Words are told apart by their hash: numbers may go to others between two slices. */
static uint32_t scope_of(struct maker *maker, enum ranking_scope kind, const struct word *word)
{
    uint32_t *slot = scope_slot(maker, word->hash);
    if (*slot != 0)
        return *slot - 1;
    uint32_t scope = new_scope(maker, kind, word->hash, bytes_of(word->text, word->size));
    if (2 * maker->scope_count >= maker->slot_capacity) {
        maker->slot_capacity *= 2;
        free(maker->slots);
        maker->slots = memory_zero(maker->slot_capacity, sizeof *maker->slots);
        for (uint32_t i = 1; i < maker->scope_count; i++) /* 0 is the shop */
            *scope_slot(maker, maker->scopes[i].hash) = i + 1;
    } else {
        *slot = scope + 1;
    }
    return scope;
}

static void join_scope(struct maker *maker, struct looked_up *item, uint32_t scope)
{
    for (uint32_t i = 0; i < item->scopes; i++)
        if (maker->memberships[item->first + i] == scope)
            return; /* two paths of categories meet further up */
    if (item->scopes == ITEM_SCOPES_MAX)
        return;
    if (maker->membership_count == maker->membership_capacity) {
        maker->membership_capacity *= 2;
        maker->memberships = memory_resize(maker->memberships,
                                           maker->membership_capacity * sizeof *maker->memberships);
    }
    maker->memberships[maker->membership_count++] = scope;
    item->scopes++;
}

static void join_scopes(struct maker *maker, const struct product *product, uint32_t index,
                        double weight)
{
    static const struct {
        enum word_kind word;
        enum ranking_scope scope;
    } kinds[] = {{WORD_CATEGORY, SCOPE_CATEGORY},
                 {WORD_BRAND, SCOPE_BRAND},
                 {WORD_GENDER, SCOPE_GENDER},
                 {WORD_AGE_GROUP, SCOPE_AGE_GROUP}};
    struct looked_up *item = &maker->items[index];
    item->first = (uint32_t)maker->membership_count;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct words words = product_words(product, kinds[k].word);
        for (uint32_t i = 0; i < words.count; i++) {
            const struct word *word = &maker->inputs->catalogue->words.at[words.at[i]];
            join_scope(maker, item, scope_of(maker, kinds[k].scope, word));
        }
    }
    for (uint32_t i = 0; i < item->scopes; i++)
        maker->scopes[maker->memberships[item->first + i]].weight += weight;
}

/* ---- what the catalogue and the rules say ---- */

static uint64_t variant_of(const struct catalogue *catalogue, uint32_t product)
{
    return diversity_variant(catalogue, product, diversity_group_name(catalogue));
}

/* Judges up to FILTER_WINDOW_MAX items: those that stay have REMOVED_LENGTH, and in `score` the
 * logarithm of their factor. They may change their order. Under the catalogue's lock. */
static void judge(struct maker *maker, struct filter_item *items, uint32_t count)
{
    const struct filter_query query = {
        .catalogue = maker->inputs->catalogue,
        .rules = maker->rules.count ? &maker->rules : NULL,
        .settings = &maker->settings,
        .placement = RANKINGS_PLACEMENT,
        .category = WORD_NONE,
        .time_ms = maker->view->time_ms,
    };
    filters_apply(maker->filters, &query, items, &count, 0);
}

static void look_up_slice(struct maker *maker, uint32_t from, uint32_t count)
{
    const struct catalogue *catalogue = maker->inputs->catalogue;
    struct filter_item items[SLICE];
    for (uint32_t i = 0; i < count; i++) {
        struct bytes id = maker->view->items[from + i].item_id;
        items[i] = (struct filter_item){
            .item_id = id, .product = catalogue_find(catalogue, id), .index = from + i};
    }
    judge(maker, items, count);
    for (uint32_t i = 0; i < count; i++) {
        if (items[i].removal != REMOVED_LENGTH)
            continue;
        const struct ranked_counts *counts = &maker->view->items[items[i].index];
        struct looked_up *item = &maker->items[items[i].index];
        item->factor = exp((double)items[i].score);
        if (items[i].product == PRODUCT_NONE)
            continue;
        item->variant = variant_of(catalogue, items[i].product);
        join_scopes(maker, &catalogue->products[items[i].product], items[i].index,
                    counts->counts[0] + counts->counts[1] + counts->counts[2]);
    }
}

static void look_up(struct maker *maker)
{
    uint32_t total = maker->view->item_count;
    maker->items = memory_zero(total ? total : 1, sizeof *maker->items);
    maker->membership_capacity = 1024;
    maker->memberships = memory_get(maker->membership_capacity * sizeof *maker->memberships);
    for (uint32_t from = 0; from < total; from += SLICE) {
        catalogue_lock_read(maker->inputs->catalogue);
        look_up_slice(maker, from, total - from < SLICE ? total - from : SLICE);
        catalogue_unlock_read(maker->inputs->catalogue);
    }
}

/* ---- scopes that have rankings ---- */

static int weight_order(const void *a, const void *b)
{
    const struct scope *x = *(const struct scope *const *)a, *y = *(const struct scope *const *)b;
    if (x->weight > y->weight || x->weight < y->weight)
        return x->weight > y->weight ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return bytes_compare(bytes_of(x->name, x->name_size), bytes_of(y->name, y->name_size));
}

static int name_order(const void *a, const void *b)
{
    const struct scope *x = *(const struct scope *const *)a, *y = *(const struct scope *const *)b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return bytes_compare(bytes_of(x->name, x->name_size), bytes_of(y->name, y->name_size));
}

/* The shop and the heaviest scopes, by their names. Returns how many there are. */
static uint32_t choose_scopes(struct maker *maker, struct scope **ordered)
{
    uint32_t chosen = maker->scope_count - 1;
    for (uint32_t i = 0; i < maker->scope_count; i++)
        ordered[i] = &maker->scopes[i];
    qsort(ordered + 1, chosen, sizeof *ordered, weight_order);
    if (chosen > maker->inputs->settings->scopes_max)
        chosen = maker->inputs->settings->scopes_max;
    qsort(ordered + 1, chosen, sizeof *ordered, name_order);
    for (uint32_t i = 0; i <= chosen; i++)
        ordered[i]->chosen = true;
    return chosen + 1;
}

static void offer_to(struct maker *maker, uint32_t scope, const struct place *places)
{
    for (int kind = 0; kind < SCOPE_KINDS && maker->scopes[scope].chosen; kind++)
        if (places[kind].score > 0)
            offer(&maker->scopes[scope].tops[kind], maker->length, places[kind]);
}

static void fill_tops(struct maker *maker)
{
    const struct rankings_view *view = maker->view;
    double quick = 0, slow = 0;
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct ranked_counts *item = &view->items[i];
        quick += item->quick;
        slow += item->counts[0] + item->counts[1] + item->counts[2];
    }
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct ranked_counts *item = &view->items[i];
        const struct looked_up *looked_up = &maker->items[i];
        struct place places[SCOPE_KINDS];
        if (!(looked_up->factor > 0))
            continue;
        double usual =
            slow > 0 ? (item->counts[0] + item->counts[1] + item->counts[2]) * (quick / slow) : 0;
        double trend = rankings_trend(item->quick, usual);
        for (int kind = 0; kind < SCOPE_KINDS; kind++) {
            double score = kind < PAIR_KINDS ? item->counts[kind] : trend;
            bool counts = score > (kind < PAIR_KINDS ? RANKING_LEAST : 1);
            places[kind] = (struct place){.item_id = item->item_id,
                                          .score = counts ? score * looked_up->factor : 0,
                                          .variant = looked_up->variant};
        }
        offer_to(maker, 0, places);
        for (uint32_t k = 0; k < looked_up->scopes; k++)
            offer_to(maker, maker->memberships[looked_up->first + k], places);
    }
}

/* ---- writing ---- */

static void hand_over(struct maker *maker, const struct ranking *ranking)
{
    if (ranking->item_count > 0 && !maker->stopped)
        maker->stopped = !maker->sink->ranking(maker->sink, ranking);
}

static void write_scope(struct maker *maker, const struct scope *scope)
{
    struct ranking_item items[RANKING_ITEMS_MAX];
    for (int kind = 0; kind < SCOPE_KINDS; kind++) {
        const struct top *top = &scope->tops[kind];
        for (uint32_t i = 0; i < top->count; i++)
            items[i] = (struct ranking_item){.item_id = top->places[i].item_id,
                                             .score = top->places[i].score};
        const struct ranking ranking = {
            .kind = (enum ranking_kind)kind, /* the first four */
            .scope = scope->kind,
            .name = bytes_of(scope->name, scope->name_size),
            .offset = maker->view->offset,
            .event_time_ms = maker->view->time_ms,
            .items = items,
            .item_count = top->count,
        };
        hand_over(maker, &ranking);
    }
}

/* ---- searches ---- */

static void offer_judged(struct maker *maker, struct filter_item *items, uint32_t count,
                         const double *scores, struct top *top)
{
    const struct catalogue *catalogue = maker->inputs->catalogue;
    judge(maker, items, count);
    for (uint32_t i = 0; i < count; i++) {
        if (items[i].removal != REMOVED_LENGTH)
            continue;
        offer(top, maker->length,
              (struct place){.item_id = items[i].item_id,
                             .score = scores[items[i].index] * exp((double)items[i].score),
                             .variant = items[i].product == PRODUCT_NONE
                                            ? 0
                                            : variant_of(catalogue, items[i].product)});
    }
}

static void take_entries(struct maker *maker, const struct ranked_term *term, struct top *top)
{
    struct filter_item items[SLICE];
    double scores[SLICE];
    for (uint32_t from = 0; from < term->count; from += SLICE) {
        uint32_t count = term->count - from < SLICE ? term->count - from : SLICE;
        catalogue_lock_read(maker->inputs->catalogue);
        for (uint32_t i = 0; i < count; i++) {
            const struct ranked_entry *entry = &maker->view->entries[term->first + from + i];
            scores[i] = entry->units;
            items[i] = (struct filter_item){
                .item_id = entry->item_id,
                .product = catalogue_find(maker->inputs->catalogue, entry->item_id),
                .index = i};
        }
        offer_judged(maker, items, count, scores, top);
        catalogue_unlock_read(maker->inputs->catalogue);
    }
}

/* The places' ids are copied to `ids`: a product may be deleted once the lock is given back. */
static void find_more(struct maker *maker, struct bytes text, struct top *top, struct arena *ids)
{
    const struct catalogue *catalogue = maker->inputs->catalogue;
    struct search_result results[FOUND_MAX];
    struct filter_item items[FOUND_MAX];
    double scores[FOUND_MAX];
    uint32_t wanted = 2 * maker->length < FOUND_MAX ? 2 * maker->length : FOUND_MAX;
    catalogue_lock_read(catalogue);
    uint32_t count = search_top(maker->inputs->search, catalogue, text, wanted, results);
    for (uint32_t i = 0; i < count; i++) {
        scores[i] = (double)results[i].score;
        items[i] =
            (struct filter_item){.item_id = product_id(&catalogue->products[results[i].product]),
                                 .product = results[i].product,
                                 .index = i};
    }
    offer_judged(maker, items, count, scores, top);
    for (uint32_t i = 0; i < top->count; i++)
        top->places[i].item_id = arena_copy(ids, top->places[i].item_id);
    catalogue_unlock_read(catalogue);
}

static bool is_in(const struct top *top, const struct place *place)
{
    for (uint32_t i = 0; i < top->count; i++)
        if (bytes_equal(top->places[i].item_id, place->item_id) ||
            (place->variant != 0 && top->places[i].variant == place->variant))
            return true;
    return false;
}

static void write_term(struct maker *maker, const struct ranked_term *term, struct arena *ids)
{
    struct ranking_item items[RANKING_ITEMS_MAX];
    struct top taken = {.places = maker->spare, .capacity = maker->length};
    struct top found = {.places = maker->spare + maker->length, .capacity = maker->length};
    uint32_t count = 0;
    take_entries(maker, term, &taken);
    if (taken.count < maker->length && maker->inputs->search)
        find_more(maker, term->text, &found, ids);
    for (uint32_t i = 0; i < taken.count; i++)
        items[count++] = (struct ranking_item){.item_id = taken.places[i].item_id,
                                               .score = taken.places[i].score};
    for (uint32_t i = 0; i < found.count && count < maker->length; i++)
        if (!is_in(&taken, &found.places[i]))
            items[count++] = (struct ranking_item){
                .item_id = found.places[i].item_id, .score = found.places[i].score, .found = true};
    const struct ranking ranking = {
        .kind = RANKING_TAKEN,
        .scope = SCOPE_TERM,
        .name = term->text,
        .offset = maker->view->offset,
        .event_time_ms = maker->view->time_ms,
        .items = items,
        .item_count = count,
    };
    hand_over(maker, &ranking);
    arena_clear(ids);
}

static int term_order(const void *a, const void *b)
{
    const struct ranked_term *const *x = a, *const *y = b;
    return bytes_compare((*x)->text, (*y)->text);
}

static void write_terms(struct maker *maker)
{
    const struct rankings_view *view = maker->view;
    const struct ranked_term **ordered = memory_get((view->term_count + 1ul) * sizeof *ordered);
    struct arena ids = {0};
    for (uint32_t i = 0; i < view->term_count; i++)
        ordered[i] = &view->terms[i];
    qsort(ordered, view->term_count, sizeof *ordered, term_order);
    for (uint32_t i = 0; i < view->term_count && !maker->stopped; i++)
        write_term(maker, ordered[i], &ids);
    arena_release(&ids);
    free(ordered);
}

/* ---- all ---- */

/* Of the shop's rules those that a ranking follows. */
static void choose_rules(struct maker *maker)
{
    const struct merchandising_rules *rules = maker->inputs->rules;
    uint32_t total = rules ? rules->count : 0;
    maker->rules.at = memory_get((total + 1ul) * sizeof *maker->rules.at);
    for (uint32_t i = 0; i < total; i++)
        if (rules->at[i].action == RULE_EXCLUDE || rules->at[i].action == RULE_BOOST ||
            rules->at[i].action == RULE_BURY)
            maker->rules.at[maker->rules.count++] = rules->at[i];
}

static void release(struct maker *maker)
{
    for (uint32_t i = 0; i < maker->scope_count; i++) {
        free(maker->scopes[i].name);
        for (int kind = 0; kind < SCOPE_KINDS; kind++)
            free(maker->scopes[i].tops[kind].places);
    }
    free(maker->scopes);
    free(maker->slots);
    free(maker->items);
    free(maker->memberships);
    free(maker->rules.at);
    free(maker->spare);
    filters_free(maker->filters);
}

uint32_t rankings_build(const struct rankings_view *view, const struct rankings_inputs *inputs,
                        struct rankings_sink *sink)
{
    struct maker maker = {
        .view = view,
        .inputs = inputs,
        .sink = sink,
        .filters = filters_new(),
        .settings = *inputs->filters,
        .slot_capacity = 1024,
        .length = inputs->settings->length,
    };
    assert(maker.length > 0 && maker.length <= RANKING_ITEMS_MAX);
    maker.slots = memory_zero(maker.slot_capacity, sizeof *maker.slots);
    maker.spare = memory_get(2ul * maker.length * sizeof *maker.spare);
    choose_rules(&maker);
    new_scope(&maker, SCOPE_SHOP, 0, bytes_of(NULL, 0));
    look_up(&maker);
    struct scope **ordered = memory_get(maker.scope_count * sizeof *ordered);
    uint32_t chosen = choose_scopes(&maker, ordered);
    uint32_t out = maker.scope_count - chosen;
    fill_tops(&maker);
    for (uint32_t i = 0; i < chosen && !maker.stopped; i++)
        write_scope(&maker, ordered[i]);
    write_terms(&maker);
    free(ordered);
    release(&maker);
    return out;
}
