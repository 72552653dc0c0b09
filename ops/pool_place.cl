/* pool_place.cl: the position of the first maximum of every window, for the kernels that follow it.
 *
 * Included by pool_argmax.cl, pool_argmax_grad.cl.
 *
 * A register holds neighboring windows of one output row. A NaN beats every number, the first of equals wins, and
 * a window that meets no element of the input has position -1.
 *
 * Macros
 *   TAG, SCALAR  register tag and type of one lane
 *   PLACE        the signed integer type as wide as SCALAR: int or long
 *   IN_T         storage type of the inputs
 *   WIDEN        1: elements of IN_T must be converted to SCALAR one by one
 */
#ifndef TAG
#define TAG f32
#define SCALAR float
#define PLACE int
#define IN_T float
#define OUT_T float
#endif
#ifndef WIDEN
#define WIDEN 0
#endif

#define V CAT(V_, TAG)
#define P CAT(PLACE, VEC)
#define VLOAD(p) WIDE(vload)(0, p)
#define VSTORE(value, p) WIDE(vstore)(value, 0, p)
#define GEOMETRY                                                                                              \
    const int height, const int width, const int out_height, const int out_width, const int kernel_h,         \
        const int kernel_w, const int stride_h, const int stride_w, const int padding_h, const int padding_w, \
        const int dilation_h, const int dilation_w
#define SIZES                                                                                       \
    height, width, out_height, out_width, kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, \
        dilation_h, dilation_w

/* n elements of a row at columns col, col + step, ...; a column outside the row gives whatever stands there. */
static inline V NAME(spaced)(__global const IN_T *x, size_t row, size_t limit, int width, int col, int step, int n)
{
#if !WIDEN
    const long at = (long)row + col;
    if (step == 1 && at >= 0 && at + VEC <= limit)
        return CAT(LOADP_, IN_T)(x, at, VEC);
    if (step == 2 && at >= 0 && at + 2 * VEC <= limit) {
        const V a = CAT(LOADP_, IN_T)(x, at, VEC), b = CAT(LOADP_, IN_T)(x, at + VEC, VEC);
        V even;
        even.lo = a.even;
        even.hi = b.even;
        return even;
    }
#endif
    SCALAR lanes[VEC];
    for (int l = 0; l < VEC; l++, col += step)
        lanes[l] = l < n && col >= 0 && col < width ? (SCALAR)CAT(LOAD1_, IN_T)(x, row + col) : (SCALAR)0;
    return VLOAD(lanes);
}

/* Keeps what beats the best so far; where nothing was kept yet, anything does. */
static inline void NAME(keep)(V *best, P *place, V tap, P position, P valid)
{
    const P better = valid & ((*place < 0) | (!(tap <= *best) & (*best == *best)));
    *best = better ? tap : *best;
    *place = better ? position : *place;
}

/* The positions at which the first maxima of n windows from (oh, ow) on lie in the plane that starts at x[base]. */
static inline P NAME(argmax)(__global const IN_T *x, size_t base, size_t limit, int oh, int ow, int n, P lane, GEOMETRY)
{
    const int top = oh * stride_h - padding_h, start = ow * stride_w - padding_w;
    const P steps = lane * (P)(stride_w);
    P place = (P)(-1);
    V best = (V)(0);
    for (int i = 0, h = top; i < kernel_h; i++, h += dilation_h) {
        if (h < 0 || h >= height)
            continue;
        for (int j = 0, col = start; j < kernel_w; j++, col += dilation_w) {
            const V tap = NAME(spaced)(x, base + (size_t)h * width, limit, width, col, stride_w, n);
            const P cols = (P)(col) + steps;
            NAME(keep)(&best, &place, tap, (P)(h * width) + cols, (cols >= 0) & (cols < width));
        }
    }
    return place;
}

#if !WIDEN
/* VEC neighbors of x[at], or every second one. */
static inline V NAME(tap)(__global const IN_T *x, size_t at, int stride)
{
    V tap = CAT(LOADP_, IN_T)(x, at, VEC);
    if (stride == 2) {
        const V next = CAT(LOADP_, IN_T)(x, at + VEC, VEC);
        tap.lo = tap.even;
        tap.hi = next.even;
    }
    return tap;
}

/* The same for VEC windows that lie inside the columns; the first one's first element is
 * x[at], at `position`. First the maxima, then from the last element to the first who is one: steps that wait for
 * one another are short. */
