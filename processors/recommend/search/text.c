#include "processors/recommend/search/text.h"

#include <stdlib.h>
#include <utf8proc.h>

#define HANGUL_FIRST 0xAC00u
#define HANGUL_LAST 0xD7A3u

static struct bytes whole_characters(struct bytes text, size_t most)
{
    if (text.size <= most)
        return text;
    while (most > 0 && ((unsigned char)text.at[most] & 0xC0) == 0x80)
        most--;
    return bytes_of(text.at, most);
}

/* Most queries and titles are ASCII: only the case has to be folded. */
static bool fold_ascii(struct bytes text, struct buffer *buffer)
{
    size_t from = buffer->size;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c >= 0x80) {
            buffer->size = from;
            return false;
        }
        buffer_byte(buffer, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
    }
    return true;
}

void text_normalise(struct bytes text, struct buffer *buffer)
{
    utf8proc_uint8_t *normal = NULL;
    text = whole_characters(text, TEXT_BYTES_MAX);
    if (text.size == 0 || fold_ascii(text, buffer))
        return;
    utf8proc_ssize_t size =
        utf8proc_map((const utf8proc_uint8_t *)text.at, (utf8proc_ssize_t)text.size, &normal,
                     (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE |
                                         UTF8PROC_CASEFOLD | UTF8PROC_IGNORE | UTF8PROC_STRIPMARK));
    if (size > 0)
        buffer_append(buffer, normal, (size_t)size);
    free(normal);
}

static bool in_word(utf8proc_int32_t letter)
{
    utf8proc_category_t category = utf8proc_category(letter);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
           (category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_NO);
}

/* Scripts that write words without spaces between them, or join them at will. */
static bool written_together(utf8proc_int32_t letter)
{
    return (letter >= (int)HANGUL_FIRST && letter <= (int)HANGUL_LAST) ||
           (letter >= 0x3040 && letter <= 0x30FF) || (letter >= 0x3400 && letter <= 0x9FFF) ||
           (letter >= 0x20000 && letter <= 0x3FFFF);
}

static bool ends_with(struct bytes text, const char *end)
{
    size_t size = strlen(end);
    return text.size >= size && memcmp(text.at + text.size - size, end, size) == 0;
}

/* Only words of ASCII letters have their plural dropped. */
static struct bytes drop_plural(struct bytes word, char *scratch)
{
    if (word.size < 4 || word.size > TERM_BYTES_MAX || !ends_with(word, "s") ||
        ends_with(word, "ss") || ends_with(word, "us") || ends_with(word, "is"))
        return word;
    for (size_t i = 0; i < word.size; i++)
        if (word.at[i] < 'a' || word.at[i] > 'z')
            return word;
    if (ends_with(word, "ies") && word.size > 4) {
        memcpy(scratch, word.at, word.size - 3);
        scratch[word.size - 3] = 'y';
        return bytes_of(scratch, word.size - 2);
    }
    if (ends_with(word, "sses") || ends_with(word, "shes") || ends_with(word, "ches") ||
        ends_with(word, "xes"))
        return bytes_of(word.at, word.size - 2);
    return bytes_of(word.at, word.size - 1);
}

static void add_term(struct terms *terms, struct bytes text, bool part)
{
    text = whole_characters(text, TERM_BYTES_MAX);
    if (text.size == 0 || terms->count == TERMS_MAX)
        return;
    for (uint32_t i = 0; i < terms->count; i++) {
        struct term *known = &terms->at[i];
        if (bytes_equal(bytes_of(known->text, known->size), text)) {
            known->part = known->part && part;
            return;
        }
    }
    struct term *term = &terms->at[terms->count++];
    memcpy(term->text, text.at, text.size);
    term->size = (uint8_t)text.size;
    term->part = part;
}

static size_t next_letter(struct bytes text, size_t at, utf8proc_int32_t *ret_letter)
{
    utf8proc_ssize_t size = utf8proc_iterate((const utf8proc_uint8_t *)text.at + at,
                                             (utf8proc_ssize_t)(text.size - at), ret_letter);
    if (size > 0)
        return (size_t)size;
    *ret_letter = 0;
    return 1;
}

