#include "processors/recommend/lists/near_word.h"

#define SHARE_OF_LETTERS 3 /* one of so many may differ */
#define LETTER_BYTES_MAX 4 /* of UTF-8 */

static uint32_t letters_of(struct near_word *near, struct bytes word, uint32_t *ret_letters)
{
    buffer_clear(&near->scratch);
    text_normalise(word, &near->scratch);
    return text_letters(buffer_bytes(&near->scratch), ret_letters, LETTERS_MAX);
}

void near_word_init(struct near_word *near, struct bytes word)
{
    *near = (struct near_word){.word = word};
    near->count = letters_of(near, word, near->letters);
    near->most = (int32_t)(near->count / SHARE_OF_LETTERS);
}

void near_word_release(struct near_word *near)
{
    buffer_release(&near->scratch);
}

void near_word_offer(struct near_word *near, struct bytes known)
{
    uint32_t letters[LETTERS_MAX];
    size_t more = known.size > near->word.size ? known.size : near->word.size;
    size_t less = more == known.size ? near->word.size : known.size;
    if (near->most < 0 || more - less > (size_t)LETTER_BYTES_MAX * ((size_t)near->most + 1))
        return; /* saves the comparison with most words of a large catalogue */
    uint32_t count = letters_of(near, known, letters);
    uint32_t edits =
        text_distance(near->letters, near->count, letters, count, (uint32_t)near->most);
    if (count == 0 || edits > (uint32_t)near->most)
        return;
    near->nearest = known;
    near->most = (int32_t)edits - 1;
}
