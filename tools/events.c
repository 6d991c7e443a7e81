#include "tools/events.h"

#include "schemas/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>

#define LINE_BYTES_MAX ((size_t)16 << 20)
#define CHUNK_BYTES ((size_t)256 << 10)
#define COLUMNS_MAX 16

enum format { FORMAT_WEFT, FORMAT_REES46, FORMAT_TSV, FORMAT_SESSIONS, FORMATS };

static const char *const format_names[] = {"weft", "rees46", "tsv", "sessions"};

struct event_file {
    gzFile gz;
    char *path;
    enum format format;
    uint64_t size;
    char *chunk;
    size_t chunk_at, chunk_size;
    struct buffer line;
    bool cut_off; /* the file ended without an end of line */
    uint64_t line_number, lines;
    char id[64];
    struct bytes rest; /* format sessions: the line's items to come */
    uint64_t session, click;
    struct event_item item;
    bool peeked;
    bool has_product;
    struct event product; /* that the last line describes */
    struct bytes category;
    struct buffer levels; /* the path made of a category_code */
};

bool event_format_known(const char *format)
{
    for (int i = 0; i < FORMATS; i++)
        if (strcmp(format, format_names[i]) == 0)
            return true;
    return strcmp(format, "retailrocket") == 0;
}

/* Reads one line into file->line, without its end. READ_EVENT: there is one. */
static enum read read_line(struct event_file *file, struct error *error)
{
    if (file->peeked) {
        file->peeked = false;
        return READ_EVENT;
    }
    buffer_clear(&file->line);
    file->cut_off = false;
    for (;;) {
        if (file->chunk_at == file->chunk_size) {
            int got = gzread(file->gz, file->chunk, CHUNK_BYTES);
            int code = Z_OK;
            if (got < 0) {
                error_set(error, VERDICT_SKIP, "%s: %s", file->path, gzerror(file->gz, &code));
                return READ_FAILED;
            }
            file->chunk_at = 0;
            file->chunk_size = (size_t)got;
            if (got == 0) {
                file->cut_off = file->line.size > 0;
                break;
            }
        }
        const char *from = file->chunk + file->chunk_at;
        size_t left = file->chunk_size - file->chunk_at;
        const char *end = memchr(from, '\n', left);
        size_t size = end ? (size_t)(end - from) : left;
        if (file->line.size + size <= LINE_BYTES_MAX)
            buffer_append(&file->line, from, size);
        file->chunk_at += size + (end ? 1 : 0);
        if (end) {
            file->line_number++;
            if (file->line.size > 0 && file->line.at[file->line.size - 1] == '\r')
                file->line.size--;
            return READ_EVENT;
        }
    }
    file->line_number += file->cut_off;
    return file->cut_off ? READ_EVENT : READ_END;
}

static enum format guess_format(const struct event_file *file)
{
    struct bytes line = buffer_bytes(&file->line);
    char *text = memory_text(line);
    enum format format = FORMAT_SESSIONS;
    if (strncmp(text, "event_time,", 11) == 0)
        format = FORMAT_REES46;
    else if (strncmp(text, "ts_ms\t", 6) == 0)
        format = FORMAT_TSV;
    else if (strspn(text, " \t") < line.size && text[strspn(text, " \t")] == '{')
        format = FORMAT_WEFT;
    free(text);
    return format;
}

static bool has_header(enum format format)
{
    return format == FORMAT_REES46 || format == FORMAT_TSV;
}

