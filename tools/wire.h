/* Events as they go over the wire: the framing around schemas/event_write.h, and the topic. */
#ifndef WEFT_TOOLS_WIRE_H
#define WEFT_TOOLS_WIRE_H

#include "processors/runtime/kafka/client.h"
#include "schemas/codec.h"

enum wire { WIRE_JSON, WIRE_AVRO, WIRE_CONFLUENT };

struct wire_format {
    enum wire wire;
    uint64_t fingerprints[EVENT_TYPES];
    uint32_t ids[EVENT_TYPES]; /* of Confluent framing */
};

/* "json", "avro" or "confluent"; for the last the schemas are registered with the registry, under
 * the subjects "<topic>-value". SKIP with what to do. */
enum verdict wire_init(struct wire_format *format, const char *name, const struct config *config,
                       const struct topology *topology, struct error *error);

/* The same without a registry, for the in-process driver: ids that wire_own_schemas() knows. */
enum verdict wire_init_local(struct wire_format *format, const char *name, struct error *error);
struct schema_source wire_own_schemas(void);

/* Appends the record's value. */
void wire_write(const struct wire_format *format, const struct event *event, struct buffer *buffer);

/* Sends the event to its topic, keyed by its visitor (products by item, users by user). */
enum verdict wire_send(struct client_producer *producer, const struct topology *topology,
                       const struct wire_format *format, const struct event *event,
                       struct buffer *scratch, struct error *error);

#endif
