/* A worker's outputs and the sizes that their topics take (kafka/size_budget.h). */
#include "processors/runtime/log.h"
#include "processors/runtime/visitors/worker_parts.h"

void worker_use_sizes(struct worker *worker)
{
    const struct size_budget *sizes = &worker->run->sizes;
    struct context *context = pipeline_context(worker->pipeline);
    for (int i = 0; i < TOPICS; i++)
        worker->limits[i] = size_budget_limit(sizes, (enum topic)i);
    context->visitor_row_bytes_max = size_budget_record(sizes, TOPIC_VISITOR_CHANGELOG);
    context->lists_bytes_max = size_budget_record(sizes, TOPIC_RECOMMENDATIONS);
}

enum verdict worker_learn_size(struct worker *worker)
{
    struct run *run = worker->run;
    struct error why = {0};
    int64_t limit = SIZE_UNKNOWN;
    enum topic topic = transactions_refused(worker->transactions);
    if (topic == TOPICS)
        return VERDICT_RETRY;
    const char *name = run->topology.topics[topic];
    if (worker->edge->topic_bytes(worker->edge, name, &limit, &why) != VERDICT_OK)
        limit = SIZE_UNKNOWN;
    error_clear(&why);
    enum verdict verdict =
        size_budget_refused(&run->sizes, topic, worker->limits[topic], limit, &why);
    if (verdict != VERDICT_OK) {
        error_clear(&worker->error);
        return error_set(&worker->error, verdict, "%s", why.message);
    }
    log_line(LOG_LEVEL_WARN, worker->name,
             "%s refused a record; records for it have %lld bytes now", name,
             (long long)size_budget_limit(&run->sizes, topic));
    return VERDICT_RETRY;
}

struct cut {
    enum counter counter;
    enum topic topic;
    const char *what;
};

static const struct cut cuts[] = {
    {COUNT_ACTIVITIES_CUT, TOPIC_VISITOR_CHANGELOG, "the oldest activities of a visitor fall out"},
    {COUNT_LISTS_CUT, TOPIC_RECOMMENDATIONS, "items at the ends of a visitor's lists fall out"},
    {COUNT_LETTERS_CUT, TOPIC_DEAD_LETTERS, "a dead letter or a late record is cut"},
};

void worker_warn_of_cuts(struct worker *worker)
{
    const struct counts *counts = pipeline_counts(worker->pipeline);
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        const struct cut *cut = &cuts[i];
        if (counts->counters[cut->counter] == 0 || worker->warned[cut->topic])
            continue;
        worker->warned[cut->topic] = true;
        log_line(LOG_LEVEL_WARN, worker->name,
                 "%s, since %s takes %lld bytes at most; its max.message.bytes may be up to %d. "
                 "The metric %s counts",
                 cut->what, worker->run->topology.topics[cut->topic],
                 (long long)size_budget_limit(&worker->run->sizes, cut->topic), RECORD_BYTES_MAX,
                 counter_names[cut->counter]);
    }
}
