/* matmul_tile.cl: a register tile of matmul.cl, which includes it once for every place where B may lie.
 *
 * A function of its own, because the registers suffice only if nothing else is in the way.
 *
 * Macros
 *   TILE              the function's name
 *   TILE_PANEL        the parameter `panel`, of which neighbors along K lie `panel_step` apart if it is not packed
 *   TILE_LOAD(k, v)   register v of its row k
 *   TILE_COLS         vectors of the tile, of COLS that its sums and the panel have room for
 *   the others        see matmul.cl
 */
#ifndef TILE
#define TILE NAME(tile)
#include "dense_tile.cl"
#define TILE_PANEL const ACC *panel
#define TILE_COLS COLS
#define TILE_LOAD(k, v) VLOAD(panel + ((k) * COLS + (v)) * VEC)
#define ROW_POINTER __global const IN_T *
#define ROWS 8
#define COLS 2
#define DEEP 0
#endif

/* ROWS rows of A times the panel, added to sums if `more`; rows of sums lie `pitch` apart. */
FUNCTION void TILE(ACC *sums, size_t pitch, int more, TILE_PANEL, size_t panel_step, int depth,
                   ROW_POINTER *rows, size_t step)
{
    ROW_POINTER row[ROWS];
    UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
        row[r] = rows[r];
    V acc[ROWS * TILE_COLS];
    UNROLLED(ROWS * TILE_COLS) for (int i = 0; i < ROWS * TILE_COLS; i++)
        acc[i] = (V)(0);
    if (DEEP && more)
        UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
            UNROLLED(TILE_COLS) for (int v = 0; v < TILE_COLS; v++)
                acc[r * TILE_COLS + v] = VLOAD(sums + r * pitch + v * VEC);
    for (size_t k = 0, at = 0; k < (size_t)depth; k++, at += step) {
        V x[TILE_COLS];
        UNROLLED(TILE_COLS) for (int v = 0; v < TILE_COLS; v++)
            x[v] = TILE_LOAD(k, v);
        UNROLLED(ROWS) for (int r = 0; r < ROWS; r++) {
            const V y = (V)(row[r][at]);
            UNROLLED(TILE_COLS) for (int v = 0; v < TILE_COLS; v++)
                acc[r * TILE_COLS + v] = fma(y, x[v], acc[r * TILE_COLS + v]);
        }
    }
    UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
        UNROLLED(TILE_COLS) for (int v = 0; v < TILE_COLS; v++)
            VSTORE(acc[r * TILE_COLS + v], sums + r * pitch + v * VEC);
}
#undef TILE
#undef TILE_COLS
#undef TILE_PANEL
#undef TILE_LOAD
