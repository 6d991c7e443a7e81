/* Searching. The cases in tests/cases/search are queries to the simulated mall, one a file:
 *
 *     query: wool coat navy
 *     10 category Women > Outerwear > Coats
 *     8 attribute material=Wool
 *
 * of the first ten results at least so many must have the word of that kind. */
#include "processors/recommend/search/search.h"
#include "tests/test.h"
#include "tools/mall.h"

#include <dirent.h>
#include <math.h>

static const struct catalogue_limits limits = {.products_max = 200000,
                                               .attribute_names_max = 1000,
                                               .attribute_values_max = 100000,
                                               .product_attributes_max = 100};

static void put_mall(struct catalogue *catalogue)
{
    struct mall_settings settings = {
        .seed = 1, .products = 3000, .visitors = 10, .events_per_s = 1};
    struct mall *mall = mall_new(&settings);
    for (uint32_t i = 0; i < mall_product_count(mall); i++) {
        struct event product;
        mall_product(mall, i, &product);
        CHECK_INT(catalogue_put(catalogue, &product), CATALOGUE_NEW);
    }
    mall_free(mall);
}

static void check_expectation(const struct catalogue *catalogue, const char *file, char *line,
                              const struct search_result *results, uint32_t count)
{
    char *kind_name, *text;
    unsigned long least = strtoul(line, &kind_name, 10), having = 0;
    kind_name += strspn(kind_name, " ");
    text = strchr(kind_name, ' ');
    if (text == NULL) {
        CHECK_SAY(false, "%s: '%s' is no expectation", file, line);
        return;
    }
    *text++ = '\0';
    int kind = 0;
    while (kind < WORD_KINDS && strcmp(word_kind_names[kind], kind_name) != 0)
        kind++;
    uint32_t word = kind == WORD_KINDS
                        ? WORD_NONE
                        : catalogue_word(catalogue, (enum word_kind)kind, bytes_text(text));
    CHECK_SAY(word != WORD_NONE, "%s: there is no %s '%s'", file, kind_name, text);
    for (uint32_t i = 0; i < count && word != WORD_NONE; i++)
        having += catalogue_has(catalogue, results[i].product, word);
    CHECK_SAY(having >= least, "%s: %lu of %u results are %s '%s', not %lu", file, having, count,
              kind_name, text, least);
}

/* "first ID": it is the only product with the highest score. "not ID": it is not found. */
static bool check_product(const struct catalogue *catalogue, const char *file, const char *line,
                          const struct search_result *results, uint32_t count)
{
    bool first = strncmp(line, "first ", 6) == 0, absent = strncmp(line, "not ", 4) == 0;
    if (!first && !absent)
        return false;
    struct bytes id = bytes_text(line + (first ? 6 : 4));
    uint32_t at = 0;
    while (at < count && !bytes_equal(product_id(&catalogue->products[results[at].product]), id))
        at++;
    CHECK_SAY(absent ? at == count : at == 0 && count > 0, "%s: '%s' does not hold", file, line);
    if (first && count > 1)
        CHECK_SAY(results[0].score > results[1].score, "%s: '%s', but not alone", file, line);
    return true;
}

/* "product: ID TITLE | BRAND" */
static void put_product(struct catalogue *catalogue, char *text)
{
    struct event event;
    char *title = strchr(text, ' '), *brand = strstr(text, " | ");
    event_init(&event, EVENT_PRODUCT);
    if (title)
        *title++ = '\0';
    if (brand)
        *brand = '\0';
    event.item_id = bytes_text(text);
    event.title = bytes_text(title);
    if (brand)
        event.item_brand = bytes_text(brand + 3);
    catalogue_put(catalogue, &event);
}

