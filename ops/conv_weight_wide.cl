/* conv_weight_wide.cl: weight gradient of a convolution with many output channels on a CPU.
 *
 * Twins: tinygrad_cl/primitives/conv.py (plans: plans_conv.py), tinygrad_cl/functional/conv.py.
 *
 * The same task as conv_weight.cl, as a matrix product whose lanes run along the result channels: block by block x is
 * packed as conv.cl does, and the cotangent g turned to a panel with all channels of one output pixel side by side; a
 * register tile sums ROWS weights times COLS vectors of channels over the pixels, with the image read number by
 * number where it lies. The sums stay in private memory; in the end they are turned back and go to
 * out[chunk][channel][weight]; a second pass adds the chunks in order.
 *
 * Macros
 *   TAG, ACC, IN_T, OUT_T   see dense_tile.cl; OUT_T is ACC
 *   PLAIN        1: there is one tap and no padding: x is read where it lies
 *   FLIPPED      1: x and g have changed places, and the sums are stored transposed
 * Tunables
 *   ROWS, COLS   register tile: weights, vectors of result channels
 *   IMAGE, TABLE, DENSE, SUMS   elements of private memory: packed image, offsets (pairs), panel, sums
 */
#include "conv_image.cl"
#ifndef PLAIN
#define PLAIN 0
#endif
#ifndef FLIPPED
#define FLIPPED 0
#endif
#ifndef ROWS
#define ROWS 8
#define COLS 2
#endif
#ifndef IMAGE
#define IMAGE 32768
#define TABLE 1024
#define DENSE 32768
#define SUMS 32768
#endif
#define WIDTH (COLS * VEC)
#if PLAIN
#define ROW_POINTER __global const IN_T *
#else
#define ROW_POINTER const ACC *
#endif

/* Turns `count` pixels of VEC channels, `area` apart, to [pixel][WIDTH]; channels beyond the last of `channels` repeat
 * it. Up to VEC - 1 pixels beyond are overwritten, so panels are filled in increasing order. */
FUNCTION void NAME(turn)(ACC *to, __global const IN_T *g, size_t at, size_t end, size_t area, int channels, int count)
{
    for (int q = 0; q < count; q += VEC, at += VEC, to += VEC * WIDTH) {
        V t[VEC];
        if (at + (channels - 1) * area + VEC <= end) {
            UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                t[i] = CAT(LOADP_, IN_T)(g, at + min(i, channels - 1) * area, VEC);
        } else {
            PRIVATE(ACC, block, VEC * VEC);
            for (int i = 0; i < VEC; i++)
                VSTORE(NAME(load)(g, at + min(i, channels - 1) * area, end), block + i * VEC);
            UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                t[i] = VLOAD(block + i * VEC);
        }
        STAGES(EXCHANGE)
        UNROLLED(VEC) for (int i = 0; i < VEC; i++)
            VSTORE(t[i], to + i * WIDTH);
    }
}

/* A register tile: what ROWS weights meet, in `lines` lines of `columns` numbers, `step` apart, of each image, times the
 * panel; added to sums if `more`. */
FUNCTION void NAME(tile)(ACC *sums, int more, const ACC *panel, ROW_POINTER *rows, int images,
                         size_t image_size, int lines, int columns, int pitch, size_t step)
{
    ROW_POINTER row[ROWS];
    UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
        row[r] = rows[r];
    V acc[ROWS * COLS];
    UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
        acc[i] = (V)(0);
    if (more)
        UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
            acc[i] = VLOAD(sums + i * VEC);
    for (int m = 0; m < images; m++)
        for (int i = 0; i < lines; i++) {
            const size_t first = m * image_size + (size_t)i * pitch;
            for (size_t at = first; at < first + columns * step; at += step, panel += WIDTH) {
                V x[COLS];
                UNROLLED(COLS) for (int v = 0; v < COLS; v++)
                    x[v] = VLOAD(panel + v * VEC);
                UNROLLED(ROWS) for (int r = 0; r < ROWS; r++) {
                    const V y = (V)(row[r][at]);
                    UNROLLED(COLS) for (int v = 0; v < COLS; v++)
                        acc[r * COLS + v] = fma(y, x[v], acc[r * COLS + v]);
                }
            }
        }
    UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
        VSTORE(acc[i], sums + i * VEC);
}

