/* Text: normalises it and cuts it into terms for search. The only file that includes utf8proc.
 *
 * Normalised: Unicode NFKC with case folding, jamo put together to syllables, invisible characters
 * left out (Unicode Standard Annex 15). Latin, Greek, Cyrillic, Hebrew and Arabic letters lose
 * their marks ("Café" is "cafe"). In other scripts a mark is a part of its letter ("ポ" is not
 * "ホ").
 *
 * Terms: runs of letters and digits. English plurals lose their end (Harman 1991, "How effective is
 * suffixing?", the S stemmer: -ies to -y, -es and -s dropped where they are an ending). A run of
 * Hangul, Han or Kana of two characters or more also gives its pairs of neighbouring characters as
 * parts, since such words are written together: "울코트" has the parts "울코" and "코트".
 *
 * A number and its unit are one term with two parts, with or without a space: "64 GB" and "64gb"
 * are "64gb" with the parts "64" and "gb". Other runs of digits and letters have parts too ("ps5"),
 * except for codes with a single letter ("m00012"). These parts are spare. Initials around an
 * ampersand are one term: "H&M" is "hm" with the parts "h" and "m".
 *
 * Thread: any. */
#ifndef WEFT_SEARCH_TEXT_H
#define WEFT_SEARCH_TEXT_H

#include "schemas/bytes.h"

#define TERM_BYTES_MAX 48   /* longer ones are cut */
#define TERMS_MAX 64        /* of a text; later ones are left out */
#define TEXT_BYTES_MAX 4096 /* of a text; the rest is left out */

struct term {
    char text[TERM_BYTES_MAX];
    uint8_t size;
    bool part;  /* of a longer term, which stands before it */
    bool spare; /* a part that a search looks for only if no product has the longer term */
};

struct terms {
    struct term at[TERMS_MAX]; /* each once, in the order of the text */
    uint32_t count;
};

/* Appends the normalised text; nothing if the text is not UTF-8. */
void text_normalise(struct bytes text, struct buffer *buffer);

/* Normalises the text and cuts it into terms. */
void text_terms(struct bytes text, struct terms *ret_terms);

/* A query in its one normalised form: its terms without the parts, with spaces between. "Wool
 * COATS" becomes "wool coat". Writes whole terms, up to TEXT_QUERY_BYTES_MAX bytes, into `to`; the
 * result points there. Empty: the query has no terms. */
#define TEXT_QUERY_BYTES_MAX 128
struct bytes text_query(struct bytes text, char *to);

/* The characters of a term, to compare spellings. Hangul syllables become their jamo, since one
 * wrong key changes one of these. Returns how many, at most `most`. */
uint32_t text_letters(struct bytes term, uint32_t *ret_letters, uint32_t most);

/* Whether the digits say that the first term is not a spelling of the second: both have digits and
 * these differ, or the first is a number and the second does not begin with its digits alone. */
bool text_other_number(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count);

/* The edits from one to the other: insertions, deletions, substitutions, and swaps of neighbours
 * (optimal string alignment). most + 1: more than `most`. The first LETTERS_MAX letters count. */
#define LETTERS_MAX 48
uint32_t text_distance(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count,
                       uint32_t most);

#endif
