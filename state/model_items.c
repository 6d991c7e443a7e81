/* The model's items: which ids have a number, and which must go when there is no room. */
#include "state/model.h"

#include "schemas/array.h"
#include "schemas/draw.h"

#include <stdlib.h>

#define ROW_BITS ((1u << PAIR_ROWS) - 1)
#define EVICTIONS_MAX 2 /* for one new item: two where items_max was larger before */
#define DRAWS_MAX (4 * ITEM_SAMPLE)
#define UNUSED_MAX (1u << 20) /* at least; a stored model's items_max may have been larger */

uint32_t model_find(const struct model *model, struct bytes id)
{
    struct hash_probe probe = hash_index_probe(&model->index, hash_index_hash(id));
    while (hash_index_next(&model->index, &probe))
        if (bytes_equal(model->items[probe.entry].id, id))
            return probe.entry;
    return ITEM_NONE;
}

void model_mark(struct model *model, uint32_t item, uint8_t bits)
{
    if (model->items[item].dirty == 0) {
        ARRAY_RESERVE(model->dirty, model->dirty_capacity, model->dirty_count + 1);
        model->dirty[model->dirty_count++] = item;
    }
    model->items[item].dirty |= bits;
}

static void release_rows(struct model_item *item)
{
    for (int i = 0; i < PAIR_ROWS; i++)
        free(item->rows[i / PAIR_DIRECTIONS][i % PAIR_DIRECTIONS].entries);
    memset(item->rows, 0, sizeof item->rows);
}

/* ---- numbers ---- */

/* A number that nothing refers to: the smallest one. */
static uint32_t take_number(struct model *model)
{
    if (model->unused_count == 0) {
        uint32_t item = model->item_count++, capacity = model->item_capacity;
        ARRAY_RESERVE(model->item_states, capacity, model->item_count);
        ARRAY_RESERVE(model->items, model->item_capacity, model->item_count);
        model->items[item].dirty = 0;
        return item;
    }
    const uint8_t *from = model->item_states + model->unused_first;
    const uint8_t *at = memchr(from, ITEM_UNUSED, model->item_count - model->unused_first);
    uint32_t item = model->unused_first + (uint32_t)(at - from);
    model->unused_count--;
    model->unused_first = item + 1;
    reused_numbers_add(&model->reused, item);
    return item;
}

static void set_item(struct model *model, uint32_t item, struct bytes id)
{
    model->items[item] = (struct model_item){
        .id = bytes_of(memory_text(id), id.size),
        .counts.last_ms = INT64_MIN,
        .dirty = model->items[item].dirty,
    };
    model->item_states[item] = ITEM_LIVE;
    model->live_count++;
    hash_index_add(&model->index, hash_index_hash(id), item);
}

void model_free_number(struct model *model, uint32_t item)
{
    struct bytes *id = &model->items[item].id;
    number_queue_remove(&model->evicted, item);
    hash_index_remove(&model->index, hash_index_hash(*id), item);
    free((void *)(uintptr_t)id->at);
    *id = bytes_of(NULL, 0);
    release_rows(&model->items[item]); /* a damaged store may have some of an evicted item */
    vectors_forget(model->vectors, item);
    session_memory_forget(model->sessions, item);
    model->item_states[item] = ITEM_UNUSED;
    model->unused_count++;
    if (item < model->unused_first)
        model->unused_first = item;
    model_mark(model, item, ITEM_DIRTY_COUNTS | ITEM_DIRTY_STATE);
}

/* ---- evicting ---- */

static void evict(struct model *model, uint32_t item)
{
    struct model_item *row = &model->items[item];
    model->items_evicted++;
    model->items_unseated += !number_queue_has(&model->probation, item);
    number_queue_remove(&model->probation, item);
    release_rows(row);
    row->counts = (struct item_counts){.last_ms = INT64_MIN};
    model_popular_forget(model, item);
    trends_forget(model->trends, item);
    model->item_states[item] = ITEM_EVICTED;
    model->live_count--;
    number_queue_add(&model->evicted, item, 0, ++model->serial);
    model_mark(model, item, ITEM_DIRTY_COUNTS | ITEM_DIRTY_STATE | ROW_BITS);
    model_sweep(model);
}

static bool is_established(const struct model *model, uint32_t item)
{
    return model->item_states[item] == ITEM_LIVE && !number_queue_has(&model->probation, item);
}

/* The lightest of some established items, of which there is one at least. */
static uint32_t draw_established(const struct model *model)
{
    uint64_t state = model->serial;
    uint32_t victim = ITEM_NONE, item = 0;
    for (int draws = 0, found = 0; draws < DRAWS_MAX && found < ITEM_SAMPLE; draws++) {
        item = draw_below(draw_next(&state), model->item_count);
        if (!is_established(model, item))
            continue;
        found++;
        if (victim == ITEM_NONE ||
            model_heavier(&model->items[victim].counts, &model->items[item].counts))
            victim = item;
    }
    while (victim == ITEM_NONE) {
        item = (item + 1) % model->item_count;
        victim = is_established(model, item) ? item : ITEM_NONE;
    }
    return victim;
}

