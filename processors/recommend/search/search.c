#include "processors/recommend/search/search.h"

#include "processors/recommend/search/search_terms.h"
#include "schemas/top_k.h"

#include <stdlib.h>

#define SATURATION 1.2
#define COMMON_TIMES 64 /* terms so many times as frequent as the rarest only rank */
#define PATTERNS_MAX (1u << SEARCH_FIND_TERMS_MAX)
#define FIRST_MAX 256       /* products of a pattern that are scored before the rest is sampled */
#define SAMPLE 256          /* then about so many */
#define UNAVAILABLE_STEPS 8 /* the steps that a look at an unavailable product counts as */
#define BATCH 16            /* products fetched from memory together */
#define FILTER_BITS 16384
#define FILTER_WORDS_MAX 4096 /* for more words than that, the filter lets all through */

/* ---- a request, and the score ---- */

/* One search on its way. */
struct request {
    const struct search_index *index;
    const struct catalogue *catalogue;
    struct query_term terms[SEARCH_QUERY_TERMS_MAX]; /* the rarest first */
    uint32_t term_count;
    uint32_t finding;   /* the first so many find, the others only rank */
    uint32_t patterned; /* the first so many tell patterns apart */
    float weights;      /* sum of the terms' weights */
    struct {
        uint32_t term;       /* of the index */
        uint32_t query_term; /* that it stands for */
        uint32_t likeness;
    } wanted[SEARCH_QUERY_TERMS_MAX * SEARCH_LIKE_MAX];
    uint32_t wanted_count;
    uint64_t
        filter[FILTER_BITS / 64]; /* bits of the catalogue's words that may have one of these */
    uint64_t steps_left, exact_left;
    bool sampling; /* in the end: products that are known may come again */
    bool unbounded;
    struct top_item best[SEARCH_RESULTS_MAX];
    uint32_t count, length;
};

static void filter_words(struct request *request)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < request->wanted_count; i++)
        all += request->index->terms[request->wanted[i].term].words.count;
    memset(request->filter, all > FILTER_WORDS_MAX ? 0xFF : 0, sizeof request->filter);
    for (uint32_t i = 0; i < request->wanted_count && all <= FILTER_WORDS_MAX; i++) {
        const struct numbers *words = &request->index->terms[request->wanted[i].term].words;
        for (uint32_t k = 0; k < words->count; k++)
            request->filter[words->at[k] % FILTER_BITS / 64] |= 1ull << words->at[k] % 64;
    }
}

static void add_field(const struct request *request, const struct text_row *text, uint32_t weight,
                      uint32_t *frequencies)
{
    const uint32_t *terms = text_row_terms(text);
    for (uint32_t i = 0; i < text->count; i++)
        for (uint32_t k = 0; k < request->wanted_count; k++)
            if (request->wanted[k].term == (terms[i] & ~SEARCH_PART))
                frequencies[request->wanted[k].query_term] +=
                    search_weight(terms[i], weight) * request->wanted[k].likeness;
}

/* Also the bound of a pattern: the score never falls when a frequency grows, however it is rounded,
 * since each operation on its own keeps the order. */
static float score_of(const struct request *request, const uint32_t *frequencies)
{
    float score = 0, matched = 0;
    for (uint32_t k = 0; k < request->term_count; k++) {
        double frequency = (double)frequencies[k] / (SEARCH_WEIGHT_ONE * LIKENESS_SAME);
        if (frequencies[k] == 0)
            continue;
        matched += request->terms[k].weight;
        score += request->terms[k].weight *
                 (float)(frequency * (SATURATION + 1) / (frequency + SATURATION));
    }
    return request->weights > 0 ? score * (.5f + .5f * (matched / request->weights)) : 0;
}

static float exact_score(const struct request *request, uint32_t number)
{
    const struct catalogue *catalogue = request->catalogue;
    struct words words = product_all_words(&catalogue->products[number]);
    uint32_t frequencies[SEARCH_QUERY_TERMS_MAX] = {0};
    add_field(request, &request->index->titles[number], SEARCH_TITLE_WEIGHT, frequencies);
    for (uint32_t i = 0; i < words.count; i++) {
        uint32_t word = words.at[i];
        if (request->filter[word % FILTER_BITS / 64] >> word % 64 & 1)
            add_field(request, &request->index->words[word],
                      search_field_weights[catalogue->words.at[word].kind], frequencies);
    }
    return score_of(request, frequencies);
}

/* No product from this one upwards, with a score of at most `bound`, can come among the best. */
static bool is_beaten(const struct request *request, float bound, uint32_t product)
{
    struct top_item item = {.item = product, .score = bound};
    return request->count == request->length &&
           top_before(request->best[request->length - 1], item);
}

