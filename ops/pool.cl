/* pool.cl: the maximum or the average of every window, on a CPU.
 *
 * Twins: tinygrad_cl/primitives/pool.py, tinygrad_cl/functional/pool.py.
 *
 * A work-item takes a run of output rows. It folds the rows of each window into one padded row of `room`
 * (vertical), folds that row's columns (horizontal), and hands dense vectors to the epilogue. Where windows do not
 * overlap sideways, many rows lie in `room` end to end and are folded as one.
 *
 * Macros
 *   TAG, SCALAR    register tag and type of one lane: f32 float, f64 double, i32 int, i64 long, u8 uchar
 *   IN_T, OUT_T    storage types
 *   LOWEST         the least value of TAG: -INFINITY, INT_MIN, ...
 *   AVERAGE        1: sums divided by a count; 0: maxima (a NaN wins)
 * Tunables
 *   ROOM           elements of private memory for folded rows; a window is at most this wide
 * Hole
 *   EPILOGUE(value, j, n)  takes n output elements from element j on
 */
#ifndef TAG
#define TAG f32
#define SCALAR float
#define IN_T float
#define OUT_T float
#define LOWEST -INFINITY
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
#if AVERAGE
#define IDENTITY 0
#define FOLD(a, b) ((a) + (b))
#else
#define IDENTITY LOWEST
#define FOLD(a, b) MAXIMUM(a, b)
#endif

/* VEC elements from x[at] on; those at `limit` and beyond are not read. */
static inline V NAME(load)(__global const IN_T *x, size_t at, size_t limit)
{
    if (at + VEC <= limit)
        return CAT(LOADP_, IN_T)(x, at, VEC);
    return CAT(LOADP_, IN_T)(x, at, (int)(limit - at));
}

/* Element `at` of the run of lanes p[0], p[step], p[2 * step], ...; n of them count. */
static inline V NAME(spaced)(const SCALAR *p, int step, int n)
{
    if (step == 1)
        return VLOAD(p);
    if (step == 2) {
        const V a = VLOAD(p), b = VLOAD(p + VEC);
        V even;
        even.lo = a.even;
        even.hi = b.even;
        return even;
    }
    SCALAR lanes[VEC];
    for (int l = 0; l < VEC; l++)
        lanes[l] = p[l < n ? l * step : 0];
    return VLOAD(lanes);
}

/* Folds `count` window rows that lie `step` apart in x into room[left:right]; `near` if the end of x is near. */
static inline void NAME(fold_rows)(SCALAR *room, __global const IN_T *x, size_t limit, size_t at, size_t step,
                                   int count, int left, int right, const int near)
{
    for (int t = left; t < right; t += VEC, at += VEC) {
        V acc = NAME(load)(x, at, near ? limit : ~(size_t)0 >> 1);
        for (int i = 1; i < count; i++) {
            const V row = NAME(load)(x, at + i * step, near ? limit : ~(size_t)0 >> 1);
            acc = FOLD(acc, row);
        }
        VSTORE(acc, room + t);
    }
}

/* Folds the window rows that meet the input into `room`: `length` columns from column `start` on. */
static inline void NAME(vertical)(SCALAR *room, __global const IN_T *x, size_t limit, size_t plane, int height,
                                  int width, int top, int start, int length, int kernel_h, int dilation_h)
{
    const int skip = top < 0 ? (-top + dilation_h - 1) / dilation_h : 0;
    const int end = top < height ? min(kernel_h, (height - top + dilation_h - 1) / dilation_h) : 0;
    const int left = max(0, -start);
    const int right = skip < end ? max(left, min(length, width - start)) : left;
    const size_t step = (size_t)dilation_h * width;
    const size_t at = (plane * height + top + skip * dilation_h) * width + start + left;
    if (at + (end - skip) * step + VEC <= limit)
        NAME(fold_rows)(room, x, limit, at, step, end - skip, left, right, 0);
    else
        NAME(fold_rows)(room, x, limit, at, step, end - skip, left, right, 1);
    for (int t = 0; t < left; t++)
        room[t] = IDENTITY;
    for (int t = right; t < length; t++)
        room[t] = IDENTITY;
}

