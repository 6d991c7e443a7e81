#include "tools/serve/events.h"

#include "processors/runtime/kafka/event_sender.h"
#include "processors/runtime/log.h"
#include "processors/runtime/mapping_files.h"
#include "schemas/json.h"
#include "schemas/json_scan.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define EVENT_ID_SIZE 33 /* 32 hexadecimal digits and a NUL */
#define RETRY_AFTER_S 1

struct events {
    const struct config *config;
    const struct topology *topology;
    struct event_sender *sender;
    pthread_mutex_t lock; /* of the codec */
    struct codec *codec;
    struct mapping_files mappings;
    atomic_ullong accepted, refused, dropped, failed, busy;
};

/* One event of a request, ready to be sent. Borrowed from the request. */
struct ready_event {
    const char *topic;
    struct bytes key, value, event_id;
};

/* A request whose events are under way. */
struct posted {
    struct http_later later; /* first */
    struct event_delivery delivery;
    struct http_request *request;
    struct ready_event *events;
    uint32_t count;
    bool erasure;
    atomic_uint left; /* records under way, and one while they are being sent */
    atomic_uint failures;
};

/* ---- cutting the body ---- */

static bool is_space(char character)
{
    return character == ' ' || character == '\n' || character == '\t' || character == '\r';
}

/* The elements of the array that the scanner is at. */
static enum verdict split_array(struct scanner *scanner, uint32_t max, struct bytes *ret_events,
                                uint32_t *ret_count)
{
    bool ok = true;
    for (bool more = scan_open(scanner, ']'); more; more = scan_more(scanner, ']', &ok)) {
        scan_space(scanner);
        const char *start = scanner->at;
        if (*ret_count == max)
            return error_set(scanner->error, VERDICT_SKIP, "there are more than %u events", max);
        if (scan_peek(scanner) != '{')
            return error_set(scanner->error, VERDICT_SKIP, "event %u is no object", *ret_count);
        if (!scan_skip(scanner, 1))
            return VERDICT_SKIP;
        ret_events[(*ret_count)++] = bytes_of(start, (size_t)(scanner->at - start));
    }
    return ok && !scanner->error->message[0] ? VERDICT_OK : VERDICT_SKIP;
}

/* Finds the array "events" of an object. SKIP without an error: it has none. */
static enum verdict find_array(struct scanner *scanner)
{
    bool ok = true;
    for (bool more = scan_open(scanner, '}'); more; more = scan_more(scanner, '}', &ok)) {
        struct bytes name;
        if (!scan_name(scanner, &name))
            return VERDICT_SKIP;
        scan_space(scanner);
        if (bytes_equal(name, bytes_text("events")) && scan_peek(scanner) == '[')
            return VERDICT_OK;
        if (!scan_skip(scanner, 1))
            return VERDICT_SKIP;
    }
    return VERDICT_SKIP;
}

enum verdict events_split(struct bytes body, uint32_t max, struct arena *arena,
                          struct bytes *ret_events, uint32_t *ret_count, struct error *error)
{
    *ret_count = 0;
    while (body.size > 0 && is_space(body.at[body.size - 1]))
        body.size--;
    struct scanner scanner = scanner_of(body, arena, error);
    scan_space(&scanner);
    const char *start = scanner.at;
    if (scan_peek(&scanner) != '{' && scan_peek(&scanner) != '[')
        return error_set(error, VERDICT_SKIP, "the body is no JSON object or array");
    if (scan_peek(&scanner) == '[')
        return split_array(&scanner, max, ret_events, ret_count);
    enum verdict verdict = find_array(&scanner);
    if (verdict == VERDICT_OK)
        return split_array(&scanner, max, ret_events, ret_count);
    if (error->message[0])
        return verdict;
    ret_events[(*ret_count)++] = bytes_of(start, (size_t)(body.at + body.size - start));
    return VERDICT_OK;
}

/* ---- checking an event ---- */

static void draw_id(char to[EVENT_ID_SIZE])
{
    uint64_t drawn[2] = {0};
    if (getrandom(drawn, sizeof drawn, 0) != sizeof drawn)
        drawn[0] = (uint64_t)clock_monotonic_us();
    snprintf(to, EVENT_ID_SIZE, "%016" PRIx64 "%016" PRIx64, drawn[0], drawn[1]);
}

/* Puts an event_id in front of an object without one. */
static struct bytes add_id(struct bytes text, struct arena *arena)
{
    char id[EVENT_ID_SIZE];
    struct bytes found;
    if (json_text_field(text, "event_id", arena, &found, NULL) == VERDICT_OK && found.size > 0)
        return text;
    size_t at = 1; /* behind the brace; the object has a field, at least its type */
    draw_id(id);
    char *to = arena_get(arena, text.size + EVENT_ID_SIZE + 32);
    int size = sprintf(to, "{\"event_id\":\"%s\",", id);
    memcpy(to + size, text.at + at, text.size - at);
    return bytes_of(to, (size_t)size + text.size - at);
}

