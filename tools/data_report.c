#include "tools/data_report.h"

#include "schemas/array.h"
#include "schemas/draw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define HOUR_MS 3600000
#define SET_MIN 1024
#define SKEW_MS 1800000                      /* half an hour: more than phones and queues explain */
#define SKEW_MOST_MS ((int64_t)48 * HOUR_MS) /* what is older was replayed */
#define SKEW_SAMPLES_MIN 20                  /* of a kind, before its clock is judged */
#define QUIET_EVENTS_MIN 1000
#define QUIET_DAYS_MIN 2
#define QUIET_LOCAL_HOUR 4

const char *const report_length_names[REPORT_LENGTHS] = {"1",   "2",     "3",     "4",
                                                         "5-9", "10-19", "20-49", "50+"};
const char *const fitness_names[] = {[FITS] = "yes", [FITS_PARTLY] = "partly", [FITS_NOT] = "no"};

void data_report_init(struct data_report *report, const struct config *config)
{
    *report = (struct data_report){
        .config = config, .first_ms = INT64_MAX, .last_ms = INT64_MIN, .quiet_hour = -1};
    for (int kind = 0; kind < REPORT_KINDS; kind++)
        report->newest_ms[kind] = INT64_MIN;
}

void data_report_release(struct data_report *report)
{
    arena_release(&report->memory);
    free(report->hours);
    free(report->visitors);
    free(report->items);
    free(report->touches);
    hash_index_release(&report->visitor_index);
    hash_index_release(&report->item_index);
    struct report_set *sets[] = {&report->ids, &report->contents, &report->orders,
                                 &report->large_orders};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        free(sets[i]->slots);
}

/* ---- sets of hashes ---- */

static void set_put(struct report_set *set, uint64_t hash)
{
    uint64_t at = hash & (set->capacity - 1);
    while (set->slots[at] != 0)
        at = (at + 1) & (set->capacity - 1);
    set->slots[at] = hash;
}

static void set_grow(struct report_set *set)
{
    struct report_set larger = {.capacity = set->capacity ? 2 * set->capacity : SET_MIN,
                                .count = set->count};
    larger.slots = memory_zero(larger.capacity, sizeof *larger.slots);
    for (uint64_t i = 0; i < set->capacity; i++)
        if (set->slots[i] != 0)
            set_put(&larger, set->slots[i]);
    free(set->slots);
    *set = larger;
}

/* True: the hash was there. A full set takes no more, so it misses some repeats. */
static bool set_add(struct report_set *set, uint64_t hash)
{
    hash = draw_mix(hash) | 1; /* 0 is a free slot */
    if (2 * (set->count + 1) > set->capacity && set->count < REPORT_IDS_MAX)
        set_grow(set);
    uint64_t at = hash & (set->capacity - 1);
    for (; set->slots[at] != 0; at = (at + 1) & (set->capacity - 1))
        if (set->slots[at] == hash)
            return true;
    if (set->count < REPORT_IDS_MAX) {
        set->slots[at] = hash;
        set->count++;
    }
    return false;
}

/* ---- visitors and items ---- */

/* NULL: there are too many. */
static struct report_visitor *find_visitor(struct data_report *report, struct bytes id)
{
    uint64_t hash = hash_index_hash(id);
    struct hash_probe probe = hash_index_probe(&report->visitor_index, hash);
    while (hash_index_next(&report->visitor_index, &probe))
        if (bytes_equal(report->visitors[probe.entry].id, id))
            return &report->visitors[probe.entry];
    if (report->visitor_count == REPORT_VISITORS_MAX)
        return NULL;
    ARRAY_RESERVE(report->visitors, report->visitor_capacity, report->visitor_count + 1);
    struct report_visitor *visitor = &report->visitors[report->visitor_count];
    *visitor = (struct report_visitor){
        .id = arena_copy(&report->memory, id), .last_ms = INT64_MIN, .view_ms = INT64_MIN};
    hash_index_add(&report->visitor_index, hash, report->visitor_count++);
    return visitor;
}

