/* `weft backtest`: the quality of the lists on recorded events, asked as a visitor would: for every
 * event after the first of its session the next item is predicted before it is learned.
 *
 * Measures, with one target a case, ranked among all items, repeats allowed, nothing filtered:
 * HR@k: share of cases whose target is among the first k; MRR@k: mean of 1/rank, 0 beyond k;
 * NDCG@k: mean of 1/log2(1 + rank), 0 beyond k; coverage: share of all items seen that came in any
 * list. (Jarvelin, Kekalainen 2002; Ludewig, Jannach 2018.) */
#include "processors/recommend/recommend.h"
#include "processors/runtime/command.h"
#include "processors/runtime/driver.h"
#include "processors/runtime/log.h"
#include "schemas/json.h"
#include "tools/basket.h"
#include "tools/events.h"
#include "tools/facts.h"
#include "tools/progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DECILES 10

struct measure {
    uint64_t cases;
    double hits, reciprocal, gain;
};

/* An event that is remembered until the end of the file is known. */
struct line {
    struct event event;
    struct event *product; /* what its line says anew of the item; NULL: nothing */
};

struct backtest {
    const struct command *command;
    struct config config;
    const char *format;
    const char *evaluate_from; /* a time in ms, or a fraction of the events; NULL: all */
    bool basket, freeze, json;
    uint32_t min_prefix, at;
    struct driver *driver;
    struct arena memory; /* of all events */
    struct catalogue *said; /* of products by the lines so far */
    struct line *lines;
    size_t line_count, line_capacity;
    uint64_t rejected;
    struct measure all, deciles[DECILES];
    uint8_t *covered; /* by item of the model */
    uint32_t covered_capacity;
    double *list_us; /* of each case */
    size_t list_count, list_capacity;
    struct buffer held; /* interactions of sessions that have not ended (--freeze) */
    struct progress progress;
};

static void add_line(struct backtest *test, const struct line *line)
{
    if (test->line_count == test->line_capacity) {
        test->line_capacity = test->line_capacity ? 2 * test->line_capacity : 65536;
        test->lines = memory_resize(test->lines, test->line_capacity * sizeof *test->lines);
    }
    test->lines[test->line_count++] = *line;
}

/* What the last line says of its item, if that is new. */
static struct event *keep_product(struct backtest *test, const struct event_file *file,
                                  struct arena *arena)
{
    struct event product;
    struct arena *memory = &test->memory;
    if (!event_file_product(file, &product) ||
        facts_put(test->said, &product, arena) == CATALOGUE_SAME)
        return NULL;
    product.item_id = arena_copy(memory, product.item_id);
    product.title = arena_copy(memory, product.title);
    product.item_brand = arena_copy(memory, product.item_brand);
    struct bytes *category = arena_get(memory, sizeof *category);
    if (product.categories.count)
        *category = arena_copy(memory, product.categories.at[0]);
    product.categories.at = category;
    struct event *kept = arena_get(memory, sizeof *kept);
    *kept = product;
    return kept;
}

/* A line of weft's own format that is about a product. */
static void keep_product_line(struct backtest *test, const struct event_file *file)
{
    struct event *product = arena_get(&test->memory, sizeof *product);
    event_init(product, EVENT_PRODUCT);
    if (json_decode(arena_copy(&test->memory, event_file_text(file)), &test->memory, product,
                    NULL) == VERDICT_OK)
        add_line(test, &(struct line){.event.type = EVENT_PRODUCT, .product = product});
}

