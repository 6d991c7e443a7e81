/* A world for tests of the worker: a fake broker with events in its inputs, two processes with a
 * store each, and the judge of exactly-once. Included by the tests themselves, whose checks it
 * makes. */
#ifndef WEFT_TESTS_FAKE_WORLD_H
#define WEFT_TESTS_FAKE_WORLD_H

#include "processors/runtime/interactions_log.h"
#include "processors/runtime/visitors/worker.h"
#include "state/visitor_codec.h"
#include "tests/fake_edge.h"
#include "tests/test.h"

#include <math.h>

#define WORLD_PARTITIONS 2
#define WORLD_VISITORS 6
#define WORLD_EVENTS_MAX 200
#define WORLD_START_MS 1700000000000
#define WORLD_LIFE_US 4000000000 /* of the fake clock: a life that lasts longer hangs */
#define WORLD_INTERVAL_US 15000  /* between the arrivals of two events */
#define PROCESSES 2

static const char *const process_names[PROCESSES] = {"a", "b"};
/* Settings for small batches. */
static const char *const small[] = {"commit.interval.ms=40", NULL};

struct world;

/* A store that ends with its process, and is judged after each write. */
struct guard {
    struct store store; /* first */
    struct store *inner;
    struct world *world;
    struct fake_edge *edge; /* of the process that runs; NULL: none */
    int writes_left;        /* until one fails; -1: none fails */
};

struct world {
    struct config config;
    struct topology topology;
    struct fake_broker *broker;
    struct model *model;
    struct catalogue *catalogue;
    struct guard guards[PROCESSES];
    bool exactly_once;
    int events; /* good ones, "e0", "e1", ... */
    int garbage[WORLD_PARTITIONS];
    int of_visitor[WORLD_VISITORS];
    int64_t arrives_us;   /* of the event that was added last */
    struct totals totals; /* of the last life */
    uint64_t counted;     /* records that all lives counted as committed */
    bool failed;          /* the last life ended with a fatal error */
};

/* ---- the judge ---- */

static inline const struct fake_record *newest_visible(const struct world *world, int32_t partition,
                                                       struct bytes key, int64_t end)
{
    const struct fake_log *log = &world->broker->logs[TOPIC_VISITOR_CHANGELOG][partition];
    const struct fake_record *newest = NULL;
    for (int64_t i = 0; i < end && i < (int64_t)log->count; i++)
        if (fake_is_visible(world->broker, TOPIC_VISITOR_CHANGELOG, partition, i) &&
            bytes_equal(log->records[i].key, key))
            newest = &log->records[i];
    return newest;
}

static inline int64_t stored_offset(struct guard *guard, enum offset_table table, enum topic topic,
                                    int32_t partition)
{
    int64_t offset = -1;
    CHECK(store_get_offset(guard->inner, table, guard->world->topology.topics[topic], partition,
                           &offset, NULL) != VERDICT_FATAL);
    return offset;
}

/* The store's row is the newest that the changelog shows to everybody before the offset `end`. */
static inline void judge_row(struct guard *guard, int visitor, int64_t end)
{
    char name[16], key[VISITOR_KEY_BYTES_MAX];
    int32_t partition = visitor % WORLD_PARTITIONS;
    struct buffer row = {0};
    snprintf(name, sizeof name, "v%d", visitor);
    const struct fake_record *newest =
        newest_visible(guard->world, partition, bytes_text(name), end);
    struct bytes store_key = visitor_store_key(key, partition, bytes_text(name));
    bool stored =
        guard->inner->get(guard->inner, FAMILY_VISITOR, store_key, &row, NULL) == VERDICT_OK;
    CHECK_SAY(stored == (newest != NULL) &&
                  (!stored || bytes_equal(buffer_bytes(&row), newest->value)),
              "the store's row of %s is not what its changelog says", name);
    buffer_release(&row);
}

/* The store is never ahead of Kafka: its input offsets are committed, and its rows are those that
 * the changelog shows to everybody up to the stored offset. */
static inline void judge_store(struct guard *guard)
{
    struct world *world = guard->world;
    struct fake_broker *broker = world->broker;
    for (int32_t p = 0; p < broker->partitions; p++) {
        for (int i = 0; i < INPUT_TOPICS; i++)
            CHECK_SAY(stored_offset(guard, OFFSETS_INPUT, (enum topic)i, p) <=
                          broker->offsets[i][p].next,
                      "the store's offset of input %d [%d] is ahead of the group's", i, (int)p);
        int64_t changelog = stored_offset(guard, OFFSETS_CHANGELOG, TOPIC_VISITOR_CHANGELOG, p);
        CHECK_SAY(changelog <= fake_stable_end(broker, TOPIC_VISITOR_CHANGELOG, p),
                  "the store is ahead of changelog [%d]", (int)p);
        for (int v = p; v < WORLD_VISITORS; v += WORLD_PARTITIONS)
            judge_row(guard, v, changelog);
    }
}

