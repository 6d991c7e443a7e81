#include "processors/runtime/pipeline.h"

#include "processors/runtime/agents_file.h"
#include "processors/runtime/checked_outlet.h"
#include "processors/runtime/early_lists.h"
#include "processors/runtime/experiments_file.h"
#include "processors/runtime/list_makers.h"
#include "processors/runtime/log.h"
#include "processors/runtime/mapping_files.h"
#include "processors/runtime/rules_file.h"
#include "processors/runtime/schemas_folder.h"

#include <stdlib.h>

#define LOOKS_A_BATCH_MAX 2000
#define OWED_A_BATCH_MAX 500 /* lists that waited; a batch with them takes some 30 ms longer */
#define DUE_MAX 1024         /* visitors whose lists are made together */
#define SAMPLE_OF 16         /* one of so many visitors gets lists while the worker is behind */

const char *const fate_names[FATES] = {"processed",  "duplicates", "double_clicks", "late",
                                       "no_consent", "dropped",    "dead_letters"};
const char *const counter_names[COUNTERS] = {"interactions",
                                             "reordered",
                                             "lists",
                                             "lists_same",
                                             "activities_out",
                                             "asked",
                                             "hits",
                                             "reciprocal_millionths",
                                             "weights",
                                             "erased",
                                             "order_lines_out",
                                             "times_ahead",
                                             "activities_cut",
                                             "lists_cut",
                                             "letters_cut",
                                             "clicks",
                                             "learned",
                                             "lists_deferred",
                                             "lists_early",
                                             "cart_items_out",
                                             "quarantined",
                                             "suspects",
                                             "released",
                                             "taken_back",
                                             "returns_unknown",
                                             "retractable_out"};

struct pipeline {
    struct checked_outlet checked; /* the steps emit to it */
    const struct config *config;
    const struct topology *topology;
    struct context context;
    struct list_makers *makers;
    struct codec *codec;
    struct mapping_files mappings;
    struct counts committed, batch;
    struct arena arena;
    struct buffer scratch;
    struct second_looks looks;
    struct owed_lists owed;
    struct early_lists early;
    bool behind;
    struct visitor *due[DUE_MAX]; /* their lists are made next */
    int due_tries[DUE_MAX];       /* second looks that each had */
    size_t due_count;
    struct rules_file rules;
    struct buffer agents; /* patterns of user agents */
    struct experiments_file experiments;
};

enum verdict pipeline_new(const struct config *config, const struct topology *topology,
                          struct store *store, struct model *model,
                          const struct catalogue *catalogue, struct outlet *outlet,
                          struct schema_source *source, struct pipeline **ret_pipeline,
                          struct error *error)
{
    struct pipeline *pipeline = memory_zero(1, sizeof *pipeline);
    early_lists_init(&pipeline->early, outlet, &pipeline->batch.counters[COUNT_LISTS]);
    checked_outlet_init(&pipeline->checked, topology, &pipeline->early.outlet);
    pipeline->config = config;
    pipeline->topology = topology;
    pipeline->codec = codec_new(source);
    second_looks_init(&pipeline->looks);
    owed_lists_init(&pipeline->owed);
    pipeline->context = (struct context){
        .settings = &config->settings,
        .counts = &pipeline->batch,
        .arena = &pipeline->arena,
        .outlet = &pipeline->checked.outlet,
        .visitors = visitor_table_new(store, (size_t)config->visitor_cache_bytes),
        .model = model,
        .catalogue = catalogue,
        .scratch = &pipeline->scratch,
        .interaction_fingerprint = schema_fingerprint("interaction"),
        .weights_fingerprint = schema_fingerprint("weights"),
        .visitor_row_bytes_max = SIZE_MAX,
        .lists_bytes_max = SIZE_MAX,
    };
    pipeline->makers = list_makers_new(&pipeline->context, topology, &pipeline->early.outlet);
    enum verdict verdict = mapping_files_open(&pipeline->mappings, config, pipeline->codec, error);
    if (verdict == VERDICT_OK)
        verdict = schemas_folder_read(pipeline->codec, config->schemas_path, error);
    if (verdict == VERDICT_OK)
        verdict = agents_file_read(config->agents_path, &pipeline->agents, error);
    pipeline->context.agents = buffer_bytes(&pipeline->agents);
    if (verdict == VERDICT_OK)
        verdict = rules_file_open(&pipeline->rules, config, error);
    if (verdict == VERDICT_OK)
        verdict = experiments_file_open(&pipeline->experiments, config, error);
    pipeline->context.variants = experiments_file_variants(&pipeline->experiments);
    recommender_set_rules(list_makers_at(pipeline->makers, 0), &pipeline->rules.rules);
    if (verdict != VERDICT_OK) {
        pipeline_free(pipeline);
        return verdict;
    }
    *ret_pipeline = pipeline;
    return VERDICT_OK;
}

