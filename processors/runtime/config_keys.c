/* The table of keys, one row each, in groups. */
#include "processors/runtime/config.h"

const char *const guarantee_names[] = {"exactly_once", "at_least_once", NULL};
static const char *const quality_names[] = {"full", "lean", "counts", NULL};

/* For bool fields: the name of false, then the name of true. */
static const char *const switch_names[] = {"off", "on", NULL};
static const char *const input_key_names[] = {"check", "trust", NULL};
static const char *const format_names[] = {"json", "avro", NULL};
static const char *const framing_names[] = {"single-object", "confluent", NULL};
static const char *const shown_from_names[] = {"lists", "impressions", NULL};
static const char *const adult_names[] = {"shown", "hidden", NULL};
static const char *const newcomers_names[] = {"popular", "search", NULL};
static const char *const access_log_names[] = {"off", "errors", "all", NULL};

const struct config_group config_groups[CONFIG_GROUPS] = {
    [CONFIG_PROCESS] = {"process", "the process, its threads, its disk and its commits", NULL},
    [CONFIG_TOPICS] = {"topics", "names of topics, and how weft creates them", NULL},
    [CONFIG_INPUT] = {"input", "how records are read and checked", NULL},
    [CONFIG_VISITORS] = {"visitors", "what is remembered of each visitor", NULL},
    [CONFIG_LISTS] = {"lists", "the items of the visitors' lists", NULL},
    [CONFIG_RANKER] = {"ranker", "candidates and the ranker", NULL},
    [CONFIG_MODEL] = {"model", "the bounds of the model, and how fast its counts fade", NULL},
    [CONFIG_CATALOGUE] = {"catalogue", "the bounds of the catalogue", NULL},
    [CONFIG_RANKINGS] = {"rankings", "lists for everybody", NULL},
    [CONFIG_HTTP] = {"http", "'weft serve', and the metrics of 'weft run' over HTTP", NULL},
    [CONFIG_PLACEMENTS] = {"placements", "where the shop shows lists",
                           "placements.NAME.KEY=VALUE\n"
                           "    changes or adds a placement. KEY is context, when, while, "
                           "generators, filters, length\n"
                           "    or diversity.percent (processors/recommend/README.md); 'weft "
                           "check' prints the placements\n"},
    [CONFIG_KAFKA] = {"kafka", "settings of librdkafka",
                      "kafka.NAME=VALUE\n"
                      "    goes to librdkafka as NAME. kafka.consumer.NAME goes to consumers only, "
                      "and\n"
                      "    kafka.producer.NAME to producers only\n"},
};

/* The type of a number is the type of its field, so that a row and its field always agree. */
#define FIELD(field) (((struct config *)NULL)->field)
#define NUMBER_TYPE(field)                                                                         \
    _Generic(FIELD(field),                                                                         \
        int64_t: CONFIG_INT64,                                                                     \
        uint32_t: CONFIG_UINT32,                                                                   \
        size_t: CONFIG_SIZE,                                                                       \
        float: CONFIG_FLOAT)
#define CHOICE_TYPE(field) _Generic(FIELD(field), bool: CONFIG_BOOL, default: CONFIG_ENUM)

#define TEXT(group, name, fallback, field, help)                                                   \
    {name,        group,                                                                           \
     CONFIG_TEXT, fallback,                                                                        \
     help,        offsetof(struct config, field),                                                  \
     0,           sizeof(FIELD(field)) - 1,                                                        \
     NULL}
#define NUMBER(group, name, fallback, field, min, max, help)                                       \
    {name, group, NUMBER_TYPE(field), fallback, help, offsetof(struct config, field), min,         \
     max,  NULL}
/* A number from 0 to 100 in the file, a share from 0 to 1 in the field. */
#define PERCENT(group, name, fallback, field, max, help)                                           \
    {name, group, CONFIG_PERCENT, fallback, help, offsetof(struct config, field), 0, max, NULL}
#define CHOICE(group, name, fallback, field, names, help)                                          \
    {name, group, CHOICE_TYPE(field), fallback, help, offsetof(struct config, field), 0, 0, names}

#define DAY_MS "86400000"

