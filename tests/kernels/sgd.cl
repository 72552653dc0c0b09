/*
 * Momentum over two parameters: one launch, in place.
 *
 * plan: 18 nodes, 2 groups, 1 launches, arena 0 bytes
 *   0 launch mul_add_mul_sub_all__adabde (2 segments) grid (3,)
 *       fused  %2 <mul 120x84 float32>
 *       fused  %4 <add 120x84 float32>
 *       fused  %7 <mul 120x84 float32>
 *       fused  %8 <sub 120x84 float32>
 *       stores %4 120x84 float32, donated
 *       stores %9 120x84 float32, donated
 *       fused  %11 <mul 84 float32>
 *       fused  %13 <add 84 float32>
 *       fused  %15 <mul 84 float32>
 *       fused  %16 <sub 84 float32>
 *       stores %13 84 float32, donated
 *       stores %17 84 float32, donated
 */

#define KERNEL mul_add_mul_sub_all__adabde
#define VEC 16
static inline void NAME(body)(const size_t j, const int n, __global const float *p0, __global const uchar *restrict scalars, int a2, __global const float *p1, __global const float *p2, int a5, __global float *q0, __global float *q1)
{
    const V_f32 r0 = LOADP_float(p0, j, n);  // float32
    const V_f32 r1 = SPLAT_f32(SCALAR_f32(scalars, a2));  // scalar float32
    const V_f32 r2 = r0 * r1;  // mul float32
    const V_f32 r3 = LOADP_float(p1, j, n);  // float32
    const V_f32 r4 = r2 + r3;  // add float32
    const V_f32 r5 = LOADP_float(p2, j, n);  // float32
    const V_f32 r6 = SPLAT_f32(SCALAR_f32(scalars, a5));  // scalar float32
    const V_f32 r7 = r4 * r6;  // mul float32
    const V_f32 r8 = r5 - r7;  // sub float32
    STOREP_float(r4, q0, j, n);
    STOREP_float(r8, q1, j, n);
}
#define LANES 1
#define PARAMS , __global const uchar *restrict scalars, int a2, int a5 \
    , __global const float *p0_0, __global const float *p1_0, __global const float *p2_0, __global float *q0_0, __global float *q1_0, long n_0, long e_0 \
    , __global const float *p0_1, __global const float *p1_1, __global const float *p2_1, __global float *q0_1, __global float *q1_1, long n_1, long e_1
#define BODY_CALL(j, n) NAME(body)(j, n, p0, scalars, a2, p1, p2, a5, q0, q1)
#define SELECT_SEGMENT \
    size_t first = 0; cols = n_0; __global const float *p0 = p0_0; __global const float *p1 = p1_0; __global const float *p2 = p2_0; __global float *q0 = q0_0; __global float *q1 = q1_0; \
    if (group >= (size_t)e_0) { first = e_0; cols = n_1; p0 = p0_1; p1 = p1_1; p2 = p2_1; q0 = q0_1; q1 = q1_1; } \
    group -= first;
#include "elementwise.cl"
