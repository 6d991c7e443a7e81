#include "processors/runtime/mapping_files.h"

#include <errno.h>
#include <stdio.h>

static enum verdict refuse_path(const char *path, int code, struct error *error)
{
    struct buffer names = {0};
    mapping_names(&names);
    error_set(
        error, VERDICT_SKIP,
        "there is no mapping '%s', and no such file can be read (%s); name weft, %.*s, or the "
        "path of a mapping file",
        path, strerror(code), (int)names.size, names.at);
    buffer_release(&names);
    return VERDICT_SKIP;
}

static enum verdict read_file(const char *path, struct buffer *text, struct error *error)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return refuse_path(path, errno, error);
    buffer_reserve(text, MAPPING_BYTES_MAX);
    errno = 0;
    text->size = fread(text->at, 1, MAPPING_BYTES_MAX, file);
    int code = ferror(file) ? errno : feof(file) ? 0 : EFBIG;
    fclose(file);
    return code == 0 ? VERDICT_OK : refuse_path(path, code, error);
}

enum verdict mapping_open(const char *name, struct mapping **ret_mapping, struct error *error)
{
    struct bytes ready = mapping_text(name);
    struct buffer text = {0};
    enum verdict verdict = VERDICT_OK;
    if (strcmp(name, "weft") == 0) {
        *ret_mapping = NULL;
        return VERDICT_OK;
    }
    if (ready.at == NULL)
        verdict = read_file(name, &text, error);
    if (verdict == VERDICT_OK)
        verdict = mapping_new(ready.at ? ready : buffer_bytes(&text), name, ret_mapping, error);
    buffer_release(&text);
    return verdict;
}

const char *mapping_chosen(const struct config *config, enum event_type type)
{
    const char *own = config->topic_events[0] ? config->topic_events_map : config->topic_maps[type];
    return own[0] ? own : config->input_map;
}

/* The one topic of events takes the place of the views'. */
static enum verdict open_all_kinds(struct mapping_files *files, const struct config *config,
                                   struct codec *codec, struct error *error)
{
    struct error inner = {0};
    struct mapping **mapping = &files->at[EVENT_VIEW];
    codec_set_all_kinds(codec, EVENT_VIEW);
    if (mapping_open(mapping_chosen(config, EVENT_VIEW), mapping, &inner) != VERDICT_OK)
        return error_set(error, VERDICT_SKIP, "%s: %s",
                         config->topic_events_map[0] ? "topics.events.map" : "input.map",
                         inner.message);
    if (*mapping && !mapping_has_kinds(*mapping))
        return error_set(error, VERDICT_SKIP,
                         "topics.events has events of all kinds, but the mapping %s does not say "
                         "where the kind stands; add kind and kinds to it",
                         mapping_name(*mapping));
    codec_set_mapping(codec, EVENT_VIEW, *mapping);
    return VERDICT_OK;
}

enum verdict mapping_files_open(struct mapping_files *files, const struct config *config,
                                struct codec *codec, struct error *error)
{
    if (config->topic_events[0])
        return open_all_kinds(files, config, codec, error);
    for (int type = 0; type < EVENT_USER; type++) {
        struct error inner = {0};
        bool own = config->topic_maps[type][0] != '\0';
        const char *chosen = mapping_chosen(config, (enum event_type)type);
        if (mapping_open(chosen, &files->at[type], &inner) != VERDICT_OK)
            return error_set(error, VERDICT_SKIP, "%s%s%s: %s", own ? "topics." : "input",
                             own ? event_type_names[type] : "", ".map", inner.message);
        codec_set_mapping(codec, (enum event_type)type, files->at[type]);
    }
    return VERDICT_OK;
}

enum verdict mapping_files_check(const struct config *config, struct error *error)
{
    struct mapping_files files = {0};
    struct codec *codec = codec_new(NULL);
    enum verdict verdict = mapping_files_open(&files, config, codec, error);
    codec_free(codec);
    mapping_files_release(&files);
    return verdict;
}

void mapping_files_release(struct mapping_files *files)
{
    for (int type = 0; type < EVENT_USER; type++)
        mapping_free(files->at[type]);
    *files = (struct mapping_files){0};
}
