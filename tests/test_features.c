/* The ranker's columns: names and masks, and that each is a number whatever the visitors did and
 * the shop says; some against what they stand for. */
#include "processors/recommend/candidates/content_similarity.h"
#include "processors/recommend/ranking/features.h"
#include "processors/runtime/driver.h"
#include "tests/test.h"

#define START_MS 1700000000000
#define ITEMS 80

static const struct feature_mask none_off;

static bool masked_is(const struct feature_mask *mask, const char *name, const char *group)
{
    for (uint32_t f = 0; f < feature_count; f++) {
        bool named = (name && strcmp(features[f].name, name) == 0) ||
                     (group && strcmp(features[f].group, group) == 0);
        if (feature_masked(mask, f) != named)
            return false;
    }
    return true;
}

static void test_names(void)
{
    struct feature_mask mask;
    struct error error = {0};
    char list[256];
    for (uint32_t f = 0; f < feature_count; f++) {
        for (uint32_t k = 0; k < f; k++)
            CHECK_SAY(strcmp(features[f].name, features[k].name) != 0, "%s twice",
                      features[f].name);
        CHECK(features_find(features[f].group, &mask, &error) == VERDICT_OK);
        CHECK(feature_masked(&mask, f));
        snprintf(list, sizeof list, "%s,%s", features[f].name, features[0].group);
        CHECK(features_find(list, &mask, &error) == VERDICT_OK);
        CHECK(feature_masked(&mask, f) && feature_masked(&mask, 0));
    }
    CHECK(features_find("", &mask, &error) == VERDICT_OK);
    CHECK(masked_is(&mask, NULL, NULL));
    mask.words[0] = 5;
    CHECK(features_find("vectors,nonsense", &mask, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "nonsense");
    CHECK_INT(mask.words[0], 5); /* untouched */
    CHECK(feature_count <= FEATURES_MAX && feature_varying_count < feature_count);
    CHECK(features_hash() == features_hash() && features_hash() != 0);
}

/* ---- random models ---- */

static void put_products(struct driver *driver, struct random *random)
{
    for (uint32_t i = 0; i < ITEMS + 40; i++) { /* the last ones nobody ever clicks on */
        char id[16], title[40], brand[16];
        struct event product;
        if (random_one_in(random, 5))
            continue;
        event_init(&product, EVENT_PRODUCT);
        snprintf(id, sizeof id, "i%u", i);
        snprintf(title, sizeof title, "wool coat %u", i % 9);
        snprintf(brand, sizeof brand, "b%u", i % 4);
        struct bytes category = bytes_text(i % 2 ? "Women > Coats" : "Men > Coats");
        product.item_id = bytes_text(id);
        product.title = bytes_text(title);
        product.item_brand = bytes_text(brand);
        product.categories = (struct event_strings){&category, random_below(random, 2), 0};
        product.price = random_one_in(random, 3) ? (double)NAN : random_one_in(random, 5) ? 0 : 1e9;
        product.original_price = random_one_in(random, 2) ? (double)NAN : 1e-9;
        driver_product(driver, &product);
    }
}

static void send(struct driver *driver, struct random *random, int i)
{
    static const double prices[] = {0, 1e-300, 5, 1e300, 1e308, (double)NAN};
    char id[16], name[16], item_id[16];
    struct event event;
    struct event_item item;
    struct error error = {0};
    enum fate fate;
    event_init(&event, (enum event_type)(random_one_in(random, 5)   ? EVENT_CART
                                         : random_one_in(random, 9) ? EVENT_PURCHASE
                                                                    : EVENT_VIEW));
    event_item_init(&item);
    snprintf(id, sizeof id, "e%d", i);
    snprintf(name, sizeof name, "v%u", random_below(random, 30));
    snprintf(item_id, sizeof item_id, "i%u", random_below(random, 1 + random_below(random, ITEMS)));
    item.item_id = bytes_text(item_id);
    item.price = prices[random_below(random, 6)];
    event.event_id = event.transaction_id = bytes_text(id);
    event.visitor_id = bytes_text(name);
    event.event_time_ms = START_MS + i * 1000 + (random_one_in(random, 50) ? 86400000 : 0);
    event.items = &item;
    event.item_count = 1;
    CHECK(driver_event(driver, &event, &fate, &error) == VERDICT_OK);
}

static float column_of(const struct feature_matrix *matrix, const char *name, uint32_t i)
{
    for (uint32_t f = 0; f < feature_varying_count; f++)
        if (strcmp(features[f].name, name) == 0)
            return matrix->columns[(size_t)f * matrix->stride + i];
    CHECK_SAY(false, "there is no column %s", name);
    return 0;
}

/* The cosine of two items' vectors; 0: one has none. */
static double cosine(const struct vectors *vectors, uint32_t a, uint32_t b)
{
    uint32_t x = vectors_find(vectors, a), y = vectors_find(vectors, b);
    double sum = 0;
    for (uint32_t k = 0; x != PLACE_NONE && y != PLACE_NONE && k < VECTOR_SIZE; k++)
        sum += (double)vectors_row(vectors, x)[k] * (double)vectors_row(vectors, y)[k] *
               (double)vectors->inverse_norms[x] * (double)vectors->inverse_norms[y];
    return sum;
}

static void check_vectors(const struct query *query, const struct candidates *candidates,
                          const struct feature_matrix *matrix)
{
    const struct vectors *vectors = query->model->vectors;
    for (uint32_t i = 0; i < candidates->count; i++) {
        double most = 0;
        for (uint32_t k = 0; k < query->length && k < 6; k++)
            most = fmax(most, cosine(vectors, candidates->at[i].item, query->sequence[k]));
        if (!query->has_session)
            continue;
        CHECK_SAY(fabs((double)column_of(matrix, "vector_most", i) - most) < 1e-4, "%g, not %g",
                  (double)column_of(matrix, "vector_most", i), most);
        if (query->length > 0)
            CHECK(fabs((double)column_of(matrix, "vector_last", i) -
                       cosine(vectors, candidates->at[i].item, query->sequence[0])) < 1e-4);
    }
}

static void check_meaning(const struct candidates *candidates, const struct feature_matrix *matrix)
{
    for (uint32_t i = 0; i < candidates->count; i++) {
        const struct candidate *candidate = &candidates->at[i];
        uint32_t d = candidate->distance;
        CHECK_REAL(column_of(matrix, "repeat", i), d > 0);
        CHECK_REAL(column_of(matrix, "repeat_last", i), d == 1);
        CHECK_REAL(column_of(matrix, "repeat_inverse", i), d ? 1 / (float)d : 0);
        CHECK_REAL(column_of(matrix, "forward_inverse", i),
                   candidate->forward_rank ? 1 / (float)candidate->forward_rank : 0);
        double bent = .14474 * log(1 + 1000 * (double)candidate->backward);
        CHECK(fabs((double)column_of(matrix, "backward_share", i) - bent) < 1e-4);
    }
}

static void check_matrix(const struct candidates *candidates, const struct feature_matrix *matrix,
                         const struct feature_mask *off)
{
    CHECK_INT(matrix->count, candidates->count);
    CHECK(matrix->stride >= matrix->count && matrix->stride % 8 == 0);
    for (uint32_t f = 0; f < feature_count; f++) {
        bool varying = f < feature_varying_count;
        for (uint32_t i = 0; i < (varying ? matrix->count : 1); i++) {
            float x = varying ? matrix->columns[(size_t)f * matrix->stride + i] : matrix->common[f];
            CHECK_SAY(isfinite(x) && fabsf(x) < 1e6f, "%s is %g", features[f].name, (double)x);
            if (feature_masked(off, f))
                CHECK_REAL(x, 0);
            if (varying && (x < 0 || x > 0))
                CHECK(matrix->filled[f] >> (i / FEATURE_GROUP) & 1);
        }
        CHECK(!feature_masked(off, f) || matrix->filled[f] == 0 || !varying);
    }
}

static void test_random(void)
{
    struct random random = random_from(1);
    struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    struct candidates candidates;
    struct feature_matrix *matrix = memory_aligned(sizeof *matrix);
    struct query *query = memory_aligned(sizeof *query);
    uint32_t products = 0, checked = 0;
    memset(query, 0, sizeof *query);
    query->content_similarity = content_similarity_new();
    candidates_init(&candidates);
    config_init(&config);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK(driver_new(&config, true, NULL, NULL, &driver, &error) == VERDICT_OK);
    for (int i = 0; i < (TEST_SANITIZED ? 1000 : 2500); i++) {
        if (i == 300)
            put_products(driver, &random);
        send(driver, &random, i);
        char name[16];
        snprintf(name, sizeof name, "v%u", random_below(&random, 30));
        struct visitor *visitor = driver_visitor(driver, bytes_text(name));
        if (visitor == NULL || i % 3 != 0)
            continue;
        struct feature_mask off = none_off;
        if (random_one_in(&random, 3))
            off.words[0] = random_next(&random) & random_next(&random);
        query_init(query, driver_model(driver), driver_catalogue(driver), visitor,
                   config.settings.session_gap_ms);
        candidates_generate(&candidates, query, 0, 64);
        features_fill(query, &candidates, 4, &off, matrix);
        check_matrix(&candidates, matrix, &off);
        if (off.words[0] == 0) {
            check_meaning(&candidates, matrix);
            check_vectors(query, &candidates, matrix);
        }
        for (uint32_t k = 0; k < candidates.count; k++)
            products += item_is_product(candidates.at[k].item);
        checked += candidates.count;
    }
    CHECK(checked > 5000);
    CHECK(products > 50); /* that nobody has clicked on */
    candidates_release(&candidates);
    content_similarity_free(query->content_similarity);
    free(query);
    free(matrix);
    driver_free(driver);
}

/* ---- what visitors like ---- */

static void put_liked(struct driver *driver, const char *id, const char *brand, const char *colour,
                      const char *gender, double price, double original)
{
    struct event product;
    struct bytes category = bytes_text(price < 50 ? "Tops" : "Coats");
    struct bytes colours[2] = {bytes_text("Beige"), bytes_text(colour)};
    struct bytes genders = bytes_text(gender);
    event_init(&product, EVENT_PRODUCT);
    product.item_id = product.title = bytes_text(id);
    product.item_brand = bytes_text(brand);
    product.categories = (struct event_strings){&category, 1, 0};
    product.colors = (struct event_strings){colours, 2, 0};
    product.genders = (struct event_strings){&genders, 1, 0};
    product.price = price;
    product.original_price = original;
    driver_product(driver, &product);
}

static void look(struct driver *driver, const char *visitor, enum event_type type, const char *id,
                 int64_t time_ms)
{
    char event_id[64];
    struct event event;
    struct event_item item;
    struct error error = {0};
    enum fate fate;
    event_init(&event, type);
    event_item_init(&item);
    snprintf(event_id, sizeof event_id, "%s-%d-%lld", visitor, type, (long long)time_ms);
    item.item_id = bytes_text(id);
    event.event_id = event.transaction_id = bytes_text(event_id);
    event.visitor_id = bytes_text(visitor);
    event.event_time_ms = time_ms;
    event.items = &item;
    event.item_count = 1;
    CHECK(driver_event(driver, &event, &fate, &error) == VERDICT_OK);
}

static void check_likes(const struct query *query, const struct candidates *candidates,
                        const struct feature_matrix *matrix)
{
    /* Seen: a, a2 (both brand one, red, female), then only e, of brand two, bought: 2 + 5 by weight
     */
    uint32_t checked = 0;
    for (uint32_t i = 0; i < candidates->count; i++) {
        struct bytes id = query_item_id(query, candidates->at[i].item);
        if (bytes_equal(id, bytes_text("b"))) { /* brand one, blue, male, 200, half off */
            checked++;
            CHECK(fabs((double)column_of(matrix, "brand_seen", i) - .3 * log(1 + 2.0)) < .01);
            CHECK_REAL(column_of(matrix, "brand_bought", i), 0);
            CHECK(fabs((double)column_of(matrix, "category_taste", i) - 2 / 7.0) < .01);
            CHECK(fabs((double)column_of(matrix, "colour_taste", i) - 1) < .01); /* all are beige */
            double spread = .5; /* two prices of 100 and as much of the prior's */
            spread = sqrt(spread * spread / 2);
            CHECK(fabs((double)column_of(matrix, "price_taste", i) - log(2) / spread) < .05);
            double above = (5 * .75 - 7 * (.75 + .5) / 5) / (7 + 8);
            CHECK(fabs((double)column_of(matrix, "discount_liked", i) - 40 * .5 * above) < .01);
        } else if (bytes_equal(id, bytes_text("c"))) { /* brand two, red, female, 20, full price */
            checked++;
            CHECK_REAL(column_of(matrix, "brand_seen", i), 0);
            CHECK(fabs((double)column_of(matrix, "brand_bought", i) - .5 * log(1 + 1.0)) < .01);
            CHECK(fabs((double)column_of(matrix, "category_taste", i) - 5 / 7.0) < .01);
            CHECK(column_of(matrix, "price_taste", i) < .1f);
            CHECK_REAL(column_of(matrix, "discount_liked", i), 0);
        }
    }
    CHECK_INT(checked, 2);
}

/* A visitor's activities of days ago show in the columns of items that others clicked since. */
static void test_likes(void)
{
    struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    struct candidates candidates;
    struct feature_matrix *matrix = memory_aligned(sizeof *matrix);
    struct query *query = memory_aligned(sizeof *query);
    memset(query, 0, sizeof *query);
    query->content_similarity = content_similarity_new();
    candidates_init(&candidates);
    config_init(&config);
    CHECK(config_set(&config, "visitor.tastes.half.life.ms", "864000000000", &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK(driver_new(&config, false, NULL, NULL, &driver, &error) == VERDICT_OK);
    put_liked(driver, "a", "one", "Red", "female", 100, (double)NAN);
    put_liked(driver, "a2", "one", "Red", "female", 100, (double)NAN);
    put_liked(driver, "e", "two", "Green", "unisex", 20, 80);
    put_liked(driver, "b", "one", "Blue", "male", 200, 400);
    put_liked(driver, "c", "two", "Red", "female", 20, (double)NAN);
    look(driver, "v", EVENT_VIEW, "a", START_MS);
    look(driver, "v", EVENT_VIEW, "a2", START_MS + 5000);
    look(driver, "v", EVENT_PURCHASE, "e", START_MS + 10 * 86400000ll);
    look(driver, "w", EVENT_VIEW, "b", START_MS + 11 * 86400000ll);
    look(driver, "w", EVENT_VIEW, "c", START_MS + 11 * 86400000ll + 5000);
    query_init(query, driver_model(driver), driver_catalogue(driver),
               driver_visitor(driver, bytes_text("v")), config.settings.session_gap_ms);
    candidates_generate(&candidates, query, 0, 64);
    features_fill(query, &candidates, 4, &none_off, matrix);
    check_likes(query, &candidates, matrix);
    candidates_release(&candidates);
    content_similarity_free(query->content_similarity);
    free(query);
    free(matrix);
    driver_free(driver);
}

int main(void)
{
    TEST_RUN(test_likes);
    TEST_RUN(test_names);
    TEST_RUN(test_random);
    return test_done();
}