enum verdict pipeline_start_makers(struct pipeline *pipeline, int count, struct error *error)
{
    enum verdict verdict = list_makers_start(pipeline->makers, count, error);
    for (int i = 0; i < list_makers_count(pipeline->makers); i++)
        recommender_set_rules(list_makers_at(pipeline->makers, i), &pipeline->rules.rules);
    return verdict;
}

void pipeline_search(struct pipeline *pipeline, const struct search_index *search)
{
    for (int i = 0; i < list_makers_count(pipeline->makers); i++)
        recommender_set_search(list_makers_at(pipeline->makers, i), search);
}

void pipeline_free(struct pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    second_looks_release(&pipeline->looks);
    owed_lists_release(&pipeline->owed);
    early_lists_release(&pipeline->early);
    codec_free(pipeline->codec);
    mapping_files_release(&pipeline->mappings);
    visitor_table_free(pipeline->context.visitors);
    list_makers_free(pipeline->makers);
    rules_file_release(&pipeline->rules);
    buffer_release(&pipeline->agents);
    experiments_file_release(&pipeline->experiments);
    arena_release(&pipeline->arena);
    buffer_release(&pipeline->scratch);
    free(pipeline);
}

enum verdict pipeline_decode(struct pipeline *pipeline, struct record *record, struct arena *arena,
                             struct error *error)
{
    enum verdict verdict;
    if (record->type == EVENT_USER && record->value.at == NULL) {
        event_init_erased(&record->event, record->key);
        verdict = event_check(&record->event, error);
    } else {
        verdict = codec_decode(pipeline->codec, record->type, record->value, arena, &record->event,
                               error);
    }
    if (verdict == VERDICT_RETRY)
        return verdict;
    if (verdict != VERDICT_OK) {
        record->fate = FATE_DEAD_LETTER;
        return verdict;
    }
    if (record->event.dropped)
        return record_end(record, FATE_DROPPED);
    record->type = record->event.type; /* which a mapping chooses */
    if (!pipeline->config->trust_keys &&
        event_judge_key(record->key, &record->event, error) != VERDICT_OK) {
        record->fate = FATE_DEAD_LETTER;
        return VERDICT_SKIP;
    }
    record->ahead_ms =
        event_settle_time(&pipeline->config->settings.times, record->written_ms, &record->event);
    return VERDICT_OK;
}

enum verdict pipeline_event(struct pipeline *pipeline, struct record *record, const char **ret_step,
                            struct error *error)
{
    struct context *context = &pipeline->context;
    enum verdict verdict =
        visitor_table_get(context->visitors, record->partition, event_visitor(&record->event),
                          &context->visitor, error);
    if (verdict == VERDICT_OK)
        context->recommender = list_makers_of(pipeline->makers, context->visitor);
    record->fate = FATE_PROCESSED;
    record->quarantined = record->exposed = false;
    record->changes = NULL;
    record->change_count = record->change_capacity = 0;
    for (size_t i = 0; verdict == VERDICT_OK && i < pipeline->topology->visitors_count; i++) {
        const struct step *step = pipeline->topology->visitors[i];
        if (step->event == NULL)
            continue;
        *ret_step = step->name;
        pipeline->checked.running = i;
        verdict = step->event(context, record, error);
        if (verdict == VERDICT_SKIP)
            verdict = checked_outlet_fate(&pipeline->checked, record->fate, error);
    }
    if (verdict == VERDICT_OK || verdict == VERDICT_SKIP) {
        pipeline->batch.fates[record->fate]++;
        return VERDICT_OK;
    }
    return verdict;
}

/* ---- lists that wait ---- */

void pipeline_set_behind(struct pipeline *pipeline, bool behind)
{
    pipeline->behind = behind;
    pipeline->early.silent = behind;
}

static int64_t wait_max_us(const struct pipeline *pipeline)
{
    return pipeline->config->catch_up_wait_ms * 1000;
}

int64_t pipeline_next_lists_us(const struct pipeline *pipeline)
{
    int64_t look_us = second_looks_next_us(&pipeline->looks);
    int64_t owed_us = owed_lists_oldest_us(&pipeline->owed);
    if (owed_us == INT64_MAX)
        return look_us;
    owed_us = pipeline->behind ? owed_us + wait_max_us(pipeline) : 0;
    return owed_us < look_us ? owed_us : look_us;
}

bool pipeline_lists_wait(const struct pipeline *pipeline)
{
    return second_looks_any(&pipeline->looks) || pipeline->owed.count > 0;
}

enum verdict pipeline_find_waiting(struct pipeline *pipeline, struct store *store,
                                   int32_t partition, struct error *error)
{
    return owed_lists_find(&pipeline->owed, store, partition, clock_monotonic_us(), error);
}

