#include "processors/recommend/ranking/learner.h"

#include <stdlib.h>
#include <sys/random.h>

static void copy(struct weights *to, const struct weights *from)
{
    memcpy(to, from, sizeof *to);
}

static const struct weights *merged_of(const struct learner *learner, const struct model *model)
{
    return learner->cart ? model->cart_weights : model->weights;
}

/* All but the ranker. */
static void start(struct learner *learner, uint64_t hash)
{
    memset(learner, 0, sizeof *learner);
    learner->own = weights_new(hash);
    learner->known = weights_new(hash);
    learner->own_committed = weights_new(hash);
    learner->known_committed = weights_new(hash);
    learner->scratch = weights_new(hash);
    learner->written_ms = INT64_MIN;
    if (getrandom(&learner->source, sizeof learner->source, 0) != sizeof learner->source)
        learner->source = (uint64_t)(uintptr_t)learner; /* it only must differ from the others' */
}

void learner_init(struct learner *learner, const struct model *model,
                  const struct feature_mask *off)
{
    start(learner, model->limits.features);
    ranker_init(&learner->ranker, learner->own, off);
}

void learner_init_cart(struct learner *learner, const struct model *model, uint32_t columns,
                       uint32_t varying)
{
    static const struct feature_mask none_off;
    start(learner, model->limits.cart_features);
    learner->cart = true;
    ranker_init_columns(&learner->ranker, learner->own, &none_off, columns, varying);
}

void learner_release(struct learner *learner)
{
    free(learner->own);
    free(learner->known);
    free(learner->own_committed);
    free(learner->known_committed);
    free(learner->scratch);
}

void learner_never_aborts(struct learner *learner)
{
    free(learner->own_committed);
    free(learner->known_committed);
    learner->own_committed = learner->known_committed = NULL;
    learner->source = 1; /* the same in every run */
}

void learner_take_over(struct learner *learner, const struct model *model)
{
    const struct weights *merged = merged_of(learner, model);
    if (merged->merges == learner->known_merges)
        return;
    if (learner->on_its_way && weights_folded(merged, learner->source) < learner->number)
        return;
    weights_subtract(learner->scratch, learner->own, learner->known);
    copy(learner->known, merged);
    copy(learner->own, merged);
    weights_add(learner->own, learner->scratch);
    learner->known_merges = merged->merges;
    learner->on_its_way = false;
    learner->changed = true;
}

bool learner_write(struct learner *learner, int64_t now_ms, int64_t merge_ms, uint64_t fingerprint,
                   struct buffer *buffer)
{
    if (learner->on_its_way || learner->own->steps - learner->known->steps < LEARNER_WRITE_STEPS)
        return false;
    if (learner->written_ms != INT64_MIN && now_ms - learner->written_ms < merge_ms &&
        now_ms >= learner->written_ms)
        return false;
    weights_subtract(learner->scratch, learner->own, learner->known);
    learner->written_ms = now_ms;
    if (!weights_finite(learner->scratch))
        return false;
    learner->scratch->source = learner->source;
    learner->scratch->number = ++learner->number;
    weights_write(learner->scratch, fingerprint, buffer);
    /* The log brings back merged + difference, rounded. The copy goes on from the same number, so
     * that workers without news are equal. */
    weights_add(learner->known, learner->scratch);
    copy(learner->own, learner->known);
    learner->on_its_way = true;
    learner->changed = true;
    return true;
}

/* The weights changed, or the statistics of the features. */
static bool has_changed(const struct learner *learner)
{
    return learner->changed || learner->ranker.sampled;
}

void learner_commit(struct learner *learner)
{
    if (learner->own_committed == NULL || !has_changed(learner))
        return;
    copy(learner->own_committed, learner->own);
    copy(learner->known_committed, learner->known);
    learner->committed_merges = learner->known_merges;
    learner->committed_number = learner->number;
    learner->committed_on_its_way = learner->on_its_way;
    learner->changed = learner->ranker.sampled = false;
}

void learner_abort(struct learner *learner)
{
    if (learner->own_committed == NULL || !has_changed(learner))
        return;
    copy(learner->own, learner->own_committed);
    copy(learner->known, learner->known_committed);
    learner->known_merges = learner->committed_merges;
    learner->number = learner->committed_number;
    learner->on_its_way = learner->committed_on_its_way;
    learner->written_ms = INT64_MIN;
    learner->changed = learner->ranker.sampled = false;
}
