/* The training log: served lists that wait for their click. It holds the candidates and features of
 * each visitor's last list until the next click says which of them was right (pending_ring.h). So
 * training sees exactly what serving saw, at the moment of serving, and needs no second look at the
 * model.
 *
 * Features are stored as bfloat16, relative error 2^-8. Thread: one. */
#ifndef WEFT_RANKING_TRAINING_LOG_H
#define WEFT_RANKING_TRAINING_LOG_H

#include "processors/recommend/ranking/features.h"

struct training_log;

/* Room for lists of up to `candidates_max` candidates in at most `bytes`; a list waits for at least
 * `age_ms`. The caller owns it. */
struct training_log *training_log_new(size_t bytes, uint32_t candidates_max, int64_t age_ms);
void training_log_free(struct training_log *log);
size_t training_log_bytes(const struct training_log *log); /* of memory that it uses */

/* Adds a copy of a standardised matrix, with the candidates' items and ranks (by place, from 1).
 * Returns its serial number; 0: no place is free. */
uint64_t training_log_add(struct training_log *log, int64_t time_ms,
                          const struct candidates *candidates, const struct feature_matrix *matrix,
                          const uint16_t *ranks);

/* Forgets all lists if `numbering` is another one than in the last call: numbers of items or
 * products may belong to others by now. */
void training_log_renumber(struct training_log *log, uint64_t numbering);

/* The list with the number; NULL: it was overwritten or forgotten, or the number is 0. Holds until
 * the next training_log_add(). */
struct training_list;
const struct training_list *training_log_find(const struct training_log *log, uint64_t serial);

/* The item's place among the candidates; UINT32_MAX: it was none. `ret_rank`: its rank, from 1. */
uint32_t training_log_place(const struct training_list *list, uint32_t item, uint32_t *ret_rank);
/* Copies the matrix as it was served, but for the rounding. */
void training_log_matrix(const struct training_list *list, struct feature_matrix *ret_matrix);

#endif
