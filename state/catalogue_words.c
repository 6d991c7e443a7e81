#include "state/catalogue_words.h"

#include <math.h>
#include <stdlib.h>

#define AHEAD 4      /* words that are fetched from memory before their turn */
#define STALE_MIN 16 /* postings are put in order only past so many wrong entries */

/* Of those that struct catalogue_limits does not bound. */
static const uint32_t kind_max[WORD_KINDS] = {
    [WORD_BRAND] = 1000000, [WORD_CATEGORY] = 200000, [WORD_COLOUR] = 100000,
    [WORD_TAG] = 1000000,   [WORD_GENDER] = 64,       [WORD_AGE_GROUP] = 64,
};

void *catalogue_reserve(void *at, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return at;
    *capacity = *capacity ? *capacity + *capacity / 2 + 1 : 4;
    return memory_resize(at, *capacity * size);
}

/* ---- finding ---- */

static uint64_t word_hash(enum word_kind kind, struct bytes text)
{
    uint64_t hash = (bytes_hash(text) ^ (uint64_t)(kind + 1) << 56) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 32;
}

static struct catalogue_slot *word_slot(const struct catalogue *catalogue, enum word_kind kind,
                                        struct bytes text)
{
    uint64_t hash = word_hash(kind, text);
    uint32_t mask = catalogue->word_slot_capacity - 1, tag = (uint32_t)hash;
    for (uint32_t i = tag & mask;; i = (i + 1) & mask) {
        struct catalogue_slot *slot = &catalogue->word_slots[i];
        if (slot->index == 0)
            return slot;
        const struct word *word = &catalogue->words[slot->index - 1];
        if (slot->tag == tag && word->hash == hash && word->kind == kind &&
            bytes_equal(bytes_of(word->text, word->size), text))
            return slot;
    }
}

uint64_t words_fetch(const struct catalogue *catalogue, enum word_kind kind, struct bytes text)
{
    uint64_t hash = word_hash(kind, text);
    uint32_t mask = catalogue->word_slot_capacity - 1;
    __builtin_prefetch(&catalogue->word_slots[(uint32_t)hash & mask]);
    return hash;
}

void words_fetch_all(const struct catalogue *catalogue, const uint64_t *hashes, uint32_t count)
{
    uint32_t mask = catalogue->word_slot_capacity - 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = catalogue->word_slots[(uint32_t)hashes[i] & mask].index;
        if (index > 0)
            __builtin_prefetch(&catalogue->words[index - 1]);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = catalogue->word_slots[(uint32_t)hashes[i] & mask].index;
        if (index > 0)
            __builtin_prefetch(catalogue->words[index - 1].text);
    }
}

uint32_t catalogue_word(const struct catalogue *catalogue, enum word_kind kind, struct bytes text)
{
    return word_slot(catalogue, kind, text)->index - 1; /* 0 - 1 is WORD_NONE */
}

uint32_t catalogue_tagged(const struct catalogue *catalogue, enum word_kind kind, uint32_t tag)
{
    uint32_t mask = catalogue->word_slot_capacity - 1;
    for (uint32_t i = tag & mask; catalogue->word_slots[i].index; i = (i + 1) & mask) {
        const struct catalogue_slot *slot = &catalogue->word_slots[i];
        if (slot->tag == tag && catalogue->words[slot->index - 1].kind == kind)
            return slot->index - 1;
    }
    return WORD_NONE;
}

bool catalogue_has(const struct catalogue *catalogue, uint32_t product, uint32_t word)
{
    enum word_kind kind = (enum word_kind)catalogue->words[word].kind;
    struct words words = product_words(&catalogue->products[product], kind);
    if (kind == WORD_CATEGORY) {
        for (uint32_t i = 0; i < words.count; i++)
            if (words.at[i] == word)
                return true;
        return false;
    }
    uint32_t from = 0, to = words.count;
    while (from < to) {
        uint32_t middle = (from + to) / 2;
        if (words.at[middle] < word)
            from = middle + 1;
        else
            to = middle;
    }
    return from < words.count && words.at[from] == word;
}

bool catalogue_within(const struct catalogue *catalogue, uint32_t word, uint32_t category)
{
    for (; word != WORD_NONE; word = catalogue->words[word].parent)
        if (word == category)
            return true;
    return false;
}

uint32_t catalogue_shared_depth(const struct catalogue *catalogue, uint32_t a, uint32_t b)
{
    const struct word *words = catalogue->words;
    while (a != b && a != WORD_NONE && b != WORD_NONE) {
        if (words[a].depth >= words[b].depth)
            a = words[a].parent;
        else
            b = words[b].parent;
    }
    return a == b && a != WORD_NONE ? words[a].depth : 0;
}

