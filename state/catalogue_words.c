#include "state/catalogue_words.h"

#include "schemas/array.h"
#include "schemas/draw.h"

#include <math.h>
#include <stdlib.h>

#define AHEAD 4 /* words that are fetched from memory before their turn */

const char *const word_kind_names[WORD_KINDS] = {"brand",  "category",  "colour",    "tag",
                                                 "gender", "age_group", "attribute", "name"};

void words_init(struct catalogue_words *words, uint32_t attribute_names_max,
                uint32_t attribute_values_max)
{
    *words = (struct catalogue_words){
        .kind_max =
            {
                [WORD_BRAND] = 1000000,
                [WORD_CATEGORY] = 200000,
                [WORD_COLOUR] = 100000,
                [WORD_TAG] = 1000000,
                [WORD_GENDER] = 64,
                [WORD_AGE_GROUP] = 64,
                [WORD_ATTRIBUTE] = attribute_values_max,
                [WORD_NAME] = attribute_names_max,
            },
    };
}

void words_release(struct catalogue_words *words)
{
    for (uint32_t i = 0; i < words->count; i++) {
        free(words->at[i].text);
        free(words->at[i].postings.at);
    }
    free(words->at);
    free(words->rarities);
    free(words->free);
    free(words->dirty);
    hash_index_release(&words->index);
    hash_index_release(&words->by_tag);
}

size_t words_bytes(const struct catalogue_words *words)
{
    size_t bytes = words->capacity * (sizeof *words->at + sizeof *words->rarities) +
                   hash_index_bytes(&words->index) + hash_index_bytes(&words->by_tag) +
                   (words->free_capacity + words->dirty_capacity) * sizeof(uint32_t);
    for (uint32_t i = 0; i < words->count; i++)
        bytes += memory_block_bytes(words->at[i].size + 1u) +
                 memory_block_bytes(words->at[i].postings.capacity * sizeof(uint32_t));
    return bytes;
}

/* ---- finding ---- */

/* The same in every process: tastes hold the low half. */
static uint64_t word_hash(enum word_kind kind, struct bytes text)
{
    uint64_t hash = hash_join(bytes_hash(text), (uint64_t)(kind + 1) << 56);
    return hash ^ hash >> 32;
}

/* For the index of this process alone. */
static uint64_t index_hash(enum word_kind kind, struct bytes text)
{
    uint64_t hash = hash_join(hash_index_hash(text), (uint64_t)(kind + 1) << 56);
    return hash ^ hash >> 32;
}

static struct bytes text_of(const struct word *word)
{
    return bytes_of(word->text, word->size);
}

uint32_t words_find(const struct catalogue_words *words, enum word_kind kind, struct bytes text)
{
    struct hash_probe probe = hash_index_probe(&words->index, index_hash(kind, text));
    while (hash_index_next(&words->index, &probe)) {
        const struct word *word = &words->at[probe.entry];
        if (word->kind == kind && bytes_equal(text_of(word), text))
            return probe.entry;
    }
    return WORD_NONE;
}

uint64_t words_prefetch(const struct catalogue_words *words, enum word_kind kind, struct bytes text)
{
    uint64_t hash = index_hash(kind, text);
    hash_index_prefetch(&words->index, hash);
    return hash;
}

void words_prefetch_all(const struct catalogue_words *words, const uint64_t *hashes, uint32_t count)
{
    uint32_t found[WORDS_PREFETCH_MAX], found_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct hash_probe probe = hash_index_probe(&words->index, hashes[i]);
        if (!hash_index_next(&words->index, &probe))
            continue;
        found[found_count++] = probe.entry;
        __builtin_prefetch(&words->at[probe.entry]);
    }
    for (uint32_t i = 0; i < found_count; i++)
        __builtin_prefetch(words->at[found[i]].text);
}

/* ---- tags ---- */

static bool has_tag(enum word_kind kind)
{
    return kind != WORD_TAG && kind != WORD_ATTRIBUTE && kind != WORD_NAME;
}

