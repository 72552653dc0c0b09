/* pool_collect.cl: the gradient of max pooling from the places of the maxima, gathered, on a CPU.
 *
 * Twins: pool_first.cl, which makes the places; pool_offset.cl; tinygrad_cl/primitives/pool_offset.py.
 *
 * Columns fall into STRIDE_W phases: in each, tap j of the windows meets a column of its own, so that registers of
 * neighboring windows give registers of columns. A work-item takes whole planes, and a register of columns of each
 * phase from the first row to the last. Rows of pixels lie in `scratch` until they are handed on in order.
 *
 * Macros
 *   TAG, SCALAR  register tag and type of one lane: f32 float, f64 double
 *   PLACE        the signed integer type as wide as SCALAR: int or long
 *   IN_T, OUT_T  storage types
 *   KERNEL_H, KERNEL_W, STRIDE_H, STRIDE_W, DILATION_H, DILATION_W  the windows; STRIDE_W is 1 or 2
 *   PADDING_W    how far left of the plane the windows begin
 *   NARROW       1: the columns of a phase fill half a register at most; two planes share one
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
#ifndef PADDING_W
#define PADDING_W 0
#endif
#ifndef NARROW
#define NARROW 0
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
#define SPAN_W ((KERNEL_W - 1) * DILATION_W + 1)
#define REACH (2 * VEC + PADDING_W + SPAN_W) /* how far beyond a plane's windows registers may begin or end */
/* The phase of the columns that tap j meets, and how many windows after the column's number its window comes. */
#define PHASE(j) (((j) * DILATION_W - PADDING_W % STRIDE_W + STRIDE_W) % STRIDE_W)
#define SHIFT(j) ((PHASE(j) + PADDING_W - (j) * DILATION_W) / STRIDE_W)

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

/* The pixels of a register of columns of each phase, from the first row to the last: `sums` holds the rows that the row
 * of windows at hand meets, and each of its places and cotangents is read once for all of them. The second plane's
 * windows lie `ahead` further; `column`: the columns' numbers. */
static inline void NAME(collect)(__global SCALAR *pixels, __global const IN_T *g, __global const uchar *offsets,
                                 const long ahead, const int first, const P column, int step, int height,
                                 int out_height, int out_width, int padding_h)
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
                const long from = (long)oh * out_width + first + SHIFT(j);
                V share = CAT(LOADP_, IN_T)(g, from, VEC);
                WIDE(uchar) tap = LOADP_uchar(offsets, from, VEC);
#if NARROW
                share.hi = CAT(LOADP_, IN_T)(g, from + ahead, VEC).lo;
                tap.hi = LOADP_uchar(offsets, from + ahead, VEC).lo;
#endif
                const P window = column + (P)(SHIFT(j)), all = WIDE(CAT(convert_, PLACE))(tap);
                const P place = (window >= 0) & (window < (P)(out_width)) ? all : (P)(NONE);
#pragma unroll
                for (int i = 0; i < KERNEL_H; i++) {
                    const V old = sums[i * DILATION_H][PHASE(j)];
                    sums[i * DILATION_H][PHASE(j)] = place == (P)(i * KERNEL_W + j) ? old + share : old;
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
                                   __global SCALAR *scratch, const long stride, const int planes, const int height,
                                   const int width, const int out_height, const int out_width,
                                   const int padding_h EPILOGUE_PARAMS)
{
    const size_t first = (size_t)planes * get_global_id(0) / get_global_size(0);
    const size_t last = (size_t)planes * (get_global_id(0) + 1) / get_global_size(0);
    const long windows = (long)out_height * out_width, limit = planes * windows;
    const int columns = (width + STRIDE_W - 1) / STRIDE_W, length = (columns + VEC - 1) / VEC * VEC;
    const P lane = NARROW ? (P)(LANE_NUMBERS) & (P)(VEC / 2 - 1) : (P)(LANE_NUMBERS);
    __global SCALAR *pixels = scratch + get_global_id(0) * stride;
    __global SCALAR *spares = scratch + get_global_size(0) * stride;
    spares += get_global_id(0) ? 2 * (2 * windows + 2 * REACH) : 0;
    __global IN_T *spare = (__global IN_T *)spares + REACH;
    __global uchar *spare_offsets = (__global uchar *)(spares + 2 * windows + 2 * REACH) + REACH;
    size_t done = first * height * width;
    const size_t end = last * height * width;
    for (size_t plane = first; plane < last; plane += 1 + NARROW) {
        const int both = NARROW && plane + 1 < last;
        const long corner = plane * windows, used = (1 + both) * windows;
        __global const IN_T *shares = g + corner;
        __global const uchar *places = offsets + corner;
        if (corner < REACH || corner + used + REACH > limit) { /* nothing outside the inputs is read */
            for (long byte = 0; byte < used * (long)sizeof(IN_T); byte++)
                ((__global uchar *)spare)[byte] = ((__global const uchar *)shares)[byte];
            for (long byte = 0; byte < used; byte++)
                spare_offsets[byte] = places[byte];
            shares = spare;
            places = spare_offsets;
        }
        for (int t = 0; t < length; t += VEC)
            NAME(collect)(pixels + t * STRIDE_W, shares, places, both * windows, t, lane + (P)(t), length * STRIDE_W,
                          height, out_height, out_width, padding_h);
        /* What a register gives beyond its row is overwritten by what comes later. */
        for (int side = 0; side <= both; side++)
            for (int h = 0; h < height; h++) {
                __global const SCALAR *row = pixels + ((size_t)h * length + side * (VEC / 2)) * STRIDE_W;
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
#undef SPAN_W
#undef REACH
#undef PHASE
#undef SHIFT
#undef PADDING_W
#undef NARROW
