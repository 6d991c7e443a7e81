/* A queue of numbers in the order in which they came: the numbers of entries in the caller's array.
 * A number stands in it once, and may leave from any place. Calls schemas/.
 *
 *     oldest -> [ 7 ] <-> [ 2 ] <-> [ 9 ] <- newest       serials ascend
 *
 * The caller draws the serials from a counter of its own and stores them, so that a queue that is
 * loaded has the same order.
 *
 * The queue owns its links. Thread: as the caller's array. Out of memory ends the process. */
#ifndef WEFT_STATE_NUMBER_QUEUE_H
#define WEFT_STATE_NUMBER_QUEUE_H

#include "schemas/bytes.h"

#define NUMBER_NONE UINT32_MAX

struct queued_number {
    uint64_t serial;       /* 0: not in the queue */
    uint64_t visitor;      /* the caller's: hash of the first visitor's key */
    uint32_t older, newer; /* number + 1; 0: none */
};

/* Zero-initialised is empty and valid. */
struct number_queue {
    struct queued_number *at; /* by number */
    uint32_t capacity;
    uint32_t oldest, newest; /* number + 1; 0: none */
    uint32_t count;
};

void number_queue_release(struct number_queue *queue);

static inline bool number_queue_has(const struct number_queue *queue, uint32_t number)
{
    return number < queue->capacity && queue->at[number].serial != 0;
}

/* NUMBER_NONE: the queue is empty. */
static inline uint32_t number_queue_oldest(const struct number_queue *queue)
{
    return queue->oldest - 1u;
}

/* Adds a number that is not there. `serial` is larger than all before. */
void number_queue_add(struct number_queue *queue, uint32_t number, uint64_t visitor,
                      uint64_t serial);
/* Does nothing if the number is not there. */
void number_queue_remove(struct number_queue *queue, uint32_t number);

/* Loading: adds numbers in any order. number_queue_loaded() then puts them in the order of their
 * serials. False: a serial is 0, or two are the same. */
void number_queue_add_stored(struct number_queue *queue, uint32_t number, uint64_t visitor,
                             uint64_t serial);
bool number_queue_loaded(struct number_queue *queue);

static inline size_t number_queue_bytes(const struct number_queue *queue)
{
    return queue->capacity * sizeof *queue->at;
}

/* ---- probation ---- */

/* Entries that only one visitor has vouched for wait in such a queue. When their table is full, the
 * oldest of them goes, as long as they take at least this share of the room; what two visitors
 * have vouched for stays. This is 2Q (Johnson, Shasha 1994, "2Q: a low overhead high performance
 * buffer management replacement algorithm") with visitors in place of accesses. */
static inline uint32_t probation_share(uint32_t max)
{
    return max / 8 > 0 ? max / 8 : 1;
}

/* Whether an activity of `visitor` ends the number's probation: it is another visitor than the
 * first one. 0: not known, which counts as another. */
static inline bool probation_ends(const struct number_queue *queue, uint32_t number,
                                  uint64_t visitor)
{
    return number_queue_has(queue, number) &&
           (visitor == 0 || queue->at[number].visitor == 0 || queue->at[number].visitor != visitor);
}

#endif
