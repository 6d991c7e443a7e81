#include "processors/runtime/model/catalogue_fold.h"

#include "processors/runtime/kafka/client.h"
#include "processors/runtime/kafka/letter.h"
#include "processors/runtime/kafka/partition_reader.h"
#include "processors/runtime/kafka/registry.h"
#include "processors/runtime/kafka/topic_mark.h"
#include "processors/runtime/log.h"
#include "processors/runtime/model/rules_watch.h"
#include "processors/runtime/schemas_folder.h"
#include "schemas/array.h"
#include "state/catalogue_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_MS 100
#define SLICE_RECORDS_MAX 64    /* under one write lock: below 1 ms */
#define SAVE_PRODUCTS_MAX 50000 /* changed products that wait for a save */
#define SAVE_SHARE 10           /* saving takes at most a tenth of the time */
#define DEAD_LETTERS_MAX 1000   /* that wait for the next save; the others are only counted */
#define LETTERS_BYTES_MAX ((size_t)64 << 20) /* of them; with more they are sent earlier */
#define FLUSH_MS 5000
#define READY_US 30000000    /* workers don't wait for the catalogue longer than this */
#define SCHEMA_LOOK_US 20000 /* between looks for a schema that a record awaits */
#define SAVED_AT "saved"     /* the offset table's name of the time of the last save */
#define WARN_US 60000000     /* between two warnings of products that are refused */
#define LOOK_US 10000000     /* between looks at whether the topic is still the same one */

struct catalogue_fold {
    struct run *run;
    struct partition_reader *reader;
    struct partition_reader *watcher; /* asks for the topic's ends and records at marks */
    struct client_producer *producer; /* of dead letters; NULL: none was needed yet */
    struct codec *codec;
    const char *topic;
    int32_t partitions;
    int64_t *next;            /* by partition: offset of the next record to fold */
    int64_t *target;          /* by partition: its end at the start */
    bool *at_target;          /* by partition: `next` has reached the target */
    struct topic_mark *marks; /* by partition: the last record that was folded */
    bool rescan;
    bool gone; /* there was no such topic at the last look */
    bool lost; /* the topic does not have the next record */
    int64_t look_due_us;
    bool *met; /* by product: the rescan has met it */
    size_t met_capacity;
    bool changed; /* since the last save */
    int64_t save_due_us, started_us;
    struct log_growth refused, evicted_terms;      /* what the log was told of them */
    struct letter *dead_letters[DEAD_LETTERS_MAX]; /* owned, with their keys and values */
    uint32_t dead_letter_count;
    size_t dead_letter_bytes; /* of their keys and values */
    struct rules_watch rules;
    struct arena arena;
};

/* ---- where to begin ---- */

/* Makes room for so many partitions, of which nothing is known yet. */
static void size_partitions(struct catalogue_fold *fold, int32_t partitions)
{
    size_t count = (size_t)partitions;
    fold->partitions = partitions;
    free(fold->next);
    free(fold->target);
    free(fold->at_target);
    free(fold->marks);
    fold->next = memory_zero(count, sizeof *fold->next);
    fold->target = memory_zero(count, sizeof *fold->target);
    fold->at_target = memory_zero(count, sizeof *fold->at_target);
    fold->marks = memory_zero(count, sizeof *fold->marks);
    for (size_t i = 0; i < count; i++)
        fold->marks[i].offset = -1;
}

