#include "processors/runtime/memory.h"

#include "processors/recommend/search/search_index.h"
#include "processors/runtime/log.h"

#include <stdio.h>
#include <unistd.h>
#ifdef WEFT_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

#define COUNT_AGAIN_US 10000000
#define SLICE 4096 /* items or products that are counted under one lock */

const char *const memory_names[MEMORY_PARTS] = {
    "memory_visitors", "memory_lists",       "memory_model",        "memory_sessions",
    "memory_queries",  "memory_catalogue",   "memory_search",       "memory_batches",
    "memory_kafka",    "memory_store_cache", "memory_store_writes", "memory_store_tables",
    "memory_free",     "memory_other"};

/* ---- the allocator ---- */

#ifdef WEFT_JEMALLOC

/* jemalloc reads this before main(). One thread allocates a record's buffer and another frees it,
 * so that more arenas would hold more free pages. After five seconds these go to the system. */
const char *malloc_conf = "narenas:2,dirty_decay_ms:5000,muzzy_decay_ms:0";

static uint64_t allocator_figure(const char *name)
{
    size_t figure = 0, size = sizeof figure;
    return mallctl(name, &figure, &size, NULL, 0) == 0 ? figure : 0;
}

/* Pages that the allocator holds beyond the blocks in use. */
static uint64_t free_bytes(void)
{
    uint64_t epoch = 1; /* any value takes the figures again */
    mallctl("epoch", NULL, NULL, &epoch, sizeof epoch);
    uint64_t held = allocator_figure("stats.resident"), used = allocator_figure("stats.allocated");
    return held > used ? held - used : 0;
}

#else

static uint64_t free_bytes(void) /* a sanitizer's allocator has no such figure */
{
    return 0;
}

#endif

/* ---- the system ---- */

/* In bytes: all resident pages, and those of them that are pages of files. */
static void read_statm(uint64_t *ret_resident, uint64_t *ret_files)
{
    unsigned long long size, resident, files;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/statm", "r");
    *ret_resident = *ret_files = 0;
    if (file == NULL)
        return;
    if (fscanf(file, "%llu %llu %llu", &size, &resident, &files) == 3) {
        *ret_resident = resident * page;
        *ret_files = files * page;
    }
    fclose(file);
}

/* ---- the parts ---- */

/* The end of the slice that begins at `from`; the last one is shorter, or empty. */
static uint32_t slice_end(uint32_t from, uint32_t count)
{
    return count > from && count - from > SLICE ? from + SLICE : count;
}

static uint64_t count_items(struct model *model)
{
    uint64_t bytes = 0;
    for (uint32_t from = 0, count = 1; from < count; from += SLICE) {
        model_lock_read(model);
        count = model->item_count;
        bytes += model_items_bytes(model, from, slice_end(from, count));
        model_unlock_read(model);
    }
    return bytes;
}

static uint64_t count_products(const struct catalogue *catalogue)
{
    uint64_t bytes = 0;
    for (uint32_t from = 0, count = 1; from < count; from += SLICE) {
        catalogue_lock_read(catalogue);
        count = catalogue->product_count;
        bytes += catalogue_products_bytes(catalogue, from, slice_end(from, count));
        catalogue_unlock_read(catalogue);
    }
    return bytes;
}

static void count_model(struct model *model, uint64_t *parts)
{
    uint64_t items = count_items(model);
    model_lock_read(model);
    parts[MEMORY_MODEL] = items + model_tables_bytes(model);
    parts[MEMORY_SESSIONS] = session_memory_bytes(model->sessions);
    parts[MEMORY_QUERIES] = queries_bytes(model->queries) + queries_bytes(model->channels);
    model_unlock_read(model);
}

static void count_catalogue(const struct run *run, uint64_t *parts)
{
    uint64_t products = count_products(run->catalogue);
    catalogue_lock_read(run->catalogue);
    parts[MEMORY_CATALOGUE] = products + catalogue_tables_bytes(run->catalogue);
    if (run->search)
        parts[MEMORY_SEARCH] = search_index_bytes(run->search);
    catalogue_unlock_read(run->catalogue);
}

/* Until they are loaded they are locked for long. */
static void count_shared(struct memory_watch *watch, struct run *run)
{
    int64_t now_us = clock_monotonic_us();
    if (watch->counted_us != 0 && now_us - watch->counted_us < COUNT_AGAIN_US)
        return;
    if (!atomic_load(&run->fold_ready) || !atomic_load(&run->catalogue_whole))
        return;
    watch->counted_us = now_us;
    count_model(run->model, watch->last.parts);
    count_catalogue(run, watch->last.parts);
}

static void add_store(struct store *store, uint64_t *parts)
{
    if (store == NULL || store->memory == NULL)
        return;
    struct store_memory memory = store->memory(store);
    parts[MEMORY_STORE_CACHE] += memory.cache;
    parts[MEMORY_STORE_WRITES] += memory.writes;
    parts[MEMORY_STORE_TABLES] += memory.tables;
}

static void take_parts(struct memory_watch *watch, struct run *run, const struct totals *totals)
{
    uint64_t *parts = watch->last.parts;
    count_shared(watch, run);
    parts[MEMORY_VISITORS] = totals->memory.visitors;
    parts[MEMORY_LISTS] = totals->memory.lists;
    parts[MEMORY_BATCHES] = totals->memory.batches;
    parts[MEMORY_KAFKA] = totals->memory.kafka;
    for (int i = 0; i < READERS; i++)
        parts[MEMORY_KAFKA] += atomic_load(&run->queued_bytes[i]);
    parts[MEMORY_STORE_CACHE] = parts[MEMORY_STORE_WRITES] = parts[MEMORY_STORE_TABLES] = 0;
    add_store(run->store, parts);
    add_store(run->model_store, parts);
    parts[MEMORY_FREE] = free_bytes();
}

void memory_start(struct memory_watch *watch, struct run *run)
{
    const struct totals none = {0};
    uint64_t resident, files, known = 0;
    *watch = (struct memory_watch){0};
    take_parts(watch, run, &none);
    read_statm(&resident, &files);
    for (int i = 0; i < MEMORY_PARTS; i++)
        known += watch->last.parts[i];
    watch->start_bytes = resident > files + known ? resident - files - known : 0;
}

void memory_take(struct memory_watch *watch, struct run *run, const struct totals *totals,
                 struct memory_use *ret_use)
{
    uint64_t files;
    take_parts(watch, run, totals);
    read_statm(&watch->last.resident, &files);
    watch->last.parts[MEMORY_OTHER] = watch->start_bytes + files;
    *ret_use = watch->last;
}
