/* Each allocation, each call of RocksDB, each call on a file and each start of a thread fails once,
 * in a run of its own. Then weft ends with the reason, or returns it. When the fault is gone, the
 * work goes on from what is stored, and each event has one effect.
 *
 * By default a few hundred of the places are tried; with WEFT_TEST_LONG=1 all of them. */
#include "processors/runtime/kafka/registry.h"
#include "processors/runtime/kafka/registry_http.h"
#include "processors/runtime/schemas_folder.h"
#include "processors/runtime/statedir.h"
#include "state/model_file.h"
#include "schemas/array.h"
#include "schemas/library_memory.h"
#include "state/model_store.h"
#include "tests/failing_calls.h"
#include "tests/fake_world.h"

#include <avro.h>
#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define EVENTS 20
#define RUNS_MAX 120 /* of each test, by default */
#define TEXT_MAX 60000
#define ROOM 200  /* records of a log, transactions */
#define HANG_S 60 /* a process that lasts longer hangs */

static void fail_call(enum call_kind kind, long nth)
{
    failing_calls = (struct failing_calls){.kind = kind, .nth = nth, .code = EIO};
}

/* The calls go through again; how many there were stays. */
static void stop_failing(void)
{
    failing_calls.kind = CALLS_NONE;
    failing_calls.on_abort = NULL;
}

/* ---- what is written to standard error ---- */

struct capture {
    FILE *file;
    int before;
};

static struct capture capture_begin(void)
{
    struct capture capture = {.file = tmpfile(), .before = dup(STDERR_FILENO)};
    dup2(fileno(capture.file), STDERR_FILENO);
    return capture;
}

static void capture_end(struct capture *capture, char *ret_text)
{
    fflush(stderr);
    dup2(capture->before, STDERR_FILENO);
    close(capture->before);
    rewind(capture->file);
    ret_text[fread(ret_text, 1, TEXT_MAX - 1, capture->file)] = '\0';
    fclose(capture->file);
}

/* ---- allocations ---- */

static sigjmp_buf aborted;

/* The store in memory stands for the disk, which does not fail here. */
static enum verdict calm_get(struct store *store, enum family family, struct bytes key,
                             struct buffer *value, struct error *error)
{
    enum call_kind kind = failing_calls.kind;
    failing_calls.kind = CALLS_NONE;
    enum verdict verdict = guard_get(store, family, key, value, error);
    failing_calls.kind = kind;
    return verdict;
}

static enum verdict calm_write(struct store *store, const struct store_batch *batch,
                               struct error *error)
{
    enum call_kind kind = failing_calls.kind;
    failing_calls.kind = CALLS_NONE;
    enum verdict verdict = guard_write(store, batch, error);
    failing_calls.kind = kind;
    return verdict;
}

/* The broker has room for all: it is no part of the process. */
static void make_room(struct fake_broker *broker)
{
    ARRAY_RESERVE(broker->transactions, broker->transaction_capacity, ROOM);
    for (int i = 0; i < TOPICS; i++) {
        for (int p = 0; p < WORLD_PARTITIONS; p++) {
            struct fake_log *log = &broker->logs[i][p];
            ARRAY_RESERVE(log->records, log->capacity, ROOM);
        }
    }
}

/* The process ends where the allocation fails, so nothing of it is freed here; what is stored and
 * what the broker has stay as they are then. Returns the number of allocations. */
static long live_and_finish(long nth, bool *ret_failed)
{
    static char text[TEXT_MAX];
    struct world *world = world_new(small);
    world->guards[0].store.get = calm_get;
    world->guards[0].store.write = calm_write;
    make_room(world->broker);
    world_fill(world, EVENTS);
    fake_assign_all(world->broker, "a");
    struct capture capture = capture_begin();
    fail_call(CALLS_ALLOCATION, nth);
    failing_calls.on_abort = &aborted;
    if (sigsetjmp(aborted, 0) == 0)
        world_live(world, 0, NULL);
    else if (world->guards[0].edge)
        fake_kill(world->guards[0].edge);
    stop_failing();
    capture_end(&capture, text);
    *ret_failed = failing_calls.failed != NULL;
    if (*ret_failed)
        CHECK_CONTAINS(text, "weft: out of memory (");
    world->guards[0].edge = NULL;
    long count = failing_calls.count;
    world_finish(world, 0);
    if (!*ret_failed)
        world_free(world);
    return count;
}

