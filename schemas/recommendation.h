/* The lists to show to a visitor next (recommendation.avsc): weft's main output. Everything that it
 * points to is borrowed. Thread: any. */
#ifndef WEFT_SCHEMAS_RECOMMENDATION_H
#define WEFT_SCHEMAS_RECOMMENDATION_H

#include "schemas/avro_binary.h"

#define LIST_ITEMS_MAX 100

struct list_item {
    struct bytes item_id;
    float score; /* comparable within its list only */
    const char *reason;
    struct bytes because_item_id; /* absent: none */
    float propensity; /* probability with which exploration drew it; 0: its score put it there */
};

struct list {
    const char *placement;
    struct bytes context_item_id;  /* absent: none */
    struct bytes search_term;      /* absent: none */
    struct bytes context_category; /* "Women > Coats"; absent: none */
    struct list_item *items;       /* best first, distinct */
    uint32_t item_count;
};

struct recommendation {
    struct bytes visitor;
    uint64_t id;                  /* written as 16 hexadecimal digits */
    int64_t generated_time_ms;    /* when the lists were made */
    int64_t source_event_time_ms; /* the newest activity that the lists know */
    struct bytes experiment_variant;
    const struct list *lists;
    uint32_t list_count;
};

/* Append the record: one line of JSON without its end, or Avro behind a frame of
 * output_schemas.h. */
void recommendation_write_json(const struct recommendation *recommendation, struct buffer *buffer);
void recommendation_write_avro(const struct recommendation *recommendation,
                               const struct avro_frame *frame, struct buffer *buffer);

#endif
