/* Recognises a topic that was deleted and created again under the same name: its offsets begin at 0
 * again, so an offset from before leads to another record, or behind the end.
 *
 * A mark is the offset of a record that was read, and a hash of its timestamp, key and value. The
 * topic is another one if it has another record at this offset. Compaction and retention may have
 * taken the record; then the mark tells nothing.
 *
 * Thread: one at a time for each mark; the store and the reader have rules of their own. */
#ifndef WEFT_KAFKA_TOPIC_MARK_H
#define WEFT_KAFKA_TOPIC_MARK_H

#include "processors/runtime/kafka/partition_reader.h"
#include "state/store.h"

struct topic_mark {
    int64_t offset; /* -1: none */
    int64_t print;  /* the hash */
};

enum topic_identity {
    TOPIC_UNKNOWN, /* the topic no longer has a record at the mark, or there is no mark */
    TOPIC_SAME,
    TOPIC_OTHER,
};

/* Puts the mark at the record. */
void topic_mark_set(struct topic_mark *mark, const struct kafka_record *record);

/* Adds the mark to a batch of the store. Without a mark it deletes the one that the store has. */
void topic_mark_put(const struct topic_mark *mark, const char *topic, int32_t partition,
                    struct store_batch *batch);
/* Sets "none" if the store has none. FATAL: it can't be read. */
enum verdict topic_mark_get(struct store *store, const char *topic, int32_t partition,
                            struct topic_mark *ret_mark, struct error *error);

/* Reads the record at the mark. The reader is READ_UNCOMMITTED and has nothing else to read.
 * RETRY: no answer within 30 s, or `stop` is set. */
enum verdict topic_mark_compare(const struct topic_mark *mark, struct partition_reader *reader,
                                int32_t partition, const atomic_bool *stop,
                                enum topic_identity *ret_identity, struct error *error);

#endif
