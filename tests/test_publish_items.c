/* The publisher of lists of items through librdkafka's mock cluster: what it writes, when it writes
 * nothing, and what the next publisher does after one that was killed in the middle. */
#include "processors/runtime/kafka/partition_reader.h"
#include "processors/runtime/model/publish_items.h"
#include "processors/runtime/model/publication.h"
#include "tests/mock_broker.h"
#include "tests/steps.h"

#define START_MS 1700000000000
#define ITEMS 40
#define LOG_END 100 /* records in the interactions log */

static const struct model_limits limits = {.items_max = 1000,
                                           .row_entries_max = 8,
                                           .pair_half_life_ms = 1000000000,
                                           .popular_half_life_ms = 1000000000,
                                           .quick_half_life_ms = 1000000,
                                           .queries = {100, 50}};

static struct mock_broker mock;

static struct {
    struct run run;
    struct lease lease;
    bool lease_held;
} shop;

static bool is_held(struct lease *self)
{
    (void)self;
    return shop.lease_held;
}

#define ID_BYTES 24

static void item_text(int number, char *to)
{
    snprintf(to, ID_BYTES, "item %d", number);
}

/* Two visitors view `number` after `before`. */
static void view_after(int before, int number, int64_t offset)
{
    char id[ID_BYTES], before_id[ID_BYTES];
    item_text(number, id);
    item_text(before, before_id);
    for (uint64_t visitor = 1; visitor <= 2; visitor++) {
        struct interaction first = {.event_id = bytes_text("e"),
                                    .kind = KIND_VIEW,
                                    .subject = bytes_text(before_id),
                                    .visitor = visitor,
                                    .event_time_ms = START_MS + offset};
        struct interaction second = first;
        second.subject = bytes_text(id);
        second.before_count = 1;
        second.before[0] =
            (struct neighbour){.item_id = first.subject, .event_time_ms = first.event_time_ms};
        weft_step_cooccurrence.interaction(shop.run.model, &first);
        weft_step_cooccurrence.interaction(shop.run.model, &second);
        weft_step_trends.interaction(shop.run.model, &second);
    }
    atomic_store(&shop.run.folded_offset, offset);
}

static void put_product(const char *id)
{
    struct event event;
    struct bytes path = bytes_text("Things");
    event_init(&event, EVENT_PRODUCT);
    event.item_id = bytes_text(id);
    event.title = bytes_text(id);
    event.categories = (struct event_strings){&path, 1, 0};
    catalogue_put(shop.run.catalogue, &event);
    atomic_fetch_add(&shop.run.catalogue_rows, 1);
}

static void open_shop(void)
{
    mock = mock_broker_open_with(1, "items.lists=on");
    mock.config.items_interval_ms = 0;
    struct error error = {0};
    struct client_producer *producer = client_producer_new(&mock.config, &error);
    for (int i = 0; i < LOG_END; i++)
        check_ok(client_send(producer, mock.topology.topics[TOPIC_INTERACTIONS], 0, bytes_text("k"),
                             bytes_text("v"), &error),
                 &error);
    check_ok(client_producer_flush(producer, 30000, &error), &error);
    client_producer_free(producer);
    shop.run = (struct run){
        .config = &mock.config,
        .topology = mock.topology,
        .model = model_new(&limits),
        .catalogue = catalogue_new(&mock.config.settings.catalogue),
    };
    shop.lease.holds = is_held;
    shop.lease_held = true;
}

static void close_shop(void)
{
    catalogue_free(shop.run.catalogue);
    model_free(shop.run.model);
    mock_broker_close(&mock);
}

/* The contents of the topic: the newest record of each key, and how many records there are in all.
 */
struct contents {
    int records, deletions, keys;
    int64_t offset;  /* the highest that they name */
    char last[2000]; /* the value of the newest record */
};

static struct contents read_contents(void)
{
    struct contents contents = {.offset = -1};
    struct topic_contents *keys = topic_contents_new();
    struct partition_reader *reader = NULL;
    struct kafka_record record;
    struct error error = {0};
    struct bytes header;
    uint64_t version;
    int64_t offset = -1;
    check_ok(client_open_reader(&mock.config, mock.topology.topics[TOPIC_ITEMS], 0, false, &reader,
                                &error),
             &error);
    while (partition_reader_next(reader, 10000, &record) == VERDICT_OK) {
        contents.records += record.value.at != NULL;
        contents.deletions += record.value.at == NULL;
        if (record.value.at)
            topic_contents_found(keys, record.key, 1);
        else
            topic_contents_found_gone(keys, record.key);
        snprintf(contents.last, sizeof contents.last, "%.*s", (int)record.value.size,
                 record.value.at ? record.value.at : "");
        CHECK(partition_reader_header(reader, ITEM_LISTS_HEADER, &header) &&
              publication_header_read(header, &version, &offset));
        contents.offset = offset > contents.offset ? offset : contents.offset;
    }
    contents.keys = (int)topic_contents_count(keys);
    topic_contents_free(keys);
    partition_reader_free(reader);
    return contents;
}

