#include "processors/recommend/served.h"

#include "processors/recommend/waiting.h"

#include <stdlib.h>

struct served_list {
    struct waiting waiting;
    uint32_t count, stride;
    float context[FEATURES_MAX];
    uint32_t items[RANKED_MAX];
    uint16_t ranks[RANKED_MAX];
    uint16_t columns[]; /* [varying][stride] */
};

struct served_ring {
    struct waiting_ring lists;
};

struct served_ring *served_new(size_t bytes, uint32_t candidates_max, int64_t age_ms)
{
    struct served_ring *ring = memory_zero(1, sizeof *ring);
    waiting_init(&ring->lists, bytes,
                 sizeof(struct served_list) +
                     sizeof(uint16_t) * feature_varying_count * candidates_max,
                 age_ms);
    return ring;
}

void served_free(struct served_ring *ring)
{
    if (ring == NULL)
        return;
    waiting_release(&ring->lists);
    free(ring);
}

static uint16_t narrow(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x8000u) >> 16);
}

uint64_t served_keep(struct served_ring *ring, int64_t time_ms, const struct candidates *candidates,
                     const struct feature_matrix *matrix, const uint16_t *ranks)
{
    struct served_list *list = matrix->count ? waiting_take(&ring->lists, time_ms) : NULL;
    if (list == NULL)
        return 0;
    list->count = matrix->count;
    list->stride = matrix->stride;
    memcpy(list->context, matrix->context, sizeof list->context);
    memcpy(list->ranks, ranks, matrix->count * sizeof *ranks);
    for (uint32_t i = 0; i < matrix->count; i++)
        list->items[i] = candidates->at[i].item;
    uint32_t numbers = feature_varying_count * matrix->stride;
    for (uint32_t i = 0; i < numbers; i++)
        list->columns[i] = narrow(matrix->columns[i]);
    return list->waiting.serial;
}

const struct served_list *served_find(const struct served_ring *ring, uint64_t serial)
{
    return waiting_find(&ring->lists, serial);
}

uint32_t served_place(const struct served_list *list, uint32_t item, uint32_t *ret_rank)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i] == item) {
            *ret_rank = list->ranks[i];
            return i;
        }
    }
    return UINT32_MAX;
}

void served_matrix(const struct served_list *list, struct feature_matrix *ret_matrix)
{
    ret_matrix->count = list->count;
    ret_matrix->stride = list->stride;
    memcpy(ret_matrix->context, list->context, sizeof list->context);
    uint32_t numbers = feature_varying_count * list->stride;
    for (uint32_t i = 0; i < numbers; i++) {
        uint32_t bits = (uint32_t)list->columns[i] << 16;
        memcpy(&ret_matrix->columns[i], &bits, sizeof bits);
    }
}
