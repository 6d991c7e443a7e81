/* The publisher of rankings through librdkafka's mock cluster: what it writes, and when it writes
 * nothing. A thread plays the fold, which hands out the model's numbers. */
#include "processors/runtime/kafka/partition_reader.h"
#include "processors/runtime/model/publish_rankings.h"
#include "processors/runtime/model/publication.h"
#include "tests/mock_broker.h"
#include "tests/steps.h"

#include <pthread.h>

#define START_MS 1700000000000
#define ITEMS 20
#define LOG_END 100 /* records in the interactions log */

static const struct model_limits limits = {.items_max = 1000,
                                           .row_entries_max = 8,
                                           .pair_half_life_ms = 1000000000,
                                           .popular_half_life_ms = 1000000000,
                                           .quick_half_life_ms = 1000000,
                                           .queries = {100, 50}};

static struct mock_broker mock;
static const char *rankings_topic;

static struct {
    struct run run;
    pthread_t fold;
    atomic_bool fold_ends;
    struct lease lease;
    atomic_bool lease_held;
} shop;

static bool is_held(struct lease *self)
{
    (void)self;
    return atomic_load(&shop.lease_held);
}

static void *play_fold(void *argument)
{
    struct run *run = argument;
    while (!atomic_load(&shop.fold_ends)) {
        pthread_mutex_lock(&run->view_lock);
        if (run->view_wanted)
            rankings_collect(run->view_wanted, run->model, atomic_load(&run->folded_offset),
                             &run->config->settings.rankings);
        run->view_wanted = NULL;
        pthread_mutex_unlock(&run->view_lock);
        usleep(1000);
    }
    return NULL;
}

static void view_item(int number, int64_t offset)
{
    char id[16];
    snprintf(id, sizeof id, "item %d", number);
    struct interaction interaction = {.event_id = bytes_text("e"),
                                      .kind = KIND_VIEW,
                                      .subject = bytes_text(id),
                                      .event_time_ms = START_MS + offset};
    weft_step_trends.interaction(shop.run.model, &interaction);
    atomic_store(&shop.run.folded_offset, offset);
}

static void fill_log(void)
{
    struct error error = {0};
    struct client_producer *producer = client_producer_new(&mock.config, &error);
    for (int i = 0; i < LOG_END; i++)
        check_ok(client_send(producer, mock.topology.topics[TOPIC_INTERACTIONS], 0, bytes_text("k"),
                             bytes_text("v"), &error),
                 &error);
    check_ok(client_producer_flush(producer, 30000, &error), &error);
    client_producer_free(producer);
}

static void open_shop(void)
{
    mock = mock_broker_open(1);
    rankings_topic = mock.topology.topics[TOPIC_RANKINGS];
    fill_log();
    shop.run = (struct run){
        .config = &mock.config,
        .topology = mock.topology,
        .model = model_new(&limits),
        .catalogue = catalogue_new(&mock.config.settings.catalogue),
    };
    shop.run.search = search_index_new(shop.run.catalogue);
    pthread_mutex_init(&shop.run.view_lock, NULL);
    shop.lease.holds = is_held;
    atomic_store(&shop.lease_held, true);
    pthread_create(&shop.fold, NULL, play_fold, &shop.run);
}

static void close_shop(void)
{
    atomic_store(&shop.fold_ends, true);
    pthread_join(shop.fold, NULL);
    pthread_mutex_destroy(&shop.run.view_lock);
    search_index_free(shop.run.search);
    catalogue_free(shop.run.catalogue);
    model_free(shop.run.model);
    mock_broker_close(&mock);
}

/* Records and deletions in the topic, and the highest offset of the log that they name. */
struct contents {
    int records, deletions;
    int64_t offset;
};

