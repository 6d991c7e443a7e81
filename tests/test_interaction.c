/* Records of the interactions log: what is written comes back, what is cut off does not. */
#include "schemas/codec.h"
#include "schemas/interaction.h"
#include "tests/test_events.h"

#include <avro.h>

static struct bytes random_channel(struct random *random, struct arena *arena)
{
    struct bytes text = random_text(random, arena, false);
    return bytes_of(text.at, text.size < CHANNEL_BYTES_MAX ? text.size : CHANNEL_BYTES_MAX);
}

static struct interaction random_interaction(struct random *random, struct arena *arena)
{
    struct interaction in = {
        .event_id = random_one_in(random, 5) ? bytes_of("", 0) : random_text(random, arena, false),
        .position = random_below(random, 500),
        .kind = (enum kind)random_below(random, KINDS),
        .subject = random_one_in(random, 5) ? bytes_of("", 0) : random_text(random, arena, false),
        .event_time_ms = (int64_t)(random_next(random) >> 20),
        .price = random_one_in(random, 2) ? NAN : (float)random_below(random, 1000) / 4,
        .search_term =
            random_one_in(random, 2) ? bytes_of(NULL, 0) : random_text(random, arena, false),
        .channel = random_one_in(random, 2) ? bytes_of(NULL, 0) : random_channel(random, arena),
        .change = (enum interaction_change)random_below(random, CHANGES),
        .joined = random_one_in(random, 2),
        .before_count = random_below(random, NEIGHBOURS_MAX + 1),
        .after_count = random_below(random, NEIGHBOURS_MAX + 1),
    };
    for (uint32_t i = 0; i < in.before_count; i++)
        in.before[i].item_id = random_text(random, arena, false);
    for (uint32_t i = 0; i < in.after_count; i++)
        in.after[i] = (struct neighbour){random_text(random, arena, false),
                                         (int64_t)(random_next(random) >> 20)};
    return in;
}

static void check_same(const struct interaction *a, const struct interaction *b)
{
    CHECK_BYTES(a->event_id, b->event_id);
    CHECK_INT(a->position, b->position);
    CHECK_INT(a->kind, b->kind);
    CHECK_BYTES(a->subject, b->subject);
    CHECK_INT(a->event_time_ms, b->event_time_ms);
    CHECK(same_double((double)a->price, (double)b->price));
    CHECK(same_text(a->search_term, b->search_term));
    CHECK(same_text(a->channel, b->channel));
    CHECK_INT(a->change, b->change);
    CHECK_INT(a->joined, b->joined);
    CHECK_INT(a->before_count, b->before_count);
    CHECK_INT(a->after_count, b->after_count);
    for (uint32_t i = 0; i < a->before_count; i++)
        CHECK_BYTES(a->before[i].item_id, b->before[i].item_id);
    for (uint32_t i = 0; i < a->after_count; i++) {
        CHECK_BYTES(a->after[i].item_id, b->after[i].item_id);
        CHECK_INT(a->after[i].event_time_ms, b->after[i].event_time_ms);
    }
}

/* avro-c reads it by interaction.avsc: right to the last byte, with the same kind and neighbours.
 */
static void check_avro(avro_schema_t schema, const struct interaction *in, struct bytes record)
{
    avro_value_iface_t *iface = avro_generic_class_from_schema(schema);
    avro_value_t value, field, element;
    avro_reader_t reader = avro_reader_memory(record.at + 10, (int64_t)record.size - 10);
    avro_generic_value_new(iface, &value);
    CHECK_SAY(avro_value_read(reader, &value) == 0, "avro-c: %s", avro_strerror());
    CHECK(avro_value_read(reader, &value) != 0); /* nothing is left */
    avro_reader_free(reader);
    reader = avro_reader_memory(record.at + 10, (int64_t)record.size - 10);
    avro_value_read(reader, &value);
    int kind = -1;
    size_t count = 0;
    int64_t time_ms = 0;
    avro_value_get_by_name(&value, "kind", &field, NULL);
    avro_value_get_enum(&field, &kind);
    CHECK_INT(kind, in->kind);
    avro_value_get_by_name(&value, "before", &field, NULL);
    avro_value_get_size(&field, &count);
    CHECK_INT(count, in->before_count);
    avro_value_get_by_name(&value, "after", &field, NULL);
    avro_value_get_size(&field, &count);
    CHECK_INT(count, in->after_count);
    for (size_t i = 0; i < count; i++) {
        avro_value_get_by_index(&field, i, &element, NULL);
        avro_value_get_by_index(&element, 1, &element, NULL);
        avro_value_get_long(&element, &time_ms);
        CHECK_INT(time_ms, in->after[i].event_time_ms);
    }
    avro_reader_free(reader);
    avro_value_decref(&value);
    avro_value_iface_decref(iface);
}