enum verdict event_file_open(const char *path, const char *format, struct event_file **ret_file,
                             struct error *error)
{
    struct stat status;
    struct event_file *file = memory_zero(1, sizeof *file);
    file->path = memory_text(bytes_text(path));
    file->chunk = memory_get(CHUNK_BYTES);
    file->gz = strcmp(path, "-") == 0 ? gzdopen(0, "rb") : gzopen(path, "rb");
    if (file->gz == NULL) {
        error_set(error, VERDICT_SKIP, "can't open %s: %s", path, strerror(errno));
        event_file_close(file);
        return VERDICT_SKIP;
    }
    if (strcmp(path, "-") != 0 && stat(path, &status) == 0)
        file->size = (uint64_t)status.st_size;
    enum read read = read_line(file, error);
    if (read == READ_FAILED) {
        event_file_close(file);
        return VERDICT_SKIP;
    }
    file->format = guess_format(file);
    if (format)
        for (int i = 0; i < FORMATS; i++)
            if (strcmp(format, format_names[i]) == 0 ||
                (i == FORMAT_TSV && strcmp(format, "retailrocket") == 0))
                file->format = (enum format)i;
    file->peeked = read == READ_EVENT;
    if (file->peeked && has_header(file->format) && guess_format(file) == file->format)
        file->peeked = false;
    *ret_file = file;
    return VERDICT_OK;
}

void event_file_close(struct event_file *file)
{
    if (file == NULL)
        return;
    if (file->gz)
        gzclose(file->gz);
    buffer_release(&file->line);
    buffer_release(&file->levels);
    free(file->chunk);
    free(file->path);
    free(file);
}

/* ---- lines of columns ---- */

static size_t split(struct bytes line, char separator, struct bytes *columns)
{
    size_t count = 0;
    const char *from = line.at ? line.at : "", *end = from + line.size;
    while (count < COLUMNS_MAX) {
        const char *at = memchr(from, separator, (size_t)(end - from));
        columns[count++] = bytes_of(from, (size_t)((at ? at : end) - from));
        if (at == NULL)
            break;
        from = at + 1;
    }
    return count;
}

static bool read_number(struct bytes text, double *ret_number)
{
    char copy[40], *end;
    if (text.size == 0 || text.size >= sizeof copy)
        return false;
    memcpy(copy, text.at, text.size);
    copy[text.size] = '\0';
    *ret_number = strtod(copy, &end);
    return *end == '\0' && isfinite(*ret_number);
}

/* "2019-10-01 00:00:00 UTC" */
static bool read_utc(struct bytes text, int64_t *ret_ms)
{
    int year, month, day, hour, minute, second, used = 0;
    char copy[32];
    if (text.size >= sizeof copy)
        return false;
    memcpy(copy, text.at, text.size);
    copy[text.size] = '\0';
    if (sscanf(copy, "%4d-%2d-%2d %2d:%2d:%2d UTC%n", &year, &month, &day, &hour, &minute, &second,
               &used) != 6 ||
        (size_t)used != text.size || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    struct tm utc = {.tm_year = year - 1900,
                     .tm_mon = month - 1,
                     .tm_mday = day,
                     .tm_hour = hour,
                     .tm_min = minute,
                     .tm_sec = second};
    *ret_ms = (int64_t)timegm(&utc) * 1000;
    return true;
}

static bool set_kind(struct event *event, struct bytes kind)
{
    static const struct {
        const char *name;
        enum event_type type;
        int64_t action, status;
    } kinds[] = {
        {"view", EVENT_VIEW, 0, 0},
        {"cart", EVENT_CART, CART_ADD, 0},
        {"remove_from_cart", EVENT_CART, CART_REMOVE, 0},
        {"purchase", EVENT_PURCHASE, 0, PURCHASE_COMPLETED},
        {"return", EVENT_PURCHASE, 0, PURCHASE_REFUNDED},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!bytes_equal(kind, bytes_text(kinds[i].name)))
            continue;
        event_init(event, kinds[i].type);
        event->action = kinds[i].action;
        event->status = kinds[i].status;
        return true;
    }
    return false;
}

static enum read reject(const struct event_file *file, struct error *error, const char *what)
{
    error_set(error, VERDICT_SKIP, "line %llu: %s%s", (unsigned long long)file->line_number, what,
              file->cut_off ? " (the file ends in the middle of it)" : "");
    return READ_REJECTED;
}

/* Fills in one item, an event id made of format and line number, and the file's name of the
 * session.
 */
