/* The visitor table: sequences against a sorted array, encoding, cache, abort and commit. */
#include "schemas/codec.h"
#include "state/visitor_codec.h"
#include "state/visitor_table.h"
#include "tests/test.h"

#define MODEL_MAX 400

struct naive_activity {
    int64_t time_ms;
    uint32_t kind, arrival;
    char subject[16];
};

static struct visitor *visitor_of(struct visitor_table *table, int32_t partition, const char *key)
{
    struct visitor *visitor = NULL;
    struct error error = {0};
    CHECK_SAY(visitor_table_get(table, partition, bytes_text(key), &visitor, &error) == VERDICT_OK,
              "%s", error.message);
    return visitor;
}

static void insert(struct visitor *visitor, int64_t time_ms, enum kind kind, const char *subject,
                   uint32_t max)
{
    struct activity activity = {.time_ms = time_ms,
                                .kind = (uint8_t)kind,
                                .price = 1.5f,
                                .event_hash = (uint64_t)time_ms * 7 + kind};
    visitor_insert(visitor, visitor_position(visitor, time_ms, kind), activity, bytes_text(subject),
                   max);
}

/* Likes something, of brands that are not many. */
static void prefer(struct visitor *visitor, struct random *random, int64_t time_ms)
{
    struct buffer scratch = {0};
    struct preferences preferences;
    struct tasted tasted = {.brand = 1 + random_below(random, 12),
                            .category = 1 + random_below(random, 9),
                            .words = {{5, 6}, {1 + random_below(random, 6)}, {0}},
                            .price = (float)(1 + random_below(random, 500)),
                            .discount = .2f};
    visitor_preferences(visitor, &preferences);
    preferences_learn(&preferences, &tasted, (enum taste_kind)random_below(random, TASTE_KINDS),
                      time_ms, 60000);
    visitor_set_preferences(visitor, &preferences, &scratch);
    buffer_release(&scratch);
}

static int compare_naive(const void *a, const void *b)
{
    const struct naive_activity *x = a, *y = b;
    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->arrival < y->arrival ? -1 : 1;
}

static void check_sequence(const struct visitor *visitor, const struct naive_activity *naive,
                           uint32_t count)
{
    CHECK_INT(visitor->count, count);
    for (uint32_t i = 0; i < count && i < visitor->count; i++) {
        const struct activity *activity = &visitor->activities[i];
        CHECK_INT(activity->time_ms, naive[i].time_ms);
        CHECK_INT(activity->kind, naive[i].kind);
        CHECK_BYTES(activity_subject(visitor, activity), bytes_text(naive[i].subject));
    }
}

static void check_decoded(struct visitor_table *table, struct visitor *visitor)
{
    struct visitor *again = NULL;
    CHECK(visitor_decode(visitor->partition, visitor_key(visitor),
                         visitor_table_encode(table, visitor), &again, NULL) == VERDICT_OK);
    CHECK_INT(again->count, visitor->count);
    CHECK_INT(again->accepted, visitor->accepted);
    CHECK_INT(again->latest_time_ms, visitor->latest_time_ms);
    CHECK_INT(again->truncated, visitor->truncated);
    CHECK_INT(again->list_hash, visitor->list_hash);
    CHECK_BYTES(visitor_key(again), visitor_key(visitor));
    CHECK_INT(again->tastes_size, visitor->tastes_size);
    CHECK_INT(again->display_count, visitor->display_count);
    for (uint32_t i = 0; i < visitor->display_count; i++)
        CHECK_INT(visitor_shown(again, visitor->displays[i].item), visitor->displays[i].times);
    CHECK_INT(again->refused, visitor->refused);
    CHECK_BYTES(visitor_gender(again), visitor_gender(visitor));
    CHECK_BYTES(visitor_age_group(again), visitor_age_group(visitor));
    CHECK_BYTES(visitor_channel(again), visitor_channel(visitor));
    CHECK_INT(again->channel_time_ms, visitor->channel_time_ms);
    CHECK_INT(again->exposure != NULL, visitor->exposure != NULL);
    if (visitor->exposure && again->exposure)
        CHECK(memcmp(again->exposure, visitor->exposure, sizeof *visitor->exposure) == 0);
    if (visitor->tastes && again->tastes)
        CHECK_BYTES(bytes_of(again->tastes, again->tastes_size),
                    bytes_of(visitor->tastes, visitor->tastes_size));
    for (uint32_t i = 0; i < visitor->count; i++) {
        const struct activity *a = &visitor->activities[i], *b = &again->activities[i];
        CHECK(a->time_ms == b->time_ms && a->kind == b->kind && a->event_hash == b->event_hash &&
              memcmp(&a->price, &b->price, sizeof a->price) == 0);
        CHECK_BYTES(activity_subject(visitor, a), activity_subject(again, b));
    }
    visitor_free(again);
}

