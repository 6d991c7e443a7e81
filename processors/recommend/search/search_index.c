#include "processors/recommend/search/search_index.h"

#include <stdlib.h>

const uint8_t search_field_weights[PRODUCT_KINDS] = {
    [WORD_BRAND] = 80,  [WORD_CATEGORY] = 80,  [WORD_COLOUR] = 80,    [WORD_TAG] = 40,
    [WORD_GENDER] = 40, [WORD_AGE_GROUP] = 40, [WORD_ATTRIBUTE] = 40,
};

static void push(struct numbers *numbers, uint32_t number)
{
    if (numbers->count == numbers->capacity) {
        numbers->capacity = numbers->capacity ? numbers->capacity + numbers->capacity / 2 + 1 : 2;
        numbers->at = memory_resize(numbers->at, numbers->capacity * sizeof *numbers->at);
    }
    numbers->at[numbers->count++] = number;
}

/* ---- terms ---- */

static uint32_t *term_slot(const struct search *search, struct bytes text)
{
    uint32_t mask = search->slot_capacity - 1;
    for (uint32_t i = (uint32_t)bytes_hash(text) & mask;; i = (i + 1) & mask) {
        uint32_t term = search->slots[i];
        if (term == 0 ||
            bytes_equal(bytes_of(search->terms[term - 1].text, search->terms[term - 1].size), text))
            return &search->slots[i];
    }
}

uint32_t search_find_term(const struct search *search, struct bytes text)
{
    return *term_slot(search, text) - 1; /* 0 - 1: none */
}

static struct gram_row *gram_slot(const struct search *search, uint64_t key)
{
    uint32_t mask = search->gram_capacity - 1;
    uint32_t i = (uint32_t)(key * 0x9E3779B97F4A7C15u >> 32) & mask;
    while (search->grams[i].key != 0 && search->grams[i].key != key)
        i = (i + 1) & mask;
    return &search->grams[i];
}

static void grow_grams(struct search *search)
{
    struct gram_row *old = search->grams;
    uint32_t capacity = search->gram_capacity;
    search->gram_capacity *= 2;
    search->grams = memory_zero(search->gram_capacity, sizeof *search->grams);
    for (uint32_t i = 0; i < capacity; i++)
        if (old[i].key)
            *gram_slot(search, old[i].key) = old[i];
    free(old);
}

uint32_t search_grams_of(struct bytes text, uint64_t *ret_keys)
{
    uint32_t letters[LETTERS_MAX], count = text_letters(text, letters, LETTERS_MAX);
    uint32_t before = 1;
    for (uint32_t i = 0; i <= count; i++) {
        uint32_t letter = i < count ? letters[i] : 1;
        ret_keys[i] = (uint64_t)before << 32 | letter;
        before = letter;
    }
    return count ? count + 1 : 0;
}

static void add_grams(struct search *search, uint32_t term, struct bytes text)
{
    uint64_t keys[LETTERS_MAX + 1];
    uint32_t count = search_grams_of(text, keys);
    for (uint32_t i = 0; i < count; i++) {
        if (2 * search->gram_count >= search->gram_capacity)
            grow_grams(search);
        struct gram_row *gram = gram_slot(search, keys[i]);
        search->gram_count += gram->key == 0;
        gram->key = keys[i];
        if (gram->terms.count == 0 || gram->terms.at[gram->terms.count - 1] != term)
            push(&gram->terms, term);
    }
}

static void grow_slots(struct search *search)
{
    free(search->slots);
    search->slot_capacity *= 2;
    search->slots = memory_zero(search->slot_capacity, sizeof *search->slots);
    for (uint32_t i = 0; i < search->term_count; i++)
        *term_slot(search, bytes_of(search->terms[i].text, search->terms[i].size)) = i + 1;
}

/* UINT32_MAX: there are too many. */
static uint32_t add_term(struct search *search, const struct term *text)
{
    struct bytes bytes = bytes_of(text->text, text->size);
    uint32_t term = search_find_term(search, bytes);
    if (term != UINT32_MAX)
        return term;
    if (search->term_count == SEARCH_TERMS_MAX) {
        search->terms_refused++;
        return UINT32_MAX;
    }
    if (2 * search->term_count >= search->slot_capacity)
        grow_slots(search);
    if (search->term_count == search->term_capacity) {
        search->term_capacity = search->term_capacity ? 2 * search->term_capacity : 1024;
        search->terms = memory_resize(search->terms, search->term_capacity * sizeof *search->terms);
    }
    term = search->term_count++;
    search->terms[term] = (struct term_row){.text = memory_text(bytes), .size = text->size};
    *term_slot(search, bytes) = term + 1;
    if (!text->part)
        add_grams(search, term, bytes);
    return term;
}

