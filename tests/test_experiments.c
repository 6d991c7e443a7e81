/* The file of experiments: its mistakes, who gets which variant, and the identity of an experiment.
 * With WEFT_TEST_LONG=1 the draws are counted over ten million visitors. */
#include "processors/recommend/lists/experiment_keys.h"
#include "processors/recommend/lists/experiments.h"
#include "processors/runtime/config.h"
#include "tests/test.h"

#include <math.h>

static struct placements built_in;

/* ---- the file ---- */

static void check_wrong(const char *text, const char *expected)
{
    struct experiments experiments = {0};
    struct error error = {0};
    CHECK_SAY(experiments_parse(bytes_text(text), &built_in, &experiments, &error) == VERDICT_SKIP,
              "'%s' is taken", text);
    CHECK_CONTAINS(error.message, expected);
    CHECK_INT(experiments.count, 0);
}

static struct experiments parse(const char *text)
{
    struct experiments experiments = {0};
    struct error error = {0};
    CHECK_SAY(experiments_parse(bytes_text(text), &built_in, &experiments, &error) == VERDICT_OK,
              "%s", error.message);
    return experiments;
}

static void test_mistakes(void)
{
    check_wrong("experimant a", "line 1: a line begins with experiment, variant or holdout, not "
                                "'experimant' (experiment?)");
    check_wrong("\nvariant a 50%", "line 2: an experiment's line belongs before");
    check_wrong("experiment", "after 'experiment' a name");
    check_wrong("experiment a:b", "'a:b'");
    check_wrong("experiment a@b", "'a@b'");
    check_wrong("experiment a", "line 1: experiment 'a' has fewer than two variants");
    check_wrong("experiment a\nvariant b 50%", "fewer than two variants");
    check_wrong("experiment a placement hone", "there is no placement 'hone' (home?)");
    check_wrong("experiment a placement email", "no lists at this placement (placements.off)");
    check_wrong("experiment a placement", "a name is missing after 'placement'");
    check_wrong("experiment a placement home placement home", "stands there twice: 'home'");
    check_wrong("experiment a placements home", "'placements' (placement?)");
    check_wrong("experiment a share 20", "a share such as 20%");
    check_wrong("experiment a share 101%", "not '101%'");
    check_wrong("experiment a share 0%", "not '0%'");
    check_wrong("experiment a share nan%", "not 'nan%'");
    check_wrong("experiment a channel", "after 'channel' one name");
    check_wrong("experiment a channel b channel c", "after 'channel' one name");
    check_wrong("experiment a from 2026-12-02 to 2026-12-01", "'to' is not after 'from'");
    check_wrong("experiment a from now", "a day such as 2026-12-24");
    check_wrong("experiment a\nvariant b 60%\nvariant c 50%",
                "line 3: the shares of the variants of 'a' are more than 100% together; at most "
                "40% are left for 'c'");
    check_wrong("experiment a\nvariant b 50%\nvariant b 50%",
                "line 3: two variants have this name");
    check_wrong("experiment a\nvariant holdout 50%", "for a hold-out write: holdout 10%");
    check_wrong("experiment a\nholdout 5% list.brand.max=2", "has no settings");
    check_wrong("experiment a\nholdout 5%\nholdout 5%", "line 3: two variants have this name");
    check_wrong("experiment a\nvariant b 50%\nvariant c 50%\n\nexperiment a",
                "line 5: two experiments have this name; choose another one for 'a'");
    check_wrong("experiment a\nvariant b 50% brands", "only settings such as list.brand.max=2");
    check_wrong("experiment a\nvariant b 50% =2", "only settings such as list.brand.max=2");
    check_wrong("experiment a share 60% layer l\nvariant b 50%\nvariant c 50%\n"
                "experiment d share 50% layer l\nvariant b 50%\nvariant c 50%",
                "line 4: the shares of the experiments that run at this time are more than 100% in "
                "the layer 'l'");
}

