/* Shared by the programs that measure. */
#ifndef WEFT_TESTS_MEASURE_H
#define WEFT_TESTS_MEASURE_H

#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* The argument at a place, a number; `otherwise` if there are fewer arguments. */
static inline uint32_t measure_number(int argc, char **argv, int at, uint32_t otherwise)
{
    return argc > at ? (uint32_t)strtoul(argv[at], NULL, 10) : otherwise;
}

/* CPU time of this thread, seconds. */
static inline double measure_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* 0 <= n < count, the first ones most often. */
static inline uint32_t measure_skewed(struct random *random, uint32_t count)
{
    double u = (double)(random_next(random) >> 11) * 0x1p-53;
    return (uint32_t)((double)count * u * u * u);
}

/* Times by name, of each thing that was measured. */
#define MEASURE_ROWS_MAX 64
struct measure_rows {
    struct measure_row {
        char name[64];
        float *us;
        size_t count, capacity;
        double sum_us;
    } at[MEASURE_ROWS_MAX];
    uint32_t count;
};

/* The row's number; a new one is made. */
static inline uint32_t measure_row(struct measure_rows *rows, const char *name)
{
    for (uint32_t i = 0; i < rows->count; i++)
        if (strcmp(rows->at[i].name, name) == 0)
            return i;
    CHECK(rows->count < MEASURE_ROWS_MAX);
    snprintf(rows->at[rows->count].name, sizeof rows->at->name, "%s", name);
    return rows->count++;
}

static inline void measure_add(struct measure_rows *rows, uint32_t number, double us)
{
    struct measure_row *row = &rows->at[number];
    if (row->count == row->capacity) {
        row->capacity = row->capacity ? 2 * row->capacity : 4096;
        row->us = memory_resize(row->us, row->capacity * sizeof *row->us);
    }
    row->us[row->count++] = (float)us;
    row->sum_us += us;
}

static inline int measure_order(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Prints "NAME":{"lists":..., "us_mean", "us_p50", "us_p99" without the brace behind. */
static inline void measure_print(struct measure_row *row)
{
    qsort(row->us, row->count, sizeof *row->us, measure_order);
    printf("\"%s\":{\"lists\":%zu,\"us_mean\":%.1f,\"us_p50\":%.1f,\"us_p99\":%.1f", row->name,
           row->count, row->sum_us / (double)row->count, (double)row->us[row->count / 2],
           (double)row->us[row->count * 99 / 100]);
}

static inline void measure_release(struct measure_rows *rows)
{
    for (uint32_t i = 0; i < rows->count; i++)
        free(rows->at[i].us);
}

#endif
