#include "processors/recommend/search/search_index.h"

#include <math.h>
#include <stdlib.h>

#define SATURATION 1.2
#define PART_WEIGHT .35f
#define GRAM_POSTINGS_MAX 16384 /* looked at for one term that is not there */
#define ALIKE_SLOTS 4096
#define ALIKE_CHECKED_MAX 48
#define COMMON_TIMES                                                                               \
    64 /* terms so many times as frequent as the rarest find nothing, only rank                    \
        */
#define PATTERNS_MAX (1u << SEARCH_FIND_TERMS_MAX)
#define FIRST_MAX 256       /* products scored of a pattern before the rest is sampled */
#define SAMPLE 256          /* then about so many */
#define UNAVAILABLE_STEPS 8 /* a product that is looked at and not to be had */
#define BATCH 16            /* products fetched from memory together */
#define FILTER_BITS 16384
#define FILTER_WORDS_MAX 4096 /* more words than that are not told apart before they are read */

/* Likenesses are whole numbers as weights are: 10 is the same. */
#define SAME 10

/* A term of the query: the terms of the index that stand for it. */
struct asked {
    struct {
        uint32_t term;
        uint32_t likeness;
    } like[SEARCH_LIKE_MAX];
    uint32_t like_count;
    uint32_t place;    /* in the query */
    uint64_t postings; /* products with one of them, summed over `like` */
    float weight;      /* of parts a third; then times the rarity */
    uint32_t most;     /* it can weigh in a product */
    const struct product_set *products;
    struct product_set united; /* of more than one */
};

static uint64_t postings_of(const struct search *search, uint32_t term)
{
    return term == UINT32_MAX ? 0 : search->terms[term].products.count;
}

/* Counts how many pairs of letters terms share with the text; the best are then compared. */
struct alike {
    struct {
        uint32_t term; /* + 1; 0: free */
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

/* The rarest pairs first, which say most; pairs as rare as each other in any order, as the counts
 * are sums, unless the bound falls among these. */
static void count_shared(const struct search *search, struct bytes text, struct alike *alike)
{
    uint64_t keys[LETTERS_MAX + 1];
    const struct numbers *grams[LETTERS_MAX + 1];
    uint32_t count = search_grams_of(text, keys), left = GRAM_POSTINGS_MAX;
    for (uint32_t i = 0; i < count; i++)
        grams[i] = search_gram(search, keys[i]);
    qsort(grams, count, sizeof(const struct numbers *), shortest_first);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < grams[i]->count && left > 0; k++, left--) {
            uint32_t term = grams[i]->at[k] + 1;
            uint32_t at = (term * 0x9E3779B1u) >> 11 & (ALIKE_SLOTS - 1);
            while (alike->slots[at].term && alike->slots[at].term != term)
                at = (at + 1) & (ALIKE_SLOTS - 1);
            if (alike->slots[at].term == 0) {
                if (alike->used_count == ALIKE_SLOTS / 2)
                    continue; /* those that are known go on being counted */
                alike->used[alike->used_count++] = (uint16_t)at;
                alike->slots[at].term = term;
            }
            alike->slots[at].shared++;
        }
    }
}

/* How well a term stands for the text: 0 not at all. */
static uint32_t likeness(const uint32_t *letters, uint32_t count, const struct term_row *term)
{
    uint32_t others[LETTERS_MAX];
    uint32_t most = count <= 5 ? 1 : 2;
    uint32_t other_count = text_letters(bytes_of(term->text, term->size), others, LETTERS_MAX);
    uint32_t distance = text_distance(letters, count, others, other_count, most);
    if (distance <= most)
        return distance == 1 ? 7 : 4;
    if (count >= 3 && other_count > count && memcmp(letters, others, count * sizeof *letters) == 0)
        return 5; /* what was typed so far */
    return 0;
}

static void add_like(struct asked *asked, uint32_t term, uint32_t likeness, uint64_t postings)
{
    uint32_t at = asked->like_count;
    if (at == SEARCH_LIKE_MAX && asked->like[at - 1].likeness >= likeness)
        return;
    if (at < SEARCH_LIKE_MAX)
        asked->like_count++;
    else
        at--;
    for (; at > 0 && asked->like[at - 1].likeness < likeness; at--)
        asked->like[at] = asked->like[at - 1];
    asked->like[at].term = term;
    asked->like[at].likeness = likeness;
    asked->postings += postings;
}

