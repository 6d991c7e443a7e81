#include "processors/recommend/search.h"

#include <math.h>
#include <stdlib.h>

#define PART 0x80000000u /* of a term's number in a text: only a part of a run */
#define SATURATION 1.2f
#define PART_WEIGHT .35f
#define GRAM_POSTINGS_MAX 30000 /* looked at for one term that is not there */
#define ALIKE_SLOTS 8192
#define ALIKE_CHECKED_MAX 48
#define COMMON_TIMES 64 /* terms so many times as frequent as the rarest only rank, and find nothing */

/* Numbers, growing. */
struct numbers {
    uint32_t *at;
    uint32_t count, capacity;
};

struct term_row {
    char *text;
    uint8_t size;
    struct numbers titles; /* products; some may no longer have it */
    uint32_t live;         /* titles that have it */
    struct numbers words;  /* of the catalogue */
};

/* The terms of a title or of a word, with PART. */
struct text_row {
    uint64_t hash; /* of a word; a number may be used again for another */
    uint32_t *terms;
    uint32_t count;
};

struct gram_row {
    uint64_t key; /* two letters; 0: free */
    struct numbers terms;
};

struct search {
    struct catalogue_watcher watcher; /* first */
    struct term_row *terms;
    uint32_t term_count, term_capacity;
    uint32_t *slots; /* term + 1 */
    uint32_t slot_capacity;
    struct text_row *titles, *words; /* by product, by word */
    uint32_t title_capacity, word_capacity;
    struct gram_row *grams;
    uint32_t gram_count, gram_capacity;
    uint64_t terms_refused;
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

static uint32_t find_term(const struct search *search, struct bytes text)
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

/* Pairs of letters with the ends as letters too. Returns how many. */
static uint32_t grams_of(struct bytes text, uint64_t *ret_keys)
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
    uint32_t count = grams_of(text, keys);
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
    uint32_t term = find_term(search, bytes);
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
            ret_terms[count++] = term | (terms.at[i].part ? PART : 0);
    }
    return count;
}

static bool title_has(const struct search *search, uint32_t product, uint32_t term)
{
    const struct text_row *title = &search->titles[product];
    for (uint32_t i = 0; i < title->count; i++)
        if ((title->terms[i] & ~PART) == term)
            return true;
    return false;
}

static int number_order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Postings are put in order when most of them are wrong. */
static void tidy(struct search *search, uint32_t term)
{
    struct numbers *titles = &search->terms[term].titles;
    uint32_t kept = 0;
    qsort(titles->at, titles->count, sizeof *titles->at, number_order);
    for (uint32_t i = 0; i < titles->count; i++)
        if ((i == 0 || titles->at[i] != titles->at[i - 1]) &&
            title_has(search, titles->at[i], term))
            titles->at[kept++] = titles->at[i];
    titles->count = kept;
}

static void index_title(struct search *search, uint32_t product, struct bytes title)
{
    uint32_t terms[TERMS_MAX], count = number_terms(search, title, terms);
    struct text_row *row = text_row(&search->titles, &search->title_capacity, product);
    if (count == row->count && memcmp(terms, row->terms, count * sizeof *terms) == 0)
        return;
    struct text_row old = *row;
    row->terms = NULL;
    row->count = count;
    if (count > 0) {
        row->terms = memory_get(count * sizeof *terms);
        memcpy(row->terms, terms, count * sizeof *terms);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct term_row *term = &search->terms[terms[i] & ~PART];
        push(&term->titles, product);
        term->live++;
    }
    for (uint32_t i = 0; i < old.count; i++) {
        struct term_row *term = &search->terms[old.terms[i] & ~PART];
        term->live--;
        if (term->titles.count > 2 * term->live + 16)
            tidy(search, old.terms[i] & ~PART);
    }
    free(old.terms);
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
    const struct word *word = &catalogue->words[number];
    struct text_row *row = text_row(&search->words, &search->word_capacity, number);
    if (row->hash == word->hash)
        return;
    for (uint32_t i = 0; i < row->count; i++) { /* the number had another text */
        struct numbers *words = &search->terms[row->terms[i] & ~PART].words;
        for (uint32_t k = 0; k < words->count; k++)
            if (words->at[k] == number)
                words->at[k--] = words->at[--words->count];
    }
    uint32_t terms[TERMS_MAX], count = number_terms(search, word_text(word), terms);
    row->hash = word->hash;
    row->count = count;
    row->terms = memory_resize(row->terms, count * sizeof *terms);
    memcpy(row->terms, terms, count * sizeof *terms);
    for (uint32_t i = 0; i < count; i++)
        push(&search->terms[terms[i] & ~PART].words, number);
}

