/* The paths of `weft serve`, and what they answer. */
#include "processors/runtime/probes.h"
#include "schemas/ranking.h"
#include "tools/serve/copy.h"
#include "tools/serve/serve.h"
#include "tools/serve/web.h"

#define LIMIT_DEFAULT 20
#define LIMIT_MAX 200
#define ID_BYTES_MAX EVENT_ID_BYTES_MAX

static struct serve *serve_of(struct http_service *service)
{
    return (struct serve *)(void *)service;
}

static uint32_t limit_of(struct http_request *request)
{
    return (uint32_t)http_query_number(request, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX);
}

static void be_json(struct http_reply *reply)
{
    reply->status = 200;
    reply->content_type = "application/json";
    reply->tagged = true;
    reply->cache = "private, no-cache";
}

/* The ids of visitors and items have bounds. False: the reply says so. */
static bool check_id(struct bytes id, struct http_reply *reply)
{
    if (id.size <= ID_BYTES_MAX)
        return true;
    http_problem(reply, 400, "an id has at most %d bytes", ID_BYTES_MAX);
    return false;
}

/* Ends an answer by the verdict of its writing. */
static void end(enum verdict verdict, const struct error *error, const char *missing,
                struct http_reply *reply)
{
    if (verdict == VERDICT_OK)
        be_json(reply);
    else if (verdict == VERDICT_SKIP)
        http_problem(reply, 404, "%s", missing);
    else
        http_problem(reply, 500, "%s", error->message);
}

/* ---- visitors ---- */

static struct bytes query_of(struct http_request *request, const char *name)
{
    struct bytes value = http_query(request, name);
    return value.size > 0 ? value : bytes_of(NULL, 0);
}

static void get_lists(struct http_service *service, struct http_request *request,
                      struct http_reply *reply)
{
    struct error error = {0};
    const struct lists_request lists = {
        .visitor = request->values[0],
        .placement = request->values[1],
        .context = query_of(request, "context"),
        .scope = {query_of(request, "category"), query_of(request, "brand")},
        .limit = limit_of(request),
    };
    if (check_id(lists.visitor, reply))
        end(lists_write(&serve_of(service)->lists, &lists, &reply->body, NULL, &error), &error, "",
            reply);
}

static void write_lists(struct hub_source *source, struct bytes visitor, uint32_t limit,
                        struct buffer *data, struct buffer *id)
{
    struct serve *serve =
        (struct serve *)(void *)((char *)source - offsetof(struct serve, hub_source));
    const struct lists_request lists = {.visitor = visitor, .limit = limit};
    if (lists_write(&serve->lists, &lists, data, id, NULL) != VERDICT_OK)
        buffer_text(data, "{}");
}

static void get_stream(struct http_service *service, struct http_request *request,
                       struct http_reply *reply)
{
    struct serve *serve = serve_of(service);
    struct bytes visitor = request->values[0];
    if (!check_id(visitor, reply))
        return;
    /* one connection in ten stays free for other requests */
    uint64_t max = (uint64_t)serve->run->config->http_connections_max * 9 / 10;
    reply->stream = hub_open(serve->hub, visitor, limit_of(request),
                             http_header(request, "Last-Event-ID"), max);
    if (reply->stream == NULL) {
        http_problem(reply, 503, "there are too many open streams");
        reply->retry_after_s = 10;
        return;
    }
    reply->status = 200;
    reply->content_type = "text/event-stream";
}

static void get_visitor(struct http_service *service, struct http_request *request,
                        struct http_reply *reply)
{
    struct serve *serve = serve_of(service);
    struct error error = {0};
    if (!serve->run->config->serve_explain)
        http_problem(reply, 404, "serve.explain is off, so nothing of visitors is known here");
    else if (check_id(request->values[0], reply))
        end(known_write(serve, request->values[0], &reply->body, &error), &error,
            "nothing is known of this visitor", reply);
}

static void delete_visitor(struct http_service *service, struct http_request *request,
                           struct http_reply *reply)
{
    struct serve *serve = serve_of(service);
    struct bytes visitor = request->values[0];
    struct store_batch batch = {0};
    if (!check_id(visitor, reply) || !events_erase(serve->events, request, visitor, reply))
        return;
    copy_delete(&batch, COPY_LISTS, visitor); /* at once; weft run's tombstone comes later */
    copy_delete(&batch, COPY_EARLY, visitor);
    serve->run->store->write(serve->run->store, &batch, NULL);
    batch_release(&batch);
    hub_changed(serve->hub, visitor);
}

/* ---- for everybody ---- */

static void get_item(struct http_service *service, struct http_request *request,
                     struct http_reply *reply)
{
    struct error error = {0};
    struct bytes item_id = request->values[0];
    if (check_id(item_id, reply))
        end(lists_write_item(&serve_of(service)->lists, item_id, limit_of(request), &reply->body,
                             &error),
            &error, "nobody knows this item", reply);
}

