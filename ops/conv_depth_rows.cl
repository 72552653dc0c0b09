/* conv_depth_rows.cl: convolution and its input gradient on a CPU where a group has few channels and strides are 1, of
 * wide planes, which stay where they are.
 *
 * Twins: conv_depth.cl (which copies planes), tinygrad_cl/primitives/conv.py (plans: plans_depth.py).
 *
 * A task is some rows of one group of one image. It goes down VEC columns: a row of the source is read once, and adds
 * to the REACH + 1 results that see it, whose sums are in registers; one of these is done then.
 *
 * The input gradient is the same with g as the source.
 *
 * Macros
 *   TAG, ACC, IN_T, OUT_T     see dense_tile.cl
 *   MODE, KERNEL_H .. DILATION_W   see conv_planes.cl
 *   SEVERAL      1: a group may have more than one source
 *   STREAM       1: the output is too large for any cache
 * Tunables
 *   SUMS   elements of private memory: the sums over some sources (SEVERAL)
 * Hole
 *   EPILOGUE(value, image, channel, pixel, n)  takes n pixels
 */
#define DIRECT 1
#include "conv_planes.cl"
#ifndef SEVERAL
#define SEVERAL 0
#endif
#ifndef STREAM
#define STREAM 0
#endif
#ifndef SUMS
#define SUMS 8192
#endif
#if STREAM
#define STORE_OUT CAT(STREAMP_, OUT_T)
#else
#define STORE_OUT CAT(STOREP_, OUT_T)
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, image, channel, pixel, n) \
    STORE_OUT(value, out, ((image) * channels + (channel)) * pixels + (pixel), n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

/* The results from `pixel` on of one channel: `rows` rows, VEC columns of each from column q on, of `line` in all. What
 * the sources before gave is in `sums`, unless this is the first; what all so far give is left there, unless this is
 * the last. The first row is seen from row `top` of the `height` x `width` source; the next task begins at `ahead`. */
static inline void NAME(down)(__global OUT_T *out, const size_t image, const size_t channel, size_t pixel,
                              const size_t channels, const size_t pixels, ACC *sums, const int first, const int last,
                              __global const IN_T *from, __global const IN_T *ahead, __global const IN_T *w,
                              const int q, const int top, const int height, const int width, const int rows,
                              const int line EPILOGUE_PARAMS)
{
    V acc[REACH + 1], weights[TAPS];
    UNROLLED(TAPS) for (int t = 0; t < TAPS; t++)
        weights[t] = (V)(CAT(LOAD1_, IN_T)(w, t));
    UNROLLED(REACH + 1) for (int d = 0; d <= REACH; d++)
        acc[d] = (V)(0);
    const int n = min(VEC, line - q);
    MASKS(width)
    for (int i = 0; i < rows + REACH; i++, from += width, ahead += width) {
        V part[REACH + 1]; /* of the results that see this row, the lowest first */
        UNROLLED(REACH + 1) for (int d = 0; d <= REACH; d++)
            part[d] = (V)(0);
        FETCH(ahead + q);
        if (top + i >= 0 && top + i < height) {
            SEE(from)
            UNROLLED(KERNEL_H) for (int k = 0; k < KERNEL_H; k++) {
                V sum = weights[k * KERNEL_W] * TAP(0);
                UNROLLED(KERNEL_W) for (int j = 1; j < KERNEL_W; j++)
                    sum = fma(weights[k * KERNEL_W + j], TAP(j), sum);
                part[-ROW(0, k)] = sum;
            }
        }
        UNROLLED(REACH + 1) for (int d = REACH; d >= 0; d--)
            acc[d] = part[d] + (d ? acc[d ? d - 1 : 0] : (V)(0));
        if (i < REACH)
            continue;
        V value = acc[REACH];
#if SEVERAL
        if (!first)
            value += VLOAD(sums);
        if (!last)
            VSTORE(value, sums);
        sums += VEC;
#endif
        if (last)
            EPILOGUE(value, image, channel, pixel, n);
        pixel += line;
    }
}

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *x, __global const IN_T *w,
                                   const int images, const int groups, const int sources, const int results,
                                   const int height, const int width, const int out_height, const int out_width,
                                   const int block_rows, const int per EPILOGUE_PARAMS)
{
#if SEVERAL
    PRIVATE(ACC, sums, SUMS);
#else
    ACC *const sums = 0;
#endif
    const int blocks = (out_height + block_rows - 1) / block_rows;
    const size_t source_size = (size_t)height * width, channels = (size_t)groups * results;
    const size_t pixels = (size_t)out_height * out_width;
    const size_t tasks = (size_t)images * groups * blocks, end = min(tasks, (get_global_id(0) + 1) * per);
    for (size_t task = get_global_id(0) * per; task < end; task++) {
        const int y0 = (int)(task % blocks) * block_rows, rows = min(block_rows, out_height - y0), top = y0 + LOW;
        const size_t n = task / blocks / groups, g = task / blocks % groups;
        __global const IN_T *const planes = x + (n * groups + g) * sources * source_size + (long)top * width;
        const size_t next = blocks > 1 ? (size_t)block_rows * width : sources * source_size;
        for (int m = 0; m < results; m++)
            for (int q = 0; q < out_width; q += VEC)
                for (int s = 0; s < sources; s++) {
#if MODE == INPUT_GRAD
                    const size_t filter = (g * sources + s) * results + m;
#else
                    const size_t filter = (g * results + m) * sources + s;
#endif
                    __global const IN_T *const from = planes + s * source_size;
                    NAME(down)(out, n, g * results + m, (size_t)y0 * out_width + q, channels, pixels, sums, s == 0,
                               s == sources - 1, from, from + next, w + filter * TAPS, q, top, height, width, rows,
                               out_width EPILOGUE_ARGS);
                }
    }
}
