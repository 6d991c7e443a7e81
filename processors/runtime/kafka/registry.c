#include "processors/runtime/kafka/registry.h"

#include "processors/runtime/kafka/registry_answer.h"
#include "processors/runtime/kafka/registry_http.h"
#include "processors/runtime/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define PAUSE_MIN_US 200000     /* after the first request without an answer */
#define ANSWER_HOLDS_US 5000000 /* codecs look every 50 ms, or after a commit */
#define WANTED_US 30000000      /* an id that no codec wanted for so long is not fetched */
#define WARNING_US 60000000
#define IDLE_US 1000000
#define LOG_NAME "registry"

enum entry_state {
    ENTRY_AWAITED,  /* the next request is due at due_us */
    ENTRY_ANSWERED, /* until due_us */
};

/* A schema id that a codec wants. */
struct entry {
    uint32_t id;
    enum entry_state state;
    bool busy; /* the thread asks for it now: it is nobody else's to change */
    int64_t wanted_us;
    int64_t due_us;
    int64_t pause_us;          /* before the next request; 0: none has failed */
    struct schema_parts parts; /* the thread's: what has come so far */
    enum verdict verdict;      /* of the answer */
    struct buffer schema;
    struct error why;
};

struct registry {
    struct schema_source source; /* first: a codec hands it back */
    const struct config *config;
    struct registry_http *http; /* the thread's */
    int64_t doubted_us;         /* the same; 0: never */
    pthread_t thread;
    atomic_bool stop;
    pthread_mutex_t lock;  /* of all below */
    pthread_cond_t wanted; /* an id was */
    struct entry entries[REGISTRY_IDS_MAX];
    size_t entry_count;
    uint64_t failed;
    int64_t failing_since_us; /* 0: the last request had an answer */
    int64_t warned_us;        /* 0: never */
    bool warned;              /* since it failed first */
};

/* ---- entries; under the lock ---- */

static struct entry *find_entry(struct registry *registry, uint32_t id)
{
    for (size_t i = 0; i < registry->entry_count; i++)
        if (registry->entries[i].id == id)
            return &registry->entries[i];
    return NULL;
}

static bool is_awaited(const struct entry *entry, int64_t now_us)
{
    return entry->state == ENTRY_AWAITED && now_us - entry->wanted_us < WANTED_US;
}

static void await(struct entry *entry, uint32_t id, int64_t now_us)
{
    buffer_release(&entry->schema);
    schema_parts_release(&entry->parts);
    *entry =
        (struct entry){.id = id, .state = ENTRY_AWAITED, .wanted_us = now_us, .due_us = now_us};
    schema_parts_init(&entry->parts);
}

/* The entry that was wanted longest ago, among those that nobody waits for; NULL: there is none. */
static struct entry *oldest_entry(struct registry *registry, int64_t now_us)
{
    struct entry *oldest = NULL;
    for (size_t i = 0; i < registry->entry_count; i++) {
        struct entry *entry = &registry->entries[i];
        if (!entry->busy && !is_awaited(entry, now_us) &&
            (oldest == NULL || entry->wanted_us < oldest->wanted_us))
            oldest = entry;
    }
    return oldest;
}

static struct entry *add_entry(struct registry *registry, uint32_t id, int64_t now_us)
{
    struct entry *entry = registry->entry_count < REGISTRY_IDS_MAX
                              ? &registry->entries[registry->entry_count++]
                              : oldest_entry(registry, now_us);
    if (entry)
        await(entry, id, now_us);
    return entry;
}

static enum verdict look_up(struct registry *registry, uint32_t id, struct buffer *schema,
                            struct error *error)
{
    int64_t now_us = clock_monotonic_us();
    struct entry *entry = find_entry(registry, id);
    bool outdated = entry && entry->state == ENTRY_ANSWERED && now_us >= entry->due_us;
    if (outdated)
        await(entry, id, now_us);
    if (entry == NULL || outdated)
        pthread_cond_signal(&registry->wanted);
    if (entry == NULL)
        entry = add_entry(registry, id, now_us);
    if (entry == NULL)
        return error_set(error, VERDICT_RETRY, "more than %d schemas are awaited",
                         REGISTRY_IDS_MAX);
    entry->wanted_us = now_us;
    if (entry->state == ENTRY_AWAITED)
        return error_set(error, VERDICT_RETRY, "%s",
                         entry->why.message[0] ? entry->why.message : "the schema is awaited");
    if (entry->verdict != VERDICT_OK)
        return error_set(error, entry->verdict, "%s", entry->why.message);
    buffer_append(schema, entry->schema.at, entry->schema.size);
    return VERDICT_OK;
}

