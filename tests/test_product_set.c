/* Sets of products against an array of flags. */
#include "processors/recommend/search/product_set.h"
#include "tests/test.h"

#define PRODUCTS 40000

static void check_set(const struct product_set *set, const bool *flags)
{
    uint32_t count = 0, at = 0;
    for (uint32_t i = 0; i < PRODUCTS; i++) {
        if (product_set_has(set, i) != flags[i])
            CHECK_SAY(false, "%u of %u is%s in the set", i, set->count, flags[i] ? " not" : "");
        if (set->dense && (product_set_word(set, i / 64) >> i % 64 & 1) != flags[i])
            CHECK_SAY(false, "bit %u is wrong", i);
        if (!set->dense && flags[i]) {
            at = product_set_seek(set, at, i);
            CHECK(at == count && set->list[at] == i);
        }
        count += flags[i];
    }
    CHECK_INT(set->count, count);
    CHECK(product_set_bytes(set) <= 2 * PRODUCTS / 8 + 4096);
}

/* Thin, then thick, then thin again, so that it goes over to bits and back. */
static void test_random(void)
{
    static bool flags[PRODUCTS];
    struct random random = random_from(5);
    struct product_set set = {.count = 0};
    bool was_dense = false;
    uint32_t changes = 0;
    for (uint32_t round = 0; round < 60; round++) {
        bool grow = round % 30 < 15;
        uint32_t range = round < 10 ? 3000 : PRODUCTS;
        for (uint32_t i = 0; i < 1500; i++) {
            uint32_t product = random_below(&random, range);
            bool put = grow ? !random_one_in(&random, 5) : random_one_in(&random, 20);
            for (uint32_t k = product; k < product + (put ? 1 : 20) && k < PRODUCTS; k++) {
                flags[k] = put;
                (put ? product_set_put : product_set_take)(&set, k);
            }
        }
        changes += was_dense != set.dense;
        was_dense = set.dense;
        check_set(&set, flags);
    }
    CHECK_SAY(changes >= 3, "%u times from one form to the other", changes);
    for (uint32_t i = 0; i < PRODUCTS; i++)
        product_set_take(&set, i);
    CHECK_INT(set.count, 0);
    CHECK_INT(set.dense, 0);
    product_set_release(&set);
}

static void test_unite(void)
{
    static bool flags[PRODUCTS];
    struct random random = random_from(6);
    for (int round = 0; round < 60; round++) {
        struct product_set sets[4] = {{.count = 0}}, united;
        const struct product_set *all[4];
        memset(flags, 0, sizeof flags);
        for (int i = 0; i < 4; i++) {
            uint32_t count = random_below(&random, round % 3 ? 200 : 6000);
            for (uint32_t k = 0; k < count; k++) {
                uint32_t product = random_below(&random, PRODUCTS);
                product_set_put(&sets[i], product);
                flags[product] = true;
            }
            all[i] = &sets[i];
        }
        product_set_unite(all, 4, &united);
        check_set(&united, flags);
        product_set_release(&united);
        for (int i = 0; i < 4; i++)
            product_set_release(&sets[i]);
    }
}

int main(void)
{
    TEST_RUN(test_random);
    TEST_RUN(test_unite);
    return test_done();
}