static inline int64_t accepted_of(int32_t partition, struct bytes key, struct bytes value)
{
    struct visitor *visitor = NULL;
    if (visitor_decode(partition, key, value, &visitor, NULL) != VERDICT_OK)
        return -1;
    int64_t accepted = visitor->accepted;
    visitor_free(visitor);
    return accepted;
}

/* Counts the effects of each event and of each piece of garbage in what readers see. */
static inline void judge_effects(struct world *world)
{
    struct fake_broker *broker = world->broker;
    int effects[WORLD_EVENTS_MAX] = {0}, letters[WORLD_EVENTS_MAX] = {0};
    struct log_reader reader;
    log_reader_init(&reader);
    const struct fake_log *log = &broker->logs[TOPIC_INTERACTIONS][0];
    for (size_t i = 0; i < log->count; i++) {
        struct log_record record;
        if (!fake_is_visible(broker, TOPIC_INTERACTIONS, 0, (int64_t)i))
            continue;
        CHECK(log_read(&reader, log->records[i].value, &record, NULL) == VERDICT_OK);
        if (record.weights == NULL && record.interaction.event_id.size > 1)
            effects[atoi(record.interaction.event_id.at + 1)]++;
    }
    log_reader_release(&reader);
    for (int i = 0; i < world->events; i++)
        CHECK_SAY(effects[i] == 1 || (!world->exactly_once && effects[i] > 1),
                  "event %d has %d effects", i, effects[i]);
    for (int32_t p = 0; p < broker->partitions; p++) {
        const struct fake_log *dead = &broker->logs[TOPIC_DEAD_LETTERS][p];
        int found = 0;
        memset(letters, 0, sizeof letters);
        for (size_t i = 0; i < dead->count; i++)
            if (fake_is_visible(broker, TOPIC_DEAD_LETTERS, p, (int64_t)i))
                found += letters[dead->records[i].source_offset]++ == 0 || world->exactly_once;
        CHECK_INT(found, world->garbage[p]);
    }
}

/* After the last life: everything is read, has one effect, and the stores hold what Kafka holds. */
static inline void judge(struct world *world, int last)
{
    struct fake_broker *broker = world->broker;
    CHECK_SAY(broker->broken[0] == '\0', "%s", broker->broken);
    CHECK(fake_is_done(broker, NULL));
    judge_effects(world);
    uint64_t records = (uint64_t)world->events;
    for (int32_t p = 0; p < broker->partitions; p++)
        records += (uint64_t)world->garbage[p];
    CHECK_SAY(world->counted <= records, "an aborted batch counts"); /* a killed one's is lost */
    for (int v = 0; v < WORLD_VISITORS; v++) {
        char name[16];
        int32_t p = v % WORLD_PARTITIONS;
        snprintf(name, sizeof name, "v%d", v);
        const struct fake_record *newest = newest_visible(world, p, bytes_text(name), INT64_MAX);
        CHECK_INT(newest ? accepted_of(p, bytes_text(name), newest->value) : 0,
                  world->of_visitor[v]);
    }
    for (int i = 0; i < PROCESSES; i++)
        judge_store(&world->guards[i]);
    for (int v = 0; v < WORLD_VISITORS; v++)
        judge_row(&world->guards[last], v, INT64_MAX);
}

/* ---- the stores ---- */

static inline struct guard *guard_of(struct store *store)
{
    return (struct guard *)(void *)store;
}

static inline enum verdict guard_get(struct store *store, enum family family, struct bytes key,
                                     struct buffer *value, struct error *error)
{
    struct store *inner = guard_of(store)->inner;
    return inner->get(inner, family, key, value, error);
}

static inline enum verdict guard_write(struct store *store, const struct store_batch *batch,
                                       struct error *error)
{
    struct guard *guard = guard_of(store);
    if (guard->edge == NULL || guard->edge->dead)
        return error_set(error, VERDICT_FATAL, "the process is dead");
    if (guard->writes_left == 0)
        return error_set(error, VERDICT_FATAL, "the disk is full");
    guard->writes_left -= guard->writes_left > 0;
    enum verdict verdict = guard->inner->write(guard->inner, batch, error);
    if (guard->world->exactly_once)
        judge_store(guard);
    return verdict;
}

