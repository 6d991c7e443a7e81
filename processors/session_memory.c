/* Neighbourhood: the last sessions of all visitors, to find those that are like the present one. */
#include "processors/processor.h"
#include "processors/recommend/candidates/session_knn.h"

static const char *const inputs[] = {"interactions", NULL};
static const char *const outputs[] = {NULL};

WEFT_STEP(session_memory) = {
    .name = "session_memory",
    .summary = "remembers the last sessions, and for each item those that have it",
    .stage = STAGE_MODEL,
    .after = "embeddings",
    .inputs = inputs,
    .outputs = outputs,
    .table = "sessions",
    .interaction = session_knn_fold,
};
