/* conv_planes.cl: planes of an image as taps see them, for convolutions with few channels in a group.
 *
 * Included by conv_depth.cl, conv_depth_rows.cl, conv_depth_weight.cl, which describe it.
 *
 * Wide planes with strides of 1 stay where they are (DIRECT): each row is read once, VEC columns and what lies left and
 * right of them, under masks that end with the row; taps are lanes of these. Rows above and below are left out. Else
 * planes are copied to private memory.
 *
 * A copy has its rows `pitch` apart, with zeros where the source has nothing: above, below and right of it; the
 * zeros right of a row are also those left of the next one. Each row begins at a boundary of registers. A tap then
 * is one load at a fixed distance, SHIFT columns away. For a forward product with a stride of 2 the even and the
 * odd columns are planes of their own (PARTS), `part` apart.
 *
 * The kernel's sizes are macros, so that taps unroll: a net has few of them.
 *
 * Macros
 *   TAG, ACC, IN_T   see dense_tile.cl
 *   MODE             FORWARD or INPUT_GRAD: which way the taps shift
 *   KERNEL_H, KERNEL_W, STRIDE_H, STRIDE_W, PADDING_H, PADDING_W, DILATION_H, DILATION_W   strides are 1 or 2
 *   DIRECT           1: planes are not copied; rows of x are `pitch` apart
 * Tunables
 *   ROWS             of the register tile (not DIRECT)
 *   IMAGE            elements of private memory for the planes
 */
#include "dense_tile.cl"
#define FORWARD 0
#define INPUT_GRAD 1
#ifndef MODE
#define MODE FORWARD
#endif
#ifndef KERNEL_H
#define KERNEL_H 3
#define KERNEL_W 3
#define STRIDE_H 1
#define STRIDE_W 1
#define PADDING_H 1
#define PADDING_W 1
#define DILATION_H 1
#define DILATION_W 1
#endif
#ifndef DIRECT
#define DIRECT 0
#endif
#ifndef ROWS
#define ROWS 4
#endif
#ifndef IMAGE
#define IMAGE 8192
#endif

/* Of two registers: the lanes at even and at odd places, and the lanes of their lower and upper halves in turn. */
#if VEC == 16
#define EVEN (0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define ODD (1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
#define PAIRS_LOW (0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define PAIRS_HIGH (8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif VEC == 8
#define EVEN (0, 2, 4, 6, 8, 10, 12, 14)
#define ODD (1, 3, 5, 7, 9, 11, 13, 15)
#define PAIRS_LOW (0, 8, 1, 9, 2, 10, 3, 11)
#define PAIRS_HIGH (4, 12, 5, 13, 6, 14, 7, 15)
#else
#define EVEN (0, 2, 4, 6)
#define ODD (1, 3, 5, 7)
#define PAIRS_LOW (0, 4, 1, 5)
#define PAIRS_HIGH (2, 6, 3, 7)
#endif

/* Of whole numbers, rounded down. */
#define REST(a, n) ((((a) % (n)) + (n)) % (n))
#define QUOTIENT(a, n) (((a) - REST(a, n)) / (n))

/* Tap j of a row is `SHIFT(j)` columns right of the output's, in part `PART(j)`, and counts for the output phase
 * `PHASE_W(j)`. Tap k of a column is for row `ROW(i, k)` of the tile if it stands in row i of the plane, where
 * `IS_ROW(i, k)`; for the output phase `PHASE_H(k)`. */
#if MODE == INPUT_GRAD
#define UP_H STRIDE_H
#define UP_W STRIDE_W
#define PARTS 1
#define MOVE 1
#define PHASE_H(k) REST((k) * DILATION_H - PADDING_H, STRIDE_H)
#define PHASE_W(j) REST((j) * DILATION_W - PADDING_W, STRIDE_W)
#define DOWN(k) ((PHASE_H(k) + PADDING_H - (k) * DILATION_H) / STRIDE_H)
#define PART(j) 0
#define SHIFT(j) ((PHASE_W(j) + PADDING_W - (j) * DILATION_W) / STRIDE_W)
#define LOW DOWN(KERNEL_H - 1)
#define REACH (DOWN(0) - LOW)
#define ROW(i, k) ((i) + LOW - DOWN(k))
#define IS_ROW(i, k) (ROW(i, k) >= 0 && ROW(i, k) < ROWS)
#else
#define UP_H 1
#define UP_W 1
#define PARTS STRIDE_W
#define MOVE STRIDE_H
#define PHASE_H(k) 0
#define PHASE_W(j) 0
#define PART(j) REST((j) * DILATION_W - PADDING_W, STRIDE_W)
#define SHIFT(j) QUOTIENT((j) * DILATION_W - PADDING_W, STRIDE_W)
#define LOW (-PADDING_H)
#define REACH ((KERNEL_H - 1) * DILATION_H)
#define ROW(i, k) (((i) - (k) * DILATION_H) / STRIDE_H)
#define IS_ROW(i, k) ((i) >= (k) * DILATION_H && ROW(i, k) * STRIDE_H == (i) - (k) * DILATION_H && ROW(i, k) < ROWS)
#endif
#define TAPS (KERNEL_H * KERNEL_W)
#define ROWS_IN ((ROWS - 1) * MOVE + REACH + 1)

