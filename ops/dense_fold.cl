/* dense_fold.cl: the end of a register tile of dot products: each register's lanes become one sum.
 *
 * Included by conv_weight.cl, matmul_dot.cl.
 *
 * Macros
 *   ROWS, COLS   the tile
 *   GROUP        COLS rounded up to a power of two: lanes that a row takes
 */
#ifndef GROUP
#include "dense_tile.cl"
#define ROWS 4
#define COLS 6
#define GROUP 8
#endif

/* Sums the lanes of each of the tile's registers; those of row r go to line[r * pitch] and up to VEC - 1 elements
 * beyond. */
static inline void NAME(fold)(const V *acc, ACC *line, int pitch)
{
    PRIVATE(ACC, sums, ROWS * GROUP + 2 * VEC);
    UNROLLED(ROWS) for (int first = 0; first < ROWS * GROUP; first += VEC) {
        V t[VEC];
        UNROLLED(VEC) for (int i = 0; i < VEC; i++) {
            const int row = (first + i) / GROUP, column = (first + i) % GROUP;
            t[i] = row < ROWS && column < COLS ? acc[min(row, ROWS - 1) * COLS + min(column, COLS - 1)] : (V)(0);
        }
        STAGES(FOLD)
        VSTORE(t[0], sums + first);
    }
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < GROUP; i += VEC)
            VSTORE(VLOAD(sums + r * GROUP + i), line + r * pitch + i);
}

