#include "processors/recommend/search/search_index.h"

#include "schemas/array.h"
#include "schemas/draw.h"
#include "schemas/sorted.h"

#include <stdlib.h>

const uint8_t search_field_weights[PRODUCT_KINDS] = {
    [WORD_BRAND] = 80,  [WORD_CATEGORY] = 80,  [WORD_COLOUR] = 80,    [WORD_TAG] = 40,
    [WORD_GENDER] = 40, [WORD_AGE_GROUP] = 40, [WORD_ATTRIBUTE] = 40,
};

#define TERM_SAMPLE 16
#define TERM_DRAWS_MAX (16 * TERM_SAMPLE)

static void push(struct numbers *numbers, uint32_t number)
{
    ARRAY_RESERVE_SMALL(numbers->at, numbers->capacity, numbers->count + 1);
    numbers->at[numbers->count++] = number;
}

/* ---- pairs of letters ---- */

#define PAIR_NONE UINT32_MAX

static uint32_t find_pair(const struct search_index *index, uint64_t letters)
{
    struct hash_probe probe = hash_index_probe(&index->by_pair, hash_index_hash_number(letters));
    while (hash_index_next(&index->by_pair, &probe))
        if (index->pairs[probe.entry].letters == letters)
            return probe.entry;
    return PAIR_NONE;
}

const struct numbers *search_index_pair_terms(const struct search_index *index, uint64_t pair)
{
    static const struct numbers none;
    uint32_t number = find_pair(index, pair);
    return number == PAIR_NONE ? &none : &index->pairs[number].terms;
}

uint32_t search_index_pairs_of(struct bytes text, uint64_t *ret_pairs)
{
    uint32_t letters[LETTERS_MAX], count = text_letters(text, letters, LETTERS_MAX);
    uint32_t before = 1;
    for (uint32_t i = 0; i <= count; i++) {
        uint32_t letter = i < count ? letters[i] : 1;
        ret_pairs[i] = (uint64_t)before << 32 | letter;
        before = letter;
    }
    return count ? count + 1 : 0;
}

static struct pair_row *intern_pair(struct search_index *index, uint64_t letters)
{
    uint32_t number = find_pair(index, letters);
    if (number != PAIR_NONE)
        return &index->pairs[number];
    ARRAY_RESERVE(index->pairs, index->pair_capacity, index->pair_count + 1);
    hash_index_add(&index->by_pair, hash_index_hash_number(letters), index->pair_count);
    index->pairs[index->pair_count] = (struct pair_row){.letters = letters};
    return &index->pairs[index->pair_count++];
}

static void add_pairs(struct search_index *index, uint32_t term, struct bytes text)
{
    uint64_t pairs[LETTERS_MAX + 1];
    uint32_t count = search_index_pairs_of(text, pairs);
    for (uint32_t i = 0; i < count; i++) {
        struct numbers *terms = &intern_pair(index, pairs[i])->terms;
        uint32_t at = sorted_place(terms->at, 0, terms->count, term);
        if (sorted_is_at(terms->at, terms->count, at, term))
            continue; /* the text has the pair twice */
        ARRAY_RESERVE_SMALL(terms->at, terms->capacity, terms->count + 1);
        sorted_insert(terms->at, terms->count++, at, term);
    }
}

/* No term has the pair any more; the last pair takes its number. */
static void drop_pair(struct search_index *index, uint32_t number)
{
    struct pair_row *pair = &index->pairs[number];
    uint32_t last = --index->pair_count;
    free(pair->terms.at);
    hash_index_remove(&index->by_pair, hash_index_hash_number(pair->letters), number);
    if (number == last)
        return;
    *pair = index->pairs[last];
    hash_index_renumber(&index->by_pair, hash_index_hash_number(pair->letters), last, number);
}

