/* Measures the catalogue at size: rows a second from JSON, bytes an item, start-up from disk, and
 * what similar items and searches cost there. Run by tools/bench catalogue.
 *
 *     measure_catalogue [PRODUCTS [ATTRIBUTES [ONE_IN]]]      prints one JSON object
 *
 * One in ONE_IN products (0: none) has words of its title as tags too, so that searches, which stop
 * early where many products weigh as much as any can, do not. */
#include "processors/recommend/candidates/content_similarity.h"
#include "processors/recommend/search/search.h"
#include "schemas/codec.h"
#include "schemas/event_write.h"
#include "state/catalogue_store.h"
#include "tests/measure.h"

#include <malloc.h>
#include <math.h>

#define NAMES 900  /* distinct attributes of the shop */
#define VALUES 100 /* of each, the first ones most often */
#define BATCH 50000
#define QUESTIONS 2000

static const char *const nouns[] = {"coat", "dress", "shirt", "boots", "bag",   "scarf",
                                    "lamp", "chair", "phone", "cable", "glass", "towel"};

static struct bytes text_of(struct arena *arena, const char *format, uint32_t a, uint32_t b,
                            const char *c)
{
    char text[200];
    int size = snprintf(text, sizeof text, format, a, b, c);
    return arena_copy(arena, bytes_of(text, (size_t)size));
}

static void add_tags(struct arena *arena, const char *noun, struct event *event)
{
    struct bytes *tags = arena_get(arena, 3 * sizeof *tags);
    tags[0] = bytes_text(noun);
    tags[1] = bytes_text("wool");
    tags[2] = bytes_text("cotton");
    event->tags = (struct event_strings){tags, 3, 0};
}

static struct event make_product(struct random *random, struct arena *arena, uint32_t number,
                                 uint32_t attributes, uint32_t one_in)
{
    struct event event;
    uint32_t kind = measure_skewed(random, 600), brand = measure_skewed(random, 20000);
    const char *noun = nouns[kind % 12];
    event_init(&event, EVENT_PRODUCT);
    event.item_id = text_of(arena, "item-%08u", number, 0, "");
    event.title = text_of(arena, "Brand%u Model%u fine %s in wool and cotton", brand,
                          random_below(random, 200000), noun);
    event.item_brand = text_of(arena, "Brand%u", brand, 0, "");
    struct bytes *path = arena_get(arena, sizeof *path);
    *path = text_of(arena, "Department %u > Section %u > %s", kind % 9, kind, noun);
    event.categories = (struct event_strings){path, 1, 0};
    struct bytes *colour = arena_get(arena, sizeof *colour);
    *colour = text_of(arena, "colour %u", measure_skewed(random, 60), 0, "");
    event.colors = (struct event_strings){colour, 1, 0};
    if (one_in && number % one_in == 0)
        add_tags(arena, noun, &event);
    event.image_uri =
        text_of(arena, "https://images.example.com/p/%08u/front-large.jpg", number, 0, "");
    event.price = 5 + exp(4 + (double)random_below(random, 1000) / 400);
    event.rating_count = random_below(random, 1000);
    event.attributes.count = attributes;
    event.attributes.at = arena_get(arena, 2 * attributes * sizeof(struct bytes));
    for (uint32_t i = 0; i < attributes; i++) {
        uint32_t name = (kind * 7 + i * 13) % NAMES;
        event.attributes.at[2 * i] = text_of(arena, "attribute %u", name, 0, "");
        event.attributes.at[2 * i + 1] =
            text_of(arena, "value %u", measure_skewed(random, VALUES), 0, "");
    }
    return event;
}

static void print_times(const char *name, float *us, uint32_t count)
{
    qsort(us, count, sizeof *us, measure_order);
    printf(",\"%s_us_p50\":%.0f,\"%s_us_p99\":%.0f", name, (double)us[count / 2], name,
           (double)us[count * 99 / 100]);
}