static void keep(struct request *request, uint32_t product, float score)
{
    struct top_item item = {.item = product, .score = score};
    if (is_beaten(request, score, product))
        return;
    for (uint32_t i = 0; request->sampling && i < request->count; i++)
        if (request->best[i].item == product)
            return;
    request->count = top_keep(request->best, request->count, request->length, item);
}

/* ---- patterns ---- */

/* The products that have these terms of the patterned ones, and none of the others. */
struct pattern {
    uint32_t mask;
    float bound; /* of their scores */
};

struct visit {
    const struct pattern *pattern;
    const struct query_term *lead; /* the shortest list; NULL: all are bits */
    const struct query_term *must[SEARCH_FIND_TERMS_MAX], *not[SEARCH_FIND_TERMS_MAX];
    uint32_t must_count, not_count;                                         /* without the lead */
    uint32_t must_at[SEARCH_FIND_TERMS_MAX], not_at[SEARCH_FIND_TERMS_MAX]; /* in their lists */
    uint32_t batch[BATCH], batch_count;
    uint32_t scored;
    uint32_t step; /* places from one that is looked at to the next */
};

static void fetch_product(const struct request *request, uint32_t number)
{
    const struct product *product = &request->catalogue->products[number];
    size_t size = product->starts[PRODUCT_KINDS] * sizeof(uint32_t);
    for (size_t at = 0; at < size; at += 64)
        __builtin_prefetch(product->data + at);
    __builtin_prefetch(text_row_terms(&request->index->titles[number]));
}

/* Scores what was gathered. False: enough. */
static bool score_batch(struct request *request, struct visit *visit)
{
    for (uint32_t i = 0; i < visit->batch_count; i++)
        fetch_product(request, visit->batch[i]);
    for (uint32_t i = 0; i < visit->batch_count; i++) {
        uint32_t product = visit->batch[i];
        if (is_beaten(request, visit->pattern->bound, product) || request->exact_left == 0)
            return false;
        if (!product_available(&request->catalogue->products[product])) {
            request->steps_left -=
                request->steps_left < UNAVAILABLE_STEPS ? request->steps_left : UNAVAILABLE_STEPS;
            continue;
        }
        float score = exact_score(request, product);
        visit->scored++;
        request->exact_left--;
        if (score > 0)
            keep(request, product, score);
    }
    visit->batch_count = 0;
    return true;
}

static bool gather(struct request *request, struct visit *visit, uint32_t product)
{
    __builtin_prefetch(&request->catalogue->products[product]);
    __builtin_prefetch(&request->index->titles[product]);
    visit->batch[visit->batch_count++] = product;
    return visit->batch_count < BATCH || score_batch(request, visit);
}

/* Where many are scored and none beats the rest by its bound, the rest is sampled evenly. */
static void lengthen_step(const struct request *request, struct visit *visit, uint32_t at,
                          uint32_t end)
{
    if (request->unbounded || visit->step > 1 || visit->scored < FIRST_MAX)
        return;
    uint64_t rest = (uint64_t)visit->scored * (end - at) / (at + 1);
    visit->step = 1 + (uint32_t)(rest / SAMPLE);
}

