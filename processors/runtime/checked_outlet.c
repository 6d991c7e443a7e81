#include "processors/runtime/checked_outlet.h"

static enum verdict refuse(const struct checked_outlet *outlet, enum topic topic,
                           struct error *error)
{
    return error_set(error, VERDICT_FATAL, "step %s writes to '%s', which its row does not declare",
                     outlet->topology->visitors[outlet->running]->name, topic_rows[topic].name);
}

static bool declares(const struct checked_outlet *outlet, enum topic topic)
{
    return outlet->step_topics[outlet->running] >> topic & 1;
}

static enum verdict checked_emit(struct outlet *self, enum output output, int32_t partition,
                                 struct bytes key, struct bytes value, struct error *error)
{
    struct checked_outlet *outlet = (struct checked_outlet *)(void *)self;
    if (!declares(outlet, output_topics[output]))
        return refuse(outlet, output_topics[output], error);
    return outlet->next->emit(outlet->next, output, partition, key, value, error);
}

void checked_outlet_init(struct checked_outlet *outlet, const struct topology *topology,
                         struct outlet *next)
{
    *outlet =
        (struct checked_outlet){.outlet.emit = checked_emit, .next = next, .topology = topology};
    for (size_t i = 0; i < topology->visitors_count; i++)
        outlet->step_topics[i] = step_topics(topology->visitors[i]);
}

enum verdict checked_outlet_fate(const struct checked_outlet *outlet, enum fate fate,
                                 struct error *error)
{
    enum topic topic = fate_topic(fate);
    if (topic == TOPICS || declares(outlet, topic))
        return VERDICT_SKIP;
    error_clear(error); /* the reason for the fate */
    return refuse(outlet, topic, error);
}
