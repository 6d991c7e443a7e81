/* Writes the lists of items to their topic (recommend/rankings/item_lists.h). The publisher
 * (publish.h) calls it with items.lists=on.
 *
 *     round   [ item 0 ][ item 1 ] ... of the model, [ product ] ... that it does not know,
 *             then the keys of the topic that were not met: made again, or else deleted
 *     slice   what is made in one call: items.lists.per.second * ITEMS_SLICE_MS / 1000 items, in
 *             one transaction
 *
 * A round begins every items.lists.interval.ms if the log, the catalogue or the merchandising rules
 * may have changed since the last one began. So the work of a second is bounded, and each record
 * follows the log within one interval and two rounds: the metric item_lists_lag_ms says how long
 * ago the round began whose records are all in the topic.
 *
 * A record is made under the read locks of model and catalogue. It is a function of the log up to
 * the offset that it names, of the catalogue and the rules whose digests it names, and of the
 * configuration; but for ties among similar products (item_lists.h). It is written only if items,
 * order or reasons have changed (publication.h). A process that is elected starts a round of its
 * own; it does not write again what the topic has already.
 *
 * Thread of all functions: the publisher. */
#ifndef WEFT_MODEL_PUBLISH_ITEMS_H
#define WEFT_MODEL_PUBLISH_ITEMS_H

#include "processors/runtime/kafka/lease.h"
#include "processors/runtime/process.h"

#define ITEM_LISTS_HEADER "weft.item"
#define ITEMS_SLICE_MS 500

struct items_publisher;

/* Both are borrowed. */
struct items_publisher *items_publisher_new(struct run *run, struct lease *lease);
void items_publisher_free(struct items_publisher *publisher); /* takes NULL */

/* Another process may have written: the next slice begins a round and reads the topic first. */
void items_publisher_forget(struct items_publisher *publisher);

/* Makes the next slice. SKIP: no round is due, the model is behind what the topic has, or the lease
 * is gone. RETRY: it failed, and no reader sees anything of the slice. */
enum verdict items_publish(struct items_publisher *publisher, struct error *error);

#endif
