/* The table of faults: every code that librdkafka knows has a decision, and those that decide
 * whether a record can stop the process have the right one. */
#include "processors/runtime/kafka/faults.h"
#include "schemas/error.h"
#include "tests/test.h"

#include <librdkafka/rdkafka.h>

static enum fault of_kafka(int code)
{
    return fault_find(FAULT_OF_KAFKA, code)->fault;
}

/* librdkafka's own list of its codes. */
static void test_every_code_has_a_decision(void)
{
    const struct rd_kafka_err_desc *codes;
    size_t count;
    rd_kafka_get_err_descs(&codes, &count);
    CHECK(count > 150);
    for (size_t i = 0; i < count; i++) {
        if (codes[i].name == NULL)
            continue;
        enum fault fault = of_kafka(codes[i].code);
        CHECK_SAY((fault == FAULT_NONE) == (codes[i].code == RD_KAFKA_RESP_ERR_NO_ERROR), "%s",
                  codes[i].name);
        CHECK_SAY(fault != FAULT_RECORD, "%s is no fault of an input's record", codes[i].name);
    }
    CHECK_INT(of_kafka(-123456), FAULT_PASSING);
    CHECK_INT(of_kafka(32000), FAULT_PASSING);
}

/* The same output again would be refused again. */
static void test_refused_outputs_do_not_pass(void)
{
    static const int codes[] = {
        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
        RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,
        RD_KAFKA_RESP_ERR_INVALID_RECORD,
        RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
        RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
        RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE,
        RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS,
        RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const struct fault_row *row = fault_find(FAULT_OF_KAFKA, codes[i]);
        CHECK_SAY(row->fault == FAULT_TOO_LARGE || row->fault == FAULT_SETUP, "%s passes",
                  rd_kafka_err2name((rd_kafka_resp_err_t)codes[i]));
        CHECK_SAY(row->advice != NULL, "%s has no advice",
                  rd_kafka_err2name((rd_kafka_resp_err_t)codes[i]));
    }
}

static void test_broker_and_network_pass(void)
{
    static const int codes[] = {
        RD_KAFKA_RESP_ERR__TRANSPORT,          RD_KAFKA_RESP_ERR__TIMED_OUT,
        RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,      RD_KAFKA_RESP_ERR__QUEUE_FULL,
        RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,   RD_KAFKA_RESP_ERR__RESOLVE,
        RD_KAFKA_RESP_ERR__PURGE_QUEUE,        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,   RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
        RD_KAFKA_RESP_ERR_INVALID_MSG, /* damaged on the way */
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        CHECK_SAY(of_kafka(codes[i]) == FAULT_PASSING, "%s does not pass",
                  rd_kafka_err2name((rd_kafka_resp_err_t)codes[i]));
    CHECK_INT(of_kafka(RD_KAFKA_RESP_ERR__FENCED), FAULT_FENCED);
    CHECK_INT(of_kafka(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID), FAULT_FENCED);
    CHECK_INT(of_kafka(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED), FAULT_SETUP);
}

/* Only an answer about the schema makes a dead letter. */
static void test_registry(void)
{
    static const int passing[] = {0, 301, 400, 401, 403, 407, 408, 429, 500, 502, 503, 504};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        CHECK_SAY(fault_find(FAULT_OF_REGISTRY, passing[i])->fault == FAULT_PASSING, "status %d",
                  passing[i]);
    CHECK_INT(fault_find(FAULT_OF_REGISTRY, 200)->fault, FAULT_NONE);
    CHECK_INT(fault_find(FAULT_OF_REGISTRY, 404)->fault, FAULT_RECORD);
}

static void test_decoding(void)
{
    CHECK_INT(fault_find(FAULT_OF_DECODING, VERDICT_OK)->fault, FAULT_NONE);
    CHECK_INT(fault_find(FAULT_OF_DECODING, VERDICT_SKIP)->fault, FAULT_RECORD);
    CHECK_INT(fault_find(FAULT_OF_DECODING, VERDICT_RETRY)->fault, FAULT_PASSING);
    CHECK_INT(fault_find(FAULT_OF_DECODING, VERDICT_FATAL)->fault, FAULT_SETUP);
}

/* No row hides behind an earlier one, and each advice has room. */
static void test_rows(void)
{
    char advice[FAULT_ADVICE_BYTES_MAX];
    for (size_t i = 0; i < fault_row_count; i++) {
        const struct fault_row *row = &fault_rows[i];
        CHECK_SAY(fault_find(row->source, row->code) == row, "row %zu is never found", i);
        CHECK(row->advice == NULL || strlen(fault_advice(row, advice)) == strlen(row->advice) + 2);
    }
    CHECK_TEXT(fault_advice(fault_find(FAULT_OF_KAFKA, 0), advice), "");
}

int main(void)
{
    TEST_RUN(test_every_code_has_a_decision);
    TEST_RUN(test_refused_outputs_do_not_pass);
    TEST_RUN(test_broker_and_network_pass);
    TEST_RUN(test_registry);
    TEST_RUN(test_decoding);
    TEST_RUN(test_rows);
    return test_done();
}
