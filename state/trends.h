/* Trends: counts of the recent activities of each item, by kind, and a second count that decays
 * faster. Rankings are made from them (recommend/rankings/rankings.h). A part of the model: a fold
 * of the interactions log. Calls schemas/ and state/store.
 *
 * Sums are of forward decay, as the model's (state/model.h), with two half-lives: `slow`, each kind
 * of activity apart, and `quick`, all kinds together. The clock is the median time of the last
 * TRENDS_CLOCK activities in the order of the log: one event whose time is wrong does not move it.
 *
 * A model that was stored before there were trends begins with empty ones, which are as those of a
 * whole log once what was before has faded.
 *
 * Rows of FAMILY_MODEL, little endian in values, big endian in keys:
 *
 *     'h' item(4)   slow(8) x 3, base(4), quick(8), base(4)
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
    struct trend *rows; /* by the model's number of the item */
    uint32_t capacity;
    int64_t times[TRENDS_CLOCK]; /* a ring */
    uint32_t time_count, time_next;
    uint32_t *dirty;
    uint32_t dirty_count, dirty_capacity;
    bool clock_dirty;
};

struct trends *trends_new(void);
void trends_free(struct trends *trends);

/* Counts one activity with the item; `slow` and `quick` are g of its time. Thread: writer. */
void trends_add(struct trends *trends, uint32_t item, int kind, struct decay slow,
                struct decay quick, int64_t time_ms);

/* NULL: nothing was done with it. */
const struct trend *trends_row(const struct trends *trends, uint32_t item);
/* INT64_MIN: there was no activity yet. */
int64_t trends_clock(const struct trends *trends);

/* Puts what changed since the last time into the batch. Thread: writer. */
void trends_save(struct trends *trends, struct store_batch *batch);
/* One row of the store whose table is 'h'. SKIP: damaged. */
enum verdict trends_load_row(struct trends *trends, uint32_t item_count, struct bytes key,
                             struct bytes value);

size_t trends_bytes(const struct trends *trends);

#endif
