/* A lease: the right to go on with a task that one process at a time has. Long work asks now and
 * then whether it still holds, and ends when it does not. */
#ifndef WEFT_KAFKA_LEASE_H
#define WEFT_KAFKA_LEASE_H

#include <stdatomic.h>
#include <stdbool.h>

struct lease {
    bool (*holds)(struct lease *self);
};

static inline bool lease_holds(struct lease *lease)
{
    return lease->holds(lease);
}

/* A lease of work that no other process does: it holds until the process stops. */
struct stop_lease {
    struct lease lease; /* first */
    const atomic_bool *stop;
};

struct stop_lease stop_lease_of(const atomic_bool *stop);

#endif
