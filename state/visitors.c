#include "state/visitors.h"

#include "schemas/avro_binary.h"
#include "schemas/event.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct visitor_table {
    struct store *store;
    size_t cache_bytes;
    size_t bytes; /* of all objects */
    struct visitor **slots;
    size_t capacity; /* a power of two */
    size_t count;
    struct visitor *newest, *oldest;
    struct visitor **dirty;
    size_t dirty_count, dirty_capacity;
    struct arena encoded; /* of this batch */
    struct buffer scratch;
};

uint32_t visitor_position(const struct visitor *visitor, int64_t time_ms, enum kind kind)
{
    uint32_t position = visitor->count;
    while (position > 0) {
        const struct activity *before = &visitor->activities[position - 1];
        if (before->time_ms < time_ms || (before->time_ms == time_ms && before->kind <= kind))
            break;
        position--;
    }
    return position;
}

static size_t visitor_bytes(const struct visitor *visitor)
{
    return sizeof *visitor + visitor->key_size + visitor->capacity * sizeof *visitor->activities +
           visitor->text_capacity + visitor->tastes_capacity +
           visitor->display_capacity * sizeof *visitor->displays +
           (visitor->exposure ? sizeof *visitor->exposure : 0) + visitor->gender_size +
           visitor->age_group_size + visitor->channel_size;
}

/* Drops the text of activities that fell out, once it is more than half. */
static void compact_text(struct visitor *visitor)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < visitor->count; i++)
        live += visitor->activities[i].text_size;
    if (2 * live >= visitor->text_size)
        return;
    char *text = memory_get(live + 64);
    uint32_t size = 0;
    for (uint32_t i = 0; i < visitor->count; i++) {
        struct activity *activity = &visitor->activities[i];
        memcpy(text + size, visitor->text + activity->text_at, activity->text_size);
        activity->text_at = size;
        size += activity->text_size;
    }
    free(visitor->text);
    visitor->text = text;
    visitor->text_size = size;
    visitor->text_capacity = live + 64;
}

static uint32_t add_text(struct visitor *visitor, struct bytes subject)
{
    uint32_t needed = visitor->text_size + (uint32_t)subject.size;
    if (needed > visitor->text_capacity || visitor->text == NULL) {
        uint32_t capacity = visitor->text_capacity ? visitor->text_capacity : 32;
        while (capacity < needed)
            capacity *= 2;
        visitor->text = memory_resize(visitor->text, capacity);
        visitor->text_capacity = capacity;
    }
    uint32_t at = visitor->text_size;
    if (subject.size > 0)
        memcpy(visitor->text + at, subject.at, subject.size);
    visitor->text_size = needed;
    return at;
}

static void reserve_activity(struct visitor *visitor)
{
    if (visitor->count < visitor->capacity)
        return;
    visitor->capacity = visitor->capacity ? 2 * visitor->capacity : 4;
    visitor->activities =
        memory_resize(visitor->activities, visitor->capacity * sizeof *visitor->activities);
}

uint32_t visitor_insert(struct visitor *visitor, uint32_t position, struct activity activity,
                        struct bytes subject, uint32_t max)
{
    assert(position <= visitor->count && max > 0);
    reserve_activity(visitor);
    struct activity *at = visitor->activities + position;
    memmove(at + 1, at, (visitor->count - position) * sizeof *at);
    activity.text_at = add_text(visitor, subject);
    activity.text_size = (uint16_t)subject.size;
    *at = activity;
    visitor->count++;
    visitor->accepted++;
    if (visitor->accepted == 1 || activity.time_ms > visitor->latest_time_ms)
        visitor->latest_time_ms = activity.time_ms;
    if (visitor->count <= max)
        return 0;
    visitor->count--;
    memmove(visitor->activities, visitor->activities + 1,
            visitor->count * sizeof *visitor->activities);
    visitor->truncated = true;
    compact_text(visitor);
    return 1;
}

