#include "processors/runtime/kafka/rights.h"

#define BIT(right) (1u << (right))

const char *const right_names[RIGHTS] = {"Read", "Write", "DescribeConfigs", "Create"};

static const uint32_t needed[TOPICS] = {
    [TOPIC_VIEW] = BIT(RIGHT_READ),
    [TOPIC_SEARCH] = BIT(RIGHT_READ),
    [TOPIC_CART] = BIT(RIGHT_READ),
    [TOPIC_PURCHASE] = BIT(RIGHT_READ),
    [TOPIC_IMPRESSION] = BIT(RIGHT_READ),
    [TOPIC_CLICK] = BIT(RIGHT_READ),
    [TOPIC_USER] = BIT(RIGHT_READ) | BIT(RIGHT_SETTINGS),
    [TOPIC_PRODUCT] = BIT(RIGHT_READ) | BIT(RIGHT_SETTINGS),
    [TOPIC_RECOMMENDATIONS] = BIT(RIGHT_WRITE) | BIT(RIGHT_SETTINGS),
    [TOPIC_RANKINGS] = BIT(RIGHT_READ) | BIT(RIGHT_WRITE) | BIT(RIGHT_SETTINGS),
    [TOPIC_INTERACTIONS] = BIT(RIGHT_READ) | BIT(RIGHT_WRITE) | BIT(RIGHT_SETTINGS),
    [TOPIC_VISITOR_CHANGELOG] = BIT(RIGHT_READ) | BIT(RIGHT_WRITE) | BIT(RIGHT_SETTINGS),
    [TOPIC_MODEL] = BIT(RIGHT_READ) | BIT(RIGHT_WRITE) | BIT(RIGHT_SETTINGS),
    [TOPIC_LATE] = BIT(RIGHT_WRITE) | BIT(RIGHT_SETTINGS),
    [TOPIC_DEAD_LETTERS] = BIT(RIGHT_WRITE) | BIT(RIGHT_SETTINGS),
    [TOPIC_METRICS] = BIT(RIGHT_WRITE) | BIT(RIGHT_SETTINGS),
};

bool right_needed(enum topic topic, enum right right)
{
    return (needed[topic] & BIT(right)) != 0;
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
        if (rights & BIT(right))
            buffer_format(buffer, " --operation %s", right_names[right]);
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
