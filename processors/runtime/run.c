/* `weft run`: opens the state, starts the threads (process.h), writes metrics, and stops it all. */
#include "processors/runtime/command.h"
#include "processors/runtime/kafka/client.h"
#include "processors/runtime/kafka/early_sender.h"
#include "processors/runtime/kafka/preflight.h"
#include "processors/runtime/kafka/output_registration.h"
#include "processors/runtime/kafka/registry.h"
#include "processors/runtime/kafka/topics.h"
#include "processors/runtime/log.h"
#include "processors/runtime/metrics.h"
#include "processors/runtime/model/catalogue_fold.h"
#include "processors/runtime/model/fold.h"
#include "processors/runtime/model/publish.h"
#include "processors/runtime/process.h"
#include "processors/runtime/run_http.h"
#include "processors/runtime/statedir.h"
#include "processors/runtime/upgrade.h"
#include "processors/runtime/visitors/standby.h"
#include "processors/runtime/visitors/worker.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WORKERS_MAX 64
#define FIRST_BROKER_MS 30000
#define DISK_PAUSE_US 1000000 /* doubles from try to try */
#define DISK_PAUSE_MAX_US 16000000
#define DISK_CALM_US 60000000 /* after a run that lasts this long, the pause is short again */
#define LOOK_US 20000
#define OTHER_THREADS 4 /* the fold, the catalogue fold, the publisher, the standby */

struct runner {
    struct config config;
    struct run run;
    struct statedir state;
    struct worker *workers[WORKERS_MAX];
    pthread_t threads[WORKERS_MAX + OTHER_THREADS]; /* that are started */
    int thread_count, worker_count;
    struct client_producer *metrics;
    struct early_sender *early; /* NULL: lists do not go ahead of their commit */
    int64_t started_us;
    struct memory_watch memory;
    struct totals_source totals; /* for HTTP */
    struct run_http *http;       /* NULL: none */
    const char *metrics_file, *seed_model;
    bool full; /* the last run ended because the disk of state.dir is full */
};

/* ---- metrics ---- */

static struct totals sum_totals(struct runner *runner)
{
    struct totals totals = {0};
    for (int i = 0; i < runner->worker_count; i++)
        worker_totals(runner->workers[i], &totals);
    return totals;
}

static void sum_for_http(struct totals_source *self, struct totals *ret_totals)
{
    *ret_totals =
        sum_totals((struct runner *)(void *)((char *)self - offsetof(struct runner, totals)));
}

/* Writes the file whole or not at all: readers never see half of it. */
static void write_file(const char *path, const struct buffer *text)
{
    char part[PATH_MAX];
    int size = snprintf(part, sizeof part, "%s.part", path);
    FILE *file = size < (int)sizeof part ? fopen(part, "w") : NULL;
    bool good = file != NULL;
    if (good) {
        good = fwrite(text->at, 1, text->size, file) == text->size && fputc('\n', file) != EOF;
        good = fclose(file) == 0 && good && rename(part, path) == 0;
    }
    if (!good)
        log_line(LOG_LEVEL_WARN, "metrics", "%s can't be written: %s", path, strerror(errno));
}

static void report(struct runner *runner, bool last)
{
    struct totals totals = sum_totals(runner);
    struct metrics metrics;
    struct buffer text = {0};
    struct error error = {0};
    metrics_take(&runner->run, &totals, runner->started_us, last, &metrics);
    memory_take(&runner->memory, &runner->run, &totals, &metrics.memory);
    run_http_set_memory(runner->http, &metrics.memory);
    metrics_write_json(&metrics, &text);
    log_line(LOG_LEVEL_INFO, "metrics", "%.*s", (int)text.size, text.at);
    if (runner->metrics) {
        client_send(runner->metrics, runner->run.topology.topics[TOPIC_METRICS], 0,
                    bytes_of(NULL, 0), buffer_bytes(&text), &error);
        client_producer_poll(runner->metrics, 0);
    }
    if (runner->metrics_file)
        write_file(runner->metrics_file, &text);
    buffer_release(&text);
}