static void fill_event(struct event_file *file, struct event *event, struct bytes visitor,
                       struct bytes session, struct bytes item, double price)
{
    int size = snprintf(file->id, sizeof file->id, "%s-%llu", format_names[file->format],
                        (unsigned long long)file->line_number);
    event_item_init(&file->item);
    file->item.item_id = item;
    file->item.price = price;
    event->event_id = bytes_of(file->id, (size_t)size);
    event->visitor_id = visitor;
    event->session_id = session.size ? session : bytes_of(NULL, 0);
    event->items = &file->item;
    event->item_count = 1;
    if (event->type == EVENT_PURCHASE)
        event->transaction_id = event->event_id; /* a line is no repeat of the one before it */
}

/* REES46's "appliances.environment.water_heater" as a path. */
static struct bytes code_path(struct event_file *file, struct bytes code)
{
    buffer_clear(&file->levels);
    for (size_t i = 0; i < code.size; i++) {
        if (code.at[i] == '.')
            buffer_text(&file->levels, " > ");
        else
            buffer_byte(&file->levels, code.at[i]);
    }
    return buffer_bytes(&file->levels);
}

static struct bytes utf8_or_none(struct bytes text)
{
    return text.size > 0 && bytes_utf8(text) ? text : bytes_of(NULL, 0);
}

static void fill_product(struct event_file *file, struct bytes category, struct bytes brand,
                         struct bytes title, double price)
{
    struct event *product = &file->product;
    event_init(product, EVENT_PRODUCT);
    file->category = utf8_or_none(category);
    product->item_id = file->item.item_id;
    product->item_brand = utf8_or_none(brand);
    product->title = utf8_or_none(title);
    file->has_product =
        file->category.size || product->item_brand.size || product->title.size || !isnan(price);
    if (product->title.at == NULL)
        product->title = bytes_text(""); /* a record must have one */
    product->categories = (struct event_strings){&file->category, file->category.size ? 1 : 0};
    product->price = price;
}

bool event_file_product(const struct event_file *file, struct event *ret_product)
{
    if (!file->has_product || event_check(&file->product, NULL) != VERDICT_OK)
        return false;
    *ret_product = file->product;
    return true;
}

static enum read checked(struct event_file *file, const struct event *event, struct error *error)
{
    struct error inner = {0};
    if (event_check(event, &inner) == VERDICT_OK)
        return READ_EVENT;
    return reject(file, error, inner.message);
}

static enum read read_rees46(struct event_file *file, struct event *event, struct error *error)
{
    struct bytes columns[COLUMNS_MAX];
    double price = NAN;
    int64_t time_ms;
    size_t count = split(buffer_bytes(&file->line), ',', columns);
    if (count != 9) {
        char what[80];
        snprintf(what, sizeof what, "%zu columns instead of 9", count);
        return reject(file, error, what);
    }
    if (!read_utc(columns[0], &time_ms))
        return reject(file, error, "event_time is not like '2019-10-01 00:00:00 UTC'");
    if (!set_kind(event, columns[1]))
        return reject(file, error, "event_type is not view, cart, remove_from_cart or purchase");
    if (columns[6].size > 0 && !read_number(columns[6], &price))
        return reject(file, error, "price is not a number");
    event->event_time_ms = time_ms;
    fill_event(file, event, columns[7], columns[8], columns[2], price);
    fill_product(file, columns[4].size ? code_path(file, columns[4]) : columns[3], columns[5],
                 bytes_of(NULL, 0), price);
    return checked(file, event, error);
}

static enum read read_tsv(struct event_file *file, struct event *event, struct error *error)
{
    struct bytes columns[COLUMNS_MAX];
    double price = NAN, quantity = 1, time_ms;
    size_t count = split(buffer_bytes(&file->line), '\t', columns);
    if (count != 10) {
        char what[80];
        snprintf(what, sizeof what, "%zu columns instead of 10", count);
        return reject(file, error, what);
    }
    if (!read_number(columns[0], &time_ms) || fabs(time_ms) > 9e15)
        return reject(file, error, "ts_ms is not a number");
    if (!set_kind(event, columns[3]))
        return reject(file, error, "kind is not view, cart, remove_from_cart, purchase or return");
    if (columns[7].size > 0 && !read_number(columns[7], &price))
        return reject(file, error, "price is not a number");
    if (columns[8].size > 0 && !read_number(columns[8], &quantity))
        return reject(file, error, "qty is not a number");
    if (fabs(quantity) > 1e15)
        return reject(file, error, "qty is too large");
    event->event_time_ms = (int64_t)time_ms;
    fill_event(file, event, columns[1], columns[2], columns[4], price);
    file->item.quantity = (int64_t)fabs(quantity);
    fill_product(file, columns[5], columns[6], columns[9], price);
    return checked(file, event, error);
}

