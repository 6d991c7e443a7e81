/* A compacted topic that the elected publisher keeps: rankings (publish_rankings.h), lists of items
 * (publish_items.h). It has one partition and one record for each key.
 *
 * Each record has a header, VERSION:OFFSET in 16 hexadecimal and some decimal digits. VERSION is a
 * hash of its content: a record whose version the topic already has is not written again.
 * OFFSET is that of the interactions log. Records without the header stay as they are.
 *
 * A process that is elected reads the topic first. So it knows each key's version, and the highest
 * offset, below which it must write nothing: its model is behind the one of the publisher before
 * it. If the log was created again and ends below this offset, every record is written again. The
 * alternative, to write all records after an election, would cost readers more than it costs the
 * publisher to read.
 *
 * Under exactly-once records are written in transactions whose id all processes share: of two
 * publishers the older is fenced, and a transaction that a killed one left open is aborted. So no
 * record is lost and none is half written; writing one twice changes nothing.
 *
 * Thread of all functions: the publisher. */
#ifndef WEFT_MODEL_PUBLICATION_H
#define WEFT_MODEL_PUBLICATION_H

#include "processors/recommend/lists/merchandising.h"
#include "processors/recommend/rankings/topic_contents.h"
#include "processors/runtime/kafka/lease.h"
#include "processors/runtime/process.h"

/* The shop's merchandising rules, as a publisher works with them. Zero-initialised: none were read.
 */
struct publication_rules {
    struct merchandising_rules rules;
    bool read;
};

/* Reads the file again, if there is one and it may have changed. After a mistake in the file the
 * earlier rules stay; the workers log the mistake. The caller releases `rules->rules`. */
void publication_read_rules(const struct config *config, struct publication_rules *rules);

struct publication;

struct publication_options {
    enum topic topic;
    const char *role;   /* the transactional id is <application.id>-`role`; also its name in logs */
    const char *header; /* its name */
};

/* All borrowed. */
struct publication *publication_new(struct run *run, struct lease *lease,
                                    const struct publication_options *options);
void publication_free(struct publication *publication); /* takes NULL */

/* Another process may have written: publication_prepare() reads the topic again. */
void publication_forget(struct publication *publication);
/* Something failed: the open transaction is aborted, and the topic is read again. */
void publication_give_up(struct publication *publication);

/* Opens the producer, and reads the topic, as far as that is not done. RETRY: the broker does not
 * answer, or the lease is gone. */
enum verdict publication_prepare(struct publication *publication, struct error *error);

/* The versions that the topic has. */
struct topic_contents *publication_contents(const struct publication *publication);
/* Whether publication_contents() is known. */
bool publication_is_known(const struct publication *publication);
/* The highest offset of the log that a record of the topic names. */
int64_t publication_offset_min(const struct publication *publication);

/* Sends a record; absent `value`: a deletion. SKIP: the lease is gone. RETRY: it failed. */
enum verdict publication_send(struct publication *publication, struct bytes key, struct bytes value,
                              uint64_t version, int64_t offset, struct error *error);
/* Takes in delivery reports without waiting. False: the lease is gone. */
bool publication_poll(struct publication *publication);
/* Commits what was sent since the last call: from now on readers see it. */
enum verdict publication_commit(struct publication *publication, struct error *error);

/* Parses "VERSION:OFFSET". False: it is not of this form. */
bool publication_header_read(struct bytes header, uint64_t *ret_version, int64_t *ret_offset);

#endif
