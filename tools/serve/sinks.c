#include "processors/runtime/kafka/registry.h"
#include "processors/runtime/log.h"
#include "processors/runtime/schemas_folder.h"
#include "processors/runtime/visitors/restore.h"
#include "schemas/array.h"
#include "schemas/codec.h"
#include "schemas/event_write.h"
#include "tools/serve/copy.h"
#include "tools/serve/serve.h"

#include <stdlib.h>

#define PARTITIONS_MAX 4096 /* of the key `partitions` */

static const struct {
    enum topic topic;
    enum copy_table table;
    enum output_schema schema; /* of weft's outputs */
} places[SERVE_TOPICS] = {
    [SERVE_LISTS] = {TOPIC_RECOMMENDATIONS, COPY_LISTS, SCHEMA_RECOMMENDATION},
    [SERVE_PRODUCTS] = {TOPIC_PRODUCT, COPY_PRODUCTS, OUTPUT_SCHEMAS},
    [SERVE_RANKINGS] = {TOPIC_RANKINGS, COPY_RANKINGS, SCHEMA_RANKING},
    [SERVE_ITEMS] = {TOPIC_ITEMS, COPY_ITEMS, SCHEMA_ITEM_LISTS},
    [SERVE_EARLY] = {TOPIC_EARLY, COPY_EARLY, SCHEMA_RECOMMENDATION},
    [SERVE_VISITORS] = {TOPIC_VISITOR_CHANGELOG, COPY_VISITORS, OUTPUT_SCHEMAS},
};

struct sink {
    struct follow_sink follow; /* first */
    struct serve *serve;
    enum copy_table table;
    enum output_schema schema;
    struct output_reader *reader; /* of weft's outputs */
    struct codec *codec;          /* of products */
    struct arena arena;
    struct buffer json, title;
    struct buffer changed; /* keys of the batch: size(4, host order) key */
};

enum topic serve_topic_of(enum serve_topic topic)
{
    return places[topic].topic;
}

struct follow_sink *sink_of(struct sink *sink)
{
    return &sink->follow;
}

/* ---- weft's outputs ---- */

static void note_changed(struct sink *sink, struct bytes visitor)
{
    uint32_t size = (uint32_t)visitor.size;
    buffer_append(&sink->changed, &size, sizeof size);
    buffer_append(&sink->changed, visitor.at, size);
}

/* A visitor's lists are gone, and with them the early ones. */
static void delete_lists(struct sink *sink, const struct kafka_record *record,
                         struct store_batch *batch)
{
    if (sink->serve->run->topology.early) {
        copy_put(batch, COPY_LISTS, record->key, record->time_ms, bytes_of("", 0));
        copy_delete(batch, COPY_EARLY, record->key);
    } else {
        copy_delete(batch, COPY_LISTS, record->key);
    }
}

/* Whether a tombstone ends this early record, which the other follower may have met before. */
static bool is_ended(struct sink *sink, const struct kafka_record *record)
{
    struct buffer committed = {0};
    int64_t written_ms;
    bool there = copy_get(sink->serve->run->store, COPY_LISTS, record->key, &committed, &written_ms,
                          NULL) == VERDICT_OK;
    bool ended = there && committed.size == 0 && record->time_ms <= written_ms;
    buffer_release(&committed);
    return ended;
}

static enum verdict take_output(struct follow_sink *self, const struct kafka_record *record,
                                struct store_batch *batch, struct error *error)
{
    struct sink *sink = (struct sink *)(void *)self;
    enum verdict verdict = VERDICT_OK;
    if (record->key.at == NULL)
        return error_set(error, VERDICT_SKIP, "it has no key");
    buffer_clear(&sink->json);
    arena_clear(&sink->arena);
    if (record->value.at)
        verdict =
            copy_read(sink->reader, sink->schema, record->value, &sink->json, &sink->arena, error);
    if (verdict != VERDICT_OK || (sink->table == COPY_EARLY && is_ended(sink, record)))
        return verdict;
    if (record->value.at)
        copy_put(batch, sink->table, record->key, record->time_ms, buffer_bytes(&sink->json));
    else if (sink->table == COPY_LISTS)
        delete_lists(sink, record, batch);
    else
        copy_delete(batch, sink->table, record->key);
    if (sink->table == COPY_LISTS || sink->table == COPY_EARLY)
        note_changed(sink, record->key);
    return VERDICT_OK;
}

static void clear_output(struct follow_sink *self, struct store_batch *batch)
{
    copy_clear(batch, ((struct sink *)(void *)self)->table);
}

/* The streams hear of it once readers can see it. */
static void written(struct follow_sink *self)
{
    struct sink *sink = (struct sink *)(void *)self;
    for (size_t at = 0; at < sink->changed.size;) {
        uint32_t size;
        memcpy(&size, sink->changed.at + at, sizeof size);
        at += sizeof size;
        hub_changed(sink->serve->hub, bytes_of(sink->changed.at + at, size));
        at += size;
    }
    buffer_clear(&sink->changed);
}

/* ---- products ---- */