static uint64_t tag_hash(enum word_kind kind, uint32_t tag)
{
    return hash_index_hash_number((uint64_t)kind << 32 | tag);
}

static bool is_tagged(const struct word *word, enum word_kind kind, uint32_t tag)
{
    return word->text && word->kind == kind && (uint32_t)word->hash == tag;
}

uint32_t words_find_tagged(const struct catalogue_words *words, enum word_kind kind, uint32_t tag)
{
    struct hash_probe probe = hash_index_probe(&words->by_tag, tag_hash(kind, tag));
    while (hash_index_next(&words->by_tag, &probe))
        if (is_tagged(&words->at[probe.entry], kind, tag))
            return probe.entry;
    return WORD_NONE;
}

/* Which of two words with the same tag is found: the same one in every process. */
static bool comes_first(const struct word *a, const struct word *b)
{
    return a->hash != b->hash ? a->hash < b->hash : bytes_compare(text_of(a), text_of(b)) < 0;
}

/* `by_tag` has one word of each kind and tag, so that many words that were made to have the same
 * tag cost a look-up no more than one. */
static void add_tag(struct catalogue_words *words, enum word_kind kind, uint32_t number)
{
    const struct word *word = &words->at[number];
    uint64_t hash = tag_hash(kind, (uint32_t)word->hash);
    if (!has_tag(kind))
        return;
    uint32_t first = words_find_tagged(words, kind, (uint32_t)word->hash);
    if (first == WORD_NONE) {
        hash_index_add(&words->by_tag, hash, number);
        return;
    }
    words->same_tags++;
    if (comes_first(word, &words->at[first]))
        hash_index_renumber(&words->by_tag, hash, first, number);
}

static void remove_tag(struct catalogue_words *words, enum word_kind kind, uint32_t number)
{
    uint32_t tag = (uint32_t)words->at[number].hash, next = WORD_NONE;
    if (!has_tag(kind))
        return;
    if (words_find_tagged(words, kind, tag) != number) {
        words->same_tags--;
        return;
    }
    for (uint32_t i = 0; i < words->count && words->same_tags > 0; i++)
        if (i != number && is_tagged(&words->at[i], kind, tag) &&
            (next == WORD_NONE || comes_first(&words->at[i], &words->at[next])))
            next = i;
    if (next == WORD_NONE) {
        hash_index_remove(&words->by_tag, tag_hash(kind, tag), number);
        return;
    }
    words->same_tags--;
    hash_index_renumber(&words->by_tag, tag_hash(kind, tag), number, next);
}

bool words_within(const struct catalogue_words *words, uint32_t word, uint32_t category)
{
    for (; word != WORD_NONE; word = words->at[word].parent)
        if (word == category)
            return true;
    return false;
}

uint32_t words_shared_depth(const struct catalogue_words *words, uint32_t a, uint32_t b)
{
    const struct word *at = words->at;
    while (a != b && a != WORD_NONE && b != WORD_NONE) {
        if (at[a].depth >= at[b].depth)
            a = at[a].parent;
        else
            b = at[b].parent;
    }
    return a == b && a != WORD_NONE ? at[a].depth : 0;
}

/* ---- rarities ---- */

void words_set_rarity(struct catalogue_words *words, uint32_t number, uint32_t present)
{
    uint32_t count = words->at[number].count;
    words->rarities[number] = logf(1 + (float)present / (float)(count ? count : 1));
}

void words_set_rarities(struct catalogue_words *words, uint32_t present)
{
    double before = words->rarities_of, now = present;
    if (words->loading || fabs(now - before) <= RARITY_SLACK * before)
        return;
    for (uint32_t i = 0; i < words->count; i++)
        if (words->at[i].text)
            words_set_rarity(words, i, present);
    words->rarities_of = present;
}

/* ---- adding ---- */

static void mark_dirty(struct catalogue_words *words, uint32_t number)
{
    if (words->at[number].dirty)
        return;
    words->at[number].dirty = true;
    ARRAY_RESERVE(words->dirty, words->dirty_capacity, words->dirty_count + 1);
    words->dirty[words->dirty_count++] = number;
}

