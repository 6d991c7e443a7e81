/* Writing rankings to their topic: what the publisher (publish.h) does every rankings.interval.ms.
 *
 * The numbers are the model's as of one offset of the interactions log, copied by the fold's thread
 * between two records; the rest needs no lock of the model. A record follows from the log up to the
 * offset that it names, from the catalogue and the configuration, so that two publishers that both
 * write do no harm. One publication is one transaction under exactly-once, with the id
 * <application.id>-rankings: of two the older is fenced.
 *
 * What has changed is known by the header RANKING_HEADER of each record, VERSION:OFFSET in
 * hexadecimal and decimal digits; whoever is elected reads the topic back first. Records without it
 * are left alone. Nothing older than what the topic names is written, unless the log was made anew.
 */
#ifndef WEFT_MODEL_PUBLISH_RANKINGS_H
#define WEFT_MODEL_PUBLISH_RANKINGS_H

#include "processors/runtime/model/snapshots.h"
#include "processors/runtime/process.h"

#define RANKING_HEADER "weft.ranking"

struct rankings_publisher;

/* Both are borrowed. */
struct rankings_publisher *rankings_publisher_new(struct run *run, struct lease *lease);
void rankings_publisher_free(struct rankings_publisher *publisher);

/* Another process may write from now on: what the topic has is to be read back before the next
 * time. */
void rankings_publisher_forget(struct rankings_publisher *publisher);

/* Writes what has changed. SKIP: nothing can have, or the lease is gone. RETRY: it failed, and
 * nothing of it is seen. Thread: the publisher. */
enum verdict rankings_publish(struct rankings_publisher *publisher, struct error *error);

/* "VERSION:OFFSET". False: no such header. */
bool ranking_header_read(struct bytes header, uint64_t *ret_version, int64_t *ret_offset);

#endif
