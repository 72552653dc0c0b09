/*
 * A dense layer: bias and activation in the epilogue of the matrix product.
 *
 * plan: 7 nodes, 1 groups, 1 launches, arena 0 bytes
 *   0 launch matmul_add_relu__e1f906 grid (4,)
 *       anchor %3 <matmul 128x120 float32>
 *       fused  %5 <add 128x120 float32>
 *       fused  %6 <relu 128x120 float32>
 *       stores %6 128x120 float32, fresh
 */

#define KERNEL matmul_add_relu__e1f906
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define TRANSPOSED 1
#define DIRECT 0
#define PACK_A 0
#define FLIPPED 1
#define TAIL 1
#define ROWS 8
#define COLS 2
#define KC 1024
#define DEEP 0
#define CHUNK 8
#define ABREAST 1
static inline void NAME(epilogue)(const V_f32 value, const size_t i0, const size_t i1, const size_t j, const int n, __global const float *p0, __global float *q0, long s0, long s1)
{
    const V_f32 r0 = value;
    const V_f32 r1 = LOADP_float(p0, j, n);  // float32
    const V_f32 r2 = r0 + r1;  // add float32
    const V_f32 r3 = RELU(r2);  // relu float32
    STOREP_float(r3, q0, i0 * s0 + i1 * s1 + j, n);
}
#define EPILOGUE_PARAMS , __global const float *p0, __global float *q0, long s0, long s1
#define EPILOGUE_ARGS , p0, q0, s0, s1
#define EPILOGUE(value, i0, i1, j, n) NAME(epilogue)(value, i0, i1, j, n EPILOGUE_ARGS)
#include "matmul.cl"
