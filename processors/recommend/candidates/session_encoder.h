/* The session encoder: a vector for a session, made from the vectors of its items, and the scores
 * that it gives to items. processors/embeddings.c learns the vectors and gates.
 *
 * With u the items' vectors, n(x) = x / |x| and g_p elementwise gates, a session s_1..s_L has
 *
 *     h = n(sum over p < ENCODER_ITEMS of g_p * n(u of s_(L-p)))
 *
 * and an item c the score h . n(u_c). This is a position-gated form of Ludewig and Jannach's
 * decayed session vector, with tied vectors (Inan, Khosravi, Socher 2017). */
#ifndef WEFT_CANDIDATES_SESSION_ENCODER_H
#define WEFT_CANDIDATES_SESSION_ENCODER_H

#include "state/model.h"

struct kernels; /* math/kernels.h */

/* Sizes of a batch that embeddings.c learns from. */
#define ENCODER_BATCH 8        /* new samples */
#define ENCODER_REPLAYED 1     /* samples drawn from the ring */
#define ENCODER_NEGATIVES 2048 /* shared by all samples */

/* h of the items at `places`, newest first, at most ENCODER_ITEMS; PLACE_NONE adds nothing. Returns
 * 1 / |the sum that h is the direction of|. Thread: reader or writer of the model. */
float encoder_sum(const struct kernels *kernels, const struct vectors *vectors,
                  const uint32_t *places, uint32_t count, float *ret_h);

/* h of a session from its items, newest first; the first ENCODER_ITEMS count. `ret_h` has
 * VECTOR_SIZE floats, of any alignment. False: none of the items has a vector. Thread: reader. */
bool encoder_session(const struct vectors *vectors, const uint32_t *items, uint32_t count,
                     float *ret_h);

/* ret_scores[q][i] = queries[q] . n(u of items[i]); 0 for items without a vector. `queries` are
 * rows of VECTOR_SIZE. Rows of `ret_scores` are `stride` floats apart. `count` is at most
 * ENCODER_SCORES_MAX. Thread: reader. */
#define ENCODER_SCORES_MAX 1024
void encoder_scores(const struct vectors *vectors, const float *queries, uint32_t query_count,
                    const uint32_t *items, uint32_t count, float *ret_scores, uint32_t stride);

#endif
