/* A file of the shop's experiments. */
#include "processors/recommend/lists/experiments.h"
#include "tests/fuzz.h"

static void check_experiment(const struct experiment *experiment)
{
    uint32_t parts = 0;
    FUZZ_CHECK(experiment->line > 0 && experiment->from_ms < experiment->to_ms);
    FUZZ_CHECK(experiment->begin + experiment->parts <= EXPERIMENT_PARTS);
    FUZZ_CHECK(experiment->variant_count >= 2 && strlen(experiment->id) > 9);
    for (uint32_t i = 0; i < experiment->variant_count; i++) {
        FUZZ_CHECK(experiment->variants[i].parts > 0);
        parts += experiment->variants[i].parts;
    }
    FUZZ_CHECK(parts <= EXPERIMENT_PARTS);
    for (uint64_t hash = 0; hash < 20; hash++)
        FUZZ_CHECK(experiment_variant(experiment, hash << 59) < (int)experiment->variant_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct experiments experiments = {0};
    struct error error = {0};
    struct placements placements;
    placements_init(&placements);
    if (experiments_parse(bytes_of(data, size), size % 2 ? &placements : NULL, &experiments,
                          &error) != VERDICT_OK) {
        FUZZ_CHECK(strncmp(error.message, "line ", 5) == 0 && experiments.count == 0);
        return 0;
    }
    FUZZ_CHECK(experiments.count <= EXPERIMENTS_MAX);
    for (uint32_t i = 0; i < experiments.count; i++)
        check_experiment(&experiments.at[i]);
    int8_t variants[EXPERIMENTS_MAX];
    struct experiment_visitor visitor = {.key = bytes_text("v"), .time_ms = 1796083200000};
    FUZZ_CHECK(experiments_assign(&experiments, &visitor, variants) <= experiments.count);
    experiments_release(&experiments);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    static const char *const texts[] = {
        "experiment a placement home share 20% layer l from 2026-12-01 to 2026-12-24T18:00\n"
        "  variant x 45%\n  variant y 45% placements.home.length=8 list.brand.max=2\nholdout 10%\n",
        "experiment a\nvariant x 50%\nvariant y 50% # z\n\nexperiment b channel \"the app\"\n"
        "variant x 33.3%\nholdout 1%",
        "experiment a share 60% layer l to 2026-12-01\nvariant x 1%\nvariant y 1%\n"
        "experiment b share 60% layer l from 2026-12-01\nvariant x 1%\nvariant y 1%\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        sink->add(sink, bytes_text(texts[i]));
}