static enum verdict registry_fetch(struct schema_source *source, uint32_t id, struct buffer *schema,
                                   struct error *error)
{
    struct registry *registry = (struct registry *)(void *)source;
    pthread_mutex_lock(&registry->lock);
    enum verdict verdict = look_up(registry, id, schema, error);
    pthread_mutex_unlock(&registry->lock);
    return verdict;
}

/* ---- requests; on the thread, without the lock ---- */

static void part_path(struct registry_http *http, uint32_t id, const struct schema_part *part,
                      struct buffer *path)
{
    buffer_clear(path);
    if (part->subject == NULL) {
        buffer_format(path, "/schemas/ids/%u", id);
    } else {
        buffer_text(path, "/subjects/");
        registry_http_encode(http, part->subject, path);
        buffer_format(path, "/versions/%lld", (long long)part->version);
    }
    buffer_byte(path, '\0');
}

/* Once a minute at most: an id that nobody registered is an answer, a wrong address is none. */
static void doubt(const struct registry_answer *answer, int64_t *doubted_us)
{
    int64_t now_us = clock_monotonic_us();
    if (answer->status != 404 || registry_has_error_code(answer) ||
        (*doubted_us != 0 && now_us - *doubted_us < WARNING_US))
        return;
    *doubted_us = now_us;
    log_line(LOG_LEVEL_WARN, LOG_NAME,
             "%s answers 404 without the error code of a schema registry; if it does so for "
             "every schema, check the path in schema.registry.url",
             answer->url);
}

/* One request. `ret_pause_us`: the registry wants none for so long. */
static enum verdict fetch_part(struct registry *registry, uint32_t id, struct schema_parts *parts,
                               struct schema_part *part, int64_t *ret_pause_us, struct error *error)
{
    struct buffer path = {0};
    struct http_answer answer;
    part_path(registry->http, id, part, &path);
    enum verdict verdict = registry_http_request(registry->http, path.at, NULL, &answer, error);
    if (verdict == VERDICT_OK) {
        const struct registry_answer whole = {
            .url = answer.url, .status = answer.status, .body = buffer_bytes(&answer.body)};
        doubt(&whole, &registry->doubted_us);
        verdict = schema_parts_take(parts, part, &whole, error);
        *ret_pause_us = answer.retry_after_ms * 1000;
    }
    http_answer_release(&answer);
    buffer_release(&path);
    return verdict;
}

/* Fetches what is still missing of a schema. RETRY: what has come is not fetched again. */
static enum verdict fetch_schema(struct registry *registry, uint32_t id, struct schema_parts *parts,
                                 struct buffer *ret_schema, int64_t *ret_pause_us,
                                 struct error *error)
{
    struct schema_part *part;
    while ((part = schema_parts_missing(parts)) != NULL) {
        enum verdict verdict = fetch_part(registry, id, parts, part, ret_pause_us, error);
        if (verdict != VERDICT_OK)
            return verdict;
        if (atomic_load(&registry->stop))
            return error_set(error, VERDICT_RETRY, "the process stops");
    }
    return schema_parts_join(parts, ret_schema, error);
}

/* ---- outcomes; on the thread, under the lock ---- */

static uint64_t count_awaited(const struct registry *registry, int64_t now_us)
{
    uint64_t count = 0;
    for (size_t i = 0; i < registry->entry_count; i++)
        count += is_awaited(&registry->entries[i], now_us);
    return count;
}

