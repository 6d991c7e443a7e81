/* Second looks: the visitors whose lists have to be made again a little later.
 *
 * A list may be short, or the model may not know the visitor's items yet, because it folds the log
 * a moment after the worker wrote to it. Such a visitor waits here and comes out when its time is
 * up. The n-th wait of one visitor lasts LOOK_FIRST_US * 2^n, and there are at most LOOK_TRIES_MAX
 * of them, about a minute in all.
 *
 * Thread: the worker that owns the pipeline. */
#ifndef WEFT_RUNTIME_SECOND_LOOKS_H
#define WEFT_RUNTIME_SECOND_LOOKS_H

#include "state/store.h"
#include "state/visitor_codec.h"

#define LOOKS_MAX 100000     /* visitors that wait; further ones get no second look */
#define LOOK_TRIES_MAX 8     /* of one visitor */
#define LOOK_FIRST_US 250000 /* the first wait */

struct second_look {
    int64_t due_us; /* by the monotonic clock */
    int tries;      /* looks that this visitor had before */
    int32_t partition;
    uint32_t key_size;
    char *key; /* owned by whoever has the look */
};

/* A ring, in the order in which visitors came. */
struct second_looks {
    struct second_look *ring; /* LOOKS_MAX of them */
    size_t first, count;
    bool off;
};

void second_looks_init(struct second_looks *looks);
void second_looks_release(struct second_looks *looks);
/* From now on nobody waits: for a driver that must not depend on the clock. */
void second_looks_turn_off(struct second_looks *looks);

/* Lets the visitor wait, unless it had LOOK_TRIES_MAX looks or the ring is full. Copies the key. */
void second_looks_add(struct second_looks *looks, const struct visitor *visitor, int tries);
/* Takes the first look out if it is due. The caller frees ret_look->key. False: none is due. */
bool second_looks_take(struct second_looks *looks, int64_t now_us, struct second_look *ret_look);

/* Forgets all of them: their partitions may go to another worker. */
void second_looks_forget(struct second_looks *looks);

/* Whether a visitor of any partition waits. */
bool second_looks_any(const struct second_looks *looks);
/* When the first look is due, by the monotonic clock; INT64_MAX: nobody waits. */
int64_t second_looks_next_us(const struct second_looks *looks);

#endif