/* A new number, of a free word. */
static uint32_t add_number(struct catalogue_words *words)
{
    uint32_t before = words->capacity, number = words->count++;
    ARRAY_RESERVE(words->at, words->capacity, words->count);
    if (words->capacity != before)
        words->rarities = memory_resize(words->rarities, words->capacity * sizeof *words->rarities);
    words->at[number] = (struct word){.parent = WORD_NONE};
    words->rarities[number] = 0;
    return number;
}

static void free_number(struct catalogue_words *words, uint32_t number)
{
    ARRAY_RESERVE(words->free, words->free_capacity, words->free_count + 1);
    words->free[words->free_count++] = number;
}

/* Makes the free word of that number. */
static void set_word(struct catalogue_words *words, uint32_t number, enum word_kind kind,
                     uint32_t parent, struct bytes text)
{
    struct word *word = &words->at[number];
    *word = (struct word){
        .hash = word_hash(kind, text),
        .text = memory_text(text),
        .size = (uint32_t)text.size,
        .parent = parent,
        .kind = (uint8_t)kind,
        .dirty = word->dirty,
    };
    hash_index_add(&words->index, index_hash(kind, text), number);
    add_tag(words, kind, number);
    words->kind_counts[kind]++;
}

/* A category takes its depth from its parent; a name counts its attributes. */
static void link_word(struct catalogue_words *words, uint32_t number)
{
    struct word *word = &words->at[number];
    struct word *parent = word->parent == WORD_NONE ? NULL : &words->at[word->parent];
    if (word->kind == WORD_CATEGORY)
        word->depth = parent ? (uint8_t)(parent->depth + 1) : 1;
    else if (word->kind == WORD_ATTRIBUTE)
        parent->count++;
}

bool words_full(const struct catalogue_words *words, enum word_kind kind)
{
    return words->kind_counts[kind] >= words->kind_max[kind];
}

uint32_t words_intern(struct catalogue_words *words, enum word_kind kind, uint32_t parent,
                      struct bytes text)
{
    uint32_t number = words_find(words, kind, text);
    if (number != WORD_NONE || words_full(words, kind))
        return number;
    number = words->free_count > 0 ? words->free[--words->free_count] : add_number(words);
    set_word(words, number, kind, parent, text);
    link_word(words, number);
    mark_dirty(words, number);
    return number;
}

void words_free(struct catalogue_words *words, uint32_t number)
{
    struct word *word = &words->at[number];
    uint32_t name = word->kind == WORD_ATTRIBUTE ? word->parent : WORD_NONE;
    hash_index_remove(&words->index, index_hash((enum word_kind)word->kind, text_of(word)), number);
    remove_tag(words, (enum word_kind)word->kind, number);
    words->kind_counts[word->kind]--;
    free(word->text);
    free(word->postings.at);
    *word = (struct word){.dirty = word->dirty, .parent = WORD_NONE};
    mark_dirty(words, number);
    free_number(words, number);
    if (name != WORD_NONE && --words->at[name].count == 0)
        words_free(words, name);
}

static int number_order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

uint32_t words_make_set(uint32_t *at, uint32_t count)
{
    uint32_t left = 0;
    qsort(at, count, sizeof *at, number_order);
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || at[i] != at[i - 1])
            at[left++] = at[i];
    return left;
}

/* ---- postings ---- */

bool words_have_postings(enum word_kind kind)
{
    return kind != WORD_GENDER && kind != WORD_AGE_GROUP && kind != WORD_NAME;
}

/* Grows slowly: there is one such array per word. */
static void add_posting(struct postings *postings, uint32_t product)
{
    if (postings->count == postings->capacity) {
        postings->capacity =
            postings->capacity ? postings->capacity + postings->capacity / 2 + 1 : 4;
        postings->at = memory_resize(postings->at, postings->capacity * sizeof *postings->at);
    }
    postings->at[postings->count++] = product;
}

