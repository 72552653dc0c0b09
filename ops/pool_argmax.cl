/* pool_argmax.cl: what follows the first maximum of every window, on a CPU: its position, a value there, its gradient.
 *
 * Twins: tinygrad_cl/primitives/pool.py, tinygrad_cl/functional/pool.py.
 *
 * A register holds neighboring windows of one output row. A NaN beats every number, the first of equals wins, and
 * a window that meets no element of the input has position -1 (its value is 0, its cotangent goes nowhere).
 *
 * Macros
 *   TAG, SCALAR  register tag and type of one lane
 *   PLACE        the signed integer type as wide as SCALAR: int or long
 *   IN_T, OUT_T  storage types of the inputs and of the output
 *   WIDEN        1: elements of IN_T must be converted to SCALAR one by one
 *   WANT         0: positions in the plane; 1: the value of v there; 2: g summed there, an input plane at a time
 * Hole
 *   EPILOGUE(value, j, n)  takes n output elements from element j on (WANT 1 and 2)
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
#ifndef WANT
#define WANT 2
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, j, n) CAT(STOREP_, OUT_T)(value, out, j, n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

#define V CAT(V_, TAG)
#define P CAT(PLACE, VEC)
#define VLOAD(p) CAT(vload, VEC)(0, p)
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
    CAT(vstore, VEC)(best, 0, values);
    CAT(vstore, VEC)(place, 0, places);
    int first = 0;
    for (int l = 1; l < VEC; l++) {
        const int over = !(values[l] <= values[first]) && values[first] == values[first];
        const int same = values[l] == values[first] || (values[l] != values[l] && values[first] != values[first]);
        if (places[l] >= 0 && (places[first] < 0 || over || (same && places[l] < places[first])))
            first = l;
    }
    return places[first];
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
        CAT(vstore, VEC)(NAME(argmax)(x, base, limit, oh, ow, n, lane, SIZES), 0, places);
}

#if WANT == 2
/* Adds the cotangents of one plane's windows where their maxima lie. */
static inline void NAME(scatter)(__global SCALAR *sums, __global const IN_T *g, __global const IN_T *x, size_t plane,
                                 size_t limit, GEOMETRY)
{
    const size_t base = plane * height * width;
    const P lane = (P)(CAT(LANES_, VEC));
    for (int oh = 0; oh < out_height; oh++) {
        for (int ow = 0; ow < out_width; ow += VEC) {
            const int n = min(VEC, out_width - ow);
            PLACE places[VEC];
            NAME(find)(places, x, base, limit, oh, ow, n, lane, SIZES);
            const size_t at = (plane * out_height + oh) * out_width + ow;
            for (int l = 0; l < n; l++)
                if (places[l] >= 0)
                    sums[places[l]] += CAT(LOAD1_, IN_T)(g, at + l);
        }
    }
}

/* `group` planes at a time are summed in this work-item's part of `scratch`. */
VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *g, __global const IN_T *x,
                                   __global SCALAR *scratch, const int group, const int planes,
                                   GEOMETRY EPILOGUE_PARAMS)
{
    const size_t pixels = (size_t)height * width, limit = planes * pixels;
    const size_t first = (size_t)planes * get_global_id(0) / get_global_size(0);
    const size_t last = (size_t)planes * (get_global_id(0) + 1) / get_global_size(0);
    __global SCALAR *sums = scratch + get_global_id(0) * group * pixels;
    for (size_t plane = first; plane < last; plane += group) {
        const size_t count = min((size_t)group, last - plane), total = count * pixels;
        for (size_t t = 0; t < total; t++)
            sums[t] = 0;
        for (size_t p = 0; p < count; p++)
            NAME(scatter)(sums + p * pixels, g, x, plane + p, limit, SIZES);
        for (size_t t = 0; t < total; t += VEC) {
            const int n = (int)min((size_t)VEC, total - t);
            EPILOGUE(CAT(LOADP_, SCALAR)(sums, t, n), plane * pixels + t, n);
        }
    }
}
#else
/* Inputs: x; or v, x. */
VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out,
#if WANT == 1
                                   __global const IN_T *v,
#endif
                                   __global const IN_T *x, const int planes, GEOMETRY EPILOGUE_PARAMS)
{
    const size_t rows = (size_t)planes * out_height, limit = (size_t)planes * height * width;
    const size_t first = rows * get_global_id(0) / get_global_size(0);
    const size_t last = rows * (get_global_id(0) + 1) / get_global_size(0);
    const P lane = (P)(CAT(LANES_, VEC));
    for (size_t row = first; row < last; row++) {
        const size_t base = row / out_height * height * width;
        const int oh = (int)(row % out_height);
        for (int ow = 0; ow < out_width; ow += VEC) {
            const int n = min(VEC, out_width - ow);
            const size_t at = row * out_width + ow;
            PLACE places[VEC];
            NAME(find)(places, x, base, limit, oh, ow, n, lane, SIZES);
#if WANT == 1
            SCALAR lanes[VEC];
            for (int l = 0; l < VEC; l++)
                lanes[l] = l < n && places[l] >= 0 ? (SCALAR)CAT(LOAD1_, IN_T)(v, base + places[l]) : 0;
            EPILOGUE(VLOAD(lanes), at, n);
#else
            for (int l = 0; l < n; l++)
                out[at + l] = places[l];
#endif
        }
    }
}
#endif

#undef TAG
#undef SCALAR
#undef PLACE
#undef IN_T
#undef OUT_T
#undef WIDEN
#undef WANT
#undef EPILOGUE
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
#undef V
#undef P
#undef VLOAD
#undef GEOMETRY
#undef SIZES
