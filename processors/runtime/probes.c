#include "processors/runtime/probes.h"

#include "processors/runtime/log.h"

#include <stdio.h>

static void be_json(int status, struct http_reply *reply)
{
    reply->status = status;
    reply->content_type = "application/json";
}

void probes_live(struct http_reply *reply)
{
    be_json(200, reply);
    buffer_text(&reply->body, "{\"live\":true}");
}

void probes_ready(bool ready, double done, struct http_reply *reply)
{
    be_json(ready ? 200 : 503, reply);
    reply->retry_after_s = ready ? 0 : 1;
    buffer_format(&reply->body, "{\"ready\":%s,\"done\":%.4f}", ready ? "true" : "false",
                  ready ? 1. : done);
}

/* ---- the log ---- */

static const char *const level_names[] = {"error", "warn", "info", "debug"};
enum { LEVELS = sizeof level_names / sizeof level_names[0] };

void probes_log_level(struct http_request *request, struct http_reply *reply)
{
    (void)request;
    be_json(200, reply);
    buffer_format(&reply->body, "{\"level\":\"%s\"}", level_names[log_level_wanted()]);
}

void probes_set_log_level(struct http_request *request, struct http_reply *reply)
{
    struct bytes wanted = http_query(request, "level");
    int level = 0;
    while (level < LEVELS && !bytes_equal(bytes_text(level_names[level]), wanted))
        level++;
    if (level == LEVELS) {
        http_problem(reply, 400, "level is none of error, warn, info and debug");
        return;
    }
    log_set_level((enum log_level)level);
    log_line(LOG_LEVEL_INFO, "http", "the log's level is %s from now on", level_names[level]);
    probes_log_level(request, reply);
}

/* ---- metrics ---- */

struct exposition probes_begin(struct http_request *request)
{
    const char *accepted = http_header(request, "Accept");
    return (struct exposition){.open_metrics =
                                   http_list_has(accepted, "application/openmetrics-text")};
}

/* A route's method and pattern; the last figures are those of no route. */
static struct metric_label route_label(const struct http_service *service, size_t route, char *text,
                                       size_t size)
{
    if (route == service->route_count)
        snprintf(text, size, "none");
    else
        snprintf(text, size, "%s %s", service->routes[route].method,
                 service->routes[route].pattern);
    return (struct metric_label){"route", bytes_text(text)};
}

static void write_requests(const struct http_counts *counts, const struct http_service *service,
                           struct exposition *exposition)
{
    char text[128], digit[2] = "";
    exposition_family(exposition, METRIC_COUNTER, "http_requests", NULL,
                      "Answers by route and by the first digit of their status.");
    for (size_t i = 0; i <= service->route_count; i++) {
        const struct metric_label route = route_label(service, i, text, sizeof text);
        for (int class = 1; class < 6; class ++) {
            digit[0] = (char)('0' + class);
            const struct metric_label status = {"class", bytes_text(digit)};
            if (counts->routes[i].by_class[class] > 0)
                exposition_value(exposition, &route, &status,
                                 (double)counts->routes[i].by_class[class]);
        }
    }
}

static void write_http(struct http_request *request, const struct http_service *service,
                       struct exposition *exposition)
{
    char text[128];
    struct http_counts counts;
    http_counts(request, &counts);
    write_requests(&counts, service, exposition);
    exposition_family(exposition, METRIC_HISTOGRAM, "http_request_seconds", "seconds",
                      "From a request's headers to the end of its answer.");
    for (size_t i = 0; i <= service->route_count; i++) {
        const struct metric_label route = route_label(service, i, text, sizeof text);
        exposition_histogram(exposition, &route, http_bucket_seconds, counts.routes[i].buckets,
                             HTTP_BUCKETS, counts.routes[i].seconds);
    }
    exposition_one(exposition, METRIC_GAUGE, "http_connections", NULL, "Open connections.",
                   (double)counts.connections);
    exposition_one(exposition, METRIC_GAUGE, "http_streams", NULL, "Open streams.",
                   (double)counts.streams);
    exposition_one(exposition, METRIC_COUNTER, "http_connections_cut", NULL,
                   "Connections that were cut because a request took too long to come.",
                   (double)counts.cut);
}

void probes_end(struct exposition *exposition, struct http_request *request,
                const struct http_service *service, struct http_reply *reply)
{
    write_http(request, service, exposition);
    exposition_end(exposition);
    reply->status = 200;
    reply->content_type = exposition_type(exposition->open_metrics);
    reply->body = exposition->text; /* which the reply owns from here on */
}
