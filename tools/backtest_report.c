#include "tools/backtest_report.h"

#include <stdio.h>
#include <stdlib.h>

static int number_order(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The time of a list that a share `p` of the cases does not exceed, and the same for `q`; in
 * microseconds. */
static void percentiles(const struct measured *measured, double p, double q, double *ret_p,
                        double *ret_q)
{
    *ret_p = *ret_q = 0;
    if (measured->count == 0)
        return;
    float *sorted = memory_get(measured->count * sizeof *sorted);
    for (size_t i = 0; i < measured->count; i++)
        sorted[i] = measured->cases[i].list_us;
    qsort(sorted, measured->count, sizeof *sorted, number_order);
    *ret_p = (double)sorted[(size_t)(p * (double)(measured->count - 1))];
    *ret_q = (double)sorted[(size_t)(q * (double)(measured->count - 1))];
    free(sorted);
}

static double hr(const struct quality *quality)
{
    return measure_share(quality->hits, quality->cases);
}

static double mrr(const struct quality *quality)
{
    return measure_share(quality->reciprocal, quality->cases);
}

static double ndcg(const struct quality *quality)
{
    return measure_share(quality->gain, quality->cases);
}

/* "cases":..,"hr":..,"mrr":..,"ndcg":.. */
static void print_numbers(const struct quality *quality)
{
    printf("\"cases\":%llu,\"hr\":%.6f,\"mrr\":%.6f,\"ndcg\":%.6f",
           (unsigned long long)quality->cases, hr(quality), mrr(quality), ndcg(quality));
}

static void print_deciles(const struct measured *measured)
{
    printf("\"deciles\":[");
    for (int i = 0; i < DECILES; i++) {
        printf("%s{", i > 0 ? "," : "");
        print_numbers(&measured->deciles[i]);
        printf("}");
    }
    printf("]");
}

/* ---- one measurement ---- */

static void text_measured(const struct recorded *recorded, const struct measured *measured,
                          uint32_t at, double rate, double p50, double p99)
{
    const struct quality *all = &measured->all;
    printf("cases %llu, HR@%u %.4f, MRR@%u %.4f, NDCG@%u %.4f, coverage %.4f\n",
           (unsigned long long)all->cases, at, hr(all), at, mrr(all), at, ndcg(all),
           measured->coverage);
    printf("events %zu (%llu rejected), %.0f events/s, us a list p50 %.1f p99 %.1f\n",
           recorded->count, (unsigned long long)recorded->rejected, rate, p50, p99);
    printf("memory: %.0f bytes an item, %.0f bytes a visitor\n", measured->item_bytes,
           measured->visitor_bytes);
    for (uint32_t i = 0; i < measured->sort_count; i++)
        printf(
            "  %s: %llu events, %.2f %% quarantined\n", measured->sorts[i].name,
            (unsigned long long)measured->sorts[i].events,
            100 * measure_share((double)measured->sorts[i].quarantined, measured->sorts[i].events));
    for (int i = 0; i < DECILES; i++)
        if (measured->deciles[i].cases)
            printf("  decile %2d: cases %8llu, HR %.4f, MRR %.4f\n", i + 1,
                   (unsigned long long)measured->deciles[i].cases, hr(&measured->deciles[i]),
                   mrr(&measured->deciles[i]));
}

void report_measured(const struct recorded *recorded, const struct measured *measured,
                     const struct measure_settings *settings, bool json)
{
    double p50, p99;
    double rate = measured->seconds > 0 ? (double)recorded->count / measured->seconds : 0;
    percentiles(measured, .5, .99, &p50, &p99);
    if (!json) {
        text_measured(recorded, measured, settings->at, rate, p50, p99);
        return;
    }
    printf("{\"k\":%u,", settings->at);
    print_numbers(&measured->all);
    printf(",\"coverage\":%.6f,\"events\":%zu,\"rejected\":%llu,\"older\":%llu,\"items\":%u,"
           "\"events_per_s\":%.0f,"
           "\"list_us_p50\":%.2f,\"list_us_p99\":%.2f,\"model_bytes_per_item\":%.0f,"
           "\"visitor_bytes\":%.0f,",
           measured->coverage, recorded->count, (unsigned long long)recorded->rejected,
           (unsigned long long)recorded->older, measured->items, rate, p50, p99,
           measured->item_bytes, measured->visitor_bytes);
    print_deciles(measured);
    for (uint32_t i = 0; i < measured->sort_count; i++)
        printf("%s\"%s\":{\"events\":%llu,\"quarantined\":%llu}%s", i == 0 ? ",\"sorts\":{" : ",",
               measured->sorts[i].name, (unsigned long long)measured->sorts[i].events,
               (unsigned long long)measured->sorts[i].quarantined,
               i + 1 == measured->sort_count ? "}" : "");
    printf("}\n");
}

/* ---- variants ---- */

static void print_quoted(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        if ((unsigned char)*text < 0x20)
            printf("\\u%04x", (unsigned)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static void print_interval(const char *name, const struct interval *interval)
{
    printf(",\"%s\":{\"mean\":%.6f,\"low\":%.6f,\"high\":%.6f}", name, interval->mean,
           interval->low, interval->high);
}

static void json_variant(const struct variant *variant, const struct measured *measured,
                         const struct difference *difference,
                         const struct measure_settings *settings)
{
    double p50, p99;
    percentiles(measured, .5, .99, &p50, &p99);
    if (difference == NULL)
        printf("{\"k\":%u,\"variants\":[{\"set\":", settings->at);
    else
        printf(",{\"set\":");
    print_quoted(variant->text);
    printf(",");
    print_numbers(&measured->all);
    printf(",\"coverage\":%.6f,\"list_us_p50\":%.2f,\"list_us_p99\":%.2f,\"seconds\":%.1f,",
           measured->coverage, p50, p99, measured->seconds);
    print_deciles(measured);
    if (difference) {
        printf(",\"difference\":{\"cases\":%llu,\"sessions\":%llu,\"unpaired\":%llu",
               (unsigned long long)difference->cases, (unsigned long long)difference->sessions,
               (unsigned long long)difference->unpaired);
        print_interval("hr", &difference->of[CASE_HR]);
        print_interval("mrr", &difference->of[CASE_MRR]);
        print_interval("ndcg", &difference->of[CASE_NDCG]);
        printf("}");
    }
    printf("}");
}

static void text_variant(const struct variant *variant, const struct measured *first,
                         const struct measured *measured, const struct difference *difference,
                         const struct measure_settings *settings)
{
    double p50, p99;
    const struct quality *all = &measured->all;
    percentiles(measured, .5, .99, &p50, &p99);
    printf("%s\n  cases %llu, HR@%u %.4f, MRR@%u %.4f, us a list p50 %.1f p99 %.1f, %.1f s\n",
           *variant->text ? variant->text : "as configured", (unsigned long long)all->cases,
           settings->at, hr(all), settings->at, mrr(all), p50, p99, measured->seconds);
    if (difference == NULL)
        return;
    printf("  difference to the first: HR %+.4f [%+.4f, %+.4f], MRR %+.4f [%+.4f, %+.4f]; 95 %%, "
           "%llu sessions\n",
           difference->of[CASE_HR].mean, difference->of[CASE_HR].low, difference->of[CASE_HR].high,
           difference->of[CASE_MRR].mean, difference->of[CASE_MRR].low,
           difference->of[CASE_MRR].high, (unsigned long long)difference->sessions);
    if (difference->unpaired)
        printf("  %llu cases that only one of them has are left out\n",
               (unsigned long long)difference->unpaired);
    for (int i = 0; i < DECILES; i++)
        if (measured->deciles[i].cases)
            printf("    decile %2d: HR %.4f to %.4f, MRR %.4f to %.4f\n", i + 1,
                   hr(&first->deciles[i]), hr(&measured->deciles[i]), mrr(&first->deciles[i]),
                   mrr(&measured->deciles[i]));
}

static void text_row(const struct variant *variant, const struct measured *measured,
                     const struct difference *difference, const struct measure_settings *settings)
{
    double p50, p99;
    const struct quality *all = &measured->all;
    percentiles(measured, .5, .99, &p50, &p99);
    if (difference == NULL) {
        printf("%llu cases; differences with 95 %% intervals, * where 0 is outside\n"
               "HR@%-15u MRR@%-20u us a list  as configured, or\n"
               "%-27.4f  %-27.4f  %7.1f   as configured\n",
               (unsigned long long)all->cases, settings->at, settings->at, hr(all), mrr(all), p50);
        return;
    }
    const struct interval *intervals[] = {&difference->of[CASE_HR], &difference->of[CASE_MRR]};
    for (int i = 0; i < 2; i++)
        printf("%+.4f [%+.4f, %+.4f]%s  ", intervals[i]->mean, intervals[i]->low,
               intervals[i]->high, intervals[i]->low > 0 || intervals[i]->high < 0 ? "*" : " ");
    printf("%7.1f   %s\n", p50, variant->name ? variant->name : variant->text);
}

void report_variant(const struct variant *variant, const struct measured *first,
                    const struct measured *measured, const struct difference *difference,
                    const struct measure_settings *settings, bool json)
{
    if (json)
        json_variant(variant, measured, difference, settings);
    else if (variant->brief)
        text_row(variant, measured, difference, settings);
    else
        text_variant(variant, first, measured, difference, settings);
    fflush(stdout);
}

void report_end(bool json)
{
    if (json)
        printf("]}\n");
}
