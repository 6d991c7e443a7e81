/* Visitors whose lists wait: their order, their bound, and their return after a start. */
#include "processors/runtime/owed_lists.h"
#include "tests/table_visitor.h"

#include <stdio.h>
#include <stdlib.h>

static void check_list(struct owed_list *list, const char *key, int64_t since_us)
{
    CHECK_BYTES(bytes_of(list->key, list->key_size), bytes_text(key));
    CHECK_INT(list->since_us, since_us);
    CHECK_INT(list->partition, 3);
    free(list->key);
}

static void check_newest(struct owed_lists *owed, const char *key, int64_t since_us)
{
    struct owed_list list;
    CHECK(owed_lists_take(owed, &list));
    check_list(&list, key, since_us);
}

static void test_order(void)
{
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 1 << 20);
    struct visitor *a = visitor_of(table, "a"), *b = visitor_of(table, "b");
    struct visitor *c = visitor_of(table, "c");
    struct owed_lists owed;
    struct owed_list list;
    owed_lists_init(&owed);
    CHECK(!owed_lists_take(&owed, &list));
    CHECK(owed_lists_oldest_us(&owed) == INT64_MAX);
    CHECK_INT(owed_lists_add(&owed, a, 10), 10);
    CHECK_INT(owed_lists_add(&owed, b, 20), 20);
    CHECK_INT(owed_lists_add(&owed, c, 30), 30);
    CHECK_INT(owed_lists_add(&owed, a, 40), 10); /* waits since 10, and is the newest */
    CHECK_INT(owed.count, 3);
    CHECK_INT(owed_lists_oldest_us(&owed), 20);
    CHECK(!owed_lists_take_oldest(&owed, 20, &list));
    CHECK(owed_lists_take_oldest(&owed, 21, &list));
    check_list(&list, "b", 20);
    owed_lists_remove(&owed, b);
    owed_lists_add(&owed, b, 50);
    owed_lists_remove(&owed, c); /* from the middle */
    check_newest(&owed, "b", 50);
    check_newest(&owed, "a", 10);
    CHECK(!owed_lists_take(&owed, &list));
    owed_lists_add(&owed, c, 60);
    owed_lists_forget(&owed);
    CHECK_INT(owed.count, 0);
    owed_lists_add(&owed, c, 70);
    check_newest(&owed, "c", 70);
    owed_lists_add(&owed, a, 80);
    owed_lists_release(&owed);
    visitor_table_free(table);
    store->free(store);
}

static void test_bound(void)
{
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 1 << 20);
    struct owed_lists owed;
    struct owed_list list;
    char key[16];
    owed_lists_init(&owed);
    for (int i = 0; i <= OWED_MAX; i++) {
        CHECK(!owed_lists_take_oldest(&owed, 0, &list));
        snprintf(key, sizeof key, "%d", i);
        owed_lists_add(&owed, visitor_of(table, key), i);
    }
    CHECK(owed_lists_take_oldest(&owed, 0, &list));
    check_list(&list, "0", 0);
    CHECK(!owed_lists_take_oldest(&owed, 0, &list));
    owed_lists_release(&owed);
    visitor_table_free(table);
    store->free(store);
}

static void test_find(void)
{
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 1 << 20);
    struct owed_lists owed;
    struct store_batch batch = {0};
    struct error error = {0};
    owed_lists_init(&owed);
    for (int i = 0; i < 4; i++) {
        char key[2] = {(char)('a' + i), '\0'};
        struct visitor *visitor = visitor_of(table, key);
        visitor_table_mark_dirty(table, visitor);
        visitor_set_declared(visitor, bytes_text("female"), bytes_of(NULL, 0));
        visitor->look_again = i % 2 != 0;
        visitor_table_encode(table, visitor);
    }
    visitor_table_batch(table, &batch);
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    CHECK(owed_lists_find(&owed, store, 2, 9, &error) == VERDICT_OK);
    CHECK(owed.count == 0);
    CHECK_SAY(owed_lists_find(&owed, store, 3, 9, &error) == VERDICT_OK, "%s", error.message);
    check_newest(&owed, "d", 9);
    check_newest(&owed, "b", 9);
    CHECK(owed.count == 0);
    batch_release(&batch);
    owed_lists_release(&owed);
    visitor_table_free(table);
    store->free(store);
}

int main(void)
{
    TEST_RUN(test_order);
    TEST_RUN(test_bound);
    TEST_RUN(test_find);
    return test_done();
}
