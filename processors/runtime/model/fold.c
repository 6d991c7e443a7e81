#include "processors/runtime/model/fold.h"

#include "processors/runtime/interactions_log.h"
#include "processors/runtime/kafka/partition_reader.h"
#include "processors/runtime/log.h"
#include "processors/runtime/model/seed_model.h"
#include "processors/runtime/model/snapshots.h"
#include "state/model_store.h"

#define READ_MS 100
#define SLICE_RECORDS_MAX 256 /* read at once */
#define SLICE_US_MAX 500      /* under one write lock */
#define RECORDS_A_LOOK 16     /* between looks at the clock */
#define PROGRESS_US 2000000
#define SNAPSHOT_TRIES 3
#define SAVE_SHARE 10    /* saving takes at most a tenth of the time */
#define WARN_US 60000000 /* between two warnings of bounds */
#define BOUNDS 3

struct fold {
    struct run *run;
    struct partition_reader *reader;
    const char *topic;
    struct log_reader log;
    int64_t next;   /* offset of the next record to fold */
    int64_t target; /* end of the log at the start */
    int64_t saved;  /* `next` of the store */
    int64_t save_due_us;
    int64_t started_us, progress_us;
    uint64_t skipped;                  /* records that weft did not write */
    struct log_growth evicted[BOUNDS]; /* what the log was told of evictions */
};

/* ---- where the model comes from ---- */

static enum verdict clear_store(struct fold *fold, struct error *error)
{
    struct store *store = fold->run->model_store;
    struct store_batch batch = {0};
    for (int first = 0; first < 0xFF; first++) {
        char prefix = (char)first;
        batch_delete_prefix(&batch, FAMILY_MODEL, bytes_of(&prefix, 1));
    }
    batch_delete_offset(&batch, OFFSETS_MODEL, fold->topic, 0);
    enum verdict verdict = store->write(store, &batch, error);
    batch_release(&batch);
    return verdict;
}

/* Whether the store has a model of this format, and sets the offset that it is as of. */
static enum verdict find_stored(struct fold *fold, bool *ret_usable, struct error *error)
{
    struct store *store = fold->run->model_store;
    uint32_t format = 0;
    enum verdict stored =
        store_get_offset(store, OFFSETS_MODEL, fold->topic, 0, &fold->next, error);
    if (stored == VERDICT_FATAL || model_stored_format(store, &format, error) == VERDICT_FATAL)
        return VERDICT_FATAL;
    /* a newer format counts as usable: loading it refuses it with what to do */
    bool older = format > 0 && format < MODEL_FORMAT_OLDEST;
    *ret_usable = stored == VERDICT_OK && !older;
    if (stored == VERDICT_OK && older)
        log_line(LOG_LEVEL_WARN, "model",
                 "the stored model has the older format %u, this weft has %d: it is built again",
                 format, MODEL_FORMAT);
    return VERDICT_OK;
}

static enum verdict load_stored(struct fold *fold, struct error *error)
{
    struct store *store = fold->run->model_store;
    enum verdict verdict = model_load(fold->run->model, store, error);
    if (verdict == VERDICT_SKIP)
        store->condemn(store, "the stored model can't be read");
    return verdict == VERDICT_OK ? VERDICT_OK : VERDICT_FATAL;
}

/* SKIP: the snapshot is not whole any more, or of an older format; the store may then have rows of
 * it. */
static enum verdict load_snapshot(struct fold *fold, const struct snapshot_header *header,
                                  struct error *error)
{
    struct run *run = fold->run;
    uint32_t format = 0;
    enum verdict verdict = snapshots_load(run, header, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (model_stored_format(run->model_store, &format, error) == VERDICT_OK &&
        format < MODEL_FORMAT_OLDEST)
        return VERDICT_SKIP;
    fold->next = header->offset;
    return VERDICT_OK;
}

/* Puts the newest snapshot into the store. SKIP: there is none that the log goes on from. Tries
 * more than once: a newer snapshot can take the place of the one that is being read. */
static enum verdict take_snapshot(struct fold *fold, int64_t low, int64_t high, struct error *error)
{
    for (int tries = 0; tries < SNAPSHOT_TRIES; tries++) {
        struct snapshot_header header;
        int64_t time_ms;
        enum verdict verdict = snapshots_find(fold->run, &header, &time_ms, error);
        if (verdict != VERDICT_OK)
            return verdict;
        if (header.offset < low || header.offset > high)
            return VERDICT_SKIP;
        verdict = load_snapshot(fold, &header, error);
        if (verdict != VERDICT_SKIP)
            return verdict;
        if (clear_store(fold, error) != VERDICT_OK)
            return VERDICT_FATAL;
    }
    return VERDICT_SKIP;
}

/* Builds the model from a snapshot and the log after it, or from the whole log. */
static enum verdict start_from_topics(struct fold *fold, int64_t low, int64_t high,
                                      struct error *error)
{
    enum verdict verdict = clear_store(fold, error);
    if (verdict != VERDICT_OK)
        return VERDICT_FATAL;
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
                     "start a process that still has its state.dir first, or begin again with "
                     "'weft reset'",
                     fold->topic, (long long)low);
}

