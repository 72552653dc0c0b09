/* matmul.cl: out[b] = A[b] @ B[b] on a CPU, with register tiles.
 *
 * Twins: tinygrad_cl/primitives/matmul.py (plans: plans_matmul.py), tinygrad_cl/functional/matmul.py.
 *
 * The output is cut into tiles of `chunk` rows and COLS * VEC columns; a work-group makes `per` of them. For
 * each it packs its panel of B (up to KC deep) into private memory, then walks down the rows of A, ROWS at a
 * time: one vector of B serves ROWS multiply-adds, one number of A serves COLS. Sums over K run in order, in
 * ACC.
 *
 * Sizes: M, N, K, batch0..2 (a batch index is split over three dims, because A and B may be broadcast or
 * permuted), strides and first elements in elements; `b_end` is one past the last element of B that may be
 * read; `split` is the depth of one slice of K: slice s of `slices` writes its sums at out + s * batches * M *
 * N (else slices = 1, split = K). Macros
 *   TAG, ACC      register tag and type of the sums: f32 float, f64 double
 *   IN_T, OUT_T   storage types
 *   TRANSPOSED    1: B's neighbors along K are neighbors in memory; 0: those along N
 *   DIRECT        1: rows of B are read where they lie, not packed: for few rows of A (TRANSPOSED = 0)
 *   PACK_A        1: rows of A are converted to ACC first (a storage type that is dear to read one by one)
 * Tunables
 *   ROWS, COLS    register tile, in rows and vectors; ROWS * COLS + COLS registers
 *   KC            depth of the panel, a multiple of VEC
 *   CHUNK         rows whose sums stay in private memory between panels (DEEP); ROWS if K is at most KC
 *   DEEP          1: K may be more than KC
 * Hole
 *   EPILOGUE(value, batch, row, column, n)  takes n sums of a row
 */
