/* Any bytes as a text for search. */
#include "processors/recommend/search/text.h"
#include "tests/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct terms terms, again;
    struct buffer normal = {0}, twice = {0};
    text_terms(bytes_of(data, size), &terms);
    FUZZ_CHECK(terms.count <= TERMS_MAX);
    for (uint32_t i = 0; i < terms.count; i++) {
        uint32_t letters[LETTERS_MAX];
        struct bytes text = bytes_of(terms.at[i].text, terms.at[i].size);
        FUZZ_CHECK(text.size > 0 && text.size <= TERM_BYTES_MAX && bytes_utf8(text));
        uint32_t count = text_letters(text, letters, LETTERS_MAX);
        FUZZ_CHECK(count > 0 && count <= LETTERS_MAX);
        FUZZ_CHECK(text_distance(letters, count, letters, count, 2) == 0);
        for (uint32_t k = 0; k < i; k++)
            FUZZ_CHECK(!bytes_equal(bytes_of(terms.at[k].text, terms.at[k].size), text));
    }
    text_normalise(bytes_of(data, size), &normal);
    FUZZ_CHECK(normal.size == 0 || bytes_utf8(buffer_bytes(&normal)));
    if (normal.size <= TEXT_BYTES_MAX) { /* nothing of it would be cut off */
        text_normalise(buffer_bytes(&normal), &twice);
        FUZZ_CHECK(bytes_equal(buffer_bytes(&normal), buffer_bytes(&twice)));
        text_terms(buffer_bytes(&normal), &again);
        FUZZ_CHECK(again.count == terms.count);
    }
    buffer_release(&normal);
    buffer_release(&twice);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    static const char *const texts[] = {
        "Wool Coats, navy",
        "\xEC\x9A\xB8\xEC\xBD\x94\xED\x8A\xB8 \xEB\x84\xA4\xEC\x9D\xB4\xEB\xB9\x84",
        "\xE1\x84\x8F\xE1\x85\xA9\xE1\x84\x90\xE1\x85\xB3",
        "Cafe\xCC\x81 \xEF\xBC\xA3",
        "dresses",
        "\xE2\x80\x8B"
        "a\xC2\xAD"
        "b",
        "\xEF\xB7\xBA",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        sink->add(sink, bytes_text(texts[i]));
}
