/* Whether a visitor acts like a program: how fast and how regularly their events come, how many
 * items they look at, and for how long. A part of the visitor's value (visitor.avsc). It depends on
 * the visitor's events alone, in the order in which they were processed.
 *
 *     minute   |---------------|         a window begins with the first event behind the last one
 *     hour     |-------------------------------------------------------------|
 *     gaps     the last GAPS_KEPT to GAPS_MAX times between two events: count, sum, sum of squares
 *
 * A visitor is suspect from the event that breaks a rule on, and until no event has broken one for
 * a time. Calls schemas/. Thread: one at a time. */
#ifndef WEFT_STATE_NOISE_H
#define WEFT_STATE_NOISE_H

#include "schemas/bytes.h"

/* The rules. The numbers are on disk: only append. */
enum noise_reason {
    NOISE_NONE,
    NOISE_RATE,    /* too many events in a minute */
    NOISE_ITEMS,   /* too many new items viewed in an hour */
    NOISE_CARTS,   /* too many items put in the cart in an hour */
    NOISE_REGULAR, /* the events come as regularly as a clock */
    NOISE_GLANCES, /* a run of views without time to look */
    NOISE_AGENT,   /* the user agent says so */
    NOISE_REASONS,
};
extern const char *const noise_reason_names[NOISE_REASONS];

struct noise_limits {
    uint32_t minute_max;     /* events in a minute; 0 in any of these: no such rule */
    uint32_t hour_items_max; /* views in an hour of items that are not remembered */
    uint32_t hour_carts_max; /* items put in the cart in an hour */
    float regular;           /* deviation of the gaps, as a share of their mean */
    uint32_t glances_max;    /* views in a row that were shorter than glance_ms */
    int64_t glance_ms;
    int64_t release_ms; /* without a broken rule, until the visitor is no suspect any more */
};

#define NOISE_GAPS 32            /* gaps that are judged */
#define NOISE_GAP_MAX_MS 1800000 /* a longer one is a pause, not a gap */

/* All zero: no event yet. */
struct noise {
    int64_t last_ms;            /* the newest event's time */
    int64_t minute_ms, hour_ms; /* when the windows began */
    uint32_t minute_events, hour_items, hour_carts;
    uint32_t gaps;
    uint64_t gap_sum, gap_squares; /* ms, ms^2 */
    uint32_t glances;
    enum noise_reason reason; /* of the last broken rule; NOISE_NONE: no suspect */
    int64_t broken_ms;        /* when it was broken last */
};

/* The part of an event that is judged. */
struct noise_event {
    int64_t time_ms;
    bool new_item;  /* a view of an item that is not remembered */
    uint32_t carts; /* items put in the cart */
    bool glance;    /* a view that was too short to look */
    bool view;
    bool agent; /* of a program, by its own word */
};

/* Takes an event, and judges. Returns whether the visitor is suspect now: then the event must not
 * reach what is shared. */
bool noise_take(struct noise *noise, const struct noise_event *event,
                const struct noise_limits *limits);

/* Whether the text has one of the patterns: lines of lower-case text, '#' begins a comment. Upper
 * and lower case are the same. */
bool noise_agent_matches(struct bytes patterns, struct bytes user_agent);

#endif
