#include "processors/recommend/search/text.h"

#include <stdlib.h>
#include <utf8proc.h>

#define HANGUL_FIRST 0xAC00u
#define HANGUL_LAST 0xD7A3u
#define INITIALS_MAX 3 /* bytes of each side of "H&M" */

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

static bool is_letter(utf8proc_int32_t point)
{
    utf8proc_category_t category = utf8proc_category(point);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

static bool is_mark(utf8proc_int32_t point)
{
    utf8proc_category_t category = utf8proc_category(point);
    return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
}

static bool in_word(utf8proc_int32_t point)
{
    utf8proc_category_t category = utf8proc_category(point);
    return is_letter(point) ||
           (category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_NO);
}

/* Blocks of Latin, Greek, Cyrillic, Hebrew and Arabic (Unicode's Blocks.txt), decomposed. */
static bool has_optional_marks(utf8proc_int32_t letter)
{
    static const struct {
        utf8proc_int32_t first, last;
    } blocks[] = {
        {0x0041, 0x02AF}, {0x0370, 0x052F}, {0x0590, 0x06FF}, {0x0750, 0x077F}, {0x0870, 0x08FF},
        {0x1C80, 0x1C8F}, {0x1D00, 0x1DBF}, {0x1E00, 0x1FFF}, {0x2C60, 0x2C7F}, {0xA640, 0xA69F},
        {0xA720, 0xA7FF}, {0xAB30, 0xAB6F}, {0xFB1D, 0xFDFF}, {0xFE70, 0xFEFF},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        if (letter >= blocks[i].first && letter <= blocks[i].last)
            return true;
    return false;
}

/* Leaves out the marks that may be left out. Elsewhere a mark makes another letter, such as the
 * voiced sound marks of Kana and the vowel signs of Indic scripts and Thai. */
static utf8proc_ssize_t strip_marks(utf8proc_int32_t *points, utf8proc_ssize_t count)
{
    utf8proc_ssize_t left = 0;
    bool keeps_marks = false; /* the letter under the marks */
    for (utf8proc_ssize_t i = 0; i < count; i++) {
        if (!is_mark(points[i]))
            keeps_marks = is_letter(points[i]) && !has_optional_marks(points[i]);
        else if (!keeps_marks)
            continue;
        points[left++] = points[i];
    }
    return left;
}

void text_normalise(struct bytes text, struct buffer *buffer)
{
    const utf8proc_option_t options =
        (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE |
                            UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
    text = whole_characters(text, TEXT_BYTES_MAX);
    if (text.size == 0 || fold_ascii(text, buffer))
        return;
    const utf8proc_uint8_t *from = (const utf8proc_uint8_t *)text.at;
    utf8proc_ssize_t count =
        utf8proc_decompose(from, (utf8proc_ssize_t)text.size, NULL, 0, options);
    if (count <= 0)
        return;
    utf8proc_int32_t *points = memory_get(((size_t)count + 1) * sizeof *points);
    utf8proc_decompose(from, (utf8proc_ssize_t)text.size, points, count, options);
    utf8proc_ssize_t size = utf8proc_reencode(points, strip_marks(points, count), options);
    if (size > 0)
        buffer_append(buffer, points, (size_t)size);
    free(points);
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

/* `part`, `spare`: see struct term. */
static void add_term_as(struct terms *terms, struct bytes text, bool part, bool spare)
{
    text = whole_characters(text, TERM_BYTES_MAX);
    if (text.size == 0 || terms->count == TERMS_MAX)
        return;
    for (uint32_t i = 0; i < terms->count; i++) {
        struct term *known = &terms->at[i];
        if (bytes_equal(bytes_of(known->text, known->size), text)) {
            known->part = known->part && part;
            known->spare = known->spare && spare;
            return;
        }
    }
    struct term *term = &terms->at[terms->count++];
    memcpy(term->text, text.at, text.size);
    term->size = (uint8_t)text.size;
    term->part = part;
    term->spare = spare;
}

static void add_term(struct terms *terms, struct bytes text, bool part)
{
    add_term_as(terms, text, part, false);
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

/* ---- terms ---- */

/* A run of letters and digits in the normalised text. */
struct run {
    struct bytes text;
    bool together; /* Hangul, Han or Kana */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The number of bytes at the run's start that are ASCII digits, or that are not. */
static size_t leading(struct bytes run, bool digits)
{
    size_t size = 0;
    while (size < run.size && is_digit(run.at[size]) == digits)
        size++;
    return size;
}

static bool is_number(struct bytes run)
{
    return leading(run, true) == run.size;
}

static bool is_unit(struct bytes word)
{
    static const char *const units[] = {
        "ml", "cl",  "dl",  "l",   "mg", "g",  "kg", "oz",  "lb", "lbs", "mm", "cm",
        "m",  "km",  "ft",  "kb",  "mb", "gb", "tb", "w",   "kw", "wh",  "v",  "mah",
        "hz", "khz", "mhz", "ghz", "mp", "k",  "x",  "pcs", "pc", "мл",  "л",  "мг",
        "г",  "кг",  "мм",  "см",  "м",  "км", "гб", "тб",  "мб", "шт",  "вт",
    };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (bytes_equal(word, bytes_text(units[i])))
            return true;
    return false;
}

/* Whether "ps5" or "64gb" has parts. A code such as "m00012" has none: many codes begin with its
 * letter. */
static bool has_parts(struct bytes a, struct bytes b)
{
    return (a.size > 1 && b.size > 1) || (is_number(a) && is_unit(b)) ||
           (a.size > 1 && is_number(b));
}

static bool blank(struct bytes text)
{
    return bytes_trim(text).size == 0;
}

/* Whether two runs with this text between them make one term: "64 GB", "H&M", "C & A". */
static bool joins(struct run a, struct bytes between, struct run b)
{
    if (a.together || b.together)
        return false;
    if (blank(between))
        return is_number(a.text) && is_unit(b.text);
    return bytes_equal(bytes_trim(between), bytes_text("&")) && a.text.size <= INITIALS_MAX &&
           b.text.size <= INITIALS_MAX && leading(a.text, false) == a.text.size &&
           leading(b.text, false) == b.text.size;
}

static void add_joined(struct terms *terms, struct bytes a, struct bytes b)
{
    char text[2 * TERM_BYTES_MAX];
    a = whole_characters(a, TERM_BYTES_MAX);
    b = whole_characters(b, TERM_BYTES_MAX);
    memcpy(text, a.at, a.size);
    memcpy(text + a.size, b.at, b.size);
    add_term(terms, bytes_of(text, a.size + b.size), false);
    add_term_as(terms, a, true, true);
    add_term_as(terms, b, true, true);
}

/* Adds a run: a term, and its parts. */
static void add_run(struct terms *terms, struct bytes run, bool together)
{
    char scratch[TERM_BYTES_MAX];
    if (!together) {
        bool number_first = is_digit(run.at[0]);
        size_t first = leading(run, number_first);
        struct bytes rest = bytes_of(run.at + first, run.size - first);
        if (rest.size > 0 && leading(rest, !number_first) == rest.size &&
            has_parts(bytes_of(run.at, first), rest))
            add_joined(terms, bytes_of(run.at, first), rest);
        else
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

/* The first run from `at` on. Its text has no bytes: there is none. */
static struct run next_run(struct bytes normal, size_t at)
{
    size_t from = SIZE_MAX;
    bool together = false;
    while (at < normal.size) {
        utf8proc_int32_t letter;
        size_t size = next_letter(normal, at, &letter);
        bool inside = in_word(letter), sort = written_together(letter) && !is_mark(letter);
        if (from != SIZE_MAX && (!inside || (sort != together && !is_mark(letter))))
            break;
        if (inside && from == SIZE_MAX) {
            from = at;
            together = sort;
        }
        at += size;
    }
    if (from == SIZE_MAX)
        return (struct run){.text = bytes_of(normal.at, 0)};
    return (struct run){.text = bytes_of(normal.at + from, at - from), .together = together};
}

void text_terms(struct bytes text, struct terms *ret_terms)
{
    struct buffer buffer = {0};
    ret_terms->count = 0;
    text_normalise(text, &buffer);
    struct bytes normal = buffer_bytes(&buffer);
    struct run run = next_run(normal, 0);
    while (run.text.size > 0) {
        size_t end = (size_t)(run.text.at - normal.at) + run.text.size;
        struct run next = next_run(normal, end);
        struct bytes between = bytes_of(normal.at + end, 0);
        if (next.text.size > 0)
            between.size = (size_t)(next.text.at - between.at);
        if (next.text.size > 0 && between.size > 0 && joins(run, between, next)) {
            add_joined(ret_terms, run.text, next.text);
            next = next_run(normal, (size_t)(next.text.at - normal.at) + next.text.size);
        } else {
            add_run(ret_terms, run.text, run.together);
        }
        run = next;
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

/* The next ASCII digit from `*at` on; 0: there is none. */
static uint32_t next_digit(const uint32_t *letters, uint32_t count, uint32_t *at)
{
    while (*at < count && !(letters[*at] >= '0' && letters[*at] <= '9'))
        (*at)++;
    return *at < count ? letters[(*at)++] : 0;
}

bool text_other_number(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count)
{
    uint32_t i = 0, k = 0, digits = 0, x, y;
    bool same = true;
    do {
        x = next_digit(a, a_count, &i);
        y = next_digit(b, b_count, &k);
        same = same && x == y;
        digits += x > 0;
    } while (x > 0);
    uint32_t at = 0;
    bool has_digits = next_digit(b, b_count, &at) > 0;
    return !same && digits > 0 && (has_digits || digits == a_count);
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
