/*
 * A training step of LeNet-5 on 32 digits: nearly all of it is one launch, slice by slice.
 *
 * plan: 166 nodes, 18 groups, 7 launches, arena 1489408 bytes
 *   0 launch check_label_ge_cast_sum__1fca02 grid (1, 1)
 *       fused  %4 <check_label 32 int64 op=cross_entropy>
 *       fused  %5 <ge 32 bool>
 *       fused  %6 <cast 32 float32 dtype=tinygrad_cl.float32>
 *       anchor %7 <sum scalar float32 dim=(0,) keepdim=False>
 *       stores %7 scalar float32, arena
 *   1 launch slices_conv_add_relu_to_conv_weight_grad_sum__c482b7 grid (2,)
 *       border BETWEEN: another kernel lies between the two: %7 <sum scalar float32 dim=(0,) keepdim=False>
 *       slices 2 of 16 items, 678912 bytes between
 *         0 launch conv_add_relu__71e236 grid (8,)
 *             anchor %7 <conv2d 16x6x28x28 float32 stride=(1, 1) padding=(2, 2) dilation=(1, 1) groups=1>
 *             fused  %8 <add 16x6x28x28 float32>
 *             fused  %9 <relu 16x6x28x28 float32>
 *             stores %9 16x6x28x28 float32, arena
 *         1 launch max_pool2d__92bab2 grid (8,)
 *             border INPUT: max_pool2d_grad reads a buffer: %9 <relu 16x6x28x28 float32>
 *             anchor %10 <max_pool2d 16x6x14x14 float32 kernel_size=(2, 2) stride=(2, 2) padding=(0, 0) dilation=(1, 1) ceil_mode=False>
 *             stores %10 16x6x14x14 float32, arena
 *         2 launch conv_add_relu__78dab2 grid (8,)
 *             border KERNEL: it has a kernel of its own: %10 <max_pool2d 16x6x14x14 float32 kernel_size=(2, 2) stride=(2, 2) padding=(0, 0) dilation=(1, 1) ceil_mode=False>
 *             anchor %11 <conv2d 16x16x10x10 float32 stride=(1, 1) padding=(0, 0) dilation=(1, 1) groups=1>
 *             fused  %12 <add 16x16x10x10 float32>
 *             fused  %13 <relu 16x16x10x10 float32>
 *             stores %13 16x16x10x10 float32, arena
 *         3 launch max_pool2d__92bab2 grid (3,)
 *             border INPUT: max_pool2d_grad reads a buffer: %13 <relu 16x16x10x10 float32>
 *             anchor %14 <max_pool2d 16x16x5x5 float32 kernel_size=(2, 2) stride=(2, 2) padding=(0, 0) dilation=(1, 1) ceil_mode=False>
 *             stores %14 16x16x5x5 float32, fresh
 *         4 launch matmul_add_relu__424436 grid (1,)
 *             border KERNEL: it has a kernel of its own: %14 <max_pool2d 16x16x5x5 float32 kernel_size=(2, 2) stride=(2, 2) padding=(0, 0) dilation=(1, 1) ceil_mode=False>
 *             anchor %19 <matmul 16x120 float32>
 *             fused  %20 <add 16x120 float32>
 *             fused  %21 <relu 16x120 float32>
 *             stores %21 16x120 float32, fresh
 *         5 launch matmul_add_relu__e1f906 grid (1,)
 *             border WANTED: it is asked for: %21 <relu 16x120 float32>
 *             anchor %25 <matmul 16x84 float32>
 *             fused  %26 <add 16x84 float32>
 *             fused  %27 <relu 16x84 float32>
 *             stores %27 16x84 float32, fresh
 *         6 launch matmul_add__29e17b grid (1,)
 *             border WANTED: it is asked for: %27 <relu 16x84 float32>
 *             anchor %32 <matmul 16x10 float32>
 *             fused  %33 <add 16x10 float32>
 *             stores %33 16x10 float32, arena
 *         7 launch max__e89923 grid (1, 1)
 *             border FAN_OUT: 3 kernels read it: %33 <add 16x10 float32>
 *             anchor %34 <max 16x1 float32 dim=(1,) keepdim=True>
 *             stores %34 16x1 float32, arena
 *         8 launch check_label_eq_sub_where_sum__f2d246 grid (1, 1)
 *             border FAN_OUT: 3 kernels read it: %33 <add 16x10 float32>
 *             border DOMAIN: the two run over different numbers of elements: %34 <max 16x1 float32 dim=(1,) keepdim=True>
 *             fused  %40 <check_label 16 int64 op=cross_entropy>
 *             fused  %42 <eq 16x10 bool>
 *             fused  %35 <sub 16x10 float32>
 *             fused  %43 <where 16x10 float32>
 *             anchor %44 <sum 16 float32 dim=(1,) keepdim=False>
 *             stores %44 16 float32, arena
 *         9 launch sub_exp__f7b466 grid (1,)
 *             border FAN_OUT: 3 kernels read it: %33 <add 16x10 float32>
 *             border DOMAIN: the two run over different numbers of elements: %34 <max 16x1 float32 dim=(1,) keepdim=True>
 *             fused  %35 <sub 16x10 float32>
 *             fused  %45 <exp 16x10 float32>
 *             stores %45 16x10 float32, arena
 *        10 launch sum__1d1775 grid (1, 1)
 *             border FAN_OUT: 2 kernels read it: %45 <exp 16x10 float32>
 *             anchor %46 <sum 16x1 float32 dim=(1,) keepdim=True>
 *             stores %46 16x1 float32, arena
 *        11 launch check_label_ge_to_where_sum__d550bd grid (1, 1)
 *             border KERNEL: it has a kernel of its own: %44 <sum 16 float32 dim=(1,) keepdim=False>
 *             border DOMAIN: the two run over different numbers of elements: %46 <sum 16x1 float32 dim=(1,) keepdim=True>
 *             fused  %40 <check_label 16 int64 op=cross_entropy>
 *             fused  %51 <ge 16 bool>
 *             fused  %47 <log 16x1 float32>
 *             fused  %49 <sub 16 float32>
 *             fused  %52 <where 16 float32>
 *             anchor %53 <sum scalar float32 dim=(0,) keepdim=False>
 *             stores %53 scalar float32, fresh
 *        12 launch check_label_eq_to_add__e166fa grid (1,)
 *             border FAN_OUT: 2 kernels read it: %45 <exp 16x10 float32>
 *             border DOMAIN: the two run over different numbers of elements: %46 <sum 16x1 float32 dim=(1,) keepdim=True>
 *             fused  %40 <check_label 16 int64 op=cross_entropy>
 *             fused  %42 <eq 16x10 bool>
 *             fused  %51 <ge 16 bool>
 *             fused  %57 <div scalar float32>
 *             fused  %60 <where 16 float32>
 *             fused  %66 <neg 16 float32>
 *             fused  %69 <where 16x10 float32>
 *             fused  %62 <div 16x1 float32>
 *             fused  %65 <mul 16x10 float32>
 *             fused  %70 <add 16x10 float32>
 *             stores %70 16x10 float32, fresh
 *        13 launch matmul_le_where__91d0fc grid (1,)
 *             border WANTED: it is asked for: %27 <relu 16x84 float32>
 *             border WANTED: it is asked for: %70 <add 16x10 float32>
 *             anchor %72 <matmul 16x84 float32>
 *             fused  %73 <le 16x84 bool>
 *             fused  %74 <where 16x84 float32>
 *             stores %74 16x84 float32, fresh
 *        14 launch matmul_le_where__91d0fc grid (1,)
 *             border WANTED: it is asked for: %21 <relu 16x120 float32>
 *             border WANTED: it is asked for: %74 <where 16x84 float32>
 *             anchor %76 <matmul 16x120 float32>
 *             fused  %77 <le 16x120 bool>
 *             fused  %78 <where 16x120 float32>
 *             stores %78 16x120 float32, fresh
 *        15 launch sum__00a230 grid (1, 1)
 *             border WANTED: it is asked for: %78 <where 16x120 float32>
 *             anchor %93 <sum 120 float32 dim=(0,) keepdim=False>
 *             stores %93 120 float32, fresh
 *        16 launch sum__00a230 grid (1, 1)
 *             border WANTED: it is asked for: %74 <where 16x84 float32>
 *             anchor %94 <sum 84 float32 dim=(0,) keepdim=False>
 *             stores %94 84 float32, fresh
 *        17 launch sum__00a230 grid (1, 1)
 *             border WANTED: it is asked for: %70 <add 16x10 float32>
 *             anchor %95 <sum 10 float32 dim=(0,) keepdim=False>
 *             stores %95 10 float32, fresh
 *        18 launch matmul__5d1452 grid (1,)
 *             border WANTED: it is asked for: %78 <where 16x120 float32>
 *             anchor %80 <matmul 16x400 float32>
 *             stores %80 16x400 float32, arena
 *        19 launch max_pool2d_grad_le_where__706f2f grid (3,)
 *             border INPUT: max_pool2d_grad reads a buffer: %13 <relu 16x16x10x10 float32>
 *             border KERNEL: it has a kernel of its own: %80 <matmul 16x400 float32>
 *             anchor %82 <max_pool2d_grad 16x16x10x10 float32 kernel_size=(2, 2) stride=(2, 2) padding=(0, 0) dilation=(1, 1) ceil_mode=False>
 *             fused  %83 <le 16x16x10x10 bool>
 *             fused  %84 <where 16x16x10x10 float32>
 *             stores %84 16x16x10x10 float32, arena
 *        20 launch conv_weight_grad__e1ef9a grid (4,)
 *             border KERNEL: it has a kernel of its own: %10 <max_pool2d 16x6x14x14 float32 kernel_size=(2, 2) stride=(2, 2) padding=(0, 0) dilation=(1, 1) ceil_mode=False>
 *             border INPUT: conv2d_weight_grad reads a buffer: %84 <where 16x16x10x10 float32>
 *             anchor %91 <conv2d_weight_grad 16x6x5x5 float32 kernel_size=(5, 5) stride=(1, 1) padding=(0, 0) dilation=(1, 1) groups=1>
 *             stores %91 16x6x5x5 float32, fresh
 *        21 launch conv_weight_grad_sum__5c2034 grid (1,)
 *        22 launch sum__eeddc7 grid (4, 1)
 *             border INPUT: conv2d_weight_grad reads a buffer: %84 <where 16x16x10x10 float32>
 *             anchor %92 <sum 16 float32 dim=(0, 2, 3) keepdim=False>
 *             stores %92 16 float32, fresh
 *        23 launch conv_input_grad__853b46 grid (8,)
 *             border INPUT: conv2d_weight_grad reads a buffer: %84 <where 16x16x10x10 float32>
 *             anchor %85 <conv2d_input_grad 16x6x14x14 float32 input_size=(14, 14) stride=(1, 1) padding=(0, 0) dilation=(1, 1) groups=1>
 *             stores %85 16x6x14x14 float32, arena
 *        24 launch max_pool2d_grad_le_where__706f2f grid (8,)
 *             border INPUT: max_pool2d_grad reads a buffer: %9 <relu 16x6x28x28 float32>
 *             border KERNEL: it has a kernel of its own: %85 <conv2d_input_grad 16x6x14x14 float32 input_size=(14, 14) stride=(1, 1) padding=(0, 0) dilation=(1, 1) groups=1>
 *             anchor %86 <max_pool2d_grad 16x6x28x28 float32 kernel_size=(2, 2) stride=(2, 2) padding=(0, 0) dilation=(1, 1) ceil_mode=False>
 *             fused  %87 <le 16x6x28x28 bool>
 *             fused  %88 <where 16x6x28x28 float32>
 *             stores %88 16x6x28x28 float32, arena
 *        25 launch sum__eeddc7 grid (6, 1)
 *             border INPUT: conv2d_weight_grad reads a buffer: %88 <where 16x6x28x28 float32>
 *             anchor %90 <sum 6 float32 dim=(0, 2, 3) keepdim=False>
 *             stores %90 6 float32, fresh
 *        26 launch conv_weight_grad__39afd8 grid (8,)
 *             border INPUT: conv2d_weight_grad reads a buffer: %88 <where 16x6x28x28 float32>
 *             anchor %89 <conv2d_weight_grad 6x1x5x5 float32 kernel_size=(5, 5) stride=(1, 1) padding=(2, 2) dilation=(1, 1) groups=1>
 *             stores %89 6x1x5x5 float32, fresh
 *        27 launch conv_weight_grad_sum__5c2034 grid (1,)
 *       stores %32 32x16x5x5 float32, arena
 *       stores %36 32x120 float32, arena
 *       stores %39 32x84 float32, arena
 *       stores %55 scalar float32, arena
 *       stores %75 32x10 float32, arena
 *       stores %78 32x84 float32, arena
 *       stores %81 32x120 float32, arena
 *       stores %91 6x1x5x5 float32, fresh
 *       stores %99 6 float32, fresh
 *       stores %107 16x6x5x5 float32, fresh
 *       stores %113 16 float32, fresh
 *       stores %130 120 float32, fresh
 *       stores %145 84 float32, fresh
 *       stores %160 10 float32, fresh
 *   2 launch sum_partials__55557f grid (1,)
 *   3 launch matmul__b3fe45 grid (7,)
 *       border SLICE: it is read outside the slices: %32 <max_pool2d 32x16x5x5 float32 kernel_size=(2, 2) stride=(2, 2) padding=(0, 0) dilation=(1, 1) ceil_mode=False>
 *       border SLICE: it is read outside the slices: %81 <where 32x120 float32>
 *       anchor %122 <matmul 120x400 float32>
 *       stores %124 120x400 float32, fresh
 *   4 launch matmul__4c56dd grid (2,)
 *       border SLICE: it is read outside the slices: %36 <relu 32x120 float32>
 *       border SLICE: it is read outside the slices: %78 <where 32x84 float32>
 *       anchor %137 <matmul 84x120 float32>
 *       stores %139 84x120 float32, fresh
 *   5 launch div_to_matmul__fce8df grid (1,)
 *       border BETWEEN: another kernel lies between the two: %7 <sum scalar float32 dim=(0,) keepdim=False>
 *       border SLICE: it is read outside the slices: %55 <sum scalar float32 dim=(0,) keepdim=False>
 *       fused  %56 <div scalar float32>
 *       stores %56 scalar float32, fresh
 *       border SLICE: it is read outside the slices: %39 <relu 32x84 float32>
 *       border SLICE: it is read outside the slices: %75 <add 32x10 float32>
 *       anchor %152 <matmul 10x84 float32>
 *       stores %154 10x84 float32, fresh
 *   6 launch mul_add_mul_sub_all__6fd552 (10 segments) grid (16,)
 *       border SLICE: it is read outside the slices: %91 <conv2d_weight_grad 6x1x5x5 float32 kernel_size=(5, 5) stride=(1, 1) padding=(2, 2) dilation=(1, 1) groups=1>
 *       fused  %94 <mul 6x1x5x5 float32>
 *       fused  %95 <add 6x1x5x5 float32>
 *       fused  %97 <mul 6x1x5x5 float32>
 *       fused  %98 <sub 6x1x5x5 float32>
 *       stores %95 6x1x5x5 float32, fresh
 *       stores %98 6x1x5x5 float32, fresh
 *       border ALIAS: the value between them has a buffer already: %101 <reshape 6 float32 shape=(6,)>
 *       fused  %103 <mul 6 float32>
 *       fused  %104 <add 6 float32>
 *       fused  %105 <mul 6 float32>
 *       fused  %106 <sub 6 float32>
 *       stores %104 6 float32, fresh
 *       stores %106 6 float32, fresh
 *       border SLICE: it is read outside the slices: %107 <conv2d_weight_grad 16x6x5x5 float32 kernel_size=(5, 5) stride=(1, 1) padding=(0, 0) dilation=(1, 1) groups=1>
 *       fused  %109 <mul 16x6x5x5 float32>
 *       fused  %110 <add 16x6x5x5 float32>
 *       fused  %111 <mul 16x6x5x5 float32>
 *       fused  %112 <sub 16x6x5x5 float32>
 *       stores %110 16x6x5x5 float32, fresh
 *       stores %112 16x6x5x5 float32, fresh
 */

