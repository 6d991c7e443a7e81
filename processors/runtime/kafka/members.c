#include "processors/runtime/kafka/members.h"

#include "processors/runtime/kafka/kafka.h"

#include <stdlib.h>

#define ANSWER_MS 5000
#define UUID_SIZE 37     /* with the dash before it */
#define INSTANCES_MAX 64 /* beyond that every partition is followed */

struct member_watch {
    rd_kafka_t *rk;
};

static int name_order(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void copy_names(const struct rd_kafka_group_info *group, struct members *members)
{
    for (int i = 0; i < group->member_cnt && members->count < MEMBERS_MAX; i++) {
        const char *id = group->members[i].member_id;
        size_t size = strlen(id);
        if (size > UUID_SIZE && size - UUID_SIZE < CONFIG_TEXT_MAX)
            memcpy(members->names[members->count++], id, size - UUID_SIZE);
    }
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
    rd_kafka_resp_err_t err = rd_kafka_list_groups(watch->rk, group, &list, ANSWER_MS);
    if (err)
        return error_set(error, VERDICT_RETRY, "no broker tells the group's members: %s",
                         rd_kafka_err2str(err));
    struct members members = {0};
    members.names = memory_zero(MEMBERS_MAX, sizeof *members.names);
    for (int i = 0; i < list->group_cnt; i++)
        copy_names(&list->groups[i], &members);
    rd_kafka_group_list_destroy(list);
    qsort(members.names, members.count, sizeof *members.names, name_order);
    *ret_members = members;
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

/* ---- who would get what ---- */

static size_t instance_size(const char *name)
{
    const char *dash = strrchr(name, '-');
    return dash ? (size_t)(dash - name) : strlen(name);
}

static bool of_instance(const char *name, const char *instance, size_t size)
{
    return instance_size(name) == size && memcmp(name, instance, size) == 0;
}

/* Marks the ranges of the instance among the members that are left. */
static void mark_ranges(const struct members *members, const bool *left, const char *instance,
                        int32_t partitions, bool value, bool *wanted)
{
    int32_t count = 0, place = 0;
    for (size_t i = 0; i < members->count; i++)
        count += left[i];
    for (size_t i = 0; i < members->count; i++) {
        if (!left[i])
            continue;
        int32_t each = partitions / count, more = partitions % count;
        int32_t start = each * place + (place < more ? place : more);
        int32_t end = start + each + (place < more ? 1 : 0);
        for (int32_t p = start;
             p < end && of_instance(members->names[i], instance, strlen(instance)); p++)
            wanted[p] = value;
        place++;
    }
}

struct heirs {
    const struct members *members;
    const char *instance;
    int32_t partitions;
    bool *left;
    bool *wanted;
};

/* Lets every other instance from member `from` on go in turn, and `gone - 1` more after it. */
static void let_go(const struct heirs *heirs, size_t from, int gone)
{
    const struct members *members = heirs->members;
    for (size_t i = from; i < members->count && gone > 0; i++) {
        const char *name = members->names[i];
        size_t size = instance_size(name);
        bool first = i == 0 || !of_instance(members->names[i - 1], name, size);
        if (!first || !heirs->left[i] ||
            of_instance(name, heirs->instance, strlen(heirs->instance)))
            continue;
        for (size_t k = 0; k < members->count; k++)
            if (of_instance(members->names[k], name, size))
                heirs->left[k] = false;
        mark_ranges(members, heirs->left, heirs->instance, heirs->partitions, true, heirs->wanted);
        let_go(heirs, i + 1, gone - 1);
        for (size_t k = 0; k < members->count; k++)
            if (of_instance(members->names[k], name, size))
                heirs->left[k] = true;
    }
}

void members_inherit(const struct members *members, const char *instance, int32_t partitions,
                     int gone, bool *ret_wanted)
{
    bool *left = memory_get(members->count * sizeof *left);
    memset(left, 1, members->count);
    memset(ret_wanted, 0, (size_t)partitions);
    if (gone > 2 || (gone > 0 && members->count > INSTANCES_MAX)) {
        memset(ret_wanted, 1, (size_t)partitions);
    } else {
        struct heirs heirs = {members, instance, partitions, left, ret_wanted};
        let_go(&heirs, 0, gone);
    }
    mark_ranges(members, left, instance, partitions, false, ret_wanted);
    free(left);
}
