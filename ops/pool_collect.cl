/* pool_collect.cl: the gradient of max pooling from the places of the maxima, gathered, on a CPU.
 *
 * Twins: pool_first.cl, which makes the places; pool_offset.cl; tinygrad_cl/primitives/pool_offset.py.
 *
 * Columns fall into STRIDE_W phases: in each, tap j of the windows meets a column of its own, so that registers of
 * neighboring windows give registers of columns. A work-item takes `group` planes at a time; a row of windows of all
 * of them lies in `lines`, plane by plane, `pitch` windows each, with places that no tap has between them.
 *
 * Macros
 *   TAG, SCALAR  register tag and type of one lane: f32 float, f64 double
 *   PLACE        the signed integer type as wide as SCALAR: int or long
 *   IN_T, OUT_T  storage types
 *   KERNEL_H, KERNEL_W, STRIDE_H, STRIDE_W, DILATION_H, DILATION_W  the windows; STRIDE_W is 1 or 2
 * Hole
 *   EPILOGUE(value, j, n)  takes n output elements from element j on
 */
#ifndef TAG
#define TAG f32
#define SCALAR float
#define PLACE int
#define IN_T float
#define OUT_T float
#endif
#ifndef KERNEL_H
#define KERNEL_H 3
#define KERNEL_W 3
#define STRIDE_H 2
#define STRIDE_W 2
#define DILATION_H 1
#define DILATION_W 1
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, j, n) CAT(STOREP_, OUT_T)(value, out, j, n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

#define V CAT(V_, TAG)
#define P WIDE(PLACE)
#define VLOAD(p) WIDE(vload)(0, p)
#define VSTORE(value, p) WIDE(vstore)(value, 0, p)
#define NONE 255
#define SPAN_H ((KERNEL_H - 1) * DILATION_H + 1)
#define BACK ((KERNEL_W - 1) * DILATION_W / STRIDE_W) /* how far left of a column its windows begin */
#define GUARD ((BACK + VEC - 1) / VEC * VEC)

/* Puts row oh of the windows of `count` planes into a line; `at` is where that of the first one lies. */
static inline void NAME(pack)(__global SCALAR *line, __global PLACE *places, __global const IN_T *g,
                              __global const uchar *offsets, size_t at, size_t limit, size_t windows, int count,
                              int pitch, int out_width)
{
    const P lane = (P)(LANE_NUMBERS);
    for (int p = 0; p < count; p++, at += windows, line += pitch, places += pitch)
        for (int t = 0; t < pitch; t += VEC) {
            P place = (P)(NONE);
            if (t < out_width) {
                const int n = at + t + VEC <= limit ? VEC : (int)(limit - at - t);
                const V row = CAT(LOADP_, IN_T)(g, at + t, n);
                VSTORE(row, line + t);
                place = WIDE(CAT(convert_, PLACE))(LOADP_uchar(offsets, at + t, n));
                place = lane < (P)(out_width - t) ? place : (P)(NONE);
            }
            VSTORE(place, places + t);
        }
}

/* Writes neighboring pixels of one row, which lie in STRIDE_W phases. */
static inline void NAME(write)(__global SCALAR *pixels, const V *phases)
{
#if STRIDE_W == 1
    VSTORE(phases[0], pixels);
#else
    V low, high;
    low.even = phases[0].lo;
    low.odd = phases[1].lo;
    high.even = phases[0].hi;
    high.odd = phases[1].hi;
    VSTORE(low, pixels);
    VSTORE(high, pixels + VEC);
#endif
}

/* The pixels of VEC columns of windows, from the first row to the last: `sums` holds the rows that the row of windows
 * at hand meets, and each of its places and cotangents is read once for all of them. */
static inline void NAME(collect)(__global SCALAR *pixels, __global const SCALAR *lines, __global const PLACE *places,
                                 int wide, int step, int height, int out_height, int padding_h)
{
    V sums[SPAN_H][STRIDE_W];
#pragma unroll
    for (int i = 0; i < SPAN_H; i++)
#pragma unroll
        for (int r = 0; r < STRIDE_W; r++)
            sums[i][r] = (V)(0);
    int h = -padding_h; /* the row of sums[0] */
    for (int oh = 0; h < height; oh++) {
        if (oh < out_height) {
#pragma unroll
            for (int j = 0; j < KERNEL_W; j++) {
                const int from = oh * wide - j * DILATION_W / STRIDE_W;
                const P place = VLOAD(places + from);
                const V share = VLOAD(lines + from);
#pragma unroll
                for (int i = 0; i < KERNEL_H; i++) {
                    const V old = sums[i * DILATION_H][j * DILATION_W % STRIDE_W];
                    sums[i * DILATION_H][j * DILATION_W % STRIDE_W] = place == (P)(i * KERNEL_W + j) ? old + share : old;
                }
            }
        }
#pragma unroll
        for (int s = 0; s < STRIDE_H; s++, h++) {
            if (h >= 0 && h < height)
                NAME(write)(pixels + (size_t)h * step, sums[0]);
#pragma unroll
            for (int i = 0; i < SPAN_H; i++)
#pragma unroll
                for (int r = 0; r < STRIDE_W; r++)
                    sums[i][r] = i + 1 < SPAN_H ? sums[i + 1 < SPAN_H ? i + 1 : i][r] : (V)(0);
        }
    }
}

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *g, __global const uchar *offsets,
                                   __global SCALAR *scratch, const long stride, const int group, const int pitch,
                                   const int planes, const int height, const int width, const int out_height,
                                   const int out_width, const int padding_h, const int padding_w EPILOGUE_PARAMS)
{
    const size_t first = (size_t)planes * get_global_id(0) / get_global_size(0);
    const size_t last = (size_t)planes * (get_global_id(0) + 1) / get_global_size(0);
    const size_t windows = (size_t)out_height * out_width, limit = planes * windows;
    const int length = (group * pitch + VEC - 1) / VEC * VEC, wide = GUARD + length + VEC;
    __global SCALAR *lines = scratch + get_global_id(0) * stride;
    __global PLACE *places = (__global PLACE *)(lines + (size_t)out_height * wide);
    __global SCALAR *pixels = (__global SCALAR *)(places + (size_t)out_height * wide);
    size_t done = first * height * width;
    const size_t end = last * height * width;
    for (int t = 0; t < out_height * wide; t++)
        places[t] = NONE;
    for (size_t plane = first; plane < last; plane += group) {
        const int count = (int)min((size_t)group, last - plane);
        for (int oh = 0; oh < out_height; oh++)
            NAME(pack)(lines + oh * wide + GUARD, places + oh * wide + GUARD, g, offsets,
                       plane * windows + (size_t)oh * out_width, limit, windows, count, pitch, out_width);
        for (int t = 0; t < length; t += VEC)
            NAME(collect)(pixels + t * STRIDE_W, lines + GUARD + t, places + GUARD + t, wide, length * STRIDE_W, height,
                          out_height, padding_h);
        /* What a register gives beyond its row is overwritten by what comes later. */
        for (int p = 0; p < count; p++)
            for (int h = 0; h < height; h++) {
                __global const SCALAR *row = pixels + ((size_t)h * length + p * pitch) * STRIDE_W + padding_w;
                for (int w = 0, n; w < width; w += VEC, done += n) {
                    n = min(VEC, width - w);
                    EPILOGUE(VLOAD(row + w), done, done + VEC <= end ? VEC : n);
                }
            }
    }
}

#undef TAG
#undef SCALAR
#undef PLACE
#undef IN_T
#undef OUT_T
#undef KERNEL_H
#undef KERNEL_W
#undef STRIDE_H
#undef STRIDE_W
#undef DILATION_H
#undef DILATION_W
#undef EPILOGUE
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
#undef V
#undef P
#undef VLOAD
#undef VSTORE
#undef NONE
#undef SPAN_H
#undef BACK
#undef GUARD
