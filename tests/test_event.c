/* event_copy(): a copy shares no memory with the event, for every type of event and of field. */
#include "schemas/event_write.h"
#include "tests/test.h"

#define POOL_BYTES ((size_t)256 * 1024)
#define STRINGS 3
#define PAIRS 2
#define ITEMS 4

/* All that an event points to, so that the test can destroy it at once. */
struct pool {
    char *at;
    size_t used;
    int number; /* makes each text another one */
};

static void *pool_get(struct pool *pool, size_t size)
{
    void *at = pool->at + pool->used;
    pool->used += (size + 7) & ~(size_t)7;
    CHECK(pool->used <= POOL_BYTES);
    return at;
}

static struct bytes pool_text(struct pool *pool, const char *name)
{
    char *text = pool_get(pool, 64);
    int size = snprintf(text, 64, "%s \"%d\"", name, pool->number++);
    return bytes_of(text, (size_t)size);
}

static struct bytes *pool_texts(struct pool *pool, const char *name, size_t count)
{
    struct bytes *texts = pool_get(pool, count * sizeof *texts);
    for (size_t i = 0; i < count; i++)
        texts[i] = pool_text(pool, name);
    return texts;
}

/* Gives every field of the table a value other than its default. Items are left to the caller. */
static void fill(struct pool *pool, struct field_table table, void *record)
{
    for (size_t i = 0; i < table.count; i++) {
        const struct field *field = &table.fields[i];
        void *at = (char *)record + field->offset;
        switch (field->type) {
        case FIELD_STRING:
            *(struct bytes *)at = pool_text(pool, field->name);
            break;
        case FIELD_LONG:
        case FIELD_COUNT:
            *(int64_t *)at = 1000 + pool->number++;
            break;
        case FIELD_DOUBLE:
            *(double *)at = pool->number++ + .25;
            break;
        case FIELD_BOOL:
            *(bool *)at = false;
            break;
        case FIELD_ENUM:
            *(int64_t *)at = 1;
            break;
        case FIELD_STRINGS:
            *(struct event_strings *)at =
                (struct event_strings){pool_texts(pool, field->name, STRINGS), STRINGS, 0};
            break;
        case FIELD_PAIRS:
            *(struct event_pairs *)at = (struct event_pairs){
                .at = pool_texts(pool, field->name, 2 * PAIRS), .count = PAIRS, .left_out = 7};
            break;
        case FIELD_ITEM:
        case FIELD_ITEMS:
        case FIELD_SKIP:
            break;
        }
    }
}

static bool has_items(enum event_type type, uint32_t *ret_count)
{
    struct field_table table = event_fields(type);
    for (size_t i = 0; i < table.count; i++) {
        *ret_count = table.fields[i].type == FIELD_ITEM ? 1 : ITEMS;
        if (table.fields[i].type == FIELD_ITEM || table.fields[i].type == FIELD_ITEMS)
            return true;
    }
    return false;
}

static struct event full_event(struct pool *pool, enum event_type type)
{
    struct event event;
    uint32_t count;
    event_init(&event, type);
    fill(pool, event_fields(type), &event);
    if (!has_items(type, &count))
        return event;
    event.items = pool_get(pool, count * sizeof *event.items);
    event.item_count = count;
    for (uint32_t i = 0; i < count; i++) {
        event_item_init(&event.items[i]);
        fill(pool, event_item_fields(), &event.items[i]);
    }
    return event;
}

/* The copy is written as the event was, after all that the event points to is overwritten. */
static void test_every_type(void)
{
    for (int type = 0; type < EVENT_TYPES; type++) {
        struct pool pool = {.at = memory_get(POOL_BYTES)};
        struct arena arena = {0};
        struct buffer before = {0}, after = {0};
        struct event event = full_event(&pool, (enum event_type)type);
        event_write_json(&event, true, &before);
        CHECK_SAY(before.size > 60, "%s: nothing to copy", event_type_names[type]);
        struct event copy = event_copy(&event, &arena);
        memset(pool.at, 0, POOL_BYTES); /* every pointer and text in it is gone */
        event_write_json(&copy, true, &after);
        CHECK_SAY(bytes_equal(buffer_bytes(&before), buffer_bytes(&after)), "%s: %.*s, not %.*s",
                  event_type_names[type], (int)after.size, after.at, (int)before.size, before.at);
        CHECK_INT(copy.attributes.left_out, type == EVENT_PRODUCT ? 7 : 0);
        buffer_release(&before);
        buffer_release(&after);
        arena_release(&arena);
        free(pool.at);
    }
}

/* Absent stays absent, and empty stays empty. */
static void test_absent(void)
{
    for (int type = 0; type < EVENT_TYPES; type++) {
        struct arena arena = {0};
        struct event event;
        event_init(&event, (enum event_type)type);
        event.user_id = bytes_of("", 0);
        struct event copy = event_copy(&event, &arena);
        CHECK(copy.event_id.at == NULL);
        CHECK(copy.search_term.at == NULL);
        CHECK(copy.user_id.at != NULL && copy.user_id.size == 0);
        CHECK_INT(copy.item_count, 0);
        CHECK_INT(copy.categories.count, 0);
        CHECK_INT(copy.attributes.count, 0);
        CHECK_REAL(copy.price, event.price);
        arena_release(&arena);
    }
}

/* A change of the copy does not reach the event. */
static void test_apart(void)
{
    struct pool pool = {.at = memory_get(POOL_BYTES)};
    struct arena arena = {0};
    struct event event = full_event(&pool, EVENT_PURCHASE);
    struct event copy = event_copy(&event, &arena);
    copy.items[ITEMS - 1].quantity = -5;
    copy.items[0].item_id = bytes_text("another");
    CHECK(event.items[ITEMS - 1].quantity > 0);
    CHECK_CONTAINS(event.items[0].item_id.at, "item_id");
    arena_release(&arena);
    free(pool.at);
}

int main(void)
{
    TEST_RUN(test_every_type);
    TEST_RUN(test_absent);
    TEST_RUN(test_apart);
    return test_done();
}
