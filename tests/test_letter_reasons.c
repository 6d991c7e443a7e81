/* Reasons of dead letters, and the warning about them. */
#include "processors/runtime/letter_reasons.h"

#include "tests/test.h"

#include <string.h>

#define SECOND 1000000

static void check_reason(const char *step, const char *message, const char *expected)
{
    char reason[LETTER_REASON_BYTES];
    letter_reason(bytes_text(step), bytes_text(message), reason);
    CHECK_SAY(strcmp(reason, expected) == 0, "'%s', not '%s'", reason, expected);
}

static void test_reason(void)
{
    char long_text[1000];
    check_reason("decode", "JSON is cut off at byte 136: a string has no end",
                 "decode: JSON is cut off at byte #: a string has no end");
    check_reason("decode", "'item_id' of \"M00012\" isn't a text",
                 "decode: '...' of \"...\" isn't a text");
    check_reason("validate", "line\nbreak", "validate: line break");
    check_reason("", "", ": ");
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    char reason[LETTER_REASON_BYTES];
    letter_reason(bytes_text(long_text), bytes_text(long_text), reason);
    CHECK(strlen(reason) < LETTER_REASON_BYTES);
}

static void test_counts(void)
{
    struct letter_reasons some = {0}, all = {0};
    char reason[LETTER_REASON_BYTES];
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < LETTER_REASONS_MAX + 3; i++) {
            snprintf(reason, sizeof reason, "decode: %c", (char)('a' + i));
            uint32_t at = letter_reasons_add(&some, reason, 1);
            CHECK_INT(at, i < LETTER_REASONS_MAX ? i : LETTER_REASONS_MAX);
        }
    CHECK_INT(some.count, LETTER_REASONS_MAX);
    CHECK_INT(some.others, 6);
    letter_reasons_merge(&all, &some);
    letter_reasons_merge(&all, &some);
    CHECK_INT(all.at[3].count, 4);
    CHECK_INT(all.others, 12);
}

/* A worker that reads records, one in `one_in` of them a dead letter, 100 a second. */
struct worker {
    struct letter_watch watch;
    uint64_t read, good, warnings;
    int64_t at_us;
    struct buffer warning; /* the last one */
};

static void run(struct worker *worker, int seconds, uint32_t one_in)
{
    char reason[LETTER_REASON_BYTES];
    struct letter_place place = {"events.view", 2, 0, "decode", "field item is missing at byte 9"};
    for (int i = 0; i < 100 * seconds; i++, worker->at_us += SECOND / 100) {
        struct buffer warning = {0};
        place.offset = (int64_t)worker->read;
        if (worker->read % one_in == 0)
            letter_watch_add(&worker->watch, &place, worker->read, worker->at_us, reason);
        else
            worker->good++;
        worker->read++;
        if (letter_watch_look(&worker->watch, worker->read, worker->good, worker->at_us,
                              &warning)) {
            buffer_release(&worker->warning);
            worker->warning = warning;
            worker->warnings++;
        } else {
            CHECK_INT(warning.size, 0);
        }
    }
}

static bool says(struct worker *worker, const char *text)
{
    buffer_byte(&worker->warning, '\0');
    worker->warning.size--;
    return strstr(worker->warning.at, text) != NULL;
}

static void test_few(void)
{
    struct worker worker = {.at_us = SECOND};
    run(&worker, 100, 200);
    CHECK_INT(worker.warnings, 0);
}

static void test_many(void)
{
    struct worker worker = {.at_us = SECOND};
    run(&worker, 11, 20);
    CHECK_INT(worker.warnings, 1);
    CHECK(says(&worker, "5.1 % of 1001 records in 10 s") || says(&worker, "5.0 % of 1001 records"));
    CHECK(says(&worker, "51 times \"decode: field item is missing at byte #\", such as events.view "
                        "[2] offset 0: field item is missing at byte 9"));
    CHECK(says(&worker, "input.map") && !says(&worker, "Nothing else"));
    run(&worker, 40, 20);
    CHECK_INT(worker.warnings, 1); /* the second one comes a minute later */
    run(&worker, 30, 20);
    CHECK_INT(worker.warnings, 2);
    run(&worker, 590, 20);
    CHECK_INT(worker.warnings, 2);
    run(&worker, 30, 20);
    CHECK_INT(worker.warnings, 3);
    run(&worker, 30, 1000); /* few again: the next trouble is told at once */
    run(&worker, 12, 20);
    CHECK_INT(worker.warnings, 4);
    buffer_release(&worker.warning);
}

static void test_nothing_else(void)
{
    struct worker worker = {.at_us = SECOND};
    run(&worker, 2, 1);
    CHECK_INT(worker.warnings, 1); /* within two seconds, since all are */
    CHECK(says(&worker, "100.0 % of 10"));
    run(&worker, 65, 1);
    CHECK_INT(worker.warnings, 2);
    CHECK(says(&worker, "Nothing else was processed for 6"));
    buffer_release(&worker.warning);
}

/* A batch that is dropped is read again: its letters do not make the share wrong. */
static void test_dropped(void)
{
    struct worker worker = {.at_us = SECOND};
    run(&worker, 5, 200);
    letter_watch_drop(&worker.watch);
    worker.read = worker.good = 0;
    run(&worker, 30, 200);
    CHECK_INT(worker.warnings, 0);
    struct worker other = {.at_us = SECOND};
    run(&other, 5, 200);
    other.read = other.good = 0; /* without the call, few records seem to have many letters */
    other.at_us += 6 * (int64_t)SECOND;
    run(&other, 1, 200);
    CHECK_INT(other.warnings, 1);
    buffer_release(&other.warning);
}

int main(void)
{
    TEST_RUN(test_reason);
    TEST_RUN(test_counts);
    TEST_RUN(test_few);
    TEST_RUN(test_many);
    TEST_RUN(test_nothing_else);
    TEST_RUN(test_dropped);
    return test_done();
}
