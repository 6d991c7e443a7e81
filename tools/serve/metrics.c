#include "tools/serve/serve.h"

static struct metric_label topic_label(const struct serve *serve, int topic)
{
    const char *name = serve->run->topology.topics[serve_topic_of((enum serve_topic)topic)];
    return (struct metric_label){"topic", bytes_text(name)};
}

/* A figure of each follower. */
static void write_followers(const struct serve *serve, size_t offset, struct exposition *exposition)
{
    for (int i = 0; i < SERVE_TOPICS; i++) {
        struct follow_counts counts;
        uint64_t number;
        const struct metric_label topic = topic_label(serve, i);
        const struct follower *follower = serve_follower(serve, i);
        if (follower == NULL)
            continue;
        follower_counts(follower, &counts);
        memcpy(&number, (const char *)&counts + offset, sizeof number);
        exposition_value(exposition, &topic, NULL, (int64_t)number > 0 ? (double)number : 0);
    }
}

static void write_events(struct serve *serve, struct exposition *exposition)
{
    struct events_counts counts;
    events_counts(serve->events, &counts);
    const struct {
        const char *fate;
        uint64_t count;
    } fates[] = {{"accepted", counts.accepted},
                 {"refused", counts.refused},
                 {"dropped", counts.dropped},
                 {"failed", counts.failed},
                 {"busy", counts.busy}};
    exposition_family(exposition, METRIC_COUNTER, "serve_events", NULL,
                      "Events over HTTP: accepted ones are acknowledged by Kafka, refused ones "
                      "can't be used, failed and busy ones are to be sent again.");
    for (size_t i = 0; i < sizeof fates / sizeof fates[0]; i++) {
        const struct metric_label fate = {"fate", bytes_text(fates[i].fate)};
        exposition_value(exposition, &fate, NULL, (double)fates[i].count);
    }
    exposition_one(exposition, METRIC_GAUGE, "serve_events_waiting", NULL,
                   "Events that wait for Kafka's acknowledgement.", (double)counts.waiting);
}

void serve_write_metrics(struct serve *serve, struct exposition *exposition)
{
    exposition_one(exposition, METRIC_GAUGE, "serve_ready", NULL,
                   "1: the copy is level with the topics.", serve_ready(serve));
    exposition_one(exposition, METRIC_GAUGE, "serve_done_ratio", NULL,
                   "The share of the topics that is read.", serve_share_done(serve));
    exposition_family(exposition, METRIC_GAUGE, "serve_left_records", NULL,
                      "Records of a topic that the copy does not have yet.");
    write_followers(serve, offsetof(struct follow_counts, left), exposition);
    exposition_family(exposition, METRIC_COUNTER, "serve_records", NULL,
                      "Records of a topic that were read.");
    write_followers(serve, offsetof(struct follow_counts, records), exposition);
    exposition_family(exposition, METRIC_COUNTER, "serve_records_refused", NULL,
                      "Those that can't be used.");
    write_followers(serve, offsetof(struct follow_counts, refused), exposition);
    exposition_family(exposition, METRIC_COUNTER, "serve_rebuilds", NULL,
                      "Times that the copy of a topic was cleared and read again.");
    write_followers(serve, offsetof(struct follow_counts, rebuilds), exposition);
    products_lock(serve->products);
    double products = products_count(serve->products),
           bytes = (double)products_bytes(serve->products);
    products_unlock(serve->products);
    exposition_one(exposition, METRIC_GAUGE, "serve_products", NULL, "Products in memory.",
                   products);
    exposition_one(exposition, METRIC_GAUGE, "serve_products_bytes", "bytes",
                   "Memory of the products' texts.", bytes);
    write_events(serve, exposition);
}
