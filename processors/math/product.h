/* Matrix products by OpenBLAS: fast, with bits that depend on the processor. Nothing that must be the
 * same on every machine goes through here (kernels.h). One thread each: many workers call it at
 * once. Thread: any, after product_init(). */
#ifndef WEFT_MATH_PRODUCT_H
#define WEFT_MATH_PRODUCT_H

#include <stdint.h>

/* Once in a process, before any other thread: OpenBLAS starts no threads of its own. */
void product_init(void);

/* c[m][n] = a' b for row-major a[k][m] and b[k][n], with rows of lda, ldb and ldc floats. */
void product_transposed(const float *a, uint32_t lda, const float *b, uint32_t ldb, uint32_t m,
                        uint32_t n, uint32_t k, float *ret_c, uint32_t ldc);

#endif
