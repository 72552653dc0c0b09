/*
 * A bias per channel: rows, with one number splatted along each.
 *
 * plan: 5 nodes, 1 groups, 1 launches, arena 0 bytes
 *   0 launch add_relu__824c05 grid (3,)
 *       fused  %3 <add 4x6x28x28 float32>
 *       fused  %4 <relu 4x6x28x28 float32>
 *       stores %4 4x6x28x28 float32, fresh
 */

#define KERNEL add_relu__824c05
#define VEC 16
static inline void NAME(body)(const size_t i0, const size_t i1, const size_t j, const int n, __global const float *p0, long s0, long s1, __global const float *p1, __global float *q0, long s2, long s3)
{
    const V_f32 r0 = LOADP_float(p0, i0 * s0 + i1 * s1 + j, n);  // float32
    const V_f32 r1 = SPLAT_f32(LOAD1_float(p1, i1));  // float32
    const V_f32 r2 = r0 + r1;  // add float32
    const V_f32 r3 = RELU(r2);  // relu float32
    STOREP_float(r3, q0, i0 * s2 + i1 * s3 + j, n);
}
#define LANES 1
#define PARAMS , __global const float *p0, long s0, long s1, __global const float *p1, __global float *q0, long s2, long s3, long d1
#define BODY_CALL(j, n) NAME(body)(i0, i1, j, n, p0, s0, s1, p1, q0, s2, s3)
#define ROW i1
#define RUN d1
#define UNRAVEL(row) size_t i1 = (row) % d1; size_t i0 = (row) / d1;
#define NEXT_RUN i0++;
#include "elementwise.cl"
