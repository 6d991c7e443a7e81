/* The texts of HTTP requests: paths, queries and the values of a few headers. All of it comes from
 * outside. Calls schemas/ only. Thread: any. */
#ifndef WEFT_HTTP_TEXT_H
#define WEFT_HTTP_TEXT_H

#include "schemas/bytes.h"

#define HTTP_SEGMENTS_MAX 8
#define HTTP_SEGMENT_BYTES_MAX 1024 /* of a segment or of a value in the query, decoded */

/* Decodes %XX into the arena. Absent: an escape is broken, or the result is longer than
 * HTTP_SEGMENT_BYTES_MAX, is not UTF-8, or has control characters. */
struct bytes http_decode(struct bytes text, struct arena *arena);

/* A path, cut at its slashes and decoded (RFC 3986): "/a/b%2Fc" has the segments "a" and "b/c", and
 * "/a/" has "a" and "". */
struct http_path {
    struct bytes segments[HTTP_SEGMENTS_MAX];
    uint32_t count;
};

/* False: it does not begin with a slash, has too many segments, or one that can't be decoded. */
bool http_path_read(struct bytes text, struct arena *arena, struct http_path *ret_path);

/* Whether the path fits a pattern such as "/v1/products/{}": "{}" stands for any segment that is
 * not empty. The values of those segments go to `ret_values`, which has room for
 * HTTP_SEGMENTS_MAX. */
bool http_path_fits(const struct http_path *path, const char *pattern, struct bytes *ret_values);

/* Whether a header's list, such as "gzip, br;q=0.5", has the name, and not with the weight 0. */
bool http_list_has(const char *list, const char *name);

/* Whether an If-None-Match header has this tag, which stands in its quotes, or is a star. A weak
 * tag counts as the strong one (RFC 9110, 13.1.2). */
bool http_tags_have(const char *list, const char *tag);

#endif
