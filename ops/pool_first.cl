/* pool_first.cl: the maximum of every window and where in the window it lies first, or the average, on a CPU.
 *
 * Twins: pool_collect.cl and pool_offset.cl, which read the places; tinygrad_cl/primitives/pool_offset.py, pool.py.
 *
 * A work-item takes whole planes, and a register of neighboring windows from the first row to the last: each row of
 * elements is folded along the windows' columns, and the last SPAN_H of these folds downwards. Where a row of windows
 * fills half a register at most, two planes share one. Rows of windows lie in `maxima` and `places`, `length` apart,
 * until they are handed on in order.
 *
 * A NaN beats every number, the first of equals wins. Padding is the least value and beats nothing: where all taps are
 * the least value, the first one inside the plane is the place. A window that meets no element has the place NONE.
 *
 * Macros
 *   TAG, SCALAR    register tag and type of one lane: f32 float, f64 double
 *   PLACE          the signed integer type as wide as SCALAR: int or long
 *   IN_T, OUT_T    storage types of the input and of the maxima
 *   LOWEST         the least value of TAG
 *   VALUES, PLACES 1: maxima are wanted; 1: places are wanted
 *   AVERAGE        1: sums divided by `divisor`, and LOWEST is 0; not with PLACES
 *   PADDED         1: some windows reach outside the plane
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
#ifndef AVERAGE
#define AVERAGE 0
#endif
#ifndef PADDED
#define PADDED 1
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
#define SPAN_H ((KERNEL_H - 1) * DILATION_H + 1)
#define SPAN_W ((KERNEL_W - 1) * DILATION_W + 1)
#define REACH (VEC * STRIDE_W + SPAN_W + VEC) /* elements of a row that a register of windows may touch */
#define NONE 255
#define NOWHERE (-65536) /* the place where a window meets nothing */

/* Tap j of a register of windows; the right half of it begins at `right`, or (not `narrow`) continues the left. */
static inline V NAME(tap)(__global const IN_T *left, __global const IN_T *right, const int narrow, const int j)
{
    const int from = j * DILATION_W;
#if STRIDE_W == 2
    const V a = CAT(LOADP_, IN_T)(left, from & ~1, VEC), b = CAT(LOADP_, IN_T)(right, from & ~1, VEC);
    V tap;
    tap.lo = from & 1 ? a.odd : a.even;
    tap.hi = from & 1 ? b.odd : b.even;
#else
    V tap = CAT(LOADSP_, IN_T)(left, from, STRIDE_W, VEC);
    if (narrow)
        tap.hi = CAT(LOADSP_, IN_T)(right, from, STRIDE_W, VEC).lo;
#endif
    return tap;
}

/* Keeps what beats the best so far. `odd` says where that is a NaN: so the comparison needs to wait for one value only. */
#if AVERAGE
#define KEEP(acc, where, odd, tap, here, missing) acc += (tap)
#elif PLACES
#define KEEP(acc, where, odd, tap, here, missing)                 \
    do {                                                          \
        const P better = (!((tap) <= acc) & ~odd) | (missing);    \
        acc = better ? (tap) : acc;                               \
        where = better ? (here) : where;                          \
        odd |= (tap) != (tap);                                    \
    } while (0)
#else
#define KEEP(acc, where, odd, tap, here, missing)      \
    do {                                               \
        odd |= !((tap) <= acc) & !((tap) > acc);       \
        acc = (tap) > acc ? (tap) : acc;               \
    } while (0)
#endif

/* Without places a NaN only shows in `odd`, so that a maximum is one instruction; then it becomes the maximum. */
#if AVERAGE || PLACES
#define SETTLED(acc, odd) (acc)
#else
#define SETTLED(acc, odd) ((odd) ? (V)(LOWEST) - (V)(LOWEST) : (acc))
#endif

/* The maxima of one row of the windows, and in which column each lies first; `start`: where the windows begin. */
static inline V NAME(along)(P *place, __global const IN_T *left, __global const IN_T *right, const int narrow,
                            const P start, const P inside, const int width)
{
#if PADDED
    V acc = (V)(LOWEST);
    P column = inside, odd = (P)(0);
#else
    V acc = NAME(tap)(left, right, narrow, 0);
    P column = (P)(0), odd = acc != acc;
#endif
#pragma unroll
    for (int j = !PADDED; j < KERNEL_W; j++) {
        V tap = NAME(tap)(left, right, narrow, j);
#if PADDED
        const P at = start + (P)(j * DILATION_W);
        tap = (at >= 0) & (at < (P)(width)) ? tap : (V)(LOWEST);
#endif
        KEEP(acc, column, odd, tap, (P)(j), (P)(0));
    }
    *place = column;
    return SETTLED(acc, odd);
}

/* A register of windows from row `begin` to row `end`. In row h its elements begin at x[at + h * width], and those of
 * its right half `ahead` further. */
