/* The contents of a compacted topic, as a number for each key: the version that was written last.
 * So a record that has not changed is not written again, and a key that is gone is deleted. Knows
 * no Kafka. Keys are copied. Thread: one. */
#ifndef WEFT_RANKINGS_TOPIC_CONTENTS_H
#define WEFT_RANKINGS_TOPIC_CONTENTS_H

#include "schemas/bytes.h"

struct topic_contents;

struct topic_contents *topic_contents_new(void);
void topic_contents_free(struct topic_contents *contents);
/* Forgets all keys. */
void topic_contents_clear(struct topic_contents *contents);

/* ---- while the topic is read; the last call for a key counts ---- */

/* The topic has this version of the key. */
void topic_contents_found(struct topic_contents *contents, struct bytes key, uint64_t version);
/* The topic has a deletion of the key. */
void topic_contents_found_gone(struct topic_contents *contents, struct bytes key);
/* From now on every key must be written again. */
void topic_contents_renew(struct topic_contents *contents);
/* Keys that the topic has. */
size_t topic_contents_count(const struct topic_contents *contents);

/* ---- a round of writing ----
 *
 * topic_contents_begin(); topic_contents_offer() once for every key that there
 * is now; topic_contents_next_gone() for the keys that were not offered;
 * topic_contents_end() if all was written. If it was not, the round starts
 * again from topic_contents_begin(). */

void topic_contents_begin(struct topic_contents *contents);
/* True: the record must be written. */
bool topic_contents_offer(struct topic_contents *contents, struct bytes key, uint64_t version);
/* The same in a round of several transactions: the record counts as written from now on. If that
 * fails, the topic must be read again. */
bool topic_contents_put(struct topic_contents *contents, struct bytes key, uint64_t version);
/* The next key to delete; `cursor` is 0 at first. False: no more. The key holds
 * until topic_contents_end(). */
bool topic_contents_next_gone(const struct topic_contents *contents, size_t *cursor,
                              struct bytes *ret_key);
void topic_contents_end(struct topic_contents *contents);

#endif
