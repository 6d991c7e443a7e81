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
