/* A thread that reads all partitions of a topic from its present end, and calls a function for each
 * record with a value. */
#ifndef WEFT_TOOLS_LISTENER_H
#define WEFT_TOOLS_LISTENER_H

#include "processors/runtime/kafka/client.h"

struct listener;

/* `take` is called by the listener's thread; the message holds during the call. Errors: those of
 * client_open_reader(). */
enum verdict listener_new(const struct config *config, const char *topic,
                          void (*take)(void *opaque, const struct kafka_record *message),
                          void *opaque, struct listener **ret_listener, struct error *error);
/* Stops and joins the thread; no call of `take` follows. NULL is allowed. */
void listener_free(struct listener *listener);

#endif
