/* The rows of the model's steps, for tests that fold interactions without a topology:
 * weft_step_queries.interaction(model, &interaction). */
#ifndef WEFT_TESTS_STEPS_H
#define WEFT_TESTS_STEPS_H

#include "processors/processor.h"

extern const struct step weft_step_cooccurrence;
extern const struct step weft_step_popularity;
extern const struct step weft_step_embeddings;
extern const struct step weft_step_session_memory;
extern const struct step weft_step_queries;
extern const struct step weft_step_trends;
extern const struct step weft_step_channels;

#endif
