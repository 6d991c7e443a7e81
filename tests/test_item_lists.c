/* The lists of items in the driver, against a naive recomputation from the model's rows and the
 * list of products; what has no lists; the records, read back by jansson and avro-c. */
#include "processors/math/kernels.h"
#include "processors/recommend/candidates/content_similarity.h"
#include "processors/runtime/driver.h"
#include "schemas/codec.h"
#include "tests/test.h"

#include <avro.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#define START_MS 1767225600000
#define PRODUCTS 40 /* "p0", ...: of these every seventh is sold out, every eleventh deleted */
#define ITEMS 50    /* the catalogue does not know the last ones */
#define LENGTH 7

struct shop {
    struct config config;
    struct driver *driver;
    struct item_lists_maker *maker;
    struct merchandising_rules rules;
    uint32_t events;
};

static const char *id_of(uint32_t item)
{
    static char texts[ITEMS][8];
    snprintf(texts[item], sizeof texts[item], "p%u", item);
    return texts[item];
}

static bool is_sold_out(uint32_t item)
{
    return item % 7 == 3;
}

static bool is_gone(uint32_t item)
{
    return item % 11 == 4 && item < PRODUCTS;
}

/* Products 4 n and 4 n + 1 are variants of one. */
static uint32_t variant_of(uint32_t item)
{
    return item >= PRODUCTS ? 1000 + item : item % 4 == 1 ? item - 1 : item;
}

static uint32_t category_of(uint32_t item)
{
    return variant_of(item) / 4 % 5;
}

static uint32_t brand_of(uint32_t item)
{
    return variant_of(item) % 6;
}

static void put_product(struct shop *shop, uint32_t item)
{
    struct event event;
    char title[32], brand[16], category[16];
    struct bytes path;
    snprintf(title, sizeof title, "Thing %u", variant_of(item));
    snprintf(brand, sizeof brand, "Brand %u", brand_of(item));
    snprintf(category, sizeof category, "Kind %u", category_of(item));
    path = bytes_text(category);
    event_init(&event, EVENT_PRODUCT);
    event.item_id = bytes_text(id_of(item));
    event.title = bytes_text(title);
    event.item_brand = bytes_text(brand);
    event.categories = (struct event_strings){&path, 1, 0};
    event.price = 10 + item;
    event.availability = is_sold_out(item) ? OUT_OF_STOCK : IN_STOCK;
    driver_product(shop->driver, &event);
}

static void open_shop(struct shop *shop, const char *rules)
{
    struct error error = {0};
    *shop = (struct shop){.maker = item_lists_maker_new()};
    config_init(&shop->config);
    CHECK(config_finish(&shop->config, &error) == VERDICT_OK);
    CHECK(driver_new(&shop->config, false, NULL, NULL, &shop->driver, &error) == VERDICT_OK);
    if (rules)
        CHECK_SAY(merchandising_rules_parse(bytes_text(rules), &shop->rules, &error) == VERDICT_OK,
                  "%s", error.message);
}

static void close_shop(struct shop *shop)
{
    item_lists_maker_free(shop->maker);
    merchandising_rules_release(&shop->rules);
    driver_free(shop->driver);
}

static void act(struct shop *shop, enum event_type type, uint32_t visitor, const char *item)
{
    char text[300], name[16], fields[120];
    enum fate fate;
    struct error error = {0};
    snprintf(name, sizeof name, "v%u", visitor);
    snprintf(fields, sizeof fields,
             type == EVENT_VIEW   ? "\"item\":{\"item_id\":\"%s\"}"
             : type == EVENT_CART ? "\"action\":\"add\",\"items\":[{\"item_id\":\"%s\"}]"
                                  : "\"items\":[{\"item_id\":\"%s\"}]",
             item);
    snprintf(text, sizeof text,
             "{\"event_id\":\"e%u\",\"visitor_id\":\"%s\",\"event_time\":%lld,%s%s%s%s}",
             shop->events, name, (long long)(START_MS + shop->events * 7000ll),
             type == EVENT_PURCHASE ? "\"transaction_id\":\"" : "",
             type == EVENT_PURCHASE ? name : "", type == EVENT_PURCHASE ? "\"," : "", fields);
    shop->events++;
    CHECK_SAY(driver_record(shop->driver, type, bytes_text(name), bytes_text(text), &fate,
                            &error) == VERDICT_OK,
              "%s", error.message);
    CHECK_SAY(fate != FATE_DEAD_LETTER, "%s", error.message);
}

