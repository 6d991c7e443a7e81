#include "tools/latency.h"

#include "processors/runtime/log.h"
#include "schemas/array.h"
#include "schemas/draw.h"
#include "tools/listener.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SLOTS ((size_t)1 << 20) /* events under way; a power of two */
#define LAST_LISTS_MS 1000

/* An event under way, found again by the hash of its visitor and time. A list names the time of its
 * newest event, so each list belongs to one event. */
struct sent {
    uint64_t hash;
    int64_t sent_us; /* 0: free */
};

struct latency {
    struct listener *listener, *early;
    struct sent *slots;
    double *ms;
    size_t count, capacity;
    size_t told;          /* of `count`: those of the minutes before */
    pthread_mutex_t lock; /* guards slots, ms, count, capacity and told */
};

static uint64_t event_hash(struct bytes visitor, int64_t time_ms)
{
    return hash_join(bytes_hash(visitor), (uint64_t)time_ms);
}

/* The number that follows `name` in the JSON text; -1: none. */
static int64_t number_behind(struct bytes text, const char *name)
{
    size_t size = strlen(name);
    const char *at = memmem(text.at, text.size, name, size);
    if (at == NULL)
        return -1;
    int64_t number = 0;
    for (at += size; at < text.at + text.size && *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (*at - '0');
    return number;
}

static void take_list(void *opaque, const struct kafka_record *message)
{
    struct latency *latency = opaque;
    int64_t now_us = clock_monotonic_us();
    int64_t time_ms = number_behind(message->value, "\"source_event_time\":");
    uint64_t hash = event_hash(message->key, time_ms);
    pthread_mutex_lock(&latency->lock);
    struct sent *sent = &latency->slots[hash & (SLOTS - 1)];
    if (sent->hash == hash && sent->sent_us != 0) {
        ARRAY_RESERVE(latency->ms, latency->capacity, latency->count + 1);
        latency->ms[latency->count++] = (double)(now_us - sent->sent_us) / 1e3;
        sent->sent_us = 0;
    }
    pthread_mutex_unlock(&latency->lock);
}

enum verdict latency_new(const struct config *config, const char *topic, const char *early,
                         struct latency **ret_latency, struct error *error)
{
    struct latency *latency = memory_zero(1, sizeof *latency);
    latency->slots = memory_zero(SLOTS, sizeof *latency->slots);
    pthread_mutex_init(&latency->lock, NULL);
    enum verdict verdict =
        listener_new(config, topic, take_list, latency, &latency->listener, error);
    if (verdict == VERDICT_OK && early)
        verdict = listener_new(config, early, take_list, latency, &latency->early, error);
    if (verdict == VERDICT_OK)
        *ret_latency = latency;
    else
        latency_free(latency);
    return verdict;
}

void latency_free(struct latency *latency)
{
    if (latency == NULL)
        return;
    listener_free(latency->listener);
    listener_free(latency->early);
    pthread_mutex_destroy(&latency->lock);
    free(latency->slots);
    free(latency->ms);
    free(latency);
}

void latency_sent(struct latency *latency, struct bytes visitor, int64_t event_time_ms)
{
    uint64_t hash = event_hash(visitor, event_time_ms);
    pthread_mutex_lock(&latency->lock);
    latency->slots[hash & (SLOTS - 1)] =
        (struct sent){.hash = hash, .sent_us = clock_monotonic_us()};
    pthread_mutex_unlock(&latency->lock);
}

static int number_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the times and prints them behind `title`. */
static void print_times(const char *title, double *ms, size_t count)
{
    qsort(ms, count, sizeof *ms, number_order);
    const double last = (double)(count - 1);
    printf("%s, %zu lists, ms: p50 %.1f, p99 %.1f, p99.9 %.1f, max %.1f\n", title, count,
           ms[(size_t)(.5 * last)], ms[(size_t)(.99 * last)], ms[(size_t)(.999 * last)],
           ms[count - 1]);
    fflush(stdout);
}

void latency_report_minute(struct latency *latency, int minute)
{
    char title[64];
    pthread_mutex_lock(&latency->lock);
    size_t count = latency->count - latency->told;
    double *copy = memory_get(count * sizeof *copy);
    if (count > 0)
        memcpy(copy, latency->ms + latency->told, count * sizeof *copy);
    latency->told = latency->count;
    pthread_mutex_unlock(&latency->lock);
    snprintf(title, sizeof title, "minute %d", minute);
    if (count > 0)
        print_times(title, copy, count);
    free(copy);
}

void latency_report(struct latency *latency)
{
    struct timespec pause = {.tv_sec = LAST_LISTS_MS / 1000};
    nanosleep(&pause, NULL);
    pthread_mutex_lock(&latency->lock);
    if (latency->count == 0)
        printf("no lists came back: is 'weft run' running?\n");
    else
        print_times("event to list", latency->ms, latency->count);
    latency->told = latency->count;
    pthread_mutex_unlock(&latency->lock);
}
