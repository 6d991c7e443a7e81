/* Tables as JSON lines, in the order of their keys: for people, and for tests that compute the same
 * tables in another way. Equal tables give equal text. Thread: holds the model's read lock, if the
 * model is shared.
 *
 *   visitor       {"visitor":K,"accepted":N,"latest_time":MS,"truncated":B,"activities":[
 *                 {"kind":K,"subject":S,"time":MS,"price":P},...],"gender":G,"age_group":A,
 *                 "channel":C,"impressions":N,"clicks":N,"refused":B}
 *   cooccurrence  {"kind":K,"direction":"forward"|"backward","item":I,"total":T,"entries":[
 *                 {"item":I,"weight":W,"one":W1,"last":SECONDS},...]}      entries by item
 *   popularity    {"item":I,"view":N,"cart":N,"purchase":N,"recent":R,"last":MS}
 *   trends        {"item":I,"view":V,"cart":C,"purchase":P,"quick":Q,"last":MS}
 *   vectors       {"item":I,"adagrad":A,"vector":[64 numbers]}
 *   queries       {"query":Q,"base":B,"total":T,"entries":[{"item":I,"weight":W},...]}
 *   channels      {"channel":C, and the same as queries
 *   weights       {"ranker":"clicks","steps":N,"merges":N,"samples":N,"sums":[...],
 *                 "squares":[...],"now":[...],"adagrad":[...],"average":[...]}
 *                 merged weights; a second line for the ranker "cart"
 *
 * Weights of pairs: one pair at gap 1, now, is 1; decayed to the half-life period of the row's
 * newest pair. `recent` and the four numbers of trends count activities and decay likewise, trends
 * by two half-lives. Weights of queries and channels count views, decayed to the period B; their
 * entries are sorted by item. Numbers have 17 digits. */
#ifndef WEFT_TOOLS_DUMP_H
#define WEFT_TOOLS_DUMP_H

#include "processors/runtime/config.h"
#include "state/visitor.h"

#include <stdio.h>

void dump_visitor(const struct visitor *visitor, FILE *to);
/* Every visitor in the store. FATAL: a row is damaged. */
enum verdict dump_visitors(struct store *store, FILE *to, struct error *error);
void dump_cooccurrence(const struct model *model, FILE *to);
void dump_popularity(const struct model *model, FILE *to);
void dump_trends(const struct model *model, FILE *to);
void dump_vectors(const struct model *model, FILE *to);
void dump_queries(const struct model *model, FILE *to);
void dump_channels(const struct model *model, FILE *to);
void dump_weights(const struct model *model, FILE *to);

#endif
