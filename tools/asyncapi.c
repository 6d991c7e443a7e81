#include "tools/asyncapi.h"

#include "schemas/codec.h"
#include "schemas/embedded.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AVRO_FORMAT "application/vnd.apache.avro;version=1.9.0"
#define NAME_MAX_BYTES 64

/* ---- Avro to JSON Schema ---- */

static json_t *value_schema(json_t *avro);

static json_t *simple_schema(const char *type)
{
    static const char *const names[][2] = {
        {"string", "string"}, {"int", "integer"},     {"long", "integer"}, {"float", "number"},
        {"double", "number"}, {"boolean", "boolean"}, {"null", "null"},    {NULL, NULL}};
    for (int i = 0; names[i][0]; i++)
        if (strcmp(names[i][0], type) == 0)
            return json_pack("{s:s}", "type", names[i][1]);
    return json_object(); /* a named type: any value */
}

static json_t *record_schema(json_t *avro)
{
    json_t *properties = json_object(), *required = json_array(), *field;
    size_t i;
    json_array_foreach(json_object_get(avro, "fields"), i, field)
    {
        const char *name = json_string_value(json_object_get(field, "name"));
        json_t *schema = value_schema(json_object_get(field, "type"));
        json_t *doc = json_object_get(field, "doc"), *fallback = json_object_get(field, "default");
        if (doc)
            json_object_set(schema, "description", doc);
        if (fallback && !json_is_null(fallback))
            json_object_set(schema, "default", fallback);
        if (fallback == NULL)
            json_array_append(required, json_object_get(field, "name"));
        json_object_set_new(properties, name, schema);
    }
    return json_pack("{s:s, s:o, s:o}", "type", "object", "properties", properties, "required",
                     required);
}

/* [null, X] is X or null. weft's schemas have no other unions. */
static json_t *union_schema(json_t *avro)
{
    json_t *schema = value_schema(json_array_get(avro, json_array_size(avro) - 1));
    json_t *type = json_object_get(schema, "type");
    if (type)
        json_object_set_new(schema, "type", json_pack("[O, s]", type, "null"));
    return schema;
}

static json_t *value_schema(json_t *avro)
{
    if (json_is_string(avro))
        return simple_schema(json_string_value(avro));
    if (json_is_array(avro))
        return union_schema(avro);
    const char *type = json_string_value(json_object_get(avro, "type"));
    if (strcmp(type, "record") == 0)
        return record_schema(avro);
    if (strcmp(type, "array") == 0)
        return json_pack("{s:s, s:o}", "type", "array", "items",
                         value_schema(json_object_get(avro, "items")));
    if (strcmp(type, "map") == 0)
        return json_pack("{s:s, s:o}", "type", "object", "additionalProperties",
                         value_schema(json_object_get(avro, "values")));
    if (strcmp(type, "enum") == 0)
        return json_pack("{s:s, s:O}", "type", "string", "enum", json_object_get(avro, "symbols"));
    return simple_schema(type);
}

/* ---- messages ---- */

static json_t *load(struct bytes text)
{
    json_t *json = json_loadb(text.at, text.size, 0, NULL);
    assert(json); /* a file of weft's own */
    return json;
}

static json_t *example_of(const char *name)
{
    for (size_t i = 0; embedded_examples[i].name; i++)
        if (strcmp(embedded_examples[i].name, name) == 0)
            return load(bytes_of(embedded_examples[i].text, embedded_examples[i].size));
    return NULL;
}

static json_t *message(const char *name, const char *format, const char *key, json_t *payload)
{
    json_t *made = json_pack("{s:s, s:s, s:{s:{s:{s:s, s:s}}}, s:o}", "name", name, "contentType",
                             format, "bindings", "kafka", "key", "type", "string", "description",
                             key, "payload", payload);
    return made;
}

