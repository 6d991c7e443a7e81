/* Co-occurrence: counts which item follows which in a session, for views, carts and purchases
 * apart.
 *
 * Sequential rules of Ludewig and Jannach 2018, "Evaluation of session-based recommendation
 * algorithms", section 3.1: a pair at gap j counts 1/j, for j up to NEIGHBOURS_MAX. Each pair is
 * counted in both directions, with forward decay (state/model.h).
 *
 * An interaction carries the activities of the same kind around it:
 *
 *     before[1]  before[0]  subject  after[0]        gaps to the subject: 2  1  -  1
 *
 * An activity that arrives late stands between two others, so their pair moves apart by one. A
 * joint has no subject. It brings two sessions together, and their activities become pairs. An
 * activity that is taken back loses its pairs, and the pairs around it move closer by one. */
#include "processors/processor.h"
#include "schemas/draw.h"

struct pair {
    uint32_t earlier, later; /* items */
    int gap;                 /* now; 0: they are no pair any more */
    int gap_before;          /* 0: they were no pair */
    int64_t time_ms;         /* of the later one */
};

static double units_of(int gap)
{
    return gap >= 1 && gap <= NEIGHBOURS_MAX ? PAIR_UNITS / gap : 0;
}

static void fold_pair(struct model *model, enum pair_kind kind, const struct pair *pair,
                      uint64_t chance)
{
    double units = units_of(pair->gap) - units_of(pair->gap_before);
    if (units == 0 || pair->earlier == ITEM_NONE || pair->later == ITEM_NONE)
        return;
    bool gap_one = pair->gap == 1 || pair->gap_before == 1;
    if (gap_one && pair->gap > 0 && pair->gap_before > 0) {
        /* They stood next to each other before, or do now: add the new count, take back the old. */
        struct pair now = *pair, before = *pair;
        now.gap_before = before.gap = 0;
        fold_pair(model, kind, &now, chance);
        fold_pair(model, kind, &before, chance);
        return;
    }
    struct decay decay = decay_at(pair->time_ms, model->limits.pair_half_life_ms);
    model_add(model, pair->earlier, kind, PAIR_FORWARD, pair->later, units, gap_one, decay,
              pair->time_ms, chance);
    model_add(model, pair->later, kind, PAIR_BACKWARD, pair->earlier, units, gap_one, decay,
              pair->time_ms, ~chance);
}

static void turn_back(struct pair *pair)
{
    int gap = pair->gap;
    pair->gap = pair->gap_before;
    pair->gap_before = gap;
}

static uint32_t neighbour_of(struct model *model, const struct interaction *interaction,
                             const struct neighbour *neighbour)
{
    return interaction->change == CHANGE_ACTIVITY
               ? model_intern(model, neighbour->item_id, interaction->visitor)
               : model_live(model, neighbour->item_id);
}

static void fold_around(struct model *model, enum pair_kind kind,
                        const struct interaction *interaction, const uint32_t *before,
                        const uint32_t *after, bool activity, uint64_t *chance)
{
    /* An activity in the middle takes one place of the distance; a joint takes none. */
    bool taken_back = interaction->change == CHANGE_TAKEN_BACK;
    int shift = activity ? 1 : 0;
    for (uint32_t i = 0; i < interaction->before_count; i++) {
        for (uint32_t k = 0; k < interaction->after_count; k++) {
            struct pair pair = {
                .earlier = before[i],
                .later = after[k],
                .gap = (int)(i + k) + 1 + shift,
                .gap_before = interaction->joined ? (int)(i + k) + 1 : 0,
                .time_ms = interaction->after[k].event_time_ms,
            };
            if (taken_back)
                turn_back(&pair);
            fold_pair(model, kind, &pair, draw_next(chance));
        }
    }
}

static void fold(struct model *model, const struct interaction *interaction)
{
    enum pair_kind kind;
    if (!pair_kind_of(interaction->kind, &kind))
        return;
    bool activity = interaction->subject.size > 0;
    bool taken_back = interaction->change == CHANGE_TAKEN_BACK;
    uint32_t item = activity ? model_item_of(model, interaction) : ITEM_NONE;
    uint32_t before[NEIGHBOURS_MAX], after[NEIGHBOURS_MAX];
    for (uint32_t i = 0; i < interaction->before_count; i++)
        before[i] = neighbour_of(model, interaction, &interaction->before[i]);
    for (uint32_t i = 0; i < interaction->after_count; i++)
        after[i] = neighbour_of(model, interaction, &interaction->after[i]);
    model_drop_evicted(model, &item, 1);
    model_drop_evicted(model, before, interaction->before_count);
    model_drop_evicted(model, after, interaction->after_count);
    uint64_t chance = bytes_hash(interaction->event_id) + interaction->position;
    for (uint32_t i = 0; activity && i < interaction->before_count; i++) {
        struct pair pair = {
            .earlier = before[i],
            .later = item,
            .gap = (int)i + 1,
            .time_ms = interaction->event_time_ms,
        };
        if (taken_back)
            turn_back(&pair);
        fold_pair(model, kind, &pair, draw_next(&chance));
    }
    for (uint32_t i = 0; activity && i < interaction->after_count; i++) {
        struct pair pair = {
            .earlier = item,
            .later = after[i],
            .gap = (int)i + 1,
            .time_ms = interaction->after[i].event_time_ms,
        };
        if (taken_back)
            turn_back(&pair);
        fold_pair(model, kind, &pair, draw_next(&chance));
    }
    fold_around(model, kind, interaction, before, after, activity, &chance);
}

static const char *const inputs[] = {"interactions", NULL};
static const char *const outputs[] = {NULL};

WEFT_STEP(cooccurrence) = {
    .name = "cooccurrence",
    .summary = "counts which item follows which, for views, carts and purchases",
    .stage = STAGE_MODEL,
    .inputs = inputs,
    .outputs = outputs,
    .table = "cooccurrence",
    .interaction = fold,
};
