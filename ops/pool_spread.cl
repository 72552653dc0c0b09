/* pool_spread.cl: the gradient of average pooling with any windows, on a CPU.
 *
 * Twins: tinygrad_cl/primitives/pool.py, tinygrad_cl/functional/pool.py.
 *
 * A work-item takes whole planes. The shares of a row of windows are summed into one padded row, which is then added to
 * every input row that those windows meet. `scratch` holds, per work-item, `group` planes and that row.
 *
 * Macros
 *   TAG, SCALAR  register tag and type of one lane: f32 float, f64 double
 *   IN_T, OUT_T  storage types
 * Hole
 *   EPILOGUE(value, j, n)  takes n output elements from element j on
 */
#ifndef TAG
#define TAG f32
#define SCALAR float
#define IN_T float
#define OUT_T float
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, j, n) CAT(STOREP_, OUT_T)(value, out, j, n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

#define GEOMETRY                                                                                              \
    const int height, const int width, const int out_height, const int out_width, const int kernel_h,         \
        const int kernel_w, const int stride_h, const int stride_w, const int padding_h, const int padding_w, \
        const int divisor, const int include_pad
#define SIZES                                                                                       \
    height, width, out_height, out_width, kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, \
        divisor, include_pad

/* How many elements of the window at `start` count: never those beyond the right padding. */
static inline int NAME(count)(int start, int kernel_size, int size, int padding, int include_pad)
{
    const int end = min(start + kernel_size, size + padding);
    return include_pad ? end - start : max(min(end, size) - max(start, 0), 0);
}

/* Adds the gradient of one plane to `sums`; `row` has room for every column that a window reaches. */
static inline void NAME(spread)(__global SCALAR *restrict sums, __global SCALAR *restrict row,
                                __global const IN_T *g, size_t plane, GEOMETRY)
{
    const int reach = max((out_width - 1) * stride_w + kernel_w, padding_w + width);
    for (int oh = 0; oh < out_height; oh++) {
        const size_t at = (plane * out_height + oh) * out_width;
        const int start = oh * stride_h - padding_h;
        const int tall = NAME(count)(start, kernel_h, height, padding_h, include_pad);
        for (int t = 0; t < reach; t++)
            row[t] = 0;
        for (int ow = 0; ow < out_width; ow++) {
            const int wide = NAME(count)(ow * stride_w - padding_w, kernel_w, width, padding_w, include_pad);
            const SCALAR share = CAT(LOAD1_, IN_T)(g, at + ow) / (divisor ? divisor : max(1, tall * wide));
            for (int j = 0; j < kernel_w; j++)
                row[ow * stride_w + j] += share;
        }
        const int end = min(start + kernel_h, height);
        for (int h = max(start, 0); h < end; h++)
            for (int w = 0; w < width; w++)
                sums[(size_t)h * width + w] += row[padding_w + w];
    }
}

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *g, __global SCALAR *scratch,
                                   const int group, const long stride, const int planes, GEOMETRY EPILOGUE_PARAMS)
{
    const size_t pixels = (size_t)height * width;
    const size_t first = (size_t)planes * get_global_id(0) / get_global_size(0);
    const size_t last = (size_t)planes * (get_global_id(0) + 1) / get_global_size(0);
    __global SCALAR *sums = scratch + get_global_id(0) * stride;
    __global SCALAR *row = sums + group * pixels;
    for (size_t plane = first; plane < last; plane += group) {
        const size_t count = min((size_t)group, last - plane), total = count * pixels;
        for (size_t t = 0; t < total; t++)
            sums[t] = 0;
        for (size_t p = 0; p < count; p++)
            NAME(spread)(sums + p * pixels, row, g, plane + p, SIZES);
        for (size_t t = 0; t < total; t += VEC) {
            const int n = (int)min((size_t)VEC, total - t);
            EPILOGUE(CAT(LOADP_, SCALAR)(sums, t, n), plane * pixels + t, n);
        }
    }
}

#undef TAG
#undef SCALAR
#undef IN_T
#undef OUT_T
#undef EPILOGUE
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
#undef GEOMETRY
#undef SIZES
