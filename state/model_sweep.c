/* The sweep that makes numbers of evicted items free again. Evictions drive it, so that it is a
 * fold of the log: step n of `steps` looks at the nth part of every table.
 *
 *     table      [ . . . . | . . . . | . . . . | . . . . ]        steps = 4
 *                            step 1
 *
 * An item that was evicted before the sweep began is in no table at its end: new references are
 * only to live items. At most 2 * steps numbers are those of evicted items: the ones of this sweep
 * and of the one before. */
#include "state/model.h"

#include "schemas/draw.h"

uint32_t model_sweep_steps(const struct model *model)
{
    if (model->limits.sweep_steps > 0)
        return model->limits.sweep_steps;
    uint32_t steps = model->limits.items_max / 8;
    return steps > SWEEP_STEPS_MIN ? steps : SWEEP_STEPS_MIN;
}

uint64_t model_sweep_key(const struct model *model)
{
    const struct model_limits *limits = &model->limits;
    uint64_t key = hash_join(model_sweep_steps(model), limits->items_max);
    key = hash_join(key, limits->vectors.ring_max);
    key = hash_join(key, limits->sessions.sessions_max);
    key = hash_join(key, limits->queries.queries_max);
    return hash_join(key, limits->channels.queries_max);
}

struct part {
    uint32_t from, to;
};

/* The part of a table of at most `size` rows; the last one has what is beyond. */
static struct part part_of(const struct model *model, uint64_t size)
{
    uint64_t steps = model_sweep_steps(model), step = model->sweep_step;
    return (struct part){(uint32_t)(size * step / steps),
                         step + 1 == steps ? UINT32_MAX : (uint32_t)(size * (step + 1) / steps)};
}

static void sweep_row(struct model *model, uint32_t item, int number)
{
    struct row *row = &model->items[item].rows[number / PAIR_DIRECTIONS][number % PAIR_DIRECTIONS];
    uint32_t left = 0;
    for (uint32_t i = 0; i < row->count; i++)
        if (!item_evicted(model->item_states, row->entries[i].item))
            row->entries[left++] = row->entries[i];
    if (left < row->count)
        model_mark(model, item, (uint8_t)(1u << number));
    row->count = left;
}

static void sweep_rows(struct model *model, struct part part)
{
    for (uint32_t item = part.from; item < part.to && item < model->item_count; item++)
        for (int row = 0; row < PAIR_ROWS; row++)
            sweep_row(model, item, row);
}

static void end_sweep(struct model *model)
{
    bool freed = false;
    uint32_t item;
    while ((item = number_queue_oldest(&model->evicted)) != NUMBER_NONE &&
           model->evicted.at[item].serial < model->sweep_from) {
        model_free_number(model, item);
        freed = true;
    }
    model->renumbered += freed;
    model->sweep_step = 0;
    model->sweep_from = model->serial + 1;
}

void model_sweep(struct model *model)
{
    const struct model_limits *limits = &model->limits;
    const uint8_t *states = model->item_states;
    uint64_t numbers = limits->items_max + 2ull * model_sweep_steps(model);
    sweep_rows(model, part_of(model, numbers));
    struct part part = part_of(model, limits->vectors.ring_max);
    vectors_sweep(model->vectors, states, part.from, part.to);
    part = part_of(model, limits->sessions.sessions_max);
    session_memory_sweep(model->sessions, states, part.from, part.to);
    part = part_of(model, limits->queries.queries_max);
    queries_sweep(model->queries, states, part.from, part.to);
    part = part_of(model, limits->channels.queries_max);
    queries_sweep(model->channels, states, part.from, part.to);
    if (++model->sweep_step >= model_sweep_steps(model))
        end_sweep(model);
}
