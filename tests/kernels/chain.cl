/*
 * A chain of elementwise ops over one flat buffer.
 *
 * plan: 7 nodes, 1 groups, 1 launches, arena 0 bytes
 *   0 launch mul_tanh_add_relu__efe51b grid (1,)
 *       fused  %2 <mul 1000 float32>
 *       fused  %3 <tanh 1000 float32>
 *       fused  %5 <add 1000 float32>
 *       fused  %6 <relu 1000 float32>
 *       stores %6 1000 float32, fresh
 */

#define KERNEL mul_tanh_add_relu__efe51b
#define VEC 16
static inline void NAME(body)(const size_t j, const int n, __global const float *p0, __global const uchar *restrict scalars, int a2, int a3, __global float *q0)
{
    const V_f32 r0 = LOADP_float(p0, j, n);  // float32
    const V_f32 r1 = SPLAT_f32(SCALAR_f32(scalars, a2));  // scalar float32
    const V_f32 r2 = r0 * r1;  // mul float32
    const V_f32 r3 = tanh(r2);  // tanh float32
    const V_f32 r4 = SPLAT_f32(SCALAR_f32(scalars, a3));  // scalar float32
    const V_f32 r5 = r3 + r4;  // add float32
    const V_f32 r6 = RELU(r5);  // relu float32
    STOREP_float(r6, q0, j, n);
}
#define LANES 1
#define PARAMS , __global const float *p0, __global const uchar *restrict scalars, int a2, int a3, __global float *q0
#define BODY_CALL(j, n) NAME(body)(j, n, p0, scalars, a2, a3, q0)
#include "elementwise.cl"
