#include "tools/get_topics.h"

#include "processors/runtime/kafka/topics.h"
#include "schemas/array.h"
#include "schemas/codec.h"

#include <math.h>
#include <stdlib.h>

#define READ_MS 5000

/* ---- records ---- */

enum verdict topic_next(struct partition_reader *reader, struct kafka_record *ret_message,
                        struct error *error)
{
    enum verdict read = partition_reader_next(reader, READ_MS, ret_message);
    if (read == VERDICT_RETRY)
        return error_set(error, VERDICT_RETRY, "the broker has not answered for %d s",
                         READ_MS / 1000);
    return read;
}

/* The newest record of a key, as far as the topic was read. */
struct newest {
    struct buffer *value;
    bool there, has_value;
    int64_t time_ms;
};

/* Reads the partition to its end. OK, whether or not the key was there. */
static enum verdict search_partition(const struct get_request *request, const char *topic,
                                     int32_t partition, struct bytes key, struct newest *newest,
                                     struct error *error)
{
    struct kafka_record message;
    struct partition_reader *reader = NULL;
    enum verdict verdict =
        client_open_reader(&request->config, topic, partition, false, &reader, error);
    if (verdict != VERDICT_OK)
        return verdict;
    while ((verdict = topic_next(reader, &message, error)) == VERDICT_OK) {
        if (!bytes_equal(message.key, key))
            continue;
        buffer_clear(newest->value);
        buffer_append(newest->value, message.value.at, message.value.size);
        newest->there = true;
        newest->has_value = message.value.at != NULL;
        newest->time_ms = message.time_ms;
    }
    partition_reader_free(reader);
    return verdict == VERDICT_SKIP ? VERDICT_OK : verdict;
}

static enum verdict find_newest(const struct get_request *request, const char *topic,
                                struct bytes key, struct newest *newest, struct error *error)
{
    int32_t partitions = 0;
    enum verdict verdict = topics_partitions(&request->config, topic, &partitions, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (partitions == 0)
        return error_set(error, VERDICT_SKIP, "there is no topic %s", topic);
    /* First where Java's partitioner puts the key, then everywhere: producers may differ. */
    const int32_t places[] = {topics_partition_of(key, partitions), CLIENT_ALL_PARTITIONS};
    for (int i = 0; i < 2 && !newest->has_value; i++) {
        verdict = search_partition(request, topic, places[i], key, newest, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return VERDICT_OK;
}

enum verdict topic_newest(const struct get_request *request, const char *topic, struct bytes key,
                          struct buffer *ret_value, struct error *error)
{
    struct newest newest = {.value = ret_value};
    enum verdict verdict = find_newest(request, topic, key, &newest, error);
    return verdict == VERDICT_OK && !newest.has_value ? VERDICT_SKIP : verdict;
}

enum verdict topic_newest_any(const struct get_request *request, const char *topic,
                              struct bytes key, struct buffer *ret_value, int64_t *ret_time_ms,
                              struct error *error)
{
    struct newest newest = {.value = ret_value};
    enum verdict verdict = find_newest(request, topic, key, &newest, error);
    if (verdict != VERDICT_OK)
        return verdict;
    *ret_time_ms = newest.time_ms;
    return newest.there ? VERDICT_OK : VERDICT_SKIP;
}

/* ---- titles ---- */

void titles_add(struct titles *titles, const struct event *product)
{
    struct buffer text = {0};
    buffer_append(&text, product->title.at, product->title.size);
    if (!isnan(product->price))
        buffer_format(&text, ", %.2f %.*s", product->price, (int)product->currency.size,
                      product->currency.at ? product->currency.at : "");
    if (product->original_price > product->price)
        buffer_format(&text, " (was %.2f)", product->original_price);
    ARRAY_RESERVE(titles->at, titles->capacity, titles->count + 1);
    titles->at[titles->count++] = (struct title){
        .item_id = bytes_of(memory_text(product->item_id), product->item_id.size),
        .text = memory_text(buffer_bytes(&text)),
    };
    buffer_release(&text);
}

static int title_order(const void *a, const void *b)
{
    return bytes_compare(((const struct title *)a)->item_id, ((const struct title *)b)->item_id);
}

void titles_sort(struct titles *titles)
{
    if (titles->count > 0)
        qsort(titles->at, titles->count, sizeof *titles->at, title_order);
}

void titles_read(const struct get_request *request, struct titles *titles)
{
    struct partition_reader *reader;
    struct kafka_record message;
    struct arena arena = {0};
    struct event product;
    if (client_open_reader(&request->config, request->topology.topics[TOPIC_PRODUCT],
                           CLIENT_ALL_PARTITIONS, false, &reader, NULL) != VERDICT_OK)
        return;
    struct codec *codec = codec_new(NULL);
    while (partition_reader_next(reader, READ_MS, &message) == VERDICT_OK) {
        arena_clear(&arena);
        if (codec_decode(codec, EVENT_PRODUCT, message.value, &arena, &product, NULL) == VERDICT_OK)
            titles_add(titles, &product);
    }
    codec_free(codec);
    partition_reader_free(reader);
    arena_release(&arena);
    titles_sort(titles);
}

const char *titles_find(const struct titles *titles, const char *item_id)
{
    struct title wanted = {.item_id = bytes_text(item_id)};
    const struct title *found =
        titles->count ? bsearch(&wanted, titles->at, titles->count, sizeof wanted, title_order)
                      : NULL;
    return found ? found->text : "";
}

void titles_release(struct titles *titles)
{
    for (size_t i = 0; i < titles->count; i++) {
        free((void *)(uintptr_t)titles->at[i].item_id.at);
        free(titles->at[i].text);
    }
    free(titles->at);
    *titles = (struct titles){0};
}
