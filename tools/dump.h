/* Tables as JSON lines, in the order of their keys, for people and for recounts.
 *
 *   visitor       {"visitor":K,"accepted":N,"latest_time":MS,"truncated":B,"activities":[
 *                 {"kind":K,"subject":S,"time":MS,"price":P},...],"gender":G,"age_group":A,
 *                 "channel":C,"impressions":N,"clicks":N,"refused":B}
 *   cooccurrence  {"kind":K,"direction":"forward"|"backward","item":I,"total":T,"entries":[
 *                 {"item":I,"weight":W,"one":W1,"last":SECONDS},...]}      entries by item
 *   vectors       {"item":I,"adagrad":A,"vector":[64 numbers]}
 *   weights       {"steps":N,"merges":N,"samples":N,"sums":[...],"squares":[...],"now":[...],
 *                 "adagrad":[...],"average":[...]}                       one line: the merged
 * ranker popularity    {"item":I,"view":N,"cart":N,"purchase":N,"recent":R,"last":MS} trends
 * {"item":I,"view":V,"cart":C,"purchase":P,"quick":Q,"last":MS} queries
 * {"query":Q,"base":B,"total":T,"entries":[{"item":I,"weight":W},...]} in views, decayed to the
 * half-life B; entries by item channels      {"channel":C, and the same
 *
 * Weights are in pairs (one pair at gap 1, now, is 1), decayed to the half-life in which the row's
 * newest pair lies; `recent` likewise in activities, and so are the four of trends, by the two
 * half-lives. Numbers have 17 digits: equal text is equal. */
#ifndef WEFT_TOOLS_DUMP_H
#define WEFT_TOOLS_DUMP_H

#include "processors/runtime/config.h"
#include "state/visitor.h"

#include <stdio.h>

void dump_visitor(const struct visitor *visitor, FILE *to);
/* Every visitor in the store. */
enum verdict dump_visitors(struct store *store, FILE *to, struct error *error);
void dump_cooccurrence(const struct model *model, FILE *to);
void dump_popularity(const struct model *model, FILE *to);
void dump_trends(const struct model *model, FILE *to);
void dump_vectors(const struct model *model, FILE *to);
void dump_queries(const struct model *model, FILE *to);
void dump_channels(const struct model *model, FILE *to);
void dump_weights(const struct model *model, FILE *to);

#endif