/* A case has products of its own, or it is about the mall's. */
static void run_case(const struct search_index *search, const struct catalogue *catalogue,
                     const char *path, const char *name)
{
    char *line = NULL;
    size_t capacity = 0;
    struct search_result results[10];
    uint32_t count = 0;
    struct catalogue *own = catalogue_new(&limits);
    struct search_index *own_search = search_index_new(own);
    FILE *file = fopen(path, "r");
    CHECK_SAY(file != NULL, "%s can't be opened", path);
    while (file && getline(&line, &capacity, file) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "query: ", 7) == 0)
            count = search_top(search, catalogue, bytes_text(line + 7), 10, results);
        else if (strncmp(line, "product: ", 9) == 0) {
            catalogue = own;
            search = own_search;
            put_product(own, line + 9);
        } else if (*line && !check_product(catalogue, name, line, results, count))
            check_expectation(catalogue, name, line, results, count);
    }
    if (getenv("WEFT_TEST_SHOW"))
        for (uint32_t i = 0; i < count; i++)
            printf("%s %.3f %.*s\n", name, (double)results[i].score,
                   (int)product_title(&catalogue->products[results[i].product]).size,
                   product_title(&catalogue->products[results[i].product]).at);
    if (file)
        fclose(file);
    free(line);
    catalogue_free(own);
    search_index_free(own_search);
}

static void test_cases(void)
{
    struct catalogue *catalogue = catalogue_new(&limits);
    struct search_index *search = search_index_new(catalogue);
    int cases = 0;
    put_mall(catalogue);
    DIR *dir = opendir(WEFT_CASES_DIR "/search");
    CHECK(dir != NULL);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/search/%s", WEFT_CASES_DIR, entry->d_name);
        run_case(search, catalogue, path, entry->d_name);
        cases++;
    }
    CHECK(cases >= 30);
    if (dir)
        closedir(dir);
    catalogue_free(catalogue);
    search_index_free(search);
}

static void put(struct catalogue *catalogue, const char *id, const char *title, const char *colour)
{
    struct event event;
    struct bytes colours = bytes_text(colour);
    event_init(&event, EVENT_PRODUCT);
    event.item_id = bytes_text(id);
    event.title = bytes_text(title);
    event.colors = (struct event_strings){&colours, colour ? 1 : 0, 0};
    catalogue_put(catalogue, &event);
}

static uint32_t ask(const struct search_index *search, const struct catalogue *catalogue,
                    const char *query, const char *first)
{
    struct search_result results[SEARCH_RESULTS_MAX];
    uint32_t count = search_top(search, catalogue, bytes_text(query), SEARCH_RESULTS_MAX, results);
    if (first && count > 0)
        CHECK_BYTES(product_id(&catalogue->products[results[0].product]), bytes_text(first));
    else
        CHECK_SAY(first == NULL, "'%s' finds nothing", query);
    for (uint32_t i = 1; i < count; i++)
        CHECK(results[i - 1].score >= results[i].score);
    return count;
}

/* The index keeps up with what changes. */
static void test_changes(void)
{
    struct catalogue *catalogue = catalogue_new(&limits);
    struct search_index *search = search_index_new(catalogue);
    put(catalogue, "a", "Wool Coat", "Navy");
    put(catalogue, "b", "Cotton Shirt", "Navy");
    CHECK_INT(ask(search, catalogue, "coat", "a"), 1);
    CHECK_INT(ask(search, catalogue, "navy", "a"), 2);
    CHECK_INT(ask(search, catalogue, "navy shirt", "b"), 2);
    CHECK_INT(ask(search, catalogue, "umbrella", NULL), 0);
    CHECK_INT(ask(search, catalogue, "", NULL), 0);
    CHECK_INT(ask(search, catalogue, "shirrt", "b"), 1);
    CHECK_INT(ask(search, catalogue, "cotto", "b"), 1);
    CHECK_INT(ask(search, catalogue, "umbrella coat", "a"), 1); /* a missing term removes nothing */
    put(catalogue, "a", "Silk Dress", NULL);
    CHECK_INT(ask(search, catalogue, "navy", "b"), 1);
    CHECK_INT(ask(search, catalogue, "wool", NULL), 0);
    CHECK_INT(ask(search, catalogue, "silk", "a"), 1);
    catalogue_delete(catalogue, bytes_text("b"));
    CHECK_INT(ask(search, catalogue, "navy", NULL), 0);
    put(catalogue, "c", "Scarf", "Ruby"); /* takes the number of the word Navy */
    CHECK_INT(ask(search, catalogue, "navy", NULL), 0);
    CHECK_INT(ask(search, catalogue, "ruby", "c"), 1);
    for (int i = 0; i < 1000; i++)
        put(catalogue, "a", i % 2 ? "Silk Dress" : "Linen Dress", NULL);
    CHECK_INT(ask(search, catalogue, "silk dress", "a"), 1);
    catalogue_free(catalogue);
    search_index_free(search);
}

