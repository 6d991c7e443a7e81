/* `weft serve` without Kafka, for load tools: fills a copy with visitors and products, and answers
 * over HTTP until its input ends. Run by tools/bench serve.
 *
 *     measure_serve FOLDER VISITORS [KEY=VALUE]...     prints the port, then waits */
#include "processors/runtime/http/http_server.h"
#include "schemas/recommendation.h"
#include "tests/measure.h"
#include "tools/serve/copy.h"
#include "tools/serve/serve.h"

#include <stdlib.h>

#define PRODUCTS 3000
#define LIST_ITEMS 20
#define BATCH_VISITORS 1000
#define START_MS 1700000000000

struct measured {
    struct config config;
    struct run run;
    struct serve serve;
    struct http_server *http;
};

static void put_products(struct products *products)
{
    char id[16], json[400], title[64];
    for (uint32_t i = 0; i < PRODUCTS; i++) {
        snprintf(id, sizeof id, "M%05u", i);
        snprintf(title, sizeof title, "\"Nordhavn Classic Blue Silk Dress %u\"", i);
        snprintf(json, sizeof json,
                 "{\"item_id\":\"%s\",\"title\":%s,\"item_brand\":\"Nordhavn\",\"categories\":"
                 "[\"Women > Dresses\"],\"price\":62.9,\"currency\":\"USD\",\"rating\":3,"
                 "\"rating_count\":81,\"genders\":[\"female\"],\"colors\":[\"Blue\"],"
                 "\"attributes\":{\"material\":\"Silk\",\"cut\":\"Classic\"}}",
                 id, title);
        const struct product_text text = {bytes_text(json), bytes_text(title), true};
        products_put(products, bytes_text(id), &text);
    }
}

/* The home and the product's lists of a visitor, as `weft run` writes them. */
static void put_visitor(struct store_batch *batch, struct random *random, uint32_t number)
{
    char visitor[16], ids[LIST_ITEMS][16];
    struct list_item items[LIST_ITEMS];
    struct buffer json = {0};
    uint32_t first = random_below(random, PRODUCTS);
    snprintf(visitor, sizeof visitor, "u%07u", number);
    for (uint32_t i = 0; i < LIST_ITEMS; i++) {
        snprintf(ids[i], sizeof ids[i], "M%05u", (first + i * 7) % PRODUCTS);
        items[i] = (struct list_item){.item_id = bytes_text(ids[i]),
                                      .score = (float)(LIST_ITEMS - i) / 3,
                                      .reason = "viewed_by_similar",
                                      .because_item_id = bytes_text(ids[0])};
    }
    const struct list lists[] = {
        {.placement = "home", .items = items, .item_count = LIST_ITEMS},
        {.placement = "product",
         .context_item_id = bytes_text(ids[0]),
         .items = items,
         .item_count = LIST_ITEMS},
    };
    const struct recommendation recommendation = {.visitor = bytes_text(visitor),
                                                  .id = random_next(random),
                                                  .generated_time_ms = START_MS,
                                                  .source_event_time_ms = START_MS,
                                                  .lists = lists,
                                                  .list_count = 2};
    recommendation_write_json(&recommendation, &json);
    copy_put(batch, COPY_LISTS, bytes_text(visitor), START_MS, buffer_bytes(&json));
    buffer_release(&json);
}

static void put_visitors(struct store *store, uint32_t visitors)
{
    struct random random = random_from(1);
    struct store_batch batch = {0};
    for (uint32_t i = 0; i < visitors; i++) {
        put_visitor(&batch, &random, i);
        if ((i + 1) % BATCH_VISITORS != 0 && i + 1 < visitors)
            continue;
        store->write(store, &batch, NULL);
        batch_clear(&batch);
    }
    batch_release(&batch);
}

/* False, with a message. */
static bool start(struct measured *measured, const char *folder, struct error *error)
{
    struct run *run = &measured->run;
    struct serve *serve = &measured->serve;
    const struct store_bounds bounds = {.cache_bytes = (uint64_t)measured->config.store_cache_bytes,
                                        .writes_bytes =
                                            (uint64_t)measured->config.store_writes_bytes};
    run->config = &measured->config;
    if (store_rocksdb_open_within(folder, &bounds, &run->store, error) != VERDICT_OK)
        return false;
    serve->run = run;
    serve->products = products_new();
    serve->lists = (struct lists_source){run->store, serve->products,
                                         &measured->config.settings.recommend.placements, 0};
    routes_set(serve);
    serve->hub = hub_new(&serve->hub_source);
    return http_server_new(&measured->config, "127.0.0.1:0", &serve->http, &measured->http,
                           error) == VERDICT_OK;
}

int main(int argc, char **argv)
{
    struct measured *measured = memory_zero(1, sizeof *measured);
    struct error error = {0};
    bool good = argc >= 3;
    config_init(&measured->config);
    for (int i = 3; i < argc && good; i++)
        good = config_assign(&measured->config, argv[i], &error) == VERDICT_OK;
    good = good && config_finish(&measured->config, &error) == VERDICT_OK &&
           start(measured, argv[1], &error);
    if (!good) {
        fprintf(stderr, "measure_serve FOLDER VISITORS [KEY=VALUE]...: %s\n", error.message);
        return 2;
    }
    put_products(measured->serve.products);
    put_visitors(measured->run.store, (uint32_t)strtoul(argv[2], NULL, 10));
    printf("%u\n", http_server_port(measured->http));
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    http_server_free(measured->http);
    hub_free(measured->serve.hub);
    products_free(measured->serve.products);
    measured->run.store->free(measured->run.store);
    free(measured);
    return 0;
}
