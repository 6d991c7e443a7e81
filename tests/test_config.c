/* Configuration: defaults, ranges, messages, files. */
#include "processors/runtime/config.h"
#include "tests/test.h"

#define CHECK_SET(name, value, part)                                                               \
    do {                                                                                           \
        struct config set_config;                                                                  \
        struct error why = {0};                                                                    \
        const char *expected = (part);                                                             \
        config_init(&set_config);                                                                  \
        enum verdict set = config_set(&set_config, (name), (value), &why);                         \
        CHECK_SAY((set == VERDICT_OK) == (expected == NULL), "%s = %s: %s", (name), (value),       \
                  why.message);                                                                    \
        CHECK_CONTAINS(why.message, expected ? expected : "");                                     \
    } while (0)

static void test_defaults(void)
{
    struct config config, again;
    struct error error = {0};
    memset(&config, 'x', sizeof config);
    config_init(&config);
    config_init(&again);
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        CHECK_SET(key->name, key->fallback, NULL);
        CHECK(config_set(&again, key->name, key->fallback, NULL) == VERDICT_OK);
        CHECK(key->help && key->help[0]);
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(key->name, config_keys[k].name) != 0 &&
                  key->offset != config_keys[k].offset);
    }
    CHECK(memcmp(&config, &again, sizeof config) == 0);
    CHECK_SAY(config_finish(&config, &error) == VERDICT_OK, "%s", error.message);
    CHECK_INT(config.settings.session_gap_ms, 1800000);
    CHECK_INT(config.settings.list_items, 20);
    CHECK(!config.settings.output_avro && config_exactly_once(&config));
    char topic[64];
    config_topic(&config, "late", topic, sizeof topic);
    CHECK_TEXT(topic, "weft-late");
}

static void test_ranges(void)
{
    char value[32];
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (!config_key_is_number(key)) {
            if (key->choices)
                CHECK_SET(key->name, "nonsense", "is not ");
            continue;
        }
        CHECK_SAY(key->type != CONFIG_UINT32 || key->max <= UINT32_MAX, "%s", key->name);
        CHECK_SAY(key->type != CONFIG_UINT32 || key->min >= 0, "%s", key->name);
        snprintf(value, sizeof value, "%" PRId64, key->min);
        CHECK_SET(key->name, value, NULL);
        snprintf(value, sizeof value, "%" PRId64, key->max);
        CHECK_SET(key->name, value, NULL);
        if (key->min > INT64_MIN) {
            snprintf(value, sizeof value, "%" PRId64, key->min - 1);
            CHECK_SET(key->name, value, "is not between");
        }
        if (key->max < INT64_MAX) {
            snprintf(value, sizeof value, "%" PRId64, key->max + 1);
            CHECK_SET(key->name, value, "is not between");
        }
        CHECK_SET(key->name, "", "is not a whole number");
        CHECK_SET(key->name, "1.5", "is not a whole number");
        CHECK_SET(key->name, "1s", "is not a whole number");
        CHECK_SET(key->name, "9223372036854775808", "is not a whole number");
    }
}

