#include "processors/runtime/pipeline.h"

#include "processors/runtime/log.h"
#include "state/visitor_codec.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define LOOKS_MAX 100000     /* visitors that wait for a second look */
#define LOOK_TRIES_MAX 8     /* for one visitor: about a minute in all */
#define LOOK_FIRST_US 250000 /* doubled with each try */
#define LOOKS_A_BATCH_MAX 2000

const char *const fate_names[FATES] = {"processed", "duplicates", "double_clicks",
                                       "late",      "no_consent", "dead_letters"};
const char *const counter_names[COUNTERS] = {
    "interactions",          "reordered", "lists", "lists_same", "activities_out", "asked", "hits",
    "reciprocal_millionths", "weights",   "erased"};

/* A visitor whose lists were short: the model was still young. */
struct look {
    int64_t due_us;
    int tries;
    int32_t partition;
    uint32_t key_size;
    char *key;
};

struct pipeline {
    struct outlet checked; /* first: a step emits to it. It checks and passes on to `outlet` */
    struct outlet *outlet;
    const struct config *config;
    const struct topology *topology;
    size_t running;                  /* the step whose function runs now */
    uint32_t step_topics[STEPS_MAX]; /* that each step declares, as bits */
    struct context context;
    struct codec *codec;
    struct counts committed, batch;
    struct arena arena;
    struct buffer scratch;
    struct look *looks; /* a ring, in the order in which they came */
    size_t look_first, look_count;
    struct merchandising_rules rules;
    struct stat rules_seen; /* the file as it was read last, or tried to */
    int64_t rules_due_us;
    bool look_once;
};

static enum verdict learn_file(struct codec *codec, const char *folder, const char *name,
                               struct error *error)
{
    char path[2 * CONFIG_TEXT_MAX + 2];
    enum event_type type = EVENT_TYPES;
    for (int i = 0; i < EVENT_TYPES; i++) {
        size_t size = strlen(event_type_names[i]);
        if (strncmp(name, event_type_names[i], size) == 0 && name[size] == '.')
            type = (enum event_type)i;
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (type == EVENT_TYPES)
        return error_set(error, VERDICT_SKIP,
                         "schemas.path: %s does not start with a record's name (view., cart., ...)",
                         path);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return error_set(error, VERDICT_SKIP, "schemas.path: can't open %s: %s", path,
                         strerror(errno));
    struct buffer text = {0};
    buffer_reserve(&text, EVENT_BYTES_MAX);
    text.size = fread(text.at, 1, EVENT_BYTES_MAX, file);
    fclose(file);
    struct error inner = {0};
    enum verdict verdict = codec_learn(codec, type, buffer_bytes(&text), &inner);
    if (verdict != VERDICT_OK)
        error_set(error, verdict, "%s: %s", path, inner.message);
    buffer_release(&text);
    return verdict;
}

enum verdict pipeline_learn_schemas(struct codec *codec, const char *folder, struct error *error)
{
    if (*folder == '\0')
        return VERDICT_OK;
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return error_set(error, VERDICT_SKIP, "schemas.path: can't open %s: %s", folder,
                         strerror(errno));
    enum verdict verdict = VERDICT_OK;
    for (struct dirent *entry; verdict == VERDICT_OK && (entry = readdir(dir));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot && strcmp(dot, ".avsc") == 0)
            verdict = learn_file(codec, folder, entry->d_name, error);
    }
    closedir(dir);
    return verdict;
}

/* Whether the rules' file is another than the last time. */
static bool look_at_rules(struct pipeline *pipeline)
{
    struct stat now, *seen = &pipeline->rules_seen;
    pipeline->rules_due_us = clock_monotonic_us() + pipeline->config->rules_reload_ms * 1000;
    if (stat(pipeline->config->rules_path, &now) != 0)
        memset(&now, 0, sizeof now);
    bool changed = now.st_ino != seen->st_ino || now.st_size != seen->st_size ||
                   now.st_mtim.tv_sec != seen->st_mtim.tv_sec ||
                   now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec;
    *seen = now;
    return changed;
}

/* ---- what a step declares ---- */

static enum verdict refuse(const struct pipeline *pipeline, enum topic topic, struct error *error)
{
    return error_set(error, VERDICT_FATAL, "step %s writes to '%s', which its row does not declare",
                     pipeline->topology->visitors[pipeline->running]->name, topic_rows[topic].name);
}

static bool declares(const struct pipeline *pipeline, enum topic topic)
{
    return pipeline->step_topics[pipeline->running] >> topic & 1;
}