/* In a process of its own, which may leak. */
static void fail_allocation(long nth)
{
    int status = -1;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        bool failed = false;
        test_failed = 0;
        alarm(HANG_S);
        live_and_finish(nth, &failed);
        CHECK_SAY(failed, "allocation %ld did not fail", nth);
        fflush(NULL);
        _exit(test_failed > 0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_SAY(WIFEXITED(status) && WEXITSTATUS(status) == 0, "allocation %ld failed: status %d",
              nth, status);
}

static void test_allocations(void)
{
    bool failed;
    long places = live_and_finish(0, &failed);
    CHECK(places > 300 && !failed);
    for (long nth = 1; nth <= places; nth += test_stride(places, RUNS_MAX))
        fail_allocation(nth);
}

/* Without the test's own way out the process is gone, with the reason. */
static void test_out_of_memory_ends_the_process(void)
{
    static char text[TEXT_MAX];
    int status = -1;
    struct capture capture = capture_begin();
    pid_t pid = fork();
    if (pid == 0) {
        fail_call(CALLS_ALLOCATION, 1);
        memory_get(4711);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    capture_end(&capture, text);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK_CONTAINS(text, "weft: out of memory (4711 bytes requested)");
}

/* The same in the libraries: none of them takes it for a fault of the input. */
static void read_json(void)
{
    json_decref(json_loads("{\"a\":[1,2]}", 0, NULL));
}

static void read_schema(void)
{
    avro_schema_t schema;
    if (avro_schema_from_json_length("\"string\"", 8, &schema) == 0)
        avro_schema_decref(schema);
}

static struct registry_http *requests; /* made while there is memory */

static void make_request(void)
{
    struct http_answer answer;
    registry_http_request(requests, "/subjects", NULL, &answer, NULL);
}

static void check_library(const char *name, void (*use)(void))
{
    static char text[TEXT_MAX];
    int status = -1;
    struct capture capture = capture_begin();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        fail_call(CALLS_ALLOCATION, 1);
        use();
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    capture_end(&capture, text);
    CHECK_SAY(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%s: status %d", name, status);
    CHECK_CONTAINS(text, "weft: out of memory (");
}

static void test_out_of_memory_in_libraries(void)
{
    struct config config;
    library_memory_prepare();
    config_init(&config);
    config_set(&config, "schema.registry.url", "http://localhost:1", NULL);
    CHECK(registry_http_new(&config, NULL, &requests, NULL) == VERDICT_OK);
    check_library("jansson", read_json);
    check_library("avro-c", read_schema);
    check_library("libcurl", make_request);
    registry_http_free(requests);
}

/* ---- RocksDB ---- */

static void guard_condemn(struct store *store, const char *why)
{
    struct store *inner = guard_of(store)->inner;
    inner->condemn(inner, why);
}

/* Opens it as statedir.c does: what is damaged is made again. */
static enum verdict open_disk(struct world *world, const char *path, struct error *error)
{
    struct guard *guard = &world->guards[0];
    if (guard->inner)
        guard->inner->free(guard->inner);
    guard->inner = NULL;
    guard->store.write = plain_write; /* the judge reads from the store, too */
    guard->store.condemn = guard_condemn;
    struct error why = {0};
    enum verdict verdict = store_rocksdb_open(path, false, &guard->inner, &why);
    if (verdict != VERDICT_RETRY)
        return error_set(error, verdict, "%s", why.message);
    verdict = store_rocksdb_remove(path, error);
    return verdict == VERDICT_OK ? store_rocksdb_open(path, false, &guard->inner, error) : verdict;
}

struct store_fault {
    const char *message;
    bool applied;
    enum verdict open; /* when opening the store meets it */
    bool full;
};

static const struct store_fault store_faults[] = {
    {"IO error: No space left on device: While appending to file: x.log", false, VERDICT_SKIP,
     true},
    {"IO error: Disk quota exceeded: While appending to file: x.log", true, VERDICT_SKIP, true},
    {"IO error: While pread offset 0 len 9: x.sst: Input/output error", true, VERDICT_FATAL, false},
    {"Corruption: block checksum mismatch: stored = 1, computed = 2", false, VERDICT_RETRY, false},
};
enum { STORE_FAULTS = sizeof store_faults / sizeof store_faults[0] };

/* A life on a store on disk whose `nth` call fails, and then the work goes on. Returns the number
 * of calls. */
static long live_on_disk(long nth, const struct store_fault *fault)
{
    static char text[TEXT_MAX];
    char *folder = test_new_folder(), path[300];
    struct world *world = world_new(small);
    struct error error = {0};
    snprintf(path, sizeof path, "%s/visitors", folder);
    CHECK_SAY(open_disk(world, path, &error) == VERDICT_OK, "%s", error.message);
    world_fill(world, EVENTS);
    fake_assign_all(world->broker, "a");
    struct capture capture = capture_begin();
    fail_call(CALLS_STORE, nth);
    failing_calls.message = fault->message;
    failing_calls.applied = fault->applied;
    world_live(world, 0, NULL);
    stop_failing();
    long count = failing_calls.count;
    capture_end(&capture, text);
    CHECK_INT(world->failed, nth > 0);
    if (nth > 0) {
        CHECK_CONTAINS(text, fault->message);
        CHECK_INT(store_rocksdb_full(world->guards[0].inner), fault->full);
        CHECK_INT(store_rocksdb_condemned(path), fault->open == VERDICT_RETRY);
    }
    CHECK_SAY(open_disk(world, path, &error) == VERDICT_OK, "%s", error.message);
    world_finish(world, 0);
    world_free(world);
    test_remove_folder(folder);
    free(folder);
    return count;
}

static void test_store_calls(void)
{
    long places = live_on_disk(0, &store_faults[0]), turn = 0;
    long step = test_stride(places * STORE_FAULTS * 4, RUNS_MAX);
    CHECK(places > 20);
    for (long nth = 1; nth <= places; nth++)
        for (int i = 0; i < STORE_FAULTS; i++)
            if (turn++ % step == 0)
                live_on_disk(nth, &store_faults[i]);
}

static void test_opening_a_store(void)
{
    char *folder = test_new_folder(), path[300];
    struct store *store = NULL;
    snprintf(path, sizeof path, "%s/visitors", folder);
    for (int round = 0; round < 2; round++) { /* a new store, and one that is there */
        for (int i = 0; i < STORE_FAULTS; i++) {
            bool failed = true;
            for (long nth = 1; failed; nth++) {
                struct error error = {0};
                if (round == 0)
                    CHECK(store_rocksdb_remove(path, NULL) == VERDICT_OK);
                fail_call(CALLS_STORE, nth);
                failing_calls.message = store_faults[i].message;
                enum verdict verdict = store_rocksdb_open(path, false, &store, &error);
                stop_failing();
                failed = failing_calls.failed != NULL;
                if (!failed) {
                    CHECK(verdict == VERDICT_OK);
                    store->free(store);
                    break;
                }
                CHECK_CONTAINS(error.message, store_faults[i].message);
                bool opening = strcmp(failing_calls.failed, "rocksdb_open_column_families") == 0;
                bool damaged = store_faults[i].open == VERDICT_RETRY;
                CHECK_SAY(verdict == (damaged && !opening ? VERDICT_FATAL : store_faults[i].open),
                          "%s: verdict %d", failing_calls.failed, verdict);
                if (damaged)
                    CHECK(store_rocksdb_remove(path, NULL) == VERDICT_OK);
            }
        }
        CHECK(store_rocksdb_open(path, false, &store, NULL) == VERDICT_OK);
        store->free(store);
    }
    test_remove_folder(folder);
    free(folder);
}

/* A model that can't be read now is not a damaged one, which would be deleted. */
static void test_loading_a_model(void)
{
    char *folder = test_new_folder();
    struct config config;
    struct store *store = NULL;
    struct store_batch batch = {0};
    config_init(&config);
    struct model *model = model_new(&config.settings.model);
    CHECK(store_rocksdb_open(folder, false, &store, NULL) == VERDICT_OK);
    model_intern(model, bytes_text("item"), 0);
    model_save(model, &batch);
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    for (long nth = 1;; nth++) {
        struct error error = {0};
        struct model *loaded = model_new(&config.settings.model);
        fail_call(CALLS_STORE, nth);
        failing_calls.message = store_faults[2].message;
        enum verdict verdict = model_load(loaded, store, &error);
        stop_failing();
        model_free(loaded);
        CHECK(verdict == (failing_calls.failed ? VERDICT_FATAL : VERDICT_OK));
        if (failing_calls.failed == NULL)
            break;
        CHECK_CONTAINS(error.message, store_faults[2].message);
    }
    batch_release(&batch);
    model_free(model);
    store->free(store);
    test_remove_folder(folder);
    free(folder);
}

/* ---- files ---- */

/* A use of files. `run` returns whether it succeeded, and the error if not. It may be repeated. */
struct file_use {
    const char *name;
    bool (*run)(const char *folder, struct error *error);
    const char *may_fail; /* names of calls that may fail without an effect; NULL: none */
    long calls;           /* at least */
};

static void path_in(const char *folder, const char *name, char *to)
{
    snprintf(to, CONFIG_TEXT_MAX, "%.200s/%.40s", folder, name);
}

static void put_text(const char *folder, const char *name, const char *text)
{
    char path[CONFIG_TEXT_MAX];
    path_in(folder, name, path);
    FILE *file = fopen(path, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static bool open_state(const char *path, char *ret_name, struct error *error)
{
    struct config config;
    struct statedir state;
    config_init(&config);
    snprintf(config.state_dir, sizeof config.state_dir, "%s", path);
    if (statedir_open(&config, &state, error) != VERDICT_OK)
        return false;
    snprintf(ret_name, CONFIG_TEXT_MAX, "%s", state.instance);
    statedir_close(&state);
    return true;
}

static bool make_state(const char *folder, struct error *error)
{
    char path[CONFIG_TEXT_MAX], name[CONFIG_TEXT_MAX];
    path_in(folder, "a", path);
    test_remove_folder(path);
    path_in(folder, "a/state", path);
    return open_state(path, name, error);
}

static bool use_state(const char *folder, struct error *error)
{
    static char path[CONFIG_TEXT_MAX], name[CONFIG_TEXT_MAX];
    char again[CONFIG_TEXT_MAX], before[CONFIG_TEXT_MAX];
    snprintf(before, sizeof before, "%s", path);
    path_in(folder, "state", path);
    if (strcmp(path, before) != 0) { /* the first use makes it */
        enum call_kind kind = failing_calls.kind;
        failing_calls.kind = CALLS_NONE;
        CHECK_SAY(open_state(path, name, error), "%s", error->message);
        failing_calls.kind = kind;
    }
    if (!open_state(path, again, error))
        return false;
    CHECK_TEXT(again, name); /* it is never drawn again */
    return true;
}

static bool write_model(const char *folder, struct error *error)
{
    struct store *store = store_memory_new();
    struct store_batch batch = {0};
    char path[CONFIG_TEXT_MAX];
    uint64_t rows;
    path_in(folder, "model", path);
    batch_put(&batch, FAMILY_MODEL, bytes_text("m"), bytes_text("2"));
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    bool good = model_file_write(path, store, 7, &rows, error) == VERDICT_OK;
    batch_release(&batch);
    store->free(store);
    return good;
}

static bool read_model(const char *folder, struct error *error)
{
    char path[CONFIG_TEXT_MAX];
    struct snapshot_header header;
    path_in(folder, "model", path);
    return model_file_read(path, NULL, &header, error) == VERDICT_OK;
}

static bool read_rules(const char *folder, struct error *error)
{
    struct merchandising_rules rules;
    char path[CONFIG_TEXT_MAX];
    path_in(folder, "rules", path);
    if (merchandising_rules_read(path, &rules, error) != VERDICT_OK)
        return false;
    CHECK_INT(rules.count, 1);
    merchandising_rules_release(&rules);
    return true;
}

static bool read_schemas(const char *folder, struct error *error)
{
    char path[CONFIG_TEXT_MAX];
    path_in(folder, "schemas", path);
    struct codec *codec = codec_new(NULL);
    bool good = schemas_folder_read(codec, path, error) == VERDICT_OK;
    codec_free(codec);
    return good;
}

static bool read_config(const char *folder, struct error *error)
{
    struct config config;
    char path[CONFIG_TEXT_MAX];
    config_init(&config);
    path_in(folder, "weft.properties", path);
    if (config_read_file(&config, path, error) != VERDICT_OK)
        return false;
    CHECK_TEXT(config.application_id, "shop");
    CHECK_INT(config.threads, 3);
    return true;
}

static bool find_secrets(const char *folder, struct error *error)
{
    struct config config;
    struct registry *registry = NULL;
    config_init(&config);
    snprintf(config.schema_registry_url, sizeof config.schema_registry_url, "http://127.0.0.1:9");
    path_in(folder, "secret", config.schema_registry_token_file);
    if (registry_new(&config, &registry, error) != VERDICT_OK)
        return false;
    registry_free(registry);
    return true;
}

static const struct file_use file_uses[] = {
    {"a new state folder", make_state, "mkdir", 11},
    {"the state folder", use_state, "mkdir fclose", 8},
    {"writing a model", write_model, NULL, 6},
    {"reading a model", read_model, "fclose", 5},
    {"merchandising rules", read_rules, "fclose", 2},
    {"schemas", read_schemas, "fclose", 4},
    {"configuration", read_config, "fclose", 3},
    {"secrets", find_secrets, "fclose", 1},
};

/* Nothing half-written is left where it is read. */
static void check_whole(const char *folder)
{
    struct error error = {0};
    CHECK_SAY(read_model(folder, &error), "%s", error.message);
    CHECK_SAY(read_config(folder, &error), "%s", error.message);
}

static void fail_file_calls(const struct file_use *use, const char *folder, int code)
{
    for (long nth = 1;; nth++) {
        struct error error = {0};
        fail_call(CALLS_FILE, nth);
        failing_calls.code = code;
        bool good = use->run(folder, &error);
        stop_failing();
        const char *failed = failing_calls.failed;
        if (failed == NULL) {
            CHECK_SAY(good, "%s: %s", use->name, error.message);
            CHECK_SAY(failing_calls.count >= use->calls, "%s: %ld calls", use->name,
                      failing_calls.count);
            return;
        }
        bool harmless = use->may_fail && strstr(use->may_fail, failed);
        CHECK_SAY(good ? harmless : error.message[0] != '\0', "%s: call %ld, %s: %s", use->name,
                  nth, failed, good ? "goes unnoticed" : "no reason");
        check_whole(folder);
        error_clear(&error);
        CHECK_SAY(use->run(folder, &error), "%s: %s, afterwards: %s", use->name, failed,
                  error.message);
    }
}

static void test_file_calls(void)
{
    static const int codes[] = {EIO, ENOSPC, EMFILE, EACCES};
    for (size_t i = 0; i < sizeof file_uses / sizeof file_uses[0]; i++) {
        for (size_t k = 0; k < sizeof codes / sizeof codes[0]; k++) {
            char *folder = test_new_folder(), path[CONFIG_TEXT_MAX];
            path_in(folder, "schemas", path);
            CHECK(mkdir(path, 0700) == 0);
            path_in(folder, "schemas/view.avsc", path);
            CHECK(symlink(WEFT_SOURCE_DIR "/schemas/view.avsc", path) == 0);
            put_text(folder, "rules", "exclude item a\n");
            put_text(folder, "weft.properties", "application.id=shop\nthreads=3\n");
            put_text(folder, "secret", "token\n");
            CHECK(write_model(folder, NULL));
            fail_file_calls(&file_uses[i], folder, codes[k]);
            test_remove_folder(folder);
            free(folder);
        }
    }
}

/* ---- threads ---- */

static void test_threads(void)
{
    struct error error = {0};
    char *folder = test_new_folder();
    put_text(folder, "secret", "token\n");
    fail_call(CALLS_THREAD, 1);
    failing_calls.code = EAGAIN;
    CHECK(!find_secrets(folder, &error));
    stop_failing();
    CHECK_CONTAINS(error.message, "thread can't start");
    CHECK(find_secrets(folder, &error));
    test_remove_folder(folder);
    free(folder);
}

/* ---- producers ---- */

struct renewal {
    struct script script; /* first */
    long commit;          /* the call without an answer; after it the producer is opened again */
};

static struct fake_fault fail_renewal(struct script *script, struct life *life, enum fake_call call)
{
    long n = life->edge->calls[call];
    if (call == FAKE_OPEN_PRODUCER && n > EDGE_PRODUCERS)
        return (struct fake_fault){.outcome = EDGE_FATAL};
    if (call == FAKE_COMMIT && n == ((struct renewal *)(void *)script)->commit)
        return (struct fake_fault){.outcome = EDGE_RETRIABLE, .applied = true};
    return (struct fake_fault){0};
}

static void test_producer_cant_be_opened_again(void)
{
    for (long commit = 3; commit < 8; commit++) { /* both producers' turns */
        struct world *world = world_new(small);
        struct renewal renewal = {.script.before = fail_renewal, .commit = commit};
        world_fill(world, EVENTS);
        fake_assign_all(world->broker, "a");
        world_live(world, 0, &renewal.script);
        CHECK(world->failed);
        world_finish(world, 0);
        world_free(world);
    }
}

int main(void)
{
    setenv("WEFT_LOG", "error", 0);
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* large tables come as zero pages, not by memset */
    TEST_RUN(test_allocations);
    TEST_RUN(test_out_of_memory_ends_the_process);
    TEST_RUN(test_out_of_memory_in_libraries);
    TEST_RUN(test_store_calls);
    TEST_RUN(test_opening_a_store);
    TEST_RUN(test_loading_a_model);
    TEST_RUN(test_file_calls);
    TEST_RUN(test_threads);
    TEST_RUN(test_producer_cant_be_opened_again);
    return test_done();
}
