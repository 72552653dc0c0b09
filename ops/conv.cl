/* conv.cl: convolution, its input gradient and its weight gradient on a CPU, without a layout pass.
 *
 * Twins: tinygrad_cl/primitives/conv.py (plans: plans_conv.py), tinygrad_cl/functional/conv.py.
 *
 * A task is a block: some images, one group, some rows and columns of the output, some source channels. It copies what the
 * block reads into a private image: padded, and split by the phases of the stride, so that the VEC neighbors of an output
 * row are always VEC neighbors of an image row, whatever the stride. Columns are numbered through the whole image with the
 * image's pitch; what the wrap-around makes between two rows is dropped. Each product with a weight is then one vector load at
 *     image + offset(source channel, tap) + column
 * with all offsets in a table, and a register tile holds ROWS result channels times COLS vectors of columns.
 *
 * The input gradient is the same with g as the source: output pixel i of dim h takes g[(i + padding - tap * dilation) / stride]
 * where that division is exact, so the outputs fall into `stride` phases, each with its own taps and its own run of columns.
 * The weight gradient multiplies g, padded with zeros to the image's pitch, with the shifted image, and sums over columns;
 * so a weight may become NaN if x is not finite anywhere near.
 *
 * Macros
 *   TAG, ACC          register tag and type of the sums: f32 float, f64 double
 *   IN_T, OUT_T       storage types
 *   MODE              FORWARD, INPUT_GRAD, WEIGHT_GRAD
 *   PANEL             1: small maps are packed densely, one run of columns per weight (no wrap-around, more copying)
 *   PACK_A            1: weights are converted to ACC first (a storage type that is dear to read one by one)
 *   DEEP              1: a block may have less than all source channels, so sums are kept between blocks
 * Tunables
 *   ROWS, COLS        register tile: result channels and vectors; in WEIGHT_GRAD result channels and weights
 *   IMAGE, TABLE, KEPT, LINE, DENSE, WEIGHTS   elements of private memory for the image, the offsets (pairs), the sums of a block
 *                     (WEIGHT_GRAD: the cotangents), the pixels (WEIGHT_GRAD: the weights) of one channel, the panel
 * Hole
 *   EPILOGUE(value, image, channel, pixel, n)  takes n pixels of a channel (WEIGHT_GRAD has none)
 */
#define FORWARD 0
#define INPUT_GRAD 1
#define WEIGHT_GRAD 2
#ifndef TAG
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#endif
#ifndef MODE
#define MODE FORWARD
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
#ifndef ROWS
#define ROWS 8
#define COLS 3
#endif
#ifndef IMAGE
#define IMAGE 32768
#define TABLE 1024
#define KEPT 32768
#define LINE 4096
#define DENSE 1
#define WEIGHTS 1
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, image, channel, pixel, n) \
    CAT(STOREP_, OUT_T)(value, out, ((image) * groups * results + (channel)) * pixels + (pixel), n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

#define V CAT(V_, TAG)
#define VLOAD(p) CAT(vload, VEC)(0, p)
#define VSTORE(value, p) CAT(vstore, VEC)(value, 0, p)
#define UNROLLED(n) __attribute__((opencl_unroll_hint(n)))
#define PRIVATE(type, name, size) type name[size] __attribute__((aligned(64)))

/* Sizes that all modes share. A block is `block_rows` x `block_columns` output pixels of one phase. */
#define GEOMETRY                                                                                                      \
    const int images, const int groups, const int sources, const int results, const int height, const int width,      \
        const int out_height, const int out_width, const int kernel_h, const int kernel_w, const int stride_h,        \
        const int stride_w, const int padding_h, const int padding_w, const int dilation_h, const int dilation_w,     \
        const int low_h, const int low_w, const int block_images, const int block_sources, const int block_results,   \
        const int block_rows, const int block_columns, const int rows_in, const int pitch, const int run,             \
        const int chunk, const int per

/* VEC elements of x from x[at] on, those at `end` and beyond are not read. */
static inline V NAME(load)(__global const IN_T *x, size_t at, size_t end)
{
    if (at + VEC <= end)
        return CAT(LOADP_, IN_T)(x, at, VEC);
    return CAT(LOADP_, IN_T)(x, at, at < end ? (int)(end - at) : 0);
}

static inline void NAME(zeros)(ACC *to, int from, int end)
{
    for (int j = from; j < end; j += VEC)
        VSTORE((V)(0), to + j);
}

/* Copies `count` rows of `length` elements that lie `step` apart in x to rows that lie `pitch` apart, with zeros between them. Up
 * to VEC - 1 elements beyond are overwritten, so images are filled in increasing order. */
static inline void NAME(rows)(ACC *to, __global const IN_T *x, size_t at, size_t end, int count, int length, size_t step,
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
            NAME(zeros)(to, length, pitch);
        }
    }
}

