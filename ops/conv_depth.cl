/* conv_depth.cl: convolution and its input gradient on a CPU where a group has few channels: depthwise and the like.
 *
 * Twins: conv_depth_rows.cl (wide planes with strides of 1), tinygrad_cl/primitives/conv.py (plans: plans_depth.py),
 * tinygrad_cl/functional/conv.py.
 *
 * A task is some rows of some groups of one image. It copies the source's planes to private memory (conv_planes.cl).
 * Each register tile sums all taps of ROWS rows of VEC columns, and is stored so that the rows of a result are dense:
 * what a register holds beyond a row is overwritten by the next one. The epilogue takes full registers of that.
 *
 * The input gradient is the same with g as the source; a row and a column of g make `stride` rows and columns.
 *
 * Macros
 *   TAG, ACC, IN_T, OUT_T     see dense_tile.cl
 *   MODE, KERNEL_H .. DILATION_W, ROWS, IMAGE   see conv_planes.cl
 *   SEVERAL      1: a group may have more than one source
 *   STREAM       1: the output is too large for any cache
 * Tunables
 *   MADE, SUMS   elements of private memory: rows of a result of each group, the sums over some sources (SEVERAL)
 * Hole
 *   EPILOGUE(value, image, channel, pixel, n)  takes n pixels
 */
#include "conv_planes.cl"
#ifndef SEVERAL
#define SEVERAL 0
#endif
#ifndef STREAM
#define STREAM 0
#endif
#ifndef MADE
#define MADE 8192
#define SUMS 8192
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
#define PLACES (ROWS * UP_H * UP_W)

/* The sums over all taps for ROWS rows from column q on (of each phase). They are added to `sums` unless this is the
 * first source, and stay there unless it is the last one, after which they go to `made`, with rows of `line`. */
FUNCTION void NAME(tile)(ACC *made, ACC *sums, int first, int last, const ACC *from, __global const IN_T *w, int q,
                         int line, int pitch, int part)
{
    V acc[PLACES], weights[TAPS];
    UNROLLED(TAPS) for (int t = 0; t < TAPS; t++)
        weights[t] = (V)(CAT(LOAD1_, IN_T)(w, t));
    UNROLLED(PLACES) for (int i = 0; i < PLACES; i++)
        acc[i] = (V)(0);
#if SEVERAL
    if (!first)
        UNROLLED(PLACES) for (int i = 0; i < PLACES; i++)
            acc[i] = VLOAD(sums + i * VEC);
#endif
    UNROLLED(ROWS_IN) for (int i = 0; i < ROWS_IN; i++)
        UNROLLED(KERNEL_W) for (int j = 0; j < KERNEL_W; j++) {
            const V x = TAP(i, j);
            UNROLLED(KERNEL_H) for (int k = 0; k < KERNEL_H; k++)
                if (IS_ROW(i, k)) {
                    const int place = (ROW(i, k) * UP_H + PHASE_H(k)) * UP_W + PHASE_W(j);
                    acc[place] = fma(weights[k * KERNEL_W + j], x, acc[place]);
                }
        }
#if SEVERAL
    if (!last) {
        UNROLLED(PLACES) for (int i = 0; i < PLACES; i++)
            VSTORE(acc[i], sums + i * VEC);
        return;
    }
#endif
    UNROLLED(ROWS * UP_H) for (int r = 0; r < ROWS * UP_H; r++) {
        ACC *const to = made + r * line + q * UP_W;
#if UP_W == 2
        const V even = acc[2 * r], odd = acc[2 * r + 1];
        VSTORE(shuffle2(even, odd, (INDEX_TYPE)PAIRS_LOW), to);
        VSTORE(shuffle2(even, odd, (INDEX_TYPE)PAIRS_HIGH), to + VEC);
#else
        VSTORE(acc[r], to);
#endif
    }
}

/* The same for `rows` rows of `columns` columns. The next task's source begins at `ahead`. */
static inline void NAME(filter)(ACC *made, ACC *sums, int first, int last, const ACC *from, __global const IN_T *w,
                                int width, int rows, int columns, int line, int pitch, int part,
                                __global const IN_T *ahead)
{
    for (int y = 0; y < rows; y += ROWS) {
        for (int q = (columns - 1) / VEC * VEC; q >= 0; q -= VEC) {
            PREFETCH(ahead + q * PARTS, ROWS * MOVE, width)
            NAME(tile)(made, sums, first, last, from, w, q, line, pitch, part);
            sums += PLACES * VEC;
        }
        from += ROWS * MOVE * pitch;
        made += ROWS * UP_H * line;
        ahead += ROWS * MOVE * width;
    }
}

