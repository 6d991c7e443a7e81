/* A published ranking of items for everybody (ranking.avsc), and the key of its record.
 * Thread: any. */
#ifndef WEFT_SCHEMAS_RANKING_H
#define WEFT_SCHEMAS_RANKING_H

#include "schemas/avro_binary.h"

#define RANKING_ITEMS_MAX 200

enum ranking_kind {
    RANKING_VIEWED,
    RANKING_CARTED,
    RANKING_BOUGHT,
    RANKING_TRENDING,
    RANKING_TAKEN, /* after a search */
    RANKING_KINDS,
};
extern const char *const ranking_kind_names[RANKING_KINDS];

enum ranking_scope {
    SCOPE_SHOP,
    SCOPE_CATEGORY,
    SCOPE_BRAND,
    SCOPE_GENDER,
    SCOPE_AGE_GROUP,
    SCOPE_TERM,
    RANKING_SCOPES,
};
extern const char *const ranking_scope_names[RANKING_SCOPES];

struct ranking_item {
    struct bytes item_id;
    double score;
    bool found; /* the product's text matched the search term */
};

struct ranking {
    enum ranking_kind kind;
    enum ranking_scope scope;
    struct bytes name; /* the scope's; absent for the whole shop */
    int64_t offset;    /* in the interactions log: the ranking stands for the records before it */
    int64_t event_time_ms;
    const struct ranking_item *items; /* best first, distinct; borrowed */
    uint32_t item_count;
};

/* Appends the key: "trending|category|Women > Coats", or "viewed|shop" for the whole shop. The name
 * is all that follows the second bar; it may have bars itself. */
void ranking_key(enum ranking_kind kind, enum ranking_scope scope, struct bytes name,
                 struct buffer *buffer);

/* Append the record: one line of JSON without its end, or Avro behind a frame of
 * output_schemas.h. */
void ranking_write_json(const struct ranking *ranking, struct buffer *buffer);
void ranking_write_avro(const struct ranking *ranking, const struct avro_frame *frame,
                        struct buffer *buffer);

/* A hash of the items and their order. The scores do not count: they fade all the time. */
uint64_t ranking_version(const struct ranking *ranking);

#endif
