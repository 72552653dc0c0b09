/* conv_channels_weight.cl: the weight gradient of a convolution on a CPU, with channels side by side.
 *
 * Twins: tinygrad_cl/primitives/conv.py (plans: plans_channels.py), tinygrad_cl/functional/conv.py.
 *
 * A task is a chunk of images, some source and some result channels. Block by block it turns x and the cotangent g
 * to [pixel][channel], padded; then the gradient grows by a product of matrices whose sum runs over pixels, result
 * channels x source channels for each tap (or, where neighboring taps' channels are neighbors too, result channels x
 * taps and channels for each row of the kernel). In the end the sums go to out[chunk][result channel][source
 * channel][tap]; a second pass adds the chunks, if there are several, in order.
 *
 * Macros
 *   TAG, ACC, IN_T, OUT_T   see dense_tile.cl; OUT_T is ACC if there are several chunks
 *   JOINED   1: the channels of neighboring taps are neighbors
 * Tunables
 *   ROWS, COLS   register tile: result channels, vectors of source channels
 *   IMAGE, LEFT, SUMS, LINE   elements of private memory: turned block of x, of g, sums, VEC channels' weights
 * Hole
 *   EPILOGUE(value, chunk, channel, weight, n)  takes n weights of a result channel, if there is one chunk
 */
