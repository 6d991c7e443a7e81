/* Visitors as bytes: formats of older versions, damaged values. */
#include "schemas/codec.h"
#include "tests/visitors.h"

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

/* A value that was written before there were preferences (2), what was shown and declared (3), a
 * channel (4), lines of orders (5), a cart (6), what can be taken back (7), or a quarantine (8):
 * the same without. */
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
        16; /* no preferences, nothing shown or declared, ...: zeros before the checksum */
    while (checksum > 1 && (unsigned char)value.at[value.size - checksum - 1] >= 0x80)
        checksum++;
    while (checksum > 1 && (unsigned char)value.at[value.size - checksum] < 0x80)
        checksum--;
    static const uint64_t fingerprints[] = {
        VISITOR_FINGERPRINT_2, VISITOR_FINGERPRINT_3, VISITOR_FINGERPRINT_4, VISITOR_FINGERPRINT_5,
        VISITOR_FINGERPRINT_6, VISITOR_FINGERPRINT_7, VISITOR_FINGERPRINT_8};
    const size_t liked = 13, known = 6, channel = 2, lines = 1, cart = 1, back = 2, noise = 2;
    size_t zeros = noise + (version < 8 ? back : 0) + (version < 7 ? cart : 0) +
                   (version < 6 ? lines : 0) + (version < 5 ? channel : 0) +
                   (version < 4 ? known : 0) + (version < 3 ? liked : 0);
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

static void test_before_order_lines(void)
{
    test_without(5);
}

static void test_before_cart(void)
{
    test_without(6);
}

static void test_before_taken_back(void)
{
    test_without(7);
}

static void test_before_noise(void)
{
    test_without(8);
}

/* A format that this version does not know, with its checksum as the last field. */
static void test_newer(void)
{
    struct buffer newer = {0};
    struct bytes key = bytes_text("v");
    avro_put_header(&newer, VISITOR_FINGERPRINT + 1);
    buffer_append(&newer, "more\2", 5);
    uint64_t sum = bytes_hash(buffer_bytes(&newer)) ^ bytes_hash(key) * 0x9E3779B97F4A7C15u;
    avro_put_long(&newer, (int64_t)sum);
    CHECK(visitor_is_newer(key, buffer_bytes(&newer)));
    CHECK(!visitor_is_newer(bytes_text("w"), buffer_bytes(&newer)));
    CHECK(!visitor_intact(key, buffer_bytes(&newer)));
    newer.at[10] = 'M';
    CHECK(!visitor_is_newer(key, buffer_bytes(&newer)));
    CHECK(!visitor_is_newer(key, bytes_of(NULL, 0)));
    CHECK(!visitor_is_newer(key, bytes_text("x")));
    buffer_release(&newer);
    struct store *store = store_memory_new(); /* this version's own is not newer */
    struct visitor_table *table = visitor_table_new(store, 0);
    struct visitor *visitor = visitor_of(table, 0, "v");
    visitor_table_mark_dirty(table, visitor);
    CHECK(!visitor_is_newer(key, visitor_table_encode(table, visitor)));
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
    for (uint32_t i = 0; i < 9; i++)
        orders_buy(&visitor->orders,
                   (struct order_line){.order = i / 3, .item = i, .bought = 1, .time_ms = 1000}, 8);
    for (int i = 0; i < 32; i++)
        insert(visitor, 30000, i == 3 ? KIND_CART_REMOVE : KIND_CART, i % 2 ? "b" : "a", 5);
    CHECK(visitor->cart.count > 0);
    struct bytes value = visitor_table_encode(table, visitor);
    for (size_t size = 0; size < value.size; size++) {
        char *copy = memory_get(size);
        struct error error = {0};
        memcpy(copy, value.at, size);
        CHECK(visitor_decode(0, bytes_text("v"), bytes_of(copy, size), &again, &error) ==
              VERDICT_SKIP);
        CHECK_CONTAINS(error.message, "the stored visitor 'v' is damaged");
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
    CHECK_CONTAINS(error.message, "the stored visitor 'bad' is damaged");
    batch_release(&batch);
    visitor_table_free(table);
    store->free(store);
}

int main(void)
{
    TEST_RUN(test_older);
    TEST_RUN(test_before_preferences);
    TEST_RUN(test_before_declared);
    TEST_RUN(test_before_channel);
    TEST_RUN(test_before_order_lines);
    TEST_RUN(test_before_cart);
    TEST_RUN(test_before_taken_back);
    TEST_RUN(test_before_noise);
    TEST_RUN(test_newer);
    TEST_RUN(test_damaged);
    return test_done();
}
