/* Trends: how much visitors do with each item, decayed by two half-lives. A part of the
 * model: processors/trends.c folds it, recommend/rankings/rankings.h makes the rankings from it.
 * Calls schemas/ and state/store.
 *
 * Sums have forward decay (state/model.h). `slow` has the longer half-life and one sum for each
 * kind of activity; `quick` has the shorter one and one sum for all kinds. The clock is the median
 * time of the last TRENDS_CLOCK activities in the order of the log. So one event with a wrong time
 * does not move it.
 *
 * A model that was stored before trends existed starts with empty sums. They equal those of a whole
 * log once the older activities have faded.
 *
 * Rows of FAMILY_MODEL, little endian in values, big endian in keys:
 *
 *     'h' item(4)   slow(8) x 3, base(4), quick(8), quick_base(4)
 *     'h'           count(4) next(4), then time(8) x count: the clock
 *
 * Threads: as the model's. */
#ifndef WEFT_STATE_TRENDS_H
#define WEFT_STATE_TRENDS_H

#include "state/decay.h"
#include "state/store.h"

#define TREND_KINDS 3 /* views, carts, purchases: enum pair_kind of state/model.h */
#define TRENDS_CLOCK 63
#define TRENDS_BASE_RANGE 30 /* half-lives that a row's numbers go past its base */

struct trend {
    double slow[TREND_KINDS]; /* sum of m * 2^(k - base) */
    double quick;             /* the same, of all kinds */
    int32_t base, quick_base;
    bool dirty;
};

struct trends {
    struct trend *rows; /* by item */
    uint32_t capacity;
    int64_t times[TRENDS_CLOCK]; /* a ring */
    uint32_t time_count, time_next;
    uint32_t *dirty;
    uint32_t dirty_count, dirty_capacity;
    bool clock_dirty;
};

struct trends *trends_new(void);
void trends_free(struct trends *trends);

/* Counts one activity with the item. `slow` and `quick` are g of its time (state/decay.h) by the
 * two half-lives. Thread: writer. */
void trends_add(struct trends *trends, uint32_t item, int kind, struct decay slow,
                struct decay quick, int64_t time_ms);

/* Takes back what trends_add() added for an activity of that time. A sum does not go below 0: the
 * item may have been evicted since. The clock stands still. Thread: writer. */
void trends_take_back(struct trends *trends, uint32_t item, int kind, struct decay slow,
                      struct decay quick);

/* The item is evicted: drops its row. Thread: writer. */
void trends_forget(struct trends *trends, uint32_t item);

/* The sums of an item; NULL: no activity yet. Hold while the model is locked. */
const struct trend *trends_row(const struct trends *trends, uint32_t item);
/* The median time, ms since 1970; INT64_MIN: no activity yet. */
int64_t trends_clock(const struct trends *trends);

/* Puts the rows that changed since the last call into the batch. Thread: writer. */
void trends_save(struct trends *trends, struct store_batch *batch);
/* Loads one stored row of 'h'. `item_count`: of the model. SKIP: damaged. */
enum verdict trends_load_row(struct trends *trends, uint32_t item_count, struct bytes key,
                             struct bytes value);

/* Bytes of memory. */
size_t trends_bytes(const struct trends *trends);

#endif
