/* conv.cl: convolution and its input gradient on a CPU, without a layout pass.
 *
 * Twins: tinygrad_cl/primitives/conv.py (plans: plans_conv.py), tinygrad_cl/functional/conv.py.
 *
 * A task is a block: some images, one group, some rows and columns of the output, some result channels. It
 * copies what the block reads into a private image: padded, and split by the phases of the stride, so that VEC
 * neighbors of an output row always are VEC neighbors of an image row. Columns are numbered through the whole
 * image, with the image's pitch; what the wrap-around makes between two rows is dropped. A product with a
 * weight is then one vector load at
 *     image + offset of (source channel, tap) + column
 * where all offsets are in a table, and a register tile sums ROWS result channels times COLS vectors of
 * columns.
 *
 * The input gradient is the same with g as the source: along each dim pixel i takes g[(i + padding - tap *
 * dilation) / stride] where that division is exact, so its pixels fall into `stride` phases, each with its own
 * taps and its own run of columns.
 *
 * Macros
 *   TAG, ACC, IN_T, OUT_T   see dense_tile.cl; OUT_T is the storage type of the output
 *   MODE      FORWARD or INPUT_GRAD
 *   PHASES    most output phases: 1, or for INPUT_GRAD the product of the strides
 *   PANEL     1: each weight's columns are first copied to a dense run through all images: for small maps
 *   PACK_A    1: the block's weights are packed (and converted) first, in the order in which the tile reads them
 *   DEEP      1: a block may have less than all source channels, so its sums are kept
 *   STREAM    1: the output is too large for any cache
 * Tunables
 *   ROWS, COLS   register tile: result channels, vectors
 *   TAIL         up to so many vectors at the end of a run are made one by one
 *   IMAGE, TABLE, KEPT, LINE, DENSE, WEIGHTS   elements of private memory: packed image, offsets (pairs),
 *                sums of a block, one channel's pixels of a block (PHASES > 1), panel (PANEL), packed weights (PACK_A)
 * Shared CONV_TILES: TAG ACC IN_T ROWS COLS TAIL DEEP PACK_A PANEL
 * Hole
 *   EPILOGUE(value, image, channel, pixel, n)  takes n pixels
 */