/* The messages of one schema: as JSON under its name, and as Avro under its name and "Avro". */
static void add_messages(json_t *messages, const char *name, const char *key, bool json, bool avro)
{
    json_t *schema = load(schema_text(name)), *doc = json_object_get(schema, "doc");
    if (json) {
        json_t *made = message(name, "application/json", key, record_schema(schema));
        if (doc)
            json_object_set(made, "summary", doc);
        json_t *example = example_of(name);
        if (example)
            json_object_set_new(made, "examples", json_pack("[{s:o}]", "payload", example));
        json_object_set_new(messages, name, made);
    }
    if (avro) {
        char avro_name[NAME_MAX_BYTES];
        snprintf(avro_name, sizeof avro_name, "%sAvro", name);
        json_t *payload = json_pack("{s:s, s:O}", "schemaFormat", AVRO_FORMAT, "schema", schema);
        json_t *made = message(avro_name, "application/avro", key, payload);
        if (doc)
            json_object_set(made, "summary", doc);
        json_object_set_new(messages, avro_name, made);
    }
    json_decref(schema);
}

/* Records that go on as they came, with headers. */
static void add_letter(json_t *messages, const char *name, const char *summary)
{
    static const char *const headers[] = {"topic", "partition", "offset", "step", "message"};
    json_t *properties = json_object();
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        char header[NAME_MAX_BYTES];
        snprintf(header, sizeof header, "__weft.errors.%s", headers[i]);
        json_object_set_new(properties, header, json_pack("{s:s}", "type", "string"));
    }
    json_t *made = json_pack("{s:s, s:s, s:s, s:{s:s, s:o}}", "name", name, "summary", summary,
                             "contentType", "application/octet-stream", "headers", "type", "object",
                             "properties", properties);
    json_object_set_new(messages, name, made);
}

/* ---- channels ---- */

struct public_topic {
    enum topic topic;
    const char *key;
    const char *description;
};

static const struct public_topic public_topics[] = {
    {TOPIC_VIEW, "user_id where it is known, else visitor_id", "Views of products."},
    {TOPIC_SEARCH, "user_id where it is known, else visitor_id", "Searches."},
    {TOPIC_CART, "user_id where it is known, else visitor_id", "Changes of carts."},
    {TOPIC_PURCHASE, "user_id where it is known, else visitor_id", "Orders."},
    {TOPIC_IMPRESSION, "user_id where it is known, else visitor_id", "Items that were shown."},
    {TOPIC_CLICK, "user_id where it is known, else visitor_id", "Clicks on shown items."},
    {TOPIC_USER, "user_id", "Users; a record without a value erases its user."},
    {TOPIC_PRODUCT, "item_id", "The catalogue; a record without a value deletes its product."},
    {TOPIC_RECOMMENDATIONS, "the visitor",
     "The lists to show next; a record without a value ends them. Read with "
     "isolation.level=read_committed."},
    {TOPIC_EARLY, "the visitor", "Lists ahead of their commit."},
    {TOPIC_RANKINGS, "ranking|scope|name", "Rankings for everybody."},
    {TOPIC_ITEMS, "item_id", "The lists of each item."},
    {TOPIC_LATE, "as it came", "Events that came too late."},
    {TOPIC_DEAD_LETTERS, "as it came", "Records that cannot be used."},
};
enum { PUBLIC_TOPICS = sizeof public_topics / sizeof public_topics[0] };

static bool is_input(enum topic topic)
{
    return topic_rows[topic].input;
}

static const char *id_of(enum topic topic)
{
    return topic_rows[topic].name;
}

static void refer(json_t *to, const char *id, const char *name)
{
    char path[2 * NAME_MAX_BYTES];
    snprintf(path, sizeof path, "#/components/messages/%s", name);
    json_object_set_new(to, id, json_pack("{s:s}", "$ref", path));
}

