/* conv_image.cl: the packed image from which the convolution kernels read, and the table of offsets into it.
 *
 * Included by conv.cl, conv_weight.cl, which describe it.
 *
 * Macros
 *   MODE    FORWARD or INPUT_GRAD: which way the taps shift
 *   SHIFT   1: the image has a part for every column shift, so that its rows are as long as those of the block and
 *           no wrap-around is computed; 0: it has one for every phase of the stride
 * Shared CONV_PACKING: TAG ACC IN_T
 * Shared CONV_TAPS: MODE SHIFT
 */
#include "dense_tile.cl"
#define FORWARD 0
#define INPUT_GRAD 1
#ifndef MODE
#define MODE FORWARD
#endif
#ifndef SHIFT
#define SHIFT 0
#endif

/* The sizes that the kernels share. The packed image of a channel has `phases_h` x `phases_w` parts of rows_in
 * x pitch elements, which begin 1 row and `phase_step` columns after one another. `plane` is the distance of
 * two channels in the packed image, `pitch` that of two rows, `run` that of the columns of two result channels;
 * a block has at most `block_rows` x `block_columns` pixels of each output phase. */
#define GEOMETRY                                                                                                     \
    const int images, const int groups, const int sources, const int results, const int height, const int width,     \
        const int out_height, const int out_width, const int kernel_h, const int kernel_w, const int stride_h,       \
        const int stride_w, const int padding_h, const int padding_w, const int dilation_h, const int dilation_w,    \
        const int low_h, const int low_w, const int phases_h, const int phases_w, const int phase_step,              \
        const int block_images, const int block_sources, const int block_results, const int block_rows,         \
        const int block_columns, const int rows_in, const int pitch, const int plane, const int run,                 \
        const int chunk, const int per

#ifndef CONV_PACKING
#define CONV_PACKING KERNEL
#define CONV_PACKING_FIRST 1
#endif
#ifndef CONV_TAPS
#define CONV_TAPS KERNEL
#define CONV_TAPS_FIRST 1
#endif
#define PACKING(x) NAME_(CONV_PACKING, x)
#define TAPS(x) NAME_(CONV_TAPS, x)

#if CONV_PACKING_FIRST
static inline void PACKING(zeros)(ACC *to, int from, int end)
{
    for (int j = from; j < end; j += VEC)
        VSTORE((V)(0), to + j);
}

/* Copies `count` rows of `length` elements that lie `step` apart in x to rows that lie `pitch` apart, with
 * zeros between them. Up to VEC - 1 elements beyond are overwritten, so images are filled in increasing order.
 * */
FUNCTION void PACKING(rows)(ACC *to, __global const IN_T *x, size_t at, size_t end, int count, int length, size_t step,
                              int pitch)
{
    if (pitch == length && step == (size_t)length) {
        length *= count;
        pitch = length;
        count = min(count, 1);
    }
    if (at + (count - 1) * step + length + VEC <= end) {
        for (int i = 0; i < count; i++, at += step, to += pitch) {
            for (int j = 0; j < length; j += VEC)
                VSTORE(CAT(LOADP_, IN_T)(x, at + j, VEC), to + j);
            for (int j = length; j < pitch; j += VEC)
                VSTORE((V)(0), to + j);
        }
    } else {
        for (int i = 0; i < count; i++, at += step, to += pitch) {
            for (int j = 0; j < length; j += VEC)
                VSTORE(NAME(load)(x, at + j, end), to + j);
            PACKING(zeros)(to, length, pitch);
        }
    }
}

/* VEC elements from x[at] on that lie two apart. */
static inline V PACKING(evens)(__global const IN_T *x, size_t at, size_t end)
{
    V even;
    even.lo = NAME(load)(x, at, end).even;
    even.hi = NAME(load)(x, at + VEC, end).even;
    return even;
}

/* The same for every step-th element of a row. */
FUNCTION void PACKING(sparse_rows)(ACC *to, __global const IN_T *x, size_t at, size_t end, int count, int length,
                                     size_t row_step, int pitch, int step)
{
    for (int i = 0; i < count; i++, at += row_step, to += pitch) {
        if (step == 2) {
            for (int j = 0; j < length; j += VEC)
                VSTORE(PACKING(evens)(x, at + 2 * j, end), to + j);
        } else if (step == 4) {
            for (int j = 0; j < length; j += VEC) {
                V fourth;
                fourth.lo = PACKING(evens)(x, at + 4 * j, end).even;
                fourth.hi = PACKING(evens)(x, at + 4 * j + 2 * VEC, end).even;
                VSTORE(fourth, to + j);
            }
        } else {
            for (int j = 0; j < length; j++)
                to[j] = CAT(LOAD1_, IN_T)(x, at + (size_t)j * step);
        }
        PACKING(zeros)(to, length, pitch);
    }
}

