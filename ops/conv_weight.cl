/* conv_weight.cl: weight gradient of a convolution on a CPU.
 *
 * Twins: tinygrad_cl/primitives/conv.py (plans: plans_conv.py), tinygrad_cl/functional/conv.py.
 *
 * A task is a chunk of images, one group, a block of source channels and a block of result channels. Block by
 * block it packs x as conv.cl does, and the cotangent g with zeros up to the image's pitch, so that gradient
 * (channel, weight) is the dot product of two runs: the channel's cotangents, and the image from the weight's
 * offset on. A register tile sums ROWS channels times COLS weights, and its lanes are folded at the end of a
 * block. The sums of a chunk go to out[chunk][channel][weight]; a second pass adds the chunks in order. The
 * zeros multiply elements of x that a weight does not meet, so an x that is not finite may spread to more
 * weights than it should.
 *
 * Macros
 *   TAG, ACC, IN_T, OUT_T   see dense_tile.cl; OUT_T is ACC
 *   PANEL        1: runs are dense and go through all images: for small maps
 * Tunables
 *   ROWS, COLS   register tile: result channels, weights
 *   GROUP        COLS rounded up to a power of two: lanes that a channel takes when a tile is folded
 *   IMAGE, TABLE, KEPT, LINE, DENSE   elements of private memory: packed image, offsets (pairs), cotangents, the
 *                weights of one channel, panel (PANEL)
 */
#include "conv_image.cl"
#ifndef PANEL
#define PANEL 0
#endif
#ifndef ROWS
#define ROWS 4
#define COLS 6
#define GROUP 8
#endif
#ifndef IMAGE
#define IMAGE 32768
#define TABLE 1024
#define KEPT 32768
#define LINE 2048
#define DENSE 32768
#endif
#include "dense_fold.cl"

/* A register tile: the dot products of ROWS cotangents with COLS runs of the image, each in `runs` pieces, to
 * line[r * LINE + s] and up to VEC - 1 elements beyond. */