static enum verdict checked_emit(struct outlet *self, enum output output, int32_t partition,
                                 struct bytes key, struct bytes value, struct error *error)
{
    struct pipeline *pipeline = (struct pipeline *)(void *)self;
    if (!declares(pipeline, output_topics[output]))
        return refuse(pipeline, output_topics[output], error);
    return pipeline->outlet->emit(pipeline->outlet, output, partition, key, value, error);
}

/* A step that ends a record as late or as a dead letter writes to that topic. */
static enum verdict check_fate(const struct pipeline *pipeline, enum fate fate, struct error *error)
{
    enum topic topic = fate_topic(fate);
    if (topic == TOPICS || declares(pipeline, topic))
        return VERDICT_SKIP;
    error_clear(error); /* the reason for the fate */
    return refuse(pipeline, topic, error);
}

enum verdict pipeline_new(const struct config *config, const struct topology *topology,
                          struct store *store, struct model *model,
                          const struct catalogue *catalogue, struct outlet *outlet,
                          struct schema_source *source, struct pipeline **ret_pipeline,
                          struct error *error)
{
    struct pipeline *pipeline = memory_zero(1, sizeof *pipeline);
    pipeline->checked.emit = checked_emit;
    pipeline->outlet = outlet;
    pipeline->config = config;
    pipeline->topology = topology;
    for (size_t i = 0; i < topology->visitors_count; i++)
        pipeline->step_topics[i] = step_topics(topology->visitors[i]);
    pipeline->codec = codec_new(source);
    pipeline->looks = memory_zero(LOOKS_MAX, sizeof *pipeline->looks);
    pipeline->context = (struct context){
        .settings = &config->settings,
        .counts = &pipeline->batch,
        .arena = &pipeline->arena,
        .outlet = &pipeline->checked,
        .visitors = visitor_table_new(store, (size_t)config->visitor_cache_bytes),
        .model = model,
        .catalogue = catalogue,
        .recommender = recommender_new(&config->settings.recommend, model),
        .scratch = &pipeline->scratch,
        .interaction_fingerprint = schema_fingerprint("interaction"),
        .recommendation_fingerprint = schema_fingerprint("recommendation"),
        .weights_fingerprint = schema_fingerprint("weights"),
    };
    enum verdict verdict = pipeline_learn_schemas(pipeline->codec, config->schemas_path, error);
    if (verdict == VERDICT_OK && config->rules_path[0]) {
        look_at_rules(pipeline); /* before it is read: a change in between is seen */
        verdict = merchandising_rules_read(config->rules_path, &pipeline->rules, error);
    }
    recommender_set_rules(pipeline->context.recommender, &pipeline->rules);
    if (verdict != VERDICT_OK) {
        pipeline_free(pipeline);
        return verdict;
    }
    *ret_pipeline = pipeline;
    return VERDICT_OK;
}

void pipeline_search(struct pipeline *pipeline, const struct search_index *search)
{
    recommender_set_search(pipeline->context.recommender, search);
}

void pipeline_free(struct pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    for (size_t i = 0; i < LOOKS_MAX; i++)
        free(pipeline->looks[i].key);
    free(pipeline->looks);
    codec_free(pipeline->codec);
    visitor_table_free(pipeline->context.visitors);
    recommender_free(pipeline->context.recommender);
    merchandising_rules_release(&pipeline->rules);
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
    if (verdict != VERDICT_OK) {
        record->fate = FATE_DEAD_LETTER;
        return verdict;
    }
    struct bytes visitor = event_visitor(&record->event);
    if (!pipeline->config->trust_keys && !bytes_equal(record->key, visitor)) {
        record->fate = FATE_DEAD_LETTER;
        return error_set(error, VERDICT_SKIP,
                         "the record's key is '%.*s' but its visitor is '%.*s', so it may be in "
                         "the wrong partition; key records by user_id or else visitor_id, or set "
                         "input.key=trust",
                         (int)(record->key.size < 60 ? record->key.size : 60),
                         record->key.at ? record->key.at : "",
                         (int)(visitor.size < 60 ? visitor.size : 60), visitor.at);
    }
    return VERDICT_OK;
}