/* Random catalogues: whatever has all terms of the query is found, and first. */
static void test_random(void)
{
    static const char *const words[] = {"alpha", "bravo",   "charlie", "delta",
                                        "echo",  "foxtrot", "golf",    "hotel"};
    struct random random = random_from(71);
    struct catalogue *catalogue = catalogue_new(&limits);
    struct search_index *search = search_index_new(catalogue);
    char titles[200][100] = {""};
    for (int round = 0; round < 3000; round++) {
        uint32_t number = random_below(&random, 200);
        char id[20], *title = titles[number];
        snprintf(id, sizeof id, "%u", number);
        title[0] = '\0';
        if (random_one_in(&random, 4)) {
            catalogue_delete(catalogue, bytes_text(id));
        } else {
            for (uint32_t k = 1 + random_below(&random, 4); k > 0; k--)
                snprintf(title + strlen(title), 100 - strlen(title), "%s ",
                         words[random_below(&random, 8)]);
            put(catalogue, id, title, NULL);
        }
        if (round % 10)
            continue;
        struct search_result results[SEARCH_RESULTS_MAX];
        const char *one = words[random_below(&random, 8)], *two = words[random_below(&random, 8)];
        char query[50];
        snprintf(query, sizeof query, "%s %s", one, two);
        uint32_t both = 0, count = search_top(search, catalogue, bytes_text(query),
                                              SEARCH_RESULTS_MAX, results);
        for (uint32_t i = 0; i < 200; i++)
            both += titles[i][0] && strstr(titles[i], one) && strstr(titles[i], two);
        for (uint32_t i = 0; i < both && i < SEARCH_RESULTS_MAX; i++) {
            struct bytes found = i < count ? product_title(&catalogue->products[results[i].product])
                                           : bytes_of("", 0);
            char *copy = memory_text(found);
            CHECK_SAY(strstr(copy, one) && strstr(copy, two), "'%s': place %u is '%s'", query, i,
                      copy);
            free(copy);
        }
    }
    catalogue_free(catalogue);
    search_index_free(search);
}

/* ---- against a scan ---- */

#define NAIVE_TERMS 8

/* Adds a field's weight to the terms of the query. */
static void add_naive(struct bytes text, double weight, const struct terms *query, double *weights)
{
    struct terms terms;
    text_terms(text, &terms);
    for (uint32_t i = 0; i < terms.count; i++)
        for (uint32_t k = 0; k < query->count; k++)
            if (bytes_equal(bytes_of(terms.at[i].text, terms.at[i].size),
                            bytes_of(query->at[k].text, query->at[k].size)))
                weights[k] += terms.at[i].part ? .35 * weight : weight;
}

static void weigh_naive(const struct catalogue *catalogue, uint32_t number,
                        const struct terms *query, double *weights)
{
    static const double kinds[PRODUCT_KINDS] = {2, 2, 2, 1, 1, 1, 1};
    const struct product *product = &catalogue->products[number];
    struct words words = product_all_words(product);
    add_naive(product_title(product), 2, query, weights);
    for (uint32_t i = 0; i < words.count; i++) {
        const struct word *word = &catalogue->words.at[words.at[i]];
        struct bytes text = bytes_of(word->text, word->size);
        const char *at = word->kind == WORD_CATEGORY    ? memrchr(text.at, '>', text.size)
                         : word->kind == WORD_ATTRIBUTE ? memchr(text.at, '=', text.size)
                                                        : NULL;
        if (at)
            text = bytes_of(at + 1, text.size - (size_t)(at + 1 - text.at));
        add_naive(text, kinds[word->kind], query, weights);
    }
}