static enum verdict read_all(struct backtest *test, int count, char **paths, struct error *error)
{
    for (int i = 0; i < count; i++) {
        struct event_file *file;
        struct event event;
        struct arena arena = {0};
        enum read read = READ_EVENT;
        if (event_file_open(paths[i], test->format, &file, error) != VERDICT_OK)
            return VERDICT_SKIP;
        while (read != READ_END && read != READ_FAILED && !atomic_load(&command_interrupted)) {
            struct error why = {0};
            arena_clear(&arena);
            read = event_file_next(file, &arena, &event, &why);
            if (read == READ_EVENT && event.type == EVENT_PRODUCT) {
                keep_product_line(test, file);
                continue;
            }
            if (read == READ_REJECTED || (read == READ_EVENT && event.type >= INPUT_TOPICS))
                test->rejected++;
            if (read == READ_FAILED)
                error_set(error, VERDICT_SKIP, "%s", why.message);
            if (read != READ_EVENT || event.type >= INPUT_TOPICS)
                continue;
            struct arena *memory = &test->memory;
            struct event kept = event;
            kept.event_id = arena_copy(memory, event.event_id);
            kept.visitor_id = arena_copy(memory, event.visitor_id);
            kept.user_id = arena_copy(memory, event.user_id);
            kept.search_term = arena_copy(memory, event.search_term);
            kept.items = arena_get(memory, event.item_count * sizeof *kept.items);
            for (uint32_t k = 0; k < event.item_count; k++) {
                kept.items[k] = event.items[k];
                kept.items[k].item_id = arena_copy(memory, event.items[k].item_id);
            }
            add_line(test, &(struct line){.event = kept,
                                          .product = keep_product(test, file, &arena)});
        }
        event_file_close(file);
        arena_release(&arena);
        if (read == READ_FAILED)
            return VERDICT_SKIP;
    }
    return VERDICT_OK;
}

static void add_case(struct measure *measure, uint32_t rank)
{
    measure->cases++;
    if (rank == 0)
        return;
    measure->hits += 1;
    measure->reciprocal += 1.0 / rank;
    measure->gain += 1 / log2(1.0 + rank);
}

static void cover(struct backtest *test, const struct ranked_item *ranked, uint32_t count)
{
    uint32_t items = driver_model(test->driver)->item_count;
    if (items > test->covered_capacity) {
        test->covered = memory_resize(test->covered, 2 * items);
        memset(test->covered + test->covered_capacity, 0, 2 * items - test->covered_capacity);
        test->covered_capacity = 2 * items;
    }
    for (uint32_t i = 0; i < count; i++)
        if (!item_is_product(ranked[i].item)) /* which the model does not know yet */
            test->covered[ranked[i].item] = 1;
}

/* How many activities with an item the visitor has in the session that goes on at `time_ms`. */
static uint32_t prefix_length(const struct backtest *test, const struct visitor *visitor,
                              int64_t time_ms)
{
    uint32_t length = 0;
    int64_t edge_ms = time_ms;
    for (uint32_t i = visitor ? visitor->count : 0; i > 0; i--) {
        const struct activity *activity = &visitor->activities[i - 1];
        enum rule_kind rules;
        if (edge_ms - activity->time_ms > test->config.session_gap_ms)
            break;
        edge_ms = activity->time_ms;
        length += rule_kind_of((enum kind)activity->kind, &rules);
    }
    return length;
}

/* Asks for the next item, as serving does, so that the ranker can learn from the answer. */
static void ask(struct backtest *test, const struct event *event, size_t index, bool counts)
{
    struct ranked_item ranked[LIST_ITEMS_MAX];
    struct visitor *visitor = driver_visitor(test->driver, event_visitor(event));
    struct model *model = driver_model(test->driver);
    if (event->item_count == 0 || visitor == NULL)
        return;
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    uint32_t count = recommend_next(driver_recommender(test->driver), model,
                                    driver_catalogue(test->driver), visitor, test->at, ranked);
    clock_gettime(CLOCK_MONOTONIC, &after);
    if (!counts || prefix_length(test, visitor, event->event_time_ms) < test->min_prefix)
        return;
    if (test->list_count == test->list_capacity) {
        test->list_capacity = test->list_capacity ? 2 * test->list_capacity : 65536;
        test->list_us = memory_resize(test->list_us, test->list_capacity * sizeof(double));
    }
    test->list_us[test->list_count++] = (double)(after.tv_sec - before.tv_sec) * 1e6 +
                                        (double)(after.tv_nsec - before.tv_nsec) / 1e3;
    uint32_t target = model_find(model, event->items[0].item_id), rank = 0;
    uint32_t product = catalogue_find(driver_catalogue(test->driver), event->items[0].item_id);
    if (target == ITEM_NONE && product != PRODUCT_NONE)
        target = ITEM_PRODUCT | product;
    for (uint32_t i = 0; i < count && rank == 0; i++)
        if (ranked[i].item == target)
            rank = i + 1;
    cover(test, ranked, count);
    add_case(&test->all, rank);
    add_case(&test->deciles[index * DECILES / test->line_count], rank);
}

