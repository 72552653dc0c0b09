/*
 * The same for a GPU: tiles in local memory.
 *
 * plan: 5 nodes, 1 groups, 1 launches, arena 0 bytes
 *   0 launch add_relu_turned__8fb81d grid (20480,)
 *       fused  %3 <add 300x500 float32>
 *       fused  %4 <relu 300x500 float32>
 *       stores %4 300x500 float32, fresh
 */

#define KERNEL add_relu_turned__8fb81d
#define VEC 1
static inline void NAME(body)(const size_t r, const size_t j, const int n, const V_f32 x0, __global const float *p0, long s0, long s1, __global const float *p1, long s2, __global float *q0, long s3)
{
    const V_f32 r0 = x0;  // float32
    const V_f32 r1 = LOADP_float(p1, r * s2 + j, n);  // float32
    const V_f32 r2 = r0 + r1;  // add float32
    const V_f32 r3 = RELU(r2);  // relu float32
    STOREP_float(r3, q0, r * s3 + j, n);
}
#define LANES 128
#define UNROLL 1
#define PARAMS , __global const float *p0, long s0, long s1, __global const float *p1, long s2, __global float *q0, long s3
#define TILES TILE(f32, x0)
#define TURN TURN_TILE(f32, float, x0, p0, r + j * s0, s1)
#define BODY_CALL(r, j, n) NAME(body)(r, j, n, PICK(x0), p0, s0, s1, p1, s2, q0, s3)
#define UNRAVEL(row)
#include "elementwise_tile.cl"