static enum verdict start_from_seed_model(struct fold *fold, int64_t folded, int64_t high,
                                          struct error *error)
{
    if (seed_model_check(fold->run, folded, high, error) != VERDICT_OK ||
        clear_store(fold, error) != VERDICT_OK)
        return VERDICT_FATAL;
    fold->next = 0;
    if (seed_model_load(fold->run, error) == VERDICT_OK)
        return VERDICT_OK;
    clear_store(fold, NULL);
    return VERDICT_FATAL;
}

static enum verdict find_model(struct fold *fold, int64_t low, int64_t high, struct error *error)
{
    bool usable = false;
    enum verdict verdict = find_stored(fold, &usable, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (fold->run->seed_model)
        return start_from_seed_model(fold, usable ? fold->next : 0, high, error);
    if (!usable)
        return start_from_topics(fold, low, high, error);
    if (fold->next > high)
        return error_set(error, VERDICT_FATAL,
                         "the local model has folded %s up to %lld, but the topic ends at %lld: it "
                         "is another cluster, or the topic was created again; delete state.dir or "
                         "run 'weft reset'",
                         fold->topic, (long long)fold->next, (long long)high);
    if (fold->next >= low)
        return load_stored(fold, error);
    log_line(LOG_LEVEL_WARN, "model",
             "the local model has folded %s up to %lld, but it starts at %lld now", fold->topic,
             (long long)fold->next, (long long)low);
    return start_from_topics(fold, low, high, error);
}

/* ---- the log ---- */

static enum verdict ask_ends(struct fold *fold, enum reader_isolation isolation, int64_t *ret_low,
                             int64_t *ret_high, struct error *error)
{
    const struct reader_options options = {
        .topic = fold->topic, .log_name = "model", .isolation = isolation};
    struct partition_reader *watcher = partition_reader_open(fold->run->config, &options, error);
    if (watcher == NULL)
        return VERDICT_FATAL;
    enum verdict verdict =
        partition_reader_await_ends(watcher, 0, &fold->run->stop, ret_low, ret_high, error);
    partition_reader_free(watcher);
    return verdict;
}

/* Strict: the reader never jumps over records that retention took. The next start of the process
 * loads a snapshot then. */
static enum verdict open_reader(struct fold *fold, struct error *error)
{
    const struct reader_options options = {.topic = fold->topic,
                                           .log_name = "model",
                                           .strict = true,
                                           .follows = true,
                                           .queued_bytes = &fold->run->queued_bytes[READER_FOLD]};
    const struct reader_start start = {.partition = 0, .offset = fold->next};
    fold->reader = partition_reader_open(fold->run->config, &options, error);
    if (fold->reader == NULL)
        return VERDICT_FATAL;
    partition_reader_assign(fold->reader, &start, 1);
    return VERDICT_OK;
}

static enum verdict open_log(struct fold *fold, struct error *error)
{
    int64_t low, high;
    enum verdict verdict = ask_ends(fold, READ_UNCOMMITTED, &low, &high, error);
    if (verdict == VERDICT_OK)
        verdict = find_model(fold, low, high, error);
    if (verdict != VERDICT_OK)
        return verdict;
    fold->saved = fold->next;
    atomic_store(&fold->run->saved_offset, fold->saved);
    /* The target is the end that can be read now. A process that was killed may have left a
     * transaction open, which only the workers end: they must not wait for it. */
    verdict = ask_ends(fold, READ_COMMITTED, &low, &fold->target, error);
    if (verdict == VERDICT_OK)
        verdict = open_reader(fold, error);
    if (verdict == VERDICT_OK && fold->target > fold->next)
        log_line(LOG_LEVEL_INFO, "model", "folding %s from %lld to %lld", fold->topic,
                 (long long)fold->next, (long long)fold->target);
    return verdict;
}

/* ---- folding ---- */

static void note_position(struct fold *fold, int64_t next)
{
    struct run *run = fold->run;
    fold->next = next;
    atomic_store(&run->folded_offset, next);
    if (atomic_load(&run->fold_ready) || next < fold->target)
        return;
    atomic_store(&run->fold_ready, true);
    log_line(LOG_LEVEL_INFO, "model", "ready: %u items, log at %lld, %.1f s",
             run->model->live_count, (long long)next,
             (double)(clock_monotonic_us() - fold->started_us) / 1e6);
}

static void fold_record(struct fold *fold, const struct kafka_record *record)
{
    struct run *run = fold->run;
    struct log_record read;
    if (log_read(&fold->log, record->value, &read, NULL) == VERDICT_OK)
        log_fold(&run->topology, run->model, &read);
    else if (fold->skipped++ == 0)
        log_line(LOG_LEVEL_ERROR, "model", "%s [0]@%lld is not an interaction; skipped",
                 fold->topic, (long long)record->offset);
}

/* Lets readers of the model in between every SLICE_US_MAX. */
static void fold_records(struct fold *fold, const struct kafka_record *records, size_t count)
{
    struct model *model = fold->run->model;
    model_lock_write(model);
    int64_t locked_us = clock_monotonic_us();
    for (size_t i = 0; i < count; i++) {
        fold_record(fold, &records[i]);
        atomic_store(&fold->run->folded_offset, records[i].offset + 1); /* before the lock goes */
        if (i % RECORDS_A_LOOK == 0 && clock_monotonic_us() - locked_us > SLICE_US_MAX) {
            model_unlock_write(model);
            model_lock_write(model);
            locked_us = clock_monotonic_us();
        }
    }
    model_unlock_write(model);
}

static enum verdict read_slice(struct fold *fold, struct error *error)
{
    struct kafka_record records[SLICE_RECORDS_MAX];
    size_t count;
    if (partition_reader_read(fold->reader, READ_MS, SLICE_RECORDS_MAX, records, &count) !=
        VERDICT_OK)
        return error_set(error, VERDICT_FATAL,
                         "%s no longer has %lld, the next record to fold: its retention is too "
                         "short; the next start loads a snapshot",
                         fold->topic, (long long)fold->next);
    if (count > 0)
        fold_records(fold, records, count);
    note_position(fold, partition_reader_position(fold->reader, 0));
    atomic_store(&fold->run->fold_left, partition_reader_left(fold->reader, 0));
    return VERDICT_OK;
}

static enum verdict save(struct fold *fold, struct error *error)
{
    struct run *run = fold->run;
    struct store_batch batch = {0};
    int64_t from_us = clock_monotonic_us();
    if (fold->saved == fold->next)
        return VERDICT_OK;
    model_save(run->model, &batch);
    batch_put_offset(&batch, OFFSETS_MODEL, fold->topic, 0, fold->next);
    enum verdict verdict = run->model_store->write(run->model_store, &batch, error);
    fold->saved = fold->next;
    atomic_store(&run->saved_offset, fold->saved);
    int64_t now_us = clock_monotonic_us();
    int64_t pause_us = run->config->model_save_ms * 1000;
    if (pause_us < SAVE_SHARE * (now_us - from_us))
        pause_us = SAVE_SHARE * (now_us - from_us);
    fold->save_due_us = now_us + pause_us;
    log_line(LOG_LEVEL_DEBUG, "model", "saved %llu rows, %zu bytes in %lld us",
             (unsigned long long)batch.count, batch.changes.size, (long long)(now_us - from_us));
    batch_release(&batch);
    return verdict;
}

/* Fills the view that the publisher makes rankings from, as of the records folded so far. This
 * thread is the model's only writer, so it reads the model without a lock. */
static void share_view(struct fold *fold)
{
    struct run *run = fold->run;
    pthread_mutex_lock(&run->view_lock);
    if (run->view_wanted)
        rankings_collect(run->view_wanted, run->model, fold->next, &run->config->settings.rankings);
    run->view_wanted = NULL;
    pthread_mutex_unlock(&run->view_lock);
}

/* Tells of the bounds at which the model evicts: at the first eviction, and then each time that
 * their number has doubled. */
static void warn_of_bounds(struct fold *fold, int64_t now_us)
{
    const struct model *model = fold->run->model;
    const struct {
        const char *key;
        uint32_t max;
        uint64_t evicted, unseated;
    } bounds[BOUNDS] = {
        {"items.max", model->limits.items_max, model->items_evicted, model->items_unseated},
        {"queries.max", model->limits.queries.queries_max, model->queries->evicted,
         model->queries->unseated},
        {"channels.max", model->limits.channels.queries_max, model->channels->evicted,
         model->channels->unseated},
    };
    for (int i = 0; i < BOUNDS; i++) {
        if (!log_growth_due(&fold->evicted[i], bounds[i].evicted, now_us, WARN_US))
            continue;
        log_line(LOG_LEVEL_WARN, "model",
                 "%s=%u is reached: %llu were evicted since the start, %llu of them had more than "
                 "one visitor; raise %s if the shop has more",
                 bounds[i].key, bounds[i].max, (unsigned long long)bounds[i].evicted,
                 (unsigned long long)bounds[i].unseated, bounds[i].key);
    }
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

static enum verdict run_fold(struct fold *fold, struct error *error)
{
    enum verdict verdict = open_log(fold, error);
    if (verdict != VERDICT_OK)
        return verdict;
    note_position(fold, fold->next);
    fold->save_due_us = clock_monotonic_us() + fold->run->config->model_save_ms * 1000;
    while (!run_stops(fold->run)) {
        verdict = read_slice(fold, error);
        int64_t now_us = clock_monotonic_us();
        share_view(fold);
        show_progress(fold, now_us);
        warn_of_bounds(fold, now_us);
        if (verdict == VERDICT_OK && now_us >= fold->save_due_us)
            verdict = save(fold, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return save(fold, error);
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
    bool ends_early = verdict == VERDICT_RETRY && run_stops(run); /* stopped while it waited */
    if (verdict != VERDICT_OK && !ends_early)
        run_fail(run, "model", &error);
    partition_reader_free(fold.reader);
    log_reader_release(&fold.log);
    return NULL;
}
