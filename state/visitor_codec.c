#include "state/visitor_codec.h"

#include "schemas/avro_binary.h"
#include "schemas/byte_order.h"
#include "schemas/draw.h"
#include "schemas/event.h"

#include <assert.h>

static uint64_t checksum(struct bytes key, struct bytes value)
{
    return bytes_hash(value) ^ hash_join(bytes_hash(key), 0);
}

/* Tags are random, so an order's tag takes 5 bytes. The difference to the line before is 0, one
 * byte, within an order. */
static void write_order_lines(const struct orders *orders, struct buffer *buffer)
{
    struct order_line before = {0};
    if (orders->count > 0)
        avro_put_long(buffer, orders->count);
    for (uint32_t i = 0; i < orders->count; i++) {
        const struct order_line *line = &orders->lines[i];
        avro_put_long(buffer, (int32_t)(line->order - before.order));
        avro_put_long(buffer, (int32_t)line->item);
        avro_put_long(buffer, line->time_ms - before.time_ms);
        avro_put_long(buffer, (int32_t)(line->event - before.event));
        avro_put_long(buffer, line->bought);
        avro_put_long(buffer, line->returned);
        before = *line;
    }
    avro_put_long(buffer, 0);
}

static void write_cart(const struct cart *cart, struct buffer *buffer)
{
    uint32_t at = 0;
    if (cart->count > 0)
        avro_put_long(buffer, cart->count);
    for (struct bytes item_id; (item_id = cart_next(cart, &at)).at;)
        avro_put_string(buffer, item_id);
    avro_put_long(buffer, 0);
}

/* The positions of the activities that have this state. */
static void write_counting(const struct visitor *visitor, enum counting counting,
                           struct buffer *buffer)
{
    uint32_t count = 0, before = 0;
    for (uint32_t i = 0; i < visitor->count; i++)
        count += visitor->activities[i].counting == counting;
    if (count > 0)
        avro_put_long(buffer, count);
    for (uint32_t i = 0; i < visitor->count; i++) {
        if (visitor->activities[i].counting != counting)
            continue;
        avro_put_long(buffer, i - before);
        before = i;
    }
    avro_put_long(buffer, 0);
}

#define LINE_PURCHASE 1
#define LINE_TAKEN_BACK 2
#define LINE_SETTLED 4
#define LINE_ENDS 8
#define LINE_FLAGS 16

static void write_retractable(const struct retractable *retractable, struct buffer *buffer)
{
    int64_t time_ms = 0;
    if (retractable && retractable->count > 0)
        avro_put_long(buffer, retractable->count);
    for (uint32_t i = 0; retractable && i < retractable->count; i++) {
        const struct retractable_line *line = &retractable->lines[i];
        avro_put_string(buffer, retractable_item(retractable, line));
        avro_put_long(buffer, line->time_ms - time_ms);
        avro_put_long(buffer, (int32_t)line->event);
        avro_put_float(buffer, line->price);
        avro_put_long(buffer, (line->kind == KIND_PURCHASE ? LINE_PURCHASE : 0) |
                                  (line->taken_back ? LINE_TAKEN_BACK : 0) |
                                  (line->settled ? LINE_SETTLED : 0) |
                                  (line->ends ? LINE_ENDS : 0));
        time_ms = line->time_ms;
    }
    avro_put_long(buffer, 0);
}

static void write_noise(const struct noise *noise, struct buffer *buffer)
{
    if (noise->last_ms > 0) {
        const int64_t fields[] = {
            1, /* element */
            noise->last_ms,
            noise->minute_ms - noise->last_ms,
            noise->hour_ms - noise->last_ms,
            noise->minute_events,
            noise->hour_items,
            noise->hour_carts,
            noise->gaps,
            (int64_t)noise->gap_sum,
            (int64_t)noise->gap_squares,
            noise->glances,
            noise->reason,
            noise->broken_ms - noise->last_ms,
        };
        for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
            avro_put_long(buffer, fields[i]);
    }
    avro_put_long(buffer, 0);
}

