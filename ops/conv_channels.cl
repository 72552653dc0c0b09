/* conv_channels.cl: convolution and its input gradient on a CPU, with channels side by side.
 *
 * Twins: tinygrad_cl/primitives/conv.py (plans: plans_channels.py), tinygrad_cl/functional/conv.py.
 *
 * A task is a block of pixels (some images, some rows of the output, all columns) and some result channels. It
 * turns what the block reads to [pixel][channel], padded; then every output pixel is a row of a product of matrices
 * whose sum runs through runs of neighboring channels, one for each tap (or, where neighboring taps' channels
 * are neighbors too, for each row of the kernel), with the panels that conv_channels_filter.cl made. Neither the
 * stride nor small maps cost anything here; turning there and back does.
 *
 * The input gradient is the same with g as the source; its pixels fall into `stride` phases, each with its own taps.
 *
 * Macros
 *   TAG, ACC, IN_T, OUT_T   see dense_tile.cl
 *   MODE     FORWARD or INPUT_GRAD
 *   PHASES   output phases: 1, or for INPUT_GRAD the product of the strides
 *   JOINED   1: the channels of neighboring taps are neighbors
 * Tunables
 *   ROWS, COLS   register tile: pixels, vectors of result channels
 *   DEPTH        numbers of a sum that are added at a time
 *   IMAGE, MADE, PIXELS, TABLE   elements of private memory: turned block, WIDTH result channels of the block's
 *                output, places of pixels (pairs), runs of channels (pairs)
 * Hole
 *   EPILOGUE(value, image, channel, pixel, n)  takes n pixels
 */
