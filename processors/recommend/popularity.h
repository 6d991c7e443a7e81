/* Popularity of items: counts by kind, and a count decayed by time (state/model.h). */
#ifndef WEFT_RECOMMEND_POPULARITY_H
#define WEFT_RECOMMEND_POPULARITY_H

#include "processors/recommend/candidates.h"
#include "schemas/interaction.h"

/* Counts the activity of the interaction, if it has one. Thread: writer of the model. */
void popularity_fold(struct model *model, const struct interaction *interaction);

/* Candidates: the items most popular of late, .02/(1 + rank): below all that the visitor did, above
 * nothing, so that a list is never empty where anything is known. */
void popularity_generate(const struct query *query, struct candidates *candidates, int generator);

#endif
