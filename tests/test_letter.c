/* Letters: dead letters and late records that fit their topic, whatever they came from. And the
 * budget of sizes that they are cut to. */
#include "processors/runtime/kafka/letter.h"
#include "processors/runtime/kafka/size_budget.h"
#include "tests/test.h"

static const char *header_of(const struct letter *letter, const char *name)
{
    for (size_t i = 0; i < letter->header_count; i++)
        if (strcmp(letter->headers[i].name, name) == 0)
            return letter->headers[i].value;
    return NULL;
}

/* Bytes in a batch of version 2: lengths are at most 5 bytes each. */
static size_t bytes_of_letter(const struct letter *letter)
{
    size_t bytes = letter->key.size + letter->value.size;
    for (size_t i = 0; i < letter->header_count; i++)
        bytes += 10 + strlen(letter->headers[i].name) + strlen(letter->headers[i].value);
    return bytes;
}

static struct letter_source source_of(struct bytes key, struct bytes value)
{
    return (struct letter_source){.key = key,
                                  .value = value,
                                  .topic = "events.view",
                                  .partition = 3,
                                  .offset = 746,
                                  .step = "decode",
                                  .message = "JSON is cut off at byte 136"};
}

/* A letter that fits has its record byte for byte, and five headers. */
static void test_whole(void)
{
    struct letter letter;
    struct letter_source source = source_of(bytes_text("v"), bytes_text("{\"a"));
    letter_make(&source, 16384, &letter);
    CHECK(!letter.cut);
    CHECK_INT(letter.header_count, 5);
    CHECK_BYTES(letter.key, source.key);
    CHECK_BYTES(letter.value, source.value);
    CHECK_TEXT(header_of(&letter, "__weft.errors.topic"), "events.view");
    CHECK_TEXT(header_of(&letter, "__weft.errors.partition"), "3");
    CHECK_TEXT(header_of(&letter, "__weft.errors.offset"), "746");
    CHECK_TEXT(header_of(&letter, "__weft.errors.step"), "decode");
    CHECK_TEXT(header_of(&letter, "__weft.errors.message"), source.message);
    source = source_of(bytes_of(NULL, 0), bytes_of(NULL, 0)); /* a null value without a key */
    letter_make(&source, 16384, &letter);
    CHECK(letter.key.at == NULL && letter.value.at == NULL && !letter.cut);
}

static void check_part(struct bytes part, struct bytes whole, const char *bytes, const char *hash)
{
    char expected[32];
    bool cut = part.size < whole.size;
    CHECK(part.size <= whole.size && part.at == whole.at);
    CHECK((bytes != NULL) == cut && (hash != NULL) == cut);
    if (!cut || bytes == NULL || hash == NULL)
        return;
    snprintf(expected, sizeof expected, "%zu", whole.size);
    CHECK_TEXT(bytes, expected);
    snprintf(expected, sizeof expected, "%016" PRIx64, bytes_hash(whole));
    CHECK_TEXT(hash, expected);
}

/* Any sizes and limits: the letter fits, fills its room, and tells what it lacks. */
static void test_cut(void)
{
    struct random random = random_from(91);
    static char text[200000];
    memset(text, 'x', sizeof text);
    for (int round = 0; round < 3000; round++) {
        size_t max = 16384 - 512 + random_below(&random, 100000);
        size_t key = random_below(&random, 4) ? random_below(&random, 300)
                                              : random_below(&random, sizeof text);
        size_t value = random_below(&random, sizeof text);
        struct letter_source source = source_of(bytes_of(text, key), bytes_of(text, value));
        struct letter letter;
        letter_make(&source, max, &letter);
        CHECK(bytes_of_letter(&letter) <= max);
        CHECK_INT(letter.cut, letter.key.size < key || letter.value.size < value);
        CHECK(!letter.cut || bytes_of_letter(&letter) + 2000 > max);
        CHECK(!letter.cut || letter.key.size == key || letter.key.size * 3 > max);
        check_part(letter.value, source.value, header_of(&letter, "__weft.errors.value.bytes"),
                   header_of(&letter, "__weft.errors.value.hash"));
        check_part(letter.key, source.key, header_of(&letter, "__weft.errors.key.bytes"),
                   header_of(&letter, "__weft.errors.key.hash"));
        const char *truncated = header_of(&letter, "__weft.errors.truncated");
        CHECK((truncated != NULL) == letter.cut);
        if (truncated) {
            CHECK_INT(strstr(truncated, "key") != NULL, letter.key.size < key);
            CHECK_INT(strstr(truncated, "value") != NULL, letter.value.size < value);
            CHECK_CONTAINS(header_of(&letter, "__weft.errors.message"), source.message);
            CHECK_CONTAINS(header_of(&letter, "__weft.errors.message"), "is cut at");
        }
    }
}

