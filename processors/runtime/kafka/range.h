/* Where a partition begins and ends for the group's readers. */
#ifndef WEFT_KAFKA_RANGE_H
#define WEFT_KAFKA_RANGE_H

#include <stdint.h>

struct edge_range {
    int64_t low, high; /* -1: unknown */
};

#endif
