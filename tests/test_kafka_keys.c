/* The kafka.* keys: none switches exactly-once off, none is misspelt, and no secret is printed. */
#include "processors/runtime/kafka/kafka_keys.h"

#include "tests/test.h"

#define DEBIAN_12 0x020002ff
#define MENDED 0x020601ff

static enum verdict check(const char *name, const char *value, int version, struct error *error)
{
    struct config config;
    config_init(&config);
    error_clear(error);
    CHECK(config_set(&config, name, value, error) == VERDICT_OK);
    return kafka_keys_check_version(&config, version, error);
}

static void test_own_keys(void)
{
    static const char *const names[] = {"kafka.isolation.level",
                                        "kafka.consumer.isolation.level",
                                        "kafka.enable.auto.commit",
                                        "kafka.producer.enable.idempotence",
                                        "kafka.acks",
                                        "kafka.request.required.acks",
                                        "kafka.transactional.id",
                                        "kafka.partition.assignment.strategy",
                                        "kafka.group.id",
                                        "kafka.session.timeout.ms",
                                        "kafka.consumer.auto.offset.reset"};
    struct error error = {0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CHECK(check(names[i], "1", MENDED, &error) == VERDICT_SKIP);
        CHECK_CONTAINS(error.message, "itself: ");
        CHECK_CONTAINS(error.message, names[i]);
    }
    CHECK_SAY(check("kafka.linger.ms", "5", MENDED, &error) == VERDICT_OK, "%s", error.message);
    CHECK(check("kafka.consumer.fetch.wait.max.ms", "5", MENDED, &error) == VERDICT_OK);
}

static void test_misspelt(void)
{
    struct error error = {0};
    CHECK(check("kafka.sasl.mechanismz", "PLAIN", MENDED, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "the nearest is 'sasl.mechanisms'");
    CHECK(check("kafka.consumer.fetch.wait.maxms", "5", MENDED, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "the nearest is 'fetch.wait.max.ms'");
    CHECK(check("kafka.sasl.pasword", "hunter2", MENDED, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "the nearest is 'sasl.password'");
    CHECK(strstr(error.message, "hunter2") == NULL);
    CHECK(check("kafka.socket.timeout.ms", "soon", MENDED, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "kafka.socket.timeout.ms");
}

static void test_scram(void)
{
    struct error error = {0};
    CHECK(check("kafka.sasl.mechanisms", "SCRAM-SHA-512", DEBIAN_12, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "2.0.2");
    CHECK_CONTAINS(error.message, "2.6.1 or later");
    CHECK(check("kafka.sasl.mechanism", "SCRAM-SHA-256", DEBIAN_12, &error) == VERDICT_SKIP);
    CHECK(check("kafka.sasl.mechanisms", "SCRAM-SHA-512", MENDED, &error) == VERDICT_OK);
    CHECK(check("kafka.sasl.mechanisms", "PLAIN", DEBIAN_12, &error) == VERDICT_OK);
}

/* A line of a file of secrets that lacks its '=' is named without its value. */
static void test_secrets(void)
{
    struct config config;
    struct error error = {0};
    config_init(&config);
    CHECK(config_assign(&config, "kafka.sasl.password: hunter2", &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "kafka.sasl.password");
    CHECK(strstr(error.message, "hunter2") == NULL);
}

int main(void)
{
    TEST_RUN(test_own_keys);
    TEST_RUN(test_misspelt);
    TEST_RUN(test_scram);
    TEST_RUN(test_secrets);
    return test_done();
}
