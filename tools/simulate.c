/* `weft simulate`: the mall's visitors on the topics, or into a file. */
#include "processors/runtime/command.h"
#include "processors/runtime/kafka/client.h"
#include "processors/runtime/log.h"
#include "schemas/event_write.h"
#include "tools/clickstream.h"
#include "tools/latency.h"
#include "tools/mall.h"
#include "tools/progress.h"
#include "tools/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FLUSH_MS 60000

struct simulate {
    const struct command *command;
    struct config config;
    struct topology topology;
    struct mall_settings settings;
    uint64_t events;  /* 0: no end */
    double cut_off;   /* share of events that are cut off in the middle */
    double minutes;   /* 0: no end */
    double history_s; /* of the mall's time before now that is sent at once */
    bool live, catalogue, measure;
    bool shown;      /* pages are read back, and what was on them is said */
    bool users;      /* what the shop knows of its users is sent first */
    double erasures; /* share of events whose user asks to be erased at once */
    const char *out, *wire_name;
    struct wire_format wire;
    struct mall *mall;
    struct client_producer *producer;
    struct latency *latency;
    struct clickstream *pages;
    FILE *file;
    struct buffer scratch;
    struct progress progress;
    uint64_t sent, cut, impressions, clicks, user_records, erased;
    uint64_t random;
    int64_t shift_ms; /* from the mall's clock to the wall clock, which went on while it opened */
};

static bool by_chance(struct simulate *sim, double share)
{
    if (share <= 0)
        return false;
    sim->random = sim->random * 6364136223846793005u + 1442695040888963407u; /* Knuth, MMIX */
    return (double)(sim->random >> 11) * 0x1p-53 < share;
}

static enum verdict send_event(struct simulate *sim, const struct event *event, struct error *error)
{
    buffer_clear(&sim->scratch);
    bool cut = by_chance(sim, sim->cut_off);
    if (sim->file)
        event_write_json(event, true, &sim->scratch);
    else
        wire_write(&sim->wire, event, &sim->scratch);
    if (cut) {
        sim->scratch.size = sim->scratch.size * 2 / 3;
        sim->cut++;
    }
    sim->sent++;
    if (sim->file) {
        buffer_byte(&sim->scratch, '\n');
        if (fwrite(sim->scratch.at, 1, sim->scratch.size, sim->file) != sim->scratch.size)
            return error_set(error, VERDICT_FATAL, "%s can't be written", sim->out);
        return VERDICT_OK;
    }
    if (sim->latency && !cut)
        latency_sent(sim->latency, event_visitor(event), event->event_time_ms);
    return client_send(sim->producer, sim->topology.topics[event->type], -1, event_visitor(event),
                       buffer_bytes(&sim->scratch), error);
}

static enum verdict send_beside(struct simulate *sim, const struct event *event, uint64_t *count,
                                struct error *error)
{
    ++*count;
    if (sim->file == NULL)
        return wire_send(sim->producer, &sim->topology, &sim->wire, event, &sim->scratch, error);
    buffer_clear(&sim->scratch);
    event_write_json(event, true, &sim->scratch);
    buffer_byte(&sim->scratch, '\n');
    fwrite(sim->scratch.at, 1, sim->scratch.size, sim->file);
    return VERDICT_OK;
}

static enum verdict send_users(struct simulate *sim, struct error *error)
{
    struct event user;
    enum verdict verdict = VERDICT_OK;
    for (uint32_t i = 0; i < sim->settings.visitors && verdict == VERDICT_OK; i++)
        if (mall_user(sim->mall, i, &user))
            verdict = send_beside(sim, &user, &sim->user_records, error);
    return verdict;
}

/* What the visitor saw before the event, and that they clicked on it. */
static enum verdict send_page(struct simulate *sim, const struct event *event, struct error *error)
{
    struct event impression, click;
    if (sim->pages == NULL || !clickstream_before(sim->pages, event, &impression, &click))
        return VERDICT_OK;
    enum verdict verdict = send_beside(sim, &impression, &sim->impressions, error);
    if (verdict == VERDICT_OK && click.type == EVENT_CLICK)
        verdict = send_beside(sim, &click, &sim->clicks, error);
    return verdict;
}

