/* `weft report`: what came of the experiments of a shop, by its own events.
 *
 * The files call each other in one direction: report_statistics <- report_persons <- report_result
 * <- report_verdict <- report_text, report_json, report_html <- report.c. */
#include "processors/runtime/command.h"
#include "tools/event_formats.h"
#include "tools/report_files.h"
#include "tools/report_print.h"
#include "tools/report_verdict.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct reporting {
    const struct command *command;
    struct config config;
    struct experiments experiments;
    struct report_events events;
    struct report_result *results;
    struct report_options options;
    const char *path, *format, *html;
    char mapped[CONFIG_LONG_MAX];
    bool json, plan, from_topics;
};

/* ---- work ---- */

static enum verdict write_file(const char *path, const struct buffer *text, struct error *error)
{
    FILE *file = fopen(path, "w");
    bool written = file && fwrite(text->at, 1, text->size, file) == text->size;
    if (file && fclose(file) != 0)
        written = false;
    return written ? VERDICT_OK : error_set(error, VERDICT_FATAL, "%s: %s", path, strerror(errno));
}

static enum verdict print(const struct reporting *reporting, struct error *error)
{
    struct report report = {.events = &reporting->events,
                            .results = reporting->results,
                            .count = reporting->experiments.count,
                            .options = &reporting->options,
                            .plan = reporting->plan};
    struct buffer text = {0}, page = {0};
    enum verdict verdict = VERDICT_OK;
    if (reporting->json)
        report_json(&report, &text);
    else
        report_text(&report, &text);
    fwrite(text.at, 1, text.size, stdout);
    if (reporting->html) {
        report_html(&report, &page);
        verdict = write_file(reporting->html, &page, error);
    }
    buffer_release(&text);
    buffer_release(&page);
    return verdict;
}

static enum verdict read_events(struct reporting *reporting, int count, char **paths,
                                struct error *error)
{
    if (reporting->from_topics)
        return report_read_topics(&reporting->events, &reporting->config, error);
    return report_read_files(&reporting->events, &reporting->config, reporting->format, count,
                             paths, error);
}

static void evaluate(struct reporting *reporting, uint32_t number)
{
    struct report_result *result = &reporting->results[number];
    if (reporting->plan) {
        report_plan(&reporting->events, &reporting->experiments, number, &reporting->options,
                    result);
        return;
    }
    report_evaluate(&reporting->events, &reporting->experiments, number, &reporting->options,
                    result);
    report_conclude(&reporting->options, result);
}

static int report_all(struct reporting *reporting, int count, char **paths)
{
    struct error error = {0};
    enum verdict verdict = experiments_read(reporting->path, NULL, &reporting->experiments, &error);
    if (verdict == VERDICT_OK)
        verdict = read_events(reporting, count, paths, &error);
    if (verdict != VERDICT_OK)
        return command_fail(reporting->command, verdict == VERDICT_RETRY ? EXIT_WAIT : EXIT_FAILED,
                            "%s", error.message);
    report_events_finish(&reporting->events);
    uint32_t experiments = reporting->experiments.count;
    reporting->options.looks = reporting->json || reporting->html != NULL;
    reporting->results = memory_zero(experiments + 1, sizeof *reporting->results);
    for (uint32_t i = 0; i < experiments; i++)
        evaluate(reporting, i);
    if (print(reporting, &error) != VERDICT_OK)
        return command_fail(reporting->command, EXIT_FAILED, "%s", error.message);
    return EXIT_DONE;
}

/* ---- options ---- */

/* "+3%", "-3 %" or "3%": a share. */
static int set_percent(struct reporting *reporting, double *to, double low, double high)
{
    char *end = NULL;
    double percent = strtod(optarg, &end);
    while (*end == ' ')
        end++;
    if (end == optarg || strcmp(end, "%") != 0 || !(percent >= 100 * low && percent <= 100 * high))
        return command_fail(reporting->command, EXIT_USAGE,
                            "'%s' is no percentage from %g%% to %g%%", optarg, 100 * low,
                            100 * high);
    *to = percent / 100;
    return -1;
}

static int set_planned(struct reporting *reporting)
{
    int code = set_percent(reporting, &reporting->options.planned, -.99, 10);
    if (code < 0 && fabs(reporting->options.planned) < 1e-6)
        return command_fail(reporting->command, EXIT_USAGE, "no plan can show a difference of 0");
    return code;
}

static int set_goal(struct reporting *reporting)
{
    for (int m = 0; m < METRICS; m++)
        if (strcmp(optarg, report_metric_names[m]) == 0) {
            reporting->options.goal = (enum report_metric)m;
            return -1;
        }
    return command_fail(reporting->command, EXIT_USAGE,
                        "--goal takes click_through, carts, conversion, purchases or revenue");
}

