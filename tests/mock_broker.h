/* librdkafka's mock cluster, for tests of code that reads and writes topics. It does not isolate
 * transactions: readers also see aborted records. */
#ifndef WEFT_TESTS_MOCK_BROKER_H
#define WEFT_TESTS_MOCK_BROKER_H

#include "processors/runtime/kafka/client.h"
#include "processors/runtime/kafka/embedded_broker.h"
#include "tests/test.h"

struct mock_broker {
    struct config config;     /* leads to the cluster */
    struct topology topology; /* its topics exist */
    struct embedded_broker *broker;
};

static inline void check_ok(enum verdict verdict, const struct error *error)
{
    CHECK_SAY(verdict == VERDICT_OK, "%s", error->message);
}

/* `assignment`: "KEY=VALUE" of the configuration; NULL: none. */
static inline struct mock_broker mock_broker_open_with(int partitions, const char *assignment)
{
    struct mock_broker mock = {0};
    struct error error = {0};
    config_init(&mock.config);
    mock.config.partitions = partitions;
    if (assignment)
        check_ok(config_assign(&mock.config, assignment, &error), &error);
    check_ok(config_finish(&mock.config, &error), &error);
    check_ok(topology_build(&mock.config, &mock.topology, &error), &error);
    mock.broker = embedded_broker_new(&mock.config, &mock.topology, &error);
    if (mock.broker == NULL) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    snprintf(mock.config.bootstrap_servers, sizeof mock.config.bootstrap_servers, "%s",
             embedded_broker_address(mock.broker));
    return mock;
}

static inline struct mock_broker mock_broker_open(int partitions)
{
    return mock_broker_open_with(partitions, NULL);
}

static inline void mock_broker_close(struct mock_broker *mock)
{
    embedded_broker_free(mock->broker);
}

#endif
