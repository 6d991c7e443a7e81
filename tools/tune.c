/* `weft tune`: searches settings by replay of a shop's own events (tune_search.h).
 *
 * The files call each other in one direction: tune_space <- tune_runs <- tune_search <- tune.c. */
#include "processors/runtime/command.h"
#include "processors/runtime/log.h"
#include "schemas/draw.h"
#include "schemas/embedded.h"
#include "tools/backtest_interleave.h"
#include "tools/event_formats.h"
#include "tools/events.h"
#include "tools/tune_search.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define JOBS_MAX 256
#define SHOW_US 500000

struct tune {
    const struct command *command;
    struct config config;
    struct recorded recorded;
    struct space space;
    struct tune_job job;
    struct tune_settings settings;
    struct tune_progress progress;
    struct tune_outcome outcome;
    const char *format, *space_path, *out;
    char mapped[CONFIG_LONG_MAX];
    char journal[CONFIG_LONG_MAX];
    uint32_t active; /* --interleave; 0: the order of the files */
    int64_t started_us, shown_us;
    bool terminal;
};

/* ---- progress ---- */

/* From the lines taken so far, by all processes together. */
static double minutes_left(const struct tune *tune)
{
    double seconds = (double)(clock_monotonic_us() - tune->started_us) / 1e6;
    if (tune->job.work_done <= 0)
        return -1;
    return seconds / tune->job.work_done * tune->progress.work_left / 60;
}

static void show(void *to)
{
    struct tune *tune = to;
    const struct tune_progress *progress = &tune->progress;
    int64_t now_us = clock_monotonic_us();
    double left = minutes_left(tune);
    if (!tune->terminal || now_us - tune->shown_us < SHOW_US)
        return;
    tune->shown_us = now_us;
    if (progress->generation == TUNE_GENERATIONS)
        fputs("\r\x1b[Kmeasuring the held-back part", stderr);
    else
        fprintf(stderr,
                "\r\x1b[Kgeneration %d of %d, step %d of %d with %zu settings; %llu runs so far",
                progress->generation + 1, TUNE_GENERATIONS, progress->step + 1, TUNE_STEPS,
                progress->runs, (unsigned long long)(tune->job.runs + tune->job.reused));
    if (progress->best.cases > 0)
        fprintf(stderr, "; best %s %.4f, as configured %.4f",
                case_measure_names[tune->settings.measure],
                tune_mean(&progress->best, tune->settings.measure),
                tune_mean(&progress->base, tune->settings.measure));
    if (left >= 0)
        fprintf(stderr, "; about %.0f min left", left);
    fflush(stderr);
}

/* ---- the report ---- */

static void print_measure(const struct tune *tune, enum case_measure measure)
{
    const struct tune_outcome *outcome = &tune->outcome;
    const struct interval *interval = &outcome->difference.of[measure];
    printf("  %-8s %.4f as configured, %.4f tuned: %+.4f [%+.4f, %+.4f]\n",
           case_measure_names[measure], tune_mean(&outcome->base_held, measure),
           tune_mean(&outcome->best_held, measure), interval->mean, interval->low, interval->high);
}

static void print_held_back(const struct tune *tune)
{
    const struct tune_outcome *outcome = &tune->outcome;
    printf("the last %.0f %% of the events, which the search never saw: %llu cases of %llu "
           "sessions, 95 %% intervals by the paired bootstrap over sessions\n",
           100 * tune->settings.hold_out, (unsigned long long)outcome->difference.cases,
           (unsigned long long)outcome->difference.sessions);
    for (int m = 0; m < CASE_MEASURES; m++)
        if (m != CASE_REVENUE || outcome->base_held.of[m] > 0)
            print_measure(tune, (enum case_measure)m);
    if (outcome->base_held.list_us > 0)
        printf("  a list takes %.2f times as long\n",
               outcome->best_held.list_us / outcome->base_held.list_us);
}

static void print_best(const struct tune *tune)
{
    struct buffer text = {0};
    choice_text(&tune->space, &tune->outcome.best, &text);
    printf("best: %.*s\n", (int)text.size, text.size ? text.at : "");
    printf("  %s in the searched part: %.4f, as configured %.4f\n",
           case_measure_names[tune->settings.measure],
           tune_mean(&tune->outcome.best_searched, tune->settings.measure),
           tune_mean(&tune->outcome.base_searched, tune->settings.measure));
    buffer_release(&text);
}

