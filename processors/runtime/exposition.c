#include "processors/runtime/exposition.h"

#include "processors/runtime/log.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

const double histogram_bounds[HISTOGRAM_BUCKETS] = {.002, .005, .01, .02, .05, .1, .2,
                                                    .5,   1,    2,   5,   10,  60, INFINITY};

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

static void put_name(struct exposition *exposition)
{
    if (strncmp(exposition->name, "process_", 8) != 0)
        buffer_text(&exposition->text, "weft_");
    buffer_text(&exposition->text, exposition->name);
}

/* The name of the family: in the older format that of its samples. */
static void put_family(struct exposition *exposition)
{
    put_name(exposition);
    if (exposition->kind == METRIC_COUNTER && !exposition->open_metrics)
        buffer_text(&exposition->text, "_total");
}

void exposition_family(struct exposition *exposition, enum metric_kind kind, const char *name,
                       const char *unit, const char *help)
{
    struct buffer *text = &exposition->text;
    exposition->name = name;
    exposition->kind = kind;
    buffer_text(text, "# TYPE ");
    put_family(exposition);
    buffer_format(text, " %s\n", kind_names[kind]);
    if (unit && exposition->open_metrics) {
        buffer_text(text, "# UNIT ");
        put_family(exposition);
        buffer_format(text, " %s\n", unit);
    }
    buffer_text(text, "# HELP ");
    put_family(exposition);
    buffer_format(text, " %s\n", help);
}

/* Both formats escape backslash, quote and newline. Other controls, and bytes that are not UTF-8,
 * become question marks. */
static void put_escaped(struct buffer *text, struct bytes value)
{
    bool utf8 = bytes_utf8(value);
    for (size_t i = 0; i < value.size; i++) {
        char byte = value.at[i];
        if (byte == '\n')
            buffer_text(text, "\\n");
        else if (byte == '\\' || byte == '"')
            buffer_format(text, "\\%c", byte);
        else if ((unsigned char)byte < 0x20 || (!utf8 && (unsigned char)byte >= 0x80))
            buffer_byte(text, '?');
        else
            buffer_byte(text, byte);
    }
}

static void put_label(struct buffer *text, char before, const struct metric_label *label)
{
    buffer_format(text, "%c%s=\"", before, label->name);
    put_escaped(text, label->value);
    buffer_byte(text, '"');
}

static void put_number(struct buffer *text, double value)
{
    if (value == INFINITY)
        buffer_text(text, "+Inf");
    else if (value == floor(value) && fabs(value) < 1e15)
        buffer_format(text, "%.0f", value);
    else
        buffer_format(text, "%.9g", value);
}

void exposition_value(struct exposition *exposition, const struct metric_label *first,
                      const struct metric_label *second, double value)
{
    struct buffer *text = &exposition->text;
    put_name(exposition);
    if (exposition->kind == METRIC_COUNTER)
        buffer_text(text, "_total");
    if (first)
        put_label(text, '{', first);
    if (second)
        put_label(text, first ? ',' : '{', second);
    if (first || second)
        buffer_byte(text, '}');
    buffer_byte(text, ' ');
    put_number(text, value);
    buffer_byte(text, '\n');
}

void exposition_one(struct exposition *exposition, enum metric_kind kind, const char *name,
                    const char *unit, const char *help, double value)
{
    exposition_family(exposition, kind, name, unit, help);
    exposition_value(exposition, NULL, NULL, value);
}

/* ---- histograms ---- */

void histogram_add(struct histogram *histogram, double seconds)
{
    size_t at = 0;
    while (seconds > histogram_bounds[at])
        at++;
    histogram->buckets[at]++;
    histogram->sum += seconds;
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        to->buckets[i] += from->buckets[i];
    to->sum += from->sum;
}

static void put_part(struct exposition *exposition, const char *part,
                     const struct metric_label *label, const double *bound, double value)
{
    struct buffer *text = &exposition->text;
    put_name(exposition);
    buffer_text(text, part);
    if (label)
        put_label(text, '{', label);
    if (bound) {
        buffer_text(text, label ? ",le=\"" : "{le=\"");
        put_number(text, *bound);
        buffer_byte(text, '"');
    }
    buffer_text(text, label || bound ? "} " : " ");
    put_number(text, value);
    buffer_byte(text, '\n');
}

void exposition_histogram(struct exposition *exposition, const struct metric_label *label,
                          const double *bounds, const uint64_t *buckets, size_t count, double sum)
{
    const double infinite = INFINITY;
    uint64_t below = 0;
    for (size_t i = 0; i < count; i++) {
        below += buckets[i];
        put_part(exposition, "_bucket", label, i + 1 < count ? &bounds[i] : &infinite,
                 (double)below);
    }
    put_part(exposition, "_sum", label, NULL, sum);
    put_part(exposition, "_count", label, NULL, (double)below);
}

/* ---- the process ---- */

static double resident_bytes(void)
{
    unsigned long long total, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &total, &resident) != 2)
        resident = 0;
    fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static double open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    double count = 0;
    if (folder == NULL)
        return 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 3; /* ".", ".." and the folder itself */
}

static double cpu_seconds(void)
{
    struct rusage use;
    if (getrusage(RUSAGE_SELF, &use) != 0)
        return 0;
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

void exposition_end(struct exposition *exposition)
{
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    exposition_one(exposition, METRIC_GAUGE, "process_resident_memory_bytes", "bytes",
                   "Resident memory of the process.", resident_bytes());
    exposition_one(exposition, METRIC_COUNTER, "process_cpu_seconds", "seconds",
                   "CPU time of the process.", cpu_seconds());
    exposition_one(exposition, METRIC_GAUGE, "process_open_fds", NULL,
                   "Open file descriptors of the process.", open_files());
    exposition_one(exposition, METRIC_GAUGE, "process_max_fds", NULL,
                   "The most file descriptors that the process may open.", (double)files.rlim_cur);
    if (exposition->open_metrics)
        buffer_text(&exposition->text, "# EOF\n");
}

const char *exposition_type(bool open_metrics)
{
    return open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                        : "text/plain; version=0.0.4; charset=utf-8";
}
