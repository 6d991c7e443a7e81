#include "processors/runtime/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define AT(field) offsetof(struct config, field)
#define TEXT(name, fallback, field, choices, help)                                                 \
    {name, fallback, help, AT(field), false, 0, 0, choices}
#define NUMBER(name, fallback, field, min, max, help)                                              \
    {name, fallback, help, AT(field), true, min, max, NULL}

#define DAY_MS "86400000"
#define EVENT_TIME_MAX_MS 10000000000000 /* year 2286: differences of times never overflow */

const struct config_key config_keys[] = {
    TEXT("application.id", "weft", application_id, NULL,
         "name of the consumer group and start of the names of weft's own topics"),
    TEXT("bootstrap.servers", "localhost:9092", bootstrap_servers, NULL,
         "brokers, host:port with commas"),
    TEXT("state.dir", "weft-state", state_dir, NULL, "folder for local state, one a process"),
    TEXT("instance.id", "", instance_id, NULL,
         "static member of the group; empty: drawn once and kept in state.dir"),
    TEXT("processing.guarantee", "exactly_once", processing_guarantee, "exactly_once|at_least_once",
         "at_least_once has no transactions"),
    NUMBER(
        "threads", "1", threads, 1, 64,
        "workers in this process, one a core: while one's transaction ends, another makes lists"),
    NUMBER("commit.interval.ms", "100", commit_interval_ms, 1, 60000, "a batch is never older"),
    NUMBER("commit.min.ms", "3", commit_min_ms, 0, 60000,
           "pause after a commit before a batch is closed because nothing more is ready"),
    NUMBER("batch.records.max", "20000", batch_records_max, 1, 1000000,
           "records in one transaction"),
    NUMBER("max.task.idle.ms", "2000", max_task_idle_ms, 0, 600000,
           "how long to wait for a partition that is not at its end, so that records are taken in "
           "the order of time"),
    NUMBER("session.timeout.ms", "6000", session_timeout_ms, 1000, 3600000,
           "after this a silent process's visitors go to others; brokers take no less than their "
           "group.min.session.timeout.ms, 6000"),
    NUMBER("num.standby", "0", num_standby, 0, 3,
           "follow the states of visitors that this process would get if so many others ended; "
           "3: of all"),
    TEXT("topics.view", "events.view", topic_view, NULL, "input"),
    TEXT("topics.search", "events.search", topic_search, NULL, "input"),
    TEXT("topics.cart", "events.cart", topic_cart, NULL, "input"),
    TEXT("topics.purchase", "events.purchase", topic_purchase, NULL, "input"),
    TEXT("topics.impression", "events.impression", topic_impression, NULL, "input"),
    TEXT("topics.click", "events.click", topic_click, NULL, "input"),
    TEXT("topics.user", "users", topic_user, NULL,
         "input: what the shop knows of its users, keyed by user_id, compacted; null erases"),
    TEXT("topics.product", "catalog.product", topic_product, NULL,
         "the catalogue: products keyed by item_id, compacted"),
    TEXT("topics.recommendations", "recommendations", topic_recommendations, NULL, "output"),
    TEXT("topics.rankings", "rankings", topic_rankings, NULL,
         "output: what is most viewed, bought, ..., and trending, for everybody"),
    NUMBER("partitions", "4", partitions, 1, 4096, "of topics that weft creates"),
    NUMBER("replication.factor", "-1", replication_factor, -1, 10,
           "of topics that weft creates; -1: the broker's default"),
    TEXT("input.key", "check", input_key, "check|trust",
         "check: a record whose key is not its visitor goes to the dead letters"),
    TEXT("output.format", "json", output_format, "json|avro", "of recommendations and rankings"),
    TEXT("schema.registry.url", "", schema_registry_url, NULL,
         "for records in Confluent framing, such as http://registry:8081"),
    TEXT("schemas.path", "", schemas_path, NULL,
         "folder of further writer schemas for single-object encoding: view.1.avsc, ..."),
    NUMBER("session.gap.ms", "1800000", session_gap_ms, 1000, 604800000,
           "a longer pause starts a new session"),
    NUMBER("double.click.ms", "500", double_click_ms, 0, 60000,
           "the same item viewed again within this is dropped"),
    TEXT("clicks.are.views", "off", clicks_are_views, "off|on",
         "on, for shops that send no view after a click: a record of topics.click is a view, too"),
    NUMBER("visitor.activities.max", "64", visitor_activities_max, 1, 1000,
           "remembered of a visitor"),
    NUMBER("visitor.tastes.half.life.ms", "2592000000", visitor_tastes_half_life_ms, 0,
           INT64_MAX / 4,
           "of what a visitor likes: brands, categories, prices, ...; 30 days; 0: it is not kept"),
    NUMBER("visitor.cache.bytes", "67108864", visitor_cache_bytes, 0, INT64_MAX,
           "memory for visitors, for each worker"),
    NUMBER("event.time.min.ms", "946684800000", event_time_min_ms, 0, EVENT_TIME_MAX_MS,
           "older events are refused; 2000-01-01"),
    NUMBER("event.future.max.ms", DAY_MS, event_future_max_ms, 0, EVENT_TIME_MAX_MS,
           "how far ahead of the clock an event may be"),
    NUMBER("list.items", "20", list_items, 1, LIST_ITEMS_MAX, "length of a list"),
    TEXT("placements.off", "email,category", placements_off, NULL,
         "lists that are not made, with commas: home, email, product, goes_with, search, cart, "
         "category, or your own"),
    TEXT("rules.path", "", rules_path, NULL,
         "file of the shop's own rules: pin, boost, bury, exclude, ... (deploy/rules.example)"),
    NUMBER(
        "rules.reload.ms", "1000", rules_reload_ms, 0, 86400000,
        "how often the file is looked at, and read again if it has changed; 0: at the start alone"),
    NUMBER("list.bought.ms", "2592000000", list_bought_ms, 0, INT64_MAX,
           "for so long what was bought does not come again; 30 days"),
    NUMBER("list.shown.max", "0", list_shown_max, 0, SHOWN_TIMES_MAX,
           "an item that was among the first of so many of a visitor's lists does not come until "
           "they do something with it; 0: it does"),
    NUMBER("list.shown.ms", "604800000", list_shown_ms, 60000, INT64_MAX / 4,
           "for so long lists are counted, then anew; 7 days"),
    TEXT("list.shown.from", "lists", list_shown_from, "lists|impressions",
         "what counts as being in a list: that it was written, or that topics.impression says that "
         "it was shown"),
    NUMBER("list.price.min", "0", list_price_min, 0, 1000000000,
           "what costs less does not come, in the shop's currency"),
    TEXT("list.adult", "shown", list_adult, "shown|hidden",
         "hidden: products with the tag adult or the attribute adult=true do not come"),
    NUMBER("list.gender.percent", "0", list_gender_percent, 0, 100,
           "products for a gender that makes up less of what the visitor did do not come, but "
           "unisex ones; 0: all do"),
    NUMBER("list.age.group.percent", "0", list_age_group_percent, 0, 100, "the same of age groups"),
    NUMBER("list.brand.max", "0", list_brand_max, 0, LIST_ITEMS_MAX,
           "of a brand in a list; 0: no limit"),
    NUMBER("list.diversity.percent", "0", list_diversity_percent, 0, 100,
           "how much being unlike the others counts against the score"),
    TEXT(
        "list.newcomers", "search", list_newcomers, "search|popular",
        "of whom no item is known yet: what answers their search, if there was one, before what is "
        "popular; popular: not"),
    TEXT("list.newcomers.channel", "on", list_newcomers_channel, "on|off",
         "of the same, where no search is answered: what those like who come by the same channel, "
         "before what is popular"),
    NUMBER("explore.percent", "0", explore_percent, 0, 50,
           "of the places of ranked lists that new products of the catalogue are tried out at"),
    NUMBER("explore.clicks", "20", explore_clicks, 1, 1000000, "a product with fewer is new"),
    NUMBER("items.max", "1000000", items_max, 1, 100000000, "items that the model learns"),
    NUMBER("cooccurrence.row.entries.max", "100", row_entries_max, 1, 100000,
           "items remembered after, and before, an item"),
    NUMBER("cooccurrence.half.life.ms", "7776000000", pair_half_life_ms, 60000, INT64_MAX,
           "90 days"),
    NUMBER("popularity.half.life.ms", "259200000", popular_half_life_ms, 60000, INT64_MAX,
           "3 days"),
    NUMBER("rankings.interval.ms", "60000", rankings_interval_ms, 0, 604800000,
           "how often rankings are made; one that has not changed is not written again; 0: none"),
    NUMBER("rankings.length", "50", rankings_length, 1, RANKING_ITEMS_MAX, "items of a ranking"),
    NUMBER("rankings.scopes.max", "2000", rankings_scopes_max, 0, 100000,
           "categories, brands, genders and age groups that have rankings, those with the most "
           "activity"),
    NUMBER("rankings.terms.max", "1000", rankings_terms_max, 0, 1000000,
           "searches that have one, those with the most taken after them"),
    NUMBER("rankings.trending.half.life.ms", "21600000", rankings_trending_half_life_ms, 60000,
           INT64_MAX,
           "of what is done very lately, which for trending is compared with what is done by the "
           "longer popularity.half.life.ms; 6 hours"),
    NUMBER("catalogue.products.max", "2000000", catalogue_products_max, 1, 100000000,
           "products of the catalogue; what comes after is refused and counted"),
    NUMBER("catalogue.attribute.names.max", "10000", catalogue_attribute_names_max, 0, 1000000,
           "distinct names of products' attributes"),
    NUMBER("catalogue.attribute.values.max", "1000000", catalogue_attribute_values_max, 0, 10000000,
           "distinct name=value of products' attributes"),
    NUMBER("catalogue.product.attributes.max", "100", catalogue_product_attributes_max, 0,
           PRODUCT_ATTRIBUTES_MAX, "attributes of one product"),
    NUMBER("catalogue.rescan.ms", "43200000", catalogue_rescan_ms, 1000, INT64_MAX,
           "a process that was away longer reads the catalogue from its beginning, since its topic "
           "may have forgotten deletions by then; below the topic's delete.retention.ms"),
    NUMBER("vectors.items.max", "1000000", vectors_items_max, 0, 100000000,
           "items with a vector, the least used give way; 0: no vectors"),
    NUMBER("vectors.ring.clicks", "200000", vectors_ring, 1000, 100000000,
           "clicks that negatives and replayed samples are drawn from"),
    NUMBER("vectors.clicks.per.second.max", "20000", vectors_clicks_per_second_max, 1, 1000000000,
           "above, vectors learn from a sample of the clicks"),
    NUMBER("neighbours.sessions.max", "200000", sessions_max, 0, 100000000,
           "sessions among which neighbours are found; 0: none"),
    NUMBER("neighbours.postings.max", "200", postings_max, 1, 100000,
           "newest sessions remembered of an item"),
    NUMBER("queries.max", "100000", queries_max, 0, 10000000,
           "searches whose clicks are remembered, the least used give way; 0: none"),
    NUMBER("queries.entries.max", "50", query_entries_max, 1, 10000,
           "items remembered of a search"),
    NUMBER("channels.max", "64", channels_max, 0, 100000,
           "channels (web, app, ...) of which is remembered what those take who come by them, the "
           "least used give way; 0: none"),
    NUMBER("channels.entries.max", "300", channel_entries_max, 1, 100000,
           "items remembered of a channel"),
    TEXT("quality", "full", quality, "full|lean|counts",
         "lean: no session neighbours, 64 candidates, every second click learned from; counts: "
         "co-occurrence counts alone, no vectors and no ranker, for the highest rates"),
    TEXT("learning", "on", learning, "on|off", "off: ranker and vectors stay as they are"),
    NUMBER("ranker.candidates", "96", ranker_candidates, 16, RANKED_MAX,
           "that are ranked, of all that the generators propose; at least 16 more than list.items"),
    NUMBER("ranker.learn.every", "1", ranker_learn_every, 1, 1000,
           "2: the ranker learns from every second click, and so on"),
    NUMBER("ranker.merge.ms", "5000", ranker_merge_ms, 100, 3600000,
           "how often a worker's ranker is merged with the others'"),
    NUMBER("ranker.served.bytes", "67108864", ranker_served_bytes, 0, INT64_MAX,
           "memory for lists that wait for their visitor's next click, for each worker"),
    NUMBER("ranker.served.ms", "120000", ranker_served_ms, 0, 86400000,
           "how long at least such a list waits"),
    NUMBER("quality.shown.bytes", "8388608", quality_shown_bytes, 0, INT64_MAX,
           "memory for shown lists that the next click is compared with, for each worker"),
    TEXT("ranker.features.off", "", features_off, NULL,
         "groups or names of features, with commas, that the ranker does not see"),
    TEXT("generators.off", "", generators_off, NULL,
         "names of candidate generators, with commas, that are not asked"),
    NUMBER("price.band", "100", price_band, 0, 1000000000,
           "prices that are not further apart are alike, in the shop's currency"),
    NUMBER("weight.cart", "1", weight_cart, 0, 100,
           "of putting into the cart in the ranker's learning, where a view is 1"),
    NUMBER("weight.purchase", "1", weight_purchase, 0, 100, "the same of a purchase"),
    NUMBER("model.save.ms", "5000", model_save_ms, 10, 3600000,
           "how often the model's rows are written to disk"),
    NUMBER("snapshot.interval.ms", "600000", snapshot_interval_ms, 0, 604800000,
           "between snapshots of the model, from which new processes start; 0: none"),
    NUMBER("metrics.interval.ms", "10000", metrics_interval_ms, 100, 3600000,
           "between metrics, in the log and on <application.id>-metrics"),
};

