#include "processors/recommend/lists/shop_lines.h"

#include "processors/recommend/lists/near_word.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum verdict shop_line_wrong(const struct shop_line *line, const char *what, const char *word)
{
    return error_set(line->error, VERDICT_SKIP, "line %u: %s%s%.60s%s", line->number, what,
                     *word ? " '" : "", word, *word ? "'" : "");
}

enum verdict shop_line_wrong_name(const struct shop_line *line, const char *what, const char *word,
                                  const char *const *names, size_t count)
{
    struct near_word near;
    near_word_init(&near, bytes_text(word));
    for (size_t i = 0; i < count; i++)
        near_word_offer(&near, bytes_text(names[i]));
    enum verdict verdict = near.nearest.at
                               ? error_set(line->error, VERDICT_SKIP, "line %u: %s '%.60s' (%s?)",
                                           line->number, what, word, near.nearest.at)
                               : shop_line_wrong(line, what, word);
    near_word_release(&near);
    return verdict;
}

enum verdict shop_line_cut(struct shop_line *line, struct bytes text)
{
    size_t i = 0;
    line->count = line->at = 0;
    for (;;) {
        while (i < text.size && strchr(" \t\r", text.at[i]))
            i++;
        if (i == text.size || text.at[i] == '#')
            return VERDICT_OK;
        if (line->count == SHOP_WORDS_MAX)
            return shop_line_wrong(line, "it has more than 40 words; split it into two lines", "");
        struct shop_word *word = &line->words[line->count++];
        size_t size = 0;
        word->quoted = text.at[i] == '"';
        i += word->quoted;
        while (i < text.size &&
               (word->quoted ? text.at[i] != '"' : !strchr(" \t\r#", text.at[i]))) {
            if (word->quoted && text.at[i] == '\\' && i + 1 < text.size)
                i++;
            if (size == SHOP_WORD_MAX)
                return shop_line_wrong(line, "a word of more than 300 bytes", "");
            if (text.at[i] == '\0')
                return shop_line_wrong(line, "a byte 0; is this a text file?", "");
            word->text[size++] = text.at[i++];
        }
        word->text[size] = '\0';
        if (word->quoted && i == text.size)
            return shop_line_wrong(line, "a quote is not closed; put \" behind", word->text);
        i += word->quoted;
    }
}

const char *shop_line_next(struct shop_line *line)
{
    return line->at < line->count ? line->words[line->at++].text : NULL;
}

enum verdict shop_line_time(struct shop_line *line, const char *after, int64_t *ret_ms)
{
    const char *word = shop_line_next(line);
    struct tm utc = {0};
    int used = 0, year = 0, month = 0;
    if (word &&
        (sscanf(word, "%4d-%2d-%2dT%2d:%2d%n", &year, &month, &utc.tm_mday, &utc.tm_hour,
                &utc.tm_min, &used) == 5 ||
         ((utc.tm_hour = 0), (used = 0),
          sscanf(word, "%4d-%2d-%2d%n", &year, &month, &utc.tm_mday, &used) == 3)) &&
        word[used] == '\0' && year >= 1970 && month >= 1 && month <= 12 && utc.tm_mday >= 1 &&
        utc.tm_mday <= 31 && utc.tm_hour >= 0 && utc.tm_hour < 24 && utc.tm_min >= 0 &&
        utc.tm_min < 60) {
        utc.tm_year = year - 1900;
        utc.tm_mon = month - 1;
        *ret_ms = (int64_t)timegm(&utc) * 1000;
        return VERDICT_OK;
    }
    char what[100];
    snprintf(what, sizeof what,
             "after '%s' a day such as 2026-12-24 or a time such as "
             "2026-12-24T18:00 belongs",
             after);
    return shop_line_wrong(line, what, word ? word : "");
}

/* ---- the file ---- */

bool shop_mistakes_add(struct shop_mistakes *mistakes, const struct error *why)
{
    error_set(mistakes->error, VERDICT_SKIP, "%s%s%s", mistakes->path ? mistakes->path : "",
              mistakes->path ? ", " : "", why->message);
    if (mistakes->text == NULL)
        return false;
    if (++mistakes->count > SHOP_MISTAKES_MAX) {
        buffer_text(mistakes->text, "and more\n");
        return false;
    }
    buffer_format(mistakes->text, "%s, %s\n", mistakes->path, why->message);
    return true;
}

enum verdict shop_lines_read(struct bytes text, struct shop_reader *reader,
                             struct shop_mistakes *mistakes)
{
    struct shop_line *line = memory_zero(1, sizeof *line);
    enum verdict verdict = VERDICT_OK;
    for (size_t at = 0; at < text.size;) {
        struct error why = {0};
        const char *end = memchr(text.at + at, '\n', text.size - at);
        size_t size = end ? (size_t)(end - text.at) - at : text.size - at;
        line->number++;
        line->error = &why;
        if (reader->take(reader, line, bytes_of(text.at + at, size)) != VERDICT_OK) {
            verdict = VERDICT_SKIP;
            if (!shop_mistakes_add(mistakes, &why))
                break;
        }
        at += size + 1;
    }
    free(line);
    return verdict;
}

enum verdict shop_file_read(const char *path, const char *what, struct buffer *text,
                            struct error *error)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return error_set(error, errno == ENOENT ? VERDICT_SKIP : VERDICT_RETRY,
                         "can't open the %s %s: %s", what, path, strerror(errno));
    buffer_reserve(text, SHOP_FILE_BYTES_MAX + 1);
    text->size = fread(text->at, 1, SHOP_FILE_BYTES_MAX + 1, file);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed)
        return error_set(error, VERDICT_RETRY, "can't read the %s %s", what, path);
    if (text->size > SHOP_FILE_BYTES_MAX)
        return error_set(error, VERDICT_SKIP, "%s has more than %u bytes", path,
                         SHOP_FILE_BYTES_MAX);
    return VERDICT_OK;
}