static void test_key_mistakes(void)
{
    check_wrong("experiment a\nvariant b 50% list.brands.max=2", "(list.brand.max?)");
    check_wrong("experiment a\nvariant b 50% ranker.features.off=price",
                "line 2: a variant can't set this key, since it changes what is learned, for "
                "everybody; leave it out: 'ranker.features.off'");
    check_wrong("experiment a\nvariant b 50% placements.home.context=cart",
                "metrics count by them");
    check_wrong("experiment a\nvariant b 50% placements.home.lenght=4", "(placements.*.length?)");
    check_wrong("experiment a\nvariant b 50% placements.hone.length=4", "'hone' (home?)");
    check_wrong("experiment a\nvariant b 50% vectors.items.max=4", "one for everybody");
    check_wrong("experiment a placement home\nvariant b 50% placements.cart.length=4",
                "line 2: the experiment does not play there; add 'placement cart' to line 1 for "
                "'placements.cart.length'");
    check_wrong("experiment a\nvariant b 50% list.brand.max=2 list.brand.max=3",
                "the key stands there twice");
    check_wrong("experiment a\nvariant b 50%\nvariant c 50% list.brand.max=2\n"
                "experiment d placement home\nvariant b 50%\nvariant c 50% list.brand.max=3",
                "line 6: experiment 'a' in line 1 sets the same key for the same lists; put both "
                "into one layer");
}

static void test_many_mistakes(void)
{
    char path[] = "/tmp/weft-test-experiments-XXXXXX";
    struct buffer mistakes = {0};
    FILE *file = fdopen(mkstemp(path), "w");
    CHECK(file && fputs("experiment a share 2\nvariant b 200%\n"
                        "experiment c\nvariant d 200%\nvariant e 50% ranker=1\n",
                        file) >= 0);
    CHECK(fclose(file) == 0);
    CHECK(experiments_check(path, &built_in, &mistakes) == VERDICT_SKIP);
    buffer_byte(&mistakes, '\0');
    CHECK_CONTAINS(mistakes.at, "line 1: after 'share'");
    CHECK_CONTAINS(mistakes.at, "line 4: after 'd' a share");
    CHECK_CONTAINS(mistakes.at, "line 5: a variant can set only keys that shape lists");
    CHECK_CONTAINS(mistakes.at, path);
    unlink(path);
    buffer_clear(&mistakes);
    CHECK(experiments_check(path, &built_in, &mistakes) == VERDICT_SKIP);
    buffer_byte(&mistakes, '\0');
    CHECK_CONTAINS(mistakes.at, "can't open the experiments /tmp");
    buffer_release(&mistakes);
}

static void test_parse(void)
{
    struct experiments experiments =
        parse("# one\n"
              "experiment fresh placement home placement cart share 12.5% layer front "
              "channel \"the app\" gender female from 2026-12-01 to 2026-12-15T12:00\n"
              "  variant today 45%\r\n"
              "  variant new 45% placements.home.generators=forward,popular:.2 # two\n"
              "  holdout 10%\n");
    CHECK_INT(experiments.count, 1);
    const struct experiment *experiment = experiments.at;
    CHECK(strcmp(experiment->name, "fresh") == 0 && strcmp(experiment->layer, "front") == 0);
    CHECK(strcmp(experiment->channel, "the app") == 0 && strcmp(experiment->gender, "female") == 0);
    CHECK_INT(experiment->placement_count, 2);
    CHECK_INT(experiment->begin, 0);
    CHECK_INT(experiment->parts, 125000);
    CHECK_INT(experiment->from_ms, 1796083200000);
    CHECK_INT(experiment->to_ms, 1797336000000);
    CHECK_INT(experiment->variant_count, 3);
    CHECK_INT(experiment->variants[1].parts, 450000);
    CHECK_INT(experiment->variants[1].setting_count, 1);
    CHECK_INT(experiment->variants[1].line, 4);
    CHECK(strcmp(experiment->variants[1].settings[0].value, "forward,popular:.2") == 0);
    CHECK(experiment->variants[2].holdout && !experiment->variants[1].holdout);
    CHECK(experiment_plays_at(experiment, "cart") && !experiment_plays_at(experiment, "product"));
    experiments_release(&experiments);
}

static void test_example(void)
{
    struct experiments experiments = {0};
    struct error error = {0};
    CHECK_SAY(experiments_read(WEFT_SOURCE_DIR "/deploy/experiments.example", &built_in,
                               &experiments, &error) == VERDICT_OK,
              "%s", error.message);
    CHECK_INT(experiments.count, 2);
    CHECK_INT(experiments.at[1].begin, 500000);
    experiments_release(&experiments);
}

