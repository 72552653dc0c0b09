/* conv_weight_wide.cl: weight gradient of a convolution with many output channels on a CPU.
 *
 * Twins: tinygrad_cl/primitives/conv.py (plans: plans_conv.py), tinygrad_cl/functional/conv.py.
 *
 * The same task as conv_weight.cl, as a matrix product whose lanes run along the weights: block by block x is
 * packed as conv.cl does, then transposed to a panel with all weights of one output pixel side by side; a
 * register tile sums ROWS channels times COLS vectors of weights over the pixels, with the cotangents read one
 * by one where they lie. The sums of a chunk go to out[chunk][channel][weight]; a second pass adds the chunks
 * in order.
 *
 * Macros
 *   TAG, ACC, IN_T, OUT_T   see dense_tile.cl; OUT_T is ACC
 * Tunables
 *   ROWS, COLS   register tile: result channels, vectors of weights
 *   IMAGE, TABLE, DENSE, STRIP   elements of private memory: packed image, offsets (pairs), panel, VEC dense runs
 */
#include "conv_image.cl"
#ifndef ROWS
#define ROWS 8
#define COLS 2
#endif
#ifndef IMAGE
#define IMAGE 32768
#define TABLE 1024
#define DENSE 32768
#define STRIP 16384
#endif
#define WIDTH (COLS * VEC)

/* Fills the panel [tile of weights][pixel][WIDTH] from the packed image. Weights beyond the last one repeat it.
 * */
FUNCTION void NAME(across)(ACC *panel, ACC *strip, const ACC *image, const int2 *table, int depth, int images,
                                int image_size, int rows, int columns, int pitch, int run)
{
    const int length = images * rows * columns;
    for (int k = 0; k < depth; k += VEC) {
        for (int i = 0; i < VEC; i++) {
            const ACC *const from = image + table[min(k + i, depth - 1)].x;
            PACKING(densify)(strip + i * run, from, images, image_size, rows, columns, pitch);
        }
        ACC *const to = panel + (size_t)(k / WIDTH) * run * WIDTH + k % WIDTH;
        for (int q = 0; q < length; q += VEC) {
            V t[VEC];
            UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                t[i] = VLOAD(strip + i * run + q);
            STAGES(EXCHANGE)
            UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                VSTORE(t[i], to + (q + i) * WIDTH);
        }
    }
}

/* A register tile: ROWS channels, from `rows` on, of `images` images that lie `step` apart, times the panel. */
FUNCTION void NAME(tile)(ACC *sums, const ACC *panel, __global const IN_T *const *rows,
                                                 int images, size_t step, int length)
{
    V acc[ROWS * COLS];
    UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
        acc[i] = (V)(0);
    for (int m = 0; m < images; m++) {
        __global const IN_T *row[ROWS];
        UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
            row[r] = rows[r] + m * step;
        for (size_t q = 0; q < (size_t)length; q++, panel += WIDTH) {
            V x[COLS];
            UNROLLED(COLS) for (int v = 0; v < COLS; v++)
                x[v] = VLOAD(panel + v * VEC);
            UNROLLED(ROWS) for (int r = 0; r < ROWS; r++) {
                const V y = (V)(row[r][q]);
                UNROLLED(COLS) for (int v = 0; v < COLS; v++)
                    acc[r * COLS + v] = fma(y, x[v], acc[r * COLS + v]);
            }
        }
    }
    UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
        VSTORE(acc[i], sums + i * VEC);
}

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *x, __global const IN_T *g, GEOMETRY)
{
    PRIVATE(ACC, image, IMAGE);
    PRIVATE(ACC, panel, DENSE);
    PRIVATE(ACC, strip, STRIP);
    PRIVATE(int2, table, TABLE);
    PRIVATE(ACC, sums, ROWS * WIDTH);
    const int taps = TAPS(offsets)(table, block_sources, 0, 0, kernel_h, kernel_w, dilation_h, dilation_w, stride_h,
                                   stride_w, padding_h, padding_w, 0, 0, phases_w, rows_in, pitch, plane, 0);
    const size_t x_end = (size_t)images * groups * sources * height * width;
    const int chunks = (images + chunk - 1) / chunk;
    const int across = (sources + block_sources - 1) / block_sources;
    const int down = (results + block_results - 1) / block_results;
    const size_t tasks = (size_t)chunks * groups * across * down;
    const size_t last = min(tasks, (get_global_id(0) + 1) * per);
    for (size_t task = get_global_id(0) * per; task < last; task++) {
        const int c0 = (int)(task % across) * block_sources, count = min(block_sources, sources - c0);
        const int o0 = (int)(task / across % down) * block_results, o1 = min(results, o0 + block_results);
        const size_t group = task / across / down % groups, part = task / across / down / groups;
        const int begin = (int)part * chunk, end = min(images, begin + chunk), depth = count * taps;
        const size_t row_size = (size_t)sources * taps, pixels = (size_t)out_height * out_width;
        const size_t corner = (part * groups + group) * results * row_size + (size_t)c0 * taps;
        int first = 1;
        for (int n0 = begin; n0 < end; n0 += block_images)
            for (int y0 = 0; y0 < out_height; y0 += block_rows) {
                const int images_here = min(block_images, end - n0), rows = min(block_rows, out_height - y0);
                const int image_size = count * plane;
                for (int m = 0; m < images_here; m++)
                    PACKING(pack)(image + m * image_size, x, x_end, ((n0 + m) * groups + group) * sources + c0, count,
                               height, width, y0 * stride_h + low_h, low_w, stride_h, stride_w, phases_h, phases_w,
                               phase_step, rows_in, pitch, plane);
                NAME(across)(panel, strip, image, table, depth, images_here, image_size, rows, out_width, pitch,
                             run);
                for (int k = 0; k < depth; k += WIDTH)
                    for (int o = o0; o < o1; o += ROWS) {
                        /* Channels beyond the last one repeat it and are dropped below. */
                        __global const IN_T *row[ROWS];
                        for (int r = 0; r < ROWS; r++) {
                            const size_t channel = (n0 * groups + group) * results + min(o + r, o1 - 1);
                            row[r] = g + channel * pixels + (size_t)y0 * out_width;
                        }
                        NAME(tile)(sums, panel + (size_t)k * run, row, images_here, groups * results * pixels,
                                   rows * out_width);
                        for (int r = 0; r < ROWS && o + r < o1; r++)
                            for (int v = 0; v < COLS && k + v * VEC < depth; v++) {
                                const size_t at = corner + (o + r) * row_size + k + v * VEC;
                                const int n = min(VEC, depth - k - v * VEC);
                                V sum = VLOAD(sums + (r * COLS + v) * VEC);
                                if (!first)
                                    sum += CAT(LOADP_, OUT_T)(out, at, n);
                                CAT(STOREP_, OUT_T)(sum, out, at, n);
                            }
                    }
                first = 0;
            }
    }
}
