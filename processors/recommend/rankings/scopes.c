#include "processors/recommend/rankings/scopes.h"

#include "schemas/array.h"

#include <stdlib.h>

static uint32_t add_scope(struct scopes *scopes, enum ranking_scope kind, uint64_t hash,
                          struct bytes name)
{
    ARRAY_RESERVE(scopes->at, scopes->capacity, scopes->count + 1);
    scopes->at[scopes->count] = (struct scope){
        .hash = hash,
        .kind = kind,
        .name = name.at ? memory_text(name) : NULL,
        .name_size = name.size,
    };
    return scopes->count++;
}

void scopes_init(struct scopes *scopes)
{
    *scopes = (struct scopes){0};
    add_scope(scopes, SCOPE_SHOP, 0, bytes_of(NULL, 0));
}

void scopes_release(struct scopes *scopes)
{
    for (uint32_t i = 0; i < scopes->count; i++) {
        free(scopes->at[i].name);
        for (int kind = 0; kind < SCOPE_KINDS; kind++)
            top_release(&scopes->at[i].tops[kind]);
    }
    free(scopes->at);
    free(scopes->members);
    hash_index_release(&scopes->index);
}

/* Words are told apart by their hash: another word may get a word's number
 * between two locks. */
static uint32_t scope_of(struct scopes *scopes, enum ranking_scope kind, const struct word *word)
{
    uint64_t key = hash_index_hash_number(word->hash);
    struct hash_probe probe = hash_index_probe(&scopes->index, key);
    while (hash_index_next(&scopes->index, &probe))
        if (scopes->at[probe.entry].hash == word->hash)
            return probe.entry;
    uint32_t scope = add_scope(scopes, kind, word->hash, bytes_of(word->text, word->size));
    hash_index_add(&scopes->index, key, scope);
    return scope;
}

static void join_scope(struct scopes *scopes, struct scope_members *members, uint32_t scope)
{
    for (uint32_t i = 0; i < members->count; i++)
        if (scopes->members[members->first + i] == scope)
            return; /* two paths of categories meet further up */
    if (members->count == ITEM_SCOPES_MAX)
        return;
    ARRAY_RESERVE(scopes->members, scopes->member_capacity, scopes->member_count + 1);
    scopes->members[scopes->member_count++] = scope;
    members->count++;
}

struct scope_members scopes_join(struct scopes *scopes, const struct catalogue *catalogue,
                                 const struct product *product, double weight)
{
    static const struct {
        enum word_kind word;
        enum ranking_scope scope;
    } kinds[] = {{WORD_CATEGORY, SCOPE_CATEGORY},
                 {WORD_BRAND, SCOPE_BRAND},
                 {WORD_GENDER, SCOPE_GENDER},
                 {WORD_AGE_GROUP, SCOPE_AGE_GROUP}};
    struct scope_members members = {.first = (uint32_t)scopes->member_count};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct words words = product_words(product, kinds[k].word);
        for (uint32_t i = 0; i < words.count; i++)
            join_scope(scopes, &members,
                       scope_of(scopes, kinds[k].scope, &catalogue->words.at[words.at[i]]));
    }
    for (uint32_t i = 0; i < members.count; i++)
        scopes->at[scopes->members[members.first + i]].weight += weight;
    return members;
}

static int name_order(const void *a, const void *b)
{
    const struct scope *x = *(const struct scope *const *)a, *y = *(const struct scope *const *)b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return bytes_compare(bytes_of(x->name, x->name_size), bytes_of(y->name, y->name_size));
}

static int weight_order(const void *a, const void *b)
{
    const struct scope *x = *(const struct scope *const *)a, *y = *(const struct scope *const *)b;
    if (x->weight > y->weight || x->weight < y->weight)
        return x->weight > y->weight ? -1 : 1;
    return name_order(a, b);
}

uint32_t scopes_choose(struct scopes *scopes, uint32_t max, struct scope **ret_chosen)
{
    uint32_t others = scopes->count - 1;
    for (uint32_t i = 0; i < scopes->count; i++)
        ret_chosen[i] = &scopes->at[i];
    qsort(ret_chosen + 1, others, sizeof(struct scope *), weight_order);
    if (others > max)
        others = max;
    qsort(ret_chosen + 1, others, sizeof(struct scope *), name_order);
    for (uint32_t i = 0; i <= others; i++)
        ret_chosen[i]->chosen = true;
    return others + 1;
}