static void find_alike(const struct search *search, struct bytes text, struct asked *asked)
{
    struct alike alike;
    uint32_t letters[LETTERS_MAX], count = text_letters(text, letters, LETTERS_MAX);
    if (count < 3)
        return;
    memset(alike.slots, 0, sizeof alike.slots);
    alike.used_count = 0;
    count_shared(search, text, &alike);
    uint32_t checked = 0;
    for (uint32_t shared = count + 1; shared >= 2 && checked < ALIKE_CHECKED_MAX; shared--) {
        for (uint32_t i = 0; i < alike.used_count && checked < ALIKE_CHECKED_MAX; i++) {
            uint32_t at = alike.used[i], term = alike.slots[at].term - 1;
            if (alike.slots[at].shared != shared || postings_of(search, term) == 0)
                continue;
            checked++;
            uint32_t like = likeness(letters, count, &search->terms[term]);
            if (like > 0)
                add_like(asked, term, like, postings_of(search, term));
        }
    }
}

/* A run of Hangul, Han or Kana that no product has as it is written: two terms that products have,
 * if it is these one behind the other. False: it is not. */
static bool split_run(const struct search *search, struct bytes run, struct asked *ret_two)
{
    for (size_t at = 1; at < run.size; at++) {
        if ((unsigned char)run.at[0] < 0xE0 || ((unsigned char)run.at[at] & 0xC0) == 0x80)
            continue;
        struct bytes halves[2] = {bytes_of(run.at, at), bytes_of(run.at + at, run.size - at)};
        bool good = true;
        for (int i = 0; i < 2; i++) {
            uint32_t term = search_find_term(search, halves[i]);
            uint64_t postings = postings_of(search, term);
            ret_two[i] = (struct asked){.weight = 1};
            if (postings > 0)
                add_like(&ret_two[i], term, SAME, postings);
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
        asked->weight *= logf(1 + (float)catalogue->present / (float)asked->postings);
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
        uint32_t term = search_find_term(search, text);
        uint64_t postings = postings_of(search, term);
        *one = (struct asked){.weight = terms.at[i].part ? PART_WEIGHT : 1};
        if (postings > 0) {
            add_like(one, term, SAME, postings);
        } else if (!terms.at[i].part && count + 1 < SEARCH_QUERY_TERMS_MAX &&
                   split_run(search, text, one)) {
            count += take_asked(catalogue, one++);
        } else if (!terms.at[i].part) {
            find_alike(search, text, one);
        }
        count += take_asked(catalogue, one);
    }
    return count;
}

/* ---- a question, and the score ---- */

struct question {
    const struct search *search;
    const struct catalogue *catalogue;
    struct asked asked[SEARCH_QUERY_TERMS_MAX]; /* the rarest first */
    uint32_t asked_count;
    uint32_t finding;   /* the first so many find, the others only rank */
    uint32_t patterned; /* the first so many tell patterns apart */
    float all;          /* sum of the weights */
    struct {
        uint32_t term, asked, likeness;
    } wanted[SEARCH_QUERY_TERMS_MAX * SEARCH_LIKE_MAX];
    uint32_t wanted_count;
    uint64_t filter[FILTER_BITS / 64]; /* words of the catalogue with one of these, and others */
    uint64_t steps_left, exact_left;
    bool sampling; /* everything, in the end: what is known must not come twice */
    bool unbounded;
    struct search_result *best;
    uint32_t count, length;
};

static void filter_words(struct question *question)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < question->wanted_count; i++)
        all += question->search->terms[question->wanted[i].term].words.count;
    memset(question->filter, all > FILTER_WORDS_MAX ? 0xFF : 0, sizeof question->filter);
    for (uint32_t i = 0; i < question->wanted_count && all <= FILTER_WORDS_MAX; i++) {
        const struct numbers *words = &question->search->terms[question->wanted[i].term].words;
        for (uint32_t k = 0; k < words->count; k++)
            question->filter[words->at[k] % FILTER_BITS / 64] |= 1ull << words->at[k] % 64;
    }
}

static void add_field(const struct question *question, const struct text_row *text, uint32_t weight,
                      uint32_t *frequencies)
{
    const uint32_t *terms = text_row_terms(text);
    for (uint32_t i = 0; i < text->count; i++)
        for (uint32_t k = 0; k < question->wanted_count; k++)
            if (question->wanted[k].term == (terms[i] & ~SEARCH_PART))
                frequencies[question->wanted[k].asked] +=
                    search_weight(terms[i], weight) * question->wanted[k].likeness;
}

