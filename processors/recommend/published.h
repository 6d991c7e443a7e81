/* What stands in a compacted topic: by key a number for what was written last, so that what has not
 * changed is not written again, and what is no longer there is deleted. Knows no Kafka. Keys are
 * copied. Thread: one. */
#ifndef WEFT_RECOMMEND_PUBLISHED_H
#define WEFT_RECOMMEND_PUBLISHED_H

#include "schemas/bytes.h"

struct published;

struct published *published_new(void);
void published_free(struct published *published);
/* Forgets all keys. */
void published_clear(struct published *published);

/* The topic has this for the key: the last word of it counts. */
void published_found(struct published *published, struct bytes key, uint64_t version);
/* The topic has a deletion of the key. */
void published_found_gone(struct published *published, struct bytes key);
/* Whatever the topic has is to be written again. */
void published_renew(struct published *published);
size_t published_count(const struct published *published);

/* A round: published_offer() for every key that there is now, each once; then the keys that were
 * not offered, one after the other; then published_end(), if all was written. After a round that
 * was not ended the same can be asked again from published_begin() on. */
void published_begin(struct published *published);
/* True: it is to be written. */
bool published_offer(struct published *published, struct bytes key, uint64_t version);
/* `cursor` is 0 at first. False: no more. The key holds until published_end(). */
bool published_next_gone(const struct published *published, size_t *cursor, struct bytes *ret_key);
void published_end(struct published *published);

#endif