const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein 1966, with one row. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[CONFIG_TEXT_MAX + 1], size = smaller(strlen(b), CONFIG_TEXT_MAX);
    for (size_t k = 0; k <= size; k++)
        row[k] = k;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= size; k++) {
            size_t above = row[k];
            row[k] =
                smaller(smaller(above, row[k - 1]) + 1, diagonal + (a[i - 1] == b[k - 1] ? 0 : 1));
            diagonal = above;
        }
    }
    return row[size];
}

static const char *nearest_key(const char *name)
{
    size_t best = SIZE_MAX;
    const char *nearest = "";
    for (size_t i = 0; i < config_key_count; i++) {
        size_t distance = edit_distance(name, config_keys[i].name);
        if (distance < best) {
            best = distance;
            nearest = config_keys[i].name;
        }
    }
    return nearest;
}

/* ---- former names ---- */

struct former_name {
    const char *kind;
    const char *former;
    const char *name;
};

static const struct former_name former_generators[] = {
    {"generator", "neighbours", "session_knn"},
    {"generator", "similar", "content_similarity"},
    {"generator", "shelves", "category_popularity"},
};

static const struct former_name former_quality = {"quality", "rules", "counts"};

static void warn_former(struct config *config, const struct former_name *former)
{
    struct config_warnings *warnings = &config->warnings;
    char text[CONFIG_WARNING_BYTES_MAX];
    snprintf(text, sizeof text, "%s '%s' is called '%s' now", former->kind, former->former,
             former->name);
    for (uint32_t i = 0; i < warnings->count; i++)
        if (strcmp(warnings->text[i], text) == 0)
            return;
    if (warnings->count < CONFIG_WARNINGS_MAX)
        strcpy(warnings->text[warnings->count++], text);
}

