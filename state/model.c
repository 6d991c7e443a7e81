#include "state/model.h"

#include "schemas/draw.h"
#include "state/model_tables.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#define BASE_RANGE 30 /* half-lives that a row's numbers go past its base */

const char *const pair_kind_names[PAIR_KINDS] = {"view", "cart", "purchase"};

struct model_locks {
    pthread_rwlock_t rows;
};

bool pair_kind_of(enum kind kind, enum pair_kind *ret_pair)
{
    switch (kind) {
    case KIND_VIEW:
        *ret_pair = PAIR_VIEW;
        return true;
    case KIND_CART:
        *ret_pair = PAIR_CART;
        return true;
    case KIND_PURCHASE:
        *ret_pair = PAIR_PURCHASE;
        return true;
    default:
        return false;
    }
}

struct model *model_new(const struct model_limits *limits)
{
    struct model *model = memory_zero(1, sizeof *model);
    model->limits = *limits;
    model->locks = memory_get(sizeof *model->locks);
    model->vectors = vectors_new(&limits->vectors);
    model->sessions = session_memory_new(&limits->sessions);
    model->queries = queries_new(&limits->queries, MODEL_TABLE_QUERIES);
    model->channels = queries_new(&limits->channels, MODEL_TABLE_CHANNELS);
    model->trends = trends_new();
    model->weights = weights_new(limits->features);
    model->cart_weights = weights_new(limits->cart_features);
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&model->locks->rows, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    return model;
}

void model_free(struct model *model)
{
    if (model == NULL)
        return;
    for (uint32_t i = 0; i < model->item_count; i++) {
        free((void *)(uintptr_t)model->items[i].id.at);
        for (int row = 0; row < PAIR_ROWS; row++)
            free(model->items[i].rows[row / PAIR_DIRECTIONS][row % PAIR_DIRECTIONS].entries);
    }
    free(model->items);
    free(model->item_states);
    hash_index_release(&model->index);
    number_queue_release(&model->probation);
    number_queue_release(&model->evicted);
    free(model->reserve);
    free(model->dirty);
    vectors_free(model->vectors);
    session_memory_free(model->sessions);
    queries_free(model->queries);
    queries_free(model->channels);
    trends_free(model->trends);
    free(model->weights);
    free(model->cart_weights);
    pthread_rwlock_destroy(&model->locks->rows);
    free(model->locks);
    free(model);
}

void model_lock_read(struct model *model)
{
    pthread_rwlock_rdlock(&model->locks->rows);
}

void model_unlock_read(struct model *model)
{
    pthread_rwlock_unlock(&model->locks->rows);
}

void model_lock_write(struct model *model)
{
    pthread_rwlock_wrlock(&model->locks->rows);
}

void model_unlock_write(struct model *model)
{
    pthread_rwlock_unlock(&model->locks->rows);
}

/* ---- rows ---- */

static void move_base(struct row *row, int32_t base)
{
    int shift = row->base - base;
    row->total = ldexp(row->total, shift);
    row->total_one = ldexp(row->total_one, shift);
    for (uint32_t i = 0; i < row->count; i++) {
        row->entries[i].weight = ldexp(row->entries[i].weight, shift);
        row->entries[i].weight_one = ldexp(row->entries[i].weight_one, shift);
    }
    row->base = base;
}

static void remove_entry(struct row *row, uint32_t at)
{
    row->count--;
    memmove(row->entries + at, row->entries + at + 1, (row->count - at) * sizeof *row->entries);
}

/* Grows slowly: there are six such arrays per item. */
static void reserve_entry(struct row *row)
{
    if (row->count < row->capacity)
        return;
    row->capacity = row->capacity ? row->capacity + row->capacity / 2 + 1 : 2;
    row->entries = memory_resize(row->entries, row->capacity * sizeof *row->entries);
}

/* A place for a new entry; row->count: there is none. */
static uint32_t place_entry(struct model *model, struct row *row, double weight, uint64_t chance)
{
    if (row->count < model->limits.row_entries_max) {
        reserve_entry(row);
        return row->count++;
    }
    model->entries_evicted++;
    double weakest = row->entries[row->count - 1].weight;
    return draw_unit(chance) * (weight + weakest) < weight ? row->count - 1 : row->count;
}

static void bubble_up(struct row *row, uint32_t at)
{
    while (at > 0 && row->entries[at - 1].weight < row->entries[at].weight) {
        struct row_entry entry = row->entries[at];
        row->entries[at] = row->entries[at - 1];
        row->entries[--at] = entry;
    }
}

static double sum_of(double sum, double weight)
{
    return sum + weight > 0 ? sum + weight : 0;
}

