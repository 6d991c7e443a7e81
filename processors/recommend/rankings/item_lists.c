/* From the model's rows and vectors, and the catalogue's words, to the lists of one item. */
#include "processors/recommend/rankings/item_lists.h"

#include "processors/math/kernels.h"
#include "processors/recommend/candidates/content_similarity.h"
#include "processors/recommend/candidates/cooccurrence.h"
#include "processors/recommend/lists/diversity.h"
#include "schemas/array.h"

#include <math.h>
#include <stdlib.h>

/* A candidate of a list. */
struct found {
    struct bytes item_id;
    double score;
    const char *reason;
    uint32_t product; /* PRODUCT_NONE: the catalogue does not know it */
};

/* Pairs of one item with another, in events as of one time. */
struct pairs {
    double carted, bought;
};

struct item_lists_maker {
    struct filters *filters;
    struct item_lists lists;
    struct merchandising_rules rules; /* those that count for items; their texts are borrowed */
    uint32_t rules_capacity;
    const struct merchandising_rules *rules_from; /* that `rules` was made from, as the next two */
    const struct merchandising_rule *rules_at;
    uint64_t rules_digest;
    const struct item_lists_inputs *inputs;  /* of the call */
    uint32_t item, product;                  /* of the call; ITEM_NONE, PRODUCT_NONE */
    uint64_t variant;                        /* of the item itself; 0: not known */
    struct found found[ITEM_CANDIDATES_MAX]; /* of one list, best first */
    uint32_t found_count;
    uint32_t *marks; /* by item: `mark` if it was met already */
    uint32_t mark_capacity, mark;
    struct pairs *pairs; /* by item; valid where marked */
    uint32_t pairs_capacity;
    uint32_t *met; /* the marked items */
    uint32_t met_count, met_capacity;
};

struct item_lists_maker *item_lists_maker_new(void)
{
    struct item_lists_maker *maker = memory_zero(1, sizeof *maker);
    maker->filters = filters_new();
    return maker;
}

void item_lists_maker_free(struct item_lists_maker *maker)
{
    if (maker == NULL)
        return;
    filters_free(maker->filters);
    free(maker->rules.at);
    free(maker->marks);
    free(maker->pairs);
    free(maker->met);
    free(maker);
}

/* ---- candidates ---- */

static bool before(const struct found *a, const struct found *b)
{
    if (a->score > b->score || a->score < b->score)
        return a->score > b->score;
    return bytes_compare(a->item_id, b->item_id) < 0;
}

/* Keeps the best ITEM_CANDIDATES_MAX. */
static void keep(struct item_lists_maker *maker, struct found found)
{
    uint32_t at = maker->found_count;
    while (at > 0 && before(&found, &maker->found[at - 1]))
        at--;
    if (at == ITEM_CANDIDATES_MAX || !(found.score > 0))
        return;
    maker->found_count += maker->found_count < ITEM_CANDIDATES_MAX;
    memmove(maker->found + at + 1, maker->found + at, (maker->found_count - at - 1) * sizeof found);
    maker->found[at] = found;
}

/* Whether an item may be in lists, or have some: see item_lists.h. */
static bool is_known(const struct item_lists_inputs *inputs, uint32_t item, uint32_t product)
{
    const struct model *model = inputs->model;
    return product != PRODUCT_NONE ||
           (model->item_states[item] == ITEM_LIVE && !number_queue_has(&model->probation, item));
}

static void keep_item(struct item_lists_maker *maker, uint32_t item, double score,
                      const char *reason)
{
    const struct item_lists_inputs *inputs = maker->inputs;
    struct found found = {
        .item_id = inputs->model->items[item].id,
        .score = score,
        .reason = reason,
    };
    found.product = catalogue_find(inputs->catalogue, found.item_id);
    if (is_known(inputs, item, found.product))
        keep(maker, found);
}

/* Begins a new set of items. */
static void clear_marks(struct item_lists_maker *maker)
{
    uint32_t count = maker->inputs->model->item_count;
    if (count > maker->mark_capacity || maker->mark == UINT32_MAX) {
        ARRAY_RESERVE(maker->marks, maker->mark_capacity, count);
        ARRAY_RESERVE(maker->pairs, maker->pairs_capacity, count);
        memset(maker->marks, 0, maker->mark_capacity * sizeof *maker->marks);
        maker->mark = 0;
    }
    maker->mark++;
    maker->met_count = 0;
}

/* Adds the item to the set. False: it was there already. */
static bool meet(struct item_lists_maker *maker, uint32_t item)
{
    if (maker->marks[item] == maker->mark)
        return false;
    maker->marks[item] = maker->mark;
    ARRAY_RESERVE(maker->met, maker->met_capacity, maker->met_count + 1);
    maker->met[maker->met_count++] = item;
    return true;
}

/* ---- the lists ---- */

static void find_viewed_next(struct item_lists_maker *maker)
{
    const struct row *row =
        cooccurrence_row(maker->inputs->model, maker->item, PAIR_VIEW, PAIR_FORWARD);
    for (uint32_t i = 0; i < row->count && row->total > 0; i++)
        if (row->entries[i].item != maker->item)
            keep_item(maker, row->entries[i].item, row->entries[i].weight / row->total,
                      "viewed_next");
}