/* A known hash, so that a reader can check it with another program. */
static void test_hash(void)
{
    static char spaces[20000];
    struct letter letter;
    memset(spaces, ' ', sizeof spaces);
    struct letter_source source = source_of(bytes_text("v"), bytes_of(spaces, sizeof spaces));
    letter_make(&source, 16384, &letter);
    CHECK_TEXT(header_of(&letter, "__weft.errors.value.hash"), "5c23df94c32a7a91");
    CHECK_TEXT(header_of(&letter, "__weft.errors.truncated"), "value");
    CHECK_TEXT(header_of(&letter, "__weft.errors.value.bytes"), "20000");
}

/* ---- the budget ---- */

static struct config config;
static struct topology topology;
static struct size_budget budget;

static void new_budget(void)
{
    config_init(&config);
    CHECK(config_finish(&config, NULL) == VERDICT_OK);
    CHECK(topology_build(&config, &topology, NULL) == VERDICT_OK);
    size_budget_init(&budget, &config, &topology);
}

static void test_limits(void)
{
    struct error error = {0};
    new_budget();
    CHECK_INT(size_budget_limit(&budget, TOPIC_LATE), RECORD_BYTES_MAX); /* not known yet */
    CHECK_INT(size_budget_batch(&budget, TOPICS), 1000000);
    CHECK(size_budget_set(&budget, TOPIC_LATE, INT32_MAX, &error) == VERDICT_OK);
    CHECK_INT(size_budget_limit(&budget, TOPIC_LATE), RECORD_BYTES_MAX);
    CHECK(size_budget_set(&budget, TOPIC_LATE, 1048588, &error) == VERDICT_OK);
    CHECK(size_budget_record(&budget, TOPIC_LATE) < 1048588);
    CHECK_INT(size_budget_batch(&budget, TOPICS), 1000000);
    CHECK(size_budget_set(&budget, TOPIC_METRICS, 20000, &error) == VERDICT_OK);
    CHECK(size_budget_set(&budget, TOPIC_MODEL, 70000, &error) == VERDICT_OK);
    CHECK_INT(size_budget_batch(&budget, TOPICS), 20000); /* workers don't write to the model */
    CHECK_INT(size_budget_batch(&budget, TOPIC_MODEL), 70000);
    CHECK_INT(size_budget_batch(&budget, TOPIC_RANKINGS), 1000000);
}

/* Each topic that weft writes to has a least size, and the error names the command. */
static void test_too_small(void)
{
    new_budget();
    for (int i = 0; i < TOPICS; i++) {
        struct error error = {0};
        enum verdict verdict = size_budget_set(&budget, (enum topic)i, 1000, &error);
        CHECK_INT(verdict, topic_rows[i].input ? VERDICT_OK : VERDICT_FATAL);
        if (topic_rows[i].input)
            continue;
        CHECK_CONTAINS(error.message, topology.topics[i]);
        CHECK_CONTAINS(error.message, "kafka-configs.sh");
        CHECK_CONTAINS(error.message, "--add-config max.message.bytes=");
        CHECK_INT(size_budget_limit(&budget, (enum topic)i), RECORD_BYTES_MAX);
    }
}

static void test_refused(void)
{
    struct error error = {0};
    enum topic topic = TOPIC_DEAD_LETTERS;
    new_budget();
    CHECK(size_budget_refused(&budget, topic, RECORD_BYTES_MAX, 1048588, &error) == VERDICT_OK);
    CHECK_INT(size_budget_limit(&budget, topic), 1048588);
    /* another worker sent when the budget was larger */
    CHECK(size_budget_refused(&budget, topic, RECORD_BYTES_MAX, 1048588, &error) == VERDICT_OK);
    CHECK_INT(size_budget_limit(&budget, topic), 1048588);
    /* the broker says what it said before, or nothing: the budget halves, to an end */
    int64_t used = 1048588;
    int rounds = 0;
    while (size_budget_refused(&budget, topic, used, rounds % 2 ? SIZE_UNKNOWN : 1048588, &error) ==
           VERDICT_OK) {
        CHECK(size_budget_limit(&budget, topic) < used);
        used = size_budget_limit(&budget, topic);
        CHECK(++rounds < 20);
    }
    CHECK_CONTAINS(error.message, "mend it");
    /* raised since: the larger budget comes with the next start */
    new_budget();
    CHECK(size_budget_set(&budget, topic, 100000, &error) == VERDICT_OK);
    CHECK(size_budget_refused(&budget, topic, 100000, 90000, &error) == VERDICT_OK);
    CHECK_INT(size_budget_limit(&budget, topic), 90000);
}

int main(void)
{
    TEST_RUN(test_whole);
    TEST_RUN(test_cut);
    TEST_RUN(test_hash);
    TEST_RUN(test_limits);
    TEST_RUN(test_too_small);
    TEST_RUN(test_refused);
    return test_done();
}