#define KERNEL check_label_ge_cast_sum__1fca02
#define VEC 16
static inline V_f32 NAME(element)(const size_t j, const int n, __global const long *xp0, __global const uchar *scalars, int xa2, int xa3, __global int *flags, int xa5)
{
    const V_i64 r0 = LOADP_long(xp0, j, n);  // int64
    const V_i64 r1 = SPLAT_i64(SCALAR_i64(scalars, xa2));  // scalar int64
    const V_i64 r2 = SPLAT_i64(SCALAR_i64(scalars, xa3));  // scalar int64
    const V_i64 r3 = CHECK_LABEL(r0, r1, r2, flags, 1);  // check_label int64
    const V_i64 r4 = SPLAT_i64(SCALAR_i64(scalars, xa5));  // scalar int64
    const V_b r5 = LESS_EQUAL_i64(r4, r3);  // ge bool
    const V_f32 r6 = CAST_b_f32(r5);  // cast float32
    return r6;
}
#define ELEMENT(j, n) NAME(element)(j, n, xp0, scalars, xa2, xa3, flags, xa5)
#define UNRAVEL_KEPT(k)
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
#define PARAMS , __global const long *xp0, __global const uchar *scalars, int xa2, int xa3, __global int *flags, int xa5, __global float *q0
#define LANES 1
#define UNROLL 1
#include "reduce.cl"

