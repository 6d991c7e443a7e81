/* Settings of topics as the broker has them, such as delete.retention.ms. Only files in
 * processors/runtime/kafka/ include it. Thread: any. */
#ifndef WEFT_KAFKA_TOPIC_SETTINGS_H
#define WEFT_KAFKA_TOPIC_SETTINGS_H

#include "processors/runtime/kafka/kafka.h"

/* How long a compacted topic remembers a deletion at least, in milliseconds. */
#define DELETE_RETENTION "delete.retention.ms"
/* Kafka's default. */
#define DELETE_RETENTION_DEFAULT_MS ((int64_t)24 * 3600 * 1000)

/* Asks for a setting. `ret_value` has room for SETTING_BYTES_MAX; a longer value is cut.
 * SKIP: the broker has no such setting (the embedded broker has none at all).
 * RETRY: no answer within 10 s, or the topic is not there yet.
 * FATAL: weft is not allowed to ask; the error names the command that allows it. */
#define SETTING_BYTES_MAX 128
enum verdict topic_setting_text(rd_kafka_t *rk, const char *topic, const char *setting,
                                char *ret_value, struct error *error);

/* The same for a whole number; -1 of a limit means that there is none. */
enum verdict topic_setting_number(rd_kafka_t *rk, const char *topic, const char *setting,
                                  int64_t *ret_number, struct error *error);

/* Asks for the settings of several topics at once. NULL: no answer, with the code. Else the caller
 * destroys the event, a result of DescribeConfigs. */
rd_kafka_event_t *topic_settings_ask(rd_kafka_t *rk, const char *const *topics, size_t count,
                                     rd_kafka_resp_err_t *ret_err);

#endif
