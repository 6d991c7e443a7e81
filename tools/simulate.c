/* `weft simulate`: sends what the mall's visitors do to the topics, or writes it to a file. */
#include "processors/runtime/command.h"
#include "processors/runtime/kafka/client.h"
#include "processors/runtime/kafka/topics.h"
#include "processors/runtime/log.h"
#include "schemas/draw.h"
#include "schemas/event_write.h"
#include "tools/clickstream.h"
#include "tools/latency.h"
#include "tools/mall.h"
#include "tools/mall_bots.h"
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
    uint64_t events;  /* stop after so many; 0: no end */
    double minutes;   /* stop after so many; 0: no end */
    double history_s; /* time before now whose events are sent at once */
    double cut_off;   /* share of events that are cut off in the middle */
    double erasures;  /* share of events after which the user is erased */
    bool live;        /* the mall's clock is the wall clock */
    bool catalogue;   /* send the products first */
    bool users;       /* send the records of users first */
    bool measure;     /* read the lists and report the time from event to list */
    bool shown;       /* read the lists; send impressions and clicks on them */
    const char *out, *wire_name;
    struct wire_format wire;
    struct mall *mall;
    struct mall_bots *bots;  /* NULL: none beside the mall's own */
    struct event mall_event; /* the mall's next event, while bots come first */
    bool has_mall_event;
    double noise; /* share of all events that are of `bots` */
    struct client_producer *producer;
    struct latency *latency;
    int minutes_told; /* of the latency */
    struct clickstream *clickstream;
    FILE *file;
    struct buffer scratch;
    struct progress progress;
    uint64_t sent, cut, impressions, clicks, user_records, erased;
    uint64_t random;
    int64_t shift_ms; /* from the mall's clock to the wall clock, which ran while it opened */
};

static bool by_chance(struct simulate *sim, double share)
{
    if (share <= 0)
        return false;
    sim->random = sim->random * 6364136223846793005u + 1442695040888963407u; /* Knuth, MMIX */
    return draw_unit(sim->random) < share;
}

/* Writes the line that is in `scratch` to the file. */
static enum verdict write_line(struct simulate *sim, struct error *error)
{
    buffer_byte(&sim->scratch, '\n');
    if (fwrite(sim->scratch.at, 1, sim->scratch.size, sim->file) != sim->scratch.size)
        return error_set(error, VERDICT_FATAL, "%s can't be written", sim->out);
    return VERDICT_OK;
}

/* An event of the mall; by chance it is cut off. */
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
    if (sim->file)
        return write_line(sim, error);
    if (sim->latency && !cut)
        latency_sent(sim->latency, event_visitor(event), event->event_time_ms);
    return client_send(sim->producer, topology_topic_of(&sim->topology, event->type), -1,
                       event_visitor(event), buffer_bytes(&sim->scratch), error);
}

/* A record that is no event of the mall: a product, a user, an impression, a click. `count` NULL:
 * not counted. */
static enum verdict send_record(struct simulate *sim, const struct event *record, uint64_t *count,
                                struct error *error)
{
    if (count)
        ++*count;
    if (sim->file == NULL)
        return wire_send(sim->producer, &sim->topology, &sim->wire, record, &sim->scratch, error);
    buffer_clear(&sim->scratch);
    event_write_json(record, true, &sim->scratch);
    return write_line(sim, error);
}

static enum verdict send_users(struct simulate *sim, struct error *error)
{
    struct event user;
    enum verdict verdict = VERDICT_OK;
    for (uint32_t i = 0; i < sim->settings.visitors && verdict == VERDICT_OK; i++)
        if (mall_user(sim->mall, i, &user))
            verdict = send_record(sim, &user, &sim->user_records, error);
    return verdict;
}

/* Sends the impression of the list that the visitor saw before the event, and their click on it. */
static enum verdict send_clickstream(struct simulate *sim, const struct event *event,
                                     struct error *error)
{
    struct event impression, click;
    if (sim->clickstream == NULL ||
        !clickstream_before(sim->clickstream, event, &impression, &click))
        return VERDICT_OK;
    enum verdict verdict = send_record(sim, &impression, &sim->impressions, error);
    if (verdict == VERDICT_OK && click.type == EVENT_CLICK)
        verdict = send_record(sim, &click, &sim->clicks, error);
    return verdict;
}

static enum verdict send_erasure(struct simulate *sim, const struct event *event,
                                 struct error *error)
{
    struct event erasure;
    if (event->user_id.size == 0 || !by_chance(sim, sim->erasures))
        return VERDICT_OK;
    event_init_erased(&erasure, event->user_id);
    return send_record(sim, &erasure, &sim->erased, error);
}