static void test_round_trip(void)
{
    struct random random = random_from(41);
    struct arena arena = {0};
    struct buffer record = {0};
    struct bytes text = schema_text("interaction");
    uint64_t fingerprint = schema_fingerprint("interaction");
    avro_schema_t schema;
    CHECK(avro_schema_from_json_length(text.at, text.size, &schema) == 0);
    for (int i = 0; i < 2000; i++) {
        struct interaction in = random_interaction(&random, &arena), out;
        struct error error = {0};
        buffer_clear(&record);
        interaction_write(&in, fingerprint, &record);
        CHECK_SAY(interaction_read(buffer_bytes(&record), fingerprint, &out, &error) == VERDICT_OK,
                  "%s", error.message);
        check_same(&in, &out);
        check_avro(schema, &in, buffer_bytes(&record));
        arena_clear(&arena);
    }
    avro_schema_decref(schema);
    buffer_release(&record);
    arena_release(&arena);
}

static void test_damaged(void)
{
    struct random random = random_from(42);
    struct arena arena = {0};
    struct buffer record = {0};
    for (int i = 0; i < 200; i++) {
        struct interaction in = random_interaction(&random, &arena), out = {.position = 77};
        buffer_clear(&record);
        interaction_write(&in, 5, &record);
        for (size_t size = 0; size < record.size; size++) {
            char *copy = memory_get(size); /* of exactly that size, for the address sanitizer */
            memcpy(copy, record.at, size);
            struct error error = {0};
            CHECK(interaction_read(bytes_of(copy, size), 5, &out, &error) == VERDICT_SKIP);
            CHECK(error.message[0] && out.position == 77);
            free(copy);
        }
        CHECK(interaction_read(buffer_bytes(&record), 6, &out, NULL) == VERDICT_SKIP);
        buffer_byte(&record, 0);
        CHECK(interaction_read(buffer_bytes(&record), 5, &out, NULL) == VERDICT_SKIP);
        arena_clear(&arena);
    }
    struct interaction out;
    CHECK(interaction_read(bytes_of(NULL, 0), 5, &out, NULL) == VERDICT_SKIP);
    buffer_release(&record);
    arena_release(&arena);
}

/* Where two records of the same size differ first. */
static size_t first_difference(const struct buffer *a, const struct buffer *b)
{
    size_t at = 0;
    while (at < a->size && a->at[at] == b->at[at])
        at++;
    return at;
}

/* Records from before there was a visitor. */
static void test_oldest(void)
{
    struct random random = random_from(44);
    struct arena arena = {0};
    struct buffer record = {0}, other = {0};
    for (int i = 0; i < 200; i++) {
        struct interaction in = random_interaction(&random, &arena), out;
        in.search_term = in.channel = bytes_of(NULL, 0);
        in.change = CHANGE_ACTIVITY;
        buffer_clear(&record);
        buffer_clear(&other);
        in.visitor = 1; /* one byte, as 0 is */
        interaction_write(&in, INTERACTION_WITHOUT_VISITOR, &other);
        in.visitor = 0;
        interaction_write(&in, INTERACTION_WITHOUT_VISITOR, &record);
        size_t visitor_at = first_difference(&record, &other);
        CHECK(record.size == other.size && visitor_at < record.size);
        memmove(record.at + visitor_at, record.at + visitor_at + 1, record.size - visitor_at - 1);
        struct bytes old = bytes_of(record.at, record.size - 4); /* nor branches, nor a change */
        CHECK(interaction_read(old, schema_fingerprint("interaction"), &out, NULL) == VERDICT_OK);
        check_same(&in, &out);
        arena_clear(&arena);
    }
    buffer_release(&record);
    buffer_release(&other);
    arena_release(&arena);
}

