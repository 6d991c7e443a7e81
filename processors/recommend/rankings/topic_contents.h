/* What stands in a compacted topic: by key a number for what was written last, so that what has not
 * changed is not written again, and what is no longer there is deleted. Knows no Kafka. Keys are
 * copied. Thread: one. */
#ifndef WEFT_RANKINGS_TOPIC_CONTENTS_H
#define WEFT_RANKINGS_TOPIC_CONTENTS_H

#include "schemas/bytes.h"

struct topic_contents;

struct topic_contents *topic_contents_new(void);
void topic_contents_free(struct topic_contents *published);
/* Forgets all keys. */
void topic_contents_clear(struct topic_contents *published);

/* The topic has this for the key: the last word of it counts. */
void topic_contents_found(struct topic_contents *published, struct bytes key, uint64_t version);
/* The topic has a deletion of the key. */
void topic_contents_found_gone(struct topic_contents *published, struct bytes key);
/* Whatever the topic has is to be written again. */
void topic_contents_renew(struct topic_contents *published);
size_t topic_contents_count(const struct topic_contents *published);

/* A round: topic_contents_offer() for every key that there is now, each once; then the keys that
 * were not offered, one after the other; then topic_contents_end(), if all was written. After a
 * round that was not ended the same can be asked again from topic_contents_begin() on. */
void topic_contents_begin(struct topic_contents *published);
/* True: it is to be written. */
bool topic_contents_offer(struct topic_contents *published, struct bytes key, uint64_t version);
/* `cursor` is 0 at first. False: no more. The key holds until topic_contents_end(). */
bool topic_contents_next_gone(const struct topic_contents *published, size_t *cursor,
                              struct bytes *ret_key);
void topic_contents_end(struct topic_contents *published);

#endif
