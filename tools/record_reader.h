/* Reads a file record by record: a line, or a row of a table, whose quoted values may hold ends of
 * lines. A byte order mark in front is passed over, and so is the carriage return before each end
 * of a line. Thread: one for each reader. */
#ifndef WEFT_TOOLS_RECORD_READER_H
#define WEFT_TOOLS_RECORD_READER_H

#include "schemas/bytes.h"
#include "schemas/error.h"

#define RECORD_BYTES_MAX ((size_t)16 << 20) /* of a line; the bytes behind them are left out */
#define RECORD_LINES_MAX 100                /* of a row: how far the end of a quote is looked for */

struct record_reader;

enum record_outcome {
    RECORD_READ,
    RECORD_END,
    RECORD_FAILED, /* the rest of the file can't be read */
};

/* As input_stream_open(). SKIP also if the file holds no lines. The caller closes the reader. */
enum verdict record_reader_open(const char *path, struct record_reader **ret_reader,
                                struct error *error);
void record_reader_close(struct record_reader *reader);

/* The start of the file, without the mark. Holds until the first record is read. `ret_whole`:
 * whether it is all of the file. */
struct bytes record_reader_sample(const struct record_reader *reader, bool *ret_whole);

/* The next line without its end, which may be empty. */
enum record_outcome record_reader_line(struct record_reader *reader, struct error *error);
/* The next row. Values in quotes go on over ends of lines. If the end of a quote is not found, the
 * row is its first line alone, and the next row begins in the line behind it. */
enum record_outcome record_reader_row(struct record_reader *reader, char separator,
                                      struct error *error);
/* The next call gives the same record again. */
void record_reader_again(struct record_reader *reader);

struct bytes record_reader_text(const struct record_reader *reader); /* until the next call */
uint64_t record_reader_number(const struct record_reader *reader);   /* of its first line */
bool record_reader_cut_off(const struct record_reader *reader);      /* the file ends in it */
double record_reader_share(const struct record_reader *reader);      /* of the file, 0 to 1 */

#endif
