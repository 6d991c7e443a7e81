/* `weft backtest`: the quality of the lists on recorded events: of one configuration, of two
 * variants, or without each part in turn.
 *
 * The files call each other in one direction: backtest_read <- backtest_measure <- backtest_compare
 * <- backtest_report <- backtest.c. The tasks basket, cart and search are files of their own. */
#include "processors/runtime/command.h"
#include "tools/backtest_basket.h"
#include "tools/backtest_cart.h"
#include "tools/backtest_interleave.h"
#include "tools/backtest_report.h"
#include "tools/backtest_search.h"
#include "tools/event_formats.h"
#include "tools/events.h"

#include <stdio.h>
#include <stdlib.h>

struct backtest {
    const struct command *command;
    struct config config;
    struct measure_settings settings;
    const char *format;
    char mapped[CONFIG_LONG_MAX]; /* the format of --map */
    const char *a, *b;            /* --compare */
    bool json, ablate, alone;
    enum verdict (*task)(const struct config *config, const char *format, double from, int count,
                         char **paths, struct error *error); /* NULL: the next item */
    uint64_t seed;
    uint32_t active; /* --interleave; 0: the order of the files */
    struct recorded recorded;
};

static enum verdict add_variants(struct backtest *test, struct variants *variants,
                                 struct error *error)
{
    if (test->ablate)
        return variants_add_ablations(variants, &test->config, error);
    if (test->alone)
        return variants_add_alone(variants, &test->config, error);
    enum verdict verdict = variants_add(variants, &test->config, test->a, error);
    if (verdict != VERDICT_OK)
        return verdict;
    return variants_add(variants, &test->config, test->b, error);
}

/* Measures and reports a variant. `first` NULL: it is the first one. The caller releases
 * `ret_measured`. */
