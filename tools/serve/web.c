#include "tools/serve/web.h"

#include "schemas/embedded.h"

#include <stdio.h>

#define NAME_BYTES_MAX 256
#define PAGE_CACHE "no-cache" /* a browser asks each time, and mostly gets 304 */

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".ts", "text/plain; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".txt", "text/plain; charset=utf-8"},
};

static const struct embedded_file *find(const char *name)
{
    for (const struct embedded_file *file = embedded_web; file->name; file++)
        if (strcmp(file->name, name) == 0)
            return file;
    return NULL;
}

struct bytes web_file(const char *name)
{
    const struct embedded_file *file = find(name);
    return file ? bytes_of(file->text, file->size) : bytes_of(NULL, 0);
}

static const char *type_of(const char *name)
{
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(ending, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* The path as a file's name: its segments with slashes between. False: it is too long. */
static bool name_of(const struct http_path *path, char *to)
{
    size_t size = 0;
    for (uint32_t i = 0; i < path->count; i++) {
        struct bytes segment = path->segments[i];
        if (size + segment.size + sizeof "/index.html" >= NAME_BYTES_MAX)
            return false;
        size += (size_t)snprintf(to + size, NAME_BYTES_MAX - size, "%s%.*s", i > 0 ? "/" : "",
                                 (int)segment.size, segment.at);
    }
    return true;
}

static void redirect(struct http_request *request, const char *to, struct http_reply *reply)
{
    reply->status = 302;
    reply->location = arena_copy(&request->arena, bytes_of(to, strlen(to) + 1)).at;
}

void web_answer(struct http_request *request, struct http_reply *reply)
{
    char name[NAME_BYTES_MAX] = "", folder[NAME_BYTES_MAX + 16];
    const struct embedded_file *file = NULL;
    bool fits = name_of(&request->path, name);
    if (fits && name[0] == '\0' && find("shop/index.html")) {
        redirect(request, "/shop/", reply);
        return;
    }
    if (fits && name[0] && name[strlen(name) - 1] == '/')
        strcat(name, "index.html");
    if (fits)
        file = find(name);
    snprintf(folder, sizeof folder, "%s/index.html", name);
    if (fits && file == NULL && find(folder)) {
        snprintf(folder, sizeof folder, "/%s/", name);
        redirect(request, folder, reply);
    } else if (file == NULL) {
        http_problem(reply, 404, "there is nothing at this path; /v1/openapi.json lists the paths");
    } else {
        reply->status = 200;
        reply->content_type = type_of(name);
        reply->constant = bytes_of(file->text, file->size);
        reply->tagged = reply->page = true;
        reply->cache = PAGE_CACHE;
    }
}