/* One visitor's activities in any order; the oldest falls out at the bound. */
static void test_sequences(void)
{
    struct random random = random_from(81);
    static struct naive_activity naive[MODEL_MAX];
    for (int round = 0; round < 60; round++) {
        struct store *store = store_memory_new();
        struct visitor_table *table = visitor_table_new(store, 0);
        struct visitor *visitor = visitor_of(table, 0, "v");
        uint32_t max = 1 + random_below(&random, 100), count = 0;
        int64_t latest_ms = INT64_MIN;
        bool truncated = false;
        visitor_table_mark_dirty(table, visitor);
        for (uint32_t i = 0; i < 300; i++) {
            struct naive_activity *next = &naive[count++];
            *next = (struct naive_activity){random_below(&random, 200) - 50,
                                            random_below(&random, KINDS), i, ""};
            snprintf(next->subject, sizeof next->subject, "%.*s", (int)random_below(&random, 15),
                     "abcdefghijklmnop");
            latest_ms = next->time_ms > latest_ms ? next->time_ms : latest_ms;
            insert(visitor, next->time_ms, (enum kind)next->kind, next->subject, max);
            if (round % 4 > 0)
                visitor_update_channel(visitor, bytes_of("web", 1 + (uint32_t)round % 3),
                                       next->time_ms);
            if (round % 2 > 0)
                visitor_show(visitor, bytes_of(&"abcdefghijkl"[random_below(&random, 10)], 2),
                             1000000, 1000);
            if (round % 3 > 0)
                prefer(visitor, &random, next->time_ms * 1000 * (round % 3));
            qsort(naive, count, sizeof naive[0], compare_naive);
            if (count > max) {
                memmove(naive, naive + 1, --count * sizeof naive[0]);
                truncated = true;
            }
        }
        check_sequence(visitor, naive, count);
        CHECK_INT(visitor->accepted, 300);
        CHECK_INT(visitor->latest_time_ms, latest_ms);
        CHECK_INT(visitor->truncated, truncated);
        CHECK(visitor->text_size <= 2 * 15 * (count + 1) + 64); /* what fell out makes room */
        visitor->list_hash = random_next(&random);
        check_decoded(table, visitor);
        visitor_table_free(table);
        store->free(store);
    }
}

/* A value that was written before there was a checksum. */
static void test_older(void)
{
    static const char value[] =
        "\xc3\x01\xdc\xdd\xdf\xf2\xc3\x6b\x3e\x53\x02\x80\xa0\xab\xfe\xf9\x62\x00\x00\x00\x02"
        "\x9a\x01\x00\x08item\x80\xa0\xab\xfe\xf9\x62\x00\x00\xc0\x3f";
    struct visitor *visitor;
    CHECK_INT(VISITOR_FINGERPRINT, schema_fingerprint("visitor"));
    CHECK(visitor_decode(3, bytes_text("old visitor"), bytes_of(value, sizeof value), &visitor,
                         NULL) == VERDICT_OK);
    CHECK(visitor->count == 1 && visitor->activities[0].event_hash == 77);
    CHECK_BYTES(activity_subject(visitor, visitor->activities), bytes_text("item"));
    CHECK(visitor_intact(bytes_text("old visitor"), bytes_of(value, sizeof value)));
    CHECK(!visitor_intact(bytes_text("old visitor"), bytes_of(value, sizeof value - 1)));
    visitor_free(visitor);
}

