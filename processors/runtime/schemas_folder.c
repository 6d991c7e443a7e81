#include "processors/runtime/schemas_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#define SCHEMA_PATH_MAX 514

static enum verdict learn_file(struct codec *codec, const char *folder, const char *name,
                               struct error *error)
{
    char path[SCHEMA_PATH_MAX];
    enum event_type type = EVENT_TYPES;
    for (int i = 0; i < EVENT_TYPES; i++) {
        size_t size = strlen(event_type_names[i]);
        if (strncmp(name, event_type_names[i], size) == 0 && name[size] == '.')
            type = (enum event_type)i;
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (type == EVENT_TYPES)
        return error_set(error, VERDICT_SKIP,
                         "schemas.path: %s does not start with a record's name (view., cart., ...)",
                         path);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return error_set(error, VERDICT_SKIP, "schemas.path: can't open %s: %s", path,
                         strerror(errno));
    struct buffer text = {0};
    buffer_reserve(&text, EVENT_BYTES_MAX);
    text.size = fread(text.at, 1, EVENT_BYTES_MAX, file);
    bool read = feof(file) != 0 && !ferror(file);
    int code = ferror(file) ? errno : EFBIG;
    fclose(file);
    struct error inner = {0};
    enum verdict verdict = VERDICT_SKIP;
    if (!read)
        error_set(error, verdict, "schemas.path: can't read %s: %s", path, strerror(code));
    else if ((verdict = codec_learn(codec, type, buffer_bytes(&text), &inner)) != VERDICT_OK)
        error_set(error, verdict, "%s: %s", path, inner.message);
    buffer_release(&text);
    return verdict;
}

enum verdict schemas_folder_read(struct codec *codec, const char *folder, struct error *error)
{
    if (*folder == '\0')
        return VERDICT_OK;
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return error_set(error, VERDICT_SKIP, "schemas.path: can't open %s: %s", folder,
                         strerror(errno));
    enum verdict verdict = VERDICT_OK;
    errno = 0;
    for (struct dirent *entry; verdict == VERDICT_OK && (entry = readdir(dir)); errno = 0) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot && strcmp(dot, ".avsc") == 0)
            verdict = learn_file(codec, folder, entry->d_name, error);
    }
    if (verdict == VERDICT_OK && errno != 0)
        verdict = error_set(error, VERDICT_SKIP, "schemas.path: can't read %s: %s", folder,
                            strerror(errno));
    closedir(dir);
    return verdict;
}
