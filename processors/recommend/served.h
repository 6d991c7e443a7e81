/* Served lists: the candidates and features of each visitor's last list, kept until the next click
 * says which of them was right (waiting.h): training sees exactly what serving saw, at the moment
 * of serving, and costs no second look at the model.
 *
 * Features are kept as bfloat16, relative error 2^-8. Thread: one. */
#ifndef WEFT_RECOMMEND_SERVED_H
#define WEFT_RECOMMEND_SERVED_H

#include "processors/recommend/features.h"

struct served_ring;

struct served_ring *served_new(size_t bytes, uint32_t candidates_max, int64_t age_ms);
void served_free(struct served_ring *ring);

/* Keeps a standardised matrix with the candidates' items and their ranks in the list, from 1.
 * Returns the serial number to find it by; 0: no place is free. */
uint64_t served_keep(struct served_ring *ring, int64_t time_ms, const struct candidates *candidates,
                     const struct feature_matrix *matrix, const uint16_t *ranks);

/* What was kept under the number; NULL: overwritten since, or 0. */
struct served_list;
const struct served_list *served_find(const struct served_ring *ring, uint64_t serial);

/* Where the item stands among the candidates; UINT32_MAX: it was none. `ret_rank` is its rank in
 * the list, from 1. */
uint32_t served_place(const struct served_list *list, uint32_t item, uint32_t *ret_rank);
void served_matrix(const struct served_list *list, struct feature_matrix *ret_matrix);

#endif
