/* A visitor of a table, for tests of queues of visitors. */
#ifndef WEFT_TESTS_TABLE_VISITOR_H
#define WEFT_TESTS_TABLE_VISITOR_H

#include "state/visitor_table.h"
#include "tests/test.h"

/* A visitor of partition 3, who is made at the first call. */
static inline struct visitor *visitor_of(struct visitor_table *table, const char *key)
{
    struct visitor *visitor = NULL;
    CHECK(visitor_table_get(table, 3, bytes_text(key), &visitor, NULL) == VERDICT_OK);
    return visitor;
}

#endif
