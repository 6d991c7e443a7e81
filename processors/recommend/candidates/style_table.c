#include "processors/recommend/candidates/style_table.h"

#include "schemas/draw.h"

#include <string.h>

static struct style_slot *bucket_of(const struct style_table *table, uint64_t key)
{
    return &table->slots[(key & (STYLE_TABLE_SLOTS / STYLE_BUCKET - 1)) * STYLE_BUCKET];
}

void style_table_add(struct style_table *table, uint64_t key, float weight)
{
    struct style_slot *bucket = bucket_of(table, key), *least = bucket;
    uint32_t tag = (uint32_t)(key >> 32);
    for (int i = 0; i < STYLE_BUCKET; i++) {
        if (bucket[i].count > 0 && bucket[i].tag == tag) {
            bucket[i].count += weight;
            return;
        }
        if (bucket[i].count < least->count)
            least = &bucket[i];
    }
    if (least->count > 0) {
        double chance = draw_unit(draw_mix(key + table->draws++));
        if (chance * (double)(weight + least->count) >= (double)weight)
            return;
    }
    *least = (struct style_slot){.tag = tag, .count = weight};
}

float style_table_count(const struct style_table *table, uint64_t key)
{
    const struct style_slot *bucket = bucket_of(table, key);
    uint32_t tag = (uint32_t)(key >> 32);
    for (int i = 0; i < STYLE_BUCKET; i++)
        if (bucket[i].count > 0 && bucket[i].tag == tag)
            return bucket[i].count;
    return 0;
}

void style_table_clear(struct style_table *table)
{
    memset(table->slots, 0, STYLE_TABLE_SLOTS * sizeof *table->slots);
    table->draws = 0;
}