/* Also the bound of a pattern: it never falls when a frequency grows, whatever is rounded, since
 * each operation on its own keeps the order. */
static float score_of(const struct question *question, const uint32_t *frequencies)
{
    float score = 0, matched = 0;
    for (uint32_t k = 0; k < question->asked_count; k++) {
        double frequency = (double)frequencies[k] / (SEARCH_WEIGHT_ONE * SAME);
        if (frequencies[k] == 0)
            continue;
        matched += question->asked[k].weight;
        score += question->asked[k].weight *
                 (float)(frequency * (SATURATION + 1) / (frequency + SATURATION));
    }
    return question->all > 0 ? score * (.5f + .5f * (matched / question->all)) : 0;
}

static float exact_score(const struct question *question, uint32_t number)
{
    const struct catalogue *catalogue = question->catalogue;
    struct words words = product_all_words(&catalogue->products[number]);
    uint32_t frequencies[SEARCH_QUERY_TERMS_MAX] = {0};
    add_field(question, &question->search->titles[number], SEARCH_TITLE_WEIGHT, frequencies);
    for (uint32_t i = 0; i < words.count; i++) {
        uint32_t word = words.at[i];
        if (question->filter[word % FILTER_BITS / 64] >> word % 64 & 1)
            add_field(question, &question->search->words[word],
                      search_field_weights[catalogue->words.at[word].kind], frequencies);
    }
    return score_of(question, frequencies);
}

static bool better(const struct search_result *a, float score, uint32_t product)
{
    return a->score > score || (!(a->score < score) && a->product < product);
}

static void keep(struct question *question, uint32_t product, float score)
{
    struct search_result *best = question->best;
    uint32_t at = question->count;
    if (at == question->length && better(&best[at - 1], score, product))
        return;
    for (uint32_t i = 0; question->sampling && i < question->count; i++)
        if (best[i].product == product)
            return;
    if (at < question->length)
        question->count++;
    else
        at--;
    for (; at > 0 && !better(&best[at - 1], score, product); at--)
        best[at] = best[at - 1];
    best[at] = (struct search_result){.product = product, .score = score};
}

/* ---- patterns ---- */

/* The products that have these terms of the patterned ones, and none of the others, upwards. */
struct pattern {
    uint32_t mask;
    float bound; /* of their scores */
};

struct visit {
    const struct pattern *pattern;
    const struct asked *lead; /* the shortest list; NULL: all are bits */
    const struct asked *must[SEARCH_FIND_TERMS_MAX], *not[SEARCH_FIND_TERMS_MAX];
    uint32_t must_count, not_count;                                         /* without the lead */
    uint32_t must_at[SEARCH_FIND_TERMS_MAX], not_at[SEARCH_FIND_TERMS_MAX]; /* in their lists */
    uint32_t batch[BATCH], batch_count;
    uint32_t scored;
    uint32_t step; /* places from one that is looked at to the next */
};

/* No product from this one upwards can come among the best. */
static bool is_beaten(const struct question *question, float bound, uint32_t product)
{
    return question->count == question->length &&
           better(&question->best[question->length - 1], bound, product);
}

static void fetch_product(const struct question *question, uint32_t number)
{
    const struct product *product = &question->catalogue->products[number];
    size_t size = product->starts[PRODUCT_KINDS] * sizeof(uint32_t);
    for (size_t at = 0; at < size; at += 64)
        __builtin_prefetch(product->data + at);
    __builtin_prefetch(text_row_terms(&question->search->titles[number]));
}

/* Scores what was gathered. False: enough. */
static bool score_batch(struct question *question, struct visit *visit)
{
    for (uint32_t i = 0; i < visit->batch_count; i++)
        fetch_product(question, visit->batch[i]);
    for (uint32_t i = 0; i < visit->batch_count; i++) {
        uint32_t product = visit->batch[i];
        if (is_beaten(question, visit->pattern->bound, product) || question->exact_left == 0)
            return false;
        if (!product_available(&question->catalogue->products[product])) {
            question->steps_left -=
                question->steps_left < UNAVAILABLE_STEPS ? question->steps_left : UNAVAILABLE_STEPS;
            continue;
        }
        float score = exact_score(question, product);
        visit->scored++;
        question->exact_left--;
        if (score > 0)
            keep(question, product, score);
    }
    visit->batch_count = 0;
    return true;
}

