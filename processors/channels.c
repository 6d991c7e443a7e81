/* Channels: what is viewed, put in the cart and bought by those who come by each. */
#include "processors/processor.h"
#include "processors/recommend/candidates/channel_popularity.h"

static const char *const inputs[] = {"interactions", NULL};
static const char *const outputs[] = {NULL};

WEFT_STEP(channels) = {
    .name = "channels",
    .summary = "counts, for each channel, what visitors take who come by it",
    .stage = STAGE_MODEL,
    .after = "trends",
    .inputs = inputs,
    .outputs = outputs,
    .table = "channels",
    .interaction = channels_fold,
};
