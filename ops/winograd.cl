/* winograd.cl: 3 x 3 or 5 x 5 convolution with stride 1, and its input gradient, on a CPU by Winograd's form.
 *
 * Twins: tinygrad_cl/primitives/conv.py (plans: plans_winograd.py), tinygrad_cl/functional/conv.py.
 *
 * A task is a block of output tiles (some images, one group, some rows of tiles, all columns) and some result channels. It
 * brings the source to Winograd's points (winograd_tile.cl), VEC channels at a time; at each point the product is
 * one of matrices, tiles x source channels x result channels, with the panels that winograd_filter.cl made; and
 * brings the sums back to pixels, WIDTH result channels at a time. The input gradient is the same with g as the
 * source and other panels.
 *
 * Macros
 *   TAG, ACC, IN_T, OUT_T   see dense_tile.cl
 *   TAPS                    see winograd_tile.cl
 * Tunables
 *   ROWS, COLS   register tile: tiles of the image, vectors of result channels
 *   TILES        tiles of a block, at most; a multiple of ROWS
 *   IMAGE, AT_POINTS, MADE, PIXELS   elements of private memory: VEC channels of the padded block, of the source
 *                at the points, of the sums at the points, of VEC channels of output pixels
 * Hole
 *   EPILOGUE(value, image, channel, pixel, n)  takes n pixels
 */
#define PANEL_SPACE __global
#include "winograd_tile.cl"
#ifndef TILES
#define TILES 64
#endif
#ifndef IMAGE
#define IMAGE 25600
#define AT_POINTS 294912
#define MADE 74304
#define PIXELS 16384
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, image, channel, pixel, n)                                                                  \
    CAT(STOREP_, OUT_T)(value, out, ((image) * groups * results + (channel)) * out_height * out_width + (pixel), n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

/* Brings the tiles of VEC channels of one image to the points. */
FUNCTION void NAME(spread)(ACC *points, size_t point_step, size_t tile_step, const ACC *image, int rows, int columns)
{
    const int pitch = OUTPUTS * columns + TAPS - 1;
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++, points += tile_step) {
            const ACC *const from = image + OUTPUTS * (y * pitch + x) * VEC;
#define READ_PIXEL(i, j) VLOAD(from + ((i) * pitch + (j)) * VEC)
#define WRITE_POINT(value, i, j) VSTORE(value, points + ((i) * 6 + (j)) * point_step)
            TRANSFORM(input, 6, 6, READ_PIXEL, WRITE_POINT);
        }
}

