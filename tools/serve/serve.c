/* `weft serve`: answers over HTTP what weft has written to its topics, and takes events. */
#include "tools/serve/serve.h"

#include "processors/runtime/command.h"
#include "processors/runtime/kafka/registry.h"
#include "processors/runtime/log.h"
#include "processors/runtime/model/catalogue_fold.h"
#include "processors/runtime/statedir.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LISTEN_DEFAULT "127.0.0.1:8080"
#define LOOK_US 20000
#define PING_US 15000000

struct server {
    struct config config;
    struct run run;
    struct statedir state;
    struct serve serve;
    struct http_server *http;
    pthread_t fold; /* the catalogue's, for searches */
    bool folds;
    const char *port_file;
};

const struct follower *serve_follower(const struct serve *serve, int topic)
{
    return atomic_load(&serve->follows) ? serve->followers[topic] : NULL;
}

bool serve_ready(const struct serve *serve)
{
    if (!atomic_load(&serve->follows))
        return false;
    for (int i = 0; i < SERVE_TOPICS; i++) {
        struct follow_counts counts;
        const struct follower *follower = serve_follower(serve, i);
        if (follower == NULL)
            continue;
        follower_counts(follower, &counts);
        if (!counts.ready)
            return false;
    }
    return atomic_load(&serve->run->catalogue_ready);
}

double serve_share_done(const struct serve *serve)
{
    double left = 0, total = 0;
    if (!atomic_load(&serve->follows))
        return 0;
    for (int i = 0; i < SERVE_TOPICS; i++) {
        struct follow_counts counts;
        const struct follower *follower = serve_follower(serve, i);
        if (follower == NULL)
            continue;
        follower_counts(follower, &counts);
        if (counts.left < 0 || counts.total < 0)
            return 0;
        left += (double)counts.left;
        total += (double)counts.total;
    }
    return total > left ? (total - left) / total : total > 0 ? 0 : 1;
}

/* ---- start ---- */

static enum verdict open_state(struct server *server, struct error *error)
{
    struct run *run = &server->run;
    struct config *config = &server->config;
    size_t size = strlen(config->state_dir);
    if (size + sizeof "/serve" > sizeof config->state_dir)
        return error_set(error, VERDICT_FATAL, "the path of state.dir is too long");
    strcat(config->state_dir, "/serve"); /* beside the state of a 'weft run' */
    enum verdict verdict = statedir_open(config, &server->state, error);
    if (verdict != VERDICT_OK)
        return verdict;
    run->store = server->state.visitors;
    run->model_store = server->state.model;
    run->catalogue = catalogue_new(&config->settings.catalogue);
    run->search = search_index_new(run->catalogue);
    search_index_limit(run->search, config->settings.search_terms_max);
    if (config->schema_registry_url[0])
        return registry_new(config, &run->registry, error);
    return VERDICT_OK;
}

static enum verdict open_parts(struct server *server, struct error *error)
{
    struct serve *serve = &server->serve;
    serve->run = &server->run;
    serve->products = products_new();
    serve->lists = (struct lists_source){
        .store = server->run.store,
        .products = serve->products,
        .placements = &server->config.settings.recommend.placements,
        .early_retention_ms = server->run.topology.early ? server->config.early_retention_ms : 0};
    routes_set(serve);
    serve->hub = hub_new(&serve->hub_source);
    return events_new(&server->config, &server->run.topology, &serve->events, error);
}

static enum verdict start_followers(struct server *server, struct error *error)
{
    struct serve *serve = &server->serve;
    struct run *run = &server->run;
    enum verdict verdict = VERDICT_OK;
    for (int i = 0; i < SERVE_TOPICS && verdict == VERDICT_OK; i++) {
        enum topic topic = serve_topic_of((enum serve_topic)i);
        if (!topology_uses(&run->topology, (int)topic) ||
            (i == SERVE_VISITORS && !server->config.serve_explain))
            continue;
        verdict = sink_new(serve, (enum serve_topic)i, &serve->sinks[i], error);
        if (verdict == VERDICT_OK)
            verdict =
                follower_new(run, topic, sink_of(serve->sinks[i]), &serve->followers[i], error);
    }
    if (verdict != VERDICT_OK)
        return verdict;
    if (pthread_create(&server->fold, NULL, catalogue_fold_thread, run) != 0)
        return error_set(error, VERDICT_FATAL, "a thread can't be started");
    server->folds = true;
    atomic_store(&serve->follows, true);
    return VERDICT_OK;
}

static void write_port(const struct server *server)
{
    FILE *file = server->port_file ? fopen(server->port_file, "w") : NULL;
    if (file == NULL)
        return;
    fprintf(file, "%u\n", http_server_port(server->http));
    fclose(file);
}