/* The score of each product; 0 if the query does not find it. */
static void score_naive(const struct catalogue *catalogue, const char *query, double *ret_scores)
{
    static double weights[4000][NAIVE_TERMS];
    struct terms terms;
    uint32_t with[NAIVE_TERMS] = {0}, rarest = UINT32_MAX;
    double idf[NAIVE_TERMS], all = 0;
    text_terms(bytes_text(query), &terms);
    CHECK(terms.count <= NAIVE_TERMS && terms.count <= SEARCH_FIND_TERMS_MAX);
    memset(weights, 0, sizeof weights);
    for (uint32_t i = 0; i < catalogue->product_count; i++)
        if (!catalogue->products[i].gone)
            weigh_naive(catalogue, i, &terms, weights[i]);
    for (uint32_t i = 0; i < catalogue->product_count; i++)
        for (uint32_t k = 0; k < terms.count; k++)
            with[k] += weights[i][k] > 0;
    for (uint32_t k = 0; k < terms.count; k++) {
        CHECK_SAY(with[k] > 0, "'%s' has a term that no product has", query);
        idf[k] = log(1 + (double)catalogue->present / with[k]) * (terms.at[k].part ? .35 : 1);
        rarest = with[k] < rarest ? with[k] : rarest;
        all += idf[k];
    }
    for (uint32_t i = 0; i < catalogue->product_count; i++) {
        double score = 0, matched = 0;
        bool found = false;
        for (uint32_t k = 0; k < terms.count; k++) {
            double weight = weights[i][k];
            found = found || (weight > 0 && with[k] <= 64 * rarest);
            matched += weight > 0 ? idf[k] : 0;
            score += idf[k] * weight * 2.2 / (weight + 1.2);
        }
        ret_scores[i] = found && product_available(&catalogue->products[i])
                            ? score * (.5 + .5 * matched / all)
                            : 0;
    }
}

/* The results are the best of all, in order, ties by number. */
static void check_best(const struct catalogue *catalogue, const char *query, const double *scores,
                       const struct search_result *results, uint32_t count, uint32_t length)
{
    uint32_t positive = 0, better = 0;
    for (uint32_t i = 0; i < count; i++) {
        double score = scores[results[i].product];
        CHECK_SAY(fabs(score - (double)results[i].score) < 1e-4, "'%s': place %u scores %f, not %f",
                  query, i, (double)results[i].score, score);
        if (i > 0)
            CHECK(results[i - 1].score > results[i].score ||
                  (results[i - 1].score >= results[i].score &&
                   results[i - 1].product < results[i].product));
    }
    for (uint32_t i = 0; i < catalogue->product_count; i++)
        positive += scores[i] > 0;
    CHECK_INT(count, positive < length ? positive : length);
    if (count == 0)
        return;
    double last = scores[results[count - 1].product];
    for (uint32_t i = 0; i < catalogue->product_count; i++)
        better +=
            scores[i] > last + 1e-4 || (scores[i] > last - 1e-9 && i < results[count - 1].product);
    CHECK_SAY(better <= count - 1, "'%s': %u products are better than the last of %u", query,
              better, count);
}

/* One to four words of one product's title, the last one sometimes another's. */
static void make_query(const struct catalogue *catalogue, struct random *random, char *query,
                       size_t size)
{
    uint32_t wanted = 1 + random_below(random, 4);
    query[0] = '\0';
    for (uint32_t k = 0; k < wanted; k++) {
        uint32_t number = random_below(random, catalogue->product_count);
        struct terms terms;
        if (catalogue->products[number].gone)
            continue;
        text_terms(product_title(&catalogue->products[number]), &terms);
        const struct term *term = &terms.at[random_below(random, terms.count)];
        if (!term->part && term->size < 40 && (unsigned char)term->text[0] < 0x80)
            snprintf(query + strlen(query), size - strlen(query), "%.*s ", (int)term->size,
                     term->text);
    }
}