static struct report_item *find_item(struct data_report *report, struct bytes id)
{
    uint64_t hash = hash_index_hash(id);
    struct hash_probe probe = hash_index_probe(&report->item_index, hash);
    while (hash_index_next(&report->item_index, &probe))
        if (bytes_equal(report->items[probe.entry].id, id))
            return &report->items[probe.entry];
    if (report->item_count == REPORT_ITEMS_MAX)
        return NULL;
    ARRAY_RESERVE(report->items, report->item_capacity, report->item_count + 1);
    struct report_item *item = &report->items[report->item_count];
    *item = (struct report_item){.id = arena_copy(&report->memory, id)};
    hash_index_add(&report->item_index, hash, report->item_count++);
    return item;
}

/* ---- sessions ---- */

static int length_class(uint64_t events)
{
    return events < 5 ? (int)events - 1 : events < 10 ? 4 : events < 20 ? 5 : events < 50 ? 6 : 7;
}

static void end_session(struct data_report *report, struct report_visitor *visitor)
{
    if (visitor->session_events == 0)
        return;
    report->lengths[length_class(visitor->session_events)]++;
    report->sessions++;
    report->sessions_of_two += visitor->session_events > 1;
    visitor->session_events = 0;
}

static void add_pause(struct report_visitor *visitor, double pause_ms)
{
    double before = pause_ms - visitor->pause_mean;
    visitor->pauses++;
    visitor->pause_mean += before / (double)visitor->pauses;
    visitor->pause_square += before * (pause_ms - visitor->pause_mean);
}

static void add_touch(struct data_report *report, const struct report_touch *touch)
{
    struct report_visitor *visitor = &report->visitors[touch->visitor];
    const struct settings *settings = &report->config->settings;
    int64_t time_ms = touch->time_ms, hour = time_ms / HOUR_MS;
    bool first = visitor->session_events == 0;
    if (!first && time_ms - visitor->last_ms > settings->session_gap_ms)
        end_session(report, visitor);
    else if (!first && time_ms >= visitor->last_ms)
        add_pause(visitor, (double)(time_ms - visitor->last_ms));
    visitor->session_events++;
    visitor->events++;
    if (time_ms > visitor->last_ms)
        visitor->last_ms = time_ms;
    if (hour != visitor->hour)
        visitor->hour_events = 0;
    visitor->hour = hour;
    if (++visitor->hour_events > visitor->hour_most)
        visitor->hour_most = visitor->hour_events;
    if (touch->view_item == 0)
        return;
    report->double_clicks += touch->view_item == visitor->view_item &&
                             time_ms >= visitor->view_ms &&
                             time_ms - visitor->view_ms <= settings->double_click_ms;
    visitor->view_item = touch->view_item;
    visitor->view_ms = time_ms;
}

static int by_visitor_and_time(const void *a, const void *b)
{
    const struct report_touch *x = a, *y = b;
    if (x->visitor != y->visitor)
        return x->visitor < y->visitor ? -1 : 1;
    return (x->time_ms > y->time_ms) - (x->time_ms < y->time_ms);
}

static void take_touches(struct data_report *report)
{
    if (report->touch_count > 0)
        qsort(report->touches, report->touch_count, sizeof *report->touches, by_visitor_and_time);
    for (uint32_t i = 0; i < report->touch_count; i++)
        add_touch(report, &report->touches[i]);
    report->touch_count = 0;
}

static void add_to_session(struct data_report *report, uint32_t visitor, const struct event *event)
{
    if (report->touch_count == REPORT_TOUCHES_MAX)
        take_touches(report);
    ARRAY_RESERVE(report->touches, report->touch_capacity, report->touch_count + 1);
    report->touches[report->touch_count++] = (struct report_touch){
        .time_ms = event->event_time_ms,
        .visitor = visitor,
        .view_item = event->type == EVENT_VIEW && event->item_count > 0
                         ? bytes_hash(event->items[0].item_id) | 1
                         : 0,
    };
}

