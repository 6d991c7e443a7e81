#include "state/queries.h"

#include <math.h>
#include <stdlib.h>

struct queries *queries_new(const struct queries_limits *limits, char table)
{
    struct queries *queries = memory_zero(1, sizeof *queries);
    queries->limits = *limits;
    queries->table = table;
    queries->slot_capacity = 1024;
    queries->slots = memory_zero(queries->slot_capacity, sizeof *queries->slots);
    queries->word_capacity = 1024;
    queries->words = memory_zero(queries->word_capacity, sizeof *queries->words);
    return queries;
}

void queries_free(struct queries *queries)
{
    if (queries == NULL)
        return;
    for (uint32_t i = 0; i < queries->count; i++) {
        free(queries->rows[i].text);
        free(queries->rows[i].entries);
    }
    for (uint32_t i = 0; i < queries->word_capacity; i++)
        free(queries->words[i].at);
    free(queries->rows);
    free(queries->slots);
    free(queries->words);
    free(queries->dirty);
    free(queries);
}

/* ---- words ---- */

bool query_next_word(struct bytes *text, struct bytes *ret_word)
{
    while (text->size > 0 && text->at[0] == ' ')
        *text = bytes_of(text->at + 1, text->size - 1);
    size_t size = 0;
    while (size < text->size && text->at[size] != ' ')
        size++;
    *ret_word = bytes_of(text->at, size);
    *text = bytes_of(text->at + size, text->size - size);
    return size > 0;
}

static uint64_t word_hash(struct bytes word)
{
    uint64_t hash = bytes_hash(word);
    return hash ? hash : 1;
}

static struct query_word *word_slot(const struct queries *queries, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & (queries->word_capacity - 1);
    while (queries->words[at].hash != 0 && queries->words[at].hash != hash)
        at = (at + 1) & (queries->word_capacity - 1);
    return &queries->words[at];
}

const struct query_word *queries_word(const struct queries *queries, struct bytes word)
{
    const struct query_word *slot = word_slot(queries, word_hash(word));
    return slot->count > 0 ? slot : NULL;
}

/* Twice the room; words that no query has any more are forgotten. */
static void grow_words(struct queries *queries)
{
    struct query_word *old = queries->words;
    uint32_t old_capacity = queries->word_capacity, kept = 0;
    for (uint32_t i = 0; i < old_capacity; i++)
        kept += old[i].count > 0;
    if (4 * kept >= old_capacity)
        queries->word_capacity *= 2;
    queries->words = memory_zero(queries->word_capacity, sizeof *queries->words);
    queries->words_used = kept;
    for (uint32_t i = 0; i < old_capacity; i++) {
        if (old[i].count > 0)
            *word_slot(queries, old[i].hash) = old[i];
        else
            free(old[i].at);
    }
    free(old);
}