/* ---- the process ---- */

static enum verdict start_thread(struct runner *runner, void *(*body)(void *), void *argument,
                                 struct error *error)
{
    int code = pthread_create(&runner->threads[runner->thread_count], NULL, body, argument);
    if (code != 0)
        return error_set(error, VERDICT_FATAL,
                         "a thread can't be started: %s; raise the limit of processes (ulimit -u, "
                         "pids of the container), or lower threads",
                         strerror(code));
    runner->thread_count++;
    return VERDICT_OK;
}

static enum verdict start_threads(struct runner *runner, struct error *error)
{
    struct run *run = &runner->run;
    enum verdict verdict = start_thread(runner, fold_thread, run, error);
    if (verdict == VERDICT_OK)
        verdict = start_thread(runner, catalogue_fold_thread, run, error);
    if (verdict == VERDICT_OK)
        verdict = start_thread(runner, publish_thread, run, error);
    if (verdict == VERDICT_OK && run->standby)
        verdict = start_thread(runner, standby_thread, run->standby, error);
    for (int i = 0; i < runner->worker_count && verdict == VERDICT_OK; i++)
        verdict = start_thread(runner, worker_thread, runner->workers[i], error);
    return verdict;
}

/* Tells everything that is wrong or missing at once. FATAL: something must be mended first. RETRY:
 * no broker answers, or the process stops. */
static enum verdict look_ahead(struct runner *runner, bool create, struct error *error)
{
    static const enum log_level levels[] = {
        [FINDING_FIX] = LOG_LEVEL_ERROR,
        [FINDING_ADVISE] = LOG_LEVEL_WARN,
        [FINDING_WAIT] = LOG_LEVEL_WARN,
    };
    struct findings *findings = memory_zero(1, sizeof *findings);
    enum verdict verdict = VERDICT_OK;
    bool answered = preflight(&runner->config, &runner->run.topology, create, FIRST_BROKER_MS,
                              &command_interrupted, findings);
    bool stops = atomic_load(&command_interrupted);
    for (size_t i = 0; i < findings->count && !stops; i++)
        log_line(levels[findings->at[i].kind], "preflight", "%s", findings->at[i].text);
    if (stops)
        verdict = error_set(error, VERDICT_RETRY, "stopped before it started");
    else if (findings_have(findings, FINDING_FIX))
        verdict = error_set(error, VERDICT_FATAL,
                            "weft can't start; mend what is told above, then try it with 'weft "
                            "check --preflight'");
    else if (!answered)
        verdict = error_set(error, VERDICT_RETRY, "no broker answers at %.200s after %d s",
                            runner->config.bootstrap_servers, FIRST_BROKER_MS / 1000);
    free(findings);
    return verdict;
}

/* Once the workers are there, whose figures it asks for. */
static enum verdict start_http(struct runner *runner, struct error *error)
{
    if (runner->config.http_listen[0] == '\0')
        return VERDICT_OK;
    runner->totals = (struct totals_source){sum_for_http, runner->worker_count};
    enum verdict verdict = run_http_new(&runner->run, &runner->totals, &runner->http, error);
    return verdict == VERDICT_OK ? verdict : VERDICT_FATAL;
}