static const struct former_name *find_former_generator(struct bytes name)
{
    for (size_t i = 0; i < sizeof former_generators / sizeof former_generators[0]; i++)
        if (bytes_equal(bytes_text(former_generators[i].former), name))
            return &former_generators[i];
    return NULL;
}

/* Copies a list of generators, such as "forward,popular:.2", with their present names. */
static void rename_generators(struct config *config, const char *list, struct buffer *to)
{
    struct bytes entry;
    while (list_next(&list, &entry)) {
        const char *colon = memchr(entry.at, ':', entry.size);
        struct bytes name = bytes_of(entry.at, colon ? (size_t)(colon - entry.at) : entry.size);
        const struct former_name *former = find_former_generator(name);
        if (former)
            warn_former(config, former);
        buffer_format(to, "%s%s%.*s", to->size ? "," : "", former ? former->name : "",
                      (int)(former ? entry.size - name.size : entry.size),
                      former ? entry.at + name.size : entry.at);
    }
    buffer_byte(to, '\0');
}

static bool names_generators(const char *key)
{
    const char *dot = strrchr(key, '.');
    return strcmp(key, "generators.off") == 0 ||
           (strncmp(key, "placements.", 11) == 0 && strcmp(dot, ".generators") == 0);
}

/* ---- setting one key ---- */