static struct contents read_contents(void)
{
    struct contents contents = {.offset = -1};
    struct partition_reader *reader = NULL;
    struct kafka_record record;
    struct error error = {0};
    struct bytes header;
    uint64_t version;
    int64_t offset = -1;
    check_ok(client_open_reader(&mock.config, rankings_topic, 0, false, &reader, &error), &error);
    while (partition_reader_next(reader, 10000, &record) == VERDICT_OK) {
        contents.records += record.value.at != NULL;
        contents.deletions += record.value.at == NULL;
        CHECK(partition_reader_header(reader, RANKING_HEADER, &header) &&
              publication_header_read(header, &version, &offset));
        contents.offset = offset > contents.offset ? offset : contents.offset;
    }
    partition_reader_free(reader);
    return contents;
}

static void test_publications(void)
{
    struct error error = {0};
    struct rankings_totals *totals = &shop.run.rankings;
    struct rankings_publisher *publisher = rankings_publisher_new(&shop.run, &shop.lease);
    CHECK(rankings_publish(publisher, &error) == VERDICT_SKIP); /* nothing has happened yet */
    CHECK_INT(read_contents().records, 0);
    for (int i = 0; i < ITEMS; i++)
        view_item(i % 5, 50);
    check_ok(rankings_publish(publisher, &error), &error);
    struct contents first = read_contents();
    CHECK(first.records > 0);
    CHECK_INT(first.offset, 50);
    CHECK_INT(atomic_load(&totals->written), first.records);
    CHECK(rankings_publish(publisher, &error) == VERDICT_SKIP); /* nothing changed */

    /* the next one that is elected reads the topic and finds all of it there */
    struct rankings_publisher *other = rankings_publisher_new(&shop.run, &shop.lease);
    check_ok(rankings_publish(other, &error), &error);
    CHECK_INT(read_contents().records, first.records);
    CHECK_INT(atomic_load(&totals->same), first.records);

    /* a publisher that has folded less than the topic names writes nothing */
    atomic_store(&shop.run.folded_offset, 40);
    rankings_publisher_forget(other);
    CHECK(rankings_publish(other, &error) == VERDICT_SKIP);
    CHECK_INT(read_contents().records, first.records);
    rankings_publisher_free(publisher);
    rankings_publisher_free(other);
}

static void test_lease_gone(void)
{
    struct error error = {0};
    struct contents before = read_contents();
    struct rankings_publisher *publisher = rankings_publisher_new(&shop.run, &shop.lease);
    view_item(7, 60);
    atomic_store(&shop.lease_held, false);
    CHECK(rankings_publish(publisher, &error) != VERDICT_OK);
    CHECK_INT(read_contents().records, before.records);
    pthread_mutex_lock(&shop.run.view_lock);
    CHECK(shop.run.view_wanted == NULL);
    pthread_mutex_unlock(&shop.run.view_lock);
    atomic_store(&shop.lease_held, true);
    error_clear(&error);
    check_ok(rankings_publish(publisher, &error), &error);
    CHECK(read_contents().records > before.records);
    CHECK_INT(read_contents().offset, 60);
    rankings_publisher_free(publisher);
}

/* The topic names an offset behind the log's end: the log was created again, and every ranking is
 * written again. */
static void test_log_created_again(void)
{
    struct error error = {0};
    struct rankings_publisher *publisher = rankings_publisher_new(&shop.run, &shop.lease);
    view_item(8, 2 * LOG_END);
    check_ok(rankings_publish(publisher, &error), &error);
    CHECK_INT(read_contents().offset, 2 * LOG_END);
    unsigned long long written = atomic_load(&shop.run.rankings.written);
    rankings_publisher_forget(publisher);
    atomic_store(&shop.run.folded_offset, LOG_END / 2);
    check_ok(rankings_publish(publisher, &error), &error);
    CHECK(atomic_load(&shop.run.rankings.written) > written);
    rankings_publisher_free(publisher);
}

int main(void)
{
    open_shop();
    TEST_RUN(test_publications);
    TEST_RUN(test_lease_gone);
    TEST_RUN(test_log_created_again);
    close_shop();
    return test_done();
}
