#include "tools/tune_runs.h"

#include "processors/runtime/command.h"
#include "processors/runtime/log.h"
#include "schemas/draw.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_US 20000

/* ---- one run ---- */

enum verdict tune_measure(const struct tune_job *job, const struct tune_run *run,
                          struct measured *ret_measured, struct error *error)
{
    struct config *config = memory_get(sizeof *config);
    struct recorded part = *job->recorded;
    part.lines += run->from;
    part.count = run->to - run->from;
    *config = *job->base;
    *ret_measured = (struct measured){0};
    enum verdict verdict = choice_apply(job->space, &run->choice, config, error);
    if (verdict == VERDICT_OK)
        verdict = measure(&part, config, &job->settings, ret_measured, error);
    free(config);
    return verdict;
}

struct tune_sums tune_sum_up(const struct measured *measured)
{
    struct tune_sums sums = {.cases = measured->count, .seconds = measured->seconds};
    double list_us = 0;
    for (size_t i = 0; i < measured->count; i++) {
        for (int m = 0; m < CASE_MEASURES; m++)
            sums.of[m] += case_score(&measured->cases[i], (enum case_measure)m);
        list_us += (double)measured->cases[i].list_us;
    }
    sums.list_us = measure_share(list_us, measured->count);
    return sums;
}

/* ---- the journal: a line "key cases sums list_us seconds" for each finished run ---- */

static uint64_t run_key(const struct tune_job *job, const struct tune_run *run)
{
    struct buffer text = {0};
    choice_text(job->space, &run->choice, &text);
    uint64_t key = hash_join(job->identity, bytes_hash(buffer_bytes(&text)));
    key = hash_join(hash_join(key, run->from), run->to);
    buffer_release(&text);
    return draw_mix(key);
}

static void note_run(const struct tune_job *job, const struct tune_run *run, FILE *journal)
{
    if (journal == NULL)
        return;
    fprintf(journal, "%016" PRIx64 " %" PRIu64, run_key(job, run), run->sums.cases);
    for (int m = 0; m < CASE_MEASURES; m++)
        fprintf(journal, " %.17g", run->sums.of[m]);
    fprintf(journal, " %.6g %.6g\n", run->sums.list_us, run->sums.seconds);
    fflush(journal);
}

/* A line that was cut off is no run. */
static bool parse_line(const char *line, uint64_t *ret_key, struct tune_sums *ret_sums)
{
    int at = 0, size;
    if (strchr(line, '\n') == NULL ||
        sscanf(line, "%" SCNx64 " %" SCNu64 "%n", ret_key, &ret_sums->cases, &at) != 2)
        return false;
    for (int m = 0; m < CASE_MEASURES; m++, at += size)
        if (sscanf(line + at, "%lf%n", &ret_sums->of[m], &size) != 1)
            return false;
    return sscanf(line + at, "%lf %lf", &ret_sums->list_us, &ret_sums->seconds) == 2;
}

/* Takes the results that stand in the journal, and opens it for more. NULL: it can't be opened. */
static FILE *open_journal(struct tune_job *job, struct tune_run *runs, size_t count)
{
    FILE *journal = fopen(job->journal, "a+");
    char line[512];
    uint64_t key;
    struct tune_sums sums;
    if (journal == NULL)
        return NULL;
    rewind(journal);
    while (fgets(line, sizeof line, journal)) {
        if (!parse_line(line, &key, &sums))
            continue;
        for (size_t i = 0; i < count; i++)
            if (!runs[i].done && run_key(job, &runs[i]) == key) {
                runs[i].sums = sums;
                runs[i].done = true;
                job->reused++;
            }
    }
    return journal;
}

/* ---- processes ---- */

struct child {
    pid_t pid; /* 0: none */
    struct tune_run *run;
    FILE *result;
};

struct report {
    enum verdict verdict;
    struct error why;
    struct tune_sums sums;
};

/* In the child: measures, writes the report and with `cases` the cases, and ends. */
static void live(const struct tune_job *job, const struct child *child, bool cases)
{
    struct report report = {0};
    struct measured measured;
    if (freopen("/dev/null", "w", stderr) == NULL)
        _exit(1);
    report.verdict = tune_measure(job, child->run, &measured, &report.why);
    report.sums = tune_sum_up(&measured);
    fwrite(&report, sizeof report, 1, child->result);
    if (cases)
        fwrite(measured.cases, sizeof *measured.cases, measured.count, child->result);
    bool written = fflush(child->result) == 0;
    _exit(!written);
}

static enum verdict start(const struct tune_job *job, struct tune_run *run, bool cases,
                          struct child *child, struct error *error)
{
    child->run = run;
    child->result = tmpfile();
    if (child->result == NULL)
        return error_set(error, VERDICT_FATAL, "no temporary file: %s", strerror(errno));
    fflush(NULL);
    child->pid = fork();
    if (child->pid == 0)
        live(job, child, cases);
    if (child->pid < 0) {
        fclose(child->result);
        child->pid = 0;
        return error_set(error, VERDICT_FATAL, "no process: %s", strerror(errno));
    }
    return VERDICT_OK;
}

