#include "state/model.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#define BASE_RANGE 30 /* half-lives that a row's numbers go past its base */
#define COUNTS_DIRTY 0x80u

const char *const pair_kind_names[PAIR_KINDS] = {"view", "cart", "purchase"};

struct model_locks {
    pthread_rwlock_t rows;
};

bool pair_kind_of(enum kind kind, enum pair_kind *ret_rules)
{
    switch (kind) {
    case KIND_VIEW:
        *ret_rules = PAIR_VIEW;
        return true;
    case KIND_CART:
        *ret_rules = PAIR_CART;
        return true;
    case KIND_PURCHASE:
        *ret_rules = PAIR_PURCHASE;
        return true;
    default:
        return false;
    }
}

struct model *model_new(const struct model_limits *limits)
{
    struct model *model = memory_zero(1, sizeof *model);
    model->limits = *limits;
    model->slot_capacity = 1024;
    model->slots = memory_zero(model->slot_capacity, sizeof *model->slots);
    model->locks = memory_get(sizeof *model->locks);
    model->vectors = vectors_new(&limits->vectors);
    model->sessions = session_memory_new(&limits->sessions);
    model->queries = queries_new(&limits->queries, QUERIES_TABLE);
    model->channels = queries_new(&limits->channels, CHANNELS_TABLE);
    model->trends = trends_new();
    model->weights = weights_new(limits->features);
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
    free(model->slots);
    free(model->dirty);
    vectors_free(model->vectors);
    session_memory_free(model->sessions);
    queries_free(model->queries);
    queries_free(model->channels);
    trends_free(model->trends);
    free(model->weights);
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

/* ---- items ---- */

static uint32_t *find_slot(const struct model *model, struct bytes id)
{
    uint32_t mask = model->slot_capacity - 1;
    for (uint32_t i = (uint32_t)bytes_hash(id) & mask;; i = (i + 1) & mask) {
        uint32_t item = model->slots[i];
        if (item == 0 || bytes_equal(model->items[item - 1].id, id))
            return &model->slots[i];
    }
}

uint32_t model_find(const struct model *model, struct bytes id)
{
    uint32_t item = *find_slot(model, id);
    return item == 0 ? ITEM_NONE : item - 1;
}

static void mark_dirty(struct model *model, uint32_t item, uint8_t what)
{
    if (model->items[item].dirty == 0) {
        if (model->dirty_count == model->dirty_capacity) {
            model->dirty_capacity = model->dirty_capacity ? 2 * model->dirty_capacity : 1024;
            model->dirty =
                memory_resize(model->dirty, model->dirty_capacity * sizeof *model->dirty);
        }
        model->dirty[model->dirty_count++] = item;
    }
    model->items[item].dirty |= what;
}

static uint32_t add_item(struct model *model, struct bytes id)
{
    if (2 * model->item_count >= model->slot_capacity) {
        free(model->slots);
        model->slot_capacity *= 2;
        model->slots = memory_zero(model->slot_capacity, sizeof *model->slots);
        for (uint32_t i = 0; i < model->item_count; i++)
            *find_slot(model, model->items[i].id) = i + 1;
    }
    if (model->item_count == model->item_capacity) {
        model->item_capacity = model->item_capacity ? 2 * model->item_capacity : 1024;
        model->items = memory_resize(model->items, model->item_capacity * sizeof *model->items);
    }
    uint32_t item = model->item_count++;
    model->items[item] = (struct model_item){
        .id = bytes_of(memory_text(id), id.size),
        .counts.last_ms = INT64_MIN,
    };
    *find_slot(model, id) = item + 1;
    return item;
}

uint32_t model_intern(struct model *model, struct bytes id)
{
    uint32_t item = model_find(model, id);
    if (item != ITEM_NONE)
        return item;
    if (model->item_count >= model->limits.items_max) {
        model->items_refused++;
        return ITEM_NONE;
    }
    item = add_item(model, id);
    mark_dirty(model, item, COUNTS_DIRTY);
    return item;
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

static void reserve_entry(struct row *row)
{
    if (row->count < row->capacity)
        return;
    row->capacity = row->capacity ? row->capacity + row->capacity / 2 + 1 : 2;
    row->entries = memory_resize(row->entries, row->capacity * sizeof *row->entries);
}

/* A place for a new entry, or row->count when it has to stay outside. */
static uint32_t place_entry(struct model *model, struct row *row, double weight, uint64_t chance)
{
    if (row->count < model->limits.row_entries_max) {
        reserve_entry(row);
        return row->count++;
    }
    model->entries_evicted++;
    double weakest = row->entries[row->count - 1].weight;
    double draw = (double)(chance >> 11) * 0x1p-53;
    return draw * (weight + weakest) < weight ? row->count - 1 : row->count;
}

static void bubble_up(struct row *row, uint32_t at)
{
    while (at > 0 && row->entries[at - 1].weight < row->entries[at].weight) {
        struct row_entry entry = row->entries[at];
        row->entries[at] = row->entries[at - 1];
        row->entries[--at] = entry;
    }
}

void model_add(struct model *model, uint32_t owner, enum pair_kind kind,
               enum pair_direction direction, uint32_t item, double units, bool gap_one,
               struct decay decay, int64_t time_ms, uint64_t chance)
{
    struct row *row = &model->items[owner].rows[kind][direction];
    mark_dirty(model, owner, (uint8_t)(1u << ((int)kind * (int)PAIR_DIRECTIONS + (int)direction)));
    if (row->count == 0 && !(row->total > 0)) {
        row->base = decay.k;
        row->total = row->total_one = 0;
    } else if (decay.k - row->base > BASE_RANGE) {
        move_base(row, decay.k);
    }
    double weight = ldexp(units * decay.m, decay.k - row->base);
    row->total += weight;
    if (gap_one)
        row->total_one += weight;
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
        entry->weight_one += weight;
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

/* ---- popularity ---- */

static bool heavier(const struct item_counts *a, const struct item_counts *b)
{
    if (a->base >= b->base)
        return a->recent > ldexp(b->recent, b->base - a->base);
    return ldexp(a->recent, a->base - b->base) > b->recent;
}

/* Numbers only grow between two calls, so only `item` can have to move up. */
static void keep_popular(struct model *model, uint32_t item)
{
    uint32_t at = 0;
    while (at < model->popular_count && model->popular[at] != item)
        at++;
    if (at == model->popular_count) {
        if (model->popular_count < POPULAR_MAX)
            model->popular_count++;
        else if (!heavier(&model->items[item].counts,
                          &model->items[model->popular[POPULAR_MAX - 1]].counts))
            return;
        at = model->popular_count - 1;
        model->popular[at] = item;
    }
    for (; at > 0 &&
           heavier(&model->items[item].counts, &model->items[model->popular[at - 1]].counts);
         at--) {
        model->popular[at] = model->popular[at - 1];
        model->popular[at - 1] = item;
    }
}

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
    mark_dirty(model, item, COUNTS_DIRTY);
    keep_popular(model, item);
}

void model_merge(struct model *model, const struct weights *difference)
{
    if (difference->features != model->weights->features) {
        model->weights_dropped++;
        return;
    }
    struct weights *sum = weights_new(0);
    memcpy(sum, model->weights, sizeof *sum);
    weights_add(sum, difference);
    if (!weights_finite(sum)) { /* each is, but not both together */
        model->weights_dropped++;
        free(sum);
        weights_refuse(model->weights, difference);
        model->weights_dirty = true;
        return;
    }
    free(model->weights);
    model->weights = sum;
    model->weights_dirty = true;
}

/* ---- on disk ----
 *
 * counts:  count(8) x 3, recent(8), base(4), last_ms(8)                       = 44 bytes
 * row:     total(8), total_one(8), base(4), count(4), then for each entry
 *          item(4), last_s(4), weight(8), weight_one(8)                       = 24 + 24 n bytes
 */
#define COUNTS_BYTES 44
#define ROW_HEADER_BYTES 24
#define ENTRY_BYTES 24

static void put(struct buffer *buffer, const void *value, size_t size)
{
    buffer_append(buffer, value, size); /* weft runs on little-endian machines; see model_save */
}

static struct bytes item_key(char *to, char table, int row, uint32_t item)
{
    size_t size = 0;
    to[size++] = table;
    if (row >= 0)
        to[size++] = (char)row;
    for (int i = 0; i < 4; i++)
        to[size++] = (char)(item >> (24 - 8 * i));
    return bytes_of(to, size);
}

static void write_counts(const struct item_counts *counts, struct buffer *buffer)
{
    for (int kind = 0; kind < PAIR_KINDS; kind++)
        put(buffer, &counts->count[kind], 8);
    put(buffer, &counts->recent, 8);
    put(buffer, &counts->base, 4);
    put(buffer, &counts->last_ms, 8);
}

static void write_row(const struct row *row, struct buffer *buffer)
{
    put(buffer, &row->total, 8);
    put(buffer, &row->total_one, 8);
    put(buffer, &row->base, 4);
    put(buffer, &row->count, 4);
    for (uint32_t i = 0; i < row->count; i++) {
        put(buffer, &row->entries[i].item, 4);
        put(buffer, &row->entries[i].last_s, 4);
        put(buffer, &row->entries[i].weight, 8);
        put(buffer, &row->entries[i].weight_one, 8);
    }
}

void model_save(struct model *model, struct store_batch *batch)
{
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are written as they lie");
    struct buffer value = {0};
    char key[8];
    uint32_t format = MODEL_FORMAT;
    batch_put(batch, FAMILY_MODEL, bytes_of("m", 1), bytes_of((const char *)&format, 4));
    for (uint32_t i = 0; i < model->dirty_count; i++) {
        uint32_t index = model->dirty[i];
        struct model_item *item = &model->items[index];
        if (item->dirty & COUNTS_DIRTY) {
            buffer_clear(&value);
            write_counts(&item->counts, &value);
            batch_put(batch, FAMILY_MODEL, item_key(key, 'i', -1, index), item->id);
            batch_put(batch, FAMILY_MODEL, item_key(key, 's', -1, index), buffer_bytes(&value));
        }
        for (int row = 0; row < PAIR_ROWS; row++) {
            if (!(item->dirty >> row & 1))
                continue;
            buffer_clear(&value);
            write_row(&item->rows[row / PAIR_DIRECTIONS][row % PAIR_DIRECTIONS], &value);
            batch_put(batch, FAMILY_MODEL, item_key(key, 'r', row, index), buffer_bytes(&value));
        }
        item->dirty = 0;
    }
    model->dirty_count = 0;
    vectors_save(model->vectors, batch);
    session_memory_save(model->sessions, batch);
    queries_save(model->queries, batch);
    queries_save(model->channels, batch);
    trends_save(model->trends, batch);
    if (model->weights_dirty)
        weights_save(model->weights, batch);
    model->weights_dirty = false;
    buffer_release(&value);
}

struct loader {
    struct store_visitor visitor;
    struct model *model;
    int pass; /* 0: the items, 1: what refers to them */
};

static enum verdict damaged(struct error *error, char table)
{
    return error_set(error, VERDICT_FATAL,
                     "a row of the stored model is damaged (table '%c'); delete the state folder: "
                     "it is rebuilt from Kafka",
                     table);
}

static uint32_t key_item(struct bytes key)
{
    uint32_t item = 0;
    for (size_t i = key.size - 4; i < key.size; i++)
        item = item << 8 | (unsigned char)key.at[i];
    return item;
}

static bool read_counts(struct bytes value, struct item_counts *counts)
{
    if (value.size != COUNTS_BYTES)
        return false;
    memcpy(counts->count, value.at, 24);
    memcpy(&counts->recent, value.at + 24, 8);
    memcpy(&counts->base, value.at + 32, 4);
    memcpy(&counts->last_ms, value.at + 36, 8);
    return isfinite(counts->recent) && counts->recent >= 0;
}

static bool read_row(struct bytes value, uint32_t item_count, struct row *row)
{
    if (value.size < ROW_HEADER_BYTES)
        return false;
    memcpy(&row->total, value.at, 8);
    memcpy(&row->total_one, value.at + 8, 8);
    memcpy(&row->base, value.at + 16, 4);
    uint32_t count;
    memcpy(&count, value.at + 20, 4);
    if (value.size != ROW_HEADER_BYTES + (uint64_t)count * ENTRY_BYTES || !isfinite(row->total) ||
        !isfinite(row->total_one))
        return false;
    row->count = row->capacity = count;
    row->entries = memory_get(count * sizeof *row->entries);
    const char *at = value.at + ROW_HEADER_BYTES;
    for (uint32_t i = 0; i < count; i++, at += ENTRY_BYTES) {
        struct row_entry *entry = &row->entries[i];
        memcpy(&entry->item, at, 4);
        memcpy(&entry->last_s, at + 4, 4);
        memcpy(&entry->weight, at + 8, 8);
        memcpy(&entry->weight_one, at + 16, 8);
        if (entry->item >= item_count || !(isfinite(entry->weight) && entry->weight > 0) ||
            !isfinite(entry->weight_one))
            return false;
    }
    return true;
}

static enum verdict load_row(struct store_visitor *visitor, struct bytes key, struct bytes value,
                             struct error *error)
{
    struct loader *loader = (struct loader *)(void *)visitor;
    struct model *model = loader->model;
    char table = key.size > 0 ? key.at[0] : '?';
    if (table == 'm') {
        uint32_t format = 0;
        memcpy(&format, value.at, value.size < 4 ? value.size : 4);
        if (format != MODEL_FORMAT)
            return error_set(error, VERDICT_FATAL,
                             "the stored model has format %u, this weft knows %d: use the newer "
                             "weft, or delete the state folder",
                             format, MODEL_FORMAT);
        return VERDICT_OK;
    }
    if (loader->pass == 0) {
        if (table != 'i')
            return VERDICT_OK;
        if (key.size != 5 || key_item(key) != model->item_count ||
            model_find(model, value) != ITEM_NONE)
            return damaged(error, table);
        add_item(model, value);
        return VERDICT_OK;
    }
    if (table == 'i')
        return VERDICT_OK;
    if (table == 'e' || table == 'p' || table == 'q')
        return vectors_load_row(model->vectors, model->item_count, key, value) == VERDICT_OK
                   ? VERDICT_OK
                   : damaged(error, table);
    if (table == 't' || table == 'u')
        return session_memory_load_row(model->sessions, model->item_count, key, value) == VERDICT_OK
                   ? VERDICT_OK
                   : damaged(error, table);
    if (table == QUERIES_TABLE || table == CHANNELS_TABLE)
        return queries_load_row(table == QUERIES_TABLE ? model->queries : model->channels,
                                model->item_count, key, value) == VERDICT_OK
                   ? VERDICT_OK
                   : damaged(error, table);
    if (table == 'h')
        return trends_load_row(model->trends, model->item_count, key, value) == VERDICT_OK
                   ? VERDICT_OK
                   : damaged(error, table);
    if (table == 'w') {
        bool dropped;
        if (weights_load(model->weights, value, &dropped) != VERDICT_OK)
            return damaged(error, table);
        model->weights_dropped += dropped;
        return VERDICT_OK;
    }
    if ((table != 'r' && table != 's') || key.size != (table == 'r' ? 6u : 5u) ||
        key_item(key) >= model->item_count)
        return damaged(error, table);
    struct model_item *item = &model->items[key_item(key)];
    if (table == 's') {
        if (!read_counts(value, &item->counts))
            return damaged(error, table);
        if (item->counts.last_ms > model->latest_ms)
            model->latest_ms = item->counts.last_ms;
        if (item->counts.recent > 0)
            keep_popular(model, key_item(key));
        return VERDICT_OK;
    }
    int row = key.at[1];
    if (row < 0 || row >= PAIR_ROWS ||
        !read_row(value, model->item_count,
                  &item->rows[row / PAIR_DIRECTIONS][row % PAIR_DIRECTIONS]))
        return damaged(error, table);
    return VERDICT_OK;
}

enum verdict model_load(struct model *model, struct store *store, struct error *error)
{
    struct loader loader = {.visitor.row = load_row, .model = model};
    assert(model->item_count == 0);
    enum verdict verdict = VERDICT_OK;
    for (loader.pass = 0; verdict == VERDICT_OK && loader.pass < 2; loader.pass++)
        verdict = store->scan(store, FAMILY_MODEL, bytes_of("", 0), &loader.visitor, error);
    if (verdict == VERDICT_OK && vectors_loaded(model->vectors) != VERDICT_OK)
        verdict = damaged(error, 'p');
    if (verdict == VERDICT_OK)
        session_memory_loaded(model->sessions);
    return verdict;
}

enum verdict model_stored_format(struct store *store, uint32_t *ret_format, struct error *error)
{
    struct buffer value = {0};
    enum verdict verdict = store->get(store, FAMILY_MODEL, bytes_of("m", 1), &value, error);
    *ret_format = 0;
    if (verdict == VERDICT_OK)
        memcpy(ret_format, value.at, value.size < 4 ? value.size : 4);
    buffer_release(&value);
    return verdict;
}

size_t model_bytes(const struct model *model)
{
    size_t bytes = sizeof *model + vectors_bytes(model->vectors) +
                   session_memory_bytes(model->sessions) + queries_bytes(model->queries) +
                   queries_bytes(model->channels) + trends_bytes(model->trends) +
                   sizeof *model->weights + model->item_capacity * sizeof *model->items +
                   model->slot_capacity * sizeof *model->slots +
                   model->dirty_capacity * sizeof *model->dirty;
    for (uint32_t i = 0; i < model->item_count; i++) {
        bytes += model->items[i].id.size + 1;
        for (int row = 0; row < PAIR_ROWS; row++)
            bytes += model->items[i].rows[row / PAIR_DIRECTIONS][row % PAIR_DIRECTIONS].capacity *
                     sizeof(struct row_entry);
    }
    return bytes;
}
