/* Decoding for the tests of Avro. */
#ifndef WEFT_TESTS_AVRO_EXACT_H
#define WEFT_TESTS_AVRO_EXACT_H

#include "schemas/avro.h"
#include "tests/test.h"

/* Decodes twice; the verdicts must be the same. The first record lies in memory of exactly its
 * size, so that the address sanitizer notices a read beyond its end. */
static inline enum verdict decode_exact(const struct avro_plan *plan, struct bytes record,
                                        struct arena *arena, struct event *event,
                                        struct error *error)
{
    char *copy = memory_get(record.size);
    struct event scratch = *event;
    struct arena other = {0};
    if (record.size > 0)
        memcpy(copy, record.at, record.size);
    enum verdict verdict = avro_decode(plan, bytes_of(copy, record.size), &other, &scratch, error);
    free(copy);
    arena_release(&other);
    CHECK(avro_decode(plan, arena_copy(arena, record), arena, event, NULL) == verdict);
    return verdict;
}

#endif