#include "dense_tile.cl"
#ifndef TRANSPOSED
#define TRANSPOSED 0
#endif
#ifndef DIRECT
#define DIRECT 0
#endif
#ifndef PACK_A
#define PACK_A 0
#endif
#ifndef ROWS
#define ROWS 8
#define COLS 2
#endif
#ifndef KC
#define KC 1024
#endif
#ifndef DEEP
#define DEEP 0
#define CHUNK ROWS
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, batch, row, column, n) \
    CAT(STOREP_, OUT_T)(value, out, ((batch) * M + (row)) * N + (column), n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

#define WIDTH (COLS * VEC)

#if TRANSPOSED
/* Packs a panel of columns that lie along K: VEC x VEC blocks are transposed in registers. */
FUNCTION void NAME(pack)(ACC *panel, __global const IN_T *b, size_t first, size_t b_k, size_t b_n, size_t end,
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
FUNCTION void NAME(pack)(ACC *panel, __global const IN_T *b, size_t first, size_t b_k, size_t b_n, size_t end,
                              int depth, int columns)
{
    const int inside = first + (depth - 1) * b_k + WIDTH <= end;
    for (int k = 0; k < depth; k++, first += b_k, panel += WIDTH)
        UNROLLED(COLS) for (int v = 0; v < COLS; v++) {
            const size_t at = first + v * VEC;
            VSTORE(inside ? CAT(LOADP_, IN_T)(b, at, VEC) : NAME(load)(b, at, end), panel + v * VEC);
        }
}
#endif

#if PACK_A
#define ROW_POINTER const ACC *
#else
#define ROW_POINTER __global const IN_T *
#endif
#define TILE NAME(tile)
#define TILE_PANEL const ACC *panel
#define TILE_LOAD(k, v) VLOAD(panel + ((k) * COLS + (v)) * VEC)
#include "matmul_tile.cl"
#if DIRECT
#define TILE NAME(direct)
#define TILE_PANEL __global const IN_T *panel
#define TILE_LOAD(k, v) CAT(LOADP_, IN_T)(panel, (k) * panel_step + (v) * VEC, VEC)
#include "matmul_tile.cl"
#endif

/* Hands rows m to end of the tile to the epilogue. */
#define EMIT(from, m, end)                                                                                  \
    for (int row = m; row < end; row++)                                                                     \
        for (int v = 0; v < COLS && n0 + v * VEC < N; v++) {                                                \
            const V value = VLOAD((from) + ((row - (m)) * COLS + v) * VEC);                                 \
            const size_t i0 = slice * batches + batch, i1 = row, j = n0 + v * VEC;                          \
            const int n = min(VEC, N - n0 - v * VEC);                                                       \
            EPILOGUE(value, i0, i1, j, n);                                                                  \
        }

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *a, __global const IN_T *b, const int M,
                                   const int N, const int K, const int batches, const int batch1, const int batch2,
                                   const long a_first, const long a_0, const long a_1, const long a_2, const long a_m,
                                   const long a_k, const long b_first, const long b_0, const long b_1, const long b_2,
                                   const long b_k, const long b_n, const long b_end, const int chunk, const int per,
                                   const int slices, const int split EPILOGUE_PARAMS)
{
    PRIVATE(ACC, panel, KC * WIDTH);
    PRIVATE(ACC, sums, CHUNK * WIDTH);
#if PACK_A
    PRIVATE(ACC, packed, ROWS * KC);
#endif
    const int across = (N + WIDTH - 1) / WIDTH, down = (M + chunk - 1) / chunk;
    const size_t tiles = (size_t)batches * slices * across * down;
    const size_t last = min(tiles, (get_global_id(0) + 1) * per);
    for (size_t tile = get_global_id(0) * per; tile < last; tile++) {
        const int m0 = (int)(tile % down) * chunk, m1 = min(M, m0 + chunk);
        const int n0 = (int)(tile / down % across) * WIDTH;
        const size_t batch = tile / down / across % batches, slice = tile / down / across / batches;
        const size_t i2 = batch % batch2, i1 = batch / batch2 % batch1, i0 = batch / batch2 / batch1;
        const size_t left = a_first + i0 * a_0 + i1 * a_1 + i2 * a_2;
        const size_t right = b_first + i0 * b_0 + i1 * b_1 + i2 * b_2 + n0 * b_n;
        const int k1 = min(K, (int)(slice + 1) * split);
        int k0 = (int)slice * split;
        do {
            const int depth = min(KC, k1 - k0);
#if DIRECT
            const int direct = right + (k0 + depth - 1) * b_k + WIDTH <= b_end;
            if (!direct)
#endif
                NAME(pack)(panel, b, right + k0 * b_k, b_k, b_n, b_end, depth, N - n0);
            for (int m = m0; m < m1; m += ROWS) {
                ACC *const kept = sums + (DEEP ? (m - m0) * WIDTH : 0);
                /* Rows beyond the last one repeat it and are dropped below. */
                ROW_POINTER row[ROWS];
#if PACK_A
                const size_t step = 1;
                for (int r = 0; r < ROWS; r++) {
                    const size_t at = left + min(m + r, m1 - 1) * a_m + k0 * a_k;
                    for (int k = 0; k < depth; k++)
                        packed[r * KC + k] = CAT(LOAD1_, IN_T)(a, at + k * a_k);
                    row[r] = packed + r * KC;
                }
#else
                const size_t step = a_k;
                for (int r = 0; r < ROWS; r++)
                    row[r] = a + left + min(m + r, m1 - 1) * a_m + k0 * a_k;
#endif
                const int more = k0 > (int)slice * split;
#if DIRECT
                if (direct)
                    NAME(direct)(kept, more, b + right + k0 * b_k, b_k, depth, row, step);
                else
#endif
                    NAME(tile)(kept, more, panel, 0, depth, row, step);
                if (k0 + KC >= k1)
                    EMIT(kept, m, min(m + ROWS, m1));
            }
            k0 += KC;
        } while (k0 < k1);
    }
}
