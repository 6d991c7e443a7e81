#include "processors/runtime/model/fold.h"

#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/log.h"
#include "processors/runtime/model/seed_model.h"
#include "processors/runtime/model/snapshots.h"

#define SLICE_RECORDS_MAX 256 /* taken at once */
#define SLICE_US_MAX 500      /* under one write lock */
#define RECORDS_A_LOOK 16     /* between looks at the clock */
#define PROGRESS_US 2000000
#define SNAPSHOT_TRIES 3
#define SAVE_SHARE 10 /* saving takes at most a tenth of the time */

struct fold {
    struct run *run;
    rd_kafka_t *reader;
    const char *topic;
    struct log_reader log;
    int64_t next;   /* offset */
    int64_t target; /* end of the log at the start */
    int64_t saved;  /* offset that the store has */
    int64_t save_due_us;
    int64_t started_us, progress_us;
    uint64_t skipped; /* records that no writer made */
};

static enum verdict clear_stored(struct run *run, const char *topic, struct error *error)
{
    struct store_batch batch = {0};
    for (int first = 0; first < 0xFF; first++) {
        char prefix = (char)first;
        batch_delete_prefix(&batch, FAMILY_MODEL, bytes_of(&prefix, 1));
    }
    batch_delete_offset(&batch, OFFSETS_MODEL, topic, 0);
    enum verdict verdict = run->model_store->write(run->model_store, &batch, error);
    batch_release(&batch);
    return verdict;
}

/* Format of the stored model; SKIP: there is none. */
static enum verdict stored_format(struct run *run, uint32_t *ret_format, struct error *error)
{
    struct buffer value = {0};
    enum verdict verdict =
        run->model_store->get(run->model_store, FAMILY_MODEL, bytes_of("m", 1), &value, error);
    *ret_format = 0;
    if (verdict == VERDICT_OK)
        memcpy(ret_format, value.at, value.size < 4 ? value.size : 4);
    buffer_release(&value);
    return verdict;
}

/* Whether the store has a model that can be gone on from, and as of which offset. */
static enum verdict look_at_stored(struct fold *fold, bool *ret_usable, struct error *error)
{
    struct run *run = fold->run;
    uint32_t format = 0;
    *ret_usable = false;
    enum verdict stored =
        store_get_offset(run->model_store, OFFSETS_MODEL, fold->topic, 0, &fold->next, error);
    if (stored == VERDICT_FATAL || stored_format(run, &format, error) == VERDICT_FATAL)
        return VERDICT_FATAL;
    if (stored == VERDICT_OK && format > 0 && format < MODEL_FORMAT)
        log_line(LOG_LEVEL_WARN, "model",
                 "the stored model has the older format %u, now it is %d; it is made anew", format,
                 MODEL_FORMAT);
    else
        *ret_usable = stored == VERDICT_OK; /* a newer format: the loading refuses it */
    return VERDICT_OK;
}

static enum verdict load_stored(struct fold *fold, struct error *error)
{
    struct run *run = fold->run;
    enum verdict verdict = model_load(run->model, run->model_store, error);
    uint32_t format = 0;
    if (verdict != VERDICT_OK && stored_format(run, &format, NULL) == VERDICT_OK &&
        format == MODEL_FORMAT)
        run->model_store->condemn(run->model_store, "the stored model can't be read");
    return verdict;
}

/* A model that was folded elsewhere up to where the log still has what follows. SKIP: there is
 * none. */
static enum verdict take_snapshot(struct fold *fold, int64_t low, int64_t high, struct error *error)
{
    struct run *run = fold->run;
    struct snapshot_header header;
    int64_t time_ms;
    enum verdict verdict = VERDICT_SKIP;
    for (int tries = 0; tries < SNAPSHOT_TRIES && verdict == VERDICT_SKIP; tries++) {
        uint32_t format = 0;
        verdict = snapshots_find(run, &header, &time_ms, error);
        if (verdict != VERDICT_OK || header.offset < low || header.offset > high)
            return verdict == VERDICT_OK ? VERDICT_SKIP : verdict;
        verdict = snapshots_load(run, &header, error);
        if (verdict == VERDICT_OK && stored_format(run, &format, error) == VERDICT_OK &&
            format < MODEL_FORMAT)
            verdict = VERDICT_SKIP;
        if (verdict == VERDICT_SKIP && clear_stored(run, fold->topic, error) != VERDICT_OK)
            return VERDICT_FATAL;
        if (verdict == VERDICT_OK)
            fold->next = header.offset;
    }
    return verdict;
}

/* Nothing here that can be gone on from: a snapshot and the log after it, or all of the log. */
static enum verdict begin_anew(struct fold *fold, int64_t low, int64_t high, struct error *error)
{
    enum verdict verdict = clear_stored(fold->run, fold->topic, error);
    if (verdict == VERDICT_OK)
        verdict = take_snapshot(fold, low, high, error);
    if (verdict == VERDICT_OK)
        return load_stored(fold, error);
    if (verdict != VERDICT_SKIP)
        return VERDICT_FATAL;
    fold->next = 0;
    if (low == 0)
        return VERDICT_OK;
    return error_set(error, VERDICT_FATAL,
                     "%s starts at %lld and there is no snapshot of the model from there on: "
                     "start a process that still has its state.dir first, or begin anew with "
                     "'weft reset'",
                     fold->topic, (long long)low);
}

