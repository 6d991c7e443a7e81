#include "tools/events.h"

#include "schemas/draw.h"
#include "schemas/event_write.h"
#include "schemas/json.h"
#include "tools/event_formats.h"
#include "tools/event_layouts.h"
#include "tools/mapped_records.h"
#include "tools/record_reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define COLUMNS_MAX 16

struct event_file {
    struct record_reader *reader;
    struct mapped_records *records; /* FORMAT_MAPPED */
    enum event_format format;
    uint64_t dropped, lines;
    bool judges;
    struct event_bounds bounds;
    int64_t now_ms;
    uint64_t ahead;
    struct buffer written; /* the event at hand as a record */
    char id[64];
    struct bytes rest; /* format sessions: the line's items to come */
    uint64_t session, click;
    struct event_item item;
    bool has_product;
    struct event product; /* that the last line describes */
    struct bytes category;
    struct buffer levels; /* the path made of a category_code */
};

/* The next line that is not empty. */
static enum read read_line(struct event_file *file, struct error *error)
{
    for (;;) {
        enum record_outcome record = record_reader_line(file->reader, error);
        if (record != RECORD_READ)
            return record == RECORD_END ? READ_END : READ_FAILED;
        if (record_reader_text(file->reader).size > 0)
            return READ_EVENT;
    }
}

/* Passes over the line that names the columns. */
static enum verdict pass_header(struct event_file *file, struct error *error)
{
    enum read read = read_line(file, error);
    if (read == READ_FAILED)
        return VERDICT_SKIP;
    if (read == READ_EVENT &&
        !event_format_has_header(file->format, record_reader_text(file->reader)))
        record_reader_again(file->reader);
    return VERDICT_OK;
}

/* Finds the format if `format` is NULL, and makes ready to read it. */
static enum verdict begin(struct event_file *file, const char *path, const char *format,
                          struct error *error)
{
    bool whole;
    struct bytes sample = record_reader_sample(file->reader, &whole);
    size_t prefix = strlen(FORMAT_MAPPED_PREFIX);
    if (layout_refuse_binary(path, sample, error) != VERDICT_OK)
        return VERDICT_SKIP;
    file->format = format ? event_format_find(format) : event_format_guess(sample, whole);
    if (file->format != FORMAT_UNKNOWN && file->format != FORMAT_MAPPED)
        return pass_header(file, error);
    file->format = FORMAT_MAPPED;
    if (format && strncmp(format, FORMAT_MAPPED_PREFIX, prefix) == 0)
        format += prefix;
    return mapped_records_open(format, file->reader, path, &file->records, error);
}

enum verdict event_file_open(const char *path, const char *format, struct event_file **ret_file,
                             struct error *error)
{
    struct event_file *file = memory_zero(1, sizeof *file);
    if (record_reader_open(path, &file->reader, error) != VERDICT_OK ||
        begin(file, path, format, error) != VERDICT_OK) {
        event_file_close(file);
        return VERDICT_SKIP;
    }
    *ret_file = file;
    return VERDICT_OK;
}

void event_file_close(struct event_file *file)
{
    if (file == NULL)
        return;
    mapped_records_free(file->records);
    record_reader_close(file->reader);
    buffer_release(&file->levels);
    buffer_release(&file->written);
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
    error_set(error, VERDICT_SKIP, "line %llu: %s%s",
              (unsigned long long)record_reader_number(file->reader), what,
              record_reader_cut_off(file->reader) ? " (the file ends in the middle of it)" : "");
    return READ_REJECTED;
}

/* An id for an event whose source has none: a hash of all that the line says of it, so that equal
 * records are one wherever they stand, and different ones differ in every file. */
static void make_id(struct event_file *file, struct event *event)
{
    const struct event_item *item = &event->items[0];
    const struct bytes texts[] = {event->visitor_id, event->session_id, item->item_id};
    const double price = item->price;
    uint64_t hash = hash_join((uint64_t)event->type, (uint64_t)event->event_time_ms);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        hash = hash_join(hash ^ hash >> 32, bytes_hash(texts[i]));
    hash = hash_join(hash ^ hash >> 32, bytes_hash(bytes_of(&price, sizeof price)));
    hash = hash_join(hash ^ hash >> 32, (uint64_t)item->quantity);
    hash = hash_join(hash ^ hash >> 32, (uint64_t)(event->action * 8 + event->status));
    int size = snprintf(file->id, sizeof file->id, "%s-%016llx", event_format_names[file->format],
                        (unsigned long long)draw_mix(hash));
    event->event_id = bytes_of(file->id, (size_t)size);
    /* A line is no repeat of the one before it. A return names no order: it takes back the newest
     * purchase of its item. */
    if (event->type == EVENT_PURCHASE && event->status == PURCHASE_COMPLETED)
        event->transaction_id = event->event_id;
}

/* Fills in one item and the session that the file names. */
static void fill_event(struct event_file *file, struct event *event, struct bytes visitor,
                       struct bytes session, struct bytes item, double price)
{
    event_item_init(&file->item);
    file->item.item_id = item;
    file->item.price = price;
    event->visitor_id = visitor;
    event->session_id = session.size ? session : bytes_of(NULL, 0);
    event->items = &file->item;
    event->item_count = 1;
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
    product->categories = (struct event_strings){&file->category, file->category.size ? 1 : 0, 0};
    product->price = price;
}

bool event_file_product(const struct event_file *file, struct event *ret_product)
{
    if (!file->has_product || event_check(&file->product, NULL) != VERDICT_OK)
        return false;
    *ret_product = file->product;
    return true;
}