/* Slices until the round is over. */
static void make_round(struct items_publisher *publisher)
{
    struct error error = {0};
    int64_t before_us = atomic_load(&shop.run.items.round_us);
    for (int i = 0; i < 100 && atomic_load(&shop.run.items.round_us) == before_us; i++) {
        enum verdict verdict = items_publish(publisher, &error);
        CHECK_SAY(verdict == VERDICT_OK || verdict == VERDICT_SKIP, "%s", error.message);
    }
    CHECK(atomic_load(&shop.run.items.round_us) != before_us);
}

static void test_rounds(void)
{
    struct error error = {0};
    struct item_lists_totals *totals = &shop.run.items;
    struct items_publisher *publisher = items_publisher_new(&shop.run, &shop.lease);
    make_round(publisher);
    CHECK_INT(read_contents().records, 0); /* nothing has happened yet */
    for (int i = 1; i < ITEMS; i++)
        view_after(i - 1, i, 50);
    make_round(publisher);
    struct contents first = read_contents();
    CHECK_INT(first.records, ITEMS - 1); /* nothing comes after the last one */
    CHECK_INT(first.offset, 50);
    CHECK_CONTAINS(first.last, "\"list\":\"viewed_next\",\"items\":[{\"item_id\":\"item ");
    CHECK_INT(atomic_load(&totals->written), first.records);
    CHECK_INT(atomic_load(&totals->offset), 50);
    CHECK_INT(atomic_load(&totals->left), 0);
    CHECK(items_publish(publisher, &error) == VERDICT_SKIP); /* nothing changed */

    view_after(ITEMS - 1, 3, 60); /* one item more has a list */
    make_round(publisher);
    CHECK_INT(read_contents().records, first.records + 1);
    CHECK_CONTAINS(read_contents().last, "{\"item_id\":\"item 39\",\"offset\":60,");

    /* products that the model does not know, and one that goes */
    put_product("item 5");
    put_product("new a");
    put_product("new b");
    make_round(publisher);
    struct contents before = read_contents();
    CHECK_INT(before.keys, first.keys + 3);
    catalogue_delete(shop.run.catalogue, bytes_text("new a"));
    catalogue_delete(shop.run.catalogue, bytes_text("item 5"));
    atomic_fetch_add(&shop.run.catalogue_rows, 1);
    make_round(publisher);
    CHECK_INT(read_contents().deletions, 4); /* "new b" has nothing left, nor "item 4" */
    CHECK_INT(read_contents().keys, before.keys - 4);
    items_publisher_free(publisher);
}

static void test_elected(void)
{
    struct error error = {0};
    struct item_lists_totals *totals = &shop.run.items;
    struct contents before = read_contents();
    unsigned long long same = atomic_load(&totals->same);
    struct items_publisher *publisher = items_publisher_new(&shop.run, &shop.lease);
    make_round(publisher); /* the topic has all of it */
    CHECK_INT(read_contents().records, before.records);
    CHECK_INT(read_contents().deletions, before.deletions);
    CHECK_INT(atomic_load(&totals->same) - same, before.keys);

    /* a publisher that has folded less than the topic names writes nothing */
    atomic_store(&shop.run.folded_offset, 40);
    items_publisher_forget(publisher);
    CHECK(items_publish(publisher, &error) == VERDICT_SKIP);
    CHECK_INT(atomic_load(&totals->round_us), 0);
    atomic_store(&shop.run.folded_offset, 60);

    shop.lease_held = false;
    put_product("item 7");
    CHECK(items_publish(publisher, &error) != VERDICT_OK);
    CHECK_INT(read_contents().records, before.records);
    shop.lease_held = true;
    items_publisher_free(publisher);
}

/* A publisher ends in the middle of its round: the next one writes what is missing, and nothing
 * twice. */
static void test_killed(void)
{
    struct error error = {0};
    struct contents before = read_contents();
    atomic_store(&shop.run.items.round_us, 0);
    mock.config.items_per_second = 16; /* one step a slice */
    struct items_publisher *killed = items_publisher_new(&shop.run, &shop.lease);
    for (int i = 0; i < ITEMS; i++)
        view_after(i, (i + 7) % ITEMS, 70);
    check_ok(items_publish(killed, &error), &error);
    check_ok(items_publish(killed, &error), &error);
    CHECK(atomic_load(&shop.run.items.left) > 0);
    CHECK(atomic_load(&shop.run.items.first_us) > 0 && atomic_load(&shop.run.items.round_us) == 0);
    items_publisher_free(killed);
    int written = read_contents().records - before.records;
    CHECK(written > 0 && written < ITEMS);
    struct items_publisher *next = items_publisher_new(&shop.run, &shop.lease);
    make_round(next);
    struct contents after = read_contents();
    CHECK_INT(after.records - before.records, ITEMS - 1); /* "item 5" stays deleted */
    CHECK_INT(after.offset, 70);
    make_round(next);
    CHECK_INT(read_contents().records, after.records);
    items_publisher_free(next);
}

int main(void)
{
    open_shop();
    TEST_RUN(test_rounds);
    TEST_RUN(test_elected);
    TEST_RUN(test_killed);
    close_shop();
    return test_done();
}