static void read_cases(FILE *result, struct measured *ret_measured)
{
    size_t count = ret_measured->capacity;
    ret_measured->cases = memory_get((count + 1) * sizeof *ret_measured->cases);
    ret_measured->count = fread(ret_measured->cases, sizeof *ret_measured->cases, count, result);
}

/* Reads the result of a child that ended. `ret_measured` NULL: without its cases. */
static enum verdict finish(struct tune_job *job, struct child *child, int status,
                           struct measured *ret_measured, struct error *error)
{
    struct report report;
    struct tune_run *run = child->run;
    rewind(child->result);
    bool read = WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
                fread(&report, sizeof report, 1, child->result) == 1;
    if (read && ret_measured) {
        ret_measured->capacity = report.sums.cases;
        read_cases(child->result, ret_measured);
        ret_measured->seconds = report.sums.seconds;
    }
    fclose(child->result);
    child->pid = 0;
    if (!read)
        return error_set(error, VERDICT_FATAL,
                         "a run ended by itself (status %d); if memory was short, set --jobs 1",
                         status);
    if (report.verdict == VERDICT_RETRY)
        return VERDICT_RETRY;
    run->sums = report.sums;
    run->why = report.why;
    run->done = true;
    job->work_done += (double)(run->to - run->from);
    job->runs++;
    return VERDICT_OK;
}

/* Waits for a child. The one that ended; NULL: none is left. */
static struct child *await(const struct tune_job *job, struct child *children, uint32_t count,
                           int *ret_status)
{
    for (;;) {
        bool any = false;
        for (uint32_t i = 0; i < count; i++) {
            if (children[i].pid == 0)
                continue;
            any = true;
            if (waitpid(children[i].pid, ret_status, WNOHANG) == children[i].pid)
                return &children[i];
        }
        if (!any)
            return NULL;
        if (job->show)
            job->show(job->to);
        usleep(LOOK_US);
    }
}

static struct tune_run *next_run(struct tune_run *runs, size_t count, size_t *cursor)
{
    while (*cursor < count) {
        struct tune_run *run = &runs[(*cursor)++];
        if (!run->done)
            return run;
    }
    return NULL;
}

enum verdict tune_runs(struct tune_job *job, struct tune_run *runs, size_t count,
                       struct error *error)
{
    struct child *children = memory_zero(job->jobs, sizeof *children);
    enum verdict verdict = VERDICT_OK;
    size_t cursor = 0;
    FILE *journal = job->journal ? open_journal(job, runs, count) : NULL;
    if (job->journal && journal == NULL)
        verdict = error_set(error, VERDICT_FATAL, "%s: %s", job->journal, strerror(errno));
    for (bool busy = true; busy;) {
        for (uint32_t i = 0; i < job->jobs && verdict == VERDICT_OK; i++) {
            struct tune_run *run = children[i].pid ? NULL : next_run(runs, count, &cursor);
            if (run)
                verdict = start(job, run, false, &children[i], error);
        }
        int status = 0;
        struct child *ended = await(job, children, job->jobs, &status);
        busy = ended != NULL;
        enum verdict one = ended ? finish(job, ended, status, NULL, error) : VERDICT_OK;
        if (ended && one == VERDICT_OK)
            note_run(job, ended->run, journal);
        if (one != VERDICT_OK && verdict == VERDICT_OK)
            verdict = one;
        if (atomic_load(&command_interrupted) && verdict == VERDICT_OK)
            verdict = VERDICT_RETRY;
    }
    if (journal)
        fclose(journal);
    free(children);
    return verdict;
}

enum verdict tune_pair(struct tune_job *job, const struct tune_run *runs,
                       struct measured *ret_measured, struct error *error)
{
    struct tune_run copies[2] = {runs[0], runs[1]};
    struct child children[2] = {0};
    enum verdict verdict = VERDICT_OK;
    uint32_t at_a_time = job->jobs > 1 ? 2 : 1;
    ret_measured[0] = ret_measured[1] = (struct measured){0};
    for (uint32_t from = 0; from < 2; from += at_a_time) {
        for (uint32_t i = from; i < from + at_a_time && verdict == VERDICT_OK; i++)
            verdict = start(job, &copies[i], true, &children[i], error);
        int status = 0;
        struct child *ended;
        while ((ended = await(job, children, 2, &status)) != NULL) {
            enum verdict one = finish(job, ended, status, &ret_measured[ended - children], error);
            verdict = verdict == VERDICT_OK ? one : verdict;
        }
    }
    return verdict;
}