static void make_room(struct model *model)
{
    uint32_t share = probation_share(model->limits.items_max);
    for (int i = 0; i < EVICTIONS_MAX && model->live_count >= model->limits.items_max; i++) {
        uint32_t on_probation = model->probation.count;
        bool oldest = on_probation >= share || on_probation == model->live_count;
        evict(model, oldest ? number_queue_oldest(&model->probation) : draw_established(model));
    }
}

/* ---- interning ---- */

/* The item is new, or was evicted. */
static uint32_t admit(struct model *model, struct bytes id, uint64_t visitor)
{
    make_room(model);
    uint32_t item = model_find(model, id); /* its number may have been freed just now */
    if (item == ITEM_NONE) {
        item = take_number(model);
        set_item(model, item, id);
    } else {
        number_queue_remove(&model->evicted, item);
        model->item_states[item] = ITEM_LIVE;
        model->live_count++;
    }
    if (visitor != 0)
        number_queue_add(&model->probation, item, visitor, ++model->serial);
    model_mark(model, item, ITEM_DIRTY_COUNTS | ITEM_DIRTY_STATE);
    return item;
}

uint32_t model_intern(struct model *model, struct bytes id, uint64_t visitor)
{
    uint32_t item = model_find(model, id);
    if (item != ITEM_NONE && model->item_states[item] == ITEM_LIVE) {
        if (probation_ends(&model->probation, item, visitor)) {
            number_queue_remove(&model->probation, item);
            model_mark(model, item, ITEM_DIRTY_STATE);
        }
        return item;
    }
    if (model->limits.items_max == 0) {
        model->items_refused++;
        return ITEM_NONE;
    }
    return admit(model, id, visitor);
}

uint32_t model_live(const struct model *model, struct bytes id)
{
    uint32_t item = model_find(model, id);
    return item != ITEM_NONE && model->item_states[item] == ITEM_LIVE ? item : ITEM_NONE;
}

uint32_t model_item_of(struct model *model, const struct interaction *interaction)
{
    return interaction->change == CHANGE_ACTIVITY
               ? model_intern(model, interaction->subject, interaction->visitor)
               : model_live(model, interaction->subject);
}

void model_drop_evicted(const struct model *model, uint32_t *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (items[i] != ITEM_NONE && model->item_states[items[i]] != ITEM_LIVE)
            items[i] = ITEM_NONE;
}

/* ---- loading ---- */

/* Makes the numbers from item_count to `count` - 1 unused. False: they are too many. */
static bool add_unused(struct model *model, uint32_t count)
{
    uint32_t most = 2 * model_sweep_steps(model), capacity = model->item_capacity;
    uint32_t more = count - model->item_count;
    most = most > UNUSED_MAX ? most : UNUSED_MAX;
    if (count < model->item_count || model->unused_count > most ||
        more > most - model->unused_count)
        return false;
    ARRAY_RESERVE(model->item_states, capacity, count);
    ARRAY_RESERVE(model->items, model->item_capacity, count);
    if (more > 0) {
        memset(model->items + model->item_count, 0, more * sizeof *model->items);
        memset(model->item_states + model->item_count, ITEM_UNUSED, more);
    }
    model->unused_count += more;
    model->item_count = count;
    return true;
}

bool model_add_stored(struct model *model, uint32_t item, struct bytes id)
{
    if (item == ITEM_NONE || !add_unused(model, item) || !add_unused(model, item + 1))
        return false;
    model->unused_count--;
    set_item(model, item, id);
    return true;
}

void model_stored_state(struct model *model, uint32_t item, enum item_state state, uint64_t visitor,
                        uint64_t serial)
{
    if (state == ITEM_LIVE) {
        number_queue_add_stored(&model->probation, item, visitor, serial);
        return;
    }
    number_queue_add_stored(&model->evicted, item, visitor, serial);
    model->item_states[item] = ITEM_EVICTED;
    model->live_count--;
}

static void put_on_probation(struct model *model)
{
    for (uint32_t item = 0; item < model->item_count; item++) {
        uint64_t activities = 0;
        for (int kind = 0; kind < PAIR_KINDS; kind++)
            activities += model->items[item].counts.count[kind];
        if (activities > 1 || model->item_states[item] != ITEM_LIVE)
            continue;
        number_queue_add_stored(&model->probation, item, 0, item + 1);
        model_mark(model, item, ITEM_DIRTY_STATE);
    }
    model->serial = model->item_count;
}

bool model_stored_items(struct model *model, bool old)
{
    if (old)
        put_on_probation(model);
    bool good = old || add_unused(model, model->stored_count);
    good = number_queue_loaded(&model->probation) && good;
    return number_queue_loaded(&model->evicted) && good;
}