enum verdict pipeline_event(struct pipeline *pipeline, struct record *record, const char **ret_step,
                            struct error *error)
{
    struct context *context = &pipeline->context;
    enum verdict verdict =
        visitor_table_get(context->visitors, record->partition, event_visitor(&record->event),
                          &context->visitor, error);
    record->fate = FATE_PROCESSED;
    for (size_t i = 0; verdict == VERDICT_OK && i < pipeline->topology->visitors_count; i++) {
        const struct step *step = pipeline->topology->visitors[i];
        if (step->event == NULL)
            continue;
        *ret_step = step->name;
        pipeline->running = i;
        verdict = step->event(context, record, error);
        if (verdict == VERDICT_SKIP)
            verdict = check_fate(pipeline, record->fate, error);
    }
    if (verdict == VERDICT_OK || verdict == VERDICT_SKIP) {
        pipeline->batch.fates[record->fate]++;
        return VERDICT_OK;
    }
    return verdict;
}

/* ---- second looks ---- */

static void wait_for_look(struct pipeline *pipeline, const struct visitor *visitor, int tries)
{
    if (pipeline->look_once || tries >= LOOK_TRIES_MAX || pipeline->look_count == LOOKS_MAX)
        return;
    struct look *look =
        &pipeline->looks[(pipeline->look_first + pipeline->look_count++) % LOOKS_MAX];
    free(look->key);
    *look = (struct look){
        .due_us = clock_monotonic_us() + ((int64_t)LOOK_FIRST_US << tries),
        .tries = tries,
        .partition = visitor->partition,
        .key = memory_text(visitor_key(visitor)),
        .key_size = visitor->key_size,
    };
}

void pipeline_look_once(struct pipeline *pipeline)
{
    pipeline->look_once = true;
    learner_never_aborts(recommender_learner(pipeline->context.recommender));
}

int64_t pipeline_next_look_us(const struct pipeline *pipeline)
{
    return pipeline->look_count ? pipeline->looks[pipeline->look_first].due_us : INT64_MAX;
}

bool pipeline_has_looks(const struct pipeline *pipeline)
{
    return pipeline->look_count > 0;
}

void pipeline_forget_looks(struct pipeline *pipeline)
{
    pipeline->look_count = 0; /* keys are freed when their places are used again */
}

struct finder {
    struct store_visitor visitor;
    struct pipeline *pipeline;
    int32_t partition;
};

static enum verdict find_look(struct store_visitor *self, struct bytes key, struct bytes value,
                              struct error *error)
{
    struct finder *finder = (struct finder *)(void *)self;
    struct visitor *visitor;
    if (key.size < 2 || visitor_decode(finder->partition, bytes_of(key.at + 2, key.size - 2), value,
                                       &visitor, error) != VERDICT_OK)
        return VERDICT_FATAL;
    if (visitor->look_again)
        wait_for_look(finder->pipeline, visitor, 0);
    visitor_free(visitor);
    return VERDICT_OK;
}

enum verdict pipeline_find_looks(struct pipeline *pipeline, struct store *store, int32_t partition,
                                 struct error *error)
{
    char prefix[VISITOR_KEY_BYTES_MAX];
    struct finder finder = {.visitor.row = find_look, .pipeline = pipeline, .partition = partition};
    return store->scan(store, FAMILY_VISITOR, visitor_store_key(prefix, partition, bytes_of("", 0)),
                       &finder.visitor, error);
}

static enum verdict close_visitor(struct pipeline *pipeline, struct visitor *visitor,
                                  struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    for (size_t i = 0; verdict == VERDICT_OK && i < pipeline->topology->visitors_count; i++) {
        const struct step *step = pipeline->topology->visitors[i];
        if (step->close == NULL)
            continue;
        pipeline->running = i;
        verdict = step->close(&pipeline->context, visitor, error);
    }
    visitor->touched = false;
    return verdict;
}

static enum verdict take_looks(struct pipeline *pipeline, struct error *error)
{
    int64_t now_us = clock_monotonic_us();
    enum verdict verdict = VERDICT_OK;
    for (int i = 0; verdict == VERDICT_OK && i < LOOKS_A_BATCH_MAX && pipeline->look_count > 0;
         i++) {
        struct look look = pipeline->looks[pipeline->look_first];
        struct visitor *visitor;
        if (look.due_us > now_us)
            break;
        pipeline->looks[pipeline->look_first].key = NULL;
        pipeline->look_first = (pipeline->look_first + 1) % LOOKS_MAX;
        pipeline->look_count--;
        verdict = visitor_table_get(pipeline->context.visitors, look.partition,
                                    bytes_of(look.key, look.key_size), &visitor, error);
        free(look.key);
        if (verdict != VERDICT_OK || visitor->accepted == 0 || visitor->touched)
            continue;
        visitor_table_mark_dirty(pipeline->context.visitors, visitor);
        verdict = close_visitor(pipeline, visitor, error);
        if (verdict == VERDICT_OK && visitor->look_again)
            wait_for_look(pipeline, visitor, look.tries + 1);
    }
    return verdict;
}

