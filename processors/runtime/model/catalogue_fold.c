#include "processors/runtime/model/catalogue_fold.h"

#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/kafka/registry.h"
#include "processors/runtime/log.h"
#include "state/catalogue_store.h"

#include <stdio.h>
#include <stdlib.h>

#define SLICE_RECORDS_MAX 64    /* under one write lock: below 1 ms */
#define SAVE_PRODUCTS_MAX 50000 /* changed ones that wait for a save */
#define SAVE_SHARE 10           /* saving takes at most a tenth of the time */
#define LETTERS_KEPT_MAX 1000   /* that wait for the next save */
#define FLUSH_MS 5000
#define READY_US 30000000 /* workers don't wait for the catalogue longer than this */
#define SAVED_AT "saved"  /* the offset table's name of the time of the last save */

/* A record that can't be used. */
struct letter {
    int32_t partition;
    int64_t offset;
    struct error why;
    struct bytes key, value; /* owned */
};

struct fold {
    struct run *run;
    rd_kafka_t *reader, *producer;
    struct registry *registry;
    struct codec *codec;
    const char *topic;
    int32_t partitions;
    int64_t *next, *target; /* by partition */
    bool *at_end;           /* by partition: the target was reached */
    bool rescan;
    uint8_t *met; /* by product, in a rescan */
    uint32_t met_capacity;
    bool changed; /* since the last save */
    int64_t save_due_us, started_us;
    struct letter letters[LETTERS_KEPT_MAX];
    uint32_t letter_count;
    struct arena arena;
};

/* ---- where to begin ---- */

static enum verdict find_next(struct fold *fold, rd_kafka_t *watcher, int32_t partition,
                              struct error *error)
{
    int64_t low, high, *next = &fold->next[partition];
    enum verdict verdict = store_get_offset(fold->run->model_store, OFFSETS_CATALOGUE, fold->topic,
                                            partition, next, error);
    if (verdict == VERDICT_FATAL)
        return verdict;
    bool stored = verdict == VERDICT_OK;
    verdict =
        kafka_await_ends(watcher, fold->topic, partition, &low, &high, &fold->run->stop, error);
    if (verdict != VERDICT_OK)
        return verdict;
    fold->target[partition] = high;
    if (stored && (*next > high || *next < low)) {
        log_line(LOG_LEVEL_WARN, "catalogue",
                 "%s [%d] has offsets %lld to %lld, not %lld: it was "
                 "made anew or cut",
                 fold->topic, (int)partition, (long long)low, (long long)high, (long long)*next);
        fold->rescan = true;
    }
    if (!stored)
        *next = low;
    return VERDICT_OK;
}

static enum verdict find_all_next(struct fold *fold, struct error *error)
{
    int64_t saved_ms;
    rd_kafka_t *watcher = kafka_open(fold->run->config, KAFKA_WATCHER, NULL, error);
    if (watcher == NULL)
        return VERDICT_FATAL;
    enum verdict verdict = kafka_partitions(watcher, fold->topic, &fold->partitions, error);
    size_t count = (size_t)fold->partitions;
    fold->next = memory_zero(count, sizeof *fold->next);
    fold->target = memory_zero(count, sizeof *fold->target);
    fold->at_end = memory_zero(count, sizeof *fold->at_end);
    for (int32_t i = 0; verdict == VERDICT_OK && i < fold->partitions; i++)
        verdict = find_next(fold, watcher, i, error);
    rd_kafka_destroy(watcher);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict =
        store_get_offset(fold->run->model_store, OFFSETS_CATALOGUE, SAVED_AT, 0, &saved_ms, error);
    if (verdict == VERDICT_FATAL)
        return verdict;
    if (verdict == VERDICT_OK && clock_now_ms() - saved_ms > fold->run->config->catalogue_rescan_ms)
        fold->rescan = true;
    if (fold->rescan)
        log_line(LOG_LEVEL_INFO, "catalogue", "reading %s from its beginning", fold->topic);
    for (int32_t i = 0; fold->rescan && i < fold->partitions; i++)
        fold->next[i] = RD_KAFKA_OFFSET_BEGINNING;
    return VERDICT_OK;
}