/* phase 0 */
#define KERNEL conv_add_relu__71e236
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define MODE FORWARD
#define PHASES 1
#define SHIFT 0
#define PANEL 0
#define PACK_A 1
#define DEEP 0
#define ROWS 6
#define COLS 4
#define TAIL 1
#define IMAGE 2048
#define TABLE 256
#define KEPT 8192
#define LINE 256
#define DENSE 256
#define WEIGHTS 256
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
/* phase 1 */
#define KERNEL max_pool2d__92bab2
#define VEC 16
#define TAG f32
#define SCALAR float
#define IN_T float
#define OUT_T float
#define AVERAGE 0
#define ROOM 1024
#include "pool_tile.cl"
/* phase 2 */
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
/* phase 3 */
#define KERNEL matmul_add_relu__424436
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define ROWS 4
#define COLS 6
#define GROUP 8
#define LINE 288
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
#include "matmul_dot.cl"
/* phase 4 */
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
/* phase 5 */
#define KERNEL matmul_add__29e17b
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define TRANSPOSED 1
#define DIRECT 0
#define PACK_A 0
#define FLIPPED 0
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
    STOREP_float(r2, q0, i0 * s0 + i1 * s1 + j, n);
}
#define EPILOGUE_PARAMS , __global const float *p0, __global float *q0, long s0, long s1
#define EPILOGUE_ARGS , p0, q0, s0, s1
#define EPILOGUE(value, i0, i1, j, n) NAME(epilogue)(value, i0, i1, j, n EPILOGUE_ARGS)
#include "matmul.cl"
/* phase 6 */
#define KERNEL max__e89923
#define VEC 16
static inline V_f32 NAME(element)(const size_t k_0, const size_t j, const int n, __global const float *xp0, long xs0)
{
    const V_f32 r0 = LOADP_float(xp0, k_0 * xs0 + j, n);  // float32
    return r0;
}
#define ELEMENT(j, n) NAME(element)(k_0, j, n, xp0, xs0)
#define UNRAVEL_KEPT(k) const size_t k_0 = k;
#define UNRAVEL_FOLD(f)
#define INNER
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
#define UNROLL 1
#include "reduce.cl"
/* phase 7 */
#define KERNEL check_label_eq_sub_where_sum__f2d246
#define VEC 16
static inline V_f32 NAME(element)(const size_t k_0, const size_t j, const int n, __global const long *xp0, __global const uchar *scalars, int xa2, int xa3, __global int *flags, __global const float *xp1, long xs0, __global const float *xp2, int xa8)
{
    const V_i64 r0 = SPLAT_i64(LOAD1_long(xp0, k_0));  // int64
    const V_i64 r1 = SPLAT_i64(SCALAR_i64(scalars, xa2));  // scalar int64
    const V_i64 r2 = SPLAT_i64(SCALAR_i64(scalars, xa3));  // scalar int64
    const V_i64 r3 = CHECK_LABEL(r0, r1, r2, flags, 1);  // check_label int64
    const V_i64 r4 = INDEX_i64(j, 1);  // iota int64
    const V_b r5 = EQUAL(r3, r4);  // eq bool
    const V_f32 r6 = LOADP_float(xp1, k_0 * xs0 + j, n);  // float32
    const V_f32 r7 = SPLAT_f32(LOAD1_float(xp2, k_0));  // float32
    const V_f32 r8 = r6 - r7;  // sub float32
    const V_f32 r9 = SPLAT_f32(SCALAR_f32(scalars, xa8));  // scalar float32
    const V_f32 r10 = SELECT_f32(r5, r8, r9);  // where float32
    return r10;
}
#define ELEMENT(j, n) NAME(element)(k_0, j, n, xp0, scalars, xa2, xa3, flags, xp1, xs0, xp2, xa8)
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
#define PARAMS , __global const long *xp0, __global const uchar *scalars, int xa2, int xa3, __global int *flags, __global const float *xp1, long xs0, __global const float *xp2, int xa8, __global float *q0
#define LANES 1
#define UNROLL 1
#include "reduce.cl"
/* phase 8 */
#define KERNEL sub_exp__f7b466
#define VEC 16
static inline void NAME(body)(const size_t i0, const size_t j, const int n, __global const float *p0, long s0, __global const float *p1, __global float *q0, long s1)
{
    const V_f32 r0 = LOADP_float(p0, i0 * s0 + j, n);  // float32
    const V_f32 r1 = SPLAT_f32(LOAD1_float(p1, i0));  // float32
    const V_f32 r2 = r0 - r1;  // sub float32
    const V_f32 r3 = exp(r2);  // exp float32
    STOREP_float(r3, q0, i0 * s1 + j, n);
}
#define LANES 1
#define PARAMS , __global const float *p0, long s0, __global const float *p1, __global float *q0, long s1
#define BODY_CALL(j, n) NAME(body)(i0, j, n, p0, s0, p1, q0, s1)
#define ROWS
#define UNRAVEL(row) size_t i0 = row;
#define NEXT_ROW i0++;
#include "elementwise.cl"
/* phase 9 */
#define KERNEL sum__1d1775
#define VEC 16
static inline V_f32 NAME(element)(const size_t k_0, const size_t j, const int n, __global const float *xp0, long xs0)
{
    const V_f32 r0 = LOADP_float(xp0, k_0 * xs0 + j, n);  // float32
    return r0;
}
#define ELEMENT(j, n) NAME(element)(k_0, j, n, xp0, xs0)
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
#define PARAMS , __global const float *xp0, long xs0, __global float *q0
#define LANES 1
#define UNROLL 1
#include "reduce.cl"
/* phase 10 */
#define KERNEL check_label_ge_to_where_sum__d550bd
#define VEC 16
static inline V_f32 NAME(element)(const size_t j, const int n, __global const long *xp0, __global const uchar *scalars, int xa2, int xa3, __global int *flags, int xa5, __global const float *xp1, __global const float *xp2, int xa8)
{
    const V_i64 r0 = LOADP_long(xp0, j, n);  // int64
    const V_i64 r1 = SPLAT_i64(SCALAR_i64(scalars, xa2));  // scalar int64
    const V_i64 r2 = SPLAT_i64(SCALAR_i64(scalars, xa3));  // scalar int64
    const V_i64 r3 = CHECK_LABEL(r0, r1, r2, flags, 1);  // check_label int64
    const V_i64 r4 = SPLAT_i64(SCALAR_i64(scalars, xa5));  // scalar int64
    const V_b r5 = LESS_EQUAL_i64(r4, r3);  // ge bool
    const V_f32 r6 = LOADP_float(xp1, j, n);  // float32
    const V_f32 r7 = log(r6);  // log float32
    const V_f32 r8 = LOADP_float(xp2, j, n);  // float32
    const V_f32 r9 = r7 - r8;  // sub float32
    const V_f32 r10 = SPLAT_f32(SCALAR_f32(scalars, xa8));  // scalar float32
    const V_f32 r11 = SELECT_f32(r5, r9, r10);  // where float32
    return r11;
}
#define ELEMENT(j, n) NAME(element)(j, n, xp0, scalars, xa2, xa3, flags, xa5, xp1, xp2, xa8)
#define UNRAVEL_KEPT(k)
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
#define PARAMS , __global const long *xp0, __global const uchar *scalars, int xa2, int xa3, __global int *flags, int xa5, __global const float *xp1, __global const float *xp2, int xa8, __global float *q0
#define LANES 1
#define UNROLL 1
#include "reduce.cl"
/* phase 11 */
#define KERNEL check_label_eq_to_add__e166fa
#define VEC 16
static inline void NAME(body)(const size_t i0, const size_t j, const int n, __global const long *p0, __global const uchar *scalars, int a2, int a3, __global int *flags, int a5, int a6, __global const float *p1, int a8, __global const float *p2, __global const float *p3, long s0, __global float *q0, long s1)
{
    const V_i64 r0 = SPLAT_i64(LOAD1_long(p0, i0));  // int64
    const V_i64 r1 = SPLAT_i64(SCALAR_i64(scalars, a2));  // scalar int64
    const V_i64 r2 = SPLAT_i64(SCALAR_i64(scalars, a3));  // scalar int64
    const V_i64 r3 = CHECK_LABEL(r0, r1, r2, flags, 1);  // check_label int64
    const V_i64 r4 = INDEX_i64(j, 1);  // iota int64
    const V_b r5 = EQUAL(r3, r4);  // eq bool
    const V_i64 r6 = SPLAT_i64(SCALAR_i64(scalars, a5));  // scalar int64
    const V_b r7 = LESS_EQUAL_i64(r6, r3);  // ge bool
    const V_f32 r8 = SPLAT_f32(SCALAR_f32(scalars, a6));  // scalar float32
    const V_f32 r9 = SPLAT_f32(LOAD1_float(p1, 0));  // float32
    const V_f32 r10 = r8 / r9;  // div float32
    const V_f32 r11 = SPLAT_f32(SCALAR_f32(scalars, a8));  // scalar float32
    const V_f32 r12 = SELECT_f32(r7, r10, r11);  // where float32
    const V_f32 r13 = -r12;  // neg float32
    const V_f32 r14 = SELECT_f32(r5, r13, r11);  // where float32
    const V_f32 r15 = SPLAT_f32(LOAD1_float(p2, i0));  // float32
    const V_f32 r16 = r12 / r15;  // div float32
    const V_f32 r17 = LOADP_float(p3, i0 * s0 + j, n);  // float32
    const V_f32 r18 = r16 * r17;  // mul float32
    const V_f32 r19 = r14 + r18;  // add float32
    STOREP_float(r19, q0, i0 * s1 + j, n);
}
#define LANES 1
#define PARAMS , __global const long *p0, __global const uchar *scalars, int a2, int a3, __global int *flags, int a5, int a6, __global const float *p1, int a8, __global const float *p2, __global const float *p3, long s0, __global float *q0, long s1
#define BODY_CALL(j, n) NAME(body)(i0, j, n, p0, scalars, a2, a3, flags, a5, a6, p1, a8, p2, p3, s0, q0, s1)
#define ROWS
#define UNRAVEL(row) size_t i0 = row;
#define NEXT_ROW i0++;
#include "elementwise.cl"
/* phase 12 */
#define KERNEL matmul_le_where__91d0fc
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define TRANSPOSED 0
#define DIRECT 1
#define PACK_A 0
#define FLIPPED 0
#define TAIL 0
#define ROWS 8
#define COLS 2
#define KC 1024
#define DEEP 0
#define CHUNK 8
#define ABREAST 1
static inline void NAME(epilogue)(const V_f32 value, const size_t i0, const size_t i1, const size_t j, const int n, __global const float *p0, long s0, __global const uchar *scalars, int a3, __global float *q0, long s1, long s2)
{
    const V_f32 r0 = LOADP_float(p0, i1 * s0 + j, n);  // float32
    const V_f32 r1 = SPLAT_f32(SCALAR_f32(scalars, a3));  // scalar float32
    const V_b r2 = LESS_EQUAL_f32(r0, r1);  // le bool
    const V_f32 r3 = value;
    const V_f32 r4 = SELECT_f32(r2, r1, r3);  // where float32
    STOREP_float(r4, q0, i0 * s1 + i1 * s2 + j, n);
}
#define EPILOGUE_PARAMS , __global const float *p0, long s0, __global const uchar *scalars, int a3, __global float *q0, long s1, long s2
#define EPILOGUE_ARGS , p0, s0, scalars, a3, q0, s1, s2
#define EPILOGUE(value, i0, i1, j, n) NAME(epilogue)(value, i0, i1, j, n EPILOGUE_ARGS)
#include "matmul.cl"
/* phase 13 */
#define KERNEL sum__00a230
#define VEC 16
static inline V_f32 NAME(element)(const size_t f_0, const size_t j, const int n, __global const float *xp0, long xs0)
{
    const V_f32 r0 = LOADP_float(xp0, f_0 * xs0 + j, n);  // float32
    return r0;
}
#define ELEMENT(j, n) NAME(element)(f_0, j, n, xp0, xs0)
#define UNRAVEL_KEPT(k)
#define UNRAVEL_FOLD(f) const size_t f_0 = f;
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
#define PARAMS , __global const float *xp0, long xs0, __global float *q0
#define LANES 1
#define UNROLL 1
#include "reduce.cl"
/* phase 14 */
#define KERNEL matmul__5d1452
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define TRANSPOSED 0
#define DIRECT 1
#define PACK_A 0
#define FLIPPED 0
#define TAIL 0
#define ROWS 8
#define COLS 2
#define KC 1024
#define DEEP 0
#define CHUNK 8
#define ABREAST 1
#include "matmul.cl"
/* phase 15 */
#define KERNEL max_pool2d_grad_le_where__706f2f
#define VEC 16
#define TAG f32
#define SCALAR float
#define IN_T float
#define OUT_T float
#define AVERAGE 0
#define ROOM 1024
static inline void NAME(epilogue)(const V_f32 value, const size_t j, const int n, __global const float *p0, __global const uchar *scalars, int a2, __global float *q0)
{
    const V_f32 r0 = LOADP_float(p0, j, n);  // float32
    const V_f32 r1 = SPLAT_f32(SCALAR_f32(scalars, a2));  // scalar float32
    const V_b r2 = LESS_EQUAL_f32(r0, r1);  // le bool
    const V_f32 r3 = value;
    const V_f32 r4 = SELECT_f32(r2, r1, r3);  // where float32
    STOREP_float(r4, q0, j, n);
}
#define EPILOGUE_PARAMS , __global const float *p0, __global const uchar *scalars, int a2, __global float *q0
#define EPILOGUE_ARGS , p0, scalars, a2, q0
#define EPILOGUE(value, j, n) NAME(epilogue)(value, j, n EPILOGUE_ARGS)
#include "pool_unpool.cl"
/* phase 16 */
#define KERNEL conv_weight_grad__e1ef9a
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define JOINED 1
#define ROWS 8
#define COLS 2
#define IMAGE 4096
#define LEFT 4096
#define SUMS 4096
#define LINE 512
#include "conv_channels_weight.cl"
/* phase 17 */
#define KERNEL conv_weight_grad_sum__5c2034
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define LANES 1
#include "sum_slices.cl"
/* phase 18 */
#define KERNEL sum__eeddc7
#define VEC 16
static inline V_f32 NAME(element)(const size_t f_0, const size_t k_1, const size_t j, const int n, __global const float *xp0, long xs0, long xs1)
{
    const V_f32 r0 = LOADP_float(xp0, f_0 * xs0 + k_1 * xs1 + j, n);  // float32
    return r0;
}
#define ELEMENT(j, n) NAME(element)(f_0, k_1, j, n, xp0, xs0, xs1)
#define UNRAVEL_KEPT(k) const size_t k_1 = k;
#define UNRAVEL_FOLD(f) const size_t f_0 = f;
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
#define COMPENSATED
static inline void NAME(finish)(const V_f32 value, const size_t j, const int n, __global float *q0)
{
    const V_f32 r0 = value;
    STOREP_float(r0, q0, j, n);
}
#define EPILOGUE(value, at, n) NAME(finish)(value, at, n, q0)
#define PARAMS , __global const float *xp0, long xs0, long xs1, __global float *q0
#define LANES 1
#define UNROLL 4
#include "reduce.cl"
/* phase 19 */
#define KERNEL conv_input_grad__853b46
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define MODE INPUT_GRAD
#define PHASES 1
#define SHIFT 0
#define PANEL 0
#define PACK_A 1
#define DEEP 0
#define ROWS 6
#define COLS 4
#define TAIL 1
#define IMAGE 8192
#define TABLE 512
#define KEPT 2048
#define LINE 256
#define DENSE 256
#define WEIGHTS 4096
#include "conv.cl"
/* phase 20 */
#define KERNEL conv_weight_grad__39afd8
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define PANEL 0
#define GROUP 4
#define SHIFT 0
#define ROWS 6
#define COLS 4
#define IMAGE 2048
#define TABLE 256
#define KEPT 8192
#define LINE 256
#define DENSE 256
#include "conv_weight.cl"
#define KERNEL slices_conv_add_relu_to_conv_weight_grad_sum__c482b7
#define VEC 1
#define PARAMS , __global void *p0, __global void *p1, __global void *p2, __global void *p3, __global void *p4, __global void *p5, __global void *p6, __global void *p7, __global void *p8, __global void *p9, __global void *p10, __global void *p11, __global void *p12, __global void *p13, __global void *p14, __global void *scalars, __global void *flags, __global void *p17, __global void *p18, __global void *p19, __global void *p20, __global void *p21
#define PHASES  \
    RUN(phase_conv_add_relu__71e236, T(0), 1, 1, AT(mine, 0), AT(p0, slice * T(1)), AT(p1, 0), T(2), 1, 1, T(3), T(4), T(4), T(4), T(4), T(5), T(5), 1, 1, T(6), T(6), 1, 1, T(7), T(7), 1, 1, 1, 1, 1, T(3), T(4), T(4), T(8), T(9), T(10), T(11), 1, T(6), AT(p2, 0), AT(mine, 0), T(12), T(13)) \
    RUN(phase_max_pool2d__92bab2, T(0), 1, 1, AT(mine, T(14)), AT(mine, 0), T(15), T(4), T(4), T(16), T(16), 0) \
    RUN(phase_conv_add_relu__78dab2, T(0), 1, 1, AT(mine, T(17)), AT(mine, T(14)), AT(p3, 0), T(2), 1, T(3), T(2), T(16), T(16), T(18), T(18), T(5), T(5), 1, 1, 0, 0, 1, 1, 0, 0, 1, T(5), 1, 1, T(3), T(2), T(18), T(18), T(16), T(18), T(19), T(20), 1, T(6), AT(p4, 0), AT(mine, T(17)), T(21), T(22)) \
    RUN(phase_max_pool2d__92bab2, T(23), 1, 1, AT(p5, slice * T(24)), AT(mine, T(17)), T(25), T(18), T(18), T(5), T(5), 0) \
    RUN(phase_matmul_add_relu__424436, 1, 1, 1, AT(p6, slice * T(26)), AT(p5, slice * T(24)), AT(p7, 0), T(2), T(27), T(28), 1, 1, 1, 0, 0, 0, 0, T(28), 0, 0, 0, 0, T(28), T(2), T(29), T(6), AT(p8, 0), AT(p6, slice * T(26)), T(30), T(27)) \
    RUN(phase_matmul_add_relu__e1f906, 1, 1, 1, AT(p9, slice * T(31)), AT(p10, 0), AT(p6, slice * T(26)), T(32), T(2), T(27), 1, 1, 1, 0, 0, 0, 0, T(27), 1, 0, 0, 0, 0, 1, T(27), T(30), T(33), 1, 1, 1, T(27), AT(p11, 0), AT(p9, slice * T(31)), T(34), T(32)) \
    RUN(phase_matmul_add__29e17b, 1, 1, 1, AT(mine, T(35)), AT(p9, slice * T(31)), AT(p12, 0), T(2), T(18), T(32), 1, 1, 1, 0, 0, 0, 0, T(32), 1, 0, 0, 0, 0, 1, T(32), T(36), T(2), 1, 1, 1, T(32), AT(p13, 0), AT(mine, T(35)), T(37), T(18)) \
    RUN(phase_max__e89923, 1, 1, 1, T(2), 1, T(18), T(38), T(2), T(2), 1, AT(mine, T(35)), T(18), AT(mine, T(39))) \
    RUN(phase_check_label_eq_sub_where_sum__f2d246, 1, 1, 1, T(2), 1, T(18), T(38), T(2), T(2), 1, AT(p14, slice * T(40)), scalars, T(41), T(42), flags, AT(mine, T(35)), T(18), AT(mine, T(39)), T(43), AT(mine, T(44))) \
    RUN(phase_sub_exp__f7b466, 1, 1, 1, T(2), T(18), T(38), AT(mine, T(35)), T(18), AT(mine, T(39)), AT(mine, T(45)), T(18)) \
    RUN(phase_sum__1d1775, 1, 1, 1, T(2), 1, T(18), T(38), T(2), T(2), 1, AT(mine, T(45)), T(18), AT(mine, T(35))) \
    RUN(phase_check_label_ge_to_where_sum__d550bd, 1, 1, 1, 1, 1, T(2), T(46), T(2), 1, 1, AT(p14, slice * T(40)), scalars, T(41), T(42), flags, T(47), AT(mine, T(35)), AT(mine, T(44)), T(43), AT(p17, item * T(48))) \
    RUN(phase_check_label_eq_to_add__e166fa, 1, 1, 1, T(2), T(18), T(38), AT(p14, slice * T(40)), scalars, T(41), T(42), flags, T(47), T(49), AT(p18, 0), T(50), AT(mine, T(35)), AT(mine, T(45)), T(18), AT(p19, slice * T(51)), T(18)) \
    RUN(phase_matmul_le_where__91d0fc, 1, 1, 1, AT(p20, slice * T(31)), AT(p19, slice * T(51)), AT(p12, 0), T(2), T(32), T(18), 1, 1, 1, 0, 0, 0, 0, T(18), 1, 0, 0, 0, 0, T(32), 1, T(36), T(2), 1, T(23), 1, T(18), AT(p9, slice * T(31)), T(32), scalars, T(50), AT(p20, slice * T(31)), T(34), T(32)) \
    RUN(phase_matmul_le_where__91d0fc, 1, 1, 1, AT(p21, slice * T(26)), AT(p20, slice * T(31)), AT(p10, 0), T(2), T(27), T(32), 1, 1, 1, 0, 0, 0, 0, T(32), 1, 0, 0, 0, 0, T(27), 1, T(52), T(2), 1, T(48), 1, T(32), AT(p6, slice * T(26)), T(27), scalars, T(50), AT(p21, slice * T(26)), T(30), T(27)) \
    RUN(phase_sum__00a230, 1, 1, 1, 1, T(2), T(27), T(48), T(2), T(27), T(0), AT(p21, slice * T(26)), T(27), AT(p17, T(53) + item * T(54))) \
    RUN(phase_sum__00a230, 1, 1, 1, 1, T(2), T(32), T(3), T(2), T(32), T(3), AT(p20, slice * T(31)), T(32), AT(p17, T(55) + item * T(56))) \
    RUN(phase_sum__00a230, 1, 1, 1, 1, T(2), T(18), T(57), T(2), T(18), 1, AT(p19, slice * T(51)), T(18), AT(p17, T(58) + item * T(59))) \
    RUN(phase_matmul__5d1452, 1, 1, 1, AT(mine, T(60)), AT(p21, slice * T(26)), AT(p7, 0), T(2), T(28), T(27), 1, 1, 1, 0, 0, 0, 0, T(27), 1, 0, 0, 0, 0, T(28), 1, T(61), T(2), 1, T(62), 1, T(27)) \
    RUN(phase_max_pool2d_grad_le_where__706f2f, T(23), 1, 1, AT(mine, T(35)), AT(mine, T(60)), AT(mine, T(17)), T(25), T(18), T(18), T(5), T(5), AT(mine, T(17)), scalars, T(50), AT(mine, T(35))) \
    RUN(phase_conv_weight_grad__e1ef9a, T(48), 1, 1, AT(mine, T(17)), AT(mine, T(14)), AT(mine, T(35)), T(2), T(3), T(2), T(16), T(16), T(18), T(18), T(5), T(5), 1, 1, 0, 0, 1, 1, 1, 1, T(6), T(18), T(3), T(2), T(5), T(16), T(3), T(48), 1) \
    RUN(phase_conv_weight_grad_sum__5c2034, 1, 1, 1, AT(p17, T(34) + item * T(63)), AT(mine, T(17)), T(2), T(2), T(64), T(48), T(25)) \
    RUN(phase_sum__eeddc7, T(48), 1, 1, T(2), T(2), T(22), T(5), T(2), T(2), T(65), AT(mine, T(35)), T(21), T(22), AT(p17, T(66) + item * T(67))) \
    RUN(phase_conv_input_grad__853b46, T(0), 1, 1, AT(mine, T(68)), AT(mine, T(35)), AT(p3, 0), T(2), 1, T(2), T(3), T(18), T(18), T(16), T(16), T(5), T(5), 1, 1, 0, 0, 1, 1, T(69), T(69), 1, 1, 1, 1, T(2), T(3), T(16), T(16), T(70), T(16), T(71), T(25), 1, T(6)) \
    RUN(phase_max_pool2d_grad_le_where__706f2f, T(0), 1, 1, AT(mine, T(17)), AT(mine, T(68)), AT(mine, 0), T(15), T(4), T(4), T(16), T(16), AT(mine, 0), scalars, T(50), AT(mine, T(17))) \
    RUN(phase_sum__eeddc7, T(3), 1, 1, T(3), T(2), T(13), 1, T(2), T(3), T(72), AT(mine, T(17)), T(12), T(13), AT(p17, T(73) + item * T(74))) \
    RUN(phase_conv_weight_grad__39afd8, T(0), 1, 1, AT(mine, 0), AT(p0, slice * T(1)), AT(mine, T(17)), T(2), 1, 1, T(3), T(4), T(4), T(4), T(4), T(5), T(5), 1, 1, T(6), T(6), 1, 1, T(7), T(7), 1, 1, 1, 1, 1, T(3), T(4), T(4), T(8), T(9), T(10), T(75), T(6), 1) \
    RUN(phase_conv_weight_grad_sum__5c2034, 1, 1, 1, AT(p17, T(67) + item * T(76)), AT(mine, 0), T(3), T(3), T(77), T(0), T(25))