/* Asks for `rows` rows from p on, `step` apart, VEC * PARTS columns of each: what the next task reads. */
#define PREFETCH(p, rows, step)                               \
    UNROLLED(rows) for (int line = 0; line < (rows); line++)  \
        UNROLLED(PARTS) for (int part = 0; part < PARTS; part++) \
            FETCH((p) + line * (step) + part * VEC);

static inline void NAME(zeros)(ACC *to, int count)
{
    for (int j = 0; j < count; j += VEC)
        VSTORE((V)(0), to + j);
}

#if DIRECT
#define SOURCE __global const IN_T *

/* What a tap sees of the row that begins at `from`, for the columns from q on; SHIFT(j) is at most VEC either way. */
#define MASKS(width)                                                                                     \
    const V_b before = LANES_BELOW(min(q, (width) - q + VEC)), here = LANES_BELOW((width) - q),          \
              beyond = LANES_BELOW((width) - q - VEC);
#define SEE(from)                                                                                        \
    const V left = NAME(masked)((from) + q - VEC, before), near = NAME(masked)((from) + q, here),        \
            right = NAME(masked)((from) + q + VEC, beyond);
#define TAP(j) NAME(shifted)(left, near, right, SHIFT(j))

/* The lanes of a register at p that a mask has; the others are 0, and not touched in memory. */
static inline V NAME(masked)(__global const IN_T *p, V_b mask)
{
    union { V all; ACC lanes[VEC]; } found;
    union { V_b all; int lanes[VEC]; } is;
    is.all = mask;
    LANE_LOOP
    for (int i = 0; i < VEC; i++)
        found.lanes[i] = is.lanes[i] ? p[i] : (ACC)(0);
    return found.all;
}

/* The register that begins `shift` lanes after `near`. */
static inline V NAME(shifted)(const V left, const V near, const V right, const int shift)
{
    const INDEX_TYPE lane = (INDEX_TYPE)(LANE_NUMBERS);
    if (shift < 0)
        return shuffle2(left, near, lane + (INDEX_TYPE)(VEC + shift));
    return shift ? shuffle2(near, right, lane + (INDEX_TYPE)(shift)) : near;
}
#else
#define SOURCE const ACC *
#define TAP(i, j) VLOAD(from + (i) * pitch + q + PART(j) * part + SHIFT(j))

/* The lanes of a mask, and zeros: a full load is faster than one of some lanes. */
#define KEEP_f32(x, mask) WIDE(as_float)(WIDE(as_int)(x) & (mask))
#define KEEP_f64(x, mask) WIDE(as_double)(WIDE(as_long)(x) & WIDE(convert_long)(mask))

/* VEC elements from x[at] on, with zeros beyond the first `n`, which are those of the mask; nothing at `end` or beyond
 * is read. */
static inline V NAME(part)(__global const IN_T *x, size_t at, size_t end, int n, V_b mask)
{
    if (at + VEC <= end)
        return CAT(KEEP_, TAG)(CAT(LOADP_, IN_T)(x, at, VEC), mask);
    return CAT(LOADP_, IN_T)(x, at, n);
}

/* Copies `rows` rows of each of `count` planes of x, the first of which begins at x[start], from row `top` on, which
 * may be outside; to planes that lie `plane` apart. */
FUNCTION void NAME(pack)(ACC *planes, __global const IN_T *x, size_t start, size_t end, int count, int top, int rows,
                         int height, int width, int pitch, int part, int plane)
{
    const int first = clamp(-top, 0, rows), last = clamp(height - top, first, rows);
    const int whole = width / (PARTS * VEC) * (PARTS * VEC), rest = width - whole;
    const int n = min(rest, VEC);
    const V_b mask = LANES_BELOW(n);
#if PARTS == 2
    const int n2 = rest - n;
    const V_b mask2 = LANES_BELOW(n2);
#endif
    for (int c = 0; c < count; c++) {
        ACC *to = planes + c * plane;
        size_t at = start + ((size_t)c * height + top + first) * width;
        for (int p = 0; p < PARTS; p++) {
            NAME(zeros)(to + p * part, first * pitch);
            NAME(zeros)(to + p * part + last * pitch, (rows - last) * pitch);
        }
        to += first * pitch;
        for (int i = first; i < last; i++, at += width, to += pitch) {
#if PARTS == 2
            for (int j = 0; j < whole; j += 2 * VEC) {
                const V a = CAT(LOADP_, IN_T)(x, at + j, VEC), b = CAT(LOADP_, IN_T)(x, at + j + VEC, VEC);
                VSTORE(shuffle2(a, b, (INDEX_TYPE)EVEN), to + j / 2);
                VSTORE(shuffle2(a, b, (INDEX_TYPE)ODD), to + part + j / 2);
            }
            if (rest) {
                const V a = NAME(part)(x, at + whole, end, n, mask);
                const V b = n2 ? NAME(part)(x, at + whole + VEC, end, n2, mask2) : (V)(0);
                VSTORE(shuffle2(a, b, (INDEX_TYPE)EVEN), to + whole / 2);
                VSTORE(shuffle2(a, b, (INDEX_TYPE)ODD), to + part + whole / 2);
            }
#else
            for (int j = 0; j < whole; j += VEC)
                VSTORE(CAT(LOADP_, IN_T)(x, at + j, VEC), to + j);
            if (rest)
                VSTORE(NAME(part)(x, at + whole, end, n, mask), to + whole);
#endif
        }
    }
}
#endif