/* Each key that a variant may set is one that the configuration knows. */
static void test_keys(void)
{
    for (size_t i = 0; i < experiment_key_count; i++) {
        bool known = strncmp(experiment_keys[i], "placements.", 11) == 0;
        for (size_t k = 0; !known && k < config_key_count; k++)
            known = strcmp(config_keys[k].name, experiment_keys[i]) == 0;
        CHECK_SAY(known, "there is no key %s", experiment_keys[i]);
    }
}

/* ---- draws ---- */

static uint64_t key_hash(uint64_t visitor)
{
    char key[32];
    int size = snprintf(key, sizeof key, "visitor-%" PRIu64, visitor);
    return bytes_hash(bytes_of(key, (size_t)size));
}

/* The draws are the same in each process and version: these figures never change. */
static void test_vectors(void)
{
    struct experiments experiments =
        parse("experiment fresh share 50% layer front\n variant today 50%\n variant new 30%\n");
    const struct experiment *fresh = experiments.at;
    CHECK_INT(experiment_place(experiment_seed(bytes_text("front"), DRAW_LAYER),
                               bytes_hash(bytes_text("v-1"))),
              270572);
    CHECK_INT(experiment_place(experiment_seed(bytes_text("fresh"), DRAW_SHARE),
                               bytes_hash(bytes_text("v-1"))),
              481435);
    CHECK_INT(experiment_place(experiment_seed(bytes_text("fresh"), DRAW_VARIANT),
                               bytes_hash(bytes_text("v-1"))),
              329112);
    CHECK_INT(experiment_place(experiment_seed(bytes_text("fresh"), DRAW_VARIANT),
                               bytes_hash(bytes_text("besucher-ä"))),
              176274);
    char drawn[41] = "";
    for (uint64_t i = 0; i < 40; i++)
        drawn[i] = (char)('1' + experiment_variant(fresh, key_hash(i)));
    CHECK_SAY(strcmp(drawn, "1120002200010210210010000000010000101001") == 0, "%s", drawn);
    CHECK_SAY(strcmp(fresh->id, "fresh@470feb3f") == 0, "%s", fresh->id);
    experiments_release(&experiments);
}

/* Chi-square of `cells` counts that are expected to be equal, as deviations of a normal (Wilson,
 * Hilferty 1931). */
static double chi_square_z(const uint64_t *counts, int cells, double expected)
{
    double chi = 0, degrees = cells - 1;
    for (int i = 0; i < cells; i++)
        chi += ((double)counts[i] - expected) * ((double)counts[i] - expected) / expected;
    return (cbrt(chi / degrees) - 1 + 2 / (9 * degrees)) / sqrt(2 / (9 * degrees));
}

#define CELLS 100
#define PAIRED 10
#define DRAWN 4 /* experiments that are compared with each other */

static void test_uniform(void)
{
    static uint64_t counts[DRAWN][CELLS], pairs[DRAWN][DRAWN][PAIRED * PAIRED];
    const char *const names[DRAWN] = {"a", "b", "fresh", "fresh2"};
    uint64_t visitors = test_stride(2, 1) == 1 ? 10000000 : 200000, seeds[DRAWN];
    for (int i = 0; i < DRAWN; i++)
        seeds[i] = experiment_seed(bytes_text(names[i]), i == 3 ? DRAW_LAYER : DRAW_VARIANT);
    for (uint64_t visitor = 0; visitor < visitors; visitor++) {
        uint64_t hash = key_hash(visitor);
        uint32_t places[DRAWN];
        for (int i = 0; i < DRAWN; i++) {
            places[i] = experiment_place(seeds[i], hash);
            counts[i][places[i] / (EXPERIMENT_PARTS / CELLS)]++;
        }
        for (int i = 0; i < DRAWN; i++)
            for (int k = 0; k < i; k++)
                pairs[i][k][places[i] / (EXPERIMENT_PARTS / PAIRED) * PAIRED +
                            places[k] / (EXPERIMENT_PARTS / PAIRED)]++;
    }
    for (int i = 0; i < DRAWN; i++) {
        double z = chi_square_z(counts[i], CELLS, (double)visitors / CELLS);
        CHECK_SAY(fabs(z) < 3.5, "%s: z = %.2f", names[i], z);
        for (int k = 0; k < i; k++) {
            z = chi_square_z(pairs[i][k], PAIRED * PAIRED, (double)visitors / PAIRED / PAIRED);
            CHECK_SAY(fabs(z) < 3.5, "%s and %s: z = %.2f", names[i], names[k], z);
        }
    }
}