static bool take_step(struct request *request)
{
    if (request->steps_left == 0)
        return false;
    request->steps_left--;
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

static void visit_list(struct request *request, struct visit *visit)
{
    const struct product_set *list = visit->lead->products;
    for (uint32_t i = 0; i < list->count && take_step(request); i += visit->step) {
        uint32_t product = list->list[i];
        if (!fits(visit, product))
            continue;
        if (!gather(request, visit, product))
            return;
        lengthen_step(request, visit, i, list->count);
    }
    score_batch(request, visit);
}

/* 64 products of the pattern as far as its bits tell; fits() asks the lists. */
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

static void visit_bits(struct request *request, struct visit *visit)
{
    uint32_t words = visit->must[0]->products->capacity;
    for (uint32_t word = 0; word < words && take_step(request); word += visit->step) {
        for (uint64_t left = pattern_word(visit, word); left; left &= left - 1) {
            uint32_t product = word * 64 + (uint32_t)__builtin_ctzll(left);
            if (fits(visit, product) && !gather(request, visit, product))
                return;
        }
        lengthen_step(request, visit, word, words);
    }
    score_batch(request, visit);
}

static void visit_pattern(struct request *request, const struct pattern *pattern, uint32_t step,
                          uint32_t not_mask)
{
    struct visit visit = {.pattern = pattern, .step = step};
    for (uint32_t k = 0; k < request->patterned; k++) {
        const struct query_term *term = &request->terms[k];
        if (!(pattern->mask >> k & 1)) {
            if (not_mask >> k & 1)
                visit.not[visit.not_count++] = term;
        } else if (!term->products->dense &&
                   (visit.lead == NULL || term->products->count < visit.lead->products->count)) {
            if (visit.lead)
                visit.must[visit.must_count++] = visit.lead;
            visit.lead = term;
        } else {
            visit.must[visit.must_count++] = term;
        }
    }
    if (visit.lead)
        visit_list(request, &visit);
    else
        visit_bits(request, &visit);
}

static int highest_bound(const void *a, const void *b)
{
    const struct pattern *x = a, *y = b;
    if (x->bound > y->bound || x->bound < y->bound)
        return x->bound > y->bound ? -1 : 1;
    return (x->mask > y->mask) - (x->mask < y->mask);
}

static float bound_of(const struct request *request, uint32_t mask)
{
    uint32_t frequencies[SEARCH_QUERY_TERMS_MAX];
    for (uint32_t k = 0; k < request->term_count; k++)
        frequencies[k] = k >= request->patterned || mask >> k & 1 ? request->terms[k].most : 0;
    return score_of(request, frequencies);
}

static void visit_patterns(struct request *request)
{
    struct pattern patterns[PATTERNS_MAX];
    uint32_t count = 0, all = (1u << request->patterned) - 1;
    for (uint32_t mask = 1; mask <= all; mask++)
        if (mask & ((1u << request->finding) - 1))
            patterns[count++] = (struct pattern){.mask = mask, .bound = bound_of(request, mask)};
    qsort(patterns, count, sizeof *patterns, highest_bound);
    for (uint32_t i = 0; i < count && !is_beaten(request, patterns[i].bound, 0); i++)
        visit_pattern(request, &patterns[i], 1, all);
    if (request->steps_left > 0 || request->count == request->length)
        return;
    /* Much work found too little, as with frequent terms that no product has together. */
    const struct product_set *rarest = request->terms[0].products;
    uint32_t places = rarest->dense ? rarest->capacity : rarest->count;
    struct pattern any = {.mask = 1, .bound = bound_of(request, all)};
    request->steps_left = request->exact_left = SAMPLE;
    request->sampling = true;
    visit_pattern(request, &any, 1 + places / SAMPLE, 0);
}

/* ---- the search ---- */

static void prepare(struct request *request)
{
    const struct query_term *terms = request->terms;
    for (uint32_t k = 0; k < request->term_count; k++) {
        request->weights += terms[k].weight;
        request->patterned += k < SEARCH_FIND_TERMS_MAX;
        request->finding +=
            k < SEARCH_FIND_TERMS_MAX && terms[k].postings <= terms[0].postings * COMMON_TIMES;
        for (uint32_t i = 0; i < terms[k].like_count; i++) {
            request->wanted[request->wanted_count].term = terms[k].like[i].term;
            request->wanted[request->wanted_count].query_term = k;
            request->wanted[request->wanted_count++].likeness = terms[k].like[i].likeness;
        }
    }
    filter_words(request);
}

static uint32_t find(const struct search_index *index, const struct catalogue *catalogue,
                     struct bytes query, uint32_t length, bool unbounded,
                     struct search_result *ret_results)
{
    struct request request;
    request.term_count = search_terms_read(index, catalogue, query, request.terms);
    if (request.term_count == 0)
        return 0;
    request.index = index;
    request.catalogue = catalogue;
    request.finding = request.patterned = request.wanted_count = request.count = 0;
    request.weights = 0;
    request.steps_left = unbounded ? UINT64_MAX : SEARCH_SCAN_MAX;
    request.exact_left = unbounded ? UINT64_MAX : SEARCH_EXACT_MAX;
    request.sampling = false;
    request.unbounded = unbounded;
    request.length = length;
    prepare(&request);
    if (length > 0)
        visit_patterns(&request);
    search_terms_release(request.terms, request.term_count);
    for (uint32_t i = 0; i < request.count; i++)
        ret_results[i] = (struct search_result){request.best[i].item, request.best[i].score};
    return request.count;
}

uint32_t search_top(const struct search_index *index, const struct catalogue *catalogue,
                    struct bytes query, uint32_t length, struct search_result *ret_results)
{
    return find(index, catalogue, query, length, false, ret_results);
}

uint32_t search_all(const struct search_index *index, const struct catalogue *catalogue,
                    struct bytes query, uint32_t length, struct search_result *ret_results)
{
    return find(index, catalogue, query, length, true, ret_results);
}
