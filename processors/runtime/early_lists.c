#include "processors/runtime/early_lists.h"

#include "schemas/array.h"

#include <stdlib.h>

#define NONE UINT32_MAX

static uint64_t hash_of(int32_t partition, struct bytes key)
{
    return hash_index_hash(key) + (uint64_t)partition;
}

static struct bytes key_of(const struct early_list *list)
{
    return bytes_of(list->bytes, list->key_size);
}

static uint32_t find(const struct early_lists *early, int32_t partition, struct bytes key)
{
    struct hash_probe probe = hash_index_probe(&early->index, hash_of(partition, key));
    while (hash_index_next(&early->index, &probe)) {
        const struct early_list *list = &early->held[probe.entry];
        if (list->partition == partition && bytes_equal(key_of(list), key))
            return probe.entry;
    }
    return NONE;
}

/* A record that nobody sees but in OUTPUT_EARLY does not count as written. */
static void drop(struct early_lists *early, uint32_t entry)
{
    struct early_list *list = &early->held[entry];
    hash_index_remove(&early->index, hash_of(list->partition, key_of(list)), entry);
    early->bytes -= list->key_size + list->value_size;
    free(list->bytes);
    list->bytes = NULL;
    --*early->lists;
}

static void set(struct early_lists *early, uint32_t entry, int32_t partition, struct bytes key,
                struct bytes value)
{
    struct early_list *list = &early->held[entry];
    *list = (struct early_list){.partition = partition,
                                .key_size = (uint32_t)key.size,
                                .value_size = value.size,
                                .bytes = memory_get(key.size + value.size + 1)};
    memcpy(list->bytes, key.at, key.size);
    memcpy(list->bytes + key.size, value.at, value.size);
    early->bytes += key.size + value.size;
    hash_index_add(&early->index, hash_of(partition, key), entry);
}

static void hold(struct early_lists *early, int32_t partition, struct bytes key, struct bytes value)
{
    uint32_t entry = find(early, partition, key);
    if (entry == NONE) {
        ARRAY_RESERVE(early->held, early->capacity, early->count + 1);
        entry = (uint32_t)early->count++;
    } else {
        drop(early, entry);
    }
    set(early, entry, partition, key, value);
}

static enum verdict emit(struct outlet *self, enum output output, int32_t partition,
                         struct bytes key, struct bytes value, struct error *error)
{
    struct early_lists *early = (struct early_lists *)(void *)self;
    struct outlet *next = early->next;
    if (!early->on || output != OUTPUT_RECOMMENDATIONS)
        return next->emit(next, output, partition, key, value, error);
    if (value.at == NULL) {
        uint32_t entry = find(early, partition, key);
        if (entry != NONE)
            drop(early, entry);
        return next->emit(next, output, partition, key, value, error);
    }
    hold(early, partition, key, value);
    if (early->silent)
        return VERDICT_OK;
    return next->emit(next, OUTPUT_EARLY, partition, key, value, error);
}

void early_lists_init(struct early_lists *early, struct outlet *next, uint64_t *lists)
{
    *early = (struct early_lists){.outlet.emit = emit, .next = next, .lists = lists};
}

void early_lists_release(struct early_lists *early)
{
    early_lists_clear(early);
    free(early->held);
    hash_index_release(&early->index);
}

void early_lists_start(struct early_lists *early)
{
    early->on = true;
}

enum verdict early_lists_write(struct early_lists *early, struct error *error)
{
    struct outlet *next = early->next;
    enum verdict verdict = VERDICT_OK;
    for (size_t i = 0; i < early->count && verdict == VERDICT_OK; i++) {
        const struct early_list *list = &early->held[i];
        if (list->bytes)
            verdict = next->emit(next, OUTPUT_RECOMMENDATIONS, list->partition, key_of(list),
                                 bytes_of(list->bytes + list->key_size, list->value_size), error);
    }
    return verdict;
}

void early_lists_clear(struct early_lists *early)
{
    for (size_t i = 0; i < early->count; i++)
        free(early->held[i].bytes);
    early->count = early->bytes = 0;
    hash_index_clear(&early->index);
}