static void test_names(void)
{
    char long_text[CONFIG_TEXT_MAX + 1];
    memset(long_text, 'x', sizeof long_text);
    long_text[CONFIG_TEXT_MAX] = '\0';
    CHECK_SET("commit.intervall.ms", "1", "the nearest is 'commit.interval.ms'");
    CHECK_SET("bootstrap.server", "x", "the nearest is 'bootstrap.servers'");
    CHECK_SET("", "x", "there is no key ''");
    CHECK_SET("topics.view", long_text, "longer than 255 bytes");
    CHECK_SET("topics.view", long_text + 1, NULL);
    CHECK_SET(long_text, "x", "there is no key");
    CHECK_SET("input.key", "check", NULL);
    CHECK_SET("input.key", "trust", NULL);
    CHECK_SET("input.key", "", "is not ");
    CHECK_SET("input.key", "tru", "is not ");
    CHECK_SET("input.key", "check|trust", "is not ");
    struct config config;
    struct error error = {0};
    char name[32];
    config_init(&config);
    CHECK(config_set(&config, "kafka.security.protocol", "SSL", NULL) == VERDICT_OK);
    CHECK(config_set(&config, "kafka.security.protocol", "PLAINTEXT", NULL) == VERDICT_OK);
    CHECK_INT(config.kafka_count, 1);
    CHECK_TEXT(config.kafka[0].name, "security.protocol");
    CHECK_TEXT(config_kafka_value(&config, 0), "PLAINTEXT");
    for (int i = 1; i < CONFIG_KAFKA_MAX; i++) {
        snprintf(name, sizeof name, "kafka.x%d", i);
        CHECK(config_set(&config, name, "y", NULL) == VERDICT_OK);
    }
    CHECK(config_set(&config, "kafka.one.more", "y", &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "more than 64 kafka.* keys");
    char long_name[CONFIG_TEXT_MAX + 8] = "kafka.";
    memset(long_name + 6, 'n', CONFIG_TEXT_MAX);
    long_name[6 + CONFIG_TEXT_MAX] = '\0';
    CHECK_SET(long_name, "y", "longer");
}

/* Each type of field gets its value. */
static void test_types(void)
{
    struct config config;
    struct error error = {0};
    config_init(&config);
    CHECK(config.guarantee == GUARANTEE_EXACTLY_ONCE && config.quality == QUALITY_FULL);
    CHECK(!config.trust_keys && !config.chosen.output_avro && !config.chosen.clicks_are_views);
    CHECK(config.chosen.recommend.learning && config.chosen.recommend.cold_start.search);
    CHECK(config.chosen.recommend.cold_start.channel && !config.chosen.shown_from_impressions);
    CHECK(config_set(&config, "processing.guarantee", "at_least_once", NULL) == VERDICT_OK);
    CHECK(config_set(&config, "quality", "lean", NULL) == VERDICT_OK);
    CHECK(config_set(&config, "input.key", "trust", NULL) == VERDICT_OK);
    CHECK(config_set(&config, "list.newcomers", "popular", NULL) == VERDICT_OK);
    CHECK(config_set(&config, "list.shown.from", "impressions", NULL) == VERDICT_OK);
    CHECK(config_set(&config, "list.adult", "hidden", NULL) == VERDICT_OK);
    CHECK(config_set(&config, "list.gender.percent", "25", NULL) == VERDICT_OK);
    CHECK(config_set(&config, "list.price.min", "30", NULL) == VERDICT_OK);
    CHECK(config_set(&config, "ranker.served.bytes", "9223372036854775807", NULL) == VERDICT_OK);
    CHECK(config_set(&config, "session.gap.ms", "5000", NULL) == VERDICT_OK);
    CHECK_SAY(config_finish(&config, &error) == VERDICT_OK, "%s", error.message);
    const struct recommend_settings *recommend = &config.settings.recommend;
    CHECK(!config_exactly_once(&config) && config.quality == QUALITY_LEAN && config.trust_keys);
    CHECK(!recommend->cold_start.search && config.settings.shown_from_impressions);
    CHECK(recommend->filters.adult_off);
    CHECK(recommend->filters.gender_min > .2499f && recommend->filters.gender_min < .2501f);
    CHECK(recommend->filters.price_min > 29.9f && recommend->filters.price_min < 30.1f);
    CHECK(recommend->training_log_bytes == INT64_MAX);
    CHECK_INT(recommend->rank.session_gap_ms, 5000);
    CHECK_INT(config.settings.model.sessions.gap_ms, 5000);
    CHECK_SET("quality", "fast", "quality = 'fast' is not full, lean or counts");
}

/* config_finish() starts from what the keys say, however often it is called. */
static void test_finish_again(void)
{
    struct config config;
    config_init(&config);
    CHECK(config_set(&config, "quality", "counts", NULL) == VERDICT_OK);
    CHECK(config_set(&config, "list.items", "100", NULL) == VERDICT_OK);
    CHECK(config_finish(&config, NULL) == VERDICT_OK);
    CHECK_INT(config.settings.recommend.rank.candidates_max, 116);
    CHECK(config_set(&config, "quality", "full", NULL) == VERDICT_OK);
    CHECK(config_set(&config, "list.items", "20", NULL) == VERDICT_OK);
    CHECK(config_finish(&config, NULL) == VERDICT_OK);
    CHECK_INT(config.settings.recommend.rank.candidates_max, 96);
    CHECK(config.settings.recommend.learning && config.settings.model.vectors.items_max > 0);
    CHECK_INT(config.settings.recommend.rank.generators_off, 0);
}

static void test_groups(void)
{
    struct buffer all = {0}, one = {0};
    config_keys_text(CONFIG_GROUPS, &all);
    buffer_byte(&all, '\0');
    for (size_t i = 0; i < config_key_count; i++) {
        char line[200];
        snprintf(line, sizeof line, "\n%s=%s\n    ", config_keys[i].name, config_keys[i].fallback);
        CHECK_CONTAINS(all.at, line);
        CHECK(config_keys[i].group < CONFIG_GROUPS);
        CHECK(i == 0 || config_keys[i].group >= config_keys[i - 1].group);
    }
    for (int i = 0; i < CONFIG_GROUPS; i++) {
        char line[200];
        snprintf(line, sizeof line, "# %s: %s\n", config_groups[i].name, config_groups[i].summary);
        CHECK_CONTAINS(all.at, line);
    }
    config_keys_text(CONFIG_RANKINGS, &one);
    buffer_byte(&one, '\0');
    CHECK(strncmp(one.at, "# rankings: ", 12) == 0);
    CHECK_CONTAINS(one.at, "\nrankings.length=50\n");
    CHECK(strstr(one.at, "list.items") == NULL);
    buffer_release(&all);
    buffer_release(&one);
}

static void test_assign(void)
{
    struct config config;
    struct error error = {0};
    config_init(&config);
    CHECK(config_assign(&config, " \ttopics.view =  a=b \r\n", NULL) == VERDICT_OK);
    CHECK_TEXT(config.topic_view, "a=b");
    CHECK(config_assign(&config, "instance.id=", NULL) == VERDICT_OK);
    CHECK_TEXT(config.instance_id, "");
    CHECK(config_assign(&config, "topics.view", &error) == VERDICT_SKIP);
    CHECK_TEXT(error.message, "'topics.view' is not key=value");
    char text[4 * CONFIG_TEXT_MAX];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    CHECK(config_assign(&config, text, NULL) == VERDICT_SKIP);
}

static void test_finish(void)
{
    static const struct {
        const char *assignment, *part;
    } cases[] = {
        {"application.id=a b", "has characters that no topic's name may have"},
        {"application.id=", "1 to 150 characters"},
        {"commit.min.ms=101", "commit.min.ms is larger"},
        {"commit.min.ms=100", NULL},
        {"output.format=avro", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config config;
        struct error error = {0};
        config_init(&config);
        CHECK(config_assign(&config, cases[i].assignment, NULL) == VERDICT_OK);
        CHECK((config_finish(&config, &error) == VERDICT_OK) == (cases[i].part == NULL));
        CHECK_CONTAINS(error.message, cases[i].part ? cases[i].part : "");
        CHECK_INT(config.settings.output_avro, i == 4);
    }
}

static enum verdict read_text(struct config *config, const char *text, struct error *error)
{
    char *folder = test_new_folder(), path[4200];
    snprintf(path, sizeof path, "%s/shop.properties", folder);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    config_init(config);
    enum verdict verdict = config_read_file(config, path, error);
    test_remove_folder(folder);
    free(folder);
    return verdict;
}

static void test_files(void)
{
    struct config config;
    struct error error = {0};
    CHECK(read_text(&config,
                    "# comment\n\n! another\n  threads = 4 \r\nlist.items=7\ntopics.view=v",
                    &error) == VERDICT_OK);
    CHECK_INT(config.threads, 4);
    CHECK_INT(config.chosen.list_items, 7);
    CHECK_TEXT(config.topic_view, "v");
    CHECK(read_text(&config, "", &error) == VERDICT_OK);
    CHECK(read_text(&config, "threads=2\n\n# x\nthreds=3\nnonsense\n", &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "shop.properties, line 4: there is no key 'threds'; the nearest "
                                  "is 'threads'");
    CHECK_INT(config.threads, 2);
    error_clear(&error);
    CHECK(read_text(&config, "threads", &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "line 1: 'threads' is not key=value");
    error_clear(&error);
    CHECK(config_read_file(&config, "/nonexistent/x", &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "can't open /nonexistent/x");
}

/* A comment may be as long as it likes, and counts as one line. */
static void test_long_lines(void)
{
    struct buffer text = {0};
    struct config config;
    struct error error = {0};
    buffer_byte(&text, '#');
    for (int i = 0; i < 10000; i++)
        buffer_byte(&text, 'c');
    buffer_append(&text, "\nthreads=3\nx=1\n", 16);
    CHECK(read_text(&config, text.at, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "line 3: there is no key 'x'");
    CHECK_INT(config.threads, 3);
    buffer_release(&text);
}

/* Five brokers with long names, and a path: beyond 255 bytes. */
static void test_long_values(void)
{
    struct config config;
    struct error error = {0};
    char brokers[5 * 80 + 1], path[CONFIG_LONG_MAX + 1];
    config_init(&config);
    for (int i = 0; i < 5; i++)
        snprintf(brokers + 80 * i, 81, "kafka-%d.%064d:9093%s", i, i, i < 4 ? "," : " ");
    brokers[strlen(brokers) - 1] = '\0';
    CHECK_SAY(config_set(&config, "bootstrap.servers", brokers, &error) == VERDICT_OK, "%s",
              error.message);
    CHECK_TEXT(config.bootstrap_servers, brokers);
    CHECK(config_set(&config, "kafka.ssl.ca.location", brokers, NULL) == VERDICT_OK);
    CHECK_TEXT(config_kafka_value(&config, 0), brokers);
    memset(path, 'p', sizeof path);
    path[CONFIG_LONG_MAX] = '\0';
    CHECK(config_set(&config, "state.dir", path + 1, NULL) == VERDICT_OK);
    CHECK_TEXT(config.state_dir, path + 1);
    CHECK(config_set(&config, "state.dir", path, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "longer than 4095 bytes");
}

/* A certificate over many lines of the file, as Java's properties have it. */
static void test_certificate(void)
{
    struct config config;
    struct error error = {0};
    config_init(&config);
    CHECK_SAY(read_text(&config,
                        "kafka.ssl.ca.pem = -----BEGIN CERTIFICATE-----\\n\\\n"
                        "    MIIB\\n\\\n  -----END CERTIFICATE-----\\n\n"
                        "kafka.sasl.password=a\\nb\nthreads=2\nx=1\n",
                        &error) == VERDICT_SKIP,
              "%s", error.message);
    CHECK_CONTAINS(error.message, "line 6: there is no key 'x'");
    CHECK_TEXT(config_kafka_value(&config, 0),
               "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    CHECK_TEXT(config_kafka_value(&config, 1), "a\\nb");
    CHECK_INT(config.threads, 2);
}

/* Values that are set again leave no gaps, and their sum is bounded. */
static void test_room_for_kafka(void)
{
    struct config config;
    struct error error = {0};
    char value[CONFIG_KAFKA_BYTES_MAX / 2 + 40];
    config_init(&config);
    memset(value, 'v', sizeof value);
    value[sizeof value - 1] = '\0';
    for (int i = 0; i < 20; i++) {
        CHECK(config_set(&config, "kafka.ssl.ca.pem", value + i, NULL) == VERDICT_OK);
        CHECK(config_set(&config, "kafka.sasl.password", i % 2 ? "secret" : "", NULL) ==
              VERDICT_OK);
        CHECK_TEXT(config_kafka_value(&config, 0), value + i);
        CHECK_TEXT(config_kafka_value(&config, 1), i % 2 ? "secret" : "");
    }
    CHECK_INT(config.kafka_count, 2);
    CHECK_INT(config.kafka_bytes, strlen(value + 19) + 1 + sizeof "secret");
    CHECK(config_set(&config, "kafka.ssl.key.pem", value, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "longer than 65536 bytes in all");
    CHECK_INT(config.kafka_count, 2);
    CHECK(config_set(&config, "kafka.ssl.key.pem", "short", &error) == VERDICT_OK);
    CHECK_TEXT(config_kafka_value(&config, 2), "short");
}

static void test_placements(void)
{
    struct config config;
    struct error error = {0};
    config_init(&config);
    CHECK(config_set(&config, "placements.off", "cart, search", NULL) == VERDICT_OK);
    CHECK(config_set(&config, "placements.checkout.context", "cart", NULL) == VERDICT_OK);
    CHECK(config_set(&config, "placements.checkout.length", "90", NULL) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    const struct placements *placements = &config.settings.recommend.placements;
    for (uint32_t i = 0; i < placements->count; i++)
        CHECK(placements->at[i].off == (strcmp(placements->at[i].name, "cart") == 0 ||
                                        strcmp(placements->at[i].name, "search") == 0));
    CHECK_INT(placements_find(placements, "checkout")->length, 90);
    CHECK(config.settings.recommend.rank.candidates_max > 90); /* enough to fill it */
    CHECK(config_set(&config, "placements.off", "carts", NULL) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "there is no placement 'carts'; there are home, email");
    error_clear(&error);
    CHECK(read_text(&config, "threads=1\nplacements.checkout.contxt=cart\n", &error) ==
          VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "line 2: placements.checkout.contxt is no key: context, when");
}

static void test_quality(void)
{
    static const struct {
        const char *name;
        uint32_t candidates;
        bool session_knn, vectors, unranked, learning;
    } sets[] = {{"full", 96, true, true, false, true},
                {"lean", 64, false, true, false, true},
                {"counts", 64, false, false, true, false}};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        struct config config;
        config_init(&config);
        CHECK(config_set(&config, "quality", sets[i].name, NULL) == VERDICT_OK);
        CHECK(config_finish(&config, NULL) == VERDICT_OK);
        const struct settings *settings = &config.settings;
        CHECK_INT(settings->recommend.rank.candidates_max, sets[i].candidates);
        CHECK((settings->model.sessions.sessions_max > 0) == sets[i].session_knn);
        CHECK((settings->model.vectors.items_max > 0) == sets[i].vectors);
        CHECK(settings->recommend.rank.ranker_off == sets[i].unranked);
        CHECK(settings->recommend.learning == sets[i].learning);
    }
}

/* Names of values from earlier versions are accepted, and a warning tells the present ones. */
static void test_former_names(void)
{
    struct config config;
    struct error error = {0};
    config_init(&config);
    CHECK_INT(config.warnings.count, 0);
    CHECK(config_set(&config, "generators.off", "shelves, popular,neighbours,similar", &error) ==
          VERDICT_OK);
    CHECK_TEXT(config.generators_off, "category_popularity,popular,session_knn,content_similarity");
    CHECK_INT(config.warnings.count, 3);
    CHECK_TEXT(config.warnings.text[0], "generator 'shelves' is called 'category_popularity' now");
    CHECK_TEXT(config.warnings.text[1], "generator 'neighbours' is called 'session_knn' now");
    CHECK_TEXT(config.warnings.text[2], "generator 'similar' is called 'content_similarity' now");
    CHECK(config_set(&config, "quality", "rules", &error) == VERDICT_OK);
    CHECK_INT(config.warnings.count, 4);
    CHECK_TEXT(config.warnings.text[3], "quality 'rules' is called 'counts' now");
    CHECK(config_set(&config, "placements.email.generators", "forward, shelves:.5 ,similar",
                     &error) == VERDICT_OK);
    CHECK_INT(config.warnings.count, 4); /* each is told once */
    CHECK(config_set(&config, "ranker.served.ms", "7", &error) == VERDICT_OK);
    CHECK_TEXT(config.warnings.text[4], "'ranker.served.ms' has no effect any more: remove it");
    CHECK(config_set(&config, "placements.email.generators", "brand:.5", &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "there is no generator 'brand'");
    error_clear(&error);
    CHECK_SAY(config_finish(&config, &error) == VERDICT_OK, "%s", error.message);
    CHECK(config.settings.recommend.rank.ranker_off);
    CHECK(config.settings.recommend.rank.generators_off >>
              generator_find(bytes_text("session_knn")) &
          1);
    const struct placement *email = placements_find(&config.settings.recommend.placements, "email");
    int popularity = generator_find(bytes_text("category_popularity"));
    CHECK(!(email->generators_off >> popularity & 1));
    CHECK(email->weights[popularity] > .4f && email->weights[popularity] < .6f);
    CHECK(email->generators_off >> generator_find(bytes_text("popular")) & 1);
}

static void test_registry_keys(void)
{
    static const struct {
        const char *const set[4];
        const char *message; /* NULL: good */
    } cases[] = {
        {{"schema.registry.url=http://h", "schema.registry.user=u",
          "schema.registry.password.file=p"},
         NULL},
        {{"schema.registry.url=http://h", "schema.registry.token.file=t"}, NULL},
        {{"schema.registry.url=http://h", "schema.registry.user=u", "schema.registry.token.file=t"},
         "schema.registry.user and schema.registry.token.file are both set"},
        {{"schema.registry.url=http://h", "schema.registry.key.file=k"},
         "schema.registry.key.file needs schema.registry.certificate.file"},
        {{"schema.registry.url=http://h", "schema.registry.certificate.file=c"},
         "schema.registry.certificate.file needs schema.registry.key.file"},
        {{"schema.registry.ca.file=c"}, "need schema.registry.url"},
        {{"schema.registry.user=u"}, "need schema.registry.url"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config config;
        struct error error = {0};
        config_init(&config);
        for (int k = 0; k < 4 && cases[i].set[k]; k++)
            CHECK(config_assign(&config, cases[i].set[k], NULL) == VERDICT_OK);
        CHECK_SAY((config_finish(&config, &error) == VERDICT_OK) == (cases[i].message == NULL),
                  "%zu: %s", i, error.message);
        CHECK_CONTAINS(error.message, cases[i].message ? cases[i].message : "");
    }
}

int main(void)
{
    TEST_RUN(test_former_names);
    TEST_RUN(test_quality);
    TEST_RUN(test_defaults);
    TEST_RUN(test_ranges);
    TEST_RUN(test_names);
    TEST_RUN(test_types);
    TEST_RUN(test_finish_again);
    TEST_RUN(test_groups);
    TEST_RUN(test_assign);
    TEST_RUN(test_finish);
    TEST_RUN(test_files);
    TEST_RUN(test_long_lines);
    TEST_RUN(test_long_values);
    TEST_RUN(test_certificate);
    TEST_RUN(test_room_for_kafka);
    TEST_RUN(test_placements);
    TEST_RUN(test_registry_keys);
    return test_done();
}
