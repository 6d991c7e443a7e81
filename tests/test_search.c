/* Searching. The cases in tests/cases/search are queries to the simulated mall, one a file:
 *
 *     query: wool coat navy
 *     10 category Women > Outerwear > Coats
 *     8 attribute material=Wool
 *
 * of the first ten results at least so many must have the word of that kind. */
#include "processors/recommend/search.h"
#include "tests/test.h"
#include "tools/mall.h"

#include <dirent.h>

static const struct catalogue_limits limits = {.products_max = 100000,
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
    uint32_t word = kind == WORD_KINDS ? WORD_NONE
                                       : catalogue_word(catalogue, (enum word_kind)kind,
                                                        bytes_text(text));
    CHECK_SAY(word != WORD_NONE, "%s: there is no %s '%s'", file, kind_name, text);
    for (uint32_t i = 0; i < count && word != WORD_NONE; i++)
        having += catalogue_has(catalogue, results[i].product, word);
    CHECK_SAY(having >= least, "%s: %lu of %u results are %s '%s', not %lu", file, having, count,
              kind_name, text, least);
}

static void run_case(const struct search *search, const struct catalogue *catalogue,
                     const char *path, const char *name)
{
    char *line = NULL;
    size_t capacity = 0;
    struct search_result results[10];
    uint32_t count = 0;
    FILE *file = fopen(path, "r");
    CHECK_SAY(file != NULL, "%s can't be opened", path);
    while (file && getline(&line, &capacity, file) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "query: ", 7) == 0)
            count = search_top(search, catalogue, bytes_text(line + 7), 10, results);
        else if (*line)
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
}

static void test_cases(void)
{
    struct catalogue *catalogue = catalogue_new(&limits);
    struct search *search = search_new(catalogue);
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
    search_free(search);
}

static void put(struct catalogue *catalogue, const char *id, const char *title, const char *colour)
{
    struct event event;
    struct bytes colours = bytes_text(colour);
    event_init(&event, EVENT_PRODUCT);
    event.item_id = bytes_text(id);
    event.title = bytes_text(title);
    event.colors = (struct event_strings){&colours, colour ? 1 : 0};
    catalogue_put(catalogue, &event);
}

static uint32_t ask(const struct search *search, const struct catalogue *catalogue,
                    const char *query, const char *first)
{
    struct search_result results[SEARCH_RESULTS_MAX];
    uint32_t count =
        search_top(search, catalogue, bytes_text(query), SEARCH_RESULTS_MAX, results);
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
    struct search *search = search_new(catalogue);
    put(catalogue, "a", "Wool Coat", "Navy");
    put(catalogue, "b", "Cotton Shirt", "Navy");
    CHECK_INT(ask(search, catalogue, "coat", "a"), 1);
    CHECK_INT(ask(search, catalogue, "navy", "a"), 2);
    CHECK_INT(ask(search, catalogue, "navy shirt", "b"), 2);
    CHECK_INT(ask(search, catalogue, "umbrella", NULL), 0);
    CHECK_INT(ask(search, catalogue, "", NULL), 0);
    CHECK_INT(ask(search, catalogue, "shirrt", "b"), 1);
    CHECK_INT(ask(search, catalogue, "cotto", "b"), 1);
    CHECK_INT(ask(search, catalogue, "umbrella coat", "a"), 1); /* what is not there takes nothing */
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
    search_free(search);
}

/* Random catalogues: whatever has all terms of the query is found, and first. */
static void test_random(void)
{
    static const char *const words[] = {"alpha", "bravo", "charlie", "delta", "echo",
                                        "foxtrot", "golf", "hotel"};
    struct random random = random_from(71);
    struct catalogue *catalogue = catalogue_new(&limits);
    struct search *search = search_new(catalogue);
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
    search_free(search);
}

int main(void)
{
    TEST_RUN(test_cases);
    TEST_RUN(test_changes);
    TEST_RUN(test_random);
    return test_done();
}
