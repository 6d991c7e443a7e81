/* A report on events before weft learns from them: how many there are and when, sessions, items,
 * what they lack, and what seems wrong. `weft check --report` gathers it from files or topics;
 * three writers (data_report_write.h) print it. Nothing of it enters weft's state.
 *
 * Memory: some 150 bytes a visitor, 100 an item and 80 an event, up to the bounds below. Events
 * beyond them are counted only. Thread: one for each report. */
#ifndef WEFT_TOOLS_DATA_REPORT_H
#define WEFT_TOOLS_DATA_REPORT_H

#include "processors/runtime/config.h"
#include "processors/runtime/letter_reasons.h"
#include "schemas/hash_index.h"

#define REPORT_VISITORS_MAX 20000000
#define REPORT_ITEMS_MAX 10000000
#define REPORT_IDS_MAX 10000000 /* of events and orders, to find repeats */
#define REPORT_TOUCHES_MAX 20000000
#define REPORT_HOURS_MAX 300000 /* between the first and the last event: 34 years */
#define REPORT_KINDS EVENT_USER /* kinds of events that visitors make */
#define REPORT_LENGTHS 8        /* classes of the lengths of sessions */
#define REPORT_TOP 10           /* items and suspects that are named */
#define REPORT_SAMPLES 4001     /* of lags, for each kind */
#define REPORT_TAIL 101         /* points of the long tail */
#define REPORT_ADVICE_MAX 24

/* A visitor is a suspect with so many events in one hour by the clock, or if the pauses in their
 * sessions are so even: the deviation of at least so many pauses is below this share of their mean.
 * People's pauses deviate by more than their mean. */
#define REPORT_SUSPECT_HOUR 300
#define REPORT_SUSPECT_PAUSES 50
#define REPORT_SUSPECT_SPREAD .2

extern const char *const report_length_names[REPORT_LENGTHS];

struct report_set {  /* of 64-bit hashes */
    uint64_t *slots; /* 0: free */
    uint64_t capacity, count;
};

struct report_visitor {
    struct bytes id;
    uint64_t events, session_events;
    int64_t last_ms, view_ms, hour;
    uint64_t hour_events, hour_most;
    uint64_t pauses;
    double pause_mean, pause_square; /* Welford 1962 */
    uint64_t view_item;              /* hash of the item that was viewed last */
    bool is_user;
};

/* One event of a visitor, for the sessions. They are put in order of time, since topics are read
 * one after the other; REPORT_TOUCHES_MAX of them at a time. */
struct report_touch {
    int64_t time_ms;
    uint64_t view_item; /* hash of the viewed item; 0: no view */
    uint32_t visitor;
};

struct report_item {
    struct bytes id;
    uint64_t events, bought;
    bool product, priced, branded, categorised, titled; /* a product row has them */
};

struct report_hour {
    uint64_t kinds[REPORT_KINDS];
};

struct report_lag {
    int64_t samples[REPORT_SAMPLES]; /* a random sample of them (Vitter 1985, algorithm R) */
    uint64_t seen;
    int64_t median_ms, spread_ms; /* after data_report_finish(): spread between the quartiles */
};

struct report_suspect {
    const struct report_visitor *visitor;
    bool fast, even;
};

enum fitness { FITS, FITS_PARTLY, FITS_NOT };
extern const char *const fitness_names[];

struct report_advice {
    char what[160]; /* a setting, or an action */
    char why[240];
};

struct data_report {
    const struct config *config;
    struct arena memory;
    char source[200]; /* names of files or topics */
    char map[80];     /* the mapping that reads them; "": weft's own events */
    bool from_topics;
    uint64_t lines, dropped, rejected, ahead;
    struct letter_reasons reasons; /* of rejections */
    uint64_t kinds[REPORT_KINDS], users;
    uint64_t events; /* sum of kinds */
    int64_t first_ms, last_ms;
    struct report_hour *hours; /* from hour `hour_first` since 1970 on */
    int64_t hour_first;
    uint32_t hour_count, hour_capacity;
    uint64_t by_hour[24];            /* of the day, UTC */
    uint64_t out_of_order;           /* events older than one before them */
    int64_t newest_ms[REPORT_KINDS]; /* so far */
    struct report_lag lags[REPORT_KINDS];
    struct report_visitor *visitors;
    uint32_t visitor_count, visitor_capacity;
    struct hash_index visitor_index;
    struct report_touch *touches;
    uint32_t touch_count, touch_capacity;
    struct report_item *items;
    uint32_t item_count, item_capacity;
    struct hash_index item_index;
    uint64_t visitors_out, items_out; /* events beyond the bounds */
    struct report_set ids, contents, orders, large_orders;
    uint64_t repeated_ids, repeated_contents, double_clicks;
    uint64_t with_user, with_channel, with_agent, without_consent, with_recommendation, taken_back;
    uint64_t event_items, priced_items;
    uint64_t lengths[REPORT_LENGTHS], sessions, sessions_of_two;
    uint64_t draws;
    /* after data_report_finish() */
    uint32_t items_seen, items_once, products, unknown_items, unseen_products;
    uint32_t products_priced, products_branded, products_categorised, products_titled;
    double tail[REPORT_TAIL]; /* share of the events that the first k % of the items have */
    struct report_item top[REPORT_TOP];
    uint32_t top_count;
    struct report_suspect suspects[REPORT_TOP];
    uint32_t suspect_count; /* that are named */
    uint64_t suspects_all, suspect_events, users_seen;
    int quiet_hour; /* of the day, UTC, in the middle of the three quietest; -1: not known */
    struct {
        const char *name;
        enum fitness fitness;
        char why[160];
    } placements[PLACEMENTS_MAX];
    uint32_t placement_count;
    struct report_advice advice[REPORT_ADVICE_MAX];
    uint32_t advice_count;
};

/* `config` is borrowed: its settings are the ones to be judged. */
void data_report_init(struct data_report *report, const struct config *config);
void data_report_release(struct data_report *report);

/* Takes an event that the judge accepted. `written_ms`: its record's Kafka timestamp; 0: none. */
void data_report_event(struct data_report *report, const struct event *event, int64_t written_ms);
/* Takes a product: a row of the catalogue, or what a line says beside its event. */
void data_report_product(struct data_report *report, const struct event *product);
void data_report_product_gone(struct data_report *report, struct bytes item_id);
void data_report_reject(struct data_report *report, const char *message);

/* Ends the sessions, and computes what the writers print. No event may come after it. */
void data_report_finish(struct data_report *report);

/* Judges the placements and gathers advice; part of data_report_finish(). */
void data_report_advise(struct data_report *report);

/* The kinds whose clock seems wrong, with by how much in hours: of topics, how far the events lie
 * from their records, else from the other kinds of the file. False: this kind's clock seems fine.
 */
bool data_report_skew(const struct data_report *report, int kind, double *ret_hours);

/* The offset of the time zone in whose fourth hour the shop is quietest, as most shops are: where
 * its customers live if its clock is right. False: too little data, or no quiet hour. */
bool data_report_zone(const struct data_report *report, int *ret_hours);

#endif
