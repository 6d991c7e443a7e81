/* Served lists: the candidates and features of each visitor's last list, kept until the next click
 * says which of them was right (pending_ring.h): training sees exactly what serving saw, at the
 * moment of serving, and costs no second look at the model.
 *
 * Features are kept as bfloat16, relative error 2^-8. Thread: one. */
#ifndef WEFT_RANKING_TRAINING_LOG_H
#define WEFT_RANKING_TRAINING_LOG_H

#include "processors/recommend/ranking/features.h"

struct training_log;

struct training_log *training_log_new(size_t bytes, uint32_t candidates_max, int64_t age_ms);
void training_log_free(struct training_log *ring);

/* Keeps a standardised matrix with the candidates' items and their ranks in the list, from 1.
 * Returns the serial number to find it by; 0: no place is free. */
uint64_t training_log_add(struct training_log *ring, int64_t time_ms,
                          const struct candidates *candidates, const struct feature_matrix *matrix,
                          const uint16_t *ranks);

/* What was kept under the number; NULL: overwritten since, or 0. */
struct training_list;
const struct training_list *training_log_find(const struct training_log *ring, uint64_t serial);

/* Where the item stands among the candidates; UINT32_MAX: it was none. `ret_rank` is its rank in
 * the list, from 1. */
uint32_t training_log_place(const struct training_list *list, uint32_t item, uint32_t *ret_rank);
void training_log_matrix(const struct training_list *list, struct feature_matrix *ret_matrix);

#endif
