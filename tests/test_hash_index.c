/* The hash index against a naive model, by random operations; growing arrays and byte order. */
#include "schemas/array.h"
#include "schemas/byte_order.h"
#include "schemas/hash_index.h"
#include "state/model.h"
#include "tests/colliding.h"
#include "tests/test.h"

#include <stdlib.h>

#define KEYS 400
#define NONE UINT32_MAX

/* Few distinct tags, so that keys collide. */
static uint64_t hash_of(uint32_t key)
{
    return (uint64_t)(key % 37) * 0x9E3779B1u + (key % 3);
}

static uint32_t find(const struct hash_index *index, const uint32_t *keys, uint32_t key)
{
    struct hash_probe probe = hash_index_probe(index, hash_of(key));
    while (hash_index_next(index, &probe))
        if (keys[probe.entry] == key)
            return probe.entry;
    return NONE;
}

static void check_all(const struct hash_index *index, const uint32_t *keys, const uint32_t *entries)
{
    uint32_t count = 0;
    for (uint32_t key = 0; key < KEYS; key++) {
        CHECK_INT(find(index, keys, key), entries[key]);
        count += entries[key] != NONE;
    }
    CHECK_INT(index->count, count);
    CHECK(index->capacity == 0 || 2 * index->count <= index->capacity);
}

static void test_random(void)
{
    struct random random = random_from(12);
    struct hash_index index = {0};
    uint32_t keys[2 * KEYS] = {0}, entries[KEYS]; /* key of an entry; entry of a key */
    for (uint32_t key = 0; key < KEYS; key++)
        entries[key] = NONE;
    check_all(&index, keys, entries);
    for (int step = 0; step < 20000; step++) {
        uint32_t key = random_below(&random, KEYS);
        if (entries[key] == NONE) {
            entries[key] = key;
            keys[key] = key;
            hash_index_add(&index, hash_of(key), key);
        } else if (random_one_in(&random, 4)) {
            uint32_t now = entries[key] == key ? key + KEYS : key;
            keys[now] = key;
            hash_index_renumber(&index, hash_of(key), entries[key], now);
            entries[key] = now;
        } else {
            hash_index_remove(&index, hash_of(key), entries[key]);
            entries[key] = NONE;
        }
        if (random_one_in(&random, 5000)) {
            hash_index_clear(&index);
            for (uint32_t i = 0; i < KEYS; i++)
                entries[i] = NONE;
        }
        if (step % 100 == 0)
            check_all(&index, keys, entries);
    }
    check_all(&index, keys, entries);
    hash_index_release(&index);
    CHECK(index.slots == NULL && hash_index_bytes(&index) == 0);
}

/* ---- keys that somebody chose ---- */

#define CHOSEN 10000

/* Slots that a look-up of the entry passes: the longest, and the mean of all. */
static uint32_t longest_probe(const struct hash_index *index, double *ret_mean)
{
    uint32_t mask = index->capacity - 1, most = 0;
    uint64_t sum = 0;
    for (uint32_t at = 0; at < index->capacity; at++) {
        if (index->slots[at].entry == 0)
            continue;
        uint32_t length = ((at - index->slots[at].tag) & mask) + 1;
        sum += length;
        most = length > most ? length : most;
    }
    *ret_mean = (double)sum / index->count;
    return most;
}

/* The hash that is the same everywhere puts them all in a row: the ids are what they should be. */
static void test_chosen_without_secret(void)
{
    struct hash_index index = {0};
    double mean;
    for (uint32_t i = 0; i < CHOSEN; i++) {
        char id[COLLIDING_BYTES];
        hash_index_add(&index, bytes_hash(colliding_id(id, 77, i)), i);
    }
    CHECK_INT(longest_probe(&index, &mean), CHOSEN);
    CHECK(mean > CHOSEN / 2.1);
    hash_index_release(&index);
}

static void check_probes(const struct hash_index *index)
{
    double mean;
    uint32_t longest = longest_probe(index, &mean);
    CHECK_INT(index->count, CHOSEN);
    CHECK_SAY(longest < 100 && mean < 2, "the longest probe is %u slots, the mean %f", longest,
              mean);
}

static void test_chosen(void)
{
    const struct model_limits limits = {.items_max = CHOSEN, .row_entries_max = 1};
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct hash_index numbers = {0};
        hash_index_seed(seed);
        struct model *model = model_new(&limits);
        for (uint32_t i = 0; i < CHOSEN; i++) {
            char id[COLLIDING_BYTES];
            struct bytes chosen = colliding_id(id, 77, i);
            model_intern(model, chosen, 1);
            hash_index_add(&numbers, hash_index_hash_number(bytes_hash(chosen)), i);
        }
        check_probes(&model->index);
        check_probes(&numbers);
        hash_index_release(&numbers);
        model_free(model);
    }
}

static void test_numbers(void)
{
    struct {
        uint32_t key;
        uint32_t value;
    } slots[64] = {0};
    uint32_t used = 0;
    for (uint32_t i = 0; i < 500; i++) {
        uint32_t number = i * i % 31;
        uint32_t at = number_slot(slots, sizeof *slots, 64, number);
        used += slots[at].key == 0;
        slots[at].key = number + 1;
        slots[at].value += i;
    }
    uint32_t sum = 0;
    for (uint32_t at = 0; at < 64; at++)
        sum += slots[at].value;
    CHECK_INT(used, 16); /* squares modulo 31, with 0 */
    CHECK_INT(sum, 499 * 500 / 2);
}

static void test_array(void)
{
    uint32_t *numbers = NULL, capacity = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        ARRAY_RESERVE(numbers, capacity, i + 1);
        CHECK(capacity > i);
        numbers[i] = i;
    }
    CHECK_INT(capacity, 1024);
    for (uint32_t i = 0; i < 1000; i++)
        CHECK_INT(numbers[i], i);
    free(numbers);
}

/* Small arrays grow by half. Cleared arrays have zero in each new item and leave the old ones. */
static void test_array_kinds(void)
{
    uint32_t *small = NULL, small_capacity = 0, *cleared = NULL;
    size_t cleared_capacity = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t before = small_capacity;
        ARRAY_RESERVE_SMALL(small, small_capacity, i + 1);
        CHECK(small_capacity > i && (before == 0 || small_capacity <= before + before / 2 + 1));
        small[i] = i;
        ARRAY_RESERVE_ZERO(cleared, cleared_capacity, i + 1);
        CHECK(cleared[i] == 0 && cleared[cleared_capacity - 1] == 0);
        cleared[i] = i + 1;
    }
    for (uint32_t i = 0; i < 1000; i++) {
        CHECK_INT(small[i], i);
        CHECK_INT(cleared[i], i + 1);
    }
    free(small);
    free(cleared);
}

static void test_byte_order(void)
{
    unsigned char bytes[8];
    put_le(bytes, 0x0102030405060708u, 8);
    CHECK(bytes[0] == 8 && bytes[7] == 1);
    CHECK(get_le(bytes, 8) == 0x0102030405060708u && get_be(bytes, 8) == 0x0807060504030201u);
    put_be(bytes, 0xA1B2, 2);
    CHECK(bytes[0] == 0xA1 && bytes[1] == 0xB2 && get_be(bytes, 2) == 0xA1B2);
    CHECK(get_le(bytes, 2) == 0xB2A1);
}

int main(void)
{
    TEST_RUN(test_random);
    TEST_RUN(test_chosen_without_secret);
    TEST_RUN(test_chosen);
    TEST_RUN(test_numbers);
    TEST_RUN(test_array);
    TEST_RUN(test_array_kinds);
    TEST_RUN(test_byte_order);
    return test_done();
}
