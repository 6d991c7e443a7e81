/* `weft check`: checks a configuration or files of events before they are used. */
#include "processors/runtime/command.h"
#include "processors/runtime/kafka/preflight.h"
#include "processors/runtime/kafka/registry.h"
#include "processors/runtime/kafka/rights.h"
#include "processors/runtime/log.h"
#include "processors/runtime/mapping_files.h"
#include "processors/runtime/experiments_file.h"
#include "processors/runtime/rules_file.h"
#include "processors/runtime/schemas_folder.h"
#include "processors/runtime/topology.h"
#include "schemas/codec.h"
#include "tools/check_report.h"
#include "tools/event_formats.h"
#include "tools/events.h"
#include "tools/printable.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define REJECTIONS_SHOWN 10
#define PATIENCE_MS 10000 /* of a preflight, for the first broker */

static int refuse_group(const struct command *command, const char *name)
{
    char all[200] = "";
    for (int i = 0; i < CONFIG_GROUPS; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "",
                 config_groups[i].name);
    return command_fail(command, EXIT_USAGE, "there is no group of keys '%s': %s", name, all);
}

/* The keys of the groups that are named, or of all groups. */
static int list_keys(const struct command *command, int count, char **names)
{
    struct buffer text = {0};
    int code = EXIT_DONE;
    if (count == 0)
        config_keys_text(CONFIG_GROUPS, &text);
    for (int i = 0; i < count && code == EXIT_DONE; i++) {
        int group = 0;
        while (group < CONFIG_GROUPS && strcmp(config_groups[group].name, names[i]) != 0)
            group++;
        if (group < CONFIG_GROUPS)
            config_keys_text((enum config_group_name)group, &text);
        else
            code = refuse_group(command, names[i]);
    }
    if (code == EXIT_DONE)
        fwrite(text.at, 1, text.size, stdout);
    buffer_release(&text);
    return code;
}

static void print_time(const char *label, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    char text[40];
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc);
    printf("  %s %s UTC\n", label, text);
}

/* Lines that are older than one before them: measures and replays take the order of lines for the
 * order of time. */
struct order {
    uint64_t older;
    int64_t newest_ms, most_ms; /* the newest time so far; how far behind it a line was at most */
};

static void note_time(struct order *order, int64_t time_ms)
{
    if (time_ms >= order->newest_ms) {
        order->newest_ms = time_ms;
        return;
    }
    order->older++;
    if (order->newest_ms - time_ms > order->most_ms)
        order->most_ms = order->newest_ms - time_ms;
}

struct summary {
    uint64_t types[EVENT_TYPES], rejected;
    uint64_t taken_back; /* purchases refunded or cancelled */
    int64_t first_ms;
    struct order order;
};

static void add_event(struct summary *summary, const struct event *event)
{
    summary->types[event->type]++;
    summary->taken_back += event->type == EVENT_PURCHASE && event->status != PURCHASE_COMPLETED;
    if (event->type >= EVENT_USER) /* users and products have no time */
        return;
    if (event->event_time_ms < summary->first_ms)
        summary->first_ms = event->event_time_ms;
    note_time(&summary->order, event->event_time_ms);
}

static void print_summary(const struct summary *summary, const char *path,
                          const struct event_file *file)
{
    printf("%s: format %s, %" PRIu64 " lines, %" PRIu64 " rejected\n", path,
           event_file_format(file), event_file_lines(file), summary->rejected);
    if (event_file_dropped(file) > 0)
        printf("  dropped    %" PRIu64 "\n", event_file_dropped(file));
    for (int i = 0; i < EVENT_TYPES; i++)
        if (summary->types[i] > 0)
            printf("  %-10s %" PRIu64 "\n", event_type_names[i], summary->types[i]);
    if (summary->taken_back > 0)
        printf("  of the purchases %" PRIu64 " are refunded or cancelled\n", summary->taken_back);
    if (!event_file_has_times(file)) {
        printf(
            "  the format has no times; 'weft replay' lets the last click of each file be now\n");
        return;
    }
    if (summary->first_ms <= summary->order.newest_ms) {
        print_time("from", summary->first_ms);
        print_time("to  ", summary->order.newest_ms);
    }
    if (event_file_ahead(file) > 0)
        printf("  %" PRIu64
               " events lie ahead of now; 'weft run' takes the time at which their record "
               "is written\n",
               event_file_ahead(file));
    if (summary->order.older > 0)
        printf("  %" PRIu64 " lines are older than a line before them, by %.1f s at most; sort the "
               "file by time\n",
               summary->order.older, (double)summary->order.most_ms / 1e3);
}

