/* Shared by the programs that measure the in-process driver: its settings, its opening and the
 * events of a file. Each function ends the program if it fails, with the reason and the usage. */
#ifndef WEFT_TESTS_MEASURE_DRIVER_H
#define WEFT_TESTS_MEASURE_DRIVER_H

#include "processors/runtime/driver.h"
#include "tests/measure.h"
#include "tools/backtest_read.h"

static inline void measure_check(enum verdict verdict, const char *usage, const struct error *error)
{
    if (verdict == VERDICT_OK)
        return;
    fprintf(stderr, "usage: %s\n%s\n", usage, error->message);
    exit(1);
}

/* Sets the arguments from place `from` on; each is KEY=VALUE. */
static inline void measure_assign(struct config *config, int argc, char **argv, int from,
                                  const char *usage)
{
    struct error error = {0};
    for (int i = from; i < argc; i++)
        measure_check(config_assign(config, argv[i], &error), usage, &error);
}

/* Finishes the configuration. driver_free() what it returns. */
static inline struct driver *measure_driver(struct config *config, bool lists,
                                            struct driver_sink *sink, const char *usage)
{
    struct driver *driver = NULL;
    struct error error = {0};
    measure_check(config_finish(config, &error), usage, &error);
    measure_check(driver_new(config, lists, sink, NULL, &driver, &error), usage, &error);
    return driver;
}

/* A driver, and the events of a file for it. */
struct measured {
    struct config config;
    struct recorded recorded;
    struct driver *driver;
};

/* The arguments are FILE [KEY=VALUE]... `lists` and `sink` as for driver_new(). */
static inline struct measured *measure_open(int argc, char **argv, bool lists,
                                            struct driver_sink *sink, const char *usage)
{
    struct measured *measured = memory_zero(1, sizeof *measured);
    struct config *config = &measured->config;
    struct error error = {0};
    if (argc < 2)
        measure_check(error_set(&error, VERDICT_SKIP, "FILE is missing"), usage, &error);
    config_init(config);
    config_set(config, "event.time.min.ms", "0", NULL);
    measure_assign(config, argc, argv, 2, usage);
    measured->driver = measure_driver(config, lists, sink, usage);
    measure_check(recorded_read(&measured->recorded, config, NULL, 1, argv + 1, &error), usage,
                  &error);
    return measured;
}

static inline void measure_close(struct measured *measured)
{
    driver_free(measured->driver);
    recorded_release(&measured->recorded);
    free(measured);
}

#endif
