/* HTTP of `weft run` (http.listen): /metrics, /livez, /readyz and /loglevel. It answers no lists;
 * `weft serve` does. */
#ifndef WEFT_RUNTIME_RUN_HTTP_H
#define WEFT_RUNTIME_RUN_HTTP_H

#include "processors/runtime/memory.h"
#include "processors/runtime/process.h"

struct run_http;

/* Where the workers' figures come from. Embedded by its owner. Thread: any. */
struct totals_source {
    void (*sum)(struct totals_source *self, struct totals *ret_totals);
    int workers; /* that the process has */
};

/* Starts it. `run` and `source` are borrowed until run_http_free(). SKIP: the configuration is
 * wrong. FATAL: the address can't be used. */
enum verdict run_http_new(struct run *run, struct totals_source *source, struct run_http **ret_http,
                          struct error *error);
/* The memory's figures from now on. Thread: main. Takes NULL. */
void run_http_set_memory(struct run_http *http, const struct memory_use *memory);
/* Takes NULL. */
void run_http_free(struct run_http *http);

#endif