static void warn(struct registry *registry, const struct error *why, int64_t now_us)
{
    if (registry->warned_us != 0 && now_us - registry->warned_us < WARNING_US)
        return;
    registry->warned = true;
    registry->warned_us = now_us;
    log_line(
        LOG_LEVEL_WARN, LOG_NAME,
        "%s. Schemas awaited: %llu, for %.0f s. Their records wait, and are processed when the "
        "registry answers",
        why->message, (unsigned long long)count_awaited(registry, now_us),
        (double)(now_us - registry->failing_since_us) / 1e6);
}

static void note_failure(struct registry *registry, struct entry *entry, int64_t server_pause_us,
                         int64_t now_us)
{
    int64_t max_us = registry->config->schema_registry_retry_max_ms * 1000;
    entry->pause_us = entry->pause_us ? 2 * entry->pause_us : PAUSE_MIN_US;
    if (entry->pause_us < server_pause_us)
        entry->pause_us = server_pause_us;
    if (entry->pause_us > max_us)
        entry->pause_us = max_us;
    entry->due_us = now_us + entry->pause_us;
    registry->failed++;
    if (registry->failing_since_us == 0)
        registry->failing_since_us = now_us;
    warn(registry, &entry->why, now_us);
}

static void note_answer(struct registry *registry, struct entry *entry, int64_t now_us)
{
    entry->state = ENTRY_ANSWERED;
    entry->due_us = now_us + ANSWER_HOLDS_US;
    schema_parts_release(&entry->parts);
    for (size_t i = 0; i < registry->entry_count; i++)
        if (is_awaited(&registry->entries[i], now_us) && registry->entries[i].pause_us > 0)
            return; /* of some schemas there is still no answer */
    if (registry->warned)
        log_line(LOG_LEVEL_INFO, LOG_NAME, "%s answers again after %.0f s",
                 registry_http_url(registry->http),
                 (double)(now_us - registry->failing_since_us) / 1e6);
    registry->failing_since_us = 0;
    registry->warned = false;
}

/* ---- the thread ---- */

/* The entry whose request is due first; `ret_due_us` tells when. NULL: none is awaited. */
static struct entry *next_entry(struct registry *registry, int64_t now_us, int64_t *ret_due_us)
{
    struct entry *next = NULL;
    for (size_t i = 0; i < registry->entry_count; i++)
        if (is_awaited(&registry->entries[i], now_us) &&
            (next == NULL || registry->entries[i].due_us < next->due_us))
            next = &registry->entries[i];
    *ret_due_us = next ? next->due_us : now_us + IDLE_US;
    return next;
}

static void serve(struct registry *registry, struct entry *entry)
{
    int64_t server_pause_us = 0;
    struct buffer schema = {0};
    struct error why = {0};
    entry->busy = true;
    pthread_mutex_unlock(&registry->lock);
    enum verdict verdict =
        fetch_schema(registry, entry->id, &entry->parts, &schema, &server_pause_us, &why);
    pthread_mutex_lock(&registry->lock);
    entry->busy = false;
    entry->verdict = verdict;
    entry->schema = schema;
    entry->why = why;
    if (atomic_load(&registry->stop))
        return;
    if (verdict == VERDICT_RETRY)
        note_failure(registry, entry, server_pause_us, clock_monotonic_us());
    else
        note_answer(registry, entry, clock_monotonic_us());
}

static void sleep_until(struct registry *registry, int64_t due_us, int64_t now_us)
{
    struct timespec until;
    int64_t pause_us = due_us - now_us < IDLE_US ? due_us - now_us : IDLE_US;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t until_ns = until.tv_nsec + pause_us * 1000;
    until.tv_sec += until_ns / 1000000000;
    until.tv_nsec = until_ns % 1000000000;
    pthread_cond_timedwait(&registry->wanted, &registry->lock, &until);
}

static void *registry_thread(void *argument)
{
    struct registry *registry = argument;
    pthread_setname_np(pthread_self(), LOG_NAME);
    pthread_mutex_lock(&registry->lock);
    while (!atomic_load(&registry->stop)) {
        int64_t now_us = clock_monotonic_us(), due_us;
        struct entry *entry = next_entry(registry, now_us, &due_us);
        if (entry && due_us <= now_us)
            serve(registry, entry);
        else
            sleep_until(registry, due_us, now_us);
    }
    pthread_mutex_unlock(&registry->lock);
    return NULL;
}