/* Whatever the bounds say can be left out changes nothing; the bounds of work, little. */
static void test_against_scan(void)
{
    static double scores[4000];
    struct random random = random_from(72);
    struct catalogue *catalogue = catalogue_new(&limits);
    struct search_index *search = search_index_new(catalogue);
    uint32_t same = 0, all = 0;
    put_mall(catalogue);
    for (uint32_t i = 0; i < 3000; i += 1 + random_below(&random, 20)) {
        char id[TERM_BYTES_MAX];
        struct bytes from = product_id(&catalogue->products[i]);
        snprintf(id, sizeof id, "%.*s", (int)from.size, from.at);
        if (random_one_in(&random, 3))
            catalogue_delete(catalogue, bytes_text(id));
        else
            put(catalogue, id, i % 2 ? "Wool Coat Coat Denim" : "Jeans", i % 3 ? "Blue" : NULL);
    }
    for (int i = 0; i < 150; i++) {
        struct search_result results[SEARCH_RESULTS_MAX], exact[SEARCH_RESULTS_MAX];
        uint32_t length = i % 3 ? 20 : SEARCH_RESULTS_MAX;
        char query[200];
        make_query(catalogue, &random, query, sizeof query);
        if (query[0] == '\0')
            continue;
        uint32_t wanted = search_all(search, catalogue, bytes_text(query), length, exact);
        uint32_t count = search_top(search, catalogue, bytes_text(query), length, results);
        score_naive(catalogue, query, scores);
        check_best(catalogue, query, scores, exact, wanted, length);
        CHECK_INT(count, wanted);
        for (uint32_t k = 0; k < count; k++)
            same += results[k].product == exact[k].product;
        all += wanted;
    }
    CHECK_SAY(same > all / 100 * 95, "%u of %u places are the exact ones", same, all);
    if (getenv("WEFT_TEST_SHOW"))
        printf("%u of %u places are the exact ones\n", same, all);
    catalogue_free(catalogue);
    search_index_free(search);
}

/* Frequent terms of which no two are together: the work has a bound, and something is found. Sets
 * do not keep what is deleted. */
static void test_bounded(void)
{
    static const char *const words[] = {"alpha", "bravo", "charlie", "delta", "echo", "foxtrot"};
    struct catalogue *catalogue = catalogue_new(&limits);
    struct search_index *search = search_index_new(catalogue);
    struct search_result results[10];
    for (uint32_t i = 0; i < 200000; i++) {
        char id[20];
        snprintf(id, sizeof id, "%u", i);
        put(catalogue, id, words[i % 6], NULL);
    }
    struct bytes query = bytes_text("alpha bravo charlie delta echo foxtrot");
    CHECK_INT(search_top(search, catalogue, query, 10, results), 10);
    for (uint32_t i = 1; i < 10; i++) /* all score the same */
        CHECK(results[i].product > results[i - 1].product);
    size_t bytes = search_index_bytes(search);
    for (uint32_t i = 0; i < 200000; i++) {
        char id[20];
        snprintf(id, sizeof id, "%u", i);
        catalogue_delete(catalogue, bytes_text(id));
    }
    CHECK(search_index_bytes(search) + 6 * 200000 / 8 * 3 / 4 <
          bytes); /* a bit each, of six terms */
    CHECK_INT(search_top(search, catalogue, query, 10, results), 0);
    catalogue_free(catalogue);
    search_index_free(search);
}

/* ---- more terms than there is room for ---- */

#define ROOM 60
#define CROWD 90 /* products, of which most have a word of their own */

static bool finds(const struct search_index *search, const struct catalogue *catalogue,
                  const char *query, const char *id)
{
    struct search_result results[SEARCH_RESULTS_MAX];
    uint32_t count = search_top(search, catalogue, bytes_text(query), SEARCH_RESULTS_MAX, results);
    for (uint32_t i = 0; i < count; i++)
        if (bytes_equal(product_id(&catalogue->products[results[i].product]), bytes_text(id)))
            return true;
    return false;
}

static uint32_t count_in(const struct text_row *row, uint32_t term)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < row->count; i++)
        count += (text_row_terms(row)[i] & ~SEARCH_PART) == term;
    return count;
}

static bool has_number(const struct numbers *numbers, uint32_t number)
{
    for (uint32_t i = 0; i < numbers->count; i++)
        if (numbers->at[i] == number)
            return true;
    return false;
}

