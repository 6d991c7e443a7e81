#include "processors/recommend/search/product_set.h"

#include "schemas/sorted.h"

#include <stdlib.h>

#define BITS_OF_A_NUMBER 32

uint32_t product_set_seek(const struct product_set *set, uint32_t from, uint32_t product)
{
    const uint32_t *list = set->list;
    uint32_t step = 1, to = from;
    while (to < set->count && list[to] < product) {
        from = to + 1;
        to = set->count - to > step ? to + step : set->count;
        step *= 2;
    }
    return sorted_place(list, from, to, product);
}

bool product_set_has(const struct product_set *set, uint32_t product)
{
    if (set->dense)
        return product_set_word(set, product / 64) >> product % 64 & 1;
    return sorted_has(set->list, set->count, product);
}

static void make_dense(struct product_set *set)
{
    uint32_t words = set->list[set->count - 1] / 64 + 1;
    uint64_t *bits = memory_zero(words, sizeof *bits);
    for (uint32_t i = 0; i < set->count; i++)
        bits[set->list[i] / 64] |= 1ull << set->list[i] % 64;
    free(set->list);
    set->bits = bits;
    set->capacity = words & INT32_MAX;
    set->dense = 1;
}

static void make_list(struct product_set *set)
{
    uint32_t capacity = set->count + set->count / 8 + 2, count = 0;
    uint32_t *list = memory_get(capacity * sizeof *list);
    for (uint32_t i = 0; i < set->capacity; i++)
        for (uint64_t left = set->bits[i]; left; left &= left - 1)
            list[count++] = i * 64 + (uint32_t)__builtin_ctzll(left);
    free(set->bits);
    set->list = list;
    set->capacity = capacity & INT32_MAX;
    set->dense = 0;
}

/* Bits up to `last` would take twice the memory of a list. A list becomes bits already at the same
 * memory, so a set does not change its form back and forth. */
static bool too_thin(const struct product_set *set, uint32_t last)
{
    return (uint64_t)set->count * 2 * BITS_OF_A_NUMBER < last ||
           set->count < PRODUCT_SET_LIST_MIN / 2;
}

static void put_list(struct product_set *set, uint32_t product)
{
    uint32_t at = set->count;
    if (at > 0 && set->list[at - 1] >= product) {
        at = product_set_seek(set, 0, product);
        if (set->list[at] == product)
            return;
    }
    if (set->count == set->capacity) {
        set->capacity = (set->count + set->count / 4 + 1) & INT32_MAX;
        set->list = memory_resize(set->list, set->capacity * sizeof *set->list);
    }
    sorted_insert(set->list, set->count++, at, product);
    if (set->count > PRODUCT_SET_LIST_MIN &&
        (uint64_t)set->count * BITS_OF_A_NUMBER > set->list[set->count - 1])
        make_dense(set);
}

void product_set_put(struct product_set *set, uint32_t product)
{
    uint32_t word = product / 64;
    if (set->dense && word >= set->capacity && too_thin(set, product))
        make_list(set);
    if (!set->dense) {
        put_list(set, product);
        return;
    }
    if (word >= set->capacity) {
        uint32_t wanted = word + word / 8 + 1;
        set->bits = memory_resize(set->bits, wanted * sizeof *set->bits);
        memset(set->bits + set->capacity, 0, (wanted - set->capacity) * sizeof *set->bits);
        set->capacity = wanted & INT32_MAX;
    }
    set->count += !(set->bits[word] >> product % 64 & 1);
    set->bits[word] |= 1ull << product % 64;
}

void product_set_take(struct product_set *set, uint32_t product)
{
    if (!product_set_has(set, product))
        return;
    set->count--;
    if (set->dense) {
        set->bits[product / 64] &= ~(1ull << product % 64);
        if (too_thin(set, (uint32_t)set->capacity * 32)) /* half of the words may be empty */
            make_list(set);
        return;
    }
    uint32_t at = product_set_seek(set, 0, product);
    sorted_remove(set->list, set->count + 1, at);
}

void product_set_release(struct product_set *set)
{
    free(set->list);
    *set = (struct product_set){.count = 0};
}

size_t product_set_bytes(const struct product_set *set)
{
    return set->capacity * (set->dense ? sizeof *set->bits : sizeof *set->list);
}

/* Merges a list into a list. */
static void merge(struct product_set *set, const struct product_set *other)
{
    uint32_t capacity = set->count + other->count, count = 0, i = 0, k = 0;
    uint32_t *list = memory_get((capacity + 1u) * sizeof *list);
    while (i < set->count || k < other->count) {
        uint32_t mine = i < set->count ? set->list[i] : UINT32_MAX;
        uint32_t its = k < other->count ? other->list[k] : UINT32_MAX;
        list[count++] = mine < its ? mine : its;
        i += mine <= its;
        k += its <= mine;
    }
    free(set->list);
    *set = (struct product_set){.list = list, .count = count, .capacity = capacity & INT32_MAX};
}

static void unite_dense(const struct product_set *const *sets, uint32_t count, uint32_t words,
                        struct product_set *set)
{
    *set = (struct product_set){.dense = 1, .capacity = words & INT32_MAX};
    set->bits = memory_zero(words, sizeof *set->bits);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; sets[i]->dense && k < sets[i]->capacity; k++)
            set->bits[k] |= sets[i]->bits[k];
        for (uint32_t k = 0; !sets[i]->dense && k < sets[i]->count; k++)
            set->bits[sets[i]->list[k] / 64] |= 1ull << sets[i]->list[k] % 64;
    }
    for (uint32_t k = 0; k < words; k++)
        set->count += (uint32_t)__builtin_popcountll(set->bits[k]);
}

void product_set_unite(const struct product_set *const *sets, uint32_t count,
                       struct product_set *ret_set)
{
    uint32_t words = 0;
    uint64_t all = 0;
    bool dense = false;
    *ret_set = (struct product_set){.count = 0};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t its = sets[i]->dense   ? sets[i]->capacity
                       : sets[i]->count ? sets[i]->list[sets[i]->count - 1] / 64 + 1
                                        : 0;
        words = its > words ? its : words;
        all += sets[i]->count;
        dense = dense || sets[i]->dense;
    }
    if (dense || all * BITS_OF_A_NUMBER > (uint64_t)words * 64)
        unite_dense(sets, count, words, ret_set);
    else
        for (uint32_t i = 0; i < count; i++)
            merge(ret_set, sets[i]);
}
