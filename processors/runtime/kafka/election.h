/* Elects one of all processes for a task, by a consumer group of its own. The group subscribes to a
 * topic with one partition; the process that the group assigns this partition to holds the lease.
 * No records are read. Names no librdkafka.
 *
 * When a process dies, the group elects another after session.timeout.ms. Two processes can believe
 * for a moment that they hold the lease: what they write must be fenced (sender.h) or do no harm.
 *
 * Thread: one. */
#ifndef WEFT_KAFKA_ELECTION_H
#define WEFT_KAFKA_ELECTION_H

#include "processors/runtime/config.h"
#include "processors/runtime/kafka/lease.h"

struct election_options {
    const char *group;       /* borrowed during the call, as all of these */
    const char *topic;       /* with one partition */
    const char *log_name;    /* borrowed until election_leave() */
    const atomic_bool *stop; /* borrowed until election_leave(): once set, the lease is gone */
};

struct election;

/* Joins the group. NULL with the error when librdkafka refuses the configuration. */
struct election *election_join(const struct config *config, const struct election_options *options,
                               struct error *error);
void election_leave(struct election *election); /* takes NULL */

/* Serves the group for up to `timeout_ms`. A member that does not call it, or ask the lease, for
 * max.poll.interval.ms (5 minutes) leaves the group. */
void election_poll(struct election *election, int timeout_ms);

/* Whether this process was elected when the group was served last. */
bool election_won(const struct election *election);
/* Counts the group's decisions. After another process may have had the lease the number differs. */
uint64_t election_decisions(const struct election *election);

/* The lease; owned by the election. Asking it serves the group now and then. */
struct lease *election_lease(struct election *election);

#endif