static enum verdict start(struct server *server, struct error *error)
{
    struct config *config = &server->config;
    server->run.config = config;
    server->serve.started_us = clock_monotonic_us();
    pthread_mutex_init(&server->run.view_lock, NULL);
    if (config->http_listen[0] == '\0')
        strcpy(config->http_listen, LISTEN_DEFAULT);
    enum verdict verdict = topology_build(config, &server->run.topology, error);
    if (verdict == VERDICT_OK)
        verdict = open_state(server, error);
    if (verdict == VERDICT_OK)
        verdict = open_parts(server, error);
    if (verdict == VERDICT_OK)
        verdict =
            http_server_new(config, config->http_listen, &server->serve.http, &server->http, error);
    if (verdict == VERDICT_OK)
        verdict = start_followers(server, error);
    if (verdict != VERDICT_OK)
        return verdict;
    write_port(server);
    log_line(LOG_LEVEL_INFO, "serve", "%s://%s, port %u, from %s",
             config->http_tls_key_file[0] ? "https" : "http", config->http_listen,
             http_server_port(server->http), config->bootstrap_servers);
    return VERDICT_OK;
}

/* ---- until the end ---- */

static void wait_for_end(struct server *server)
{
    bool ready = false;
    int64_t ping_us = clock_monotonic_us() + PING_US;
    while (!atomic_load(&server->run.stop) && !atomic_load(&command_interrupted)) {
        usleep(LOOK_US);
        if (!ready && serve_ready(&server->serve)) {
            ready = true;
            log_line(LOG_LEVEL_INFO, "serve", "ready after %.1f s",
                     (double)(clock_monotonic_us() - server->serve.started_us) / 1e6);
        }
        if (clock_monotonic_us() >= ping_us) {
            hub_ping(server->serve.hub);
            ping_us += PING_US;
        }
    }
    log_line(LOG_LEVEL_INFO, "serve", "stopping");
}

static void finish(struct server *server)
{
    struct serve *serve = &server->serve;
    atomic_store(&server->run.stop, true);
    http_server_free(server->http); /* while events can still be acknowledged */
    if (server->folds)
        pthread_join(server->fold, NULL);
    for (int i = 0; i < SERVE_TOPICS; i++) {
        follower_free(serve->followers[i]);
        sink_free(serve->sinks[i]);
    }
    events_free(serve->events);
    hub_free(serve->hub);
    products_free(serve->products);
    registry_free(server->run.registry);
    catalogue_free(server->run.catalogue);
    search_index_free(server->run.search);
    statedir_close(&server->state);
    pthread_mutex_destroy(&server->run.view_lock);
}

static int serve_until_end(const struct command *command, struct server *server)
{
    struct error error = {0};
    int code = EXIT_DONE;
    enum verdict verdict = start(server, &error);
    if (verdict == VERDICT_OK)
        wait_for_end(server);
    if (atomic_load(&server->run.failed))
        code = EXIT_FAILED;
    finish(server);
    if (verdict == VERDICT_SKIP)
        code = command_fail(command, EXIT_USAGE, "%s", error.message);
    else if (verdict != VERDICT_OK)
        code = command_fail(command, verdict == VERDICT_RETRY ? EXIT_WAIT : EXIT_FAILED, "%s",
                            error.message);
    return code;
}

static int serve_command(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        COMMAND_OPTIONS,
        {"listen", required_argument, NULL, 'l'},
        {"port-file", required_argument, NULL, 'p'},
        {NULL, 0, NULL, 0},
    };
    struct server *server = memory_zero(1, sizeof *server);
    struct error error = {0};
    int code = -1;
    server->state.lock = -1;
    config_init(&server->config);
    for (int option; code < 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'p')
            server->port_file = optarg;
        else if (option != 'l')
            code = command_option(command, option, &server->config);
        else if (config_set(&server->config, "http.listen", optarg, &error) != VERDICT_OK)
            code = command_fail(command, EXIT_USAGE, "%s", error.message);
    }
    if (code < 0 && optind < argc)
        code = command_fail(command, EXIT_USAGE, "'%s' is not an option", argv[optind]);
    if (code < 0 && (code = command_config(&server->config)) == EXIT_DONE) {
        command_catch_signals();
        code = serve_until_end(command, server);
    }
    free(server);
    return code;
}

WEFT_COMMAND(serve) = {
    .name = "serve",
    .summary = "answers lists, rankings and searches over HTTP, and takes events",
    .usage = "[OPTION]...\n\n" COMMAND_OPTIONS_HELP
             "  --listen ADDRESS   short for --set http.listen=ADDRESS, such as 127.0.0.1:8080\n"
             "  --port-file FILE   write the port to FILE once requests are taken; with port 0,\n"
             "                     any free one\n\n"
             "It keeps its copy of the topics in state.dir/serve, and shows a shop at /shop/.\n"
             "/v1/openapi.json says what can be asked. Ctrl-C stops it.\n",
    .order = 2,
    .run = serve_command,
};
