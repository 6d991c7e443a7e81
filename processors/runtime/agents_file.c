#include "processors/runtime/agents_file.h"

#include "schemas/embedded.h"

#include <errno.h>
#include <stdio.h>

enum verdict agents_file_read(const char *path, struct buffer *ret_patterns, struct error *error)
{
    if (path[0] == '\0') {
        buffer_append(ret_patterns, embedded_agents[0].text, embedded_agents[0].size);
        return VERDICT_OK;
    }
    FILE *file = fopen(path, "r");
    int code = file ? 0 : errno;
    buffer_reserve(ret_patterns, AGENTS_BYTES_MAX);
    if (file) {
        errno = 0;
        ret_patterns->size = fread(ret_patterns->at, 1, AGENTS_BYTES_MAX, file);
        code = ferror(file) ? errno : feof(file) ? 0 : EFBIG;
        fclose(file);
    }
    return code == 0 ? VERDICT_OK
                     : error_set(error, VERDICT_SKIP, "hygiene.agents.path=%s can't be read: %s",
                                 path, strerror(code));
}
