/* Similar products: the formula, and what is found against a scan of all products. */
#include "processors/recommend/candidates/content_similarity.h"
#include "tests/test.h"

#include <math.h>

static const struct catalogue_limits limits = {.products_max = 100000,
                                               .attribute_names_max = 1000,
                                               .attribute_values_max = 100000,
                                               .product_attributes_max = 100};

static struct bytes text_of(struct arena *arena, const char *format, uint32_t a, uint32_t b)
{
    char text[64];
    int size = snprintf(text, sizeof text, format, a, b);
    return arena_copy(arena, bytes_of(text, (size_t)size));
}

/* Products in families, which share many attributes. */
static void put_product(struct catalogue *catalogue, struct random *random, uint32_t number,
                        uint32_t families)
{
    struct arena arena = {0};
    struct event event;
    uint32_t family = random_below(random, families);
    event_init(&event, EVENT_PRODUCT);
    event.item_id = text_of(&arena, "i%u", number, 0);
    event.title = event.item_id;
    event.item_brand = text_of(&arena, "b%u", random_below(random, 9), 0);
    struct bytes path = text_of(&arena, "c%u > d%u", family % 5, family % 11);
    event.categories = (struct event_strings){&path, 1, 0};
    event.price = 10 + random_below(random, 100);
    event.attributes.count = 8;
    event.attributes.at = arena_get(&arena, 16 * sizeof(struct bytes));
    for (uint32_t i = 0; i < 8; i++) {
        event.attributes.at[2 * i] = text_of(&arena, "n%u", i, 0);
        event.attributes.at[2 * i + 1] = i < 5
                                             ? text_of(&arena, "f%u-%u", family, i)
                                             : text_of(&arena, "x%u", random_below(random, 20), 0);
    }
    if (random_one_in(random, 15))
        event.availability = OUT_OF_STOCK;
    catalogue_put(catalogue, &event);
    arena_release(&arena);
}

static uint32_t naive_top(const struct catalogue *catalogue, uint32_t product,
                          struct similar_product *best)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < catalogue->product_count; i++) {
        float score = content_similarity(catalogue, product, i);
        uint32_t at = count;
        if (i == product || !product_available(&catalogue->products[i]) || !(score > 0))
            continue;
        if (count == SIMILAR_MAX && best[count - 1].similarity >= score)
            continue;
        if (count < SIMILAR_MAX)
            count++;
        else
            at--;
        for (; at > 0 && best[at - 1].similarity < score; at--)
            best[at] = best[at - 1];
        best[at] = (struct similar_product){i, score};
    }
    return count;
}

/* Below the bound of work it is exact. */
static void test_against_scan(void)
{
    struct random random = random_from(51);
    struct catalogue *catalogue = catalogue_new(&limits);
    for (uint32_t i = 0; i < 300; i++)
        put_product(catalogue, &random, i, 25);
    for (uint32_t i = 0; i < 300; i += 7)
        put_product(catalogue, &random, i, 25); /* again, otherwise */
    for (uint32_t i = 0; i < 300; i += 11)
        catalogue_delete(catalogue, product_id(&catalogue->products[i]));
    for (uint32_t i = 0; i < 300; i++) {
        struct similar_product expected[SIMILAR_MAX], got[SIMILAR_MAX];
        if (catalogue->products[i].gone)
            continue;
        uint32_t wanted = naive_top(catalogue, i, expected);
        uint32_t count = content_similarity_top(catalogue, i, SIMILAR_MAX, got);
        CHECK_INT(count, wanted);
        for (uint32_t k = 0; k < 10 && k < count; k++) /* the last ones may miss the first cut */
            CHECK_SAY(got[k].product == expected[k].product, "product %u, place %u: %u, not %u", i,
                      k, got[k].product, expected[k].product);
        for (uint32_t k = 1; k < count; k++)
            CHECK(got[k].similarity <= got[k - 1].similarity && got[k].similarity <= 1.0001f);
    }
    catalogue_free(catalogue);
}

/* Past the bound it still finds the family. */
static void test_large(void)
{
    struct random random = random_from(52);
    struct catalogue *catalogue = catalogue_new(&limits);
    uint32_t same = 0, all = 0;
    for (uint32_t i = 0; i < 60000; i++)
        put_product(catalogue, &random, i, 2000);
    for (uint32_t i = 0; i < 60000; i += 997) {
        struct similar_product got[SIMILAR_MAX];
        uint32_t count = content_similarity_top(catalogue, i, 10, got);
        struct words mine = product_words(&catalogue->products[i], WORD_ATTRIBUTE);
        for (uint32_t k = 0; k < count; k++) {
            uint32_t shared = 0;
            for (uint32_t w = 0; w < mine.count; w++)
                shared += catalogue_has(catalogue, got[k].product, mine.at[w]);
            same += shared >= 5;
        }
        all += count;
        CHECK_INT(count, 10);
    }
    CHECK_SAY(same > all * 9 / 10, "%u of %u are of the family", same, all);
    catalogue_free(catalogue);
}

