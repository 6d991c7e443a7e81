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
    while (i < INPUT_TOPICS && strcmp(topic, run->topology.topics[i]) != 0)
        i++;
    return i < INPUT_TOPICS;
}

static bool is_complete(const struct run *run, const struct edge_place *places, size_t count,
                        const struct edge_place *place)
{
    int counterparts = 0;
    for (size_t i = 0; i < count; i++)
        counterparts += places[i].partition == place->partition;
    return place->partition < run->partitions && counterparts == INPUT_TOPICS &&
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

static enum verdict set_start(const struct assignment *assignment, struct edge_place *place,
                              struct error *error)
{
    int64_t stored = -1;
    enum verdict verdict = store_get_offset(assignment->run->store, OFFSETS_INPUT, place->topic,
                                            place->partition, &stored, error);
    if (verdict == VERDICT_FATAL)
        return verdict;
    if (place->offset < 0)
        place->offset = stored;
    else if (place->offset < stored)
        return error_set(error, VERDICT_FATAL,
                         "the group's offset of %s [%d] is %lld, the local state has seen it up to "
                         "%lld: somebody moved the group back; to read again from there use "
                         "'weft reset', which clears the state with it",
                         place->topic, (int)place->partition, (long long)place->offset,
                         (long long)stored);
    return VERDICT_OK;
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
                                size_t count, struct error *error)
{
    enum verdict verdict = committed_offsets(assignment, places, count, error);
    for (size_t i = 0; i < count && verdict == VERDICT_OK; i++)
        verdict = set_start(assignment, &places[i], error);
    if (verdict == VERDICT_OK)
        warn_of_lost_requests(assignment, places, count);
    return verdict;
}
