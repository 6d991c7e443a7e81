/* Embeddings: item vectors that tell what is clicked next in a session. */
#include "processors/processor.h"
#include "processors/recommend/candidates/session_encoder.h"

static const char *const inputs[] = {"interactions", NULL};
static const char *const outputs[] = {NULL};

WEFT_STEP(embeddings) = {
    .name = "embeddings",
    .summary = "learns the items' vectors from what is clicked next",
    .stage = STAGE_MODEL,
    .after = "popularity",
    .inputs = inputs,
    .outputs = outputs,
    .table = "vectors",
    .interaction = encoder_fold,
};