static inline P NAME(inside)(__global const IN_T *x, size_t at, P position, int rows, int kernel_w, int stride_w,
                             int dilation_w, int row_step)
{
    V best = NAME(tap)(x, at, stride_w), odd = (V)(0);
    const size_t last = (kernel_w - 1) * dilation_w;
    for (int i = 0; i < rows; i++)
        for (size_t j = 0; j <= last; j += dilation_w) {
            const V tap = NAME(tap)(x, at + i * row_step + j, stride_w);
            best = tap > best ? tap : best;
            odd = tap != tap ? tap : odd;
        }
    best = odd != odd ? odd : best;
    P place = position;
    for (int i = rows - 1; i >= 0; i--)
        for (long j = last; j >= 0; j -= dilation_w) {
            const V tap = NAME(tap)(x, at + i * row_step + j, stride_w);
            place = (tap == best) | (tap != tap) ? position + (P)(i * row_step + j) : place;
        }
    return place;
}
#endif

/* The same for one window without dilation, in which VEC columns are looked at together. */
static inline PLACE NAME(argmax_wide)(__global const IN_T *x, size_t base, size_t limit, int oh, int ow, P lane,
                                      GEOMETRY)
{
    const int top = max(oh * stride_h - padding_h, 0), bottom = min(oh * stride_h - padding_h + kernel_h, height);
    const int left = max(ow * stride_w - padding_w, 0), right = min(ow * stride_w - padding_w + kernel_w, width);
    P place = (P)(-1);
    V best = (V)(0);
    for (int h = top; h < bottom; h++) {
        for (int col = left; col < right; col += VEC) {
            const V tap = NAME(spaced)(x, base + (size_t)h * width, limit, width, col, 1, min(VEC, right - col));
            const P cols = (P)(col) + lane;
            NAME(keep)(&best, &place, tap, (P)(h * width) + cols, cols < right);
        }
    }
    SCALAR values[VEC];
    PLACE places[VEC];
    WIDE(vstore)(best, 0, values);
    WIDE(vstore)(place, 0, places);
    int first = 0;
    for (int l = 1; l < VEC; l++) {
        const int over = !(values[l] <= values[first]) && values[first] == values[first];
        const int same = values[l] == values[first] || (values[l] != values[l] && values[first] != values[first]);
        if (places[l] >= 0 && (places[first] < 0 || over || (same && places[l] < places[first])))
            first = l;
    }
    return places[first];
}

/* The same for n windows: by `inside` where it can be. */
static inline P NAME(narrow)(__global const IN_T *x, size_t base, size_t limit, int oh, int ow, int n, P lane, GEOMETRY)
{
#if !WIDEN
    const int top = oh * stride_h - padding_h, skip = top < 0 ? (dilation_h - 1 - top) / dilation_h : 0;
    const int rows = min(kernel_h, (height - 1 - top + dilation_h) / dilation_h) - skip;
    const int start = (top + skip * dilation_h) * width, column = ow * stride_w - padding_w;
    const int span = (kernel_w - 1) * dilation_w;
    const size_t at = base + start + column;
    if (stride_w <= 2 && rows > 0 && column >= 0 && column + (n - 1) * stride_w + span < width
        && at + (size_t)(rows - 1) * dilation_h * width + span + 2 * VEC <= limit)
        return NAME(inside)(x, at, (P)(start + column) + lane * (P)(stride_w), rows, kernel_w, stride_w, dilation_w,
                            dilation_h * width);
#endif
    return NAME(argmax)(x, base, limit, oh, ow, n, lane, SIZES);
}

/* Writes to `places` where the first maxima of n windows lie, in whichever way takes fewer steps. */
static inline void NAME(find)(PLACE *places, __global const IN_T *x, size_t base, size_t limit, int oh, int ow, int n,
                              P lane, GEOMETRY)
{
    const int wide = n * (kernel_h * ((kernel_w + VEC - 1) / VEC) + VEC);
    if (dilation_h == 1 && dilation_w == 1 && wide < kernel_h * kernel_w)
        for (int l = 0; l < n; l++)
            places[l] = NAME(argmax_wide)(x, base, limit, oh, ow + l, lane, SIZES);
    else
        WIDE(vstore)(NAME(narrow)(x, base, limit, oh, ow, n, lane, SIZES), 0, places);
}
