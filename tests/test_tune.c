/* `weft tune`: spaces and their mistakes, draws, runs in processes of their own, the journal, and
 * searches whose outcome is known: settings that were spoiled are mended, and where nothing can be
 * learned nothing is better. */
#include "tools/tune_search.h"
#include "tests/test.h"

#include <stdlib.h>
#include <unistd.h>

#define SESSIONS (TEST_SANITIZED ? 1200 : 1800)
#define SESSION_LENGTH 4
#define ITEMS 60
#define START_MS 1700000000000

/* ---- spaces ---- */

static void check_refused(const char *text, const char *reason)
{
    struct space space = {0};
    struct error error = {0};
    CHECK(space_read(&space, bytes_text(text), &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, reason);
    space_release(&space);
}

static void test_mistakes(void)
{
    check_refused("", "the space has no key");
    check_refused("# nothing\n\n", "the space has no key");
    check_refused("price.band = 10\nprice.bend = 10", "line 2: there is no key 'price.bend'");
    check_refused("price.bend = 10", "the nearest is 'price.band'");
    check_refused("price.band", "line 1: write key = value");
    check_refused("price.band = 10 .. 5", "is no range");
    check_refused("price.band = 0 .. 5 log", "LOW over 0");
    check_refused("price.band = 1 .. 5 lin", "is no range");
    check_refused("price.band = 10 | cheap", "price.band");
    check_refused("price.band = 10\nprice.band = 20", "stands here twice");
    check_refused("generators.off = | nobody", "there is no generator 'nobody'");
    check_refused("ranker.candidates = 1 .. 1000000", "ranker.candidates");
}

static const char *const small_space = "# as in a file\n"
                                       "neighbours.postings.max = 5 | 200\r\n"
                                       "generators.off = | two_hop | forward,previous\n"
                                       "ranker.candidates = 32 .. 96\n"
                                       "popularity.half.life.ms = 3600000 .. 2592000000 log";

static void test_draws(void)
{
    struct space space = {0};
    struct error error = {0};
    struct choice choice, child;
    uint64_t state = 7, again = 7;
    uint32_t drawn[4] = {0};
    CHECK_SAY(space_read(&space, bytes_text(small_space), &error) == VERDICT_OK, "%s",
              error.message);
    CHECK_INT(space.count, 4);
    for (int i = 0; i < 500; i++) {
        struct config config;
        uint32_t keys = 0;
        space_draw(&space, &state, &choice);
        for (uint32_t k = 0; k < space.count; k++) {
            drawn[k] += choice.values[k] != NULL;
            keys += choice.values[k] != NULL;
        }
        CHECK(keys > 0);
        config_init(&config);
        CHECK(choice_apply(&space, &choice, &config, &error) == VERDICT_OK);
        if (choice.values[2])
            CHECK(config.settings.recommend.rank.candidates_max >= 32 &&
                  config.settings.recommend.rank.candidates_max <= 96);
        space_mutate(&space, &state, &choice, &child);
        uint32_t changed = 0;
        for (uint32_t k = 0; k < space.count; k++)
            changed += child.values[k] != choice.values[k];
        CHECK(changed <= 2);
    }
    for (int k = 0; k < 4; k++)
        CHECK(drawn[k] > 100);
    space_draw(&space, &again, &choice);
    again = 7;
    space_draw(&space, &again, &child); /* the same seed, the same values */
    for (uint32_t k = 0; k < space.count; k++)
        CHECK((choice.values[k] == NULL) == (child.values[k] == NULL) &&
              (choice.values[k] == NULL || strcmp(choice.values[k], child.values[k]) == 0));
    space_release(&space);
}

static void test_defaults(void)
{
    struct space space = {0};
    struct config config;
    struct choice choice;
    struct buffer text = {0};
    CHECK(space_read(&space, bytes_text(small_space), NULL) == VERDICT_OK);
    config_init(&config);
    CHECK(!space_defaults(&space, &config, &choice));
    CHECK(config_assign(&config, "neighbours.postings.max=5", NULL) == VERDICT_OK);
    CHECK(config_assign(&config, "generators.off=two_hop", NULL) == VERDICT_OK);
    CHECK(space_defaults(&space, &config, &choice));
    choice_text(&space, &choice, &text);
    CHECK_BYTES(buffer_bytes(&text), bytes_text("neighbours.postings.max=200, generators.off="));
    buffer_clear(&text);
    choice_lines(&space, &choice, &text);
    CHECK_BYTES(buffer_bytes(&text), bytes_text("neighbours.postings.max=200\ngenerators.off=\n"));
    buffer_release(&text);
    space_release(&space);
}

/* ---- searches ---- */

/* Sessions in which each item has one successor, or with `noise` none. */
static void record(struct recorded *recorded, bool noise)
{
    struct random random = random_from(11);
    char text[32];
    recorded->lines = memory_zero(SESSIONS * SESSION_LENGTH, sizeof *recorded->lines);
    recorded->capacity = SESSIONS * SESSION_LENGTH;
    for (int s = 0; s < SESSIONS; s++) {
        uint32_t item = random_below(&random, ITEMS);
        for (int i = 0; i < SESSION_LENGTH; i++) {
            struct event event;
            struct event_item one = {.quantity = 1, .price = 5};
            event_init(&event, EVENT_VIEW);
            snprintf(text, sizeof text, "e%d-%d", s, i);
            event.event_id = bytes_text(text);
            event.event_time_ms = START_MS + s * 60000 + i * 1000;
            char visitor[32], id[32];
            snprintf(visitor, sizeof visitor, "v%d", s);
            snprintf(id, sizeof id, "i%u", item);
            event.visitor_id = bytes_text(visitor);
            one.item_id = bytes_text(id);
            event.items = &one;
            event.item_count = 1;
            recorded->lines[recorded->count++] =
                (struct line){.event = event_copy(&event, &recorded->memory)};
            item = noise || random_one_in(&random, 5) ? random_below(&random, ITEMS)
                                                      : (item * 7 + 3) % ITEMS;
        }
    }
    recorded_number_sessions(recorded, 1800000);
}

struct bench {
    struct recorded recorded;
    struct config config;
    struct space space;
    struct tune_job job;
    struct tune_settings settings;
    struct tune_progress progress;
    struct tune_outcome outcome;
};

static void bench_open(struct bench *bench, bool noise, const char *spoiled)
{
    *bench = (struct bench){0};
    record(&bench->recorded, noise);
    config_init(&bench->config);
    CHECK(spoiled == NULL || config_assign(&bench->config, spoiled, NULL) == VERDICT_OK);
    CHECK(space_read(&bench->space,
                     bytes_text("generators.off = | two_hop | repeats,popular\n"
                                "ranker.candidates = 32 .. 96\n"),
                     NULL) == VERDICT_OK);
    bench->job = (struct tune_job){.recorded = &bench->recorded,
                                   .base = &bench->config,
                                   .space = &bench->space,
                                   .settings = {.at = 5, .min_prefix = 1},
                                   .jobs = 2,
                                   .identity = 1};
    bench->settings =
        (struct tune_settings){.measure = CASE_MRR, .hold_out = .2, .candidates = 6, .seed = 1};
}

static enum verdict bench_search(struct bench *bench, struct error *error)
{
    return tune_search(&bench->job, &bench->space, &bench->settings, &bench->progress,
                       &bench->outcome, error);
}

static void bench_close(struct bench *bench)
{
    recorded_release(&bench->recorded);
    space_release(&bench->space);
}

#define SPOILED "generators.off=forward,backward,previous,session_knn,two_hop,carted,bought,repeats"

static void test_mends_spoiled_settings(void)
{
    static struct bench bench;
    struct error error = {0};
    char *folder = test_new_folder(), journal[300];
    bench_open(&bench, false, SPOILED);
    snprintf(journal, sizeof journal, "%s/runs", folder);
    bench.job.journal = journal;
    CHECK_SAY(bench_search(&bench, &error) == VERDICT_OK, "%s", error.message);
    CHECK(bench.outcome.searched && tune_is_better(&bench.outcome, &bench.settings));
    CHECK(bench.outcome.best.values[0] != NULL); /* the spoiled key is set */
    CHECK(tune_mean(&bench.outcome.best_held, CASE_MRR) >
          1.5 * tune_mean(&bench.outcome.base_held, CASE_MRR));
    CHECK(bench.outcome.base_held.cases > 100);
    bench.settings.least_gain = .9; /* more than was gained */
    CHECK(!tune_is_better(&bench.outcome, &bench.settings));
    bench.settings.least_gain = 0;
    CHECK(bench.outcome.best_held.of[CASE_REVENUE] > bench.outcome.base_held.of[CASE_REVENUE]);
    uint64_t runs = bench.job.runs, reused = bench.job.reused; /* the configuration comes again */
    struct difference difference = bench.outcome.difference;
    bench.job.runs = bench.job.reused = 0; /* again: only the held-back part is measured */
    CHECK(bench_search(&bench, &error) == VERDICT_OK);
    CHECK_INT(bench.job.runs, 2);
    CHECK_INT(bench.job.reused, runs + reused - 2);
    CHECK(memcmp(&difference, &bench.outcome.difference, sizeof difference) == 0);
    bench.job.identity = 2; /* other events: the journal says nothing about them */
    bench.job.runs = bench.job.reused = 0;
    CHECK(bench_search(&bench, &error) == VERDICT_OK);
    CHECK_INT(bench.job.runs, runs);
    CHECK_INT(bench.job.reused, reused);
    bench_close(&bench);
    test_remove_folder(folder);
    free(folder);
}

static void test_finds_nothing_in_noise(void)
{
    static struct bench bench;
    struct error error = {0};
    bench_open(&bench, true, NULL);
    CHECK_SAY(bench_search(&bench, &error) == VERDICT_OK, "%s", error.message);
    CHECK(bench.outcome.searched && !tune_is_better(&bench.outcome, &bench.settings));
    bench_close(&bench);
}

static void test_too_few_events(void)
{
    static struct bench bench;
    struct error error = {0};
    bench_open(&bench, false, NULL);
    bench.job.settings.kinds = 1u << EVENT_PURCHASE; /* there are none */
    CHECK(bench_search(&bench, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "step 1 has 0 cases");
    bench_close(&bench);
}

int main(void)
{
    test_mistakes();
    test_draws();
    test_defaults();
    test_mends_spoiled_settings();
    test_finds_nothing_in_noise();
    test_too_few_events();
    return test_done();
}
