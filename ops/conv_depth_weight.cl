/* conv_depth_weight.cl: weight gradient of a convolution on a CPU where a group has few channels.
 *
 * Twins: tinygrad_cl/primitives/conv.py (plans: plans_depth.py), tinygrad_cl/functional/conv.py.
 *
 * A task is a chunk of images and a part of the groups. Some groups at a time, it reads the planes of x, or copies them
 * to private memory (conv_planes.cl), and sums for all taps in registers: where planes stay, a row of x meets the last
 * rows of the cotangent; of a copy, ROWS rows of the cotangent meet all rows that they need. The sums of a plane are
 * added to those of the chunk, whose lanes are folded at the end. The sums of a chunk go to
 * out[chunk][channel][weight]; a second pass adds the chunks in order. Lanes right of a row of the cotangent are zeros,
 * which multiply elements of x that a weight does not meet, so an x that is not finite may spread to more weights of
 * its channel than it should.
 *
 * Macros
 *   TAG, ACC, IN_T, OUT_T     see dense_tile.cl
 *   KERNEL_H .. DILATION_W, DIRECT, ROWS, IMAGE   see conv_planes.cl
 * Tunables
 *   TOTALS     registers of sums in private memory
 * Hole
 *   EPILOGUE(value, chunk, channel, weight, n)  takes n weights; chunk is 0 where there is one
 */