void visitor_preferences(const struct visitor *visitor, struct preferences *ret_preferences)
{
    memset(ret_preferences, 0, sizeof *ret_preferences);
    if (visitor->tastes == NULL)
        return;
    struct avro_reader reader = {.at = visitor->tastes,
                                 .end = visitor->tastes + visitor->tastes_size};
    bool good = preferences_read(&reader, ret_preferences);
    assert(good); /* it was checked when it was read */
    (void)good;
}

static void set_tastes(struct visitor *visitor, struct bytes tastes)
{
    if (tastes.size > visitor->tastes_capacity) {
        visitor->tastes_capacity = (uint16_t)((tastes.size + 31) / 32 * 32);
        visitor->tastes = memory_resize(visitor->tastes, visitor->tastes_capacity);
    }
    memcpy(visitor->tastes, tastes.at, tastes.size);
    visitor->tastes_size = (uint16_t)tastes.size;
}

void visitor_prefer(struct visitor *visitor, const struct preferences *preferences,
                    struct buffer *scratch)
{
    buffer_clear(scratch);
    preferences_write(preferences, scratch);
    set_tastes(visitor, buffer_bytes(scratch));
}

static uint32_t find_shown(const struct visitor *visitor, uint32_t tag)
{
    uint32_t at = 0;
    while (at < visitor->display_count && visitor->displays[at].item != tag)
        at++;
    return at;
}

static struct display *add_shown(struct visitor *visitor, uint32_t tag)
{
    uint32_t at = visitor->display_count;
    if (at == SHOWN_ITEMS_MAX) {
        at = 0;
        for (uint32_t i = 1; i < SHOWN_ITEMS_MAX; i++)
            if (visitor->displays[i].times < visitor->displays[at].times)
                at = i;
    } else {
        if (at == visitor->display_capacity) {
            visitor->display_capacity =
                (uint8_t)(at ? 2 * at < SHOWN_ITEMS_MAX ? 2 * at : SHOWN_ITEMS_MAX : 12);
            visitor->displays = memory_resize(visitor->displays, visitor->display_capacity *
                                                                     sizeof *visitor->displays);
        }
        visitor->display_count++;
    }
    visitor->displays[at] = (struct display){.item = tag};
    return &visitor->displays[at];
}

void visitor_show(struct visitor *visitor, struct bytes item_id, int64_t time_ms, int64_t period_ms)
{
    if (visitor->display_count == 0 || time_ms - visitor->displays_since_s * 1000 >= period_ms) {
        visitor->display_count = 0;
        visitor->displays_since_s = time_ms / 1000;
    }
    uint32_t tag = shown_tag(item_id), at = find_shown(visitor, tag);
    struct display *display =
        at < visitor->display_count ? &visitor->displays[at] : add_shown(visitor, tag);
    display->times =
        display->times < SHOWN_TIMES_MAX ? (uint8_t)(display->times + 1) : SHOWN_TIMES_MAX;
}

void visitor_notice(struct visitor *visitor, struct bytes item_id)
{
    if (visitor->display_count == 0)
        return;
    uint32_t at = find_shown(visitor, shown_tag(item_id));
    if (at < visitor->display_count)
        visitor->displays[at] = visitor->displays[--visitor->display_count];
}

uint32_t visitor_shown(const struct visitor *visitor, uint32_t tag)
{
    uint32_t at = find_shown(visitor, tag);
    return at < visitor->display_count ? visitor->displays[at].times : 0;
}

bool visitor_expose(struct visitor *visitor, uint32_t mark, bool click)
{
    if (visitor->exposure == NULL)
        visitor->exposure = memory_zero(1, sizeof *visitor->exposure);
    struct exposure *exposure = visitor->exposure;
    for (uint32_t i = 0; i < exposure->mark_count; i++)
        if (exposure->marks[i] == mark)
            return false;
    if (exposure->mark_count == MARKS_MAX)
        memmove(exposure->marks, exposure->marks + 1,
                --exposure->mark_count * sizeof *exposure->marks);
    exposure->marks[exposure->mark_count++] = mark;
    exposure->impressions += !click;
    exposure->clicks += click;
    return true;
}

