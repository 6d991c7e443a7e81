/* Popularity of items: counts by kind, and a count decayed by time (state/model.h). */
#ifndef WEFT_RECOMMEND_POPULARITY_H
#define WEFT_RECOMMEND_POPULARITY_H

#include "processors/recommend/candidates.h"
#include "schemas/interaction.h"

/* Counts the activity of the interaction, if it has one. Thread: writer of the model. */
void popularity_fold(struct model *model, const struct interaction *interaction);

/* Candidates: the items most popular of late, as many as fill a list where little else is known;
 * they weigh .02/(1 + decayed rank), below all that the visitor did and above nothing. */
void popularity_generate(const struct query *query, struct candidates *candidates, int generator);
float popularity_weight(const struct candidate *candidate);

#endif