/* Words and the ends of their postings lie all over memory. */
static void fetch_ahead(const struct catalogue_words *words, struct words taken, uint32_t at)
{
    if (at + AHEAD < taken.count) {
        uint32_t number = taken.at[at + AHEAD];
        const struct postings *postings = &words->at[number].postings;
        uintptr_t from = (uintptr_t)postings->at; /* a number: some words have no postings */
        __builtin_prefetch((const void *)(from + postings->count * sizeof *postings->at), 1);
        __builtin_prefetch(&words->rarities[number], 1);
    }
    if (at + 2 * AHEAD < taken.count)
        __builtin_prefetch(&words->at[taken.at[at + 2 * AHEAD]].postings, 1);
}

void words_take(struct catalogue_words *words, struct words taken, uint32_t product,
                uint32_t present)
{
    for (uint32_t i = 0; i < taken.count; i++) {
        struct word *word = &words->at[taken.at[i]];
        fetch_ahead(words, taken, i);
        word->count++;
        if (!words->loading)
            words_set_rarity(words, taken.at[i], present);
        if (words_have_postings((enum word_kind)word->kind))
            add_posting(&word->postings, product);
    }
}

/* ---- loading ---- */

bool words_add_stored(struct catalogue_words *words, uint32_t number, enum word_kind kind,
                      uint32_t parent, struct bytes text)
{
    while (words->count <= number) /* numbers between are free */
        add_number(words);
    if (words->at[number].text || words_find(words, kind, text) != WORD_NONE)
        return false;
    set_word(words, number, kind, parent, text);
    return true;
}

/* A category's parent is one shorter, so a path of more than CATEGORY_DEPTH_MAX is a circle. */
static bool link_category(struct catalogue_words *words, uint32_t number, int depth)
{
    struct word *word = &words->at[number];
    if (word->depth > 0)
        return true;
    if (depth == CATEGORY_DEPTH_MAX)
        return false;
    if (word->parent != WORD_NONE && !link_category(words, word->parent, depth + 1))
        return false;
    link_word(words, number);
    return word->depth <= CATEGORY_DEPTH_MAX;
}

/* The path of a category begins with its parent's. Else a product could have the one without the
 * other, and the parent's number would be free too early. */
static bool leads_to(const struct word *parent, const struct word *word)
{
    return word->size > parent->size + 3 && memcmp(word->text, parent->text, parent->size) == 0 &&
           memcmp(word->text + parent->size, " > ", 3) == 0;
}

/* An attribute has a name; a category may have a category; the others have no parent. */
static bool good_parent(const struct catalogue_words *words, const struct word *word)
{
    bool needs = word->kind == WORD_ATTRIBUTE, may = needs || word->kind == WORD_CATEGORY;
    if (word->parent == WORD_NONE)
        return !needs;
    if (!may || word->parent >= words->count)
        return false;
    const struct word *parent = &words->at[word->parent];
    return parent->text && parent->kind == (needs ? WORD_NAME : WORD_CATEGORY) &&
           (needs || leads_to(parent, word));
}

bool words_link_stored(struct catalogue_words *words)
{
    for (uint32_t i = 0; i < words->count; i++)
        if (words->at[i].text && !good_parent(words, &words->at[i]))
            return false;
    for (uint32_t i = 0; i < words->count; i++) {
        if (words->at[i].text == NULL)
            continue;
        if (words->at[i].kind == WORD_ATTRIBUTE)
            link_word(words, i);
        else if (words->at[i].kind == WORD_CATEGORY && !link_category(words, i, 0))
            return false;
    }
    return true;
}

void words_end_loading(struct catalogue_words *words, uint32_t present)
{
    words->loading = false;
    words_set_rarities(words, present);
    for (uint32_t i = 0; i < words->count; i++) {
        const struct word *word = &words->at[i];
        if (word->text && word->count == 0 && word->kind != WORD_NAME)
            words_free(words, i); /* a name goes with the last of its attributes */
        else if (word->text == NULL && !word->dirty)
            free_number(words, i);
    }
}
