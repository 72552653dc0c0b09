/* pool_element.cl: pooling and its gradients, one output element after another: for GPUs and the widest windows.
 *
 * Twins: tinygrad_cl/primitives/pool.py, tinygrad_cl/functional/pool.py.
 *
 * Registers are single lanes (VEC is 1). Gradients are gathered: each pixel asks the windows that hold it, in order.
 *
 * Macros
 *   TAG, SCALAR  register tag and type: f32 float, f64 double, i32 int, i64 long, u8 uchar
 *   IN_T, OUT_T  storage types of the inputs and of the output
 *   LOWEST         the least value of TAG: -INFINITY, INT_MIN, ...
 *   WANT         what each element is: one of the WANT_ values below
 * Hole
 *   EPILOGUE(value, j, n)  takes output element j; n is 1
 */
#ifndef TAG
#define TAG f32
#define SCALAR float
#define IN_T float
#define OUT_T float
#define LOWEST -INFINITY
#endif
#ifndef WANT
#define WANT WANT_MAX
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, j, n) CAT(STOREP_, OUT_T)(value, out, j, n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

#define WANT_MAX 0          /* x: the window's maximum */
#define WANT_AVERAGE 1      /* x: the window's average */
#define WANT_INDEX 2        /* x: the position in the plane of the first maximum, -1 if there is none */
#define WANT_VALUE 3        /* v, x: v at that position */
#define WANT_SUM 4          /* g, positions: g of the windows whose maximum lies here */
#define WANT_SPREAD 5       /* g: shares of g of the windows that hold this pixel */
#define WANT_PLACE 6        /* x: the place in the window of the first maximum, 255 if there is none */
#define WANT_BOTH 7         /* x: the window's maximum, and in `out1` its place */
#define WANT_TAKE 8         /* v, places: v there */
#define WANT_COLLECT 9      /* g, places: g of the windows whose maximum lies here */
#define OF_PIXELS (WANT == WANT_SUM || WANT == WANT_SPREAD || WANT == WANT_COLLECT)
#define BY_PLACES (WANT == WANT_TAKE || WANT == WANT_COLLECT)
#define NONE 255

#define GEOMETRY                                                                                              \
    const int height, const int width, const int out_height, const int out_width, const int kernel_h,         \
        const int kernel_w, const int stride_h, const int stride_w, const int padding_h, const int padding_w, \
        const int dilation_h, const int dilation_w, const int divisor, const int include_pad
#define SIZES                                                                                       \
    height, width, out_height, out_width, kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, \
        dilation_h, dilation_w, divisor, include_pad

#if WANT == WANT_AVERAGE || WANT == WANT_SPREAD
/* By what the sum of the window (oh, ow) is divided; padding counts up to the right padding's end. */
static inline int NAME(divisor)(int oh, int ow, GEOMETRY)
{
    if (divisor)
        return divisor;
    int top = oh * stride_h - padding_h, left = ow * stride_w - padding_w;
    int bottom = min(top + kernel_h, height + padding_h), right = min(left + kernel_w, width + padding_w);
    if (!include_pad) {
        top = max(top, 0);
        left = max(left, 0);
        bottom = max(top, min(bottom, height));
        right = max(left, min(right, width));
    }
    return max(1, (bottom - top) * (right - left));
}
#endif

#if !OF_PIXELS && !BY_PLACES
/* Folds the window (oh, ow) of the plane that starts at x[base]; `place` receives where its first maximum lies: in the
 * plane, or in the window. */
static inline SCALAR NAME(window)(__global const IN_T *x, size_t base, int oh, int ow, int *place, GEOMETRY)
{
    SCALAR acc = WANT == WANT_AVERAGE ? (SCALAR)0 : LOWEST;
    *place = -1;
    for (int i = 0; i < kernel_h; i++) {
        const int h = oh * stride_h - padding_h + i * dilation_h;
        for (int j = 0; j < kernel_w; j++) {
            const int w = ow * stride_w - padding_w + j * dilation_w;
            if (h < 0 || h >= height || w < 0 || w >= width)
                continue;
            const SCALAR tap = CAT(LOAD1_, IN_T)(x, base + (size_t)h * width + w);
#if WANT == WANT_AVERAGE
            acc += tap;
#else
            if (*place < 0 || tap > acc || (tap != tap && acc == acc)) {
                acc = tap;
                *place = WANT >= WANT_PLACE ? i * kernel_w + j : h * width + w;
            }
#endif
        }
    }
    return acc;
}
#elif OF_PIXELS
/* Sums what the windows that hold pixel (h, w) give to it; `base` is where their plane starts in g. */
static inline SCALAR NAME(collect)(__global const IN_T *g,
#if WANT == WANT_SUM
                                   __global const int *places,
#elif WANT == WANT_COLLECT
                                   __global const uchar *places,
#endif
                                   size_t base, int h, int w, GEOMETRY)
{
    SCALAR sum = 0;
    for (int i = kernel_h - 1; i >= 0; i--) {
        const int down = h + padding_h - i * dilation_h;
        if (down < 0 || down % stride_h || down / stride_h >= out_height)
            continue;
        for (int j = kernel_w - 1; j >= 0; j--) {
            const int along = w + padding_w - j * dilation_w;
            if (along < 0 || along % stride_w || along / stride_w >= out_width)
                continue;
            const int oh = down / stride_h, ow = along / stride_w;
            const size_t at = base + (size_t)oh * out_width + ow;
#if WANT == WANT_SUM
            if (places[at] == h * width + w)
                sum += CAT(LOAD1_, IN_T)(g, at);
#elif WANT == WANT_COLLECT
            if (places[at] == i * kernel_w + j)
                sum += CAT(LOAD1_, IN_T)(g, at);
#else
            sum += CAT(LOAD1_, IN_T)(g, at) / NAME(divisor)(oh, ow, SIZES);
#endif
        }
    }
    return sum;
}
#endif

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out,
#if WANT == WANT_BOTH
                                   __global uchar *out1,
#endif
                                   __global const IN_T *in0,
#if BY_PLACES
                                   __global const uchar *in1,
#elif WANT == WANT_VALUE
                                   __global const IN_T *in1,
#elif WANT == WANT_SUM
                                   __global const int *in1,
#endif
                                   const int planes, GEOMETRY EPILOGUE_PARAMS)
{
    const int rows = OF_PIXELS ? height : out_height, cols = OF_PIXELS ? width : out_width;
    const size_t pixels = (size_t)rows * cols, total = planes * pixels;
    const size_t chunk = (total + get_global_size(0) - 1) / get_global_size(0);
    const size_t end = min(total, (get_global_id(0) + 1) * chunk);
    for (size_t at = get_global_id(0) * chunk; at < end; at++) {
        const size_t plane = at / pixels;
        const int row = (int)(at % pixels / cols), col = (int)(at % cols);
#if !OF_PIXELS
        const size_t base = plane * height * width;
        int place;
#endif
#if WANT == WANT_MAX
        EPILOGUE(NAME(window)(in0, base, row, col, &place, SIZES), at, 1);
#elif WANT == WANT_AVERAGE
        EPILOGUE(NAME(window)(in0, base, row, col, &place, SIZES) / NAME(divisor)(row, col, SIZES), at, 1);
#elif WANT == WANT_INDEX
        NAME(window)(in0, base, row, col, &place, SIZES);
        out[at] = place;
#elif WANT == WANT_VALUE
        NAME(window)(in1, base, row, col, &place, SIZES);
        const SCALAR value = place < 0 ? (SCALAR)0 : (SCALAR)CAT(LOAD1_, IN_T)(in0, base + max(place, 0));
        EPILOGUE(value, at, 1);
#elif WANT == WANT_PLACE
        NAME(window)(in0, base, row, col, &place, SIZES);
        out[at] = place < 0 ? NONE : place;
#elif WANT == WANT_BOTH
        const SCALAR value = NAME(window)(in0, base, row, col, &place, SIZES);
        out1[at] = place < 0 ? NONE : place;
        EPILOGUE(value, at, 1);
#elif WANT == WANT_TAKE
        place = in1[at];
        const int h = row * stride_h - padding_h + place / kernel_w * dilation_h;
        const int w = col * stride_w - padding_w + place % kernel_w * dilation_w;
        const SCALAR value = place == NONE ? (SCALAR)0 : (SCALAR)CAT(LOAD1_, IN_T)(in0, base + (size_t)h * width + w);
        EPILOGUE(value, at, 1);
#elif WANT == WANT_SUM || WANT == WANT_COLLECT
        EPILOGUE(NAME(collect)(in0, in1, plane * out_height * out_width, row, col, SIZES), at, 1);
#else
        EPILOGUE(NAME(collect)(in0, plane * out_height * out_width, row, col, SIZES), at, 1);
#endif
    }
}

#undef TAG
#undef SCALAR
#undef IN_T
#undef OUT_T
#undef LOWEST
#undef WANT
#undef EPILOGUE
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
#undef WANT_MAX
#undef WANT_AVERAGE
#undef WANT_INDEX
#undef WANT_VALUE
#undef WANT_SUM
#undef WANT_SPREAD
#undef WANT_PLACE
#undef WANT_BOTH
#undef WANT_TAKE
#undef WANT_COLLECT
#undef OF_PIXELS
#undef BY_PLACES
#undef NONE
#undef GEOMETRY
#undef SIZES