static enum verdict start(struct runner *runner, bool create, struct error *error)
{
    struct run *run = &runner->run;
    run->config = &runner->config;
    enum verdict verdict = topology_build(&runner->config, &run->topology, error);
    size_budget_init(&run->sizes, &runner->config, &run->topology);
    if (verdict == VERDICT_OK)
        verdict = statedir_open(&runner->config, &runner->state, error);
    runner->full = verdict == VERDICT_RETRY;
    if (verdict == VERDICT_OK && run->disk_waits == 0) /* it refuses a disk that is nearly full */
        verdict = look_ahead(runner, create, error);
    if (verdict == VERDICT_OK)
        verdict = topics_ensure(&runner->config, &run->topology, create, &command_interrupted,
                                &run->partitions, &run->sizes, error);
    runner->config.input_partitions = run->partitions;
    if (verdict == VERDICT_OK)
        verdict = upgrade_await(run, error);
    if (verdict != VERDICT_OK)
        return verdict;
    snprintf(run->instance, sizeof run->instance, "%s", runner->state.instance);
    run->store = runner->state.visitors;
    run->model_store = runner->state.model;
    run->seed_model = runner->seed_model;
    pthread_mutex_init(&run->view_lock, NULL);
    run->model = model_new(&runner->config.settings.model);
    run->standby = standby_new(run);
    run->catalogue = catalogue_new(&runner->config.settings.catalogue);
    run->search = search_index_new(run->catalogue);
    search_index_limit(run->search, run->config->settings.search_terms_max);
    if (output_registration(&runner->config, &run->topology, &command_interrupted,
                            &runner->config.settings.frames, error) != VERDICT_OK)
        return VERDICT_FATAL;
    if (runner->config.schema_registry_url[0] &&
        registry_new(&runner->config, &run->registry, error) != VERDICT_OK)
        return VERDICT_FATAL;
    runner->metrics = client_producer_new(&runner->config, error);
    if (runner->metrics == NULL)
        return VERDICT_FATAL;
    log_line(LOG_LEVEL_INFO, "run", "%s at %s, %d partitions, %s, instance %s",
             runner->config.application_id, runner->config.bootstrap_servers, (int)run->partitions,
             guarantee_names[runner->config.guarantee], run->instance);
    if (run->topology.early &&
        early_sender_new(&runner->config, &run->topology, &run->sizes, &run->early_failures,
                         &runner->early, error) != VERDICT_OK)
        return VERDICT_FATAL;
    int wanted = (int)runner->config.workers;
    for (int i = 0; i < wanted; i++) {
        struct kafka_edge *edge =
            kafka_edge_new(&runner->config, &run->topology, &run->sizes, runner->early, i, error);
        runner->workers[i] = edge ? worker_new(run, i, edge) : NULL;
        if (runner->workers[i] == NULL)
            return error_set(error, VERDICT_FATAL, "worker %d can't start", i);
        runner->worker_count++;
    }
    memory_start(&runner->memory, run);
    enum verdict started = start_http(runner, error);
    return started == VERDICT_OK ? start_threads(runner, error) : started;
}

static void join_threads(struct runner *runner)
{
    atomic_store(&runner->run.stop, true);
    while (runner->thread_count > 0)
        pthread_join(runner->threads[--runner->thread_count], NULL);
}

static void wait_for_end(struct runner *runner)
{
    struct run *run = &runner->run;
    int64_t interval_us = runner->config.metrics_interval_ms * 1000;
    int64_t next_us = runner->started_us + interval_us;
    while (!atomic_load(&run->stop) && !atomic_load(&command_interrupted)) {
        usleep(LOOK_US);
        if (clock_monotonic_us() >= next_us) {
            report(runner, false);
            next_us += interval_us;
        }
    }
    log_line(LOG_LEVEL_INFO, "run", "stopping");
    join_threads(runner);
    report(runner, true);
}

static void finish(struct runner *runner)
{
    bool seeded = atomic_load(&runner->run.fold_ready); /* the next run has a model then */
    run_http_free(runner->http);
    client_producer_free(runner->metrics);
    for (int i = 0; i < runner->worker_count; i++)
        worker_free(runner->workers[i]);
    early_sender_free(runner->early);
    registry_free(runner->run.registry);
    model_free(runner->run.model);
    catalogue_free(runner->run.catalogue);
    search_index_free(runner->run.search);
    standby_free(runner->run.standby);
    statedir_close(&runner->state);
    pthread_mutex_destroy(&runner->run.view_lock);
    *runner = (struct runner){.config = runner->config,
                              .run.disk_waits = runner->run.disk_waits,
                              .metrics_file = runner->metrics_file,
                              .seed_model = seeded ? NULL : runner->seed_model,
                              .full = runner->full,
                              .state.lock = -1};
}