/* Sums the rows of carts and purchases in both directions. `ret_totals`: of all pairs. */
static void sum_pairs(struct item_lists_maker *maker, struct pairs *ret_totals)
{
    const struct model *model = maker->inputs->model;
    struct decay now = decay_at(trends_clock(model->trends), model->limits.pair_half_life_ms);
    clear_marks(maker);
    *ret_totals = (struct pairs){0};
    for (int row = (int)PAIR_CART * (int)PAIR_DIRECTIONS; row < (int)PAIR_ROWS; row++) {
        bool bought = row / PAIR_DIRECTIONS == PAIR_PURCHASE;
        const struct row *from =
            cooccurrence_row(model, maker->item, (enum pair_kind)(row / PAIR_DIRECTIONS),
                             (enum pair_direction)(row % PAIR_DIRECTIONS));
        double total = decay_events(from->total, from->base, now);
        *(bought ? &ret_totals->bought : &ret_totals->carted) += total;
        for (uint32_t i = 0; i < from->count; i++) {
            uint32_t item = from->entries[i].item;
            if (item == maker->item)
                continue;
            if (meet(maker, item))
                maker->pairs[item] = (struct pairs){0};
            double weight = decay_events(from->entries[i].weight, from->base, now);
            *(bought ? &maker->pairs[item].bought : &maker->pairs[item].carted) += weight;
        }
    }
}

static void find_bought_together(struct item_lists_maker *maker, struct pairs totals)
{
    for (uint32_t i = 0; i < maker->met_count && totals.bought > 0; i++)
        keep_item(maker, maker->met[i], maker->pairs[maker->met[i]].bought / totals.bought,
                  "bought_together");
}

static void find_goes_with(struct item_lists_maker *maker, struct pairs totals)
{
    double total = totals.carted + totals.bought;
    for (uint32_t i = 0; i < maker->met_count && total > 0; i++) {
        struct pairs pairs = maker->pairs[maker->met[i]];
        keep_item(maker, maker->met[i], (pairs.carted + pairs.bought) / total,
                  pairs.bought > 0 ? "bought_together" : "carted_together");
    }
}

static void find_similar(struct item_lists_maker *maker)
{
    const struct catalogue *catalogue = maker->inputs->catalogue;
    struct similar_product products[SIMILAR_MAX];
    if (maker->product == PRODUCT_NONE)
        return;
    uint32_t count = content_similarity_top(catalogue, maker->product, SIMILAR_MAX, products);
    for (uint32_t i = 0; i < count; i++)
        keep(maker, (struct found){.item_id = product_id(&catalogue->products[products[i].product]),
                                   .score = (double)products[i].similarity,
                                   .reason = "similar",
                                   .product = products[i].product});
}

/* Adds the first entries of the item's view rows to the set. */
static void meet_viewed(struct item_lists_maker *maker, uint32_t item, uint32_t most)
{
    for (int direction = 0; direction < PAIR_DIRECTIONS; direction++) {
        const struct row *row =
            cooccurrence_row(maker->inputs->model, item, PAIR_VIEW, (enum pair_direction)direction);
        for (uint32_t i = 0; i < row->count && i < most && maker->met_count < NEAREST_MAX; i++)
            meet(maker, row->entries[i].item);
    }
}

/* Comes after find_similar(), whose items are in `lists`. */
static void find_nearest(struct item_lists_maker *maker)
{
    const struct model *model = maker->inputs->model;
    const struct vectors *vectors = model->vectors;
    const struct item_list *similar = &maker->lists.lists[ITEM_LIST_SIMILAR];
    uint32_t own = vectors_find(vectors, maker->item);
    if (own == PLACE_NONE)
        return;
    clear_marks(maker);
    meet(maker, maker->item);
    meet_viewed(maker, maker->item, NEAREST_FIRST);
    for (uint32_t i = 0; i < similar->count; i++) {
        uint32_t item = model_find(model, similar->items[i].item_id);
        if (item != ITEM_NONE)
            meet(maker, item);
    }
    uint32_t first_steps = maker->met_count;
    for (uint32_t i = 1; i < first_steps; i++)
        meet_viewed(maker, maker->met[i], NEAREST_SECOND);
    for (uint32_t i = 1; i < maker->met_count; i++) {
        uint32_t place = vectors_find(vectors, maker->met[i]);
        if (place == PLACE_NONE)
            continue;
        float dot = kernels_best()->dot(vectors_row(vectors, own), vectors_row(vectors, place),
                                        VECTOR_SIZE);
        float cosine = dot * vectors->inverse_norms[own] * vectors->inverse_norms[place];
        keep_item(maker, maker->met[i], (double)cosine, "related");
    }
}

/* ---- the filters ---- */

/* Whether the product is a variant of the item itself. */
static bool is_own_variant(const struct item_lists_maker *maker, uint32_t product,
                           uint32_t group_name)
{
    return maker->product != PRODUCT_NONE && product != PRODUCT_NONE &&
           diversity_variant(maker->inputs->catalogue, product, group_name) == maker->variant;
}

