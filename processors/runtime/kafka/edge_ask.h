/* Parts of the Kafka edge (edge.c) that need nothing of its state. Thread: the edge's. */
#ifndef WEFT_KAFKA_EDGE_ASK_H
#define WEFT_KAFKA_EDGE_ASK_H

#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/kafka/members.h"
#include "processors/runtime/kafka/range.h"

/* As kafka_edge's ranges() and members(). Takes the list over. */
rd_kafka_resp_err_t edge_ask_ranges(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                                    struct edge_range *ret_ranges);
enum verdict edge_ask_members(const struct config *config, struct members *ret_members,
                              struct error *error);

/* As kafka_edge's topic_bytes(). */
enum verdict edge_ask_topic_bytes(const struct config *config, const char *topic,
                                  int64_t *ret_bytes, struct error *error);
/* Whether the group has the name of the member id `own` under another id: each process gets its
 * own. */
bool edge_has_other_id(const struct rd_kafka_group_info *group, const char *own);

/* When the message was written; INT64_MIN: unknown. */
int64_t edge_written_ms(const rd_kafka_message_t *message);

#endif
