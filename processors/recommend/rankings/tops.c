#include "processors/recommend/rankings/tops.h"

#include "schemas/array.h"

#include <stdlib.h>

static bool before(const struct top_place *a, const struct top_place *b)
{
    if (a->score > b->score || a->score < b->score)
        return a->score > b->score;
    return bytes_compare(a->item_id, b->item_id) < 0;
}

void top_offer(struct top *top, uint32_t length, struct top_place place)
{
    uint32_t at = top->count;
    if (at == length && !before(&place, &top->places[at - 1]))
        return;
    for (uint32_t i = 0; i < top->count && place.variant != 0; i++) {
        if (top->places[i].variant != place.variant)
            continue;
        if (!before(&place, &top->places[i]))
            return;
        at = i; /* the worse variant gives up its place */
        break;
    }
    if (at == length) {
        at--;
    } else if (at == top->count) {
        ARRAY_RESERVE(top->places, top->capacity, at + 1);
        top->count++;
    }
    for (; at > 0 && before(&place, &top->places[at - 1]); at--)
        top->places[at] = top->places[at - 1];
    top->places[at] = place;
}

bool top_contains(const struct top *top, const struct top_place *place)
{
    for (uint32_t i = 0; i < top->count; i++)
        if (bytes_equal(top->places[i].item_id, place->item_id) ||
            (place->variant != 0 && top->places[i].variant == place->variant))
            return true;
    return false;
}

void top_clear(struct top *top)
{
    top->count = 0;
}

void top_release(struct top *top)
{
    free(top->places);
    *top = (struct top){0};
}