/* ---- the papers' protocol: a session is learned when it ends ---- */

struct held_back {
    struct driver_sink sink;
    struct backtest *test;
};

static void hold_back(struct driver_sink *sink, enum output output, struct bytes key,
                      struct bytes value)
{
    struct backtest *test = ((struct held_back *)(void *)sink)->test;
    uint64_t size = value.size;
    (void)key;
    if (!test->freeze || output != OUTPUT_INTERACTIONS)
        return;
    buffer_append(&test->held, &size, sizeof size);
    buffer_append(&test->held, value.at, value.size);
}

static void learn_held_back(struct backtest *test)
{
    for (size_t at = 0; at < test->held.size;) {
        uint64_t size;
        memcpy(&size, test->held.at + at, sizeof size);
        driver_fold(test->driver, bytes_of(test->held.at + at + sizeof size, size));
        at += sizeof size + size;
    }
    buffer_clear(&test->held);
}

static int64_t evaluation_start(const struct backtest *test, size_t *ret_index)
{
    *ret_index = 0;
    if (test->evaluate_from == NULL)
        return INT64_MIN;
    double number = strtod(test->evaluate_from, NULL);
    if (number > 0 && number < 1) {
        *ret_index = (size_t)(number * (double)test->line_count);
        return INT64_MIN;
    }
    return (int64_t)number;
}

static enum verdict run(struct backtest *test, struct error *error)
{
    size_t from_index;
    int64_t from_ms = evaluation_start(test, &from_index);
    bool evaluating = false;
    struct bytes session = bytes_of(NULL, 0);
    for (size_t i = 0; i < test->line_count; i++) {
        const struct event *event = &test->lines[i].event;
        enum fate fate;
        if (event->type == EVENT_PRODUCT) {
            driver_product(test->driver, test->lines[i].product);
            continue;
        }
        bool new_visitor = !bytes_equal(session, event_visitor(event));
        if (test->freeze && !evaluating && new_visitor)
            learn_held_back(test);
        session = event_visitor(event);
        if (!evaluating && i >= from_index && event->event_time_ms >= from_ms &&
            (!test->freeze || new_visitor)) {
            evaluating = true;
            driver_ranking(test->driver, !test->freeze);
        }
        ask(test, event, i, evaluating);
        if (evaluating && test->freeze)
            buffer_clear(&test->held);
        if (test->lines[i].product) /* after the question, which must not hear of the answer */
            driver_product(test->driver, test->lines[i].product);
        if (driver_event(test->driver, event, &fate, error) != VERDICT_OK)
            return VERDICT_FATAL;
        if (i % 1024 == 0)
            progress_show(&test->progress, (double)i / (double)test->line_count, i, "events");
        if (atomic_load(&command_interrupted))
            return error_set(error, VERDICT_RETRY, "interrupted");
    }
    return VERDICT_OK;
}

/* ---- the report ---- */

static double share(double sum, uint64_t count)
{
    return count ? sum / (double)count : 0;
}

static int number_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const struct backtest *test, double p)
{
    return test->list_count ? test->list_us[(size_t)(p * (double)(test->list_count - 1))] : 0;
}