/* ---- times ---- */

static void add_hour(struct data_report *report, const struct event *event)
{
    int64_t hour = event->event_time_ms / HOUR_MS;
    report->by_hour[(hour % 24 + 24) % 24]++;
    if (report->hour_count == 0)
        report->hour_first = hour;
    int64_t last = report->hour_first + report->hour_count - 1;
    int64_t span = hour < report->hour_first ? last - hour + 1 : hour - report->hour_first + 1;
    if (span > REPORT_HOURS_MAX)
        return;
    if ((uint32_t)span > report->hour_count || report->hour_count == 0) {
        uint32_t added = (uint32_t)span - report->hour_count;
        ARRAY_RESERVE(report->hours, report->hour_capacity, (uint32_t)span);
        if (hour < report->hour_first) {
            memmove(report->hours + added, report->hours,
                    report->hour_count * sizeof *report->hours);
            memset(report->hours, 0, added * sizeof *report->hours);
            report->hour_first = hour;
        } else {
            memset(report->hours + report->hour_count, 0, added * sizeof *report->hours);
        }
        report->hour_count = (uint32_t)span;
    }
    report->hours[hour - report->hour_first].kinds[event->type]++;
}

static void add_lag(struct data_report *report, int kind, int64_t lag_ms)
{
    struct report_lag *lag = &report->lags[kind];
    uint64_t place = lag->seen++;
    if (place >= REPORT_SAMPLES)
        place = draw_mix(report->draws++) % lag->seen;
    if (place < REPORT_SAMPLES)
        lag->samples[place] = lag_ms;
}

/* How the event's time lies to its record's, or to the newest event of another kind before it. */
static void add_time(struct data_report *report, const struct event *event, int64_t written_ms)
{
    int64_t time_ms = event->event_time_ms, newest_ms = INT64_MIN;
    for (int kind = 0; kind < REPORT_KINDS; kind++)
        if (kind != (int)event->type && report->newest_ms[kind] > newest_ms)
            newest_ms = report->newest_ms[kind];
    if (written_ms > 0)
        add_lag(report, (int)event->type, time_ms - written_ms);
    else if (newest_ms != INT64_MIN && !report->from_topics)
        add_lag(report, (int)event->type, time_ms - newest_ms);
    report->out_of_order += time_ms < report->last_ms;
    if (time_ms > report->newest_ms[event->type])
        report->newest_ms[event->type] = time_ms;
    if (time_ms < report->first_ms)
        report->first_ms = time_ms;
    if (time_ms > report->last_ms)
        report->last_ms = time_ms;
    add_hour(report, event);
}

/* ---- events ---- */

static void add_repeats(struct data_report *report, const struct event *event)
{
    uint64_t visitor = bytes_hash(event_visitor(event));
    if (set_add(&report->ids, hash_join(visitor, bytes_hash(event->event_id)))) {
        report->repeated_ids++;
        return;
    }
    uint64_t content =
        hash_join(hash_join(visitor, (uint64_t)event->type * 8 + (uint64_t)event->action +
                                         (uint64_t)event->status),
                  (uint64_t)event->event_time_ms);
    content = hash_join(content, bytes_hash(event->search_term));
    for (uint32_t i = 0; i < event->item_count; i++)
        content = hash_join(content, bytes_hash(event->items[i].item_id));
    report->repeated_contents += set_add(&report->contents, content);
}

static void add_items(struct data_report *report, const struct event *event)
{
    bool bought = event->type == EVENT_PURCHASE && event->status == PURCHASE_COMPLETED;
    uint64_t order = hash_join(bytes_hash(event_visitor(event)), bytes_hash(event->transaction_id));
    for (uint32_t i = 0; i < event->item_count; i++) {
        const struct event_item *item = &event->items[i];
        report->event_items++;
        report->priced_items += isnan(item->price) ? 0 : 1;
        if (bought && set_add(&report->orders, order))
            set_add(&report->large_orders, order);
        if (event->type == EVENT_IMPRESSION || event->type == EVENT_SEARCH)
            continue;
        struct report_item *known = find_item(report, item->item_id);
        report->items_out += known == NULL;
        if (known) {
            known->events++;
            known->bought += bought;
        }
    }
}