static bool among(const char *choices, const char *value)
{
    size_t size = strlen(value);
    if (strchr(value, '|'))
        return false;
    for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, value, size) == 0 && (at[size] == '|' || at[size] == '\0'))
            return true;
    return false;
}

static enum verdict set_kafka(struct config *config, const char *name, const char *value,
                              struct error *error)
{
    struct kafka_property *property = NULL;
    if (strlen(name) >= CONFIG_TEXT_MAX)
        return error_set(error, VERDICT_SKIP, "kafka.%.20s... is longer than %d bytes", name,
                         CONFIG_TEXT_MAX - 1);
    for (size_t i = 0; i < config->kafka_count && property == NULL; i++)
        if (strcmp(config->kafka[i].name, name) == 0)
            property = &config->kafka[i];
    if (property == NULL && config->kafka_count == CONFIG_KAFKA_MAX)
        return error_set(error, VERDICT_SKIP, "more than %d kafka.* keys", CONFIG_KAFKA_MAX);
    if (property == NULL)
        property = &config->kafka[config->kafka_count++];
    snprintf(property->name, sizeof property->name, "%s", name);
    snprintf(property->value, sizeof property->value, "%s", value);
    return VERDICT_OK;
}

static enum verdict set_number(struct config *config, const struct config_key *key,
                               const char *value, struct error *error)
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0')
        return error_set(error, VERDICT_SKIP, "%s = '%s' is not a whole number", key->name, value);
    if (number < key->min || number > key->max)
        return error_set(error, VERDICT_SKIP, "%s = %lld is not between %lld and %lld", key->name,
                         number, (long long)key->min, (long long)key->max);
    int64_t stored = number;
    memcpy((char *)config + key->offset, &stored, sizeof stored);
    return VERDICT_OK;
}

