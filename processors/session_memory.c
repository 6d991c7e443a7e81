/* Session memory: remembers the newest sessions of all visitors, and for each item the sessions
 * that have it (state/session_memory.h). Session kNN looks for sessions like the visitor's there. A
 * session keeps an item that is taken out of the cart or sent back: the visitor had it. */
#include "processors/processor.h"

static void fold(struct model *model, const struct interaction *interaction)
{
    enum pair_kind kind;
    if (interaction->change != CHANGE_ACTIVITY || interaction->subject.size == 0 ||
        interaction->visitor == 0 || !pair_kind_of(interaction->kind, &kind))
        return;
    uint32_t item = model_intern(model, interaction->subject, interaction->visitor);
    if (item != ITEM_NONE)
        session_memory_remember(model->sessions, interaction->visitor, item,
                                interaction->event_time_ms);
}

static const char *const inputs[] = {"interactions", NULL};
static const char *const outputs[] = {NULL};

WEFT_STEP(session_memory) = {
    .name = "session_memory",
    .summary = "remembers the newest sessions, and for each item its sessions",
    .stage = STAGE_MODEL,
    .after = "embeddings",
    .inputs = inputs,
    .outputs = outputs,
    .table = "sessions",
    .interaction = fold,
};
