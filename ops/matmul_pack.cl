/* matmul_pack.cl: how matmul.cl brings operands together: panels of B, and rows of A, in private memory.
 *
 * Included by matmul_emit.cl for matmul.cl, which says what the macros mean.
 *
 * Shared MATMUL_PANEL: TAG ACC IN_T TRANSPOSED COLS
 */
#include "dense_tile.cl"
#ifndef COLS
#define COLS 2
#define ROWS 8
#define KC 1024
#define TRANSPOSED 0
#define SPARSE 0
#define PACK_A 0
#define READ 1
#define WRITTEN 2
#endif
#define WIDTH (COLS * VEC)
#ifndef MATMUL_PANEL
#define MATMUL_PANEL KERNEL
#define MATMUL_PANEL_FIRST 1
#endif
#define PANELS(x) NAME_(MATMUL_PANEL, x)

#if MATMUL_PANEL_FIRST
#if TRANSPOSED
/* Packs a panel of columns that lie along K: VEC x VEC blocks are transposed in registers. */
FUNCTION void PANELS(pack)(ACC *panel, __global const IN_T *b, size_t first, size_t b_k, size_t b_n, size_t end,
                              int depth, int columns)
{
    for (int v = 0; v < COLS && v * VEC < columns; v++)
        for (int k = 0; k < depth; k += VEC) {
            const size_t at = first + v * VEC * b_n + k;
            V t[VEC];
            if (v * VEC + VEC <= columns && at + (VEC - 1) * b_n + VEC <= end) {
                UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                    t[i] = CAT(LOADP_, IN_T)(b, at + i * b_n, VEC);
            } else {
                PRIVATE(ACC, block, VEC * VEC);
                for (int i = 0; i < VEC; i++)
                    VSTORE(NAME(load)(b, at + min(i, columns - 1 - v * VEC) * b_n, end), block + i * VEC);
                UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                    t[i] = VLOAD(block + i * VEC);
            }
            STAGES(EXCHANGE)
            UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                VSTORE(t[i], panel + ((k + i) * COLS + v) * VEC);
        }
}
#else
/* Packs a panel of rows. */
FUNCTION void PANELS(pack)(ACC *panel, __global const IN_T *b, size_t first, size_t b_k, size_t b_n, size_t end,
                              int depth, int columns)
{
    const int inside = first + (depth - 1) * b_k + WIDTH <= end;
    for (int k = 0; k < depth; k++, first += b_k, panel += WIDTH)
        for (int v = 0; v < COLS && v * VEC < columns; v++) {
            const size_t at = first + v * VEC;
            VSTORE(inside ? CAT(LOADP_, IN_T)(b, at, VEC) : NAME(load)(b, at, end), panel + v * VEC);
        }
}
#endif
#endif

#if SPARSE == READ
#if VEC == 16
#define VSTORE_HALF(value, p) vstore8(value, 0, p)
#elif VEC == 8
#define VSTORE_HALF(value, p) vstore4(value, 0, p)
#else
#define VSTORE_HALF(value, p) vstore2(value, 0, p)
#endif
/* Packs a panel of every second pixel of every second row, from pixel n0 of the map on: stretches of a row, each of
 * which overwrites what the one before it took too many. */
FUNCTION void NAME(pack_sparse)(ACC *panel, __global const IN_T *b, size_t first, size_t b_k, size_t end, int depth,
                                int n0, int columns, int line, int width)
{
    int at[WIDTH], to[WIDTH], count = 0;
    for (int n = 0; n < min(columns, WIDTH); n += min(line - (n0 + n) % line, VEC / 2)) {
        at[count] = 2 * ((n0 + n) / line * width + (n0 + n) % line);
        to[count++] = n;
    }
    const int inside = first + (depth - 1) * b_k + at[count - 1] + VEC <= end;
    for (int k = 0; k < depth; k++, first += b_k, panel += WIDTH)
        for (int i = 0; i < count; i++) {
            const size_t from = first + at[i];
            VSTORE_HALF((inside ? CAT(LOADP_, IN_T)(b, from, VEC) : NAME(load)(b, from, end)).even, panel + to[i]);
        }
}
#endif

#if PACK_A
#define ROW_POINTER const ACC *
#define PITCH (KC * ROWS + VEC) /* of the packed rows of a tile, which do not all lie in one set of a cache */
#define AHEAD 4 /* rows that are asked for before they are packed */

/* Packs rows of A: those of a tile lie side by side. Rows beyond the last one repeat it. */
FUNCTION void NAME(pack_rows)(ACC *packed, __global const IN_T *a, size_t first, size_t a_m, size_t a_k, int rows,
                              int depth)
{
    int t = 0;
#if PACK_A == 2
    const int whole = rows / ROWS;
    for (size_t k = 0, at = first; k < (size_t)depth; k++, at += a_k) {
        for (int i = 0; i < whole; i += 2)
            FETCH(a + at + AHEAD * a_k + i * ROWS);
        for (int i = 0; i < whole; i++)
            CAT(vstore, ROWS)(CAT(vload, ROWS)(0, a + at + i * ROWS), 0, packed + i * PITCH + k * ROWS);
    }
    t = whole;
#endif
    for (; t * ROWS < rows; t++)
        for (int r = 0; r < ROWS; r++) {
            const size_t at = first + min(t * ROWS + r, rows - 1) * a_m;
            for (int k = 0; k < depth; k++)
                packed[t * PITCH + k * ROWS + r] = CAT(LOAD1_, IN_T)(a, at + k * a_k);
        }
}
#else
#define ROW_POINTER __global const IN_T *
#endif

/* Asks for the rows of a tile that lie along K: their next stretch is not where the last one ended. */
static inline void NAME(ask_rows)(__global const IN_T *a, size_t a_m, int depth)
{
    for (int r = 0; r < ROWS; r++, a += a_m)
        for (int k = 0; k < depth; k += VEC)
            FETCH(a + k);
}
