/* attention_tile.cl: what the CPU kernels of attention share: panels in private memory, and products of them.
 *
 * Included by attention.cl, attention_grad.cl.
 *
 * A block is at most QUERIES queries and KEYS keys. Its scores lie transposed, [KEYS][QUERIES]: lanes are
 * queries, so that a softmax needs no sums across lanes. Panels are rows of WIDTH_E or WIDTH_V elements, the
 * sizes of a head rounded up to whole registers, with zeros at their ends. Macros
 *   TAG, ACC         register tag and type: f32 float, f64 double; IN_T is the same
 *   HEAD_E, HEAD_V   registers that hold one row of the queries and keys, and one of the values
 *   CAUSAL           1: query i sees keys 0 to i only
 *   MASK             0: none; 1: `mask` is bool, true takes part; 2: it is added
 * Tunables
 *   QUERIES, KEYS    of a block; equal, a multiple of 16
 */
#include "dense_tile.cl"
#ifndef HEAD_E
#define HEAD_E 2
#define HEAD_V 2
#endif
#ifndef CAUSAL
#define CAUSAL 0
#endif
#ifndef MASK
#define MASK 0
#endif
#ifndef QUERIES
#define QUERIES 64
#define KEYS 64
#endif
#define WIDTH_E (HEAD_E * VEC)
#define WIDTH_V (HEAD_V * VEC)
#define TILE_ROWS 8
#define REACH (VEC > TILE_ROWS ? VEC : TILE_ROWS) /* queries beyond a register's first that its tiles may share */
#define ALL (1 << 30)
#define WHOLE(n) (((n) + VEC - 1) / VEC * VEC) /* up to whole registers */

/* ---- Panels ---- */

/* Rows as a panel: where they are, if they lie like one, or copied to `room`. */
static inline const ACC *NAME(panel)(ACC *room, const int width, __global const IN_T *from, const size_t step,
                                     const int rows, const int columns)
{
    if (columns == width && step == (size_t)width)
        return IN_PLACE(from);
    for (int r = 0; r < rows; r++, from += step)
        for (int j = 0; j < width; j += VEC)
            VSTORE(CAT(LOADP_, IN_T)(from, j, min(VEC, columns - j)), room + r * width + j);
    return room;
}

/* Asks for rows of the next block, which a cache holds when their turn comes. */
static inline void NAME(ask)(__global const IN_T *from, const size_t step, const int rows, const int columns)
{
    for (int r = 0; r < rows; r++, from += step)
        for (int j = 0; j < columns; j += VEC)
            FETCH(from + j);
}

/* to[j][r] = from[r][j] * factor, for whole registers of rows; those beyond the last one repeat it. */
FUNCTION void NAME(turn)(ACC *to, const int width, __global const IN_T *from, const size_t step, const int rows,
                         const int columns, const ACC factor)
{
    for (int r = 0; r < rows; r += VEC)
        for (int j = 0; j < width; j += VEC) {
            V t[VEC];
            UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                t[i] = CAT(LOADP_, IN_T)(from, min(r + i, rows - 1) * step + j, min(VEC, columns - j)) * factor;
            STAGES(EXCHANGE)
            UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                VSTORE(t[i], to + (j + i) * QUERIES + r);
        }
}

/* Stores rows of a panel that is not where they belong already, added to what is there if `more`. */
static inline void NAME(give)(__global IN_T *to, const ACC *from, const int width, const int rows, const int columns,
                              const int more)
{
    if (columns == width)
        return;
    for (int r = 0; r < rows; r++, to += columns, from += width)
        for (int j = 0; j < columns; j += VEC) {
            const int n = min(VEC, columns - j);
            const V before = more ? CAT(LOADP_, IN_T)(to, j, n) : (V)(0);
            CAT(STOREP_, IN_T)(before + VLOAD(from + j), to, j, n);
        }
}

/* ---- Products ---- */

/* out[m][n] = sum over k in first..last-1 of a[m * a_m + k * a_k] * b[k][n], added to what is there if `more`, for
 * TILE_ROWS rows and COLS registers. Rows beyond the last one repeat it. */
#define DEFINE_TILE(COLS)                                                                                          \
    FUNCTION void NAME(CAT(tile, COLS))(ACC *out, const int out_step, const ACC *a, const int a_m, const int a_k,  \
                                        const ACC *b, const int b_step, const int rows, const int first,           \
                                        const int last, const int more)                                            \
    {                                                                                                              \
        const ACC *row[TILE_ROWS];                                                                                 \
        V acc[TILE_ROWS * COLS];                                                                                   \
        UNROLLED(TILE_ROWS) for (int r = 0; r < TILE_ROWS; r++)                                                    \
            row[r] = a + min(r, rows - 1) * a_m;                                                                   \
        UNROLLED(TILE_ROWS * COLS) for (int i = 0; i < TILE_ROWS * COLS; i++)                                      \
            acc[i] = (V)(0);                                                                                       \
        if (more)                                                                                                  \
            UNROLLED(TILE_ROWS * COLS) for (int i = 0; i < TILE_ROWS * COLS; i++)                                  \
                acc[i] = VLOAD(out + min(i / COLS, rows - 1) * out_step + i % COLS * VEC);                         \
        for (int k = first; k < last; k++) {                                                                       \
            V x[COLS];                                                                                             \
            UNROLLED(COLS) for (int v = 0; v < COLS; v++)                                                          \
                x[v] = VLOAD(b + k * b_step + v * VEC);                                                            \
            UNROLLED(TILE_ROWS) for (int r = 0; r < TILE_ROWS; r++) {                                              \
                const V y = (V)(row[r][k * a_k]);                                                                  \
                UNROLLED(COLS) for (int v = 0; v < COLS; v++)                                                      \
                    acc[r * COLS + v] = fma(y, x[v], acc[r * COLS + v]);                                           \
            }                                                                                                      \
        }                                                                                                          \
        UNROLLED(TILE_ROWS * COLS) for (int i = 0; i < TILE_ROWS * COLS; i++)                                      \
            VSTORE(acc[i], out + min(i / COLS, rows - 1) * out_step + i % COLS * VEC);                             \
    }
