/* The topology: the steps in their order, and the topics that they read and write. Built from the
 * steps' rows, checked before anything runs, printed by `weft describe`. */
#ifndef WEFT_RUNTIME_TOPOLOGY_H
#define WEFT_RUNTIME_TOPOLOGY_H

#include "processors/runtime/config.h"

#define STEPS_MAX 32
#define INPUT_TOPICS 7 /* that the visitors stage reads */

enum topic {
    TOPIC_VIEW, /* the inputs come first: their index is the event type's */
    TOPIC_SEARCH,
    TOPIC_CART,
    TOPIC_PURCHASE,
    TOPIC_IMPRESSION,
    TOPIC_CLICK,
    TOPIC_USER,
    TOPIC_PRODUCT,
    TOPIC_RECOMMENDATIONS,
    TOPIC_RANKINGS,
    TOPIC_INTERACTIONS,
    TOPIC_VISITOR_CHANGELOG,
    TOPIC_MODEL,
    TOPIC_LATE,
    TOPIC_DEAD_LETTERS,
    TOPIC_METRICS,
    TOPICS,
};

enum cleanup { CLEANUP_DELETE, CLEANUP_COMPACT };

struct topic_row {
    const char *name;   /* what steps call it */
    const char *schema; /* .avsc; NULL: as it came, or JSON */
    bool partitioned;   /* as many partitions as the inputs; else one */
    bool input;
    enum cleanup cleanup;
    int64_t retention_ms; /* -1: for ever; 0: the broker's default */
};

extern const struct topic_row topic_rows[TOPICS];

struct topology {
    const struct step *visitors[STEPS_MAX];
    size_t visitors_count;
    const struct step *model[STEPS_MAX];
    size_t model_count;
    char topics[TOPICS][CONFIG_TEXT_MAX + 32]; /* names on the broker */
    char publisher[CONFIG_TEXT_MAX + 32];      /* the publisher's consumer group */
};

/* FATAL for a mistake in a step's row: an unknown topic, no such predecessor, a table with two
 * owners, a stream that nobody writes. */
enum verdict topology_build(const struct config *config, struct topology *ret_topology,
                            struct error *error);

void topology_text(const struct topology *topology, struct buffer *buffer);
void topology_dot(const struct topology *topology, struct buffer *buffer);

#endif