void visitor_declare(struct visitor *visitor, struct bytes gender, struct bytes age_group)
{
    size_t size = gender.size + age_group.size;
    char *declared = size > 0 ? memory_get(size) : NULL;
    if (gender.size > 0)
        memcpy(declared, gender.at, gender.size);
    if (age_group.size > 0)
        memcpy(declared + gender.size, age_group.at, age_group.size);
    free(visitor->declared);
    visitor->declared = declared;
    visitor->gender_size = (uint16_t)gender.size;
    visitor->age_group_size = (uint16_t)age_group.size;
}

void visitor_come_by(struct visitor *visitor, struct bytes channel, int64_t time_ms)
{
    assert(channel.size > 0 && channel.size <= CHANNEL_BYTES_MAX);
    if (visitor->channel && (time_ms < visitor->channel_time_ms ||
                             (time_ms == visitor->channel_time_ms &&
                              bytes_compare(channel, visitor_channel(visitor)) < 0)))
        return;
    visitor->channel_time_ms = time_ms;
    if (bytes_equal(channel, visitor_channel(visitor)))
        return;
    visitor->channel = memory_resize(visitor->channel, channel.size);
    memcpy(visitor->channel, channel.at, channel.size);
    visitor->channel_size = (uint8_t)channel.size;
}

bool visitor_is_blank(const struct visitor *visitor)
{
    return visitor->accepted == 0 && visitor->tastes == NULL && visitor->display_count == 0 &&
           visitor->exposure == NULL && visitor->declared == NULL && !visitor->refused;
}

bool visitor_is_late(const struct visitor *visitor, int64_t time_ms, uint32_t max)
{
    bool full = visitor->truncated || visitor->count >= max;
    return full && time_ms < visitor->activities[0].time_ms;
}

/* ---- encoding ---- */

/* Binds the value to its key, so that one visitor's row never passes for another's. */
static uint64_t checksum(struct bytes key, struct bytes value)
{
    return bytes_hash(value) ^ bytes_hash(key) * 0x9E3779B97F4A7C15u;
}

/* From "refused" to "channel_age". */
static void write_known(const struct visitor *visitor, struct buffer *buffer)
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
}

static void write_visitor(const struct visitor *visitor, struct buffer *buffer)
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
    write_known(visitor, buffer);
    avro_put_long(buffer, (int64_t)checksum(visitor_key(visitor), buffer_bytes(buffer)));
}

static struct visitor *visitor_new(int32_t partition, struct bytes key)
{
    struct visitor *visitor = memory_zero(1, sizeof *visitor + key.size);
    visitor->partition = partition;
    visitor->key_size = (uint32_t)key.size;
    if (key.size > 0)
        memcpy(visitor->key, key.at, key.size);
    return visitor;
}

static void free_parts(struct visitor *visitor)
{
    free(visitor->activities);
    free(visitor->text);
    free(visitor->tastes);
    free(visitor->displays);
    free(visitor->exposure);
    free(visitor->declared);
    free(visitor->channel);
}

void visitor_free(struct visitor *visitor)
{
    if (visitor == NULL)
        return;
    free_parts(visitor);
    free(visitor);
}

void visitor_erase(struct visitor *visitor, bool refused)
{
    const struct visitor kept = {
        .newer = visitor->newer,
        .older = visitor->older,
        .hash = visitor->hash,
        .partition = visitor->partition,
        .dirty = visitor->dirty,
        .refused = refused,
        .key_size = visitor->key_size,
    };
    free_parts(visitor);
    memcpy(visitor, &kept, offsetof(struct visitor, key)); /* the key lies in the padding, too */
}

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
            reserve_activity(visitor);
            activity.text_at = add_text(visitor, subject);
            activity.text_size = (uint16_t)subject.size;
            visitor->activities[visitor->count++] = activity;
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
        set_tastes(visitor, bytes_of(start, (size_t)(reader->at - start)));
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
            if (reader->failed || visitor->display_count == SHOWN_ITEMS_MAX || item < INT32_MIN ||
                item > INT32_MAX || times < 1 || times > SHOWN_TIMES_MAX ||
                find_shown(visitor, (uint32_t)item) < visitor->display_count)
                return false;
            add_shown(visitor, (uint32_t)item)->times = (uint8_t)times;
        }
    }
    return !reader->failed;
}