/* Shares come out as the file has them, and no visitor is in two experiments of a layer. */
static void test_layers(void)
{
    struct experiments experiments =
        parse("experiment a share 30% layer l\n variant x 50%\n variant y 50%\n"
              "experiment b share 70% layer l\n variant x 20%\n variant y 30%\n"
              "experiment c share 25%\n variant x 50%\n variant y 50%\n");
    int counts[3][2] = {{0}}, both = 0, a_and_c = 0;
    for (uint64_t i = 0; i < 100000; i++) {
        char key[32];
        int8_t variants[EXPERIMENTS_MAX];
        snprintf(key, sizeof key, "visitor-%" PRIu64, i);
        struct experiment_visitor visitor = {.key = bytes_text(key)};
        uint32_t in = experiments_assign(&experiments, &visitor, variants);
        CHECK_INT(in, (variants[0] >= 0) + (variants[1] >= 0) + (variants[2] >= 0));
        for (int k = 0; k < 3; k++)
            if (variants[k] != EXPERIMENT_NONE)
                counts[k][variants[k]]++;
        both += variants[0] >= 0 && variants[1] >= 0;
        a_and_c += variants[0] >= 0 && variants[2] >= 0;
    }
    CHECK_INT(both, 0);
    const int expected[3][2] = {{15000, 15000}, {14000, 21000}, {12500, 12500}};
    for (int k = 0; k < 3; k++)
        for (int v = 0; v < 2; v++)
            CHECK_SAY(abs(counts[k][v] - expected[k][v]) < 500, "%d %d: %d", k, v, counts[k][v]);
    CHECK(abs(a_and_c - 7500) < 350);
    experiments_release(&experiments);
}

/* An experiment takes the first places that are free while it runs. */
static void test_places(void)
{
    struct experiments experiments =
        parse("experiment a share 40% layer l to 2026-12-01\n variant x 50%\n variant y 50%\n"
              "experiment b share 30% layer l\n variant x 50%\n variant y 50%\n"
              "experiment c share 40% layer l from 2026-12-01\n variant x 50%\n variant y 50%\n"
              "experiment d share 30% layer l from 2026-11-01\n variant x 50%\n variant y 50%\n"
              "experiment e share 100% layer m\n variant x 50%\n variant y 50%\n");
    const uint32_t begins[] = {0, 400000, 0, 700000, 0};
    for (uint32_t i = 0; i < experiments.count; i++)
        CHECK_INT(experiments.at[i].begin, begins[i]);
    experiments_release(&experiments);
}

static int variant_of(const struct experiments *experiments, struct experiment_visitor visitor,
                      uint32_t experiment)
{
    int8_t variants[EXPERIMENTS_MAX];
    experiments_assign(experiments, &visitor, variants);
    return variants[experiment];
}

static void test_who_and_when(void)
{
    struct experiments experiments =
        parse("experiment a channel app gender female from 2026-12-01 to 2026-12-02\n"
              " variant x 50%\n variant y 50%\n");
    const struct experiment_visitor good = {
        .key = bytes_text("v"),
        .channel = bytes_text("app"),
        .gender = bytes_text("female"),
        .time_ms = experiments.at[0].from_ms,
    };
    struct experiment_visitor other = good;
    CHECK(variant_of(&experiments, good, 0) != EXPERIMENT_NONE);
    other.channel = bytes_text("web");
    CHECK_INT(variant_of(&experiments, other, 0), EXPERIMENT_NONE);
    other = good;
    other.gender = bytes_of(NULL, 0);
    CHECK_INT(variant_of(&experiments, other, 0), EXPERIMENT_NONE);
    other = good;
    other.time_ms--;
    CHECK_INT(variant_of(&experiments, other, 0), EXPERIMENT_NONE);
    other.time_ms = experiments.at[0].to_ms;
    CHECK_INT(variant_of(&experiments, other, 0), EXPERIMENT_NONE);
    other.time_ms--;
    CHECK_INT(variant_of(&experiments, other, 0), variant_of(&experiments, good, 0));
    experiments_release(&experiments);
}