static bool gather(struct question *question, struct visit *visit, uint32_t product)
{
    __builtin_prefetch(&question->catalogue->products[product]);
    __builtin_prefetch(&question->search->titles[product]);
    visit->batch[visit->batch_count++] = product;
    return visit->batch_count < BATCH || score_batch(question, visit);
}

/* Where many are scored and none beats the rest by its bound, the rest is sampled evenly. */
static void lengthen_step(const struct question *question, struct visit *visit, uint32_t at,
                          uint32_t end)
{
    if (question->unbounded || visit->step > 1 || visit->scored < FIRST_MAX)
        return;
    uint64_t rest = (uint64_t)visit->scored * (end - at) / (at + 1);
    visit->step = 1 + (uint32_t)(rest / SAMPLE);
}

static bool take_step(struct question *question)
{
    if (question->steps_left == 0)
        return false;
    question->steps_left--;
    return true;
}

/* `product` goes upwards from call to call. */
static bool in_set(const struct product_set *set, uint32_t *at, uint32_t product)
{
    if (set->dense)
        return product_set_word(set, product / 64) >> product % 64 & 1;
    *at = product_set_seek(set, *at, product);
    return *at < set->count && set->list[*at] == product;
}

static bool fits(struct visit *visit, uint32_t product)
{
    for (uint32_t i = 0; i < visit->must_count; i++)
        if (!in_set(visit->must[i]->products, &visit->must_at[i], product))
            return false;
    for (uint32_t i = 0; i < visit->not_count; i++)
        if (in_set(visit->not[i]->products, &visit->not_at[i], product))
            return false;
    return true;
}

static void visit_list(struct question *question, struct visit *visit)
{
    const struct product_set *list = visit->lead->products;
    for (uint32_t i = 0; i < list->count && take_step(question); i += visit->step) {
        uint32_t product = list->list[i];
        if (!fits(visit, product))
            continue;
        if (!gather(question, visit, product))
            return;
        lengthen_step(question, visit, i, list->count);
    }
    score_batch(question, visit);
}

/* 64 products of the pattern, but for what the lists say. */
static uint64_t pattern_word(const struct visit *visit, uint32_t word)
{
    uint64_t bits = product_set_word(visit->must[0]->products, word);
    for (uint32_t i = 1; i < visit->must_count && bits; i++)
        bits &= product_set_word(visit->must[i]->products, word);
    for (uint32_t i = 0; i < visit->not_count && bits; i++)
        if (visit->not[i]->products->dense)
            bits &= ~product_set_word(visit->not[i]->products, word);
    return bits;
}

static void visit_bits(struct question *question, struct visit *visit)
{
    uint32_t words = visit->must[0]->products->capacity;
    for (uint32_t word = 0; word < words && take_step(question); word += visit->step) {
        for (uint64_t left = pattern_word(visit, word); left; left &= left - 1) {
            uint32_t product = word * 64 + (uint32_t)__builtin_ctzll(left);
            if (fits(visit, product) && !gather(question, visit, product))
                return;
        }
        lengthen_step(question, visit, word, words);
    }
    score_batch(question, visit);
}

static void visit_pattern(struct question *question, const struct pattern *pattern, uint32_t step,
                          uint32_t not_mask)
{
    struct visit visit = {.pattern = pattern, .step = step};
    for (uint32_t k = 0; k < question->patterned; k++) {
        const struct asked *asked = &question->asked[k];
        if (!(pattern->mask >> k & 1)) {
            if (not_mask >> k & 1)
                visit.not[visit.not_count++] = asked;
        } else if (!asked->products->dense &&
                   (visit.lead == NULL || asked->products->count < visit.lead->products->count)) {
            if (visit.lead)
                visit.must[visit.must_count++] = visit.lead;
            visit.lead = asked;
        } else {
            visit.must[visit.must_count++] = asked;
        }
    }
    if (visit.lead)
        visit_list(question, &visit);
    else
        visit_bits(question, &visit);
}

static int highest_bound(const void *a, const void *b)
{
    const struct pattern *x = a, *y = b;
    if (x->bound > y->bound || x->bound < y->bound)
        return x->bound > y->bound ? -1 : 1;
    return (x->mask > y->mask) - (x->mask < y->mask);
}

static float bound_of(const struct question *question, uint32_t mask)
{
    uint32_t frequencies[SEARCH_QUERY_TERMS_MAX];
    for (uint32_t k = 0; k < question->asked_count; k++)
        frequencies[k] = k >= question->patterned || mask >> k & 1 ? question->asked[k].most : 0;
    return score_of(question, frequencies);
}

