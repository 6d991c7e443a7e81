/* The pages of `weft serve`: the files of tools/serve/web/, embedded in the program. Only their
 * names are served, so no path leads anywhere else. Thread: any. */
#ifndef WEFT_SERVE_WEB_H
#define WEFT_SERVE_WEB_H

#include "processors/runtime/http/http.h"

/* Answers with the file at the request's path; "/shop/" is shop/index.html. */
void web_answer(struct http_request *request, struct http_reply *reply);
/* The text of a file, such as "openapi.json"; absent: there is none. */
struct bytes web_file(const char *name);

#endif
