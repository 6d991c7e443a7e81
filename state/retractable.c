#include "state/retractable.h"

#include "schemas/array.h"

#include <stdlib.h>

static void append(struct retractable *retractable, struct retractable_line line,
                   struct bytes item_id)
{
    ARRAY_RESERVE_SMALL(retractable->lines, retractable->capacity, retractable->count + 1);
    ARRAY_RESERVE(retractable->text, retractable->text_capacity,
                  retractable->text_size + (uint32_t)item_id.size);
    line.text_at = retractable->text_size;
    line.text_size = (uint16_t)item_id.size;
    if (item_id.size > 0)
        memcpy(retractable->text + line.text_at, item_id.at, item_id.size);
    retractable->text_size += (uint32_t)item_id.size;
    retractable->lines[retractable->count++] = line;
}

/* ---- removing ---- */

/* Keeps the lines that `drop` has no mark of, in their order. */
static void compact(struct retractable *retractable, const bool *drop)
{
    uint32_t left = 0, text_size = 0;
    for (uint32_t i = 0; i < retractable->count; i++) {
        struct retractable_line line = retractable->lines[i];
        if (drop[i]) {
            if (left > 0 && line.ends) /* the end of the session stays where it is */
                retractable->lines[left - 1].ends = true;
            continue;
        }
        memmove(retractable->text + text_size, retractable->text + line.text_at, line.text_size);
        line.text_at = text_size;
        text_size += line.text_size;
        retractable->lines[left++] = line;
    }
    retractable->count = left;
    retractable->text_size = text_size;
}

/* Whether the lines `from` to `to` - 1, one session, have a cart's line that is not settled. */
static bool has_open_cart(const struct retractable *retractable, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        if (retractable->lines[i].kind == KIND_CART && !retractable->lines[i].settled)
            return true;
    return false;
}

/* A line that is taken back and settled is no neighbour. In a session that is over, carts without
 * an open line have no neighbours that could change. */
static void prune(struct retractable *retractable)
{
    bool *drop = memory_zero(retractable->count + 1, sizeof *drop);
    uint32_t from = 0, dropped = 0;
    for (uint32_t i = 0; i < retractable->count; i++) {
        const struct retractable_line *line = &retractable->lines[i];
        bool last = line->ends || i + 1 == retractable->count;
        bool over = last && line->ends && !has_open_cart(retractable, from, i + 1);
        for (uint32_t k = from; over && k <= i; k++)
            drop[k] = retractable->lines[k].kind == KIND_CART;
        drop[i] = drop[i] || (line->taken_back && line->settled);
        from = last ? i + 1 : from;
    }
    for (uint32_t i = 0; i < retractable->count; i++)
        dropped += drop[i];
    if (dropped > 0)
        compact(retractable, drop);
    free(drop);
}

static void drop_one(struct retractable *retractable, uint32_t at)
{
    bool *drop = memory_zero(retractable->count, sizeof *drop);
    drop[at] = true;
    compact(retractable, drop);
    free(drop);
}

static uint32_t bytes_of_lines(const struct retractable *retractable)
{
    return retractable->count * RETRACTABLE_LINE_BYTES + retractable->text_size;
}

/* The first line of the kind; KINDS: of any kind. */
static uint32_t first_of(const struct retractable *retractable, enum kind kind)
{
    uint32_t at = 0;
    while (kind != KINDS && retractable->lines[at].kind != kind)
        at++;
    return at;
}

static uint32_t count_of(const struct retractable *retractable, enum kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < retractable->count; i++)
        count += retractable->lines[i].kind == kind;
    return count;
}

/* ---- public ---- */

void retractable_add(struct retractable *retractable, struct retractable_line line,
                     struct bytes item_id, struct retractable_bound *bound)
{
    uint32_t max = line.kind == KIND_CART ? bound->carts_max : bound->purchases_max;
    append(retractable, line, item_id);
    if (count_of(retractable, (enum kind)line.kind) > max) {
        drop_one(retractable, first_of(retractable, (enum kind)line.kind));
        bound->fallen++;
    }
    for (; bytes_of_lines(retractable) > RETRACTABLE_BYTES_MAX; bound->fallen++)
        drop_one(retractable, first_of(retractable, KINDS));
}

bool retractable_restore(struct retractable *retractable, struct retractable_line line,
                         struct bytes item_id)
{
    if (bytes_of_lines(retractable) + RETRACTABLE_LINE_BYTES + item_id.size > RETRACTABLE_BYTES_MAX)
        return false;
    append(retractable, line, item_id);
    return true;
}

void retractable_end_session(struct retractable *retractable)
{
    if (retractable->count == 0 || retractable->lines[retractable->count - 1].ends)
        return;
    retractable->lines[retractable->count - 1].ends = true;
    prune(retractable);
}

void retractable_settle(struct retractable *retractable, enum kind kind, struct bytes item_id)
{
    for (uint32_t i = 0; i < retractable->count; i++) {
        struct retractable_line *line = &retractable->lines[i];
        if (line->kind == KIND_CART &&
            (kind == KIND_CART_CLEAR || bytes_equal(retractable_item(retractable, line), item_id)))
            line->settled = true;
    }
    prune(retractable);
}

size_t retractable_bytes(const struct retractable *retractable)
{
    return memory_block_bytes(retractable->capacity * sizeof *retractable->lines) +
           memory_block_bytes(retractable->text_capacity);
}

void retractable_release(struct retractable *retractable)
{
    free(retractable->lines);
    free(retractable->text);
    *retractable = (struct retractable){0};
}