static void trade(struct shop *shop, uint64_t seed, int events)
{
    struct random random = random_from(seed);
    for (uint32_t item = 0; item < PRODUCTS; item++)
        put_product(shop, item);
    for (uint32_t item = 0; item < PRODUCTS; item++)
        if (is_gone(item))
            driver_product_gone(shop->driver, bytes_text(id_of(item)));
    for (int i = 0; i < events; i++) {
        static const enum event_type types[] = {EVENT_VIEW, EVENT_VIEW, EVENT_CART, EVENT_PURCHASE};
        uint32_t item = random_below(&random, ITEMS) * random_below(&random, 100) / 100;
        act(shop, types[random_below(&random, 4)], random_below(&random, 30), id_of(item));
    }
}

static const struct item_lists *make(struct shop *shop, const char *item)
{
    const struct item_lists_inputs inputs = {
        .model = driver_model(shop->driver),
        .catalogue = driver_catalogue(shop->driver),
        .rules = &shop->rules,
        .filters = &shop->config.settings.recommend.filters,
        .length = LENGTH,
        .offset = 4711,
        .rules_digest = merchandising_rules_digest(&shop->rules),
    };
    return item_lists_make(shop->maker, &inputs, bytes_text(item));
}

/* ---- lists that are counts ---- */

static uint32_t number_of(struct bytes id)
{
    return (uint32_t)atoi(id.at + 1); /* a NUL follows each id of the model */
}

/* Adds the weights of the item's pairs with each other one, in one unit. Returns their sum. */
static double weigh(const struct model *model, uint32_t item, uint32_t kinds, uint32_t directions,
                    double *ret_weights)
{
    struct decay now = decay_at(trends_clock(model->trends), model->limits.pair_half_life_ms);
    double total = 0;
    for (int kind = 0; kind < PAIR_KINDS; kind++) {
        for (int direction = 0; direction < PAIR_DIRECTIONS; direction++) {
            const struct row *row = &model->items[item].rows[kind][direction];
            if (!(kinds >> kind & 1) || !(directions >> direction & 1))
                continue;
            total += decay_events(row->total, row->base, now);
            for (uint32_t i = 0; i < row->count; i++) {
                uint32_t other = number_of(model->items[row->entries[i].item].id);
                ret_weights[other] += decay_events(row->entries[i].weight, row->base, now);
            }
        }
    }
    return total;
}

/* The rules: brand 2 is excluded, brand 4 counts twice. */
static const char *const rules_text = "exclude brand \"Brand 2\" placement items\n"
                                      "boost brand \"Brand 4\" by 2\n"
                                      "exclude brand \"Brand 3\" placement home\n"
                                      "pin item p9 at 1\n";

/* ITEMS: none is left. Ties go to the lesser id. */
static uint32_t heaviest(const double *weights)
{
    uint32_t best = ITEMS;
    for (uint32_t item = 0; item < ITEMS; item++)
        if (weights[item] > 0 &&
            (best == ITEMS || weights[item] > weights[best] * (1 + 1e-9) ||
             (weights[item] > weights[best] * (1 - 1e-9) && strcmp(id_of(item), id_of(best)) < 0)))
            best = item;
    return best;
}

/* Whether the model knows of one visitor alone who had the item. */
static bool of_one_visitor(const struct model *model, uint32_t item)
{
    uint32_t number = model_find(model, bytes_text(id_of(item)));
    return number == ITEM_NONE || number_queue_has(&model->probation, number);
}

