/* Popularity: how often each item is viewed, put in the cart and bought, ever and of late. */
#include "processors/processor.h"
#include "processors/recommend/candidates/popular_items.h"

static const char *const inputs[] = {"interactions", NULL};
static const char *const outputs[] = {NULL};

WEFT_STEP(popularity) = {
    .name = "popularity",
    .summary = "counts items, decayed by time, and keeps the most popular in order",
    .stage = STAGE_MODEL,
    .after = "cooccurrence",
    .inputs = inputs,
    .outputs = outputs,
    .table = "popularity",
    .interaction = popularity_fold,
};
