#include "tools/check_report.h"

#include "processors/runtime/kafka/client.h"
#include "processors/runtime/kafka/registry.h"
#include "processors/runtime/log.h"
#include "processors/runtime/mapping_files.h"
#include "processors/runtime/schemas_folder.h"
#include "schemas/codec.h"
#include "tools/data_report_write.h"
#include "tools/events.h"
#include "tools/progress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_MS 10000   /* without an answer of the broker */
#define SCHEMA_MS 30000 /* without a schema of the registry */
#define SCHEMA_WAIT_MS 50
#define PROGRESS_EVERY 65536

static void add_source(struct data_report *report, const char *name)
{
    size_t used = strlen(report->source);
    snprintf(report->source + used, sizeof report->source - used, "%s%s", used ? ", " : "", name);
}

/* ---- files ---- */

static enum verdict read_file(struct data_report *report, const char *path, const char *format,
                              struct progress *progress, struct error *error)
{
    struct event_file *file;
    struct event event, product;
    struct arena arena = {0};
    enum read read = READ_EVENT;
    if (event_file_open(path, format, &file, error) != VERDICT_OK)
        return VERDICT_SKIP;
    event_file_judge(file, &report->config->settings.times, clock_now_ms());
    while (read != READ_END && read != READ_FAILED && !atomic_load(&command_interrupted)) {
        struct error why = {0};
        arena_clear(&arena);
        read = event_file_next(file, &arena, &event, &why);
        if (read == READ_EVENT)
            data_report_event(report, &event, 0);
        if (read == READ_EVENT && event_file_product(file, &product))
            data_report_product(report, &product);
        if (read == READ_REJECTED)
            data_report_reject(report, why.message);
        if (read == READ_FAILED)
            error_set(error, VERDICT_SKIP, "%s", why.message);
        if (event_file_lines(file) % PROGRESS_EVERY == 0)
            progress_show(progress, event_file_share(file), report->events, "events");
    }
    report->lines += event_file_lines(file);
    report->dropped += event_file_dropped(file);
    report->ahead += event_file_ahead(file);
    if (event_file_as_topic(file))
        snprintf(report->map, sizeof report->map, "%s", event_file_format(file));
    add_source(report, path);
    event_file_close(file);
    arena_release(&arena);
    return read == READ_FAILED ? VERDICT_SKIP : VERDICT_OK;
}

/* ---- topics ---- */

struct topics_reading {
    struct data_report *report;
    const struct config *config;
    struct codec *codec;
    struct arena arena;
    struct progress progress;
};

/* Waits for a schema as `weft run` does, but not for ever. */
static enum verdict decode(struct topics_reading *reading, enum event_type type,
                           const struct kafka_record *record, struct event *event,
                           struct error *why)
{
    int64_t until_us = clock_monotonic_us() + SCHEMA_MS * (int64_t)1000;
    enum verdict verdict;
    while ((verdict = codec_decode(reading->codec, type, record->value, &reading->arena, event,
                                   why)) == VERDICT_RETRY) {
        if (clock_monotonic_us() > until_us || atomic_load(&command_interrupted))
            return VERDICT_SKIP;
        error_clear(why);
        usleep(SCHEMA_WAIT_MS * 1000);
    }
    if (verdict == VERDICT_OK && !event->dropped &&
        (!reading->config->trust_keys || event->type == EVENT_PRODUCT))
        verdict = event_judge_key(record->key, event, why);
    return verdict;
}

static void take_record(struct topics_reading *reading, enum event_type type,
                        const struct kafka_record *record)
{
    struct data_report *report = reading->report;
    const struct event_bounds *bounds = &reading->config->settings.times;
    struct event event;
    struct error why = {0};
    report->lines++;
    if (record->value.at == NULL && type >= EVENT_USER) { /* a deletion */
        if (type == EVENT_PRODUCT)
            data_report_product_gone(report, record->key);
        return;
    }
    if (decode(reading, type, record, &event, &why) != VERDICT_OK) {
        data_report_reject(report, why.message);
        return;
    }
    if (event.dropped) {
        report->dropped++;
        return;
    }
    int64_t time_ms = event.event_time_ms;
    int64_t ahead_ms = event_settle_time(bounds, record->time_ms, &event);
    if (event_judge_time(bounds, &event, ahead_ms, &why) != VERDICT_OK) {
        data_report_reject(report, why.message);
        return;
    }
    report->ahead += ahead_ms > 0;
    event.event_time_ms = time_ms; /* as it was sent, for the clock */
    data_report_event(report, &event, record->time_ms);
}