static void remove_pairs(struct search_index *index, uint32_t term, struct bytes text)
{
    uint64_t pairs[LETTERS_MAX + 1];
    uint32_t count = search_index_pairs_of(text, pairs);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = find_pair(index, pairs[i]);
        if (number == PAIR_NONE)
            continue;
        struct numbers *terms = &index->pairs[number].terms;
        uint32_t at = sorted_place(terms->at, 0, terms->count, term);
        if (!sorted_is_at(terms->at, terms->count, at, term))
            continue; /* a part of a run has no pairs */
        sorted_remove(terms->at, terms->count--, at);
        if (terms->count == 0)
            drop_pair(index, number);
    }
}

/* ---- terms ---- */

static struct bytes term_text(const struct term_row *term)
{
    return bytes_of(term->text, term->size);
}

uint32_t search_index_term(const struct search_index *index, struct bytes text)
{
    struct hash_probe probe = hash_index_probe(&index->by_text, hash_index_hash(text));
    while (hash_index_next(&index->by_text, &probe))
        if (bytes_equal(term_text(&index->terms[probe.entry]), text))
            return probe.entry;
    return SEARCH_TERM_NONE;
}

/* ---- the bound of terms ---- */

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

static void leave_text(struct text_row *row, uint32_t term)
{
    uint32_t left[TERMS_MAX], count = 0;
    for (uint32_t i = 0; i < row->count; i++)
        if ((text_row_terms(row)[i] & ~SEARCH_PART) != term)
            left[count++] = text_row_terms(row)[i];
    if (count < row->count)
        set_text(row, left, count);
}

static void leave_products(struct search_index *index, uint32_t number)
{
    const struct product_set *products = &index->terms[number].products;
    if (!products->dense) {
        for (uint32_t i = 0; i < products->count; i++)
            if (products->list[i] < index->title_capacity)
                leave_text(&index->titles[products->list[i]], number);
        return;
    }
    for (uint32_t product = 0; product < index->title_capacity; product++)
        if (product_set_has(products, product))
            leave_text(&index->titles[product], number);
}

/* The term with the fewest products of some that are drawn; SEARCH_TERM_NONE: all of them belong
 * to the product that changes. */
static uint32_t draw_victim(const struct search_index *index)
{
    uint64_t state = index->terms_evicted;
    uint32_t victim = SEARCH_TERM_NONE;
    for (int draws = 0, found = 0; draws < TERM_DRAWS_MAX && found < TERM_SAMPLE; draws++) {
        uint32_t term = draw_below(draw_next(&state), index->term_count);
        if (index->terms[term].named_by == index->change)
            continue;
        found++;
        if (victim == SEARCH_TERM_NONE ||
            index->terms[term].products.count < index->terms[victim].products.count)
            victim = term;
    }
    return victim;
}

/* Removes a term from all that refers to it. Returns its number; SEARCH_TERM_NONE as above. */
static uint32_t evict_term(struct search_index *index)
{
    uint32_t number = draw_victim(index);
    if (number == SEARCH_TERM_NONE)
        return number;
    struct term_row *term = &index->terms[number];
    index->terms_evicted++;
    leave_products(index, number);
    for (uint32_t i = 0; i < term->words.count; i++)
        leave_text(&index->words[term->words.at[i]], number);
    remove_pairs(index, number, term_text(term));
    hash_index_remove(&index->by_text, hash_index_hash(term_text(term)), number);
    product_set_release(&term->products);
    free(term->words.at);
    free(term->text);
    return number;
}

/* A number for a new term. */
static uint32_t take_number(struct search_index *index)
{
    if (index->term_count >= index->terms_max)
        return evict_term(index);
    ARRAY_RESERVE(index->terms, index->term_capacity, index->term_count + 1);
    return index->term_count++;
}

static uint32_t intern_term(struct search_index *index, const struct term *term)
{
    struct bytes text = bytes_of(term->text, term->size);
    uint32_t number = search_index_term(index, text);
    if (number == SEARCH_TERM_NONE) {
        number = take_number(index);
        if (number == SEARCH_TERM_NONE)
            return number;
        index->terms[number] = (struct term_row){.text = memory_text(text), .size = term->size};
        hash_index_add(&index->by_text, hash_index_hash(text), number);
        if (!term->part)
            add_pairs(index, number, text);
    }
    index->terms[number].named_by = index->change;
    return number;
}

