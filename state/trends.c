#include "state/trends.h"

#include "schemas/array.h"
#include "state/model_tables.h"

#include <math.h>
#include <stdlib.h>

#define ROW_BYTES 40
#define CLOCK_BYTES 8 /* and 8 for each time */

struct trends *trends_new(void)
{
    return memory_zero(1, sizeof(struct trends));
}

void trends_free(struct trends *trends)
{
    if (trends == NULL)
        return;
    free(trends->rows);
    free(trends->dirty);
    free(trends);
}

static struct trend *reach(struct trends *trends, uint32_t item)
{
    ARRAY_RESERVE_ZERO(trends->rows, trends->capacity, item + 1);
    return &trends->rows[item];
}

static bool is_empty(const struct trend *row)
{
    return !(row->quick > 0) && !(row->slow[0] > 0) && !(row->slow[1] > 0) && !(row->slow[2] > 0);
}

static void mark_dirty(struct trends *trends, uint32_t item)
{
    if (trends->rows[item].dirty)
        return;
    trends->rows[item].dirty = true;
    ARRAY_RESERVE(trends->dirty, trends->dirty_capacity, trends->dirty_count + 1);
    trends->dirty[trends->dirty_count++] = item;
}

static void note_time(struct trends *trends, int64_t time_ms)
{
    trends->times[trends->time_next] = time_ms;
    trends->time_next = (trends->time_next + 1) % TRENDS_CLOCK;
    trends->time_count += trends->time_count < TRENDS_CLOCK;
    trends->clock_dirty = true;
}

void trends_add(struct trends *trends, uint32_t item, int kind, struct decay slow,
                struct decay quick, int64_t time_ms)
{
    struct trend *row = reach(trends, item);
    if (is_empty(row)) {
        row->base = slow.k;
        row->quick_base = quick.k;
    }
    if (slow.k - row->base > TRENDS_BASE_RANGE) {
        for (int i = 0; i < TREND_KINDS; i++)
            row->slow[i] = ldexp(row->slow[i], row->base - slow.k);
        row->base = slow.k;
    }
    if (quick.k - row->quick_base > TRENDS_BASE_RANGE) {
        row->quick = ldexp(row->quick, row->quick_base - quick.k);
        row->quick_base = quick.k;
    }
    row->slow[kind] += ldexp(slow.m, slow.k - row->base);
    row->quick += ldexp(quick.m, quick.k - row->quick_base);
    mark_dirty(trends, item);
    note_time(trends, time_ms);
}

void trends_take_back(struct trends *trends, uint32_t item, int kind, struct decay slow,
                      struct decay quick)
{
    if (trends_row(trends, item) == NULL)
        return;
    struct trend *row = &trends->rows[item];
    row->slow[kind] = decay_take_back(row->slow[kind], slow.m, slow.k - row->base);
    row->quick = decay_take_back(row->quick, quick.m, quick.k - row->quick_base);
    mark_dirty(trends, item);
}

void trends_forget(struct trends *trends, uint32_t item)
{
    if (trends_row(trends, item) == NULL)
        return;
    trends->rows[item] = (struct trend){.dirty = trends->rows[item].dirty};
    mark_dirty(trends, item);
}

const struct trend *trends_row(const struct trends *trends, uint32_t item)
{
    return item < trends->capacity && !is_empty(&trends->rows[item]) ? &trends->rows[item] : NULL;
}

static int time_order(const void *a, const void *b)
{
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

int64_t trends_clock(const struct trends *trends)
{
    int64_t times[TRENDS_CLOCK];
    if (trends->time_count == 0)
        return INT64_MIN;
    memcpy(times, trends->times, trends->time_count * sizeof *times);
    qsort(times, trends->time_count, sizeof *times, time_order);
    return times[(trends->time_count - 1) / 2];
}

/* ---- on disk ---- */

static void save_clock(struct trends *trends, struct store_batch *batch, struct buffer *value)
{
    char key[MODEL_KEY_BYTES_MAX];
    buffer_clear(value);
    buffer_append(value, &trends->time_count, 4);
    buffer_append(value, &trends->time_next, 4);
    buffer_append(value, trends->times, trends->time_count * sizeof *trends->times);
    batch_put(batch, FAMILY_MODEL, model_key(key, MODEL_TABLE_TRENDS), buffer_bytes(value));
    trends->clock_dirty = false;
}

void trends_save(struct trends *trends, struct store_batch *batch)
{
    struct buffer value = {0};
    for (uint32_t i = 0; i < trends->dirty_count; i++) {
        uint32_t item = trends->dirty[i];
        struct trend *row = &trends->rows[item];
        char key[MODEL_KEY_BYTES_MAX];
        row->dirty = false;
        if (is_empty(row)) {
            batch_delete(batch, FAMILY_MODEL, model_numbered_key(key, MODEL_TABLE_TRENDS, item));
            continue;
        }
        buffer_clear(&value);
        buffer_append(&value, row->slow, sizeof row->slow);
        buffer_append(&value, &row->base, 4);
        buffer_append(&value, &row->quick, 8);
        buffer_append(&value, &row->quick_base, 4);
        batch_put(batch, FAMILY_MODEL, model_numbered_key(key, MODEL_TABLE_TRENDS, item),
                  buffer_bytes(&value));
    }
    trends->dirty_count = 0;
    if (trends->clock_dirty)
        save_clock(trends, batch, &value);
    buffer_release(&value);
}

static enum verdict load_clock(struct trends *trends, struct bytes value)
{
    uint32_t count, next;
    if (value.size < CLOCK_BYTES)
        return VERDICT_SKIP;
    memcpy(&count, value.at, 4);
    memcpy(&next, value.at + 4, 4);
    if (count > TRENDS_CLOCK || next >= TRENDS_CLOCK || (count < TRENDS_CLOCK && next != count) ||
        value.size != CLOCK_BYTES + 8 * (size_t)count)
        return VERDICT_SKIP;
    memcpy(trends->times, value.at + CLOCK_BYTES, 8 * (size_t)count);
    trends->time_count = count;
    trends->time_next = next;
    return VERDICT_OK;
}

enum verdict trends_load_row(struct trends *trends, uint32_t item_count, struct bytes key,
                             struct bytes value)
{
    struct trend row = {0};
    if (key.size == 1)
        return load_clock(trends, value);
    if (key.size != 5 || value.size != ROW_BYTES)
        return VERDICT_SKIP;
    uint32_t item = model_key_number(key);
    memcpy(row.slow, value.at, sizeof row.slow);
    memcpy(&row.base, value.at + 24, 4);
    memcpy(&row.quick, value.at + 28, 8);
    memcpy(&row.quick_base, value.at + 36, 4);
    bool good = item < item_count && isfinite(row.quick) && row.quick >= 0;
    for (int i = 0; i < TREND_KINDS; i++)
        good = good && isfinite(row.slow[i]) && row.slow[i] >= 0;
    if (!good)
        return VERDICT_SKIP;
    *reach(trends, item) = row;
    return VERDICT_OK;
}

size_t trends_bytes(const struct trends *trends)
{
    return sizeof *trends + trends->capacity * sizeof *trends->rows +
           trends->dirty_capacity * sizeof *trends->dirty;
}
