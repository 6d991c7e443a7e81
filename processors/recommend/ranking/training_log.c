#include "processors/recommend/ranking/training_log.h"

#include "processors/math/kernels.h"
#include "processors/recommend/ranking/pending_ring.h"

#include <stdlib.h>

struct training_list {
    struct pending pending;
    uint32_t count, stride;
    float common[FEATURES_MAX];
    uint16_t filled[FEATURES_MAX];
    uint32_t items[RANKED_MAX];
    uint16_t ranks[RANKED_MAX];
    uint16_t columns[]; /* the filled ones alone: [stride] each */
};

struct training_log {
    struct pending_ring lists;
    uint64_t numbering;
    uint64_t forgotten; /* serial of the newest list that is forgotten */
};

struct training_log *training_log_new(size_t bytes, uint32_t candidates_max, int64_t age_ms)
{
    struct training_log *log = memory_zero(1, sizeof *log);
    uint32_t stride_max = (candidates_max + LANES - 1) / LANES * LANES;
    pending_ring_init(&log->lists, bytes,
                      sizeof(struct training_list) +
                          sizeof(uint16_t) * feature_varying_count * stride_max,
                      age_ms);
    return log;
}

void training_log_free(struct training_log *log)
{
    if (log == NULL)
        return;
    pending_ring_release(&log->lists);
    free(log);
}

uint64_t training_log_add(struct training_log *log, int64_t time_ms,
                          const struct candidates *candidates, const struct feature_matrix *matrix,
                          const uint16_t *ranks)
{
    struct training_list *list = matrix->count ? pending_ring_take(&log->lists, time_ms) : NULL;
    if (list == NULL)
        return 0;
    list->count = matrix->count;
    list->stride = matrix->stride;
    memcpy(list->common, matrix->common, sizeof list->common);
    memcpy(list->filled, matrix->filled, sizeof list->filled);
    memcpy(list->ranks, ranks, matrix->count * sizeof *ranks);
    for (uint32_t i = 0; i < matrix->count; i++)
        list->items[i] = candidates->at[i].item;
    const struct kernels *kernels = kernels_best();
    uint16_t *to = list->columns;
    for (uint32_t f = 0; f < feature_varying_count; f++) {
        if (matrix->filled[f] == 0)
            continue;
        kernels->narrow(to, matrix->columns + (size_t)f * matrix->stride, matrix->stride);
        to += matrix->stride;
    }
    return list->pending.serial;
}

size_t training_log_bytes(const struct training_log *log)
{
    return pending_ring_bytes(&log->lists);
}

void training_log_renumber(struct training_log *log, uint64_t numbering)
{
    if (log->numbering != numbering)
        log->forgotten = log->lists.serial;
    log->numbering = numbering;
}

const struct training_list *training_log_find(const struct training_log *log, uint64_t serial)
{
    if (serial <= log->forgotten)
        return NULL;
    return pending_ring_find(&log->lists, serial);
}

uint32_t training_log_place(const struct training_list *list, uint32_t item, uint32_t *ret_rank)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i] == item) {
            *ret_rank = list->ranks[i];
            return i;
        }
    }
    return UINT32_MAX;
}

void training_log_matrix(const struct training_list *list, struct feature_matrix *ret_matrix)
{
    ret_matrix->count = list->count;
    ret_matrix->stride = list->stride;
    memcpy(ret_matrix->common, list->common, sizeof list->common);
    memcpy(ret_matrix->filled, list->filled, sizeof list->filled);
    const struct kernels *kernels = kernels_best();
    const uint16_t *from = list->columns;
    for (uint32_t f = 0; f < feature_varying_count; f++) {
        if (list->filled[f] == 0)
            continue;
        kernels->widen(ret_matrix->columns + (size_t)f * list->stride, from, list->stride);
        from += list->stride;
    }
}