/* The fields from "refused" to "noise". */
static void write_rest(const struct visitor *visitor, struct buffer *buffer)
{
    static const struct exposure none;
    const struct exposure *exposure = visitor->exposure ? visitor->exposure : &none;
    buffer_byte(buffer, visitor->refused ? 1 : 0);
    avro_put_string(buffer, visitor_gender(visitor));
    avro_put_string(buffer, visitor_age_group(visitor));
    avro_put_long(buffer, exposure->impressions);
    avro_put_long(buffer, exposure->clicks);
    if (exposure->mark_count > 0)
        avro_put_long(buffer, exposure->mark_count);
    for (uint32_t i = 0; i < exposure->mark_count; i++)
        avro_put_long(buffer, (int32_t)exposure->marks[i]);
    avro_put_long(buffer, 0);
    avro_put_string(buffer, visitor_channel(visitor));
    avro_put_long(buffer,
                  visitor->channel ? visitor->latest_time_ms - visitor->channel_time_ms : 0);
    write_order_lines(&visitor->orders, buffer);
    write_cart(&visitor->cart, buffer);
    write_counting(visitor, COUNTING_TAKEN_BACK, buffer);
    write_retractable(visitor->retractable, buffer);
    write_counting(visitor, COUNTING_QUARANTINED, buffer);
    write_noise(&visitor->noise, buffer);
}

void visitor_encode(const struct visitor *visitor, struct buffer *buffer)
{
    avro_put_header(buffer, VISITOR_FINGERPRINT);
    avro_put_long(buffer, visitor->accepted);
    avro_put_long(buffer, visitor->latest_time_ms);
    avro_put_long(buffer, (int64_t)visitor->list_hash);
    buffer_byte(buffer, visitor->truncated ? 1 : 0);
    buffer_byte(buffer, visitor->look_again ? 1 : 0);
    int64_t previous_ms = 0;
    if (visitor->count > 0)
        avro_put_long(buffer, visitor->count);
    for (uint32_t i = 0; i < visitor->count; i++) {
        const struct activity *activity = &visitor->activities[i];
        avro_put_long(buffer, (int64_t)activity->event_hash);
        avro_put_long(buffer, activity->kind);
        avro_put_string(buffer, activity_subject(visitor, activity));
        avro_put_long(buffer, activity->time_ms - previous_ms);
        avro_put_float(buffer, activity->price);
        previous_ms = activity->time_ms;
    }
    avro_put_long(buffer, 0);
    if (visitor->tastes)
        buffer_append(buffer, visitor->tastes, visitor->tastes_size);
    else
        preferences_write(&(struct preferences){0}, buffer);
    avro_put_long(buffer, visitor->display_count ? visitor->displays_since_s : 0);
    if (visitor->display_count > 0)
        avro_put_long(buffer, visitor->display_count);
    for (uint32_t i = 0; i < visitor->display_count; i++) {
        avro_put_long(buffer, (int32_t)visitor->displays[i].item);
        avro_put_long(buffer, visitor->displays[i].times);
    }
    avro_put_long(buffer, 0);
    write_rest(visitor, buffer);
    avro_put_long(buffer, (int64_t)checksum(visitor_key(visitor), buffer_bytes(buffer)));
}

/* The formats from which on the part is there. */
#define FORMAT_CHECKSUM 2
#define FORMAT_PREFERENCES 3
#define FORMAT_EXPOSURE 4
#define FORMAT_CHANNEL 5
#define FORMAT_ORDER_LINES 6
#define FORMAT_CART 7
#define FORMAT_RETRACTIONS 8
#define FORMAT_NOISE 9

static bool read_activities(struct avro_reader *reader, struct visitor *visitor)
{
    int64_t previous_ms = 0;
    for (uint64_t block; (block = avro_get_block(reader)) > 0;) {
        for (; block > 0 && !reader->failed; block--) {
            struct activity activity = {.event_hash = (uint64_t)avro_get_long(reader)};
            int64_t kind = avro_get_long(reader);
            struct bytes subject = avro_get_string(reader);
            int64_t elapsed_ms = avro_get_long(reader);
            activity.price = avro_get_float(reader);
            if (reader->failed || kind < 0 || kind >= KINDS || subject.size > UINT16_MAX ||
                __builtin_add_overflow(previous_ms, elapsed_ms, &previous_ms) ||
                (visitor->count > 0 && elapsed_ms < 0))
                return false;
            activity.kind = (uint8_t)kind;
            activity.time_ms = previous_ms;
            visitor_append(visitor, activity, subject);
        }
    }
    return true;
}

