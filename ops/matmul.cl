/* matmul.cl: out[b] = A[b] @ B[b] on a CPU, with register tiles.
 *
 * Twins: tinygrad_cl/primitives/matmul.py (plans: plans_matmul.py), tinygrad_cl/functional/matmul.py.
 *
 * The output is cut into tasks of `chunk` rows and `wide` tiles of COLS * VEC columns; a work-group makes `per` of
 * them. For each tile it packs its panel of B (up to KC deep) into private memory, then walks down the rows of A, ROWS
 * at a time: one vector of B serves ROWS multiply-adds, one number of A serves COLS. Sums over K run in order, in ACC.
 * Packing is in matmul_pack.cl, a tile in matmul_tile.cl, and how tiles leave in matmul_emit.cl.
 *
 * Sizes: M, N, K, batch0..2 (a batch index is split over three dims, because A and B may be broadcast or
 * permuted), strides and first elements in elements; `b_end` is one past the last element of B that may be
 * read; `split` is the depth of one slice of K: slice s of `slices` writes its sums at out + s * batches * M *
 * N (else slices = 1, split = K). Macros
 *   TAG, ACC      register tag and type of the sums: f32 float, f64 double
 *   IN_T, OUT_T   storage types
 *   TRANSPOSED    1: B's neighbors along K are neighbors in memory; 0: those along N
 *   DIRECT        1: rows of B can be read where they lie (TRANSPOSED = 0), and are where the argument `direct` is 1:
 *                 for few rows of A, not worth a packed panel
 *   PACK_A        1: the chunk of A is packed, too: a storage type that is dear to read one by one, or (2) rows whose
 *                 neighbors along K lie far apart
 *   FLIPPED       1: the product is stored transposed: A and B are the transposed operands of what is asked for
 *                 (VEC is a multiple of ROWS)
 *   TAIL          1: the last tile of columns may have no more than VEC, and then takes less time
 *   SPARSE        columns are the pixels of a map whose rows have `line`, and those are every second pixel of every
 *                 second row of an image of height x width: READ: that is what B is; WRITTEN: that is the output, with
 *                 zeros between (DIRECT = TRANSPOSED = FLIPPED = 0 for either)
 * Tunables
 *   ROWS, COLS    register tile, in rows and vectors; ROWS * COLS + COLS registers
 *   KC            depth of the panel, a multiple of VEC
 *   CHUNK, ABREAST rows and tiles of a task, at most, whose sums stay in private memory between panels (DEEP), or whose
 *                 rows are packed (PACK_A)
 *   DEEP          1: K may be more than KC
 * Shared MATMUL_TILES: TAG ACC IN_T PACK_A TAIL ROWS COLS DEEP
 * Shared MATMUL_DIRECT: TAG ACC IN_T PACK_A DIRECT ROWS COLS DEEP
 * Hole
 *   EPILOGUE(value, batch, row, column, n)  takes n sums of a row
 */
#ifndef TRANSPOSED
#define TRANSPOSED 0
#endif
#ifndef DIRECT
#define DIRECT 0
#endif
#ifndef PACK_A
#define PACK_A 0
#endif
#ifndef FLIPPED
#define FLIPPED 0
#endif
#ifndef TAIL
#define TAIL 0
#endif
#define READ 1
#define WRITTEN 2
#ifndef SPARSE
#define SPARSE 0
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
#define ABREAST 1
#endif
#ifdef EPILOGUE
#define PLAIN 0
#else /* full tiles go straight to the output, if they are what it holds */
#define PLAIN (!DEEP && !FLIPPED && !SPARSE && sizeof(OUT_T) == sizeof(ACC))
#if SPARSE == WRITTEN
#define EPILOGUE(value, batch, row, column, n) \
    CAT(STOREP_, OUT_T)(value, out, ((batch) * M + (row)) * height * width + (column), n)
