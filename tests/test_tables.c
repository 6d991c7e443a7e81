/* Tables and packed files: random rows are written as RFC 4180 says, packed or not, and read again.
 */
#include "tests/test.h"
#include "tools/input_stream.h"
#include "tools/record_reader.h"
#include "tools/table.h"
#include "tools/table_join.h"

#include <zlib.h>
#include <zstd.h>

#define ROUNDS 300
#define ROWS 40
#define COLUMNS 5

enum packing { PLAIN, GZIP, ZSTD, PACKINGS };

/* Packs `text` in parts of random sizes, each a member or a frame of its own. */
static struct buffer pack(struct bytes text, enum packing packing, struct random *random)
{
    struct buffer packed = {0};
    for (size_t at = 0; at < text.size;) {
        size_t size = 1 + random_below(random, (uint32_t)(text.size - at));
        size_t bound = 2 * size + 1024;
        buffer_reserve(&packed, bound);
        if (packing == PLAIN) {
            buffer_append(&packed, text.at + at, size);
        } else if (packing == GZIP) {
            z_stream z = {.next_in = (Bytef *)(uintptr_t)(text.at + at),
                          .avail_in = (uInt)size,
                          .next_out = (Bytef *)packed.at + packed.size,
                          .avail_out = (uInt)bound};
            CHECK(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
            CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
            packed.size += bound - z.avail_out;
            deflateEnd(&z);
        } else {
            size_t got = ZSTD_compress(packed.at + packed.size, bound, text.at + at, size, 1);
            CHECK(!ZSTD_isError(got));
            packed.size += got;
        }
        at += size;
    }
    return packed;
}

static void write_file(const char *path, struct bytes bytes)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(bytes.at, 1, bytes.size, file) == bytes.size);
    if (file)
        fclose(file);
}

static struct bytes draw_value(struct random *random, struct arena *arena)
{
    static const char *const parts[] = {"a", "\"", ",", "\n", ";", "\t", "é", " ", "\"\"", "12"};
    struct buffer text = {0};
    for (uint32_t i = random_below(random, 6); i > 0; i--)
        buffer_text(&text, parts[random_below(random, sizeof parts / sizeof parts[0])]);
    struct bytes value = arena_copy(arena, bytes_of(text.at ? text.at : "", text.size));
    buffer_release(&text);
    return value;
}

static void write_value(struct bytes value, bool quoted, struct buffer *to)
{
    if (!quoted) {
        buffer_append(to, value.at, value.size);
        return;
    }
    buffer_byte(to, '"');
    for (size_t i = 0; i < value.size; i++) {
        if (value.at[i] == '"')
            buffer_byte(to, '"');
        buffer_byte(to, value.at[i]);
    }
    buffer_byte(to, '"');
}

static bool needs_quotes(struct bytes value, char separator)
{
    for (size_t i = 0; i < value.size; i++)
        if (value.at[i] == '"' || value.at[i] == separator || value.at[i] == '\n')
            return true;
    return false;
}

static void check_rows(const char *path, char separator, struct bytes rows[ROWS][COLUMNS])
{
    struct record_reader *reader;
    struct error error = {0};
    struct arena arena = {0};
    struct table_row row;
    CHECK_SAY(record_reader_open(path, &reader, &error) == VERDICT_OK, "%s", error.message);
    for (int i = 0; i < ROWS; i++) {
        CHECK(record_reader_row(reader, separator, &error) == RECORD_READ);
        table_split(record_reader_text(reader), separator, &arena, &row);
        CHECK_INT(row.count, COLUMNS);
        CHECK(!row.unclosed);
        for (size_t k = 0; k < COLUMNS && row.count == COLUMNS; k++)
            CHECK_SAY(bytes_equal(row.values[k], rows[i][k]), "'%.*s' instead of '%.*s'",
                      (int)row.values[k].size, row.values[k].at, (int)rows[i][k].size,
                      rows[i][k].at);
        arena_clear(&arena);
    }
    CHECK(record_reader_row(reader, separator, &error) == RECORD_END);
    record_reader_close(reader);
    arena_release(&arena);
}

static void test_random_tables(void)
{
    char *folder = test_new_folder();
    char path[600];
    struct random random = random_from(16);
    snprintf(path, sizeof path, "%s/table", folder);
    for (int round = 0; round < TEST_ROUNDS(ROUNDS); round++) {
        struct bytes rows[ROWS][COLUMNS];
        struct arena arena = {0};
        struct buffer text = {0};
        char separator = ",;|"[round % 3];
        const char *end = round % 2 ? "\r\n" : "\n";
        if (round % 5 == 0)
            buffer_text(&text, "\xEF\xBB\xBF");
        for (int i = 0; i < ROWS; i++) {
            for (int k = 0; k < COLUMNS; k++) {
                rows[i][k] = draw_value(&random, &arena);
                bool quoted = needs_quotes(rows[i][k], separator) || random_below(&random, 4) == 0;
                if (k > 0)
                    buffer_byte(&text, separator);
                write_value(rows[i][k], quoted, &text);
            }
            buffer_text(&text, i + 1 < ROWS || round % 7 ? end : "");
        }
        struct buffer packed = pack(buffer_bytes(&text), (enum packing)(round % PACKINGS), &random);
        write_file(path, buffer_bytes(&packed));
        check_rows(path, separator, rows);
        buffer_release(&packed);
        buffer_release(&text);
        arena_release(&arena);
    }
    test_remove_folder(folder);
    free(folder);
}