/* The comment says how far the settings can be trusted. */
static void put_comment(const struct tune *tune, struct buffer *text)
{
    const struct tune_outcome *outcome = &tune->outcome;
    enum case_measure measure = tune->settings.measure;
    const struct interval *gain = &outcome->difference.of[measure];
    buffer_text(text, "# found by weft tune\n");
    if (!outcome->measured) {
        buffer_text(text, "# the search was interrupted: not measured on the held-back part\n");
        return;
    }
    buffer_format(text,
                  "# %s on the held-back part: %.4f before, %.4f with these settings, difference "
                  "%+.4f, 95 %% interval [%+.4f, %+.4f]\n",
                  case_measure_names[measure], tune_mean(&outcome->base_held, measure),
                  tune_mean(&outcome->best_held, measure), gain->mean, gain->low, gain->high);
}

static enum verdict write_properties(const struct tune *tune, struct error *error)
{
    struct buffer text = {0};
    put_comment(tune, &text);
    choice_lines(&tune->space, &tune->outcome.best, &text);
    FILE *file = fopen(tune->out, "w");
    bool written = file && fwrite(text.at, 1, text.size, file) == text.size;
    if (file && fclose(file) != 0)
        written = false;
    buffer_release(&text);
    return written ? VERDICT_OK
                   : error_set(error, VERDICT_FATAL, "%s: %s", tune->out, strerror(errno));
}

static bool has_best(const struct tune *tune)
{
    struct buffer text = {0};
    choice_text(&tune->space, &tune->outcome.best, &text);
    bool has = text.size > 0;
    buffer_release(&text);
    return has;
}

static int report(struct tune *tune, enum verdict verdict, const struct error *why)
{
    struct error error = {0};
    if (tune->terminal)
        fputs("\r\x1b[K", stderr);
    if (verdict != VERDICT_OK && verdict != VERDICT_RETRY)
        return command_fail(tune->command, EXIT_FAILED, "%s", why->message);
    bool interrupted = verdict == VERDICT_RETRY;
    if (has_best(tune))
        print_best(tune);
    if (tune->outcome.measured)
        print_held_back(tune);
    bool better = tune_is_better(&tune->outcome, &tune->settings);
    if (interrupted)
        printf("interrupted; the same command goes on from %s\n", tune->journal);
    else if (!better)
        printf("no better than what you have\n");
    if (!has_best(tune) || !(better || interrupted))
        return interrupted ? EXIT_FAILED : EXIT_DONE;
    if (write_properties(tune, &error) != VERDICT_OK)
        return command_fail(tune->command, EXIT_FAILED, "%s", error.message);
    printf("wrote %s; use it with --config after your own\n", tune->out);
    return interrupted ? EXIT_FAILED : EXIT_DONE;
}

/* ---- the inputs ---- */

static enum verdict read_text(const char *path, struct buffer *text, struct error *error)
{
    char part[4096];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return error_set(error, VERDICT_SKIP, "%s: %s", path, strerror(errno));
    for (size_t size; (size = fread(part, 1, sizeof part, file)) > 0;)
        buffer_append(text, part, size);
    fclose(file);
    return VERDICT_OK;
}

static enum verdict read_space(struct tune *tune, struct error *error)
{
    struct buffer text = {0};
    struct error why = {0};
    enum verdict verdict = VERDICT_OK;
    if (tune->space_path)
        verdict = read_text(tune->space_path, &text, error);
    else
        buffer_append(&text, embedded_spaces[0].text, embedded_spaces[0].size);
    if (verdict == VERDICT_OK && space_read(&tune->space, buffer_bytes(&text), &why) != VERDICT_OK)
        verdict = error_set(error, VERDICT_SKIP, "%s: %s",
                            tune->space_path ? tune->space_path : "the shipped space", why.message);
    buffer_release(&text);
    return verdict;
}

/* Events and settings decide: a journal's results count for the same ones only. */
static uint64_t identity_of(const struct tune *tune)
{
    uint64_t hash = hash_join(tune->recorded.count, tune->job.settings.at);
    hash = hash_join(hash, tune->job.settings.kinds);
    hash = hash_join(hash, tune->job.settings.min_prefix);
    for (size_t i = 0; i < tune->recorded.count; i++) {
        const struct event *event = &tune->recorded.lines[i].event;
        hash = hash_join(hash, (uint64_t)event->event_time_ms);
        if (event->item_count > 0)
            hash = hash_join(hash, bytes_hash(event->items[0].item_id));
    }
    struct bytes keys = bytes_of((const char *)&tune->config.chosen, sizeof tune->config.chosen);
    return hash_join(hash, bytes_hash(keys));
}