static enum verdict measure_variant(struct backtest *test, const struct variant *variant,
                                    const struct measured *first, struct measured *ret_measured,
                                    struct error *error)
{
    struct difference difference;
    enum verdict verdict =
        measure(&test->recorded, &variant->config, &test->settings, ret_measured, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (first)
        compare(first, ret_measured, test->seed, &difference);
    report_variant(variant, first ? first : ret_measured, ret_measured, first ? &difference : NULL,
                   &test->settings, test->json);
    return VERDICT_OK;
}

static enum verdict measure_variants(struct backtest *test, struct error *error)
{
    struct variants variants = {0};
    struct measured first = {0};
    enum verdict verdict = add_variants(test, &variants, error);
    for (uint32_t i = 0; i < variants.count && verdict == VERDICT_OK; i++) {
        struct measured measured;
        verdict = measure_variant(test, &variants.at[i], i > 0 ? &first : NULL, &measured, error);
        if (i == 0)
            first = measured;
        else
            measured_release(&measured);
    }
    if (verdict == VERDICT_OK)
        report_end(test->json);
    measured_release(&first);
    variants_release(&variants);
    return verdict;
}

static enum verdict measure_one(struct backtest *test, struct error *error)
{
    struct measured measured;
    enum verdict verdict =
        measure(&test->recorded, &test->config, &test->settings, &measured, error);
    if (verdict == VERDICT_OK)
        report_measured(&test->recorded, &measured, &test->settings, test->json);
    measured_release(&measured);
    return verdict;
}

static int backtest_files(struct backtest *test, int count, char **paths)
{
    struct error error = {0};
    enum verdict verdict =
        recorded_read(&test->recorded, &test->config, test->format, count, paths, &error);
    if (verdict == VERDICT_OK && test->recorded.older > 0)
        fprintf(stderr,
                "%llu events are older than an event before them, by %.1f s at most; the measures "
                "take the order of lines for the order of time\n",
                (unsigned long long)test->recorded.older,
                (double)test->recorded.older_ms_most / 1e3);
    if (verdict == VERDICT_OK && test->active > 0)
        recorded_interleave(&test->recorded, test->active, test->config.settings.session_gap_ms);
    if (verdict == VERDICT_OK)
        verdict = test->ablate || test->alone || test->a ? measure_variants(test, &error)
                                                         : measure_one(test, &error);
    recorded_release(&test->recorded);
    return verdict == VERDICT_OK ? EXIT_DONE
                                 : command_fail(test->command, EXIT_FAILED, "%s", error.message);
}

static int backtest_task(struct backtest *test, int count, char **paths)
{
    struct error error = {0};
    const char *evaluate_from = test->settings.evaluate_from;
    double from = evaluate_from ? strtod(evaluate_from, NULL) : 0;
    if (from >= 1)
        return command_fail(test->command, EXIT_USAGE,
                            "--evaluate-from of this task is a fraction below 1");
    enum verdict verdict = test->task(&test->config, test->format, from, count, paths, &error);
    return verdict == VERDICT_OK ? EXIT_DONE
                                 : command_fail(test->command, EXIT_FAILED, "%s", error.message);
}

static int set_number(struct backtest *test, int option)
{
    char *end = NULL;
    unsigned long long number = strtoull(optarg, &end, 10);
    unsigned long long max = option == 'k'   ? LIST_ITEMS_MAX
                             : option == 'm' ? 1000
                             : option == 'i' ? INTERLEAVE_MAX
                                             : UINT64_MAX;
    if (*end != '\0' || *optarg == '-' || number == 0 || number > max)
        return command_fail(test->command, EXIT_USAGE, "'%s' is out of range", optarg);
    if (option == 'd')
        test->seed = number;
    else if (option == 'i')
        test->active = (uint32_t)number;
    else
        *(option == 'k' ? &test->settings.at : &test->settings.min_prefix) = (uint32_t)number;
    return -1;
}

static int set_task(struct backtest *test)
{
    test->task = strcmp(optarg, "basket") == 0   ? basket_backtest
                 : strcmp(optarg, "cart") == 0   ? cart_backtest
                 : strcmp(optarg, "search") == 0 ? search_backtest
                                                 : NULL;
    if (test->task == NULL && strcmp(optarg, "next") != 0)
        return command_fail(test->command, EXIT_USAGE, "--task takes next, basket, cart or search");
    return -1;
}

/* Reads the kinds of events that are cases. */
static int set_kinds(struct backtest *test)
{
    static const struct {
        const char *name;
        enum event_type type;
    } kinds[] = {{"view", EVENT_VIEW}, {"cart", EVENT_CART}, {"purchase", EVENT_PURCHASE}};
    const char *list = optarg;
    struct bytes name;
    while (list_next(&list, &name)) {
        uint32_t bit = 0;
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
            if (bytes_equal(name, bytes_text(kinds[i].name)))
                bit = 1u << kinds[i].type;
        if (bit == 0)
            return command_fail(test->command, EXIT_USAGE, "--kinds takes view, cart and purchase");
        test->settings.kinds |= bit;
    }
    return -1;
}

static int backtest_option(struct backtest *test, int option)
{
    char *end = NULL;
    switch (option) {
    case 'M':
        snprintf(test->mapped, sizeof test->mapped, FORMAT_MAPPED_PREFIX "%s", optarg);
        test->format = test->mapped;
        return -1;
    case 'f':
        test->format = optarg;
        if (event_format_find(optarg) == FORMAT_UNKNOWN)
            return command_fail(test->command, EXIT_USAGE, "there is no format '%s'", optarg);
        return -1;
    case 'e':
        test->settings.evaluate_from = optarg;
        if (strtod(optarg, &end) <= 0 || *end != '\0')
            return command_fail(test->command, EXIT_USAGE,
                                "--evaluate-from takes a time in ms or a fraction below 1");
        return -1;
    case 'n':
        return set_kinds(test);
    case 'N':
        test->settings.noise = optarg;
        return -1;
    case 'z':
        test->settings.freeze = true;
        return -1;
    case 't':
        return set_task(test);
    case 'j':
        test->json = true;
        return -1;
    case 'a':
        test->ablate = true;
        return -1;
    case 'o':
        test->alone = true;
        return -1;
    case 'x':
        test->a = optarg;
        return -1;
    case 'm':
    case 'k':
    case 'd':
    case 'i':
        return set_number(test, option);
    default:
        return command_option(test->command, option, &test->config);
    }
}

static int backtest_command(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        COMMAND_OPTIONS,
        {"format", required_argument, NULL, 'f'},
        {"map", required_argument, NULL, 'M'},
        {"evaluate-from", required_argument, NULL, 'e'},
        {"kinds", required_argument, NULL, 'n'},
        {"noise", required_argument, NULL, 'N'},
        {"freeze", no_argument, NULL, 'z'},
        {"min-prefix", required_argument, NULL, 'm'},
        {"at", required_argument, NULL, 'k'},
        {"compare", required_argument, NULL, 'x'},
        {"ablate", no_argument, NULL, 'a'},
        {"alone", no_argument, NULL, 'o'},
        {"interleave", required_argument, NULL, 'i'},
        {"seed", required_argument, NULL, 'd'},
        {"json", no_argument, NULL, 'j'},
        {"task", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    struct backtest *test = memory_zero(1, sizeof *test);
    int code = -1;
    test->command = command;
    test->settings = (struct measure_settings){.at = 20, .min_prefix = 1};
    test->seed = 1;
    config_init(&test->config);
    for (int option; code < 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        code = backtest_option(test, option);
        if (code < 0 && option == 'x') { /* its second argument */
            if (optind == argc)
                code = command_fail(command, EXIT_USAGE, "--compare takes two lists of key=value");
            else
                test->b = argv[optind++];
        }
    }
    if (code < 0 && (test->a != NULL) + test->ablate + test->alone > 1)
        code =
            command_fail(command, EXIT_USAGE, "--compare, --ablate and --alone exclude each other");
    if (code < 0 && test->active > 0 && (test->settings.freeze || test->task))
        code = command_fail(command, EXIT_USAGE,
                            "--interleave excludes --freeze and all tasks but next");
    if (code < 0 && optind == argc)
        code = command_fail(command, EXIT_USAGE, "name at least one file");
    if (code < 0 && (code = command_config(&test->config)) == EXIT_DONE) {
        command_catch_signals();
        code = test->task ? backtest_task(test, argc - optind, argv + optind)
                          : backtest_files(test, argc - optind, argv + optind);
    }
    free(test);
    return code;
}

WEFT_COMMAND(backtest) = {
    .name = "backtest",
    .summary = "measures the lists on files of events",
    .usage =
        "[OPTION]... FILE...\n\n" COMMAND_OPTIONS_HELP
        "  --format F             weft, rees46, tsv, sessions, or a ready-made mapping (otto, hm,\n"
        "                         retailrocket, ...); without it the format is guessed\n"
        "  --map M                FILEs are of another system: the name of a ready-made mapping\n"
        "                         (ga4, segment, ...), the path of a mapping file, or columns of\n"
        "                         a table: columns:visitor_id=C,event_time=C:UNIT,item_id=C\n"
        "  --evaluate-from T      count cases from this time in ms on, or from this fraction of\n"
        "                         the events on\n"
        "  --kinds K              count only these events as cases: view, cart, purchase, with "
        "commas\n"
        "  --freeze               the protocol of the papers: until then learn each session when "
        "it\n"
        "                         ends; from then on learn nothing but the visitor's own session\n"
        "  --interleave ACTIVE    as a shop's traffic: so many visitors at a time, 1,000 events a "
        "second\n"
        "  --noise PREFIX         visitors whose keys begin so are no cases; tells how many of "
        "their\n"
        "                         events, and of people's, hygiene kept out\n"
        "  --min-prefix N         count cases with at least N activities before (default 1)\n"
        "  --at K                 length of the list (default 20)\n"
        "  --task basket          leave out one item of each basket and predict it (default: "
        "next)\n"
        "  --task cart            predict the next item put into a cart with others; first 10\n"
        "  --task search          search for each bought item by one or two words of its title\n"
        "  --compare A B          compare two variants, each key=value with commas between, '' as\n"
        "                         configured; prints the difference with 95 % confidence, by the\n"
        "                         paired bootstrap over sessions\n"
        "  --ablate               leave out each generator and each group of features in turn, "
        "and\n"
        "                         compare with all of them\n"
        "  --alone                use each candidate generator by itself, without the ranker, and\n"
        "                         compare with all of them\n"
        "  --seed N               the seed of the bootstrap (default 1)\n"
        "  --json                 print one JSON object\n",
    .order = 7,
    .run = backtest_command,
};
