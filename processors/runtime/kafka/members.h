/* Who is in the group, and what follows from it: whose transactions nobody will end, and which
 * partitions a process would get if another ended. Names librdkafka; the runtime's own.
 *
 * A static member's name, group.instance.id, is "<instance>-<index of the worker>"; the broker
 * makes its member id of it and a UUID. Partitions are shared out by ranges over the members in the
 * order of their names (see kafka.c). */
#ifndef WEFT_KAFKA_MEMBERS_H
#define WEFT_KAFKA_MEMBERS_H

#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/process.h"

#define MEMBERS_MAX 1024

struct members {
    size_t count;
    char (*names)[CONFIG_TEXT_MAX]; /* sorted as the assignment sorts them */
};

/* Asks the brokers; `rk` is any handle. RETRY: no answer. `ret_members` is released by the caller.
 */
enum verdict members_ask(rd_kafka_t *rk, const char *group, struct members *ret_members,
                         struct error *error);
void members_release(struct members *members);
bool members_have(const struct members *members, const char *name);

/* Sets ret_wanted[p] where this instance's workers would have partition p once at most `gone` of
 * the other instances were no longer there, and they do not have it now. */
void members_inherit(const struct members *members, const char *instance, int32_t partitions,
                     int gone, bool *ret_wanted);

/* Ends what members that are no longer in the group left open: a transaction of theirs would keep
 * the changelog and the lists from being read until it times out, 10 to 20 s after they died.
 * `partitions` are the group's offsets, whose metadata says who committed them; `self` is the name
 * of the worker that asks, which is for the log too. */
void members_fence_gone(struct run *run, const rd_kafka_topic_partition_list_t *partitions,
                        const char *self, const char *who);

#endif
