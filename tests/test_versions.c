/* The client.id of a group's member tells the format of visitors' rows. */
#include "processors/runtime/kafka/client_id.h"
#include "processors/runtime/kafka/versions.h"
#include "tests/test.h"

static void test_ids(void)
{
    char id[CLIENT_ID_SIZE], again[CLIENT_ID_SIZE], longest[CONFIG_TEXT_MAX];
    client_id_tell("weft", 6, id);
    CHECK(strcmp(id, "weft-rows-6") == 0);
    CHECK(client_id_format(id) == 6);
    client_id_tell(id, 12, again); /* the last one counts */
    CHECK(client_id_format(again) == 12);
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    client_id_tell(longest, 6, id);
    CHECK(client_id_format(id) == 6);
    const char *silent[] = {
        "weft",     "",        "weft-rows-", "weft-rows-x",      "weft-rows-6-0", "-rows-6.5",
        "-rows--6", "-rows-0", "rows-6",     "-rows-6000000000", "-rows-6 "};
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++)
        CHECK_SAY(client_id_format(silent[i]) == 0, "'%s' tells a format", silent[i]);
}

static void test_compare(void)
{
    struct versions versions = {0};
    versions_add(&versions, "weft-rows-6", "/10.0.0.1", 6);
    CHECK(versions.older == 0 && versions.newer == 0);
    versions_add(&versions, "weft", "/10.0.0.2", 6);
    versions_add(&versions, "shop-rows-5", NULL, 6);
    CHECK(versions.older == 2 && versions.newer == 0);
    CHECK(strcmp(versions.older_at, "") == 0);
    versions_add(&versions, "shop-rows-5", "10.0.0.5", 6);
    CHECK(strcmp(versions.older_at, "10.0.0.5") == 0);
    versions_add(&versions, "weft-rows-7", "/10.0.0.3", 6);
    CHECK(versions.newer == 1 && versions.newer_format == 7);
    CHECK(strcmp(versions.newer_at, "10.0.0.3") == 0);
}

int main(void)
{
    TEST_RUN(test_ids);
    TEST_RUN(test_compare);
    return test_done();
}
