#include "processors/runtime/visitors/assignment.h"

#include "processors/runtime/kafka/members.h"
#include "processors/runtime/log.h"
#include "processors/runtime/visitors/copy_age.h"

#include <stdio.h>
#include <stdlib.h>

#define STABLE_OFFSETS_TRIES 300
#define STABLE_OFFSETS_PAUSE_US 200000 /* in all, longer than transaction.timeout.ms */
#define OWNERS_MAX 64
#define FENCE_TRIES 20

/* ---- are the partitions complete? ---- */

static bool is_input(const struct run *run, const char *topic)
{
    int i = 0;
    while (i < INPUT_TOPICS &&
           (!topology_uses(&run->topology, i) || strcmp(topic, run->topology.topics[i]) != 0))
        i++;
    return i < INPUT_TOPICS;
}

static bool is_complete(const struct run *run, const struct edge_place *places, size_t count,
                        const struct edge_place *place)
{
    int counterparts = 0;
    for (size_t i = 0; i < count; i++)
        counterparts += places[i].partition == place->partition;
    return place->partition < run->partitions && counterparts == run->topology.input_count &&
           is_input(run, place->topic);
}

enum verdict assignment_check(const struct assignment *assignment, const struct edge_place *places,
                              size_t count, bool *ret_stale, struct error *error)
{
    const struct run *run = assignment->run;
    struct kafka_edge *edge = assignment->edge;
    size_t complete = 0;
    *ret_stale = false;
    while (complete < count && is_complete(run, places, count, &places[complete]))
        complete++;
    if (complete == count)
        return VERDICT_OK;
    for (int i = 0; i < INPUT_TOPICS; i++) {
        int32_t partitions;
        if (!topology_uses(&run->topology, i))
            continue;
        enum verdict verdict = edge->partitions(edge, run->topology.topics[i], &partitions, error);
        if (verdict != VERDICT_OK)
            return verdict;
        if (partitions != 0 && partitions != run->partitions)
            return error_set(
                error, VERDICT_FATAL,
                "%s now has %d partitions where %d were: a visitor's events must stay "
                "in the same partition of every input, so partitions can't be added in "
                "place; see 'Adding partitions' in deploy/README.md",
                run->topology.topics[i], (int)partitions, (int)run->partitions);
    }
    *ret_stale = true;
    return error_set(error, VERDICT_RETRY, "the group did not assign all inputs");
}

/* ---- ending what members that are gone left open ---- */

static void fence(const struct assignment *assignment, const char *owner, char letter)
{
    struct run *run = assignment->run;
    struct kafka_edge *edge = assignment->edge;
    char id[3 * CONFIG_TEXT_MAX];
    struct error error = {0};
    snprintf(id, sizeof id, "%s-%.*s-%c", run->config->application_id, CONFIG_TEXT_MAX, owner,
             letter);
    enum edge_outcome outcome = EDGE_FATAL;
    if (edge->open_producer(edge, EDGE_FENCER, id, NULL, &error) == VERDICT_OK)
        outcome = EDGE_RETRIABLE;
    for (int i = 0; i < FENCE_TRIES && outcome == EDGE_RETRIABLE && !run_stops(run); i++) {
        error_clear(&error);
        outcome = edge->init(edge, EDGE_FENCER, &error);
    }
    if (outcome != EDGE_OK && error.message[0])
        log_line(LOG_LEVEL_WARN, assignment->name, "%s can't be fenced: %s", id, error.message);
    edge->close_producer(edge, EDGE_FENCER);
}

/* Other members that committed one of the offsets, each once. Returns how many. */
static size_t find_owners(const struct assignment *assignment, const struct edge_place *places,
                          size_t place_count, const char *ret_owners[OWNERS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < place_count && count < OWNERS_MAX; i++) {
        const char *owner = places[i].owner;
        bool known = owner[0] == '\0' || strlen(owner) >= CONFIG_TEXT_MAX ||
                     strcmp(owner, assignment->member) == 0;
        for (size_t k = 0; k < count && !known; k++)
            known = strcmp(ret_owners[k], owner) == 0;
        if (!known)
            ret_owners[count++] = owner;
    }
    return count;
}

static void fence_gone(const struct assignment *assignment, const struct edge_place *places,
                       size_t place_count)
{
    struct kafka_edge *edge = assignment->edge;
    const char *owners[OWNERS_MAX];
    size_t count = find_owners(assignment, places, place_count, owners);
    struct members members;
    struct error error = {0};
    if (count == 0)
        return;
    if (edge->members(edge, &members, &error) != VERDICT_OK) {
        log_line(LOG_LEVEL_WARN, assignment->name, "%s", error.message);
        return;
    }
    /* an answer without this very member is out of date */
    bool current = members_have(&members, assignment->member);
    for (size_t i = 0; i < count && current; i++) {
        if (members_have(&members, owners[i]))
            continue;
        log_line(LOG_LEVEL_INFO, assignment->name, "%s is gone; ending what it left open",
                 owners[i]);
        for (int slot = 0; slot < EDGE_PRODUCERS; slot++)
            fence(assignment, owners[i], (char)('a' + slot));
    }
    members_release(&members);
}