/* The model of a file, which every process then has from a snapshot of it. */
static enum verdict begin_given(struct fold *fold, struct error *error)
{
    struct run *run = fold->run;
    enum verdict verdict = clear_stored(run, fold->topic, error);
    fold->next = 0;
    if (verdict == VERDICT_OK && (verdict = seed_model_load(run, error)) != VERDICT_OK)
        clear_stored(run, fold->topic, NULL);
    return verdict == VERDICT_OK ? verdict : VERDICT_FATAL;
}

static enum verdict open_log(struct fold *fold, struct error *error)
{
    struct run *run = fold->run;
    int64_t low, high;
    bool usable;
    rd_kafka_t *watcher = kafka_open(run->config, KAFKA_WATCHER, NULL, error);
    if (watcher == NULL)
        return VERDICT_FATAL;
    enum verdict verdict =
        kafka_await_ends(watcher, fold->topic, 0, &low, &high, &run->stop, error);
    rd_kafka_destroy(watcher);
    if (verdict == VERDICT_RETRY)
        return verdict;
    if (verdict == VERDICT_OK)
        verdict = look_at_stored(fold, &usable, error);
    if (verdict != VERDICT_OK)
        return VERDICT_FATAL;
    if (run->seed_model) {
        verdict = seed_model_check(run, usable ? fold->next : 0, high, error);
        usable = false;
    }
    if (verdict != VERDICT_OK)
        return VERDICT_FATAL;
    if (usable && fold->next > high)
        return error_set(error, VERDICT_FATAL,
                         "the local model has folded %s up to %lld, but the topic ends at %lld: it "
                         "is another cluster, or the topic was made anew; delete state.dir or run "
                         "'weft reset'",
                         fold->topic, (long long)fold->next, (long long)high);
    if (usable && fold->next < low)
        log_line(LOG_LEVEL_WARN, "model",
                 "the local model has folded %s up to %lld, but it starts at %lld now", fold->topic,
                 (long long)fold->next, (long long)low);
    verdict = run->seed_model               ? begin_given(fold, error)
              : usable && fold->next >= low ? load_stored(fold, error)
                                            : begin_anew(fold, low, high, error);
    if (verdict != VERDICT_OK)
        return verdict;
    fold->saved = fold->next;
    atomic_store(&run->saved_offset, fold->saved);
    fold->target = high;
    /* never jump over what retention took: the next start takes a snapshot then */
    const struct kafka_extra strict[] = {
        {"group.id", "weft-reader"}, {"auto.offset.reset", "error"}, {NULL, NULL}};
    fold->reader = kafka_open(run->config, KAFKA_READER, strict, error);
    if (fold->reader == NULL)
        return VERDICT_FATAL;
    rd_kafka_topic_partition_list_t *log = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(log, fold->topic, 0)->offset = fold->next;
    rd_kafka_assign(fold->reader, log);
    rd_kafka_topic_partition_list_destroy(log);
    if (fold->target > fold->next)
        log_line(LOG_LEVEL_INFO, "model", "folding %s from %lld to %lld", fold->topic,
                 (long long)fold->next, (long long)fold->target);
    return VERDICT_OK;
}

static void note_position(struct fold *fold, int64_t next)
{
    struct run *run = fold->run;
    fold->next = next;
    atomic_store(&run->folded_offset, next);
    if (atomic_load(&run->fold_ready) || next < fold->target)
        return;
    atomic_store(&run->fold_ready, true);
    log_line(LOG_LEVEL_INFO, "model", "ready: %u items, log at %lld, %.1f s",
             run->model->item_count, (long long)next,
             (double)(clock_monotonic_us() - fold->started_us) / 1e6);
}

/* Folds the messages under one lock and frees them. */
static void fold_slice(struct fold *fold, rd_kafka_message_t **messages, size_t count)
{
    struct run *run = fold->run;
    model_lock_write(run->model);
    int64_t locked_us = clock_monotonic_us();
    for (size_t i = 0; i < count; i++) {
        struct log_record record;
        if (log_read(&fold->log, bytes_of(messages[i]->payload, messages[i]->len), &record, NULL) ==
            VERDICT_OK)
            pipeline_fold(&run->topology, run->model, &record);
        else if (fold->skipped++ == 0)
            log_line(LOG_LEVEL_ERROR, "model", "%s [0]@%lld is no interaction; skipped",
                     fold->topic, (long long)messages[i]->offset);
        if (i % RECORDS_A_LOOK == 0 && clock_monotonic_us() - locked_us > SLICE_US_MAX) {
            model_unlock_write(run->model);
            model_lock_write(run->model);
            locked_us = clock_monotonic_us();
        }
    }
    model_unlock_write(run->model);
    if (count > 0)
        note_position(fold, messages[count - 1]->offset + 1);
    for (size_t i = 0; i < count; i++)
        rd_kafka_message_destroy(messages[i]);
}