/* How many of `count` steps from `first` lie before 0 (x) and before `size` (y). */
static inline int2 PACKING(inside)(int first, int step, int count, int size)
{
    const int before = first < 0 ? min(count, (-first + step - 1) / step) : 0;
    return (int2)(before, size > first ? max(before, min(count, (size - first + step - 1) / step)) : before);
}

/* Packs `count` channels of one image, from channel `first` on: [channel][row part][column part][rows_in][pitch]. What
 * lies between a channel and the next one, VEC elements or more, is zero: taps of the last row read there. */
FUNCTION void PACKING(pack)(ACC *image, __global const IN_T *x, size_t end, size_t first, int count, int height,
                            int width, int top, int left, int step_h, int step_w, int phases_h, int phases_w,
                            int phase_step, int rows_in, int pitch, int plane)
{
    const size_t channel_size = (size_t)height * width, row_step = (size_t)step_h * width;
    for (int a = 0; a < phases_h; a++)
        for (int b = 0; b < phases_w; b++) {
            const int2 y = PACKING(inside)(top + a, step_h, rows_in, height);
            const int2 z = PACKING(inside)(left + b * phase_step, step_w, pitch, width);
            const int row = top + a + y.x * step_h, column = left + b * phase_step + z.x * step_w;
            const int before = y.x * pitch + z.x, after = y.y * pitch + z.x, length = z.y - z.x;
            size_t at = first * channel_size + (size_t)row * width + column;
            ACC *to = image + (a * phases_w + b) * rows_in * pitch;
            for (int c = 0; c < count; c++, at += channel_size, to += plane) {
                PACKING(zeros)(to, 0, before);
                if (step_w == 1)
                    PACKING(rows)(to + before, x, at, end, y.y - y.x, length, row_step, pitch);
                else
                    PACKING(sparse_rows)(to + before, x, at, end, y.y - y.x, length, row_step, pitch, step_w);
                PACKING(zeros)(to, after, rows_in * pitch);
            }
        }
    for (int c = 0; c < count; c++) {
        ACC *const to = image + c * plane;
        for (int j = phases_h * phases_w * rows_in * pitch; j < plane - VEC; j += VEC)
            VSTORE((V)(0), to + j);
        VSTORE((V)(0), to + plane - VEC);
    }
}

/* Copies the columns that weight `offset` meets to one dense run: all rows of all images. */
FUNCTION ACC *PACKING(densify)(ACC *to, const ACC *from, int images, int image_size, int rows, int columns, int pitch)
{
    if (pitch == columns) {
        columns *= rows;
        rows = 1;
    }
    for (int m = 0; m < images; m++)
        for (int i = 0; i < rows; i++, to += columns)
            for (int j = 0; j < columns; j += VEC)
                VSTORE(VLOAD(from + m * image_size + i * pitch + j), to + j);
    return to;
}
#endif

#if CONV_TAPS_FIRST
/* Where a tap reads along one dim: the phase of the image (-1: this output phase has no such tap), the shift in
 * it. */
static inline int2 TAPS(tap)(int tap, int phase, int dilation, int stride, int padding, int low)
{
#if MODE == INPUT_GRAD
    const int t = phase + padding - tap * dilation;
    const int quotient = t >= 0 ? t / stride : -((-t + stride - 1) / stride);
    return (int2)(t == quotient * stride ? 0 : -1, quotient - low);
#else
    return (int2)(tap * dilation % stride, tap * dilation / stride);
#endif
}

/* Fills the table of one output phase with (offset in the image, offset in the weights) per source channel and
 * tap, and returns the number of taps. */
FUNCTION int TAPS(offsets)(int2 *table, int count, int phase_h, int phase_w, int kernel_h, int kernel_w,
                                int dilation_h, int dilation_w, int stride_h, int stride_w, int padding_h,
                                int padding_w, int low_h, int low_w, int phases_w, int rows_in, int pitch,
                                int plane, int weight_step)
{
    int taps = 0;
    for (int i = 0; i < kernel_h; i++) {
        const int2 y = TAPS(tap)(i, phase_h, dilation_h, stride_h, padding_h, low_h);
        for (int j = 0; j < kernel_w && y.x >= 0; j++) {
            int2 x = TAPS(tap)(j, phase_w, dilation_w, stride_w, padding_w, low_w);
            if (SHIFT && x.x >= 0)
                x = (int2)(MODE == INPUT_GRAD ? x.y : j, 0);
            if (x.x >= 0)
                table[taps++] = (int2)(((y.x * phases_w + x.x) * rows_in + y.y) * pitch + x.y, i * kernel_w + j);
        }
    }
    for (int c = 1; c < count; c++)
        for (int t = 0; t < taps; t++)
            table[c * taps + t] = table[t] + (int2)(c * plane, c * weight_step);
    return taps;
}
#endif
