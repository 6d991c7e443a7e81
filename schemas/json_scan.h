/* A scanner of JSON text: the base of the decoders in json.c and json_tree.c, and for no other use.
 * It accepts what schemas/json.h says.
 *
 * The functions that return bool return false after they have set the error, with the byte at which
 * the text is wrong. Thread: any; a scanner belongs to one at a time. */
#ifndef WEFT_SCHEMAS_JSON_SCAN_H
#define WEFT_SCHEMAS_JSON_SCAN_H

#include "schemas/event.h"

#define JSON_DEPTH_MAX 32

struct scanner {
    const char *start;
    const char *at;
    const char *end;
    struct arena *arena; /* of texts with escapes */
    struct event *event; /* for json.c */
    struct error *error;
};

struct json_number {
    double value;
    int64_t integer;
    bool is_integer; /* without fraction and exponent, and an int64 holds it */
};

/* At the start of `text`, which may be absent. */
static inline struct scanner scanner_of(struct bytes text, struct arena *arena, struct error *error)
{
    const char *at = text.at ? text.at : ""; /* no offset from NULL */
    return (struct scanner){
        .start = at, .at = at, .end = at + text.size, .arena = arena, .error = error};
}

/* False, with the error set. `what`: the thing that was expected or is wrong here. */
bool scan_fail(struct scanner *s, const char *what);
/* The same: the value of `name` is not what was `expected`. */
bool scan_fail_type(struct scanner *s, const char *name, const char *expected);

static inline void scan_space(struct scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

/* The next character; NUL at the end. */
static inline char scan_peek(const struct scanner *s)
{
    return s->at < s->end ? *s->at : '\0';
}

bool scan_literal(struct scanner *s, const char *literal);
/* Points into the scanned text, or into the arena. */
bool scan_string(struct scanner *s, struct bytes *ret_text);
bool scan_number(struct scanner *s, struct json_number *ret_number);

/* The name of an object's field; the scanner is then at its value. */
bool scan_name(struct scanner *s, struct bytes *ret_name);
/* Opens an array or object; true when it has elements. */
bool scan_open(struct scanner *s, char close);
/* Behind a value in an array or object. True: another value follows. False: the end, or an error if
 * `ret_ok` is false. */
bool scan_more(struct scanner *s, char close, bool *ret_ok);

/* Passes over a value that lies `depth` deep. */
bool scan_skip(struct scanner *s, int depth);

#endif