#include "slices.cl"

/* phase 0 */
#define KERNEL sum_float__2b0407
#define VEC 16
#define TAG f32
#define IN_T float
#define OUT_T float
#define LANES 1
#include "sum_slices.cl"
#define KERNEL sum_partials__55557f
#define VEC 1
#define PARAMS , __global void *p0, __global void *p1, __global void *p2, __global void *p3, __global void *p4, __global void *p5, __global void *p6, __global void *p7, __global void *p8
#define PHASES  \
    RUN(phase_sum_float__2b0407, 1, 1, 1, AT(p0, 0), AT(p1, 0), 1, 1, 1, T(0), 1) \
    RUN(phase_sum_float__2b0407, 1, 1, 1, AT(p2, 0), AT(p1, T(1)), 1, 1, T(2), T(0), T(3)) \
    RUN(phase_sum_float__2b0407, 1, 1, 1, AT(p3, 0), AT(p1, T(4)), 1, 1, T(5), T(0), 1) \
    RUN(phase_sum_float__2b0407, 1, 1, 1, AT(p4, 0), AT(p1, T(6)), 1, 1, T(7), T(0), T(2)) \
    RUN(phase_sum_float__2b0407, 1, 1, 1, AT(p5, 0), AT(p1, T(8)), 1, 1, T(9), T(0), 1) \
    RUN(phase_sum_float__2b0407, 1, 1, 1, AT(p6, 0), AT(p1, T(10)), 1, 1, T(11), T(0), T(12)) \
    RUN(phase_sum_float__2b0407, 1, 1, 1, AT(p7, 0), AT(p1, T(13)), 1, 1, T(14), T(0), T(5)) \
    RUN(phase_sum_float__2b0407, 1, 1, 1, AT(p8, 0), AT(p1, T(15)), 1, 1, T(3), T(0), 1)
