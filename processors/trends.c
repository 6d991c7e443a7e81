/* Trends: what is viewed, put in the cart and bought of late, and very lately. From this the
 * publisher makes rankings for everybody (recommend/rankings/rankings.h,
 * runtime/model/publish_rankings.h). */
#include "processors/processor.h"

static const char *const inputs[] = {"interactions", NULL};
static const char *const outputs[] = {NULL};

WEFT_STEP(trends) = {
    .name = "trends",
    .summary = "counts what is done with items of late and very lately; the publisher makes "
               "rankings of it",
    .stage = STAGE_MODEL,
    .after = "queries",
    .inputs = inputs,
    .outputs = outputs,
    .table = "trends",
    .interaction = trends_fold,
};