/* Counts of lists, with what is clicked left out, at the bound, and from period to period. */
static void test_shown(void)
{
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 0);
    struct visitor *visitor = visitor_of(table, 0, "v");
    struct bytes a = bytes_text("a"), b = bytes_text("b");
    visitor_table_mark_dirty(table, visitor);
    for (int i = 0; i < 300; i++)
        visitor_show(visitor, a, 5000000, 60000);
    visitor_show(visitor, b, 5000000, 60000);
    CHECK_INT(visitor_shown(visitor, shown_tag(a)), SHOWN_TIMES_MAX);
    CHECK_INT(visitor_shown(visitor, shown_tag(b)), 1);
    visitor_reset_shown(visitor, a);
    CHECK_INT(visitor_shown(visitor, shown_tag(a)), 0);
    CHECK_INT(visitor_shown(visitor, shown_tag(b)), 1);
    visitor_show(visitor, b, 5000000, 60000);
    for (int i = 0; i < 2 * SHOWN_ITEMS_MAX; i++) {
        char id[16];
        snprintf(id, sizeof id, "i%d", i);
        visitor_show(visitor, bytes_text(id), 5059000, 60000);
        CHECK_INT(visitor_shown(visitor, shown_tag(bytes_text(id))), 1);
    }
    CHECK_INT(visitor->display_count, SHOWN_ITEMS_MAX);
    CHECK_INT(visitor_shown(visitor, shown_tag(b)), 2); /* what was shown least gave way */
    check_decoded(table, visitor);
    visitor_show(visitor, a, 5060000, 60000);
    CHECK_INT(visitor->display_count, 1);
    CHECK_INT(visitor_shown(visitor, shown_tag(a)), 1);
    visitor_table_free(table);
    store->free(store);
}

/* A value that was written before there were preferences (2), what was shown and declared (3), or a
 * channel (4): the same without them. */
static void test_without(int version)
{
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 0);
    struct visitor *visitor = visitor_of(table, 0, "v"), *again;
    struct buffer old = {0};
    visitor_table_mark_dirty(table, visitor);
    insert(visitor, 1000, KIND_VIEW, "item", 10);
    struct bytes value = visitor_table_encode(table, visitor), key = bytes_text("v");
    size_t checksum =
        10; /* no preferences, nothing shown or declared, ...: zeros before the checksum */
    while (checksum > 1 && (unsigned char)value.at[value.size - checksum - 1] >= 0x80)
        checksum++;
    while (checksum > 1 && (unsigned char)value.at[value.size - checksum] < 0x80)
        checksum--;
    static const uint64_t fingerprints[] = {VISITOR_FINGERPRINT_2, VISITOR_FINGERPRINT_3,
                                            VISITOR_FINGERPRINT_4};
    const size_t liked = 13, known = 6, channel = 2;
    size_t zeros = channel + (version < 4 ? known : 0) + (version < 3 ? liked : 0);
    size_t body = value.size - checksum - zeros;
    for (size_t i = body; i < body + zeros; i++)
        CHECK_INT(value.at[i], 0);
    avro_put_header(&old, fingerprints[version - 2]);
    buffer_append(&old, value.at + 10, body - 10);
    avro_put_long(
        &old, (int64_t)(bytes_hash(buffer_bytes(&old)) ^ bytes_hash(key) * 0x9E3779B97F4A7C15u));
    CHECK(visitor_intact(key, buffer_bytes(&old)));
    CHECK(visitor_decode(0, key, buffer_bytes(&old), &again, NULL) == VERDICT_OK);
    CHECK(again->count == 1 && again->tastes == NULL);
    visitor_free(again);
    old.at[12] = (char)(old.at[12] ^ 2);
    CHECK(!visitor_intact(key, buffer_bytes(&old)));
    CHECK(visitor_decode(0, key, buffer_bytes(&old), &again, NULL) == VERDICT_SKIP);
    buffer_release(&old);
    visitor_table_free(table);
    store->free(store);
}

static void test_before_preferences(void)
{
    test_without(2);
}

static void test_before_declared(void)
{
    test_without(3);
}

static void test_before_channel(void)
{
    test_without(4);
}

