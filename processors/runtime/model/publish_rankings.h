/* Writes rankings to their topic. The publisher (publish.h) calls it every rankings.interval.ms.
 *
 * The model's numbers are as of one offset of the interactions log: the fold's thread copies them
 * between two records. Nothing else here needs a lock of the model. A record is a function of the
 * log up to the offset that it names, of the catalogue and of the configuration, so two publishers
 * that both write do no harm. Under exactly-once one publication is one transaction with the id
 * <application.id>-rankings: of two publishers the older is fenced.
 *
 * The topic's records, versions and transactions: publication.h. */
#ifndef WEFT_MODEL_PUBLISH_RANKINGS_H
#define WEFT_MODEL_PUBLISH_RANKINGS_H

#include "processors/runtime/kafka/lease.h"
#include "processors/runtime/process.h"

#define RANKING_HEADER "weft.ranking"

struct rankings_publisher;

/* Both are borrowed. Thread of all functions: the publisher. */
struct rankings_publisher *rankings_publisher_new(struct run *run, struct lease *lease);
void rankings_publisher_free(struct rankings_publisher *publisher); /* takes NULL */

/* Another process may have written: the next publication first reads the topic again. */
void rankings_publisher_forget(struct rankings_publisher *publisher);

/* Writes the rankings that changed, and deletions of those that are gone. Asks the fold for its
 * numbers and waits for them. SKIP: nothing can have changed, the model is empty or behind what the
 * topic has, or the lease is gone. RETRY: it failed, and no reader sees anything of it. */
enum verdict rankings_publish(struct rankings_publisher *publisher, struct error *error);

#endif