/* Every cut of a packed file gives its whole lines up to there, then says that it is cut off. */
static void test_cut_files(void)
{
    static const char text[] = "first line\nsecond line\nthird line, which is longer\n";
    char *folder = test_new_folder();
    char path[600];
    struct random random = random_from(17);
    snprintf(path, sizeof path, "%s/cut", folder);
    for (enum packing packing = GZIP; packing < PACKINGS; packing++) {
        struct buffer packed = pack(bytes_text(text), packing, &random);
        int whole = 0;
        for (size_t size = 1; size <= packed.size; size++) {
            struct record_reader *reader = NULL;
            struct error error = {0};
            write_file(path, bytes_of(packed.at, size));
            if (record_reader_open(path, &reader, &error) != VERDICT_OK) {
                CHECK(error.message[0]);
                continue;
            }
            enum record_outcome outcome;
            int lines = 0;
            while ((outcome = record_reader_line(reader, &error)) == RECORD_READ)
                lines++;
            CHECK(lines <= 4);
            if (size >= 4 && outcome == RECORD_FAILED)
                CHECK_CONTAINS(error.message, "of the compressed data after line");
            whole += outcome == RECORD_END && lines == 3;
            record_reader_close(reader);
        }
        CHECK(whole >= 1);
        buffer_release(&packed);
    }
    test_remove_folder(folder);
    free(folder);
}

/* A quote without its end takes one line, not the rest of the file. */
static void test_open_quotes(void)
{
    char *folder = test_new_folder();
    char path[600];
    struct buffer text = {0};
    struct error error = {0};
    struct record_reader *reader;
    snprintf(path, sizeof path, "%s/open", folder);
    for (int i = 0; i < 3 * RECORD_LINES_MAX; i++)
        buffer_format(&text, i == 1 ? "a,\"%d\n" : "a,%d\n", i);
    write_file(path, buffer_bytes(&text));
    CHECK(record_reader_open(path, &reader, &error) == VERDICT_OK);
    for (int i = 0; i < 3 * RECORD_LINES_MAX; i++) {
        char expected[40];
        snprintf(expected, sizeof expected, i == 1 ? "a,\"%d" : "a,%d", i);
        CHECK(record_reader_row(reader, ',', &error) == RECORD_READ);
        CHECK_SAY(bytes_equal(record_reader_text(reader), bytes_text(expected)), "row %d", i);
        CHECK_INT(record_reader_number(reader), i + 1);
    }
    CHECK(record_reader_row(reader, ',', &error) == RECORD_END);
    record_reader_close(reader);
    buffer_release(&text);
    test_remove_folder(folder);
    free(folder);
}

static void test_separators(void)
{
    CHECK_INT(table_separator(bytes_text("a,b;c,d")), ',');
    CHECK_INT(table_separator(bytes_text("a;b;c,d")), ';');
    CHECK_INT(table_separator(bytes_text("\"a,b,c,d\";e|f|g")), '|');
    CHECK_INT(table_separator(bytes_text("a\tb")), '\t');
    CHECK_INT(table_separator(bytes_text("a")), ',');
}

/* Rows of one key may stand apart, and in two tables; they come in the order of the tables. */
static void test_joins(void)
{
    char *folder = test_new_folder();
    char path[600];
    struct mapping_layout layout = {.beside = {bytes_text("one.csv"), bytes_text("two.csv")},
                                    .beside_count = 2,
                                    .key = bytes_text("k")};
    struct table_join *join = NULL;
    struct error error = {0};
    struct arena arena = {0};
    struct buffer rows = {0};
    snprintf(path, sizeof path, "%s/orders.csv", folder);
    CHECK(table_join_open(&layout, path, &join, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "one.csv");
    snprintf(path, sizeof path, "%s/one.csv", folder);
    write_file(path, bytes_text("k,v\n1,a\n2,b\n1,\"c\nd\"\n"));
    snprintf(path, sizeof path, "%s/two.csv", folder);
    write_file(path, bytes_text("w;k\ne;1\nf;3\n"));
    error_clear(&error);
    CHECK_SAY(table_join_open(&layout, path, &join, &error) == VERDICT_OK, "%s", error.message);
    CHECK(table_join_rows(join, bytes_text("1"), &arena, &rows));
    CHECK_SAY(bytes_equal(buffer_bytes(&rows),
                          bytes_text("{\"k\":\"1\",\"v\":\"a\"},{\"k\":\"1\",\"v\":\"c\\u000ad\"},"
                                     "{\"w\":\"e\",\"k\":\"1\"}")),
              "%.*s", (int)rows.size, rows.at);
    CHECK(!table_join_rows(join, bytes_text("4"), &arena, &rows));
    table_join_free(join);
    arena_release(&arena);
    buffer_release(&rows);
    test_remove_folder(folder);
    free(folder);
}

int main(void)
{
    TEST_RUN(test_random_tables);
    TEST_RUN(test_cut_files);
    TEST_RUN(test_open_quotes);
    TEST_RUN(test_separators);
    TEST_RUN(test_joins);
    return test_done();
}