#if FLIPPED
/* Writes `channels` (at most VEC) of each weight's sums to rows that lie row_size apart. */
FUNCTION void NAME(finish)(__global OUT_T *out, size_t at, size_t row_size, const ACC *sums, int channels, int depth)
{
    for (int k = 0; k < depth; k++)
        CAT(STOREP_, OUT_T)(VLOAD(sums + k * WIDTH), out, at + k * row_size, channels);
}
#else
/* Writes the sums of `channels` (at most VEC) result channels, WIDTH apart for neighboring weights, to rows that lie
 * row_size apart. */
FUNCTION void NAME(finish)(__global OUT_T *out, size_t at, size_t row_size, const ACC *sums, int channels, int depth)
{
    for (int k = 0; k < depth; k += VEC) {
        V t[VEC];
        UNROLLED(VEC) for (int i = 0; i < VEC; i++)
            t[i] = VLOAD(sums + min(k + i, depth - 1) * WIDTH);
        STAGES(EXCHANGE)
        const int n = min(VEC, depth - k);
        UNROLLED(VEC) for (int i = 0; i < VEC; i++)
            if (i < channels)
                CAT(STOREP_, OUT_T)(t[i], out, at + i * row_size + k, n);
    }
}
#endif

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *x, __global const IN_T *g, GEOMETRY)
{
#if !PLAIN
    PRIVATE(ACC, image, IMAGE);
#endif
    PRIVATE(ACC, panel, DENSE);
    PRIVATE(ACC, sums, SUMS);
#if PLAIN
    const int taps = 1;
#else
    PRIVATE(int2, table, TABLE);
    const int taps = TAPS(offsets)(table, block_sources, 0, 0, kernel_h, kernel_w, dilation_h, dilation_w, stride_h,
                                   stride_w, padding_h, padding_w, 0, 0, phases_w, rows_in, pitch, plane, 0);
#endif
    const size_t pixels = (size_t)out_height * out_width, area = (size_t)height * width;
    const size_t x_end = images * groups * sources * area;
    const int line = PLAIN ? stride_h * width : pitch, step = PLAIN ? stride_w : 1;
    const size_t g_end = (size_t)images * groups * results * pixels;
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
        const int deep = (depth + ROWS - 1) / ROWS * ROWS;
        int more = 0;
        for (int n0 = begin; n0 < end; n0 += block_images)
            for (int y0 = 0; y0 < out_height; y0 += block_rows, more = 1) {
                const int images_here = min(block_images, end - n0), rows = min(block_rows, out_height - y0);
                const size_t image_size = PLAIN ? groups * sources * area : (size_t)count * plane;
                const int joined = step == 1 && line == out_width;
                for (int m = 0; m < images_here; m++) {
                    const size_t channel = ((n0 + m) * groups + group) * results;
#if !PLAIN
                    PACKING(pack)(image + m * image_size, x, x_end, ((n0 + m) * groups + group) * sources + c0, count,
                               height, width, y0 * stride_h + low_h, low_w, stride_h, stride_w, phases_h, phases_w,
                               phase_step, rows_in, pitch, plane);
#endif
                    for (int o = o0; o < o1; o += VEC)
                        NAME(turn)(panel + ((o - o0) / WIDTH * run + m * rows * out_width) * WIDTH + (o - o0) % WIDTH,
                                   g, (channel + o) * pixels + (size_t)y0 * out_width, g_end, pixels, min(VEC, o1 - o),
                                   rows * out_width);
                }
                for (int o = o0; o < o1; o += WIDTH)
                    for (int k = 0; k < depth; k += ROWS) {
                        /* Weights beyond the last one repeat it and are dropped in the end. */
                        ROW_POINTER row[ROWS];
                        for (int r = 0; r < ROWS; r++)
#if PLAIN
                            row[r] = x + ((n0 * groups + group) * sources + c0 + min(k + r, depth - 1)) * area
                                     + (size_t)y0 * line;
#else
                            row[r] = image + table[min(k + r, depth - 1)].x;
#endif
                        NAME(tile)(sums + ((o - o0) / WIDTH * deep + k) * WIDTH, more,
                                   panel + (o - o0) / WIDTH * run * WIDTH, row, images_here, image_size,
                                   joined ? 1 : rows, joined ? rows * out_width : out_width, line, step);
                    }
            }
        const size_t first = (part * groups + group) * results * sources * taps;
        const size_t row_size = FLIPPED ? results : sources * taps;
        for (int o = o0; o < o1; o += VEC)
            NAME(finish)(out, first + (FLIPPED ? c0 * row_size + o : o * row_size + c0 * taps), row_size,
                         sums + (o - o0) / WIDTH * deep * WIDTH + (o - o0) % WIDTH, min(VEC, o1 - o), depth);
    }
}
