/* How `weft get` reads topics: record by record, the newest record of a key, and the titles of all
 * products. Each call opens a reader of its own and closes it. Thread: one. */
#ifndef WEFT_TOOLS_GET_TOPICS_H
#define WEFT_TOOLS_GET_TOPICS_H

#include "processors/runtime/kafka/client.h"
#include "tools/get_request.h"

/* The next record; it holds until the next call. SKIP: the end of the topic. RETRY: the broker is
 * silent, so the records read so far are not all. */
enum verdict topic_next(struct partition_reader *reader, struct kafka_record *ret_message,
                        struct error *error);

/* The value of the newest record with that key, put into `ret_value`. SKIP: there is no such
 * record, or no such topic; only the latter sets the error. */
enum verdict topic_newest(const struct get_request *request, const char *topic, struct bytes key,
                          struct buffer *ret_value, struct error *error);

/* The same for the newest record with or without a value, and its Kafka timestamp. A tombstone
 * leaves `ret_value` empty. */
enum verdict topic_newest_any(const struct get_request *request, const char *topic,
                              struct bytes key, struct buffer *ret_value, int64_t *ret_time_ms,
                              struct error *error);

/* Titles with prices, by item. Zero-initialised is empty; owns its texts. */
struct title {
    struct bytes item_id;
    char *text; /* "Wool Coat, 89.90 EUR (was 120.00)" */
};

struct titles {
    struct title *at; /* sorted by item_id */
    size_t count, capacity;
};

/* Reads the catalogue's topic. A missing topic is no error: the lists are then shown without
 * titles. */
void titles_read(const struct get_request *request, struct titles *titles);
/* One by one: adds the title of a product, and sorts them once all are there. */
void titles_add(struct titles *titles, const struct event *product);
void titles_sort(struct titles *titles);
/* The item's title, or "". Holds as long as the titles. */
const char *titles_find(const struct titles *titles, const char *item_id);
void titles_release(struct titles *titles);

#endif