static bool read_preferences(struct avro_reader *reader, struct visitor *visitor)
{
    const char *start = reader->at;
    struct preferences preferences;
    if (!preferences_read(reader, &preferences))
        return false;
    if (preferences.weight > 0)
        visitor_set_packed_preferences(visitor, bytes_of(start, (size_t)(reader->at - start)));
    return true;
}

static bool read_shown(struct avro_reader *reader, struct visitor *visitor)
{
    visitor->displays_since_s = avro_get_long(reader);
    if (visitor->displays_since_s < 0 || visitor->displays_since_s > INT64_MAX / 1000)
        return false;
    for (uint64_t block; (block = avro_get_block(reader)) > 0;) {
        for (; block > 0 && !reader->failed; block--) {
            int64_t item = avro_get_long(reader), times = avro_get_long(reader);
            if (reader->failed || item < INT32_MIN || item > INT32_MAX || times < 1 ||
                times > SHOWN_TIMES_MAX ||
                !visitor_restore_shown(visitor, (uint32_t)item, (uint8_t)times))
                return false;
        }
    }
    return !reader->failed;
}

/* Consent, what the shop declares, impressions and clicks. */
static bool read_exposure(struct avro_reader *reader, struct visitor *visitor)
{
    struct exposure exposure = {0};
    visitor->refused = avro_get_bool(reader);
    struct bytes gender = avro_get_string(reader), age_group = avro_get_string(reader);
    exposure.impressions = avro_get_long(reader);
    exposure.clicks = avro_get_long(reader);
    for (uint64_t block; (block = avro_get_block(reader)) > 0;) {
        for (; block > 0 && !reader->failed; block--) {
            int64_t mark = avro_get_long(reader);
            if (exposure.mark_count == MARKS_MAX || mark < INT32_MIN || mark > INT32_MAX)
                return false;
            exposure.marks[exposure.mark_count++] = (uint32_t)mark;
        }
    }
    if (reader->failed || gender.size > EVENT_ID_BYTES_MAX || age_group.size > EVENT_ID_BYTES_MAX)
        return false;
    visitor_set_declared(visitor, gender, age_group);
    if (exposure.mark_count > 0) {
        visitor->exposure = memory_get(sizeof exposure);
        *visitor->exposure = exposure;
    }
    return true;
}

static bool read_channel(struct avro_reader *reader, struct visitor *visitor)
{
    struct bytes channel = avro_get_string(reader);
    int64_t age_ms = avro_get_long(reader), time_ms;
    if (reader->failed || channel.size > CHANNEL_BYTES_MAX || age_ms < 0 ||
        (channel.size == 0 && age_ms != 0) ||
        __builtin_sub_overflow(visitor->latest_time_ms, age_ms, &time_ms))
        return false;
    if (channel.size > 0)
        visitor_update_channel(visitor, channel, time_ms);
    return true;
}

/* Before FORMAT_RETRACTIONS a line said whether it was returned, and nothing of quantities. */
static void read_quantities(struct avro_reader *reader, int format, struct order_line *line)
{
    if (format < FORMAT_RETRACTIONS) {
        line->bought = 1;
        line->returned = avro_get_bool(reader);
        return;
    }
    int64_t event = avro_get_long(reader), bought = avro_get_long(reader);
    int64_t returned = avro_get_long(reader);
    if (event < INT32_MIN || event > INT32_MAX || bought < 0 || bought > ORDER_QUANTITY_MAX ||
        returned < 0 || returned > ORDER_QUANTITY_MAX)
        reader->failed = true;
    line->event += (uint32_t)event;
    line->bought = (uint32_t)bought;
    line->returned = (uint32_t)returned;
}

static bool read_order_lines(struct avro_reader *reader, int format, struct visitor *visitor)
{
    struct order_line line = {0};
    for (uint64_t block; (block = avro_get_block(reader)) > 0;) {
        for (; block > 0 && !reader->failed; block--) {
            int64_t order = avro_get_long(reader), item = avro_get_long(reader);
            int64_t elapsed_ms = avro_get_long(reader);
            read_quantities(reader, format, &line);
            if (reader->failed || order < INT32_MIN || order > INT32_MAX || item < INT32_MIN ||
                item > INT32_MAX || __builtin_add_overflow(line.time_ms, elapsed_ms, &line.time_ms))
                return false;
            line.order += (uint32_t)order;
            line.item = (uint32_t)item;
            if (!orders_restore(&visitor->orders, line))
                return false;
        }
    }
    return !reader->failed;
}