static void set_rarity(struct catalogue *catalogue, uint32_t word)
{
    uint32_t count = catalogue->words[word].count;
    catalogue->rarities[word] = logf(1 + (float)catalogue->present / (float)(count ? count : 1));
}

void words_set_rarities(struct catalogue *catalogue)
{
    double before = catalogue->rarities_of, now = catalogue->present;
    if (catalogue->loading || fabs(now - before) <= RARITY_SLACK * before)
        return;
    for (uint32_t i = 0; i < catalogue->word_count; i++)
        if (catalogue->words[i].text)
            set_rarity(catalogue, i);
    catalogue->rarities_of = catalogue->present;
}

/* ---- words ---- */

static void grow_word_slots(struct catalogue *catalogue)
{
    struct catalogue_slot *old = catalogue->word_slots;
    uint32_t capacity = catalogue->word_slot_capacity;
    catalogue->word_slot_capacity *= 2;
    catalogue->word_slots =
        memory_zero(catalogue->word_slot_capacity, sizeof *catalogue->word_slots);
    uint32_t mask = catalogue->word_slot_capacity - 1;
    for (uint32_t i = 0; i < capacity; i++) {
        uint32_t at = old[i].tag & mask;
        if (old[i].index == 0)
            continue;
        while (catalogue->word_slots[at].index)
            at = (at + 1) & mask;
        catalogue->word_slots[at] = old[i];
    }
    free(old);
}

/* Linear probing without marks: what follows moves up into the gap (Knuth 6.4, algorithm R). */
static void empty_word_slot(struct catalogue *catalogue, struct catalogue_slot *slot)
{
    uint32_t mask = catalogue->word_slot_capacity - 1;
    uint32_t gap = (uint32_t)(slot - catalogue->word_slots);
    for (uint32_t i = (gap + 1) & mask; catalogue->word_slots[i].index; i = (i + 1) & mask) {
        uint32_t home = catalogue->word_slots[i].tag & mask;
        if (((i - home) & mask) < ((i - gap) & mask))
            continue;
        catalogue->word_slots[gap] = catalogue->word_slots[i];
        gap = i;
    }
    catalogue->word_slots[gap].index = 0;
    catalogue->word_slots_used--;
}

static void words_mark(struct catalogue *catalogue, uint32_t number)
{
    if (catalogue->words[number].dirty)
        return;
    catalogue->words[number].dirty = true;
    catalogue->dirty_words =
        catalogue_reserve(catalogue->dirty_words, catalogue->dirty_word_count,
                          &catalogue->dirty_word_capacity, sizeof *catalogue->dirty_words);
    catalogue->dirty_words[catalogue->dirty_word_count++] = number;
}

void words_set(struct catalogue *catalogue, uint32_t number, enum word_kind kind, uint32_t parent,
               struct bytes text)
{
    if (2 * catalogue->word_slots_used >= catalogue->word_slot_capacity)
        grow_word_slots(catalogue);
    struct word *word = &catalogue->words[number];
    struct catalogue_slot *slot = word_slot(catalogue, kind, text);
    bool dirty = word->dirty;
    *word = (struct word){
        .hash = word_hash(kind, text),
        .text = memory_text(text),
        .size = (uint32_t)text.size,
        .parent = parent,
        .kind = (uint8_t)kind,
        .dirty = dirty,
    };
    *slot = (struct catalogue_slot){.tag = (uint32_t)word->hash, .index = number + 1};
    catalogue->word_slots_used++;
    catalogue->kind_counts[kind]++;
}

bool words_full(const struct catalogue *catalogue, enum word_kind kind)
{
    uint32_t most = kind_max[kind];
    if (kind == WORD_ATTRIBUTE)
        most = catalogue->limits.attribute_values_max;
    else if (kind == WORD_NAME)
        most = catalogue->limits.attribute_names_max;
    return catalogue->kind_counts[kind] >= most;
}

void words_link(struct catalogue *catalogue, uint32_t number)
{
    struct word *word = &catalogue->words[number];
    struct word *parent = word->parent == WORD_NONE ? NULL : &catalogue->words[word->parent];
    if (word->kind == WORD_CATEGORY)
        word->depth = parent ? (uint8_t)(parent->depth + 1) : 1;
    else if (word->kind == WORD_ATTRIBUTE)
        parent->count++;
}

void words_reserve(struct catalogue *catalogue)
{
    uint32_t before = catalogue->word_capacity;
    catalogue->words = catalogue_reserve(catalogue->words, catalogue->word_count,
                                         &catalogue->word_capacity, sizeof *catalogue->words);
    if (catalogue->word_capacity != before)
        catalogue->rarities = memory_resize(catalogue->rarities,
                                            catalogue->word_capacity * sizeof *catalogue->rarities);
    catalogue->rarities[catalogue->word_count] = 0;
}