static void make_query(struct random *random, int i, char *query, size_t size)
{
    snprintf(query, size, "%s brand%u wool%s", nouns[random_below(random, 12)],
             measure_skewed(random, 20000), i % 4 ? "" : " ctoton");
}

static double sum_of(const struct search_result *results, uint32_t count)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (double)results[i].score;
    return sum;
}

/* One or two frequent words. */
static void make_frequent(int i, char *query, size_t size)
{
    snprintf(query, size, "%s%s", nouns[i % 12], i % 2 ? " cotton" : "");
}

/* The share of places at which the answer is the one that boundless work gives; for frequent words
 * the scores' sum in that of boundless work. */
static void measure_exactness(const struct catalogue *catalogue, const struct search_index *search)
{
    struct random random = {.state = 4};
    struct search_result results[SEARCH_RESULTS_MAX], exact[SEARCH_RESULTS_MAX];
    uint64_t same = 0, all = 0;
    double sum = 0, wanted_sum = 0;
    for (int i = 0; i < QUESTIONS / 10; i++) {
        char query[80];
        make_query(&random, i, query, sizeof query);
        uint32_t count = search_top(search, catalogue, bytes_text(query), 20, results);
        uint32_t wanted = search_all(search, catalogue, bytes_text(query), 20, exact);
        for (uint32_t k = 0; k < wanted; k++)
            same += k < count && results[k].product == exact[k].product;
        all += wanted;
    }
    for (int i = 0; i < 24; i++) {
        char query[80];
        make_frequent(i, query, sizeof query);
        sum += sum_of(
            results, search_top(search, catalogue, bytes_text(query), SEARCH_RESULTS_MAX, results));
        wanted_sum += sum_of(
            exact, search_all(search, catalogue, bytes_text(query), SEARCH_RESULTS_MAX, exact));
    }
    printf(",\"search_exact\":%.3f,\"frequent_scores\":%.3f", (double)same / (double)all,
           sum / wanted_sum);
}

/* The sum of the similarities found, of that which boundless work finds. */
static void measure_similar(const struct catalogue *catalogue)
{
    struct random random = {.state = 5};
    struct similar_product similar[SIMILAR_MAX];
    float *all = memory_get(catalogue->product_count * sizeof *all);
    double sum = 0, wanted = 0;
    for (int i = 0; i < QUESTIONS / 50; i++) {
        uint32_t product = random_below(&random, catalogue->product_count);
        uint32_t count = content_similarity_top(catalogue, product, SIMILAR_MAX, similar);
        for (uint32_t k = 0; k < count; k++)
            sum += (double)similar[k].similarity;
        for (uint32_t k = 0; k < catalogue->product_count; k++)
            all[k] = k == product ? 0 : content_similarity(catalogue, product, k);
        qsort(all, catalogue->product_count, sizeof *all, measure_order);
        for (uint32_t k = 1; k <= SIMILAR_MAX && k <= catalogue->product_count; k++)
            wanted += (double)all[catalogue->product_count - k];
    }
    printf(",\"similar_share\":%.3f", sum / wanted);
    free(all);
}

static void ask(const struct catalogue *catalogue, const struct search_index *search)
{
    static float us[QUESTIONS];
    struct random random = {.state = 3};
    struct similar_product similar[SIMILAR_MAX];
    struct search_result results[20], hundred[SEARCH_RESULTS_MAX];
    uint64_t found = 0;
    for (int i = 0; i < QUESTIONS; i++) {
        double from = measure_now_s();
        found += content_similarity_top(catalogue, random_below(&random, catalogue->product_count),
                                        SIMILAR_MAX, similar);
        us[i] = (float)((measure_now_s() - from) * 1e6);
    }
    print_times("similar", us, QUESTIONS);
    measure_similar(catalogue);
    for (int i = 0; i < QUESTIONS; i++) {
        char query[80];
        make_query(&random, i, query, sizeof query);
        double from = measure_now_s();
        found += search_top(search, catalogue, bytes_text(query), 20, results);
        us[i] = (float)((measure_now_s() - from) * 1e6);
    }
    print_times("search", us, QUESTIONS);
    for (int i = 0; i < QUESTIONS; i++) { /* as many as a list takes */
        char query[80];
        make_frequent(i, query, sizeof query);
        double from = measure_now_s();
        search_top(search, catalogue, bytes_text(query), SEARCH_RESULTS_MAX, hundred);
        us[i] = (float)((measure_now_s() - from) * 1e6);
    }
    print_times("frequent", us, QUESTIONS);
    measure_exactness(catalogue, search);
    printf(",\"answers\":%llu", (unsigned long long)found);
}

