#include "processors/runtime/run_http.h"

#include "processors/runtime/http/http_server.h"
#include "processors/runtime/log.h"
#include "processors/runtime/metrics_text.h"
#include "processors/runtime/probes.h"

#include <stdlib.h>

struct run_http {
    struct http_service service; /* first */
    struct http_server *server;
    struct run *run;
    struct totals_source *source;
    int64_t started_us;
    pthread_mutex_t lock;
    struct memory_use memory; /* under the lock */
};

static struct run_http *http_of(struct http_service *service)
{
    return (struct run_http *)(void *)service;
}

static void get_live(struct http_service *service, struct http_request *request,
                     struct http_reply *reply)
{
    (void)service;
    (void)request;
    probes_live(reply);
}

/* The share of the interactions log that is folded; 1: all that it had at the start. */
static double folded_share(struct run *run)
{
    double folded = (double)atomic_load(&run->folded_offset);
    double left = (double)atomic_load(&run->fold_left);
    if (atomic_load(&run->fold_ready))
        return 1;
    return folded + left > 0 ? folded / (folded + left) : 0;
}

static void get_ready(struct http_service *service, struct http_request *request,
                      struct http_reply *reply)
{
    struct run_http *http = http_of(service);
    struct totals totals = {0};
    (void)request;
    http->source->sum(http->source, &totals);
    double workers = (double)totals.ready_workers / http->source->workers;
    double catalogue = atomic_load(&http->run->catalogue_ready) ? 1 : 0;
    double done = (folded_share(http->run) + catalogue + workers) / 3;
    probes_ready(done >= 1, done, reply);
}

static void get_metrics(struct http_service *service, struct http_request *request,
                        struct http_reply *reply)
{
    struct run_http *http = http_of(service);
    struct exposition exposition = probes_begin(request);
    struct totals totals = {0};
    struct metrics metrics;
    http->source->sum(http->source, &totals);
    metrics_take(http->run, &totals, http->started_us, false, &metrics);
    pthread_mutex_lock(&http->lock);
    metrics.memory = http->memory;
    pthread_mutex_unlock(&http->lock);
    metrics_write_text(&metrics, &exposition);
    exposition_one(&exposition, METRIC_GAUGE, "fold_left_records", NULL,
                   "Records of the interactions log that are not folded yet.",
                   (double)atomic_load(&http->run->fold_left));
    exposition_one(&exposition, METRIC_GAUGE, "fold_done_ratio", NULL,
                   "The share of the interactions log that is folded since the start.",
                   folded_share(http->run));
    probes_end(&exposition, request, service, reply);
}

static void get_log_level(struct http_service *service, struct http_request *request,
                          struct http_reply *reply)
{
    (void)service;
    probes_log_level(request, reply);
}

static void put_log_level(struct http_service *service, struct http_request *request,
                          struct http_reply *reply)
{
    (void)service;
    probes_set_log_level(request, reply);
}

static const struct http_route routes[] = {
    {"GET", "/metrics", HTTP_READ, get_metrics},     {"GET", "/livez", HTTP_OPEN, get_live},
    {"GET", "/readyz", HTTP_OPEN, get_ready},        {"GET", "/loglevel", HTTP_READ, get_log_level},
    {"PUT", "/loglevel", HTTP_ADMIN, put_log_level},
};

enum verdict run_http_new(struct run *run, struct totals_source *source, struct run_http **ret_http,
                          struct error *error)
{
    struct run_http *http = memory_zero(1, sizeof *http);
    http->service = (struct http_service){routes, sizeof routes / sizeof routes[0]};
    http->run = run;
    http->source = source;
    http->started_us = clock_monotonic_us();
    pthread_mutex_init(&http->lock, NULL);
    enum verdict verdict = http_server_new(run->config, run->config->http_listen, &http->service,
                                           &http->server, error);
    if (verdict != VERDICT_OK) {
        run_http_free(http);
        return verdict;
    }
    log_line(LOG_LEVEL_INFO, "http", "metrics at %s, port %u", run->config->http_listen,
             http_server_port(http->server));
    *ret_http = http;
    return VERDICT_OK;
}

void run_http_set_memory(struct run_http *http, const struct memory_use *memory)
{
    if (http == NULL)
        return;
    pthread_mutex_lock(&http->lock);
    http->memory = *memory;
    pthread_mutex_unlock(&http->lock);
}

void run_http_free(struct run_http *http)
{
    if (http == NULL)
        return;
    http_server_free(http->server);
    pthread_mutex_destroy(&http->lock);
    free(http);
}
