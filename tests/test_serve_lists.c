/* The answers of `weft serve`: lists joined with products, from a copy in memory. */
#include "tests/test.h"
#include "tools/serve/copy.h"
#include "tools/serve/events.h"
#include "tools/serve/lists.h"

#define EVIL "</script><script>alert(1)</script>"

struct world {
    struct store *store;
    struct products *products;
    struct placements placements;
    struct lists_source source;
};

static void put_at(struct world *world, enum copy_table table, const char *key, int64_t written_ms,
                   const char *record)
{
    struct store_batch batch = {0};
    copy_put(&batch, table, bytes_text(key), written_ms, bytes_text(record));
    CHECK(world->store->write(world->store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
}

static void put(struct world *world, enum copy_table table, const char *key, const char *record)
{
    put_at(world, table, key, 1234, record);
}

static void put_product(struct world *world, const char *id, const char *title, bool available)
{
    char json[200], quoted[120];
    struct product_text text = {.available = available};
    snprintf(quoted, sizeof quoted, "\"%s\"", title);
    snprintf(json, sizeof json, "{\"item_id\":\"%s\",\"title\":%s}", id, quoted);
    text.json = bytes_text(json);
    text.title = bytes_text(quoted);
    products_put(world->products, bytes_text(id), &text);
}

static void open_world(struct world *world)
{
    *world = (struct world){.store = store_memory_new(), .products = products_new()};
    placements_init(&world->placements);
    CHECK(placements_finish(&world->placements, "", NULL) == VERDICT_OK);
    world->source = (struct lists_source){
        .store = world->store, .products = world->products, .placements = &world->placements};
    put(world, COPY_LISTS, "v1",
        "{\"visitor\":\"v1\",\"recommendation_id\":\"00000000000000aa\",\"generated_time\":5,"
        "\"source_event_time\":4,\"lists\":[{\"placement\":\"home\",\"items\":["
        "{\"item_id\":\"A\",\"score\":2.5,\"reason\":\"viewed_before\"},"
        "{\"item_id\":\"out\",\"score\":2,\"reason\":\"popular\"},"
        "{\"item_id\":\"gone\",\"score\":1.5,\"reason\":\"popular\"},"
        "{\"item_id\":\"B\",\"score\":1,\"reason\":\"viewed_by_similar\","
        "\"because_item_id\":\"A\"}]},"
        "{\"placement\":\"product\",\"context_item_id\":\"A\",\"items\":["
        "{\"item_id\":\"B\",\"score\":1,\"reason\":\"popular\",\"propensity\":0.25}]}]}");
    put(world, COPY_RANKINGS, "viewed|shop",
        "{\"ranking\":\"viewed\",\"scope\":\"shop\",\"name\":null,\"event_time\":9,\"items\":["
        "{\"item_id\":\"B\",\"score\":7}]}");
    put(world, COPY_RANKINGS, "taken|term|wool coat",
        "{\"ranking\":\"taken\",\"scope\":\"term\",\"name\":\"wool coat\",\"items\":["
        "{\"item_id\":\"A\",\"score\":3,\"found\":true}]}");
    put(world, COPY_ITEMS, "B",
        "{\"item_id\":\"B\",\"lists\":[{\"list\":\"similar\",\"items\":["
        "{\"item_id\":\"A\",\"score\":0.5,\"reason\":\"similar\"}]}]}");
    put_product(world, "A", "Wool Coat", true);
    put_product(world, "B", EVIL, true);
    put_product(world, "out", "Sold", false);
}

static void close_world(struct world *world)
{
    world->store->free(world->store);
    products_free(world->products);
}

static void check_lists(struct world *world, const struct lists_request *request,
                        const char *expected)
{
    struct buffer json = {0}, id = {0};
    CHECK(lists_write(&world->source, request, &json, &id, NULL) == VERDICT_OK);
    CHECK_SAY(bytes_equal(buffer_bytes(&json), bytes_text(expected)), "%.*s\ninstead of\n%s",
              (int)json.size, json.at, expected);
    CHECK(bytes_equal(buffer_bytes(&id),
                      bytes_text(strstr(expected, "\"known\":true") ? "00000000000000aa" : "0")));
    buffer_release(&json);
    buffer_release(&id);
}

#define PRODUCT_A "\"product\":{\"item_id\":\"A\",\"title\":\"Wool Coat\"}"
#define PRODUCT_B "\"product\":{\"item_id\":\"B\",\"title\":\"" EVIL "\"}"
#define KNOWN                                                                                      \
    "{\"visitor\":\"v1\",\"known\":true,\"recommendation_id\":\"00000000000000aa\","               \
    "\"generated_time\":5,\"source_event_time\":4,\"lists\":["

static void test_known(void)
{
    struct world world;
    open_world(&world);
    struct lists_request request = {.visitor = bytes_text("v1"), .limit = 20};
    check_lists(&world, &request,
                KNOWN "{\"placement\":\"home\",\"source\":\"visitor\",\"items\":["
                      "{\"item_id\":\"A\",\"score\":2.5,\"reason\":\"viewed_before\"," PRODUCT_A
                      "},{\"item_id\":\"B\",\"score\":1,\"reason\":\"viewed_by_similar\","
                      "\"because_item_id\":\"A\",\"because_title\":\"Wool Coat\"," PRODUCT_B "}]},"
                      "{\"placement\":\"product\",\"source\":\"visitor\",\"context_item_id\":\"A\","
                      "\"items\":[{\"item_id\":\"B\",\"score\":1,\"reason\":\"popular\","
                      "\"propensity\":0.25," PRODUCT_B "}]}]}");
    request.placement = bytes_text("home");
    request.limit = 1;
    check_lists(&world, &request,
                KNOWN "{\"placement\":\"home\",\"source\":\"visitor\",\"items\":["
                      "{\"item_id\":\"A\",\"score\":2.5,\"reason\":\"viewed_before\"," PRODUCT_A
                      "}]}]}");
    close_world(&world);
}

/* A known visitor who opens a product gets the item's own list until there is a personal one. */
static void test_context(void)
{
    struct world world;
    open_world(&world);
    struct lists_request request = {.visitor = bytes_text("v1"),
                                    .placement = bytes_text("product"),
                                    .context = bytes_text("B"),
                                    .limit = 20};
    check_lists(&world, &request,
                KNOWN
                "{\"placement\":\"product\",\"source\":\"item\",\"context_item_id\":\"B\","
                "\"items\":[{\"item_id\":\"A\",\"score\":0.5,\"reason\":\"similar\"," PRODUCT_A
                "}]}]}");
    request.placement = bytes_text("no such placement");
    check_lists(&world, &request, KNOWN "]}");
    close_world(&world);
}

#define UNKNOWN "{\"visitor\":\"x\\\"y\",\"known\":false,\"lists\":["
#define RANKING_B                                                                                  \
    "\"source\":\"ranking\",\"ranking\":\"viewed\",\"scope\":\"shop\","                            \
    "\"items\":[{\"item_id\":\"B\",\"score\":7,\"reason\":\"viewed\"," PRODUCT_B "}]}]}"

static void test_unknown(void)
{
    struct world world;
    open_world(&world);
    struct lists_request request = {.visitor = bytes_text("x\"y"), .limit = 20};
    check_lists(&world, &request, UNKNOWN "{\"placement\":\"home\"," RANKING_B);
    request.scope[0] = bytes_text("Women > Coats"); /* which has no ranking */
    check_lists(&world, &request, UNKNOWN "{\"placement\":\"home\"," RANKING_B);
    request.placement = bytes_text("search");
    request.context = bytes_text("Wool COATS");
    check_lists(&world, &request,
                UNKNOWN "{\"placement\":\"search\",\"source\":\"ranking\","
                        "\"search_term\":\"Wool COATS\",\"ranking\":\"taken\",\"scope\":\"term\","
                        "\"name\":\"wool coat\",\"items\":[{\"item_id\":\"A\",\"score\":3,"
                        "\"reason\":\"taken\",\"found\":true," PRODUCT_A "}]}]}");
    close_world(&world);
}

static bool shows(struct world *world, const char *id)
{
    const struct lists_request request = {.visitor = bytes_text("e"), .limit = 1};
    struct buffer json = {0}, shown = {0};
    CHECK(lists_write(&world->source, &request, &json, &shown, NULL) == VERDICT_OK);
    bool same = bytes_equal(buffer_bytes(&shown), bytes_text(id));
    buffer_release(&json);
    buffer_release(&shown);
    return same;
}

static void put_version(struct world *world, enum copy_table table, const char *id,
                        int64_t written_ms, int generated_ms)
{
    char record[200];
    snprintf(record, sizeof record,
             "{\"visitor\":\"e\",\"recommendation_id\":\"%s\",\"generated_time\":%d,"
             "\"source_event_time\":%d,\"lists\":[]}",
             id, generated_ms, generated_ms);
    put_at(world, table, "e", written_ms, record);
}

/* Lists ahead of their commit, by the rules of schemas/early_choice.h. */
static void test_early(void)
{
    struct world world;
    open_world(&world);
    put_version(&world, COPY_LISTS, "00000000000000c1", 10, 10);
    put_version(&world, COPY_EARLY, "00000000000000e1", 20, 20);
    CHECK(shows(&world, "00000000000000c1")); /* lists.early is off */
    world.source.early_retention_ms = INT64_MAX / 2;
    CHECK(shows(&world, "00000000000000e1"));
    put_version(&world, COPY_LISTS, "00000000000000c2", 30, 30);
    CHECK(shows(&world, "00000000000000c2"));
    put_version(&world, COPY_EARLY, "00000000000000e2", 40, 40);
    put_at(&world, COPY_LISTS, "e", 50, ""); /* a tombstone */
    CHECK(shows(&world, "0"));
    put_version(&world, COPY_EARLY, "00000000000000e3", 60, 60); /* a new visitor of that name */
    CHECK(shows(&world, "00000000000000e3"));
    world.source.early_retention_ms = 1; /* it is older than that */
    CHECK(shows(&world, "0"));
    close_world(&world);
}

/* Without any product the shop has no catalogue here: items come as they are. */
static void test_no_catalogue(void)
{
    struct world world;
    open_world(&world);
    products_clear(world.products);
    struct lists_request request = {
        .visitor = bytes_text("v1"), .placement = bytes_text("home"), .limit = 3};
    check_lists(&world, &request,
                KNOWN "{\"placement\":\"home\",\"source\":\"visitor\",\"items\":["
                      "{\"item_id\":\"A\",\"score\":2.5,\"reason\":\"viewed_before\"},"
                      "{\"item_id\":\"out\",\"score\":2,\"reason\":\"popular\"},"
                      "{\"item_id\":\"gone\",\"score\":1.5,\"reason\":\"popular\"}]}]}");
    close_world(&world);
}

/* The products beside a naive model, by random calls. */
static void test_products(void)
{
    enum { IDS = 50, ROUNDS = TEST_ROUNDS(5000) };
    struct random random = random_from(7);
    struct products *products = products_new();
    int model[IDS] = {0}; /* 0: not there; else its version */
    for (int round = 1; round <= ROUNDS; round++) {
        char id[16], json[32];
        int at = (int)random_below(&random, IDS);
        snprintf(id, sizeof id, "item %d", at);
        snprintf(json, sizeof json, "{\"version\":%d}", round);
        const struct product_text text = {.json = bytes_text(json), .available = round % 2};
        if (random_one_in(&random, 3))
            products_remove(products, bytes_text(id));
        else
            products_put(products, bytes_text(id), &text);
        model[at] = products_find(products, bytes_text(id)) ? round : 0;
        uint32_t count = 0;
        for (int i = 0; i < IDS; i++) {
            snprintf(id, sizeof id, "item %d", i);
            snprintf(json, sizeof json, "{\"version\":%d}", model[i]);
            const struct product_text *found = products_find(products, bytes_text(id));
            CHECK((found != NULL) == (model[i] > 0));
            CHECK(found == NULL || (bytes_equal(found->json, bytes_text(json)) &&
                                    found->available == (model[i] % 2 == 1)));
            count += model[i] > 0;
        }
        CHECK(products_count(products) == count);
    }
    products_clear(products);
    CHECK(products_count(products) == 0 && products_find(products, bytes_text("item 1")) == NULL);
    products_free(products);
    test_seed = 0;
}

static void check_split(const char *body, int count, const char *first)
{
    struct arena arena = {0};
    struct bytes events[4];
    struct error error = {0};
    uint32_t found;
    enum verdict verdict = events_split(bytes_text(body), 4, &arena, events, &found, &error);
    CHECK_SAY((verdict == VERDICT_OK) == (count >= 0), "%s: %s", body, error.message);
    CHECK_SAY((verdict == VERDICT_OK) == (error.message[0] == '\0'), "%s", body);
    if (verdict == VERDICT_OK) {
        CHECK_INT(found, count);
        CHECK_SAY(count == 0 || bytes_equal(events[0], bytes_text(first)), "%s", body);
    }
    arena_release(&arena);
}

static void test_split(void)
{
    check_split("{\"a\":1}", 1, "{\"a\":1}");
    check_split(" {\"a\":{\"events\":[1]}} \n", 1, "{\"a\":{\"events\":[1]}}");
    check_split("[{\"a\":1}, {\"b\":[2]}]", 2, "{\"a\":1}");
    check_split("{\"sent\":5,\"events\":[{\"a\":1},{},{}]}", 3, "{\"a\":1}");
    check_split("[]", 0, "");
    check_split("[{},{},{},{},{}]", -1, NULL); /* more than 4 */
    check_split("[1]", -1, NULL);
    check_split("[{}", -1, NULL);
    check_split("", -1, NULL);
    check_split("view", -1, NULL);
    check_split("{\"events\":[{\"a\":}]}", -1, NULL);
    check_split("{\"a\":", -1, NULL);
}

int main(void)
{
    TEST_RUN(test_known);
    TEST_RUN(test_context);
    TEST_RUN(test_unknown);
    TEST_RUN(test_early);
    TEST_RUN(test_no_catalogue);
    TEST_RUN(test_products);
    TEST_RUN(test_split);
    return test_done();
}
