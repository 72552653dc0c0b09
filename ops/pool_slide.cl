/* pool_slide.cl: the averages over small windows one step apart, and their gradient, on a CPU.
 *
 * Twins: tinygrad_cl/primitives/pool.py, tinygrad_cl/functional/pool.py, pool.cl (any windows).
 *
 * The gradient is the same over the cotangents, padded with what the windows reach beyond them. A work-item takes a run
 * of output rows. It adds up the rows of each window into one padded row of `room`, then that row's columns, and hands
 * dense vectors to the epilogue.
 *
 * Macros
 *   TAG, SCALAR    register tag and type of one lane: f32 float, f64 double
 *   IN_T, OUT_T    storage types
 *   TALL, BROAD    the height and the width of a window
 * Tunables
 *   ROOM           elements of private memory for folded rows; a padded row is at most this wide
 * Hole
 *   EPILOGUE(value, j, n)  takes n output elements from element j on
 */
#ifndef TAG
#define TAG f32
#define SCALAR float
#define IN_T float
#define OUT_T float
#endif
#ifndef TALL
#define TALL 3
#define BROAD 3
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

/* Adds up `count` rows of x, from element `at` on, into the row that starts at `to`; what a register has beyond the row
 * is 0. Elements at `limit` and beyond are not read. */
static inline void NAME(sum_rows)(SCALAR *to, __global const IN_T *x, size_t at, const int count, int width,
                                   size_t limit, const int near)
{
    for (int t = 0; t < width; t += VEC) {
        V acc = (V)(0);
        __attribute__((opencl_unroll_hint(TALL)))
        for (int i = 0; i < count; i++) {
            const size_t from = at + (size_t)i * width + t;
            const V row = CAT(LOADP_, IN_T)(x, from, near && from + VEC > limit ? (int)(limit - from) : VEC);
            acc = i ? acc + row : row;
        }
        VSTORE(t + VEC <= width ? acc : CAT(SELECT_, TAG)(LANES_BELOW(width - t), acc, (V)(0)), to + t);
    }
}

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *x, const int planes, const int height,
                                   const int width, const int out_height, const int out_width, const int top,
                                   const int left, const int divisor EPILOGUE_PARAMS)
{
    SCALAR room[ROOM + 2 * VEC], stage[ROOM + 2 * VEC];
    const size_t rows = (size_t)planes * out_height, limit = (size_t)planes * height * width;
    const size_t first = rows * get_global_id(0) / get_global_size(0);
    const size_t last = rows * (get_global_id(0) + 1) / get_global_size(0);
    const int pitch = out_width + BROAD - 1, group = ROOM / pitch;
    size_t done = first * out_width; /* where stage[0] belongs */
    size_t plane = first / out_height;
    int oh = (int)(first % out_height), filled = 0;
    for (int t = 0; t < ROOM + 2 * VEC; t += VEC)
        VSTORE((V)(0), room + t);
    for (size_t row = first; row < last; row += group) {
        const int count = (int)min((size_t)group, last - row);
        for (int r = 0; r < count; r++) {
            const int begin = max(oh - top, 0), end = min(oh - top + TALL, height);
            const size_t at = (plane * height + begin) * width;
            SCALAR *to = room + r * pitch + left;
            if (end - begin == TALL && at + TALL * width + VEC <= limit)
                NAME(sum_rows)(to, x, at, TALL, width, limit, 0);
            else
                NAME(sum_rows)(to, x, at, end - begin, width, limit, 1);
            if (++oh == out_height) {
                oh = 0;
                plane++;
            }
        }
        for (int r = 0; r < count; r++, filled += out_width)
            for (int q = 0; q < out_width; q += VEC) {
                const SCALAR *from = room + r * pitch + q;
                V acc = VLOAD(from);
                __attribute__((opencl_unroll_hint(BROAD)))
                for (int j = 1; j < BROAD; j++)
                    acc += VLOAD(from + j);
                VSTORE(acc / (V)(divisor), stage + filled + q);
            }
        int sent = 0;
        for (; sent + VEC <= filled; sent += VEC)
            EPILOGUE(VLOAD(stage + sent), done + sent, VEC);
        VSTORE(VLOAD(stage + sent), stage);
        done += sent;
        filled -= sent;
    }
    if (filled)
        EPILOGUE(VLOAD(stage), done, filled);
}

#undef TAG
#undef SCALAR
#undef IN_T
#undef OUT_T
#undef TALL
#undef BROAD
#undef ROOM
#undef EPILOGUE
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
#undef V
#undef VLOAD
#undef VSTORE