static enum verdict open_topic(struct fold *fold, struct error *error)
{
    struct run *run = fold->run;
    enum verdict verdict = catalogue_load(run->catalogue, run->model_store, error);
    if (verdict == VERDICT_OK)
        verdict = find_all_next(fold, error);
    if (verdict != VERDICT_OK)
        return verdict;
    log_line(LOG_LEVEL_INFO, "catalogue", "%u products, %.1f s", run->catalogue->present,
             (double)(clock_monotonic_us() - fold->started_us) / 1e6);
    if (run->config->schema_registry_url[0])
        fold->registry = registry_new(run->config->schema_registry_url);
    fold->codec = codec_new(fold->registry ? registry_source(fold->registry) : NULL);
    verdict = pipeline_learn_schemas(fold->codec, run->config->schemas_path, error);
    if (verdict == VERDICT_OK)
        fold->reader = kafka_open(run->config, KAFKA_READER, NULL, error);
    if (fold->reader == NULL)
        return VERDICT_FATAL;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(fold->partitions);
    for (int32_t i = 0; i < fold->partitions; i++)
        rd_kafka_topic_partition_list_add(list, fold->topic, i)->offset = fold->next[i];
    rd_kafka_assign(fold->reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    return VERDICT_OK;
}

/* ---- dead letters ---- */

static void keep_letter(struct fold *fold, const rd_kafka_message_t *message,
                        const struct error *why)
{
    atomic_fetch_add(&fold->run->catalogue_rejected, 1);
    if (fold->letter_count == LETTERS_KEPT_MAX)
        return; /* counted, but not kept */
    struct letter *letter = &fold->letters[fold->letter_count++];
    *letter =
        (struct letter){.partition = message->partition, .offset = message->offset, .why = *why};
    if (message->key)
        letter->key =
            bytes_of(memory_text(bytes_of(message->key, message->key_len)), message->key_len);
    if (message->payload)
        letter->value =
            bytes_of(memory_text(bytes_of(message->payload, message->len)), message->len);
}

static void send_letter(struct fold *fold, const struct letter *letter)
{
    char partition[16], offset[24];
    snprintf(partition, sizeof partition, "%d", (int)letter->partition);
    snprintf(offset, sizeof offset, "%lld", (long long)letter->offset);
    const struct kafka_extra headers[] = {
        {"__weft.errors.topic", fold->topic},
        {"__weft.errors.partition", partition},
        {"__weft.errors.offset", offset},
        {"__weft.errors.step", "catalogue"},
        {"__weft.errors.message", letter->why.message},
    };
    const size_t count = sizeof headers / sizeof headers[0];
    rd_kafka_headers_t *list = rd_kafka_headers_new(count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_header_add(list, headers[i].name, -1, headers[i].value, -1);
    if (rd_kafka_producev(fold->producer,
                          RD_KAFKA_V_TOPIC(fold->run->topology.topics[TOPIC_DEAD_LETTERS]),
                          RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_KEY(letter->key.at, letter->key.size),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t)letter->value.at, letter->value.size),
                          RD_KAFKA_V_HEADERS(list), RD_KAFKA_V_END) != RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_headers_destroy(list);
}

static void send_letters(struct fold *fold)
{
    struct error error = {0};
    bool mine = atomic_load(&fold->run->has_first_partition) && fold->letter_count > 0;
    if (mine && fold->producer == NULL)
        fold->producer = kafka_open(fold->run->config, KAFKA_PRODUCER, NULL, &error);
    if (mine && fold->producer == NULL)
        log_line(LOG_LEVEL_ERROR, "catalogue", "%s", error.message);
    for (uint32_t i = 0; i < fold->letter_count; i++) {
        if (mine && fold->producer)
            send_letter(fold, &fold->letters[i]);
        free((void *)(uintptr_t)fold->letters[i].key.at);
        free((void *)(uintptr_t)fold->letters[i].value.at);
    }
    fold->letter_count = 0;
    if (mine && fold->producer)
        rd_kafka_flush(fold->producer, FLUSH_MS);
}

/* ---- folding ---- */

static void note_met(struct fold *fold, struct bytes item_id)
{
    uint32_t index = catalogue_find(fold->run->catalogue, item_id);
    if (!fold->rescan || index == PRODUCT_NONE)
        return;
    if (index >= fold->met_capacity) {
        uint32_t capacity = 2 * index + 1024;
        fold->met = memory_resize(fold->met, capacity);
        memset(fold->met + fold->met_capacity, 0, capacity - fold->met_capacity);
        fold->met_capacity = capacity;
    }
    fold->met[index] = 1;
}

/* The end of a rescan: what the topic no longer has is gone. */
static void sweep(struct fold *fold)
{
    struct catalogue *catalogue = fold->run->catalogue;
    uint32_t swept = 0;
    for (uint32_t i = 0; i < catalogue->product_count; i++) {
        if (catalogue->products[i].gone || (i < fold->met_capacity && fold->met[i]))
            continue;
        catalogue_lock_write(catalogue);
        catalogue_delete(catalogue, product_id(&catalogue->products[i]));
        catalogue_unlock_write(catalogue);
        swept++;
    }
    fold->rescan = false;
    free(fold->met);
    fold->met = NULL;
    fold->met_capacity = 0;
    if (swept > 0)
        log_line(LOG_LEVEL_INFO, "catalogue", "%u products are no longer in %s", swept,
                 fold->topic);
}

static void note_position(struct fold *fold, int32_t partition, int64_t next)
{
    bool all = true;
    fold->changed = fold->changed || fold->next[partition] != next;
    fold->next[partition] = next;
    if (next >= fold->target[partition])
        fold->at_end[partition] = true;
    for (int32_t i = 0; i < fold->partitions; i++)
        all = all && fold->at_end[i];
    if (all && fold->rescan)
        sweep(fold);
    if (all)
        atomic_store(&fold->run->catalogue_whole, true);
    if (all && !atomic_load(&fold->run->catalogue_ready)) {
        atomic_store(&fold->run->catalogue_ready, true);
        log_line(LOG_LEVEL_INFO, "catalogue", "ready: %u products, %.1f s",
                 fold->run->catalogue->present,
                 (double)(clock_monotonic_us() - fold->started_us) / 1e6);
    }
}

/* `ret_delete`: the record deletes event->item_id. */
static bool decode(struct fold *fold, const rd_kafka_message_t *message, struct event *event,
                   bool *ret_delete)
{
    struct error why = {0};
    struct bytes key = bytes_of(message->key, message->key_len);
    *ret_delete = message->payload == NULL && key.size > 0;
    if (*ret_delete) {
        event_init(event, EVENT_PRODUCT);
        event->item_id = key;
        return true;
    }
    enum verdict verdict =
        codec_decode(fold->codec, EVENT_PRODUCT, bytes_of(message->payload, message->len),
                     &fold->arena, event, &why);
    if (verdict == VERDICT_OK && !bytes_equal(key, event->item_id))
        verdict =
            error_set(&why, VERDICT_SKIP,
                      "the record's key is not its item_id, so compaction would mix products");
    if (verdict != VERDICT_OK)
        keep_letter(fold, message, &why);
    return verdict == VERDICT_OK;
}

static void fold_slice(struct fold *fold, rd_kafka_message_t **messages, size_t count)
{
    struct catalogue *catalogue = fold->run->catalogue;
    struct event events[SLICE_RECORDS_MAX];
    bool deletes[SLICE_RECORDS_MAX];
    size_t good = 0;
    for (size_t i = 0; i < count; i++)
        good += decode(fold, messages[i], &events[good], &deletes[good]);
    catalogue_lock_write(catalogue);
    for (size_t i = 0; i < good; i++) {
        if (deletes[i])
            catalogue_delete(catalogue, events[i].item_id);
        else
            catalogue_put(catalogue, &events[i]);
    }
    catalogue_unlock_write(catalogue);
    atomic_fetch_add(&fold->run->catalogue_rows, good);
    for (size_t i = 0; i < good; i++)
        if (!deletes[i])
            note_met(fold, events[i].item_id);
    for (size_t i = 0; i < count; i++) {
        note_position(fold, messages[i]->partition, messages[i]->offset + 1);
        rd_kafka_message_destroy(messages[i]);
    }
    arena_clear(&fold->arena);
}

static enum verdict save(struct fold *fold, struct error *error)
{
    struct store_batch batch = {0};
    struct run *run = fold->run;
    int64_t from_us = clock_monotonic_us();
    send_letters(fold);
    if (!fold->changed)
        return VERDICT_OK;
    catalogue_save(run->catalogue, &batch);
    for (int32_t i = 0; i < fold->partitions && !fold->rescan; i++)
        batch_put_offset(&batch, OFFSETS_CATALOGUE, fold->topic, i, fold->next[i]);
    if (!fold->rescan) /* a rescan that is cut short begins again */
        batch_put_offset(&batch, OFFSETS_CATALOGUE, SAVED_AT, 0, clock_now_ms());
    enum verdict verdict = run->model_store->write(run->model_store, &batch, error);
    fold->changed = false;
    int64_t now_us = clock_monotonic_us();
    int64_t pause_us = run->config->model_save_ms * 1000;
    if (pause_us < SAVE_SHARE * (now_us - from_us))
        pause_us = SAVE_SHARE * (now_us - from_us);
    fold->save_due_us = now_us + pause_us;
    batch_release(&batch);
    return verdict;
}

static void read_slice(struct fold *fold)
{
    rd_kafka_message_t *messages[SLICE_RECORDS_MAX];
    size_t count = 0;
    int timeout_ms = 100;
    while (count < SLICE_RECORDS_MAX) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(fold->reader, timeout_ms);
        if (message == NULL)
            break;
        timeout_ms = 0;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            messages[count++] = message;
            continue;
        }
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            fold_slice(fold, messages, count);
            count = 0;
            note_position(fold, message->partition, message->offset);
        } else {
            log_line(LOG_LEVEL_WARN, "catalogue", "%s: %s", fold->topic,
                     rd_kafka_message_errstr(message));
        }
        rd_kafka_message_destroy(message);
    }
    fold_slice(fold, messages, count);
}