static enum verdict send_erasure(struct simulate *sim, const struct event *event,
                                 struct error *error)
{
    struct event erasure;
    if (event->user_id.size == 0 || !by_chance(sim, sim->erasures))
        return VERDICT_OK;
    event_init_erased(&erasure, event->user_id);
    return send_beside(sim, &erasure, &sim->erased, error);
}

static enum verdict send_catalogue(struct simulate *sim, struct error *error)
{
    struct wire_format json = {.wire = WIRE_JSON};
    struct event product;
    enum verdict verdict = VERDICT_OK;
    for (uint32_t i = 0; i < mall_product_count(sim->mall) && verdict == VERDICT_OK; i++) {
        mall_product(sim->mall, i, &product);
        if (sim->file) {
            buffer_clear(&sim->scratch);
            event_write_json(&product, true, &sim->scratch);
            buffer_byte(&sim->scratch, '\n');
            fwrite(sim->scratch.at, 1, sim->scratch.size, sim->file);
        } else {
            verdict =
                wire_send(sim->producer, &sim->topology, &json, &product, &sim->scratch, error);
        }
    }
    return verdict;
}

/* In live mode the mall's clock is the wall clock: waits for the event's time. */
static bool await_time(struct simulate *sim, const struct event *event)
{
    while (sim->live && !atomic_load(&command_interrupted)) {
        int64_t left_ms = event->event_time_ms - clock_now_ms();
        if (left_ms <= 0)
            break;
        client_producer_poll(sim->producer, 0);
        usleep(500);
    }
    return !atomic_load(&command_interrupted);
}

static enum verdict run(struct simulate *sim, struct error *error)
{
    struct event event;
    enum verdict verdict = VERDICT_OK;
    int64_t until_ms =
        sim->minutes > 0
            ? sim->settings.start_ms + (int64_t)(sim->minutes * 60000 + sim->history_s * 1000)
            : INT64_MAX;
    while (verdict == VERDICT_OK && (sim->events == 0 || sim->sent < sim->events)) {
        mall_next(sim->mall, &event);
        if (event.event_time_ms > until_ms)
            break;
        if (sim->live && sim->sent == 0)
            sim->shift_ms = clock_now_ms() - (int64_t)(sim->history_s * 1000) - event.event_time_ms;
        event.event_time_ms += sim->shift_ms;
        if (!await_time(sim, &event))
            break;
        verdict = send_page(sim, &event, error);
        if (verdict == VERDICT_OK)
            verdict = send_event(sim, &event, error);
        if (verdict == VERDICT_OK)
            verdict = send_erasure(sim, &event, error);
        if (sim->sent % 256 == 0 && sim->producer)
            client_producer_poll(sim->producer, 0);
        progress_show(&sim->progress, sim->events ? (double)sim->sent / (double)sim->events : -1.0,
                      sim->sent, "events");
    }
    return verdict;
}

static enum verdict open_output(struct simulate *sim, struct error *error)
{
    int32_t partitions;
    if (sim->out) {
        sim->file = strcmp(sim->out, "-") == 0 ? stdout : fopen(sim->out, "w");
        return sim->file ? VERDICT_OK
                         : error_set(error, VERDICT_SKIP, "%s can't be written", sim->out);
    }
    enum verdict verdict = topology_build(&sim->config, &sim->topology, error);
    if (verdict == VERDICT_OK)
        verdict = wire_init(&sim->wire, sim->wire_name, &sim->config, &sim->topology, error);
    if (verdict == VERDICT_OK)
        verdict = client_ensure_topics(&sim->config, &sim->topology, &partitions, error);
    if (verdict == VERDICT_OK)
        sim->producer = client_producer_new(&sim->config, error);
    if (verdict == VERDICT_OK && sim->producer && sim->measure)
        verdict = latency_new(&sim->config, sim->topology.topics[TOPIC_RECOMMENDATIONS],
                              &sim->latency, error);
    if (verdict == VERDICT_OK && sim->producer && sim->shown)
        verdict = clickstream_new(&sim->config, sim->topology.topics[TOPIC_RECOMMENDATIONS],
                                  &sim->pages, error);
    return verdict == VERDICT_OK && sim->producer == NULL ? VERDICT_FATAL : verdict;
}