static enum verdict set_value(struct config *config, const char *name, const char *value,
                              struct error *error)
{
    if (strlen(value) >= CONFIG_TEXT_MAX)
        return error_set(error, VERDICT_SKIP, "the value of %s is longer than %d bytes", name,
                         CONFIG_TEXT_MAX - 1);
    if (strncmp(name, "kafka.", 6) == 0)
        return set_kafka(config, name + 6, value, error);
    if (strncmp(name, "placements.", 11) == 0 && strcmp(name, "placements.off") != 0)
        return placements_set(&config->placements, name + 11, value, error);
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (strcmp(key->name, name) != 0)
            continue;
        if (key->number)
            return set_number(config, key, value, error);
        if (key->choices && !among(key->choices, value))
            return error_set(error, VERDICT_SKIP, "%s = '%s' is none of %s", name, value,
                             key->choices);
        strcpy((char *)config + key->offset, value); /* the length was checked above */
        return VERDICT_OK;
    }
    return error_set(error, VERDICT_SKIP,
                     "there is no key '%s'; the nearest is '%s' ('weft check --keys' lists them)",
                     name, nearest_key(name));
}

enum verdict config_set(struct config *config, const char *name, const char *value,
                        struct error *error)
{
    if (names_generators(name)) {
        struct buffer present = {0};
        rename_generators(config, value, &present);
        enum verdict verdict = set_value(config, name, present.at, error);
        buffer_release(&present);
        return verdict;
    }
    if (strcmp(name, "quality") == 0 && strcmp(value, former_quality.former) == 0) {
        warn_former(config, &former_quality);
        value = former_quality.name;
    }
    return set_value(config, name, value, error);
}

void config_init(struct config *config)
{
    memset(config, 0, sizeof *config);
    placements_init(&config->placements);
    for (size_t i = 0; i < config_key_count; i++)
        config_set(config, config_keys[i].name, config_keys[i].fallback, NULL);
}

static char *trim(char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    size_t size = strlen(text);
    while (size > 0 && strchr(" \t\r\n", text[size - 1]))
        text[--size] = '\0';
    return text;
}

enum verdict config_assign(struct config *config, const char *assignment, struct error *error)
{
    char line[3 * CONFIG_TEXT_MAX];
    if (strlen(assignment) >= sizeof line)
        return error_set(error, VERDICT_SKIP, "longer than %zu bytes", sizeof line - 1);
    strcpy(line, assignment);
    char *equals = strchr(line, '=');
    if (equals == NULL)
        return error_set(error, VERDICT_SKIP, "'%s' is not key=value", assignment);
    *equals = '\0';
    return config_set(config, trim(line), trim(equals + 1), error);
}