/* The same for every step-th element of a row. */
static inline void NAME(sparse_rows)(ACC *to, __global const IN_T *x, size_t at, size_t end, int count, int length,
                                     size_t row_step, int pitch, int step)
{
    for (int i = 0; i < count; i++, at += row_step, to += pitch) {
        if (step == 2) {
            for (int j = 0; j < length; j += VEC) {
                const V a = NAME(load)(x, at + 2 * j, end), b = NAME(load)(x, at + 2 * j + VEC, end);
                V even;
                even.lo = a.even;
                even.hi = b.even;
                VSTORE(even, to + j);
            }
        } else {
            for (int j = 0; j < length; j++)
                to[j] = CAT(LOAD1_, IN_T)(x, at + (size_t)j * step);
        }
        NAME(zeros)(to, length, pitch);
    }
}

/* How many of `count` steps from `first` lie before 0 (x) and before `size` (y). */
static inline int2 NAME(inside)(int first, int step, int count, int size)
{
    const int before = first < 0 ? min(count, (-first + step - 1) / step) : 0;
    return (int2)(before, size > first ? max(before, min(count, (size - first + step - 1) / step)) : before);
}

/* Packs `count` channels of one image from channel `first_channel` on: [channel][row phase][column phase][rows_in][pitch]. */
static inline ACC *NAME(pack)(ACC *to, __global const IN_T *x, size_t end, size_t first_channel, int count, int height,
                              int width, int top, int left, int step_h, int step_w, int phases_h, int phases_w,
                              int rows_in, int pitch)
{
    for (int c = 0; c < count; c++)
        for (int a = 0; a < phases_h; a++)
            for (int b = 0; b < phases_w; b++, to += rows_in * pitch) {
                const int2 y = NAME(inside)(top + a, step_h, rows_in, height);
                const int2 z = NAME(inside)(left + b, step_w, pitch, width);
                const size_t at = ((first_channel + c) * height + top + a + y.x * step_h) * width + left + b + z.x * step_w;
                ACC *const corner = to + y.x * pitch + z.x;
                NAME(zeros)(to, 0, y.x * pitch + z.x);
                if (step_w == 1)
                    NAME(rows)(corner, x, at, end, y.y - y.x, z.y - z.x, (size_t)step_h * width, pitch);
                else
                    NAME(sparse_rows)(corner, x, at, end, y.y - y.x, z.y - z.x, (size_t)step_h * width, pitch, step_w);
                NAME(zeros)(to, y.y * pitch + z.x, rows_in * pitch);
            }
    return to;
}

/* Where one dim of a tap reads: the phase of the image and the shift in it; -1 if this output phase has no such tap. */
static inline int2 NAME(tap)(int tap, int phase, int dilation, int stride, int padding, int low)
{
#if MODE == INPUT_GRAD
    const int t = phase + padding - tap * dilation;
    const int quotient = t >= 0 ? t / stride : -((-t + stride - 1) / stride);
    return (int2)(t == quotient * stride ? 0 : -1, quotient - low);
#else
    return (int2)(tap * dilation % stride, tap * dilation / stride);
#endif
}