static int tune_files(struct tune *tune, int count, char **paths)
{
    struct error error = {0};
    enum verdict verdict = read_space(tune, &error);
    if (verdict == VERDICT_OK)
        verdict = recorded_read(&tune->recorded, &tune->config, tune->format, count, paths, &error);
    if (verdict != VERDICT_OK)
        return command_fail(tune->command, EXIT_FAILED, "%s", error.message);
    if (tune->active > 0)
        recorded_interleave(&tune->recorded, tune->active, tune->config.settings.session_gap_ms);
    snprintf(tune->journal, sizeof tune->journal, "%s.runs", tune->out);
    tune->job.recorded = &tune->recorded;
    tune->job.base = &tune->config;
    tune->job.space = &tune->space;
    tune->job.journal = tune->journal;
    tune->job.identity = identity_of(tune);
    tune->job.show = show;
    tune->job.to = tune;
    tune->terminal = isatty(STDERR_FILENO);
    tune->started_us = clock_monotonic_us();
    verdict = tune_search(&tune->job, &tune->space, &tune->settings, &tune->progress,
                          &tune->outcome, &error);
    return report(tune, verdict, &error);
}

/* ---- options ---- */

static int set_goal(struct tune *tune, const char *goal)
{
    static const struct {
        const char *name;
        uint32_t kinds;
    } goals[] = {{"any", 0},
                 {"view", 1u << EVENT_VIEW},
                 {"cart", 1u << EVENT_CART},
                 {"purchase", 1u << EVENT_PURCHASE}};
    for (size_t i = 0; i < sizeof goals / sizeof goals[0]; i++)
        if (strcmp(goals[i].name, goal) == 0) {
            tune->job.settings.kinds = goals[i].kinds;
            return -1;
        }
    return command_fail(tune->command, EXIT_USAGE, "--goal takes any, view, cart or purchase");
}

static int set_measure(struct tune *tune, const char *name)
{
    for (int m = 0; m < CASE_MEASURES; m++)
        if (strcmp(case_measure_names[m], name) == 0) {
            tune->settings.measure = (enum case_measure)m;
            return -1;
        }
    return command_fail(tune->command, EXIT_USAGE, "--measure takes mrr, hr, ndcg or revenue");
}

static int set_number(struct tune *tune, uint32_t *to, uint32_t min, uint32_t max)
{
    char *end = NULL;
    unsigned long long number = strtoull(optarg, &end, 10);
    if (*end != '\0' || *optarg == '-' || number < min || number > max)
        return command_fail(tune->command, EXIT_USAGE, "'%s' is not between %u and %u", optarg, min,
                            max);
    *to = (uint32_t)number;
    return -1;
}

static int set_hold_out(struct tune *tune)
{
    char *end = NULL;
    tune->settings.hold_out = strtod(optarg, &end);
    if (*end != '\0' || !(tune->settings.hold_out >= .01 && tune->settings.hold_out <= .9))
        return command_fail(tune->command, EXIT_USAGE, "--hold-out takes a share from .01 to .9");
    return -1;
}

static int set_least_gain(struct tune *tune)
{
    char *end = NULL;
    tune->settings.least_gain = strtod(optarg, &end);
    if (*end != '\0' || !(tune->settings.least_gain >= 0))
        return command_fail(tune->command, EXIT_USAGE, "--least-gain takes a number from 0 on");
    return -1;
}

