/* Variants of the configuration, and how sure the difference between two of them is. Thread: one.
 */
#ifndef WEFT_TOOLS_BACKTEST_COMPARE_H
#define WEFT_TOOLS_BACKTEST_COMPARE_H

#include "tools/backtest_measure.h"

/* ---- variants ---- */

#define VARIANTS_MAX 128
#define VARIANT_TEXT_MAX (2 * CONFIG_LIST_MAX + 256)

struct variant {
    char text[VARIANT_TEXT_MAX]; /* key=value with commas between; empty: as configured */
    struct config config;        /* finished */
    bool brief;                  /* reported in one line */
    const char *name;            /* in that line instead of `text`; NULL: `text` */
};

/* Zero-initialised is empty and valid. */
struct variants {
    struct variant *at; /* room for VARIANTS_MAX */
    uint32_t count;
};

/* Adds a variant of `base`, which is not finished. A piece of `text` without '=' belongs to the
 * list of the piece before it. SKIP: bad keys or values, or there are VARIANTS_MAX. */
enum verdict variants_add(struct variants *variants, const struct config *base, const char *text,
                          struct error *error);

/* CLICKS_ALONE_*: all that uses products, carts and purchases. */
#define CLICKS_ALONE_GENERATORS "carted,bought,content_similarity,category_popularity"
#define CLICKS_ALONE_FEATURES                                                                      \
    "carts,purchases,kinds,similar,products,brands,categories,prices,discounts,brand_tastes,"      \
    "category_tastes,colour_tastes,price_tastes,discount_tastes"
/* Adds the base itself; the base by clicks alone; the base without each generator; the base without
 * each group of features. They are reported as a table. */
enum verdict variants_add_ablations(struct variants *variants, const struct config *base,
                                    struct error *error);
/* Adds the base itself; then each generator by itself, in its own order without the ranker. They
 * are reported as a table. */
enum verdict variants_add_alone(struct variants *variants, const struct config *base,
                                struct error *error);
void variants_release(struct variants *variants);

/* ---- the difference of two ---- */

#define RESAMPLES 2000

/* A mean and its 95 % confidence interval. */
struct interval {
    double mean, low, high;
};

struct difference {
    uint64_t cases, sessions; /* that both have */
    uint64_t unpaired;        /* cases that only one has */
    struct interval of[CASE_MEASURES];
};

/* b - a, by the paired bootstrap over sessions (Efron, Tibshirani 1993, ch. 16). Sessions are
 * drawn, because the cases of one session are not independent: RESAMPLES draws of as many sessions,
 * with replacement; the interval is given by percentiles. The same seed gives the same intervals.
 */
void compare(const struct measured *a, const struct measured *b, uint64_t seed,
             struct difference *ret_difference);

#endif