const struct numbers *search_gram(const struct search *search, uint64_t key)
{
    return &gram_slot(search, key)->terms;
}

/* ---- keeping up with the catalogue ---- */

static struct text_row *text_row(struct text_row **rows, uint32_t *capacity, uint32_t number)
{
    if (number >= *capacity) {
        uint32_t wanted = number + number / 2 + 64;
        *rows = memory_resize(*rows, wanted * sizeof **rows);
        memset(*rows + *capacity, 0, (wanted - *capacity) * sizeof **rows);
        *capacity = wanted;
    }
    return &(*rows)[number];
}

static uint32_t number_terms(struct search *search, struct bytes text, uint32_t *ret_terms)
{
    struct terms terms;
    uint32_t count = 0;
    text_terms(text, &terms);
    for (uint32_t i = 0; i < terms.count; i++) {
        uint32_t term = add_term(search, &terms.at[i]);
        if (term != UINT32_MAX)
            ret_terms[count++] = term | (terms.at[i].part ? SEARCH_PART : 0);
    }
    return count;
}

static void release_text(struct text_row *row)
{
    if (row->count > TEXT_ROW_FEW)
        free(row->many);
}

static void set_text(struct text_row *row, const uint32_t *terms, uint32_t count)
{
    uint32_t *to = row->few;
    release_text(row);
    if (count > TEXT_ROW_FEW)
        row->many = to = memory_get(count * sizeof *to);
    row->count = count;
    for (uint32_t i = 0; i < count; i++)
        to[i] = terms[i];
}

static void index_title(struct search *search, uint32_t product, struct bytes title)
{
    uint32_t terms[TERMS_MAX], count = number_terms(search, title, terms);
    struct text_row *row = text_row(&search->titles, &search->title_capacity, product);
    if (count != row->count || memcmp(terms, text_row_terms(row), count * sizeof *terms) != 0)
        set_text(row, terms, count);
}

/* What of a word is searched: of a category the last part, of an attribute its value. */
static struct bytes word_text(const struct word *word)
{
    struct bytes text = bytes_of(word->text, word->size);
    const char *at = NULL;
    if (word->kind == WORD_ATTRIBUTE)
        at = memchr(text.at, '=', text.size);
    else if (word->kind == WORD_CATEGORY)
        at = memrchr(text.at, '>', text.size);
    return at ? bytes_of(at + 1, text.size - (size_t)(at + 1 - text.at)) : text;
}

static void index_word(struct search *search, const struct catalogue *catalogue, uint32_t number)
{
    const struct word *word = &catalogue->words.at[number];
    struct text_row *row = text_row(&search->words, &search->word_capacity, number);
    if (row->hash == word->hash)
        return;
    for (uint32_t i = 0; i < row->count; i++) { /* the number had another text */
        struct numbers *words = &search->terms[text_row_terms(row)[i] & ~SEARCH_PART].words;
        for (uint32_t k = 0; k < words->count; k++)
            if (words->at[k] == number)
                words->at[k--] = words->at[--words->count];
    }
    uint32_t terms[TERMS_MAX], count = number_terms(search, word_text(word), terms);
    set_text(row, terms, count);
    row->hash = word->hash;
    for (uint32_t i = 0; i < count; i++)
        push(&search->terms[terms[i] & ~SEARCH_PART].words, number);
}

/* Adds up what the terms of a text weigh in a product. */
static void sum_terms(struct search *search, const struct text_row *text, uint32_t weight,
                      struct numbers *terms)
{
    const uint32_t *numbers = text_row_terms(text);
    for (uint32_t i = 0; i < text->count; i++) {
        struct term_row *term = &search->terms[numbers[i] & ~SEARCH_PART];
        if (term->stamp != search->stamp) {
            term->stamp = search->stamp;
            term->sum = 0;
            push(terms, numbers[i] & ~SEARCH_PART);
        }
        term->sum += search_weight(numbers[i], weight);
    }
}