#include "conv_image.cl"
#ifndef PHASES
#define PHASES 1
#endif
#ifndef PANEL
#define PANEL 0
#endif
#ifndef PACK_A
#define PACK_A 0
#endif
#ifndef DEEP
#define DEEP 0
#endif
#ifndef TAIL
#define TAIL 0
#endif
#ifndef ROWS
#define ROWS 8
#define COLS 2
#endif
#ifndef IMAGE
#define IMAGE 32768
#define TABLE 1024
#define KEPT 32768
#define LINE 4096
#define DENSE 32768
#define WEIGHTS 16384
#endif
#ifndef STREAM
#define STREAM 0
#endif
#if STREAM
#define STORE_OUT CAT(STREAMP_, OUT_T)
#else
#define STORE_OUT CAT(STOREP_, OUT_T)
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, image, channel, pixel, n) \
    STORE_OUT(value, out, ((image) * groups * results + (channel)) * out_height * out_width + (pixel), n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif
#define WIDTH (COLS * VEC)

#if PACK_A
#define WEIGHT_ROWS const ACC *weights
#else
#define WEIGHT_ROWS __global const IN_T *const *weights
#endif
#ifndef CONV_TILES
#define CONV_TILES KERNEL
#define CONV_TILES_FIRST 1
#endif
#define TILES(x) NAME_(CONV_TILES, x)
#if CONV_TILES_FIRST
#define TILE TILES(tile)
#define TILE_COLS COLS
#include "conv_tile.cl"
#if TAIL
#define TILE TILES(tail)
#define TILE_COLS 1
#include "conv_tile.cl"
#endif
#endif

/* Interleaves the phases' runs of one channel: `high` rows of `wide` pixels, in increasing order, because a row may
 * be followed by up to 2 * VEC - 1 elements that the next one overwrites. */
FUNCTION void NAME(interleave)(ACC *line, const ACC *sums, int pitch, int high, int wide, int up_h, int up_w,
                               int run)
{
    for (int y = 0; y < high; y++, line += wide) {
        const ACC *const from = sums + y % up_h * up_w * run + y / up_h * pitch;
        if (up_w == 2) {
            for (int j = 0; 2 * j < wide; j += VEC) {
                const V even = VLOAD(from + j), odd = VLOAD(from + run + j);
                V pairs;
                pairs.even = even.lo;
                pairs.odd = odd.lo;
                VSTORE(pairs, line + 2 * j);
                pairs.even = even.hi;
                pairs.odd = odd.hi;
                VSTORE(pairs, line + 2 * j + VEC);
            }
        } else {
            for (int p = 0; p < up_w; p++)
                for (int j = 0, x = p; x < wide; j++, x += up_w)
                    line[x] = from[p * run + j];
        }
    }
}

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *x, __global const IN_T *w,
                                   GEOMETRY EPILOGUE_PARAMS)
{
    PRIVATE(ACC, image, IMAGE);
    PRIVATE(ACC, kept, KEPT);
    PRIVATE(int2, table, TABLE);
#if PHASES > 1
    PRIVATE(ACC, line, LINE);
#endif
#if PANEL
    PRIVATE(ACC, dense, DENSE);
#endif
#if PACK_A
    PRIVATE(ACC, packed, WEIGHTS);
    size_t packed_from = -1;
#endif
#if MODE == INPUT_GRAD
    const int up_h = PHASES > 1 ? stride_h : 1, up_w = PHASES > 1 ? stride_w : 1;
    const int step_h = 1, step_w = 1;
    const size_t weight_row = kernel_h * kernel_w, weight_step = results * weight_row;
#else
    const int up_h = 1, up_w = 1, step_h = stride_h, step_w = stride_w;
    const size_t weight_step = kernel_h * kernel_w, weight_row = sources * weight_step;
#endif
    const size_t x_end = (size_t)images * groups * sources * height * width;
    const size_t w_end = (size_t)groups * sources * results * kernel_h * kernel_w;

    int taps[PHASES], entries = 0;
    for (int p = 0; p < up_h * up_w; p++) {
        taps[p] = TAPS(offsets)(table + entries, block_sources, p / up_w, p % up_w, kernel_h, kernel_w, dilation_h,
                                dilation_w, stride_h, stride_w, padding_h, padding_w, low_h, low_w, phases_w,
                                rows_in, pitch, plane, (int)weight_step);
        entries += block_sources * taps[p];
    }

    const int rows_up = (out_height + up_h - 1) / up_h, columns_up = (out_width + up_w - 1) / up_w;
    const int blocks_n = (images + block_images - 1) / block_images;
    const int blocks_y = (rows_up + block_rows - 1) / block_rows;
    const int blocks_x = (columns_up + block_columns - 1) / block_columns;
    const int blocks_o = (results + block_results - 1) / block_results;
    const size_t tasks = (size_t)blocks_n * groups * blocks_y * blocks_x * blocks_o;
    const size_t last = min(tasks, (get_global_id(0) + 1) * per);
    for (size_t task = get_global_id(0) * per; task < last; task++) {
        size_t rest = task;
        const int x0 = (int)(rest % blocks_x) * block_columns, columns = min(block_columns, columns_up - x0);
        rest /= blocks_x;
        const int y0 = (int)(rest % blocks_y) * block_rows, rows = min(block_rows, rows_up - y0);
        rest /= blocks_y;
        const int n0 = (int)(rest % blocks_n) * block_images, images_here = min(block_images, images - n0);
        rest /= blocks_n;
        const int o0 = (int)(rest % blocks_o) * block_results, o1 = min(results, o0 + block_results);
        const size_t group = rest / blocks_o, group_weights = group * sources * results * kernel_h * kernel_w;
        const int runs = PANEL ? 1 : images_here;
        const int length = PANEL ? images_here * rows * columns : (rows - 1) * pitch + columns;
#if PHASES == 1
        /* Rows that follow one another without a gap, here and in the output, leave as one. */
        const int joined = !PANEL && pitch == columns && columns == out_width;
#endif
        int c0 = 0;
        do {
            const int count = min(block_sources, sources - c0), image_size = count * plane;
            const size_t first_weight = group_weights + c0 * weight_step;
            for (int m = 0; m < images_here; m++)
                PACKING(pack)(image + m * image_size, x, x_end, ((n0 + m) * groups + group) * sources + c0, count,
                           height, width, y0 * step_h + low_h, x0 * step_w + low_w, step_h, step_w, phases_h,
                           phases_w, phase_step, rows_in, pitch, plane);
#if PANEL
            for (int k = 0; k < count * taps[0]; k++)
                PACKING(densify)(dense + k * run, image + table[k].x, images_here, image_size, rows, columns, pitch);
#endif
#if PACK_A
            const size_t wanted = (group * results + o0) * sources + c0;
            if (wanted != packed_from) {
                packed_from = wanted;
                for (int o = o0; o < o1; o++) {
                    ACC *const to = packed + (o - o0) / ROWS * entries * ROWS + (o - o0) % ROWS;
                    const size_t at = first_weight + o * weight_row;
                    for (int k = 0; k < entries; k++)
                        to[k * ROWS] = CAT(LOAD1_, IN_T)(w, min(at + table[k].y, w_end - 1));
                }
            }
#endif
            for (int o = o0; o < o1; o += ROWS) {
#if !PACK_A
                /* Channels beyond the last one repeat it and are dropped below. */
                __global const IN_T *weights[ROWS];
                UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
                    weights[r] = w + first_weight + min(o + r, o1 - 1) * weight_row;
#endif
                for (int m = 0; m < runs; m++) {
                    ACC *const tile_sums = kept + (DEEP ? (o - o0) * runs + m * ROWS : 0) * up_h * up_w * run;
                    const int row_sums = up_h * up_w * run;
                    const int2 *offset = table;
#if PHASES == 1
                    int done = 0;
#endif
                    for (int p = 0; p < up_h * up_w; p++) {
                        const int depth = count * taps[p];
                        ACC *const sums = tile_sums + p * run;
#if PACK_A
                        const ACC *const weights = packed + (o - o0) * entries + (offset - table) * ROWS;
#endif
                        for (int q = 0, step; q < length; q += step) {
#if PANEL
                            const ACC *const from = dense + q;
#else
                            const ACC *const from = image + m * image_size + q;
#endif
                            step = WIDTH;
#if TAIL
                            if (length - q <= TAIL * VEC) {
                                step = VEC;
                                TILES(tail)(sums + q, row_sums, c0 > 0, from, offset, depth, run, weights);
                            } else
#endif
                                TILES(tile)(sums + q, row_sums, c0 > 0, from, offset, depth, run, weights);
#if PHASES == 1
                            /* Rows (PANEL: images) that are complete leave now, while the next tile computes.
                             * */
                            if (DEEP && c0 + block_sources < sources)
                                continue;
                            const int unit = PANEL ? rows * columns : joined ? VEC : columns;
                            const int apart = PANEL || joined ? unit : pitch, until = q + step;
                            const int units = PANEL ? images_here : joined ? (length + VEC - 1) / VEC : rows;
                            const int apart_out = PANEL ? 0 : joined ? VEC : out_width;
                            const int ready = until < unit ? 0 : min(units, (until - unit) / apart + 1);
                            for (int r = 0; r < ROWS && o + r < o1; r++)
                                for (int u = done; u < ready; u++)
                                    for (int s = 0; s < unit; s += VEC) {
                                        const V value = VLOAD(sums + r * row_sums + u * apart + s);
                                        const size_t i0 = n0 + (PANEL ? u : m), i1 = group * results + o + r;
                                        const size_t j = (size_t)y0 * out_width + x0 + u * apart_out + s;
                                        const int n = min(VEC, (joined ? length - u * VEC : unit) - s);
                                        EPILOGUE(value, i0, i1, j, n);
                                    }
                            done = ready;
#endif
                        }
                        offset += block_sources * taps[p];
                    }
#if PHASES > 1
                    if (c0 + block_sources < sources)
                        continue;
                    const int high = min(rows * up_h, out_height - y0 * up_h);
                    const int wide = min(columns * up_w, out_width - x0 * up_w);
                    for (int r = 0; r < ROWS && o + r < o1; r++) {
                        NAME(interleave)(line, tile_sums + r * row_sums, pitch, high, wide, up_h, up_w, run);
                        for (int i = 0; i < high; i++)
                            for (int s = 0; s < wide; s += VEC) {
                                const V value = VLOAD(line + i * wide + s);
                                const size_t i0 = n0 + m, i1 = group * results + o + r;
                                const size_t j = ((size_t)y0 * up_h + i) * out_width + x0 * up_w + s;
                                const int n = min(VEC, wide - s);
                                EPILOGUE(value, i0, i1, j, n);
                            }
                    }
#endif
                }
            }
            c0 += block_sources;
        } while (c0 < sources);
    }
}
