#include "processors/runtime/model/seed_model.h"

#include "processors/runtime/log.h"
#include "processors/runtime/model/snapshots.h"
#include "state/model_file.h"
#include "state/model_store.h"

#include <unistd.h>

#define TRIES 10
#define PAUSE_US 500000

enum verdict seed_model_check(struct run *run, int64_t folded, int64_t log_end, struct error *error)
{
    struct snapshot_header header;
    int64_t time_ms;
    enum verdict found = snapshots_find(run, &header, &time_ms, error);
    if (found != VERDICT_OK && found != VERDICT_SKIP)
        return VERDICT_FATAL;
    if (found == VERDICT_SKIP && folded == 0 && log_end == 0)
        return VERDICT_OK;
    return error_set(error, VERDICT_FATAL,
                     "%s can't be the seed model: application.id=%s has a model of its own "
                     "already; start without --model, or begin again with 'weft reset'",
                     run->seed_model, run->config->application_id);
}

/* Refuses a format that this weft would read wrongly. */
static enum verdict check_format(struct run *run, struct error *error)
{
    uint32_t format;
    model_stored_format(run->model_store, &format, NULL);
    if (format >= MODEL_FORMAT_OLDEST && format <= MODEL_FORMAT)
        return VERDICT_OK;
    return error_set(error, VERDICT_FATAL, "%s: the model in it has format %u, this weft has %d",
                     run->seed_model, format, MODEL_FORMAT);
}

static enum verdict write_snapshot(struct run *run, struct error *error)
{
    struct stop_lease lease = stop_lease_of(&run->stop);
    struct snapshot_header header;
    for (int tries = 0; tries < TRIES && !run_stops(run); tries++) {
        struct error why = {0};
        if (tries > 0)
            usleep(PAUSE_US);
        enum verdict verdict = snapshots_write(run, &lease.lease, &header, &why);
        if (verdict == VERDICT_OK)
            return verdict;
        if (verdict == VERDICT_FATAL)
            return error_set(error, verdict, "%s", why.message);
        if (verdict == VERDICT_SKIP)
            break;
        log_line(LOG_LEVEL_WARN, "model", "the seed model's snapshot: %s", why.message);
    }
    return error_set(error, VERDICT_FATAL, "no snapshot of %s could be written", run->seed_model);
}

/* The store's offset makes the model one that the log's first record comes after. */
static enum verdict write_offset(struct run *run, struct error *error)
{
    struct store_batch batch = {0};
    batch_put_offset(&batch, OFFSETS_MODEL, run->topology.topics[TOPIC_INTERACTIONS], 0, 0);
    enum verdict verdict = run->model_store->write(run->model_store, &batch, error);
    batch_release(&batch);
    return verdict;
}

enum verdict seed_model_load(struct run *run, struct error *error)
{
    struct snapshot_header header;
    struct error why = {0};
    if (model_file_read(run->seed_model, run->model_store, &header, error) != VERDICT_OK ||
        check_format(run, error) != VERDICT_OK)
        return VERDICT_FATAL;
    if (model_load(run->model, run->model_store, &why) != VERDICT_OK)
        return error_set(error, VERDICT_FATAL, "%s: %s", run->seed_model, why.message);
    if (write_offset(run, error) != VERDICT_OK || write_snapshot(run, error) != VERDICT_OK)
        return VERDICT_FATAL;
    log_line(LOG_LEVEL_INFO, "model", "started from %s: %llu rows, %u items", run->seed_model,
             (unsigned long long)header.rows, run->model->live_count);
    return VERDICT_OK;
}
