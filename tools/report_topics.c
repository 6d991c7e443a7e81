/* Reads the events of a report from the application's topics, as `weft run` decodes and judges
 * them. */
#include "processors/runtime/command.h"
#include "processors/runtime/kafka/client.h"
#include "processors/runtime/kafka/registry.h"
#include "processors/runtime/mapping_files.h"
#include "processors/runtime/schemas_folder.h"
#include "schemas/event_judge.h"
#include "tools/progress.h"
#include "tools/report_files.h"

#include <time.h>

#define READ_MS 30000
#define SCHEMA_WAITS_MAX 300 /* of SCHEMA_WAIT_MS: how long a record waits for its schema */
#define SCHEMA_WAIT_MS 100

struct topic_reading {
    const struct config *config;
    struct topology topology;
    struct registry *registry;
    struct mapping_files mappings;
    struct codec *codec;
    struct report_events *events;
    struct arena arena;
    struct progress progress;
};

static void pause_a_little(void)
{
    struct timespec pause = {.tv_nsec = SCHEMA_WAIT_MS * 1000000L};
    nanosleep(&pause, NULL);
}

/* RETRY: its schema does not come. */
static enum verdict decode(struct topic_reading *reading, enum event_type type, struct bytes value,
                           struct event *event, struct error *error)
{
    enum verdict verdict = VERDICT_RETRY;
    for (int i = 0; i < SCHEMA_WAITS_MAX && !atomic_load(&command_interrupted); i++) {
        struct error why = {0};
        arena_clear(&reading->arena);
        verdict = codec_decode(reading->codec, type, value, &reading->arena, event, &why);
        if (verdict != VERDICT_RETRY)
            return verdict;
        pause_a_little();
    }
    return error_set(error, VERDICT_RETRY,
                     "the schema registry does not answer; see schema.registry.url");
}

static bool is_usable(const struct topic_reading *reading, const struct kafka_record *record,
                      struct event *event)
{
    const struct event_bounds *bounds = &reading->config->settings.times;
    if (!reading->config->trust_keys && event_judge_key(record->key, event, NULL) != VERDICT_OK)
        return false;
    int64_t ahead_ms = event_settle_time(bounds, record->time_ms, event);
    return event_judge_time(bounds, event, ahead_ms, NULL) == VERDICT_OK;
}

static enum verdict take_record(struct topic_reading *reading, enum event_type type,
                                const struct kafka_record *record, struct error *error)
{
    struct event event;
    if (record->value.at == NULL) {
        if (type != EVENT_USER) {
            reading->events->rejected++;
            return VERDICT_OK;
        }
        event_init_erased(&event, record->key);
        report_events_add(reading->events, &event);
        return VERDICT_OK;
    }
    enum verdict verdict = decode(reading, type, record->value, &event, error);
    if (verdict == VERDICT_RETRY)
        return verdict;
    if (verdict == VERDICT_OK && event.dropped)
        return VERDICT_OK;
    if (verdict == VERDICT_OK && is_usable(reading, record, &event))
        report_events_add(reading->events, &event);
    else
        reading->events->rejected++;
    return VERDICT_OK;
}

static enum verdict read_topic(struct topic_reading *reading, enum event_type type,
                               struct error *error)
{
    struct partition_reader *reader = NULL;
    struct kafka_record record;
    const char *topic = reading->topology.topics[type];
    enum verdict verdict =
        client_open_reader(reading->config, topic, CLIENT_ALL_PARTITIONS, false, &reader, error);
    if (verdict != VERDICT_OK)
        return verdict;
    while ((verdict = partition_reader_next(reader, READ_MS, &record)) == VERDICT_OK) {
        if (atomic_load(&command_interrupted))
            verdict = error_set(error, VERDICT_RETRY, "interrupted");
        else
            verdict = take_record(reading, type, &record, error);
        if (verdict != VERDICT_OK)
            break;
        progress_show(&reading->progress, -1, reading->events->count, "events read");
    }
    if (verdict == VERDICT_RETRY)
        error_set(error, verdict, "%s: the broker has not answered for %d s", topic,
                  READ_MS / 1000);
    partition_reader_free(reader);
    return verdict == VERDICT_SKIP ? VERDICT_OK : verdict;
}

static enum verdict start(struct topic_reading *reading, struct error *error)
{
    enum verdict verdict = topology_build(reading->config, &reading->topology, error);
    if (verdict == VERDICT_OK && reading->config->schema_registry_url[0])
        verdict = registry_new(reading->config, &reading->registry, error);
    if (verdict != VERDICT_OK)
        return verdict;
    reading->codec = codec_new(registry_source(reading->registry));
    verdict = mapping_files_open(&reading->mappings, reading->config, reading->codec, error);
    if (verdict == VERDICT_OK)
        verdict = schemas_folder_read(reading->codec, reading->config->schemas_path, error);
    return verdict;
}

enum verdict report_read_topics(struct report_events *events, const struct config *config,
                                struct error *error)
{
    struct topic_reading reading = {.config = config, .events = events};
    enum verdict verdict = start(&reading, error);
    progress_start(&reading.progress);
    for (int type = EVENT_VIEW; type <= EVENT_USER && verdict == VERDICT_OK; type++)
        if (topology_uses(&reading.topology, type))
            verdict = read_topic(&reading, (enum event_type)type, error);
    progress_end(&reading.progress);
    codec_free(reading.codec);
    mapping_files_release(&reading.mappings);
    registry_free(reading.registry);
    arena_release(&reading.arena);
    return verdict;
}
