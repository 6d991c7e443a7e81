/* The partitions that each member would get, against sharing them out by hand. */
#include "processors/runtime/kafka/members.h"
#include "tests/test.h"

#define COUNT_MAX 12

/* The owner of a partition, by ranges over the members that are left. */
static size_t owner_of(const bool *left, size_t count, int32_t partitions, int32_t partition)
{
    int32_t alive = 0, at = 0;
    for (size_t i = 0; i < count; i++)
        alive += left[i];
    for (size_t i = 0; i < count; i++) {
        if (!left[i])
            continue;
        for (int32_t k = 0; k < partitions / alive + (at < partitions % alive ? 1 : 0); k++)
            if (partition-- == 0)
                return i;
        at++;
    }
    return count;
}

static void test_inherit(void)
{
    struct random random = random_from(95);
    for (int round = 0; round < 400; round++) {
        struct members members = {0};
        size_t instances = 1 + random_below(&random, 4);
        int of[COUNT_MAX];
        char me[32];
        members.names = memory_zero(COUNT_MAX, sizeof *members.names);
        for (size_t i = 0; i < instances; i++)
            for (uint32_t k = 0, n = 1 + random_below(&random, 3); k < n; k++) {
                of[members.count] = (int)i;
                snprintf(members.names[members.count++], CONFIG_TEXT_MAX, "in-st%zu-%u", i, k);
            }
        int mine = (int)random_below(&random, (uint32_t)instances);
        snprintf(me, sizeof me, "in-st%d", mine);
        int32_t partitions = 1 + (int32_t)random_below(&random, 16);
        bool found[16], expected[16] = {false}, left[COUNT_MAX];
        for (int gone = 0; gone <= 3; gone++) {
            members_inherit(&members, me, partitions, gone, found);
            memset(expected, gone == 3, sizeof expected);
            for (int a = 0; a < (int)instances && gone > 0; a++)
                for (int b = 0; b < (int)instances; b++) {
                    if (a == mine || b == mine || (gone < 2 && a != b))
                        continue;
                    for (size_t i = 0; i < members.count; i++)
                        left[i] = of[i] != a && of[i] != b;
                    for (int32_t p = 0; p < partitions; p++)
                        if (of[owner_of(left, members.count, partitions, p)] == mine)
                            expected[p] = true;
                }
            memset(left, 1, sizeof left);
            for (int32_t p = 0; p < partitions; p++)
                if (of[owner_of(left, members.count, partitions, p)] == mine)
                    expected[p] = false;
            for (int32_t p = 0; p < partitions; p++)
                CHECK_SAY(found[p] == expected[p], "round %d, gone %d, partition %d", round, gone,
                          (int)p);
        }
        CHECK(members_have(&members, "in-st0-0") && !members_have(&members, "in-st0"));
        members_release(&members);
    }
}

int main(void)
{
    TEST_RUN(test_inherit);
    return test_done();
}
