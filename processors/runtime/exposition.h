/* Metrics as text for Prometheus and others, in two formats:
 *
 *     OpenMetrics 1.0      # TYPE weft_commits counter        weft_commits_total 5     ... # EOF
 *     Prometheus 0.0.4     # TYPE weft_commits_total counter  weft_commits_total 5
 *
 * Names follow Prometheus' conventions: weft_ in front, base units, _total behind counters. A
 * family begins with exposition_family(), and its samples follow at once. Thread: any; a writer
 * belongs to one at a time. */
#ifndef WEFT_RUNTIME_EXPOSITION_H
#define WEFT_RUNTIME_EXPOSITION_H

#include "schemas/bytes.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct exposition {
    struct buffer text;
    bool open_metrics;
    const char *name; /* of the family; borrowed */
    enum metric_kind kind;
};

/* `name` has neither weft_ nor _total; "process_..." is left as it is. `unit`, such as "seconds",
 * is the end of the name; NULL: none. */
void exposition_family(struct exposition *exposition, enum metric_kind kind, const char *name,
                       const char *unit, const char *help);

/* A label of a sample. NULL as the name: there is none. Values are escaped. */
struct metric_label {
    const char *name;
    struct bytes value;
};

/* A sample of a counter or a gauge with up to two labels; NULL: none. */
void exposition_value(struct exposition *exposition, const struct metric_label *first,
                      const struct metric_label *second, double value);
/* A family of one sample without labels. */
void exposition_one(struct exposition *exposition, enum metric_kind kind, const char *name,
                    const char *unit, const char *help, double value);

/* Counts of values by upper bounds, in seconds. The last bound is infinite. */
#define HISTOGRAM_BUCKETS 14
extern const double histogram_bounds[HISTOGRAM_BUCKETS];
struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS]; /* not cumulative */
    double sum;
};
void histogram_add(struct histogram *histogram, double seconds);
void histogram_merge(struct histogram *to, const struct histogram *from);
/* A sample of a histogram. `bounds` has `count` ascending values, the last one stands for infinity.
 */
void exposition_histogram(struct exposition *exposition, const struct metric_label *label,
                          const double *bounds, const uint64_t *buckets, size_t count, double sum);

/* The last line. Resident memory, CPU time, open files and start of the process come before it. */
void exposition_end(struct exposition *exposition);

/* The media type. */
const char *exposition_type(bool open_metrics);

#endif
