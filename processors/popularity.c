/* Popularity: counts how often visitors view each item, put it in the cart and buy it. One count is
 * for ever, one is decayed by time (state/model.h). */
#include "processors/processor.h"

static void fold(struct model *model, const struct interaction *interaction)
{
    enum pair_kind kind;
    if (interaction->subject.size == 0 || !pair_kind_of(interaction->kind, &kind))
        return;
    uint32_t item = model_item_of(model, interaction);
    if (item == ITEM_NONE)
        return;
    struct decay decay = decay_at(interaction->event_time_ms, model->limits.popular_half_life_ms);
    if (interaction->change == CHANGE_TAKEN_BACK)
        model_uncount(model, item, kind, decay);
    else
        model_count(model, item, kind, decay, interaction->event_time_ms);
}

static const char *const inputs[] = {"interactions", NULL};
static const char *const outputs[] = {NULL};

WEFT_STEP(popularity) = {
    .name = "popularity",
    .summary = "counts what visitors do with each item, and orders the most popular",
    .stage = STAGE_MODEL,
    .after = "cooccurrence",
    .inputs = inputs,
    .outputs = outputs,
    .table = "popularity",
    .interaction = fold,
};