static bool read_cart(struct avro_reader *reader, struct visitor *visitor)
{
    for (uint64_t block; (block = avro_get_block(reader)) > 0;) {
        for (; block > 0 && !reader->failed; block--) {
            struct bytes item_id = avro_get_string(reader);
            if (reader->failed || item_id.size > EVENT_ID_BYTES_MAX ||
                !cart_restore(&visitor->cart, item_id))
                return false;
        }
    }
    return !reader->failed;
}

static bool read_counting(struct avro_reader *reader, enum counting counting,
                          struct visitor *visitor)
{
    int64_t at = 0;
    for (uint64_t block; (block = avro_get_block(reader)) > 0;) {
        for (; block > 0 && !reader->failed; block--) {
            int64_t more = avro_get_long(reader);
            if (more < 0 || more >= visitor->count - at ||
                visitor->activities[at + more].counting != COUNTING_ACTIVE)
                return false;
            at += more;
            visitor->activities[at].counting = (uint8_t)counting;
        }
    }
    return !reader->failed;
}

static bool read_retractable(struct avro_reader *reader, struct visitor *visitor)
{
    struct retractable_line line = {0};
    for (uint64_t block; (block = avro_get_block(reader)) > 0;) {
        for (; block > 0 && !reader->failed; block--) {
            struct bytes item_id = avro_get_string(reader);
            int64_t elapsed_ms = avro_get_long(reader), event = avro_get_long(reader);
            line.price = avro_get_float(reader);
            int64_t flags = avro_get_long(reader);
            if (reader->failed || item_id.size == 0 || item_id.size > EVENT_ID_BYTES_MAX ||
                event < INT32_MIN || event > INT32_MAX || flags < 0 || flags >= LINE_FLAGS ||
                __builtin_add_overflow(line.time_ms, elapsed_ms, &line.time_ms))
                return false;
            line.event = (uint32_t)event;
            line.kind = flags & LINE_PURCHASE ? KIND_PURCHASE : KIND_CART;
            line.taken_back = flags & LINE_TAKEN_BACK;
            line.settled = flags & LINE_SETTLED;
            line.ends = flags & LINE_ENDS;
            if (visitor->retractable == NULL)
                visitor->retractable = memory_zero(1, sizeof *visitor->retractable);
            if (!retractable_restore(visitor->retractable, line, item_id))
                return false;
        }
    }
    return !reader->failed;
}

/* A time that is stored minus `base_ms`. */
static int64_t get_time(struct avro_reader *reader, int64_t base_ms)
{
    int64_t time_ms = 0;
    if (__builtin_add_overflow(base_ms, avro_get_long(reader), &time_ms))
        reader->failed = true;
    return time_ms;
}

static uint32_t get_count(struct avro_reader *reader)
{
    int64_t count = avro_get_long(reader);
    if (count < 0 || count > UINT32_MAX)
        reader->failed = true;
    return (uint32_t)count;
}

static bool read_noise(struct avro_reader *reader, struct noise *noise)
{
    uint64_t count = avro_get_block(reader);
    if (count == 0)
        return !reader->failed;
    noise->last_ms = avro_get_long(reader);
    noise->minute_ms = get_time(reader, noise->last_ms);
    noise->hour_ms = get_time(reader, noise->last_ms);
    noise->minute_events = get_count(reader);
    noise->hour_items = get_count(reader);
    noise->hour_carts = get_count(reader);
    noise->gaps = get_count(reader);
    noise->gap_sum = (uint64_t)avro_get_long(reader);
    noise->gap_squares = (uint64_t)avro_get_long(reader);
    noise->glances = get_count(reader);
    uint32_t reason = get_count(reader);
    noise->broken_ms = get_time(reader, noise->last_ms);
    noise->reason = (enum noise_reason)reason;
    return count == 1 && avro_get_block(reader) == 0 && !reader->failed && reason < NOISE_REASONS &&
           noise->last_ms > 0;
}

/* The format of the value, 1 the oldest; 0: none that is known. */
static int open_value(struct bytes value, struct avro_reader *ret_reader)
{
    static const uint64_t fingerprints[] = {
        VISITOR_FINGERPRINT_1, VISITOR_FINGERPRINT_2, VISITOR_FINGERPRINT_3,
        VISITOR_FINGERPRINT_4, VISITOR_FINGERPRINT_5, VISITOR_FINGERPRINT_6,
        VISITOR_FINGERPRINT_7, VISITOR_FINGERPRINT_8, VISITOR_FINGERPRINT};
    static_assert(sizeof fingerprints / sizeof fingerprints[0] == VISITOR_FORMAT,
                  "a fingerprint for each format");
    int format = VISITOR_FORMAT;
    for (; format > 0; format--) {
        *ret_reader = avro_open(value, fingerprints[format - 1]);
        if (!ret_reader->failed)
            break;
    }
    return format;
}

