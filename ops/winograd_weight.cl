/* winograd_weight.cl: the weight gradient of a 3 x 3 or 5 x 5 convolution with stride 1 on a CPU by Winograd's form.
 *
 * Twins: tinygrad_cl/primitives/conv.py (plans: plans_winograd.py), tinygrad_cl/functional/conv.py.
 *
 * A task is a chunk of images, one group, some source and some result channels. Block of tiles by block of tiles it brings x
 * and the cotangent g to Winograd's points (winograd_tile.cl); at each point the gradient grows by one product of
 * matrices, result channels x tiles x source channels. In the end it is brought back to weights, and goes to
 * out[chunk][result channel][source channel][tap]; a second pass adds the chunks, if there are several, in
 * order.
 *
 * Macros
 *   TAG, ACC, IN_T, OUT_T   see dense_tile.cl; OUT_T is ACC if there are several chunks
 *   TAPS                    see winograd_tile.cl
 * Tunables
 *   ROWS, COLS   register tile: result channels, vectors of source channels
 *   TILES        tiles of a block, at most
 *   SIDE         source or result channels of a task, at most; a multiple of WIDTH
 *   IMAGE        elements of private memory: VEC channels of the padded block
 * Hole
 *   EPILOGUE(value, chunk, channel, weight, n)  takes n weights of a result channel, if there is one chunk
 */
#include "winograd_tile.cl"
#ifndef TILES
#define TILES 64
#endif
#ifndef SIDE
#define SIDE 64
#endif
#ifndef IMAGE
#define IMAGE 25600
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, part, channel, weight, n) \
    CAT(STOREP_, OUT_T)(value, out, ((part) * groups * results + (channel)) * sources * AREA + (weight), n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif
/* An odd number of vectors, so that neighboring points share no set of the cache. */
#define POINT_STEP (TILES * SIDE + VEC)
#define AREA (TAPS * TAPS)
#define SUM_STEP (SIDE * SIDE + VEC)

/* Brings the tiles of VEC channels of one image to the points, [group of WIDTH channels][tile][WIDTH]. */
FUNCTION void NAME(spread)(ACC *points, const ACC *image, int rows, int columns)
{
    const int pitch = OUTPUTS * columns + TAPS - 1;
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++, points += WIDTH) {
            const ACC *const from = image + OUTPUTS * (y * pitch + x) * VEC;
#define READ_PIXEL(i, j) VLOAD(from + ((i) * pitch + (j)) * VEC)
#define WRITE_POINT(value, i, j) VSTORE(value, points + ((i) * 6 + (j)) * POINT_STEP)
            TRANSFORM(input, 6, 6, READ_PIXEL, WRITE_POINT);
        }
}

/* The same for a cotangent. */
FUNCTION void NAME(scatter)(ACC *points, const ACC *image, int rows, int columns)
{
    const int pitch = OUTPUTS * columns;
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++, points += WIDTH) {
            const ACC *const from = image + OUTPUTS * (y * pitch + x) * VEC;
            TRANSFORM(cotangent, OUTPUTS, 6, READ_PIXEL, WRITE_POINT);
        }
}

