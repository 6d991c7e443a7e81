/* The rights (ACLs) that `weft run` needs on the brokers, as a table, and the command that grants
 * each. Only rights_text() has the right to create topics: it is a right on the cluster. Names no
 * librdkafka. Thread: any. */
#ifndef WEFT_KAFKA_RIGHTS_H
#define WEFT_KAFKA_RIGHTS_H

#include "processors/runtime/topology.h"

enum right {
    RIGHT_READ,
    RIGHT_WRITE,
    RIGHT_SETTINGS, /* DescribeConfigs: weft runs without it, but takes Kafka's defaults */
    RIGHTS,
};

/* A set of rights has this bit of each. */
#define RIGHT_BIT(right) (1u << (right))

/* The set of rights that `weft run` needs on a topic. Kafka includes Describe in each of them. */
uint32_t rights_needed(enum topic topic);
/* Whether a right is one of them. */
bool right_needed(enum topic topic, enum right right);

/* Appends the command that grants a set of rights on a topic. */
void right_topic_command(const struct config *config, const struct topology *topology,
                         enum topic topic, uint32_t rights, struct buffer *buffer);
/* The same for Read on a consumer group, and for Write on the transactional ids. */
void right_group_command(const struct config *config, const char *group, struct buffer *buffer);
void right_transactions_command(const struct config *config, struct buffer *buffer);

/* Appends all of them: a line with a command for each topic, group and prefix, and comments. */
void rights_text(const struct config *config, const struct topology *topology,
                 struct buffer *buffer);

/* The first of bootstrap.servers, for commands. */
struct bytes rights_broker(const struct config *config);

#endif