static int check_file(const struct command *command, const struct config *config, const char *path,
                      const char *format)
{
    struct event_file *file;
    struct error error = {0};
    struct arena arena = {0};
    struct event event;
    struct summary summary = {.first_ms = INT64_MAX, .order.newest_ms = INT64_MIN};
    enum read read;
    if (event_file_open(path, format, &file, &error) != VERDICT_OK)
        return command_fail(command, EXIT_FAILED, "%s", error.message);
    event_file_judge(file, &config->settings.times, clock_now_ms());
    while ((read = event_file_next(file, &arena, &event, &error)) == READ_EVENT ||
           read == READ_REJECTED) {
        if (read == READ_EVENT)
            add_event(&summary, &event);
        else if (summary.rejected++ < REJECTIONS_SHOWN)
            print_text("%s: %s\n", path, error.message);
        arena_clear(&arena);
    }
    print_summary(&summary, path, file);
    event_file_close(file);
    arena_release(&arena);
    if (read == READ_FAILED)
        return command_fail(command, EXIT_FAILED, "%s", error.message);
    return summary.rejected > 0 ? EXIT_FAILED : EXIT_DONE;
}

/* ---- the files that the configuration names ---- */

/* Prints each line by itself, behind `before`: print_text() escapes ends of lines in a text. */
static void print_lines(const struct buffer *text, const char *before)
{
    for (size_t at = 0; at < text->size;) {
        const char *line = text->at + at, *end = memchr(line, '\n', text->size - at);
        print_text("%s%s%.*s\n", before, *before ? ", " : "", (int)(end - line), line);
        at += (size_t)(end - line) + 1;
    }
}

/* Lists every mistake, and unknown placements, which only leave a rule without effect. */
static int check_rules(const struct command *command, const struct config *config)
{
    struct merchandising_rules rules;
    struct buffer text = {0};
    enum verdict verdict = merchandising_rules_check(config->rules_path, &text);
    if (verdict == VERDICT_OK &&
        merchandising_rules_read(config->rules_path, &rules, NULL) == VERDICT_OK) {
        rules_placements_text(&rules, &config->settings.recommend.placements, &text);
        merchandising_rules_release(&rules);
    }
    print_lines(&text, verdict == VERDICT_OK ? config->rules_path : "");
    buffer_release(&text);
    if (verdict == VERDICT_OK)
        return EXIT_DONE;
    return command_fail(command, EXIT_FAILED, "%s can't be used", config->rules_path);
}

/* Lists every mistake; if there is none, the first value that can't be used; then the experiments.
 */
static int check_experiments(const struct command *command, const struct config *config)
{
    struct experiments_file file = {0};
    struct error error = {0};
    struct buffer text = {0};
    const struct placements *placements = &config->settings.recommend.placements;
    enum verdict verdict = experiments_check(config->experiments_path, placements, &text);
    if (verdict == VERDICT_OK)
        verdict = experiments_file_open(&file, config, &error);
    if (verdict == VERDICT_OK)
        experiments_file_text(&file, &text);
    else if (error.message[0])
        buffer_format(&text, "%s\n", error.message);
    print_lines(&text, "");
    experiments_file_release(&file);
    buffer_release(&text);
    if (verdict == VERDICT_OK)
        return EXIT_DONE;
    return command_fail(command, EXIT_FAILED, "%s can't be used", config->experiments_path);
}

/* Reads them as `weft run` does. */
static int check_named_files(const struct command *command, const struct config *config)
{
    struct error error = {0};
    struct mapping_files mappings = {0};
    struct codec *codec = codec_new(NULL);
    enum verdict verdict = mapping_files_open(&mappings, config, codec, &error);
    if (verdict == VERDICT_OK)
        verdict = schemas_folder_read(codec, config->schemas_path, &error);
    codec_free(codec);
    mapping_files_release(&mappings);
    if (verdict != VERDICT_OK)
        return command_fail(command, EXIT_FAILED, "%s", error.message);
    int rules = config->rules_path[0] ? check_rules(command, config) : EXIT_DONE;
    int experiments = config->experiments_path[0] ? check_experiments(command, config) : EXIT_DONE;
    return rules == EXIT_DONE ? experiments : rules;
}

