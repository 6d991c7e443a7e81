/* Comparing variants: pairs, and whether the intervals hold what they should. */
#include "tests/test.h"
#include "tools/backtest_basket.h"
#include "tools/backtest_cart.h"
#include "tools/backtest_compare.h"
#include "tools/backtest_interleave.h"
#include "tools/backtest_search.h"

#include <math.h>

static void add_case(struct measured *measured, uint32_t line, uint32_t session, uint32_t rank)
{
    if (measured->count == measured->capacity) {
        measured->capacity = measured->capacity ? 2 * measured->capacity : 1024;
        measured->cases =
            memory_resize(measured->cases, measured->capacity * sizeof *measured->cases);
    }
    measured->cases[measured->count++] =
        (struct test_case){.line = line, .session = session, .rank = rank};
}

static void test_pairs(void)
{
    struct measured a = {0}, b = {0};
    struct difference difference;
    add_case(&a, 1, 0, 1); /* both hit: 1/2 - 1 */
    add_case(&b, 1, 0, 2);
    add_case(&a, 2, 1, 0); /* b alone hits: + 1/4 */
    add_case(&b, 2, 1, 4);
    add_case(&a, 3, 0, 5); /* a alone has the case */
    add_case(&a, 5, 0, 0); /* both miss */
    add_case(&b, 5, 0, 0);
    add_case(&b, 6, 1, 1); /* b alone has it */
    add_case(&a, 7, 1, 1); /* a alone hits: - 1 */
    add_case(&b, 7, 1, 0);
    compare(&a, &b, 1, &difference);
    CHECK_INT(difference.cases, 4);
    CHECK_INT(difference.sessions, 2);
    CHECK_INT(difference.unpaired, 2);
    CHECK_REAL(difference.of[CASE_HR].mean, 0);
    CHECK(fabs(difference.of[CASE_MRR].mean - (-.5 + .25 - 1) / 4) < 1e-12);
    measured_release(&a);
    measured_release(&b);
}

static void test_nothing(void)
{
    struct measured a = {0}, b = {0};
    struct difference difference;
    compare(&a, &b, 1, &difference);
    CHECK_INT(difference.cases, 0);
    CHECK_REAL(difference.of[CASE_HR].low, 0);
    add_case(&a, 1, 0, 3);
    add_case(&b, 1, 0, 3);
    compare(&a, &b, 1, &difference); /* the same: no doubt */
    CHECK_REAL(difference.of[CASE_HR].high, 0);
    CHECK_REAL(difference.of[CASE_MRR].low, 0);
    measured_release(&a);
    measured_release(&b);
}

/* Sessions whose cases hit or miss together: the truth lies in about 95 % of the intervals;
 * intervals over cases, which are taken for independent, hold it less often. */
static uint32_t covered(struct random *random, uint32_t cases_a_session, bool by_case,
                        uint32_t trials)
{
    uint32_t holds = 0;
    for (uint32_t trial = 0; trial < trials; trial++) {
        struct measured a = {0}, b = {0};
        struct difference difference;
        uint32_t line = 0;
        for (uint32_t s = 0; s < 100; s++) {
            bool hit_a = random_below(random, 100) < 50, hit_b = random_below(random, 100) < 60;
            for (uint32_t k = 0; k < cases_a_session; k++, line++) {
                add_case(&a, line, by_case ? line : s, hit_a);
                add_case(&b, line, by_case ? line : s, hit_b);
            }
        }
        compare(&a, &b, trial + 1, &difference);
        CHECK(difference.of[CASE_HR].low <= difference.of[CASE_HR].mean &&
              difference.of[CASE_HR].mean <= difference.of[CASE_HR].high);
        holds += difference.of[CASE_HR].low <= .1 && .1 <= difference.of[CASE_HR].high;
        measured_release(&a);
        measured_release(&b);
    }
    return holds;
}

static void test_coverage(void)
{
    struct random random = random_from(1);
    uint32_t by_session = covered(&random, 5, false, 200), by_case = covered(&random, 5, true, 60);
    CHECK_SAY(by_session >= 178, "%u of 200", by_session);
    CHECK_SAY(by_case < 48, "%u of 60", by_case);
}

