#include "tools/report_persons.h"

#include "schemas/array.h"

#include <stdlib.h>

const char *const report_metric_names[METRICS] = {
    [METRIC_CLICK_THROUGH] = "click_through",
    [METRIC_CARTS] = "carts",
    [METRIC_CONVERSION] = "conversion",
    [METRIC_PURCHASES] = "purchases",
    [METRIC_REVENUE] = "revenue",
};

struct fold {
    const struct report_events *events;
    const struct experiments *experiments;
    uint32_t number;
    const struct persons_options *options;
    bool *plays; /* by the placement's number */
    struct persons *persons;
};

static bool *find_placements(const struct report_events *events,
                             const struct experiment *experiment)
{
    bool *plays = memory_zero(events->name_count + 1, sizeof *plays);
    for (uint32_t i = 0; i < events->name_count; i++) {
        char *name = memory_text(events->names[i]);
        plays[i] = experiment_plays_at(experiment, name);
        free(name);
    }
    return plays;
}

bool persons_have_impressions(const struct report_events *events,
                              const struct experiment *experiment)
{
    bool *plays = find_placements(events, experiment);
    bool have = false;
    for (size_t i = 0; i < events->count && !have; i++)
        have = events->at[i].kind == REPORT_SHOWN && plays[events->at[i].placement];
    free(plays);
    return have;
}

/* ---- one person ---- */

static bool is_exposure(const struct fold *fold, const struct report_event *event)
{
    return !fold->options->by_impressions ||
           (event->kind == REPORT_SHOWN && fold->plays[event->placement]);
}

/* The variant whose list `weft run` makes for the visitor at this event. */
static int variant_at(const struct fold *fold, const struct report_event *event, uint16_t channel)
{
    const struct report_events *events = fold->events;
    const struct report_key *key = &events->keys[event->key];
    int8_t variants[EXPERIMENTS_MAX];
    if (fold->options->everybody)
        return 0;
    struct experiment_visitor visitor = {.key = key->name, .time_ms = event->time_ms};
    if (channel != REPORT_UNKNOWN)
        visitor.channel = events->names[channel];
    if (key->gender != REPORT_UNKNOWN)
        visitor.gender = events->names[key->gender];
    experiments_assign(fold->experiments, &visitor, variants);
    return variants[fold->number];
}

static void count(const struct fold *fold, const struct report_event *event,
                  double counts[PERSON_COUNTS])
{
    switch ((enum report_kind)event->kind) {
    case REPORT_SHOWN:
        counts[PERSON_LISTS] += fold->plays[event->placement];
        break;
    case REPORT_CLICK:
        counts[PERSON_CLICKS] += fold->plays[event->placement];
        break;
    case REPORT_CART:
        counts[PERSON_CARTS]++;
        break;
    case REPORT_PURCHASE:
        counts[PERSON_PURCHASES]++;
        counts[PERSON_REVENUE] += event->amount;
        break;
    case REPORT_RETURN:
        counts[PERSON_REVENUE] -= event->amount;
        break;
    case REPORT_OTHER:
        break;
    }
}

/* The events from `at` on are one person's. Returns how many. */
static size_t fold_person(const struct fold *fold, const struct report_event *at, size_t left)
{
    const struct experiment *experiment = &fold->experiments->at[fold->number];
    struct person person = {.variant = EXPERIMENT_NONE};
    bool mixed = false;
    uint16_t channel = REPORT_UNKNOWN;
    size_t i = 0;
    for (; i < left && at[i].person == at[0].person; i++) {
        const struct report_event *event = &at[i];
        channel = event->channel != REPORT_UNKNOWN ? event->channel : channel;
        if (event->time_ms > fold->options->until_ms)
            continue;
        if (!fold->options->everybody && event->time_ms < experiment->from_ms) {
            if (experiment->from_ms != INT64_MIN)
                count(fold, event, person.before);
            continue;
        }
        if (!fold->options->everybody && event->time_ms >= experiment->to_ms)
            continue;
        int variant = is_exposure(fold, event) ? variant_at(fold, event, channel) : EXPERIMENT_NONE;
        if (variant != EXPERIMENT_NONE && person.variant == EXPERIMENT_NONE) {
            person.variant = variant;
            person.exposed_ms = event->time_ms;
        }
        mixed = mixed || (variant != EXPERIMENT_NONE && variant != person.variant);
        if (person.variant != EXPERIMENT_NONE)
            count(fold, event, person.now);
    }
    fold->persons->mixed += mixed;
    if (person.variant == EXPERIMENT_NONE || mixed)
        return i;
    ARRAY_RESERVE(fold->persons->at, fold->persons->capacity, fold->persons->count + 1);
    fold->persons->at[fold->persons->count++] = person;
    return i;
}

/* ---- all of them ---- */

void persons_fold(const struct report_events *events, const struct experiments *experiments,
                  uint32_t number, const struct persons_options *options, struct persons *persons)
{
    struct fold fold = {
        .events = events,
        .experiments = experiments,
        .number = number,
        .options = options,
        .plays = find_placements(events, &experiments->at[number]),
        .persons = persons,
    };
    persons->count = 0;
    persons->mixed = 0;
    for (size_t i = 0; i < events->count;)
        i += fold_person(&fold, &events->at[i], events->count - i);
    free(fold.plays);
}

void persons_release(struct persons *persons)
{
    free(persons->at);
    *persons = (struct persons){0};
}

/* ---- metrics ---- */

static struct visitor_value value_of(const struct person *person, enum report_metric metric,
                                     double ratio_before)
{
    const double *now = person->now, *before = person->before;
    switch (metric) {
    case METRIC_CLICK_THROUGH:
        return (struct visitor_value){now[PERSON_CLICKS], now[PERSON_LISTS],
                                      before[PERSON_CLICKS] - ratio_before * before[PERSON_LISTS]};
    case METRIC_CARTS:
        return (struct visitor_value){now[PERSON_CARTS], 1, before[PERSON_CARTS]};
    case METRIC_CONVERSION:
        return (struct visitor_value){now[PERSON_PURCHASES] > 0, 1, before[PERSON_PURCHASES] > 0};
    case METRIC_PURCHASES:
        return (struct visitor_value){now[PERSON_PURCHASES], 1, before[PERSON_PURCHASES]};
    default:
        return (struct visitor_value){now[PERSON_REVENUE], 1, before[PERSON_REVENUE]};
    }
}

void persons_sum(const struct persons *persons, enum report_metric metric,
                 struct visitor_sums ret_sums[VARIANTS_MAX])
{
    double clicks = 0, lists = 0;
    memset(ret_sums, 0, VARIANTS_MAX * sizeof *ret_sums);
    for (size_t i = 0; i < persons->count; i++) {
        clicks += persons->at[i].before[PERSON_CLICKS];
        lists += persons->at[i].before[PERSON_LISTS];
    }
    for (size_t i = 0; i < persons->count; i++) {
        const struct person *person = &persons->at[i];
        visitor_sums_add(&ret_sums[person->variant],
                         value_of(person, metric, lists > 0 ? clicks / lists : 0), 1);
    }
}