void pipeline_forget_waiting(struct pipeline *pipeline)
{
    second_looks_forget(&pipeline->looks);
    owed_lists_forget(&pipeline->owed);
}

/* Marks the visitor's row instead of making lists that the next records overtake. False: the lists
 * are due. */
static bool lists_can_wait(struct pipeline *pipeline, struct visitor *visitor, int64_t now_us)
{
    if (!pipeline->behind || visitor->hash % SAMPLE_OF == 0)
        return false;
    if (owed_lists_add(&pipeline->owed, visitor, now_us) + wait_max_us(pipeline) <= now_us)
        return false;
    visitor->touched = false;
    visitor->look_again = true;
    pipeline->batch.counters[COUNT_LISTS_DEFERRED]++;
    return true;
}

/* Makes the lists of the visitors that were collected. */
static enum verdict make_due(struct pipeline *pipeline, struct error *error)
{
    enum verdict verdict =
        list_makers_run(pipeline->makers, pipeline->due, pipeline->due_count, error);
    for (size_t i = 0; i < pipeline->due_count; i++) {
        owed_lists_remove(&pipeline->owed, pipeline->due[i]);
        if (verdict == VERDICT_OK && pipeline->due[i]->look_again)
            second_looks_add(&pipeline->looks, pipeline->due[i], pipeline->due_tries[i]);
    }
    pipeline->due_count = 0;
    return verdict;
}

/* Collects a visitor whose lists are due. `tries`: second looks that it had. */
static enum verdict add_due(struct pipeline *pipeline, struct visitor *visitor, int tries,
                            struct error *error)
{
    visitor->touched = true; /* until its lists are made, so it stands there once */
    pipeline->due[pipeline->due_count] = visitor;
    pipeline->due_tries[pipeline->due_count++] = tries;
    return pipeline->due_count == DUE_MAX ? make_due(pipeline, error) : VERDICT_OK;
}

/* Adds a visitor that waited, unless its lists are due already. */
static enum verdict add_waiting(struct pipeline *pipeline, int32_t partition, struct bytes key,
                                int tries, struct error *error)
{
    struct visitor_table *visitors = pipeline->context.visitors;
    struct visitor *visitor;
    enum verdict verdict = visitor_table_get(visitors, partition, key, &visitor, error);
    if (verdict != VERDICT_OK || visitor->accepted == 0 || visitor->touched)
        return verdict;
    visitor_table_mark_dirty(visitors, visitor);
    return add_due(pipeline, visitor, tries, error);
}

/* While the worker is behind only visitors that waited for the longest time come out. */
static bool next_owed(struct pipeline *pipeline, int64_t now_us, struct owed_list *ret_list)
{
    if (pipeline->behind)
        return owed_lists_take_oldest(&pipeline->owed, now_us - wait_max_us(pipeline), ret_list);
    return owed_lists_take(&pipeline->owed, ret_list);
}

static enum verdict take_owed(struct pipeline *pipeline, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    int64_t now_us = clock_monotonic_us();
    struct owed_list list;
    for (int i = 0; verdict == VERDICT_OK && i < OWED_A_BATCH_MAX; i++) {
        if (!next_owed(pipeline, now_us, &list))
            break;
        verdict =
            add_waiting(pipeline, list.partition, bytes_of(list.key, list.key_size), 0, error);
        free(list.key);
    }
    return verdict;
}

/* Makes the lists of visitors whose second look is due. */
static enum verdict take_second_looks(struct pipeline *pipeline, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    int64_t now_us = clock_monotonic_us();
    struct second_look look;
    for (int i = 0; verdict == VERDICT_OK && i < LOOKS_A_BATCH_MAX; i++) {
        if (!second_looks_take(&pipeline->looks, now_us, &look))
            break;
        verdict = add_waiting(pipeline, look.partition, bytes_of(look.key, look.key_size),
                              look.tries + 1, error);
        free(look.key);
    }
    return verdict;
}

/* ---- the end of a batch ---- */

static enum verdict run_batch_ends(struct pipeline *pipeline, struct recommender *recommender,
                                   struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    pipeline->context.recommender = recommender;
    for (size_t i = 0; verdict == VERDICT_OK && i < pipeline->topology->visitors_count; i++) {
        const struct step *step = pipeline->topology->visitors[i];
        if (step->batch == NULL)
            continue;
        pipeline->checked.running = i;
        verdict = step->batch(&pipeline->context, error);
    }
    return verdict;
}

void pipeline_start_early(struct pipeline *pipeline)
{
    early_lists_start(&pipeline->early);
}