/* ---- making and freeing ---- */

static void registry_release(struct registry *registry)
{
    for (size_t i = 0; i < registry->entry_count; i++) {
        schema_parts_release(&registry->entries[i].parts);
        buffer_release(&registry->entries[i].schema);
    }
    registry_http_free(registry->http);
    pthread_mutex_destroy(&registry->lock);
    pthread_cond_destroy(&registry->wanted);
    free(registry);
}

enum verdict registry_new(const struct config *config, struct registry **ret_registry,
                          struct error *error)
{
    pthread_condattr_t clock;
    struct registry *registry = memory_zero(1, sizeof *registry);
    enum verdict verdict = registry_http_new(config, &registry->stop, &registry->http, error);
    if (verdict != VERDICT_OK) {
        free(registry);
        return verdict;
    }
    registry->source = (struct schema_source){.fetch = registry_fetch,
                                              .refusal_ms = config->schema_registry_refusal_ms};
    registry->config = config;
    pthread_mutex_init(&registry->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&registry->wanted, &clock);
    pthread_condattr_destroy(&clock);
    int code = pthread_create(&registry->thread, NULL, registry_thread, registry);
    if (code != 0) {
        registry_release(registry);
        return error_set(error, VERDICT_FATAL, "the registry's thread can't start: %s",
                         strerror(code));
    }
    *ret_registry = registry;
    return VERDICT_OK;
}

void registry_free(struct registry *registry)
{
    if (registry == NULL)
        return;
    atomic_store(&registry->stop, true);
    pthread_mutex_lock(&registry->lock);
    pthread_cond_signal(&registry->wanted);
    pthread_mutex_unlock(&registry->lock);
    pthread_join(registry->thread, NULL);
    registry_release(registry);
}

struct schema_source *registry_source(struct registry *registry)
{
    return registry ? &registry->source : NULL;
}

struct registry_counts registry_counts(struct registry *registry)
{
    struct registry_counts counts = {0};
    if (registry == NULL)
        return counts;
    pthread_mutex_lock(&registry->lock);
    counts.failed = registry->failed;
    counts.awaited = count_awaited(registry, clock_monotonic_us());
    pthread_mutex_unlock(&registry->lock);
    return counts;
}

/* ---- requests that are waited for ---- */

enum verdict registry_check(const struct config *config, struct error *error)
{
    struct registry_http *http;
    enum verdict verdict = registry_http_new(config, NULL, &http, error);
    if (verdict == VERDICT_OK)
        registry_http_free(http);
    return verdict;
}

/* Posts a schema to a path of a subject, whose answer is the schema's id. */
static enum verdict post_schema(struct registry_http *http, const char *subject, const char *tail,
                                struct bytes schema, uint32_t *ret_id, struct error *error)
{
    struct buffer path = {0}, body = {0};
    struct http_answer answer;
    buffer_text(&path, "/subjects/");
    registry_http_encode(http, subject, &path);
    buffer_text(&path, tail);
    buffer_byte(&path, '\0');
    buffer_text(&body, "{\"schema\":");
    buffer_json(&body, schema);
    buffer_text(&body, "}");
    enum verdict verdict = registry_http_request(http, path.at, &body, &answer, error);
    if (verdict == VERDICT_OK) {
        const struct registry_answer whole = {
            .url = answer.url, .status = answer.status, .body = buffer_bytes(&answer.body)};
        verdict = registry_read_id(&whole, ret_id, error);
    }
    http_answer_release(&answer);
    buffer_release(&path);
    buffer_release(&body);
    return verdict;
}

enum verdict registry_register(struct registry_http *http, const char *subject, struct bytes schema,
                               uint32_t *ret_id, struct error *error)
{
    return post_schema(http, subject, "/versions", schema, ret_id, error);
}

enum verdict registry_look_up(struct registry_http *http, const char *subject, struct bytes schema,
                              uint32_t *ret_id, struct error *error)
{
    return post_schema(http, subject, "", schema, ret_id, error);
}