static void report(struct backtest *test, double seconds)
{
    uint64_t covered = 0;
    const struct model *model = driver_model(test->driver);
    for (uint32_t i = 0; i < test->covered_capacity; i++)
        covered += test->covered[i];
    qsort(test->list_us, test->list_count, sizeof(double), number_order);
    const struct measure *all = &test->all;
    double coverage = share((double)covered, model->item_count);
    double rate = seconds > 0 ? (double)test->line_count / seconds : 0;
    if (!test->json) {
        printf("cases %llu, HR@%u %.4f, MRR@%u %.4f, NDCG@%u %.4f, coverage %.4f\n",
               (unsigned long long)all->cases, test->at, share(all->hits, all->cases), test->at,
               share(all->reciprocal, all->cases), test->at, share(all->gain, all->cases),
               coverage);
        printf("events %zu (%llu rejected), %.0f events/s, us a list p50 %.1f p99 %.1f\n",
               test->line_count, (unsigned long long)test->rejected, rate, percentile(test, .5),
               percentile(test, .99));
        printf("memory: %.0f bytes an item, %.0f bytes a visitor\n",
               share((double)model_bytes(model), model->item_count),
               driver_visitor_bytes(test->driver));
        for (int i = 0; i < DECILES; i++)
            if (test->deciles[i].cases)
                printf("  decile %2d: cases %8llu, HR %.4f, MRR %.4f\n", i + 1,
                       (unsigned long long)test->deciles[i].cases,
                       share(test->deciles[i].hits, test->deciles[i].cases),
                       share(test->deciles[i].reciprocal, test->deciles[i].cases));
        return;
    }
    printf("{\"cases\":%llu,\"k\":%u,\"hr\":%.6f,\"mrr\":%.6f,\"ndcg\":%.6f,\"coverage\":%.6f,"
           "\"events\":%zu,\"rejected\":%llu,\"items\":%u,\"events_per_s\":%.0f,"
           "\"list_us_p50\":%.2f,\"list_us_p99\":%.2f,\"model_bytes_per_item\":%.0f,\"visitor_bytes\":%.0f,"
           "\"deciles\":[",
           (unsigned long long)all->cases, test->at, share(all->hits, all->cases),
           share(all->reciprocal, all->cases), share(all->gain, all->cases), coverage,
           test->line_count, (unsigned long long)test->rejected, model->item_count, rate,
           percentile(test, .5), percentile(test, .99),
           share((double)model_bytes(model), model->item_count),
           driver_visitor_bytes(test->driver));
    for (int i = 0; i < DECILES; i++)
        printf("%s{\"cases\":%llu,\"hr\":%.6f,\"mrr\":%.6f,\"ndcg\":%.6f}", i > 0 ? "," : "",
               (unsigned long long)test->deciles[i].cases,
               share(test->deciles[i].hits, test->deciles[i].cases),
               share(test->deciles[i].reciprocal, test->deciles[i].cases),
               share(test->deciles[i].gain, test->deciles[i].cases));
    printf("]}\n");
}

static int backtest_files(struct backtest *test, int count, char **paths)
{
    struct error error = {0};
    struct held_back held = {.sink.written = hold_back, .test = test};
    test->said = catalogue_new(&test->config.settings.catalogue);
    enum verdict verdict = read_all(test, count, paths, &error);
    catalogue_free(test->said);
    if (verdict == VERDICT_OK && test->line_count == 0)
        verdict = error_set(&error, VERDICT_SKIP, "the files hold no events");
    if (verdict == VERDICT_OK)
        verdict = driver_new(&test->config, false, &held.sink, NULL, &test->driver, &error);
    if (verdict == VERDICT_OK) {
        driver_learning(test->driver, !test->freeze);
        progress_start(&test->progress);
        verdict = run(test, &error);
        progress_end(&test->progress);
    }
    if (verdict == VERDICT_OK)
        report(test, (double)(clock_monotonic_us() - test->progress.started_us) / 1e6);
    driver_free(test->driver);
    arena_release(&test->memory);
    buffer_release(&test->held);
    free(test->lines);
    free(test->covered);
    free(test->list_us);
    return verdict == VERDICT_OK ? EXIT_DONE
                                 : command_fail(test->command, EXIT_FAILED, "%s", error.message);
}