#if AVERAGE
/* How many elements of the window at `start` count: never those beyond the right padding. */
static inline int NAME(count)(int start, int kernel_size, int size, int padding, int include_pad)
{
    const int end = min(start + kernel_size, size + padding);
    return include_pad ? end - start : max(min(end, size) - max(start, 0), 0);
}
#endif

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *x, const int planes, const int height,
                                   const int width, const int out_height, const int out_width, const int kernel_h,
                                   const int kernel_w, const int stride_h, const int stride_w, const int padding_h,
                                   const int padding_w, const int dilation_h, const int dilation_w,
                                   const int divisor, const int include_pad EPILOGUE_PARAMS)
{
    SCALAR room[ROOM + 4 * VEC], stage[ROOM + 3 * VEC];
    const size_t rows = (size_t)planes * out_height, limit = (size_t)planes * height * width;
    const size_t first = rows * get_global_id(0) / get_global_size(0);
    const size_t last = rows * (get_global_id(0) + 1) / get_global_size(0);
    const int span = (kernel_w - 1) * dilation_w + 1;
    const int dense = span <= stride_w && (!AVERAGE || divisor != 0);
    const int pitch = dense ? out_width * stride_w : (out_width - 1) * stride_w + span;
    const int cols = pitch <= ROOM ? out_width : (ROOM - span) / stride_w + 1;
    const int group = pitch <= ROOM ? ROOM / pitch : 1;
    size_t done = first * out_width; /* where stage[0] belongs */
    int filled = 0;
    for (size_t row = first; row < last; row += group) {
        const int count = (int)min((size_t)group, last - row);
        size_t plane = row / out_height;
        const int oh = (int)(row % out_height);
        for (int c = 0; c < out_width; c += cols) {
            const int wide = min(cols, out_width - c);
            const int start = c * stride_w - padding_w, length = (wide - 1) * stride_w + span;
            size_t at_plane = plane;
            int at_row = oh;
            for (int r = 0; r < count; r++) {
                NAME(vertical)(room + r * pitch, x, limit, at_plane, height, width, at_row * stride_h - padding_h,
                               start, length, kernel_h, dilation_h);
                if (++at_row == out_height) {
                    at_row = 0;
                    at_plane++;
                }
            }
            const int runs = dense ? 1 : count, run = dense ? (count - 1) * out_width + wide : wide;
            at_row = oh;
            for (int r = 0; r < runs; r++) {
                for (int q = 0; q < run; q += VEC) {
                    const SCALAR *from = room + r * pitch + q * stride_w;
                    const int n = min(VEC, run - q);
                    V acc = NAME(spaced)(from, stride_w, n);
                    for (int j = 1; j < kernel_w; j++) {
                        const V tap = NAME(spaced)(from + j * dilation_w, stride_w, n);
                        acc = FOLD(acc, tap);
                    }
#if AVERAGE
                    if (divisor) {
                        acc /= (V)(divisor);
                    } else {
                        SCALAR counts[VEC];
                        const int tall =
                            NAME(count)(at_row * stride_h - padding_h, kernel_h, height, padding_h, include_pad);
                        for (int l = 0; l < VEC; l++)
                            counts[l] = max(1, tall * NAME(count)(start + (q + l) * stride_w, kernel_w, width,
                                                                  padding_w, include_pad));
                        acc /= VLOAD(counts);
                    }
#endif
                    VSTORE(acc, stage + filled + q);
                }
                filled += run;
                at_row = at_row + 1 == out_height ? 0 : at_row + 1;
            }
            int sent = 0;
            for (; sent + VEC <= filled; sent += VEC)
                EPILOGUE(VLOAD(stage + sent), done + sent, VEC);
            VSTORE(VLOAD(stage + sent), stage);
            done += sent;
            filled -= sent;
        }
    }
    if (filled)
        EPILOGUE(VLOAD(stage), done, filled);
}

#undef TAG
#undef SCALAR
#undef IN_T
#undef OUT_T
#undef LOWEST
#undef AVERAGE
#undef ROOM
#undef EPILOGUE
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
#undef V
#undef VLOAD
#undef VSTORE
#undef IDENTITY
#undef FOLD