/* Compares with the topic what the store knows of it. RETRY: the process stops. */
static enum verdict check_stored(struct catalogue_fold *fold, int32_t partition, int64_t low,
                                 struct error *error)
{
    int64_t next = fold->next[partition], high = fold->target[partition];
    enum topic_identity identity = TOPIC_UNKNOWN;
    struct topic_mark *mark = &fold->marks[partition];
    enum verdict verdict = VERDICT_OK;
    if (next > high || next < low) {
        log_line(LOG_LEVEL_WARN, "catalogue",
                 "%s [%d] has offsets %lld to %lld, but the stored one is %lld: the topic was "
                 "created again or cut",
                 fold->topic, (int)partition, (long long)low, (long long)high, (long long)next);
        fold->rescan = true;
        return VERDICT_OK;
    }
    verdict = topic_mark_get(fold->run->model_store, fold->topic, partition, mark, error);
    while (verdict == VERDICT_OK) {
        struct error why = {0};
        enum verdict told =
            topic_mark_compare(mark, fold->watcher, partition, &fold->run->stop, &identity, &why);
        if (told != VERDICT_RETRY)
            break;
        if (run_stops(fold->run))
            return error_set(error, VERDICT_RETRY, "%s", why.message);
        log_line(LOG_LEVEL_WARN, "catalogue", "%s: %s; asking again", fold->topic, why.message);
    }
    if (identity != TOPIC_OTHER)
        return verdict;
    log_line(LOG_LEVEL_WARN, "catalogue",
             "%s [%d] has another record at %lld than the one that was read there: the topic was "
             "created again",
             fold->topic, (int)partition, (long long)mark->offset);
    fold->rescan = true;
    return verdict;
}

static enum verdict find_start(struct catalogue_fold *fold, int32_t partition, struct error *error)
{
    int64_t low, high, *next = &fold->next[partition];
    enum verdict stored = store_get_offset(fold->run->model_store, OFFSETS_CATALOGUE, fold->topic,
                                           partition, next, error);
    if (stored == VERDICT_FATAL)
        return stored;
    enum verdict verdict =
        partition_reader_await_ends(fold->watcher, partition, &fold->run->stop, &low, &high, error);
    if (verdict != VERDICT_OK)
        return verdict;
    fold->target[partition] = high;
    if (stored == VERDICT_OK)
        return check_stored(fold, partition, low, error);
    *next = low;
    return VERDICT_OK;
}

/* Looks whether the store has a partition that the topic lacks. */
static enum verdict check_count(struct catalogue_fold *fold, struct error *error)
{
    int64_t next;
    enum verdict stored = store_get_offset(fold->run->model_store, OFFSETS_CATALOGUE, fold->topic,
                                           fold->partitions, &next, error);
    if (stored == VERDICT_OK)
        log_line(LOG_LEVEL_WARN, "catalogue",
                 "%s has fewer partitions than before: the topic was created again", fold->topic);
    fold->rescan = fold->rescan || stored == VERDICT_OK;
    return stored == VERDICT_FATAL ? stored : VERDICT_OK;
}

static enum verdict find_starts(struct catalogue_fold *fold, struct error *error)
{
    const struct reader_options options = {.topic = fold->topic,
                                           .log_name = "catalogue",
                                           .isolation = READ_UNCOMMITTED,
                                           .stop = &fold->run->stop};
    int32_t partitions = 0;
    fold->watcher = partition_reader_open(fold->run->config, &options, error);
    if (fold->watcher == NULL)
        return VERDICT_FATAL;
    enum verdict verdict = partition_reader_partitions(fold->watcher, &partitions, error);
    size_partitions(fold, partitions);
    for (int32_t i = 0; verdict == VERDICT_OK && i < fold->partitions; i++)
        verdict = find_start(fold, i, error);
    return verdict == VERDICT_OK ? check_count(fold, error) : verdict;
}

/* Whether the process was away for so long that it may have missed deletions. */
static enum verdict check_age(struct catalogue_fold *fold, struct error *error)
{
    int64_t saved_ms;
    enum verdict verdict =
        store_get_offset(fold->run->model_store, OFFSETS_CATALOGUE, SAVED_AT, 0, &saved_ms, error);
    if (verdict == VERDICT_FATAL)
        return verdict;
    if (verdict == VERDICT_OK && clock_now_ms() - saved_ms > fold->run->config->catalogue_rescan_ms)
        fold->rescan = true;
    return VERDICT_OK;
}