DEFINE_TILE(1)
DEFINE_TILE(2)

/* out = a @ b for `rows` rows, `width` columns (whole registers) and `depth`; added if `more`. For causal blocks:
 * rows from m on take k from m + lower on and below m + upper, columns before m + left are left out. */
static inline void NAME(product)(ACC *out, const int out_step, const ACC *a, const int a_m, const int a_k,
                                 const ACC *b, const int b_step, const int rows, const int width, const int depth,
                                 const int more, const int lower, const int upper, const int left)
{
    for (int m = 0; m < rows; m += TILE_ROWS) {
        const int first = max(0, m + lower), last = min(depth, m + TILE_ROWS + upper);
        int n = max(0, m + left) / VEC * VEC;
        for (; n + 2 * VEC <= width; n += 2 * VEC)
            NAME(tile2)(out + m * out_step + n, out_step, a + m * a_m, a_m, a_k, b + n, b_step, rows - m, first, last,
                        more);
        if (n < width)
            NAME(tile1)(out + m * out_step + n, out_step, a + m * a_m, a_m, a_k, b + n, b_step, rows - m, first, last,
                        more);
    }
}

/* ---- Scores ---- */

#if MASK == 1
#define MASK_T uchar
#define MASK_AT(at, n) CAT(SELECT_, TAG)(LOADP_bool(mask, at, n), (V)(0), (V)(-INFINITY))
#define MASKED(score, mask) ((mask) < 0 ? (mask) : (score))
#else
#define MASK_T IN_T
#define MASK_AT(at, n) CAT(LOADP_, IN_T)(mask, at, n)
#define MASKED(score, mask) ((score) + (mask))
#endif

/* Masks a block of scores; its first element of the mask is mask[at]. */
FUNCTION void NAME(cover)(ACC *scores, __global const MASK_T *mask, const size_t at, const size_t step,
                          const int rows, const int keys)
{
    for (int r = 0; r < rows; r += VEC)
        for (int c = 0; c < keys; c += VEC) {
            V t[VEC];
            UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                t[i] = MASK_AT(at + min(r + i, rows - 1) * step + c, min(VEC, keys - c));
            STAGES(EXCHANGE)
            UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                if (c + i < keys) {
                    ACC *score = scores + (c + i) * QUERIES + r;
                    VSTORE(MASKED(VLOAD(score), t[i]), score);
                }
        }
}

/* The lanes' positions. */
static inline V NAME(lanes)(void)
{
    union { V all; ACC lane[VEC]; } x;
    for (int i = 0; i < VEC; i++)
        x.lane[i] = i;
    return x.all;
}

/* scores[c][r] = key c times query r, masked; -inf where query r may not see key c, `ahead` keys further on. */
static inline void NAME(score)(ACC *scores, const ACC *key_rows, const ACC *turned, const int rows, const int keys,
                               const int ahead, __global const MASK_T *mask, const size_t mask_at,
                               const size_t mask_step)
{
    const int cut = CAUSAL && keys - 1 + ahead > 0, all = WHOLE(rows);
    NAME(product)(scores, QUERIES, key_rows, WIDTH_E, 1, turned, QUERIES, keys, all, WIDTH_E, 0, -ALL, ALL,
                  cut ? ahead : -ALL);
    if (MASK)
        NAME(cover)(scores, mask, mask_at, mask_step, rows, keys);
    if (cut) {
        const V lanes = NAME(lanes)();
        for (int c = 0; c < keys; c++)
            for (int r = 0; r < all && r < c + ahead; r += VEC) {
                ACC *score = scores + c * QUERIES + r;
                VSTORE(lanes < (V)((ACC)(c + ahead - r)) ? (V)(-INFINITY) : VLOAD(score), score);
            }
    }
}

#if MASK
#define MASK_PARAMS , __global const MASK_T *mask, const long mask_first, const long mask_b, const long mask_h, \
                    const long mask_row
#define MASK_AT_BLOCK(b, h, i, j) mask, mask_first + (b) * mask_b + (h) * mask_h + (i) * mask_row + (j), mask_row
#else
#define MASK_PARAMS
#define MASK_AT_BLOCK(b, h, i, j) 0, 0, 0
#endif