/* The newest one counts, in whatever order they come; it is stored and read back. */
static void test_channel(void)
{
    static const struct {
        int64_t time_ms;
        const char *name;
    } came[] = {
        {5000, "web"}, {3000, "mail"}, {5000, "app"}, {7000, "kiosk"}, {7000, "partner shop"}};
    static const int orders[][5] = {{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {3, 1, 4, 0, 2}};
    for (int o = 0; o < 3; o++) {
        struct store *store = store_memory_new();
        struct visitor_table *table = visitor_table_new(store, 0);
        struct visitor *visitor = visitor_of(table, 0, "v");
        visitor_table_mark_dirty(table, visitor);
        CHECK_INT(visitor_channel(visitor).size, 0);
        for (int i = 0; i < 5; i++) {
            int64_t time_ms = came[orders[o][i]].time_ms;
            visitor_update_channel(visitor, bytes_text(came[orders[o][i]].name), time_ms);
            insert(visitor, time_ms, KIND_VIEW, "item", 10);
            check_decoded(table, visitor);
        }
        CHECK_BYTES(visitor_channel(visitor), bytes_text("partner shop"));
        insert(visitor, 20000, KIND_VIEW, "item", 10); /* by none that is known */
        check_decoded(table, visitor);
        CHECK_INT(visitor->channel_time_ms, 7000);
        visitor_table_free(table);
        store->free(store);
    }
}

/* Impressions and clicks against a list of the last marks. */
static void test_exposed(void)
{
    struct random random = random_from(83);
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 0);
    struct visitor *visitor = visitor_of(table, 0, "v");
    uint32_t marks[1000], count = 0;
    int64_t clicks = 0;
    visitor_table_mark_dirty(table, visitor);
    CHECK(visitor_is_blank(visitor));
    for (int i = 0; i < 1000; i++) {
        uint32_t mark = random_below(&random, 2 * MARKS_MAX) * 0x9E3779B9u;
        bool click = random_one_in(&random, 3), known = false;
        for (uint32_t k = count > MARKS_MAX ? count - MARKS_MAX : 0; k < count; k++)
            known = known || marks[k] == mark;
        CHECK_INT(visitor_count_exposure(visitor, mark, click), !known);
        if (!known) {
            marks[count++] = mark;
            clicks += click;
        }
        if (i % 50 == 0)
            check_decoded(table, visitor);
    }
    CHECK(count > 300 && count < 900);
    CHECK_INT(visitor->exposure->impressions + visitor->exposure->clicks, count);
    CHECK_INT(visitor->exposure->clicks, clicks);
    CHECK(!visitor_is_blank(visitor));
    visitor_table_free(table);
    store->free(store);
}

static void write_batch(struct visitor_table *table, struct store *store)
{
    struct store_batch batch = {0};
    for (size_t i = 0; i < visitor_table_dirty_count(table); i++)
        visitor_table_encode(table, visitor_table_dirty_at(table, i));
    visitor_table_batch(table, &batch);
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
    visitor_table_commit(table);
}

static bool has_row(struct store *store, const char *name)
{
    char key[VISITOR_KEY_BYTES_MAX];
    struct buffer value = {0};
    enum verdict verdict = store->get(store, FAMILY_VISITOR,
                                      visitor_store_key(key, 0, bytes_text(name)), &value, NULL);
    buffer_release(&value);
    return verdict == VERDICT_OK;
}

/* Declared gender and age group are stored. An erased visitor has no row, and a visitor who refused
 * has a row with the refusal alone. */
static void test_erased(void)
{
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 0); /* nothing stays in memory */
    struct random random = random_from(84);
    for (int refused = 0; refused < 2; refused++) {
        struct visitor *visitor = visitor_of(table, 0, "a visitor");
        visitor_table_mark_dirty(table, visitor);
        insert(visitor, 1000, KIND_VIEW, "item", 10);
        prefer(visitor, &random, 1000);
        visitor_show(visitor, bytes_text("item"), 1000, 1000);
        visitor_count_exposure(visitor, 7, false);
        visitor_set_declared(visitor, bytes_text("female"), bytes_text("30-39"));
        visitor_update_channel(visitor, bytes_text("by mail"), 1000);
        CHECK_BYTES(visitor_gender(visitor), bytes_text("female"));
        visitor_set_declared(visitor, bytes_text(""), bytes_text("40-49"));
        visitor->list_hash = 5;
        write_batch(table, store);
        CHECK(has_row(store, "a visitor"));
        visitor = visitor_of(table, 0, "a visitor");
        CHECK_BYTES(visitor_gender(visitor), bytes_text(""));
        CHECK_BYTES(visitor_age_group(visitor), bytes_text("40-49"));
        CHECK_BYTES(visitor_channel(visitor), bytes_text("by mail"));
        check_decoded(table, visitor);
        visitor_table_mark_dirty(table, visitor);
        visitor_erase(visitor, refused);
        CHECK_BYTES(visitor_key(visitor), bytes_text("a visitor"));
        CHECK(visitor->dirty && visitor->list_hash == 0 && visitor->count == 0);
        CHECK(visitor->channel == NULL);
        CHECK_INT(visitor_is_blank(visitor), !refused);
        if (refused) {
            struct bytes value = visitor_table_encode(table, visitor);
            CHECK(memmem(value.at, value.size, "item", 4) == NULL);
            CHECK(memmem(value.at, value.size, "mail", 4) == NULL);
            check_decoded(table, visitor);
        }
        write_batch(table, store);
        CHECK_INT(has_row(store, "a visitor"), refused);
        CHECK_INT(visitor_of(table, 0, "a visitor")->refused, refused);
    }
    visitor_table_free(table);
    store->free(store);
}

