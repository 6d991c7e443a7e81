/* The search of `weft tune`: successive halving (Jamieson, Talwalkar 2016, "Non-stochastic best arm
 * identification and hyperparameter optimization") over parts of the stream, in two generations.
 *
 *     events    |------------ searched: 1 - hold_out -------------|-- held back --|
 *     step 1                                          [ 1/9       ]
 *     step 2                              [ 1/3                   ]
 *     step 3    [ all of it                                       ]
 *     verdict   [ all events; cases of the held-back part alone                   ]
 *
 * A run learns from the events of its part, and its cases are those of the part's second half. All
 * runs of a step have the same cases. After a step the best third goes on, and the configuration as
 * it is always does. The second generation changes one or two keys of the best three of the first.
 * The held-back part is measured once, at the end, for the best choice and the configuration.
 * Thread: one. */
#ifndef WEFT_TOOLS_TUNE_SEARCH_H
#define WEFT_TOOLS_TUNE_SEARCH_H

#include "tools/backtest_compare.h"
#include "tools/tune_runs.h"

#define TUNE_STEPS 3
#define TUNE_GENERATIONS 2
#define TUNE_CANDIDATES_MAX 1000

struct tune_settings {
    enum case_measure measure;
    double hold_out;     /* share of the events that is held back, 0 to 1 */
    double least_gain;   /* of the measure; a smaller one is not worth a change */
    uint32_t candidates; /* of the first generation; the second has half as many */
    uint64_t seed;
};

struct tune_progress {
    int generation, step;        /* from 0 */
    size_t runs_done, runs;      /* of this step */
    double work_left;            /* lines that all further runs will take */
    struct tune_sums best, base; /* of the last whole step */
};

struct tune_outcome {
    struct choice best; /* without keys: nothing is better than the configuration */
    bool searched;      /* the search came to its end */
    bool measured;      /* so did the measuring of the held-back part */
    struct tune_sums best_searched, base_searched; /* of the best's last step */
    struct tune_sums best_held, base_held;         /* of the held-back part */
    struct difference difference;                  /* best - base, held back */
};

/* The choice is better than the configuration on the held-back part: the interval of the difference
 * is above 0, and the difference is at least the least gain. */
bool tune_is_better(const struct tune_outcome *outcome, const struct tune_settings *settings);

/* Searches. `progress` is kept up to date, for job->show. RETRY: interrupted; the outcome has the
 * best of the last whole step. SKIP: the events are too few. FATAL: see tune_runs(). */
enum verdict tune_search(struct tune_job *job, struct space *space,
                         const struct tune_settings *settings, struct tune_progress *progress,
                         struct tune_outcome *ret_outcome, struct error *error);

#endif
