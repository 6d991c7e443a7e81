/* The real topology is valid; what is printed of it hangs together. */
#include "processors/runtime/topology.h"
#include "schemas/codec.h"
#include "tests/test.h"

static struct topology build_with(bool optional)
{
    struct config config;
    struct topology topology;
    struct error error = {0};
    config_init(&config);
    CHECK(config_set(&config, "lists.early", optional ? "on" : "off", NULL) == VERDICT_OK);
    CHECK(config_set(&config, "items.lists", optional ? "on" : "off", NULL) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK_SAY(topology_build(&config, &topology, &error) == VERDICT_OK, "%s", error.message);
    return topology;
}

static struct topology build(void)
{
    return build_with(true);
}

static void check_stage(const struct step *const *steps, size_t count, enum stage stage)
{
    CHECK(count > 0);
    for (size_t i = 0; i < count; i++) {
        CHECK(steps[i]->stage == stage);
        CHECK(i == 0 ? steps[i]->after == NULL
                     : steps[i]->after && strcmp(steps[i]->after, steps[i - 1]->name) == 0);
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(steps[i]->name, steps[k]->name) != 0);
    }
}

static void test_real(void)
{
    struct topology topology = build();
    check_stage(topology.visitors, topology.visitors_count, STAGE_VISITORS);
    check_stage(topology.model, topology.model_count, STAGE_MODEL);
    CHECK_TEXT(topology.visitors[0]->name, "users");
    CHECK_TEXT(topology.visitors[topology.visitors_count - 1]->name, "lists");
    for (int i = 0; i < TOPICS; i++) {
        CHECK(topology.topics[i][0]);
        if (topic_rows[i].schema)
            CHECK_SAY(schema_text(topic_rows[i].schema).at, "no schema %s", topic_rows[i].schema);
    }
    for (int i = 0; i < INPUT_TOPICS; i++) /* the index is the event type's */
        CHECK_TEXT(topic_rows[i].name, event_type_names[i]);
    CHECK_TEXT(topology.topics[TOPIC_VIEW], "events.view");
    CHECK_TEXT(topology.topics[TOPIC_LATE], "weft-late");
}

static void test_same_topic_twice(void)
{
    struct config config;
    struct topology topology;
    struct error error = {0};
    config_init(&config);
    config_set(&config, "topics.cart", "events.view", NULL);
    CHECK(topology_build(&config, &topology, &error) == VERDICT_FATAL);
    CHECK_TEXT(error.message, "view and cart are both the topic events.view");
    error_clear(&error);
    config_set(&config, "topics.cart", "weft-late", NULL);
    CHECK(topology_build(&config, &topology, &error) == VERDICT_FATAL);
    CHECK_CONTAINS(error.message, "are both the topic weft-late");
}

/* ---- DOT ---- */

#define NAMES_MAX 200

struct names {
    char at[NAMES_MAX][80];
    size_t count;
};

static bool has(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->at[i], name) == 0)
            return true;
    return false;
}

/* A name with or without quotes; returns what follows it, NULL: there is none. */
static const char *read_name(const char *at, char *to)
{
    size_t size = 0;
    at += strspn(at, " ");
    bool quoted = *at == '"';
    at += quoted;
    while (*at && (quoted ? *at != '"' : strchr("abcdefghijklmnopqrstuvwxyz_", *at) != NULL))
        to[size++] = *at++;
    to[size] = '\0';
    return size ? at + quoted : NULL;
}

