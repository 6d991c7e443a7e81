#include "tools/get_model.h"

#include "processors/runtime/interactions_log.h"
#include "processors/runtime/model/snapshots.h"
#include "processors/runtime/pipeline.h"
#include "state/model_file.h"
#include "state/model_store.h"
#include "tools/get_lists.h"
#include "tools/get_topics.h"
#include "tools/local_store.h"

#include <stdio.h>
#include <stdlib.h>

#define NEIGHBOURS_SHOWN 10 /* items of one row of co-occurrence counts */

static enum verdict load_from_state(const struct get_request *request, struct model *model,
                                    struct error *error)
{
    struct store *store;
    enum verdict verdict = local_store_open(&request->config, "model", &store, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = model_load(model, store, error);
    store->free(store);
    return verdict;
}

static enum verdict fold_log(const struct get_request *request, struct model *model,
                             struct error *error)
{
    struct partition_reader *reader;
    struct kafka_record message;
    struct log_reader log;
    const char *topic = request->topology.topics[TOPIC_INTERACTIONS];
    enum verdict verdict = client_open_reader(&request->config, topic, 0, false, &reader, error);
    if (verdict != VERDICT_OK)
        return verdict;
    log_reader_init(&log);
    while ((verdict = topic_next(reader, &message, error)) == VERDICT_OK) {
        struct log_record record;
        if (log_read(&log, message.value, &record, NULL) == VERDICT_OK)
            log_fold(&request->topology, model, &record);
    }
    log_reader_release(&log);
    partition_reader_free(reader);
    return verdict == VERDICT_SKIP ? VERDICT_OK : verdict;
}

enum verdict get_load_model(const struct get_request *request, struct model *model,
                            struct error *error)
{
    return (request->source == GET_FROM_STATE ? load_from_state : fold_log)(request, model, error);
}

/* ---- an item ---- */

static void show_row(const struct model *model, uint32_t item, int kind, int direction)
{
    const struct row *row = &model->items[item].rows[kind][direction];
    if (row->count == 0)
        return;
    printf("%s %s:\n", pair_kind_names[kind], direction == PAIR_FORWARD ? "next" : "before");
    for (uint32_t i = 0; i < row->count && i < NEIGHBOURS_SHOWN; i++)
        printf("  %-16s %5.1f %%\n", model->items[row->entries[i].item].id.at,
               100 * row->entries[i].weight / row->total);
}

static int show_item(const struct get_request *request, const struct model *model, struct bytes id)
{
    uint32_t item = model_find(model, id);
    if (item == ITEM_NONE)
        return command_fail(request->command, EXIT_FAILED, "the model does not know this item");
    const uint64_t *counts = model->items[item].counts.count;
    printf("item %.*s: %llu views, %llu carts, %llu purchases\n", (int)id.size, id.at,
           (unsigned long long)counts[PAIR_VIEW], (unsigned long long)counts[PAIR_CART],
           (unsigned long long)counts[PAIR_PURCHASE]);
    for (int row = 0; row < PAIR_ROWS; row++)
        show_row(model, item, row / PAIR_DIRECTIONS, row % PAIR_DIRECTIONS);
    return EXIT_DONE;
}

int get_item(struct get_request *request, int count, char **words)
{
    struct error error = {0};
    if (request->lists)
        return get_item_lists(request, count, words);
    struct model *model = model_new(&request->config.settings.model);
    enum verdict verdict = get_load_model(request, model, &error);
    int code = verdict == VERDICT_OK
                   ? show_item(request, model, bytes_text(words[0]))
                   : command_fail(request->command, EXIT_FAILED, "%s", error.message);
    model_free(model);
    return code;
}

/* ---- the whole model ---- */

/* The rows of the newest snapshot, put into the store, which is empty. */
static enum verdict read_snapshot(const struct get_request *request, struct store *store,
                                  int64_t *ret_offset, struct error *error)
{
    struct snapshot_header header = {0};
    struct run *run = memory_zero(1, sizeof *run);
    int64_t time_ms;
    run->config = &request->config;
    run->topology = request->topology;
    run->model_store = store;
    enum verdict verdict = snapshots_find(run, &header, &time_ms, error);
    if (verdict == VERDICT_SKIP)
        error_set(error, verdict, "there is no snapshot of the model yet");
    if (verdict == VERDICT_OK)
        verdict = snapshots_load(run, &header, error);
    if (verdict == VERDICT_SKIP)
        error_set(error, verdict, "the newest snapshot is not whole; try again");
    free(run);
    *ret_offset = header.offset;
    return verdict;
}

static enum verdict open_model(const struct get_request *request, struct store **ret_store,
                               int64_t *ret_offset, struct error *error)
{
    if (request->source == GET_FROM_TOPICS) {
        *ret_store = store_memory_new();
        return read_snapshot(request, *ret_store, ret_offset, error);
    }
    enum verdict verdict = local_store_open(&request->config, "model", ret_store, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = store_get_offset(*ret_store, OFFSETS_MODEL,
                               request->topology.topics[TOPIC_INTERACTIONS], 0, ret_offset, error);
    if (verdict == VERDICT_SKIP)
        return error_set(error, VERDICT_SKIP, "%s has no model of application.id=%s yet",
                         request->config.state_dir, request->config.application_id);
    return verdict;
}

int get_model(struct get_request *request, int count, char **words)
{
    struct error error = {0};
    struct store *store = NULL;
    int64_t offset = 0;
    uint64_t rows = 0;
    (void)count;
    if (request->source == GET_FROM_FILES)
        return command_fail(request->command, EXIT_USAGE,
                            "a model can be had --from state or topics");
    enum verdict verdict = open_model(request, &store, &offset, &error);
    if (verdict == VERDICT_OK)
        verdict = model_file_write(words[0], store, offset, &rows, &error);
    if (store)
        store->free(store);
    if (verdict != VERDICT_OK)
        return command_fail(request->command, EXIT_FAILED, "%s", error.message);
    printf("the model as of %lld: %llu rows in %s\n", (long long)offset, (unsigned long long)rows,
           words[0]);
    return EXIT_DONE;
}