static enum read read_weft(struct event_file *file, struct arena *arena, struct event *event,
                           struct error *error)
{
    struct bytes type, line = buffer_bytes(&file->line);
    struct error inner = {0};
    if (json_text_field(line, "type", arena, &type, &inner) != VERDICT_OK)
        return reject(file, error, inner.message);
    for (int i = 0; i < EVENT_TYPES; i++) {
        if (!bytes_equal(type, bytes_text(event_type_names[i])))
            continue;
        event_init(event, (enum event_type)i);
        if (json_decode(line, arena, event, &inner) == VERDICT_OK &&
            event_check(event, &inner) == VERDICT_OK)
            return READ_EVENT;
        return reject(file, error, inner.message);
    }
    return reject(file, error,
                  "type is not view, search, cart, purchase, impression, click, user or product");
}

static struct bytes next_word(struct bytes *rest)
{
    while (rest->size > 0 && (*rest->at == ' ' || *rest->at == '\t'))
        *rest = bytes_of(rest->at + 1, rest->size - 1);
    size_t size = 0;
    while (size < rest->size && rest->at[size] != ' ' && rest->at[size] != '\t')
        size++;
    struct bytes word = bytes_of(rest->at, size);
    *rest = bytes_of(rest->at + size, rest->size - size);
    return word;
}

static enum read read_click(struct event_file *file, struct arena *arena, struct event *event,
                            struct error *error)
{
    struct bytes item = next_word(&file->rest);
    if (item.size == 0)
        return READ_END;
    char visitor[24];
    int size = snprintf(visitor, sizeof visitor, "%llu", (unsigned long long)file->session);
    event_init(event, EVENT_VIEW);
    event->event_time_ms = (int64_t)(file->session * 60000 + file->click * 1000);
    fill_event(file, event, arena_copy(arena, bytes_of(visitor, (size_t)size)), bytes_of(NULL, 0),
               item, NAN);
    size = snprintf(file->id, sizeof file->id, "sessions-%llu-%llu",
                    (unsigned long long)file->session, (unsigned long long)file->click++);
    event->event_id = bytes_of(file->id, (size_t)size);
    return checked(file, event, error);
}

enum read event_file_next(struct event_file *file, struct arena *arena, struct event *ret_event,
                          struct error *error)
{
    error_clear(error);
    file->has_product = false;
    if (file->format == FORMAT_SESSIONS && file->rest.size > 0) {
        enum read read = read_click(file, arena, ret_event, error);
        if (read != READ_END)
            return read;
        file->rest.size = 0;
    }
    for (;;) {
        enum read read = read_line(file, error);
        if (read != READ_EVENT)
            return read;
        if (file->line.size == 0)
            continue;
        file->lines++;
        switch (file->format) {
        case FORMAT_REES46:
            return read_rees46(file, ret_event, error);
        case FORMAT_TSV:
            return read_tsv(file, ret_event, error);
        case FORMAT_WEFT:
            return read_weft(file, arena, ret_event, error);
        default:
            file->session = file->line_number - 1;
            file->click = 0;
            file->rest = buffer_bytes(&file->line);
            read = read_click(file, arena, ret_event, error);
            if (read != READ_END)
                return read;
        }
    }
}

uint64_t event_file_line(const struct event_file *file)
{
    return file->line_number;
}

uint64_t event_file_lines(const struct event_file *file)
{
    return file->lines;
}

struct bytes event_file_text(const struct event_file *file)
{
    return buffer_bytes(&file->line);
}

const char *event_file_format(const struct event_file *file)
{
    return format_names[file->format];
}

double event_file_share(const struct event_file *file)
{
    return file->size == 0 ? 0 : (double)gzoffset(file->gz) / (double)file->size;
}
