/* A thread that reads a topic from its end on, all partitions, and hands each record with a value
 * over. */
#ifndef WEFT_TOOLS_LISTENER_H
#define WEFT_TOOLS_LISTENER_H

#include "processors/runtime/kafka/client.h"

struct listener;

/* `take` is called by the listener's thread; the message holds during the call. SKIP, FATAL: as of
 * client_open_reader(). */
enum verdict listener_new(const struct config *config, const char *topic,
                          void (*take)(void *opaque, const struct kafka_record *message),
                          void *opaque, struct listener **ret_listener, struct error *error);
/* No call comes after it. NULL is nothing. */
void listener_free(struct listener *listener);

#endif