/* The terms of a product, each once, and in their rows what they weigh. */
static void terms_of(struct search *search, const struct catalogue *catalogue, uint32_t product,
                     struct numbers *terms)
{
    struct words words = product_all_words(&catalogue->products[product]);
    terms->count = 0;
    if (++search->stamp == 0) { /* once in four thousand million changes */
        for (uint32_t i = 0; i < search->term_count; i++)
            search->terms[i].stamp = 0;
        search->stamp = 1;
    }
    if (product < search->title_capacity)
        sum_terms(search, &search->titles[product], SEARCH_TITLE_WEIGHT, terms);
    for (uint32_t i = 0; i < words.count; i++) {
        const struct text_row *text = &search->words[words.at[i]];
        for (uint32_t k = 0; k < text->count && text->count <= TEXT_ROW_FEW; k++)
            __builtin_prefetch(&search->terms[text->few[k] & ~SEARCH_PART]);
    }
    for (uint32_t i = 0; i < words.count; i++)
        sum_terms(search, &search->words[words.at[i]],
                  search_field_weights[catalogue->words.at[words.at[i]].kind], terms);
}

static void changing(struct catalogue_watcher *watcher, const struct catalogue *catalogue,
                     uint32_t product)
{
    struct search *search = (struct search *)(void *)watcher;
    terms_of(search, catalogue, product, &search->before);
}

static void changed(struct catalogue_watcher *watcher, const struct catalogue *catalogue,
                    uint32_t number)
{
    struct search *search = (struct search *)(void *)watcher;
    const struct product *product = &catalogue->products[number];
    struct words words = product_all_words(product);
    index_title(search, number, product_title(product));
    for (uint32_t i = 0; i < words.count; i++)
        if (words.at[i] < search->word_capacity)
            __builtin_prefetch(&search->words[words.at[i]]);
    for (uint32_t i = 0; i < words.count; i++)
        index_word(search, catalogue, words.at[i]);
    terms_of(search, catalogue, number, &search->after);
    for (uint32_t i = 0; i < search->before.count; i++) {
        struct term_row *term = &search->terms[search->before.at[i]];
        if (term->stamp != search->stamp)
            product_set_take(&term->products, number);
    }
    for (uint32_t i = 0; i < search->after.count; i++) {
        struct term_row *term = &search->terms[search->after.at[i]];
        term->most = term->sum > term->most ? term->sum : term->most;
        product_set_put(&term->products, number);
    }
    search->before.count = 0;
}

struct search *search_new(struct catalogue *catalogue)
{
    struct search *search = memory_zero(1, sizeof *search);
    search->watcher.changing = changing;
    search->watcher.changed = changed;
    search->slot_capacity = search->gram_capacity = 1024;
    search->slots = memory_zero(search->slot_capacity, sizeof *search->slots);
    search->grams = memory_zero(search->gram_capacity, sizeof *search->grams);
    catalogue_watch(catalogue, &search->watcher);
    return search;
}

void search_free(struct search *search)
{
    if (search == NULL)
        return;
    for (uint32_t i = 0; i < search->term_count; i++) {
        free(search->terms[i].text);
        product_set_release(&search->terms[i].products);
        free(search->terms[i].words.at);
    }
    for (uint32_t i = 0; i < search->title_capacity; i++)
        release_text(&search->titles[i]);
    for (uint32_t i = 0; i < search->word_capacity; i++)
        release_text(&search->words[i]);
    for (uint32_t i = 0; i < search->gram_capacity; i++)
        free(search->grams[i].terms.at);
    free(search->before.at);
    free(search->after.at);
    free(search->terms);
    free(search->slots);
    free(search->titles);
    free(search->words);
    free(search->grams);
    free(search);
}

uint64_t search_terms_refused(const struct search *search)
{
    return search->terms_refused;
}

static size_t text_bytes(const struct text_row *row)
{
    return row->count > TEXT_ROW_FEW ? row->count * sizeof(uint32_t) : 0;
}

size_t search_bytes(const struct search *search)
{
    size_t bytes = sizeof *search + search->term_capacity * sizeof *search->terms +
                   search->slot_capacity * sizeof *search->slots +
                   (search->title_capacity + search->word_capacity) * sizeof *search->titles +
                   search->gram_capacity * sizeof *search->grams;
    for (uint32_t i = 0; i < search->term_count; i++)
        bytes += search->terms[i].size + 1u + product_set_bytes(&search->terms[i].products) +
                 search->terms[i].words.capacity * sizeof(uint32_t);
    for (uint32_t i = 0; i < search->title_capacity; i++)
        bytes += text_bytes(&search->titles[i]);
    for (uint32_t i = 0; i < search->word_capacity; i++)
        bytes += text_bytes(&search->words[i]);
    for (uint32_t i = 0; i < search->gram_capacity; i++)
        bytes += search->grams[i].terms.capacity * sizeof(uint32_t);
    return bytes;
}
