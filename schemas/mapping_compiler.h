/* The part that mapping.c and mapping_file.c share: a mapping while it is compiled. Thread: any. */
#ifndef WEFT_SCHEMAS_MAPPING_COMPILER_H
#define WEFT_SCHEMAS_MAPPING_COMPILER_H

#include "schemas/mapping_parts.h"

#include <stdarg.h>
#include <stdio.h>

/* A mapping while its text is compiled. */
struct compiler {
    struct mapping *mapping;
    const char *source;
    struct bytes text;
    struct json_tree tree;
    struct error *error;
};

static inline int line_of(const struct compiler *c, uint32_t node)
{
    const struct json_node *at = &c->tree.nodes[node];
    const char *place = at->name.at ? at->name.at : at->text.at, *start = c->text.at;
    int line = 1;
    if (place < start || place > start + c->text.size) /* it has escapes, and lies elsewhere */
        return 1;
    for (; start < place; start++)
        line += *start == '\n';
    return line;
}

static inline bool refuse(struct compiler *c, uint32_t node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* False, with "SOURCE, line N: MESSAGE". */
static inline bool refuse(struct compiler *c, uint32_t node, const char *format, ...)
{
    char message[ERROR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    error_set(c->error, VERDICT_SKIP, "%s, line %d: %s", c->source, line_of(c, node), message);
    return false;
}

/* The name in quotes, for a message. */
struct quoted {
    char text[BYTES_QUOTED_SIZE];
};

static inline struct quoted quote(struct bytes text)
{
    struct quoted quoted;
    bytes_quote(text, quoted.text);
    return quoted;
}

static inline bool is_kind(struct compiler *c, uint32_t node, enum node_kind kind,
                           const char *expected)
{
    if (c->tree.nodes[node].kind == kind)
        return true;
    return refuse(c, node, "%s must be %s", quote(c->tree.nodes[node].name).text, expected);
}

static inline bool is_named(const struct compiler *c, uint32_t node, const char *name)
{
    return bytes_equal(c->tree.nodes[node].name, bytes_text(name));
}

static inline uint32_t child(const struct compiler *c, uint32_t node, const char *name)
{
    return json_field(&c->tree, node, bytes_text(name));
}

/* Reads the member "file" into the mapping. False, with the error set: something in it is wrong. */
bool map_layout_read(struct compiler *c, uint32_t node);

#endif
