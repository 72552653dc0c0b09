/*
 * A training step of LeNet-5 on 32 digits: nearly all of it is one launch, slice by slice.
 *
 * plan: 142 nodes, 18 groups, 3 launches, arena 1489408 bytes
 *   0 launch slices_conv_add_relu_to_conv_weight_grad_sum__43ff1c grid (2,)
 *       p0 %18, p1 %17, p2 %15, p3 %14, p4 %12, p5 %26, p6 %30, p7 %10, p8 %9, p9 %33, p10 %7,
 *       p11 %6, p12 %4, p13 %3, p14 %0, p15 %49, p18 scratch 1, p19 %54, p20 %57
 *       T(0) 8, T(1) 50176, T(2) 16, T(3) 6, T(4) 28, T(5) 5, T(6) 2, T(7) -2, T(8) 32, T(9) 30,
 *       T(10) 976, T(11) 896, T(12) 4704, T(13) 784, T(14) 507392, T(15) 96, T(16) 14,
 *       T(17) 301568, T(18) 10, T(19) 720, T(20) 144, T(21) 1600, T(22) 100, T(23) 3,
 *       T(24) 25600, T(25) 256, T(26) 7680, T(27) 120, T(28) 400, T(29) 6400, T(30) 1920,
 *       T(31) 5376, T(32) 84, T(33) 88, T(34) 1344, T(35) 404480, T(36) 840, T(37) 160,
 *       T(38) 406016, T(39) -100, T(40) 640, T(41) 405504, T(42) 128,
 *       T(43) number 43 of the scalars, T(44) 512, T(45) 4, T(46) number 52 of the scalars,
 *       T(47) 10080, T(48) 20672, T(49) 480, T(50) 21632, T(51) 336, T(52) 51, T(53) 22336,
 *       T(54) 40, T(55) 583168, T(56) 48000, T(57) 13, T(58) 9600, T(59) 150, T(60) 7,
 *       T(61) 20544, T(62) 64, T(63) 603136, T(64) -4, T(65) 18, T(66) 272, T(67) 49, T(68) 1280,
 *       T(69) 24, T(70) 880, T(71) 600, T(72) 25
 *       slices 2 of 16 items, 678912 bytes between
 *         0 launch conv_add_relu__71e236 grid (8,)
 *             anchor %7 <conv2d 16x6x28x28 float32 stride=(1, 1) padding=(2, 2) dilation=(1, 1) groups=1>
 *             fused  %8 <add 16x6x28x28 float32>
 *             fused  %9 <relu 16x6x28x28 float32>
 *             stores %9 16x6x28x28 float32, arena
 *         1 launch max_pool2d__62b7b1 grid (8,)
 *             border INPUT: max_pool2d_grad reads a buffer: %9 <relu 16x6x28x28 float32>
 *             anchor %10 <max_pool2d 16x6x14x14 float32 kernel_size=(2, 2) stride=(2, 2) padding=(0, 0) dilation=(1, 1) ceil_mode=False>
 *             stores %10 16x6x14x14 float32, arena
 *         2 launch conv_add_relu__78dab2 grid (8,)
 *             border KERNEL: it has a kernel of its own: %10 <max_pool2d 16x6x14x14 float32 kernel_size=(2, 2) stride=(2, 2) padding=(0, 0) dilation=(1, 1) ceil_mode=False>
 *             anchor %11 <conv2d 16x16x10x10 float32 stride=(1, 1) padding=(0, 0) dilation=(1, 1) groups=1>
 *             fused  %12 <add 16x16x10x10 float32>
 *             fused  %13 <relu 16x16x10x10 float32>
 *             stores %13 16x16x10x10 float32, arena
 *         3 launch max_pool2d__62b7b1 grid (3,)
 *             border INPUT: max_pool2d_grad reads a buffer: %13 <relu 16x16x10x10 float32>
 *             anchor %14 <max_pool2d 16x16x5x5 float32 kernel_size=(2, 2) stride=(2, 2) padding=(0, 0) dilation=(1, 1) ceil_mode=False>
 *             stores %14 16x16x5x5 float32, fresh
 *         4 launch matmul_add_relu__e1f906 grid (1,)
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
 *             anchor %33 <matmul 16x10 float32>
 *             fused  %34 <add 16x10 float32>
 *             stores %34 16x10 float32, arena
 *         7 launch class_count__990aca grid (1,)
 *             anchor %40 <class_count scalar float32 ignore=-100 dtype=tinygrad_cl.float32>
 *             stores %40 scalar float32, arena
 *         8 launch class_loss_and_class_share_div_mul__7fbad8 grid (1,)
 *             border INPUT: class_share reads a buffer: %34 <add 16x10 float32>
 *             border KERNEL: it has a kernel of its own: %40 <class_count scalar float32 ignore=-100 dtype=tinygrad_cl.float32>
 *             anchor %46 <class_share 16x10 float32 op=cross_entropy ignore=-100>
 *             fused  %42 <div scalar float32>
 *             fused  %47 <mul 16x10 float32>
 *             stores %47 16x10 float32, fresh
 *             stores %36 16 float32, arena
 *         9 launch sum__375898 grid (1, 1)
 *             border KERNEL: it has a kernel of its own: %36 <class_loss 16 float32 op=cross_entropy ignore=-100>
 *             anchor %37 <sum scalar float32 dim=(0,) keepdim=False>
 *             stores %37 scalar float32, fresh
 *        10 launch matmul_le_where__b96b0a grid (1,)
 *             border WANTED: it is asked for: %27 <relu 16x84 float32>
 *             border WANTED: it is asked for: %47 <mul 16x10 float32>
 *             anchor %50 <matmul 16x84 float32>
 *             fused  %52 <le 16x84 bool>
 *             fused  %53 <where 16x84 float32>
 *             stores %53 16x84 float32, fresh
 *        11 launch matmul_le_where__b96b0a grid (1,)
 *             border WANTED: it is asked for: %21 <relu 16x120 float32>
 *             border WANTED: it is asked for: %53 <where 16x84 float32>
 *             anchor %55 <matmul 16x120 float32>
 *             fused  %56 <le 16x120 bool>
 *             fused  %57 <where 16x120 float32>
 *             stores %57 16x120 float32, fresh
 *        12 launch sum__00a230 grid (1, 1)
 *             border WANTED: it is asked for: %57 <where 16x120 float32>
 *             anchor %72 <sum 120 float32 dim=(0,) keepdim=False>
 *             stores %72 120 float32, fresh
 *        13 launch sum__00a230 grid (1, 1)
 *             border WANTED: it is asked for: %53 <where 16x84 float32>
 *             anchor %73 <sum 84 float32 dim=(0,) keepdim=False>
 *             stores %73 84 float32, fresh
 *        14 launch sum__00a230 grid (1, 1)
 *             border WANTED: it is asked for: %47 <mul 16x10 float32>
 *             anchor %74 <sum 10 float32 dim=(0,) keepdim=False>
 *             stores %74 10 float32, fresh
 *        15 launch matmul__2e4083 grid (1,)
 *             border WANTED: it is asked for: %57 <where 16x120 float32>
 *             anchor %59 <matmul 16x400 float32>
 *             stores %59 16x400 float32, arena
 *        16 launch max_pool2d_grad_le_where__ed1927 grid (3,)
 *             border INPUT: max_pool2d_grad reads a buffer: %13 <relu 16x16x10x10 float32>
 *             border KERNEL: it has a kernel of its own: %59 <matmul 16x400 float32>
 *             anchor %61 <max_pool2d_grad 16x16x10x10 float32 kernel_size=(2, 2) stride=(2, 2) padding=(0, 0) dilation=(1, 1) ceil_mode=False>
 *             fused  %62 <le 16x16x10x10 bool>
 *             fused  %63 <where 16x16x10x10 float32>
 *             stores %63 16x16x10x10 float32, arena
 *        17 launch conv_weight_grad__e1ef9a grid (4,)
 *             border KERNEL: it has a kernel of its own: %10 <max_pool2d 16x6x14x14 float32 kernel_size=(2, 2) stride=(2, 2) padding=(0, 0) dilation=(1, 1) ceil_mode=False>
 *             border INPUT: conv2d_weight_grad reads a buffer: %63 <where 16x16x10x10 float32>
 *             anchor %70 <conv2d_weight_grad 16x6x5x5 float32 kernel_size=(5, 5) stride=(1, 1) padding=(0, 0) dilation=(1, 1) groups=1>
 *             stores %70 16x6x5x5 float32, fresh
 *        18 launch conv_weight_grad_sum__5c2034 grid (1,)
 *        19 launch sum__eeddc7 grid (4, 1)
 *             border INPUT: conv2d_weight_grad reads a buffer: %63 <where 16x16x10x10 float32>
 *             anchor %71 <sum 16 float32 dim=(0, 2, 3) keepdim=False>
 *             stores %71 16 float32, fresh
 *        20 launch conv_input_grad__853b46 grid (8,)
 *             border INPUT: conv2d_weight_grad reads a buffer: %63 <where 16x16x10x10 float32>
 *             anchor %64 <conv2d_input_grad 16x6x14x14 float32 input_size=(14, 14) stride=(1, 1) padding=(0, 0) dilation=(1, 1) groups=1>
 *             stores %64 16x6x14x14 float32, arena
 *        21 launch max_pool2d_grad_le_where__ed1927 grid (8,)
 *             border INPUT: max_pool2d_grad reads a buffer: %9 <relu 16x6x28x28 float32>
 *             border KERNEL: it has a kernel of its own: %64 <conv2d_input_grad 16x6x14x14 float32 input_size=(14, 14) stride=(1, 1) padding=(0, 0) dilation=(1, 1) groups=1>
 *             anchor %65 <max_pool2d_grad 16x6x28x28 float32 kernel_size=(2, 2) stride=(2, 2) padding=(0, 0) dilation=(1, 1) ceil_mode=False>
 *             fused  %66 <le 16x6x28x28 bool>
 *             fused  %67 <where 16x6x28x28 float32>
 *             stores %67 16x6x28x28 float32, arena
 *        22 launch sum__eeddc7 grid (6, 1)
 *             border INPUT: conv2d_weight_grad reads a buffer: %67 <where 16x6x28x28 float32>
 *             anchor %69 <sum 6 float32 dim=(0, 2, 3) keepdim=False>
 *             stores %69 6 float32, fresh
 *        23 launch conv_weight_grad__39afd8 grid (8,)
 *             border INPUT: conv2d_weight_grad reads a buffer: %67 <where 16x6x28x28 float32>
 *             anchor %68 <conv2d_weight_grad 6x1x5x5 float32 kernel_size=(5, 5) stride=(1, 1) padding=(2, 2) dilation=(1, 1) groups=1>
 *             stores %68 6x1x5x5 float32, fresh
 *        24 launch conv_weight_grad_sum__5c2034 grid (1,)
 *       stores %26 32x16x5x5 float32, arena
 *       stores %30 32x120 float32, arena
 *       stores %33 32x84 float32, arena
 *       stores %38 scalar float32, arena
 *       stores %49 32x10 float32, arena
 *       stores %54 32x84 float32, arena
 *       stores %57 32x120 float32, arena
 *       stores %67 6x1x5x5 float32, fresh
 *       stores %75 6 float32, fresh
 *       stores %83 16x6x5x5 float32, fresh
 *       stores %89 16 float32, fresh
 *       stores %106 120 float32, fresh
 *       stores %121 84 float32, fresh
 *       stores %136 10 float32, fresh
 *       anchor %2 <class_count scalar float32 ignore=-100 dtype=tinygrad_cl.float32>
 *       stores %2 scalar float32, arena
 *       border EPILOGUE: its template has no epilogue: %2 <class_count scalar float32 ignore=-100 dtype=tinygrad_cl.float32>
 *       border SLICE: it is read outside the slices: %38 <sum scalar float32 dim=(0,) keepdim=False>
 *       fused  %39 <div scalar float32>
 *       stores %39 scalar float32, fresh
 *       border SLICE: it is read outside the slices: %26 <max_pool2d 32x16x5x5 float32 kernel_size=(2, 2) stride=(2, 2) padding=(0, 0) dilation=(1, 1) ceil_mode=False>
 *       border SLICE: it is read outside the slices: %57 <where 32x120 float32>
 *       anchor %98 <matmul 120x400 float32>
 *       stores %100 120x400 float32, fresh
 *       border SLICE: it is read outside the slices: %30 <relu 32x120 float32>
 *       border SLICE: it is read outside the slices: %54 <where 32x84 float32>
 *       anchor %113 <matmul 84x120 float32>
 *       stores %115 84x120 float32, fresh
 *       border SLICE: it is read outside the slices: %33 <relu 32x84 float32>
 *       border SLICE: it is read outside the slices: %49 <mul 32x10 float32>
 *       anchor %128 <matmul 10x84 float32>
 *       stores %130 10x84 float32, fresh
 *   1 launch sum_partials_and_matmul__cf55ca grid (13,)
 *       p0 %100, p1 %57, p2 %26, p3 %115, p4 %54, p5 %30, p6 %38, p7 scratch 1, p8 %67, p9 %75,
 *       p10 %83, p11 %89, p12 %106, p13 %121, p14 %136, p15 %2, p16 %0, p17 %39, p18 %130,
 *       p19 %49, p20 %33
 *       T(0) 7, T(1) 120, T(2) 400, T(3) 32, T(4) 12800, T(5) 2, T(6) 48000, T(7) 84, T(8) 3840,
 *       T(9) 88, T(10) 10080, T(11) 64, T(12) 150, T(13) 10, T(14) 1280, T(15) 6, T(16) 1344,
 *       T(17) 2400, T(18) 20544, T(19) 16, T(20) 20672, T(21) 8, T(22) 21632, T(23) 22336,
 *       T(24) -100, T(25) 8192, T(26) 3, T(27) 2688, T(28) 840
 *   2 launch mul_add_mul_sub_all__1f3305 (10 segments) grid (16,)
 *       border SLICE: it is read outside the slices: %67 <conv2d_weight_grad 6x1x5x5 float32 kernel_size=(5, 5) stride=(1, 1) padding=(2, 2) dilation=(1, 1) groups=1>
 *       fused  %70 <mul 6x1x5x5 float32>
 *       fused  %71 <add 6x1x5x5 float32>
 *       fused  %73 <mul 6x1x5x5 float32>
 *       fused  %74 <sub 6x1x5x5 float32>
 *       stores %71 6x1x5x5 float32, fresh
 *       stores %74 6x1x5x5 float32, fresh
 *       border ALIAS: the value between them has a buffer already: %77 <reshape 6 float32 shape=(6,)>
 *       fused  %79 <mul 6 float32>
 *       fused  %80 <add 6 float32>
 *       fused  %81 <mul 6 float32>
 *       fused  %82 <sub 6 float32>
 *       stores %80 6 float32, fresh
 *       stores %82 6 float32, fresh
 *       border SLICE: it is read outside the slices: %83 <conv2d_weight_grad 16x6x5x5 float32 kernel_size=(5, 5) stride=(1, 1) padding=(0, 0) dilation=(1, 1) groups=1>
 *       fused  %85 <mul 16x6x5x5 float32>
 *       fused  %86 <add 16x6x5x5 float32>
 *       fused  %87 <mul 16x6x5x5 float32>
 *       fused  %88 <sub 16x6x5x5 float32>
 *       stores %86 16x6x5x5 float32, fresh
 *       stores %88 16x6x5x5 float32, fresh
 */

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
#define KERNEL max_pool2d__62b7b1
#define VEC 16
#define TAG f32
#define SCALAR float
#define IN_T float
#define OUT_T float
#define AVERAGE 0
#define DENSE 0
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
/* phase 4 */
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
/* phase 5 */
#define KERNEL class_count__990aca
#define VEC 1
#define OUT_T float
#include "class_count.cl"
/* phase 6 */
#define KERNEL class_loss_and_class_share_div_mul__7fbad8
#define VEC 16
#define LOSSES 1
#define SHARES 1
#define T_ float
#define TAG f32
#define SCALAR float
#define LANES 1
#define KEPT 128
static inline void NAME(epilogue)(const V_f32 value, const size_t i0, const size_t j, const int n, __global const uchar *restrict scalars, int a1, __global const float *p0, __global float *q0, long s0)
{
    const V_f32 r0 = value;
    const V_f32 r1 = SPLAT_f32(SCALAR_f32(scalars, a1));  // scalar float32
    const V_f32 r2 = SPLAT_f32(LOAD1_float(p0, 0));  // float32
    const V_f32 r3 = r1 / r2;  // div float32
    const V_f32 r4 = r0 * r3;  // mul float32
    STOREP_float(r4, q0, i0 * s0 + j, n);
}
#define EPILOGUE_PARAMS , __global const uchar *restrict scalars, int a1, __global const float *p0, __global float *q0, long s0
#define EPILOGUE_ARGS , scalars, a1, p0, q0, s0
#define EPILOGUE(value, i0, j, n) NAME(epilogue)(value, i0, j, n EPILOGUE_ARGS)
#include "cross_entropy.cl"
/* phase 7 */
#define KERNEL sum__375898
#define VEC 16
static inline V_f32 NAME(element)(const size_t j, const int n, __global const float *xp0)
{
    const V_f32 r0 = LOADP_float(xp0, j, n);  // float32
    return r0;
}
#define ELEMENT(j, n) NAME(element)(j, n, xp0)
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
#define PARAMS , __global const float *xp0, __global float *q0
#define LANES 1
#define UNROLL 1
#include "reduce.cl"
/* phase 8 */
#define KERNEL matmul_le_where__b96b0a
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define TRANSPOSED 0
#define DIRECT 1
#define PACK_A 0
#define FLIPPED 0
#define TAIL 1
#define ROWS 8
#define COLS 2
#define KC 1024
#define DEEP 0
#define CHUNK 8
#define ABREAST 1
static inline void NAME(epilogue)(const V_f32 value, const size_t i0, const size_t i1, const size_t j, const int n, __global const float *p0, long s0, __global const uchar *restrict scalars, int a3, __global float *q0, long s1, long s2)
{
    const V_f32 r0 = LOADP_float(p0, i1 * s0 + j, n);  // float32
    const V_f32 r1 = SPLAT_f32(SCALAR_f32(scalars, a3));  // scalar float32
    const V_b r2 = LESS_EQUAL_f32(r0, r1);  // le bool
    const V_f32 r3 = value;
    const V_f32 r4 = SELECT_f32(r2, r1, r3);  // where float32
    STOREP_float(r4, q0, i0 * s1 + i1 * s2 + j, n);
}
#define EPILOGUE_PARAMS , __global const float *p0, long s0, __global const uchar *restrict scalars, int a3, __global float *q0, long s1, long s2
#define EPILOGUE_ARGS , p0, s0, scalars, a3, q0, s1, s2
#define EPILOGUE(value, i0, i1, j, n) NAME(epilogue)(value, i0, i1, j, n EPILOGUE_ARGS)
#include "matmul.cl"
/* phase 9 */
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
/* phase 10 */
#define KERNEL matmul__2e4083
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define TRANSPOSED 0
#define DIRECT 1
#define PACK_A 0
#define FLIPPED 0
#define TAIL 1
#define ROWS 8
#define COLS 2
#define KC 1024
#define DEEP 0
#define CHUNK 8
#define ABREAST 1
#include "matmul.cl"
/* phase 11 */
#define KERNEL max_pool2d_grad_le_where__ed1927
#define VEC 16
#define TAG f32
#define SCALAR float
#define IN_T float
#define OUT_T float
#define AVERAGE 0
#define ROOM 1024
static inline void NAME(epilogue)(const V_f32 value, const size_t j, const int n, __global const float *p0, __global const uchar *restrict scalars, int a2, __global float *q0)
{
    const V_f32 r0 = LOADP_float(p0, j, n);  // float32
    const V_f32 r1 = SPLAT_f32(SCALAR_f32(scalars, a2));  // scalar float32
    const V_b r2 = LESS_EQUAL_f32(r0, r1);  // le bool
    const V_f32 r3 = value;
    const V_f32 r4 = SELECT_f32(r2, r1, r3);  // where float32
    STOREP_float(r4, q0, j, n);
}
#define EPILOGUE_PARAMS , __global const float *p0, __global const uchar *restrict scalars, int a2, __global float *q0
#define EPILOGUE_ARGS , p0, scalars, a2, q0
#define EPILOGUE(value, j, n) NAME(epilogue)(value, j, n EPILOGUE_ARGS)
#include "pool_unpool.cl"
/* phase 12 */
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
/* phase 13 */
#define KERNEL conv_weight_grad_sum__5c2034
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define LANES 1
#include "sum_slices.cl"
/* phase 14 */
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
/* phase 15 */
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
/* phase 16 */
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
#define KERNEL slices_conv_add_relu_to_conv_weight_grad_sum__43ff1c
#define VEC 1
#define PARAMS , __global void *p0, __global void *p1, __global void *p2, __global void *p3, __global void *p4, __global void *p5, __global void *p6, __global void *p7, __global void *p8, __global void *p9, __global void *p10, __global void *p11, __global void *p12, __global void *p13, __global void *p14, __global void *p15, __global void *flags, __global void *scalars, __global void *p18, __global void *p19, __global void *p20
#define PHASES  \
    RUN(phase_conv_add_relu__71e236, T(0), 1, 1, \
        mine, AT(p0, slice * T(1)), p1, T(2), 1, 1, T(3), T(4), T(4), T(4), T(4), T(5), T(5), 1, \
        1, T(6), T(6), 1, 1, T(7), T(7), 1, 1, 1, 1, 1, T(3), T(4), T(4), T(8), T(9), T(10), \
        T(11), 1, T(6), p2, mine, T(12), T(13)) \
    RUN(phase_max_pool2d__62b7b1, T(0), 1, 1, \
        AT(mine, T(14)), mine, T(15), T(4), T(4), T(16), T(16), 0) \
    RUN(phase_conv_add_relu__78dab2, T(0), 1, 1, \
        AT(mine, T(17)), AT(mine, T(14)), p3, T(2), 1, T(3), T(2), T(16), T(16), T(18), T(18), \
        T(5), T(5), 1, 1, 0, 0, 1, 1, 0, 0, 1, T(5), 1, 1, T(3), T(2), T(18), T(18), T(16), \
        T(18), T(19), T(20), 1, T(6), p4, AT(mine, T(17)), T(21), T(22)) \
    RUN(phase_max_pool2d__62b7b1, T(23), 1, 1, \
        AT(p5, slice * T(24)), AT(mine, T(17)), T(25), T(18), T(18), T(5), T(5), 0) \
    RUN(phase_matmul_add_relu__e1f906, 1, 1, 1, \
        AT(p6, slice * T(26)), p7, AT(p5, slice * T(24)), T(27), T(2), T(28), 1, 1, 1, 0, 0, 0, \
        0, T(28), 1, 0, 0, 0, 0, 1, T(28), T(29), T(27), 1, 1, 1, T(28), 0, p8, \
        AT(p6, slice * T(26)), T(30), T(27)) \
    RUN(phase_matmul_add_relu__e1f906, 1, 1, 1, \
        AT(p9, slice * T(31)), p10, AT(p6, slice * T(26)), T(32), T(2), T(27), 1, 1, 1, 0, 0, 0, \
        0, T(27), 1, 0, 0, 0, 0, 1, T(27), T(30), T(33), 1, 1, 1, T(27), 0, p11, \
        AT(p9, slice * T(31)), T(34), T(32)) \
    RUN(phase_matmul_add__29e17b, 1, 1, 1, \
        AT(mine, T(35)), AT(p9, slice * T(31)), p12, T(2), T(18), T(32), 1, 1, 1, 0, 0, 0, 0, \
        T(32), 1, 0, 0, 0, 0, 1, T(32), T(36), T(2), 1, 1, 1, T(32), 0, p13, AT(mine, T(35)), \
        T(37), T(18)) \
    RUN(phase_class_count__990aca, 1, 1, 1, \
        AT(mine, T(38)), p14, T(39), T(8)) \
    RUN(phase_class_loss_and_class_share_div_mul__7fbad8, 1, 1, 1, \
        AT(p15, slice * T(40)), AT(mine, T(41)), AT(mine, T(35)), AT(p14, slice * T(42)), flags, \
        1, T(39), T(2), T(18), scalars, T(43), AT(mine, T(38)), AT(p15, slice * T(40)), T(18)) \
    RUN(phase_sum__375898, 1, 1, 1, \
        1, 1, T(2), T(44), T(2), 1, 1, AT(mine, T(41)), AT(p18, item * T(45))) \
    RUN(phase_matmul_le_where__b96b0a, 1, 1, 1, \
        AT(p19, slice * T(31)), AT(p15, slice * T(40)), p12, T(2), T(32), T(18), 1, 1, 1, 0, 0, \
        0, 0, T(18), 1, 0, 0, 0, 0, T(32), 1, T(36), T(2), 1, T(23), 1, T(18), 1, \
        AT(p9, slice * T(31)), T(32), scalars, T(46), AT(p19, slice * T(31)), T(34), T(32)) \
    RUN(phase_matmul_le_where__b96b0a, 1, 1, 1, \
        AT(p20, slice * T(26)), AT(p19, slice * T(31)), p10, T(2), T(27), T(32), 1, 1, 1, 0, 0, \
        0, 0, T(32), 1, 0, 0, 0, 0, T(27), 1, T(47), T(2), 1, T(45), 1, T(32), 1, \
        AT(p6, slice * T(26)), T(27), scalars, T(46), AT(p20, slice * T(26)), T(30), T(27)) \
    RUN(phase_sum__00a230, 1, 1, 1, \
        1, T(2), T(27), T(45), T(2), T(27), T(0), AT(p20, slice * T(26)), T(27), \
        AT(p18, T(48) + item * T(49))) \
    RUN(phase_sum__00a230, 1, 1, 1, \
        1, T(2), T(32), T(3), T(2), T(32), T(3), AT(p19, slice * T(31)), T(32), \
        AT(p18, T(50) + item * T(51))) \
    RUN(phase_sum__00a230, 1, 1, 1, \
        1, T(2), T(18), T(52), T(2), T(18), 1, AT(p15, slice * T(40)), T(18), \
        AT(p18, T(53) + item * T(54))) \
    RUN(phase_matmul__2e4083, 1, 1, 1, \
        AT(mine, T(55)), AT(p20, slice * T(26)), p7, T(2), T(28), T(27), 1, 1, 1, 0, 0, 0, 0, \
        T(27), 1, 0, 0, 0, 0, T(28), 1, T(56), T(2), 1, T(57), 1, T(27), 1) \
    RUN(phase_max_pool2d_grad_le_where__ed1927, T(23), 1, 1, \
        AT(mine, T(35)), AT(mine, T(55)), AT(mine, T(17)), T(25), T(18), T(18), T(5), T(5), \
        AT(mine, T(17)), scalars, T(46), AT(mine, T(35))) \
    RUN(phase_conv_weight_grad__e1ef9a, T(45), 1, 1, \
        AT(mine, T(17)), AT(mine, T(14)), AT(mine, T(35)), T(2), T(3), T(2), T(16), T(16), T(18), \
        T(18), T(5), T(5), 1, 1, 0, 0, 1, 1, 1, 1, T(6), T(18), T(3), T(2), T(5), T(16), T(3), \
        T(45), 1) \
    RUN(phase_conv_weight_grad_sum__5c2034, 1, 1, 1, \
        AT(p18, T(34) + item * T(58)), AT(mine, T(17)), T(2), T(2), T(59), T(45), T(25)) \
    RUN(phase_sum__eeddc7, T(45), 1, 1, \
        T(2), T(2), T(22), T(5), T(2), T(2), T(60), AT(mine, T(35)), T(21), T(22), \
        AT(p18, T(61) + item * T(62))) \
    RUN(phase_conv_input_grad__853b46, T(0), 1, 1, \
        AT(mine, T(63)), AT(mine, T(35)), p3, T(2), 1, T(2), T(3), T(18), T(18), T(16), T(16), \
        T(5), T(5), 1, 1, 0, 0, 1, 1, T(64), T(64), 1, 1, 1, 1, T(2), T(3), T(16), T(16), T(65), \
        T(16), T(66), T(25), 1, T(6)) \
    RUN(phase_max_pool2d_grad_le_where__ed1927, T(0), 1, 1, \
        AT(mine, T(17)), AT(mine, T(63)), mine, T(15), T(4), T(4), T(16), T(16), mine, scalars, \
        T(46), AT(mine, T(17))) \
    RUN(phase_sum__eeddc7, T(3), 1, 1, \
        T(3), T(2), T(13), 1, T(2), T(3), T(67), AT(mine, T(17)), T(12), T(13), \
        AT(p18, T(68) + item * T(69))) \
    RUN(phase_conv_weight_grad__39afd8, T(0), 1, 1, \
        mine, AT(p0, slice * T(1)), AT(mine, T(17)), T(2), 1, 1, T(3), T(4), T(4), T(4), T(4), \
        T(5), T(5), 1, 1, T(6), T(6), 1, 1, T(7), T(7), 1, 1, 1, 1, 1, T(3), T(4), T(4), T(8), \
        T(9), T(10), T(70), T(6), 1) \
    RUN(phase_conv_weight_grad_sum__5c2034, 1, 1, 1, \
        AT(p18, T(62) + item * T(71)), mine, T(3), T(3), T(72), T(0), T(25))