#elif FLIPPED
#define EPILOGUE(value, batch, row, column, n) \
    CAT(STOREP_, OUT_T)(value, out, ((batch) * N + (row)) * M + (column), n)
#else
#define EPILOGUE(value, batch, row, column, n) \
    CAT(STOREP_, OUT_T)(value, out, ((batch) * M + (row)) * N + (column), n)
#endif
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

#if SPARSE
#define SPARSE_PARAMS , const int line, const int height, const int width
#else
#define SPARSE_PARAMS
#endif

#ifndef MATMUL_TILES
#define MATMUL_TILES KERNEL
#define MATMUL_TILES_FIRST 1
#endif
#ifndef MATMUL_DIRECT
#define MATMUL_DIRECT KERNEL
#define MATMUL_DIRECT_FIRST 1
#endif
#define MANY 64 /* rows, at least, for which the next panel is asked for while they are multiplied */
#if TRANSPOSED
#define ASKED(i) ((i) % WIDTH * b_n + (i) / WIDTH * VEC)
#else
#define ASKED(i) ((i) / COLS * b_k + (i) % COLS * VEC)
#endif
#define TILES(x) NAME_(MATMUL_TILES, x)

#include "matmul_emit.cl"
#if MATMUL_TILES_FIRST
#define TILE TILES(tile)
#define TILE_COLS COLS
#define TILE_PANEL const ACC *panel
#define TILE_LOAD(k, v) VLOAD(panel + ((k) * COLS + (v)) * VEC)
#include "matmul_tile.cl"
#if TAIL
#define TILE TILES(tail)
#define TILE_COLS 1
#define TILE_PANEL const ACC *panel
#define TILE_LOAD(k, v) VLOAD(panel + (k) * COLS * VEC)
#include "matmul_tile.cl"
#endif
#endif
#if DIRECT
#if MATMUL_DIRECT_FIRST
#define TILE NAME_(MATMUL_DIRECT, direct)
#define TILE_COLS COLS
#define TILE_PANEL __global const IN_T *panel
#define TILE_LOAD(k, v) CAT(LOADP_, IN_T)(panel, (k) * panel_step + (v) * VEC, VEC)
#include "matmul_tile.cl"
#endif
#endif

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *a, __global const IN_T *b, const int M,
                                   const int N, const int K, const int batches, const int batch1, const int batch2,
                                   const long a_first, const long a_0, const long a_1, const long a_2, const long a_m,
                                   const long a_k, const long b_first, const long b_0, const long b_1, const long b_2,
                                   const long b_k, const long b_n, const long b_end, const int chunk, const int wide,
                                   const int per, const int slices, const int split,
                                   const int direct SPARSE_PARAMS EPILOGUE_PARAMS)
{
    PRIVATE(ACC, panel, KC * WIDTH + (SPARSE ? VEC : 0));
    PRIVATE(ACC, sums, (DEEP ? CHUNK * ABREAST : KEPT) * WIDTH + (SPARSE ? VEC : 0));
#if PACK_A
    PRIVATE(ACC, packed, CHUNK / ROWS * PITCH);
#endif
    const int columns = wide * WIDTH, across = (N + columns - 1) / columns, down = (M + chunk - 1) / chunk;
    const size_t tasks = (size_t)batches * slices * across * down;
    const size_t last = min(tasks, (get_global_id(0) + 1) * per);
    size_t held = tasks; /* whose panel is packed */
    for (size_t task = get_global_id(0) * per; task < last; task++) {
        /* Neighbors share a packed panel, or rows of A that a cache holds. */
        const size_t tile = task % ((size_t)across * down);
        const int m0 = (int)(DEEP ? tile / across : tile % down) * chunk, m1 = min(M, m0 + chunk);
        const int first = (int)(DEEP ? tile % across : tile / down) * columns, end = min(N, first + columns);
        const size_t batch = task / down / across % batches, slice = task / down / across / batches;
        const size_t i2 = batch % batch2, i1 = batch / batch2 % batch1, i0 = batch / batch2 / batch1;
        const size_t left = a_first + i0 * a_0 + i1 * a_1 + i2 * a_2;
        const size_t right = b_first + i0 * b_0 + i1 * b_1 + i2 * b_2;
        const int k1 = min(K, (int)(slice + 1) * split);
        int k0 = (int)slice * split;
        do {
            const int depth = min(KC, k1 - k0), more = k0 > (int)slice * split;
#if PACK_A
            NAME(pack_rows)(packed, a, left + m0 * a_m + k0 * a_k, a_m, a_k, m1 - m0, depth);
#endif
            for (int n0 = first; n0 < end; n0 += WIDTH) {
                const size_t corner = right + (SPARSE == READ ? 0 : n0 * b_n) + k0 * b_k;
#if DIRECT
                const int here = direct && corner + (depth - 1) * b_k + WIDTH <= b_end;
                if (!here)
#endif
                    if (DEEP || wide > 1 || task / down != held)
#if SPARSE == READ
                        NAME(pack_sparse)(panel, b, corner, b_k, b_end, depth, n0, N - n0, line, width);
#else
                        PANELS(pack)(panel, b, corner, b_k, b_n, b_end, depth, N - n0);
#endif
                held = task / down;
#if DEEP
                /* The panel of the next tile, or of the first one at the next depth, is asked for meanwhile. */
                const int lines = m1 - m0 < MANY ? 0 : (COLS * depth * ROWS + m1 - m0 - 1) / (m1 - m0);
                const size_t next = n0 + WIDTH < end ? corner + WIDTH * b_n : right + first * b_n + (k0 + KC) * b_k;
#endif
                for (int m = m0; m < m1; m += ROWS) {
#if DEEP
                    for (int i = (m - m0) / ROWS * lines, of = i + lines; i < of; i++)
                        FETCH(b + next + ASKED(i));
                    if (!PACK_A && a_k == 1 && n0 == first)
                        NAME(ask_rows)(a + left + (m + ROWS) * a_m + k0, a_m, depth);
#endif
                    const int at = DEEP ? (n0 - first) / WIDTH * CHUNK + m - m0 : (m - m0) % KEPT;
                    const int straight = PLAIN && m + ROWS <= m1 && n0 + WIDTH <= N;
                    const size_t pitch = straight ? N : WIDTH, place = ((slice * batches + batch) * M + m) * N + n0;
                    ACC *const kept = straight ? IN_PLACE(out + place) : sums + at * WIDTH;
                    ROW_POINTER row[ROWS];
#if PACK_A
                    const size_t step = ROWS;
                    for (int r = 0; r < ROWS; r++)
                        row[r] = packed + (m - m0) / ROWS * PITCH + r;
#else
                    /* Rows beyond the last one repeat it and are dropped below. */
                    const size_t step = a_k;
                    for (int r = 0; r < ROWS; r++)
                        row[r] = a + left + min(m + r, m1 - 1) * a_m + k0 * a_k;
#endif
#if DIRECT
                    if (here)
                        NAME_(MATMUL_DIRECT, direct)(kept, pitch, more, b + corner, b_k, depth, row, step);
                    else
#endif
#if TAIL
                    if (n0 + VEC >= N)
                        TILES(tail)(kept, pitch, more, panel, 0, depth, row, step);
                    else
#endif
                        TILES(tile)(kept, pitch, more, panel, 0, depth, row, step);
                    if (!straight && k0 + KC >= k1 && ((m - m0) % KEPT + ROWS == KEPT || m + ROWS >= m1)) {
                        const int top = m - (m - m0) % KEPT;
                        EMIT(kept - (m - top) * WIDTH, top, min(top + KEPT, m1));
                    }
                }
            }
            k0 += KC;
        } while (k0 < k1);
    }
}
