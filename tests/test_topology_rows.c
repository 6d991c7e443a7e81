/* Mistakes in a step's row are found before anything runs. This program has a step of its own, in
 * whose row each mistake is made in turn. */
#include "processors/runtime/topology.h"
#include "tests/test.h"

static char name[32], after[32], table[32], input[32];
static const char *inputs[] = {input, NULL};
static const char *const outputs[] = {"made-up", NULL};

static void interaction(struct model *model, const struct interaction *record)
{
    (void)model;
    (void)record;
}

WEFT_STEP(test_row) = {
    .name = name,
    .summary = "for this test",
    .stage = STAGE_MODEL,
    .after = after,
    .inputs = inputs,
    .outputs = outputs,
    .table = table,
    .interaction = interaction,
};

static void check(const char *new_name, const char *new_after, const char *new_table,
                  const char *new_input, const char *part)
{
    struct config config;
    struct topology topology;
    struct error error = {0};
    config_init(&config);
    strcpy(name, new_name);
    strcpy(after, new_after);
    strcpy(table, new_table);
    strcpy(input, new_input);
    CHECK_INT(topology_build(&config, &topology, &error), part ? VERDICT_FATAL : VERDICT_OK);
    CHECK_CONTAINS(error.message, part ? part : "");
    if (part == NULL)
        CHECK(topology.model[topology.model_count - 1] == &weft_step_test_row);
}

static void test_rows(void)
{
    check("mine", "channels", "mine", "interactions", NULL);
    check("mine", "channels", "mine", "view", NULL);
    check("mine", "channels", "visitor", "interactions", "table visitor has two owners");
    check("mine", "channels", "mine", "nonsense", "step mine reads 'nonsense', which nobody");
    check("mine", "channels", "mine", "made-up", "which nobody"); /* but itself */
    check("mine", "nobody", "mine", "interactions", "no step says that it comes after");
    check("mine", "mine", "mine", "interactions", "no step says that it comes after");
    check("mine", "cooccurrence", "mine", "interactions", "no step says that it comes after");
}

int main(void)
{
    TEST_RUN(test_rows);
    return test_done();
}
