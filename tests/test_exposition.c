/* Metrics as text, in both formats, byte by byte. */
#include "processors/runtime/exposition.h"
#include "tests/test.h"

static void check_text(const struct exposition *exposition, const char *expected)
{
    CHECK_SAY(bytes_equal(buffer_bytes(&exposition->text), bytes_text(expected)),
              "%.*s\ninstead of\n%s", (int)exposition->text.size, exposition->text.at, expected);
}

static void write_some(struct exposition *exposition)
{
    const struct metric_label label = {"reason", bytes_text("a\"b\\c\nd\x01\xff")};
    const struct metric_label kind = {"kind", bytes_text("뷰")};
    exposition_family(exposition, METRIC_COUNTER, "letters", NULL, "By reason.");
    exposition_value(exposition, &label, NULL, 3);
    exposition_value(exposition, NULL, &kind, 1.5);
    exposition_one(exposition, METRIC_GAUGE, "lag_seconds", "seconds", "Age.", .25);
}

static void test_open_metrics(void)
{
    struct exposition exposition = {.open_metrics = true};
    write_some(&exposition);
    check_text(&exposition, "# TYPE weft_letters counter\n"
                            "# HELP weft_letters By reason.\n"
                            "weft_letters_total{reason=\"a\\\"b\\\\c\\nd??\"} 3\n"
                            "weft_letters_total{kind=\"뷰\"} 1.5\n"
                            "# TYPE weft_lag_seconds gauge\n"
                            "# UNIT weft_lag_seconds seconds\n"
                            "# HELP weft_lag_seconds Age.\n"
                            "weft_lag_seconds 0.25\n");
    exposition_end(&exposition);
    CHECK(exposition.text.size > 6 &&
          memcmp(exposition.text.at + exposition.text.size - 6, "# EOF\n", 6) == 0);
    buffer_release(&exposition.text);
}

static void test_prometheus(void)
{
    struct exposition exposition = {.open_metrics = false};
    write_some(&exposition);
    check_text(&exposition, "# TYPE weft_letters_total counter\n"
                            "# HELP weft_letters_total By reason.\n"
                            "weft_letters_total{reason=\"a\\\"b\\\\c\\nd??\"} 3\n"
                            "weft_letters_total{kind=\"뷰\"} 1.5\n"
                            "# TYPE weft_lag_seconds gauge\n"
                            "# HELP weft_lag_seconds Age.\n"
                            "weft_lag_seconds 0.25\n");
    buffer_release(&exposition.text);
}

static void test_histograms(void)
{
    static const double bounds[] = {.5, 2, 1e300};
    static const uint64_t buckets[] = {3, 0, 2};
    const struct metric_label label = {"route", bytes_text("x")};
    struct exposition exposition = {.open_metrics = true};
    exposition_family(&exposition, METRIC_HISTOGRAM, "t_seconds", NULL, "T.");
    exposition_histogram(&exposition, &label, bounds, buckets, 3, 7.5);
    exposition_histogram(&exposition, NULL, bounds, buckets, 1, 1);
    check_text(&exposition, "# TYPE weft_t_seconds histogram\n"
                            "# HELP weft_t_seconds T.\n"
                            "weft_t_seconds_bucket{route=\"x\",le=\"0.5\"} 3\n"
                            "weft_t_seconds_bucket{route=\"x\",le=\"2\"} 3\n"
                            "weft_t_seconds_bucket{route=\"x\",le=\"+Inf\"} 5\n"
                            "weft_t_seconds_sum{route=\"x\"} 7.5\n"
                            "weft_t_seconds_count{route=\"x\"} 5\n"
                            "weft_t_seconds_bucket{le=\"+Inf\"} 3\n"
                            "weft_t_seconds_sum 1\n"
                            "weft_t_seconds_count 3\n");
    buffer_release(&exposition.text);
}

static void test_adding(void)
{
    struct histogram one = {{0}, 0}, all = {{0}, 0};
    uint64_t count = 0;
    histogram_add(&one, 0);
    histogram_add(&one, histogram_bounds[3]);
    histogram_add(&one, 1e9);
    histogram_merge(&all, &one);
    histogram_merge(&all, &one);
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
        count += all.buckets[i];
    CHECK_INT(count, 6);
    CHECK_INT(all.buckets[0], 2);
    CHECK_INT(all.buckets[3], 2); /* a bound belongs to its own bucket */
    CHECK_INT(all.buckets[HISTOGRAM_BUCKETS - 1], 2);
}

int main(void)
{
    TEST_RUN(test_open_metrics);
    TEST_RUN(test_prometheus);
    TEST_RUN(test_histograms);
    TEST_RUN(test_adding);
    return test_done();
}