/* Records from before there was a term, a channel, or a change are read without them: the same
 * record without the bytes at its end. */
static void check_old(uint64_t fingerprint, bool with_term, bool with_channel, size_t bytes)
{
    struct random random = random_from(43);
    struct arena arena = {0};
    struct buffer record = {0};
    for (int i = 0; i < 200; i++) {
        struct interaction in = random_interaction(&random, &arena), out;
        in.change = CHANGE_ACTIVITY;
        if (!with_channel)
            in.channel = bytes_of(NULL, 0);
        if (!with_term)
            in.search_term = bytes_of(NULL, 0);
        buffer_clear(&record);
        interaction_write(&in, fingerprint, &record);
        struct bytes old = bytes_of(record.at, record.size - bytes);
        CHECK(interaction_read(old, schema_fingerprint("interaction"), &out, NULL) == VERDICT_OK);
        check_same(&in, &out);
        arena_clear(&arena);
    }
    buffer_release(&record);
    arena_release(&arena);
}

static void test_without_term(void)
{
    check_old(INTERACTION_WITHOUT_TERM, false, false, 3);
}

static void test_without_channel(void)
{
    check_old(INTERACTION_WITHOUT_CHANNEL, true, false, 2);
}

static void test_without_change(void)
{
    check_old(INTERACTION_WITHOUT_CHANGE, true, true, 1);
}

static void test_refused(void)
{
    struct buffer record = {0};
    struct interaction in = {.event_id = bytes_text("e"), .subject = bytes_text("s"), .price = NAN};
    struct interaction out;
    interaction_write(&in, 5, &record);
    /* event_id(2) position kind subject(2) ... */
    record.at[10 + 3] = 2 * KINDS;
    CHECK(interaction_read(buffer_bytes(&record), 5, &out, NULL) == VERDICT_SKIP);
    record.at[10 + 3] = 2 * (KINDS - 1);
    CHECK(interaction_read(buffer_bytes(&record), 5, &out, NULL) == VERDICT_OK);
    CHECK_INT(out.kind, KINDS - 1);
    record.at[10 + 3] = 1; /* -1 */
    CHECK(interaction_read(buffer_bytes(&record), 5, &out, NULL) == VERDICT_SKIP);
    record.at[10 + 3] = 0;
    record.at[10 + 2] = 1;
    CHECK(interaction_read(buffer_bytes(&record), 5, &out, NULL) == VERDICT_SKIP);
    buffer_clear(&record);
    in.before_count = NEIGHBOURS_MAX;
    for (int i = 0; i < NEIGHBOURS_MAX; i++)
        in.before[i].item_id = bytes_text("");
    interaction_write(&in, 5, &record);
    /* one block of 8 made a block of 9: nine neighbours are refused, whatever follows */
    /* no change, no channel, no term, nothing after, end */
    size_t at = record.size - 1 - 1 - 1 - 1 - 1 - NEIGHBOURS_MAX - 1;
    CHECK_INT(record.at[at], 2 * NEIGHBOURS_MAX);
    record.at[at] = 2 * (NEIGHBOURS_MAX + 1);
    buffer_byte(&record, 0);
    CHECK(interaction_read(buffer_bytes(&record), 5, &out, NULL) == VERDICT_SKIP);
    for (size_t size = CHANNEL_BYTES_MAX; size <= CHANNEL_BYTES_MAX + 1; size++) {
        in =
            (struct interaction){.event_id = bytes_text("e"),
                                 .subject = bytes_text("s"),
                                 .channel = bytes_of("a channel of more than 32 characters", size)};
        buffer_clear(&record);
        interaction_write(&in, 5, &record);
        CHECK_INT(interaction_read(buffer_bytes(&record), 5, &out, NULL),
                  size > CHANNEL_BYTES_MAX ? VERDICT_SKIP : VERDICT_OK);
    }
    buffer_release(&record);
}

int main(void)
{
    TEST_RUN(test_round_trip);
    TEST_RUN(test_damaged);
    TEST_RUN(test_without_channel);
    TEST_RUN(test_without_change);
    TEST_RUN(test_without_term);
    TEST_RUN(test_oldest);
    TEST_RUN(test_refused);
    return test_done();
}
