/* Tells whether processes of other versions of weft run under the same application.id. An older one
 * cannot read the visitors' rows that a newer one writes, so both may not share the partitions.
 *
 * Each member of a group tells the format of its rows: its client.id ends with "-rows-<format>"
 * (client_id.h). Versions before format 6 tell nothing. The group that elects
 * the publisher tells who runs now. (In the visitors' group a static member stays for
 * session.timeout.ms after its end, and one that takes its place gets its client.id.) */
#ifndef WEFT_KAFKA_VERSIONS_H
#define WEFT_KAFKA_VERSIONS_H

#include "processors/runtime/config.h"

#define VERSION_HOST_SIZE 64

/* The processes of a group, compared with a format. */
struct versions {
    size_t older, newer;              /* how many */
    char older_at[VERSION_HOST_SIZE]; /* host of one that is older, for messages; cut if long */
    char newer_at[VERSION_HOST_SIZE];
    int newer_format;
};

/* Counts one process more. `host` may be NULL. Thread: any. */
void versions_add(struct versions *versions, const char *client_id, const char *host, int format);

/* Asks the brokers for the group's members, and waits up to 5 s. RETRY: no answer. FATAL: the
 * configuration is wrong. The embedded broker cannot tell; then there are none. Thread: any. */
enum verdict versions_ask(const struct config *config, const char *group, int format,
                          struct versions *ret_versions, struct error *error);

/* Looks for older processes in the visitors' group, whose members also tell their format. An older
 * process may end soon, but its static member stays until session.timeout.ms. The first
 * look tells no member: a new process may have taken the place of an older one. Thread: one at a
 * time. */
struct version_watch;

/* NULL with the error: the configuration is wrong. `config` is borrowed until the end. */
struct version_watch *version_watch_new(const struct config *config, struct error *error);
void version_watch_free(struct version_watch *watch); /* NULL is fine */
/* OK: an older member, perhaps of several, has joined since the last look. SKIP: none. RETRY: no
 * answer within 5 s. */
enum verdict version_watch_look(struct version_watch *watch, char ret_member[CONFIG_TEXT_MAX],
                                char ret_host[VERSION_HOST_SIZE], struct error *error);

#endif
