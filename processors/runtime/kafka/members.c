#include "processors/runtime/kafka/members.h"

#include "processors/runtime/kafka/kafka.h"

#include <stdlib.h>

#define ANSWER_MS 5000
#define UUID_BYTES 37 /* with the dash before it */
#define GONE_MAX 2    /* beyond these two bounds every partition is wanted */
#define INSTANCES_MAX 64

struct member_watch {
    rd_kafka_t *rk;
};

static int name_order(const void *a, const void *b)
{
    return strcmp(a, b);
}

size_t member_name_bytes(const char *member_id)
{
    size_t size = strlen(member_id);
    return size > UUID_BYTES ? size - UUID_BYTES : 0;
}

void members_take(struct members *members, const char *const *ids, size_t count)
{
    *members = (struct members){0};
    members->names = memory_zero(MEMBERS_MAX, sizeof *members->names);
    for (size_t i = 0; i < count && members->count < MEMBERS_MAX; i++) {
        size_t size = member_name_bytes(ids[i]);
        if (size > 0 && size < CONFIG_TEXT_MAX)
            memcpy(members->names[members->count++], ids[i], size);
    }
    qsort(members->names, members->count, sizeof *members->names, name_order);
}

static void take_group(struct members *members, const struct rd_kafka_group_info *group)
{
    size_t count = group->member_cnt > 0 ? (size_t)group->member_cnt : 0;
    const char **ids = memory_get(count * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = group->members[i].member_id;
    members_take(members, ids, count);
    free(ids);
}

struct member_watch *member_watch_new(const struct config *config, struct error *error)
{
    rd_kafka_t *rk = kafka_open(config, KAFKA_WATCHER, NULL, error);
    if (rk == NULL)
        return NULL;
    struct member_watch *watch = memory_zero(1, sizeof *watch);
    watch->rk = rk;
    return watch;
}

void member_watch_free(struct member_watch *watch)
{
    if (watch == NULL)
        return;
    rd_kafka_destroy(watch->rk);
    free(watch);
}

enum verdict member_watch_ask(struct member_watch *watch, const char *group,
                              struct members *ret_members, struct error *error)
{
    const struct rd_kafka_group_list *list;
    if (kafka_describe_group(watch->rk, group, ANSWER_MS, &list, error) != VERDICT_OK)
        return VERDICT_RETRY;
    if (list->group_cnt > 0) /* of the one that was asked for */
        take_group(ret_members, &list->groups[0]);
    else
        members_take(ret_members, NULL, 0);
    rd_kafka_group_list_destroy(list);
    return VERDICT_OK;
}

void members_release(struct members *members)
{
    free(members->names);
    *members = (struct members){0};
}

bool members_have(const struct members *members, const char *name)
{
    for (size_t i = 0; i < members->count; i++)
        if (strcmp(members->names[i], name) == 0)
            return true;
    return false;
}

/* ---- the partitions that an instance would inherit ---- */

static size_t instance_size(const char *name)
{
    const char *dash = strrchr(name, '-');
    return dash ? (size_t)(dash - name) : strlen(name);
}

static bool belongs_to(const char *name, const char *instance, size_t size)
{
    return instance_size(name) == size && memcmp(name, instance, size) == 0;
}

struct inheritance {
    const struct members *members;
    const char *instance;
    int32_t partitions;
    bool *present; /* by member: still in the group */
    bool *wanted;  /* the result, by partition */
};

/* Sets the instance's ranges to `value`, as the group would assign them to the members that are
 * present. */
static void mark_ranges(const struct inheritance *inheritance, bool value)
{
    const struct members *members = inheritance->members;
    const char *instance = inheritance->instance;
    int32_t count = 0, place = 0;
    for (size_t i = 0; i < members->count; i++)
        count += inheritance->present[i];
    for (size_t i = 0; i < members->count; i++) {
        if (!inheritance->present[i])
            continue;
        int32_t each = inheritance->partitions / count, more = inheritance->partitions % count;
        int32_t start = each * place + (place < more ? place : more);
        int32_t end = start + each + (place < more ? 1 : 0);
        for (int32_t p = start;
             p < end && belongs_to(members->names[i], instance, strlen(instance)); p++)
            inheritance->wanted[p] = value;
        place++;
    }
}

static void set_present(const struct inheritance *inheritance, const char *instance, size_t size,
                        bool present)
{
    const struct members *members = inheritance->members;
    for (size_t i = 0; i < members->count; i++)
        if (belongs_to(members->names[i], instance, size))
            inheritance->present[i] = present;
}

/* Removes each other instance from member `from` on in turn, and `gone - 1` more behind it. */
static void remove_instances(const struct inheritance *inheritance, size_t from, int gone)
{
    const struct members *members = inheritance->members;
    const char *instance = inheritance->instance;
    for (size_t i = from; i < members->count && gone > 0; i++) {
        const char *name = members->names[i];
        size_t size = instance_size(name);
        bool first = i == 0 || !belongs_to(members->names[i - 1], name, size);
        if (!first || !inheritance->present[i] || belongs_to(name, instance, strlen(instance)))
            continue;
        set_present(inheritance, name, size, false);
        mark_ranges(inheritance, true);
        remove_instances(inheritance, i + 1, gone - 1);
        set_present(inheritance, name, size, true);
    }
}

void members_inherit(const struct members *members, const char *instance, int32_t partitions,
                     int gone, bool *ret_wanted)
{
    bool *present = memory_get(members->count * sizeof *present);
    memset(present, 1, members->count);
    const struct inheritance inheritance = {.members = members,
                                            .instance = instance,
                                            .partitions = partitions,
                                            .present = present,
                                            .wanted = ret_wanted};
    bool everything = gone > GONE_MAX || (gone > 0 && members->count > INSTANCES_MAX);
    memset(ret_wanted, everything, (size_t)partitions);
    if (!everything)
        remove_instances(&inheritance, 0, gone);
    mark_ranges(&inheritance, false);
    free(present);
}
