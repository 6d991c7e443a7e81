/* The result of an experiment: each visitor's lists, clicks, carts, purchases and revenue after the
 * first list of a variant, added up by variant, compared with the first variant, and summed up in a
 * sentence.
 *
 * A visitor's variant is drawn as `weft run` draws it (experiments.h), at each list that was shown
 * at the experiment's placements. A visitor with lists of two variants, by a login as a rule, is
 * left out and counted. If the events have no impression at these placements, the visitor's first
 * event while the experiment runs counts in place of the first list. Thread: one. */
#ifndef WEFT_TOOLS_REPORT_RESULT_H
#define WEFT_TOOLS_REPORT_RESULT_H

#include "tools/report_persons.h"

#define REPORT_EFFECT .05   /* the expected difference: 5 % of the metric */
#define REPORT_ALPHA .05    /* an interval may miss the true difference as often as this */
#define REPORT_SPLIT_P .001 /* the visitors are split wrongly below this */
#define REPORT_PLANNED .03  /* the difference that the plan is for */
#define REPORT_LOOKS 40     /* for the plot over time */
#define REPORT_VERDICT_MAX 600

struct report_options {
    double effect, alpha, planned;
    enum report_metric goal; /* METRICS: click-through, or conversion without impressions */
    bool looks;              /* fill result.looks, too: as many passes over the events */
};

/* A metric of a variant. */
struct report_cell {
    struct visitor_sums sums;
    struct estimate plain;    /* the ratio of sums */
    struct estimate estimate; /* the same, or adjusted by the time before the experiment */
    /* against the first variant; the first variant's own are empty */
    struct sequential test;
    double p; /* corrected for the number of variants */
    bool better, worse;
};

/* A look at the goal metric, as it was at that time. */
struct report_look {
    int64_t until_ms;
    struct sequential tests[VARIANTS_MAX];
};

enum report_state {
    REPORT_NOT_BEGUN, /* nobody has seen it */
    REPORT_SPLIT,     /* the visitors are not split as configured */
    REPORT_EARLY,     /* too few visitors */
    REPORT_OPEN,      /* no difference is shown */
    REPORT_SHOWN_DIFFERENT,
};
extern const char *const report_state_names[];

struct report_result {
    const struct experiment *experiment; /* borrowed */
    bool by_impressions;
    bool adjusted[METRICS]; /* by the time before the experiment */
    uint64_t visitors[VARIANTS_MAX], all_visitors;
    uint64_t mixed;            /* visitors with two variants: left out */
    int64_t first_ms, last_ms; /* of the exposures */
    double daily;              /* visitors who come new to the experiment a day, at the end */
    double split_p;
    enum report_metric goal;
    double alpha; /* of each comparison */
    struct report_cell cells[METRICS][VARIANTS_MAX];
    double needed[METRICS]; /* visitors in the experiment that show the planned difference */
    double days[METRICS];   /* until then, from the last event on; NaN: unknown */
    enum report_state state;
    char verdict[REPORT_VERDICT_MAX];
    struct report_look looks[REPORT_LOOKS];
    uint32_t look_count;
};

/* `events` are finished. Leaves state and verdict to report_conclude() (report_verdict.h). */
void report_evaluate(const struct report_events *events, const struct experiments *experiments,
                     uint32_t number, const struct report_options *options,
                     struct report_result *ret_result);

/* The plan before the start: everybody who saw the placements in the events counts, whatever the
 * experiment's time. Fills visitors, daily, needed, days, and the first variant's cells. */
void report_plan(const struct report_events *events, const struct experiments *experiments,
                 uint32_t number, const struct report_options *options,
                 struct report_result *ret_result);

#endif
