/* The shop's own files, line by line: words, their mistakes, and the bounds of both. The files of
 * merchandising rules and of experiments are read with it. '#' begins a comment. A text with spaces
 * stands in double quotes; \" is a quote in it.
 *
 * Thread: any; nothing is shared. */
#ifndef WEFT_LISTS_SHOP_LINES_H
#define WEFT_LISTS_SHOP_LINES_H

#include "schemas/bytes.h"
#include "schemas/error.h"

#define SHOP_WORD_MAX 300 /* bytes of a word of a line */
#define SHOP_WORDS_MAX 40 /* of a line */
#define SHOP_FILE_BYTES_MAX (1u << 20)
#define SHOP_MISTAKES_MAX 100 /* that are listed */

struct shop_word {
    char text[SHOP_WORD_MAX + 1];
    bool quoted;
};

/* A line, and the place of its next word. */
struct shop_line {
    struct shop_word words[SHOP_WORDS_MAX];
    uint32_t count, at;
    uint32_t number; /* from 1 */
    struct error *error;
};

/* Cuts the text of a line into words. SKIP: it is no text, or a bound is passed. */
enum verdict shop_line_cut(struct shop_line *line, struct bytes text);
/* The next word, until the line is cut again; NULL: the line ends. */
const char *shop_line_next(struct shop_line *line);

/* SKIP, with "line 7: WHAT 'WORD'", or without the word if it is empty. */
enum verdict shop_line_wrong(const struct shop_line *line, const char *what, const char *word);
/* The same for a word that should be one of `names`, with the nearest one. */
enum verdict shop_line_wrong_name(const struct shop_line *line, const char *what, const char *word,
                                  const char *const *names, size_t count);

/* The next word is a time in UTC: "2026-12-24" or "2026-12-24T18:00". `after` is the word before
 * it, for the error. */
enum verdict shop_line_time(struct shop_line *line, const char *after, int64_t *ret_ms);

/* Where mistakes go. */
struct shop_mistakes {
    struct error *error; /* gets the first one; NULL: not told */
    struct buffer *text; /* gets a line for each; NULL: reading ends at the first one */
    const char *path;    /* NULL: they come without a file's name */
    uint32_t count;
};

/* Takes one line; its number and error are set, it is not cut yet. */
struct shop_reader {
    enum verdict (*take)(struct shop_reader *reader, struct shop_line *line, struct bytes text);
};

/* Notes a mistake. False: reading ends. */
bool shop_mistakes_add(struct shop_mistakes *mistakes, const struct error *why);
/* Hands all lines of the text to the reader. SKIP: there was a mistake. */
enum verdict shop_lines_read(struct bytes text, struct shop_reader *reader,
                             struct shop_mistakes *mistakes);

/* Appends the file's bytes. `what` names its kind in the error, as "merchandising rules". SKIP:
 * there is no such file, or it has more than SHOP_FILE_BYTES_MAX; RETRY: it can't be read now. */
enum verdict shop_file_read(const char *path, const char *what, struct buffer *text,
                            struct error *error);

#endif
