/*
 * Softmax of a large tensor: a kernel takes some rows at a time through all passes.
 *
 * plan: 6 nodes, 1 groups, 1 launches, arena 31232 bytes
 *   0 launch slices_max_to_div__f3931a grid (4,)
 *       p0 %0, p1 %5
 *       T(0) 16, T(1) 100, T(2) 81, T(3) 112, T(4) 7, T(5) 6400, T(6) 6656, T(7) 7168
 *       slices 64 of 16 items, 7680 bytes between
 *         0 launch max__0b934a grid (1, 1)
 *             anchor %1 <max 16x1 float32 dim=(1,) keepdim=True>
 *             stores %1 16x1 float32, arena
 *         1 launch sub_exp_sum__38dcb8 grid (1, 1)
 *             border DOMAIN: the two run over different numbers of elements: %1 <max 16x1 float32 dim=(1,) keepdim=True>
 *             fused  %2 <sub 16x100 float32>
 *             fused  %3 <exp 16x100 float32>
 *             anchor %4 <sum 16x1 float32 dim=(1,) keepdim=True>
 *             stores %4 16x1 float32, arena
 *             stores %3 16x100 float32, arena
 *         2 launch div__c870c5 grid (1,)
 *             border FAN_OUT: 2 kernels read it: %3 <exp 16x100 float32>
 *             border DOMAIN: the two run over different numbers of elements: %4 <sum 16x1 float32 dim=(1,) keepdim=True>
 *             fused  %5 <div 16x100 float32>
 *             stores %5 16x100 float32, fresh
 *       stores %5 1024x100 float32, fresh
 */

/* phase 0 */
#define KERNEL max__0b934a
#define VEC 16
static inline V_f32 NAME(element)(const size_t k_0, const size_t j, const int n, __global const float *xp0, long xs0)
{
    const V_f32 r0 = LOADR_float(xp0, k_0 * xs0 + j, n);  // float32
    return r0;
}
#define ELEMENT(j, n) NAME(element)(k_0, j, n, xp0, xs0)
#define UNRAVEL_KEPT(k) const size_t k_0 = k;
#define UNRAVEL_FOLD(f)
#define INNER
#define OVER(acc, x) ((x) > (acc) ? (x) : (acc))
#define KIND_T float
#define KIND_V V_f32
#define KIND_MASK MASK_f32
#define KIND_SELECT SELECT_f32
#define KIND_IDENTITY SPLAT_f32(IDENTITY_max_f32)
#define KIND_FOLD(acc, x) FOLD_max_f32(acc, x)
#define KIND_ACROSS(acc) HFOLD_max_f32(acc)
#define RESULT_T float
#define RESULT_V V_f32
static inline void NAME(finish)(const V_f32 value, const size_t j, const int n, __global float *q0)
{
    const V_f32 r0 = value;
    STOREP_float(r0, q0, j, n);
}
#define EPILOGUE(value, at, n) NAME(finish)(value, at, n, q0)
#define PARAMS , __global const float *xp0, long xs0, __global float *q0
#define LANES 1
#define UNROLL 4
#include "reduce.cl"
/* phase 1 */
#define KERNEL sub_exp_sum__38dcb8
#define VEC 16
static inline V_f32 NAME(element)(const size_t k_0, const size_t j, const int n, __global const float *xp0, long xs0, __global const float *xp1, __global float *xq0, long xs1)
{
    const V_f32 r0 = LOADR_float(xp0, k_0 * xs0 + j, n);  // float32
    const V_f32 r1 = SPLAT_f32(LOAD1_float(xp1, k_0));  // float32
    const V_f32 r2 = r0 - r1;  // sub float32
    const V_f32 r3 = exponential(r2);  // exp float32
    STOREP_float(r3, xq0, k_0 * xs1 + j, n);
    return r3;
}
#define ELEMENT(j, n) NAME(element)(k_0, j, n, xp0, xs0, xp1, xq0, xs1)
#define UNRAVEL_KEPT(k) const size_t k_0 = k;
#define UNRAVEL_FOLD(f)
#define INNER
#define KIND_T float
#define KIND_V V_f32
#define KIND_MASK MASK_f32
#define KIND_SELECT SELECT_f32
#define KIND_IDENTITY SPLAT_f32(IDENTITY_sum_f32)
#define KIND_FOLD(acc, x) FOLD_sum_f32(acc, x)
#define KIND_ACROSS(acc) HFOLD_sum_f32(acc)
#define RESULT_T float
#define RESULT_V V_f32
static inline void NAME(finish)(const V_f32 value, const size_t j, const int n, __global float *q0)
{
    const V_f32 r0 = value;
    STOREP_float(r0, q0, j, n);
}
#define EPILOGUE(value, at, n) NAME(finish)(value, at, n, q0)
#define PARAMS , __global const float *xp0, long xs0, __global const float *xp1, __global float *xq0, long xs1, __global float *q0
#define LANES 1
#define UNROLL 4
#include "reduce.cl"
/* phase 2 */
#define KERNEL div__c870c5
#define VEC 16
static inline void NAME(body)(const size_t i0, const size_t j, const int n, __global const float *p0, long s0, __global const float *p1, __global float *q0, long s1)
{
    const V_f32 r0 = LOADR_float(p0, i0 * s0 + j, n);  // float32
    const V_f32 r1 = SPLAT_f32(LOAD1_float(p1, i0));  // float32
    const V_f32 r2 = r0 / r1;  // div float32
    STOREP_float(r2, q0, i0 * s1 + j, n);
}
#define LANES 1
#define PARAMS , __global const float *p0, long s0, __global const float *p1, __global float *q0, long s1
#define BODY_CALL(j, n) NAME(body)(i0, j, n, p0, s0, p1, q0, s1)
#define ROW i0
#define RUN rows
#define UNRAVEL(row) size_t i0 = row;
#define NEXT_RUN
#include "elementwise.cl"
#define KERNEL slices_max_to_div__f3931a
#define VEC 1
#define PARAMS , __global void *p0, __global void *p1
#define PHASES  \
    RUN(phase_max__0b934a, 1, 1, 1, \
        T(0), 1, T(1), T(2), T(3), T(0), T(4), AT(p0, slice * T(5)), T(1), AT(mine, T(6))) \
    RUN(phase_sub_exp_sum__38dcb8, 1, 1, 1, \
        T(0), 1, T(1), T(2), T(3), T(0), T(4), AT(p0, slice * T(5)), T(1), AT(mine, T(6)), mine, \
        T(1), AT(mine, T(7))) \
    RUN(phase_div__c870c5, 1, 1, 1, \
        T(0), T(1), T(2), mine, T(1), AT(mine, T(7)), AT(p1, slice * T(5)), T(1))
#include "slices.cl"
