/*
 * Zeros around an image: loads with bounds.
 *
 * plan: 2 nodes, 1 groups, 1 launches, arena 0 bytes
 *   0 launch copy__59872c grid (3,)
 *       stores %1 4x6x32x32 float32, fresh
 */

#define KERNEL copy__59872c
#define VEC 16
static inline void NAME(body)(const size_t i0, const size_t i1, const size_t j, const int n, __global const float *p0, long s0, long s1, long s2, long s3, long s4, long s5, long s6, __global float *q0, long s7, long s8)
{
    const V_f32 r0 = LOADB_float(p0, s4 + i0 * s5 + i1 * s6 + j, 1, FIRST_LANE(j, s2), (INSIDE(i1, s0, s1)) ? LAST_LANE(j, s3, n) : 0);  // float32
    STOREP_float(r0, q0, i0 * s7 + i1 * s8 + j, n);
}
#define LANES 1
#define PARAMS , __global const float *p0, long s0, long s1, long s2, long s3, long s4, long s5, long s6, __global float *q0, long s7, long s8, long d1
#define BODY_CALL(j, n) NAME(body)(i0, i1, j, n, p0, s0, s1, s2, s3, s4, s5, s6, q0, s7, s8)
#define ROW i1
#define RUN d1
#define UNRAVEL(row) size_t i1 = (row) % d1; size_t i0 = (row) / d1;
#define NEXT_RUN i0++;
#include "elementwise.cl"
