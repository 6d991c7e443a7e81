/* The numbers of one moment, copied from the model. */
#include "processors/recommend/rankings/rankings.h"

#include "schemas/array.h"

#include <math.h>
#include <stdlib.h>

#define FIVE_PERCENT 1.645 /* 5 % of the normal distribution lie beyond this many deviations */

double rankings_trend(double s, double e)
{
    double k = TREND_PRIOR + s;
    double root = 1 - 1 / (9 * k) - FIVE_PERCENT / (3 * sqrt(k));
    return k / (TREND_PRIOR + e) * root * root * root;
}

/* ---- the view ---- */

void rankings_release(struct rankings_view *view)
{
    free(view->items);
    free(view->terms);
    free(view->entries);
    free((void *)view->ids);
    arena_release(&view->texts);
    *view = (struct rankings_view){0};
}

/* The view's own copy of the item's id, with the NUL behind it. */
static struct bytes copy_id(struct rankings_view *view, const struct model *model, uint32_t item)
{
    struct bytes id = model->items[item].id;
    if (view->ids[item] == NULL)
        view->ids[item] = arena_copy(&view->texts, bytes_of(id.at, id.size + 1)).at;
    return bytes_of(view->ids[item], id.size);
}

static void take_items(struct rankings_view *view, const struct model *model)
{
    struct decay slow = decay_at(view->time_ms, model->limits.popular_half_life_ms);
    struct decay quick = decay_at(view->time_ms, model->limits.quick_half_life_ms);
    ARRAY_RESERVE(view->items, view->item_capacity, model->item_count);
    for (uint32_t item = 0; item < model->item_count; item++) {
        const struct trend *row = trends_row(model->trends, item);
        if (row == NULL)
            continue;
        struct ranked_counts counts = {
            .quick = decay_events(row->quick, row->quick_base, quick),
        };
        double sum = counts.quick;
        for (int kind = 0; kind < PAIR_KINDS; kind++)
            sum += counts.counts[kind] = decay_events(row->slow[kind], row->base, slow);
        if (!(sum > RANKING_LEAST))
            continue;
        counts.item_id = copy_id(view, model, item);
        view->items[view->item_count++] = counts;
    }
}

/* ---- the searches after which most was taken ---- */

struct weighed {
    bool single; /* one visitor alone searched so */
    double total;
    uint32_t query;
    struct bytes text;
};

/* Whether `a` comes behind `b`. A purchase of many items makes a term heavy, so terms of a single
 * visitor come last. */
static bool behind(const struct weighed *a, const struct weighed *b)
{
    if (a->single != b->single)
        return a->single;
    if (a->total < b->total || a->total > b->total)
        return a->total < b->total;
    return bytes_compare(a->text, b->text) > 0;
}

/* A heap whose first entry is behind all others (Williams 1964), since `max`
 * may be a million. */
static void sift_down(struct weighed *heap, uint32_t count, uint32_t at)
{
    struct weighed item = heap[at];
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && behind(&heap[child + 1], &heap[child]))
            child++;
        if (!behind(&heap[child], &item))
            break;
        heap[at] = heap[child];
    }
    heap[at] = item;
}

static void sift_up(struct weighed *heap, uint32_t at)
{
    struct weighed item = heap[at];
    for (; at > 0 && behind(&item, &heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = item;
}

static int weighed_order(const void *a, const void *b)
{
    const struct weighed *x = a, *y = b;
    return behind(x, y) ? 1 : behind(y, x) ? -1 : 0;
}

static void copy_term(struct rankings_view *view, const struct model *model,
                      const struct weighed *weighed, struct decay now)
{
    const struct query_row *row = &model->queries->rows[weighed->query];
    struct ranked_term *term = &view->terms[view->term_count++];
    *term = (struct ranked_term){.text = arena_copy(&view->texts, query_text(row)),
                                 .total = weighed->total,
                                 .first = view->entry_count};
    ARRAY_RESERVE(view->entries, view->entry_capacity, view->entry_count + row->count);
    for (uint32_t i = 0; i < row->count; i++) {
        double units = decay_events(row->entries[i].weight, row->base, now);
        if (units > RANKING_LEAST)
            view->entries[view->entry_count++] = (struct ranked_entry){
                .item_id = copy_id(view, model, row->entries[i].item), .units = units};
    }
    term->count = view->entry_count - term->first;
}

static void take_terms(struct rankings_view *view, const struct model *model, uint32_t max)
{
    const struct queries *queries = model->queries;
    struct decay now = decay_at(view->time_ms, model->limits.pair_half_life_ms);
    if (max > queries->count)
        max = queries->count;
    struct weighed *heap = memory_get((max + 1ul) * sizeof *heap);
    uint32_t count = 0, seen = 0;
    for (uint32_t i = 0; i < queries->count; i++) {
        const struct query_row *row = &queries->rows[i];
        struct weighed weighed = {.single = number_queue_has(&queries->probation, i),
                                  .total = decay_events(row->total, row->base, now),
                                  .query = i,
                                  .text = query_text(row)};
        if (!(weighed.total > RANKING_LEAST))
            continue;
        seen++;
        if (count < max) {
            heap[count] = weighed;
            sift_up(heap, count++);
        } else if (max > 0 && behind(&heap[0], &weighed)) {
            heap[0] = weighed;
            sift_down(heap, count, 0);
        }
    }
    qsort(heap, count, sizeof *heap, weighed_order);
    ARRAY_RESERVE(view->terms, view->term_capacity, count);
    for (uint32_t i = 0; i < count; i++)
        copy_term(view, model, &heap[i], now);
    view->terms_out = seen - count;
    free(heap);
}

void rankings_collect(struct rankings_view *view, const struct model *model, int64_t offset,
                      const struct rankings_settings *settings)
{
    view->offset = offset;
    view->time_ms = trends_clock(model->trends);
    view->item_count = view->term_count = view->entry_count = view->terms_out = 0;
    arena_clear(&view->texts);
    if (view->time_ms == INT64_MIN)
        return;
    ARRAY_RESERVE(view->ids, view->id_capacity, model->item_count);
    memset((void *)view->ids, 0, model->item_count * sizeof *view->ids);
    take_items(view, model);
    take_terms(view, model, settings->terms_max);
}
