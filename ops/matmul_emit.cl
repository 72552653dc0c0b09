/* matmul_emit.cl: how matmul.cl hands its tiles to the epilogue: as they are, turned, or spread over an image.
 *
 * Included by matmul.cl, which says what the macros mean.
 *
 *   EMIT(from, m, end)   hands over rows m to end of the tile at column n0, KEPT at most
 */
#include "matmul_pack.cl"
#ifndef FLIPPED
#define FLIPPED 0
#define EPILOGUE(value, batch, row, column, n)
#endif
#if FLIPPED
/* Turns VEC rows of one vector of a tile: those of the output. */
FUNCTION void NAME(turn)(ACC *block, const ACC *from)
{
    V t[VEC];
    UNROLLED(VEC) for (int i = 0; i < VEC; i++)
        t[i] = VLOAD(from + i * WIDTH);
    STAGES(EXCHANGE)
    UNROLLED(VEC) for (int i = 0; i < VEC; i++)
        VSTORE(t[i], block + i * VEC);
}

#define KEPT VEC
/* Hands the tiles of rows m to end, at most VEC, to the epilogue. */
#define EMIT(from, m, end)                                                                                  \
    for (int v = 0; v < COLS && n0 + v * VEC < N; v++) {                                                    \
        PRIVATE(ACC, block, VEC * VEC);                                                                     \
        NAME(turn)(block, (from) + v * VEC);                                                                \
        for (int c = 0; c < VEC && n0 + v * VEC + c < N; c++) {                                             \
            const V value = VLOAD(block + c * VEC);                                                         \
            const size_t i0 = slice * batches + batch, i1 = n0 + v * VEC + c, j = m;                        \
            const int n = (end) - (m);                                                                      \
            EPILOGUE(value, i0, i1, j, n);                                                                  \
        }                                                                                                   \
    }
#elif SPARSE == WRITTEN
#define KEPT ROWS
/* Hands rows m to end of the tile to the epilogue: half a register of pixels makes one, and one of zeros in the row
 * below. */
#define EMIT(from, m, end)                                                                                  \
    for (int q = 0, pixels; q < min(WIDTH, N - n0); q += pixels) {                                          \
        const int y = 2 * ((n0 + q) / line), x = 2 * ((n0 + q) % line);                                     \
        pixels = min(min(line - x / 2, VEC / 2), WIDTH - q);                                                \
        const int n = min(2 * pixels, width - x);                                                           \
        for (int row = m; row < end; row++) {                                                               \
            const size_t i0 = batch, i1 = row;                                                              \
            size_t j = (size_t)y * width + x;                                                               \
            V value = (V)(0);                                                                               \
            value.even = VLOAD((from) + (row - (m)) * WIDTH + q).lo;                                        \
            EPILOGUE(value, i0, i1, j, n);                                                                  \
            if (y + 1 < height) {                                                                           \
                value = (V)(0);                                                                             \
                j += width;                                                                                 \
                EPILOGUE(value, i0, i1, j, n);                                                              \
            }                                                                                               \
        }                                                                                                   \
    }
#else
#define KEPT ROWS
/* Hands rows m to end of the tile to the epilogue. */
#define EMIT(from, m, end)                                                                                  \
    for (int row = m; row < end; row++)                                                                     \
        for (int v = 0; v < COLS && n0 + v * VEC < N; v++) {                                                \
            const V value = VLOAD((from) + ((row - (m)) * COLS + v) * VEC);                                 \
            const size_t i0 = slice * batches + batch, i1 = row, j = n0 + v * VEC;                          \
            const int n = min(VEC, N - n0 - v * VEC);                                                       \
            EPILOGUE(value, i0, i1, j, n);                                                                  \
        }
#endif
