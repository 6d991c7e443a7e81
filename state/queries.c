#include "state/queries.h"

#include "schemas/array.h"
#include "schemas/draw.h"
#include "schemas/sorted.h"

#include <math.h>
#include <stdlib.h>

struct queries *queries_new(const struct queries_limits *limits, enum model_table table)
{
    struct queries *queries = memory_zero(1, sizeof *queries);
    queries->limits = *limits;
    queries->table = table;
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
    for (uint32_t i = 0; i < queries->word_count; i++)
        free(queries->words[i].at);
    hash_index_release(&queries->by_text);
    hash_index_release(&queries->by_word);
    free(queries->rows);
    free(queries->words);
    free(queries->dirty);
    number_queue_release(&queries->probation);
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

#define WORD_NONE UINT32_MAX

static uint32_t find_word(const struct queries *queries, uint64_t hash)
{
    struct hash_probe probe = hash_index_probe(&queries->by_word, hash);
    while (hash_index_next(&queries->by_word, &probe))
        if (queries->words[probe.entry].hash == hash)
            return probe.entry;
    return WORD_NONE;
}

const struct query_word *queries_word(const struct queries *queries, struct bytes word)
{
    uint32_t number = find_word(queries, hash_index_hash(word));
    return number == WORD_NONE ? NULL : &queries->words[number];
}

static struct query_word *intern_word(struct queries *queries, uint64_t hash)
{
    uint32_t number = find_word(queries, hash);
    if (number != WORD_NONE)
        return &queries->words[number];
    ARRAY_RESERVE(queries->words, queries->word_capacity, queries->word_count + 1);
    hash_index_add(&queries->by_word, hash, queries->word_count);
    queries->words[queries->word_count] = (struct query_word){.hash = hash};
    return &queries->words[queries->word_count++];
}

/* No query has the word any more; the last word takes its number. */
static void drop_word(struct queries *queries, uint32_t number)
{
    struct query_word *word = &queries->words[number];
    uint32_t last = --queries->word_count;
    free(word->at);
    hash_index_remove(&queries->by_word, word->hash, number);
    if (number == last)
        return;
    *word = queries->words[last];
    hash_index_renumber(&queries->by_word, word->hash, last, number);
}

static void list_word(struct queries *queries, struct bytes text, uint32_t query)
{
    struct query_word *word = intern_word(queries, hash_index_hash(text));
    uint32_t at = sorted_place(word->at, 0, word->count, query);
    if (sorted_is_at(word->at, word->count, at, query))
        return;
    ARRAY_RESERVE_SMALL(word->at, word->capacity, word->count + 1);
    sorted_insert(word->at, word->count++, at, query);
}

static void unlist_word(struct queries *queries, struct bytes text, uint32_t query)
{
    uint32_t number = find_word(queries, hash_index_hash(text));
    if (number == WORD_NONE)
        return; /* the text has the word twice */
    struct query_word *word = &queries->words[number];
    uint32_t at = sorted_place(word->at, 0, word->count, query);
    if (!sorted_is_at(word->at, word->count, at, query))
        return;
    sorted_remove(word->at, word->count--, at);
    if (word->count == 0)
        drop_word(queries, number);
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

uint32_t queries_find(const struct queries *queries, struct bytes text)
{
    struct hash_probe probe = hash_index_probe(&queries->by_text, hash_index_hash(text));
    while (hash_index_next(&queries->by_text, &probe))
        if (bytes_equal(query_text(&queries->rows[probe.entry]), text))
            return probe.entry;
    return QUERY_NONE;
}

static void mark_dirty(struct queries *queries, uint32_t query)
{
    if (queries->rows[query].dirty)
        return;
    queries->rows[query].dirty = true;
    ARRAY_RESERVE(queries->dirty, queries->dirty_capacity, queries->dirty_count + 1);
    queries->dirty[queries->dirty_count++] = query;
}

static bool lighter(const struct query_row *a, const struct query_row *b)
{
    if (a->base >= b->base)
        return a->total < ldexp(b->total, b->base - a->base);
    return ldexp(a->total, a->base - b->base) < b->total;
}

/* The lightest of QUERY_SAMPLE that are drawn among those with more than one visitor; the oldest on
 * probation if the draws find none. */
static uint32_t draw_victim(const struct queries *queries, uint64_t chance)
{
    uint32_t victim = QUERY_NONE, query = 0;
    for (int i = 0; i < QUERY_SAMPLE; i++) {
        chance = chance * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
        query = draw_below(chance, queries->count);
        if (number_queue_has(&queries->probation, query))
            continue;
        if (victim == QUERY_NONE || lighter(&queries->rows[query], &queries->rows[victim]))
            victim = query;
    }
    if (victim != QUERY_NONE)
        return victim;
    return queries->probation.count > 0 ? number_queue_oldest(&queries->probation) : query;
}

/* Makes a row free. */
static uint32_t evict(struct queries *queries, uint64_t chance)
{
    bool oldest = queries->probation.count >= probation_share(queries->limits.queries_max);
    uint32_t victim =
        oldest ? number_queue_oldest(&queries->probation) : draw_victim(queries, chance);
    struct query_row *row = &queries->rows[victim];
    queries->evicted++;
    queries->unseated += !number_queue_has(&queries->probation, victim);
    hash_index_remove(&queries->by_text, hash_index_hash(query_text(row)), victim);
    list_words(queries, victim, false);
    number_queue_remove(&queries->probation, victim);
    free(row->text);
    free(row->entries);
    return victim;
}

/* A new query's row, at `query`: the number of a free row, or the next one. */
static void add_query(struct queries *queries, uint32_t query, const struct query_row *row)
{
    if (query == queries->count) {
        ARRAY_RESERVE(queries->rows, queries->capacity, queries->count + 1);
        queries->count++;
    }
    queries->rows[query] = *row;
    hash_index_add(&queries->by_text, hash_index_hash(query_text(row)), query);
    list_words(queries, query, true);
}

static uint32_t intern(struct queries *queries, struct bytes text,
                       const struct query_activity *activity)
{
    uint32_t query = queries_find(queries, text);
    if (query != QUERY_NONE) {
        if (probation_ends(&queries->probation, query, activity->visitor))
            number_queue_remove(&queries->probation, query);
        return query;
    }
    bool full = queries->count >= queries->limits.queries_max;
    query = full ? evict(queries, activity->chance) : queries->count;
    struct query_row row = {.size = (uint8_t)text.size, .base = activity->decay.k};
    row.text = memory_text(text);
    row.dirty = full && queries->rows[query].dirty;
    add_query(queries, query, &row);
    if (activity->visitor != 0)
        number_queue_add(&queries->probation, query, activity->visitor, ++queries->serial);
    return query;
}

static void move_base(struct query_row *row, int32_t base)
{
    int shift = row->base - base;
    row->total = ldexp(row->total, shift);
    for (uint32_t i = 0; i < row->count; i++)
        row->entries[i].weight = ldexp(row->entries[i].weight, shift);
    while (row->count > 0 && !(row->entries[row->count - 1].weight > 0))
        row->count--; /* too old: it weighs nothing any more */
    row->base = base;
}

/* A place for a new entry, whose old entry is dropped; row->count: the new one is left out. */
static uint32_t place_entry(struct queries *queries, struct query_row *row, double weight,
                            uint64_t chance)
{
    if (row->count < queries->limits.entries_max) {
        ARRAY_RESERVE_SMALL(row->entries, row->capacity, row->count + 1);
        return row->count++;
    }
    queries->entries_evicted++;
    double least = row->entries[row->count - 1].weight;
    return draw_unit(chance) * (weight + least) < weight ? row->count - 1 : row->count;
}

void queries_add(struct queries *queries, struct bytes text, const struct query_activity *activity)
{
    uint32_t item = activity->item;
    if (text.size == 0 || text.size > QUERY_TEXT_MAX || queries->limits.queries_max == 0)
        return;
    uint32_t query = intern(queries, text, activity);
    struct query_row *row = &queries->rows[query];
    if (activity->decay.k - row->base > QUERY_BASE_RANGE)
        move_base(row, activity->decay.k);
    mark_dirty(queries, query);
    double weight = ldexp(activity->units * activity->decay.m, activity->decay.k - row->base);
    if (!(weight > 0))
        return;
    row->total += weight;
    uint32_t at = 0;
    while (at < row->count && row->entries[at].item != item)
        at++;
    if (at == row->count) {
        at = place_entry(queries, row, weight, ~activity->chance);
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

void queries_sweep(struct queries *queries, const uint8_t *states, uint32_t from, uint32_t to)
{
    for (uint32_t query = from; query < to && query < queries->count; query++) {
        struct query_row *row = &queries->rows[query];
        uint32_t left = 0;
        for (uint32_t i = 0; i < row->count; i++)
            if (!item_evicted(states, row->entries[i].item))
                row->entries[left++] = row->entries[i];
        if (left < row->count)
            mark_dirty(queries, query);
        row->count = left;
    }
}

/* ---- on disk ---- */

#define ENTRY_BYTES 12
#define PROBATION_BYTES 16

void queries_save(struct queries *queries, struct store_batch *batch)
{
    struct buffer value = {0};
    for (uint32_t i = 0; i < queries->dirty_count; i++) {
        uint32_t query = queries->dirty[i];
        struct query_row *row = &queries->rows[query];
        char key[MODEL_KEY_BYTES_MAX];
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
        if (number_queue_has(&queries->probation, query)) {
            buffer_append(&value, &queries->probation.at[query].visitor, 8);
            buffer_append(&value, &queries->probation.at[query].serial, 8);
        }
        batch_put(batch, FAMILY_MODEL, model_numbered_key(key, queries->table, query),
                  buffer_bytes(&value));
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

/* False: damaged. The row owns its entries in any case. */
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
    struct query_row row = {0};
    if (key.size != 5)
        return VERDICT_SKIP;
    uint32_t query = model_key_number(key);
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
    bool probation = value.size == (uint64_t)row.count * ENTRY_BYTES + PROBATION_BYTES;
    if (probation) {
        uint64_t visitor, serial;
        value.size -= PROBATION_BYTES;
        memcpy(&visitor, value.at + value.size, 8);
        memcpy(&serial, value.at + value.size + 8, 8);
        number_queue_add_stored(&queries->probation, query, visitor, serial);
    }
    bool good = read_entries(&row, item_count, value);
    row.text = memory_text(text);
    add_query(queries, query, &row);
    return good ? VERDICT_OK : VERDICT_SKIP;
}

enum verdict queries_loaded(struct queries *queries, bool old)
{
    for (uint32_t query = 0; old && query < queries->count; query++) {
        number_queue_add_stored(&queries->probation, query, 0, ++queries->serial);
        mark_dirty(queries, query);
    }
    return number_queue_loaded(&queries->probation) ? VERDICT_OK : VERDICT_SKIP;
}

size_t queries_bytes(const struct queries *queries)
{
    size_t bytes = sizeof *queries + queries->capacity * sizeof *queries->rows +
                   queries->word_capacity * sizeof *queries->words +
                   number_queue_bytes(&queries->probation) + hash_index_bytes(&queries->by_text) +
                   hash_index_bytes(&queries->by_word) +
                   queries->dirty_capacity * sizeof *queries->dirty;
    for (uint32_t i = 0; i < queries->count; i++)
        bytes += memory_block_bytes(queries->rows[i].size + 1u) +
                 memory_block_bytes(queries->rows[i].capacity * sizeof *queries->rows[i].entries);
    for (uint32_t i = 0; i < queries->word_count; i++)
        bytes += memory_block_bytes(queries->words[i].capacity * sizeof *queries->words[i].at);
    return bytes;
}