static enum read checked(struct event_file *file, struct event *event, struct error *error)
{
    struct error inner = {0};
    make_id(file, event);
    if (event_check(event, &inner) == VERDICT_OK && event_check_text(event, &inner) == VERDICT_OK)
        return READ_EVENT;
    return reject(file, error, inner.message);
}

static enum read read_rees46(struct event_file *file, struct event *event, struct error *error)
{
    struct bytes columns[COLUMNS_MAX];
    double price = NAN;
    int64_t time_ms;
    size_t count = split(record_reader_text(file->reader), ',', columns);
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
    size_t count = split(record_reader_text(file->reader), '\t', columns);
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
    if (quantity < 0 && event->type == EVENT_PURCHASE && event->status == PURCHASE_COMPLETED) {
        char what[80];
        snprintf(what, sizeof what, "qty is %.0f in a purchase (a return?)", quantity);
        return reject(file, error, what);
    }
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
    struct bytes type, line = record_reader_text(file->reader);
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

/* One record of a mapping. READ_END: it is dropped, or the file has ended (`ret_ended`). */
static enum read read_mapped(struct event_file *file, struct arena *arena, struct event *event,
                             bool *ret_ended, struct error *error)
{
    struct error inner = {0};
    struct bytes json;
    bool within = mapped_records_within(file->records);
    enum mapped mapped = mapped_records_next(file->records, &json, &inner);
    *ret_ended = mapped == MAPPED_END;
    if (mapped == MAPPED_END)
        return READ_END;
    if (mapped == MAPPED_FAILED) {
        error_set(error, VERDICT_SKIP, "%s", inner.message);
        return READ_FAILED;
    }
    file->lines += !within;
    file->dropped += mapped == MAPPED_PASSED;
    if (mapped == MAPPED_PASSED)
        return READ_END;
    if (mapped == MAPPED_REJECTED ||
        mapping_decode(mapped_records_mapping(file->records), EVENT_VIEW, json, arena, event,
                       &inner) != VERDICT_OK ||
        (!event->dropped && event_check(event, &inner) != VERDICT_OK))
        return reject(file, error, inner.message);
    file->dropped += event->dropped;
    file->has_product = !event->dropped && mapping_product(mapped_records_mapping(file->records),
                                                           json, event, arena, &file->product);
    return event->dropped ? READ_END : READ_EVENT;
}

/* The next record that is not dropped. */
static enum read next_mapped(struct event_file *file, struct arena *arena, struct event *event,
                             struct error *error)
{
    bool ended = false;
    enum read read = READ_END;
    while (read == READ_END && !ended)
        read = read_mapped(file, arena, event, &ended, error);
    return read;
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
    file->click++;
    return checked(file, event, error);
}

static enum read next(struct event_file *file, struct arena *arena, struct event *ret_event,
                      struct error *error)
{
    file->has_product = false;
    if (file->format == FORMAT_SESSIONS && file->rest.size > 0) {
        enum read read = read_click(file, arena, ret_event, error);
        if (read != READ_END)
            return read;
        file->rest.size = 0;
    }
    if (file->format == FORMAT_MAPPED)
        return next_mapped(file, arena, ret_event, error);
    for (;;) {
        enum read read = read_line(file, error);
        if (read != READ_EVENT)
            return read;
        file->lines++;
        switch (file->format) {
        case FORMAT_REES46:
            return read_rees46(file, ret_event, error);
        case FORMAT_TSV:
            return read_tsv(file, ret_event, error);
        case FORMAT_WEFT:
            return read_weft(file, arena, ret_event, error);
        default:
            file->session = record_reader_number(file->reader) - 1;
            file->click = 0;
            file->rest = record_reader_text(file->reader);
            read = read_click(file, arena, ret_event, error);
            if (read != READ_END)
                return read;
        }
    }
}

void event_file_judge(struct event_file *file, const struct event_bounds *bounds, int64_t now_ms)
{
    file->judges = true;
    file->bounds = *bounds;
    file->now_ms = now_ms;
}

uint64_t event_file_ahead(const struct event_file *file)
{
    return file->ahead;
}

/* A format without times gets present ones later (`weft replay`). */
static enum read judge(struct event_file *file, struct event *event, struct error *error)
{
    struct error why = {0};
    struct event timed = *event;
    if (!event_file_has_times(file))
        timed.event_time_ms = file->now_ms;
    buffer_clear(&file->written);
    event_write_json(event, true, &file->written);
    if (event_judge(&file->bounds, &timed, file->now_ms, file->written.size, &why) != VERDICT_OK)
        return reject(file, error, why.message);
    file->ahead += event_settle_time(&file->bounds, file->now_ms, &timed) > 0;
    return READ_EVENT;
}

enum read event_file_next(struct event_file *file, struct arena *arena, struct event *ret_event,
                          struct error *error)
{
    error_clear(error);
    enum read read = next(file, arena, ret_event, error);
    return read == READ_EVENT && file->judges ? judge(file, ret_event, error) : read;
}

uint64_t event_file_line(const struct event_file *file)
{
    return record_reader_number(file->reader);
}

uint64_t event_file_lines(const struct event_file *file)
{
    return file->lines;
}

struct bytes event_file_text(const struct event_file *file)
{
    return record_reader_text(file->reader);
}

bool event_file_has_times(const struct event_file *file)
{
    return file->format != FORMAT_SESSIONS;
}

const char *event_file_format(const struct event_file *file)
{
    return file->records ? mapping_name(mapped_records_mapping(file->records))
                         : event_format_names[file->format];
}

bool event_file_as_topic(const struct event_file *file)
{
    return file->records && mapped_records_are_lines(file->records);
}

uint64_t event_file_dropped(const struct event_file *file)
{
    return file->dropped;
}

double event_file_share(const struct event_file *file)
{
    return record_reader_share(file->reader);
}
