#include "processors/runtime/model/seed_model.h"

#include "processors/runtime/log.h"
#include "processors/runtime/model/snapshots.h"
#include "state/model_file.h"

#include <unistd.h>

#define TRIES 10
#define PAUSE_US 500000

enum verdict seed_model_check(struct run *run, int64_t folded, int64_t log_end, struct error *error)
{
    struct snapshot_header header;
    int64_t time_ms;
    enum verdict verdict = snapshots_find(run, &header, &time_ms, error);
    if (verdict != VERDICT_OK && verdict != VERDICT_SKIP)
        return VERDICT_FATAL;
    if (verdict == VERDICT_SKIP && folded == 0 && log_end == 0)
        return VERDICT_OK;
    return error_set(error, VERDICT_FATAL,
                     "%s can't be begun from: application.id=%s has a model of its own already; "
                     "start without --model, or begin anew with 'weft reset'",
                     run->seed_model, run->config->application_id);
}

struct given {
    struct lease lease; /* first */
    struct run *run;
};

static bool runs_on(struct lease *self)
{
    return !run_stops(((struct given *)(void *)self)->run);
}

/* Of a format that this weft would read wrongly. */
static enum verdict check_format(struct run *run, struct error *error)
{
    struct buffer value = {0};
    uint32_t format = 0;
    if (run->model_store->get(run->model_store, FAMILY_MODEL, bytes_of("m", 1), &value, NULL) ==
        VERDICT_OK)
        memcpy(&format, value.at, value.size < 4 ? value.size : 4);
    buffer_release(&value);
    if (format == MODEL_FORMAT)
        return VERDICT_OK;
    return error_set(error, VERDICT_FATAL, "%s: the model in it has format %u, this weft knows %d",
                     run->seed_model, format, MODEL_FORMAT);
}

static enum verdict publish(struct run *run, struct error *error)
{
    struct given given = {.lease.holds = runs_on, .run = run};
    struct snapshot_header header;
    enum verdict verdict = VERDICT_RETRY;
    for (int tries = 0; verdict == VERDICT_RETRY && tries < TRIES && !run_stops(run); tries++) {
        struct error why = {0};
        if (tries > 0)
            usleep(PAUSE_US);
        verdict = snapshots_write(run, &given.lease, &header, &why);
        if (verdict == VERDICT_RETRY)
            log_line(LOG_LEVEL_WARN, "model", "the given model's snapshot: %s", why.message);
        if (verdict == VERDICT_FATAL)
            error_set(error, verdict, "%s", why.message);
    }
    return verdict == VERDICT_OK ? verdict
                                 : error_set(error, VERDICT_FATAL,
                                             "no snapshot of %s could be written", run->seed_model);
}

enum verdict seed_model_load(struct run *run, struct error *error)
{
    struct store_batch batch = {0};
    struct snapshot_header header;
    struct error why = {0};
    enum verdict verdict = model_file_read(run->seed_model, run->model_store, &header, error);
    if (verdict == VERDICT_OK)
        verdict = check_format(run, error);
    if (verdict == VERDICT_OK && model_load(run->model, run->model_store, &why) != VERDICT_OK)
        verdict = error_set(error, VERDICT_FATAL, "%s: %s", run->seed_model, why.message);
    if (verdict == VERDICT_OK) {
        batch_put_offset(&batch, OFFSETS_MODEL, run->topology.topics[TOPIC_INTERACTIONS], 0, 0);
        verdict = run->model_store->write(run->model_store, &batch, error);
        batch_release(&batch);
    }
    if (verdict == VERDICT_OK)
        verdict = publish(run, error);
    if (verdict == VERDICT_OK)
        log_line(LOG_LEVEL_INFO, "model", "begun from %s: %llu rows, %u items", run->seed_model,
                 (unsigned long long)header.rows, run->model->item_count);
    return verdict;
}