static void test_dot(void)
{
    static struct names nodes, ends;
    struct topology topology = build();
    struct buffer dot = {0};
    int depth = 0;
    topology_dot(&topology, &dot);
    buffer_byte(&dot, '\0');
    for (char *line = strtok(dot.at, "\n"); line; line = strtok(NULL, "\n")) {
        char name[80], other[80];
        const char *rest = read_name(line, name);
        for (const char *c = line; *c; c++)
            depth += *c == '{' ? 1 : *c == '}' ? -1 : 0;
        CHECK(depth >= 0);
        if (rest && strncmp(rest, " -> ", 4) == 0) {
            rest = read_name(rest + 4, other);
            CHECK(rest && (*rest == ';' || strncmp(rest, " [", 2) == 0) && strchr(rest, ';'));
            snprintf(ends.at[ends.count++], 80, "%s", name);
            snprintf(ends.at[ends.count++], 80, "%s", other);
        } else if (rest && (*rest == ';' || (strncmp(rest, " [", 2) == 0 && strchr(rest, ';')))) {
            snprintf(nodes.at[nodes.count++], 80, "%s", name);
        }
    }
    CHECK_INT(depth, 0);
    CHECK(ends.count > 10);
    for (size_t i = 0; i < ends.count; i++)
        CHECK_SAY(has(&nodes, ends.at[i]), "an edge's node '%s' is not declared", ends.at[i]);
    for (size_t i = 0; i < topology.visitors_count; i++) {
        char id[80];
        snprintf(id, sizeof id, "step %s", topology.visitors[i]->name);
        CHECK(has(&nodes, id) && has(&ends, id));
    }
    for (size_t i = 0; i < nodes.count; i++) /* an id is one node: topic users is no step users */
        for (size_t k = 0; k < i; k++)
            CHECK_SAY(strcmp(nodes.at[i], nodes.at[k]) != 0, "two nodes '%s'", nodes.at[i]);
    for (size_t i = 0; i < nodes.count; i++)
        if (strcmp(nodes.at[i], "node") != 0 && strcmp(nodes.at[i], "graph") != 0)
            CHECK_SAY(has(&ends, nodes.at[i]), "node '%s' hangs in the air", nodes.at[i]);
    buffer_release(&dot);
}

static void test_text(void)
{
    struct topology topology = build();
    struct buffer text = {0};
    topology_text(&topology, &text);
    buffer_byte(&text, '\0');
    for (size_t i = 0; i < topology.visitors_count; i++)
        CHECK_CONTAINS(text.at, topology.visitors[i]->summary);
    for (size_t i = 0; i < topology.model_count; i++)
        CHECK_CONTAINS(text.at, topology.model[i]->summary);
    for (int i = 0; i < TOPICS; i++)
        CHECK_CONTAINS(text.at, topology.topics[i]);
    buffer_release(&text);
}

/* A topic that is not in use is nowhere. */
static void test_without_optional(void)
{
    struct topology topology = build_with(false);
    struct buffer text = {0};
    topology_text(&topology, &text);
    topology_dot(&topology, &text);
    buffer_byte(&text, '\0');
    CHECK(strstr(text.at, "early") == NULL);
    CHECK_TEXT(topology.topics[TOPIC_EARLY], "recommendations.early");
    CHECK(strstr(text.at, "item lists") == NULL && strstr(text.at, "recommendations.item") == NULL);
    CHECK_TEXT(topology.topics[TOPIC_ITEMS], "recommendations.item");
    buffer_release(&text);
}

/* One topic with all kinds takes the place of the six. */
static void test_all_kinds(void)
{
    struct config config;
    struct topology topology;
    struct buffer text = {0};
    struct error error = {0};
    config_init(&config);
    config_set(&config, "topics.events", "shop.clicks", NULL);
    CHECK_SAY(topology_build(&config, &topology, &error) == VERDICT_OK, "%s", error.message);
    CHECK_INT(topology.input_count, 2);
    for (int type = 0; type < EVENT_USER; type++)
        CHECK_TEXT(topology_topic_of(&topology, (enum event_type)type), "shop.clicks");
    CHECK_TEXT(topology_topic_of(&topology, EVENT_USER), "users");
    topology_text(&topology, &text);
    topology_dot(&topology, &text);
    buffer_byte(&text, '\0');
    CHECK_CONTAINS(text.at, "reads  shop.clicks users\n");
    CHECK_CONTAINS(text.at, "all kinds");
    CHECK(strstr(text.at, "events.") == NULL);
    buffer_release(&text);
}

int main(void)
{
    TEST_RUN(test_real);
    TEST_RUN(test_same_topic_twice);
    TEST_RUN(test_dot);
    TEST_RUN(test_text);
    TEST_RUN(test_without_optional);
    TEST_RUN(test_all_kinds);
    return test_done();
}
