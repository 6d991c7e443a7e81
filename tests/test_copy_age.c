/* Copies of the visitors that were away for longer than the changelog remembers deletions: the
 * decision, and the restore on a Kafka in memory whose tombstones are compacted away. */
#include "processors/runtime/log.h"
#include "processors/runtime/visitors/copy_age.h"
#include "processors/runtime/visitors/restore.h"
#include "state/visitor_codec.h"
#include "tests/fake_edge.h"
#include "tests/test.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define VISITORS 8
#define PARTITION 1 /* the one under test */
#define CANARY "canary"

/* ---- the decision ---- */

static void test_decision(void)
{
    static const struct {
        const char *name;
        struct copy_view view;
        enum copy_age age;
    } cases[] = {
        {"an empty copy", {.next = 0, .low = 5, .high = 9, .since = -1}, COPY_FRESH},
        {"level", {.next = 9, .high = 9, .since = -1}, COPY_FRESH},
        {"level, and all is new", {.next = 9, .high = 9, .since = 0}, COPY_FRESH},
        {"lacks new records only", {.next = 5, .high = 9, .since = 5}, COPY_FRESH},
        {"has some of the new ones", {.next = 7, .high = 9, .since = 5}, COPY_FRESH},
        {"lacks one old record", {.next = 4, .high = 9, .since = 5}, COPY_STALE},
        {"lacks old records", {.next = 1, .high = 9, .since = 5}, COPY_STALE},
        {"all is old", {.next = 8, .high = 9, .since = -1}, COPY_STALE},
        {"lacks a mark", {.next = 8, .high = 9, .since = -1, .marked = true}, COPY_FRESH},
        {"a mark before new ones", {.next = 4, .high = 9, .since = 5, .marked = true}, COPY_FRESH},
        {"lacks a tombstone and its mark",
         {.next = 7, .high = 9, .since = -1, .marked = true},
         COPY_STALE},
        {"the topic was cut", {.next = 3, .low = 4, .high = 9, .since = 4}, COPY_CUT_OFF},
        {"the clock is behind",
         {.next = 5, .high = 9, .since = 0, .clock_behind = true},
         COPY_UNKNOWN_AGE},
        {"the clock is behind, but it is level",
         {.next = 9, .high = 9, .since = 0, .clock_behind = true},
         COPY_FRESH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_SAY(copy_age(&cases[i].view) == cases[i].age, "%s: %d", cases[i].name,
                  (int)copy_age(&cases[i].view));
}

static void test_deadline(void)
{
    int64_t now_ms = clock_now_ms(), now_us = clock_monotonic_us();
    struct copy_deadline deadline = {
        .until_us = now_us + 60000000, .from_ms = now_ms, .until_ms = now_ms + 60000};
    CHECK(!copy_deadline_passed(&deadline));
    deadline.until_us = now_us - 1;
    CHECK(copy_deadline_passed(&deadline));
    deadline.until_us = INT64_MAX;
    deadline.until_ms = now_ms - 1; /* the machine was suspended */
    CHECK(copy_deadline_passed(&deadline));
    deadline.until_ms = INT64_MAX;
    deadline.from_ms = now_ms + 60000; /* the clock was set back */
    CHECK(copy_deadline_passed(&deadline));
}

/* ---- a changelog and a copy ---- */

struct fixture {
    struct config config;
    struct run run;
    struct fake_broker *broker;
    struct task task, *pointer;
};

static struct fixture *fixture_new(int64_t retention_ms, bool exactly_once)
{
    struct fixture *fixture = memory_zero(1, sizeof *fixture);
    struct error error = {0};
    config_init(&fixture->config);
    fixture->config.guarantee = exactly_once ? GUARANTEE_EXACTLY_ONCE : GUARANTEE_AT_LEAST_ONCE;
    CHECK(config_finish(&fixture->config, &error) == VERDICT_OK);
    CHECK(topology_build(&fixture->config, &fixture->run.topology, &error) == VERDICT_OK);
    fixture->broker = fake_broker_new(&fixture->run.topology, PARTITION + 1);
    fixture->broker->delete_retention_ms = retention_ms;
    fake_config(&fixture->config, fixture->broker);
    fixture->run.config = &fixture->config;
    fixture->run.store = store_memory_new();
    fixture->pointer = &fixture->task;
    fixture->task.partition = PARTITION;
    return fixture;
}

static void fixture_free(struct fixture *fixture)
{
    fixture->run.store->free(fixture->run.store);
    fake_broker_free(fixture->broker);
    free(fixture);
}

static struct fake_log *changelog(struct fixture *fixture)
{
    return &fixture->broker->logs[TOPIC_VISITOR_CHANGELOG][PARTITION];
}

static struct fake_record *record_at(struct fixture *fixture, int64_t offset)
{
    return &changelog(fixture)->records[offset];
}

static void visitor_row(const char *name, int accepted, struct buffer *value)
{
    struct visitor *visitor = visitor_new(PARTITION, bytes_text(name));
    visitor->accepted = accepted;
    buffer_clear(value);
    visitor_encode(visitor, value);
    visitor_free(visitor);
}

/* Appends a row, or a tombstone; returns its offset. In a transaction with `id` 0 or more. */
static int64_t write_row(struct fixture *fixture, int id, const char *name, bool erased,
                         int64_t time_ms)
{
    struct buffer value = {0};
    visitor_row(name, (int)changelog(fixture)->count, &value);
    const struct fake_sent sent = {
        .record = {.topic = TOPIC_VISITOR_CHANGELOG,
                   .partition = PARTITION,
                   .key = bytes_text(name),
                   .value = erased ? bytes_of(NULL, 0) : buffer_bytes(&value)},
        .source_offset = -1,
    };
    int64_t offset = fake_write(fixture->broker, id, &sent);
    record_at(fixture, offset)->written_ms = time_ms;
    buffer_release(&value);
    return offset;
}

/* The store as it is when everything before `next` was read; and a row that is in no changelog,
 * which goes only with the copy. */
static void put_copy(struct fixture *fixture, int64_t next)
{
    struct store_batch batch = {0};
    char to[VISITOR_KEY_BYTES_MAX];
    for (int64_t i = 0; i < next; i++) {
        const struct fake_record *record = record_at(fixture, i);
        if (record->is_control)
            continue;
        struct bytes key = visitor_store_key(to, PARTITION, record->key);
        if (record->value.at)
            batch_put(&batch, FAMILY_VISITOR, key, record->value);
        else
            batch_delete(&batch, FAMILY_VISITOR, key);
    }
    const char *topic = fixture->run.topology.topics[TOPIC_VISITOR_CHANGELOG];
    batch_put(&batch, FAMILY_VISITOR, visitor_store_key(to, PARTITION, bytes_text(CANARY)),
              bytes_text("x"));
    batch_put(&batch, FAMILY_VISITOR, visitor_store_key(to, PARTITION - 1, bytes_text("other")),
              bytes_text("x"));
    batch_put_offset(&batch, OFFSETS_CHANGELOG, topic, PARTITION, next);
    CHECK(fixture->run.store->write(fixture->run.store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
}

static bool get_row(struct fixture *fixture, int32_t partition, const char *name,
                    struct buffer *ret_value)
{
    char to[VISITOR_KEY_BYTES_MAX];
    struct store *store = fixture->run.store;
    buffer_clear(ret_value);
    return store->get(store, FAMILY_VISITOR, visitor_store_key(to, partition, bytes_text(name)),
                      ret_value, NULL) == VERDICT_OK;
}

static bool has_row(struct fixture *fixture, int32_t partition, const char *name)
{
    struct buffer value = {0};
    bool has = get_row(fixture, partition, name, &value);
    buffer_release(&value);
    return has;
}

static bool was_dropped(struct fixture *fixture)
{
    CHECK(has_row(fixture, PARTITION - 1, "other")); /* never one of another partition */
    return !has_row(fixture, PARTITION, CANARY);
}

static struct restore *begin_restore(struct fixture *fixture)
{
    struct restore *restore = NULL;
    struct error error = {0};
    fixture->task.state = TASK_RESTORING;
    CHECK_SAY(restore_new(&fixture->run, &fixture->pointer, 1, &restore, &error) == VERDICT_OK,
              "%s", error.message);
    return restore;
}

static void end_restore(struct restore *restore)
{
    struct error error = {0};
    uint64_t rows = 0;
    enum verdict verdict;
    int steps = 0;
    do {
        verdict = restore_step(restore, &rows, &error);
    } while (verdict == VERDICT_RETRY && ++steps < 1000);
    CHECK_SAY(verdict == VERDICT_OK, "%s", error.message);
    restore_free(restore);
}

/* The rows are those of the changelog as it was written, before any compaction. */
static void check_rows(struct fixture *fixture)
{
    struct buffer value = {0};
    for (int i = 0; i < VISITORS; i++) {
        char name[16];
        const struct fake_record *newest = NULL;
        snprintf(name, sizeof name, "v%d", i);
        for (size_t k = 0; k < changelog(fixture)->count; k++)
            if (bytes_equal(changelog(fixture)->records[k].key, bytes_text(name)))
                newest = &changelog(fixture)->records[k];
        bool expected = newest && newest->value.at;
        bool has = get_row(fixture, PARTITION, name, &value);
        CHECK_SAY(has == expected, "%s %s", name, has ? "is back" : "is missing");
        CHECK(!has || !expected || bytes_equal(buffer_bytes(&value), newest->value));
    }
    buffer_release(&value);
}

/* ---- the restore ---- */

/* v0 is erased by a tombstone of that age, which is gone. The copy has v0. */
static struct fixture *with_erased(int64_t retention_ms, int64_t age_ms)
{
    struct fixture *fixture = fixture_new(retention_ms, false);
    int64_t now_ms = clock_now_ms();
    write_row(fixture, -1, "v0", false, now_ms - age_ms - 2);
    write_row(fixture, -1, "v1", false, now_ms - age_ms - 1);
    put_copy(fixture, 2);
    record_at(fixture, write_row(fixture, -1, "v0", true, now_ms - age_ms))->compacted = true;
    record_at(fixture, 0)->compacted = true;
    write_row(fixture, -1, "v2", false, now_ms - 1);
    return fixture;
}

static void test_away_for_too_long(void)
{
    struct fixture *fixture = with_erased(DAY_MS, DAY_MS);
    end_restore(begin_restore(fixture));
    CHECK(was_dropped(fixture));
    check_rows(fixture);
    fixture_free(fixture);
}

/* A broker without settings, as the embedded one, compacts nothing away. */
static void test_retention_unknown(void)
{
    struct fixture *fixture = with_erased(0, DAY_MS);
    end_restore(begin_restore(fixture));
    CHECK(!was_dropped(fixture));
    CHECK(has_row(fixture, PARTITION, "v2"));
    fixture_free(fixture);
}

static void test_short_absence(void)
{
    struct fixture *fixture = fixture_new(DAY_MS, false);
    int64_t now_ms = clock_now_ms();
    write_row(fixture, -1, "v0", false, now_ms - 9 * DAY_MS);
    put_copy(fixture, 1);
    write_row(fixture, -1, "v0", true, now_ms - DAY_MS / 2);
    end_restore(begin_restore(fixture));
    CHECK(!was_dropped(fixture));
    check_rows(fixture);
    fixture_free(fixture);
}

/* Nothing was written since: a copy of any age is level, also if it lacks the last commit's mark.
 */
static void test_quiet_partition(void)
{
    struct fixture *fixture = fixture_new(DAY_MS, true);
    int id = fake_find_id(fixture->broker, "id");
    write_row(fixture, id, "v0", false, clock_now_ms() - 40 * DAY_MS);
    fake_end_transaction(fixture->broker, id, true);
    put_copy(fixture, 1);
    CHECK_INT(changelog(fixture)->count, 2);
    end_restore(begin_restore(fixture));
    CHECK(!was_dropped(fixture));
    check_rows(fixture);
    fixture_free(fixture);
}

static void test_clock_behind(void)
{
    struct fixture *fixture = fixture_new(DAY_MS, false);
    int64_t now_ms = clock_now_ms();
    write_row(fixture, -1, "v0", false, now_ms);
    put_copy(fixture, 1);
    record_at(fixture, write_row(fixture, -1, "v0", true, now_ms))->compacted = true;
    write_row(fixture, -1, "v1", false, now_ms + 40 * DAY_MS);
    record_at(fixture, 0)->compacted = true;
    end_restore(begin_restore(fixture));
    CHECK(was_dropped(fixture));
    check_rows(fixture);
    fixture_free(fixture);
}

/* The process stands still within the restore. Meanwhile a visitor whose row it has read, or had
 * before, is erased and the tombstone compacted away. `rebuilt`: the copy was read from the
 * beginning when that happened. */
static void stand_still(bool rebuilt, useconds_t time_us)
{
    struct fixture *fixture = fixture_new(1000, true);
    int id = fake_find_id(fixture->broker, "id");
    uint64_t rows = 0;
    int64_t age_ms = rebuilt ? 2000 : 0;
    write_row(fixture, -1, "v0", false, clock_now_ms() - age_ms);
    put_copy(fixture, 1);
    write_row(fixture, -1, "v1", false, clock_now_ms() - age_ms);
    write_row(fixture, -1, "v2", false, clock_now_ms() - age_ms);
    int64_t tombstone = write_row(fixture, id, "v0", true, clock_now_ms()); /* still open */
    fixture->broker->transactions[0].began_us = INT64_MAX / 2; /* it does not time out */
    struct restore *restore = begin_restore(fixture);
    CHECK(restore_step(restore, &rows, NULL) == VERDICT_RETRY);
    CHECK_INT(rows, rebuilt ? 3 : 2);
    CHECK(was_dropped(fixture) == rebuilt);
    usleep(time_us);
    fake_end_transaction(fixture->broker, id, true);
    record_at(fixture, tombstone)->compacted = true;
    record_at(fixture, 0)->compacted = true;
    end_restore(restore);
    CHECK(was_dropped(fixture));
    check_rows(fixture);
    fixture_free(fixture);
}

static void test_stands_still(void)
{
    stand_still(false, 1100000);
    stand_still(true, 2100000);
}

/* ---- random histories ---- */

/* Compacts as Kafka may: records with a newer one of their key, and tombstones that are older than
 * the retention, each by chance; a tombstone goes only after all older records of its key. */
static void compact(struct fixture *fixture, struct random *random, int64_t horizon_ms)
{
    struct fake_log *log = changelog(fixture);
    for (size_t i = 0; i < log->count; i++) {
        struct fake_record *record = &log->records[i];
        bool newest = true, oldest = true;
        for (size_t k = 0; k < log->count; k++) {
            bool same =
                !log->records[k].is_control && bytes_equal(log->records[k].key, record->key);
            newest = newest && !(same && k > i);
            oldest = oldest && !(same && k < i && !log->records[k].compacted);
        }
        bool may =
            !newest || (record->value.at == NULL && record->written_ms <= horizon_ms && oldest);
        record->compacted = record->is_control || (may && random_below(random, 4) > 0);
    }
}

static void test_random_histories(void)
{
    struct random random = random_from(31);
    int dropped = 0, rounds = TEST_ROUNDS(2000);
    for (int round = 0; round < rounds; round++) {
        int64_t retention_ms = DAY_MS << random_below(&random, 5);
        struct fixture *fixture = fixture_new(retention_ms, random_below(&random, 2) == 0);
        bool marked = config_exactly_once(&fixture->config);
        int id = marked ? fake_find_id(fixture->broker, "id") : -1;
        int64_t now_ms = clock_now_ms(), time_ms = now_ms - 3 * retention_ms;
        int records = 1 + (int)random_below(&random, 40);
        for (int i = 0; i < records; i++) {
            char name[16];
            snprintf(name, sizeof name, "v%d", (int)random_below(&random, VISITORS));
            write_row(fixture, id, name, random_below(&random, 3) == 0, time_ms);
            if (marked && random_below(&random, 2) == 0)
                continue; /* the transaction goes on: it is short */
            if (marked)
                fake_end_transaction(fixture->broker, id, true);
            time_ms +=
                (int64_t)random_below(&random, (uint32_t)(6 * retention_ms / records / 1000)) *
                1000;
            time_ms = time_ms > now_ms ? now_ms : time_ms;
        }
        if (marked && fixture->broker->ids[id].open >= 0)
            fake_end_transaction(fixture->broker, id, true);
        for (size_t i = 1; i < changelog(fixture)->count; i++) /* a mark is as old as its records */
            if (record_at(fixture, (int64_t)i)->is_control)
                record_at(fixture, (int64_t)i)->written_ms =
                    record_at(fixture, (int64_t)i - 1)->written_ms;
        put_copy(fixture, (int64_t)random_below(&random, (uint32_t)changelog(fixture)->count + 1));
        compact(fixture, &random, now_ms - retention_ms);
        end_restore(begin_restore(fixture));
        dropped += was_dropped(fixture);
        check_rows(fixture);
        fixture_free(fixture);
    }
    CHECK_SAY(dropped > rounds / 10 && dropped < rounds * 9 / 10, "%d of %d", dropped, rounds);
}

int main(void)
{
    TEST_RUN(test_decision);
    TEST_RUN(test_deadline);
    TEST_RUN(test_away_for_too_long);
    TEST_RUN(test_retention_unknown);
    TEST_RUN(test_short_absence);
    TEST_RUN(test_quiet_partition);
    TEST_RUN(test_clock_behind);
    TEST_RUN(test_stands_still);
    TEST_RUN(test_random_histories);
    return test_done();
}