/* ---- keeping up with the catalogue ---- */

static uint32_t number_terms(struct search_index *index, struct bytes text, uint32_t *ret_terms)
{
    struct terms terms;
    uint32_t count = 0;
    text_terms(text, &terms);
    for (uint32_t i = 0; i < terms.count; i++) {
        uint32_t term = intern_term(index, &terms.at[i]);
        if (term != SEARCH_TERM_NONE)
            ret_terms[count++] = term | (terms.at[i].part ? SEARCH_PART : 0);
    }
    return count;
}

static void index_title(struct search_index *index, uint32_t product, struct bytes title)
{
    uint32_t terms[TERMS_MAX], count = number_terms(index, title, terms);
    ARRAY_RESERVE_ZERO(index->titles, index->title_capacity, product + 1);
    struct text_row *row = &index->titles[product];
    if (count != row->count || memcmp(terms, text_row_terms(row), count * sizeof *terms) != 0)
        set_text(row, terms, count);
}

/* The text of a word that searches look at: a category's last part, an attribute's value. */
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

static void index_word(struct search_index *index, const struct catalogue *catalogue,
                       uint32_t number)
{
    const struct word *word = &catalogue->words.at[number];
    ARRAY_RESERVE_ZERO(index->words, index->word_capacity, number + 1);
    struct text_row *row = &index->words[number];
    if (row->hash == word->hash)
        return;
    for (uint32_t i = 0; i < row->count; i++) { /* the number belonged to another word */
        struct numbers *words = &index->terms[text_row_terms(row)[i] & ~SEARCH_PART].words;
        for (uint32_t k = 0; k < words->count; k++)
            if (words->at[k] == number)
                words->at[k--] = words->at[--words->count];
    }
    uint32_t terms[TERMS_MAX], count = number_terms(index, word_text(word), terms);
    set_text(row, terms, count);
    row->hash = word->hash;
    for (uint32_t i = 0; i < count; i++)
        push(&index->terms[terms[i] & ~SEARCH_PART].words, number);
}

/* Adds the weights of a text's terms in a product to their rows; appends terms that are new. */
static void sum_terms(struct search_index *index, const struct text_row *text, uint32_t weight,
                      struct numbers *terms)
{
    const uint32_t *numbers = text_row_terms(text);
    for (uint32_t i = 0; i < text->count; i++) {
        struct term_row *term = &index->terms[numbers[i] & ~SEARCH_PART];
        if (term->stamp != index->stamp) {
            term->stamp = index->stamp;
            term->sum = 0;
            push(terms, numbers[i] & ~SEARCH_PART);
        }
        term->sum += search_weight(numbers[i], weight);
    }
}

/* Collects the terms of a product, each once, with their weights in it in their rows. */
static void terms_of(struct search_index *index, const struct catalogue *catalogue,
                     uint32_t product, struct numbers *terms)
{
    struct words words = product_all_words(&catalogue->products[product]);
    terms->count = 0;
    if (++index->stamp == 0) { /* once in 2^32 changes: old stamps would look new */
        for (uint32_t i = 0; i < index->term_count; i++)
            index->terms[i].stamp = 0;
        index->stamp = 1;
    }
    if (product < index->title_capacity)
        sum_terms(index, &index->titles[product], SEARCH_TITLE_WEIGHT, terms);
    for (uint32_t i = 0; i < words.count; i++) {
        const struct text_row *text = &index->words[words.at[i]];
        for (uint32_t k = 0; k < text->count && text->count <= TEXT_ROW_FEW; k++)
            __builtin_prefetch(&index->terms[text->few[k] & ~SEARCH_PART]);
    }
    for (uint32_t i = 0; i < words.count; i++)
        sum_terms(index, &index->words[words.at[i]],
                  search_field_weights[catalogue->words.at[words.at[i]].kind], terms);
}