#include "slices.cl"

#define KERNEL matmul__b3fe45
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define TRANSPOSED 0
#define DIRECT 0
#define PACK_A 0
#define FLIPPED 0
#define TAIL 1
#define ROWS 8
#define COLS 2
#define KC 1024
#define DEEP 0
#define CHUNK 8
#define ABREAST 1
static inline void NAME(epilogue)(const V_f32 value, const size_t i0, const size_t i1, const size_t j, const int n, __global float *q0, long s0, long s1)
{
    const V_f32 r0 = value;
    STOREP_float(r0, q0, i0 * s0 + i1 * s1 + j, n);
}
#define EPILOGUE_PARAMS , __global float *q0, long s0, long s1
#define EPILOGUE_ARGS , q0, s0, s1
#define EPILOGUE(value, i0, i1, j, n) NAME(epilogue)(value, i0, i1, j, n EPILOGUE_ARGS)
#include "matmul.cl"

#define KERNEL matmul__4c56dd
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define TRANSPOSED 0
#define DIRECT 0
#define PACK_A 0
#define FLIPPED 0
#define TAIL 0
#define ROWS 8
#define COLS 2
#define KC 1024
#define DEEP 0
#define CHUNK 8
#define ABREAST 1
static inline void NAME(epilogue)(const V_f32 value, const size_t i0, const size_t i1, const size_t j, const int n, __global float *q0, long s0, long s1)
{
    const V_f32 r0 = value;
    STOREP_float(r0, q0, i0 * s0 + i1 * s1 + j, n);
}
#define EPILOGUE_PARAMS , __global float *q0, long s0, long s1
#define EPILOGUE_ARGS , q0, s0, s1
#define EPILOGUE(value, i0, i1, j, n) NAME(epilogue)(value, i0, i1, j, n EPILOGUE_ARGS)
#include "matmul.cl"