/* Brings the sums of one result channel and VEC source channels back to weights, [source channel][tap]. */
FUNCTION void NAME(finish)(ACC *line, const ACC *sums)
{
    V taps[(AREA + VEC - 1) / VEC * VEC];
#define READ_SUM(i, j) VLOAD(sums + ((i) * 6 + (j)) * SUM_STEP)
#define WRITE_TAP(value, i, j) taps[(i) * TAPS + (j)] = value
    TRANSFORM(gradient, 6, TAPS, READ_SUM, WRITE_TAP);
    UNROLLED(4) for (int k = 0; k < AREA; k += VEC) {
        V t[VEC];
        UNROLLED(VEC) for (int i = 0; i < VEC; i++)
            t[i] = k + i < AREA ? taps[k + i] : (V)(0);
        STAGES(EXCHANGE)
        /* What a store writes beyond its taps, the next ones overwrite. */
        if (AREA <= VEC) {
            UNROLLED(VEC) for (int c = 0; c < VEC; c++)
                VSTORE(t[c], line + c * AREA);
        } else {
            PRIVATE(ACC, block, VEC * VEC);
            UNROLLED(VEC) for (int c = 0; c < VEC; c++)
                VSTORE(t[c], block + c * VEC);
            for (int c = 0; c < VEC; c++)
                for (int i = 0; i < VEC && k + i < AREA; i++)
                    line[c * AREA + k + i] = block[c * VEC + i];
        }
    }
}

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *x, __global const IN_T *g,
                                   const int images, const int groups, const int sources, const int results, const int height,
                                   const int width, const int out_height, const int out_width, const int padding_h,
                                   const int padding_w, const int block_images, const int block_rows,
                                   const int block_sources, const int block_results, const int chunk,
                                   const int per EPILOGUE_PARAMS)
{
    PRIVATE(ACC, image, IMAGE);
    PRIVATE(ACC, right, POINTS * POINT_STEP);
    PRIVATE(ACC, left, POINTS * POINT_STEP);
    PRIVATE(ACC, sums, POINTS * SUM_STEP);
    PRIVATE(ACC, line, (AREA + 1) * VEC);
    const size_t x_end = (size_t)images * groups * sources * height * width;
    const size_t g_end = (size_t)images * groups * results * out_height * out_width;
    const int rows = (out_height + OUTPUTS - 1) / OUTPUTS, columns = (out_width + OUTPUTS - 1) / OUTPUTS;
    const int chunks = (images + chunk - 1) / chunk;
    const int across = (sources + block_sources - 1) / block_sources;
    const int down = (results + block_results - 1) / block_results;
    const size_t tasks = (size_t)chunks * groups * across * down;
    const size_t last = min(tasks, (get_global_id(0) + 1) * per);
    for (size_t task = get_global_id(0) * per; task < last; task++) {
        const int c0 = (int)(task % across) * block_sources, c1 = min(sources, c0 + block_sources);
        const int o0 = (int)(task / across % down) * block_results, o1 = min(results, o0 + block_results);
        const size_t group = task / across / down % groups, part = task / across / down / groups;
        const int begin = (int)part * chunk, end = min(images, begin + chunk);
        const int wide = (c1 - c0 + WIDTH - 1) / WIDTH, tall = (o1 - o0 + ROWS - 1) / ROWS;
        int more = 0;
        for (int n0 = begin; n0 < end; n0 += block_images)
            for (int y0 = 0; y0 < rows; y0 += block_rows) {
                const int images_here = min(block_images, end - n0), rows_here = min(block_rows, rows - y0);
                const int each = rows_here * columns, tiles = images_here * each;
                for (int m = 0; m < images_here; m++) {
                    for (int c = c0; c < c1; c += VEC) {
                        ACC *const to = right + ((c - c0) / WIDTH * tiles + m * each) * WIDTH + (c - c0) % WIDTH;
                        NAME(turn)(image, x, x_end, ((size_t)(n0 + m) * groups + group) * sources + c,
                                   min(VEC, sources - c), height, width, OUTPUTS * y0 - padding_h, padding_w, OUTPUTS * rows_here + TAPS - 1,
                                   OUTPUTS * columns + TAPS - 1);
                        NAME(spread)(to, image, rows_here, columns);
                    }
                    for (int o = o0; o < o1; o += VEC) {
                        ACC *const to = left + ((o - o0) / WIDTH * tiles + m * each) * WIDTH + (o - o0) % WIDTH;
                        NAME(turn)(image, g, g_end, ((size_t)(n0 + m) * groups + group) * results + o,
                                   min(VEC, results - o), out_height, out_width, OUTPUTS * y0, 0, OUTPUTS * rows_here, OUTPUTS * columns);
                        NAME(scatter)(to, image, rows_here, columns);
                    }
                }
                for (int p = 0; p < POINTS; p++)
                    for (int c = 0; c < wide; c++)
                        for (int o = 0; o < tall; o++) {
                            const ACC *row[ROWS];
                            for (int r = 0; r < ROWS; r++)
                                row[r] = left + p * POINT_STEP + o * ROWS / WIDTH * tiles * WIDTH + o * ROWS % WIDTH + r;
                            NAME(tile)(sums + p * SUM_STEP + (c * tall + o) * ROWS * WIDTH, more,
                                       right + p * POINT_STEP + c * tiles * WIDTH, tiles, row, WIDTH);
                        }
                more = 1;
            }
        for (int o = o0; o < o1; o++)
            for (int c = c0; c < c1; c += VEC) {
                const int row = o - o0, column = c - c0;
                const ACC *const from = sums + (column / WIDTH * tall + row / ROWS) * ROWS * WIDTH
                                        + row % ROWS * WIDTH + column % WIDTH;
                const int length = AREA * min(VEC, c1 - c);
                NAME(finish)(line, from);
                for (int k = 0; k < length; k += VEC) {
                    const V value = VLOAD(line + k);
                    const size_t i1 = group * results + o, j = (size_t)c * AREA + k;
                    const int n = min(VEC, length - k);
                    EPILOGUE(value, part, i1, j, n);
                }
            }
    }
}