/* Adds the messages of a topic to the components, and refers to them. */
static void add_topic_messages(const struct config *config, const struct public_topic *row,
                               json_t *components, json_t *refs)
{
    const char *schema = topic_rows[row->topic].schema;
    bool avro = config->settings.output_avro;
    if (schema == NULL) {
        if (json_object_get(components, id_of(row->topic)) == NULL)
            add_letter(components, id_of(row->topic), row->description);
        refer(refs, id_of(row->topic), id_of(row->topic));
        return;
    }
    char avro_name[NAME_MAX_BYTES];
    bool as_json = is_input(row->topic) || !avro, as_avro = is_input(row->topic) || avro;
    snprintf(avro_name, sizeof avro_name, "%sAvro", schema);
    if (json_object_get(components, as_json ? schema : avro_name) == NULL)
        add_messages(components, schema, row->key, as_json, as_avro);
    if (as_json)
        refer(refs, schema, schema);
    if (as_avro)
        refer(refs, avro_name, avro_name);
}

static json_t *channel(const struct config *config, const struct topology *topology,
                       const struct public_topic *row, json_t *components)
{
    const struct topic_row *topic = &topic_rows[row->topic];
    json_t *refs = json_object();
    add_topic_messages(config, row, components, refs);
    if (topology->all_kinds && row->topic == TOPIC_VIEW)
        for (size_t i = TOPIC_SEARCH; i <= TOPIC_CLICK; i++)
            add_topic_messages(config, &public_topics[i], components, refs);
    return json_pack("{s:s, s:s, s:o, s:{s:{s:s, s:i, s:{s:[s]}}}}", "address",
                     topology->topics[row->topic], "description", row->description, "messages",
                     refs, "bindings", "kafka", "topic", topology->topics[row->topic], "partitions",
                     topic->partitioned ? (int)config->partitions : 1, "topicConfiguration",
                     "cleanup.policy", topic->cleanup == CLEANUP_COMPACT ? "compact" : "delete");
}

/* The application receives what it reads and sends what it writes. */
static void add_operation(json_t *operations, const struct public_topic *row)
{
    char name[NAME_MAX_BYTES], path[2 * NAME_MAX_BYTES];
    const char *action = is_input(row->topic) ? "receive" : "send";
    snprintf(name, sizeof name, "%s.%s", action, id_of(row->topic));
    snprintf(path, sizeof path, "#/channels/%s", id_of(row->topic));
    json_object_set_new(operations, name,
                        json_pack("{s:s, s:{s:s}}", "action", action, "channel", "$ref", path));
}

/* ---- the document ---- */

static json_t *servers(const struct config *config)
{
    json_t *all = json_object();
    char *hosts = memory_text(bytes_text(config->bootstrap_servers)), *rest = hosts, *host;
    int number = 0;
    while ((host = strsep(&rest, ",")) != NULL) {
        char name[NAME_MAX_BYTES];
        snprintf(name, sizeof name, "broker%d", ++number);
        json_object_set_new(all, name, json_pack("{s:s, s:s}", "host", host, "protocol", "kafka"));
    }
    free(hosts);
    return all;
}

void asyncapi_text(const struct config *config, const struct topology *topology,
                   struct buffer *buffer)
{
    json_t *channels = json_object(), *operations = json_object(), *components = json_object();
    for (int i = 0; i < PUBLIC_TOPICS; i++) {
        const struct public_topic *row = &public_topics[i];
        if (!topology_uses(topology, (int)row->topic))
            continue;
        json_object_set_new(channels, id_of(row->topic),
                            channel(config, topology, row, components));
        add_operation(operations, row);
    }
    json_t *document = json_pack(
        "{s:s, s:{s:s, s:s, s:s}, s:s, s:o, s:o, s:o, s:{s:o}}", "asyncapi", "3.0.0", "info",
        "title", config->application_id, "version", WEFT_VERSION, "description",
        "weft reads events of a shop and writes the lists to show to each visitor next. Topics "
        "that are internal to weft are left out.",
        "defaultContentType", "application/json", "servers", servers(config), "channels", channels,
        "operations", operations, "components", "messages", components);
    assert(document);
    char *text = json_dumps(document, JSON_INDENT(2));
    buffer_text(buffer, text);
    buffer_byte(buffer, '\n');
    free(text);
    json_decref(document);
}
