/* `weft replay`: sends files of events to the topics, at the file's pace, at a rate, or at once. */
#include "processors/runtime/command.h"
#include "processors/runtime/kafka/client.h"
#include "processors/runtime/kafka/topics.h"
#include "processors/runtime/log.h"
#include "tools/event_formats.h"
#include "tools/events.h"
#include "tools/product_index.h"
#include "tools/progress.h"
#include "tools/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define REJECTIONS_SHOWN 5
#define FLUSH_MS 60000

struct replay {
    const struct command *command;
    struct config config;
    struct topology topology;
    const char *format, *wire_name;
    char mapped[CONFIG_LONG_MAX]; /* the format of --map */
    double speed;                 /* times the file's own pace; 0: as fast as possible */
    double rate;                  /* events/s; 0: no rate */
    uint64_t limit;               /* events; 0: no limit */
    int64_t shift_ms;             /* added to every time */
    bool now;                     /* shift the times so that the first event is now */
    bool begun;                   /* the first event's time is known */
    bool with_catalogue;
    struct catalogue *catalogue; /* the products of the lines so far; NULL: not sent */
    uint64_t products;           /* records of products sent */
    struct wire_format wire;
    struct client_producer *producer;
    struct progress progress;
    uint64_t sent, rejected;
    int64_t first_ms, started_us;
};

/* Waits until the event has to be sent. False: interrupted. */
static bool await_turn(struct replay *replay, int64_t time_ms)
{
    int64_t due_us = replay->started_us;
    if (replay->rate > 0)
        due_us += (int64_t)((double)replay->sent / replay->rate * 1e6);
    else if (replay->speed > 0)
        due_us += (int64_t)((double)(time_ms - replay->first_ms) * 1e3 / replay->speed);
    else
        due_us = 0;
    for (;;) {
        if (atomic_load(&command_interrupted))
            return false;
        int64_t left_us = due_us - clock_monotonic_us();
        if (left_us <= 0)
            return true;
        client_producer_poll(replay->producer, left_us > 10000 ? 10 : 0);
        if (left_us < 10000)
            usleep((useconds_t)(left_us < 1000 ? left_us : 1000));
    }
}

static void show_rejection(struct replay *replay, const struct error *error)
{
    if (replay->rejected++ < REJECTIONS_SHOWN)
        fprintf(stderr, "rejected %s\n", error->message);
    else if (replay->rejected == REJECTIONS_SHOWN + 1)
        fprintf(stderr, "further rejections are only counted\n");
}

/* Sends the product that the line describes, if it is new. */
static void send_product(struct replay *replay, const struct event_file *file, struct arena *arena,
                         struct buffer *scratch)
{
    struct event product;
    struct error error = {0};
    if (replay->catalogue == NULL || !event_file_product(file, &product) ||
        product_index_put(replay->catalogue, &product, arena) == CATALOGUE_SAME)
        return;
    if (wire_send(replay->producer, &replay->topology, &replay->wire, &product, scratch, &error) ==
        VERDICT_OK)
        replay->products++;
    else
        show_rejection(replay, &error);
}

/* Users and products have no time. */
static bool has_time(const struct event *event)
{
    return event->type < EVENT_USER;
}

/* The first record starts the clock; the first record with a time sets it. */
static void begin_with(struct replay *replay, const struct event *event)
{
    if (replay->started_us == 0)
        replay->started_us = clock_monotonic_us();
    if (replay->begun || !has_time(event))
        return;
    replay->begun = true;
    replay->first_ms = event->event_time_ms;
    if (replay->rate == 0)
        replay->started_us = clock_monotonic_us();
    if (replay->now)
        replay->shift_ms = clock_now_ms() - event->event_time_ms;
}

/* `weft run` would refuse it. */
static bool is_refused(struct replay *replay, const struct event_file *file,
                       const struct event *event, struct buffer *scratch)
{
    struct error why = {0}, error = {0};
    buffer_clear(scratch);
    wire_write(&replay->wire, event, scratch);
    if (event_judge(&replay->config.settings.times, event, clock_now_ms(), scratch->size, &why) ==
        VERDICT_OK)
        return false;
    error_set(&error, VERDICT_SKIP, "line %llu: %s", (unsigned long long)event_file_line(file),
              why.message);
    show_rejection(replay, &error);
    return true;
}