static int find_name(const char *const *names, int count, struct bytes name)
{
    int at = 0;
    while (at < count && !bytes_equal(bytes_text(names[at]), name))
        at++;
    return at;
}

static void get_ranking(struct http_service *service, struct http_request *request,
                        struct http_reply *reply)
{
    struct error error = {0};
    struct buffer key = {0};
    int kind = find_name(ranking_kind_names, RANKING_KINDS, request->values[0]);
    int scope = find_name(ranking_scope_names, RANKING_SCOPES, request->values[1]);
    bool whole = scope == SCOPE_SHOP;
    if (kind == RANKING_KINDS || scope == RANKING_SCOPES ||
        whole != (request->values[2].at == NULL)) {
        http_problem(reply, 404,
                     "rankings are viewed, carted, bought, trending and taken, each with shop, or "
                     "with category, brand, gender, age_group or term and a name");
        return;
    }
    ranking_key((enum ranking_kind)kind, (enum ranking_scope)scope, request->values[2], &key);
    end(lists_write_ranking(&serve_of(service)->lists, buffer_bytes(&key), limit_of(request),
                            &reply->body, &error),
        &error, "there is no such ranking", reply);
    buffer_release(&key);
}

static void get_search(struct http_service *service, struct http_request *request,
                       struct http_reply *reply)
{
    struct bytes query = http_query(request, "q");
    if (query.size == 0) {
        http_problem(reply, 400, "q is missing: what to search for");
        return;
    }
    search_write(serve_of(service), query, http_query(request, "visitor"), limit_of(request),
                 &reply->body);
    be_json(reply);
}

static void get_product(struct http_service *service, struct http_request *request,
                        struct http_reply *reply)
{
    struct serve *serve = serve_of(service);
    products_lock(serve->products);
    const struct product_text *product = products_find(serve->products, request->values[0]);
    if (product)
        buffer_append(&reply->body, product->json.at, product->json.size);
    products_unlock(serve->products);
    if (product)
        be_json(reply);
    else
        http_problem(reply, 404, "the catalogue does not have this product");
}

static void post_events(struct http_service *service, struct http_request *request,
                        struct http_reply *reply)
{
    events_post(serve_of(service)->events, request, reply);
}

/* ---- the server itself ---- */

static void get_openapi(struct http_service *service, struct http_request *request,
                        struct http_reply *reply)
{
    (void)service;
    (void)request;
    be_json(reply);
    reply->constant = web_file("openapi.json");
}

static void get_live(struct http_service *service, struct http_request *request,
                     struct http_reply *reply)
{
    (void)service;
    (void)request;
    probes_live(reply);
}

static void get_ready(struct http_service *service, struct http_request *request,
                      struct http_reply *reply)
{
    struct serve *serve = serve_of(service);
    (void)request;
    probes_ready(serve_ready(serve), serve_share_done(serve), reply);
}

static void get_metrics(struct http_service *service, struct http_request *request,
                        struct http_reply *reply)
{
    struct exposition exposition = probes_begin(request);
    serve_write_metrics(serve_of(service), &exposition);
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

static void get_web(struct http_service *service, struct http_request *request,
                    struct http_reply *reply)
{
    (void)service;
    web_answer(request, reply);
}

static const struct http_route routes[] = {
    {"GET", "/v1/visitors/{}/lists", HTTP_READ, get_lists},
    {"GET", "/v1/visitors/{}/lists/{}", HTTP_READ, get_lists},
    {"GET", "/v1/visitors/{}/stream", HTTP_READ, get_stream},
    {"GET", "/v1/visitors/{}", HTTP_ADMIN, get_visitor},
    {"DELETE", "/v1/visitors/{}", HTTP_ADMIN, delete_visitor},
    {"GET", "/v1/items/{}/lists", HTTP_READ, get_item},
    {"GET", "/v1/rankings/{}/{}", HTTP_READ, get_ranking},
    {"GET", "/v1/rankings/{}/{}/{}", HTTP_READ, get_ranking},
    {"GET", "/v1/search", HTTP_READ, get_search},
    {"GET", "/v1/products/{}", HTTP_READ, get_product},
    {"POST", "/v1/events", HTTP_WRITE, post_events},
    {"GET", "/v1/openapi.json", HTTP_OPEN, get_openapi},
    {"GET", "/livez", HTTP_OPEN, get_live},
    {"GET", "/readyz", HTTP_OPEN, get_ready},
    {"GET", "/metrics", HTTP_READ, get_metrics},
    {"GET", "/loglevel", HTTP_READ, get_log_level},
    {"PUT", "/loglevel", HTTP_ADMIN, put_log_level},
    {"GET", "*", HTTP_OPEN, get_web},
};

void routes_set(struct serve *serve)
{
    serve->http.routes = routes;
    serve->http.route_count = sizeof routes / sizeof routes[0];
    serve->hub_source.lists = write_lists;
}