static int simulate(struct simulate *sim)
{
    struct error error = {0};
    int code = EXIT_DONE;
    if (sim->live)
        sim->settings.start_ms = clock_now_ms() - (int64_t)(sim->history_s * 1000);
    sim->settings.run = sim->live ? clock_now_ms() : 0;
    enum verdict verdict = open_output(sim, &error);
    sim->mall = mall_new(&sim->settings);
    sim->random = sim->settings.seed;
    command_catch_signals();
    progress_start(&sim->progress);
    if (verdict == VERDICT_OK && sim->catalogue)
        verdict = send_catalogue(sim, &error);
    if (verdict == VERDICT_OK && sim->users)
        verdict = send_users(sim, &error);
    if (verdict == VERDICT_OK)
        verdict = run(sim, &error);
    progress_end(&sim->progress);
    if (verdict == VERDICT_OK && sim->producer)
        verdict = client_producer_flush(sim->producer, FLUSH_MS, &error);
    if (verdict != VERDICT_OK)
        code = command_fail(sim->command, EXIT_FAILED, "%s", error.message);
    if (sim->file && sim->file != stdout && fclose(sim->file) != 0)
        code = command_fail(sim->command, EXIT_FAILED, "%s can't be written", sim->out);
    if (sim->latency)
        latency_report(sim->latency);
    fprintf(sim->file == stdout ? stderr : stdout,
            "%llu events, %llu of them cut off, %u products, in %.1f s\n",
            (unsigned long long)sim->sent, (unsigned long long)sim->cut,
            sim->catalogue ? mall_product_count(sim->mall) : 0,
            (double)(clock_monotonic_us() - sim->progress.started_us) / 1e6);
    if (sim->shown || sim->users || sim->erasures > 0)
        fprintf(sim->file == stdout ? stderr : stdout,
                "%llu lists shown, %llu clicks on them; %llu users declared, %llu erased\n",
                (unsigned long long)sim->impressions, (unsigned long long)sim->clicks,
                (unsigned long long)sim->user_records, (unsigned long long)sim->erased);
    clickstream_free(sim->pages);
    latency_free(sim->latency);
    client_producer_free(sim->producer);
    mall_free(sim->mall);
    buffer_release(&sim->scratch);
    return code;
}

static void set_number(struct simulate *sim, int option, double number)
{
    switch (option) {
    case 'S':
        sim->settings.seed = (uint64_t)number;
        break;
    case 'e':
        sim->events = (uint64_t)number;
        break;
    case 'm':
        sim->minutes = number;
        break;
    case 'r':
        sim->settings.events_per_s = number > 0.01 ? number : 0.01;
        break;
    case 'p':
        sim->settings.products = number >= 1 ? (uint32_t)number : 1;
        break;
    case 'v':
        sim->settings.visitors = number >= 1 ? (uint32_t)number : 1;
        break;
    case 't':
        sim->settings.start_ms = (int64_t)number;
        sim->live = false;
        break;
    case 'H':
        sim->history_s = number;
        break;
    case 'D':
        sim->settings.duplicates = number;
        break;
    case 'K':
        sim->settings.double_clicks = number;
        break;
    case 'B':
        sim->settings.bots = number;
        break;
    case 'E':
        sim->erasures = number;
        break;
    default:
        sim->cut_off = number;
        break;
    }
}

static int simulate_option(struct simulate *sim, int option)
{
    char *end = NULL;
    double number = 0;
    switch (option) {
    case 'o':
        sim->out = optarg;
        return -1;
    case 'w':
        sim->wire_name = optarg;
        return -1;
    case 'C':
        sim->catalogue = false;
        return -1;
    case 'M':
        sim->measure = true;
        return -1;
    case 'P':
        sim->shown = true;
        return -1;
    case 'U':
        sim->users = true;
        return -1;
    case 'c':
    case 's':
    case 'b':
    case 'h':
    case '?':
        return command_option(sim->command, option, &sim->config);
    default:
        number = strtod(optarg, &end);
    }
    if (end == optarg || *end != '\0' || number < 0)
        return command_fail(sim->command, EXIT_USAGE, "'%s' is not a number of use here", optarg);
    set_number(sim, option, number);
    return -1;
}

