/* Text as search sees it: normalised, and cut into terms. The only file that includes utf8proc.
 *
 * Normalised: Unicode NFKC with case folding, marks taken off ("Café" is "cafe"), jamo put together
 * to syllables, what is not shown left out (Unicode Standard Annex 15).
 *
 * Terms: runs of letters and digits. English plurals lose their end (Harman 1991, "How effective is
 * suffixing?", the S stemmer: -ies to -y, -es and -s dropped where they are an ending). A run of
 * Hangul, Han or Kana of two characters or more also gives its pairs of neighbouring characters as
 * parts, since such words are written together: "울코트" has the parts "울코" and "코트". */
#ifndef WEFT_SEARCH_TEXT_H
#define WEFT_SEARCH_TEXT_H

#include "schemas/bytes.h"

#define TERM_BYTES_MAX 48   /* longer ones are cut */
#define TERMS_MAX 64        /* of a text; further ones are left out */
#define TEXT_BYTES_MAX 4096 /* of a text; what is behind is left out */

struct term {
    char text[TERM_BYTES_MAX];
    uint8_t size;
    bool part; /* two characters of a longer run */
};

struct terms {
    struct term at[TERMS_MAX]; /* each once, in the order of the text */
    uint32_t count;
};

/* Appends the normalised text. What is not UTF-8 gives nothing. */
void text_normalise(struct bytes text, struct buffer *buffer);

/* Normalises and cuts. */
void text_terms(struct bytes text, struct terms *ret_terms);

/* A search in one writing: its terms but the parts, with a space between; "Wool  COATS" is "wool
 * coat". Whole terms, up to TEXT_QUERY_BYTES_MAX bytes into `to`; empty: it has none. */
#define TEXT_QUERY_BYTES_MAX 128
struct bytes text_query(struct bytes text, char *to);

/* The characters of a term for comparing spellings: Hangul syllables as their jamo, since one wrong
 * key changes one of these. Returns how many of `most` there are. */
uint32_t text_letters(struct bytes term, uint32_t *ret_letters, uint32_t most);

/* Edits from one to the other: insertions, deletions, substitutions, and swaps of neighbours
 * (optimal string alignment); most + 1 when it is more than `most`. Up to LETTERS_MAX letters. */
#define LETTERS_MAX 48
uint32_t text_distance(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count,
                       uint32_t most);

#endif
