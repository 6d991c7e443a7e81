/* Shared by the tests: checks that count, random numbers with a seed, a folder of one's own.
 *
 * A test is a function without arguments; main() runs each by TEST_RUN and ends with
 * `return test_done();`. Random tests draw from a `struct random` and name its seed in what they
 * print when a check fails (test_seed). WEFT_TEST_SEED in the environment sets another seed. */
#ifndef WEFT_TESTS_TEST_H
#define WEFT_TESTS_TEST_H

#include "schemas/bytes.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEST_MESSAGES_MAX 20 /* failed checks that are printed */

/* Rounds of a long test: with a sanitizer fewer, since it finds in few what it finds in many. */
#if defined(__SANITIZE_THREAD__)
#define TEST_SANITIZED 1
#define TEST_ROUNDS(n) ((n) >= 10 ? (n) / 10 : 1)
#elif defined(__SANITIZE_ADDRESS__)
#define TEST_SANITIZED 1
#define TEST_ROUNDS(n) ((n) >= 4 ? (n) / 4 : 1)
#else
#define TEST_SANITIZED 0
#define TEST_ROUNDS(n) (n)
#endif

/* The stride with which a test visits `places` in about `runs` runs, fewer with a sanitizer. 1 with
 * WEFT_TEST_LONG=1 in the environment: all of them. */
static inline long test_stride(long places, long runs)
{
    const char *all = getenv("WEFT_TEST_LONG");
    return all && *all == '1' ? 1 : places / TEST_ROUNDS(runs) + 1;
}

static unsigned long test_passed, test_failed;
static uint64_t test_seed; /* of the random test that runs; 0: none */

static inline bool test_note(bool ok, const char *file, int line)
{
    if (ok) {
        test_passed++;
        return true;
    }
    if (++test_failed <= TEST_MESSAGES_MAX) {
        fprintf(stderr, "%s:%d: ", file, line);
        if (test_seed)
            fprintf(stderr, "[seed %" PRIu64 "] ", test_seed);
    }
    return false;
}

#define TEST_SAY(...)                                                                              \
    do {                                                                                           \
        if (test_failed <= TEST_MESSAGES_MAX) {                                                    \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
        }                                                                                          \
    } while (0)

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!test_note((condition), __FILE__, __LINE__))                                           \
            TEST_SAY("%s", #condition);                                                            \
    } while (0)

/* With a message, for checks in loops. */
#define CHECK_SAY(condition, ...)                                                                  \
    do {                                                                                           \
        if (!test_note((condition), __FILE__, __LINE__))                                           \
            TEST_SAY(__VA_ARGS__);                                                                 \
    } while (0)

#define CHECK_INT(a, b)                                                                            \
    do {                                                                                           \
        int64_t test_a = (int64_t)(a), test_b = (int64_t)(b);                                      \
        if (!test_note(test_a == test_b, __FILE__, __LINE__))                                      \
            TEST_SAY("%s is %" PRId64 ", not %s = %" PRId64, #a, test_a, #b, test_b);              \
    } while (0)

#define CHECK_REAL(a, b)                                                                           \
    do {                                                                                           \
        double test_a = (double)(a), test_b = (double)(b);                                         \
        if (!test_note(                                                                            \
                memcmp(&test_a, &test_b, sizeof test_a) == 0 ||                                    \
                    !(test_a < test_b || test_a > test_b || test_a != test_a || test_b != test_b), \
                __FILE__, __LINE__))                                                               \
            TEST_SAY("%s is %.17g, not %s = %.17g", #a, test_a, #b, test_b);                       \
    } while (0)

#define CHECK_BYTES(a, b)                                                                          \
    do {                                                                                           \
        struct bytes test_a = (a), test_b = (b);                                                   \
        if (!test_note(bytes_equal(test_a, test_b), __FILE__, __LINE__))                           \
            TEST_SAY("%s is '%.*s', not %s = '%.*s'", #a, (int)test_a.size,                        \
                     test_a.at ? test_a.at : "", #b, (int)test_b.size,                             \
                     test_b.at ? test_b.at : "");                                                  \
    } while (0)

#define CHECK_TEXT(a, b) CHECK_BYTES(bytes_text(a), bytes_text(b))

#define CHECK_CONTAINS(text, part)                                                                 \
    do {                                                                                           \
        const char *test_text = (text), *test_part = (part);                                       \
        if (!test_note(strstr(test_text, test_part) != NULL, __FILE__, __LINE__))                  \
            TEST_SAY("'%s' does not contain '%s'", test_text, test_part);                          \
    } while (0)

#define TEST_RUN(function)                                                                         \
    do {                                                                                           \
        test_seed = 0;                                                                             \
        function();                                                                                \
    } while (0)

static inline int test_done(void)
{
    printf("%lu passed, %lu failed\n", test_passed, test_failed);
    return test_failed > 0;
}

/* ---- random numbers: splitmix64 (Steele, Lea, Flood 2014) ---- */

struct random {
    uint64_t state;
};

/* Also names the seed in messages from now on. */
static inline struct random random_from(uint64_t seed)
{
    const char *text = getenv("WEFT_TEST_SEED");
    test_seed = text ? strtoull(text, NULL, 10) : seed;
    return (struct random){.state = test_seed};
}

static inline uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* 0 to bound - 1. */
static inline uint32_t random_below(struct random *random, uint32_t bound)
{
    return (uint32_t)((random_next(random) >> 32) * bound >> 32);
}

static inline bool random_one_in(struct random *random, uint32_t n)
{
    return random_below(random, n) == 0;
}

/* ---- folders ---- */

/* A new folder under $TMPDIR or /tmp; free() the path after test_remove_folder(). */
static inline char *test_new_folder(void)
{
    const char *parent = getenv("TMPDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/weft-test-XXXXXX", parent && *parent ? parent : "/tmp");
    if (mkdtemp(path) == NULL) {
        perror(path);
        exit(1);
    }
    return memory_text(bytes_text(path));
}

static inline int test_remove_entry(const char *path, const struct stat *status, int flag,
                                    struct FTW *ftw)
{
    (void)status;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static inline void test_remove_folder(const char *path)
{
    nftw(path, test_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
