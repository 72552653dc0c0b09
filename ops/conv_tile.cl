/* conv_tile.cl: a register tile of conv.cl, which includes it once for every width.
 *
 * A function of its own, because the registers suffice only if nothing else is in the way.
 *
 * Macros
 *   TILE, TILE_COLS   the function's name, vectors of the tile
 *   the others        see conv.cl
 */
#ifndef TILE
#define TILE NAME(tile)
#define TILE_COLS 2
#include "dense_tile.cl"
#define ROWS 8
#define DEEP 0
#define PACK_A 0
#define PANEL 0
#define WEIGHT_ROWS __global const IN_T *const *weights
#endif

/* The sums over `depth` weights, of ROWS channels, times the columns from `from` on; added to sums[] if `more`.
 * */
FUNCTION void TILE(ACC *sums, int row_sums, int more, const ACC *from, const int2 *table, int depth,
                                           int run, WEIGHT_ROWS)
{
    V acc[ROWS * TILE_COLS];
    UNROLLED(ROWS * TILE_COLS) for (int i = 0; i < ROWS * TILE_COLS; i++)
        acc[i] = (V)(0);
    if (DEEP && more)
        UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
            UNROLLED(TILE_COLS) for (int v = 0; v < TILE_COLS; v++)
                acc[r * TILE_COLS + v] = VLOAD(sums + r * row_sums + v * VEC);
    for (int k = 0; k < depth; k++) {
        const int2 at = table[k];
        const ACC *const column = from + (PANEL ? (size_t)k * run : at.x);
        V b[TILE_COLS];
        UNROLLED(TILE_COLS) for (int v = 0; v < TILE_COLS; v++)
            b[v] = VLOAD(column + v * VEC);
        UNROLLED(ROWS) for (int r = 0; r < ROWS; r++) {
#if PACK_A
            const V a = (V)(weights[k * ROWS + r]);
#else
            const V a = (V)(weights[r][at.y]);
#endif
            UNROLLED(TILE_COLS) for (int v = 0; v < TILE_COLS; v++)
                acc[r * TILE_COLS + v] = fma(a, b[v], acc[r * TILE_COLS + v]);
        }
    }
    UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
        UNROLLED(TILE_COLS) for (int v = 0; v < TILE_COLS; v++)
            VSTORE(acc[r * TILE_COLS + v], sums + r * row_sums + v * VEC);
}
#undef TILE
#undef TILE_COLS