static bool read_visitor(struct bytes value, struct visitor *visitor)
{
    struct avro_reader reader;
    int format = open_value(value, &reader);
    visitor->accepted = avro_get_long(&reader);
    visitor->latest_time_ms = avro_get_long(&reader);
    visitor->list_hash = (uint64_t)avro_get_long(&reader);
    visitor->truncated = avro_get_bool(&reader);
    visitor->look_again = avro_get_bool(&reader);
    if (reader.failed || !read_activities(&reader, visitor) || reader.failed ||
        visitor->accepted < visitor->count ||
        (format >= FORMAT_PREFERENCES &&
         (!read_preferences(&reader, visitor) || !read_shown(&reader, visitor))) ||
        (format >= FORMAT_EXPOSURE && !read_exposure(&reader, visitor)) ||
        (format >= FORMAT_CHANNEL && !read_channel(&reader, visitor)) ||
        (format >= FORMAT_ORDER_LINES && !read_order_lines(&reader, format, visitor)) ||
        (format >= FORMAT_CART && !read_cart(&reader, visitor)) ||
        (format >= FORMAT_RETRACTIONS && (!read_counting(&reader, COUNTING_TAKEN_BACK, visitor) ||
                                          !read_retractable(&reader, visitor))) ||
        (format >= FORMAT_NOISE && (!read_counting(&reader, COUNTING_QUARANTINED, visitor) ||
                                    !read_noise(&reader, &visitor->noise))))
        return false;
    if (format >= FORMAT_CHECKSUM) {
        uint64_t sum =
            checksum(visitor_key(visitor), bytes_of(value.at, (size_t)(reader.at - value.at)));
        if ((uint64_t)avro_get_long(&reader) != sum)
            return false;
    }
    return !reader.failed && reader.at == reader.end;
}

enum verdict visitor_decode(int32_t partition, struct bytes key, struct bytes value,
                            struct visitor **ret_visitor, struct error *error)
{
    char quoted[BYTES_QUOTED_SIZE];
    struct visitor *visitor = visitor_new(partition, key);
    if (!read_visitor(value, visitor)) {
        visitor_free(visitor);
        return error_set(error, VERDICT_SKIP, "the stored visitor %s is damaged",
                         bytes_quote(key, quoted));
    }
    *ret_visitor = visitor;
    return VERDICT_OK;
}

/* Whether the value ends with its checksum. */
static bool ends_with_checksum(struct bytes key, struct bytes value)
{
    /* The field before the checksum ends in a byte whose top bit is clear; the checksum's bytes
     * have it set, but for the last one. */
    size_t start = value.size - 1;
    while (start > 0 && (unsigned char)value.at[start - 1] >= 0x80)
        start--;
    struct avro_reader reader = {.at = value.at + start, .end = value.at + value.size};
    uint64_t sum = (uint64_t)avro_get_long(&reader);
    return !reader.failed && reader.at == reader.end &&
           sum == checksum(key, bytes_of(value.at, start));
}

bool visitor_intact(struct bytes key, struct bytes value)
{
    struct avro_reader reader;
    if (open_value(value, &reader) >= FORMAT_CHECKSUM)
        return ends_with_checksum(key, value);
    struct visitor *visitor = NULL;
    if (visitor_decode(0, key, value, &visitor, NULL) != VERDICT_OK)
        return false;
    visitor_free(visitor);
    return true;
}

bool visitor_is_newer(struct bytes key, struct bytes value)
{
    struct avro_reader reader;
    return value.size > 0 && open_value(value, &reader) == 0 && ends_with_checksum(key, value);
}

struct bytes visitor_store_key(char *to, int32_t partition, struct bytes key)
{
    assert(key.size + 2 <= VISITOR_KEY_BYTES_MAX);
    put_be(to, (uint32_t)partition, 2);
    if (key.size > 0)
        memcpy(to + 2, key.at, key.size);
    return bytes_of(to, key.size + 2);
}