static int backtest_baskets(struct backtest *test, int count, char **paths)
{
    struct error error = {0};
    double from = test->evaluate_from ? strtod(test->evaluate_from, NULL) : 0;
    if (from >= 1)
        return command_fail(test->command, EXIT_USAGE,
                            "--evaluate-from of baskets is a fraction below 1");
    return basket_backtest(&test->config, test->format, from, count, paths, &error) == VERDICT_OK
               ? EXIT_DONE
               : command_fail(test->command, EXIT_FAILED, "%s", error.message);
}

static int backtest_option(struct backtest *test, int option)
{
    char *end = NULL;
    unsigned long number = 0;
    switch (option) {
    case 'f':
        test->format = optarg;
        if (!event_format_known(optarg))
            return command_fail(test->command, EXIT_USAGE, "there is no format '%s'", optarg);
        return -1;
    case 'e':
        test->evaluate_from = optarg;
        if (strtod(optarg, &end) <= 0 || *end != '\0')
            return command_fail(test->command, EXIT_USAGE,
                                "--evaluate-from takes a time in ms or a fraction below 1");
        return -1;
    case 'z':
        test->freeze = true;
        return -1;
    case 'b':
        test->basket = strcmp(optarg, "basket") == 0;
        if (!test->basket && strcmp(optarg, "next") != 0)
            return command_fail(test->command, EXIT_USAGE, "--task takes next or basket");
        return -1;
    case 'j':
        test->json = true;
        return -1;
    case 'm':
    case 'k':
        number = strtoul(optarg, &end, 10);
        if (*end != '\0' || number == 0 || number > (option == 'k' ? LIST_ITEMS_MAX : 1000))
            return command_fail(test->command, EXIT_USAGE, "'%s' is out of range", optarg);
        *(option == 'k' ? &test->at : &test->min_prefix) = (uint32_t)number;
        return -1;
    default:
        return command_option(test->command, option, &test->config);
    }
}

static int backtest_command(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        COMMAND_OPTIONS,
        {"format", required_argument, NULL, 'f'},
        {"evaluate-from", required_argument, NULL, 'e'},
        {"freeze", no_argument, NULL, 'z'},
        {"min-prefix", required_argument, NULL, 'm'},
        {"at", required_argument, NULL, 'k'},
        {"json", no_argument, NULL, 'j'},
        {"task", required_argument, NULL, 'b'},
        {NULL, 0, NULL, 0},
    };
    struct backtest *test = memory_zero(1, sizeof *test);
    int code = -1;
    test->command = command;
    test->at = 20;
    test->min_prefix = 1;
    config_init(&test->config);
    config_set(&test->config, "event.time.min.ms", "0", NULL); /* files may count from 1970 */
    for (int option; code < 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        code = backtest_option(test, option);
    if (code < 0 && optind == argc)
        code = command_fail(command, EXIT_USAGE, "no file is given");
    if (code < 0 && (code = command_config(&test->config)) == EXIT_DONE) {
        command_catch_signals();
        code = test->basket ? backtest_baskets(test, argc - optind, argv + optind)
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
        "  --format F             weft, rees46, tsv, retailrocket or sessions; else guessed\n"
        "  --evaluate-from T      count cases from this time in ms on, or from this fraction of\n"
        "                         the events on\n"
        "  --freeze               until then a session is learned when it ends; from then on\n"
        "                         nothing shared is learned, as papers measure\n"
        "  --min-prefix N         count cases with at least N activities before (default 1)\n"
        "  --at K                 length of the list (default 20)\n"
        "  --task basket      leave one item of each basket out and ask for it (default: next)\n"
        "  --json                 one JSON object\n",
    .order = 7,
    .run = backtest_command,
};
