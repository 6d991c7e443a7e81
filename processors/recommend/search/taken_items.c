#include "processors/recommend/search/taken_items.h"

void taken_items_add(struct model *model, struct queries *queries, struct bytes text,
                     int64_t half_life_ms, const struct interaction *interaction)
{
    enum pair_kind kind;
    if (text.size == 0 || interaction->change != CHANGE_ACTIVITY ||
        interaction->subject.size == 0 || !pair_kind_of(interaction->kind, &kind))
        return;
    uint32_t item = model_intern(model, interaction->subject, interaction->visitor);
    if (item == ITEM_NONE)
        return;
    const struct query_activity activity = {
        .visitor = interaction->visitor,
        .item = item,
        .units = kind == PAIR_CART       ? TAKEN_CART
                 : kind == PAIR_PURCHASE ? TAKEN_PURCHASE
                                         : 1,
        .decay = decay_at(interaction->event_time_ms, half_life_ms),
        .chance = bytes_hash(interaction->event_id) + interaction->position,
    };
    queries_add(queries, text, &activity);
}
