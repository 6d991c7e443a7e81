/* A mapping made of names of columns, as --map columns says it:
 *
 *     columns                                       the columns have weft's own names
 *     columns:visitor_id=customer,event_time=at:s   FIELD=COLUMN or FIELD=COLUMN:UNIT, others as
 * above columns:kind:=view                            FIELD:=VALUE, the same for every row
 *     columns:kind=what,kind.detail=view            kind.NAME=KIND: how a kind is named
 *
 * FIELD is a field of an event or of an item (schemas/README.md), `kind`, or title, item_brand,
 * categories, original_price, image_uri or rating of the item's product. UNIT is one of a
 * mapping's. Without `kind` the column `type` has it, or else every row is a view. Thread: any. */
#ifndef WEFT_TOOLS_COLUMN_MAPPING_H
#define WEFT_TOOLS_COLUMN_MAPPING_H

#include "schemas/mapping.h"
#include "tools/table.h"

#define COLUMN_MAPPING_NAME "columns"

/* Whether the name of a mapping is "columns" or begins with "columns:". */
bool column_mapping_is(const char *name);

/* Makes the mapping for a table whose header has `count` names; `names` NULL: JSON lines, whose
 * fields are not known. SKIP, with what to do: the list is wrong, a column that it names is not
 * there, or visitor_id, event_time or item_id have no column. The caller frees it. */
enum verdict column_mapping_new(const char *name, const struct bytes *names, size_t count,
                                struct mapping **ret_mapping, struct error *error);

/* Appends the `columns:...` that fits this header most likely, with COLUMN where nothing does.
 * `row` is the first row, which tells the unit of times. False: this is no header. */
bool column_mapping_suggest(const struct table_row *header, const struct table_row *row,
                            struct buffer *to);

#endif