enum verdict config_read_file(struct config *config, const char *path, struct error *error)
{
    char *line = NULL;
    size_t capacity = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return error_set(error, VERDICT_SKIP, "can't open %s: %s", path, strerror(errno));
    enum verdict verdict = VERDICT_OK;
    for (int number = 1; verdict == VERDICT_OK && getline(&line, &capacity, file) >= 0; number++) {
        char *text = trim(line);
        if (*text == '\0' || *text == '#' || *text == '!')
            continue;
        struct error inner = {0};
        verdict = config_assign(config, text, &inner);
        if (verdict != VERDICT_OK)
            error_set(error, verdict, "%s, line %d: %s", path, number, inner.message);
    }
    free(line);
    fclose(file);
    return verdict;
}

static enum verdict find_generators(const char *list, uint64_t *ret_bits, struct error *error)
{
    uint64_t bits = 0;
    struct bytes name;
    while (list_next(&list, &name)) {
        int generator = generator_find(name);
        if (generator < 0)
            return error_set(error, VERDICT_SKIP, "generators.off: there is no generator '%.*s'",
                             (int)name.size, name.at);
        bits |= 1ull << generator;
    }
    *ret_bits = bits;
    return VERDICT_OK;
}

#define LIST_SPARE 16
#define LEAN_CANDIDATES 64
#define COUNTS_CANDIDATES 64
#define LEAN_LEARN_EVERY 2

static enum verdict make_lean(struct config *config, struct error *error)
{
    struct recommend_settings *settings = &config->settings.recommend;
    struct feature_mask lean_features = {{0, 0}};
    uint64_t bits = 0;
    if (settings->rank.candidates_max > LEAN_CANDIDATES)
        settings->rank.candidates_max = LEAN_CANDIDATES;
    if (settings->learn_every < LEAN_LEARN_EVERY)
        settings->learn_every = LEAN_LEARN_EVERY;
    config->settings.model.sessions.sessions_max = 0;
    enum verdict verdict = find_generators("session_knn", &bits, error);
    if (verdict == VERDICT_OK)
        verdict = features_find("neighbours,pairs", &lean_features, error);
    settings->rank.generators_off |= bits;
    for (int i = 0; i < 2; i++)
        settings->rank.features_off.words[i] |= lean_features.words[i];
    return verdict;
}

static void make_counts(struct config *config)
{
    struct recommend_settings *settings = &config->settings.recommend;
    config->settings.model.sessions.sessions_max = 0;
    config->settings.model.vectors.items_max = 0;
    settings->rank.candidates_max = COUNTS_CANDIDATES;
    settings->rank.ranker_off = true;
    settings->learning = false;
}

static enum verdict finish_recommend(struct config *config, struct error *error)
{
    struct recommend_settings *settings = &config->settings.recommend;
    *settings = (struct recommend_settings){
        .rank.session_gap_ms = config->session_gap_ms,
        .rank.candidates_max = (uint32_t)config->ranker_candidates,
        .learn_every = (uint32_t)config->ranker_learn_every,
        .learning = strcmp(config->learning, "on") == 0,
        .merge_ms = config->ranker_merge_ms,
        .training_log_bytes = (size_t)config->ranker_served_bytes,
        .training_log_age_ms = config->ranker_served_ms,
        .shown_bytes = (size_t)config->quality_shown_bytes,
    };
    settings->filters = (struct filter_settings){
        .bought_ms = config->list_bought_ms,
        .adult_off = strcmp(config->list_adult, "hidden") == 0,
        .price_min = (float)config->list_price_min,
        .gender_min = (float)config->list_gender_percent / 100,
        .age_group_min = (float)config->list_age_group_percent / 100,
        .shown_max = (uint32_t)config->list_shown_max,
        .brand_max = (uint32_t)config->list_brand_max,
        .diversity = (float)config->list_diversity_percent / 100,
    };
    settings->cold_start.search = strcmp(config->list_newcomers, "search") == 0;
    settings->cold_start.channel = strcmp(config->list_newcomers_channel, "on") == 0;
    settings->explore = (struct explore_settings){.share = (float)config->explore_percent / 100,
                                                  .clicks = (uint32_t)config->explore_clicks};
    settings->rank.price_band = (float)config->price_band;
    for (int kind = 0; kind < KINDS; kind++)
        settings->kind_weights[kind] = 1;
    settings->kind_weights[KIND_CART] = (float)config->weight_cart;
    settings->kind_weights[KIND_PURCHASE] = (float)config->weight_purchase;
    enum verdict verdict =
        find_generators(config->generators_off, &settings->rank.generators_off, error);
    if (verdict == VERDICT_OK)
        verdict = features_find(config->features_off, &settings->rank.features_off, error);
    if (verdict == VERDICT_OK)
        verdict = placements_finish(&config->placements, config->placements_off, error);
    settings->placements = config->placements;
    if (verdict == VERDICT_OK && strcmp(config->quality, "lean") == 0)
        verdict = make_lean(config, error);
    if (strcmp(config->quality, "counts") == 0)
        make_counts(config);
    /* Enough to fill a list from which the context and what is filtered were taken out. */
    uint32_t least = (uint32_t)config->list_items;
    for (uint32_t i = 0; i < settings->placements.count; i++)
        if (settings->placements.at[i].length > least)
            least = settings->placements.at[i].length;
    least += LIST_SPARE;
    if (settings->rank.candidates_max < least)
        settings->rank.candidates_max = least < RANKED_MAX ? least : RANKED_MAX;
    return verdict;
}

