/* Queries: what is viewed, put in the cart and bought after a search. */
#include "processors/processor.h"
#include "processors/recommend/search/query_history.h"

static const char *const inputs[] = {"interactions", NULL};
static const char *const outputs[] = {NULL};

WEFT_STEP(queries) = {
    .name = "queries",
    .summary = "counts, for each search, what visitors took after it",
    .stage = STAGE_MODEL,
    .after = "session_memory",
    .inputs = inputs,
    .outputs = outputs,
    .table = "queries",
    .interaction = query_history_fold,
};
