/* Visitors that wait for a second look: their order, their waits and their bounds. */
#include "processors/runtime/second_looks.h"
#include "tests/table_visitor.h"

#include <stdlib.h>

#define SOON_US (INT64_MAX / 2)

static void check_taken(struct second_looks *looks, const char *key, int tries)
{
    struct second_look look = {0};
    CHECK(second_looks_take(looks, SOON_US, &look));
    CHECK_BYTES(bytes_of(look.key, look.key_size), bytes_text(key));
    CHECK_INT(look.tries, tries);
    CHECK_INT(look.partition, 3);
    free(look.key);
}

static void test_ring(void)
{
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 1 << 20);
    struct visitor *a = visitor_of(table, "a"), *b = visitor_of(table, "b");
    struct visitor *c = visitor_of(table, "c");
    struct second_looks looks;
    struct second_look look;
    second_looks_init(&looks);
    CHECK(!second_looks_any(&looks) && second_looks_next_us(&looks) == INT64_MAX);
    CHECK(!second_looks_take(&looks, SOON_US, &look));
    second_looks_add(&looks, a, 0);
    second_looks_add(&looks, b, LOOK_TRIES_MAX - 1);
    second_looks_add(&looks, c, LOOK_TRIES_MAX); /* had its looks */
    CHECK(second_looks_any(&looks));
    CHECK(!second_looks_take(&looks, second_looks_next_us(&looks) - 1, &look));
    check_taken(&looks, "a", 0);
    check_taken(&looks, "b", LOOK_TRIES_MAX - 1);
    CHECK(!second_looks_any(&looks));
    for (int round = 0; round < 2; round++) { /* the ring is full, and round once */
        for (int i = 0; i < LOOKS_MAX; i++)
            second_looks_add(&looks, a, 1);
        second_looks_add(&looks, b, 1); /* no room */
        CHECK_INT(looks.count, LOOKS_MAX);
        check_taken(&looks, "a", 1);
        second_looks_add(&looks, b, 1);
        second_looks_forget(&looks);
        CHECK(!second_looks_any(&looks));
        second_looks_add(&looks, c, 2);
        check_taken(&looks, "c", 2);
    }
    second_looks_add(&looks, a, 0);
    second_looks_turn_off(&looks);
    second_looks_add(&looks, b, 0);
    CHECK_INT(looks.count, 1);
    second_looks_release(&looks);
    visitor_table_free(table);
    store->free(store);
}

int main(void)
{
    TEST_RUN(test_ring);
    return test_done();
}
