/* The metrics of a process: one JSON object, as `weft run` logs it and writes it to the topic of
 * metrics. The names of the keys and their order are a contract with readers; metrics.c has them in
 * one table. */
#ifndef WEFT_RUNTIME_METRICS_H
#define WEFT_RUNTIME_METRICS_H

#include "processors/runtime/kafka/registry.h"
#include "processors/runtime/memory.h"
#include "processors/runtime/process.h"

/* The figures of one moment. Counts are since the start of the process. */
struct metrics {
    int64_t time_ms;
    const char *application_id, *instance_id;
    const char *event; /* "metrics", and "stop" for the last report */
    double uptime_s;
    uint64_t read;               /* records, whatever their fate */
    uint64_t lists_early_failed; /* early lists that were not delivered */
    uint64_t disk_waits;         /* times that the process waited for a full disk */
    struct totals totals;
    const struct placements *placements; /* that the online metrics in `totals` count */
    struct {
        uint64_t products; /* present now */
        uint64_t rejected; /* records that can't be used */
        uint64_t rereads;  /* of the topic, from its beginning, while the process runs */
        struct catalogue_counts counts;
    } catalogue;
    struct registry_counts registry;
    struct memory_use memory;
    struct {
        uint64_t items, folded, items_refused, items_evicted, entries_evicted;
        uint64_t queries_evicted, query_entries_evicted;
        uint64_t channels_evicted, channel_entries_evicted;
        int64_t folded_offset, saved_offset, snapshot_offset;
    } model;
    struct {
        int64_t offset;
        uint64_t written, same, deleted, scopes_out, terms_out;
    } rankings;
    struct {
        int64_t offset;
        uint64_t written, same, deleted, cut, left, lag_ms;
    } items;
};

/* Takes the figures, but for `memory` (memory.h). `totals` is the sum of the workers' figures;
 * `last`: the process stops. Until the model or the catalogue is loaded its figures are 0. Texts
 * and placements are borrowed from `run`. Thread: any; takes the model's read lock, then the
 * catalogue's, one after the other. */
void metrics_take(struct run *run, const struct totals *totals, int64_t started_us, bool last,
                  struct metrics *ret_metrics);

/* Appends the object. */
void metrics_write_json(const struct metrics *metrics, struct buffer *buffer);

#endif
