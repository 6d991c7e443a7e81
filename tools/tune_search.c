#include "tools/tune_search.h"

#include "schemas/draw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_ONE_OF 3
#define PARENTS 3
#define CASES_MIN 100 /* of a step; fewer say nothing */

struct search {
    struct tune_job *job;
    struct space *space;
    const struct tune_settings *settings;
    struct tune_progress *progress;
    struct tune_outcome *outcome;
    uint64_t draws;        /* state of draw_next() */
    struct tune_run *runs; /* of this generation; the first is the configuration as it is */
    size_t count;
    struct tune_run finals[PARENTS]; /* the best of the first generation, after its last step */
    size_t final_count;
    enum case_measure measure;
    size_t end; /* of the searched lines */
};

static const double step_parts[TUNE_STEPS] = {1.0 / 9, 1.0 / 3, 1};

static size_t step_lines(const struct search *search, int step)
{
    return (size_t)(step_parts[step] * (double)search->end);
}

/* ---- candidates ---- */

static bool same_choice(const struct space *space, const struct choice *a, const struct choice *b)
{
    for (uint32_t i = 0; i < space->count; i++) {
        const char *x = a->values[i], *y = b->values[i];
        if ((x == NULL) != (y == NULL) || (x && strcmp(x, y) != 0))
            return false;
    }
    return true;
}

static bool is_new(const struct search *search, const struct choice *choice)
{
    for (size_t i = 0; i < search->count; i++)
        if (same_choice(search->space, &search->runs[i].choice, choice))
            return false;
    for (size_t i = 0; i < search->final_count; i++)
        if (same_choice(search->space, &search->finals[i].choice, choice))
            return false;
    return true;
}

static void add_candidate(struct search *search, const struct choice *choice)
{
    search->runs[search->count++] = (struct tune_run){.choice = *choice};
}

static void first_generation(struct search *search)
{
    const struct choice as_configured = {0};
    struct choice choice;
    add_candidate(search, &as_configured);
    if (space_defaults(search->space, search->job->base, &choice))
        add_candidate(search, &choice);
    for (uint32_t tries = 0;
         search->count < search->settings->candidates && tries < 10 * search->settings->candidates;
         tries++) {
        space_draw(search->space, &search->draws, &choice);
        if (is_new(search, &choice))
            add_candidate(search, &choice);
    }
}

static void second_generation(struct search *search)
{
    const struct choice as_configured = {0};
    struct choice choice;
    uint32_t wanted = search->settings->candidates / 2;
    search->count = 0;
    add_candidate(search, &as_configured);
    for (uint32_t tries = 0; search->count < wanted && tries < 10 * wanted; tries++) {
        const struct choice *parent = &search->finals[tries % search->final_count].choice;
        space_mutate(search->space, &search->draws, parent, &choice);
        if (is_new(search, &choice))
            add_candidate(search, &choice);
    }
}

/* ---- steps ---- */

static double score(const struct search *search, const struct tune_run *run)
{
    return run->sums.cases > 0 ? tune_mean(&run->sums, search->measure) : -1;
}

/* Stable: of equals the earlier one stays ahead. The configuration stays first. */
static void sort_runs(struct search *search)
{
    for (size_t i = 2; i < search->count; i++) {
        struct tune_run run = search->runs[i];
        size_t k = i;
        for (; k > 1 && score(search, &search->runs[k - 1]) < score(search, &run); k--)
            search->runs[k] = search->runs[k - 1];
        search->runs[k] = run;
    }
}

static size_t survivors(size_t count)
{
    size_t left = (count + KEEP_ONE_OF - 1) / KEEP_ONE_OF;
    return left < 2 ? 2 : left;
}

/* Lines that are still to be taken, from this step of this generation on. */
static double work_from(const struct search *search, int generation, int step, size_t count)
{
    double work = 0;
    for (; step < TUNE_STEPS; step++, count = survivors(count))
        work += (double)count * (double)step_lines(search, step);
    if (generation + 1 < TUNE_GENERATIONS)
        work += work_from(search, generation + 1, 0, search->settings->candidates / 2);
    else
        work += 2 * (double)search->job->recorded->count;
    return work;
}

