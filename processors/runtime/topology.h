/* The topology: the steps in their order, the parts of the runtime around them, and the topics and
 * tables that they read and write. It is built from their rows, checked before anything runs, and
 * printed by `weft describe`, from the rows alone. */
#ifndef WEFT_RUNTIME_TOPOLOGY_H
#define WEFT_RUNTIME_TOPOLOGY_H

#include "processors/runtime/config.h"

#define STEPS_MAX 32
#define INPUT_TOPICS 7 /* topics that the visitors stage reads, at most */

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
    TOPIC_EARLY, /* lists ahead of their commit; in use with lists.early=on alone */
    TOPIC_RANKINGS,
    TOPIC_ITEMS, /* lists of items; in use with items.lists=on alone */
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
    const char *name;   /* in the rows of steps; the broker's name may be another */
    const char *schema; /* schemas/NAME.avsc; NULL: bytes as they came, or JSON */
    bool partitioned;   /* as many partitions as the event topics; else one */
    bool input;
    enum cleanup cleanup;
    int64_t retention_ms;        /* -1: for ever; 0: the broker's default */
    int64_t delete_retention_ms; /* how long a compacted topic remembers a deletion at least; 0: the
                                  * broker's default */
};

extern const struct topic_row topic_rows[TOPICS];

/* The topic of each output of a step. */
extern const enum topic output_topics[OUTPUTS];

/* The topic that takes the records with this fate, as they came; TOPICS: none does. */
enum topic fate_topic(enum fate fate);

/* The topics that a step's row names as outputs, as bits `1 << topic`. */
uint32_t step_topics(const struct step *step);

/* Built once, then only read, by any thread. It owns nothing. */
struct topology {
    const struct step *visitors[STEPS_MAX];
    size_t visitors_count;
    const struct step *model[STEPS_MAX];
    size_t model_count;
    char topics[TOPICS][CONFIG_TEXT_MAX + 32]; /* names on the broker */
    char publisher[CONFIG_TEXT_MAX + 32];      /* the publisher's consumer group */
    bool early;                                /* TOPIC_EARLY is in use */
    bool items;                                /* TOPIC_ITEMS is in use */
    bool all_kinds;                            /* TOPIC_VIEW has events of all kinds
                                                * (topics.events); no other topic of events is in
                                                * use */
    int input_count;                           /* inputs of the visitors stage that are in use */
};

/* Whether the configuration uses the topic. Nobody creates, reads, writes or checks others. */
static inline bool topology_uses(const struct topology *topology, int topic)
{
    if (topic == TOPIC_EARLY)
        return topology->early;
    if (topic == TOPIC_ITEMS)
        return topology->items;
    return !topology->all_kinds || topic <= TOPIC_VIEW || topic >= TOPIC_USER;
}

/* The broker's name of the topic that takes events of this type. */
static inline const char *topology_topic_of(const struct topology *topology, enum event_type type)
{
    return topology->topics[topology_uses(topology, (int)type) ? (int)type : TOPIC_VIEW];
}

/* FATAL for a mistake in a row: an unknown topic, no such predecessor, a name or a table with two
 * owners, a stream that nobody writes, a table that nobody owns. FATAL too if two topics have one
 * name, or if no row reads or writes a topic. Strings point into the rows. */
enum verdict topology_build(const struct config *config, struct topology *ret_topology,
                            struct error *error);

/* Appends the topology as text, and as a graph for Graphviz. */
void topology_text(const struct topology *topology, struct buffer *buffer);
void topology_dot(const struct topology *topology, struct buffer *buffer);

#endif