static enum verdict run_fold(struct fold *fold, struct error *error)
{
    struct run *run = fold->run;
    enum verdict verdict = open_topic(fold, error);
    int64_t save_us = run->config->model_save_ms * 1000;
    fold->save_due_us = clock_monotonic_us() + save_us;
    while (verdict == VERDICT_OK && !run_stops(run)) {
        read_slice(fold);
        int64_t now_us = clock_monotonic_us();
        if (!atomic_load(&run->catalogue_ready) && now_us - fold->started_us > READY_US)
            atomic_store(&run->catalogue_ready, true);
        if (now_us >= fold->save_due_us || run->catalogue->dirty_count >= SAVE_PRODUCTS_MAX)
            verdict = save(fold, error);
    }
    return verdict == VERDICT_OK ? save(fold, error) : verdict;
}

void *catalogue_fold_thread(void *argument)
{
    struct run *run = argument;
    struct fold *fold = memory_zero(1, sizeof *fold);
    struct error error = {0};
    fold->run = run;
    fold->topic = run->topology.topics[TOPIC_PRODUCT];
    fold->started_us = clock_monotonic_us();
    pthread_setname_np(pthread_self(), "catalogue");
    enum verdict verdict = run_fold(fold, &error);
    if (verdict != VERDICT_OK && !(verdict == VERDICT_RETRY && run_stops(run)))
        run_fail(run, "catalogue", &error);
    if (fold->reader) {
        rd_kafka_consumer_close(fold->reader);
        rd_kafka_destroy(fold->reader);
    }
    if (fold->producer)
        rd_kafka_destroy(fold->producer);
    codec_free(fold->codec);
    registry_free(fold->registry);
    arena_release(&fold->arena);
    free(fold->next);
    free(fold->target);
    free(fold->at_end);
    free(fold->met);
    free(fold);
    return NULL;
}