static enum verdict send_catalogue(struct simulate *sim, struct error *error)
{
    struct event product;
    enum verdict verdict = VERDICT_OK;
    for (uint32_t i = 0; i < mall_product_count(sim->mall) && verdict == VERDICT_OK; i++) {
        mall_product(sim->mall, i, &product);
        verdict = send_record(sim, &product, NULL, error);
    }
    return verdict;
}

/* In live mode waits for the event's time. False: interrupted. */
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

/* The event with all that belongs to it. */
static enum verdict send_all(struct simulate *sim, const struct event *event, struct error *error)
{
    enum verdict verdict = send_clickstream(sim, event, error);
    if (verdict == VERDICT_OK)
        verdict = send_event(sim, event, error);
    if (verdict == VERDICT_OK)
        verdict = send_erasure(sim, event, error);
    return verdict;
}

static int64_t end_ms(const struct simulate *sim)
{
    if (sim->minutes <= 0)
        return INT64_MAX;
    return sim->settings.start_ms + (int64_t)(sim->minutes * 60000 + sim->history_s * 1000);
}

/* Each minute, how long events took to become lists. */
static void tell_latency(struct simulate *sim)
{
    int minute = (int)((clock_monotonic_us() - sim->progress.started_us) / 60000000);
    if (sim->latency == NULL || minute <= sim->minutes_told)
        return;
    sim->minutes_told = minute;
    latency_report_minute(sim->latency, minute);
}

/* The mall's next event, or that of a bot if it comes first. */
static void next_event(struct simulate *sim, struct event *ret_event)
{
    if (!sim->has_mall_event)
        mall_next(sim->mall, &sim->mall_event);
    sim->has_mall_event = sim->bots && mall_bots_time(sim->bots) < sim->mall_event.event_time_ms;
    if (sim->has_mall_event)
        mall_bots_next(sim->bots, sim->mall, ret_event);
    else
        *ret_event = sim->mall_event;
}

static enum verdict send_events(struct simulate *sim, struct error *error)
{
    struct event event;
    int64_t until_ms = end_ms(sim);
    while (sim->events == 0 || sim->sent < sim->events) {
        next_event(sim, &event);
        if (event.event_time_ms > until_ms)
            break;
        if (sim->live && sim->sent == 0)
            sim->shift_ms = clock_now_ms() - (int64_t)(sim->history_s * 1000) - event.event_time_ms;
        event.event_time_ms += sim->shift_ms;
        if (!await_time(sim, &event))
            break;
        enum verdict verdict = send_all(sim, &event, error);
        if (verdict != VERDICT_OK)
            return verdict;
        if (sim->sent % 256 == 0 && sim->producer)
            client_producer_poll(sim->producer, 0);
        tell_latency(sim);
        progress_show(&sim->progress, sim->events ? (double)sim->sent / (double)sim->events : -1.0,
                      sim->sent, "events");
    }
    return VERDICT_OK;
}

static enum verdict open_topics(struct simulate *sim, struct error *error)
{
    int32_t partitions;
    enum verdict verdict = topology_build(&sim->config, &sim->topology, error);
    if (verdict == VERDICT_OK)
        verdict = wire_init(&sim->wire, sim->wire_name, &sim->config, &sim->topology, error);
    if (verdict == VERDICT_OK)
        verdict = topics_ensure(&sim->config, &sim->topology, true, &command_interrupted,
                                &partitions, NULL, error);
    if (verdict != VERDICT_OK)
        return verdict;
    sim->producer = client_producer_new(&sim->config, error);
    if (sim->producer == NULL)
        return VERDICT_FATAL;
    const char *lists = sim->topology.topics[TOPIC_RECOMMENDATIONS];
    const char *early = sim->topology.early ? sim->topology.topics[TOPIC_EARLY] : NULL;
    if (sim->measure)
        verdict = latency_new(&sim->config, lists, early, &sim->latency, error);
    if (verdict == VERDICT_OK && sim->shown)
        verdict = clickstream_new(&sim->config, lists, &sim->clickstream, error);
    return verdict;
}

static enum verdict open_file(struct simulate *sim, struct error *error)
{
    sim->file = strcmp(sim->out, "-") == 0 ? stdout : fopen(sim->out, "w");
    return sim->file ? VERDICT_OK : error_set(error, VERDICT_SKIP, "%s can't be written", sim->out);
}

