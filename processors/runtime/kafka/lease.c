#include "processors/runtime/kafka/lease.h"

static bool still_runs(struct lease *self)
{
    const struct stop_lease *lease = (const struct stop_lease *)(const void *)self;
    return !atomic_load_explicit(lease->stop, memory_order_relaxed);
}

struct stop_lease stop_lease_of(const atomic_bool *stop)
{
    return (struct stop_lease){.lease.holds = still_runs, .stop = stop};
}
