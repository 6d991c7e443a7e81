#include "processors/recommend/search/search_terms.h"

#include <math.h>
#include <stdlib.h>

#define PART_WEIGHT .35f
#define PAIR_POSTINGS_MAX 16384 /* looked at for one term that no product has */
#define ALIKE_SLOTS 4096
#define ALIKE_CHECKED_MAX 48 /* terms whose letters are compared */

static uint64_t postings_of(const struct search_index *index, uint32_t term)
{
    return term == SEARCH_TERM_NONE ? 0 : index->terms[term].products.count;
}

/* Counts the pairs of letters that terms share with a text. Those with the most are compared. */
struct alike {
    struct {
        uint32_t key; /* term + 1; 0: free (number_slot()) */
        uint32_t shared;
    } slots[ALIKE_SLOTS];
    uint16_t used[ALIKE_SLOTS / 2]; /* slots, in the order of their first use */
    uint32_t used_count;
};

static int shortest_first(const void *a, const void *b)
{
    const struct numbers *const *x = a, *const *y = b;
    return ((*x)->count > (*y)->count) - ((*x)->count < (*y)->count);
}

/* The rarest pairs come first: they say most. Equally rare ones may come in any order, since counts
 * are sums. */
static void count_shared(const struct search_index *index, struct bytes text, struct alike *alike)
{
    uint64_t keys[LETTERS_MAX + 1];
    const struct numbers *pairs[LETTERS_MAX + 1];
    uint32_t count = search_index_pairs_of(text, keys), left = PAIR_POSTINGS_MAX;
    for (uint32_t i = 0; i < count; i++)
        pairs[i] = search_index_pair_terms(index, keys[i]);
    qsort(pairs, count, sizeof(const struct numbers *), shortest_first);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < pairs[i]->count && left > 0; k++, left--) {
            uint32_t term = pairs[i]->at[k];
            uint32_t at = number_slot(alike->slots, sizeof *alike->slots, ALIKE_SLOTS, term);
            if (alike->slots[at].key == 0) {
                if (alike->used_count == ALIKE_SLOTS / 2)
                    continue; /* known ones go on being counted */
                alike->used[alike->used_count++] = (uint16_t)at;
                alike->slots[at].key = term + 1;
            }
            alike->slots[at].shared++;
        }
    }
}

/* How well a term stands for the letters; 0: not at all. */
static uint32_t likeness(const uint32_t *letters, uint32_t count, const struct term_row *term)
{
    uint32_t others[LETTERS_MAX];
    uint32_t most = count <= 5 ? 1 : 2;
    uint32_t other_count = text_letters(bytes_of(term->text, term->size), others, LETTERS_MAX);
    if (text_other_number(letters, count, others, other_count))
        return 0;
    uint32_t distance = text_distance(letters, count, others, other_count, most);
    if (distance <= most)
        return distance == 1 ? 7 : 4;
    if (count >= 3 && other_count > count && memcmp(letters, others, count * sizeof *letters) == 0)
        return 5; /* the visitor has typed a part of it so far */
    return 0;
}

static void add_like(struct query_term *query_term, uint32_t term, uint32_t likeness,
                     uint64_t postings)
{
    uint32_t at = query_term->like_count;
    if (at == SEARCH_LIKE_MAX && query_term->like[at - 1].likeness >= likeness)
        return;
    if (at < SEARCH_LIKE_MAX)
        query_term->like_count++;
    else
        at--;
    for (; at > 0 && query_term->like[at - 1].likeness < likeness; at--)
        query_term->like[at] = query_term->like[at - 1];
    query_term->like[at].term = term;
    query_term->like[at].likeness = likeness;
    query_term->postings += postings;
}

static void find_alike(const struct search_index *index, struct bytes text,
                       struct query_term *query_term)
{
    struct alike alike;
    uint32_t letters[LETTERS_MAX], count = text_letters(text, letters, LETTERS_MAX);
    if (count < 3)
        return;
    memset(alike.slots, 0, sizeof alike.slots);
    alike.used_count = 0;
    count_shared(index, text, &alike);
    uint32_t checked = 0;
    for (uint32_t shared = count + 1; shared >= 2 && checked < ALIKE_CHECKED_MAX; shared--) {
        for (uint32_t i = 0; i < alike.used_count && checked < ALIKE_CHECKED_MAX; i++) {
            uint32_t at = alike.used[i], term = alike.slots[at].key - 1;
            if (alike.slots[at].shared != shared || postings_of(index, term) == 0)
                continue;
            checked++;
            uint32_t like = likeness(letters, count, &index->terms[term]);
            if (like > 0)
                add_like(query_term, term, like, postings_of(index, term));
        }
    }
}