static void test_same_seed(void)
{
    struct random random = random_from(2);
    struct measured a = {0}, b = {0};
    struct difference first, again, other;
    for (uint32_t line = 0; line < 300; line++) {
        add_case(&a, line, line / 3, random_below(&random, 21));
        add_case(&b, line, line / 3, random_below(&random, 21));
    }
    compare(&a, &b, 7, &first);
    compare(&a, &b, 7, &again);
    compare(&a, &b, 8, &other);
    CHECK(memcmp(&first, &again, sizeof first) == 0);
    CHECK(memcmp(&first.of[CASE_MRR], &other.of[CASE_MRR], sizeof first.of[CASE_MRR]) != 0);
    CHECK_REAL(first.of[CASE_MRR].mean, other.of[CASE_MRR].mean);
    measured_release(&a);
    measured_release(&b);
}

/* ---- variants ---- */

static void test_variants(void)
{
    struct config base;
    struct variants variants = {0};
    struct error error = {0};
    config_init(&base);
    CHECK(variants_add(&variants, &base, "generators.off=forward,popular,list.items=5", &error) ==
          VERDICT_OK);
    CHECK_TEXT(variants.at[0].config.generators_off, "forward,popular");
    CHECK_INT(variants.at[0].config.settings.list_items, 5);
    CHECK_INT(__builtin_popcountll(variants.at[0].config.settings.recommend.rank.generators_off),
              2);
    CHECK(variants_add(&variants, &base, "", &error) == VERDICT_OK);
    CHECK_INT(variants.at[1].config.settings.list_items, 20);
    CHECK(variants_add(&variants, &base, "list.items=0", &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "list.items");
    error_clear(&error);
    CHECK(variants_add(&variants, &base, "generators.off=nonsense", &error) == VERDICT_SKIP);
    CHECK_INT(variants.count, 2);
    variants_release(&variants);
}

static void test_ablations(void)
{
    static const char groups_of_clicks[] =
        "repeats,forward,backward,previous,two_hop,vectors,items,neighbours,pairs,context";
    struct config base;
    struct variants variants = {0};
    struct error error = {0};
    config_init(&base);
    config_set(&base, "generators.off", "popular", NULL);
    CHECK(variants_add_ablations(&variants, &base, &error) == VERDICT_OK);
    CHECK_TEXT(variants.at[0].text, "");
    const struct recommend_settings *clicks = &variants.at[1].config.settings.recommend;
    for (uint32_t f = 0; f < feature_count; f++) { /* by clicks alone */
        bool of_clicks = !strstr(CLICKS_ALONE_FEATURES, features[f].group);
        CHECK(feature_masked(&clicks->rank.features_off, f) == !of_clicks);
        CHECK_SAY(of_clicks == (strstr(groups_of_clicks, features[f].group) != NULL),
                  "is the group %s of clicks alone?", features[f].group);
    }
    for (int i = 0; i < generator_count; i++) {
        const char *name = generators[i].name;
        bool off = strcmp(name, "popular") == 0 || strstr(CLICKS_ALONE_GENERATORS, name);
        CHECK((clicks->rank.generators_off >> i & 1) == off);
    }
    uint64_t masks[2] = {0, 0}, generators_off = 0;
    for (uint32_t i = 2; i < variants.count; i++) {
        const struct recommend_settings *settings = &variants.at[i].config.settings.recommend;
        bool feature = settings->rank.features_off.words[0] || settings->rank.features_off.words[1];
        generators_off |= settings->rank.generators_off;
        CHECK((masks[0] & settings->rank.features_off.words[0]) ==
              0); /* each column in one group */
        CHECK(feature == (variants.at[i].text[0] == 'r'));
        masks[0] |= settings->rank.features_off.words[0];
        masks[1] |= settings->rank.features_off.words[1];
    }
    CHECK_INT(generators_off, (1ull << generator_count) - 1);
    CHECK_INT(__builtin_popcountll(masks[0]) + __builtin_popcountll(masks[1]), feature_count);
    variants_release(&variants);
}

/* Each generator is the only one in one variant, unranked. */
static void test_alone(void)
{
    struct variants variants = {0};
    struct error error = {0};
    struct config config;
    config_init(&config);
    CHECK(variants_add_alone(&variants, &config, &error) == VERDICT_OK);
    CHECK_INT(variants.count, 1 + generator_count);
    CHECK(!variants.at[0].config.settings.recommend.rank.ranker_off && variants.at[0].brief);
    for (uint32_t i = 1; i < variants.count; i++) {
        const struct recommend_settings *settings = &variants.at[i].config.settings.recommend;
        CHECK(settings->rank.ranker_off);
        CHECK_TEXT(variants.at[i].name, generators[i - 1].name);
        CHECK_INT(settings->rank.generators_off,
                  ((1ull << generator_count) - 1) & ~(1ull << (i - 1)));
    }
    variants_release(&variants);
}

/* `weft backtest --task search` on a shop of twenty products with two words each, bought one after
 * the other: the text finds each product, since no two have the same words. */
static void test_search_task(void)
{
    static const char *const colours[] = {"crimson", "emerald", "ivory", "violet", "amber"};
    static const char *const things[] = {"teapot", "lantern", "cushion", "basket"};
    char *folder = test_new_folder(), path[300], said[300], line[200] = "";
    struct config config;
    struct error error = {0};
    snprintf(path, sizeof path, "%s/events.jsonl", folder);
    snprintf(said, sizeof said, "%s/said", folder);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 20; i++)
        fprintf(file, "{\"type\":\"product\",\"item_id\":\"p%d\",\"title\":\"%s %s\"}\n", i,
                colours[i % 5], things[i / 5]);
    for (int i = 0; i < 400; i++)
        fprintf(
            file,
            "{\"type\":\"purchase\",\"event_id\":\"e%d\",\"visitor_id\":\"v%d\","
            "\"event_time\":%lld,\"transaction_id\":\"t%d\",\"items\":[{\"item_id\":\"p%d\"}]}\n",
            i, i % 7, 1767225600000ll + i * 60000ll, i, i * 7 % 20);
    fclose(file);
    config_init(&config);
    config_set(&config, "list.bought.ms", "0", NULL);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    CHECK(freopen(said, "w", stdout) != NULL);
    char *paths[] = {path};
    CHECK_SAY(search_backtest(&config, NULL, 0, 1, paths, &error) == VERDICT_OK, "%s",
              error.message);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    file = fopen(said, "r");
    unsigned searches = 0;
    CHECK(file && fgets(line, sizeof line, file) && sscanf(line, "%u searches", &searches) == 1);
    CHECK(searches > 20 && searches < 100); /* about an eighth */
    bool list = false, text = false;
    while (file && fgets(line, sizeof line, file)) {
        list = list || (strstr(line, "the visitor's list") && strstr(line, "HR@20 1.0000"));
        text = text || (strstr(line, "the text alone") && strstr(line, "HR@20 1.0000"));
    }
    CHECK(list);
    CHECK(text);
    if (file)
        fclose(file);
    test_remove_folder(folder);
    free(folder);
}

