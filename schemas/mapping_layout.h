/* How files of a mapping's records are laid out: its member "file". The readers of tools/ use it.
 * Thread: any. */
#ifndef WEFT_SCHEMAS_MAPPING_LAYOUT_H
#define WEFT_SCHEMAS_MAPPING_LAYOUT_H

#include "schemas/bytes.h"

#define LAYOUT_NAMES_MAX 24

/* How the values of a column without a header look. */
enum layout_form { LAYOUT_ANY, LAYOUT_DIGITS, LAYOUT_NUMBER, LAYOUT_TIME, LAYOUT_FORMS };

/* How files of the mapping's records are laid out. A row of a table is read as the JSON object of
 * its columns' names, with texts as values. Texts are the mapping's. */
struct mapping_layout {
    enum layout_kind {
        LAYOUT_LINES,   /* JSON lines: objects that have all `names` */
        LAYOUT_HEADER,  /* a table; its first line has all `names`, and perhaps more */
        LAYOUT_COLUMNS, /* a table without a header: the columns are `names`, in `forms` */
    } kind;
    struct bytes names[LAYOUT_NAMES_MAX];
    enum layout_form forms[LAYOUT_NAMES_MAX];
    uint32_t count;
    struct bytes each; /* LINES: the array whose elements are the events; absent: the line is one */
    /* Tables in the same folder, whose rows with the same `key` are the array `rows` of a row. */
    struct bytes beside[LAYOUT_NAMES_MAX];
    uint32_t beside_count;
    struct bytes key, rows;
    /* The column `sum` counts on from row to row while the column `sum_by` stays the same. */
    struct bytes sum, sum_by;
};

#endif