static void changed(struct catalogue_watcher *watcher, const struct catalogue *catalogue,
                    uint32_t number)
{
    struct search *search = (struct search *)(void *)watcher;
    const struct product *product = &catalogue->products[number];
    struct words words = product_all_words(product);
    index_title(search, number, product_title(product));
    for (uint32_t i = 0; i < words.count; i++)
        index_word(search, catalogue, words.at[i]);
}

struct search *search_new(struct catalogue *catalogue)
{
    struct search *search = memory_zero(1, sizeof *search);
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
        free(search->terms[i].titles.at);
        free(search->terms[i].words.at);
    }
    for (uint32_t i = 0; i < search->title_capacity; i++)
        free(search->titles[i].terms);
    for (uint32_t i = 0; i < search->word_capacity; i++)
        free(search->words[i].terms);
    for (uint32_t i = 0; i < search->gram_capacity; i++)
        free(search->grams[i].terms.at);
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

size_t search_bytes(const struct search *search)
{
    size_t bytes = sizeof *search + search->term_capacity * sizeof *search->terms +
                   search->slot_capacity * sizeof *search->slots +
                   (search->title_capacity + search->word_capacity) * sizeof *search->titles +
                   search->gram_capacity * sizeof *search->grams;
    for (uint32_t i = 0; i < search->term_count; i++)
        bytes += search->terms[i].size + 1u + (search->terms[i].titles.capacity +
                                               search->terms[i].words.capacity) * sizeof(uint32_t);
    for (uint32_t i = 0; i < search->title_capacity; i++)
        bytes += search->titles[i].count * sizeof(uint32_t);
    for (uint32_t i = 0; i < search->word_capacity; i++)
        bytes += search->words[i].count * sizeof(uint32_t);
    for (uint32_t i = 0; i < search->gram_capacity; i++)
        bytes += search->grams[i].terms.capacity * sizeof(uint32_t);
    return bytes;
}

/* ---- a query ---- */

/* A term of the query: the terms of the index that stand for it. */
struct asked {
    struct {
        uint32_t term;
        float likeness;
    } like[SEARCH_LIKE_MAX];
    uint32_t like_count;
    uint64_t postings; /* of all of them */
    float idf;
    float weight; /* of parts a third */
};

/* A sample of the products met: those whose hash is at most the threshold, which is halved each
 * time the room is full (Gibbons 2001, "Distinct sampling"). All terms share the hash, so that what
 * has two of them is in the sample with both. */
struct found {
    struct met {
        uint32_t product; /* + 1; 0: free */
        uint32_t terms;   /* bit per term of the query */
        float score;
    } slots[2 * SEARCH_FOUND_MAX];
    uint32_t count;
    uint32_t threshold;
};

static uint64_t postings_of(const struct search *search, const struct catalogue *catalogue,
                            uint32_t term)
{
    const struct term_row *row = &search->terms[term];
    uint64_t sum = row->live;
    for (uint32_t i = 0; i < row->words.count && sum < SEARCH_SCAN_MAX; i++)
        sum += catalogue->words[row->words.at[i]].count;
    return sum;
}

/* Counts how many pairs of letters terms share with the text; the best are then compared. */
struct alike {
    struct {
        uint32_t term; /* + 1; 0: free */
        uint32_t shared;
    } slots[ALIKE_SLOTS];
    uint32_t used;
};

