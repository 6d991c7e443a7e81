#include "processors/math/product.h"

#include <cblas.h>

void product_init(void)
{
    openblas_set_num_threads(1);
}

void product_transposed(const float *a, uint32_t lda, const float *b, uint32_t ldb, uint32_t m,
                        uint32_t n, uint32_t k, float *ret_c, uint32_t ldc)
{
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)m, (int)n, (int)k, 1, a, (int)lda, b,
                (int)ldb, 0, ret_c, (int)ldc);
}
