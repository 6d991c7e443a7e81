/* Reasons of dead letters: what is the same in the messages of many. Used by the worker, which
 * warns and counts, and by `weft dead-letters`, which lists them.
 *
 * A reason is the step and its message. A number becomes "#", and a text in quotes becomes '...',
 * so that two letters of one cause have one reason:
 *
 *     decode: JSON is cut off at byte 136: a string has no end
 *     decode: JSON is cut off at byte #: a string has no end */
#ifndef WEFT_RUNTIME_LETTER_REASONS_H
#define WEFT_RUNTIME_LETTER_REASONS_H

#include "schemas/bytes.h"

#define LETTER_REASONS_MAX 8
#define LETTER_REASON_BYTES 120

/* Writes the reason, cut to its room; NUL-terminated. */
void letter_reason(struct bytes step, struct bytes message, char *ret_reason);

/* Counts by reason. Zero-initialised is empty. Thread: one. */
struct letter_reasons {
    struct {
        char reason[LETTER_REASON_BYTES];
        uint64_t count;
    } at[LETTER_REASONS_MAX]; /* the first ones that came */
    uint32_t count;
    uint64_t others; /* letters of further reasons */
};

/* Counts letters with the reason. Returns its place; LETTER_REASONS_MAX: it is one of the others.
 */
uint32_t letter_reasons_add(struct letter_reasons *reasons, const char *reason, uint64_t letters);
void letter_reasons_merge(struct letter_reasons *into, const struct letter_reasons *from);

/* ---- the warning ---- */

#define LETTER_EXAMPLE_BYTES 500

/* Watches which share of a worker's records are dead letters. Zero-initialised has seen none. */
struct letter_watch {
    struct letter_reasons reasons; /* of the letters in the window */
    char examples[LETTER_REASONS_MAX][LETTER_EXAMPLE_BYTES];
    int64_t began_us; /* of the window; 0: none is open */
    uint64_t before;  /* records that were read before the window */
    uint64_t letters; /* in the window */
    int64_t told_us;  /* of the last warning */
    uint32_t told;    /* warnings since the share was low */
    uint64_t good;    /* records that were no dead letters, as last heard */
    int64_t good_us;  /* when that number changed last */
};

/* The place of a dead letter, and why it is one. Borrowed for the call. */
struct letter_place {
    const char *topic;
    int32_t partition;
    int64_t offset;
    const char *step, *message;
};

/* Notes a dead letter. `read`: records that the worker had read before it. `ret_reason` has room
 * for LETTER_REASON_BYTES. */
void letter_watch_add(struct letter_watch *watch, const struct letter_place *place, uint64_t read,
                      int64_t at_us, char *ret_reason);

/* The records since the last commit come again: the window ends without a warning. */
void letter_watch_drop(struct letter_watch *watch);

#define LETTER_WINDOW_US 10000000
#define LETTER_WINDOW_LETTERS 100

/* Looks at the window, which lasts LETTER_WINDOW_US, or a second if it has LETTER_WINDOW_LETTERS by
 * then. `read`: records that the worker has read; `good`: those that were no dead letters. Returns
 * whether a warning is due, which it appends: more than a hundredth of the window's records are
 * dead letters. While that goes on, the second warning comes a minute later, the others each ten
 * minutes. If no record was good for a minute, the warning says so. Cheap. */
bool letter_watch_look(struct letter_watch *watch, uint64_t read, uint64_t good, int64_t at_us,
                       struct buffer *ret_warning);

#endif