static bool read_known(struct avro_reader *reader, struct visitor *visitor)
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
    visitor_declare(visitor, gender, age_group);
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
        visitor_come_by(visitor, channel, time_ms);
    return true;
}

/* What the value was written as: 1 the oldest, 0 nothing that is known. */
static int open_value(struct bytes value, struct avro_reader *ret_reader)
{
    static const uint64_t fingerprints[] = {VISITOR_FINGERPRINT_1, VISITOR_FINGERPRINT_2,
                                            VISITOR_FINGERPRINT_3, VISITOR_FINGERPRINT_4,
                                            VISITOR_FINGERPRINT};
    int version = sizeof fingerprints / sizeof fingerprints[0];
    for (; version > 0; version--) {
        *ret_reader = avro_open(value, fingerprints[version - 1]);
        if (!ret_reader->failed)
            break;
    }
    return version;
}

#define CHECKED 2 /* versions from which on there is */
#define PREFERS 3
#define KNOWN 4
#define COMES_BY 5

static bool read_visitor(struct bytes value, struct visitor *visitor)
{
    struct avro_reader reader;
    int version = open_value(value, &reader);
    visitor->accepted = avro_get_long(&reader);
    visitor->latest_time_ms = avro_get_long(&reader);
    visitor->list_hash = (uint64_t)avro_get_long(&reader);
    visitor->truncated = avro_get_bool(&reader);
    visitor->look_again = avro_get_bool(&reader);
    if (reader.failed || !read_activities(&reader, visitor) || reader.failed ||
        visitor->accepted < visitor->count ||
        (version >= PREFERS &&
         (!read_preferences(&reader, visitor) || !read_shown(&reader, visitor))) ||
        (version >= KNOWN && !read_known(&reader, visitor)) ||
        (version >= COMES_BY && !read_channel(&reader, visitor)))
        return false;
    if (version >= CHECKED) {
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
    struct visitor *visitor = visitor_new(partition, key);
    if (!read_visitor(value, visitor)) {
        visitor_free(visitor);
        return error_set(error, VERDICT_SKIP, "the stored visitor %.*s is damaged",
                         (int)(key.size < 100 ? key.size : 100), key.at);
    }
    *ret_visitor = visitor;
    return VERDICT_OK;
}

bool visitor_intact(struct bytes key, struct bytes value)
{
    struct avro_reader reader;
    if (open_value(value, &reader) < CHECKED) {
        struct visitor *visitor;
        if (visitor_decode(0, key, value, &visitor, NULL) != VERDICT_OK)
            return false;
        visitor_free(visitor);
        return true;
    }
    /* what is before the checksum ends in a number, or an array's zero: the top bit is clear */
    size_t start = value.size - 1;
    while (start > 0 && (unsigned char)value.at[start - 1] >= 0x80)
        start--;
    reader = (struct avro_reader){.at = value.at + start, .end = value.at + value.size};
    uint64_t sum = (uint64_t)avro_get_long(&reader);
    return !reader.failed && reader.at == reader.end &&
           sum == checksum(key, bytes_of(value.at, start));
}

struct bytes visitor_store_key(char *to, int32_t partition, struct bytes key)
{
    assert(key.size + 2 <= VISITOR_KEY_BYTES_MAX);
    to[0] = (char)((uint32_t)partition >> 8);
    to[1] = (char)partition;
    memcpy(to + 2, key.at, key.size);
    return bytes_of(to, key.size + 2);
}

/* ---- the table ---- */

struct visitor_table *visitors_new(struct store *store, size_t cache_bytes)
{
    struct visitor_table *table = memory_zero(1, sizeof *table);
    table->store = store;
    table->cache_bytes = cache_bytes;
    table->capacity = 1024;
    table->slots = memory_zero(table->capacity, sizeof *table->slots);
    return table;
}

static uint64_t table_hash(int32_t partition, struct bytes key)
{
    return bytes_hash(key) ^ (uint64_t)(uint32_t)partition * 0x9E3779B97F4A7C15u;
}

static size_t find_slot(const struct visitor_table *table, uint64_t hash, int32_t partition,
                        struct bytes key)
{
    size_t i = hash & (table->capacity - 1);
    for (;; i = (i + 1) & (table->capacity - 1)) {
        const struct visitor *visitor = table->slots[i];
        if (visitor == NULL || (visitor->hash == hash && visitor->partition == partition &&
                                bytes_equal(visitor_key(visitor), key)))
            return i;
    }
}

static void unlink_use(struct visitor_table *table, struct visitor *visitor)
{
    if (visitor->newer)
        visitor->newer->older = visitor->older;
    else
        table->newest = visitor->older;
    if (visitor->older)
        visitor->older->newer = visitor->newer;
    else
        table->oldest = visitor->newer;
    visitor->newer = visitor->older = NULL;
}

static void link_newest(struct visitor_table *table, struct visitor *visitor)
{
    visitor->older = table->newest;
    if (table->newest)
        table->newest->newer = visitor;
    table->newest = visitor;
    if (table->oldest == NULL)
        table->oldest = visitor;
}

static void add_object(struct visitor_table *table, struct visitor *visitor)
{
    if (2 * table->count >= table->capacity) {
        struct visitor **slots = table->slots;
        size_t capacity = table->capacity;
        table->capacity *= 2;
        table->slots = memory_zero(table->capacity, sizeof *slots);
        for (size_t i = 0; i < capacity; i++)
            if (slots[i])
                table->slots[find_slot(table, slots[i]->hash, slots[i]->partition,
                                       visitor_key(slots[i]))] = slots[i];
        free(slots);
    }
    table->slots[find_slot(table, visitor->hash, visitor->partition, visitor_key(visitor))] =
        visitor;
    table->count++;
    table->bytes += visitor_bytes(visitor);
    link_newest(table, visitor);
}

/* Open addressing without tombstones: what follows in the run moves up. */
static void remove_slot(struct visitor_table *table, size_t hole)
{
    size_t mask = table->capacity - 1;
    table->slots[hole] = NULL;
    for (size_t i = (hole + 1) & mask; table->slots[i]; i = (i + 1) & mask) {
        size_t home = table->slots[i]->hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table->slots[hole] = table->slots[i];
            table->slots[i] = NULL;
            hole = i;
        }
    }
}

