/* Queries: counts what visitors view, put in the cart and buy after a search, by the search's
 * normalised term (state/queries.h). Searches read it by recommend/search/query_history.h. */
#include "processors/processor.h"
#include "processors/recommend/search/taken_items.h"

static void fold(struct model *model, const struct interaction *interaction)
{
    taken_items_add(model, model->queries, interaction->search_term,
                    model->limits.pair_half_life_ms, interaction);
}

static const char *const inputs[] = {"interactions", NULL};
static const char *const outputs[] = {NULL};

WEFT_STEP(queries) = {
    .name = "queries",
    .summary = "counts what visitors take after each search",
    .stage = STAGE_MODEL,
    .after = "session_memory",
    .inputs = inputs,
    .outputs = outputs,
    .table = "queries",
    .interaction = fold,
};