/* phase 0 */
#define KERNEL div__718f48
#define VEC 16
static inline void NAME(body)(const size_t j, const int n, __global const float *p0, __global const float *p1, __global float *q0)
{
    const V_f32 r0 = LOADP_float(p0, j, n);  // float32
    const V_f32 r1 = LOADP_float(p1, j, n);  // float32
    const V_f32 r2 = r0 / r1;  // div float32
    STOREP_float(r2, q0, j, n);
}
#define LANES 1
#define PARAMS , __global const float *p0, __global const float *p1, __global float *q0
#define BODY_CALL(j, n) NAME(body)(j, n, p0, p1, q0)
#include "elementwise.cl"
/* phase 1 */
#define KERNEL matmul__9863f3
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define TRANSPOSED 0
#define DIRECT 1
#define PACK_A 0
#define FLIPPED 0
#define TAIL 0
#define ROWS 4
#define COLS 6
#define KC 336
#define DEEP 0
#define CHUNK 4
#define ABREAST 1
static inline void NAME(epilogue)(const V_f32 value, const size_t i0, const size_t i1, const size_t j, const int n, __global float *q0, long s0, long s1)
{
    const V_f32 r0 = value;
    STOREP_float(r0, q0, i0 * s0 + i1 * s1 + j, n);
}
#define EPILOGUE_PARAMS , __global float *q0, long s0, long s1
#define EPILOGUE_ARGS , q0, s0, s1
#define EPILOGUE(value, i0, i1, j, n) NAME(epilogue)(value, i0, i1, j, n EPILOGUE_ARGS)
#include "matmul.cl"
#define KERNEL div_to_matmul__fce8df
#define VEC 1
#define PARAMS , __global void *p0, __global void *p1, __global void *p2, __global void *p3, __global void *p4, __global void *p5
#define PHASES  \
    RUN(phase_div__718f48, 1, 1, 1, 1, 1, T(0), AT(p0, 0), AT(p1, 0), AT(p2, 0)) \
    RUN(phase_matmul__9863f3, 1, 1, 1, AT(p3, 0), AT(p4, 0), AT(p5, 0), T(1), T(2), T(3), 1, 1, 1, 0, 0, 0, 0, 1, T(1), 0, 0, 0, 0, T(2), 1, T(4), T(5), 1, 1, 1, T(3), AT(p3, 0), T(6), T(2))
