/* Prints hashes of everything that the in-process driver writes for recorded events: the
 * interactions log, the lists, every row of every store family, the snapshot of the model and the
 * rankings. Two builds that print the same lines behave the same, bit by bit.
 *
 *     measure_hashes FILE [KEY=VALUE]...
 *
 * Lists carry no wall clock in the driver, so the output depends on the file, the settings and the
 * CPU's kernels (math/kernels.h) alone. */
#include "processors/recommend/recommend.h"
#include "state/model_file.h"
#include "tests/hashes.h"
#include "tests/measure_driver.h"

#include <unistd.h>

struct hashes {
    struct driver_sink sink; /* first */
    uint64_t hash[OUTPUTS], count[OUTPUTS];
};

static void written(struct driver_sink *self, enum output output, struct bytes key,
                    struct bytes value)
{
    struct hashes *hashes = (struct hashes *)(void *)self;
    hashes->hash[output] = hash_mix(hash_mix(hashes->hash[output], key), value);
    hashes->count[output]++;
}

static void print(const char *name, uint64_t count, uint64_t hash)
{
    printf("%-16s %8llu  %016llx\n", name, (unsigned long long)count, (unsigned long long)hash);
}

static void print_family(struct store *store, enum family family, const char *name)
{
    struct row_hasher hasher = hash_rows(store, family);
    print(name, hasher.count, hasher.hash);
}

/* The snapshot's records, as a file. */
static void print_snapshot(struct store *store)
{
    char path[] = "/tmp/weft-hashes-XXXXXX";
    struct error error = {0};
    uint64_t rows = 0, hash = 0;
    char block[4096];
    int file = mkstemp(path);
    CHECK(file >= 0 && close(file) == 0);
    CHECK_SAY(model_file_write(path, store, 1, &rows, &error) == VERDICT_OK, "%s", error.message);
    FILE *from = fopen(path, "rb");
    CHECK(from != NULL);
    for (size_t size; (size = fread(block, 1, sizeof block, from)) > 0;)
        hash = hash_mix(hash, bytes_of(block, size));
    fclose(from);
    unlink(path);
    print("snapshot", rows, hash);
}

static void print_rankings(struct driver *driver, const struct config *config)
{
    const struct rankings_inputs inputs = {.catalogue = driver_catalogue(driver),
                                           .filters = &config->settings.recommend.filters,
                                           .settings = &config->settings.rankings};
    struct ranking_hasher hasher = hash_rankings(driver_model(driver), &inputs);
    print("rankings", hasher.count, hasher.hash);
}

static void run(struct driver *driver, const struct recorded *recorded)
{
    for (size_t i = 0; i < recorded->count; i++) {
        const struct line *line = &recorded->lines[i];
        struct error error = {0};
        enum fate fate;
        if (line->product)
            driver_product(driver, line->product);
        if (line->event.type != EVENT_PRODUCT)
            CHECK(driver_event(driver, &line->event, &fate, &error) == VERDICT_OK);
    }
}

int main(int argc, char **argv)
{
    struct hashes hashes = {.sink.written = written};
    struct error error = {0};
    struct measured *measured =
        measure_open(argc, argv, true, &hashes.sink, "measure_hashes FILE [KEY=VALUE]...");
    struct driver *driver = measured->driver;
    run(driver, &measured->recorded);
    CHECK_SAY(driver_save(driver, &error) == VERDICT_OK, "%s", error.message);
    print("interactions", hashes.count[OUTPUT_INTERACTIONS], hashes.hash[OUTPUT_INTERACTIONS]);
    print("recommendations", hashes.count[OUTPUT_RECOMMENDATIONS],
          hashes.hash[OUTPUT_RECOMMENDATIONS]);
    print_family(driver_store(driver), FAMILY_VISITOR, "visitors");
    print_family(driver_store(driver), FAMILY_MODEL, "model");
    print_family(driver_store(driver), FAMILY_CATALOGUE, "catalogue");
    print_snapshot(driver_store(driver));
    print_rankings(driver, &measured->config);
    measure_close(measured);
    return test_failed > 0;
}
