/* The members of the group, and the partitions that a process would get if others left.
 *
 * A static member's name, group.instance.id, is "<instance>-<index of the worker>"; the broker
 * makes its member id of this name and a UUID. The group assigns partitions by ranges over the
 * members in the order of their names (see kafka.c). */
#ifndef WEFT_KAFKA_MEMBERS_H
#define WEFT_KAFKA_MEMBERS_H

#include "processors/runtime/config.h"

#define MEMBERS_MAX 1024

struct members {
    size_t count;
    char (*names)[CONFIG_TEXT_MAX]; /* sorted as the assignment sorts them; owned */
};

/* The bytes of the name at the start of a member id; 0: the id is no static member's. */
size_t member_name_bytes(const char *member_id);

/* Takes the names out of the broker's ids. Ids that are no static member's are left out, and so are
 * those beyond MEMBERS_MAX. The caller releases the members. */
void members_take(struct members *members, const char *const *ids, size_t count);
void members_release(struct members *members);
bool members_have(const struct members *members, const char *name);

/* Sets ret_wanted[p] where this instance's workers would have partition p once at most `gone` of
 * the other instances have left, and do not have it now. With more than 2 gone, or more than 64
 * members, that is every partition that it does not have. `ret_wanted` has `partitions` entries.
 * Thread: any. */
void members_inherit(const struct members *members, const char *instance, int32_t partitions,
                     int gone, bool *ret_wanted);

/* A connection that asks the brokers for a group's members. Thread: one at a time. */
struct member_watch;

/* NULL with the error: the configuration is wrong. `config` is borrowed during the call. */
struct member_watch *member_watch_new(const struct config *config, struct error *error);
void member_watch_free(struct member_watch *watch); /* NULL is fine */
/* Waits up to 5 s. RETRY: no answer. The caller releases `ret_members`. */
enum verdict member_watch_ask(struct member_watch *watch, const char *group,
                              struct members *ret_members, struct error *error);

#endif