/* ---- what `weft run` will need ---- */

static int print_rights(const struct config *config, const struct topology *topology)
{
    struct buffer text = {0};
    rights_text(config, topology, &text);
    fwrite(text.at, 1, text.size, stdout);
    buffer_release(&text);
    return EXIT_DONE;
}

static int print_findings(const struct findings *findings)
{
    static const char *const kinds[] = {
        [FINDING_FIX] = "fix", [FINDING_ADVISE] = "fix", [FINDING_WAIT] = "wait"};
    size_t waits = 0;
    for (size_t i = 0; i < findings->count; i++) {
        char line[FINDING_BYTES_MAX];
        snprintf(line, sizeof line, "%s", findings->at[i].text);
        log_redact(line);
        waits += findings->at[i].kind == FINDING_WAIT;
        print_text("%s: %s\n", kinds[findings->at[i].kind], line);
    }
    if (findings->more > 0)
        printf("and %zu more\n", findings->more);
    if (findings->count == 0)
        printf("'weft run' has everything that it needs (%zu checks)\n", preflight_check_count);
    else
        printf("%zu to fix, %zu to wait for\n", findings->count + findings->more - waits, waits);
    if (findings->count + findings->more > waits)
        return EXIT_FAILED;
    return waits > 0 ? EXIT_WAIT : EXIT_DONE;
}

static int check_preflight(const struct command *command, struct config *config, bool create)
{
    struct topology topology;
    struct error error = {0};
    command_warn(config);
    if (config_finish(config, &error) != VERDICT_OK)
        return command_fail(command, EXIT_USAGE, "%s", error.message);
    if (topology_build(config, &topology, &error) != VERDICT_OK)
        return command_fail(command, EXIT_FAILED, "%s", error.message);
    if (mapping_files_check(config, &error) != VERDICT_OK)
        return command_fail(command, EXIT_FAILED, "fix: %s", error.message);
    struct findings *findings = memory_zero(1, sizeof *findings);
    command_catch_signals();
    preflight(config, &topology, create, PATIENCE_MS, &command_interrupted, findings);
    int code = EXIT_FAILED;
    if (atomic_load(&command_interrupted))
        printf("stopped\n");
    else
        code = print_findings(findings);
    free(findings);
    return code;
}

/* The format of files that a mapping reads. */
static const char *name_mapped(const char *map, char *to, size_t size)
{
    snprintf(to, size, FORMAT_MAPPED_PREFIX "%s", map);
    return to;
}

static int print_schema(const struct command *command, const char *name, bool fingerprint)
{
    struct bytes text = schema_text(name);
    if (text.at == NULL)
        return command_fail(command, EXIT_USAGE, "there is no schema '%s'", name);
    if (fingerprint)
        printf("%016" PRIx64 "\n", schema_fingerprint(name));
    else
        fwrite(text.at, 1, text.size, stdout);
    return EXIT_DONE;
}

/* The configuration, and the files of events if there are any. */
static int check_all(const struct command *command, const struct config *config, const char *format,
                     int count, char **paths)
{
    struct error error = {0};
    int code = check_named_files(command, config);
    if (code != EXIT_DONE)
        return code;
    if (config->schema_registry_url[0] && registry_check(config, &error) != VERDICT_OK)
        return command_fail(command, EXIT_FAILED, "%s", error.message);
    if (count == 0) {
        struct buffer text = {0};
        placements_text(&config->settings.recommend.placements, &text);
        printf("%.*sthe configuration is good\n", (int)text.size, text.at);
        buffer_release(&text);
    }
    for (int i = 0; i < count; i++) {
        int one = check_file(command, config, paths[i], format);
        code = one == EXIT_DONE ? code : one;
    }
    return code;
}

static bool read_report_option(int option, struct report_request *report)
{
    report->report |= option == 'r' || option == 't' || option == 'H';
    report->from_topics |= option == 't';
    report->json |= option == 'j';
    if (option == 'H')
        report->page = optarg;
    return option == 'r' || option == 't' || option == 'j' || option == 'H';
}

