/* Trends: counts what visitors do with each item, by two half-lives (state/trends.h). The publisher
 * makes the rankings for everybody from these counts (recommend/rankings/rankings.h,
 * runtime/model/publish_rankings.h). */
#include "processors/processor.h"

static void fold(struct model *model, const struct interaction *interaction)
{
    enum pair_kind kind;
    if (interaction->subject.size == 0 || !pair_kind_of(interaction->kind, &kind))
        return;
    uint32_t item = model_item_of(model, interaction);
    if (item == ITEM_NONE)
        return;
    int64_t time_ms = interaction->event_time_ms;
    struct decay slow = decay_at(time_ms, model->limits.popular_half_life_ms);
    struct decay quick = decay_at(time_ms, model->limits.quick_half_life_ms);
    if (interaction->change == CHANGE_TAKEN_BACK)
        trends_take_back(model->trends, item, (int)kind, slow, quick);
    else
        trends_add(model->trends, item, (int)kind, slow, quick, time_ms);
}

static const char *const inputs[] = {"interactions", NULL};
static const char *const outputs[] = {NULL};

WEFT_STEP(trends) = {
    .name = "trends",
    .summary = "counts what visitors do with each item lately, for the rankings",
    .stage = STAGE_MODEL,
    .after = "queries",
    .inputs = inputs,
    .outputs = outputs,
    .table = "trends",
    .interaction = fold,
};
