/* The pending sample: records that wait for their visitor's next click, at most one a visitor, with
 * a bound in bytes.
 *
 * A record leaves when the click takes it, or when a newer one of its visitor replaces it. If there
 * is no room, a sample stays. Age is counted in records: the n-th record gets
 *
 *     deadline = n + span * min(1 / u, PENDING_WEIGHT_MAX)
 *
 * with u even over (0, 1], drawn by a hash of the visitor and of the record's time. The record with
 * the smallest deadline leaves first, the new one among them. The greatest deadline that left is
 * the threshold T; no record at or below it comes in. So a record is there with the probability
 * min(1, span / (T - n)), and its click stands for
 *
 *     weight = max(1, (T - n) / span)
 *
 * clicks. Sums with these weights are unbiased (Horvitz, Thompson 1952; the draw is priority
 * sampling: Duffield, Lund, Thorup 2007), but for records older than PENDING_WEIGHT_MAX spans,
 * which are gone. All records of one age have the same chance, and each new one is drawn again. New
 * records have the best chance, since most visitors click soon or never again.
 *
 * No clock plays a part: the same calls leave the same sample. Thread: one. */
#ifndef WEFT_RANKING_PENDING_SAMPLE_H
#define WEFT_RANKING_PENDING_SAMPLE_H

#include "schemas/bytes.h"

#define PENDING_WEIGHT_MAX 256
#define PENDING_SPAN_SHARE 4 /* span: the number of records that wait, by this */

struct pending_place;

/* Zero-initialised holds nothing and takes nothing. Owns its records. */
struct pending_sample {
    size_t bytes_max, bytes; /* of the records and their places */
    struct pending_place *places;
    uint32_t *heap;          /* numbers of places in use, the smallest deadline first */
    uint32_t count;          /* places in use; the numbers of free ones stand behind */
    uint32_t made, capacity; /* places that were ever used; room for them */
    uint64_t number;         /* of the newest record, from 1 */
    double threshold;        /* T */
};

void pending_sample_init(struct pending_sample *sample, size_t bytes_max);
void pending_sample_release(struct pending_sample *sample);
/* Sets another bound, which holds from the next pending_sample_add() on. */
void pending_sample_bound(struct pending_sample *sample, size_t bytes_max);

/* Drops the visitor's record `before` (0: none) and makes room for a new one of `bytes`, whose
 * content the caller writes. `visitor_hash` is the same in every process. `ret_handle` names the
 * record. NULL: it is not in the sample, and the handle is 0. Holds until the next call. */
void *pending_sample_add(struct pending_sample *sample, uint64_t before, uint64_t visitor_hash,
                         int64_t time_ms, size_t bytes, uint64_t *ret_handle);
/* The record with the handle and its weight; NULL: it is gone, or the handle is 0. Holds until the
 * next call. */
const void *pending_sample_find(const struct pending_sample *sample, uint64_t handle,
                                double *ret_weight);
/* The click came: drops the record, if it is there. */
void pending_sample_drop(struct pending_sample *sample, uint64_t handle);
/* Drops all records. */
void pending_sample_clear(struct pending_sample *sample);

#endif