static enum verdict read_topic(struct topics_reading *reading, const char *topic,
                               enum event_type type, struct error *error)
{
    struct partition_reader *reader = NULL;
    struct kafka_record record;
    enum verdict verdict =
        client_open_reader(reading->config, topic, CLIENT_ALL_PARTITIONS, false, &reader, error);
    if (verdict == VERDICT_SKIP) { /* a shop without searches has no such topic */
        error_clear(error);
        return VERDICT_OK;
    }
    if (verdict != VERDICT_OK)
        return verdict;
    add_source(reading->report, topic);
    while (!atomic_load(&command_interrupted) &&
           (verdict = partition_reader_next(reader, READ_MS, &record)) == VERDICT_OK) {
        take_record(reading, type, &record);
        arena_clear(&reading->arena);
        if (reading->report->lines % PROGRESS_EVERY == 0)
            progress_show(&reading->progress, 0, reading->report->lines, "records");
    }
    partition_reader_free(reader);
    if (verdict == VERDICT_RETRY)
        return error_set(error, VERDICT_RETRY, "the broker has not answered for %d s",
                         READ_MS / 1000);
    return VERDICT_OK;
}

static enum verdict read_topics(struct data_report *report, const struct config *config,
                                struct error *error)
{
    struct topics_reading reading = {.report = report, .config = config};
    struct topology topology;
    struct registry *registry = NULL;
    struct mapping_files mappings = {0};
    enum verdict verdict = topology_build(config, &topology, error);
    if (verdict == VERDICT_OK && config->schema_registry_url[0])
        verdict = registry_new(config, &registry, error);
    if (verdict != VERDICT_OK)
        return verdict;
    report->from_topics = true;
    reading.codec = codec_new(registry_source(registry));
    verdict = mapping_files_open(&mappings, config, reading.codec, error);
    if (verdict == VERDICT_OK)
        verdict = schemas_folder_read(reading.codec, config->schemas_path, error);
    progress_start(&reading.progress);
    for (int type = 0; type < EVENT_TYPES && verdict == VERDICT_OK; type++)
        if (topology_uses(&topology, type))
            verdict = read_topic(&reading, topology.topics[type], (enum event_type)type, error);
    progress_end(&reading.progress);
    codec_free(reading.codec);
    mapping_files_release(&mappings);
    registry_free(registry);
    arena_release(&reading.arena);
    return verdict;
}

/* ---- the report ---- */

static int write_page(const struct command *command, const struct data_report *report,
                      const char *path)
{
    struct buffer text = {0};
    data_report_page(report, &text);
    FILE *file = fopen(path, "w");
    bool good = file && fwrite(text.at, 1, text.size, file) == text.size;
    int code = errno;
    if (file && fclose(file) != 0)
        good = false;
    buffer_release(&text);
    if (!good)
        return command_fail(command, EXIT_FAILED, "can't write %s: %s", path, strerror(code));
    fprintf(stderr, "%s: open it in a browser\n", path);
    return EXIT_DONE;
}

static int write_report(const struct command *command, const struct data_report *report,
                        const struct report_request *request)
{
    struct buffer text = {0};
    (request->json ? data_report_json : data_report_text)(report, &text);
    fwrite(text.at, 1, text.size, stdout);
    buffer_release(&text);
    return request->page ? write_page(command, report, request->page) : EXIT_DONE;
}

int check_report(const struct command *command, const struct config *config,
                 const struct report_request *request, int count, char **paths)
{
    struct error error = {0};
    struct progress progress;
    enum verdict verdict = VERDICT_OK;
    if (request->from_topics == (count > 0))
        return command_fail(command, EXIT_USAGE, "--report takes files, or --from-topics");
    struct data_report *report = memory_get(sizeof *report);
    data_report_init(report, config);
    command_catch_signals();
    if (request->from_topics) {
        verdict = read_topics(report, config, &error);
    } else {
        progress_start(&progress);
        for (int i = 0; i < count && verdict == VERDICT_OK; i++)
            verdict = read_file(report, paths[i], request->format, &progress, &error);
        progress_end(&progress);
    }
    int code = EXIT_FAILED;
    data_report_finish(report);
    if (verdict != VERDICT_OK)
        command_fail(command, EXIT_FAILED, "%s", error.message);
    else
        code = write_report(command, report, request);
    data_report_release(report);
    free(report);
    return verdict == VERDICT_RETRY ? EXIT_WAIT : code;
}