/* Writes without the judge, which reads the whole store. */
static inline enum verdict plain_write(struct store *store, const struct store_batch *batch,
                                       struct error *error)
{
    struct store *inner = guard_of(store)->inner;
    return inner->write(inner, batch, error);
}

static inline enum verdict guard_scan(struct store *store, enum family family, struct bytes prefix,
                                      struct store_visitor *visitor, struct error *error)
{
    struct store *inner = guard_of(store)->inner;
    return inner->scan(inner, family, prefix, visitor, error);
}

static inline void wipe_store(struct world *world, int process)
{
    struct guard *guard = &world->guards[process];
    if (guard->inner)
        guard->inner->free(guard->inner);
    guard->inner = store_memory_new();
}

/* ---- the world ---- */

static inline struct world *world_new(const char *const *settings)
{
    struct world *world = memory_zero(1, sizeof *world);
    struct error error = {0};
    config_init(&world->config);
    CHECK(config_assign(&world->config, "double.click.ms=0", &error) == VERDICT_OK);
    for (; settings && *settings; settings++)
        CHECK_SAY(config_assign(&world->config, *settings, &error) == VERDICT_OK, "%s",
                  error.message);
    CHECK_SAY(config_finish(&world->config, &error) == VERDICT_OK, "%s", error.message);
    CHECK(topology_build(&world->config, &world->topology, &error) == VERDICT_OK);
    world->exactly_once = config_exactly_once(&world->config);
    world->broker = fake_broker_new(&world->topology, WORLD_PARTITIONS);
    world->arrives_us = world->broker->now_us;
    fake_config(&world->config, world->broker);
    world->model = model_new(&world->config.settings.model);
    world->catalogue = catalogue_new(&world->config.settings.catalogue);
    for (int i = 0; i < PROCESSES; i++) {
        world->guards[i] = (struct guard){
            .store = {.get = guard_get, .write = guard_write, .scan = guard_scan},
            .world = world,
            .writes_left = -1,
        };
        wipe_store(world, i);
    }
    return world;
}

static inline void world_free(struct world *world)
{
    for (int i = 0; i < PROCESSES; i++)
        world->guards[i].inner->free(world->guards[i].inner);
    model_free(world->model);
    catalogue_free(world->catalogue);
    fake_broker_free(world->broker);
    free(world);
}

/* Lets the model know the items, so that visitors get lists. */
static inline void world_teach(struct world *world)
{
    model_lock_write(world->model);
    for (uint32_t i = 0; i < 70; i++) {
        char item[8], other[8], event[12];
        snprintf(item, sizeof item, "i%u", i % 7);
        snprintf(other, sizeof other, "i%u", (i + 1 + i / 7) % 7);
        snprintf(event, sizeof event, "taught%u", i);
        struct log_record record = {.interaction = {.event_id = bytes_text(event),
                                                    .kind = KIND_VIEW,
                                                    .subject = bytes_text(item),
                                                    .event_time_ms = WORLD_START_MS + i,
                                                    .price = NAN,
                                                    .visitor = 1000 + i,
                                                    .before_count = 1,
                                                    .before = {{.item_id = bytes_text(other)}}}};
        log_fold(&world->topology, world->model, &record);
    }
    model_unlock_write(world->model);
}

/* Each record of lists that readers see went ahead, byte by byte the same, and no early list is in
 * a transaction. Holds if the producer of early lists had no faults and no process stood still.
 * Returns how many records of lists readers see. */
static inline int judge_early(const struct world *world)
{
    int count = 0;
    for (int32_t p = 0; p < WORLD_PARTITIONS; p++) {
        const struct fake_log *lists = &world->broker->logs[TOPIC_RECOMMENDATIONS][p];
        const struct fake_log *early = &world->broker->logs[TOPIC_EARLY][p];
        for (size_t i = 0; i < early->count; i++)
            CHECK_INT(early->records[i].transaction, -1);
        for (size_t i = 0; i < lists->count; i++) {
            const struct fake_record *list = &lists->records[i];
            size_t k = 0;
            if (!fake_is_visible(world->broker, TOPIC_RECOMMENDATIONS, p, (int64_t)i) ||
                list->value.at == NULL)
                continue;
            while (k < early->count && !(bytes_equal(early->records[k].key, list->key) &&
                                         bytes_equal(early->records[k].value, list->value)))
                k++;
            CHECK_SAY(k < early->count, "a list of %.*s did not go ahead", (int)list->key.size,
                      list->key.at);
            count++;
        }
    }
    return count;
}