static inline void NAME(down)(__global SCALAR *maxima, __global uchar *places, __global const IN_T *x,
                              const long at, const long ahead, const int narrow, const P start, const int begin,
                              const int end, const int height, const int width, const int padding_h, const int length,
                              const int divisor)
{
    V best[SPAN_H];
    P place[SPAN_H];
    P inside = (P)(0); /* the first column of each window that lies in the plane */
#if PADDED
    const P skip = start < 0 ? ((P)(DILATION_W - 1) - start) / (P)(DILATION_W) : (P)(0);
    inside = (skip < (P)(KERNEL_W)) & (start + skip * (P)(DILATION_W) < (P)(width)) ? skip : (P)(NOWHERE);
#endif
    const int top = begin * STRIDE_H - padding_h, bottom = (end - 1) * STRIDE_H - padding_h + SPAN_H;
    for (int h = top, wait = SPAN_H; h < bottom; h++) {
        V row = (V)(LOWEST);
        P column = (P)(NOWHERE);
        if (!PADDED || (h >= 0 && h < height)) {
            const long from = at + (long)h * width;
            row = NAME(along)(&column, x + from, x + from + ahead, narrow, start, inside, width);
        }
#pragma unroll
        for (int i = 0; i < SPAN_H; i++) {
            best[i] = i + 1 < SPAN_H ? best[i + 1 < SPAN_H ? i + 1 : i] : row;
            place[i] = i + 1 < SPAN_H ? place[i + 1 < SPAN_H ? i + 1 : i] : column;
        }
        if (--wait)
            continue;
        wait = STRIDE_H;
        V acc = best[0];
        P where = place[0], odd = acc != acc;
#pragma unroll
        for (int i = 1; i < KERNEL_H; i++)
            KEEP(acc, where, odd, best[i * DILATION_H], place[i * DILATION_H] + (P)(i * KERNEL_W),
                 PADDED ? where < 0 : (P)(0));
#if VALUES
        VSTORE(AVERAGE ? acc / (V)(divisor) : SETTLED(acc, odd), maxima);
#endif
#if PLACES
        VSTORE(WIDE(convert_uchar)(where < 0 ? (P)(NONE) : where), places);
#endif
        maxima += length;
        places += length;
    }
}

VECTOR_KERNEL __kernel void KERNEL(
#if VALUES
    __global OUT_T *out,
#endif
#if PLACES
    __global uchar *offsets,
#endif
    __global const IN_T *x, __global SCALAR *scratch, const long stride, const int band, const int planes,
    const int height, const int width, const int out_height, const int out_width, const int padding_h,
    const int padding_w, const int divisor EPILOGUE_PARAMS)
{
    const size_t first = (size_t)planes * get_global_id(0) / get_global_size(0);
    const size_t last = (size_t)planes * (get_global_id(0) + 1) / get_global_size(0);
    const size_t windows = (size_t)out_height * out_width, enough = last * windows;
    const long pixels = (long)height * width, limit = planes * pixels;
    const int narrow = out_width <= VEC / 2, length = (out_width + VEC - 1) / VEC * VEC;
    const P lane = narrow ? (P)(LANE_NUMBERS) & (P)(VEC / 2 - 1) : (P)(LANE_NUMBERS);
    __global SCALAR *maxima = scratch + get_global_id(0) * stride;
    __global uchar *places = (__global uchar *)(maxima + (size_t)band * length);
    __global IN_T *spare = (__global IN_T *)(scratch + get_global_size(0) * stride) + REACH;
    spare += get_global_id(0) ? 2 * (pixels + REACH) : 0;
    size_t done = first * windows;
    for (size_t plane = first; plane < last; plane += 1 + narrow) {
        const int both = narrow && plane + 1 < last;
        const long corner = plane * pixels, used = (1 + both) * pixels, ahead = narrow ? both * pixels : VEC;
        __global const IN_T *from = x + corner;
        if (corner < REACH || corner + used + REACH > limit) { /* nothing outside x is read */
            for (long byte = 0; byte < used * (long)sizeof(IN_T); byte++)
                ((__global uchar *)spare)[byte] = ((__global const uchar *)from)[byte];
            from = spare;
        }
        for (int begin = 0; begin < out_height; begin += band) {
            const int end = min(begin + band, out_height);
            for (int t = 0; t < length; t += VEC) {
                const int left = t * STRIDE_W - padding_w;
                NAME(down)(maxima + t, places + t, from, left, ahead, narrow, lane * (P)(STRIDE_W) + (P)(left), begin,
                           end, height, width, padding_h, length, divisor);
            }
            /* What a register gives beyond its row is overwritten by what comes later. */
            for (int side = 0; side <= both; side++)
                for (int oh = begin; oh < end; oh++) {
                    const int row = (oh - begin) * length + side * (VEC / 2);
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
}

#undef TAG
#undef SCALAR
#undef PLACE
#undef IN_T
#undef OUT_T
#undef LOWEST
#undef VALUES
#undef PLACES
#undef AVERAGE
#undef PADDED
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
#undef KEEP
#undef SETTLED
#undef SPAN_H
#undef SPAN_W
#undef REACH
#undef NONE
#undef NOWHERE