/* Where the number is, or belongs. */
static uint32_t place_in(const struct query_word *word, uint32_t query)
{
    uint32_t low = 0, high = word->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (word->at[middle] < query)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void list_word(struct queries *queries, struct bytes text, uint32_t query)
{
    if (2 * queries->words_used >= queries->word_capacity)
        grow_words(queries);
    uint64_t hash = word_hash(text);
    struct query_word *word = word_slot(queries, hash);
    queries->words_used += word->hash == 0;
    word->hash = hash;
    uint32_t at = place_in(word, query);
    if (at < word->count && word->at[at] == query)
        return;
    if (word->count == word->capacity) {
        word->capacity = word->capacity ? 2 * word->capacity : 2;
        word->at = memory_resize(word->at, word->capacity * sizeof *word->at);
    }
    memmove(word->at + at + 1, word->at + at, (word->count - at) * sizeof *word->at);
    word->at[at] = query;
    word->count++;
}

static void unlist_word(struct queries *queries, struct bytes text, uint32_t query)
{
    struct query_word *word = word_slot(queries, word_hash(text));
    uint32_t at = place_in(word, query);
    if (at < word->count && word->at[at] == query)
        memmove(word->at + at, word->at + at + 1, (--word->count - at) * sizeof *word->at);
}

static void list_words(struct queries *queries, uint32_t query, bool in)
{
    struct bytes text = query_text(&queries->rows[query]), word;
    while (query_next_word(&text, &word)) {
        if (in)
            list_word(queries, word, query);
        else
            unlist_word(queries, word, query);
    }
}

/* ---- queries ---- */

static uint32_t *find_slot(const struct queries *queries, struct bytes text)
{
    uint32_t mask = queries->slot_capacity - 1;
    for (uint32_t i = (uint32_t)bytes_hash(text) & mask;; i = (i + 1) & mask) {
        uint32_t query = queries->slots[i];
        if (query == 0 || bytes_equal(query_text(&queries->rows[query - 1]), text))
            return &queries->slots[i];
    }
}

uint32_t queries_find(const struct queries *queries, struct bytes text)
{
    return *find_slot(queries, text) - 1u; /* 0 gives QUERY_NONE */
}

static void fill_slots(struct queries *queries)
{
    memset(queries->slots, 0, queries->slot_capacity * sizeof *queries->slots);
    for (uint32_t i = 0; i < queries->count; i++)
        *find_slot(queries, query_text(&queries->rows[i])) = i + 1;
}

/* Takes a text out of the slots; those behind it that could not be found any more move up (Knuth
 * 1973, algorithm 6.4 R). */
static void clear_slot(struct queries *queries, struct bytes text)
{
    uint32_t mask = queries->slot_capacity - 1;
    uint32_t hole = (uint32_t)(find_slot(queries, text) - queries->slots);
    for (uint32_t i = (hole + 1) & mask; queries->slots[i] != 0; i = (i + 1) & mask) {
        uint32_t home =
            (uint32_t)bytes_hash(query_text(&queries->rows[queries->slots[i] - 1])) & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        queries->slots[hole] = queries->slots[i];
        hole = i;
    }
    queries->slots[hole] = 0;
}

static void mark_dirty(struct queries *queries, uint32_t query)
{
    if (queries->rows[query].dirty)
        return;
    queries->rows[query].dirty = true;
    if (queries->dirty_count == queries->dirty_capacity) {
        queries->dirty_capacity = queries->dirty_capacity ? 2 * queries->dirty_capacity : 256;
        queries->dirty =
            memory_resize(queries->dirty, queries->dirty_capacity * sizeof *queries->dirty);
    }
    queries->dirty[queries->dirty_count++] = query;
}

static uint32_t new_number(struct queries *queries)
{
    if (2 * queries->count >= queries->slot_capacity) {
        queries->slot_capacity *= 2;
        queries->slots =
            memory_resize(queries->slots, queries->slot_capacity * sizeof *queries->slots);
        fill_slots(queries);
    }
    if (queries->count == queries->capacity) {
        queries->capacity = queries->capacity ? 2 * queries->capacity : 256;
        queries->rows = memory_resize(queries->rows, queries->capacity * sizeof *queries->rows);
    }
    return queries->count++;
}

static bool lighter(const struct query_row *a, const struct query_row *b)
{
    if (a->base >= b->base)
        return a->total < ldexp(b->total, b->base - a->base);
    return ldexp(a->total, a->base - b->base) < b->total;
}

/* The lightest of some that are drawn gives its number. */
static uint32_t evict(struct queries *queries, uint64_t chance)
{
    uint32_t victim = QUERY_NONE;
    for (int i = 0; i < QUERY_SAMPLE; i++) {
        chance = chance * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
        uint32_t query = (uint32_t)((chance >> 32) * queries->count >> 32);
        if (victim == QUERY_NONE || lighter(&queries->rows[query], &queries->rows[victim]))
            victim = query;
    }
    struct query_row *row = &queries->rows[victim];
    queries->evicted++;
    clear_slot(queries, query_text(row));
    list_words(queries, victim, false);
    free(row->text);
    free(row->entries);
    return victim;
}

static uint32_t intern(struct queries *queries, struct bytes text, int32_t k, uint64_t chance)
{
    uint32_t query = queries_find(queries, text);
    if (query != QUERY_NONE)
        return query;
    bool dirty = false;
    if (queries->count >= queries->limits.queries_max) {
        query = evict(queries, chance);
        dirty = queries->rows[query].dirty;
    } else {
        query = new_number(queries);
    }
    queries->rows[query] = (struct query_row){
        .text = memory_text(text), .size = (uint8_t)text.size, .base = k, .dirty = dirty};
    *find_slot(queries, text) = query + 1;
    list_words(queries, query, true);
    return query;
}

static void move_base(struct query_row *row, int32_t base)
{
    int shift = row->base - base;
    row->total = ldexp(row->total, shift);
    for (uint32_t i = 0; i < row->count; i++)
        row->entries[i].weight = ldexp(row->entries[i].weight, shift);
    while (row->count > 0 && !(row->entries[row->count - 1].weight > 0))
        row->count--; /* so old that nothing is left of it */
    row->base = base;
}

/* A place for a new entry; row->count when it has to stay outside. */
static uint32_t place_entry(struct queries *queries, struct query_row *row, double weight,
                            uint64_t chance)
{
    if (row->count < queries->limits.entries_max) {
        if (row->count == row->capacity) {
            row->capacity = row->capacity ? row->capacity + row->capacity / 2 + 1 : 2;
            row->entries = memory_resize(row->entries, row->capacity * sizeof *row->entries);
        }
        return row->count++;
    }
    queries->entries_evicted++;
    double draw = (double)(chance >> 11) * 0x1p-53;
    return draw * (weight + row->entries[row->count - 1].weight) < weight ? row->count - 1
                                                                          : row->count;
}

void queries_add(struct queries *queries, struct bytes text, uint32_t item, double units, double m,
                 int32_t k, uint64_t chance)
{
    if (text.size == 0 || text.size > QUERY_TEXT_MAX || queries->limits.queries_max == 0)
        return;
    uint32_t query = intern(queries, text, k, chance);
    struct query_row *row = &queries->rows[query];
    if (k - row->base > QUERY_BASE_RANGE)
        move_base(row, k);
    mark_dirty(queries, query);
    double weight = ldexp(units * m, k - row->base);
    if (!(weight > 0))
        return;
    row->total += weight;
    uint32_t at = 0;
    while (at < row->count && row->entries[at].item != item)
        at++;
    if (at == row->count) {
        at = place_entry(queries, row, weight, ~chance);
        if (at == row->count)
            return;
        row->entries[at] = (struct query_entry){.item = item};
    }
    row->entries[at].weight += weight;
    for (; at > 0 && row->entries[at - 1].weight < row->entries[at].weight; at--) {
        struct query_entry entry = row->entries[at];
        row->entries[at] = row->entries[at - 1];
        row->entries[at - 1] = entry;
    }
}

/* ---- on disk ---- */

#define ENTRY_BYTES 12

void queries_save(struct queries *queries, struct store_batch *batch)
{
    struct buffer value = {0};
    for (uint32_t i = 0; i < queries->dirty_count; i++) {
        uint32_t query = queries->dirty[i];
        struct query_row *row = &queries->rows[query];
        char key[5] = {queries->table, (char)(query >> 24), (char)(query >> 16), (char)(query >> 8),
                       (char)query};
        row->dirty = false;
        buffer_clear(&value);
        buffer_byte(&value, (char)row->size);
        buffer_append(&value, row->text, row->size);
        buffer_append(&value, &row->total, 8);
        buffer_append(&value, &row->base, 4);
        buffer_append(&value, &row->count, 4);
        for (uint32_t e = 0; e < row->count; e++) {
            buffer_append(&value, &row->entries[e].item, 4);
            buffer_append(&value, &row->entries[e].weight, 8);
        }
        batch_put(batch, FAMILY_MODEL, bytes_of(key, sizeof key), buffer_bytes(&value));
    }
    queries->dirty_count = 0;
    buffer_release(&value);
}

static bool take(struct bytes *value, void *to, size_t size)
{
    if (value->size < size)
        return false;
    memcpy(to, value->at, size);
    *value = bytes_of(value->at + size, value->size - size);
    return true;
}

/* What is in the row is freed with the table, also when it is damaged. */
static bool read_entries(struct query_row *row, uint32_t item_count, struct bytes value)
{
    if (!isfinite(row->total) || row->total < 0 || value.size != (uint64_t)row->count * ENTRY_BYTES)
        return false;
    row->capacity = row->count;
    row->entries = memory_get((row->count ? row->count : 1) * sizeof *row->entries);
    for (uint32_t i = 0; i < row->count; i++) {
        struct query_entry *entry = &row->entries[i];
        take(&value, &entry->item, 4);
        take(&value, &entry->weight, 8);
        if (entry->item >= item_count || !(isfinite(entry->weight) && entry->weight > 0))
            return false;
    }
    return true;
}

enum verdict queries_load_row(struct queries *queries, uint32_t item_count, struct bytes key,
                              struct bytes value)
{
    uint32_t query = 0;
    struct query_row row = {0};
    if (key.size != 5)
        return VERDICT_SKIP;
    for (int i = 1; i < 5; i++)
        query = query << 8 | (unsigned char)key.at[i];
    if (query >= queries->limits.queries_max)
        return VERDICT_OK; /* the bound is lower by now */
    if (query != queries->count || !take(&value, &row.size, 1) || row.size == 0 ||
        value.size < row.size)
        return VERDICT_SKIP;
    struct bytes text = bytes_of(value.at, row.size);
    value = bytes_of(value.at + row.size, value.size - row.size);
    if (queries_find(queries, text) != QUERY_NONE || !take(&value, &row.total, 8) ||
        !take(&value, &row.base, 4) || !take(&value, &row.count, 4))
        return VERDICT_SKIP;
    bool good = read_entries(&row, item_count, value);
    row.text = memory_text(text);
    query = new_number(queries);
    queries->rows[query] = row;
    *find_slot(queries, text) = query + 1;
    list_words(queries, query, true);
    return good ? VERDICT_OK : VERDICT_SKIP;
}

size_t queries_bytes(const struct queries *queries)
{
    size_t bytes = sizeof *queries + queries->capacity * sizeof *queries->rows +
                   queries->slot_capacity * sizeof *queries->slots +
                   queries->word_capacity * sizeof *queries->words +
                   queries->dirty_capacity * sizeof *queries->dirty;
    for (uint32_t i = 0; i < queries->count; i++)
        bytes += queries->rows[i].size + 1u +
                 queries->rows[i].capacity * sizeof *queries->rows[i].entries;
    for (uint32_t i = 0; i < queries->word_capacity; i++)
        bytes += queries->words[i].capacity * sizeof *queries->words[i].at;
    return bytes;
}
