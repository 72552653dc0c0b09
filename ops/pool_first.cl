/* pool_first.cl: the maximum of every window and where in the window it lies first, on a CPU.
 *
 * Twins: pool_collect.cl and pool_offset.cl, which read the places; tinygrad_cl/primitives/pool_offset.py.
 *
 * A work-item takes `group` planes at a time. A row of all of them lies in `line`, plane by plane, `pitch` windows
 * each; it is folded along the columns of the windows, and the rows of a window are folded downwards. A NaN beats
 * every number, the first of equals wins. Padding is the least value and beats nothing: where all taps are the least
 * value, the first one inside the plane is the place. A window that meets no element has the place NONE.
 *
 * Macros
 *   TAG, SCALAR    register tag and type of one lane: f32 float, f64 double
 *   PLACE          the signed integer type as wide as SCALAR: int or long
 *   IN_T, OUT_T    storage types of the input and of the maxima
 *   LOWEST         the least value of TAG
 *   VALUES, PLACES 1: maxima are wanted; 1: places are wanted
 *   KERNEL_H, KERNEL_W, STRIDE_H, STRIDE_W, DILATION_H, DILATION_W  the windows
 * Hole
 *   EPILOGUE(value, j, n)  takes n maxima from element j on
 */
#ifndef TAG
#define TAG f32
#define SCALAR float
#define PLACE int
#define IN_T float
#define OUT_T float
#define LOWEST -INFINITY
#endif
#ifndef VALUES
#define VALUES 1
#endif
#ifndef PLACES
#define PLACES 1
#endif
#ifndef KERNEL_H
#define KERNEL_H 3
#define KERNEL_W 3
#define STRIDE_H 2
#define STRIDE_W 2
#define DILATION_H 1
#define DILATION_W 1
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, j, n) CAT(STOREP_, OUT_T)(value, out, j, n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

#define V CAT(V_, TAG)
#define P WIDE(PLACE)
#define VLOAD(p) WIDE(vload)(0, p)
#define VSTORE(value, p) WIDE(vstore)(value, 0, p)
#define BEATS(a, b) (!((a) <= (b)) & ((b) == (b)))
#define SPAN_H ((KERNEL_H - 1) * DILATION_H + 1)
#define SPAN_W ((KERNEL_W - 1) * DILATION_W + 1)
#define NONE 255
#define NOWHERE (-65536) /* the column of a window that meets no column */

/* Every STRIDE_W-th element from p on. */
static inline V NAME(spaced)(__global const SCALAR *p)
{
#if STRIDE_W == 1
    return VLOAD(p);
#elif STRIDE_W == 2
    const V a = VLOAD(p), b = VLOAD(p + VEC);
    V even;
    even.lo = a.even;
    even.hi = b.even;
    return even;
#else
    SCALAR lanes[VEC];
    for (int l = 0; l < VEC; l++)
        lanes[l] = p[l * STRIDE_W];
    return VLOAD(lanes);
#endif
}

/* Puts row h of `count` planes into `line`; `at` is where that of the first one lies in x. */
static inline void NAME(pack)(__global SCALAR *line, __global const IN_T *x, size_t at, size_t limit, size_t pixels,
                              int count, int used, int room, int padding_w, int padded)
{
    for (int g = 0; g < count; g++, at += pixels, line += room) {
        for (int t = 0; t < used; t += VEC) {
            const int n = at + t + VEC <= limit ? VEC : (int)(limit - at - t);
            const V row = CAT(LOADP_, IN_T)(x, at + t, n);
            VSTORE(row, line + padding_w + t);
        }
        if (padded)
            for (int t = padding_w + used; t < room + padding_w; t++)
                line[t] = LOWEST;
    }
}

/* The maxima of the windows' columns of `line`, and in which column each lies first. */
static inline void NAME(along)(__global SCALAR *best, __global PLACE *column, __global const SCALAR *line,
                               __global const PLACE *firsts, const int padded, int length)
{
    for (int t = 0; t < length; t += VEC) {
        V acc = padded ? (V)(LOWEST) : NAME(spaced)(line + t * STRIDE_W);
#if PLACES
        P place = padded ? VLOAD(firsts + t) : (P)(0);
#endif
        for (int j = padded ? 0 : 1; j < KERNEL_W; j++) {
            const V tap = NAME(spaced)(line + t * STRIDE_W + j * DILATION_W);
            const P better = BEATS(tap, acc);
            acc = better ? tap : acc;
#if PLACES
            place = better ? (P)(j) : place;
#endif
        }
        VSTORE(acc, best + t);
#if PLACES
        VSTORE(place, column + t);
#endif
    }
}

/* Folds the rows begin..end-1 of the windows, which lie at `slots` in `best` and `column`. */
static inline void NAME(down)(__global SCALAR *maxima, __global uchar *places, __global const SCALAR *best,
                              __global const PLACE *column, const int *slots, const int begin, const int end, int length)
{
    for (int t = 0; t < length; t += VEC) {
        V acc = begin < end ? VLOAD(best + slots[begin] + t) : (V)(LOWEST);
#if PLACES
        P place = begin < end ? VLOAD(column + slots[begin] + t) + (P)(begin * KERNEL_W) : (P)(NOWHERE);
#endif
        for (int i = begin + 1; i < end; i++) {
            const V tap = VLOAD(best + slots[i] + t);
            const P better = BEATS(tap, acc);
            acc = better ? tap : acc;
#if PLACES
            const P here = VLOAD(column + slots[i] + t) + (P)(i * KERNEL_W);
            place = better ? here : place;
#endif
        }
        VSTORE(acc, maxima + t);
#if PLACES
        VSTORE(WIDE(convert_uchar)(place < 0 ? (P)(NONE) : place), places + t);
#endif
    }
}

VECTOR_KERNEL __kernel void KERNEL(
#if VALUES
    __global OUT_T *out,
#endif
#if PLACES
    __global uchar *offsets,
#endif
    __global const IN_T *x, __global SCALAR *scratch, const long stride, const int group,
    const int pitch, const int planes, const int height, const int width, const int out_height, const int out_width,
    const int padding_h, const int padding_w EPILOGUE_PARAMS)
{
    const size_t first = (size_t)planes * get_global_id(0) / get_global_size(0);
    const size_t last = (size_t)planes * (get_global_id(0) + 1) / get_global_size(0);
    const size_t pixels = (size_t)height * width, limit = planes * pixels, windows = (size_t)out_height * out_width;
    const int length = (group * pitch + VEC - 1) / VEC * VEC, room = pitch * STRIDE_W;
    const int reach = (out_width - 1) * STRIDE_W + SPAN_W - padding_w, used = min(width, reach);
    const int padded = padding_w > 0 || reach > width, wide = length * STRIDE_W + (SPAN_W + VEC) / VEC * VEC + VEC;
    __global SCALAR *lines = scratch + get_global_id(0) * stride;
    __global PLACE *firsts = (__global PLACE *)(lines + KERNEL_H * wide);
    __global PLACE *column = firsts + length;
    __global SCALAR *best = (__global SCALAR *)(column + SPAN_H * length);
    __global SCALAR *maxima = best + SPAN_H * length;
    __global uchar *places = (__global uchar *)(maxima + (size_t)out_height * length + VEC);
    for (int i = 0; i < KERNEL_H; i++)
        for (int t = 0; t < padding_w; t++)
            lines[i * wide + t] = LOWEST;
    for (int t = 0; t < length; t++) {
        const int start = t % pitch * STRIDE_W - padding_w;
        const int skip = start < 0 ? (DILATION_W - 1 - start) / DILATION_W : 0;
        firsts[t] = skip < KERNEL_W && start + skip * DILATION_W < width ? skip : NOWHERE;
    }
    size_t done = first * windows;
    const size_t enough = last * windows;
    for (size_t plane = first; plane < last; plane += group) {
        const int count = (int)min((size_t)group, last - plane);
        int held[SPAN_H], slots[KERNEL_H]; /* the row in each slot; the slot of each row of a window */
        for (int s = 0; s < SPAN_H; s++)
            held[s] = -1;
        for (int oh = 0; oh < out_height; oh++) {
            const int top = oh * STRIDE_H - padding_h;
            const int begin = top < 0 ? (DILATION_H - 1 - top) / DILATION_H : 0;
            const int end = top < height ? min(KERNEL_H, (height - 1 - top) / DILATION_H + 1) : 0;
            int fresh[KERNEL_H], rows = 0; /* slots whose rows are folded now: packed first, so that stores settle */
            for (int i = begin; i < end; i++) {
                const int h = top + i * DILATION_H, slot = h % SPAN_H;
                slots[i] = slot * length;
                if (held[slot] == h)
                    continue;
                held[slot] = h;
                NAME(pack)(lines + rows * wide, x, plane * pixels + (size_t)h * width, limit, pixels, count, used, room,
                           padding_w, padded);
                fresh[rows++] = slots[i];
            }
            for (int r = 0; r < rows; r++)
                if (padded)
                    NAME(along)(best + fresh[r], column + fresh[r], lines + r * wide, firsts, 1, length);
                else
                    NAME(along)(best + fresh[r], column + fresh[r], lines + r * wide, firsts, 0, length);
            __global SCALAR *row = maxima + (size_t)oh * length;
            __global uchar *row_places = places + (size_t)oh * length;
            if (begin == 0 && end == KERNEL_H)
                NAME(down)(row, row_places, best, column, slots, 0, KERNEL_H, length);
            else
                NAME(down)(row, row_places, best, column, slots, begin, end, length);
        }
        /* What a register gives beyond its row is overwritten by what comes later. */
        for (int g = 0; g < count; g++)
            for (int oh = 0; oh < out_height; oh++) {
                const size_t row = (size_t)oh * length + g * pitch;
                for (int ow = 0, n; ow < out_width; ow += VEC, done += n) {
                    n = min(VEC, out_width - ow);
                    const int given = done + VEC <= enough ? VEC : n;
#if PLACES
                    STOREP_uchar(VLOAD(places + row + ow), offsets, done, given);
#endif
#if VALUES
                    EPILOGUE(VLOAD(maxima + row + ow), done, given);
#endif
                }
            }
    }
}

#undef TAG
#undef SCALAR
#undef PLACE
#undef IN_T
#undef OUT_T
#undef LOWEST
#undef VALUES
#undef PLACES
#undef KERNEL_H
#undef KERNEL_W
#undef STRIDE_H
#undef STRIDE_W
#undef DILATION_H
#undef DILATION_W
#undef EPILOGUE
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
#undef V
#undef P
#undef VLOAD
#undef VSTORE
#undef BEATS
#undef SPAN_H
#undef SPAN_W
#undef NONE
#undef NOWHERE
