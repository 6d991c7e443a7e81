/* The memory of the process, part by part, for the metrics.
 *
 *     resident = visitors + lists + model + ... + store + free + other
 *
 * `resident` is the kernel's figure (/proc/self/statm). Its owner counts each part, from the
 * sizes of the things that it holds. The sum is near the kernel's figure: within a tenth once the
 * process has worked for a while. A part that grows without end shows here by its name.
 *
 * The allocator is jemalloc, for weft and for its libraries. */
#ifndef WEFT_RUNTIME_MEMORY_H
#define WEFT_RUNTIME_MEMORY_H

#include "processors/runtime/process.h"

enum memory_part {
    MEMORY_VISITORS,     /* in the workers' caches */
    MEMORY_LISTS,        /* that wait for their click */
    MEMORY_MODEL,        /* items, co-occurrence counts, vectors, trends */
    MEMORY_SESSIONS,     /* session memory */
    MEMORY_QUERIES,      /* query history, and the same of channels */
    MEMORY_CATALOGUE,    /* products */
    MEMORY_SEARCH,       /* the search index */
    MEMORY_BATCHES,      /* arenas and buffers of the batches at hand */
    MEMORY_KAFKA,        /* records that wait in librdkafka's queues */
    MEMORY_STORE_CACHE,  /* blocks of files that RocksDB has read */
    MEMORY_STORE_WRITES, /* rows that RocksDB has not written to files */
    MEMORY_STORE_TABLES, /* indexes and filters of RocksDB's files */
    MEMORY_FREE,         /* freed blocks that jemalloc has not given back; 0 under a sanitizer */
    MEMORY_OTHER,        /* the program, its libraries, and what they hold at the start */
    MEMORY_PARTS,
};
extern const char *const memory_names[MEMORY_PARTS]; /* keys of the metrics */

struct memory_use {
    uint64_t resident;
    uint64_t parts[MEMORY_PARTS];
};

/* Remembers between two looks the figures that take long, and those of the start. */
struct memory_watch {
    struct memory_use last;
    uint64_t start_bytes; /* that no part has at the start of the threads */
    int64_t counted_us;   /* when model and catalogue were counted; 0: never */
};

/* To be called once everything is open and before the threads start: what no part has by then is
 * `other`. */
void memory_start(struct memory_watch *watch, struct run *run);

/* Takes the figures; `totals` is the sum of the workers' figures. Counts the model and the
 * catalogue at most every 10 s, a slice at a time under the read lock. Thread: main. */
void memory_take(struct memory_watch *watch, struct run *run, const struct totals *totals,
                 struct memory_use *ret_use);

#endif