static void check_counts(struct shop *shop, const struct item_list *list, uint32_t item,
                         uint32_t kinds, uint32_t directions, bool other_category)
{
    const struct model *model = driver_model(shop->driver);
    double weights[ITEMS] = {0};
    uint32_t number = model_find(model, bytes_text(id_of(item))), count = 0;
    double total = weigh(model, number, kinds, directions, weights);
    bool boosted = shop->rules.count > 0; /* a boost may make ties, which stay in order */
    for (uint32_t other = 0; other < ITEMS; other++) {
        bool known = other < PRODUCTS;
        if (!known && of_one_visitor(model, other))
            weights[other] = 0;
        else if (other == item || variant_of(other) == variant_of(item) || is_gone(other) ||
                 (known && is_sold_out(other)) ||
                 (known && shop->rules.count && brand_of(other) == 2) ||
                 (known && other_category && item < PRODUCTS &&
                  category_of(other) == category_of(item)))
            weights[other] = 0;
        else if (known && shop->rules.count && brand_of(other) == 4)
            weights[other] *= 2;
    }
    for (;; count++) { /* the heaviest is next; its variants go */
        uint32_t best = heaviest(weights), found = ITEMS;
        if (best == ITEMS || count == LENGTH)
            break;
        if (count < list->count)
            found = number_of(list->items[count].item_id);
        bool tie = found < ITEMS && fabs(weights[found] / weights[best] - 1) < 1e-6;
        CHECK_SAY(found == best || (boosted && tie), "item %u, place %u: p%u, not p%u", item, count,
                  found, best);
        CHECK_SAY(found == ITEMS || fabs(list->items[count].score - weights[best] / total) < 1e-5,
                  "item %u, place %u: %g, not %g", item, count, list->items[count].score,
                  weights[best] / total);
        found = found == ITEMS ? best : found;
        for (uint32_t other = 0, variant = variant_of(found); other < ITEMS; other++)
            if (variant_of(other) == variant)
                weights[other] = 0;
    }
    CHECK_INT(list->count, count);
}

static bool in_none(const struct item_lists *lists, const char *item)
{
    for (int kind = 0; kind < ITEM_LIST_KINDS; kind++)
        for (uint32_t i = 0; i < lists->lists[kind].count; i++)
            if (bytes_equal(lists->lists[kind].items[i].item_id, bytes_text(item)))
                return false;
    return true;
}

static void check_all(struct shop *shop)
{
    uint32_t made = 0, counted[ITEM_LIST_KINDS] = {0};
    for (uint32_t item = 0; item < ITEMS; item++) {
        const struct item_lists *lists = make(shop, id_of(item));
        CHECK(lists == NULL || !is_gone(item));
        if (lists == NULL)
            continue;
        made++;
        for (int kind = 0; kind < ITEM_LIST_KINDS; kind++)
            counted[kind] += lists->lists[kind].count;
        CHECK_BYTES(lists->item_id, bytes_text(id_of(item)));
        CHECK_INT(lists->offset, 4711);
        CHECK(in_none(lists, id_of(item)));
        check_counts(shop, &lists->lists[ITEM_LIST_VIEWED_NEXT], item, 1 << PAIR_VIEW,
                     1 << PAIR_FORWARD, false);
        check_counts(shop, &lists->lists[ITEM_LIST_BOUGHT_TOGETHER], item, 1 << PAIR_PURCHASE, 3,
                     false);
        check_counts(shop, &lists->lists[ITEM_LIST_GOES_WITH], item,
                     1 << PAIR_CART | 1 << PAIR_PURCHASE, 3, true);
    }
    CHECK(made > ITEMS / 2);
    for (int kind = 0; kind < ITEM_LIST_KINDS; kind++)
        CHECK_SAY(counted[kind] > ITEMS, "%s: %u", item_list_names[kind], counted[kind]);
}

static void test_counts(void)
{
    for (int round = 0; round < 2; round++) {
        struct shop shop;
        open_shop(&shop, round ? rules_text : NULL);
        trade(&shop, 40 + (uint64_t)round, 2500);
        check_all(&shop);
        close_shop(&shop);
    }
}

/* ---- the other lists ---- */

static void check_nearest(const struct shop *shop, const struct item_lists *lists)
{
    const struct vectors *vectors = driver_model(shop->driver)->vectors;
    const struct item_list *list = &lists->lists[ITEM_LIST_NEAREST];
    uint32_t own = vectors_find(vectors, model_find(driver_model(shop->driver), lists->item_id));
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t item = model_find(driver_model(shop->driver), list->items[i].item_id);
        const float *x = vectors_row(vectors, own);
        const float *y = vectors_row(vectors, vectors_find(vectors, item));
        double dot = 0, xx = 0, yy = 0;
        for (int k = 0; k < VECTOR_SIZE; k++) {
            dot += (double)x[k] * (double)y[k];
            xx += (double)x[k] * (double)x[k];
            yy += (double)y[k] * (double)y[k];
        }
        CHECK_SAY(fabs(list->items[i].score - dot / sqrt(xx * yy)) < 1e-4, "%g, not %g",
                  list->items[i].score, dot / sqrt(xx * yy));
        CHECK(i == 0 || list->items[i].score <= list->items[i - 1].score);
    }
}