/* From here on, a start of the process reads the topic from its beginning, until the rescan has
 * ended. Else a rescan that is cut short would go on from an offset of the former topic. */
static enum verdict forget_offsets(struct catalogue_fold *fold, struct error *error)
{
    struct store *store = fold->run->model_store;
    struct store_batch batch = {0};
    int64_t next;
    batch_put_offset(&batch, OFFSETS_CATALOGUE, SAVED_AT, 0, 0);
    for (int32_t i = 0;
         store_get_offset(store, OFFSETS_CATALOGUE, fold->topic, i, &next, NULL) == VERDICT_OK;
         i++) {
        batch_delete_offset(&batch, OFFSETS_CATALOGUE, fold->topic, i);
        batch_delete_offset(&batch, OFFSETS_MARK, fold->topic, i);
    }
    enum verdict verdict = store->write(store, &batch, error);
    batch_release(&batch);
    return verdict;
}

static enum verdict open_codec(struct catalogue_fold *fold, struct error *error)
{
    fold->codec = codec_new(registry_source(fold->run->registry));
    return schemas_folder_read(fold->codec, fold->run->config->schemas_path, error);
}

static enum verdict open_reader(struct catalogue_fold *fold, struct error *error)
{
    const struct reader_options options = {.topic = fold->topic,
                                           .log_name = "catalogue",
                                           .strict = true,
                                           .follows = true,
                                           .queued_bytes =
                                               &fold->run->queued_bytes[READER_CATALOGUE]};
    fold->reader = partition_reader_open(fold->run->config, &options, error);
    if (fold->reader == NULL)
        return VERDICT_FATAL;
    struct reader_start *starts = memory_zero((size_t)fold->partitions, sizeof *starts);
    for (int32_t i = 0; i < fold->partitions; i++)
        starts[i] = (struct reader_start){
            .partition = i, .offset = fold->rescan ? READER_BEGINNING : fold->next[i]};
    partition_reader_assign(fold->reader, starts, (size_t)fold->partitions);
    free(starts);
    return VERDICT_OK;
}