static int tune_option(struct tune *tune, int option)
{
    uint32_t seed = 1;
    int code = -1;
    switch (option) {
    case 'M':
        snprintf(tune->mapped, sizeof tune->mapped, FORMAT_MAPPED_PREFIX "%s", optarg);
        tune->format = tune->mapped;
        return -1;
    case 'f':
        tune->format = optarg;
        if (event_format_find(optarg) == FORMAT_UNKNOWN)
            return command_fail(tune->command, EXIT_USAGE, "there is no format '%s'", optarg);
        return -1;
    case 'S':
        tune->space_path = optarg;
        return -1;
    case 'p':
        fwrite(embedded_spaces[0].text, 1, embedded_spaces[0].size, stdout);
        return EXIT_DONE;
    case 'o':
        tune->out = optarg;
        return -1;
    case 'g':
        return set_goal(tune, optarg);
    case 'm':
        return set_measure(tune, optarg);
    case 'H':
        return set_hold_out(tune);
    case 'G':
        return set_least_gain(tune);
    case 'n':
        return set_number(tune, &tune->settings.candidates, 3, TUNE_CANDIDATES_MAX);
    case 'j':
        return set_number(tune, &tune->job.jobs, 1, JOBS_MAX);
    case 'i':
        return set_number(tune, &tune->active, 1, INTERLEAVE_MAX);
    case 'k':
        return set_number(tune, &tune->job.settings.at, 1, LIST_ITEMS_MAX);
    case 'd':
        code = set_number(tune, &seed, 1, UINT32_MAX);
        tune->settings.seed = seed;
        return code;
    default:
        return command_option(tune->command, option, &tune->config);
    }
}

static uint32_t cores(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : count > JOBS_MAX ? JOBS_MAX : (uint32_t)count;
}

static void tune_release(struct tune *tune)
{
    recorded_release(&tune->recorded);
    space_release(&tune->space);
    free(tune);
}

static int tune_command(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        COMMAND_OPTIONS,
        {"format", required_argument, NULL, 'f'},
        {"map", required_argument, NULL, 'M'},
        {"space", required_argument, NULL, 'S'},
        {"print-space", no_argument, NULL, 'p'},
        {"out", required_argument, NULL, 'o'},
        {"goal", required_argument, NULL, 'g'},
        {"measure", required_argument, NULL, 'm'},
        {"hold-out", required_argument, NULL, 'H'},
        {"least-gain", required_argument, NULL, 'G'},
        {"candidates", required_argument, NULL, 'n'},
        {"jobs", required_argument, NULL, 'j'},
        {"interleave", required_argument, NULL, 'i'},
        {"at", required_argument, NULL, 'k'},
        {"seed", required_argument, NULL, 'd'},
        {NULL, 0, NULL, 0},
    };
    struct tune *tune = memory_zero(1, sizeof *tune);
    int code = -1;
    tune->command = command;
    tune->out = "tuned.properties";
    tune->settings = (struct tune_settings){
        .measure = CASE_MRR, .hold_out = .2, .least_gain = .001, .candidates = 27, .seed = 1};
    tune->job.settings = (struct measure_settings){.at = 20, .min_prefix = 1};
    tune->job.jobs = cores();
    config_init(&tune->config);
    for (int option; code < 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        code = tune_option(tune, option);
    if (code < 0 && optind == argc)
        code = command_fail(command, EXIT_USAGE, "name at least one file of events");
    if (code < 0 && (code = command_config(&tune->config)) == EXIT_DONE) {
        command_catch_signals();
        code = tune_files(tune, argc - optind, argv + optind);
    }
    tune_release(tune);
    return code;
}

WEFT_COMMAND(tune) = {
    .name = "tune",
    .summary = "searches better settings on files of events",
    .usage =
        "[OPTION]... FILE...\n\n" COMMAND_OPTIONS_HELP
        "  --format F, --map M    the form of the files, as for 'weft backtest'\n"
        "  --space FILE           the keys to turn, and how far; --print-space prints the\n"
        "                         shipped one\n"
        "  --goal G               the events that lists are to predict: any (default), view,\n"
        "                         cart or purchase\n"
        "  --measure M            mrr (default), hr, ndcg, or revenue: the price of the items\n"
        "                         that were in the list\n"
        "  --at K                 length of the list (default 20)\n"
        "  --hold-out SHARE       the last events, which only the verdict sees (default .2)\n"
        "  --least-gain G         a smaller gain of the measure is not worth a change (default\n"
        "                         .001)\n"
        "  --candidates N         settings that the search begins with (default 27)\n"
        "  --interleave ACTIVE    as a shop's traffic: so many visitors at a time, 1,000 events a\n"
        "                         second\n"
        "  --jobs N               runs at a time (default: one for each core)\n"
        "  --seed N               the seed of the draws (default 1)\n"
        "  --out FILE             where the settings are written (default tuned.properties); an\n"
        "                         interrupted search goes on from FILE.runs\n\n"
        "The settings are written if they are better on the held-back events; the 95 %\n"
        "interval of the difference is then above 0. Each run takes as much memory as a\n"
        "'weft backtest' of the files.\n",
    .order = 8,
    .run = tune_command,
};