static void test_formula(void)
{
    struct catalogue *catalogue = catalogue_new(&limits);
    struct event event;
    struct bytes path = bytes_text("A > B"),
                 pairs[4] = {bytes_text("n"), bytes_text("1"), bytes_text("m"), bytes_text("1")};
    event_init(&event, EVENT_PRODUCT);
    event.item_id = event.title = bytes_text("a");
    event.categories = (struct event_strings){&path, 1, 0};
    event.price = 100;
    event.attributes = (struct event_pairs){.at = pairs, .count = 2};
    catalogue_put(catalogue, &event);
    event.item_id = bytes_text("b");
    path = bytes_text("A > C");
    event.price = 50;
    pairs[3] = bytes_text("2");
    catalogue_put(catalogue, &event);
    event.item_id = bytes_text("c");
    path = bytes_text("X");
    event.attributes.count = 0;
    catalogue_put(catalogue, &event);
    double all = log(2.5), one = log(4); /* ln(1 + 3/2), ln(1 + 3/1) */
    double expected =
        2 * all * all / (2 * all * all + 2 * one * one) * (.3 + .7 / 2) * (.6 + .4 / (1 + log(2)));
    CHECK_SAY(fabs((double)content_similarity(catalogue, 0, 1) - expected) < 1e-5, "%f, not %f",
              (double)content_similarity(catalogue, 0, 1), expected);
    CHECK_REAL(content_similarity(catalogue, 0, 2), 0);
    catalogue_delete(catalogue, bytes_text("b"));
    CHECK_REAL(content_similarity(catalogue, 0, 1), 0);
    catalogue_free(catalogue);
}

static void test_rows_and_candidates(void)
{
    struct random random = random_from(53);
    struct catalogue *catalogue = catalogue_new(&limits);
    const struct model_limits model_limits = {.items_max = 100,
                                              .row_entries_max = 10,
                                              .pair_half_life_ms = 1000,
                                              .popular_half_life_ms = 1000};
    struct model *model = model_new(&model_limits);
    struct content_similarity *similar = content_similarity_new();
    struct candidates candidates;
    for (uint32_t i = 0; i < 100; i++)
        put_product(catalogue, &random, i, 4);
    for (uint32_t i = 0; i < 50; i += 2)
        model_intern(model, product_id(&catalogue->products[i]), 0);
    struct query query = {.model = model,
                          .catalogue = catalogue,
                          .content_similarity = similar,
                          .recent = {3, 5},
                          .distance = {1, 2},
                          .recent_count = 2};
    candidates_init(&candidates);
    candidates_clear(&candidates, model->item_count, catalogue->product_count);
    content_similarity_generate(&query, &candidates, 2);
    uint32_t known = 0, unknown = 0;
    for (uint32_t i = 0; i < candidates.count; i++) {
        uint32_t item = candidates.at[i].item;
        struct bytes id = query_item_id(&query, item);
        CHECK(product_available(&catalogue->products[catalogue_find(catalogue, id)]));
        CHECK(item_is_product(item) == (model_find(model, id) == ITEM_NONE));
        CHECK(content_similarity_weight(&candidates.at[i]) > 0 &&
              content_similarity_weight(&candidates.at[i]) <= 1);
        known += !item_is_product(item);
        unknown += item_is_product(item);
    }
    CHECK(known > 0 && unknown > 0);
    uint32_t count, product = catalogue_find(catalogue, model->items[3].id);
    const struct similar_product *row = content_similarity_row(similar, catalogue, product, &count);
    uint32_t first = row[0].product;
    CHECK(count > 0);
    catalogue_delete(catalogue, product_id(&catalogue->products[first]));
    content_similarity_row(similar, catalogue, product, &count);
    CHECK_INT(row[0].product, first); /* kept; the generator leaves it out */
    candidates_clear(&candidates, model->item_count, catalogue->product_count);
    content_similarity_generate(&query, &candidates, 2);
    for (uint32_t i = 0; i < candidates.count; i++)
        CHECK(!bytes_equal(query_item_id(&query, candidates.at[i].item),
                           product_id(&catalogue->products[first])));
    for (uint32_t i = 200; i < 300; i++)
        put_product(catalogue, &random, i, 4);
    row = content_similarity_row(similar, catalogue, product, &count);
    for (uint32_t i = 0; i < count; i++)
        CHECK(row[i].product != first);
    candidates_release(&candidates);
    content_similarity_free(similar);
    model_free(model);
    catalogue_free(catalogue);
}

int main(void)
{
    TEST_RUN(test_formula);
    TEST_RUN(test_against_scan);
    TEST_RUN(test_large);
    TEST_RUN(test_rows_and_candidates);
    return test_done();
}