/* Puts the candidates that pass the filters into a list, and forgets them. */
static void finish_list(struct item_lists_maker *maker, enum item_list_kind kind, uint32_t filters)
{
    const struct item_lists_inputs *inputs = maker->inputs;
    const struct catalogue *catalogue = inputs->catalogue;
    uint32_t group_name = diversity_group_name(catalogue), count = 0;
    struct item_list *list = &maker->lists.lists[kind];
    struct filter_item items[ITEM_CANDIDATES_MAX + FILTER_PINS_MAX];
    const struct filter_query query = {
        .catalogue = catalogue,
        .rules = maker->rules.count ? &maker->rules : NULL,
        .settings = inputs->filters,
        .placement = ITEM_LISTS_PLACEMENT,
        .filters = filters,
        .category = maker->product == PRODUCT_NONE ? WORD_NONE
                                                   : catalogue->products[maker->product].category,
        .context_item_id = maker->lists.item_id,
        .time_ms = maker->lists.event_time_ms,
        .shown_only = true,
    };
    for (uint32_t i = 0; i < maker->found_count; i++) {
        const struct found *found = &maker->found[i];
        if (!is_own_variant(maker, found->product, group_name))
            items[count++] = (struct filter_item){.item_id = found->item_id,
                                                  .product = found->product,
                                                  .score = (float)log(found->score),
                                                  .index = i};
    }
    list->count = filters_apply(maker->filters, &query, items, &count, inputs->length);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct found *found = &maker->found[items[i].index];
        double factor = exp((double)(items[i].score - (float)log(found->score)));
        list->items[i] = (struct listed_item){
            .item_id = found->item_id, .score = found->score * factor, .reason = found->reason};
    }
    maker->found_count = 0;
}

/* Leaves out what needs a visitor or a place. */
static void choose_rules(struct item_lists_maker *maker)
{
    const struct merchandising_rules *rules = maker->inputs->rules;
    uint32_t total = rules ? rules->count : 0;
    if (maker->rules_from == rules && maker->rules_digest == maker->inputs->rules_digest &&
        maker->rules_at == (rules ? rules->at : NULL))
        return;
    maker->rules_from = rules;
    maker->rules_at = rules ? rules->at : NULL;
    maker->rules_digest = maker->inputs->rules_digest;
    ARRAY_RESERVE(maker->rules.at, maker->rules_capacity, total);
    maker->rules.count = 0;
    for (uint32_t i = 0; i < total; i++)
        if (rules->at[i].action != RULE_PIN && rules->at[i].action != RULE_REPURCHASE)
            maker->rules.at[maker->rules.count++] = rules->at[i];
}

/* Finds the item. False: it has no lists. */
static bool begin(struct item_lists_maker *maker, const struct item_lists_inputs *inputs,
                  struct bytes item_id)
{
    const struct catalogue *catalogue = inputs->catalogue;
    int64_t time_ms = trends_clock(inputs->model->trends);
    maker->inputs = inputs;
    maker->item = model_find(inputs->model, item_id);
    maker->product = catalogue_find(catalogue, item_id);
    if (maker->product != PRODUCT_NONE && catalogue->products[maker->product].gone)
        return false;
    if (maker->item == ITEM_NONE ? maker->product == PRODUCT_NONE
                                 : !is_known(inputs, maker->item, maker->product))
        return false;
    maker->variant =
        maker->product == PRODUCT_NONE
            ? 0
            : diversity_variant(catalogue, maker->product, diversity_group_name(catalogue));
    maker->lists.item_id = item_id;
    maker->lists.offset = inputs->offset;
    maker->lists.event_time_ms = time_ms == INT64_MIN ? 0 : time_ms;
    maker->lists.catalogue = catalogue->digest;
    maker->lists.rules = inputs->rules_digest;
    for (int kind = 0; kind < ITEM_LIST_KINDS; kind++)
        maker->lists.lists[kind].count = 0;
    maker->found_count = 0;
    choose_rules(maker);
    return true;
}

const struct item_lists *item_lists_make(struct item_lists_maker *maker,
                                         const struct item_lists_inputs *inputs,
                                         struct bytes item_id)
{
    struct pairs totals;
    bool any = false;
    if (!begin(maker, inputs, item_id))
        return NULL;
    find_similar(maker);
    finish_list(maker, ITEM_LIST_SIMILAR, 0);
    if (maker->item != ITEM_NONE) {
        find_nearest(maker);
        finish_list(maker, ITEM_LIST_NEAREST, 0);
        find_viewed_next(maker);
        finish_list(maker, ITEM_LIST_VIEWED_NEXT, 0);
        sum_pairs(maker, &totals);
        find_goes_with(maker, totals);
        finish_list(maker, ITEM_LIST_GOES_WITH, FILTER_OTHER_CATEGORY);
        find_bought_together(maker, totals);
        finish_list(maker, ITEM_LIST_BOUGHT_TOGETHER, 0);
    }
    for (int kind = 0; kind < ITEM_LIST_KINDS; kind++)
        any = any || maker->lists.lists[kind].count > 0;
    return any ? &maker->lists : NULL;
}
