/* dense_gpu.cl: matrix products and convolutions on a GPU, tiled in local memory.
 *
 * Twins: the GPU plans in tinygrad_cl/primitives/plans_matmul.py and plans_conv.py.
 *
 * out[batch][m][n] = sum over k of A(m, k) * B(k, n). A loader says what A and B are: strided matrices, or for
 * the convolutions the matrices that the textbook unfolds, read in place. A work-group of SIDE x SIDE makes a
 * tile of (SIDE * ITEMS) x (SIDE * ITEMS) outputs. Slice s of `slices` sums over k from s * split on; several
 * are added by a second pass.
 *
 * Macros
 *   TAG, ACC, IN_T, OUT_T   register tag, type of the sums, storage types
 *   LOADER       MATMUL, FORWARD, INPUT_GRAD (of a convolution) or WEIGHT_GRAD
 *   A_ALONG_K    1: neighbors along k are loaded by neighboring work-items; 0: those along m
 *   B_ALONG_K    1: those along k; 0: those along n
 * Tunables
 *   ITEMS        outputs of a work-item along each side
 * Hole
 *   EPILOGUE(value, i0, i1, j, n)  takes one output: i0, i1 are batch and row (convolutions: image and channel)
 */
#define MATMUL 0
#define FORWARD 1
#define INPUT_GRAD 2
#define WEIGHT_GRAD 3
#ifndef TAG
#define TAG f32
#define ACC float
#define IN_T float
#define OUT_T float
#endif
#ifndef LOADER
#define LOADER MATMUL
#endif
#ifndef A_ALONG_K
#define A_ALONG_K 1
#endif
#ifndef B_ALONG_K
#define B_ALONG_K 0
#endif
#ifndef ITEMS
#define ITEMS 4
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, i0, i1, j, n) CAT(STOREP_, OUT_T)(value, out, place, n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif
#define SIDE 16
#define TILE (SIDE * ITEMS)
#define READ(p, at) ((ACC)CAT(LOAD1_, IN_T)(p, at))

#if LOADER == MATMUL
#define LOADER_PARAMS                                                                                              \
    const int batch1, const int batch2, const long a_first, const long a_0, const long a_1, const long a_2,        \
        const long a_m, const long a_k, const long b_first, const long b_0, const long b_1, const long b_2,        \
        const long b_k, const long b_n
#define LOADER_SETUP                                                                                               \
    const size_t at2 = batch % batch2, at1 = batch / batch2 % batch1, at0 = batch / batch2 / batch1;               \
    const size_t left = a_first + at0 * a_0 + at1 * a_1 + at2 * a_2;                                               \
    const size_t right = b_first + at0 * b_0 + at1 * b_1 + at2 * b_2;
#define A_AT(m, k) READ(a, left + (m) * a_m + (k) * a_k)
#define B_AT(k, n) READ(b, right + (k) * b_k + (n) * b_n)
#define FIRST_INDEX batch
#define SECOND_INDEX(m) (m)
#else
#define LOADER_PARAMS                                                                                              \
    const int groups, const int channels, const int outputs, const int height, const int width,                   \
        const int out_height, const int out_width, const int kernel_h, const int kernel_w, const int stride_h,     \
        const int stride_w, const int padding_h, const int padding_w, const int dilation_h, const int dilation_w
#define TAPS (kernel_h * kernel_w)

/* The input element that output pixel p and weight k (channel, row, column) of an image's group meet; 0 in the
 * padding. */
#define WINDOW(x, corner, p, k)                                                                                    \
    NAME(window)(x, corner, p, k, height, width, out_width, kernel_h, kernel_w, stride_h, stride_w, padding_h,     \
                 padding_w, dilation_h, dilation_w)
static inline ACC NAME(window)(__global const IN_T *x, size_t corner, int p, int k, int height, int width,
                               int out_width, int kernel_h, int kernel_w, int stride_h, int stride_w, int padding_h,
                               int padding_w, int dilation_h, int dilation_w)
{
    const int tap = k % (kernel_h * kernel_w);
    const int i = p / out_width * stride_h - padding_h + tap / kernel_w * dilation_h;
    const int j = p % out_width * stride_w - padding_w + tap % kernel_w * dilation_w;
    if (i < 0 || i >= height || j < 0 || j >= width)
        return 0;
    return READ(x, ((corner + k / (kernel_h * kernel_w)) * height + i) * width + j);
}

/* The cotangent that input pixel p meets through weight k (output channel, row, column): that of the output
 * pixel whose window has p at this tap, if there is one. */
static inline ACC NAME(scattered)(__global const IN_T *g, size_t corner, int p, int k, int width, int out_height,
                                  int out_width, int kernel_h, int kernel_w, int stride_h, int stride_w,
                                  int padding_h, int padding_w, int dilation_h, int dilation_w)
{
    const int tap = k % (kernel_h * kernel_w);
    const int i = p / width + padding_h - tap / kernel_w * dilation_h;
    const int j = p % width + padding_w - tap % kernel_w * dilation_w;
    if (i < 0 || j < 0 || i % stride_h || j % stride_w || i / stride_h >= out_height || j / stride_w >= out_width)
        return 0;
    return READ(g, ((corner + k / (kernel_h * kernel_w)) * out_height + i / stride_h) * out_width + j / stride_w);
}

#if LOADER == FORWARD
#define LOADER_SETUP const size_t group = batch % groups, image = batch / groups;
#define A_AT(m, k) READ(b, (group * outputs + (m)) * K + (k))
#define B_AT(k, n) WINDOW(a, batch * channels, n, k)
#elif LOADER == INPUT_GRAD
#define LOADER_SETUP const size_t group = batch % groups, image = batch / groups;
#define A_AT(m, k) READ(b, ((group * outputs + (k) / TAPS) * channels + (m)) * TAPS + (k) % TAPS)
#define B_AT(k, n)                                                                                                 \
    NAME(scattered)(a, batch * outputs, n, k, width, out_height, out_width, kernel_h, kernel_w, stride_h,           \
                    stride_w, padding_h, padding_w, dilation_h, dilation_w)
#else
#define LOADER_SETUP const size_t group = batch, image = 0, pixels = (size_t)out_height * out_width;
#define A_AT(m, k) READ(b, (((k) / pixels * groups + group) * outputs + (m)) * pixels + (k) % pixels)
#define B_AT(k, n) WINDOW(a, ((k) / pixels * groups + group) * channels, (k) % pixels, n)
#endif
#define FIRST_INDEX image
#define SECOND_INDEX(m) (group * M + (m))
#endif

__kernel void KERNEL(__global OUT_T *out, __global const IN_T *a, __global const IN_T *b, const int batches,
                     const int M, const int N, const int K, const int slices, const int split,
                     LOADER_PARAMS EPILOGUE_PARAMS)
{
    __local ACC left_tile[SIDE][TILE + 1], right_tile[SIDE][TILE + 1];
    const size_t tx = get_local_id(0), ty = get_local_id(1), lane = ty * SIDE + tx;
    const size_t n0 = get_group_id(0) * TILE, m0 = get_group_id(1) * TILE;
    const size_t slice = get_group_id(2) / batches, batch = get_group_id(2) % batches;
    const size_t end = min((size_t)K, (slice + 1) * split);
    LOADER_SETUP
    ACC sums[ITEMS][ITEMS];
    for (int i = 0; i < ITEMS; i++)
        for (int j = 0; j < ITEMS; j++)
            sums[i][j] = 0;
    for (size_t k0 = slice * split; k0 < end; k0 += SIDE) {
        for (size_t e = lane; e < SIDE * TILE; e += SIDE * SIDE) {
            const size_t ka = A_ALONG_K ? e % SIDE : e / TILE, m = A_ALONG_K ? e / SIDE : e % TILE;
            left_tile[ka][m] = m0 + m < (size_t)M && k0 + ka < end ? A_AT(m0 + m, k0 + ka) : 0;
            const size_t kb = B_ALONG_K ? e % SIDE : e / TILE, n = B_ALONG_K ? e / SIDE : e % TILE;
            right_tile[kb][n] = n0 + n < (size_t)N && k0 + kb < end ? B_AT(k0 + kb, n0 + n) : 0;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int k = 0; k < SIDE; k++)
            for (int i = 0; i < ITEMS; i++)
                for (int j = 0; j < ITEMS; j++)
                    sums[i][j] = fma(left_tile[k][ty + i * SIDE], right_tile[k][tx + j * SIDE], sums[i][j]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int i = 0; i < ITEMS; i++)
        for (int s = 0; s < ITEMS; s++) {
            const size_t m = m0 + ty + i * SIDE, j = n0 + tx + s * SIDE;
            if (m < (size_t)M && j < (size_t)N) {
                const size_t place = ((slice * batches + batch) * M + m) * N + j;
                const size_t i0 = FIRST_INDEX, i1 = SECOND_INDEX(m);
                EPILOGUE(sums[i][s], i0, i1, j, 1);
            }
        }
}
