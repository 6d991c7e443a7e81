/* The learner: a worker's own copy of the ranker, and how what it learns becomes everybody's.
 *
 * The copy is  own = known + learned since,  where `known` is the model's merged weights as last
 * taken over. Every merge_ms the difference own - known is written to the interactions log inside
 * the worker's transaction and counted as known; once the model has folded it, the merged weights,
 * with what other workers wrote meanwhile, are taken over again. At most one difference is on its
 * way. An abort takes back what was learned, written or taken over since the last commit. What was
 * learned and not yet written is lost with the process: a few seconds' clicks.
 *
 * Thread: the worker; learner_take_over() holds the model's read lock. */
#ifndef WEFT_RANKING_LEARNER_H
#define WEFT_RANKING_LEARNER_H

#include "processors/recommend/ranking/ranker.h"
#include "processors/recommend/ranking/training_log.h"

#define LEARNER_WRITE_STEPS 64 /* fewer learned clicks are not worth a record */

struct learner {
    struct ranker ranker; /* over `own` */
    struct weights *own, *known;
    uint64_t known_merges;   /* of the model when it was taken over */
    uint64_t source, number; /* of the last difference written */
    bool on_its_way;
    int64_t written_ms;
    /* as of the last commit; own_committed NULL: nothing is ever aborted */
    struct weights *own_committed, *known_committed;
    uint64_t committed_merges, committed_number;
    bool committed_on_its_way, changed;
    struct weights *scratch;
};

void learner_init(struct learner *learner, const struct model *model,
                  const struct feature_mask *off);
void learner_release(struct learner *learner);
/* For a driver that never aborts: no copies are kept. */
void learner_never_aborts(struct learner *learner);

/* Takes over the model's merged weights if there are new ones and nothing is on its way. */
void learner_take_over(struct learner *learner, const struct model *model);
/* Appends the record that is due by now to `buffer`. False: none is. */
bool learner_write(struct learner *learner, int64_t now_ms, int64_t merge_ms, uint64_t fingerprint,
                   struct buffer *buffer);
void learner_commit(struct learner *learner);
void learner_abort(struct learner *learner);

#endif
