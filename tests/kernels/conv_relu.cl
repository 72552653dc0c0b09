/*
 * A convolution with bias and activation in its epilogue.
 *
 * plan: 7 nodes, 1 groups, 1 launches, arena 0 bytes
 *   0 launch conv_add_relu__78dab2 grid (4,)
 *       anchor %2 <conv2d 8x16x10x10 float32 stride=(1, 1) padding=(0, 0) dilation=(1, 1) groups=1>
 *       fused  %5 <add 8x16x10x10 float32>
 *       fused  %6 <relu 8x16x10x10 float32>
 *       stores %6 8x16x10x10 float32, fresh
 */

#define KERNEL conv_add_relu__78dab2
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define MODE FORWARD
#define PHASES 1
#define SHIFT 1
#define PANEL 0
#define PACK_A 1
#define DEEP 0
#define ROWS 8
#define COLS 3
#define TAIL 1
#define IMAGE 8192
#define TABLE 256
#define KEPT 2048
#define LINE 256
#define DENSE 256
#define WEIGHTS 4096
static inline void NAME(epilogue)(const V_f32 value, const size_t i0, const size_t i1, const size_t j, const int n, __global const float *p0, __global float *q0, long s0, long s1)
{
    const V_f32 r0 = value;
    const V_f32 r1 = SPLAT_f32(LOAD1_float(p0, i1));  // float32
    const V_f32 r2 = r0 + r1;  // add float32
    const V_f32 r3 = RELU(r2);  // relu float32
    STOREP_float(r3, q0, i0 * s0 + i1 * s1 + j, n);
}
#define EPILOGUE_PARAMS , __global const float *p0, __global float *q0, long s0, long s1
#define EPILOGUE_ARGS , p0, q0, s0, s1
#define EPILOGUE(value, i0, i1, j, n) NAME(epilogue)(value, i0, i1, j, n EPILOGUE_ARGS)
#include "conv.cl"