static int report_option(struct reporting *reporting, int option)
{
    switch (option) {
    case 'e':
        reporting->path = optarg;
        return -1;
    case 'M':
        snprintf(reporting->mapped, sizeof reporting->mapped, FORMAT_MAPPED_PREFIX "%s", optarg);
        reporting->format = reporting->mapped;
        return -1;
    case 'f':
        reporting->format = optarg;
        if (event_format_find(optarg) == FORMAT_UNKNOWN)
            return command_fail(reporting->command, EXIT_USAGE, "there is no format '%s'", optarg);
        return -1;
    case 't':
        reporting->from_topics = true;
        return -1;
    case 'j':
        reporting->json = true;
        return -1;
    case 'H':
        reporting->html = optarg;
        return -1;
    case 'g':
        return set_goal(reporting);
    case 'p':
        reporting->plan = true;
        return set_planned(reporting);
    case 'd':
        return set_planned(reporting);
    case 'E':
        return set_percent(reporting, &reporting->options.effect, .0001, 10);
    case 'a':
        return set_percent(reporting, &reporting->options.alpha, .0001, .5);
    default:
        return command_option(reporting->command, option, &reporting->config);
    }
}

static int check_inputs(struct reporting *reporting, int files)
{
    if (reporting->path == NULL || *reporting->path == '\0')
        return command_fail(reporting->command, EXIT_USAGE,
                            "name the file of experiments by --experiments or experiments.path");
    if (reporting->from_topics && files > 0)
        return command_fail(reporting->command, EXIT_USAGE, "--from-topics takes no files besides");
    if (!reporting->from_topics && files == 0)
        return command_fail(reporting->command, EXIT_USAGE,
                            "name at least one file of events, or --from-topics");
    return -1;
}

static int report_command(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        COMMAND_OPTIONS,
        {"experiments", required_argument, NULL, 'e'},
        {"format", required_argument, NULL, 'f'},
        {"map", required_argument, NULL, 'M'},
        {"from-topics", no_argument, NULL, 't'},
        {"json", no_argument, NULL, 'j'},
        {"html", required_argument, NULL, 'H'},
        {"goal", required_argument, NULL, 'g'},
        {"plan", required_argument, NULL, 'p'},
        {"difference", required_argument, NULL, 'd'},
        {"effect", required_argument, NULL, 'E'},
        {"alpha", required_argument, NULL, 'a'},
        {NULL, 0, NULL, 0},
    };
    struct reporting *reporting = memory_zero(1, sizeof *reporting);
    int code = -1;
    reporting->command = command;
    reporting->options = (struct report_options){
        .effect = REPORT_EFFECT, .alpha = REPORT_ALPHA, .planned = REPORT_PLANNED, .goal = METRICS};
    config_init(&reporting->config);
    for (int option; code < 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        code = report_option(reporting, option);
    if (reporting->path == NULL)
        reporting->path = reporting->config.experiments_path;
    if (code < 0)
        code = check_inputs(reporting, argc - optind);
    if (code < 0 && (code = command_config(&reporting->config)) == EXIT_DONE) {
        command_catch_signals();
        code = report_all(reporting, argc - optind, argv + optind);
    }
    experiments_release(&reporting->experiments);
    report_events_release(&reporting->events);
    free(reporting->results);
    free(reporting);
    return code;
}

WEFT_COMMAND(report) = {
    .name = "report",
    .summary = "tells what came of the experiments, and what can be claimed",
    .usage =
        "[OPTION]... FILE... | --from-topics\n\n" COMMAND_OPTIONS_HELP
        "  --experiments FILE     the experiments (default: experiments.path)\n"
        "  --format F, --map M    the form of the files, as for 'weft backtest'\n"
        "  --from-topics          read the application's event topics, and its users\n"
        "  --json                 print JSON in place of text\n"
        "  --html FILE            write one page with plots, too\n"
        "  --goal METRIC          which the verdict is about: click_through (default), carts,\n"
        "                         conversion, purchases or revenue; choose it before the start\n"
        "  --plan +3%             before the start: how many visitors show this difference, by\n"
        "                         events from before\n"
        "  --difference +3%       of a running experiment: how long until this difference would\n"
        "                         be seen\n"
        "  --effect 5%            how large a difference is expected: the test finds such ones\n"
        "                         soonest; choose it before the start (default 5%)\n"
        "  --alpha 5%             how often an interval may miss the truth (default 5%)\n\n"
        "Intervals and p-values hold at any time: look as often as you like, and stop when\n"
        "you like. The visitor is the unit. Those of several variants are corrected.\n",
    .order = 8,
    .run = report_command,
};
