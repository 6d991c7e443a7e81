/* Events on the wire: the framing around schemas/event_write.h, and the topic of each event. */
#ifndef WEFT_TOOLS_WIRE_H
#define WEFT_TOOLS_WIRE_H

#include "processors/runtime/kafka/client.h"
#include "schemas/codec.h"

enum wire { WIRE_JSON, WIRE_AVRO, WIRE_CONFLUENT };

struct wire_format {
    enum wire wire;
    bool all_kinds; /* JSON says its kind as "type", for a topic with all kinds */
    uint64_t fingerprints[EVENT_TYPES];
    uint32_t ids[EVENT_TYPES]; /* schema ids for Confluent framing */
};

/* `name` is "json", "avro" or "confluent"; for "confluent" the schemas are registered with the
 * schema registry, under the subjects "<topic>-value". SKIP, with what to do: another name, or the
 * registry refuses. */
enum verdict wire_init(struct wire_format *format, const char *name, const struct config *config,
                       const struct topology *topology, struct error *error);

/* The same without a registry, for the in-process driver: wire_own_schemas() knows the ids. */
enum verdict wire_init_local(struct wire_format *format, const char *name, struct error *error);
struct schema_source wire_own_schemas(void);

/* Appends the record's value. */
void wire_write(const struct wire_format *format, const struct event *event, struct buffer *buffer);

/* Sends the event to its topic. The key is the visitor; of a product, the item; of a user, the
 * user. Products are always JSON. `scratch` is overwritten. Errors: those of client_send(). */
enum verdict wire_send(struct client_producer *producer, const struct topology *topology,
                       const struct wire_format *format, const struct event *event,
                       struct buffer *scratch, struct error *error);

#endif