static void visit_patterns(struct question *question)
{
    struct pattern patterns[PATTERNS_MAX];
    uint32_t count = 0, all = (1u << question->patterned) - 1;
    for (uint32_t mask = 1; mask <= all; mask++)
        if (mask & ((1u << question->finding) - 1))
            patterns[count++] = (struct pattern){.mask = mask, .bound = bound_of(question, mask)};
    qsort(patterns, count, sizeof *patterns, highest_bound);
    for (uint32_t i = 0; i < count && !is_beaten(question, patterns[i].bound, 0); i++)
        visit_pattern(question, &patterns[i], 1, all);
    if (question->steps_left > 0 || question->count == question->length)
        return;
    /* Much work for nothing, as with many frequent terms no two of which are together. */
    const struct product_set *rarest = question->asked[0].products;
    uint32_t places = rarest->dense ? rarest->capacity : rarest->count;
    struct pattern any = {.mask = 1, .bound = bound_of(question, all)};
    question->steps_left = question->exact_left = SAMPLE;
    question->sampling = true;
    visit_pattern(question, &any, 1 + places / SAMPLE, 0);
}

/* ---- asking ---- */

static int rarest_first(const void *a, const void *b)
{
    const struct asked *x = a, *y = b;
    if (x->postings != y->postings)
        return (x->postings > y->postings) - (x->postings < y->postings);
    return (x->place > y->place) - (x->place < y->place);
}

static void find_products(const struct search *search, struct asked *asked)
{
    const struct product_set *sets[SEARCH_LIKE_MAX];
    for (uint32_t i = 0; i < asked->like_count; i++) {
        const struct term_row *term = &search->terms[asked->like[i].term];
        sets[i] = &term->products;
        asked->most += term->most * asked->like[i].likeness;
    }
    asked->products = sets[0];
    if (asked->like_count > 1) {
        product_set_unite(sets, asked->like_count, &asked->united);
        asked->products = &asked->united;
    }
}

static void prepare(struct question *question)
{
    struct asked *asked = question->asked;
    for (uint32_t k = 0; k < question->asked_count; k++)
        asked[k].place = k;
    qsort(asked, question->asked_count, sizeof *asked, rarest_first);
    for (uint32_t k = 0; k < question->asked_count; k++) {
        find_products(question->search, &asked[k]);
        question->all += asked[k].weight;
        question->patterned += k < SEARCH_FIND_TERMS_MAX;
        question->finding +=
            k < SEARCH_FIND_TERMS_MAX && asked[k].postings <= asked[0].postings * COMMON_TIMES;
        for (uint32_t i = 0; i < asked[k].like_count; i++) {
            question->wanted[question->wanted_count].term = asked[k].like[i].term;
            question->wanted[question->wanted_count].asked = k;
            question->wanted[question->wanted_count++].likeness = asked[k].like[i].likeness;
        }
    }
    filter_words(question);
}

static uint32_t answer(const struct search *search, const struct catalogue *catalogue,
                       struct bytes query, uint32_t length, bool unbounded,
                       struct search_result *ret_results)
{
    struct question question;
    question.asked_count = read_query(search, catalogue, query, question.asked);
    if (question.asked_count == 0)
        return 0;
    question.search = search;
    question.catalogue = catalogue;
    question.finding = question.patterned = question.wanted_count = question.count = 0;
    question.all = 0;
    question.steps_left = unbounded ? UINT64_MAX : SEARCH_SCAN_MAX;
    question.exact_left = unbounded ? UINT64_MAX : SEARCH_EXACT_MAX;
    question.sampling = false;
    question.unbounded = unbounded;
    question.best = ret_results;
    question.length = length;
    prepare(&question);
    if (length > 0)
        visit_patterns(&question);
    for (uint32_t k = 0; k < question.asked_count; k++)
        product_set_release(&question.asked[k].united);
    return question.count;
}

uint32_t search_top(const struct search *search, const struct catalogue *catalogue,
                    struct bytes query, uint32_t length, struct search_result *ret_results)
{
    return answer(search, catalogue, query, length, false, ret_results);
}

uint32_t search_all(const struct search *search, const struct catalogue *catalogue,
                    struct bytes query, uint32_t length, struct search_result *ret_results)
{
    return answer(search, catalogue, query, length, true, ret_results);
}
