#include "processors/runtime/kafka/versions.h"

#include "processors/runtime/kafka/client_id.h"
#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/kafka/members.h"

#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MS 5000
#define SILENT_MAX 64 /* more are not looked at */

static void note_host(const char *host, char ret_host[VERSION_HOST_SIZE])
{
    if (host && host[0] == '/') /* as brokers write it */
        host++;
    snprintf(ret_host, VERSION_HOST_SIZE, "%s", host ? host : "");
}

void versions_add(struct versions *versions, const char *client_id, const char *host, int format)
{
    int theirs = client_id_format(client_id);
    if (theirs < format) {
        versions->older++;
        note_host(host, versions->older_at);
    } else if (theirs > format) {
        versions->newer++;
        versions->newer_format = theirs;
        note_host(host, versions->newer_at);
    }
}

enum verdict versions_ask(const struct config *config, const char *group, int format,
                          struct versions *ret_versions, struct error *error)
{
    const struct rd_kafka_group_list *list;
    struct versions versions = {0};
    rd_kafka_t *rk = kafka_open(config, KAFKA_WATCHER, NULL, error);
    if (rk == NULL)
        return VERDICT_FATAL;
    enum verdict verdict = kafka_describe_group(rk, group, ANSWER_MS, &list, error);
    if (verdict == VERDICT_OK) {
        for (int i = 0; i < list->group_cnt; i++)
            for (int k = 0; k < list->groups[i].member_cnt; k++)
                versions_add(&versions, list->groups[i].members[k].client_id,
                             list->groups[i].members[k].client_host, format);
        rd_kafka_group_list_destroy(list);
    }
    rd_kafka_destroy(rk);
    if (verdict == VERDICT_RETRY)
        return verdict;
    *ret_versions = versions;
    return VERDICT_OK;
}

/* ---- older members of the visitors' group ---- */

struct silent {
    size_t count;
    char names[SILENT_MAX][CONFIG_TEXT_MAX]; /* of members that tell no format */
};

struct version_watch {
    const struct config *config;
    rd_kafka_t *rk;
    bool looked;
    struct silent known, found; /* at the last look, and now */
};

struct version_watch *version_watch_new(const struct config *config, struct error *error)
{
    rd_kafka_t *rk = kafka_open(config, KAFKA_WATCHER, NULL, error);
    if (rk == NULL)
        return NULL;
    struct version_watch *watch = memory_zero(1, sizeof *watch);
    watch->config = config;
    watch->rk = rk;
    return watch;
}

void version_watch_free(struct version_watch *watch)
{
    if (watch == NULL)
        return;
    rd_kafka_destroy(watch->rk);
    free(watch);
}

static bool is_known(const struct silent *silent, const char *name)
{
    for (size_t i = 0; i < silent->count; i++)
        if (strcmp(silent->names[i], name) == 0)
            return true;
    return false;
}

/* True: the member is older, and new here. */
static bool note_member(struct version_watch *watch, const struct rd_kafka_group_member_info *info)
{
    size_t size = member_name_bytes(info->member_id);
    struct silent *found = &watch->found;
    if (client_id_format(info->client_id) > 0 || size == 0 || found->count == SILENT_MAX)
        return false;
    char *name = found->names[found->count++];
    snprintf(name, CONFIG_TEXT_MAX, "%.*s", (int)size, info->member_id);
    return watch->looked && !is_known(&watch->known, name);
}

enum verdict version_watch_look(struct version_watch *watch, char ret_member[CONFIG_TEXT_MAX],
                                char ret_host[VERSION_HOST_SIZE], struct error *error)
{
    const struct rd_kafka_group_list *list;
    const char *group = watch->config->application_id;
    enum verdict verdict = kafka_describe_group(watch->rk, group, ANSWER_MS, &list, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = VERDICT_SKIP;
    watch->found.count = 0;
    for (int i = 0; i < list->group_cnt; i++)
        for (int k = 0; k < list->groups[i].member_cnt; k++) {
            const struct rd_kafka_group_member_info *info = &list->groups[i].members[k];
            if (!note_member(watch, info))
                continue;
            snprintf(ret_member, CONFIG_TEXT_MAX, "%s", watch->found.names[watch->found.count - 1]);
            note_host(info->client_host, ret_host);
            verdict = VERDICT_OK;
        }
    rd_kafka_group_list_destroy(list);
    watch->known = watch->found;
    watch->looked = true;
    return verdict;
}
