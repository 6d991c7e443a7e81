/* The producer of what belongs to nobody's visitors: to one partition of one topic, in transactions
 * whose id all processes share, so that of two that write the older is fenced; without exactly-once
 * plainly. Thread: one. */
#ifndef WEFT_KAFKA_SENDER_H
#define WEFT_KAFKA_SENDER_H

#include "processors/runtime/config.h"

/* Who writes is asked now and then whether it may go on. */
struct lease {
    bool (*holds)(struct lease *self);
};

struct sender;

/* With the transactional id <application.id>-`role`; ends the transaction that a predecessor left
 * open. RETRY: the broker does not answer. `lease` is borrowed. */
enum verdict sender_open(const struct config *config, const char *topic, const char *role,
                         const char *timeout_ms, struct lease *lease, struct sender **ret_sender,
                         struct error *error);

/* Begins a transaction where there is none. `value` absent: a deletion. The header's name may be
 * NULL: none. SKIP: the lease is gone. RETRY: refused. */
enum verdict sender_send(struct sender *sender, struct bytes key, struct bytes value,
                         const char *header_name, const char *header, struct error *error);

/* Takes in what was acknowledged. False: the lease is gone. */
bool sender_poll(struct sender *sender);

/* Until all that was sent is acknowledged. SKIP, RETRY: as above. */
enum verdict sender_flush(struct sender *sender, struct error *error);
/* Offset of the first record that was acknowledged; -1: none was. */
int64_t sender_first(const struct sender *sender);

/* sender_flush(), and what was sent counts from now on. */
enum verdict sender_commit(struct sender *sender, struct error *error);

/* What was not committed is aborted. NULL is nothing. */
void sender_close(struct sender *sender);

#endif
