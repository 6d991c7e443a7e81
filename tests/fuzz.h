/* Shared by the fuzz targets. With WEFT_FUZZ libFuzzer has the main function; without it, this file
 * has one:
 *
 *     fuzz_X                    each seed, each seed cut off at every byte, and mutations of it;
 *                               then the inputs in tests/corpus/fuzz_X/
 *     fuzz_X FILE...            these inputs
 *     fuzz_X --seeds FOLDER     writes the seeds as files, as libFuzzer's first corpus
 *
 * A target defines LLVMFuzzerTestOneInput and fuzz_seeds; it aborts on what must not be. */
#ifndef WEFT_TESTS_FUZZ_H
#define WEFT_TESTS_FUZZ_H

#include "tests/test.h"

#include <dirent.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Calls add(self, seed) for each seed. */
struct fuzz_sink {
    void (*add)(struct fuzz_sink *self, struct bytes seed);
};
void fuzz_seeds(struct fuzz_sink *sink);

#define FUZZ_CHECK(condition) FUZZ_CHECK_SAY(condition, "")
#define FUZZ_CHECK_SAY(condition, why)                                                             \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s %s\n", __FILE__, __LINE__, #condition, why);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#ifndef WEFT_FUZZ

/* A target whose inputs take long defines less. */
#ifndef FUZZ_MUTATIONS
#define FUZZ_MUTATIONS 1000 /* of each seed */
#endif
#ifndef FUZZ_CUT_STEP
#define FUZZ_CUT_STEP 1 /* a seed is cut off at each multiple of it */
#endif

/* In memory of exactly its size, so that a sanitizer sees a read behind it. */
static inline void fuzz_run(struct bytes input)
{
    uint8_t *copy = memory_get(input.size);
    if (input.size > 0)
        memcpy(copy, input.at, input.size);
    LLVMFuzzerTestOneInput(copy, input.size);
    free(copy);
    test_passed++;
}

static inline void fuzz_mutate(struct random *random, struct buffer *buffer)
{
    for (uint32_t times = 1 + random_below(random, 4); times > 0 && buffer->size > 0; times--) {
        uint32_t at = random_below(random, (uint32_t)buffer->size);
        size_t rest = buffer->size - at;
        switch (random_below(random, 4)) {
        case 0:
            buffer->at[at] = (char)(buffer->at[at] ^ (1 << random_below(random, 8)));
            break;
        case 1:
            buffer->at[at] = (char)random_next(random);
            break;
        case 2: /* a byte less */
            memmove(buffer->at + at, buffer->at + at + 1, rest - 1);
            buffer->size--;
            break;
        default: /* a byte twice */
            buffer_byte(buffer, 0);
            memmove(buffer->at + at + 1, buffer->at + at, rest);
            break;
        }
    }
}

static inline void fuzz_try_seed(struct fuzz_sink *self, struct bytes seed)
{
    struct random random = random_from(seed.size + 1);
    struct buffer mutant = {0};
    (void)self;
    for (size_t size = 0; size <= seed.size; size += FUZZ_CUT_STEP)
        fuzz_run(bytes_of(seed.at, size));
    for (int i = 0; i < FUZZ_MUTATIONS; i++) {
        buffer_clear(&mutant);
        buffer_append(&mutant, seed.at, seed.size);
        fuzz_mutate(&random, &mutant);
        fuzz_run(buffer_bytes(&mutant));
    }
    buffer_release(&mutant);
}

struct fuzz_writer {
    struct fuzz_sink sink;
    const char *folder;
    int count;
};

static inline void fuzz_write_seed(struct fuzz_sink *self, struct bytes seed)
{
    struct fuzz_writer *writer = (struct fuzz_writer *)(void *)self;
    char path[4096];
    snprintf(path, sizeof path, "%s/seed-%d", writer->folder, writer->count++);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(seed.at, 1, seed.size, file) != seed.size || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static inline void fuzz_run_file(const char *path)
{
    struct buffer input = {0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    for (int c; (c = fgetc(file)) != EOF;)
        buffer_byte(&input, (char)c);
    fclose(file);
    fuzz_run(buffer_bytes(&input));
    buffer_release(&input);
}

/* At least one: an empty corpus is a mistake. */
static inline void fuzz_run_corpus(void)
{
    struct dirent *entry;
    int count = 0;
    DIR *folder = opendir(WEFT_CORPUS_DIR);
    while (folder && (entry = readdir(folder)) != NULL) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", WEFT_CORPUS_DIR, entry->d_name);
        fuzz_run_file(path);
        count++;
    }
    if (folder)
        closedir(folder);
    CHECK_SAY(count > 0, "%s has no inputs", WEFT_CORPUS_DIR);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
        struct fuzz_writer writer = {.sink.add = fuzz_write_seed, .folder = argv[2]};
        fuzz_seeds(&writer.sink);
        return 0;
    }
    struct fuzz_sink sink = {.add = fuzz_try_seed};
    for (int i = 1; i < argc; i++)
        fuzz_run_file(argv[i]);
    if (argc == 1) {
        fuzz_seeds(&sink);
        fuzz_run_corpus();
    }
    return test_done();
}

#endif
#endif
