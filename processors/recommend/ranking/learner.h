/* The learner: a worker's own copy of the ranker, and how its learning reaches the other workers.
 *
 *     own = known + learned since
 *
 *     worker:  own - known --(every merge_ms, in its transaction)--> interactions log
 *     model:   folds the differences of all workers --> merged weights
 *     worker:  known, own <-- merged weights
 *
 * `known` holds the model's merged weights as last taken over. A written difference counts as
 * known. Once the model has folded it, the merged weights are taken over again, with what other
 * workers wrote meanwhile. At most one difference is on its way.
 *
 * An abort takes back all that was learned, written or taken over since the last commit. Learning
 * that is not written yet is lost with the process: a few seconds' clicks.
 *
 * Thread: the worker; learner_take_over() holds the model's read lock. */
#ifndef WEFT_RANKING_LEARNER_H
#define WEFT_RANKING_LEARNER_H

#include "processors/recommend/ranking/ranker.h"
#include "processors/recommend/ranking/training_log.h"

#define LEARNER_WRITE_STEPS 64 /* learned clicks that make a record worth writing */

struct learner {
    struct ranker ranker; /* over `own` */
    bool cart;            /* its weights are model->cart_weights, not model->weights */
    struct weights *own, *known;
    uint64_t known_merges;   /* of the model when it was taken over */
    uint64_t source, number; /* of the last difference written */
    bool on_its_way;
    int64_t written_ms;
    /* as of the last commit; own_committed NULL: there are no aborts */
    struct weights *own_committed, *known_committed;
    uint64_t committed_merges, committed_number;
    bool committed_on_its_way, changed;
    struct weights *scratch;
};

/* Starts with the initial weights. The caller owns the learner and releases it. */
void learner_init(struct learner *learner, const struct model *model,
                  const struct feature_mask *off);
/* The same for the cart ranker, with the columns of ranker_init_columns(). */
void learner_init_cart(struct learner *learner, const struct model *model, uint32_t columns,
                       uint32_t varying);
void learner_release(struct learner *learner);
/* For a driver that never aborts: drops the copies, and makes the differences' source the same in
 * every run. */
void learner_never_aborts(struct learner *learner);

/* Takes over the model's merged weights if there are new ones and no difference is on its way. */
void learner_take_over(struct learner *learner, const struct model *model);
/* Appends the record with the difference to `buffer` if one is due. False: none is. A difference
 * with a NaN or an infinity is not written. */
bool learner_write(struct learner *learner, int64_t now_ms, int64_t merge_ms, uint64_t fingerprint,
                   struct buffer *buffer);
/* With the worker's transaction. */
void learner_commit(struct learner *learner);
void learner_abort(struct learner *learner);

#endif
