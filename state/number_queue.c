#include "state/number_queue.h"

#include "schemas/array.h"

#include <stdlib.h>

void number_queue_release(struct number_queue *queue)
{
    free(queue->at);
    *queue = (struct number_queue){0};
}

static void link_newest(struct number_queue *queue, uint32_t number)
{
    struct queued_number *queued = &queue->at[number];
    queued->older = queue->newest;
    queued->newer = 0;
    if (queue->newest)
        queue->at[queue->newest - 1].newer = number + 1;
    else
        queue->oldest = number + 1;
    queue->newest = number + 1;
}

void number_queue_add_stored(struct number_queue *queue, uint32_t number, uint64_t visitor,
                             uint64_t serial)
{
    ARRAY_RESERVE_ZERO(queue->at, queue->capacity, number + 1);
    queue->at[number] = (struct queued_number){.serial = serial, .visitor = visitor};
    queue->count++;
}

void number_queue_add(struct number_queue *queue, uint32_t number, uint64_t visitor,
                      uint64_t serial)
{
    number_queue_add_stored(queue, number, visitor, serial);
    link_newest(queue, number);
}

void number_queue_remove(struct number_queue *queue, uint32_t number)
{
    if (!number_queue_has(queue, number))
        return;
    struct queued_number *queued = &queue->at[number];
    if (queued->older)
        queue->at[queued->older - 1].newer = queued->newer;
    else
        queue->oldest = queued->newer;
    if (queued->newer)
        queue->at[queued->newer - 1].older = queued->older;
    else
        queue->newest = queued->older;
    *queued = (struct queued_number){0};
    queue->count--;
}

/* ---- loading ---- */

struct ordered_number {
    uint64_t serial;
    uint32_t number;
};

static int serial_order(const void *a, const void *b)
{
    uint64_t x = ((const struct ordered_number *)a)->serial;
    uint64_t y = ((const struct ordered_number *)b)->serial;
    return (x > y) - (x < y);
}

bool number_queue_loaded(struct number_queue *queue)
{
    struct ordered_number *order = memory_get((queue->count + 1ul) * sizeof *order);
    uint32_t count = 0;
    for (uint32_t i = 0; i < queue->capacity; i++)
        if (queue->at[i].serial != 0)
            order[count++] = (struct ordered_number){queue->at[i].serial, i};
    bool good = count == queue->count;
    qsort(order, count, sizeof *order, serial_order);
    for (uint32_t i = 0; i < count; i++) {
        good = good && (i == 0 || order[i].serial != order[i - 1].serial);
        link_newest(queue, order[i].number);
    }
    queue->count = count;
    free(order);
    return good;
}