uint32_t words_intern(struct catalogue *catalogue, enum word_kind kind, uint32_t parent,
                      struct bytes text)
{
    uint32_t number = catalogue_word(catalogue, kind, text);
    if (number != WORD_NONE)
        return number;
    if (words_full(catalogue, kind)) {
        catalogue->counts.words_refused++;
        return WORD_NONE;
    }
    if (catalogue->free_count > 0) {
        number = catalogue->free_words[--catalogue->free_count];
    } else {
        words_reserve(catalogue);
        number = catalogue->word_count++;
        catalogue->words[number].dirty = false;
    }
    words_set(catalogue, number, kind, parent, text);
    words_link(catalogue, number);
    words_mark(catalogue, number);
    return number;
}

void words_free_number(struct catalogue *catalogue, uint32_t number)
{
    catalogue->free_words =
        catalogue_reserve(catalogue->free_words, catalogue->free_count, &catalogue->free_capacity,
                          sizeof *catalogue->free_words);
    catalogue->free_words[catalogue->free_count++] = number;
}

void words_free(struct catalogue *catalogue, uint32_t number)
{
    struct word *word = &catalogue->words[number];
    enum word_kind kind = (enum word_kind)word->kind;
    uint32_t name = kind == WORD_ATTRIBUTE ? word->parent : WORD_NONE;
    empty_word_slot(catalogue, word_slot(catalogue, kind, bytes_of(word->text, word->size)));
    catalogue->kind_counts[kind]--;
    free(word->text);
    free(word->postings.at);
    *word = (struct word){.dirty = word->dirty, .parent = WORD_NONE};
    words_mark(catalogue, number);
    words_free_number(catalogue, number);
    if (name != WORD_NONE && --catalogue->words[name].count == 0)
        words_free(catalogue, name);
}

static int number_order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

uint32_t words_make_set(uint32_t *at, uint32_t count)
{
    uint32_t kept = 0;
    qsort(at, count, sizeof *at, number_order);
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || at[i] != at[i - 1])
            at[kept++] = at[i];
    return kept;
}

static void tidy_postings(struct catalogue *catalogue, uint32_t number)
{
    struct postings *postings = &catalogue->words[number].postings;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < postings->count; i++)
        if (catalogue_has(catalogue, postings->at[i], number))
            postings->at[kept++] = postings->at[i];
    postings->count = words_make_set(postings->at, kept);
}

static bool has_postings(enum word_kind kind)
{
    return kind != WORD_GENDER && kind != WORD_AGE_GROUP && kind != WORD_NAME;
}

/* Words and the ends of their postings lie all over memory. */
static void fetch_ahead(const struct catalogue *catalogue, struct words words, uint32_t at)
{
    if (at + AHEAD < words.count) {
        const struct postings *postings = &catalogue->words[words.at[at + AHEAD]].postings;
        __builtin_prefetch(postings->at + postings->count, 1);
        __builtin_prefetch(&catalogue->rarities[words.at[at + AHEAD]], 1);
    }
    if (at + 2 * AHEAD < words.count)
        __builtin_prefetch(&catalogue->words[words.at[at + 2 * AHEAD]].postings, 1);
}

void words_take(struct catalogue *catalogue, uint32_t product)
{
    struct words words = product_all_words(&catalogue->products[product]);
    for (uint32_t i = 0; i < words.count; i++) {
        struct word *word = &catalogue->words[words.at[i]];
        fetch_ahead(catalogue, words, i);
        struct postings *postings = &word->postings;
        word->count++;
        if (!catalogue->loading)
            set_rarity(catalogue, words.at[i]);
        if (!has_postings((enum word_kind)word->kind))
            continue;
        postings->at = catalogue_reserve(postings->at, postings->count, &postings->capacity,
                                         sizeof *postings->at);
        postings->at[postings->count++] = product;
    }
}

void words_drop(struct catalogue *catalogue, struct words words)
{
    for (uint32_t i = 0; i < words.count; i++)
        catalogue->words[words.at[i]].count--;
    for (uint32_t i = 0; i < words.count; i++) {
        const struct word *word = &catalogue->words[words.at[i]];
        set_rarity(catalogue, words.at[i]);
        if (word->count == 0)
            words_free(catalogue, words.at[i]);
        else if (has_postings((enum word_kind)word->kind) &&
                 word->postings.count > 2 * word->count + STALE_MIN)
            tidy_postings(catalogue, words.at[i]);
    }
}