/* Makes the lists of the visitors that the batch touched since their last lists. */
static enum verdict make_touched(struct pipeline *pipeline, struct error *error)
{
    struct visitor_table *visitors = pipeline->context.visitors;
    size_t touched = visitor_table_dirty_count(visitors);
    int64_t now_us = clock_monotonic_us();
    enum verdict verdict = VERDICT_OK;
    for (size_t i = 0; verdict == VERDICT_OK && i < touched; i++) {
        struct visitor *visitor = visitor_table_dirty_at(visitors, i);
        if (visitor->touched && !lists_can_wait(pipeline, visitor, now_us))
            verdict = add_due(pipeline, visitor, 0, error);
    }
    return verdict == VERDICT_OK ? make_due(pipeline, error) : verdict;
}

enum verdict pipeline_make_early(struct pipeline *pipeline, struct error *error)
{
    if (pipeline->behind)
        return VERDICT_OK;
    enum verdict verdict = make_touched(pipeline, error);
    list_makers_clear(pipeline->makers);
    return verdict;
}

enum verdict pipeline_close(struct pipeline *pipeline, struct error *error)
{
    rules_file_reload(&pipeline->rules);
    experiments_file_reload(&pipeline->experiments);
    enum verdict verdict = VERDICT_OK;
    for (int i = 0; verdict == VERDICT_OK && i < list_makers_count(pipeline->makers); i++)
        verdict = run_batch_ends(pipeline, list_makers_at(pipeline->makers, i), error);
    if (verdict == VERDICT_OK)
        verdict = make_touched(pipeline, error);
    if (verdict == VERDICT_OK)
        verdict = take_owed(pipeline, error);
    if (verdict == VERDICT_OK)
        verdict = take_second_looks(pipeline, error);
    if (verdict == VERDICT_OK)
        verdict = make_due(pipeline, error);
    return verdict == VERDICT_OK ? early_lists_write(&pipeline->early, error) : verdict;
}

/* ---- the outcome of a batch ---- */

void counts_add(struct counts *to, const struct counts *from)
{
    for (int i = 0; i < FATES; i++)
        to->fates[i] += from->fates[i];
    for (int i = 0; i < COUNTERS; i++)
        to->counters[i] += from->counters[i];
    online_metrics_add(&to->online, &from->online);
}

static void clear_batch(struct pipeline *pipeline)
{
    pipeline->due_count = 0;
    early_lists_clear(&pipeline->early);
    list_makers_clear(pipeline->makers);
    memset(&pipeline->batch, 0, sizeof pipeline->batch);
    arena_clear(&pipeline->arena);
}

void pipeline_committed(struct pipeline *pipeline)
{
    counts_add(&pipeline->committed, &pipeline->batch);
    visitor_table_commit(pipeline->context.visitors);
    for (int i = 0; i < list_makers_count(pipeline->makers); i++) {
        learner_commit(recommender_learner(list_makers_at(pipeline->makers, i)));
        learner_commit(recommender_cart_learner(list_makers_at(pipeline->makers, i)));
    }
    clear_batch(pipeline);
}

void pipeline_aborted(struct pipeline *pipeline)
{
    visitor_table_abort(pipeline->context.visitors);
    for (int i = 0; i < list_makers_count(pipeline->makers); i++) {
        learner_abort(recommender_learner(list_makers_at(pipeline->makers, i)));
        learner_abort(recommender_cart_learner(list_makers_at(pipeline->makers, i)));
    }
    clear_batch(pipeline);
}

void pipeline_ignore_clock(struct pipeline *pipeline)
{
    second_looks_turn_off(&pipeline->looks);
    learner_never_aborts(recommender_learner(list_makers_at(pipeline->makers, 0)));
    learner_never_aborts(recommender_cart_learner(list_makers_at(pipeline->makers, 0)));
}

const struct owed_lists *pipeline_owed(const struct pipeline *pipeline)
{
    return &pipeline->owed;
}

struct visitor_table *pipeline_visitors(struct pipeline *pipeline)
{
    return pipeline->context.visitors;
}

size_t pipeline_waiting_bytes(const struct pipeline *pipeline)
{
    size_t bytes = 0;
    for (int i = 0; i < list_makers_count(pipeline->makers); i++)
        bytes += recommend_waiting_bytes(list_makers_at(pipeline->makers, i));
    return bytes;
}

size_t pipeline_shown_bytes(const struct pipeline *pipeline)
{
    size_t bytes = 0;
    for (int i = 0; i < list_makers_count(pipeline->makers); i++)
        bytes += recommend_shown_bytes(list_makers_at(pipeline->makers, i));
    return bytes;
}

struct context *pipeline_context(struct pipeline *pipeline)
{
    return &pipeline->context;
}

const struct counts *pipeline_counts(const struct pipeline *pipeline)
{
    return &pipeline->committed;
}

size_t pipeline_batch_bytes(const struct pipeline *pipeline)
{
    return arena_bytes(&pipeline->arena) + pipeline->scratch.capacity +
           list_makers_bytes(pipeline->makers) + pipeline->early.bytes;
}
