/* The records of a file that a mapping reads, as JSON objects: JSON lines as they are, rows of a
 * table by the names of their columns, and the elements of a line's array each with the line's
 * other fields. Thread: one for each file. */
#ifndef WEFT_TOOLS_MAPPED_RECORDS_H
#define WEFT_TOOLS_MAPPED_RECORDS_H

#include "schemas/mapping.h"
#include "tools/record_reader.h"

struct mapped_records;

enum mapped {
    MAPPED_RECORD,
    MAPPED_REJECTED, /* this line or row can't be used; the error says why */
    MAPPED_PASSED,   /* this row has no rows beside it, or this line an empty array */
    MAPPED_END,
    MAPPED_FAILED, /* the rest of the file can't be read */
};

/* Reads the header if there is one. `map` is the mapping's name as in --map, or NULL: the mapping
 * whose layout fits is taken. `reader` and `path` are borrowed. SKIP, with what to do: the file is
 * not what the mapping says, or nothing fits it (layout_refuse()). The caller frees the records,
 * which own the mapping. */
enum verdict mapped_records_open(const char *map, struct record_reader *reader, const char *path,
                                 struct mapped_records **ret_records, struct error *error);
void mapped_records_free(struct mapped_records *records);

const struct mapping *mapped_records_mapping(const struct mapped_records *records);

/* Whether each record is a line of the file as it stands there. */
bool mapped_records_are_lines(const struct mapped_records *records);

/* The next record. It holds until the next call. */
enum mapped mapped_records_next(struct mapped_records *records, struct bytes *ret_json,
                                struct error *error);
/* Whether the next record comes from the same line. */
bool mapped_records_within(const struct mapped_records *records);

#endif