/* Brings the sums of VEC channels of one image back to pixels [rows * OUTPUTS][columns * OUTPUTS][VEC]. */
FUNCTION void NAME(gather)(ACC *pixels, const ACC *made, size_t point_step, int rows, int columns)
{
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++, made += WIDTH) {
            ACC *const to = pixels + OUTPUTS * (OUTPUTS * y * columns + x) * VEC;
#define READ_SUM(i, j) VLOAD(made + ((i) * 6 + (j)) * point_step)
#define WRITE_PIXEL(value, i, j) VSTORE(value, to + ((i) * OUTPUTS * columns + (j)) * VEC)
            TRANSFORM(output, 6, OUTPUTS, READ_SUM, WRITE_PIXEL);
        }
}

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *x, __global const ACC *filters,
                                   const int images, const int groups, const int sources, const int results, const int height,
                                   const int width, const int out_height, const int out_width, const int padding_h,
                                   const int padding_w, const int block_images, const int block_rows,
                                   const int block_results, const int per EPILOGUE_PARAMS)
{
    PRIVATE(ACC, image, IMAGE);
    PRIVATE(ACC, points, AT_POINTS);
    PRIVATE(ACC, made, MADE);
    PRIVATE(ACC, pixels, PIXELS);
    const size_t x_end = (size_t)images * groups * sources * height * width;
    const int rows = (out_height + OUTPUTS - 1) / OUTPUTS, columns = (out_width + OUTPUTS - 1) / OUTPUTS;
    const int blocks_y = (rows + block_rows - 1) / block_rows, blocks_n = (images + block_images - 1) / block_images;
    const int blocks_o = (results + block_results - 1) / block_results;
    const size_t tile_step = (sources + VEC - 1) / VEC * VEC;
    const size_t tasks = (size_t)blocks_o * blocks_y * blocks_n * groups;
    const size_t group_size = (size_t)((results + WIDTH - 1) / WIDTH) * POINTS * PANEL_STEP(sources);
    const size_t last = min(tasks, (get_global_id(0) + 1) * per);
    size_t ready = -1;
    for (size_t task = get_global_id(0) * per; task < last; task++) {
        const size_t block = task / blocks_o;
        const int y0 = (int)(block % blocks_y) * block_rows, rows_here = min(block_rows, rows - y0);
        const size_t group = block / blocks_y / blocks_n;
        const int n0 = (int)(block / blocks_y % blocks_n) * block_images, images_here = min(block_images, images - n0);
        const int o0 = (int)(task % blocks_o) * block_results, o1 = min(results, o0 + block_results);
        const int tiles = images_here * rows_here * columns, each = rows_here * columns;
        /* An odd number of vectors, so that neighboring points share no set of the cache. */
        const size_t point_step = tiles * tile_step + VEC, made_step = TILES * WIDTH + VEC;
        if (block != ready) {
            ready = block;
            for (int m = 0; m < images_here; m++)
                for (int c = 0; c < sources; c += VEC) {
                    NAME(turn)(image, x, x_end, ((size_t)(n0 + m) * groups + group) * sources + c, min(VEC, sources - c), height, width,
                               OUTPUTS * y0 - padding_h, padding_w, OUTPUTS * rows_here + TAPS - 1,
                               OUTPUTS * columns + TAPS - 1);
                    NAME(spread)(points + m * each * tile_step + c, point_step, tile_step, image, rows_here, columns);
                }
        }
        for (int o = o0; o < o1; o += WIDTH) {
            for (int p = 0; p < POINTS; p++) {
                const size_t panel = group * group_size + ((size_t)(o / WIDTH) * POINTS + p) * PANEL_STEP(sources);
                for (int t = 0; t < tiles; t += ROWS) {
                    const ACC *row[ROWS];
                    for (int r = 0; r < ROWS; r++)
                        row[r] = points + p * point_step + min(t + r, tiles - 1) * tile_step;
                    NAME(tile)(made + p * made_step + t * WIDTH, 0, filters + panel, sources, row, 1);
                }
            }
            for (int v = 0; v < COLS && o + v * VEC < o1; v++)
                for (int m = 0; m < images_here; m++) {
                    NAME(gather)(pixels, made + m * each * WIDTH + v * VEC, made_step, rows_here, columns);
                    const int high = min(OUTPUTS * rows_here, out_height - OUTPUTS * y0), count = high * out_width;
                    const ACC *from = pixels;
                    for (int q = 0, column = 0; q < count; q += VEC) {
                        V t[VEC];
                        UNROLLED(VEC) for (int i = 0; i < VEC; i++) {
                            t[i] = VLOAD(from);
                            from += VEC;
                            if (++column == out_width) {
                                column = 0;
                                from += (OUTPUTS * columns - out_width) * VEC;
                            }
                        }
                        STAGES(EXCHANGE)
                        PRIVATE(ACC, block, VEC * VEC);
                        UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                            VSTORE(t[i], block + i * VEC);
                        const int n = min(VEC, count - q);
                        for (int r = 0; r < VEC && o + v * VEC + r < o1; r++) {
                            const V value = VLOAD(block + r * VEC);
                            const size_t i0 = n0 + m, i1 = group * results + o + v * VEC + r, j = (size_t)OUTPUTS * y0 * out_width + q;
                            EPILOGUE(value, i0, i1, j, n);
                        }
                    }
                }
        }
    }
}