static void count_shared(const struct search *search, struct bytes text, struct alike *alike)
{
    uint64_t keys[LETTERS_MAX + 1];
    uint32_t count = grams_of(text, keys), left = GRAM_POSTINGS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const struct numbers *terms = &gram_slot(search, keys[i])->terms;
        for (uint32_t k = 0; k < terms->count && left > 0; k++, left--) {
            uint32_t at = (terms->at[k] * 0x9E3779B1u) >> 11 & (ALIKE_SLOTS - 1);
            while (alike->slots[at].term && alike->slots[at].term != terms->at[k] + 1)
                at = (at + 1) & (ALIKE_SLOTS - 1);
            if (alike->slots[at].term == 0 && ++alike->used > ALIKE_SLOTS / 2)
                return;
            alike->slots[at].term = terms->at[k] + 1;
            alike->slots[at].shared++;
        }
    }
}

/* How well a term stands for the text: 0 not at all. */
static float likeness(const uint32_t *letters, uint32_t count, const struct term_row *term)
{
    uint32_t others[LETTERS_MAX];
    uint32_t most = count <= 5 ? 1 : 2;
    uint32_t other_count =
        text_letters(bytes_of(term->text, term->size), others, LETTERS_MAX);
    uint32_t distance = text_distance(letters, count, others, other_count, most);
    if (distance <= most)
        return distance == 1 ? .7f : .4f;
    if (count >= 3 && other_count > count && memcmp(letters, others, count * sizeof *letters) == 0)
        return .5f; /* what was typed so far */
    return 0;
}

static void add_like(struct asked *asked, uint32_t term, float weight, uint64_t postings)
{
    uint32_t at = asked->like_count;
    if (at == SEARCH_LIKE_MAX && asked->like[at - 1].likeness >= weight)
        return;
    if (at < SEARCH_LIKE_MAX)
        asked->like_count++;
    else
        at--;
    for (; at > 0 && asked->like[at - 1].likeness < weight; at--)
        asked->like[at] = asked->like[at - 1];
    asked->like[at].term = term;
    asked->like[at].likeness = weight;
    asked->postings += postings;
}

static void find_alike(const struct search *search, const struct catalogue *catalogue,
                       struct bytes text, struct asked *asked)
{
    struct alike alike;
    uint32_t letters[LETTERS_MAX], count = text_letters(text, letters, LETTERS_MAX);
    if (count < 3)
        return;
    memset(&alike, 0, sizeof alike);
    count_shared(search, text, &alike);
    uint32_t checked = 0;
    for (uint32_t shared = count; shared >= 2 && checked < ALIKE_CHECKED_MAX; shared--) {
        for (uint32_t i = 0; i < ALIKE_SLOTS && checked < ALIKE_CHECKED_MAX; i++) {
            if (alike.slots[i].term == 0 || alike.slots[i].shared != shared)
                continue;
            uint32_t term = alike.slots[i].term - 1;
            uint64_t postings = postings_of(search, catalogue, term);
            checked++;
            float weight = likeness(letters, count, &search->terms[term]);
            if (weight > 0 && postings > 0)
                add_like(asked, term, weight, postings);
        }
    }
}

/* A run of Hangul, Han or Kana that no product has as it is written: two terms that products have,
 * if it is these one behind the other. False: it is not. */
static bool split_run(const struct search *search, const struct catalogue *catalogue,
                      struct bytes run, struct asked *ret_two)
{
    for (size_t at = 1; at < run.size; at++) {
        if ((unsigned char)run.at[0] < 0xE0 || ((unsigned char)run.at[at] & 0xC0) == 0x80)
            continue;
        struct bytes halves[2] = {bytes_of(run.at, at), bytes_of(run.at + at, run.size - at)};
        bool good = true;
        for (int i = 0; i < 2; i++) {
            uint32_t term = find_term(search, halves[i]);
            uint64_t postings = term == UINT32_MAX ? 0 : postings_of(search, catalogue, term);
            ret_two[i] = (struct asked){.weight = 1};
            if (postings > 0)
                add_like(&ret_two[i], term, 1, postings);
            good = good && postings > 0;
        }
        if (good)
            return true;
    }
    return false;
}

/* How rare it is; nothing is taken from the other terms when nothing is like it. */
static uint32_t take_asked(const struct catalogue *catalogue, struct asked *asked)
{
    if (asked->like_count > 0)
        asked->idf = logf(1 + (float)catalogue->present / (float)asked->postings);
    return asked->like_count > 0;
}