static void test_damaged(void)
{
    struct random random = random_from(82);
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 0);
    struct visitor *visitor = visitor_of(table, 0, "v"), *again;
    visitor_table_mark_dirty(table, visitor);
    for (int i = 0; i < 30; i++)
        insert(visitor, i * 1000, (enum kind)(i % KINDS), "subject", 100);
    for (int i = 0; i < 30; i++)
        prefer(visitor, &random, i * 1000);
    visitor_update_channel(visitor, bytes_text("web"), 5000);
    struct bytes value = visitor_table_encode(table, visitor);
    for (size_t size = 0; size < value.size; size++) {
        char *copy = memory_get(size);
        struct error error = {0};
        memcpy(copy, value.at, size);
        CHECK(visitor_decode(0, bytes_text("v"), bytes_of(copy, size), &again, &error) ==
              VERDICT_SKIP);
        CHECK_CONTAINS(error.message, "the stored visitor v is damaged");
        free(copy);
    }
    CHECK(visitor_intact(bytes_text("v"), value) && !visitor_intact(bytes_text("w"), value));
    CHECK(visitor_decode(0, bytes_text("w"), value, &again, NULL) == VERDICT_SKIP);
    for (int i = 0; i < 5000; i++) { /* each is told */
        char *copy = memory_get(value.size);
        memcpy(copy, value.at, value.size);
        for (uint32_t k = 1 + random_below(&random, 3); k > 0; k--) {
            uint32_t bit = random_below(&random, (uint32_t)value.size * 8);
            copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
        }
        struct bytes flipped = bytes_of(copy, value.size);
        bool same = bytes_equal(flipped, value); /* the same bit twice */
        CHECK(visitor_intact(bytes_text("v"), flipped) == same);
        CHECK((visitor_decode(0, bytes_text("v"), flipped, &again, NULL) == VERDICT_OK) == same);
        if (same)
            visitor_free(again);
        free(copy);
    }
    CHECK(visitor_decode(0, bytes_text("v"), bytes_of(NULL, 0), &again, NULL) == VERDICT_SKIP);
    struct store_batch batch = {0};
    char key[VISITOR_KEY_BYTES_MAX];
    batch_put(&batch, FAMILY_VISITOR, visitor_store_key(key, 9, bytes_text("bad")),
              bytes_of(value.at, value.size - 1));
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    struct error error = {0};
    CHECK(visitor_table_get(table, 9, bytes_text("bad"), &again, &error) == VERDICT_FATAL);
    CHECK_CONTAINS(error.message, "the stored visitor bad is damaged");
    batch_release(&batch);
    visitor_table_free(table);
    store->free(store);
}

static void commit(struct visitor_table *table, struct store *store)
{
    struct store_batch batch = {0};
    for (size_t i = 0; i < visitor_table_dirty_count(table); i++)
        visitor_table_encode(table, visitor_table_dirty_at(table, i));
    visitor_table_batch(table, &batch);
    CHECK_INT(batch.count, visitor_table_dirty_count(table));
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    visitor_table_commit(table);
    batch_release(&batch);
}

#define VISITORS 200
#define PARTITIONS 3