#include "conv_planes.cl"
#ifndef TOTALS
#define TOTALS 64
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, chunk, channel, weight, n) \
    CAT(STOREP_, OUT_T)(value, out, ((chunk) * groups * results + (channel)) * sources * TAPS + (weight), n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

/* Adds to totals[] the sums over one plane: rows of g, which begins at g[at], times those of the plane. The next task's
 * x begins at `ahead`, with rows of `source_width`, its cotangent `step` elements beyond g[at]. The first row of x is
 * row `top` of `height` (DIRECT). */
FUNCTION void NAME(products)(ACC *totals, __global const IN_T *g, size_t at, SOURCE from, int top, int height, int rows,
                             int width, int pitch, int part, __global const IN_T *ahead, int source_width, size_t step)
{
    V acc[TAPS];
    UNROLLED(TAPS) for (int t = 0; t < TAPS; t++)
        acc[t] = (V)(0);
#if DIRECT
    for (int q = 0; q < width; q += VEC) {
        V cotangent[REACH + 1]; /* of the rows that see a row of x, the last one first */
        UNROLLED(REACH + 1) for (int d = 0; d <= REACH; d++)
            cotangent[d] = (V)(0);
        const V_b whole = LANES_BELOW(width - q);
        MASKS(source_width)
        for (int i = 0; i < rows + REACH; i++) {
            const V next = i < rows ? NAME(masked)(g + at + i * width + q, whole) : (V)(0);
            UNROLLED(REACH + 1) for (int d = REACH; d >= 0; d--)
                cotangent[d] = d ? cotangent[d ? d - 1 : 0] : next;
            FETCH(ahead + i * source_width + q);
            FETCH(g + at + step + i * width + q);
            if (top + i >= 0 && top + i < height) {
                SEE(from + i * source_width)
                UNROLLED(KERNEL_W) for (int j = 0; j < KERNEL_W; j++) {
                    const V x = TAP(j);
                    UNROLLED(KERNEL_H) for (int k = 0; k < KERNEL_H; k++)
                        acc[k * KERNEL_W + j] = fma(cotangent[-ROW(0, k)], x, acc[k * KERNEL_W + j]);
                }
            }
        }
    }
#else
    for (int y = 0; y < rows; y += ROWS) {
        for (int q = 0; q < width; q += VEC) {
            V cotangent[ROWS];
            const int n = min(VEC, width - q);
            if (y + ROWS <= rows) {
                UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
                    cotangent[r] = CAT(LOADP_, IN_T)(g, at + r * width + q, n);
            } else {
                UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
                    cotangent[r] = CAT(LOADP_, IN_T)(g, at + r * width + q, y + r < rows ? n : 0);
            }
            PREFETCH(ahead + q * PARTS, ROWS * MOVE, source_width)
            PREFETCH(g + at + step + q, ROWS, width)
            UNROLLED(ROWS_IN) for (int i = 0; i < ROWS_IN; i++)
                UNROLLED(KERNEL_W) for (int j = 0; j < KERNEL_W; j++) {
                    const V x = TAP(i, j);
                    UNROLLED(KERNEL_H) for (int k = 0; k < KERNEL_H; k++)
                        if (IS_ROW(i, k))
                            acc[k * KERNEL_W + j] = fma(cotangent[ROW(i, k)], x, acc[k * KERNEL_W + j]);
                }
        }
        from += ROWS * MOVE * pitch;
        at += (size_t)ROWS * width;
        ahead += ROWS * MOVE * source_width;
    }
#endif
    UNROLLED(TAPS) for (int t = 0; t < TAPS; t++)
        VSTORE(VLOAD(totals + t * VEC) + acc[t], totals + t * VEC);
}

/* The same for `count` groups: all results and sources of each. */
FUNCTION void NAME(groups)(ACC *totals, __global const IN_T *g, size_t at, size_t result_size, SOURCE image,
                           int plane, int count, int sources, int results, int top, int height, int rows, int width,
                           int pitch, int part, __global const IN_T *ahead, size_t source_size, int source_width,
                           size_t step)
{
    for (int c = 0; c < count; c++, image += sources * plane, ahead += sources * source_size)
        for (int m = 0; m < results; m++, at += result_size)
            for (int s = 0; s < sources; s++) {
                NAME(products)(totals, g, at, image + s * plane, top, height, rows, width, pitch, part,
                               ahead + s * source_size, source_width, step);
                totals += TAPS * VEC;
            }
}

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *x, __global const IN_T *g,
                                   const int images, const int groups, const int sources, const int results,
                                   const int height, const int width, const int out_height, const int out_width,
                                   const int block_groups, const int block_rows, const int margin, const int pitch,
                                   const int part, const int plane, const int chunk, const int across,
                                   const int per EPILOGUE_PARAMS)
{
#if !DIRECT
    PRIVATE(ACC, image, IMAGE);
    NAME(zeros)(image, IMAGE);
#endif
    PRIVATE(ACC, totals, TOTALS * VEC);
    PRIVATE(ACC, line, TAPS + VEC);
    const int chunks = (images + chunk - 1) / chunk, parts = (groups + across - 1) / across;
    const int filters = results * sources, sums = filters * TAPS * VEC;
    const size_t tasks = (size_t)chunks * parts, last = min(tasks, (get_global_id(0) + 1) * per);
    const size_t source_size = (size_t)height * width, x_end = (size_t)images * groups * sources * source_size;
    const size_t result_size = (size_t)out_height * out_width;
    for (size_t task = get_global_id(0) * per; task < last; task++) {
        const int begin = (int)(task / parts) * chunk, end = min(images, begin + chunk);
        const int first = (int)(task % parts) * across, beyond = min(groups, first + across);
        NAME(zeros)(totals, (beyond - first) * sums);
        for (int n = begin; n < end; n++)
            for (int g0 = first; g0 < beyond; g0 += block_groups)
                for (int y0 = 0; y0 < out_height; y0 += block_rows) {
                    const int rows = min(block_rows, out_height - y0), count = min(block_groups, beyond - g0);
                    const size_t group = n * (size_t)groups + g0, start = group * sources * source_size;
                    const int whole = block_rows >= out_height, top = y0 * MOVE + LOW;
#if DIRECT
                    __global const IN_T *const planes = x + start + (long)top * width;
#else
                    const ACC *const planes = image + margin;
                    NAME(pack)(image + margin, x, start, x_end, count * sources, top,
                               (rows - 1) * MOVE + REACH + 1, height, width, pitch, part, plane);
#endif
                    NAME(groups)(totals + (g0 - first) * sums, g, group * results * result_size + y0 * out_width,
                                 result_size, planes, plane, count, sources, results, top, height, rows, out_width,
                                 pitch, part,
                                 x + start + (whole ? count * sources * source_size : (y0 + block_rows) * MOVE * width),
                                 source_size, width, whole ? count * results * result_size : block_rows * out_width);
                }
        for (int f = 0; f < (beyond - first) * filters; f++) {
            for (int t = 0; t < TAPS; t++)
                line[t] = CAT(HFOLD_sum_, TAG)(VLOAD(totals + (f * TAPS + t) * VEC));
            for (int t = 0; t < TAPS; t += VEC) {
                const V value = VLOAD(line + t);
                const size_t of = task / parts, row = first * results + f / sources, j = f % sources * TAPS + t;
                const int lanes = min(VEC, TAPS - t);
                EPILOGUE(value, of, row, j, lanes);
            }
        }
    }
}