#include "conv_channels_tile.cl"
#define FORWARD 0
#define INPUT_GRAD 1
#ifndef MODE
#define MODE FORWARD
#endif
#ifndef PHASES
#define PHASES 1
#endif
#ifndef JOINED
#define JOINED 0
#endif
#ifndef DEPTH
#define DEPTH 256
#endif
#ifndef IMAGE
#define IMAGE 65536
#define MADE 16384
#define PIXELS 256
#define TABLE 64
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, image, channel, pixel, n)                                                                  \
    CAT(STOREP_, OUT_T)(value, out, ((image) * results + (channel)) * out_height * out_width + (pixel), n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

/* A register tile: for ROWS pixels the sum over `count` runs of channels times a panel; added to sums if `more`. */
FUNCTION void NAME(tile)(ACC *const *to, const ACC *const *rows, int more, __global const ACC *panel,
                         const int2 *runs, int count)
{
    V acc[ROWS * COLS];
    UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
        acc[i] = (V)(0);
    if (more)
        UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
            acc[i] = VLOAD(to[i / COLS] + i % COLS * VEC);
    for (int n = 0; n < count; n++) {
        const ACC *row[ROWS];
        UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
            row[r] = rows[r] + runs[n].x;
        const size_t depth = runs[n].y;
        for (size_t k = 0; k < depth; k++, panel += WIDTH) {
            V x[COLS];
            UNROLLED(COLS) for (int v = 0; v < COLS; v++)
                x[v] = VLOAD(panel + v * VEC);
            UNROLLED(ROWS) for (int r = 0; r < ROWS; r++) {
                const V y = (V)(row[r][k]);
                UNROLLED(COLS) for (int v = 0; v < COLS; v++)
                    acc[r * COLS + v] = fma(y, x[v], acc[r * COLS + v]);
            }
        }
    }
    UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
        VSTORE(acc[i], to[i / COLS] + i % COLS * VEC);
}

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *x, __global const ACC *filters,
                                   const int images, const int sources, const int results, const int height,
                                   const int width, const int out_height, const int out_width, const int kernel_h,
                                   const int kernel_w, const int stride_h, const int stride_w, const int padding_h,
                                   const int padding_w, const int dilation_h, const int dilation_w, const int low_h,
                                   const int low_w, const int move_h, const int move_w, const int skip_h,
                                   const int skip_w, const int block_images, const int block_rows,
                                   const int block_results, const int reach_h, const int pitch, const int step,
                                   const int per EPILOGUE_PARAMS)
{
    PRIVATE(ACC, image, IMAGE);
    PRIVATE(ACC, made, MADE);
    PRIVATE(int2, places, PIXELS);
    PRIVATE(int2, runs, TABLE);
    int ends[PHASES], entries = 0;
    const int up_h = MODE == INPUT_GRAD ? stride_h : 1, up_w = MODE == INPUT_GRAD ? stride_w : 1;
    for (int p = 0; p < up_h * up_w; p++) {
        for (int i = 0; i < kernel_h; i++)
            for (int j = 0; j < (JOINED ? 1 : kernel_w); j++) {
#if MODE == INPUT_GRAD
                const int down = p / up_w + padding_h - i * dilation_h, right = p % up_w + padding_w - j * dilation_w;
                if (down % stride_h || right % stride_w)
                    continue;
                const int at = ((down / stride_h - low_h) * pitch + right / stride_w - low_w) * step;
#else
                const int at = (i * dilation_h * pitch + j * dilation_w) * step;
#endif
                const int length = JOINED ? kernel_w * sources : sources;
                for (int k = 0; k < length; k += DEPTH)
                    runs[entries++] = (int2)(at + k, min(DEPTH, length - k));
            }
        ends[p] = entries;
    }
    const size_t x_end = (size_t)images * sources * height * width;
    const size_t panel_size = (size_t)sources * kernel_h * kernel_w * WIDTH;
    const int rows = (out_height + up_h - 1) / up_h, columns = (out_width + up_w - 1) / up_w;
    const int blocks_y = (rows + block_rows - 1) / block_rows, blocks_n = (images + block_images - 1) / block_images;
    const int blocks_o = (results + block_results - 1) / block_results;
    const int wide = columns * up_w;
    const size_t tasks = (size_t)blocks_o * blocks_y * blocks_n;
    const size_t last = min(tasks, (get_global_id(0) + 1) * per);
    size_t ready = -1;
    for (size_t task = get_global_id(0) * per; task < last; task++) {
        const size_t block = task / blocks_o;
        const int y0 = (int)(block % blocks_y) * block_rows, rows_here = min(block_rows, rows - y0);
        const int n0 = (int)(block / blocks_y) * block_images, images_here = min(block_images, images - n0);
        const int o0 = (int)(task % blocks_o) * block_results, o1 = min(results, o0 + block_results);
        const int rows_in = (rows_here - 1) * move_h + reach_h, image_size = rows_in * pitch * step;
        const int high = rows_here * up_h, pixels = images_here * rows_here * columns;
        if (block != ready) {
            ready = block;
            for (int m = 0, q = 0; m < images_here; m++) {
                for (int c = 0; c < sources; c += VEC)
                    NAME(turn)(image + m * image_size + c, x, x_end, (size_t)(n0 + m) * sources + c,
                               min(VEC, sources - c), height, width, y0 * move_h * skip_h + low_h, low_w, skip_h,
                               skip_w, rows_in, pitch, step);
                for (int y = 0; y < rows_here; y++)
                    for (int i = 0; i < columns; i++)
                        places[q++] = (int2)(m * image_size + (y * move_h * pitch + i * move_w) * step,
                                             ((m * high + y * up_h) * wide + i * up_w) * WIDTH);
            }
        }
        for (int o = o0; o < o1; o += WIDTH) {
            __global const ACC *panel = filters + o / WIDTH * panel_size;
            for (int p = 0, run = 0; p < up_h * up_w; p++) {
                ACC *const corner = made + (p / up_w * wide + p % up_w) * WIDTH;
                if (run == ends[p])
                    for (int q = 0; q < pixels; q++)
                        UNROLLED(COLS) for (int v = 0; v < COLS; v++)
                            VSTORE((V)(0), corner + places[q].y + v * VEC);
                for (int more = 0, until; run < ends[p]; run = until, more = 1) {
                    int depth = runs[run].y;
                    for (until = run + 1; until < ends[p] && depth + runs[until].y <= DEPTH; until++)
                        depth += runs[until].y;
                    for (int q = 0; q < pixels; q += ROWS) {
                        const ACC *row[ROWS];
                        ACC *to[ROWS];
                        for (int r = 0; r < ROWS; r++) {
                            const int2 place = places[min(q + r, pixels - 1)];
                            row[r] = image + place.x;
                            to[r] = corner + place.y;
                        }
                        NAME(tile)(to, row, more, panel, runs + run, until - run);
                    }
                    panel += (size_t)depth * WIDTH;
                }
            }
            for (int v = 0; v < COLS && o + v * VEC < o1; v++)
                for (int m = 0; m < images_here; m++) {
                    const int count = min(high, out_height - y0 * up_h) * out_width;
                    const ACC *from = made + m * high * wide * WIDTH + v * VEC;
                    for (int q = 0, column = 0; q < count; q += VEC) {
                        V t[VEC];
                        UNROLLED(VEC) for (int i = 0; i < VEC; i++) {
                            t[i] = VLOAD(from);
                            from += WIDTH;
                            if (++column == out_width) {
                                column = 0;
                                from += (wide - out_width) * WIDTH;
                            }
                        }
                        STAGES(EXCHANGE)
                        PRIVATE(ACC, lines, VEC * VEC);
                        UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                            VSTORE(t[i], lines + i * VEC);
                        const int n = min(VEC, count - q);
                        for (int r = 0; r < VEC && o + v * VEC + r < o1; r++) {
                            const V value = VLOAD(lines + r * VEC);
                            const size_t i0 = n0 + m, i1 = o + v * VEC + r, j = (size_t)y0 * up_h * out_width + q;
                            EPILOGUE(value, i0, i1, j, n);
                        }
                    }
                }
        }
    }
}
