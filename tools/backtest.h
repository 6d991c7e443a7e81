/* What the files of `weft backtest` share: recorded events are read once (backtest_read.c),
 * variants of the configuration are measured on them, one after the other (backtest_measure.c),
 * compared case by case (backtest_compare.c) and reported (backtest_report.c).
 *
 * Measures, with one target a case, ranked among all items, repeats allowed, nothing filtered:
 * HR@k: share of cases whose target is among the first k; MRR@k: mean of 1/rank, 0 beyond k;
 * NDCG@k: mean of 1/log2(1 + rank), 0 beyond k; coverage: share of all items seen that came in any
 * list. (Jarvelin, Kekalainen 2002; Ludewig, Jannach 2018.) Thread: one. */
#ifndef WEFT_TOOLS_BACKTEST_H
#define WEFT_TOOLS_BACKTEST_H

#include "processors/runtime/config.h"

#include <stdio.h>

#define DECILES 10

/* ---- reading ---- */

/* An event that is remembered until the end of the file is known. */
struct line {
    struct event event;
    struct event *product; /* what its line says anew of the item; NULL: nothing */
    uint32_t session;      /* from 0, of the visitor; by session.gap.ms */
};

struct recorded {
    struct arena memory; /* of all events */
    struct line *lines;
    size_t count, capacity;
    uint32_t sessions;
    uint64_t rejected;
};

/* `format` NULL: guessed. SKIP, with the file, when it can't be read or there are no events. */
enum verdict recorded_read(struct recorded *recorded, const struct config *config,
                           const char *format, int count, char **paths, struct error *error);
void recorded_release(struct recorded *recorded);

/* ---- measuring ---- */

struct measure_settings {
    const char *evaluate_from; /* a time in ms, or a fraction of the events; NULL: all */
    bool freeze;
    uint32_t min_prefix, at;
};

struct tested {
    uint32_t line, session;
    uint32_t rank; /* from 1; 0: not among the first k */
    float list_us;
};

/* Sums over cases. */
struct measure {
    uint64_t cases;
    double hits, reciprocal, gain;
};

struct measured {
    struct tested *cases; /* in the order of the events */
    size_t count, capacity;
    struct measure all, deciles[DECILES]; /* of the stream of events */
    double coverage, seconds, item_bytes, visitor_bytes;
    uint32_t items;
};

/* Runs the events through the in-process driver. RETRY: interrupted. */
enum verdict measure(const struct recorded *recorded, const struct config *config,
                     const struct measure_settings *settings, struct measured *ret_measured,
                     struct error *error);
void measured_release(struct measured *measured);

static inline double measure_share(double sum, uint64_t count)
{
    return count ? sum / (double)count : 0;
}

/* ---- comparing ---- */

#define VARIANTS_MAX 128
#define VARIANT_TEXT_MAX 512
#define RESAMPLES 2000

struct variant {
    char text[VARIANT_TEXT_MAX]; /* key=value with commas between; empty: as configured */
    struct config config;        /* finished */
    bool brief;                  /* reported in one line */
    const char *name;            /* what that line says, in place of `text`; NULL: that */
};

/* Adds a variant of `base`, which is not finished. A piece without '=' goes on with the list of the
 * piece before. SKIP: bad keys or values, or there are VARIANTS_MAX. */
struct variants {
    struct variant *at;
    uint32_t count;
};
enum verdict variants_add(struct variants *variants, const struct config *base, const char *text,
                          struct error *error);
/* The base itself, then by clicks alone (CLICKS_ALONE_*: nothing of products, carts and purchases),
 * then without each generator, then without each group of features; reported as a table. */
#define CLICKS_ALONE_GENERATORS "carted,bought,content_similarity,category_popularity"
#define CLICKS_ALONE_FEATURES                                                                      \
    "carts,purchases,kinds,similar,products,brands,categories,prices,discounts,brand_tastes,"      \
    "category_tastes,colour_tastes,price_tastes,discount_tastes"
enum verdict variants_add_ablations(struct variants *variants, const struct config *base,
                                    struct error *error);
/* The base itself, then each generator by itself, in its own order without the ranker; a table too.
 */
enum verdict variants_add_alone(struct variants *variants, const struct config *base,
                                struct error *error);
void variants_release(struct variants *variants);

/* A mean and where it lies with 95 % confidence. */
struct interval {
    double mean, low, high;
};

struct difference {
    uint64_t cases, sessions; /* that both have */
    uint64_t unpaired;        /* that only one has */
    struct interval hr, mrr;
};

/* b - a, by the paired bootstrap over sessions (Efron, Tibshirani 1993, ch. 16; sessions, since the
 * cases of one are not independent): percentiles of RESAMPLES draws of as many sessions, with
 * replacement. The same seed gives the same intervals. */
void compare(const struct measured *a, const struct measured *b, uint64_t seed,
             struct difference *ret_difference);

/* ---- reporting ---- */

void report_measured(const struct recorded *recorded, const struct measured *measured,
                     const struct measure_settings *settings, bool json);
/* Variants are reported as they are measured, all against the first; `difference` is NULL for that
 * one. report_end() closes what the first one opened. */
void report_variant(const struct variant *variant, const struct measured *first,
                    const struct measured *measured, const struct difference *difference,
                    const struct measure_settings *settings, bool json);
void report_end(bool json);

#endif