static double write_changes(struct catalogue *catalogue, struct store *store)
{
    struct store_batch batch = {0};
    double from = measure_now_s();
    catalogue_save(catalogue, &batch);
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
    return measure_now_s() - from;
}

int main(int argc, char **argv)
{
    uint32_t products = measure_number(argc, argv, 1, 1000000);
    uint32_t attributes = measure_number(argc, argv, 2, 50);
    uint32_t one_in = measure_number(argc, argv, 3, 0);
    const struct catalogue_limits limits = {2000000, 10000, 1000000, 100};
    struct random random = {.state = 1};
    struct arena arena = {0};
    struct buffer json = {0};
    struct error error = {0};
    struct store *store;
    struct codec *codec = codec_new(NULL);
    char *folder = test_new_folder();
    struct catalogue *catalogue = catalogue_new(&limits);
    struct search_index *search = search_index_new(catalogue);
    double put_s = 0, save_s = 0, numbers_s = 0;
    if (store_rocksdb_open(folder, false, &store, &error) != VERDICT_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    size_t before = mallinfo2().uordblks;
    for (uint32_t i = 0; i < products; i++) {
        struct event event = make_product(&random, &arena, i, attributes, one_in);
        buffer_clear(&json);
        event_write_json(&event, false, &json);
        double from = measure_now_s();
        CHECK(codec_decode(codec, EVENT_PRODUCT, buffer_bytes(&json), &arena, &event, NULL) ==
              VERDICT_OK);
        catalogue_put(catalogue, &event);
        put_s += measure_now_s() - from;
        event.price += 1;
        event.rating_count++;
        if (i % 10 == 0) {
            from = measure_now_s();
            catalogue_put(catalogue, &event);
            numbers_s += measure_now_s() - from;
        }
        arena_clear(&arena);
        if (i % BATCH == BATCH - 1)
            save_s += write_changes(catalogue, store);
    }
    save_s += write_changes(catalogue, store);
    size_t bytes = mallinfo2().uordblks - before;
    printf("{\"products\":%u,\"attributes\":%u,\"rows_per_s\":%.0f,\"save_s\":%.1f,"
           "\"price_changes_per_s\":%.0f,\"bytes_an_item\":%.0f,\"of_these_search\":%.0f",
           products, attributes, products / put_s, save_s, products / 10 / numbers_s,
           (double)bytes / products, (double)search_index_bytes(search) / products);
    ask(catalogue, search);
    catalogue_free(catalogue);
    search_index_free(search);
    store->free(store);
    double from = measure_now_s();
    CHECK(store_rocksdb_open(folder, false, &store, &error) == VERDICT_OK);
    catalogue = catalogue_new(&limits);
    search = search_index_new(catalogue);
    CHECK(catalogue_load(catalogue, store, &error) == VERDICT_OK);
    CHECK_INT(catalogue->present, products);
    printf(",\"start_s\":%.1f}\n", measure_now_s() - from);
    catalogue_free(catalogue);
    search_index_free(search);
    store->free(store);
    codec_free(codec);
    arena_release(&arena);
    buffer_release(&json);
    test_remove_folder(folder);
    free(folder);
    return test_failed > 0;
}