/* Splits a run of Hangul, Han or Kana into two terms that products have. False: it can't. */
static bool split_run(const struct search_index *index, struct bytes run,
                      struct query_term *ret_two)
{
    for (size_t at = 1; at < run.size; at++) {
        if ((unsigned char)run.at[0] < 0xE0 || ((unsigned char)run.at[at] & 0xC0) == 0x80)
            continue;
        struct bytes halves[2] = {bytes_of(run.at, at), bytes_of(run.at + at, run.size - at)};
        bool good = true;
        for (int i = 0; i < 2; i++) {
            uint32_t term = search_index_term(index, halves[i]);
            uint64_t postings = postings_of(index, term);
            ret_two[i] = (struct query_term){.weight = 1};
            if (postings > 0)
                add_like(&ret_two[i], term, LIKENESS_SAME, postings);
            good = good && postings > 0;
        }
        if (good)
            return true;
    }
    return false;
}

/* Weighs the term by its rarity. Returns 1, or 0 if no term stands for it: it is left out. */
static uint32_t weigh_term(const struct catalogue *catalogue, struct query_term *query_term)
{
    if (query_term->like_count > 0)
        query_term->weight *= logf(1 + (float)catalogue->present / (float)query_term->postings);
    return query_term->like_count > 0;
}

static uint32_t read_query(const struct search_index *index, const struct catalogue *catalogue,
                           struct bytes query, struct query_term *ret_terms)
{
    struct terms terms;
    uint32_t count = 0;
    bool found = false; /* the last term that is no part */
    text_terms(query, &terms);
    for (uint32_t i = 0; i < terms.count && count < SEARCH_QUERY_TERMS_MAX; i++) {
        struct query_term *one = &ret_terms[count];
        struct bytes text = bytes_of(terms.at[i].text, terms.at[i].size);
        uint32_t term = search_index_term(index, text);
        uint64_t postings = postings_of(index, term);
        if (!terms.at[i].part)
            found = postings > 0;
        else if (terms.at[i].spare && found)
            continue;
        *one = (struct query_term){.weight = terms.at[i].part ? PART_WEIGHT : 1};
        if (postings > 0) {
            add_like(one, term, LIKENESS_SAME, postings);
        } else if (!terms.at[i].part && count + 1 < SEARCH_QUERY_TERMS_MAX &&
                   split_run(index, text, one)) {
            count += weigh_term(catalogue, one++);
        } else if (!terms.at[i].part) {
            find_alike(index, text, one);
        }
        count += weigh_term(catalogue, one);
    }
    return count;
}

static int rarest_first(const void *a, const void *b)
{
    const struct query_term *x = a, *y = b;
    if (x->postings != y->postings)
        return (x->postings > y->postings) - (x->postings < y->postings);
    return (x->position > y->position) - (x->position < y->position);
}

static void find_products(const struct search_index *index, struct query_term *query_term)
{
    const struct product_set *sets[SEARCH_LIKE_MAX];
    for (uint32_t i = 0; i < query_term->like_count; i++) {
        const struct term_row *term = &index->terms[query_term->like[i].term];
        sets[i] = &term->products;
        query_term->most += term->most * query_term->like[i].likeness;
    }
    query_term->products = sets[0];
    if (query_term->like_count > 1) {
        product_set_unite(sets, query_term->like_count, &query_term->united);
        query_term->products = &query_term->united;
    }
}

uint32_t search_terms_read(const struct search_index *index, const struct catalogue *catalogue,
                           struct bytes query, struct query_term *ret_terms)
{
    uint32_t count = read_query(index, catalogue, query, ret_terms);
    for (uint32_t i = 0; i < count; i++)
        ret_terms[i].position = i;
    qsort(ret_terms, count, sizeof *ret_terms, rarest_first);
    for (uint32_t i = 0; i < count; i++)
        find_products(index, &ret_terms[i]);
    return count;
}

void search_terms_release(struct query_term *terms, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        product_set_release(&terms[i].united);
}