static void check_similar(const struct shop *shop, const struct item_lists *lists)
{
    const struct catalogue *catalogue = driver_catalogue(shop->driver);
    const struct item_list *list = &lists->lists[ITEM_LIST_SIMILAR];
    uint32_t own = catalogue_find(catalogue, lists->item_id);
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t product = catalogue_find(catalogue, list->items[i].item_id);
        CHECK_REAL((float)list->items[i].score, content_similarity(catalogue, own, product));
        CHECK(product_available(&catalogue->products[product]));
        CHECK_TEXT(list->items[i].reason, "similar");
    }
}

static void test_others(void)
{
    struct shop shop;
    open_shop(&shop, NULL);
    trade(&shop, 42, 2500);
    for (uint32_t item = 0; item < ITEMS; item++) {
        const struct item_lists *lists = make(&shop, id_of(item));
        if (lists == NULL)
            continue;
        check_nearest(&shop, lists);
        check_similar(&shop, lists);
    }
    close_shop(&shop);
}

/* A product that nobody has viewed yet has similar ones; an id that only one visitor has used is
 * nowhere, until a second one comes. */
static void test_new_and_invented(void)
{
    struct shop shop;
    open_shop(&shop, NULL);
    for (uint32_t item = 0; item < 9; item++)
        put_product(&shop, item);
    const struct item_lists *lists = make(&shop, "p0");
    CHECK(lists && lists->lists[ITEM_LIST_SIMILAR].count > 0 && lists->event_time_ms == 0);
    CHECK(lists && lists->lists[ITEM_LIST_VIEWED_NEXT].count == 0);
    CHECK(make(&shop, "never heard of") == NULL);
    for (uint32_t visitor = 0; visitor < 5; visitor++) {
        act(&shop, EVENT_VIEW, visitor, "p0");
        act(&shop, EVENT_VIEW, visitor, visitor == 0 ? "invented" : "p4");
    }
    CHECK(make(&shop, "invented") == NULL);
    lists = make(&shop, "p0");
    CHECK(lists && in_none(lists, "invented") && !in_none(lists, "p4"));
    act(&shop, EVENT_VIEW, 9, "p0");
    act(&shop, EVENT_VIEW, 9, "invented");
    lists = make(&shop, "p0");
    CHECK(lists && !in_none(lists, "invented"));
    CHECK(lists && lists->event_time_ms > 0);
    act(&shop, EVENT_VIEW, 9, "p4");
    CHECK(make(&shop, "invented") != NULL);
    driver_product_gone(shop.driver, bytes_text("p0"));
    CHECK(make(&shop, "p0") == NULL);
    close_shop(&shop);
}

/* ---- digests ---- */

static void test_digests(void)
{
    struct shop shop, other;
    open_shop(&shop, NULL);
    open_shop(&other, rules_text);
    CHECK_INT(driver_catalogue(shop.driver)->digest, 0);
    for (uint32_t item = 0; item < 20; item++)
        put_product(&shop, item);
    for (uint32_t item = 20; item > 0; item--) /* in another order */
        put_product(&other, item - 1);
    uint64_t digest = driver_catalogue(shop.driver)->digest;
    CHECK(digest != 0);
    CHECK_INT(driver_catalogue(other.driver)->digest, digest);
    driver_product_gone(other.driver, bytes_text("p7"));
    CHECK(driver_catalogue(other.driver)->digest != digest);
    put_product(&other, 7);
    CHECK_INT(driver_catalogue(other.driver)->digest, digest);
    CHECK_INT(merchandising_rules_digest(&shop.rules), 0);
    digest = merchandising_rules_digest(&other.rules);
    CHECK(digest != 0);
    other.rules.at[1].number = 3;
    CHECK(merchandising_rules_digest(&other.rules) != digest);
    close_shop(&shop);
    close_shop(&other);
}

/* ---- records ---- */