static enum verdict find_type(struct bytes text, struct arena *arena, enum event_type *ret_type,
                              struct error *error)
{
    struct bytes name = {0};
    json_text_field(text, "type", arena, &name, NULL);
    for (int type = 0; type < EVENT_USER; type++) {
        if (!bytes_equal(name, bytes_text(event_type_names[type])))
            continue;
        *ret_type = (enum event_type)type;
        return VERDICT_OK;
    }
    return error_set(error, VERDICT_SKIP,
                     "type is none of view, search, cart, purchase, impression and click");
}

/* Whether the shop's events have another system's form, by the topic's mapping. */
static bool is_mapped(const struct events *events, enum event_type type)
{
    return strcmp(mapping_chosen(events->config, type), "weft") != 0;
}

/* Checks one event. SKIP, with the reason. */
static enum verdict check_event(struct events *events, struct bytes text, struct arena *arena,
                                struct ready_event *ret_ready, bool *ret_dropped,
                                struct error *error)
{
    struct event event;
    enum event_type type = EVENT_VIEW;
    bool mapped = is_mapped(events, EVENT_VIEW), all_kinds = events->topology->all_kinds;
    enum verdict verdict = mapped ? VERDICT_OK : find_type(text, arena, &type, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (!mapped)
        text = add_id(text, arena);
    pthread_mutex_lock(&events->lock);
    verdict =
        codec_decode(events->codec, all_kinds ? EVENT_VIEW : type, text, arena, &event, error);
    pthread_mutex_unlock(&events->lock);
    if (verdict != VERDICT_OK)
        return VERDICT_SKIP;
    *ret_dropped = event.dropped;
    if (event.dropped)
        return VERDICT_OK;
    *ret_ready = (struct ready_event){
        .topic = topology_topic_of(events->topology, event.type),
        .key = event_visitor(&event),
        .value = text,
        .event_id = event.event_id,
    };
    return event_judge(&events->config->settings.times, &event, clock_now_ms(), text.size, error);
}

/* Fills in the answer to a request with bad events: nothing of it is sent. */
struct refusals {
    struct buffer list;
    uint32_t count;
};

static void refuse(struct refusals *refusals, uint32_t index, const char *reason)
{
    buffer_format(&refusals->list, "%s{\"index\":%u,\"reason\":", refusals->count++ > 0 ? "," : "",
                  index);
    buffer_json(&refusals->list, bytes_text(reason));
    buffer_byte(&refusals->list, '}');
}

static void answer_refusals(const struct refusals *refusals, uint32_t count,
                            struct http_reply *reply)
{
    http_problem(reply, 400, "%u of %u events can't be used, so none was taken", refusals->count,
                 count);
    reply->body.size--; /* its brace */
    buffer_text(&reply->body, ",\"errors\":[");
    buffer_append(&reply->body, refusals->list.at, refusals->list.size);
    buffer_text(&reply->body, "]}");
}

/* Checks all events of the body. False: the reply says what is wrong. */
static bool check_all(struct events *events, struct http_request *request, struct posted *posted,
                      struct http_reply *reply)
{
    struct arena *arena = &request->arena;
    struct error error = {0};
    struct refusals refusals = {0};
    uint32_t count = 0;
    struct bytes *texts = arena_get(arena, EVENTS_OF_REQUEST_MAX * sizeof *texts);
    if (events_split(request->body, EVENTS_OF_REQUEST_MAX, arena, texts, &count, &error) !=
        VERDICT_OK) {
        http_problem(reply, 400, "%s", error.message);
        return false;
    }
    posted->events = arena_get(arena, (count + 1) * sizeof *posted->events);
    for (uint32_t i = 0; i < count; i++) {
        bool dropped = false;
        struct error why = {0};
        if (check_event(events, texts[i], arena, &posted->events[posted->count], &dropped, &why) !=
            VERDICT_OK)
            refuse(&refusals, i, why.message);
        else if (dropped)
            atomic_fetch_add(&events->dropped, 1);
        else
            posted->count++;
    }
    atomic_fetch_add(&events->refused, refusals.count);
    if (refusals.count > 0)
        answer_refusals(&refusals, count, reply);
    buffer_release(&refusals.list);
    return refusals.count == 0;
}

/* ---- sending ---- */

static void free_posted(struct http_later *later)
{
    free(later); /* its first member */
}

static void done(struct event_delivery *delivery, bool delivered)
{
    struct posted *posted =
        (struct posted *)(void *)((char *)delivery - offsetof(struct posted, delivery));
    if (!delivered)
        atomic_fetch_add(&posted->failures, 1);
    if (atomic_fetch_sub(&posted->left, 1) == 1)
        http_go_on(posted->request); /* the request owns `posted` again */
}

static bool is_busy(struct events *events, uint32_t count, struct http_reply *reply)
{
    if (event_sender_waiting(events->sender) + count <=
        (uint64_t)events->config->serve_events_waiting_max)
        return false;
    atomic_fetch_add(&events->busy, count);
    http_problem(reply, 429, "Kafka does not keep up: send the same events again later");
    reply->retry_after_s = RETRY_AFTER_S;
    return true;
}

/* Sends all and puts the request off. From the last line on, `posted` is the deliveries'. */
static void send_all(struct events *events, struct http_request *request, struct posted *posted)
{
    posted->later.free = free_posted;
    posted->delivery.done = done;
    posted->request = request;
    request->later = &posted->later;
    atomic_store(&posted->left, posted->count + 1);
    http_put_off(request);
    for (uint32_t i = 0; i < posted->count; i++) {
        const struct ready_event *event = &posted->events[i];
        struct error why = {0};
        if (event_sender_send(events->sender, event->topic, event->key, event->value,
                              &posted->delivery, &why) == VERDICT_OK)
            continue;
        log_line(LOG_LEVEL_DEBUG, "events", "%s", why.message);
        done(&posted->delivery, false); /* never the last: one more is counted */
    }
    done(&posted->delivery, true);
}

static void write_accepted(const struct posted *posted, struct http_reply *reply)
{
    reply->status = 202;
    reply->content_type = "application/json";
    buffer_format(&reply->body, "{\"accepted\":%u,\"event_ids\":[", posted->count);
    for (uint32_t i = 0; i < posted->count; i++) {
        buffer_text(&reply->body, i > 0 ? "," : "");
        buffer_json(&reply->body, posted->events[i].event_id);
    }
    buffer_text(&reply->body, "]}");
}

static void answer_later(struct events *events, struct http_request *request,
                         struct http_reply *reply)
{
    const struct posted *posted = (const struct posted *)(const void *)request->later;
    uint32_t failures = atomic_load(&posted->failures);
    if (failures == 0) {
        atomic_fetch_add(&events->accepted, posted->erasure ? 0 : posted->count);
        write_accepted(posted, reply);
    } else {
        atomic_fetch_add(&events->failed, failures);
        http_problem(reply, 503,
                     "Kafka did not acknowledge %u of %u records: send all of them again, with the "
                     "same event_id",
                     failures, posted->count);
        reply->retry_after_s = RETRY_AFTER_S;
    }
}

void events_post(struct events *events, struct http_request *request, struct http_reply *reply)
{
    if (request->again) {
        answer_later(events, request, reply);
        return;
    }
    struct posted *posted = memory_zero(1, sizeof *posted);
    bool good = check_all(events, request, posted, reply);
    if (good && posted->count == 0)
        write_accepted(posted, reply);
    if (good && posted->count > 0 && !is_busy(events, posted->count, reply)) {
        send_all(events, request, posted);
        return;
    }
    free(posted);
}

bool events_erase(struct events *events, struct http_request *request, struct bytes visitor,
                  struct http_reply *reply)
{
    if (request->again) {
        answer_later(events, request, reply);
        return reply->status == 202;
    }
    if (is_busy(events, 1, reply))
        return false;
    struct posted *posted = memory_zero(1, sizeof *posted);
    posted->events = arena_get(&request->arena, sizeof *posted->events);
    posted->events[0] =
        (struct ready_event){.topic = events->topology->topics[TOPIC_USER], .key = visitor};
    posted->count = 1;
    posted->erasure = true;
    send_all(events, request, posted);
    return false;
}

/* ---- its life ---- */

enum verdict events_new(const struct config *config, const struct topology *topology,
                        struct events **ret_events, struct error *error)
{
    struct events *events = memory_zero(1, sizeof *events);
    events->config = config;
    events->topology = topology;
    pthread_mutex_init(&events->lock, NULL);
    events->codec = codec_new(NULL);
    enum verdict verdict = mapping_files_open(&events->mappings, config, events->codec, error);
    if (verdict == VERDICT_OK)
        verdict = event_sender_new(config, config->serve_events_timeout_ms, &events->sender, error);
    if (verdict == VERDICT_OK)
        *ret_events = events;
    else
        events_free(events);
    return verdict;
}

void events_free(struct events *events)
{
    if (events == NULL)
        return;
    event_sender_free(events->sender);
    codec_free(events->codec);
    mapping_files_release(&events->mappings);
    pthread_mutex_destroy(&events->lock);
    free(events);
}

void events_counts(struct events *events, struct events_counts *ret_counts)
{
    *ret_counts = (struct events_counts){
        .accepted = atomic_load(&events->accepted),
        .refused = atomic_load(&events->refused),
        .dropped = atomic_load(&events->dropped),
        .failed = atomic_load(&events->failed),
        .busy = atomic_load(&events->busy),
        .waiting = event_sender_waiting(events->sender),
    };
}