static enum verdict save(struct fold *fold, struct error *error)
{
    struct store_batch batch = {0};
    int64_t from_us = clock_monotonic_us();
    if (fold->saved == fold->next)
        return VERDICT_OK;
    model_save(fold->run->model, &batch);
    batch_put_offset(&batch, OFFSETS_MODEL, fold->topic, 0, fold->next);
    enum verdict verdict = fold->run->model_store->write(fold->run->model_store, &batch, error);
    fold->saved = fold->next;
    atomic_store(&fold->run->saved_offset, fold->saved);
    int64_t now_us = clock_monotonic_us();
    int64_t pause_us = fold->run->config->model_save_ms * 1000;
    if (pause_us < SAVE_SHARE * (now_us - from_us))
        pause_us = SAVE_SHARE * (now_us - from_us);
    fold->save_due_us = now_us + pause_us;
    log_line(LOG_LEVEL_DEBUG, "model", "saved %llu rows, %zu bytes in %lld us",
             (unsigned long long)batch.count, batch.changes.size, (long long)(now_us - from_us));
    batch_release(&batch);
    return verdict;
}

/* The publisher's copy of what rankings are made from, as of the records that were folded. This
 * thread is the only one that writes, so that it needs no lock of the model to read. */
static void share_view(struct fold *fold)
{
    struct run *run = fold->run;
    pthread_mutex_lock(&run->view_lock);
    if (run->view_wanted)
        rankings_collect(run->view_wanted, run->model, fold->next, &run->config->settings.rankings);
    run->view_wanted = NULL;
    pthread_mutex_unlock(&run->view_lock);
}

static void show_progress(struct fold *fold, int64_t now_us)
{
    if (atomic_load(&fold->run->fold_ready) || now_us < fold->progress_us)
        return;
    fold->progress_us = now_us + PROGRESS_US;
    log_line(LOG_LEVEL_INFO, "model", "folded up to %lld of %lld (%.0f %%)", (long long)fold->next,
             (long long)fold->target,
             100.0 * (double)fold->next / (double)(fold->target ? fold->target : 1));
}

static enum verdict read_slice(struct fold *fold, struct error *error)
{
    rd_kafka_message_t *messages[SLICE_RECORDS_MAX];
    size_t count = 0;
    int timeout_ms = 100;
    enum verdict verdict = VERDICT_OK;
    while (count < SLICE_RECORDS_MAX) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(fold->reader, timeout_ms);
        if (message == NULL)
            break;
        timeout_ms = 0;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            messages[count++] = message;
            continue;
        }
        int64_t end = message->offset;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            fold_slice(fold, messages, count);
            count = 0;
            note_position(fold, end);
        } else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
            verdict = error_set(error, VERDICT_FATAL,
                                "%s no longer has %lld, which is to be folded next: its retention "
                                "is too short; the next start takes a snapshot",
                                fold->topic, (long long)fold->next);
        } else {
            log_line(LOG_LEVEL_WARN, "model", "%s: %s", fold->topic,
                     rd_kafka_message_errstr(message));
        }
        rd_kafka_message_destroy(message);
    }
    fold_slice(fold, messages, count);
    return verdict;
}

static enum verdict run_fold(struct fold *fold, struct error *error)
{
    enum verdict verdict = open_log(fold, error);
    if (verdict == VERDICT_OK)
        note_position(fold, fold->next);
    fold->save_due_us = clock_monotonic_us() + fold->run->config->model_save_ms * 1000;
    while (verdict == VERDICT_OK && !run_stops(fold->run)) {
        verdict = read_slice(fold, error);
        int64_t now_us = clock_monotonic_us();
        share_view(fold);
        show_progress(fold, now_us);
        if (verdict == VERDICT_OK && now_us >= fold->save_due_us)
            verdict = save(fold, error);
    }
    return verdict == VERDICT_OK ? save(fold, error) : verdict;
}

void *fold_thread(void *argument)
{
    struct run *run = argument;
    struct fold fold = {
        .run = run,
        .topic = run->topology.topics[TOPIC_INTERACTIONS],
        .started_us = clock_monotonic_us(),
    };
    struct error error = {0};
    log_reader_init(&fold.log);
    pthread_setname_np(pthread_self(), "model");
    enum verdict verdict = run_fold(&fold, &error);
    if (verdict != VERDICT_OK && !(verdict == VERDICT_RETRY && run_stops(run)))
        run_fail(run, "model", &error);
    if (fold.reader) {
        rd_kafka_consumer_close(fold.reader);
        rd_kafka_destroy(fold.reader);
    }
    log_reader_release(&fold.log);
    return NULL;
}