static void check_json(const struct item_lists *lists, struct bytes record)
{
    json_t *object = json_loadb(record.at, record.size, 0, NULL);
    json_t *all = json_object_get(object, "lists");
    size_t at = 0;
    CHECK_TEXT(json_string_value(json_object_get(object, "item_id")), "p\"0\"");
    CHECK_INT(json_integer_value(json_object_get(object, "offset")), lists->offset);
    CHECK_TEXT(json_string_value(json_object_get(object, "catalogue")), "00000000000000ff");
    CHECK_TEXT(json_string_value(json_object_get(object, "rules")), "fedcba9876543210");
    for (int kind = 0; kind < ITEM_LIST_KINDS; kind++) {
        if (lists->lists[kind].count == 0)
            continue;
        json_t *list = json_array_get(all, at++), *items = json_object_get(list, "items");
        CHECK_TEXT(json_string_value(json_object_get(list, "list")), item_list_names[kind]);
        CHECK_INT(json_array_size(items), lists->lists[kind].count);
        json_t *last = json_array_get(items, lists->lists[kind].count - 1);
        CHECK_TEXT(json_string_value(json_object_get(last, "item_id")), "z");
        CHECK_TEXT(json_string_value(json_object_get(last, "reason")), "related");
    }
    CHECK_INT(json_array_size(all), at);
    json_decref(object);
}

static void check_avro(const struct item_lists *lists, struct bytes record)
{
    struct bytes text = schema_text("item_lists");
    avro_schema_t schema = NULL;
    avro_value_t value, all, list, items, item, field;
    avro_schema_from_json_length(text.at, text.size, &schema);
    avro_value_iface_t *iface = avro_generic_class_from_schema(schema);
    avro_generic_value_new(iface, &value);
    avro_reader_t reader = avro_reader_memory(record.at + 10, (int64_t)record.size - 10);
    CHECK_SAY(avro_value_read(reader, &value) == 0, "%s", avro_strerror());
    size_t size = 0, count = 0;
    double score = 0;
    avro_value_sizeof(&value, &size);
    CHECK_INT(size, record.size - 10);
    avro_value_get_by_name(&value, "lists", &all, NULL);
    avro_value_get_size(&all, &count);
    CHECK_INT(count, 2);
    avro_value_get_by_index(&all, 1, &list, NULL);
    avro_value_get_by_name(&list, "items", &items, NULL);
    avro_value_get_by_index(&items, 0, &item, NULL);
    avro_value_get_by_name(&item, "score", &field, NULL);
    avro_value_get_double(&field, &score);
    CHECK_REAL(score, lists->lists[ITEM_LIST_VIEWED_NEXT].items[0].score);
    avro_reader_free(reader);
    avro_value_decref(&value);
    avro_value_iface_decref(iface);
    avro_schema_decref(schema);
}

static void test_records(void)
{
    const struct avro_frame frame = avro_frame_single(schema_fingerprint("item_lists"));
    struct buffer record = {0};
    struct item_lists *lists = memory_zero(1, sizeof *lists);
    struct listed_item item = {bytes_text("z"), .25, "related"};
    *lists = (struct item_lists){.item_id = bytes_text("p\"0\""),
                                 .offset = 12,
                                 .event_time_ms = START_MS,
                                 .catalogue = 0xff,
                                 .rules = 0xfedcba9876543210};
    item_lists_write_avro(lists, &frame, &record); /* no lists at all */
    CHECK_INT(record.at[record.size - 1], 0);
    lists->lists[ITEM_LIST_SIMILAR] = (struct item_list){.items = {item, item}, .count = 2};
    lists->lists[ITEM_LIST_VIEWED_NEXT] = (struct item_list){.items = {item}, .count = 1};
    uint64_t version = item_lists_version(lists);
    buffer_clear(&record);
    item_lists_write_json(lists, &record);
    check_json(lists, buffer_bytes(&record));
    buffer_clear(&record);
    item_lists_write_avro(lists, &frame, &record);
    check_avro(lists, buffer_bytes(&record));
    lists->lists[ITEM_LIST_SIMILAR].items[0].score = .5;
    lists->offset = 99;
    CHECK_INT(item_lists_version(lists), version);
    lists->lists[ITEM_LIST_SIMILAR].items[0].reason = "similar";
    CHECK(item_lists_version(lists) != version);
    free(lists);
    buffer_release(&record);
}

int main(void)
{
    TEST_RUN(test_counts);
    TEST_RUN(test_others);
    TEST_RUN(test_new_and_invented);
    TEST_RUN(test_digests);
    TEST_RUN(test_records);
    return test_done();
}
