/* calls.cl: the calls of phases (phase.cl) by kernels that are made of them.
 *
 * Included by slices.cl, abreast.cl. `table` holds sizes, strides and the counts of a phase's work-items.
 */

/* Number k of the table; the place `bytes` behind a pointer. */
#define T(k) table[k]
#define AT(p, bytes) ((__global void *)((__global uchar *)(p) + (bytes)))
/* Every work-item of a phase, one after the other: (function, its ND-range, its arguments). */
#define RUN(phase, n0, n1, n2, ...) \
    for (size_t i2 = 0; i2 < (size_t)(n2); i2++) \
        for (size_t i1 = 0; i1 < (size_t)(n1); i1++) \
            for (size_t i0 = 0; i0 < (size_t)(n0); i0++) \
                phase(i0, i1, i2, n0, n1, n2, __VA_ARGS__);