/* Adds a run of letters of one sort: a term, and its parts. */
static void add_run(struct terms *terms, struct bytes run, bool together)
{
    char scratch[TERM_BYTES_MAX];
    if (!together) {
        add_term(terms, drop_plural(run, scratch), false);
        return;
    }
    add_term(terms, run, false);
    size_t previous = SIZE_MAX;
    for (size_t at = 0; at < run.size;) {
        utf8proc_int32_t letter;
        size_t size = next_letter(run, at, &letter);
        if (previous != SIZE_MAX)
            add_term(terms, bytes_of(run.at + previous, at + size - previous), true);
        previous = at;
        at += size;
    }
}

void text_terms(struct bytes text, struct terms *ret_terms)
{
    struct buffer buffer = {0};
    ret_terms->count = 0;
    text_normalise(text, &buffer);
    struct bytes normal = buffer_bytes(&buffer);
    size_t from = SIZE_MAX;
    bool together = false;
    for (size_t at = 0; at < normal.size;) {
        utf8proc_int32_t letter;
        size_t size = next_letter(normal, at, &letter);
        bool inside = in_word(letter), sort = written_together(letter);
        if (from != SIZE_MAX && (!inside || sort != together)) {
            add_run(ret_terms, bytes_of(normal.at + from, at - from), together);
            from = SIZE_MAX;
        }
        if (inside && from == SIZE_MAX) {
            from = at;
            together = sort;
        }
        at += size;
        if (at >= normal.size && from != SIZE_MAX)
            add_run(ret_terms, bytes_of(normal.at + from, normal.size - from), together);
    }
    buffer_release(&buffer);
}

struct bytes text_query(struct bytes text, char *to)
{
    struct terms terms;
    size_t size = 0;
    text_terms(text, &terms);
    for (uint32_t i = 0; i < terms.count; i++) {
        const struct term *term = &terms.at[i];
        if (term->part)
            continue;
        if (size + term->size + (size > 0) > TEXT_QUERY_BYTES_MAX)
            break;
        if (size > 0)
            to[size++] = ' ';
        memcpy(to + size, term->text, term->size);
        size += term->size;
    }
    return bytes_of(to, size);
}

uint32_t text_letters(struct bytes term, uint32_t *ret_letters, uint32_t most)
{
    uint32_t count = 0;
    for (size_t at = 0; at < term.size && count < most;) {
        utf8proc_int32_t letter;
        at += next_letter(term, at, &letter);
        uint32_t code = (uint32_t)letter;
        if (code < HANGUL_FIRST || code > HANGUL_LAST) {
            ret_letters[count++] = code;
            continue;
        }
        code -= HANGUL_FIRST; /* Unicode 3.12: ((first * 21) + middle) * 28 + last */
        ret_letters[count++] = 0x1100 + code / 588;
        if (count < most)
            ret_letters[count++] = 0x1161 + code / 28 % 21;
        if (count < most && code % 28)
            ret_letters[count++] = 0x11A7 + code % 28;
    }
    return count;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t text_distance(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count,
                       uint32_t most)
{
    uint32_t rows[3][LETTERS_MAX + 1];
    a_count = least(a_count, LETTERS_MAX);
    b_count = least(b_count, LETTERS_MAX);
    if (a_count > b_count + most || b_count > a_count + most)
        return most + 1;
    for (uint32_t k = 0; k <= b_count; k++)
        rows[0][k] = k;
    for (uint32_t i = 1; i <= a_count; i++) {
        uint32_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        uint32_t best = row[0] = i;
        for (uint32_t k = 1; k <= b_count; k++) {
            uint32_t cost = a[i - 1] == b[k - 1] ? 0 : 1;
            row[k] = least(least(above[k] + 1, row[k - 1] + 1), above[k - 1] + cost);
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                row[k] = least(row[k], before[k - 2] + 1);
            best = least(best, row[k]);
        }
        if (best > most)
            return most + 1;
    }
    return least(rows[a_count % 3][b_count], most + 1);
}
