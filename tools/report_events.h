/* The events of a report, in memory: who saw, clicked, put into the cart and bought, and when. They
 * come from files (report_files.c) or topics (report_topics.c), in any order; an event that comes
 * twice counts once. Thread: one. */
#ifndef WEFT_TOOLS_REPORT_EVENTS_H
#define WEFT_TOOLS_REPORT_EVENTS_H

#include "schemas/event.h"
#include "schemas/hash_index.h"

#define REPORT_NAMES_MAX 4096 /* placements, channels and genders; further ones are unknown */
#define REPORT_UNKNOWN 0      /* the number of the empty name */
#define REPORT_NOBODY UINT32_MAX

enum report_kind {
    REPORT_SHOWN, /* a list was shown: an impression */
    REPORT_CLICK,
    REPORT_CART, /* something was put into the cart */
    REPORT_PURCHASE,
    REPORT_RETURN, /* a refund or a cancellation */
    REPORT_OTHER,
};

struct report_event {
    int64_t time_ms;
    uint64_t id;                 /* hash of the event's id */
    double amount;               /* purchase, return: the value, or the prices of the items */
    uint32_t key;                /* the event's key, a number of report_events.keys */
    uint32_t person;             /* after report_events_finish() */
    uint16_t placement, channel; /* numbers of report_events.names */
    uint8_t kind;
};

/* A visitor_id or user_id. */
struct report_key {
    struct bytes name;
    uint32_t user;   /* the key of the user that this visitor_id belongs to; REPORT_NOBODY */
    uint16_t gender; /* as the shop says last; a number of names */
    bool refused;    /* the user wants no part in it, or is erased */
};

/* Zero-initialised is empty and valid. Owns all that it points to. */
struct report_events {
    struct arena memory;
    struct report_event *at; /* after report_events_finish() by person, then time */
    size_t count, capacity;
    struct report_key *keys;
    uint32_t key_count, key_capacity;
    struct hash_index key_index;
    struct bytes *names; /* the first is empty */
    uint32_t name_count, name_capacity;
    struct hash_index name_index;
    uint64_t rejected;   /* records that hold no event that can be used */
    uint64_t no_consent; /* events without consent: left out */
    uint64_t repeated;   /* events that came again: left out */
    int64_t first_ms, last_ms;
};

/* Adds what the report needs of an event; products are passed over. Copies what it keeps. */
void report_events_add(struct report_events *events, const struct event *event);

/* Sorts the events, drops repeated ones and those of refused users, and numbers the persons: a
 * visitor_id that was seen with a user_id is the same person; the first user_id counts. */
void report_events_finish(struct report_events *events);
void report_events_release(struct report_events *events);

#endif