/* Whether the product has the term by its title or a word, as its rows say. */
static bool rows_have(const struct search_index *index, const struct catalogue *catalogue,
                      uint32_t product, uint32_t term)
{
    struct words words = product_all_words(&catalogue->products[product]);
    uint32_t count = count_in(&index->titles[product], term);
    for (uint32_t i = 0; i < words.count; i++)
        count += count_in(&index->words[words.at[i]], term);
    return count > 0;
}

/* Nothing refers to a term that is gone, and all that a term refers to has it. */
static void check_index(const struct search_index *index, const struct catalogue *catalogue)
{
    CHECK(index->term_count <= index->terms_max);
    for (uint32_t term = 0; term < index->term_count; term++) {
        const struct term_row *row = &index->terms[term];
        CHECK_INT(search_index_term(index, bytes_of(row->text, row->size)), term);
        for (uint32_t product = 0; product < catalogue->product_count; product++)
            CHECK_INT(product_set_has(&row->products, product),
                      rows_have(index, catalogue, product, term));
        for (uint32_t word = 0; word < catalogue->words.count; word++)
            if (catalogue->words.at[word].text && word < index->word_capacity)
                CHECK_INT(has_number(&row->words, word), count_in(&index->words[word], term) > 0);
    }
    for (uint32_t i = 0; i < index->pair_count; i++) {
        const struct numbers *terms = &index->pairs[i].terms;
        CHECK(terms->count > 0);
        for (uint32_t k = 0; k < terms->count; k++) {
            CHECK(terms->at[k] < index->term_count);
            CHECK(k == 0 || terms->at[k] > terms->at[k - 1]);
        }
    }
}

/* A flood of invented words: the newest product is always found, words of many products stay, and
 * the same changes give the same index. */
static void test_too_many_terms(void)
{
    struct catalogue *catalogues[2];
    struct search_index *indexes[2];
    for (int turn = 0; turn < 2; turn++) {
        struct random random = random_from(9);
        hash_index_seed((uint64_t)turn + 1); /* no result depends on it */
        catalogues[turn] = catalogue_new(&limits);
        indexes[turn] = search_index_new(catalogues[turn]);
        search_index_limit(indexes[turn], ROOM);
        for (uint32_t i = 0; i < 1500; i++) {
            char id[16], title[80], colour[24];
            uint32_t number = random_below(&random, CROWD);
            snprintf(id, sizeof id, "%u", number);
            if (random_one_in(&random, 9)) {
                catalogue_delete(catalogues[turn], bytes_text(id));
                continue;
            }
            snprintf(title, sizeof title, "Coat zz%uq wool%u%s", i, i % 8,
                     i % 5 ? "" : " ä¸­æ");
            snprintf(colour, sizeof colour, "blue%u", random_below(&random, 200));
            put(catalogues[turn], id, title, i % 3 ? colour : NULL);
            snprintf(title, sizeof title, "zz%uq", i);
            CHECK_SAY(finds(indexes[turn], catalogues[turn], title, id), "%s is lost", title);
            if (i > 100)
                CHECK(finds(indexes[turn], catalogues[turn], "coat", id));
            if (i % 50 == 0)
                check_index(indexes[turn], catalogues[turn]);
        }
        check_index(indexes[turn], catalogues[turn]);
        CHECK(search_index_evicted(indexes[turn]) > 1000);
    }
    CHECK_INT(indexes[0]->term_count, indexes[1]->term_count);
    for (uint32_t i = 0; i < indexes[0]->term_count; i++)
        CHECK_BYTES(bytes_of(indexes[0]->terms[i].text, indexes[0]->terms[i].size),
                    bytes_of(indexes[1]->terms[i].text, indexes[1]->terms[i].size));
    for (int turn = 0; turn < 2; turn++) {
        catalogue_free(catalogues[turn]);
        search_index_free(indexes[turn]);
    }
}

int main(void)
{
    TEST_RUN(test_cases);
    TEST_RUN(test_changes);
    TEST_RUN(test_random);
    TEST_RUN(test_against_scan);
    TEST_RUN(test_bounded);
    TEST_RUN(test_too_many_terms);
    return test_done();
}