static void remove_object(struct visitor_table *table, struct visitor *visitor)
{
    remove_slot(table, find_slot(table, visitor->hash, visitor->partition, visitor_key(visitor)));
    unlink_use(table, visitor);
    table->count--;
    visitor_free(visitor);
}

void visitors_free(struct visitor_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->capacity; i++)
        visitor_free(table->slots[i]);
    free(table->slots);
    free(table->dirty);
    arena_release(&table->encoded);
    buffer_release(&table->scratch);
    free(table);
}

enum verdict visitors_get(struct visitor_table *table, int32_t partition, struct bytes key,
                          struct visitor **ret_visitor, struct error *error)
{
    uint64_t hash = table_hash(partition, key);
    struct visitor *visitor = table->slots[find_slot(table, hash, partition, key)];
    if (visitor) {
        if (table->newest != visitor) {
            unlink_use(table, visitor);
            link_newest(table, visitor);
        }
        *ret_visitor = visitor;
        return VERDICT_OK;
    }
    char store_key[VISITOR_KEY_BYTES_MAX];
    buffer_clear(&table->scratch);
    enum verdict verdict =
        table->store->get(table->store, FAMILY_VISITOR,
                          visitor_store_key(store_key, partition, key), &table->scratch, error);
    if (verdict == VERDICT_SKIP)
        visitor = visitor_new(partition, key);
    else if (verdict == VERDICT_OK && visitor_decode(partition, key, buffer_bytes(&table->scratch),
                                                     &visitor, error) != VERDICT_OK) {
        table->store->condemn(table->store, "a visitor can't be read");
        verdict = VERDICT_FATAL;
    }
    if (verdict == VERDICT_FATAL)
        return verdict;
    visitor->hash = hash;
    add_object(table, visitor);
    *ret_visitor = visitor;
    return VERDICT_OK;
}

