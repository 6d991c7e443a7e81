/* Rows of tables that stand beside a file of events, by key: the items of its orders. They are in
 * memory, at most TABLE_JOIN_BYTES_MAX of them. Thread: one for each join. */
#ifndef WEFT_TOOLS_TABLE_JOIN_H
#define WEFT_TOOLS_TABLE_JOIN_H

#include "schemas/mapping.h"

#define TABLE_JOIN_BYTES_MAX ((size_t)1 << 30)

struct table_join;

/* Reads the tables that the layout names, from the folder of `path`; also packed, as NAME.gz or
 * NAME.zst. SKIP, with what to do: none is there, one has no key or can't be read, or they are too
 * large. The caller frees the join. */
enum verdict table_join_open(const struct mapping_layout *layout, const char *path,
                             struct table_join **ret_join, struct error *error);
void table_join_free(struct table_join *join);

/* Appends the rows of this key as the elements of a JSON array. False: there are none. */
bool table_join_rows(const struct table_join *join, struct bytes key, struct arena *arena,
                     struct buffer *to);

#endif
