/* matmul_dot.cl: out[b] = A[b] @ B[b] on a CPU, where both operands lie along K and few rows share a column.
 *
 * Twins: tinygrad_cl/primitives/matmul.py (plans: plans_matmul.py), tinygrad_cl/functional/matmul.py.
 *
 * A register tile holds ROWS x COLS dot products, whose lanes run along K and are folded at the end; nothing is
 * packed. A task is a block of `high` rows and `wide` columns; a work-group makes `per` of them.
 *
 * Sizes: as in matmul.cl; neighbors along K are neighbors in memory.
 * Macros
 *   TAG, ACC, IN_T, OUT_T   see dense_tile.cl
 * Tunables
 *   ROWS, COLS, GROUP   see dense_fold.cl
 *   LINE                elements of private memory for the sums of a row: `wide` and a register more
 * Shared DOT_TILE: TAG ACC IN_T ROWS COLS GROUP LINE
 * Hole
 *   EPILOGUE(value, batch, row, column, n)  takes n sums of a row
 */
#include "dense_tile.cl"
#ifndef ROWS
#define ROWS 4
#define COLS 6
#define GROUP 8
#endif
#ifndef LINE
#define LINE 512
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, batch, row, column, n) \
    CAT(STOREP_, OUT_T)(value, out, ((batch) * M + (row)) * N + (column), n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif
#include "dense_fold.cl"

#ifndef DOT_TILE
#define DOT_TILE KERNEL
#define DOT_TILE_FIRST 1
#endif
#define DOTS(x) NAME_(DOT_TILE, x)
#if DOT_TILE_FIRST
#define STEP(LOADED_A, LOADED_B)                                                      \
    do {                                                                              \
        V y[COLS];                                                                    \
        UNROLLED(COLS) for (int c = 0; c < COLS; c++)                                 \
            y[c] = LOADED_B;                                                          \
        UNROLLED(ROWS) for (int r = 0; r < ROWS; r++) {                               \
            const V x = LOADED_A;                                                     \
            UNROLLED(COLS) for (int c = 0; c < COLS; c++)                             \
                acc[r * COLS + c] = fma(x, y[c], acc[r * COLS + c]);                  \
        }                                                                             \
    } while (0)

/* The dot products of ROWS rows of A with COLS columns of B. Less than a register is left at the end of a sum: the
 * last register is read once more, without the lanes that were counted. */
FUNCTION void DOTS(tile)(ACC *line, __global const IN_T *a, __global const IN_T *b, const size_t *row,
                         const size_t *column, size_t depth)
{
    V acc[ROWS * COLS];
    UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
        acc[i] = (V)(0);
    size_t k = 0;
    for (; k + VEC <= depth; k += VEC)
        STEP(CAT(LOADP_, IN_T)(a, row[r] + k, VEC), CAT(LOADP_, IN_T)(b, column[c] + k, VEC));
    const int rest = (int)(depth - k);
    if (rest && k) {
        const CAT(V_, b) fresh = ~LANES_BELOW(VEC - rest);
        const size_t at = depth - VEC;
        STEP(CAT(SELECT_, TAG)(fresh, CAT(LOADP_, IN_T)(a, row[r] + at, VEC), (V)(0)),
             CAT(SELECT_, TAG)(fresh, CAT(LOADP_, IN_T)(b, column[c] + at, VEC), (V)(0)));
    } else if (rest) {
        STEP(CAT(LOADP_, IN_T)(a, row[r], rest), CAT(LOADP_, IN_T)(b, column[c], rest));
    }
    NAME(fold)(acc, line, LINE);
}
#endif

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *a, __global const IN_T *b, const int M,
                                   const int N, const int K, const int batches, const int batch1, const int batch2,
                                   const long a_first, const long a_0, const long a_1, const long a_2, const long a_m,
                                   const long b_first, const long b_0, const long b_1, const long b_2, const long b_n,
                                   const int high, const int wide, const int per EPILOGUE_PARAMS)
{
    PRIVATE(ACC, line, ROWS * LINE);
    const int across = (N + wide - 1) / wide, down = (M + high - 1) / high;
    const size_t tasks = (size_t)batches * across * down;
    const size_t last = min(tasks, (get_global_id(0) + 1) * per);
    for (size_t task = get_global_id(0) * per; task < last; task++) {
        const int m0 = (int)(task % down) * high, m1 = min(M, m0 + high);
        const int n0 = (int)(task / down % across) * wide, n1 = min(N, n0 + wide);
        const size_t i0 = task / down / across, i2 = i0 % batch2, i1 = i0 / batch2 % batch1, i3 = i0 / batch2 / batch1;
        const size_t left = a_first + i3 * a_0 + i1 * a_1 + i2 * a_2;
        const size_t right = b_first + i3 * b_0 + i1 * b_1 + i2 * b_2;
        for (int m = m0; m < m1; m += ROWS) {
            /* Rows and columns beyond the last one repeat it and are dropped below. */
            size_t row[ROWS], column[COLS];
            for (int r = 0; r < ROWS; r++)
                row[r] = left + min(m + r, m1 - 1) * a_m;
            for (int n = n0; n < n1; n += COLS) {
                for (int c = 0; c < COLS; c++)
                    column[c] = right + min(n + c, n1 - 1) * b_n;
                DOTS(tile)(line + n - n0, a, b, row, column, K);
            }
            for (int r = 0; r < ROWS && m + r < m1; r++)
                for (int n = n0; n < n1; n += VEC) {
                    const V value = VLOAD(line + r * LINE + n - n0);
                    const size_t batch = i0, i = m + r, j = n;
                    const int count = min(VEC, n1 - n);
                    EPILOGUE(value, batch, i, j, count);
                }
        }
    }
}
