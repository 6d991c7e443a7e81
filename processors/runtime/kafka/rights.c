#include "processors/runtime/kafka/rights.h"

/* Kafka's names of the operations. */
static const char *const operations[RIGHTS] = {"Read", "Write", "DescribeConfigs"};

#define READ RIGHT_BIT(RIGHT_READ)
#define WRITE RIGHT_BIT(RIGHT_WRITE)
#define SETTINGS RIGHT_BIT(RIGHT_SETTINGS)

static const uint32_t needed[TOPICS] = {
    [TOPIC_VIEW] = READ,
    [TOPIC_SEARCH] = READ,
    [TOPIC_CART] = READ,
    [TOPIC_PURCHASE] = READ,
    [TOPIC_IMPRESSION] = READ,
    [TOPIC_CLICK] = READ,
    [TOPIC_USER] = READ | SETTINGS,
    [TOPIC_PRODUCT] = READ | SETTINGS,
    [TOPIC_RECOMMENDATIONS] = WRITE | SETTINGS,
    [TOPIC_EARLY] = WRITE | SETTINGS,
    [TOPIC_RANKINGS] = READ | WRITE | SETTINGS,
    [TOPIC_ITEMS] = READ | WRITE | SETTINGS,
    [TOPIC_INTERACTIONS] = READ | WRITE | SETTINGS,
    [TOPIC_VISITOR_CHANGELOG] = READ | WRITE | SETTINGS,
    [TOPIC_MODEL] = READ | WRITE | SETTINGS,
    [TOPIC_LATE] = WRITE | SETTINGS,
    [TOPIC_DEAD_LETTERS] = WRITE | SETTINGS,
    [TOPIC_METRICS] = WRITE | SETTINGS,
};

uint32_t rights_needed(enum topic topic)
{
    return needed[topic];
}

bool right_needed(enum topic topic, enum right right)
{
    return (needed[topic] & RIGHT_BIT(right)) != 0;
}

struct bytes rights_broker(const struct config *config)
{
    return bytes_of(config->bootstrap_servers, strcspn(config->bootstrap_servers, ", "));
}

/* The user's name as authorizers know it; certificates have names that weft does not read. */
static const char *user(const struct config *config)
{
    const char *name = "NAME";
    for (size_t i = 0; i < config->kafka_count; i++)
        if (strcmp(config->kafka[i].name, "sasl.username") == 0)
            name = config_kafka_value(config, i);
    return name;
}

static void start_command(const struct config *config, struct buffer *buffer)
{
    struct bytes broker = rights_broker(config);
    buffer_format(buffer, "kafka-acls.sh --bootstrap-server %.*s --add --allow-principal User:%s",
                  (int)broker.size, broker.at, user(config));
}

void right_topic_command(const struct config *config, const struct topology *topology,
                         enum topic topic, uint32_t rights, struct buffer *buffer)
{
    start_command(config, buffer);
    for (int right = 0; right < RIGHTS; right++)
        if (rights & RIGHT_BIT(right))
            buffer_format(buffer, " --operation %s", operations[right]);
    buffer_format(buffer, " --topic %s", topology->topics[topic]);
}

void right_group_command(const struct config *config, const char *group, struct buffer *buffer)
{
    start_command(config, buffer);
    buffer_format(buffer, " --operation Read --group %s", group);
}

void right_transactions_command(const struct config *config, struct buffer *buffer)
{
    start_command(config, buffer);
    buffer_format(buffer,
                  " --operation Write --transactional-id %s- --resource-pattern-type prefixed",
                  config->application_id);
}

void rights_text(const struct config *config, const struct topology *topology,
                 struct buffer *buffer)
{
    for (int i = 0; i < TOPICS; i++) {
        if (!topology_uses(topology, i))
            continue;
        right_topic_command(config, topology, (enum topic)i, needed[i], buffer);
        buffer_byte(buffer, '\n');
    }
    right_group_command(config, config->application_id, buffer);
    buffer_byte(buffer, '\n');
    right_group_command(config, topology->publisher, buffer);
    buffer_byte(buffer, '\n');
    if (config_exactly_once(config)) {
        right_transactions_command(config, buffer);
        buffer_byte(buffer, '\n');
    }
    buffer_text(buffer, "# only without --no-create:\n");
    start_command(config, buffer);
    buffer_text(buffer, " --operation Create --cluster\n");
}