/* Writes a file with a line for each item, all of one kind, and runs a task on its second half.
 * Items 2k and 2k + 1 go together, `gap_ms` apart. Checks the first line of the task's report, and
 * that the method finds each item. */
static void check_pairs_task(enum verdict (*task)(const struct config *config, const char *format,
                                                  double from, int count, char **paths,
                                                  struct error *error),
                             const char *kind, int gap_ms, const char *first, const char *method)
{
    char *folder = test_new_folder(), path[300], said[300], line[200] = "";
    struct config config;
    struct error error = {0};
    snprintf(path, sizeof path, "%s/events.tsv", folder);
    snprintf(said, sizeof said, "%s/said", folder);
    FILE *file = fopen(path, "w");
    fprintf(file, "ts_ms\tuser\tsession\tkind\titem\tcategory\tbrand\tprice\tqty\ttext\n");
    for (int i = 0; i < 400; i++)
        fprintf(file, "%lld\tu%d\t%d\t%s\tp%d\t\t\t1\t1\t\n",
                1767225600000ll + i / 2 * 60000ll + i % 2 * gap_ms, i / 2, i / 2, kind,
                i / 2 % 40 * 2 + i % 2);
    fclose(file);
    config_init(&config);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    CHECK(freopen(said, "w", stdout) != NULL);
    char *paths[] = {path};
    CHECK_SAY(task(&config, NULL, .5, 1, paths, &error) == VERDICT_OK, "%s", error.message);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    file = fopen(said, "r");
    CHECK(file && fgets(line, sizeof line, file));
    CHECK_SAY(strcmp(line, first) == 0, "%s", line);
    bool found = false;
    while (file && fgets(line, sizeof line, file))
        found = found || (strstr(line, method) && strstr(line, " 1.0000"));
    CHECK(found);
    if (file)
        fclose(file);
    test_remove_folder(folder);
    free(folder);
}