#include "conv_channels_tile.cl"
#ifndef JOINED
#define JOINED 0
#endif
#ifndef IMAGE
#define IMAGE 65536
#define LEFT 16384
#define SUMS 65536
#define LINE 4096
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, part, channel, weight, n) \
    CAT(STOREP_, OUT_T)(value, out, ((part) * results + (channel)) * sources * taps + (weight), n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

/* A register tile: over the pixels of `images` images of `lines` lines of `columns`, ROWS neighbors of `left` times
 * WIDTH neighbors of `right`; added to sums if `more`. */
FUNCTION void NAME(tile)(ACC *sums, int more, const ACC *left, size_t left_step, const ACC *right, size_t right_step,
                         size_t right_line, size_t right_image, int images, int lines, int columns)
{
    V acc[ROWS * COLS];
    UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
        acc[i] = (V)(0);
    if (more)
        UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
            acc[i] = VLOAD(sums + i * VEC);
    for (int y = 0, line = 0; y < images * lines; y++) {
        const ACC *from = right;
        right += right_line;
        if (++line == lines) {
            line = 0;
            right += right_image - lines * right_line;
        }
        for (int q = 0; q < columns; q++, left += left_step, from += right_step) {
            V x[COLS];
            UNROLLED(COLS) for (int v = 0; v < COLS; v++)
                x[v] = VLOAD(from + v * VEC);
            UNROLLED(ROWS) for (int r = 0; r < ROWS; r++) {
                const V y = (V)(left[r]);
                UNROLLED(COLS) for (int v = 0; v < COLS; v++)
                    acc[r * COLS + v] = fma(y, x[v], acc[r * COLS + v]);
            }
        }
    }
    UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
        VSTORE(acc[i], sums + i * VEC);
}

/* Writes the weights of VEC source channels to [source channel][tap], from vectors of channels; `from[t]` is where
 * tap t's lies. What a store writes beyond its taps, the next ones overwrite. */
FUNCTION void NAME(finish)(ACC *line, const ACC *sums, const int *from, int taps)
{
    for (int k = 0; k < taps; k += VEC) {
        V t[VEC];
        UNROLLED(VEC) for (int i = 0; i < VEC; i++)
            t[i] = VLOAD(sums + from[min(k + i, taps - 1)]);
        STAGES(EXCHANGE)
        if (taps <= VEC) {
            UNROLLED(VEC) for (int c = 0; c < VEC; c++)
                VSTORE(t[c], line + c * taps);
        } else {
            PRIVATE(ACC, block, VEC * VEC);
            UNROLLED(VEC) for (int c = 0; c < VEC; c++)
                VSTORE(t[c], block + c * VEC);
            for (int c = 0; c < VEC; c++)
                for (int i = 0; i < VEC && k + i < taps; i++)
                    line[c * taps + k + i] = block[c * VEC + i];
        }
    }
}

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *x, __global const IN_T *g,
                                   const int images, const int sources, const int results, const int height,
                                   const int width, const int out_height, const int out_width, const int kernel_h,
                                   const int kernel_w, const int dilation_h, const int dilation_w, const int low_h,
                                   const int low_w, const int move_h, const int move_w, const int skip_h,
                                   const int skip_w, const int block_images, const int block_rows,
                                   const int block_sources, const int block_results, const int reach_h,
                                   const int pitch, const int step, const int chunk, const int per EPILOGUE_PARAMS)
{
    PRIVATE(ACC, image, IMAGE);
    PRIVATE(ACC, left, LEFT);
    PRIVATE(ACC, sums, SUMS);
    PRIVATE(ACC, line, LINE);
    int from[LINE];
    const int taps = kernel_h * kernel_w;
    const size_t x_end = (size_t)images * sources * height * width;
    const size_t g_end = (size_t)images * results * out_height * out_width;
    const int chunks = (images + chunk - 1) / chunk;
    const int across = (sources + block_sources - 1) / block_sources;
    const int down = (results + block_results - 1) / block_results;
    const int runs = JOINED ? kernel_h : taps, length = JOINED ? kernel_w * step : step;
    const size_t tasks = (size_t)chunks * across * down;
    const size_t last = min(tasks, (get_global_id(0) + 1) * per);
    for (size_t task = get_global_id(0) * per; task < last; task++) {
        const int c0 = (int)(task % across) * block_sources, c1 = min(sources, c0 + block_sources);
        const int o0 = (int)(task / across % down) * block_results, o1 = min(results, o0 + block_results);
        const size_t part = task / across / down;
        const int begin = (int)part * chunk, end = min(images, begin + chunk);
        const int tall = (o1 - o0 + ROWS - 1) / ROWS, cells = (length + WIDTH - 1) / WIDTH;
        int more = 0;
        for (int n0 = begin; n0 < end; n0 += block_images)
            for (int y0 = 0; y0 < out_height; y0 += block_rows) {
                const int images_here = min(block_images, end - n0), rows_here = min(block_rows, out_height - y0);
                const int rows_in = (rows_here - 1) * move_h + reach_h, image_size = rows_in * pitch * step;
                const int left_size = rows_here * out_width * block_results;
                for (int m = 0; m < images_here; m++) {
                    for (int c = c0; c < c1; c += VEC)
                        NAME(turn)(image + m * image_size + c - c0, x, x_end, (size_t)(n0 + m) * sources + c,
                                   min(VEC, c1 - c), height, width, y0 * move_h * skip_h + low_h, low_w, skip_h,
                                   skip_w, rows_in, pitch, step);
                    for (int o = o0; o < o1; o += VEC)
                        NAME(turn)(left + m * left_size + o - o0, g, g_end, (size_t)(n0 + m) * results + o,
                                   min(VEC, o1 - o), out_height, out_width, y0, 0, 1, 1, rows_here, out_width,
                                   block_results);
                }
                for (int run = 0; run < runs; run++) {
                    const int i = JOINED ? run : run / kernel_w, j = JOINED ? 0 : run % kernel_w;
                    const ACC *const corner = image + (i * dilation_h * pitch + j * dilation_w) * step;
                    for (int k = 0; k < cells; k++)
                        for (int o = 0; o < tall; o++)
                            NAME(tile)(sums + ((run * cells + k) * tall + o) * ROWS * WIDTH, more, left + o * ROWS,
                                       block_results, corner + k * WIDTH, move_w * step, move_h * pitch * step,
                                       image_size, images_here, rows_here, out_width);
                }
                more = 1;
            }
        for (int c = c0; c < c1; c += VEC) {
            const int channels = min(VEC, c1 - c), each = step < VEC ? channels : 1;
            for (int i = 0; i < each; i++)
                for (int t = 0; t < taps; t++) {
                    const int run = JOINED ? t / kernel_w : t, k = (JOINED ? t % kernel_w * step : 0) + c - c0 + i;
                    from[i * taps + t] = (run * cells + k / WIDTH) * tall * ROWS * WIDTH + k % WIDTH;
                }
            for (int o = o0; o < o1; o++) {
                const ACC *const row = sums + (o - o0) * WIDTH;
                if (step < VEC)
                    for (int k = 0; k < channels * taps; k++)
                        line[k] = row[from[k]];
                else if (taps == 1)
                    VSTORE(VLOAD(row + from[0]), line);
                else
                    NAME(finish)(line, row, from, taps);
                for (int k = 0; k < channels * taps; k += VEC) {
                    const V value = VLOAD(line + k);
                    const size_t i1 = o, j = (size_t)c * taps + k;
                    const int n = min(VEC, channels * taps - k);
                    EPILOGUE(value, part, i1, j, n);
                }
            }
        }
    }
}