/* A view of the visitor, or garbage in its partition. */
static inline void world_add(struct world *world, int visitor, bool garbage)
{
    char key[16], text[300] = "garbage";
    int32_t partition = visitor % WORLD_PARTITIONS;
    snprintf(key, sizeof key, "v%d", visitor);
    if (garbage) {
        world->garbage[partition]++;
    } else {
        snprintf(text, sizeof text,
                 "{\"event_id\":\"e%d\",\"visitor_id\":\"%s\",\"event_time\":%" PRId64
                 ",\"item\":{\"item_id\":\"i%d\"}}",
                 world->events, key, WORLD_START_MS + world->events * 1000, world->events % 7);
        world->of_visitor[visitor]++;
        world->events++;
    }
    fake_append(world->broker, TOPIC_VIEW, partition, bytes_text(key), bytes_text(text),
                world->arrives_us += WORLD_INTERVAL_US);
}

static inline void world_fill(struct world *world, int events)
{
    for (int i = 0; i < events; i++)
        world_add(world, i * 5 % WORLD_VISITORS, i % 9 == 4);
}

/* ---- lives ---- */

/* One process from its start to its end. `script` may do anything at its calls; NULL: nothing. */
struct life;
struct script {
    struct fake_fault (*before)(struct script *self, struct life *life, enum fake_call call);
};

struct life {
    struct fake_hook hook; /* first */
    struct world *world;
    struct run run;
    struct fake_edge *edge;
    struct script *script;
    int process;
    int64_t end_us;
};

static inline struct fake_fault life_before(struct fake_hook *hook, struct fake_edge *edge,
                                            enum fake_call call)
{
    struct life *life = (struct life *)(void *)hook;
    struct fake_broker *broker = life->world->broker;
    struct fake_fault fault = {0};
    if (broker->now_us > life->end_us) {
        fake_break(broker, "process %s hangs", edge->instance);
        atomic_store(&life->run.stop, true);
    }
    bool settled = edge->generation == broker->generation && !edge->kicked &&
                   (edge->assigned || !fake_owns(broker, edge->instance));
    if (call == FAKE_WAIT && settled && fake_is_done(broker, edge->instance))
        atomic_store(&life->run.stop, true);
    if (life->script)
        fault = life->script->before(life->script, life, call);
    if (edge->dead)
        atomic_store(&life->run.stop, true);
    return fault;
}

/* Runs until everything in its partitions is committed, the script stops it, or it fails. */
static inline void world_live(struct world *world, int process, struct script *script)
{
    struct life *life = memory_zero(1, sizeof *life);
    life->hook.before = life_before;
    life->world = world;
    life->process = process;
    life->script = script;
    life->end_us = world->broker->now_us + WORLD_LIFE_US;
    life->edge = fake_edge_new(world->broker, process_names[process], &life->hook);
    life->run.config = &world->config;
    life->run.topology = world->topology;
    life->run.partitions = WORLD_PARTITIONS;
    size_budget_init(&life->run.sizes, &world->config, &world->topology);
    for (int i = 0; i < TOPICS; i++)
        if (world->broker->told_bytes[i] > 0)
            CHECK(size_budget_set(&life->run.sizes, (enum topic)i, world->broker->told_bytes[i],
                                  NULL) == VERDICT_OK);
    life->run.store = &world->guards[process].store;
    life->run.model = world->model;
    life->run.catalogue = world->catalogue;
    atomic_store(&life->run.fold_ready, true);
    atomic_store(&life->run.catalogue_ready, true);
    snprintf(life->run.instance, sizeof life->run.instance, "%s", process_names[process]);
    world->guards[process].edge = life->edge;
    struct worker *worker = worker_new(&life->run, 0, &life->edge->edge);
    worker_thread(worker);
    struct totals totals = {0};
    worker_totals(worker, &totals);
    worker_free(worker);
    world->guards[process].edge = NULL;
    world->totals = totals;
    for (int i = 0; i < FATES; i++)
        world->counted += totals.counts.fates[i];
    world->failed = atomic_load(&life->run.failed);
    free(life);
}

/* A supervisor: lets the process live again until everything is committed. */
static inline void world_finish(struct world *world, int process)
{
    fake_assign_all(world->broker, process_names[process]);
    for (int i = 0; i < 3; i++)
        world_live(world, process, NULL);
    judge(world, process);
}

#endif