static enum verdict open_topic(struct catalogue_fold *fold, struct error *error)
{
    struct run *run = fold->run;
    enum verdict verdict = catalogue_load(run->catalogue, run->model_store, error);
    if (verdict == VERDICT_OK)
        verdict = find_starts(fold, error);
    if (verdict == VERDICT_OK)
        verdict = check_age(fold, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (fold->rescan) {
        log_line(LOG_LEVEL_INFO, "catalogue", "reading %s from its beginning", fold->topic);
        for (int32_t i = 0; i < fold->partitions; i++)
            fold->marks[i].offset = -1;
        if (forget_offsets(fold, error) != VERDICT_OK)
            return VERDICT_FATAL;
    }
    log_line(LOG_LEVEL_INFO, "catalogue", "%u products, %.1f s", run->catalogue->present,
             (double)(clock_monotonic_us() - fold->started_us) / 1e6);
    if (open_codec(fold, error) != VERDICT_OK)
        return VERDICT_FATAL;
    return open_reader(fold, error);
}

/* ---- a topic that was created again ---- */

static void clear_met(struct catalogue_fold *fold)
{
    free(fold->met);
    fold->met = NULL;
    fold->met_capacity = 0;
}

/* Reads the topic from its beginning while the process runs. At its end, the products that it does
 * not have are deleted. RETRY: the process stops. */
static enum verdict read_again(struct catalogue_fold *fold, const char *why, struct error *error)
{
    int32_t partitions = 0;
    int64_t low;
    if (partition_reader_partitions(fold->watcher, &partitions, NULL) != VERDICT_OK ||
        partitions == 0)
        return VERDICT_OK; /* the next look tries again */
    log_line(LOG_LEVEL_WARN, "catalogue", "%s %s; it is read again from its beginning", fold->topic,
             why);
    atomic_fetch_add(&fold->run->catalogue_rereads, 1);
    fold->rescan = true; /* a save must not store the offsets that are forgotten here */
    size_partitions(fold, partitions);
    for (int32_t i = 0; i < partitions; i++) {
        enum verdict verdict = partition_reader_await_ends(fold->watcher, i, &fold->run->stop, &low,
                                                           &fold->target[i], error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    fold->lost = fold->gone = false;
    clear_met(fold);
    if (forget_offsets(fold, error) != VERDICT_OK)
        return VERDICT_FATAL;
    partition_reader_free(fold->reader);
    return open_reader(fold, error);
}

/* `ret_identity`: OTHER if one partition is another one; SAME if one is known to be the same. */
static enum verdict compare_marks(struct catalogue_fold *fold, enum topic_identity *ret_identity)
{
    *ret_identity = TOPIC_UNKNOWN;
    for (int32_t i = 0; i < fold->partitions; i++) {
        enum topic_identity identity;
        enum verdict verdict = topic_mark_compare(&fold->marks[i], fold->watcher, i,
                                                  &fold->run->stop, &identity, NULL);
        if (verdict != VERDICT_OK)
            return verdict;
        if (identity > *ret_identity)
            *ret_identity = identity;
    }
    return VERDICT_OK;
}

static void note_gone(struct catalogue_fold *fold)
{
    if (!fold->gone)
        log_line(LOG_LEVEL_WARN, "catalogue",
                 "%s does not exist any more; its products stay until it is created again",
                 fold->topic);
    fold->gone = true;
}

/* Looks whether the topic is still the one that was read. Without an answer, the next look asks
 * again. */
static enum verdict look(struct catalogue_fold *fold, struct error *error)
{
    int32_t partitions;
    enum topic_identity identity;
    if (partition_reader_partitions(fold->watcher, &partitions, NULL) != VERDICT_OK)
        return VERDICT_OK;
    if (partitions == 0) {
        note_gone(fold);
        return VERDICT_OK;
    }
    if (partitions != fold->partitions)
        return read_again(fold, "has another number of partitions than before", error);
    if (compare_marks(fold, &identity) != VERDICT_OK)
        return VERDICT_OK;
    if (identity == TOPIC_OTHER || (fold->gone && identity != TOPIC_SAME))
        return read_again(fold, "was created again", error);
    if (fold->lost)
        return read_again(fold, "no longer has the next record", error);
    fold->gone = false;
    return VERDICT_OK;
}

/* ---- dead letters ---- */

static struct bytes copy(struct bytes bytes)
{
    return bytes.at ? bytes_of(memory_text(bytes), bytes.size) : bytes;
}

/* The producer of dead letters, opened when it is first needed. False: no dead letters are to be
 * sent from here. */
static bool sends_dead_letters(struct catalogue_fold *fold)
{
    struct error error = {0};
    if (fold->dead_letter_count == 0 || !atomic_load(&fold->run->has_first_partition))
        return false;
    if (fold->producer == NULL)
        fold->producer = client_producer_new(fold->run->config, &error);
    if (fold->producer == NULL)
        log_line(LOG_LEVEL_ERROR, "catalogue", "%s", error.message);
    return fold->producer != NULL;
}

static void send_dead_letter(struct catalogue_fold *fold, const struct letter *letter)
{
    struct client_header headers[LETTER_HEADERS_MAX];
    struct error error = {0};
    for (size_t i = 0; i < letter->header_count; i++)
        headers[i] = (struct client_header){letter->headers[i].name, letter->headers[i].value};
    const char *topic = fold->run->topology.topics[TOPIC_DEAD_LETTERS];
    if (client_send_with(fold->producer, topic, 0, letter->key, letter->value, headers,
                         letter->header_count, &error) != VERDICT_OK)
        log_line(LOG_LEVEL_WARN, "catalogue", "%s", error.message);
}

static void send_dead_letters(struct catalogue_fold *fold)
{
    struct error error = {0};
    bool sends = sends_dead_letters(fold);
    for (uint32_t i = 0; i < fold->dead_letter_count; i++) {
        struct letter *letter = fold->dead_letters[i];
        if (sends)
            send_dead_letter(fold, letter);
        free((void *)(uintptr_t)letter->key.at);
        free((void *)(uintptr_t)letter->value.at);
        free(letter);
    }
    fold->dead_letter_count = 0;
    fold->dead_letter_bytes = 0;
    if (sends && client_producer_flush(fold->producer, FLUSH_MS, &error) != VERDICT_OK)
        log_line(LOG_LEVEL_WARN, "catalogue", "dead letters: %s", error.message);
}

static void reject(struct catalogue_fold *fold, const struct kafka_record *record,
                   const struct error *why)
{
    const struct letter_source source = {
        .key = record->key,
        .value = record->value,
        .topic = fold->topic,
        .partition = record->partition,
        .offset = record->offset,
        .step = "catalogue",
        .message = why->message,
    };
    atomic_fetch_add(&fold->run->catalogue_rejected, 1);
    if (fold->dead_letter_bytes > LETTERS_BYTES_MAX)
        send_dead_letters(fold);
    if (fold->dead_letter_count == DEAD_LETTERS_MAX)
        return;
    struct letter *letter = memory_get(sizeof *letter);
    letter_make(&source, size_budget_record(&fold->run->sizes, TOPIC_DEAD_LETTERS), letter);
    letter->key = copy(letter->key);
    letter->value = copy(letter->value);
    fold->dead_letter_bytes += letter->key.size + letter->value.size;
    fold->dead_letters[fold->dead_letter_count++] = letter;
}

/* ---- folding ---- */

static void note_met(struct catalogue_fold *fold, struct bytes item_id)
{
    uint32_t index = catalogue_find(fold->run->catalogue, item_id);
    if (!fold->rescan || index == PRODUCT_NONE)
        return;
    ARRAY_RESERVE_ZERO(fold->met, fold->met_capacity, (size_t)index + 1);
    fold->met[index] = true;
}

/* The end of a rescan: deletes the products that the topic does not have. */
static void sweep(struct catalogue_fold *fold)
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
    fold->changed = true;
    clear_met(fold);
    if (swept > 0)
        log_line(LOG_LEVEL_INFO, "catalogue", "%u products are no longer in %s", swept,
                 fold->topic);
}

static void note_ready(struct catalogue_fold *fold)
{
    struct run *run = fold->run;
    if (fold->rescan)
        sweep(fold);
    atomic_store(&run->catalogue_whole, true);
    if (atomic_load(&run->catalogue_ready))
        return;
    atomic_store(&run->catalogue_ready, true);
    log_line(LOG_LEVEL_INFO, "catalogue", "ready: %u products, %.1f s", run->catalogue->present,
             (double)(clock_monotonic_us() - fold->started_us) / 1e6);
}

static void note_positions(struct catalogue_fold *fold)
{
    bool all = true;
    for (int32_t i = 0; i < fold->partitions; i++) {
        int64_t next = partition_reader_position(fold->reader, i);
        if (next >= 0) { /* below 0: a rescan has not met this partition yet */
            fold->changed = fold->changed || fold->next[i] != next;
            fold->next[i] = next;
            fold->at_target[i] = fold->at_target[i] || next >= fold->target[i];
        }
        all = all && fold->at_target[i];
    }
    if (all)
        note_ready(fold);
}

/* SKIP: the record is rejected. RETRY: it awaits its schema. `ret_delete`: it deletes
 * event->item_id. */
static enum verdict decode(struct catalogue_fold *fold, const struct kafka_record *record,
                           struct event *event, bool *ret_delete)
{
    struct error why = {0};
    *ret_delete = record->value.at == NULL && record->key.size > 0;
    if (*ret_delete) {
        event_init(event, EVENT_PRODUCT);
        event->item_id = record->key;
        return VERDICT_OK;
    }
    enum verdict verdict =
        codec_decode(fold->codec, EVENT_PRODUCT, record->value, &fold->arena, event, &why);
    if (verdict == VERDICT_OK)
        verdict = event_judge_key(record->key, event, &why);
    if (verdict == VERDICT_SKIP)
        reject(fold, record, &why);
    return verdict;
}

/* Returns how many records it took: those before the first one that awaits its schema. */
static size_t fold_ready(struct catalogue_fold *fold, const struct kafka_record *records,
                         size_t count)
{
    struct catalogue *catalogue = fold->run->catalogue;
    struct event events[SLICE_RECORDS_MAX];
    bool deletes[SLICE_RECORDS_MAX];
    size_t good = 0, taken = 0;
    for (; taken < count; taken++) {
        enum verdict verdict = decode(fold, &records[taken], &events[good], &deletes[good]);
        if (verdict == VERDICT_RETRY)
            break;
        good += verdict == VERDICT_OK;
    }
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
    arena_clear(&fold->arena);
    return taken;
}

/* Tells of refused products: of the first one, and then each time that their number has doubled. */
static void warn_of_refused(struct catalogue_fold *fold, int64_t now_us)
{
    const struct catalogue *catalogue = fold->run->catalogue;
    uint64_t refused = catalogue->counts.products_refused;
    if (!log_growth_due(&fold->refused, refused, now_us, WARN_US))
        return;
    log_line(LOG_LEVEL_WARN, "catalogue",
             "catalogue.products.max=%u is reached, and no product is deleted: %llu times a new "
             "product was refused since the start; raise it and start again, which reads %s from "
             "its beginning",
             catalogue->limits.products_max, (unsigned long long)refused, fold->topic);
}

/* The same of terms that the search index has lost. */
static void warn_of_terms(struct catalogue_fold *fold, int64_t now_us)
{
    const struct run *run = fold->run;
    uint64_t evicted = search_index_evicted(run->search);
    if (!log_growth_due(&fold->evicted_terms, evicted, now_us, WARN_US))
        return;
    log_line(LOG_LEVEL_WARN, "catalogue",
             "search.terms.max=%u is reached: %llu terms of few products were evicted since the "
             "start, and searches for them find nothing; raise it if the shop's texts have more",
             run->config->settings.search_terms_max, (unsigned long long)evicted);
}

static enum verdict save(struct catalogue_fold *fold, struct error *error)
{
    struct store_batch batch = {0};
    struct run *run = fold->run;
    int64_t from_us = clock_monotonic_us();
    send_dead_letters(fold);
    if (!fold->changed)
        return VERDICT_OK;
    catalogue_save(run->catalogue, &batch);
    if (!fold->rescan) { /* a rescan that is cut short begins again */
        for (int32_t i = 0; i < fold->partitions; i++) {
            batch_put_offset(&batch, OFFSETS_CATALOGUE, fold->topic, i, fold->next[i]);
            topic_mark_put(&fold->marks[i], fold->topic, i, &batch);
        }
        /* a process that refused products reads the topic again at its next start */
        int64_t saved_ms = run->catalogue->counts.products_refused > 0 ? 0 : clock_now_ms();
        batch_put_offset(&batch, OFFSETS_CATALOGUE, SAVED_AT, 0, saved_ms);
    }
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

/* Does the timed work: the end of the wait for the start, and saves. */
static enum verdict tend(struct catalogue_fold *fold, struct error *error)
{
    struct run *run = fold->run;
    int64_t now_us = clock_monotonic_us();
    warn_of_refused(fold, now_us);
    warn_of_terms(fold, now_us);
    rules_watch_look(&fold->rules, run->catalogue, atomic_load(&run->catalogue_rows),
                     atomic_load(&run->catalogue_whole), now_us);
    if (!atomic_load(&run->catalogue_ready) && now_us - fold->started_us > READY_US)
        atomic_store(&run->catalogue_ready, true);
    if (now_us < fold->save_due_us && run->catalogue->dirty_count < SAVE_PRODUCTS_MAX)
        return VERDICT_OK;
    return save(fold, error);
}

/* A look, when one is due. */
static enum verdict look_when_due(struct catalogue_fold *fold, struct error *error)
{
    int64_t now_us = clock_monotonic_us();
    if (now_us < fold->look_due_us)
        return VERDICT_OK;
    enum verdict verdict = look(fold, error);
    fold->look_due_us = clock_monotonic_us() + LOOK_US;
    return verdict;
}

/* The topic's position moves once the whole slice is folded. RETRY: the process stops. */
static enum verdict fold_records(struct catalogue_fold *fold, const struct kafka_record *records,
                                 size_t count, struct error *error)
{
    size_t taken = fold_ready(fold, records, count);
    while (taken < count) {
        if (run_stops(fold->run))
            return VERDICT_RETRY;
        usleep(SCHEMA_LOOK_US);
        enum verdict verdict = tend(fold, error);
        if (verdict != VERDICT_OK)
            return verdict;
        taken += fold_ready(fold, records + taken, count - taken);
    }
    for (size_t i = 0; i < count; i++)
        topic_mark_set(&fold->marks[records[i].partition], &records[i]);
    note_positions(fold);
    return VERDICT_OK;
}

/* A record that is lost makes a look due. */
static void read_records(struct catalogue_fold *fold, struct kafka_record *records, size_t *count)
{
    enum verdict verdict =
        partition_reader_read(fold->reader, READ_MS, SLICE_RECORDS_MAX, records, count);
    if (verdict != VERDICT_FATAL)
        return;
    *count = 0;
    fold->lost = true;
    fold->look_due_us = 0;
}

static enum verdict run_fold(struct catalogue_fold *fold, struct error *error)
{
    struct run *run = fold->run;
    enum verdict verdict = open_topic(fold, error);
    if (verdict != VERDICT_OK)
        return verdict;
    fold->save_due_us = clock_monotonic_us() + run->config->model_save_ms * 1000;
    fold->look_due_us = clock_monotonic_us() + LOOK_US;
    while (!run_stops(run)) {
        struct kafka_record records[SLICE_RECORDS_MAX];
        size_t count = 0;
        read_records(fold, records, &count);
        verdict = fold_records(fold, records, count, error);
        if (verdict == VERDICT_OK)
            verdict = tend(fold, error);
        if (verdict == VERDICT_OK)
            verdict = look_when_due(fold, error);
        if (verdict == VERDICT_RETRY) /* the process stops */
            break;
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return save(fold, error);
}

static void free_fold(struct catalogue_fold *fold)
{
    partition_reader_free(fold->reader);
    partition_reader_free(fold->watcher);
    client_producer_free(fold->producer);
    codec_free(fold->codec);
    rules_watch_release(&fold->rules);
    arena_release(&fold->arena);
    free(fold->next);
    free(fold->target);
    free(fold->at_target);
    free(fold->marks);
    free(fold->met);
    free(fold);
}

void *catalogue_fold_thread(void *argument)
{
    struct run *run = argument;
    struct catalogue_fold *fold = memory_zero(1, sizeof *fold);
    struct error error = {0};
    fold->run = run;
    fold->topic = run->topology.topics[TOPIC_PRODUCT];
    fold->started_us = clock_monotonic_us();
    pthread_setname_np(pthread_self(), "catalogue");
    rules_watch_open(&fold->rules, run->config);
    enum verdict verdict = run_fold(fold, &error);
    bool ends_early = verdict == VERDICT_RETRY && run_stops(run); /* stopped while it waited */
    if (verdict != VERDICT_OK && !ends_early)
        run_fail(run, "catalogue", &error);
    free_fold(fold);
    return NULL;
}