/* A transaction on the offsets is open, perhaps of a member that is gone. The offsets from before
 * it tell whose it may be. */
static void fence_unstable(const struct assignment *assignment, const struct edge_place *places,
                           size_t count)
{
    struct kafka_edge *edge = assignment->edge;
    struct edge_place *before = memory_get(count * sizeof *before);
    memcpy(before, places, count * sizeof *before);
    if (edge->committed_before(edge, before, count, NULL) == EDGE_OK)
        fence_gone(assignment, before, count);
    free(before);
}

/* ---- where to go on ---- */

static enum verdict committed_offsets(const struct assignment *assignment,
                                      struct edge_place *places, size_t count, struct error *error)
{
    struct kafka_edge *edge = assignment->edge;
    struct error why = {0};
    for (int i = 0; i < STABLE_OFFSETS_TRIES && !run_stops(assignment->run); i++) {
        error_clear(&why);
        if (edge->committed(edge, places, count, &why) == EDGE_OK) {
            fence_gone(assignment, places, count);
            return VERDICT_OK;
        }
        if (i == 0)
            fence_unstable(assignment, places, count);
        edge_pause(edge, STABLE_OFFSETS_PAUSE_US);
    }
    return error_set(error, VERDICT_RETRY, "no broker tells the group's offsets: %s", why.message);
}

/* A place's offsets, as found. */
struct start {
    int64_t group, stored; /* -1: none */
    struct edge_range range;
    bool by_weft; /* weft committed the group's offset; an operator's tool names no owner */
};

/* Somebody else may have the partition since the local state was written, so a group that is ahead
 * of it is fine if weft moved it. */
static void check_forward(const struct assignment *assignment, const struct edge_place *place,
                          const struct start *start, uint64_t *lost)
{
    if (start->group < 0 || start->by_weft || start->group <= start->stored || start->stored < 0)
        return;
    int64_t count = start->group - start->stored;
    *lost += (uint64_t)count;
    log_line(LOG_LEVEL_WARN, assignment->name,
             "somebody moved the group forward: its offset of %s [%d] is %lld, the local state has "
             "read it up to %lld; up to %lld records stay unread",
             place->topic, (int)place->partition, (long long)start->group, (long long)start->stored,
             (long long)count);
}

/* The partition does not have the offset. */
static void check_range(const struct assignment *assignment, struct edge_place *place,
                        const struct start *start, uint64_t *lost)
{
    const struct edge_range *range = &start->range;
    if (place->offset < 0 || range->low < 0 || range->high < 0)
        return;
    if (place->offset > range->high) {
        log_line(LOG_LEVEL_WARN, assignment->name,
                 "%s [%d] was read up to %lld, but ends at %lld: the topic was created again, or "
                 "its brokers lost records; it is read from its beginning",
                 place->topic, (int)place->partition, (long long)place->offset,
                 (long long)range->high);
        place->offset = range->low;
    } else if (place->offset < range->low) {
        int64_t count = range->low - place->offset;
        *lost += (uint64_t)count;
        log_line(
            LOG_LEVEL_WARN, assignment->name,
            "%s [%d] was read up to %lld, but begins at %lld: up to %lld records are lost; the "
            "topic's retention.ms and retention.bytes must outlast the longest pause",
            place->topic, (int)place->partition, (long long)place->offset, (long long)range->low,
            (long long)count);
        place->offset = range->low;
    }
}

static enum verdict set_start(const struct assignment *assignment, struct edge_place *place,
                              const struct edge_range *range, uint64_t *lost, struct error *error)
{
    struct start start = {
        .group = place->offset, .stored = -1, .range = *range, .by_weft = place->owner[0] != '\0'};
    enum verdict verdict = store_get_offset(assignment->run->store, OFFSETS_INPUT, place->topic,
                                            place->partition, &start.stored, error);
    if (verdict == VERDICT_FATAL)
        return verdict;
    bool created_again = range->high >= 0 && start.stored > range->high;
    if (start.group >= 0 && start.group < start.stored && !created_again)
        return error_set(error, VERDICT_FATAL,
                         "the group's offset of %s [%d] is %lld, the local state has seen it up to "
                         "%lld: somebody moved the group back, or the topic was created again; to "
                         "read again from there use 'weft reset', which clears the state with it",
                         place->topic, (int)place->partition, (long long)start.group,
                         (long long)start.stored);
    if (start.group < 0)
        place->offset = start.stored;
    check_forward(assignment, place, &start, lost);
    check_range(assignment, place, &start, lost);
    return VERDICT_OK;
}

