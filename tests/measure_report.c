/* How often the test of `weft report` declares a difference between equal variants, looked at after
 * every hour of two weeks, with the visitor and with the click as the unit; and how often it finds
 * a difference of 3 % with the visitors that the plan asks for.
 *
 *     measure_report [RUNS [RUNS_OF_THE_PLAN [SEED]]] */
#include "tests/measure.h"
#include "tests/report_traffic.h"

#define HOURS 336
#define ALIKE_VISITORS 4000

/* With the 95 % interval of the share (Wilson 1927). */
static void print_share(const char *what, uint32_t found, uint32_t runs)
{
    double n = runs, share = found / n, z = 1.959963984540054;
    double middle = (share + z * z / (2 * n)) / (1 + z * z / n);
    double half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n));
    printf("%s: %u of %u, %.1f %% [%.1f %%, %.1f %%]\n", what, found, runs, 100 * share,
           100 * (middle - half), 100 * (middle + half));
}

static void measure_alike(uint32_t runs, struct random *random)
{
    struct traffic traffic = {
        .visitors = ALIKE_VISITORS, .hours = HOURS, .effect = .05, .alpha = .05};
    uint32_t by_visitor = 0, by_click = 0;
    for (uint32_t i = 0; i < runs; i++) {
        struct traffic_outcome outcome = traffic_run(&traffic, random);
        by_visitor += outcome.by_visitor;
        by_click += outcome.by_click;
    }
    print_share("equal variants, the visitor as the unit: declared", by_visitor, runs);
    print_share("equal variants, the click as the unit: declared", by_click, runs);
}

static void measure_plan(uint32_t runs, struct random *random)
{
    struct traffic traffic = {.visitors = 500000, .hours = HOURS, .effect = .05, .alpha = .05};
    struct traffic_outcome before = traffic_run(&traffic, random);
    uint32_t found = 0;
    traffic.lift = .03;
    traffic.visitors = traffic_plan(&traffic, &before);
    printf("plan for +3 %%: %u visitors\n", traffic.visitors);
    for (uint32_t i = 0; i < runs; i++)
        found += traffic_run(&traffic, random).by_visitor;
    print_share("+3 %, with as many visitors as planned: found", found, runs);
}

int main(int argc, char **argv)
{
    struct random random = random_from(measure_number(argc, argv, 3, 1));
    measure_alike(measure_number(argc, argv, 1, 2000), &random);
    uint32_t runs = measure_number(argc, argv, 2, 200);
    if (runs > 0)
        measure_plan(runs, &random);
    return 0;
}