static enum verdict run(struct simulate *sim, struct error *error)
{
    enum verdict verdict = (sim->out ? open_file : open_topics)(sim, error);
    if (verdict != VERDICT_OK)
        return verdict;
    sim->mall = mall_new(&sim->settings);
    if (sim->noise > 0)
        sim->bots = mall_bots_new(&sim->settings, sim->noise);
    sim->random = sim->settings.seed;
    command_catch_signals();
    progress_start(&sim->progress);
    if (sim->catalogue)
        verdict = send_catalogue(sim, error);
    if (verdict == VERDICT_OK && sim->users)
        verdict = send_users(sim, error);
    if (verdict == VERDICT_OK)
        verdict = send_events(sim, error);
    progress_end(&sim->progress);
    if (verdict == VERDICT_OK && sim->producer)
        verdict = client_producer_flush(sim->producer, FLUSH_MS, error);
    return verdict;
}

static void report(const struct simulate *sim)
{
    FILE *to = sim->file == stdout ? stderr : stdout;
    if (sim->mall == NULL)
        return;
    fprintf(to, "%llu events, %llu of them cut off, %u products, in %.1f s\n",
            (unsigned long long)sim->sent, (unsigned long long)sim->cut,
            sim->catalogue ? mall_product_count(sim->mall) : 0,
            (double)(clock_monotonic_us() - sim->progress.started_us) / 1e6);
    if (sim->shown || sim->users || sim->erasures > 0)
        fprintf(to, "%llu lists shown, %llu clicks on them; %llu users declared, %llu erased\n",
                (unsigned long long)sim->impressions, (unsigned long long)sim->clicks,
                (unsigned long long)sim->user_records, (unsigned long long)sim->erased);
}

static int simulate(struct simulate *sim)
{
    struct error error = {0};
    int code = EXIT_DONE;
    if (sim->live) {
        sim->settings.run = clock_now_ms();
        sim->settings.start_ms = sim->settings.run - (int64_t)(sim->history_s * 1000);
    }
    if (run(sim, &error) != VERDICT_OK)
        code = command_fail(sim->command, EXIT_FAILED, "%s", error.message);
    if (sim->file && sim->file != stdout && fclose(sim->file) != 0)
        code = command_fail(sim->command, EXIT_FAILED, "%s can't be written", sim->out);
    if (sim->latency)
        latency_report(sim->latency);
    report(sim);
    clickstream_free(sim->clickstream);
    latency_free(sim->latency);
    client_producer_free(sim->producer);
    mall_bots_free(sim->bots);
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
    case 'N':
        sim->noise = number < .99 ? number : .99;
        break;
    case 'L':
        sim->settings.complements = number;
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
        return command_fail(sim->command, EXIT_USAGE, "'%s' is not a number that fits here",
                            optarg);
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
        {"noise", required_argument, NULL, 'N'},
        {"complements", required_argument, NULL, 'L'},
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
                     .bots = 0.002,
                     .complements = MALL_COMPLEMENTS},
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
    .summary = "the mall: a simulated fashion shop whose visitors' tastes are known",
    .usage =
        "[OPTION]...\n\n" COMMAND_OPTIONS_HELP "  --rate N           events a second (default 20)\n"
        "  --events N         stop after N events; --minutes M: after M minutes\n"
        "  --history S        first send the last S seconds of the mall at once\n"
        "  --out FILE         write weft's JSON lines there, as fast as possible, not to topics\n"
        "  --start MS         the mall's clock starts at this time and does not wait (with --out\n"
        "                     the default is 2026)\n"
        "  --seed N           the same seed gives the same events (default 1)\n"
        "  --products N       default 3000; --visitors N: default 100 times the rate\n"
        "  --duplicates X     share of events sent twice (default .01)\n"
        "  --double-clicks X  share of views clicked twice (default .02)\n"
        "  --bots X           share of visitors that are bots (default .002)\n"
        "  --noise X          further bots, a twentieth of the visitors, make this share of all\n"
        "                     events: fast and slow crawlers, and stuffers of carts (default 0)\n"
        "  --complements X    share of a cart's further products that complete it (default .7)\n"
        "  --cut-off X        share of records cut off in the middle (default .001)\n"
        "  --wire W           json (default), avro or confluent\n"
        "  --no-catalogue     do not send the products first\n"
        "  --measure          also read the lists and report the time from event to list,\n"
        "                     at the end and each minute\n"
        "  --shown            also read the lists (as JSON); send an impression of each list that\n"
        "                     a visitor sees, and a click for each view of an item in it\n"
        "  --users            first send the mall's records of its users\n"
        "  --erasures X       share of users' events after which the user is erased (default 0)\n",
    .order = 6,
    .run = simulate_command,
};