const struct config_key config_keys[] = {
    TEXT(CONFIG_PROCESS, "application.id", "weft", application_id,
         "the consumer group, and the start of the names of weft's own topics"),
    TEXT(CONFIG_PROCESS, "bootstrap.servers", "localhost:9092", bootstrap_servers,
         "brokers as host:port, with commas between them"),
    TEXT(CONFIG_PROCESS, "state.dir", "weft-state", state_dir,
         "folder for the local state; each process needs its own"),
    TEXT(CONFIG_PROCESS, "instance.id", "", instance_id,
         "name of the static group member; empty: weft draws one and stores it in state.dir"),
    CHOICE(CONFIG_PROCESS, "processing.guarantee", "exactly_once", guarantee, guarantee_names,
           "at_least_once works without transactions"),
    NUMBER(CONFIG_PROCESS, "threads", "1", threads, 1, 64,
           "threads that make a worker's lists side by side, at most one a core"),
    NUMBER(
        CONFIG_PROCESS, "workers", "1", workers, 1, 64,
        "workers in this process, each with a consumer and transactions of its own; more than one "
        "pays where one thread cannot read the events any more, from some 30,000 a second on"),
    NUMBER(CONFIG_PROCESS, "commit.interval.ms", "100", commit_interval_ms, 1, 60000,
           "the longest time between the first record of a batch and its commit"),
    NUMBER(CONFIG_PROCESS, "commit.min.ms", "3", commit_min_ms, 0, 60000,
           "the shortest time between two commits when no more records are ready"),
    PERCENT(CONFIG_PROCESS, "commit.share.percent", "25", commit_share, 100,
            "the largest share of a worker's time that commits take: they are rarer where the "
            "brokers are slower, up to commit.interval.ms; 0: no such bound"),
    NUMBER(
        CONFIG_PROCESS, "catch.up.lag.ms", "10000", catch_up_lag_ms, 0, 86400000,
        "a worker whose oldest record has waited this long in Kafka is behind: most visitors get "
        "their lists once it has caught up; 0: it makes every list"),
    NUMBER(CONFIG_PROCESS, "catch.up.wait.ms", "60000", catch_up_wait_ms, 0, 3600000,
           "the longest time that a visitor's lists wait for that"),
    NUMBER(CONFIG_PROCESS, "batch.records.max", "20000", batch_records_max, 1, 1000000,
           "records in one transaction"),
    NUMBER(CONFIG_PROCESS, "max.task.idle.ms", "2000", max_task_idle_ms, 0, 600000,
           "how long a worker waits for an input partition that is not at its end, so that it "
           "takes records in the order of time"),
    NUMBER(CONFIG_PROCESS, "session.timeout.ms", "6000", session_timeout_ms, 1000, 3600000,
           "after this time the visitors of a silent process go to other processes; brokers "
           "accept no less than their group.min.session.timeout.ms, 6000"),
    NUMBER(CONFIG_PROCESS, "num.standby", "0", num_standby, 0, 3,
           "standby copies: this process follows the states of visitors that it gets if so many "
           "other processes end; 3: the states of all visitors"),
    NUMBER(CONFIG_PROCESS, "model.save.ms", "5000", model_save_ms, 10, 3600000,
           "time between two writes of the model's changed rows to disk"),
    NUMBER(CONFIG_PROCESS, "snapshot.interval.ms", "600000", snapshot_interval_ms, 0, 604800000,
           "time between two snapshots of the model, from which new processes start; 0: none"),
    NUMBER(CONFIG_PROCESS, "memory.queue.bytes", "167772160", queue_bytes, 1048576, INT64_MAX,
           "memory of the process for records that were fetched and wait to be read, of all topics "
           "and partitions together; it sets librdkafka's bounds of queues and answers"),
    NUMBER(CONFIG_PROCESS, "memory.store.cache.bytes", "67108864", store_cache_bytes, 1048576,
           INT64_MAX,
           "memory of each of the two stores on disk, visitors and model, for what it has read"),
    NUMBER(CONFIG_PROCESS, "memory.store.writes.bytes", "33554432", store_writes_bytes, 1048576,
           INT64_MAX,
           "memory of each of the two stores for rows that it has not written to files yet; about "
           "twice as much while it writes them"),
    NUMBER(CONFIG_PROCESS, "metrics.interval.ms", "10000", metrics_interval_ms, 100, 3600000,
           "time between two reports of metrics, in the log and on <application.id>-metrics"),

    TEXT(CONFIG_TOPICS, "topics.view", "events.view", topic_view, "input: views of items"),
    TEXT(CONFIG_TOPICS, "topics.search", "events.search", topic_search, "input: searches"),
    TEXT(CONFIG_TOPICS, "topics.cart", "events.cart", topic_cart, "input: changes of carts"),
    TEXT(CONFIG_TOPICS, "topics.purchase", "events.purchase", topic_purchase, "input: purchases"),
    TEXT(CONFIG_TOPICS, "topics.impression", "events.impression", topic_impression,
         "input: lists that the shop showed"),
    TEXT(CONFIG_TOPICS, "topics.click", "events.click", topic_click,
         "input: clicks on items of lists"),
    TEXT(CONFIG_TOPICS, "topics.events", "", topic_events,
         "input: one topic with events of all kinds, instead of the six above"),
    TEXT(CONFIG_TOPICS, "topics.user", "users", topic_user,
         "input: users as the shop knows them, keyed by user_id, compacted; null erases a user"),
    TEXT(CONFIG_TOPICS, "topics.product", "catalog.product", topic_product,
         "input: the catalogue's products, keyed by item_id, compacted; null deletes a product"),
    TEXT(CONFIG_TOPICS, "topics.recommendations", "recommendations", topic_recommendations,
         "output: each visitor's lists"),
    TEXT(CONFIG_TOPICS, "topics.rankings", "rankings", topic_rankings,
         "output: the most viewed, bought, ..., and trending items, for everybody"),
    TEXT(CONFIG_TOPICS, "topics.items", "recommendations.item", topic_items,
         "output, with items.lists=on: lists of each item, for everybody"),
    TEXT(CONFIG_TOPICS, "topics.events.map", "", topic_events_map,
         "the mapping of topics.events, as input.map; empty: input.map"),
    TEXT(CONFIG_TOPICS, "topics.view.map", "", topic_maps[EVENT_VIEW],
         "the mapping of this topic alone, as input.map; empty: input.map"),
    TEXT(CONFIG_TOPICS, "topics.search.map", "", topic_maps[EVENT_SEARCH], "the same"),
    TEXT(CONFIG_TOPICS, "topics.cart.map", "", topic_maps[EVENT_CART], "the same"),
    TEXT(CONFIG_TOPICS, "topics.purchase.map", "", topic_maps[EVENT_PURCHASE], "the same"),
    TEXT(CONFIG_TOPICS, "topics.impression.map", "", topic_maps[EVENT_IMPRESSION], "the same"),
    TEXT(CONFIG_TOPICS, "topics.click.map", "", topic_maps[EVENT_CLICK], "the same"),
    NUMBER(CONFIG_TOPICS, "partitions", "4", partitions, 1, 4096,
           "partitions of the topics that weft creates"),
    NUMBER(CONFIG_TOPICS, "replication.factor", "-1", replication_factor, -1, 10,
           "copies of the topics that weft creates; -1: the broker's default"),

    CHOICE(CONFIG_INPUT, "input.key", "check", trust_keys, input_key_names,
           "check: a record whose key differs from its visitor goes to the dead letters"),
    TEXT(CONFIG_INPUT, "input.map", "weft", input_map,
         "the form of the events: weft (its own), the name of a ready-made mapping such as ga4, or "
         "the path of a mapping file (schemas/README.md)"),
    CHOICE(CONFIG_INPUT, "output.format", "json", chosen.output_avro, format_names,
           "the format of recommendations, rankings and lists of items"),
    CHOICE(CONFIG_INPUT, "output.framing", "single-object", framing, framing_names,
           "the start of Avro records: a fingerprint, or confluent for the id of "
           "schema.registry.url, as the usual deserialisers expect it"),
    CHOICE(CONFIG_INPUT, "output.subject.name.strategy", "topic", subject_naming,
           subject_naming_names,
           "the subjects of the output schemas: recommendations-value, weft.Recommendation or "
           "recommendations-weft.Recommendation"),
    CHOICE(CONFIG_INPUT, "auto.register.schemas", "on", auto_register, switch_names,
           "on: weft registers its output schemas; off: it only looks up their ids"),
    TEXT(CONFIG_INPUT, "schema.registry.url", "", schema_registry_url,
         "schema registry for records in Confluent framing, such as https://registry:8081"),
    TEXT(CONFIG_INPUT, "schema.registry.user", "", schema_registry_user,
         "user of the schema registry; empty: no user, or the one in schema.registry.url"),
    TEXT(CONFIG_INPUT, "schema.registry.password.file", "", schema_registry_password_file,
         "file with the password of that user in one line; weft reads it for each request"),
    TEXT(CONFIG_INPUT, "schema.registry.token.file", "", schema_registry_token_file,
         "file with a bearer token in one line, instead of user and password"),
    TEXT(CONFIG_INPUT, "schema.registry.ca.file", "", schema_registry_ca_file,
         "PEM file of the authorities that sign the registry's certificate; empty: the system's"),
    TEXT(CONFIG_INPUT, "schema.registry.certificate.file", "", schema_registry_certificate_file,
         "PEM file of weft's own certificate, where the registry wants one"),
    TEXT(CONFIG_INPUT, "schema.registry.key.file", "", schema_registry_key_file,
         "PEM file of the key of that certificate, without a password"),
    NUMBER(CONFIG_INPUT, "schema.registry.timeout.ms", "5000", schema_registry_timeout_ms, 100,
           600000, "how long one request to the registry may last in all"),
    NUMBER(CONFIG_INPUT, "schema.registry.retry.max.ms", "10000", schema_registry_retry_max_ms, 200,
           600000,
           "the longest pause between two requests for a schema while the registry does not "
           "answer; records wait for their schema"),
    NUMBER(CONFIG_INPUT, "schema.registry.refusal.ms", "5000", schema_registry_refusal_ms, 0,
           3600000,
           "how long weft remembers that the registry does not have a schema, or that a schema "
           "cannot be used; then it asks again"),
    TEXT(CONFIG_INPUT, "schemas.path", "", schemas_path,
         "folder with more writer schemas for single-object encoding: view.1.avsc, ..."),
    NUMBER(CONFIG_INPUT, "event.time.min.ms", "946684800000", chosen.times.time_min_ms, 0,
           EVENT_TIME_MAX_MS, "older events go to the dead letters; 2000-01-01"),
    NUMBER(
        CONFIG_INPUT, "event.ahead.max.ms", "300000", chosen.times.ahead_max_ms, 0,
        EVENT_TIME_MAX_MS,
        "events further ahead of their record's Kafka timestamp take it as their time; 5 minutes"),
    NUMBER(CONFIG_INPUT, "event.future.max.ms", DAY_MS, chosen.times.future_max_ms, 0,
           EVENT_TIME_MAX_MS,
           "events further ahead of their record's Kafka timestamp go to the dead letters; 1 day"),
    NUMBER(CONFIG_INPUT, "session.gap.ms", "1800000", chosen.session_gap_ms, 1000, 604800000,
           "a longer pause starts a new session; 30 minutes"),
    NUMBER(CONFIG_INPUT, "double.click.ms", "500", chosen.double_click_ms, 0, 60000,
           "a second view of the same item within this time is dropped"),
    CHOICE(CONFIG_INPUT, "clicks.are.views", "off", chosen.clicks_are_views, switch_names,
           "on: a record of topics.click is also a view, for shops that send no view after it"),

    CHOICE(CONFIG_INPUT, "hygiene", "off", chosen.hygiene, switch_names,
           "on: events of visitors who act like programs make their own lists, but reach nothing "
           "that is shared"),
    NUMBER(CONFIG_INPUT, "hygiene.events.per.minute.max", "30", chosen.noise.minute_max, 0, 100000,
           "more views, searches, carts and purchases in a minute make a visitor suspect; 0: no "
           "such rule, as in the next keys"),
    NUMBER(CONFIG_INPUT, "hygiene.items.per.hour.max", "200", chosen.noise.hour_items_max, 0,
           1000000, "more views in an hour make a visitor suspect; repeated items count half"),
    NUMBER(CONFIG_INPUT, "hygiene.carts.per.hour.max", "60", chosen.noise.hour_carts_max, 0,
           1000000, "more items put in the cart in an hour make a visitor suspect"),
    PERCENT(CONFIG_INPUT, "hygiene.regular.percent", "35", chosen.noise.regular, 100,
            "a visitor is suspect whose last 32 gaps between events deviate less than this from "
            "their mean"),
    NUMBER(CONFIG_INPUT, "hygiene.glances.max", "30", chosen.noise.glances_max, 0, 1000000,
           "more views in a row with a dwell_ms below hygiene.glance.ms make a visitor suspect"),
    NUMBER(CONFIG_INPUT, "hygiene.glance.ms", "300", chosen.noise.glance_ms, 0, 60000,
           "a view with a shorter dwell_ms is a glance"),
    NUMBER(CONFIG_INPUT, "hygiene.release.ms", "3600000", chosen.noise.release_ms, 0, INT64_MAX / 4,
           "a suspect who has broken no rule for so long counts again; 1 hour"),
    TEXT(CONFIG_INPUT, "hygiene.agents.path", "", agents_path,
         "file with parts of user agents of programs, one a line; empty: weft's own list, "
         "deploy/user_agents.txt"),

    NUMBER(CONFIG_VISITORS, "visitor.activities.max", "64", chosen.activities_max, 1, 1000,
           "activities remembered of a visitor"),
    NUMBER(
        CONFIG_VISITORS, "visitor.order.lines.max", "128", chosen.order_lines_max, 1,
        ORDER_LINES_MAX,
        "bought items remembered of a visitor, to keep them out of lists, to find repeated orders, "
        "and to take back what is returned"),
    NUMBER(CONFIG_VISITORS, "visitor.cart.items.max", "100", chosen.cart_items_max, 1,
           CART_ITEMS_MAX,
           "items of a cart that are remembered when their activities fall out, to take them back "
           "later; the one put in first goes first"),
    NUMBER(CONFIG_VISITORS, "visitor.tastes.half.life.ms", "2592000000", chosen.tastes_half_life_ms,
           0, INT64_MAX / 4,
           "how fast a visitor's preferences (brands, categories, prices, ...) fade; 30 days; 0: "
           "no preferences are learned"),
    NUMBER(CONFIG_VISITORS, "visitor.cache.bytes", "67108864", visitor_cache_bytes, 0, INT64_MAX,
           "memory for the visitors of each worker; other visitors are read from disk"),

    NUMBER(CONFIG_LISTS, "list.items", "20", chosen.list_items, 1, LIST_ITEMS_MAX,
           "items in a list"),
    TEXT(CONFIG_LISTS, "placements.off", "email,category", placements_off,
         "placements without lists, with commas: home, email, product, goes_with, search, cart, "
         "category, or your own"),
    CHOICE(
        CONFIG_LISTS, "lists.early", "off", chosen.lists_early, switch_names,
        "on: each list also goes at once, ahead of the commit, to <topics.recommendations>.early "
        "(deploy/README.md); commit.interval.ms is then the time from commit to commit"),
    NUMBER(CONFIG_LISTS, "lists.early.retention.ms", "600000", early_retention_ms, 1000, 604800000,
           "how long an early list counts: readers ignore older ones, and the topic forgets them; "
           "10 minutes"),
    TEXT(CONFIG_LISTS, "rules.path", "", rules_path,
         "file of merchandising rules: pin, boost, bury, exclude, ... (deploy/rules.example)"),
    NUMBER(CONFIG_LISTS, "rules.reload.ms", "1000", rules_reload_ms, 0, 86400000,
           "time between two checks whether that file has changed; 0: it is read only at the "
           "start"),
    TEXT(CONFIG_LISTS, "experiments.path", "", experiments_path,
         "file of experiments: variants of lists for shares of the visitors "
         "(deploy/experiments.example)"),
    NUMBER(CONFIG_LISTS, "experiments.reload.ms", "1000", experiments_reload_ms, 0, 86400000,
           "time between two checks whether that file has changed; 0: it is read only at the "
           "start"),
    NUMBER(CONFIG_LISTS, "list.bought.ms", "2592000000", chosen.recommend.filters.bought_ms, 0,
           INT64_MAX, "a bought item stays out of lists for this time; 30 days"),
    NUMBER(CONFIG_LISTS, "list.shown.max", "0", chosen.recommend.filters.shown_max, 0,
           SHOWN_TIMES_MAX,
           "an item that was near the top of so many lists of a visitor stays out until the "
           "visitor does something with it; 0: it comes again"),
    NUMBER(CONFIG_LISTS, "list.shown.ms", "604800000", chosen.shown_ms, 60000, INT64_MAX / 4,
           "how long these lists are counted before the count starts again; 7 days"),
    CHOICE(CONFIG_LISTS, "list.shown.from", "lists", chosen.shown_from_impressions,
           shown_from_names,
           "when an item counts as shown: when its list is written, or when topics.impression "
           "reports it"),
    NUMBER(CONFIG_LISTS, "list.price.min", "0", chosen.recommend.filters.price_min, 0, 1000000000,
           "cheaper products stay out; in the shop's currency"),
    CHOICE(CONFIG_LISTS, "list.adult", "shown", chosen.recommend.filters.adult_off, adult_names,
           "hidden: products with the tag adult or the attribute adult=true stay out"),
    PERCENT(CONFIG_LISTS, "list.gender.percent", "0", chosen.recommend.filters.gender_min, 100,
            "products for a gender stay out if it has a smaller share of the visitor's "
            "activities; unisex products come always; 0: all come"),
    PERCENT(CONFIG_LISTS, "list.age.group.percent", "0", chosen.recommend.filters.age_group_min,
            100, "the same for age groups"),
    NUMBER(CONFIG_LISTS, "list.brand.max", "0", chosen.recommend.filters.brand_max, 0,
           LIST_ITEMS_MAX, "items of one brand in a list; 0: no limit"),
    PERCENT(CONFIG_LISTS, "list.diversity.percent", "0", chosen.recommend.filters.diversity, 100,
            "the weight of diversity: how much an item's difference from the others in its list "
            "counts"),
    CHOICE(CONFIG_LISTS, "list.newcomers", "search", chosen.recommend.cold_start.search,
           newcomers_names,
           "cold start, for visitors without known items. search: items for their search come "
           "before popular ones"),
    CHOICE(CONFIG_LISTS, "list.newcomers.channel", "on", chosen.recommend.cold_start.channel,
           switch_names,
           "cold start without a search. on: items popular in the visitor's channel come before "
           "popular ones"),
    PERCENT(CONFIG_LISTS, "explore.percent", "0", chosen.recommend.explore.share, 50,
            "exploration: the share of a ranked list's places at which new products are tried"),
    NUMBER(CONFIG_LISTS, "explore.clicks", "20", chosen.recommend.explore.clicks, 1, 1000000,
           "a product with fewer clicks is new"),

    CHOICE(CONFIG_RANKER, "quality", "full", quality, quality_names,
           "lean: no session kNN, 64 candidates, every second click is learned. counts: "
           "co-occurrence counts only, no vectors and no ranker, for the highest rates"),
    CHOICE(CONFIG_RANKER, "learning", "on", chosen.recommend.learning, switch_names,
           "off: the ranker and the vectors do not change"),
    TEXT(CONFIG_RANKER, "generators.off", "", generators_off,
         "candidate generators that are not used, with commas"),
    NUMBER(CONFIG_RANKER, "ranker.candidates", "96", chosen.recommend.rank.candidates_max, 16,
           RANKED_MAX,
           "candidates that are ranked, out of all that the generators propose; weft takes at "
           "least 16 more than list.items"),
    TEXT(CONFIG_RANKER, "ranker.features.off", "", features_off,
         "features, or groups of them, that the ranker does not see, with commas"),
    TEXT(CONFIG_RANKER, "ranker.goal", "view", goal,
         "the activity that ranked lists are ordered for: view, cart, purchase, or a mix as "
         "view,cart:3; placements.NAME.goal is that of one placement"),
    NUMBER(CONFIG_RANKER, "ranker.learn.every", "1", chosen.recommend.learn_every, 1, 1000,
           "2: the ranker learns from every second click, and so on"),
    CHOICE(CONFIG_RANKER, "cart.ranker", "on", chosen.recommend.cart_ranker, switch_names,
           "off: cart lists are in the order of the basket walk, and nothing is learned for them"),
    NUMBER(CONFIG_RANKER, "cart.learn.every", "1", chosen.recommend.cart_learn_every, 1, 1000,
           "2: the cart ranker learns from every second item that is put into a cart, and so on"),
    NUMBER(CONFIG_RANKER, "ranker.lists.per.second.max", "3000", chosen.recommend.learn_rate_max, 1,
           1000000000, "at higher rates a worker's ranker learns from a sample of the lists"),
    NUMBER(CONFIG_RANKER, "ranker.merge.ms", "5000", chosen.recommend.merge_ms, 100, 3600000,
           "time between two merges of the workers' rankers"),
    NUMBER(CONFIG_RANKER, "ranker.served.bytes", "134217728", chosen.recommend.training_log_bytes,
           0, INT64_MAX,
           "memory of each worker for served lists that wait for their visitor's next click; if it "
           "is full, a sample of the visitors waits"),
    NUMBER(CONFIG_RANKER, "quality.shown.bytes", "33554432", chosen.recommend.shown_bytes, 0,
           INT64_MAX,
           "memory of each worker for shown lists that the next click is compared with, for the "
           "online metrics; likewise a sample"),
    NUMBER(CONFIG_RANKER, "price.band", "100", chosen.recommend.rank.price_band, 0, 1000000000,
           "prices with at most this difference are alike; in the shop's currency"),
    NUMBER(CONFIG_RANKER, "weight.cart", "1", chosen.recommend.kind_weights[KIND_CART], 0, 100,
           "what a cart addition counts when the ranker learns; a view counts 1"),
    NUMBER(CONFIG_RANKER, "weight.purchase", "1", chosen.recommend.kind_weights[KIND_PURCHASE], 0,
           100, "the same for a purchase"),

    NUMBER(CONFIG_MODEL, "items.max", "1000000", chosen.model.items_max, 1, 100000000,
           "items in the model; when it is full, new ones push out those of a single visitor"),
    NUMBER(CONFIG_MODEL, "cooccurrence.row.entries.max", "100", chosen.model.row_entries_max, 1,
           100000, "items remembered after an item, and before it"),
    NUMBER(CONFIG_MODEL, "cooccurrence.half.life.ms", "7776000000", chosen.model.pair_half_life_ms,
           60000, INT64_MAX, "time in which co-occurrence counts fade to one half; 90 days"),
    NUMBER(CONFIG_MODEL, "popularity.half.life.ms", "259200000", chosen.model.popular_half_life_ms,
           60000, INT64_MAX, "time in which popularity fades to one half; 3 days"),
    NUMBER(CONFIG_MODEL, "vectors.items.max", "1000000", chosen.model.vectors.items_max, 0,
           100000000,
           "items with a vector; a new item takes the place of the least used one; 0: no vectors"),
    NUMBER(CONFIG_MODEL, "vectors.ring.clicks", "200000", chosen.model.vectors.ring_max, 1000,
           100000000, "clicks from which negatives and replayed samples are drawn"),
    NUMBER(CONFIG_MODEL, "vectors.clicks.per.second.max", "3000",
           chosen.model.encoder_clicks_per_second_max, 1, 1000000000,
           "at higher rates the vectors learn from a sample of the clicks"),
    NUMBER(CONFIG_MODEL, "neighbours.sessions.max", "200000", chosen.model.sessions.sessions_max, 0,
           100000000, "sessions in the session memory, for session kNN; 0: none"),
    NUMBER(CONFIG_MODEL, "neighbours.postings.max", "200", chosen.model.sessions.postings_max, 1,
           100000, "newest sessions remembered of an item"),
    NUMBER(CONFIG_MODEL, "queries.max", "100000", chosen.model.queries.queries_max, 0, 10000000,
           "searches in the query history; when it is full, new ones push out those of a single "
           "visitor; 0: none"),
    NUMBER(CONFIG_MODEL, "queries.entries.max", "50", chosen.model.queries.entries_max, 1, 10000,
           "items remembered of a search"),
    NUMBER(CONFIG_MODEL, "channels.max", "64", chosen.model.channels.queries_max, 0, 100000,
           "channels (web, app, ...) with counts of their own; when there are so many, new ones "
           "push out those of a single visitor; 0: none"),
    NUMBER(CONFIG_MODEL, "channels.entries.max", "300", chosen.model.channels.entries_max, 1,
           100000, "items remembered of a channel"),

    NUMBER(CONFIG_CATALOGUE, "catalogue.products.max", "2000000", chosen.catalogue.products_max, 1,
           100000000, "products, without deleted ones; further ones are refused and counted"),
    NUMBER(CONFIG_CATALOGUE, "catalogue.attribute.names.max", "10000",
           chosen.catalogue.attribute_names_max, 0, 1000000, "distinct names of attributes"),
    NUMBER(CONFIG_CATALOGUE, "catalogue.attribute.values.max", "1000000",
           chosen.catalogue.attribute_values_max, 0, 10000000,
           "distinct pairs name=value of attributes"),
    NUMBER(CONFIG_CATALOGUE, "catalogue.product.attributes.max", "100",
           chosen.catalogue.product_attributes_max, 0, PRODUCT_ATTRIBUTES_MAX,
           "attributes of one product"),
    NUMBER(CONFIG_CATALOGUE, "search.terms.max", "4000000", chosen.search_terms_max,
           SEARCH_TERMS_MIN, 100000000,
           "distinct terms of the products' texts; when there are so many, new ones push out those "
           "of the fewest products"),
    NUMBER(CONFIG_CATALOGUE, "catalogue.rescan.ms", "43200000", catalogue_rescan_ms, 1000,
           INT64_MAX,
           "a process that was away longer reads the catalogue from its beginning; 12 hours. Set "
           "it below the topic's delete.retention.ms, after which the topic forgets deletions"),

    NUMBER(CONFIG_RANKINGS, "rankings.interval.ms", "60000", rankings_interval_ms, 0, 604800000,
           "time between two rankings; a ranking that has not changed is not written again; 0: "
           "none are made"),
    NUMBER(CONFIG_RANKINGS, "rankings.length", "50", chosen.rankings.length, 1, RANKING_ITEMS_MAX,
           "items in a ranking"),
    NUMBER(CONFIG_RANKINGS, "rankings.scopes.max", "2000", chosen.rankings.scopes_max, 0, 100000,
           "categories, brands, genders and age groups with rankings; the most active ones"),
    NUMBER(CONFIG_RANKINGS, "rankings.terms.max", "1000", chosen.rankings.terms_max, 0, 1000000,
           "searches with a ranking; the ones after which visitors took most"),
    NUMBER(CONFIG_RANKINGS, "rankings.trending.half.life.ms", "21600000",
           chosen.model.quick_half_life_ms, 60000, INT64_MAX,
           "trending items: the last activities, which fade in this time, are compared with those "
           "of popularity.half.life.ms; 6 hours"),
    CHOICE(CONFIG_RANKINGS, "items.lists", "off", chosen.items.on, switch_names,
           "on: the elected publisher writes lists of each item to topics.items: similar, nearest, "
           "viewed_next, goes_with, bought_together"),
    NUMBER(CONFIG_RANKINGS, "items.lists.length", "12", chosen.items.length, 1, ITEM_LIST_ITEMS_MAX,
           "items in such a list"),
    NUMBER(CONFIG_RANKINGS, "items.lists.interval.ms", "60000", items_interval_ms, 1000, 604800000,
           "least time between the beginnings of two rounds over all items; lists that have not "
           "changed are not written again"),
    NUMBER(CONFIG_RANKINGS, "items.lists.per.second", "2000", items_per_second, 16, 1000000,
           "items whose lists are made in a second, at most; fewer make a round longer"),

    TEXT(CONFIG_HTTP, "http.listen", "", http_listen,
         "address and port for HTTP, such as 127.0.0.1:8080, or :8080 for all addresses, which "
         "need a token or TLS; empty: 'weft run' has no HTTP, and 'weft serve' takes "
         "127.0.0.1:8080"),
    TEXT(CONFIG_HTTP, "http.token.read.file", "", http_token_read_file,
         "file with the token, in one line, of requests that read; empty: they need none"),
    TEXT(CONFIG_HTTP, "http.token.write.file", "", http_token_write_file,
         "the same for requests that send events"),
    TEXT(CONFIG_HTTP, "http.token.admin.file", "", http_token_admin_file,
         "the same for all requests; empty: what is known of a visitor, and erasure, are for "
         "loopback alone"),
    TEXT(CONFIG_HTTP, "http.tls.certificate.file", "", http_tls_certificate_file,
         "PEM file of the certificate for HTTPS, with its chain; empty: plain HTTP"),
    TEXT(CONFIG_HTTP, "http.tls.key.file", "", http_tls_key_file,
         "PEM file of that certificate's key, without a password"),
    TEXT(CONFIG_HTTP, "http.cors.origins", "", http_cors_origins,
         "sites whose pages may ask and send, such as https://shop.example, with commas between "
         "them, or * for all; empty: pages of this server alone"),
    CHOICE(CONFIG_HTTP, "http.access.log", "errors", http_access_log, access_log_names,
           "which answers the log tells, by route, status and time, without paths and visitors; "
           "errors: those of 500 and above"),
    NUMBER(CONFIG_HTTP, "http.threads", "2", http_threads, 1, 64, "threads that answer requests"),
    NUMBER(CONFIG_HTTP, "http.connections.max", "12000", http_connections_max, 1, 1000000,
           "connections at a time, with open streams; the limit of open files must be higher"),
    NUMBER(CONFIG_HTTP, "http.body.bytes.max", "1048576", http_body_bytes, 1024, 67108864,
           "size of a request's body"),
    NUMBER(CONFIG_HTTP, "http.request.ms", "10000", http_request_ms, 100, 600000,
           "how long a request may take to come in whole; then its connection is cut"),
    NUMBER(CONFIG_HTTP, "http.idle.ms", "60000", http_idle_ms, 1000, 3600000,
           "how long a connection stays open without a request"),
    CHOICE(CONFIG_HTTP, "serve.explain", "on", serve_explain, switch_names,
           "on: 'weft serve' also follows the visitors' changelog, for what is known of a visitor"),
    NUMBER(CONFIG_HTTP, "serve.events.waiting.max", "20000", serve_events_waiting_max, 1, 10000000,
           "events that wait for Kafka's acknowledgement; above it, 'weft serve' answers 429"),
    NUMBER(CONFIG_HTTP, "serve.events.timeout.ms", "10000", serve_events_timeout_ms, 1000, 600000,
           "how long an event waits for it; then 'weft serve' answers 503, and the sender sends it "
           "again"),
};

const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];
