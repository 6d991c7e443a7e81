/* The persons of an experiment: what each one did after the first list of their variant, and before
 * the experiment. Thread: one. */
#ifndef WEFT_TOOLS_REPORT_PERSONS_H
#define WEFT_TOOLS_REPORT_PERSONS_H

#include "processors/recommend/lists/experiments.h"
#include "tools/report_events.h"
#include "tools/report_statistics.h"

enum report_metric {
    METRIC_CLICK_THROUGH, /* clicks over lists shown, at the experiment's placements */
    METRIC_CARTS,         /* additions to the cart, by visitor */
    METRIC_CONVERSION,    /* share of the visitors who buy */
    METRIC_PURCHASES,     /* purchases by visitor */
    METRIC_REVENUE,       /* purchases less returns, by visitor */
    METRICS,
};

extern const char *const report_metric_names[METRICS];

enum person_count {
    PERSON_LISTS, /* at the experiment's placements; so are the clicks */
    PERSON_CLICKS,
    PERSON_CARTS,
    PERSON_PURCHASES,
    PERSON_REVENUE, /* less returns */
    PERSON_COUNTS,
};

struct person {
    int variant;
    int64_t exposed_ms; /* the first list of the variant */
    double now[PERSON_COUNTS];
    double before[PERSON_COUNTS]; /* before the experiment's `from` */
};

/* Zero-initialised is empty and valid. Owns its persons. */
struct persons {
    struct person *at;
    size_t count, capacity;
    uint64_t mixed; /* with two variants; not in `at` */
};

struct persons_options {
    bool by_impressions; /* a list that was shown exposes; else each event does */
    bool everybody;      /* at all times, all in the first variant: for plans */
    int64_t until_ms;    /* later events do not count */
};

/* Fills `persons` again from finished events. */
void persons_fold(const struct report_events *events, const struct experiments *experiments,
                  uint32_t number, const struct persons_options *options, struct persons *persons);
void persons_release(struct persons *persons);

/* Whether the events hold an impression at one of the experiment's placements. */
bool persons_have_impressions(const struct report_events *events,
                              const struct experiment *experiment);

/* Adds up a metric by variant; the covariate is the same metric from before the experiment: for
 * click-through, clicks - r lists, where r is the ratio of all persons. */
void persons_sum(const struct persons *persons, enum report_metric metric,
                 struct visitor_sums ret_sums[VARIANTS_MAX]);

#endif