static enum verdict run_batch_ends(struct pipeline *pipeline, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    for (size_t i = 0; verdict == VERDICT_OK && i < pipeline->topology->visitors_count; i++) {
        const struct step *step = pipeline->topology->visitors[i];
        if (step->batch == NULL)
            continue;
        pipeline->running = i;
        verdict = step->batch(&pipeline->context, error);
    }
    return verdict;
}

/* The shop's rules, if their file has changed. With a mistake in it, or while it is away, those
 * from before stay, and the log says so once. */
static void reload_rules(struct pipeline *pipeline)
{
    const struct config *config = pipeline->config;
    struct merchandising_rules rules;
    struct error error = {0};
    if (config->rules_path[0] == '\0' || config->rules_reload_ms == 0 ||
        clock_monotonic_us() < pipeline->rules_due_us || !look_at_rules(pipeline))
        return;
    if (merchandising_rules_read(config->rules_path, &rules, &error) != VERDICT_OK) {
        log_line(LOG_LEVEL_WARN, "rules", "%s; the rules from before stay", error.message);
        return;
    }
    merchandising_rules_release(&pipeline->rules);
    pipeline->rules = rules;
    log_line(LOG_LEVEL_INFO, "rules", "%u rules from %s", rules.count, config->rules_path);
}

enum verdict pipeline_close(struct pipeline *pipeline, struct error *error)
{
    struct visitor_table *visitors = pipeline->context.visitors;
    size_t touched = visitor_table_dirty_count(visitors);
    reload_rules(pipeline);
    enum verdict verdict = run_batch_ends(pipeline, error);
    for (size_t i = 0; verdict == VERDICT_OK && i < touched; i++) {
        struct visitor *visitor = visitor_table_dirty_at(visitors, i);
        if (!visitor->touched)
            continue;
        verdict = close_visitor(pipeline, visitor, error);
        if (verdict == VERDICT_OK && visitor->look_again)
            wait_for_look(pipeline, visitor, 0);
    }
    return verdict == VERDICT_OK ? take_looks(pipeline, error) : verdict;
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
    memset(&pipeline->batch, 0, sizeof pipeline->batch);
    arena_clear(&pipeline->arena);
}

void pipeline_committed(struct pipeline *pipeline)
{
    counts_add(&pipeline->committed, &pipeline->batch);
    visitor_table_commit(pipeline->context.visitors);
    learner_commit(recommender_learner(pipeline->context.recommender));
    clear_batch(pipeline);
}

void pipeline_aborted(struct pipeline *pipeline)
{
    visitor_table_abort(pipeline->context.visitors);
    learner_abort(recommender_learner(pipeline->context.recommender));
    clear_batch(pipeline);
}

struct visitor_table *pipeline_visitors(struct pipeline *pipeline)
{
    return pipeline->context.visitors;
}

struct context *pipeline_context(struct pipeline *pipeline)
{
    return &pipeline->context;
}

const struct counts *pipeline_counts(const struct pipeline *pipeline)
{
    return &pipeline->committed;
}

void pipeline_fold(const struct topology *topology, struct model *model,
                   const struct log_record *record)
{
    if (record->weights)
        model_merge(model, record->weights);
    else
        for (size_t i = 0; i < topology->model_count; i++)
            topology->model[i]->interaction(model, &record->interaction);
    model->folded++;
}

void log_reader_init(struct log_reader *reader)
{
    reader->interaction_fingerprint = schema_fingerprint("interaction");
    reader->weights_fingerprint = schema_fingerprint("weights");
    reader->weights = weights_new(0);
}

void log_reader_release(struct log_reader *reader)
{
    free(reader->weights);
}

enum verdict log_read(struct log_reader *reader, struct bytes bytes, struct log_record *ret_record,
                      struct error *error)
{
    struct error ignored = {0};
    ret_record->weights = NULL;
    if (interaction_read(bytes, reader->interaction_fingerprint, &ret_record->interaction,
                         &ignored) == VERDICT_OK)
        return VERDICT_OK;
    if (weights_read(bytes, reader->weights_fingerprint, reader->weights, NULL) == VERDICT_OK) {
        ret_record->weights = reader->weights;
        return VERDICT_OK;
    }
    return error_set(error, VERDICT_SKIP, "%s", ignored.message);
}