FUNCTION void NAME(tile)(ACC *line, const ACC *const *left, size_t left_step, const ACC *const *right,
                         size_t right_step, int runs, int length)
{
    V acc[ROWS * COLS];
    UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
        acc[i] = (V)(0);
    for (int m = 0; m < runs; m++) {
        const ACC *a[ROWS], *b[COLS];
        UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
            a[r] = left[r] + m * left_step;
        UNROLLED(COLS) for (int s = 0; s < COLS; s++)
            b[s] = right[s] + m * right_step;
        for (size_t q = 0; q < (size_t)length; q += VEC) {
            V x[COLS];
            UNROLLED(COLS) for (int s = 0; s < COLS; s++)
                x[s] = VLOAD(b[s] + q);
            UNROLLED(ROWS) for (int r = 0; r < ROWS; r++) {
                const V y = VLOAD(a[r] + q);
                UNROLLED(COLS) for (int s = 0; s < COLS; s++)
                    acc[r * COLS + s] = fma(y, x[s], acc[r * COLS + s]);
            }
        }
    }
    NAME(fold)(acc, line, LINE);
}

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *x, __global const IN_T *g, GEOMETRY)
{
    PRIVATE(ACC, image, IMAGE);
    PRIVATE(ACC, cotangent, KEPT);
    PRIVATE(ACC, line, LINE * ROWS);
    PRIVATE(int2, table, TABLE);
#if PANEL
    PRIVATE(ACC, dense, DENSE);
#endif
    const int taps = TAPS(offsets)(table, block_sources, 0, 0, kernel_h, kernel_w, dilation_h, dilation_w, stride_h,
                                   stride_w, padding_h, padding_w, 0, 0, phases_w, rows_in, pitch, plane, 0);
    const size_t x_end = (size_t)images * groups * sources * height * width;
    const size_t g_end = (size_t)images * groups * results * out_height * out_width;
    const int chunks = (images + chunk - 1) / chunk;
    const int across = (sources + block_sources - 1) / block_sources;
    const int down = (results + block_results - 1) / block_results;
    const size_t tasks = (size_t)chunks * groups * across * down;
    const size_t last = min(tasks, (get_global_id(0) + 1) * per);
    for (size_t task = get_global_id(0) * per; task < last; task++) {
        const int c0 = (int)(task % across) * block_sources, count = min(block_sources, sources - c0);
        const int o0 = (int)(task / across % down) * block_results, channels = min(block_results, results - o0);
        const size_t group = task / across / down % groups, part = task / across / down / groups;
        const int begin = (int)part * chunk, end = min(images, begin + chunk), depth = count * taps;
        const size_t row_size = (size_t)sources * taps;
        const size_t corner = ((part * groups + group) * results + o0) * row_size + (size_t)c0 * taps;
        int first = 1;
        for (int n0 = begin; n0 < end; n0 += block_images)
            for (int y0 = 0; y0 < out_height; y0 += block_rows)
                for (int x0 = 0; x0 < out_width; x0 += block_columns) {
                    const int images_here = min(block_images, end - n0), rows = min(block_rows, out_height - y0);
                    const int columns = min(block_columns, out_width - x0), image_size = count * plane;
                    for (int m = 0; m < images_here; m++)
                        PACKING(pack)(image + m * image_size, x, x_end, ((n0 + m) * groups + group) * sources + c0,
                                   count, height, width, y0 * stride_h + low_h, x0 * stride_w + low_w, stride_h,
                                   stride_w, phases_h, phases_w, phase_step, rows_in, pitch, plane);
                    PACKING(zeros)(image, images_here * image_size, images_here * image_size + VEC);
#if PANEL
                    for (int k = 0; k < depth; k++) {
                        ACC *const beyond = PACKING(densify)(dense + k * run, image + table[k].x, images_here,
                                                          image_size, rows, columns, pitch);
                        VSTORE((V)(0), beyond);
                    }
#endif
                    const int between = PANEL ? columns : pitch, apart = PANEL ? rows * columns : run;
                    const int channel_size = PANEL ? run : block_images * run;
                    for (int o = 0; o < channels; o++)
                        for (int m = 0; m < images_here; m++) {
                            const size_t channel = ((n0 + m) * groups + group) * results + o0 + o;
                            ACC *const to = cotangent + o * channel_size + m * apart;
                            PACKING(rows)(to, g, (channel * out_height + y0) * out_width + x0, g_end, rows, columns,
                                       out_width, between);
                            VSTORE((V)(0), to + rows * between);
                        }
                    const int length = PANEL ? images_here * rows * columns : (rows - 1) * pitch + columns;
                    for (int o = 0; o < channels; o += ROWS) {
                        for (int k = 0; k < depth; k += COLS) {
                            /* Channels and weights beyond the last one repeat it and are dropped below. */
                            const ACC *left[ROWS], *right[COLS];
                            for (int r = 0; r < ROWS; r++)
                                left[r] = cotangent + min(o + r, channels - 1) * channel_size;
                            for (int i = 0; i < COLS; i++)
#if PANEL
                                right[i] = dense + min(k + i, depth - 1) * run;
#else
                                right[i] = image + table[min(k + i, depth - 1)].x;
#endif
                            NAME(tile)(line + k, left, run, right, image_size, PANEL ? 1 : images_here, length);
                        }
                        for (int r = 0; r < ROWS && o + r < channels; r++)
                            for (int k = 0; k < depth; k += VEC) {
                                const size_t at = corner + (o + r) * row_size + k;
                                const int n = min(VEC, depth - k);
                                V sum = VLOAD(line + r * LINE + k);
                                if (!first)
                                    sum += CAT(LOADP_, OUT_T)(out, at, n);
                                CAT(STOREP_, OUT_T)(sum, out, at, n);
                            }
                    }
                    first = 0;
                }
    }
}