#include "slices.cl"

/* phase 0 */
#define KERNEL matmul__95eb95
#define VEC 16
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#define TRANSPOSED 0
#define DIRECT 1
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
/* phase 1 */
#define KERNEL sum_float__2b0407
#define VEC 16
#define TAG f32
#define IN_T float
#define OUT_T float
#define LANES 1
#include "sum_slices.cl"
/* phase 2 */
#define KERNEL class_count__990aca
#define VEC 1
#define OUT_T float
#include "class_count.cl"
/* phase 3 */
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
#define KERNEL sum_partials_and_matmul__cf55ca
#define VEC 1
#define PARAMS , __global void *p0, __global void *p1, __global void *p2, __global void *p3, __global void *p4, __global void *p5, __global void *p6, __global void *p7, __global void *p8, __global void *p9, __global void *p10, __global void *p11, __global void *p12, __global void *p13, __global void *p14, __global void *p15, __global void *p16, __global void *p17, __global void *p18, __global void *p19, __global void *p20
#define PHASES  \
    EACH(phase_matmul__95eb95, T(0), 1, 1, \
        p0, p1, p2, T(1), T(2), T(3), 1, 1, 1, 0, 0, 0, 0, 1, T(1), 0, 0, 0, 0, T(2), 1, T(4), \
        T(1), 1, T(5), 1, T(3), 0, p0, T(6), T(2)) \
    EACH(phase_matmul__95eb95, T(5), 1, 1, \
        p3, p4, p5, T(7), T(1), T(3), 1, 1, 1, 0, 0, 0, 0, 1, T(7), 0, 0, 0, 0, T(1), 1, T(8), \
        T(9), 1, T(5), 1, T(3), 0, p3, T(10), T(1)) \
    ALONE( \
        RUN(phase_sum_float__2b0407, 1, 1, 1, \
            p6, p7, 1, 1, 1, T(5), 1) \
        RUN(phase_sum_float__2b0407, 1, 1, 1, \
            p8, AT(p7, T(11)), 1, 1, T(12), T(5), T(13)) \
        RUN(phase_sum_float__2b0407, 1, 1, 1, \
            p9, AT(p7, T(14)), 1, 1, T(15), T(5), 1) \
        RUN(phase_sum_float__2b0407, 1, 1, 1, \
            p10, AT(p7, T(16)), 1, 1, T(17), T(5), T(12)) \
        RUN(phase_sum_float__2b0407, 1, 1, 1, \
            p11, AT(p7, T(18)), 1, 1, T(19), T(5), 1) \
        RUN(phase_sum_float__2b0407, 1, 1, 1, \
            p12, AT(p7, T(20)), 1, 1, T(1), T(5), T(21)) \
        RUN(phase_sum_float__2b0407, 1, 1, 1, \
            p13, AT(p7, T(22)), 1, 1, T(7), T(5), T(15)) \
        RUN(phase_sum_float__2b0407, 1, 1, 1, \
            p14, AT(p7, T(23)), 1, 1, T(13), T(5), 1) \
        RUN(phase_class_count__990aca, 1, 1, 1, \
            p15, p16, T(24), T(3)) \
        RUN(phase_div__718f48, 1, 1, 1, \
            1, 1, T(25), p6, p15, p17) \
    ) \
    EACH(phase_matmul__95eb95, T(26), 1, 1, \
        p18, p19, p20, T(13), T(7), T(3), 1, 1, 1, 0, 0, 0, 0, 1, T(13), 0, 0, 0, 0, T(7), 1, \
        T(27), T(19), 1, 1, 1, T(3), 1, p18, T(28), T(7))
