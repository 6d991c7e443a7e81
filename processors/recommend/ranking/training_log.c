#include "processors/recommend/ranking/training_log.h"

#include "processors/math/kernels.h"
#include "processors/recommend/ranking/pending_sample.h"

#include <stdlib.h>

/* The numbers of the filled groups alone stand behind it, column by column: FEATURE_GROUP numbers
 * each. */
struct training_list {
    uint32_t count, stride;
    float common[FEATURES_MAX];
    uint16_t filled[FEATURES_MAX];
    uint32_t *items;
    uint16_t *ranks;
    uint16_t numbers[];
};

struct training_log {
    struct pending_sample lists;
    uint64_t numbering;
};

struct training_log *training_log_new(size_t bytes)
{
    struct training_log *log = memory_zero(1, sizeof *log);
    pending_sample_init(&log->lists, bytes);
    return log;
}

void training_log_free(struct training_log *log)
{
    if (log == NULL)
        return;
    pending_sample_release(&log->lists);
    free(log);
}

void training_log_bound(struct training_log *log, size_t bytes)
{
    pending_sample_bound(&log->lists, bytes);
}

static size_t group_count(const uint16_t *filled, uint32_t stride)
{
    size_t groups = 0;
    for (uint32_t f = 0; f < feature_varying_count; f++)
        groups += (size_t)__builtin_popcount(filled[f] & ((1u << stride / FEATURE_GROUP) - 1));
    return groups;
}

/* Finds the next run of filled groups of a column, from group `*first` on, which moves to its
 * begin. False: there is none. */
static bool next_run(uint32_t filled, uint32_t groups, uint32_t *first, uint32_t *ret_length)
{
    uint32_t at = *first, length = 0;
    while (at < groups && !(filled >> at & 1))
        at++;
    while (at + length < groups && filled >> (at + length) & 1)
        length++;
    *first = at;
    *ret_length = length;
    return length > 0;
}

uint64_t training_log_add(struct training_log *log, uint64_t before, uint64_t visitor_hash,
                          int64_t time_ms, const struct candidates *candidates,
                          const struct feature_matrix *matrix, const uint16_t *ranks)
{
    uint64_t handle = 0;
    uint32_t count = matrix->count;
    size_t numbers = group_count(matrix->filled, matrix->stride) * FEATURE_GROUP;
    if (count == 0) {
        pending_sample_drop(&log->lists, before);
        return 0;
    }
    struct training_list *list =
        pending_sample_add(&log->lists, before, visitor_hash, time_ms,
                           sizeof *list + numbers * sizeof *list->numbers +
                               count * (sizeof *list->items + sizeof *ranks),
                           &handle);
    if (list == NULL)
        return 0;
    list->count = count;
    list->stride = matrix->stride;
    memcpy(list->common, matrix->common, sizeof list->common);
    memcpy(list->filled, matrix->filled, sizeof list->filled);
    uint16_t *to = list->numbers;
    const struct kernels *kernels = kernels_best();
    for (uint32_t f = 0; f < feature_varying_count; f++) {
        const float *column = matrix->columns + (size_t)f * matrix->stride;
        uint32_t groups = matrix->stride / FEATURE_GROUP, length;
        for (uint32_t first = 0; next_run(matrix->filled[f], groups, &first, &length);
             first += length, to += length * FEATURE_GROUP)
            kernels->narrow(to, column + (size_t)first * FEATURE_GROUP, length * FEATURE_GROUP);
    }
    list->items = (uint32_t *)(void *)to; /* whole groups stand before it: it is aligned */
    list->ranks = (uint16_t *)(list->items + count);
    memcpy(list->ranks, ranks, count * sizeof *ranks);
    for (uint32_t i = 0; i < count; i++)
        list->items[i] = candidates->at[i].item;
    return handle;
}

size_t training_log_bytes(const struct training_log *log)
{
    return log->lists.bytes;
}

void training_log_renumber(struct training_log *log, uint64_t numbering)
{
    if (log->numbering != numbering)
        pending_sample_clear(&log->lists);
    log->numbering = numbering;
}

const struct training_list *training_log_find(const struct training_log *log, uint64_t handle,
                                              double *ret_weight)
{
    return pending_sample_find(&log->lists, handle, ret_weight);
}

void training_log_drop(struct training_log *log, uint64_t handle)
{
    pending_sample_drop(&log->lists, handle);
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
    const uint16_t *from = list->numbers;
    for (uint32_t f = 0; f < feature_varying_count; f++) {
        float *column = ret_matrix->columns + (size_t)f * list->stride;
        uint32_t groups = list->stride / FEATURE_GROUP, length;
        for (uint32_t first = 0; next_run(list->filled[f], groups, &first, &length);
             first += length, from += length * FEATURE_GROUP)
            kernels->widen(column + (size_t)first * FEATURE_GROUP, from, length * FEATURE_GROUP);
    }
}