/* The same for all sources of `count` groups: results `dense` elements apart. The filters begin at w[at], those of two
 * sources lie `next_source` taps apart and those of two groups `next_group`; the next sources `step` apart. */
FUNCTION void NAME(filters)(ACC *made, int dense, ACC *sums, const ACC *image, int plane, int count, int sources,
                            __global const IN_T *w, size_t at, size_t next_source, size_t next_group,
                            int width, int rows, int columns, int line, int pitch, int part,
                            __global const IN_T *ahead, size_t step)
{
    for (int g = 0; g < count; g++, made += dense, at += next_group)
        for (int s = 0; s < sources; s++, image += plane, ahead += step)
            NAME(filter)(made, sums, s == 0, s == sources - 1, image, w + at + s * next_source, width,
                         rows, columns, line, pitch, part, ahead);
}

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *x, __global const IN_T *w,
                                   const int images, const int groups, const int sources, const int results,
                                   const int height, const int width, const int out_height, const int out_width,
                                   const int block_groups, const int block_rows, const int margin, const int pitch,
                                   const int part, const int plane, const int per EPILOGUE_PARAMS)
{
    PRIVATE(ACC, image, IMAGE);
    NAME(zeros)(image, IMAGE);
    PRIVATE(ACC, made, MADE);
#if SEVERAL
    PRIVATE(ACC, sums, SUMS);
#else
    ACC *const sums = made;
#endif
    const int rows_up = (out_height + UP_H - 1) / UP_H, columns_up = (out_width + UP_W - 1) / UP_W;
    const int blocks_y = (rows_up + block_rows - 1) / block_rows;
    const int blocks_g = (groups + block_groups - 1) / block_groups;
    const size_t source_size = (size_t)height * width, x_end = (size_t)images * groups * sources * source_size;
    const size_t tasks = (size_t)images * blocks_g * blocks_y, last = min(tasks, (get_global_id(0) + 1) * per);
    for (size_t task = get_global_id(0) * per; task < last; task++) {
        const int y0 = (int)(task % blocks_y) * block_rows, rows = min(block_rows, rows_up - y0);
        const int g0 = (int)(task / blocks_y % blocks_g) * block_groups, count = min(block_groups, groups - g0);
        const size_t n = task / blocks_y / blocks_g, first = (n * groups + g0) * sources;
        NAME(pack)(image + margin, x, first * source_size, x_end, count * sources, y0 * MOVE + LOW,
                   (rows - 1) * MOVE + REACH + 1, height, width, pitch, part, plane);
        const int dense = min(rows * UP_H, out_height - y0 * UP_H) * out_width;
        const size_t ahead = blocks_y > 1 ? (y0 + block_rows) * MOVE * width : (size_t)count * sources * source_size;
        for (int m = 0; m < results; m++) {
#if MODE == INPUT_GRAD
            const size_t next_source = results * TAPS, filter = (g0 * sources * results + m) * TAPS;
#else
            const size_t next_source = TAPS, filter = ((size_t)g0 * results + m) * sources * TAPS;
#endif
            NAME(filters)(made, dense, sums, image + margin, plane, count, sources, w, filter, next_source,
                          (size_t)sources * results * TAPS, width, rows, columns_up, out_width, pitch,
                          part, x + first * source_size + ahead, source_size);
            for (int g = 0; g < count; g++) {
                const size_t channel = (g0 + g) * results + m, start = (size_t)y0 * UP_H * out_width;
                const size_t at = (n * groups * results + channel) * out_height * out_width + start;
                /* Up to a boundary of registers, then full ones. */
                for (int q = -(int)(at % VEC); q < dense; q += VEC) {
                    const int lane = max(q, 0), lanes = min(q + VEC, dense) - lane;
                    const V value = VLOAD(made + g * dense + lane);
                    const size_t j = start + lane;
                    EPILOGUE(value, n, channel, j, lanes);
                }
            }
        }
    }
}