static uint32_t read_query(const struct search *search, const struct catalogue *catalogue,
                           struct bytes query, struct asked *asked)
{
    struct terms terms;
    uint32_t count = 0;
    text_terms(query, &terms);
    for (uint32_t i = 0; i < terms.count && count < SEARCH_QUERY_TERMS_MAX; i++) {
        struct asked *one = &asked[count];
        struct bytes text = bytes_of(terms.at[i].text, terms.at[i].size);
        uint32_t term = find_term(search, text);
        uint64_t postings = term == UINT32_MAX ? 0 : postings_of(search, catalogue, term);
        *one = (struct asked){.weight = terms.at[i].part ? PART_WEIGHT : 1};
        if (postings > 0) {
            add_like(one, term, 1, postings);
        } else if (!terms.at[i].part && count + 1 < SEARCH_QUERY_TERMS_MAX &&
                   split_run(search, catalogue, text, one)) {
            count += take_asked(catalogue, one++);
        } else if (!terms.at[i].part) {
            find_alike(search, catalogue, text, one);
        }
        count += take_asked(catalogue, one);
    }
    return count;
}

static uint32_t hash_product(uint32_t product)
{
    uint32_t hash = product * 0x9E3779B1u;
    hash ^= hash >> 15;
    hash *= 0x85EBCA77u;
    return hash ^ hash >> 13;
}

static struct met *met_slot(struct found *found, uint32_t product, uint32_t hash)
{
    uint32_t at = hash & (2 * SEARCH_FOUND_MAX - 1);
    while (found->slots[at].product != 0 && found->slots[at].product != product + 1)
        at = (at + 1) & (2 * SEARCH_FOUND_MAX - 1);
    return &found->slots[at];
}

static void halve(struct found *found)
{
    struct met kept[SEARCH_FOUND_MAX];
    uint32_t count = 0;
    found->threshold /= 2;
    for (uint32_t i = 0; i < 2 * SEARCH_FOUND_MAX; i++)
        if (found->slots[i].product != 0 &&
            hash_product(found->slots[i].product - 1) <= found->threshold)
            kept[count++] = found->slots[i];
    memset(found->slots, 0, sizeof found->slots);
    for (uint32_t i = 0; i < count; i++)
        *met_slot(found, kept[i].product - 1, hash_product(kept[i].product - 1)) = kept[i];
    found->count = count;
}

static void note_found(struct found *found, uint32_t product, uint32_t bit, float score)
{
    uint32_t hash = hash_product(product);
    if (hash > found->threshold)
        return;
    struct met *met = met_slot(found, product, hash);
    if (met->product == 0) {
        if (found->count == SEARCH_FOUND_MAX) {
            halve(found);
            if (hash > found->threshold)
                return;
            met = met_slot(found, product, hash);
        }
        found->count++;
    }
    met->product = product + 1;
    met->score += met->terms & bit ? .2f * score : score;
    met->terms |= bit;
}

static void scan(struct found *found, const uint32_t *at, uint32_t count, uint64_t *left,
                 uint32_t bit, float score)
{
    uint32_t take = count < *left ? count : (uint32_t)*left;
    for (uint32_t i = 0; i < take; i++)
        note_found(found, at[i], bit, score);
    *left -= take;
}

static void scan_term(const struct search *search, const struct catalogue *catalogue,
                      const struct asked *asked, uint32_t bit, uint64_t *left,
                      struct found *found)
{
    uint64_t mine = *left / 2 + 1; /* so that the next term has something left */
    uint64_t before = mine;
    for (uint32_t i = 0; i < asked->like_count; i++) {
        const struct term_row *term = &search->terms[asked->like[i].term];
        float score = asked->idf * asked->weight * asked->like[i].likeness;
        scan(found, term->titles.at, term->titles.count, &mine, bit, score);
        for (uint32_t k = 0; k < term->words.count; k++) {
            const struct postings *postings = &catalogue->words[term->words.at[k]].postings;
            scan(found, postings->at, postings->count, &mine, bit, score);
        }
    }
    *left -= before - mine;
}

/* ---- the exact score ---- */

static const float field_weights[PRODUCT_KINDS] = {
    [WORD_BRAND] = 2, [WORD_CATEGORY] = 2,  [WORD_COLOUR] = 1.5f,  [WORD_TAG] = 1,
    [WORD_GENDER] = 1, [WORD_AGE_GROUP] = 1, [WORD_ATTRIBUTE] = 1,
};
#define TITLE_WEIGHT 2.0f

