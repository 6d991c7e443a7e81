#include "processors/runtime/kafka/size_budget.h"

#include "processors/runtime/kafka/rights.h"

#define KIB 1024
#define BATCH_BYTES_MAX 1000000 /* librdkafka's default of batch.size */
#define OVERHEAD 512            /* a batch has a header, and a record has lengths and times */

struct size_row {
    int64_t created; /* max.message.bytes of a topic that weft creates; 0: the broker's default */
    int64_t least;   /* weft refuses a topic that takes less; 0: weft does not write to it */
    bool of_workers; /* workers write to it */
};

/* The least sizes have room for:
 *     visitor-changelog  what is stored beside the activities (VISITOR_ROW_REST_BYTES), and as many
 *                        activities as the default of visitor.activities.max, with short subjects
 *     recommendations    the default lists
 *     interactions       the ranker's weights, or the longest search with its neighbours
 *     late, dead-letters the headers, and the head of the value */
static const struct size_row rows[TOPICS] = {
    [TOPIC_RECOMMENDATIONS] = {RECORD_BYTES_MAX, 64 * KIB, true},
    [TOPIC_EARLY] = {RECORD_BYTES_MAX, 64 * KIB, true},
    [TOPIC_RANKINGS] = {0, 64 * KIB, false},
    [TOPIC_ITEMS] = {0, 64 * KIB, false},
    [TOPIC_INTERACTIONS] = {0, 64 * KIB, true},
    [TOPIC_VISITOR_CHANGELOG] = {RECORD_BYTES_MAX, 64 * KIB, true},
    [TOPIC_MODEL] = {RECORD_BYTES_MAX, 64 * KIB, false},
    [TOPIC_LATE] = {RECORD_BYTES_MAX, 16 * KIB, true},
    [TOPIC_DEAD_LETTERS] = {RECORD_BYTES_MAX, 16 * KIB, true},
    [TOPIC_METRICS] = {0, 16 * KIB, true},
};

void size_budget_init(struct size_budget *budget, const struct config *config,
                      const struct topology *topology)
{
    budget->config = config;
    budget->topology = topology;
    for (int i = 0; i < TOPICS; i++)
        atomic_store(&budget->limits[i], 0);
}

int64_t size_budget_created(enum topic topic)
{
    return rows[topic].created;
}

enum verdict size_budget_set(struct size_budget *budget, enum topic topic, int64_t limit,
                             struct error *error)
{
    const struct size_row *row = &rows[topic];
    struct bytes broker = rights_broker(budget->config);
    if (limit < row->least)
        return error_set(error, VERDICT_FATAL,
                         "%s takes records of %lld bytes; weft needs %lld at least; mend it: "
                         "kafka-configs.sh --bootstrap-server %.*s --alter --entity-type topics "
                         "--entity-name %s --add-config max.message.bytes=%lld",
                         budget->topology->topics[topic], (long long)limit, (long long)row->least,
                         (int)broker.size, broker.at, budget->topology->topics[topic],
                         (long long)(row->created ? row->created : KAFKA_RECORD_BYTES));
    atomic_store(&budget->limits[topic], limit < RECORD_BYTES_MAX ? limit : RECORD_BYTES_MAX);
    return VERDICT_OK;
}

enum verdict size_budget_refused(struct size_budget *budget, enum topic topic, int64_t used,
                                 int64_t limit, struct error *error)
{
    if (size_budget_limit(budget, topic) < used)
        return VERDICT_OK; /* another worker has learned it since */
    return size_budget_set(budget, topic, limit == SIZE_UNKNOWN || limit >= used ? used / 2 : limit,
                           error);
}

int64_t size_budget_limit(const struct size_budget *budget, enum topic topic)
{
    int64_t limit = atomic_load(&budget->limits[topic]);
    return limit > 0 ? limit : RECORD_BYTES_MAX;
}

size_t size_budget_record(const struct size_budget *budget, enum topic topic)
{
    return (size_t)(size_budget_limit(budget, topic) - OVERHEAD);
}

int64_t size_budget_batch(const struct size_budget *budget, enum topic topic)
{
    int64_t bytes = BATCH_BYTES_MAX;
    for (int i = 0; i < TOPICS; i++) {
        int64_t limit = size_budget_limit(budget, (enum topic)i);
        if ((topic == TOPICS ? rows[i].of_workers : i == (int)topic) && limit < bytes)
            bytes = limit;
    }
    return bytes;
}
