/* The session encoder: vectors of items, learned from what is clicked next, one pass, click by
 * click.
 *
 * With u the items' vectors, n(x) = x / |x| and g_p elementwise gates, a session s_1..s_L is
 *     h = n(sum over p < 8 of g_p * n(u of s_(L-p)))
 * and the next item is c with probability proportional to exp(12 h.n(u_c) - ln max(1, q_c)), q_c
 * the clicks on c in the ring of the last clicks: softmax cross-entropy over the target and
 * negatives drawn from the ring, which the second term corrects for (Bengio, Senecal 2008,
 * "Adaptive importance sampling"; the encoder is a position-gated form of Ludewig and Jannach's
 * decayed session vector; tied vectors: Inan, Khosravi, Socher 2017). ENCODER_BATCH new samples and
 * ENCODER_REPLAYED drawn from the ring share the negatives. Row-wise Adagrad (Duchi, Hazan, Singer
 * 2011): a_i += mean(g^2), u -= .1 g / sqrt(a_i); gates: elementwise, rate .02. Gradients of the
 * softmax below .02 are skipped.
 *
 * Every draw is a hash of the number of the batch, and all arithmetic is the kernels' of
 * math/kernels.h, so the same log gives the same vectors, bit by bit, on every machine. A row whose
 * numbers leave the range is drawn anew: no NaN and no infinity stays. */
#ifndef WEFT_CANDIDATES_SESSION_ENCODER_H
#define WEFT_CANDIDATES_SESSION_ENCODER_H

#include "schemas/interaction.h"
#include "state/model.h"

#define ENCODER_BATCH 8
#define ENCODER_REPLAYED 1
#define ENCODER_NEGATIVES 2048

/* Learns from an interaction's item and what stood before it. Above
 * limits.encoder_clicks_per_second_max, in the log's own time, a sample of the clicks is learned
 * from, chosen by their number in the log. Thread: writer of the model. */
void encoder_fold(struct model *model, const struct interaction *interaction);

/* The session's vector h from its items, newest first, as many as are there; all VECTOR_SIZE
 * numbers. False: none of the items has a vector. `ret_h` is aligned to nothing. Thread: reader. */
bool encoder_session(const struct vectors *vectors, const uint32_t *items, uint32_t count,
                     float *ret_h);

/* ret_scores[q][i] = queries[q] . n(u of items[i]); 0 for items without a vector. Queries are rows
 * of VECTOR_SIZE, at most QUERIES_MAX (math/kernels.h), rows of ret_scores have `stride` floats;
 * `count` at most ENCODER_SCORES_MAX. Thread: reader. */
#define ENCODER_SCORES_MAX 1024
void encoder_scores(const struct vectors *vectors, const float *queries, uint32_t query_count,
                    const uint32_t *items, uint32_t count, float *ret_scores, uint32_t stride);

#endif
