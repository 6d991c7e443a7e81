#include "processors/runtime/kafka/output_registration.h"

#include "processors/runtime/kafka/registry.h"
#include "processors/runtime/kafka/registry_http.h"
#include "processors/runtime/log.h"
#include "schemas/codec.h"

#include <unistd.h>

#define LOG_NAME "registry"
#define PAUSE_MIN_US 200000 /* after the first request without an answer */
#define WARNING_US 60000000
#define LOOK_US 50000 /* between looks at `stop` */

/* ---- waiting ---- */

struct patience {
    const atomic_bool *stop;
    int64_t pause_us, pause_max_us;
    int64_t warned_us; /* 0: never */
};

/* Pauses before the next request. False: the process is to stop. */
static bool wait_for_registry(struct patience *patience, const struct error *why)
{
    int64_t now_us = clock_monotonic_us();
    if (patience->warned_us == 0 || now_us - patience->warned_us > WARNING_US) {
        log_line(LOG_LEVEL_WARN, LOG_NAME, "%s. weft needs the ids of its schemas, and waits",
                 why->message);
        patience->warned_us = now_us;
    }
    int64_t until_us = now_us + patience->pause_us;
    while (clock_monotonic_us() < until_us && !atomic_load(patience->stop))
        usleep(LOOK_US);
    patience->pause_us *= 2;
    if (patience->pause_us > patience->pause_max_us)
        patience->pause_us = patience->pause_max_us;
    return !atomic_load(patience->stop);
}

/* ---- one schema ---- */

static enum verdict refuse(const struct config *config, const char *subject, const char *name,
                           const struct error *why, struct error *error)
{
    if (config->auto_register)
        return error_set(error, VERDICT_FATAL,
                         "subject %.100s: %.250s. Its compatibility setting must allow weft's "
                         "schema; or set output.subject.name.strategy",
                         subject, why->message);
    return error_set(error, VERDICT_FATAL,
                     "subject %.100s: %.200s. Register the schema that 'weft check --schema %s' "
                     "prints, or set auto.register.schemas=on",
                     subject, why->message, name);
}

static enum verdict find_id(const struct config *config, struct registry_http *http,
                            const char *subject, const char *name, struct patience *patience,
                            uint32_t *ret_id, struct error *error)
{
    struct bytes text = schema_text(name);
    for (;;) {
        struct error why = {0};
        enum verdict verdict = config->auto_register
                                   ? registry_register(http, subject, text, ret_id, &why)
                                   : registry_look_up(http, subject, text, ret_id, &why);
        if (verdict == VERDICT_OK) {
            log_line(LOG_LEVEL_INFO, LOG_NAME, "subject %s has weft's schema as id %u", subject,
                     *ret_id);
            return VERDICT_OK;
        }
        if (verdict == VERDICT_SKIP)
            return refuse(config, subject, name, &why, error);
        if (!wait_for_registry(patience, &why))
            return error_set(error, VERDICT_FATAL, "stopped while the schema registry was away");
    }
}

/* ---- all of them ---- */

enum verdict output_registration(const struct config *config, const struct topology *topology,
                                 const atomic_bool *stop, struct output_frames *ret_frames,
                                 struct error *error)
{
    static const enum topic topics[OUTPUT_SCHEMAS] = {
        [SCHEMA_RECOMMENDATION] = TOPIC_RECOMMENDATIONS,
        [SCHEMA_RANKING] = TOPIC_RANKINGS,
        [SCHEMA_ITEM_LISTS] = TOPIC_ITEMS,
    };
    struct output_frames frames = output_frames_single();
    struct registry_http *http;
    struct buffer subject = {0};
    enum verdict verdict = VERDICT_OK;
    if (config->framing != FRAMING_CONFLUENT) {
        *ret_frames = frames;
        return VERDICT_OK;
    }
    if (registry_http_new(config, stop, &http, error) != VERDICT_OK)
        return VERDICT_FATAL;
    struct patience patience = {.stop = stop,
                                .pause_us = PAUSE_MIN_US,
                                .pause_max_us = config->schema_registry_retry_max_ms * 1000};
    for (int i = 0; i < OUTPUT_SCHEMAS && verdict == VERDICT_OK; i++) {
        uint32_t id = 0;
        if (topics[i] == TOPIC_ITEMS && !topology->items)
            continue;
        buffer_clear(&subject);
        output_subject(config->subject_naming, topology->topics[topics[i]], (enum output_schema)i,
                       &subject);
        buffer_byte(&subject, '\0');
        verdict = find_id(config, http, subject.at, output_schema_names[i], &patience, &id, error);
        frames.of[i] = avro_frame_confluent(id);
    }
    buffer_release(&subject);
    registry_http_free(http);
    if (verdict == VERDICT_OK)
        *ret_frames = frames;
    return verdict;
}
