/* pool_tile.cl: 2 x 2 pooling with stride 2 and no padding, on a CPU.
 *
 * Twins: tinygrad_cl/primitives/pool.py, tinygrad_cl/functional/pool.py.
 *
 * A work-item takes a run of output rows. A row is folded from two rows of x in registers (which may touch what lies
 * behind x, as vector loads may); rows gather end to end in `stage` until dense vectors of them can be handed to the
 * epilogue, if they are not dense from the start.
 *
 * Macros
 *   TAG, SCALAR    register tag and type of one lane: f32 float, f64 double, i32 int, i64 long, u8 uchar
 *   IN_T, OUT_T    storage types
 *   AVERAGE        1: sums divided by `divisor`; 0: maxima (a NaN wins)
 *   DENSE          1: registers of windows follow one another: out_width is a multiple of VEC, or half of it
 * Tunables
 *   ROOM           elements of private memory for finished rows; a row has at most as many
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
#ifndef DENSE
#define DENSE 0
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
#if AVERAGE
#define FOLD(a, b) ((a) + (b))
#define FINISH(value) ((value) / (V)(divisor))
#else
#define FOLD(a, b) MAXIMUM(a, b)
#define FINISH(value) (value)
#endif

/* The windows over x[at] and x[at + width]; if `both`, the right half of the register lies `ahead` elements further. */
static inline V NAME(windows)(__global const IN_T *x, size_t at, size_t width, const int both, size_t ahead)
{
    const V a = CAT(LOADP_, IN_T)(x, at, VEC), c = CAT(LOADP_, IN_T)(x, at + width, VEC);
    const V left = FOLD(a, c);
    V even = left, odd = left;
    even.lo = left.even;
    odd.lo = left.odd;
    if (both) {
        const V b = CAT(LOADP_, IN_T)(x, at + ahead, VEC), d = CAT(LOADP_, IN_T)(x, at + width + ahead, VEC);
        const V other = FOLD(b, d);
        even.hi = other.even;
        odd.hi = other.odd;
    }
    return FOLD(even, odd);
}

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *x, const int planes, const int height,
                                   const int width, const int out_height, const int out_width,
                                   const int divisor EPILOGUE_PARAMS)
{
#if !DENSE
    SCALAR stage[2 * ROOM + 2 * VEC];
    int filled = 0;
#endif
    const size_t rows = (size_t)planes * out_height;
    const size_t first = rows * get_global_id(0) / get_global_size(0);
    const size_t last = rows * (get_global_id(0) + 1) / get_global_size(0);
    size_t done = first * out_width; /* where the next results belong */
    size_t at = (first / out_height * height + first % out_height * 2) * width;
    const int odd = height & 1, narrow = out_width <= VEC / 2;
    int oh = (int)(first % out_height);
    for (size_t row = first, count; row < last; row += count) {
        /* Two narrow rows, which may be of two planes if no row lies between them, share a register. */
        count = narrow && row + 1 < last && (!odd || oh + 1 < out_height) ? 2 : 1;
#if DENSE
        for (int ow = 0; ow < out_width; ow += VEC) {
            const int both = narrow ? count == 2 : 1;
            const V value = FINISH(NAME(windows)(x, at + 2 * ow, width, both, narrow ? 2 * width : VEC));
            EPILOGUE(value, done, both ? VEC : VEC / 2);
            done += both ? VEC : VEC / 2;
        }
#else
        SCALAR *to = stage + filled;
        if (narrow) {
            const V value = FINISH(NAME(windows)(x, at, width, count == 2, 2 * width));
            V next = value;
            next.lo = value.hi;
            VSTORE(value, to);
            VSTORE(next, to + out_width);
        } else {
            for (int ow = 0; ow < out_width; ow += VEC)
                VSTORE(FINISH(NAME(windows)(x, at + 2 * ow, width, out_width - ow > VEC / 2, VEC)), to + ow);
        }
        filled += (int)count * out_width;
#endif
        at += 2 * count * width;
        oh += (int)count;
        if (oh >= out_height) {
            oh -= out_height;
            at += odd ? width : 0;
        }
#if !DENSE
        if (filled >= ROOM || row + count == last) {
            int sent = 0;
            for (; sent + VEC <= filled; sent += VEC)
                EPILOGUE(VLOAD(stage + sent), done + sent, VEC);
            VSTORE(VLOAD(stage + sent), stage);
            done += sent;
            filled -= sent;
        }
#endif
    }
#if !DENSE
    if (filled)
        EPILOGUE(VLOAD(stage), done, filled);
#endif
}

#undef TAG
#undef SCALAR
#undef IN_T
#undef OUT_T
#undef AVERAGE
#undef DENSE
#undef ROOM
#undef EPILOGUE
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
#undef V
#undef VLOAD
#undef VSTORE
#undef FOLD
#undef FINISH
