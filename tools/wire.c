#include "tools/wire.h"

#include "processors/runtime/kafka/registry.h"
#include "processors/runtime/kafka/registry_http.h"
#include "schemas/avro_binary.h"
#include "schemas/byte_order.h"
#include "schemas/codec.h"
#include "schemas/event_write.h"

#include <stdio.h>

#define OWN_ID 1 /* the first event type's id in wire_own_schemas() */

static enum verdict set_wire(struct wire_format *format, const char *name, struct error *error)
{
    static const char *const names[] = {"json", "avro", "confluent"};
    *format = (struct wire_format){.wire = WIRE_JSON};
    for (int i = 0; i < EVENT_TYPES; i++)
        format->fingerprints[i] = schema_fingerprint(event_type_names[i]);
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        format->wire = (enum wire)i;
        return VERDICT_OK;
    }
    return error_set(error, VERDICT_SKIP, "--wire takes json, avro or confluent, not '%s'", name);
}

enum verdict wire_init_local(struct wire_format *format, const char *name, struct error *error)
{
    enum verdict verdict = set_wire(format, name, error);
    for (uint32_t i = 0; i < EVENT_TYPES; i++)
        format->ids[i] = OWN_ID + i;
    return verdict;
}

static enum verdict own_schema(struct schema_source *source, uint32_t id, struct buffer *schema,
                               struct error *error)
{
    (void)source;
    if (id < OWN_ID || id >= OWN_ID + EVENT_TYPES)
        return error_set(error, VERDICT_SKIP, "there is no schema %u", id);
    struct bytes text = schema_text(event_type_names[id - OWN_ID]);
    buffer_append(schema, text.at, text.size);
    return VERDICT_OK;
}

struct schema_source wire_own_schemas(void)
{
    return (struct schema_source){.fetch = own_schema};
}

enum verdict wire_init(struct wire_format *format, const char *name, const struct config *config,
                       const struct topology *topology, struct error *error)
{
    enum verdict verdict = set_wire(format, name, error);
    format->all_kinds = topology->all_kinds;
    if (verdict != VERDICT_OK || format->wire != WIRE_CONFLUENT)
        return verdict;
    if (config->schema_registry_url[0] == '\0')
        return error_set(error, VERDICT_SKIP, "--wire confluent needs schema.registry.url");
    struct registry_http *http;
    verdict = registry_http_new(config, NULL, &http, error);
    if (verdict != VERDICT_OK)
        return VERDICT_SKIP;
    if (topology->all_kinds)
        return error_set(error, VERDICT_SKIP,
                         "--wire confluent needs a topic for each kind; take json or avro with "
                         "topics.events");
    for (int i = 0; i < INPUT_TOPICS && verdict == VERDICT_OK; i++) {
        char subject[CONFIG_TEXT_MAX + 48];
        snprintf(subject, sizeof subject, "%s-value", topology->topics[i]);
        verdict = registry_register(http, subject, schema_text(event_type_names[i]),
                                    &format->ids[i], error);
    }
    registry_http_free(http);
    return verdict == VERDICT_OK ? verdict : VERDICT_SKIP;
}

void wire_write(const struct wire_format *format, const struct event *event, struct buffer *buffer)
{
    if (format->wire == WIRE_JSON) {
        event_write_json(event, format->all_kinds, buffer);
        return;
    }
    if (format->wire == WIRE_AVRO) {
        avro_put_header(buffer, format->fingerprints[event->type]);
    } else {
        char header[5] = {0};
        put_be(header + 1, format->ids[event->type], 4);
        buffer_append(buffer, header, sizeof header);
    }
    event_write_avro(event, buffer);
}

enum verdict wire_send(struct client_producer *producer, const struct topology *topology,
                       const struct wire_format *format, const struct event *event,
                       struct buffer *scratch, struct error *error)
{
    struct wire_format json = {.wire = WIRE_JSON};
    buffer_clear(scratch);
    if (event->type == EVENT_PRODUCT) {
        wire_write(&json, event, scratch);
        return client_send(producer, topology->topics[TOPIC_PRODUCT], -1, event->item_id,
                           buffer_bytes(scratch), error);
    }
    if (!event->erased)
        wire_write(format, event, scratch);
    return client_send(producer, topology_topic_of(topology, event->type), -1, event_visitor(event),
                       event->erased ? bytes_of(NULL, 0) : buffer_bytes(scratch), error);
}