static void send_event(struct replay *replay, const struct event_file *file, struct event *event,
                       struct buffer *scratch)
{
    struct error error = {0};
    event->event_time_ms += replay->shift_ms;
    if (is_refused(replay, file, event, scratch))
        return;
    if (wire_send(replay->producer, &replay->topology, &replay->wire, event, scratch, &error) ==
        VERDICT_OK)
        replay->sent++;
    else
        show_rejection(replay, &error);
}

/* False: interrupted. */
static bool replay_event(struct replay *replay, const struct event_file *file, struct event *event,
                         struct arena *arena, struct buffer *scratch)
{
    begin_with(replay, event);
    if ((has_time(event) || replay->rate > 0) && !await_turn(replay, event->event_time_ms))
        return false;
    send_product(replay, file, arena, scratch);
    send_event(replay, file, event, scratch);
    if (replay->sent % 256 == 0) {
        client_producer_poll(replay->producer, 0);
        progress_show(&replay->progress, event_file_share(file), replay->sent, "events");
    }
    return true;
}

/* A file without times gets times whose last one is now. */
static enum verdict shift_untimed(struct replay *replay, const char *path, struct error *error)
{
    struct event_file *file;
    struct arena arena = {0};
    struct event event;
    int64_t last_ms = 0;
    enum read read = READ_EVENT;
    if (strcmp(path, "-") == 0)
        return error_set(error, VERDICT_SKIP,
                         "standard input has no times; name a file, or give --now");
    if (event_file_open(path, replay->format, &file, error) != VERDICT_OK)
        return VERDICT_SKIP;
    while (read == READ_EVENT || read == READ_REJECTED) {
        arena_clear(&arena);
        read = event_file_next(file, &arena, &event, error);
        if (read == READ_EVENT)
            last_ms = event.event_time_ms;
    }
    event_file_close(file);
    arena_release(&arena);
    replay->shift_ms = clock_now_ms() - last_ms;
    return read == READ_END ? VERDICT_OK : VERDICT_SKIP;
}

static int replay_file(struct replay *replay, const char *path)
{
    struct event_file *file;
    struct error error = {0};
    struct arena arena = {0};
    struct buffer scratch = {0};
    struct event event;
    int code = EXIT_DONE;
    if (event_file_open(path, replay->format, &file, &error) != VERDICT_OK)
        return command_fail(replay->command, EXIT_FAILED, "%s", error.message);
    if (!event_file_has_times(file) && !replay->now &&
        shift_untimed(replay, path, &error) != VERDICT_OK)
        code = command_fail(replay->command, EXIT_FAILED, "%s", error.message);
    while (code == EXIT_DONE && (replay->limit == 0 || replay->sent < replay->limit)) {
        arena_clear(&arena);
        enum read read = event_file_next(file, &arena, &event, &error);
        if (read == READ_END || atomic_load(&command_interrupted))
            break;
        if (read == READ_FAILED)
            code = command_fail(replay->command, EXIT_FAILED, "%s", error.message);
        else if (read == READ_REJECTED)
            show_rejection(replay, &error);
        else if (!replay_event(replay, file, &event, &arena, &scratch))
            break;
    }
    printf("%s: %llu lines read, format %s\n", path, (unsigned long long)event_file_lines(file),
           event_file_format(file));
    event_file_close(file);
    arena_release(&arena);
    buffer_release(&scratch);
    return code;
}

static int replay_all(struct replay *replay, int count, char **paths)
{
    struct error error = {0};
    int32_t partitions;
    int code = EXIT_DONE;
    if (topology_build(&replay->config, &replay->topology, &error) != VERDICT_OK ||
        wire_init(&replay->wire, replay->wire_name, &replay->config, &replay->topology, &error) !=
            VERDICT_OK)
        return command_fail(replay->command, EXIT_USAGE, "%s", error.message);
    enum verdict verdict =
        topics_ensure(&replay->config, &replay->topology, true, NULL, &partitions, NULL, &error);
    if (verdict == VERDICT_OK)
        replay->producer = client_producer_new(&replay->config, &error);
    if (replay->producer == NULL)
        return command_fail(replay->command, EXIT_FAILED, "%s", error.message);
    if (replay->with_catalogue)
        replay->catalogue = catalogue_new(&replay->config.settings.catalogue);
    command_catch_signals();
    progress_start(&replay->progress);
    for (int i = 0; i < count && code == EXIT_DONE; i++)
        code = replay_file(replay, paths[i]);
    progress_end(&replay->progress);
    if (client_producer_flush(replay->producer, FLUSH_MS, &error) != VERDICT_OK)
        code = command_fail(replay->command, EXIT_FAILED, "%s", error.message);
    printf(
        "published %llu, rejected %llu, not delivered %llu, in %.1f s\n",
        (unsigned long long)client_delivered(replay->producer),
        (unsigned long long)replay->rejected,
        (unsigned long long)(replay->sent + replay->products - client_delivered(replay->producer)),
        (double)(clock_monotonic_us() - replay->progress.started_us) / 1e6);
    if (replay->catalogue)
        printf("of these %llu records of %u products\n", (unsigned long long)replay->products,
               replay->catalogue->product_count);
    client_producer_free(replay->producer);
    catalogue_free(replay->catalogue);
    return code;
}