void data_report_event(struct data_report *report, const struct event *event, int64_t written_ms)
{
    if (event->type == EVENT_PRODUCT) {
        data_report_product(report, event);
        return;
    }
    if (event->type == EVENT_USER) {
        report->users++;
        return;
    }
    report->kinds[event->type]++;
    report->events++;
    report->with_user += event->user_id.size > 0;
    report->with_channel += event->channel.size > 0;
    report->with_agent += event->user_agent.size > 0;
    report->with_recommendation += event->recommendation_id.size > 0;
    report->without_consent += !event->consent;
    report->taken_back += event->type == EVENT_PURCHASE && event->status != PURCHASE_COMPLETED;
    add_time(report, event, written_ms);
    add_repeats(report, event);
    add_items(report, event);
    if (event->type == EVENT_IMPRESSION)
        return; /* the shop makes them, not the visitor */
    struct report_visitor *visitor = find_visitor(report, event_visitor(event));
    report->visitors_out += visitor == NULL;
    if (visitor == NULL)
        return;
    visitor->is_user |= event->user_id.size > 0;
    add_to_session(report, (uint32_t)(visitor - report->visitors), event);
}

void data_report_product(struct data_report *report, const struct event *product)
{
    struct report_item *item = find_item(report, product->item_id);
    if (item == NULL)
        return;
    item->product = true;
    item->priced |= !isnan(product->price);
    item->branded |= product->item_brand.size > 0;
    item->categorised |= product->categories.count > 0;
    item->titled |= product->title.size > 0;
}

void data_report_product_gone(struct data_report *report, struct bytes item_id)
{
    struct report_item *item = find_item(report, item_id);
    if (item)
        item->product = item->priced = item->branded = item->categorised = item->titled = false;
}

void data_report_reject(struct data_report *report, const char *message)
{
    char reason[LETTER_REASON_BYTES];
    const char *text = message;
    if (strncmp(text, "line ", 5) == 0 && strchr(text, ':')) /* each has its own number */
        text = strchr(text, ':') + 2;
    letter_reason(bytes_text("events"), bytes_text(text), reason);
    letter_reasons_add(&report->reasons, reason + strlen("events: "), 1);
    report->rejected++;
}

/* ---- the end ---- */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int most_events(const void *a, const void *b)
{
    const struct report_item *x = a, *y = b;
    if (x->events != y->events)
        return x->events < y->events ? 1 : -1;
    return bytes_compare(x->id, y->id);
}

static void finish_items(struct data_report *report)
{
    uint64_t all = 0, sum = 0;
    hash_index_release(&report->item_index); /* the order changes */
    report->item_index = (struct hash_index){0};
    if (report->item_count > 0)
        qsort(report->items, report->item_count, sizeof *report->items, most_events);
    for (uint32_t i = 0; i < report->item_count; i++) {
        const struct report_item *item = &report->items[i];
        report->items_seen += item->events > 0;
        report->items_once += item->events == 1;
        report->products += item->product;
        report->unknown_items += item->events > 0 && !item->product;
        report->unseen_products += item->product && item->events == 0;
        report->products_priced += item->priced;
        report->products_branded += item->branded;
        report->products_categorised += item->categorised;
        report->products_titled += item->titled;
        all += item->events;
    }
    for (uint32_t i = 0, point = 0; point < REPORT_TAIL && report->items_seen > 0; point++) {
        uint32_t end = (uint32_t)((uint64_t)report->items_seen * point / (REPORT_TAIL - 1));
        for (; i < end; i++)
            sum += report->items[i].events;
        report->tail[point] = (double)sum / (double)all;
    }
    report->top_count = report->items_seen < REPORT_TOP ? report->items_seen : REPORT_TOP;
    for (uint32_t i = 0; i < report->top_count; i++)
        report->top[i] = report->items[i];
}

