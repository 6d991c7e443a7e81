/* The states of the model's item numbers. A table of the model that refers to items by number takes
 * the array of states in its sweep (state/model_sweep.c). Calls nothing of weft. */
#ifndef WEFT_STATE_ITEM_STATE_H
#define WEFT_STATE_ITEM_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum item_state {
    ITEM_UNUSED,  /* nothing refers to the number: the next new id may get it */
    ITEM_LIVE,    /* an item of the model */
    ITEM_EVICTED, /* it keeps its id and number while anything may refer to it */
};

static inline bool item_evicted(const uint8_t *states, uint32_t item)
{
    return states[item] == ITEM_EVICTED;
}

#endif