static int replay_option(struct replay *replay, int option)
{
    char *end = NULL;
    switch (option) {
    case 'f':
        replay->format = optarg;
        if (event_format_find(optarg) == FORMAT_UNKNOWN)
            return command_fail(replay->command, EXIT_USAGE, "there is no format '%s'", optarg);
        return -1;
    case 'm':
        snprintf(replay->mapped, sizeof replay->mapped, FORMAT_MAPPED_PREFIX "%s", optarg);
        replay->format = replay->mapped;
        return -1;
    case 'w':
        replay->wire_name = optarg;
        return -1;
    case 'p':
        replay->speed = strcmp(optarg, "max") == 0 ? 0 : strtod(optarg, &end);
        break;
    case 'r':
        replay->rate = strtod(optarg, &end);
        break;
    case 'l':
        replay->limit = strtoull(optarg, &end, 10);
        break;
    case 'n':
        replay->now = true;
        return -1;
    case 'C':
        replay->with_catalogue = true;
        return -1;
    default:
        return command_option(replay->command, option, &replay->config);
    }
    if (end && (end == optarg || *end != '\0'))
        return command_fail(replay->command, EXIT_USAGE, "'%s' is not a number", optarg);
    return -1;
}

static int replay_command(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        COMMAND_OPTIONS,
        {"format", required_argument, NULL, 'f'},
        {"map", required_argument, NULL, 'm'},
        {"wire", required_argument, NULL, 'w'},
        {"speed", required_argument, NULL, 'p'},
        {"rate", required_argument, NULL, 'r'},
        {"limit", required_argument, NULL, 'l'},
        {"now", no_argument, NULL, 'n'},
        {"catalogue", no_argument, NULL, 'C'},
        {NULL, 0, NULL, 0},
    };
    struct replay replay = {.command = command, .wire_name = "json"};
    int code;
    config_init(&replay.config);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if ((code = replay_option(&replay, option)) >= 0)
            return code;
    if (optind == argc)
        return command_fail(command, EXIT_USAGE, "name at least one file");
    if ((code = command_config(&replay.config)) != EXIT_DONE)
        return code;
    return replay_all(&replay, argc - optind, argv + optind);
}

WEFT_COMMAND(replay) = {
    .name = "replay",
    .summary = "sends files of events to the topics",
    .usage =
        "[OPTION]... FILE...\n\n" COMMAND_OPTIONS_HELP
        "  --format F         weft, rees46, tsv, sessions, or a ready-made mapping (otto, hm,\n"
        "                     retailrocket, ...); without it the format is guessed\n"
        "  --map M            FILEs are of another system: the name of a ready-made mapping\n"
        "                     (ga4, segment, ...), the path of a mapping file, or columns of\n"
        "                     a table: columns:visitor_id=C,event_time=C:UNIT,item_id=C\n"
        "  --wire W           json (default), avro or confluent\n"
        "  --speed X          X times the file's own pace; max (default): as fast as possible\n"
        "  --rate N           N events a second\n"
        "  --limit N          stop after N events\n"
        "  --now              move all times so that the first event is now; files without times\n"
        "                     (sessions) otherwise get times whose last one is now\n"
        "  --catalogue        also send the products that the lines describe (category, brand,\n"
        "                     price)\n\n"
        "Files are plain, gzip or zstd; '-' is standard input. A line that can't be used is "
        "rejected; "
        "its\n"
        "number and the reason are printed.\n",
    .order = 4,
    .run = replay_command,
};
