/* Runs of a backtest for `weft tune`, several at a time, each in a process of its own: it shares
 * the recorded events with its parent, and what it allocates is gone with it. Results of finished
 * runs stand in a journal, so that an interrupted search goes on where it was. Thread: one. */
#ifndef WEFT_TOOLS_TUNE_RUNS_H
#define WEFT_TOOLS_TUNE_RUNS_H

#include "tools/backtest_measure.h"
#include "tools/tune_space.h"

/* The sums of a run. */
struct tune_sums {
    uint64_t cases;
    double of[CASE_MEASURES];
    double list_us; /* mean time of a list */
    double seconds;
};

struct tune_run {
    struct choice choice;
    size_t from, to; /* of the recorded lines */
    struct tune_sums sums;
    bool done;
    struct error why; /* it can't run: `done` without cases */
};

struct tune_job {
    const struct recorded *recorded;
    const struct config *base; /* not finished */
    const struct space *space;
    struct measure_settings settings;
    uint32_t jobs;          /* processes at a time */
    uint64_t identity;      /* of events and base: part of each journal entry's key */
    const char *journal;    /* path; NULL: none */
    double work_done;       /* lines taken by all finished runs, for the time that is left */
    uint64_t runs, reused;  /* that were run; that stood in the journal */
    void (*show)(void *to); /* called some times a second; NULL: nobody looks */
    void *to;
};

/* Does the runs that are not done. RETRY: interrupted; the finished ones are done. FATAL: no
 * process or no file can be made, or a run ended by itself. */
enum verdict tune_runs(struct tune_job *job, struct tune_run *runs, size_t count,
                       struct error *error);

/* Does one run here, and gives its cases too. */
enum verdict tune_measure(const struct tune_job *job, const struct tune_run *run,
                          struct measured *ret_measured, struct error *error);

struct tune_sums tune_sum_up(const struct measured *measured);

/* Two runs at a time, with their cases; the caller releases both `ret_measured`. */
enum verdict tune_pair(struct tune_job *job, const struct tune_run *runs,
                       struct measured *ret_measured, struct error *error);

static inline double tune_mean(const struct tune_sums *sums, enum case_measure measure)
{
    return measure_share(sums->of[measure], sums->cases);
}

#endif
