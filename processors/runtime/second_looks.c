#include "processors/runtime/second_looks.h"

#include "processors/runtime/log.h"

#include <stdlib.h>

void second_looks_init(struct second_looks *looks)
{
    *looks = (struct second_looks){.ring = memory_zero(LOOKS_MAX, sizeof *looks->ring)};
}

void second_looks_release(struct second_looks *looks)
{
    for (size_t i = 0; looks->ring && i < LOOKS_MAX; i++)
        free(looks->ring[i].key);
    free(looks->ring);
    *looks = (struct second_looks){0};
}

void second_looks_turn_off(struct second_looks *looks)
{
    looks->off = true;
}

void second_looks_add(struct second_looks *looks, const struct visitor *visitor, int tries)
{
    if (looks->off || tries >= LOOK_TRIES_MAX || looks->count == LOOKS_MAX)
        return;
    struct second_look *look = &looks->ring[(looks->first + looks->count++) % LOOKS_MAX];
    free(look->key); /* of a look that was forgotten */
    *look = (struct second_look){
        .due_us = clock_monotonic_us() + ((int64_t)LOOK_FIRST_US << tries),
        .tries = tries,
        .partition = visitor->partition,
        .key = memory_text(visitor_key(visitor)),
        .key_size = visitor->key_size,
    };
}

bool second_looks_take(struct second_looks *looks, int64_t now_us, struct second_look *ret_look)
{
    struct second_look *look = &looks->ring[looks->first];
    if (looks->count == 0 || look->due_us > now_us)
        return false;
    *ret_look = *look;
    look->key = NULL;
    looks->first = (looks->first + 1) % LOOKS_MAX;
    looks->count--;
    return true;
}

struct finder {
    struct store_visitor visitor; /* first: the store hands it back */
    struct second_looks *looks;
    int32_t partition;
};

static enum verdict find_row(struct store_visitor *self, struct bytes key, struct bytes value,
                             struct error *error)
{
    struct finder *finder = (struct finder *)(void *)self;
    struct visitor *visitor;
    if (key.size < 2 || visitor_decode(finder->partition, bytes_of(key.at + 2, key.size - 2), value,
                                       &visitor, error) != VERDICT_OK)
        return VERDICT_FATAL;
    if (visitor->look_again)
        second_looks_add(finder->looks, visitor, 0);
    visitor_free(visitor);
    return VERDICT_OK;
}

enum verdict second_looks_find(struct second_looks *looks, struct store *store, int32_t partition,
                               struct error *error)
{
    char prefix[VISITOR_KEY_BYTES_MAX];
    struct finder finder = {.visitor.row = find_row, .looks = looks, .partition = partition};
    return store->scan(store, FAMILY_VISITOR, visitor_store_key(prefix, partition, bytes_of("", 0)),
                       &finder.visitor, error);
}

void second_looks_forget(struct second_looks *looks)
{
    looks->count = 0; /* keys are freed when their places are used again */
}

bool second_looks_any(const struct second_looks *looks)
{
    return looks->count > 0;
}

int64_t second_looks_next_us(const struct second_looks *looks)
{
    return looks->count ? looks->ring[looks->first].due_us : INT64_MAX;
}
