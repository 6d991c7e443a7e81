#include "tools/serve/hub.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define BUCKETS 16384 /* a power of two */
#define RETRY_MS 1000 /* of a client whose connection has ended */

struct watch {
    struct http_stream stream; /* first */
    struct hub *hub;
    uint64_t hash;
    char *visitor;
    uint32_t limit;
    bool begun;
    atomic_bool changed, ping;
    struct buffer last_id, id, data;
    struct watch *before, *after; /* in its bucket, under the hub's lock */
};

struct hub {
    struct hub_source *source;
    pthread_mutex_t lock;
    struct watch *buckets[BUCKETS];
    atomic_ullong count;
};

struct hub *hub_new(struct hub_source *source)
{
    struct hub *hub = memory_zero(1, sizeof *hub);
    hub->source = source;
    pthread_mutex_init(&hub->lock, NULL);
    return hub;
}

void hub_free(struct hub *hub)
{
    if (hub == NULL)
        return;
    pthread_mutex_destroy(&hub->lock);
    free(hub);
}

/* ---- a stream ---- */

static void write_event(struct watch *watch, struct buffer *buffer)
{
    struct hub_source *source = watch->hub->source;
    buffer_clear(&watch->data);
    buffer_clear(&watch->id);
    source->lists(source, bytes_text(watch->visitor), watch->limit, &watch->data, &watch->id);
    if (bytes_equal(buffer_bytes(&watch->id), buffer_bytes(&watch->last_id)))
        return; /* the client has it */
    buffer_clear(&watch->last_id);
    buffer_append(&watch->last_id, watch->id.at, watch->id.size);
    buffer_text(buffer, "id: ");
    buffer_append(buffer, watch->id.at, watch->id.size);
    buffer_text(buffer, "\nevent: lists\ndata: ");
    buffer_append(buffer, watch->data.at, watch->data.size);
    buffer_text(buffer, "\n\n");
}

static bool next(struct http_stream *stream, struct buffer *buffer)
{
    struct watch *watch = (struct watch *)(void *)stream;
    if (!watch->begun)
        buffer_format(buffer, "retry: %d\n\n", RETRY_MS);
    watch->begun = true;
    if (atomic_exchange(&watch->changed, false))
        write_event(watch, buffer);
    if (atomic_exchange(&watch->ping, false))
        buffer_text(buffer, ": ping\n\n");
    return true;
}

static void close_watch(struct http_stream *stream)
{
    struct watch *watch = (struct watch *)(void *)stream;
    struct hub *hub = watch->hub;
    pthread_mutex_lock(&hub->lock);
    *(watch->before ? &watch->before->after : &hub->buckets[watch->hash & (BUCKETS - 1)]) =
        watch->after;
    if (watch->after)
        watch->after->before = watch->before;
    pthread_mutex_unlock(&hub->lock);
    atomic_fetch_sub(&hub->count, 1);
    buffer_release(&watch->last_id);
    buffer_release(&watch->id);
    buffer_release(&watch->data);
    free(watch->visitor);
    free(watch);
}

struct http_stream *hub_open(struct hub *hub, struct bytes visitor, uint32_t limit,
                             const char *last_id, uint64_t max)
{
    if (atomic_fetch_add(&hub->count, 1) >= max) {
        atomic_fetch_sub(&hub->count, 1);
        return NULL;
    }
    struct watch *watch = memory_zero(1, sizeof *watch);
    watch->stream = (struct http_stream){.next = next, .close = close_watch};
    watch->hub = hub;
    watch->hash = bytes_hash(visitor);
    watch->visitor = memory_text(visitor);
    watch->limit = limit;
    atomic_store(&watch->changed, true);
    if (last_id)
        buffer_text(&watch->last_id, last_id);
    pthread_mutex_lock(&hub->lock);
    struct watch **bucket = &hub->buckets[watch->hash & (BUCKETS - 1)];
    watch->after = *bucket;
    if (watch->after)
        watch->after->before = watch;
    *bucket = watch;
    pthread_mutex_unlock(&hub->lock);
    return &watch->stream;
}

/* ---- news ---- */

void hub_changed(struct hub *hub, struct bytes visitor)
{
    if (atomic_load_explicit(&hub->count, memory_order_relaxed) == 0)
        return;
    uint64_t hash = bytes_hash(visitor);
    pthread_mutex_lock(&hub->lock);
    for (struct watch *at = hub->buckets[hash & (BUCKETS - 1)]; at; at = at->after) {
        if (at->hash != hash || !bytes_equal(bytes_text(at->visitor), visitor))
            continue;
        atomic_store(&at->changed, true);
        http_stream_wake(&at->stream);
    }
    pthread_mutex_unlock(&hub->lock);
}

void hub_ping(struct hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct watch *at = hub->buckets[i]; at; at = at->after) {
            atomic_store(&at->ping, true);
            http_stream_wake(&at->stream);
        }
    pthread_mutex_unlock(&hub->lock);
}