/* A hold-out's visitor is in no other experiment at its placements. */
static void test_holdout(void)
{
    struct experiments experiments =
        parse("experiment a placement home\n variant x 50%\n variant y 50%\n"
              "experiment b placement home placement cart\n variant x 50%\n holdout 50%\n"
              "experiment c placement cart\n variant x 50%\n holdout 50%\n"
              "experiment d placement product\n variant x 50%\n variant y 50%\n");
    int held_out = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        char key[32];
        int8_t variants[EXPERIMENTS_MAX];
        char text[EXPERIMENTS_TEXT_MAX + 1];
        snprintf(key, sizeof key, "visitor-%" PRIu64, i);
        struct experiment_visitor visitor = {.key = bytes_text(key)};
        experiments_assign(&experiments, &visitor, variants);
        bool b = variants[1] == 1, c = variants[2] == 1;
        held_out += b;
        CHECK_INT(variants[0] == EXPERIMENT_NONE, b);
        CHECK(!b || variants[2] == EXPERIMENT_NONE);
        CHECK(!c || variants[1] == EXPERIMENT_NONE);
        CHECK(variants[3] != EXPERIMENT_NONE);
        text[experiments_text(&experiments, variants, text).size] = '\0';
        CHECK_INT(strstr(text, "b@") && strstr(text, ":holdout,d@"), b);
    }
    CHECK(abs(held_out - 500) < 70);
    experiments_release(&experiments);
}

/* ---- identity ---- */

#define BASE "experiment a placement home share 20% layer l from 2026-12-01"
#define VARIANTS "\n variant x 50%\n variant y 50% list.brand.max=2\n"

static void check_id(const char *text, const char *former, bool same)
{
    struct experiments experiments = parse(text);
    const char *id = experiments.count ? experiments.at[experiments.count - 1].id : "";
    CHECK_SAY((strcmp(id, former) == 0) == same, "%s: %s, before %s", text, id, former);
    experiments_release(&experiments);
}

static void test_identity(void)
{
    struct experiments experiments = parse(BASE VARIANTS);
    char id[EXPERIMENT_ID_BYTES_MAX];
    strcpy(id, experiments.at[0].id);
    experiments_release(&experiments);
    CHECK_INT(strlen(id), 10);
    check_id(BASE " to 2026-12-20" VARIANTS, id, true); /* its end may be moved */
    check_id("# x\n\n" BASE "  # y" VARIANTS, id, true);
    check_id("experiment b share 50%\n variant x 50%\n variant z 50%\n" BASE VARIANTS, id, true);
    check_id(BASE " channel web" VARIANTS, id, false);
    check_id(BASE " gender web" VARIANTS, id, false);
    check_id(BASE " placement cart" VARIANTS, id, false);
    check_id("experiment a placement home share 21% layer l from 2026-12-01" VARIANTS, id, false);
    check_id("experiment a placement home share 20% layer m from 2026-12-01" VARIANTS, id, false);
    check_id("experiment a placement home share 20% layer l from 2026-12-02" VARIANTS, id, false);
    check_id(BASE "\n variant x 50%\n variant z 50% list.brand.max=2\n", id, false);
    check_id(BASE "\n variant x 50%\n variant y 49% list.brand.max=2\n", id, false);
    check_id(BASE "\n variant x 50%\n variant y 50% list.brand.max=3\n", id, false);
    check_id(BASE "\n variant x 50% list.brand.max=2\n variant y 50%\n", id, false);
    /* other visitors would take part */
    check_id("experiment b share 50% layer l\n variant x 50%\n variant z 50%\n" BASE VARIANTS, id,
             false);
}

int main(void)
{
    struct error error = {0};
    placements_init(&built_in);
    CHECK(placements_finish(&built_in, "email", &error) == VERDICT_OK);
    TEST_RUN(test_mistakes);
    TEST_RUN(test_key_mistakes);
    TEST_RUN(test_many_mistakes);
    TEST_RUN(test_parse);
    TEST_RUN(test_example);
    TEST_RUN(test_keys);
    TEST_RUN(test_vectors);
    TEST_RUN(test_uniform);
    TEST_RUN(test_layers);
    TEST_RUN(test_places);
    TEST_RUN(test_who_and_when);
    TEST_RUN(test_holdout);
    TEST_RUN(test_identity);
    return test_done();
}