static int check_command(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        COMMAND_OPTIONS,
        {"keys", no_argument, NULL, 'k'},
        {"format", required_argument, NULL, 'f'},
        {"map", required_argument, NULL, 'm'},
        {"fingerprint", required_argument, NULL, 'p'},
        {"schema", required_argument, NULL, 'S'},
        {"preflight", no_argument, NULL, 'P'},
        {"no-create", no_argument, NULL, 'n'},
        {"acls", no_argument, NULL, 'a'},
        {"report", no_argument, NULL, 'r'},
        {"from-topics", no_argument, NULL, 't'},
        {"json", no_argument, NULL, 'j'},
        {"html", required_argument, NULL, 'H'},
        {NULL, 0, NULL, 0},
    };
    struct config config;
    struct topology topology;
    struct error error = {0};
    struct report_request report = {0};
    const char *format = NULL;
    char mapped[CONFIG_LONG_MAX];
    bool keys = false, preflight_wanted = false, acls = false, create = true;
    int code;
    config_init(&config);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'p' || option == 'S')
            return print_schema(command, optarg, option == 'p');
        if (option == 'k')
            keys = true;
        else if (option == 'P')
            preflight_wanted = true;
        else if (option == 'n')
            create = false;
        else if (option == 'a')
            acls = true;
        else if (option == 'f')
            format = optarg;
        else if (option == 'm')
            format = name_mapped(optarg, mapped, sizeof mapped);
        else if (read_report_option(option, &report))
            continue;
        else if ((code = command_option(command, option, &config)) >= 0)
            return code;
    }
    if (keys)
        return list_keys(command, argc - optind, argv + optind);
    if (format && event_format_find(format) == FORMAT_UNKNOWN)
        return command_fail(command, EXIT_USAGE, "there is no format '%s'", format);
    if (preflight_wanted)
        return check_preflight(command, &config, create);
    if ((code = command_config(&config)) != EXIT_DONE)
        return code;
    if (topology_build(&config, &topology, &error) != VERDICT_OK)
        return command_fail(command, EXIT_FAILED, "%s", error.message);
    report.format = format;
    if (report.report)
        return check_report(command, &config, &report, argc - optind, argv + optind);
    if (acls)
        return print_rights(&config, &topology);
    return check_all(command, &config, format, argc - optind, argv + optind);
}

WEFT_COMMAND(check) = {
    .name = "check",
    .summary = "checks a configuration, or files of events",
    .usage =
        "[OPTION]... [FILE]...\n"
        "       weft check --keys [GROUP]...\n"
        "       weft check --preflight [--no-create]\n"
        "       weft check --acls\n"
        "       weft check --report [--json] [--html PAGE] "
        "FILE...|--from-topics\n\n" COMMAND_OPTIONS_HELP
        "  --keys [GROUP]...  list the keys with their defaults; groups are process, topics,\n"
        "                     input, visitors, lists, ranker, model, catalogue, rankings,\n"
        "                     http, placements and kafka\n"
        "  --format F         weft, rees46, tsv, sessions, or a ready-made mapping (otto, hm,\n"
        "                     retailrocket, ...); without it the format is guessed\n"
        "  --map M            FILEs are of another system: the name of a ready-made mapping\n"
        "                     (ga4, segment, ...), the path of a mapping file, or columns of\n"
        "                     a table: columns:visitor_id=C,event_time=C:UNIT,item_id=C\n"
        "  --schema S         print the Avro schema S (view, recommendation, ranking, ...)\n"
        "  --fingerprint S    print the fingerprint of schema S, which\n"
        "                     Avro's single-object encoding carries\n\n"
        "  --preflight        try everything that 'weft run' will need: topics and their\n"
        "                     settings, each right, the registry, the disk, the clock\n"
        "  --no-create        with --preflight: for 'weft run --no-create'\n"
        "  --report           a report on the data in FILEs: events, sessions, items, clocks,\n"
        "                     suspects, which placements it can feed, and what to set\n"
        "  --from-topics      the report is on the input topics\n"
        "  --json             the report is one JSON object\n"
        "  --html PAGE        also write the report as an HTML page\n"
        "  --acls             print the commands that grant the rights of 'weft run'\n\n"
        "Exit code 1: a line would be rejected, or the preflight found something to fix;\n"
        "each comes with its command. Exit code 75: it found only what passes by itself,\n"
        "such as a broker that is away.\n",
    .order = 8,
    .run = check_command,
};