/* Without an answer the ranges stay unknown: an offset that a partition does not have shows when it
 * is read (EDGE_LOST). */
static struct edge_range *find_ranges(const struct assignment *assignment,
                                      const struct edge_place *places, size_t count)
{
    struct edge_range *ranges = memory_get((count + 1) * sizeof *ranges);
    struct error why = {0};
    for (size_t i = 0; i < count; i++)
        ranges[i] = (struct edge_range){-1, -1};
    if (assignment->edge->ranges(assignment->edge, places, count, ranges, &why) != EDGE_OK)
        log_line(LOG_LEVEL_WARN, assignment->name,
                 "the broker does not tell where inputs begin: %s", why.message);
    return ranges;
}

static bool has_offset(const struct edge_place *places, size_t count, int32_t partition)
{
    for (size_t i = 0; i < count; i++)
        if (places[i].partition == partition && places[i].offset >= 0)
            return true;
    return false;
}

static const char *changelog_topic(const struct assignment *assignment)
{
    return assignment->run->topology.topics[TOPIC_VISITOR_CHANGELOG];
}

/* Whether the changelog has visitors of the partition. */
static bool has_visitors(const struct assignment *assignment, int32_t partition)
{
    const struct edge_place place = {.topic = changelog_topic(assignment), .partition = partition};
    struct edge_range range = {-1, -1};
    return assignment->edge->ranges(assignment->edge, &place, 1, &range, NULL) == EDGE_OK &&
           range.high > 0;
}

/* Visitors remember few of their impressions and clicks, so a second reading counts older ones once
 * more. */
static void warn_of_second_reading(const struct assignment *assignment,
                                   const struct edge_place *places, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(places[i].topic, places[0].topic) == 0 &&
            !has_offset(places, count, places[i].partition) &&
            has_visitors(assignment, places[i].partition))
            log_line(
                LOG_LEVEL_WARN, assignment->name,
                "neither the group nor the local state has an offset of the inputs [%d], but "
                "%s has visitors: the inputs are read from their beginning, and impressions "
                "may count twice; set the group's offsets with kafka-consumer-groups, or begin "
                "again with 'weft reset'",
                (int)places[i].partition, changelog_topic(assignment));
}

/* A request to erase a user is a tombstone, which Kafka may remove before the group reads it. */
static enum verdict look_for_lost_requests(const struct assignment *assignment,
                                           struct copy_check *check,
                                           const struct edge_place *places, size_t count,
                                           struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    for (size_t i = 0; verdict == VERDICT_OK && i < count; i++) {
        enum copy_age age = COPY_FRESH;
        if (strcmp(places[i].topic, check->topic) == 0)
            verdict = copy_check_age(check, places[i].partition, places[i].offset, &age, error);
        if (age != COPY_FRESH)
            log_line(
                LOG_LEVEL_WARN, assignment->name,
                "nobody has read %s [%d] from %lld on for longer than its delete.retention.ms "
                "(%lld ms): requests to erase users may be lost; send those of this time again",
                check->topic, (int)places[i].partition, (long long)places[i].offset,
                (long long)check->retention_ms);
    }
    return verdict;
}

static void warn_of_lost_requests(const struct assignment *assignment,
                                  const struct edge_place *places, size_t count)
{
    struct copy_check check;
    struct error why = {0};
    enum verdict verdict =
        copy_check_open(&check, assignment->run, TOPIC_USER, assignment->name, &why);
    if (verdict == VERDICT_OK)
        verdict = look_for_lost_requests(assignment, &check, places, count, &why);
    if (verdict != VERDICT_OK)
        log_line(LOG_LEVEL_WARN, assignment->name, "%s", why.message);
    copy_check_close(&check);
}

enum verdict assignment_offsets(const struct assignment *assignment, struct edge_place *places,
                                size_t count, uint64_t *lost, struct error *error)
{
    enum verdict verdict = committed_offsets(assignment, places, count, error);
    if (verdict != VERDICT_OK)
        return verdict;
    struct edge_range *ranges = find_ranges(assignment, places, count);
    for (size_t i = 0; i < count && verdict == VERDICT_OK; i++)
        verdict = set_start(assignment, &places[i], &ranges[i], lost, error);
    free(ranges);
    if (verdict != VERDICT_OK)
        return verdict;
    warn_of_lost_requests(assignment, places, count);
    warn_of_second_reading(assignment, places, count);
    return VERDICT_OK;
}
