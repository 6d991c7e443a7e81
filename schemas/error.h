/* Verdicts and the one error channel. Calls nothing of weft. Thread: any.
 *
 * A function that can fail returns a verdict, which tells the caller what to do next. The reason is
 * a message in the `struct error` that the caller passes in. The first message wins: a function
 * that fails because a callee failed adds nothing. */
#ifndef WEFT_SCHEMAS_ERROR_H
#define WEFT_SCHEMAS_ERROR_H

#include <stdbool.h>

enum verdict {
    VERDICT_OK,    /* done */
    VERDICT_SKIP,  /* this input can't be used, or there is none; go on with the next */
    VERDICT_RETRY, /* nothing happened; the same call may succeed later */
    VERDICT_FATAL, /* the process can't go on */
};

#define ERROR_MESSAGE_MAX 400

struct error {
    char message[ERROR_MESSAGE_MAX]; /* empty: none */
};

/* Formats the message, unless there is one already. Returns `verdict`, so that a failing function
 * can end with `return error_set(...)`. `error` may be NULL. */
enum verdict error_set(struct error *error, enum verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void error_clear(struct error *error);

#endif
