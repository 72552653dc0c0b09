/* pool_unpool.cl: the gradients of 2 x 2 pooling with stride 2 and no padding, on a CPU.
 *
 * Twins: tinygrad_cl/primitives/pool.py, tinygrad_cl/functional/pool.py.
 *
 * A work-item takes whole planes. Each register of windows gives two rows of the input's gradient, which gather in
 * `stage` until dense vectors of them can be handed to the epilogue. A window's cotangent goes to its first maximum
 * (a NaN beats every number), or in equal shares to all four. Loads may touch what lies behind g and x, as vector loads
 * may.
 *
 * Macros
 *   TAG, SCALAR  register tag and type of one lane: f32 float, f64 double
 *   IN_T, OUT_T  storage types
 *   AVERAGE      1: the gradient of avg_pool2d, from g alone; 0: that of max_pool2d, from g and x
 * Tunables
 *   ROOM         elements of private memory for finished rows; a row has at most half as many
 * Hole
 *   EPILOGUE(value, j, n)  takes n output elements from element j on
 */
#ifndef TAG
#define TAG f32
#define SCALAR float
#define IN_T float
#define OUT_T float
#endif
#ifndef AVERAGE
#define AVERAGE 0
#endif
#ifndef ROOM
#define ROOM 1024
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, j, n) CAT(STOREP_, OUT_T)(value, out, j, n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

#define V CAT(V_, TAG)
#define VLOAD(p) WIDE(vload)(0, p)
#define VSTORE(value, p) WIDE(vstore)(value, 0, p)
#define BEATS(a, b) (!((a) <= (b)) & ((b) == (b)))

/* Writes even[0], odd[0], even[1], ... of the left or the right half of two registers. */
static inline void NAME(low)(SCALAR *p, V even, V odd)
{
    V pairs;
    pairs.even = even.lo;
    pairs.odd = odd.lo;
    VSTORE(pairs, p);
}

static inline void NAME(high)(SCALAR *p, V even, V odd)
{
    V pairs;
    pairs.even = even.hi;
    pairs.odd = odd.hi;
    VSTORE(pairs, p);
}

/* Writes two rows of windows' cotangents, as (even, odd) columns. The right half of the register belongs `ahead`
 * elements further: it continues the row, or (`narrow`) it is the next row of windows. What a register writes beyond
 * its row is overwritten by what comes later. */
static inline void NAME(write)(SCALAR *top, int width, V even0, V odd0, V even1, V odd1, const int both,
                               const int narrow, int ahead)
{
    SCALAR *bottom = top + width;
    NAME(low)(top, even0, odd0);
    if (both && !narrow)
        NAME(high)(top + ahead, even0, odd0);
    NAME(low)(bottom, even1, odd1);
    if (both && narrow)
        NAME(high)(top + ahead, even0, odd0);
    if (both)
        NAME(high)(bottom + ahead, even1, odd1);
}

#if AVERAGE
static inline void NAME(windows)(SCALAR *top, int width, V g, const int both, const int narrow, int ahead,
                                 int divisor)
{
    const V share = g / (V)(divisor);
    NAME(write)(top, width, share, share, share, share, both, narrow, ahead);
}
#else
/* Sends the cotangents of the windows over x[at] and x[at + width]. */
static inline void NAME(windows)(SCALAR *top, int width, V g, const int both, const int narrow, int ahead,
                                 __global const IN_T *x, size_t at)
{
    const V a = CAT(LOADP_, IN_T)(x, at, VEC), c = CAT(LOADP_, IN_T)(x, at + width, VEC);
    V b = a, d = c;
    if (both) {
        b = CAT(LOADP_, IN_T)(x, at + ahead, VEC);
        d = CAT(LOADP_, IN_T)(x, at + width + ahead, VEC);
    }
    V x00, x01, x10, x11;
    x00.lo = a.even;
    x00.hi = b.even;
    x01.lo = a.odd;
    x01.hi = b.odd;
    x10.lo = c.even;
    x10.hi = d.even;
    x11.lo = c.odd;
    x11.hi = d.odd;
    const V zero = (V)(0);
    const V upper = MAXIMUM(x00, x01), lower = MAXIMUM(x10, x11);
    const V g0 = BEATS(lower, upper) ? zero : g, g1 = BEATS(lower, upper) ? g : zero;
    NAME(write)(top, width, BEATS(x01, x00) ? zero : g0, BEATS(x01, x00) ? g0 : zero,
                BEATS(x11, x10) ? zero : g1, BEATS(x11, x10) ? g1 : zero, both, narrow, ahead);
}
#endif

/* What `windows` needs beside g. */
#if AVERAGE
#define GIVEN(at) divisor
#else
#define GIVEN(at) x, at
#endif

/* Hands out the full registers of `stage`, moves the rest to its start, and returns how many were handed out. */
static inline int NAME(flush)(SCALAR *stage, int filled, size_t done, __global OUT_T *out EPILOGUE_PARAMS)
{
    int sent = 0;
    for (; sent + VEC <= filled; sent += VEC)
        EPILOGUE(VLOAD(stage + sent), done + sent, VEC);
    VSTORE(VLOAD(stage + sent), stage);
    return sent;
}

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *g,
#if AVERAGE
                                   const int divisor,
#else
                                   __global const IN_T *x,
#endif
                                   const int planes, const int height, const int width, const int out_height,
                                   const int out_width EPILOGUE_PARAMS)
{
    SCALAR stage[2 * ROOM + 4 * VEC];
    const size_t first = (size_t)planes * get_global_id(0) / get_global_size(0);
    const size_t last = (size_t)planes * (get_global_id(0) + 1) / get_global_size(0);
    /* Planes of even height are one tall plane. */
    const int odd = height & 1, narrow = out_width <= VEC / 2;
    const size_t tall = odd ? out_height : (last - first) * out_height;
    size_t done = first * height * width, at = done, g_at = first * out_height * out_width;
    int filled = 0; /* `done` is where stage[0] belongs */
    for (size_t plane = first; plane < last; plane += odd ? 1 : last - first) {
        for (size_t oh = 0, rows; oh < tall; oh += rows) {
            rows = narrow && oh + 1 < tall ? 2 : 1;
            SCALAR *top = stage + filled;
            if (narrow) {
                V cotangent = CAT(LOADP_, IN_T)(g, g_at, VEC);
                if (rows == 2)
                    cotangent.hi = CAT(LOADP_, IN_T)(g, g_at + out_width, VEC).lo;
                NAME(windows)(top, width, cotangent, rows == 2, 1, 2 * width, GIVEN(at));
            } else {
                /* From the right, so that what a register writes beyond its row is overwritten. */
                for (int ow = (out_width - 1) / VEC * VEC; ow >= 0; ow -= VEC) {
                    const V cotangent = CAT(LOADP_, IN_T)(g, g_at + ow, VEC);
                    const int both = out_width - ow > VEC / 2;
                    NAME(windows)(top + 2 * ow, width, cotangent, both, 0, VEC, GIVEN(at + 2 * ow));
                }
            }
            if (width & 1)
                for (int r = 1; r <= 2 * (int)rows; r++)
                    top[r * width - 1] = 0;
            filled += 2 * (int)rows * width;
            at += 2 * rows * width;
            g_at += rows * out_width;
            if (odd && oh + rows == tall) {
                for (int t = 0; t < width; t++)
                    stage[filled++] = 0;
                at += width;
            }
            if (filled >= ROOM / 2) {
                const int sent = NAME(flush)(stage, filled, done, out EPILOGUE_ARGS);
                done += sent;
                filled -= sent;
            }
        }
    }
    const int sent = NAME(flush)(stage, filled, done, out EPILOGUE_ARGS);
    if (filled > sent)
        EPILOGUE(VLOAD(stage), done + sent, filled - sent);
}

#undef TAG
#undef SCALAR
#undef IN_T
#undef OUT_T
#undef AVERAGE
#undef ROOM
#undef EPILOGUE
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
#undef V
#undef VLOAD
#undef VSTORE
#undef BEATS
#undef GIVEN