static void changing(struct catalogue_watcher *watcher, const struct catalogue *catalogue,
                     uint32_t product)
{
    struct search_index *index = (struct search_index *)(void *)watcher;
    terms_of(index, catalogue, product, &index->before);
}

static void changed(struct catalogue_watcher *watcher, const struct catalogue *catalogue,
                    uint32_t number)
{
    struct search_index *index = (struct search_index *)(void *)watcher;
    const struct product *product = &catalogue->products[number];
    struct words words = product_all_words(product);
    index->change++;
    index_title(index, number, product_title(product));
    for (uint32_t i = 0; i < words.count; i++)
        if (words.at[i] < index->word_capacity)
            __builtin_prefetch(&index->words[words.at[i]]);
    for (uint32_t i = 0; i < words.count; i++)
        index_word(index, catalogue, words.at[i]);
    terms_of(index, catalogue, number, &index->after);
    for (uint32_t i = 0; i < index->before.count; i++) {
        struct term_row *term = &index->terms[index->before.at[i]];
        if (term->stamp != index->stamp)
            product_set_take(&term->products, number);
    }
    for (uint32_t i = 0; i < index->after.count; i++) {
        struct term_row *term = &index->terms[index->after.at[i]];
        term->most = term->sum > term->most ? term->sum : term->most;
        product_set_put(&term->products, number);
    }
    index->before.count = 0;
}

struct search_index *search_index_new(struct catalogue *catalogue)
{
    struct search_index *index = memory_zero(1, sizeof *index);
    index->terms_max = SEARCH_TERMS_MAX;
    index->watcher.changing = changing;
    index->watcher.changed = changed;
    catalogue_watch(catalogue, &index->watcher);
    return index;
}

void search_index_free(struct search_index *index)
{
    if (index == NULL)
        return;
    for (uint32_t i = 0; i < index->term_count; i++) {
        free(index->terms[i].text);
        product_set_release(&index->terms[i].products);
        free(index->terms[i].words.at);
    }
    for (uint32_t i = 0; i < index->title_capacity; i++)
        release_text(&index->titles[i]);
    for (uint32_t i = 0; i < index->word_capacity; i++)
        release_text(&index->words[i]);
    for (uint32_t i = 0; i < index->pair_count; i++)
        free(index->pairs[i].terms.at);
    hash_index_release(&index->by_text);
    hash_index_release(&index->by_pair);
    free(index->before.at);
    free(index->after.at);
    free(index->terms);
    free(index->titles);
    free(index->words);
    free(index->pairs);
    free(index);
}

void search_index_limit(struct search_index *index, uint32_t terms_max)
{
    index->terms_max = terms_max;
}

uint64_t search_index_evicted(const struct search_index *index)
{
    return index->terms_evicted;
}

static size_t text_bytes(const struct text_row *row)
{
    return row->count > TEXT_ROW_FEW ? row->count * sizeof(uint32_t) : 0;
}

size_t search_index_bytes(const struct search_index *index)
{
    size_t bytes = sizeof *index + index->term_capacity * sizeof *index->terms +
                   hash_index_bytes(&index->by_text) + hash_index_bytes(&index->by_pair) +
                   (index->title_capacity + index->word_capacity) * sizeof *index->titles +
                   index->pair_capacity * sizeof *index->pairs;
    for (uint32_t i = 0; i < index->term_count; i++)
        bytes += memory_block_bytes(index->terms[i].size + 1u) +
                 memory_block_bytes(product_set_bytes(&index->terms[i].products)) +
                 memory_block_bytes(index->terms[i].words.capacity * sizeof(uint32_t));
    for (uint32_t i = 0; i < index->title_capacity; i++)
        bytes += memory_block_bytes(text_bytes(&index->titles[i]));
    for (uint32_t i = 0; i < index->word_capacity; i++)
        bytes += memory_block_bytes(text_bytes(&index->words[i]));
    for (uint32_t i = 0; i < index->pair_count; i++)
        bytes += memory_block_bytes(index->pairs[i].terms.capacity * sizeof(uint32_t));
    return bytes;
}