#include "slices.cl"

#define KERNEL mul_add_mul_sub_all__6fd552
#define VEC 16
static inline void NAME(body)(const size_t j, const int n, __global const uchar *scalars, int a1, __global const float *p0, __global const float *p1, __global const float *p2, int a5, __global float *q0, __global float *q1)
{
    const V_f32 r0 = SPLAT_f32(SCALAR_f32(scalars, a1));  // scalar float32
    const V_f32 r1 = LOADP_float(p0, j, n);  // float32
    const V_f32 r2 = r0 * r1;  // mul float32
    const V_f32 r3 = LOADP_float(p1, j, n);  // float32
    const V_f32 r4 = r2 + r3;  // add float32
    const V_f32 r5 = LOADP_float(p2, j, n);  // float32
    const V_f32 r6 = SPLAT_f32(SCALAR_f32(scalars, a5));  // scalar float32
    const V_f32 r7 = r6 * r4;  // mul float32
    const V_f32 r8 = r5 - r7;  // sub float32
    STOREP_float(r4, q0, j, n);
    STOREP_float(r8, q1, j, n);
}
#define LANES 1
#define PARAMS , __global const uchar *scalars, int a1, int a5, __global const float *p0_0, __global const float *p1_0, __global const float *p2_0, __global float *q0_0, __global float *q1_0, long n_0, long e_0, __global const float *p0_1, __global const float *p1_1, __global const float *p2_1, __global float *q0_1, __global float *q1_1, long n_1, long e_1, __global const float *p0_2, __global const float *p1_2, __global const float *p2_2, __global float *q0_2, __global float *q1_2, long n_2, long e_2, __global const float *p0_3, __global const float *p1_3, __global const float *p2_3, __global float *q0_3, __global float *q1_3, long n_3, long e_3, __global const float *p0_4, __global const float *p1_4, __global const float *p2_4, __global float *q0_4, __global float *q1_4, long n_4, long e_4, __global const float *p0_5, __global const float *p1_5, __global const float *p2_5, __global float *q0_5, __global float *q1_5, long n_5, long e_5, __global const float *p0_6, __global const float *p1_6, __global const float *p2_6, __global float *q0_6, __global float *q1_6, long n_6, long e_6, __global const float *p0_7, __global const float *p1_7, __global const float *p2_7, __global float *q0_7, __global float *q1_7, long n_7, long e_7, __global const float *p0_8, __global const float *p1_8, __global const float *p2_8, __global float *q0_8, __global float *q1_8, long n_8, long e_8, __global const float *p0_9, __global const float *p1_9, __global const float *p2_9, __global float *q0_9, __global float *q1_9, long n_9, long e_9
#define BODY_CALL(j, n) NAME(body)(j, n, scalars, a1, p0, p1, p2, a5, q0, q1)
#define SELECT_SEGMENT \
    size_t first = 0; cols = n_0; __global const float *p0 = p0_0; __global const float *p1 = p1_0; __global const float *p2 = p2_0; __global float *q0 = q0_0; __global float *q1 = q1_0; \
    if (group >= (size_t)e_0) { first = e_0; cols = n_1; p0 = p0_1; p1 = p1_1; p2 = p2_1; q0 = q0_1; q1 = q1_1; } \
    if (group >= (size_t)e_1) { first = e_1; cols = n_2; p0 = p0_2; p1 = p1_2; p2 = p2_2; q0 = q0_2; q1 = q1_2; } \
    if (group >= (size_t)e_2) { first = e_2; cols = n_3; p0 = p0_3; p1 = p1_3; p2 = p2_3; q0 = q0_3; q1 = q1_3; } \
    if (group >= (size_t)e_3) { first = e_3; cols = n_4; p0 = p0_4; p1 = p1_4; p2 = p2_4; q0 = q0_4; q1 = q1_4; } \
    if (group >= (size_t)e_4) { first = e_4; cols = n_5; p0 = p0_5; p1 = p1_5; p2 = p2_5; q0 = q0_5; q1 = q1_5; } \
    if (group >= (size_t)e_5) { first = e_5; cols = n_6; p0 = p0_6; p1 = p1_6; p2 = p2_6; q0 = q0_6; q1 = q1_6; } \
    if (group >= (size_t)e_6) { first = e_6; cols = n_7; p0 = p0_7; p1 = p1_7; p2 = p2_7; q0 = q0_7; q1 = q1_7; } \
    if (group >= (size_t)e_7) { first = e_7; cols = n_8; p0 = p0_8; p1 = p1_8; p2 = p2_8; q0 = q0_8; q1 = q1_8; } \
    if (group >= (size_t)e_8) { first = e_8; cols = n_9; p0 = p0_9; p1 = p1_9; p2 = p2_9; q0 = q0_9; q1 = q1_9; } \
    group -= first;
#include "elementwise.cl"