static struct report_suspect judge_visitor(const struct report_visitor *visitor)
{
    double deviation =
        visitor->pauses > 0 ? sqrt(visitor->pause_square / (double)visitor->pauses) : INFINITY;
    return (struct report_suspect){.visitor = visitor,
                                   .fast = visitor->hour_most >= REPORT_SUSPECT_HOUR,
                                   .even = visitor->pauses >= REPORT_SUSPECT_PAUSES &&
                                           deviation < REPORT_SUSPECT_SPREAD * visitor->pause_mean};
}

/* The suspects with the most events are named. */
static void add_suspect(struct data_report *report, struct report_suspect suspect)
{
    uint32_t at = report->suspect_count;
    report->suspects_all++;
    report->suspect_events += suspect.visitor->events;
    while (at > 0 && report->suspects[at - 1].visitor->events < suspect.visitor->events)
        at--;
    if (at == REPORT_TOP)
        return;
    report->suspect_count += report->suspect_count < REPORT_TOP;
    memmove(report->suspects + at + 1, report->suspects + at,
            (report->suspect_count - at - 1) * sizeof suspect);
    report->suspects[at] = suspect;
}

/* The middle of the three hours of the day with the fewest events. */
static void find_quiet_hour(struct data_report *report)
{
    uint64_t fewest = UINT64_MAX;
    int quiet = -1;
    for (int hour = 0; hour < 24; hour++) {
        uint64_t sum = report->by_hour[hour] + report->by_hour[(hour + 1) % 24] +
                       report->by_hour[(hour + 23) % 24];
        if (sum < fewest) {
            fewest = sum;
            quiet = hour;
        }
    }
    if (report->events >= QUIET_EVENTS_MIN &&
        report->last_ms - report->first_ms >= QUIET_DAYS_MIN * 24 * (int64_t)HOUR_MS &&
        fewest * 16 < report->events) /* less than half of three hours' mean share */
        report->quiet_hour = quiet;
}

bool data_report_skew(const struct data_report *report, int kind, double *ret_hours)
{
    const struct report_lag *lag = &report->lags[kind];
    if (lag->seen < SKEW_SAMPLES_MIN || llabs(lag->median_ms) < SKEW_MS ||
        llabs(lag->median_ms) > SKEW_MOST_MS || lag->spread_ms > 2 * SKEW_MS)
        return false;
    *ret_hours = (double)lag->median_ms / HOUR_MS;
    return true;
}

bool data_report_zone(const struct data_report *report, int *ret_hours)
{
    if (report->quiet_hour < 0)
        return false;
    *ret_hours = (QUIET_LOCAL_HOUR - report->quiet_hour + 36) % 24 - 12;
    return true;
}

void data_report_finish(struct data_report *report)
{
    take_touches(report);
    for (uint32_t i = 0; i < report->visitor_count; i++) {
        struct report_visitor *visitor = &report->visitors[i];
        end_session(report, visitor);
        report->users_seen += visitor->is_user;
        struct report_suspect suspect = judge_visitor(visitor);
        if (suspect.fast || suspect.even)
            add_suspect(report, suspect);
    }
    for (int kind = 0; kind < REPORT_KINDS; kind++) {
        struct report_lag *lag = &report->lags[kind];
        size_t count = lag->seen < REPORT_SAMPLES ? (size_t)lag->seen : REPORT_SAMPLES;
        qsort(lag->samples, count, sizeof lag->samples[0], by_value);
        if (count > 0) {
            lag->median_ms = lag->samples[count / 2];
            lag->spread_ms = lag->samples[count * 3 / 4] - lag->samples[count / 4];
        }
    }
    finish_items(report);
    find_quiet_hour(report);
    data_report_advise(report);
}
