/* The training log: served lists that wait for their click. It holds the candidates and features of
 * each visitor's last list until the next click says which of them was right (pending_sample.h). So
 * training sees exactly what serving saw, at the moment of serving, and needs no second look at the
 * model.
 *
 * Features are stored as bfloat16, relative error 2^-8, without the groups that are not filled.
 * Thread: one. */
#ifndef WEFT_RANKING_TRAINING_LOG_H
#define WEFT_RANKING_TRAINING_LOG_H

#include "processors/recommend/ranking/features.h"

struct training_log;

/* Room for `bytes` of lists, of one list a visitor. The caller owns it. */
struct training_log *training_log_new(size_t bytes);
void training_log_free(struct training_log *log);
void training_log_bound(struct training_log *log, size_t bytes); /* another one */
size_t training_log_bytes(const struct training_log *log);       /* of memory that it uses */

/* Adds a copy of a standardised matrix, with the candidates' items and ranks (by place, from 1), in
 * the place of the visitor's list `before`. Returns its handle; 0: it is not in the sample. */
uint64_t training_log_add(struct training_log *log, uint64_t before, uint64_t visitor_hash,
                          int64_t time_ms, const struct candidates *candidates,
                          const struct feature_matrix *matrix, const uint16_t *ranks);

/* Forgets all lists if `numbering` is another one than in the last call: numbers of items or
 * products may belong to others by now. */
void training_log_renumber(struct training_log *log, uint64_t numbering);

/* The list with the handle, and how many clicks its click stands for; NULL: it is gone, or the
 * handle is 0. Holds until the next call. */
struct training_list;
const struct training_list *training_log_find(const struct training_log *log, uint64_t handle,
                                              double *ret_weight);
/* The click came: drops the list, if it is there. */
void training_log_drop(struct training_log *log, uint64_t handle);

/* The item's place among the candidates; UINT32_MAX: it was none. `ret_rank`: its rank, from 1. */
uint32_t training_log_place(const struct training_list *list, uint32_t item, uint32_t *ret_rank);
/* Copies the matrix as it was served, but for the rounding. */
void training_log_matrix(const struct training_list *list, struct feature_matrix *ret_matrix);

#endif
