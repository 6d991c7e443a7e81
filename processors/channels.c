/* Channels: counts what visitors of a channel (web, app, ...) view, put in the cart and buy, by the
 * channel's normalised name (state/queries.h). New visitors of the channel get lists made from it
 * (recommend/candidates/channel_popularity.h). */
#include "processors/processor.h"
#include "processors/recommend/search/taken_items.h"

static void fold(struct model *model, const struct interaction *interaction)
{
    taken_items_add(model, model->channels, interaction->channel,
                    model->limits.popular_half_life_ms, interaction);
}

static const char *const inputs[] = {"interactions", NULL};
static const char *const outputs[] = {NULL};

WEFT_STEP(channels) = {
    .name = "channels",
    .summary = "counts what visitors of each channel take",
    .stage = STAGE_MODEL,
    .after = "trends",
    .inputs = inputs,
    .outputs = outputs,
    .table = "channels",
    .interaction = fold,
};