static void put_product(struct sink *sink, struct bytes item_id, const struct event *product)
{
    struct product_text text = {.available = product->availability != OUT_OF_STOCK};
    buffer_clear(&sink->title);
    if (product->title.size > 0)
        buffer_json(&sink->title, product->title);
    text.json = buffer_bytes(&sink->json);
    text.title = buffer_bytes(&sink->title);
    products_put(sink->serve->products, item_id, &text);
}

static enum verdict take_product(struct follow_sink *self, const struct kafka_record *record,
                                 struct store_batch *batch, struct error *error)
{
    struct sink *sink = (struct sink *)(void *)self;
    struct event product;
    if (record->key.at == NULL)
        return error_set(error, VERDICT_SKIP, "it has no key");
    if (record->value.at == NULL) {
        products_remove(sink->serve->products, record->key);
        copy_delete(batch, sink->table, record->key);
        return VERDICT_OK;
    }
    arena_clear(&sink->arena);
    enum verdict verdict =
        codec_decode(sink->codec, EVENT_PRODUCT, record->value, &sink->arena, &product, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (event_judge_key(record->key, &product, error) != VERDICT_OK)
        return VERDICT_SKIP;
    buffer_clear(&sink->json);
    event_write_json(&product, false, &sink->json);
    put_product(sink, record->key, &product);
    copy_put(batch, sink->table, record->key, record->time_ms, buffer_bytes(&sink->json));
    return VERDICT_OK;
}

static void clear_products(struct follow_sink *self, struct store_batch *batch)
{
    struct sink *sink = (struct sink *)(void *)self;
    products_clear(sink->serve->products);
    copy_clear(batch, sink->table);
}

/* Fills the memory from the store. */
struct loading {
    struct store_visitor visitor; /* first */
    struct sink *sink;
};

static enum verdict load_row(struct store_visitor *self, struct bytes key, struct bytes value,
                             struct error *error)
{
    struct sink *sink = ((struct loading *)(void *)self)->sink;
    struct event product;
    struct bytes json = bytes_of(value.at + 8, value.size - 8),
                 id = bytes_of(key.at + 1, key.size - 1);
    if (value.size < 8)
        return error_set(error, VERDICT_FATAL, "a product's row is damaged");
    arena_clear(&sink->arena);
    if (codec_decode(sink->codec, EVENT_PRODUCT, json, &sink->arena, &product, error) != VERDICT_OK)
        return VERDICT_FATAL;
    buffer_clear(&sink->json);
    buffer_append(&sink->json, json.at, json.size);
    put_product(sink, id, &product);
    return VERDICT_OK;
}

static enum verdict open_products(struct sink *sink, struct error *error)
{
    struct run *run = sink->serve->run;
    struct loading loading = {.visitor.row = load_row, .sink = sink};
    const char prefix = COPY_PRODUCTS;
    sink->codec = codec_new(registry_source(run->registry));
    enum verdict verdict = schemas_folder_read(sink->codec, run->config->schemas_path, error);
    if (verdict != VERDICT_OK)
        return verdict;
    return run->store->scan(run->store, FAMILY_MODEL, bytes_of(&prefix, 1), &loading.visitor,
                            error);
}

/* ---- the visitors' changelog ---- */

static enum verdict take_visitor(struct follow_sink *self, const struct kafka_record *record,
                                 struct store_batch *batch, struct error *error)
{
    const struct sink *sink = (const struct sink *)(void *)self;
    const char *topic = sink->serve->run->topology.topics[TOPIC_VISITOR_CHANGELOG];
    return restore_put_row(topic, record, batch, error) == VERDICT_OK ? VERDICT_OK : VERDICT_SKIP;
}

/* The keys begin with the partition, high byte first; there are at most PARTITIONS_MAX. */
static void clear_visitors(struct follow_sink *self, struct store_batch *batch)
{
    (void)self;
    for (int high = 0; high <= PARTITIONS_MAX >> 8; high++) {
        const char prefix = (char)high;
        batch_delete_prefix(batch, FAMILY_VISITOR, bytes_of(&prefix, 1));
    }
}

/* ---- all of them ---- */

enum verdict sink_new(struct serve *serve, enum serve_topic topic, struct sink **ret_sink,
                      struct error *error)
{
    struct sink *sink = memory_zero(1, sizeof *sink);
    enum verdict verdict = VERDICT_OK;
    sink->serve = serve;
    sink->table = places[topic].table;
    if (topic == SERVE_PRODUCTS) {
        sink->follow = (struct follow_sink){.take = take_product, .clear = clear_products};
        verdict = open_products(sink, error);
    } else if (topic == SERVE_VISITORS) {
        sink->follow = (struct follow_sink){.take = take_visitor, .clear = clear_visitors};
    } else {
        sink->follow = (struct follow_sink){.take = take_output, .clear = clear_output};
        sink->schema = places[topic].schema;
        sink->reader = output_reader_new();
    }
    if (topic == SERVE_LISTS || topic == SERVE_EARLY)
        sink->follow.written = written;
    if (verdict == VERDICT_OK)
        *ret_sink = sink;
    else
        sink_free(sink);
    return verdict;
}

void sink_free(struct sink *sink)
{
    if (sink == NULL)
        return;
    output_reader_free(sink->reader);
    codec_free(sink->codec);
    arena_release(&sink->arena);
    buffer_release(&sink->json);
    buffer_release(&sink->title);
    buffer_release(&sink->changed);
    free(sink);
}
