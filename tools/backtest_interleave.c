#include "tools/backtest_interleave.h"

#include "schemas/draw.h"
#include "schemas/hash_index.h"

#include <stdlib.h>

#define NO_LINE UINT32_MAX
#define SEED 5

struct interleaving {
    struct recorded *recorded;
    struct line *lines; /* the new order */
    size_t count;
    uint32_t *after;  /* by line: the visitor's next one, or NO_LINE */
    bool *is_first;   /* by line: it is its visitor's first */
    size_t to_start;  /* the line where the next visitor is looked for */
    uint32_t *active; /* the next line of each active visitor */
    uint32_t active_count;
};

/* Links the lines of each visitor. */
static void link_lines(struct interleaving *work)
{
    const struct recorded *recorded = work->recorded;
    struct hash_index last_lines = {0};
    for (uint32_t i = 0; i < recorded->count; i++) {
        const struct event *event = &recorded->lines[i].event;
        work->after[i] = NO_LINE;
        if (event->type == EVENT_PRODUCT)
            continue;
        struct bytes visitor = event_visitor(event);
        uint64_t hash = hash_index_hash(visitor);
        struct hash_probe probe = hash_index_probe(&last_lines, hash);
        work->is_first[i] = true;
        while (work->is_first[i] && hash_index_next(&last_lines, &probe))
            work->is_first[i] =
                !bytes_equal(event_visitor(&recorded->lines[probe.entry].event), visitor);
        if (work->is_first[i]) {
            hash_index_add(&last_lines, hash, i);
        } else {
            work->after[probe.entry] = i;
            hash_index_renumber(&last_lines, hash, probe.entry, i);
        }
    }
    hash_index_release(&last_lines);
}

static void add_line(struct interleaving *work, size_t number)
{
    struct line *line = &work->lines[work->count];
    *line = work->recorded->lines[number];
    if (line->event.type != EVENT_PRODUCT)
        line->event.event_time_ms =
            INTERLEAVE_START_MS + (int64_t)(work->count * 1000 / INTERLEAVE_RATE);
    work->count++;
}

/* Lets further visitors in until there are `active`; lines about products that stand before them go
 * into the new order. */
static void let_in(struct interleaving *work, uint32_t active)
{
    const struct recorded *recorded = work->recorded;
    for (; work->active_count < active && work->to_start < recorded->count; work->to_start++) {
        if (recorded->lines[work->to_start].event.type == EVENT_PRODUCT)
            add_line(work, work->to_start);
        else if (work->is_first[work->to_start])
            work->active[work->active_count++] = (uint32_t)work->to_start;
    }
}

void recorded_interleave(struct recorded *recorded, uint32_t active, int64_t gap_ms)
{
    struct interleaving work = {
        .recorded = recorded,
        .lines = memory_zero(recorded->count, sizeof *work.lines),
        .after = memory_zero(recorded->count, sizeof *work.after),
        .is_first = memory_zero(recorded->count, sizeof *work.is_first),
        .active = memory_zero(active, sizeof *work.active),
    };
    uint64_t state = SEED;
    link_lines(&work);
    for (let_in(&work, active); work.active_count > 0; let_in(&work, active)) {
        uint32_t slot = draw_below(draw_next(&state), work.active_count);
        uint32_t number = work.active[slot];
        add_line(&work, number);
        work.active[slot] = work.after[number];
        if (work.active[slot] == NO_LINE)
            work.active[slot] = work.active[--work.active_count];
    }
    free(work.after);
    free(work.is_first);
    free(work.active);
    free(recorded->lines);
    recorded->lines = work.lines;
    recorded->capacity = recorded->count;
    recorded->older = 0;
    recorded_number_sessions(recorded, gap_ms);
}