static void add_field(const struct text_row *text, float weight, const struct asked *asked,
                      uint32_t asked_count, float *frequencies)
{
    for (uint32_t i = 0; i < text->count; i++) {
        uint32_t term = text->terms[i] & ~PART;
        float factor = text->terms[i] & PART ? PART_WEIGHT * weight : weight;
        for (uint32_t k = 0; k < asked_count; k++)
            for (uint32_t m = 0; m < asked[k].like_count; m++)
                if (asked[k].like[m].term == term)
                    frequencies[k] += factor * asked[k].like[m].likeness;
    }
}

static float exact_score(const struct search *search, const struct catalogue *catalogue,
                         uint32_t number, const struct asked *asked, uint32_t asked_count)
{
    const struct product *product = &catalogue->products[number];
    struct words words = product_all_words(product);
    float frequencies[SEARCH_QUERY_TERMS_MAX] = {0}, score = 0, all = 0, matched = 0;
    add_field(&search->titles[number], TITLE_WEIGHT, asked, asked_count, frequencies);
    for (uint32_t i = 0; i < words.count; i++)
        add_field(&search->words[words.at[i]],
                  field_weights[catalogue->words[words.at[i]].kind], asked, asked_count,
                  frequencies);
    for (uint32_t k = 0; k < asked_count; k++) {
        float idf = asked[k].idf * asked[k].weight;
        all += idf;
        if (frequencies[k] > 0) {
            matched += idf;
            score += idf * frequencies[k] * (SATURATION + 1) / (frequencies[k] + SATURATION);
        }
    }
    return all > 0 ? score * (.5f + .5f * matched / all) : 0;
}

static bool better(const struct search_result *a, float score, uint32_t product)
{
    return a->score > score || (!(a->score < score) && a->product < product);
}

static uint32_t keep(struct search_result *best, uint32_t count, uint32_t most, uint32_t product,
                     float score)
{
    if (count == most && better(&best[most - 1], score, product))
        return count;
    uint32_t at = count < most ? count++ : most - 1;
    for (; at > 0 && !better(&best[at - 1], score, product); at--)
        best[at] = best[at - 1];
    best[at] = (struct search_result){.product = product, .score = score};
    return count;
}

static int rarest_first(const void *a, const void *b)
{
    const struct asked *x = a, *y = b;
    return (x->postings > y->postings) - (x->postings < y->postings);
}

uint32_t search_top(const struct search *search, const struct catalogue *catalogue,
                    struct bytes query, uint32_t length, struct search_result *ret_results)
{
    struct asked asked[SEARCH_QUERY_TERMS_MAX];
    struct search_result likely[SEARCH_EXACT_MAX];
    struct found found;
    uint32_t asked_count = read_query(search, catalogue, query, asked);
    uint32_t likely_count = 0, count = 0;
    uint64_t left = SEARCH_SCAN_MAX;
    if (asked_count == 0)
        return 0;
    memset(&found, 0, sizeof found);
    qsort(asked, asked_count, sizeof *asked, rarest_first);
    uint64_t common = asked[0].postings * COMMON_TIMES;
    found.threshold = UINT32_MAX;
    for (uint32_t k = 0; k < asked_count; k++)
        if (asked[k].postings <= common)
            scan_term(search, catalogue, &asked[k], 1u << k, &left, &found);
    for (uint32_t i = 0; i < 2 * SEARCH_FOUND_MAX; i++) {
        uint32_t product = found.slots[i].product - 1;
        if (found.slots[i].product == 0 ||
            (likely_count == SEARCH_EXACT_MAX &&
             better(&likely[likely_count - 1], found.slots[i].score, product)))
            continue; /* before its product is looked at, which costs more */
        if (product_available(&catalogue->products[product]))
            likely_count =
                keep(likely, likely_count, SEARCH_EXACT_MAX, product, found.slots[i].score);
    }
    for (uint32_t i = 0; i < likely_count; i++) {
        float score = exact_score(search, catalogue, likely[i].product, asked, asked_count);
        if (score > 0)
            count = keep(ret_results, count, length, likely[i].product, score);
    }
    return count;
}