/* The lines of a session and a time are one basket; the cart alone leads to what is left out. */
static void test_basket_task(void)
{
    check_pairs_task(basket_backtest, "purchase", 0, "200 baskets, 100 cases\n", "the cart alone");
}

static void test_cart_task(void)
{
    static const char first[] = "100 items put into carts with others\n";
    check_pairs_task(cart_backtest, "cart", 1000, first, "the basket walk alone");
    check_pairs_task(cart_backtest, "cart", 1000, first, "co-cart counts");
}

/* ---- many visitors at a time ---- */

#define SESSIONS 300

static int number_of(struct bytes text)
{
    int number = 0;
    for (size_t i = 0; i < text.size; i++)
        number = number * 10 + text.at[i] - '0';
    return number;
}

/* Each line is there once and a visitor's lines keep their order. Visitors come in their order, at
 * most `active` of them at a time, and times are real ones. */
static void check_interleaved(const struct recorded *recorded, const int *lengths, uint32_t active)
{
    int seen[SESSIONS] = {0}, newest = -1, lines = 0, most = 0, now = 0;
    for (size_t i = 0; i < recorded->count; i++) {
        const struct event *event = &recorded->lines[i].event;
        int visitor = number_of(event_visitor(event));
        int item = number_of(event->items[0].item_id);
        CHECK_INT(event->event_time_ms, INTERLEAVE_START_MS + (int64_t)i);
        CHECK_INT(item, visitor * 10 + seen[visitor]);
        newest = visitor > newest ? visitor : newest;
        CHECK(visitor + (int)active * 40 > newest);
        now += seen[visitor] == 0;
        most = now > most ? now : most;
        now -= ++seen[visitor] == lengths[visitor];
        lines++;
    }
    for (int v = 0; v < SESSIONS; v++) {
        CHECK_INT(seen[v], lengths[v]);
        lines -= lengths[v];
    }
    CHECK_INT(lines, 0);
    CHECK_SAY(most <= (int)active && most > (int)active / 2, "%d of %u", most, active);
    CHECK_INT(recorded->sessions, SESSIONS);
}

static void test_interleave(void)
{
    char *folder = test_new_folder(), path[300];
    int lengths[SESSIONS];
    struct random random = random_from(9);
    struct config config;
    struct error error = {0};
    snprintf(path, sizeof path, "%s/sessions.txt", folder);
    FILE *file = fopen(path, "w");
    for (int v = 0; v < SESSIONS; v++) {
        lengths[v] = 2 + (int)random_below(&random, 8);
        for (int k = 0; k < lengths[v]; k++)
            fprintf(file, "%d%c", v * 10 + k, k + 1 < lengths[v] ? ' ' : '\n');
    }
    fclose(file);
    config_init(&config);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    for (uint32_t active = 1; active <= 40; active += 13) {
        struct recorded recorded = {0};
        char *paths[] = {path};
        CHECK_SAY(recorded_read(&recorded, &config, "sessions", 1, paths, &error) == VERDICT_OK,
                  "%s", error.message);
        recorded_interleave(&recorded, active, config.settings.session_gap_ms);
        check_interleaved(&recorded, lengths, active);
        recorded_release(&recorded);
    }
    test_remove_folder(folder);
    free(folder);
}

int main(void)
{
    TEST_RUN(test_pairs);
    TEST_RUN(test_nothing);
    TEST_RUN(test_coverage);
    TEST_RUN(test_same_seed);
    TEST_RUN(test_variants);
    TEST_RUN(test_ablations);
    TEST_RUN(test_alone);
    TEST_RUN(test_search_task);
    TEST_RUN(test_basket_task);
    TEST_RUN(test_cart_task);
    TEST_RUN(test_interleave);
    return test_done();
}