static int run_once(struct runner *runner, bool create)
{
    struct error error = {0};
    runner->started_us = clock_monotonic_us();
    enum verdict verdict = start(runner, create, &error);
    if (verdict == VERDICT_OK)
        wait_for_end(runner);
    else if (atomic_load(&command_interrupted))
        log_line(LOG_LEVEL_INFO, "run", "%s", error.message);
    else
        run_fail(&runner->run, "run", &error);
    join_threads(runner); /* those that a failed start leaves */
    runner->full = runner->full || statedir_full(&runner->state);
    int code = atomic_load(&runner->run.failed) ? EXIT_FAILED : EXIT_DONE;
    if (code == EXIT_FAILED && verdict == VERDICT_RETRY)
        code = EXIT_WAIT;
    finish(runner);
    return code;
}

/* Waits for room on the disk. False: the process is to stop. */
static bool wait_for_disk(struct runner *runner, int64_t pause_us)
{
    int64_t until_us = clock_monotonic_us() + pause_us;
    runner->run.disk_waits++;
    log_line(LOG_LEVEL_WARN, "run",
             "the disk of state.dir %s is full: free space on it; starting again from the last "
             "commit in %.0f s",
             runner->config.state_dir, (double)pause_us / 1e6);
    while (clock_monotonic_us() < until_us && !atomic_load(&command_interrupted))
        usleep(LOOK_US);
    return !atomic_load(&command_interrupted);
}

/* Runs until the process is to stop or meets what somebody has to mend. A full disk is waited for:
 * the stores are closed and opened again, since RocksDB may refuse all writes until then. */
static int run_until_end(struct runner *runner, bool create)
{
    int64_t pause_us = DISK_PAUSE_US;
    for (bool rebuilt = false;;) {
        int64_t started_us = clock_monotonic_us();
        runner->full = false;
        int code = run_once(runner, create);
        if (code == EXIT_DONE)
            return code;
        if (clock_monotonic_us() - started_us > DISK_CALM_US)
            pause_us = DISK_PAUSE_US;
        if (runner->full) {
            if (!wait_for_disk(runner, pause_us))
                return code;
            pause_us = pause_us < DISK_PAUSE_MAX_US ? 2 * pause_us : pause_us;
        } else if (code == EXIT_FAILED && !rebuilt && statedir_condemned(&runner->config)) {
            log_line(LOG_LEVEL_WARN, "run", "starting again, to rebuild the damaged state");
            rebuilt = true;
        } else {
            return code;
        }
    }
}

static int run_command(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        COMMAND_OPTIONS,
        {"no-create", no_argument, NULL, 'n'},
        {"metrics-file", required_argument, NULL, 'm'},
        {"model", required_argument, NULL, 'M'},
        {NULL, 0, NULL, 0},
    };
    struct runner *runner = memory_zero(1, sizeof *runner);
    bool create = true;
    int code = -1;
    runner->state.lock = -1;
    config_init(&runner->config);
    for (int option; code < 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'n')
            create = false;
        else if (option == 'm')
            runner->metrics_file = optarg;
        else if (option == 'M')
            runner->seed_model = optarg;
        else
            code = command_option(command, option, &runner->config);
    }
    if (code < 0 && optind < argc)
        code = command_fail(command, EXIT_USAGE, "'%s' is not an option", argv[optind]);
    if (code < 0 && (code = command_config(&runner->config)) == EXIT_DONE) {
        command_catch_signals();
        code = run_until_end(runner, create);
    }
    free(runner);
    return code;
}

WEFT_COMMAND(run) = {
    .name = "run",
    .summary = "reads events and writes lists, until it is stopped",
    .usage = "[OPTION]...\n\n" COMMAND_OPTIONS_HELP
             "  --no-create        don't create topics that are missing\n"
             "  --metrics-file F   also write the newest metrics to this file, as JSON\n"
             "  --model FILE       start from this model file ('weft get model'); refused if the\n"
             "                     application has a model already\n\n"
             "Ctrl-C stops it cleanly: open batches are committed. Exit code 75: no broker\n"
             "answers; nothing else is wrong, so try again later.\n",
    .order = 1,
    .run = run_command,
};