/* Batches at random, committed or aborted, under a cache of which few fit; the model is how many
 * activities each visitor has, as committed and as of now. */
static void test_batches(void)
{
    struct random random = random_from(83);
    struct store *store = store_memory_new();
    size_t cache_bytes = 8000;
    struct visitor_table *table = visitor_table_new(store, cache_bytes);
    static uint32_t committed[VISITORS], now[VISITORS];
    memset(committed, 0, sizeof committed);
    memset(now, 0, sizeof now);
    for (int round = 0; round < 1500; round++) {
        size_t dirty = 0;
        bool is_dirty[VISITORS] = {false};
        for (uint32_t k = random_below(&random, 8); k > 0; k--) {
            uint32_t which = random_below(&random, VISITORS);
            char key[16];
            snprintf(key, sizeof key, "visitor %u", which / PARTITIONS);
            struct visitor *visitor = visitor_of(table, (int32_t)(which % PARTITIONS), key);
            CHECK_INT(visitor->count, now[which]);
            CHECK_INT(visitor->accepted, now[which]);
            CHECK_INT(visitor->dirty, is_dirty[which]);
            if (random_one_in(&random, 3))
                continue;
            visitor_table_mark_dirty(table, visitor);
            visitor_table_mark_dirty(table, visitor);
            dirty += !is_dirty[which];
            is_dirty[which] = true;
            insert(visitor, round, KIND_VIEW, "item", 1000);
            now[which]++;
        }
        CHECK_INT(visitor_table_dirty_count(table), dirty);
        if (random_one_in(&random, 3)) {
            visitor_table_abort(table);
            memcpy(now, committed, sizeof now);
        } else {
            commit(table, store);
            memcpy(committed, now, sizeof now);
            CHECK(visitor_table_bytes(table) <= cache_bytes);
        }
        CHECK_INT(visitor_table_dirty_count(table), 0);
        if (random_one_in(&random, 20)) {
            visitor_table_forget(table, (int32_t)random_below(&random, PARTITIONS));
        }
    }
    for (int32_t i = 0; i < PARTITIONS; i++)
        visitor_table_forget(table, i);
    CHECK_INT(visitor_table_count(table), 0);
    CHECK_INT(visitor_table_bytes(table), 0);
    visitor_table_free(table);
    store->free(store);
}

/* The one used last stays the longest. */
static void test_eviction(void)
{
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 0);
    struct visitor *visitor = visitor_of(table, 0, "a");
    size_t bytes = visitor_table_bytes(table);
    CHECK(bytes >= sizeof *visitor);
    visitor_table_commit(table);
    CHECK_INT(visitor_table_count(table), 0);
    visitor_table_free(table);
    table = visitor_table_new(store, 2 * bytes);
    visitor_of(table, 0, "a");
    visitor_of(table, 0, "b");
    visitor_of(table, 0, "a");
    visitor_of(table, 0, "c");
    CHECK_INT(visitor_table_count(table), 3); /* pointers hold until the commit */
    visitor_table_commit(table);
    CHECK_INT(visitor_table_count(table), 2);
    visitor_of(table, 0, "a");
    CHECK_INT(visitor_table_count(table), 2); /* it was b that went */
    visitor_of(table, 0, "b");
    CHECK_INT(visitor_table_count(table), 3);
    visitor = visitor_of(table, 0, "a");
    visitor_table_mark_dirty(table, visitor);
    visitor_table_abort(table);
    CHECK_INT(visitor_table_count(table), 2);
    visitor_of(table, 1, "c"); /* another partition: another visitor */
    CHECK_INT(visitor_table_count(table), 3);
    visitor_table_forget(table, 0);
    CHECK_INT(visitor_table_count(table), 1);
    visitor_table_free(table);
    visitor_table_free(NULL);
    store->free(store);
}

int main(void)
{
    TEST_RUN(test_sequences);
    TEST_RUN(test_damaged);
    TEST_RUN(test_older);
    TEST_RUN(test_shown);
    TEST_RUN(test_before_preferences);
    TEST_RUN(test_before_declared);
    TEST_RUN(test_before_channel);
    TEST_RUN(test_channel);
    TEST_RUN(test_exposed);
    TEST_RUN(test_erased);
    TEST_RUN(test_batches);
    TEST_RUN(test_eviction);
    return test_done();
}