void model_add(struct model *model, uint32_t owner, enum pair_kind kind,
               enum pair_direction direction, uint32_t item, double units, bool gap_one,
               struct decay decay, int64_t time_ms, uint64_t chance)
{
    struct row *row = &model->items[owner].rows[kind][direction];
    model_mark(model, owner, (uint8_t)(1u << ((int)kind * (int)PAIR_DIRECTIONS + (int)direction)));
    if (row->count == 0 && !(row->total > 0)) {
        row->base = decay.k;
        row->total = row->total_one = 0;
    } else if (decay.k - row->base > BASE_RANGE) {
        move_base(row, decay.k);
    }
    double weight = ldexp(units * decay.m, decay.k - row->base);
    row->total = sum_of(row->total, weight);
    if (gap_one)
        row->total_one = sum_of(row->total_one, weight);
    uint32_t at = 0;
    while (at < row->count && row->entries[at].item != item)
        at++;
    if (at == row->count) {
        if (weight <= 0)
            return;
        at = place_entry(model, row, weight, chance);
        if (at == row->count)
            return;
        row->entries[at] = (struct row_entry){.item = item};
    }
    struct row_entry *entry = &row->entries[at];
    entry->weight += weight;
    if (gap_one)
        entry->weight_one = sum_of(entry->weight_one, weight);
    uint32_t seconds = time_ms > 0 ? (uint32_t)(time_ms / 1000) : 0;
    if (seconds > entry->last_s)
        entry->last_s = seconds;
    if (entry->weight <= 0) {
        remove_entry(row, at);
        return;
    }
    bubble_up(row, at);
    while (units < 0 && at + 1 < row->count &&
           row->entries[at + 1].weight > row->entries[at].weight)
        bubble_up(row, ++at);
}

/* ---- counts ---- */

void model_count(struct model *model, uint32_t item, enum pair_kind kind, struct decay decay,
                 int64_t time_ms)
{
    struct item_counts *counts = &model->items[item].counts;
    counts->count[kind]++;
    if (counts->recent == 0) {
        counts->base = decay.k;
    } else if (decay.k - counts->base > BASE_RANGE) {
        counts->recent = ldexp(counts->recent, counts->base - decay.k);
        counts->base = decay.k;
    }
    counts->recent += ldexp(decay.m, decay.k - counts->base);
    if (time_ms > counts->last_ms)
        counts->last_ms = time_ms;
    if (time_ms > model->latest_ms)
        model->latest_ms = time_ms;
    model_mark(model, item, ITEM_DIRTY_COUNTS);
    model_popular_count(model, item);
}

void model_uncount(struct model *model, uint32_t item, enum pair_kind kind, struct decay decay)
{
    struct item_counts *counts = &model->items[item].counts;
    if (counts->count[kind] == 0)
        return;
    counts->count[kind]--;
    counts->recent = decay_take_back(counts->recent, decay.m, decay.k - counts->base);
    model_mark(model, item, ITEM_DIRTY_COUNTS);
    model_popular_uncount(model, item);
}

void model_stored_counts(struct model *model, uint32_t item)
{
    const struct item_counts *counts = &model->items[item].counts;
    if (counts->last_ms > model->latest_ms)
        model->latest_ms = counts->last_ms;
    if (counts->recent > 0)
        model_popular_count(model, item);
}

/* Returns whether the sum was taken; it is not if it is not finite. */
static bool merge(struct weights **weights, const struct weights *difference)
{
    struct weights *sum = weights_new(0);
    memcpy(sum, *weights, sizeof *sum);
    weights_add(sum, difference);
    if (!weights_finite(sum)) { /* each of the two is finite, but not their sum */
        free(sum);
        weights_refuse(*weights, difference);
        return false;
    }
    free(*weights);
    *weights = sum;
    return true;
}

void model_merge(struct model *model, const struct weights *difference)
{
    bool merged = false;
    if (difference->features == model->weights->features) {
        merged = merge(&model->weights, difference);
        model->weights_dirty = true;
    } else if (difference->features == model->cart_weights->features) {
        merged = merge(&model->cart_weights, difference);
        model->cart_weights_dirty = true;
    }
    model->weights_dropped += !merged;
}

size_t model_tables_bytes(const struct model *model)
{
    return sizeof *model + vectors_bytes(model->vectors) + trends_bytes(model->trends) +
           2 * sizeof *model->weights + model->item_count * (sizeof *model->items + 1) +
           hash_index_bytes(&model->index) + number_queue_bytes(&model->probation) +
           number_queue_bytes(&model->evicted) + model->dirty_capacity * sizeof *model->dirty;
}

size_t model_items_bytes(const struct model *model, uint32_t from, uint32_t to)
{
    size_t bytes = 0;
    for (uint32_t i = from; i < to; i++) {
        bytes += memory_block_bytes(model->items[i].id.size + 1);
        for (int row = 0; row < PAIR_ROWS; row++)
            bytes += memory_block_bytes(
                model->items[i].rows[row / PAIR_DIRECTIONS][row % PAIR_DIRECTIONS].capacity *
                sizeof(struct row_entry));
    }
    return bytes;
}

size_t model_bytes(const struct model *model)
{
    return model_tables_bytes(model) + model_items_bytes(model, 0, model->item_count) +
           session_memory_bytes(model->sessions) + queries_bytes(model->queries) +
           queries_bytes(model->channels);
}
