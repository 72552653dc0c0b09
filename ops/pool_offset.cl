/* pool_offset.cl: what the places of the maxima are good for, window by window, on a CPU: the value of v there, or the
 * gradient, which adds each window's g there.
 *
 * Twins: pool_first.cl, which makes the places; pool_collect.cl; tinygrad_cl/primitives/pool_offset.py.
 *
 * Macros
 *   TAG, SCALAR  register tag and type of one lane: f32 float, f64 double
 *   IN_T, OUT_T  storage types
 *   TAKE         1: values of v; 0: sums of g, `group` planes at a time in this work-item's part of `scratch`
 * Hole
 *   EPILOGUE(value, j, n)  takes n output elements from element j on
 */
#ifndef TAG
#define TAG f32
#define SCALAR float
#define IN_T float
#define OUT_T float
#endif
#ifndef TAKE
#define TAKE 0
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, j, n) CAT(STOREP_, OUT_T)(value, out, j, n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

#define V CAT(V_, TAG)
#define NONE 255
#define GEOMETRY                                                                                              \
    const int height, const int width, const int out_height, const int out_width, const int kernel_h,         \
        const int kernel_w, const int stride_h, const int stride_w, const int padding_h, const int padding_w, \
        const int dilation_h, const int dilation_w

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *in, __global const uchar *offsets,
#if !TAKE
                                   __global SCALAR *scratch, const int group,
#endif
                                   const int planes, GEOMETRY EPILOGUE_PARAMS)
{
    const size_t first = (size_t)planes * get_global_id(0) / get_global_size(0);
    const size_t last = (size_t)planes * (get_global_id(0) + 1) / get_global_size(0);
    const size_t pixels = (size_t)height * width, windows = (size_t)out_height * out_width;
    int steps[256]; /* from a window's corner to each of its taps */
    for (int i = 0; i < kernel_h; i++)
        for (int j = 0; j < kernel_w; j++)
            steps[i * kernel_w + j] = i * dilation_h * width + j * dilation_w;
#if TAKE
    SCALAR lanes[VEC];
    size_t done = first * windows;
    int filled = 0;
    for (size_t plane = first, at = done; plane < last; plane++)
        for (int oh = 0; oh < out_height; oh++) {
            long corner = (long)(plane * pixels) + (long)(oh * stride_h - padding_h) * width - padding_w;
            for (int ow = 0; ow < out_width; ow++, at++, corner += stride_w) {
                const int place = offsets[at];
                lanes[filled++] = place == NONE ? (SCALAR)0 : (SCALAR)CAT(LOAD1_, IN_T)(in, corner + steps[place]);
                if (filled == VEC) {
                    EPILOGUE(WIDE(vload)(0, lanes), done, VEC);
                    done += VEC;
                    filled = 0;
                }
            }
        }
    if (filled)
        EPILOGUE(WIDE(vload)(0, lanes), done, filled);
#else
    __global SCALAR *sums = scratch + get_global_id(0) * ((group * pixels + VEC - 1) / VEC * VEC);
    for (size_t plane = first; plane < last; plane += group) {
        const size_t count = min((size_t)group, last - plane), total = count * pixels;
        for (size_t t = 0; t < total; t += VEC)
            WIDE(vstore)((V)(0), 0, sums + t);
        for (size_t p = 0, at = plane * windows; p < count; p++)
            for (int oh = 0; oh < out_height; oh++) {
                long corner = (long)(p * pixels) + (long)(oh * stride_h - padding_h) * width - padding_w;
                for (int ow = 0; ow < out_width; ow++, at++, corner += stride_w) {
                    const int place = offsets[at];
                    if (place != NONE)
                        sums[corner + steps[place]] += CAT(LOAD1_, IN_T)(in, at);
                }
            }
        for (size_t t = 0; t < total; t += VEC) {
            const int n = (int)min((size_t)VEC, total - t);
            EPILOGUE(CAT(LOADP_, SCALAR)(sums, t, n), plane * pixels + t, n);
        }
    }
#endif
}

#undef TAG
#undef SCALAR
#undef IN_T
#undef OUT_T
#undef TAKE
#undef EPILOGUE
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
#undef V
#undef NONE
#undef GEOMETRY
