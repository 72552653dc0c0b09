/* dense_tile.cl: what the CPU kernels of matmul and conv share: short names, guarded loads, exchanges between
 * registers.
 *
 * Included by matmul.cl, conv_image.cl.
 *
 * Macros
 *   TAG, ACC   register tag and type of the sums: f32 float, f64 double
 *   IN_T       storage type of the inputs
 */
#ifndef TAG
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#endif

#define V CAT(V_, TAG)
#define VLOAD(p) WIDE(vload)(0, p)
#define VSTORE(value, p) WIDE(vstore)(value, 0, p)
#define UNROLLED(n) __attribute__((opencl_unroll_hint(n)))
#define FUNCTION __attribute__((noinline)) static  /* compiled once, however often it is called */
#define PRIVATE(type, name, size) type name[size] __attribute__((aligned(64)))

/* On a CPU all memory is one space: what lies there as it would in private memory is used where it is. */
#define IN_PLACE(p) ((ACC *)(size_t)(p))

/* Asks for the line of a cache where p lies, which may be anywhere. */
#ifdef INTEL_CPU
#define FETCH(p) __builtin_prefetch(p, 0, 3)
#else
#define FETCH(p)
#endif

/* VEC elements of x from x[at] on; those at `end` and beyond are not read. */
static inline V NAME(load)(__global const IN_T *x, size_t at, size_t end)
{
    if (at + VEC <= end)
        return CAT(LOADP_, IN_T)(x, at, VEC);
    if (at >= end)
        return (V)(0);
    return CAT(LOADP_, IN_T)(x, at, (int)(end - at));
}

#include "exchange.cl"
#define INDEX_TYPE CAT(INDEX_TYPE_, TAG)
#define EXCHANGE(d) EXCHANGE_STAGE(TAG, t, d)

/* An exchange that adds: with all stages lane i of t[0] is the sum over the lanes of the original t[i]. */
#define FOLD(d)                                                                \
    UNROLLED(VEC) for (int i = 0; i < VEC; i += 2 * d)                         \
    {                                                                          \
        const V x = t[i], y = t[i + d];                                        \
        t[i] = shuffle2(x, y, (INDEX_TYPE)LOW##d) + shuffle2(x, y, (INDEX_TYPE)HIGH##d); \
    }

#if VEC == 16
#define STAGES(F) F(1) F(2) F(4) F(8)
#elif VEC == 8
#define STAGES(F) F(1) F(2) F(4)
#else
#define STAGES(F) F(1) F(2)
#endif
