#include "processors/recommend/candidates/session_encoder.h"

#include "processors/math/kernels.h"

#include <math.h>

float encoder_sum(const struct kernels *kernels, const struct vectors *vectors,
                  const uint32_t *places, uint32_t count, float *ret_h)
{
    memset(ret_h, 0, VECTOR_SIZE * sizeof *ret_h);
    for (uint32_t p = 0; p < count; p++) {
        if (places[p] != PLACE_NONE)
            kernels->add_product(ret_h, vectors_row(vectors, places[p]),
                                 vectors->inverse_norms[places[p]],
                                 vectors->gates + p * VECTOR_SIZE, VECTOR_SIZE);
    }
    float inverse = 1 / sqrtf(kernels->dot(ret_h, ret_h, VECTOR_SIZE) + 1e-9f);
    kernels->scale(ret_h, inverse, VECTOR_SIZE);
    return inverse;
}

bool encoder_session(const struct vectors *vectors, const uint32_t *items, uint32_t count,
                     float *ret_h)
{
    const struct kernels *kernels = kernels_best();
    uint32_t places[ENCODER_ITEMS];
    bool any = false;
    if (count > ENCODER_ITEMS)
        count = ENCODER_ITEMS;
    for (uint32_t p = 0; p < count; p++) {
        places[p] = vectors_find(vectors, items[p]);
        any = any || places[p] != PLACE_NONE;
    }
    if (!any)
        return false;
    encoder_sum(kernels, vectors, places, count, ret_h);
    return true;
}

void encoder_scores(const struct vectors *vectors, const float *queries, uint32_t query_count,
                    const uint32_t *items, uint32_t count, float *ret_scores, uint32_t stride)
{
    uint32_t places[ENCODER_SCORES_MAX];
    float inverse[ENCODER_SCORES_MAX];
    bool missing = false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = vectors_find(vectors, items[i]);
        missing = missing || place == PLACE_NONE;
        places[i] = place == PLACE_NONE ? 0 : place;
        inverse[i] = place == PLACE_NONE ? 0 : vectors->inverse_norms[place];
    }
    kernels_best()->dot_rows(vectors->rows, places, count, VECTOR_SIZE, queries, query_count,
                             ret_scores, stride);
    for (uint32_t q = 0; q < query_count; q++)
        for (uint32_t i = 0; i < count; i++)
            ret_scores[q * stride + i] *= inverse[i];
    for (uint32_t i = 0; missing && i < count; i++) /* place 0 may hold any item */
        for (uint32_t q = 0; q < query_count && vectors_find(vectors, items[i]) == PLACE_NONE; q++)
            ret_scores[q * stride + i] = 0;
}