/* Fills the table for one output phase: (offset in the image, offset in the weights) per source channel and tap; returns the taps. */
static inline int NAME(offsets)(int2 *table, int count, int phase_h, int phase_w, int kernel_h, int kernel_w,
                                int dilation_h, int dilation_w, int stride_h, int stride_w, int padding_h,
                                int padding_w, int low_h, int low_w, int phases_w, int rows_in, int pitch,
                                int channel_size, int weight_step)
{
    int taps = 0;
    for (int i = 0; i < kernel_h; i++) {
        const int2 y = NAME(tap)(i, phase_h, dilation_h, stride_h, padding_h, low_h);
        for (int j = 0; j < kernel_w && y.x >= 0; j++) {
            const int2 x = NAME(tap)(j, phase_w, dilation_w, stride_w, padding_w, low_w);
            if (x.x >= 0)
                table[taps++] = (int2)(((y.x * phases_w + x.x) * rows_in + y.y) * pitch + x.y, i * kernel_w + j);
        }
    }
    for (int c = 1; c < count; c++)
        for (int t = 0; t < taps; t++)
            table[c * taps + t] = table[t] + (int2)(c * channel_size, c * weight_step);
    return taps;
}

#if MODE == WEIGHT_GRAD
/* A task: a chunk of images, one group, a block of source channels, a block of result channels. Its sums go to
 * out[chunk][channel][weight]; a second pass adds the chunks. */
VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *x, __global const IN_T *g, GEOMETRY)
{
    PRIVATE(ACC, image, IMAGE);
    PRIVATE(ACC, cotangent, KEPT);
    PRIVATE(ACC, line, LINE * ROWS);
    PRIVATE(int2, table, TABLE);
#if PANEL
    PRIVATE(ACC, dense, DENSE);
#endif
    const int taps = kernel_h * kernel_w;
    const int phases_h = min(stride_h, (kernel_h - 1) * dilation_h + 1);
    const int phases_w = min(stride_w, (kernel_w - 1) * dilation_w + 1);
    const int channel_size = phases_h * phases_w * rows_in * pitch;
    NAME(offsets)(table, block_sources, 0, 0, kernel_h, kernel_w, dilation_h, dilation_w, stride_h, stride_w, padding_h,
                  padding_w, 0, 0, phases_w, rows_in, pitch, channel_size, taps);
    const size_t x_end = (size_t)images * groups * sources * height * width;
    const size_t g_end = (size_t)images * groups * results * out_height * out_width;
    const int chunks = (images + chunk - 1) / chunk;
    const int across = (sources + block_sources - 1) / block_sources;
    const int down = (results + block_results - 1) / block_results;
    const size_t tasks = (size_t)chunks * groups * across * down;
    const size_t last = min(tasks, (get_global_id(0) + 1) * per);
    for (size_t task = get_global_id(0) * per; task < last; task++) {
        const int c0 = (int)(task % across) * block_sources, sources_here = min(block_sources, sources - c0);
        const int o0 = (int)(task / across % down) * block_results, results_here = min(block_results, results - o0);
        const int group = (int)(task / across / down % groups), part = (int)(task / across / down / groups);
        const int n1 = min(images, (part + 1) * chunk), depth = sources_here * taps;
        const size_t row_size = (size_t)sources * taps;
        const size_t corner = ((size_t)part * groups * results + group * results + o0) * row_size + (size_t)c0 * taps;
        int first = 1;
        for (int n0 = part * chunk; n0 < n1; n0 += block_images)
            for (int y0 = 0; y0 < out_height; y0 += block_rows)
                for (int x0 = 0; x0 < out_width; x0 += block_columns) {
                    const int images_here = min(block_images, n1 - n0);
                    const int rows_here = min(block_rows, out_height - y0);
                    const int columns_here = min(block_columns, out_width - x0);
                    ACC *to = image;
                    for (int m = 0; m < images_here; m++)
                        to = NAME(pack)(to, x, x_end, ((size_t)(n0 + m) * groups + group) * sources + c0, sources_here,
                                        height, width, y0 * stride_h - padding_h, x0 * stride_w - padding_w, stride_h,
                                        stride_w, phases_h, phases_w, rows_in, pitch);
                    NAME(zeros)(to, 0, VEC);
                    const int image_size = sources_here * channel_size;
                    const int columns = images_here * rows_here * columns_here;
#if PANEL
                    /* One run of columns per weight: all rows of all images. */
                    for (int k = 0; k < depth; k++) {
                        ACC *row = dense + k * run;
                        for (int m = 0; m < images_here; m++)
                            for (int i = 0; i < rows_here; i++, row += columns_here)
                                for (int j = 0; j < columns_here; j += VEC)
                                    VSTORE(VLOAD(image + m * image_size + table[k].x + i * pitch + j), row + j);
                        NAME(zeros)(row, 0, VEC);
                    }
#endif
                    to = cotangent;
                    for (int o = 0; o < results_here; o++) {
                        for (int m = 0; m < images_here; m++) {
                            const size_t channel = ((size_t)(n0 + m) * groups + group) * results + o0 + o;
                            const int length = PANEL ? columns_here : pitch;
                            NAME(rows)(to, g, (channel * out_height + y0) * out_width + x0, g_end, rows_here,
                                       columns_here, out_width, length);
                            NAME(zeros)(to, rows_here * length, rows_here * length + VEC);
                            to += PANEL ? rows_here * columns_here : run;
                        }
                        to = cotangent + (o + 1) * run * (PANEL ? 1 : block_images);
                    }
                    const int cotangent_size = run * (PANEL ? 1 : block_images);
                    const int runs = PANEL ? 1 : images_here;
                    const int length = PANEL ? columns : (rows_here - 1) * pitch + columns_here;
                    for (int o = 0; o < results_here; o += ROWS) {
                        for (int k = 0; k < depth; k += COLS) {
                            V acc[ROWS * COLS];
                            UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
                                acc[i] = (V)(0);
                            /* Channels and weights beyond the last one repeat it and are dropped below. */
                            for (int m = 0; m < runs; m++) {
                                const ACC *left[ROWS], *right[COLS];
                                UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
                                    left[r] = cotangent + min(o + r, results_here - 1) * cotangent_size + m * run;
                                UNROLLED(COLS) for (int s = 0; s < COLS; s++) {
                                    const int at = min(k + s, depth - 1);
#if PANEL
                                    right[s] = dense + at * run;
#else
                                    right[s] = image + m * image_size + table[at].x;
#endif
                                }
                                for (size_t q = 0; q < (size_t)length; q += VEC) {
                                    V b[COLS];
                                    UNROLLED(COLS) for (int s = 0; s < COLS; s++)
                                        b[s] = VLOAD(right[s] + q);
                                    UNROLLED(ROWS) for (int r = 0; r < ROWS; r++) {
                                        const V a = VLOAD(left[r] + q);
                                        UNROLLED(COLS) for (int s = 0; s < COLS; s++)
                                            acc[r * COLS + s] = fma(a, b[s], acc[r * COLS + s]);
                                    }
                                }
                            }
                            UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
                                UNROLLED(COLS) for (int s = 0; s < COLS; s++)
                                    line[r * LINE + k + s] = CAT(HFOLD_sum_, TAG)(acc[r * COLS + s]);
                        }
                        for (int r = 0; r < ROWS && o + r < results_here; r++)
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
#else
/* Collects the sums of one channel from its phases' runs into `high` rows of `wide` pixels. */
static inline void NAME(gather)(ACC *line, const ACC *sums, int rows, int columns, int pitch, int high, int wide,
                                int up_h, int up_w, int run)
{
    if (up_h * up_w == 1) {
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j += VEC)
                VSTORE(VLOAD(sums + i * pitch + j), line + i * wide + j);
        return;
    }
    for (int p = 0; p < up_h * up_w; p++, sums += run)
        for (int i = 0, y = p / up_w; y < high; i++, y += up_h)
            for (int j = 0, x = p % up_w; x < wide; j++, x += up_w)
                line[y * wide + x] = sums[i * pitch + j];
}

/* A task: a block of images, one group, a block of output rows and columns, a block of result channels. */
VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *x, __global const IN_T *w,
                                   GEOMETRY EPILOGUE_PARAMS)
{
    PRIVATE(ACC, image, IMAGE);
    PRIVATE(ACC, kept, KEPT);
    PRIVATE(ACC, line, LINE);
    PRIVATE(int2, table, TABLE);
#if PANEL
    PRIVATE(ACC, dense, DENSE);
#endif
#if PACK_A
    PRIVATE(ACC, weights, WEIGHTS);
    size_t packed = -1;
#endif
#if MODE == INPUT_GRAD
    const int up_h = stride_h, up_w = stride_w, step_h = 1, step_w = 1, phases_h = 1, phases_w = 1;
    const size_t weight_row = kernel_h * kernel_w, weight_step = results * weight_row;
#else
    const int up_h = 1, up_w = 1, step_h = stride_h, step_w = stride_w;
    const int phases_h = min(stride_h, (kernel_h - 1) * dilation_h + 1);
    const int phases_w = min(stride_w, (kernel_w - 1) * dilation_w + 1);
    const size_t weight_step = kernel_h * kernel_w, weight_row = sources * weight_step;
#endif
    const int phases = up_h * up_w, channel_size = phases_h * phases_w * rows_in * pitch;
    const size_t pixels = (size_t)out_height * out_width;
    const size_t x_end = (size_t)images * groups * sources * height * width;

    /* One table per output phase, one after another; `begin` and `taps` are found again by counting. */
    int2 *next = table;
    for (int p = 0; p < phases; p++)
        next += block_sources * NAME(offsets)(next, block_sources, p / up_w, p % up_w, kernel_h, kernel_w, dilation_h,
                                              dilation_w, stride_h, stride_w, padding_h, padding_w, low_h, low_w,
                                              phases_w, rows_in, pitch, channel_size, (int)weight_step);

    const int entries = (int)(next - table);
    const int rows_up = (out_height + up_h - 1) / up_h, columns_up = (out_width + up_w - 1) / up_w;
    const int blocks_n = (images + block_images - 1) / block_images;
    const int blocks_y = (rows_up + block_rows - 1) / block_rows;
    const int blocks_x = (columns_up + block_columns - 1) / block_columns;
    const int blocks_o = (results + block_results - 1) / block_results;
    const size_t tasks = (size_t)blocks_n * groups * blocks_y * blocks_x * blocks_o;
    const size_t last = min(tasks, (get_global_id(0) + 1) * per);
    for (size_t task = get_global_id(0) * per; task < last; task++) {
        size_t rest = task;
        const int o0 = (int)(rest % blocks_o) * block_results, o1 = min(results, o0 + block_results);
        rest /= blocks_o;
        const int x0 = (int)(rest % blocks_x) * block_columns, columns_here = min(block_columns, columns_up - x0);
        rest /= blocks_x;
        const int y0 = (int)(rest % blocks_y) * block_rows, rows_here = min(block_rows, rows_up - y0);
        rest /= blocks_y;
        const int group = (int)(rest % groups), n0 = (int)(rest / groups) * block_images;
        const int images_here = min(block_images, images - n0);
        const int high = min(rows_here * up_h, out_height - y0 * up_h);
        const int wide = min(columns_here * up_w, out_width - x0 * up_w);
        __global const IN_T *group_weights = w + (size_t)group * sources * results * kernel_h * kernel_w;
        int c0 = 0;
        do {
            const int sources_here = min(block_sources, sources - c0);
            ACC *to = image;
            for (int m = 0; m < images_here; m++)
                to = NAME(pack)(to, x, x_end, ((size_t)(n0 + m) * groups + group) * sources + c0, sources_here, height,
                                width, y0 * step_h + low_h, x0 * step_w + low_w, step_h, step_w, phases_h, phases_w,
                                rows_in, pitch);
            const int image_size = sources_here * channel_size;
#if PACK_A
            const size_t wanted = ((size_t)group * results + o0) * sources + c0;
            if (wanted != packed) {
                for (int o = o0; o < o1; o += ROWS)
                    for (int r = 0; r < ROWS; r++) {
                        const size_t at = min(o + r, o1 - 1) * weight_row + c0 * weight_step;
                        for (int k = 0; k < entries; k++)
                            weights[((o - o0) / ROWS * entries + k) * ROWS + r] =
                                CAT(LOAD1_, IN_T)(group_weights, at + table[k].y);
                    }
                packed = wanted;
            }
#endif
#if PANEL
            const int length = images_here * rows_here * columns_here, runs = 1;
            const int depth_all = sources_here * kernel_h * kernel_w;
            for (int k = 0; k < depth_all; k++) {
                ACC *row = dense + k * run;
                for (int m = 0; m < images_here; m++)
                    for (int i = 0; i < rows_here; i++, row += columns_here)
                        for (int j = 0; j < columns_here; j += VEC)
                            VSTORE(VLOAD(image + m * image_size + table[k].x + i * pitch + j), row + j);
            }
#else
            const int length = (rows_here - 1) * pitch + columns_here, runs = images_here;
#endif
            for (int o = o0; o < o1; o += ROWS) {
                /* Channels beyond the last one repeat it and are dropped below. */
                __global const IN_T *row[ROWS];
                UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
                    row[r] = group_weights + min(o + r, o1 - 1) * weight_row + c0 * weight_step;
                const int2 *offset = table;
                for (int p = 0; p < phases; p++) {
#if MODE == INPUT_GRAD
                    /* Taps of this phase, as counted when the table was made. */
                    int taps_h = 0, taps_w = 0;
                    for (int i = 0; i < kernel_h; i++)
                        taps_h += (p / up_w + padding_h - i * dilation_h) % stride_h == 0;
                    for (int j = 0; j < kernel_w; j++)
                        taps_w += (p % up_w + padding_w - j * dilation_w) % stride_w == 0;
                    const int taps = taps_h * taps_w;
#else
                    const int taps = kernel_h * kernel_w;
#endif
                    const int depth = sources_here * taps;
#if PACK_A
                    const ACC *const mine = weights + (o - o0) * entries + (offset - table) * ROWS;
#endif
                    for (int m = 0; m < runs; m++) {
                        ACC *const sums = kept + (((DEEP ? (o - o0) : 0) * runs + m) * phases + p) * run;
                        const size_t sums_row = runs * phases * run;
                        for (int q = 0; q < length; q += COLS * VEC) {
                            V acc[ROWS * COLS];
                            if (DEEP && c0 > 0) {
                                UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
                                    UNROLLED(COLS) for (int v = 0; v < COLS; v++)
                                        acc[r * COLS + v] = VLOAD(sums + r * sums_row + q + v * VEC);
                            } else {
                                UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
                                    acc[i] = (V)(0);
                            }
#if PANEL
                            const ACC *from = dense + q;
#else
                            const ACC *const from = image + m * image_size + q;
#endif
                            for (int k = 0; k < depth; k++) {
                                const int2 at = offset[k];
                                V b[COLS];
                                UNROLLED(COLS) for (int v = 0; v < COLS; v++)
#if PANEL
                                    b[v] = VLOAD(from + k * run + v * VEC);
#else
                                    b[v] = VLOAD(from + at.x + v * VEC);
#endif
                                UNROLLED(ROWS) for (int r = 0; r < ROWS; r++) {
#if PACK_A
                                    const V a = (V)(mine[k * ROWS + r]);
#else
                                    const V a = (V)(row[r][at.y]);
#endif
                                    UNROLLED(COLS) for (int v = 0; v < COLS; v++)
                                        acc[r * COLS + v] = fma(a, b[v], acc[r * COLS + v]);
                                }
                            }
                            UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
                                UNROLLED(COLS) for (int v = 0; v < COLS; v++)
                                    VSTORE(acc[r * COLS + v], sums + r * sums_row + q + v * VEC);
                        }
                    }
                    offset += block_sources * taps;
                }
                if (c0 + block_sources < sources)
                    continue;
                for (int channel = o; channel < min(o + ROWS, o1); channel++)
                    for (int m = 0; m < images_here; m++) {
                        const ACC *sums = kept + (size_t)(channel - (DEEP ? o0 : o)) * runs * phases * run;
#if PANEL
                        sums += m * rows_here * columns_here;
#else
                        sums += m * phases * run;
                        if (phases > 1 || pitch != wide) {
                            NAME(gather)(line, sums, rows_here, columns_here, pitch, high, wide, up_h, up_w, run);
                            sums = line;
                        }
#endif
                        const int lines = wide == out_width ? 1 : high, count = wide == out_width ? high * wide : wide;
                        for (int i = 0; i < lines; i++)
                            for (int q = 0; q < count; q += VEC) {
                                const V value = VLOAD(sums + i * wide + q);
                                const size_t i0 = n0 + m, i1 = group * results + channel;
                                const size_t j = ((size_t)y0 * up_h + i) * out_width + x0 * up_w + q;
                                const int n = min(VEC, count - q);
                                EPILOGUE(value, i0, i1, j, n);
                            }
                    }
            }
            c0 += block_sources;
        } while (c0 < sources);
    }
}
#endif

#undef FORWARD
#undef INPUT_GRAD
#undef WEIGHT_GRAD
#undef V
#undef VLOAD
#undef VSTORE
#undef UNROLLED
#undef PRIVATE
#undef GEOMETRY