static int simulate_command(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        COMMAND_OPTIONS,
        {"seed", required_argument, NULL, 'S'},
        {"events", required_argument, NULL, 'e'},
        {"minutes", required_argument, NULL, 'm'},
        {"rate", required_argument, NULL, 'r'},
        {"products", required_argument, NULL, 'p'},
        {"visitors", required_argument, NULL, 'v'},
        {"start", required_argument, NULL, 't'},
        {"history", required_argument, NULL, 'H'},
        {"duplicates", required_argument, NULL, 'D'},
        {"double-clicks", required_argument, NULL, 'K'},
        {"bots", required_argument, NULL, 'B'},
        {"cut-off", required_argument, NULL, 'X'},
        {"out", required_argument, NULL, 'o'},
        {"wire", required_argument, NULL, 'w'},
        {"no-catalogue", no_argument, NULL, 'C'},
        {"measure", no_argument, NULL, 'M'},
        {"shown", no_argument, NULL, 'P'},
        {"users", no_argument, NULL, 'U'},
        {"erasures", required_argument, NULL, 'E'},
        {NULL, 0, NULL, 0},
    };
    struct simulate sim = {
        .command = command,
        .settings = {.seed = 1,
                     .products = 3000,
                     .visitors = 0,
                     .events_per_s = 20,
                     .start_ms = 1767225600000, /* 2026-01-01 */
                     .duplicates = 0.01,
                     .double_clicks = 0.02,
                     .bots = 0.002},
        .cut_off = 0.001,
        .live = true,
        .catalogue = true,
        .wire_name = "json",
    };
    int code;
    config_init(&sim.config);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if ((code = simulate_option(&sim, option)) >= 0)
            return code;
    if (optind < argc)
        return command_fail(command, EXIT_USAGE, "'%s' is not an option", argv[optind]);
    if (sim.out)
        sim.live = false;
    if (sim.out && sim.events == 0 && sim.minutes <= 0)
        return command_fail(command, EXIT_USAGE, "--out needs --events or --minutes");
    if (sim.out && (sim.shown || sim.erasures > 0))
        return command_fail(command, EXIT_USAGE, "--shown and --erasures need topics, not --out");
    if (sim.settings.visitors == 0) /* sessions of two minutes, a few an hour */
        sim.settings.visitors = (uint32_t)(sim.settings.events_per_s * 100) + 100;
    if ((code = command_config(&sim.config)) != EXIT_DONE)
        return code;
    return simulate(&sim);
}

WEFT_COMMAND(simulate) = {
    .name = "simulate",
    .summary = "a small fashion mall whose visitors' tastes are known",
    .usage =
        "[OPTION]...\n\n" COMMAND_OPTIONS_HELP "  --rate N           events a second (default 20)\n"
        "  --events N         stop after N events; --minutes M: after M minutes\n"
        "  --history S        first send S seconds of the past at once\n"
        "  --out FILE         write weft's JSON lines there instead, as fast as possible\n"
        "  --start MS         the mall's clock starts there and does not wait (with --out: 2026)\n"
        "  --seed N           the same seed gives the same events (default 1)\n"
        "  --products N       default 3000; --visitors N: default 100 times the rate\n"
        "  --duplicates X     share of events sent twice (default .01)\n"
        "  --double-clicks X  share of views clicked twice (default .02)\n"
        "  --bots X           share of visitors who are none (default .002)\n"
        "  --cut-off X        share of records cut off in the middle (default .001)\n"
        "  --wire W           json (default), avro or confluent\n"
        "  --no-catalogue     don't send the products first\n"
        "  --measure          also read the lists and report the time from event to list\n"
        "  --shown            also read the lists (as JSON), say which were shown on the "
        "visitors'\n"
        "                     pages, and what on them was clicked on\n"
        "  --users            send what the mall knows of its users first\n"
        "  --erasures X       share of users' events after which they are erased (default 0)\n",
    .order = 6,
    .run = simulate_command,
};