enum verdict config_finish(struct config *config, struct error *error)
{
    const char *id = config->application_id;
    for (const char *at = id; *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *at))
            return error_set(error, VERDICT_SKIP,
                             "application.id = '%s' has characters that no topic's name may have",
                             id);
    if (*id == '\0' || strlen(id) > 150)
        return error_set(error, VERDICT_SKIP, "application.id must have 1 to 150 characters");
    if (config->commit_min_ms > config->commit_interval_ms)
        return error_set(error, VERDICT_SKIP, "commit.min.ms is larger than commit.interval.ms");
    config->settings = (struct settings){
        .session_gap_ms = config->session_gap_ms,
        .double_click_ms = config->double_click_ms,
        .activities_max = (uint32_t)config->visitor_activities_max,
        .tastes_half_life_ms = config->visitor_tastes_half_life_ms,
        .shown_ms = config->list_shown_ms,
        .shown_from_impressions = config->list_shown_from[0] == 'i',
        .clicks_are_views = strcmp(config->clicks_are_views, "on") == 0,
        .event_time_min_ms = config->event_time_min_ms,
        .event_future_max_ms = config->event_future_max_ms,
        .list_items = (uint32_t)config->list_items,
        .output_avro = config->output_format[0] == 'a',
        .rankings = {.length = (uint32_t)config->rankings_length,
                     .scopes_max = (uint32_t)config->rankings_scopes_max,
                     .terms_max = (uint32_t)config->rankings_terms_max},
        .catalogue =
            {
                .products_max = (uint32_t)config->catalogue_products_max,
                .attribute_names_max = (uint32_t)config->catalogue_attribute_names_max,
                .attribute_values_max = (uint32_t)config->catalogue_attribute_values_max,
                .product_attributes_max = (uint32_t)config->catalogue_product_attributes_max,
            },
        .model =
            {
                .items_max = (uint32_t)config->items_max,
                .row_entries_max = (uint32_t)config->row_entries_max,
                .pair_half_life_ms = config->pair_half_life_ms,
                .popular_half_life_ms = config->popular_half_life_ms,
                .quick_half_life_ms = config->rankings_trending_half_life_ms,
                .vectors = {.items_max = (uint32_t)config->vectors_items_max,
                            .ring_max = (uint32_t)config->vectors_ring},
                .sessions = {.sessions_max = (uint32_t)config->sessions_max,
                             .postings_max = (uint32_t)config->postings_max,
                             .gap_ms = config->session_gap_ms},
                .queries = {.queries_max = (uint32_t)config->queries_max,
                            .entries_max = (uint32_t)config->query_entries_max},
                .channels = {.queries_max = (uint32_t)config->channels_max,
                             .entries_max = (uint32_t)config->channel_entries_max},
                .encoder_clicks_per_second_max =
                    strcmp(config->learning, "on") == 0
                        ? (uint32_t)config->vectors_clicks_per_second_max
                        : 0,
                .features = features_hash(),
            },
    };
    return finish_recommend(config, error);
}

void config_topic(const struct config *config, const char *suffix, char *to, size_t size)
{
    snprintf(to, size, "%s-%s", config->application_id, suffix);
}
