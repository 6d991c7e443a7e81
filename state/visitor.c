#include "state/visitor.h"

#include "schemas/avro_binary.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct visitor *visitor_new(int32_t partition, struct bytes key)
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
    orders_release(&visitor->orders);
    cart_release(&visitor->cart);
    if (visitor->retractable)
        retractable_release(visitor->retractable);
    free(visitor->retractable);
}

void visitor_free(struct visitor *visitor)
{
    if (visitor == NULL)
        return;
    free_parts(visitor);
    free(visitor);
}

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

size_t visitor_bytes(const struct visitor *visitor)
{
    return memory_block_bytes(sizeof *visitor + visitor->key_size) +
           memory_block_bytes(visitor->capacity * sizeof *visitor->activities) +
           memory_block_bytes(visitor->text_capacity) +
           memory_block_bytes(visitor->tastes_capacity) +
           memory_block_bytes(visitor->display_capacity * sizeof *visitor->displays) +
           memory_block_bytes(visitor->exposure ? sizeof *visitor->exposure : 0) +
           memory_block_bytes(visitor->gender_size) + memory_block_bytes(visitor->age_group_size) +
           memory_block_bytes(visitor->channel_size) +
           memory_block_bytes(visitor->orders.capacity * sizeof *visitor->orders.lines) +
           memory_block_bytes(visitor->cart.capacity) +
           (visitor->retractable ? memory_block_bytes(sizeof *visitor->retractable) +
                                       retractable_bytes(visitor->retractable)
                                 : 0);
}

/* Drops the text of activities that fell out when it is more than half of all text. */
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

/* Starts small: there is one such array per visitor. */
static void reserve_activity(struct visitor *visitor)
{
    if (visitor->count < visitor->capacity)
        return;
    visitor->capacity = visitor->capacity ? 2 * visitor->capacity : 4;
    visitor->activities =
        memory_resize(visitor->activities, visitor->capacity * sizeof *visitor->activities);
}

/* The retractable lines take over what the oldest activity did; `next` is the one behind it. */
static void retain(struct visitor *visitor, const struct activity *oldest,
                   const struct activity *next, struct activity_bounds *bounds)
{
    struct bytes subject = activity_subject(visitor, oldest);
    enum kind kind = (enum kind)oldest->kind;
    bool counted = (kind == KIND_CART || kind == KIND_PURCHASE) && subject.size > 0 &&
                   oldest->counting != COUNTING_NEVER && oldest->counting != COUNTING_QUARANTINED;
    if (visitor->retractable && (cart_takes_out(kind) || kind == KIND_CART_CLEAR))
        retractable_settle(visitor->retractable, kind, subject);
    if (counted) {
        if (visitor->retractable == NULL)
            visitor->retractable = memory_zero(1, sizeof *visitor->retractable);
        bool taken_back = oldest->counting == COUNTING_TAKEN_BACK;
        struct retractable_line line = {
            .time_ms = oldest->time_ms,
            .event = event_tag(oldest->event_hash),
            .price = oldest->price,
            .kind = oldest->kind,
            .taken_back = taken_back,
            .settled = taken_back && kind == KIND_PURCHASE, /* a return is for ever */
        };
        retractable_add(visitor->retractable, line, subject, &bounds->retractable);
    }
    if (visitor->retractable && next->time_ms - oldest->time_ms > bounds->session_gap_ms)
        retractable_end_session(visitor->retractable);
}

/* Drops the `out` oldest activities, but not the last one. */
static void drop_oldest(struct visitor *visitor, uint32_t out, struct activity_bounds *bounds)
{
    struct activity_bounds most = {
        .cart.items_max = CART_ITEMS_MAX,
        .retractable = {.carts_max = UINT32_MAX, .purchases_max = UINT32_MAX},
        .session_gap_ms = INT64_MAX,
    };
    bounds = bounds ? bounds : &most;
    for (uint32_t i = 0; i < out; i++) {
        const struct activity *oldest = &visitor->activities[i];
        cart_apply(&visitor->cart, (enum kind)oldest->kind, activity_subject(visitor, oldest),
                   &bounds->cart);
        retain(visitor, oldest, oldest + 1, bounds);
    }
    visitor->count -= out;
    memmove(visitor->activities, visitor->activities + out,
            visitor->count * sizeof *visitor->activities);
    visitor->truncated = true;
    compact_text(visitor);
}