void visitors_mark_dirty(struct visitor_table *table, struct visitor *visitor)
{
    if (visitor->dirty)
        return;
    if (table->dirty_count == table->dirty_capacity) {
        table->dirty_capacity = table->dirty_capacity ? 2 * table->dirty_capacity : 256;
        table->dirty = memory_resize(table->dirty, table->dirty_capacity * sizeof *table->dirty);
    }
    table->dirty[table->dirty_count++] = visitor;
    visitor->dirty = true;
    table->bytes -= visitor_bytes(visitor); /* counted again when it is clean */
}

size_t visitors_dirty_count(const struct visitor_table *table)
{
    return table->dirty_count;
}

struct visitor *visitors_dirty_at(const struct visitor_table *table, size_t index)
{
    return table->dirty[index];
}

struct bytes visitors_encode(struct visitor_table *table, struct visitor *visitor)
{
    if (visitor_is_blank(visitor))
        return visitor->encoded = bytes_of(NULL, 0);
    buffer_clear(&table->scratch);
    write_visitor(visitor, &table->scratch);
    visitor->encoded = arena_copy(&table->encoded, buffer_bytes(&table->scratch));
    return visitor->encoded;
}

void visitors_batch(struct visitor_table *table, struct store_batch *batch)
{
    char key[VISITOR_KEY_BYTES_MAX];
    for (size_t i = 0; i < table->dirty_count; i++) {
        struct visitor *visitor = table->dirty[i];
        struct bytes name = visitor_store_key(key, visitor->partition, visitor_key(visitor));
        if (visitor->encoded.at)
            batch_put(batch, FAMILY_VISITOR, name, visitor->encoded);
        else
            batch_delete(batch, FAMILY_VISITOR, name);
    }
}

void visitors_commit(struct visitor_table *table)
{
    for (size_t i = 0; i < table->dirty_count; i++) {
        struct visitor *visitor = table->dirty[i];
        visitor->dirty = visitor->touched = false;
        visitor->encoded = bytes_of(NULL, 0);
        table->bytes += visitor_bytes(visitor);
    }
    table->dirty_count = 0;
    arena_clear(&table->encoded);
    while (table->bytes > table->cache_bytes && table->oldest) {
        table->bytes -= visitor_bytes(table->oldest);
        remove_object(table, table->oldest);
    }
}

void visitors_abort(struct visitor_table *table)
{
    for (size_t i = 0; i < table->dirty_count; i++)
        remove_object(table, table->dirty[i]);
    table->dirty_count = 0;
    arena_clear(&table->encoded);
}

void visitors_forget(struct visitor_table *table, int32_t partition)
{
    assert(table->dirty_count == 0);
    for (struct visitor *visitor = table->oldest, *newer; visitor; visitor = newer) {
        newer = visitor->newer;
        if (visitor->partition == partition) {
            table->bytes -= visitor_bytes(visitor);
            remove_object(table, visitor);
        }
    }
}

size_t visitors_cached(const struct visitor_table *table)
{
    return table->count;
}

size_t visitors_bytes(const struct visitor_table *table)
{
    return table->bytes;
}
