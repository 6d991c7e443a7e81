/* Measures one variant of the configuration on recorded events.
 *
 * A case is an event after the first of its session. Its target is the event's item. The list for
 * the visitor is made before the event is learned. Targets are ranked among all items; repeats are
 * allowed and nothing is filtered. Measures (Jarvelin, Kekalainen 2002; Ludewig, Jannach 2018):
 *
 *     HR@k      share of cases whose target is among the first k
 *     MRR@k     mean of 1/rank, 0 beyond k
 *     NDCG@k    mean of 1/log2(1 + rank), 0 beyond k
 *     coverage  share of all seen items that were in any list
 *
 * Thread: one. */
#ifndef WEFT_TOOLS_BACKTEST_MEASURE_H
#define WEFT_TOOLS_BACKTEST_MEASURE_H

#include "tools/backtest_read.h"

#define DECILES 10

struct measure_settings {
    const char *evaluate_from; /* a time in ms, or a fraction of the events; NULL: all */
    bool freeze;               /* the papers' protocol: learn first, then only measure */
    uint32_t min_prefix;       /* activities in the session before a case, at least */
    uint32_t at;               /* k, the length of the list */
    const char *noise;         /* visitors whose keys begin so are no cases; NULL: all are */
    uint32_t kinds;            /* bits 1 << event type: events that are cases; 0: all */
};

struct test_case {
    uint32_t line, session;
    uint32_t rank; /* the target's, from 1; 0: not among the first k */
    float list_us; /* time that the list took */
    float value;   /* price times quantity of the event's item; 0: it has no price */
};

enum case_measure { CASE_HR, CASE_MRR, CASE_NDCG, CASE_REVENUE, CASE_MEASURES };
extern const char *const case_measure_names[CASE_MEASURES + 1]; /* "hr", ...; ends with NULL */

/* The case's share in the mean of the measure. CASE_REVENUE is `value` of a target that is among
 * the first k. */
double case_score(const struct test_case *test_case, enum case_measure measure);

/* Events by visitors of one sort, with measure_settings.noise: by the part of their keys before the
 * last '-' if they begin so, and "people" for all others. */
#define SORTS_MAX 8
struct sort {
    char name[32];
    uint64_t events, quarantined; /* of these, not written to the log */
};

/* Sums over cases. */
struct quality {
    uint64_t cases;
    double hits, reciprocal, gain;
};

/* Owns its cases. */
struct measured {
    struct test_case *cases; /* in the order of the events */
    size_t count, capacity;
    struct quality all, deciles[DECILES]; /* deciles of the stream of events */
    double coverage, seconds, item_bytes, visitor_bytes;
    uint32_t items, sort_count;
    struct sort sorts[SORTS_MAX]; /* further ones count as the last */
};

/* Runs the events through the in-process driver. RETRY: interrupted. The caller releases
 * `ret_measured` in any case. */
enum verdict measure(const struct recorded *recorded, const struct config *config,
                     const struct measure_settings *settings, struct measured *ret_measured,
                     struct error *error);
void measured_release(struct measured *measured);

/* sum / count; 0 if there are none. */
static inline double measure_share(double sum, uint64_t count)
{
    return count ? sum / (double)count : 0;
}

#endif