uint32_t visitor_insert(struct visitor *visitor, uint32_t position, struct activity activity,
                        struct bytes subject, uint32_t max, struct activity_bounds *bounds)
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
    drop_oldest(visitor, 1, bounds);
    return 1;
}

uint32_t visitor_fit(struct visitor *visitor, size_t bytes_max, struct activity_bounds *bounds)
{
    size_t bytes = VISITOR_ROW_REST_BYTES + (size_t)visitor->count * ACTIVITY_ROW_BYTES;
    if (bytes + visitor->text_size <= bytes_max) /* text that fell out counts here */
        return 0;
    for (uint32_t i = 0; i < visitor->count; i++)
        bytes += visitor->activities[i].text_size;
    uint32_t out = 0;
    for (; bytes > bytes_max && out + 1 < visitor->count; out++)
        bytes -= ACTIVITY_ROW_BYTES + (size_t)visitor->activities[out].text_size;
    if (out > 0)
        drop_oldest(visitor, out, bounds);
    return out;
}

void visitor_append(struct visitor *visitor, struct activity activity, struct bytes subject)
{
    reserve_activity(visitor);
    activity.text_at = add_text(visitor, subject);
    activity.text_size = (uint16_t)subject.size;
    visitor->activities[visitor->count++] = activity;
}

bool visitor_is_late(const struct visitor *visitor, int64_t time_ms, uint32_t max)
{
    bool full = visitor->truncated || visitor->count >= max;
    return full && time_ms < visitor->activities[0].time_ms;
}

void visitor_preferences(const struct visitor *visitor, struct preferences *ret_preferences)
{
    memset(ret_preferences, 0, sizeof *ret_preferences);
    if (visitor->tastes == NULL)
        return;
    struct avro_reader reader = {.at = visitor->tastes,
                                 .end = visitor->tastes + visitor->tastes_size};
    bool good = preferences_read(&reader, ret_preferences);
    assert(good); /* the decoder has checked it */
    (void)good;
}

void visitor_set_packed_preferences(struct visitor *visitor, struct bytes packed)
{
    if (packed.size > visitor->tastes_capacity) {
        visitor->tastes_capacity = (uint16_t)((packed.size + 31) / 32 * 32);
        visitor->tastes = memory_resize(visitor->tastes, visitor->tastes_capacity);
    }
    memcpy(visitor->tastes, packed.at, packed.size);
    visitor->tastes_size = (uint16_t)packed.size;
}

void visitor_set_preferences(struct visitor *visitor, const struct preferences *preferences,
                             struct buffer *scratch)
{
    buffer_clear(scratch);
    preferences_write(preferences, scratch);
    visitor_set_packed_preferences(visitor, buffer_bytes(scratch));
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

void visitor_reset_shown(struct visitor *visitor, struct bytes item_id)
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

bool visitor_restore_shown(struct visitor *visitor, uint32_t tag, uint8_t times)
{
    if (visitor->display_count == SHOWN_ITEMS_MAX ||
        find_shown(visitor, tag) < visitor->display_count)
        return false;
    add_shown(visitor, tag)->times = times;
    return true;
}

bool visitor_count_exposure(struct visitor *visitor, uint32_t mark, bool click)
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

void visitor_set_declared(struct visitor *visitor, struct bytes gender, struct bytes age_group)
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

void visitor_update_channel(struct visitor *visitor, struct bytes channel, int64_t time_ms)
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

void visitor_erase(struct visitor *visitor, bool refused)
{
    const struct visitor remaining = {
        .newer = visitor->newer,
        .older = visitor->older,
        .hash = visitor->hash,
        .entry = visitor->entry,
        .partition = visitor->partition,
        .dirty = visitor->dirty,
        .refused = refused,
        .key_size = visitor->key_size,
    };
    free_parts(visitor);
    memcpy(visitor, &remaining,
           offsetof(struct visitor, key)); /* the key lies in the padding, too */
}

bool visitor_is_blank(const struct visitor *visitor)
{
    return visitor->accepted == 0 && visitor->tastes == NULL && visitor->display_count == 0 &&
           visitor->exposure == NULL && visitor->declared == NULL && !visitor->refused;
}