static enum verdict run_step(struct search *search, int generation, int step, struct error *error)
{
    struct tune_progress *progress = search->progress;
    for (size_t i = 0; i < search->count; i++) {
        struct tune_run *run = &search->runs[i];
        run->done = false;
        run->sums = (struct tune_sums){0};
        run->to = search->end;
        run->from = search->end - step_lines(search, step);
    }
    progress->generation = generation;
    progress->step = step;
    progress->runs = search->count;
    progress->work_left = work_from(search, generation, step, search->count);
    enum verdict verdict = tune_runs(search->job, search->runs, search->count, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (search->runs[0].sums.cases < CASES_MIN)
        return error_set(error, VERDICT_SKIP,
                         "step %d has %llu cases, and needs %d: take more events, or count all "
                         "kinds of events",
                         step + 1, (unsigned long long)search->runs[0].sums.cases, CASES_MIN);
    sort_runs(search);
    progress->base = search->runs[0].sums;
    progress->best = search->runs[search->count > 1].sums;
    return VERDICT_OK;
}

/* Notes the best choice so far, by the results of one step. */
static void note_best(struct search *search, const struct tune_run *base,
                      const struct tune_run *best)
{
    struct tune_outcome *outcome = search->outcome;
    bool better = score(search, best) > score(search, base);
    outcome->best = better ? best->choice : base->choice;
    outcome->best_searched = better ? best->sums : base->sums;
    outcome->base_searched = base->sums;
}

/* The best of a generation go before those of earlier ones that are not better. */
static void keep_finals(struct search *search)
{
    for (size_t i = 1; i < search->count; i++) {
        size_t at = search->final_count < PARENTS ? search->final_count++ : PARENTS;
        for (; at > 0 && score(search, &search->finals[at - 1]) < score(search, &search->runs[i]);
             at--)
            if (at < PARENTS)
                search->finals[at] = search->finals[at - 1];
        if (at < PARENTS)
            search->finals[at] = search->runs[i];
    }
}

static enum verdict run_generation(struct search *search, int generation, struct error *error)
{
    for (int step = 0; step < TUNE_STEPS; step++) {
        enum verdict verdict = run_step(search, generation, step, error);
        if (verdict != VERDICT_OK)
            return verdict;
        if (search->final_count == 0 && search->count > 1)
            note_best(search, &search->runs[0], &search->runs[1]);
        if (step + 1 < TUNE_STEPS && survivors(search->count) < search->count)
            search->count = survivors(search->count);
    }
    keep_finals(search);
    if (search->final_count > 0)
        note_best(search, &search->runs[0], &search->finals[0]);
    return VERDICT_OK;
}

/* ---- the held-back part ---- */

static enum verdict measure_held_back(struct search *search, struct error *error)
{
    struct tune_outcome *outcome = search->outcome;
    struct tune_job *job = search->job;
    struct tune_run runs[2] = {{.to = job->recorded->count},
                               {.to = job->recorded->count, .choice = outcome->best}};
    struct measured measured[2] = {0};
    char from[40];
    const char *half = job->settings.evaluate_from;
    snprintf(from, sizeof from, "%.9f", 1 - search->settings->hold_out);
    job->settings.evaluate_from = from;
    search->progress->generation = TUNE_GENERATIONS;
    search->progress->work_left = 2 * (double)job->recorded->count;
    enum verdict verdict = tune_pair(job, runs, measured, error);
    job->settings.evaluate_from = half;
    if (verdict == VERDICT_OK) {
        outcome->base_held = tune_sum_up(&measured[0]);
        outcome->best_held = tune_sum_up(&measured[1]);
        compare(&measured[0], &measured[1], search->settings->seed, &outcome->difference);
        outcome->measured = true;
    }
    measured_release(&measured[0]);
    measured_release(&measured[1]);
    return verdict;
}

/* ---- the whole ---- */

static bool has_keys(const struct space *space, const struct choice *choice)
{
    for (uint32_t i = 0; i < space->count; i++)
        if (choice->values[i])
            return true;
    return false;
}

bool tune_is_better(const struct tune_outcome *outcome, const struct tune_settings *settings)
{
    const struct interval *gain = &outcome->difference.of[settings->measure];
    return outcome->measured && gain->low > 0 && gain->mean >= settings->least_gain;
}

enum verdict tune_search(struct tune_job *job, struct space *space,
                         const struct tune_settings *settings, struct tune_progress *progress,
                         struct tune_outcome *ret_outcome, struct error *error)
{
    struct search search = {
        .job = job,
        .space = space,
        .settings = settings,
        .progress = progress,
        .outcome = ret_outcome,
        .draws = settings->seed,
        .runs = memory_zero(settings->candidates + 2, sizeof *search.runs),
        .measure = settings->measure,
        .end = (size_t)((1 - settings->hold_out) * (double)job->recorded->count),
    };
    *ret_outcome = (struct tune_outcome){0};
    *progress = (struct tune_progress){0};
    job->settings.evaluate_from = "0.5";
    first_generation(&search);
    enum verdict verdict = run_generation(&search, 0, error);
    if (verdict == VERDICT_OK && search.final_count > 0) {
        second_generation(&search);
        verdict = run_generation(&search, 1, error);
    }
    free(search.runs);
    ret_outcome->searched = verdict == VERDICT_OK;
    if (verdict == VERDICT_OK && has_keys(space, &ret_outcome->best))
        verdict = measure_held_back(&search, error);
    return verdict;
}