#include "abreast.cl"

#define KERNEL mul_add_mul_sub_all__1f3305
#define VEC 16
static inline void NAME(body)(const size_t j, const int n, __global const uchar *restrict scalars, int a1, __global const float *p0, __global const float *p1, __global const float *p2, int a5, __global float *q0, __global float *q1)
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
#define PARAMS , __global const uchar *restrict scalars, int a1, int a5 \
    , __global const float *p0_0, __global const float *p1_0, __global const float *p2_0, __global float *q0_0, __global float *q1_0, long n_0, long e_0 \
    , __global const float *p0_1, __global const float *p1_1, __global const float *p2_1, __global float *q0_1, __global float *q1_1, long n_1, long e_1 \
    , __global const float *p0_2, __global const float *p1_2, __global const float *p2_2, __global float *q0_2, __global float *q1_2, long n_2, long e_2 \
    , __global const float *p0_3, __global const float *p1_3, __global const float *p2_3, __global float *q0_3, __global float *q1_3, long n_3, long e_3 \
    , __global const float *p0_4, __global const float *p1_4, __global const float *p2_4, __global float *q0_4, __global float *q1_4, long n_4, long e_4 \
    , __global const float *p0_5, __global const float *p1_5, __global const float *p2_5, __global float *q0_5, __global float *q1_5, long n_5, long e_5 \
    , __global const float *p0_6, __global const float *p1_6, __global const float *p2_6, __global float *q0_6, __global float *q1_6, long n_6, long e_6 \
    , __global const float *p0_7, __global const float *p1_7, __global const float *p2_7, __global float *q0_7, __global float *q1_7, long n_7, long e_7 \
    , __global const float *p0_8, __global const float *p1_8, __global const float *p2_8, __global float *q0_8, __global float *q1_8, long n_8, long e_8 \
    , __global const float *p0_9, __global const float *p1_9, __global const float *p2_9, __global float *q0_9, __global float *q1_9, long n_9, long e_9
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
