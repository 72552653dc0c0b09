/* elementwise_tile.cl: one straight-line body over every element of a domain, some of whose operands lie transposed.
 *
 * Twins: tinygrad_cl/compiler/tiles.py, elementwise.cl (without such operands).
 *
 * The domain is `outer` matrices of rows and columns; results have their neighbors along the columns (j), crossed
 * operands along the rows (r). A tile of a crossed operand is read column by column and turned: in registers, VEC x VEC
 * elements, or in local memory, SIDE x SIDE elements of a work-group.
 *
 * Holes (written by the generator)
 *   PARAMS              the body's parameters, each after a comma
 *   TILES               a TILE(tag, x) per crossed operand
 *   TURN                a TURN_TILE(tag, storage, x, pointer, offset of (r, j), stride along j) per crossed operand
 *   UNRAVEL(row)        declares the indices of the outer dims
 *   BODY_CALL(r, j, n)  computes and stores n elements from column j of row r on; crossed operands are PICK(x)
 * Tunables
 *   UNROLL  rows of a tile in a row of instructions, VEC or 1
 *   LANES   work-items of a work-group (1 on a CPU)
 *
 * Sizes: outer, rows, columns, chunk (bands of a work-group), band_rows and band_columns (of a band, which is gone
 * through column after column of tiles: crossed operands in their own order).
 */
#ifndef PARAMS
#define PARAMS , __global const float *p0, __global float *q0
#define TILES TILE(f32, x0)
#define TURN TURN_TILE(f32, float, x0, p0, (o * columns + j) * rows + r, rows)
#define UNRAVEL(row) const size_t o = row;
#define BODY_CALL(r, j, n) STOREP_float(PICK(x0), q0, (o * rows + r) * columns + j, n)
#endif
#ifndef UNROLL
#define UNROLL 1
#endif
#ifndef LANES
#define LANES 1
#endif

#if LANES > 1
#define SIDE 32
#define TILE(tag, x) __local CAT(V_, tag) x[SIDE][SIDE + 1];
#define TURN_TILE(tag, T, x, p, at, stride) x[step][lane] = CAT(LOADP_, T)(p, (at) + lane, 1);
#define PICK(x) x[lane][step]
#else
#include "exchange.cl"
#define TILE(tag, x) CAT(V_, tag) x[VEC];
#define PICK(x) x[step]
#if VEC == 16
#define TURNED(tag, x) EXCHANGE_STAGE(tag, x, 1) EXCHANGE_STAGE(tag, x, 2) EXCHANGE_STAGE(tag, x, 4) \
    EXCHANGE_STAGE(tag, x, 8)
#elif VEC == 8
#define TURNED(tag, x) EXCHANGE_STAGE(tag, x, 1) EXCHANGE_STAGE(tag, x, 2) EXCHANGE_STAGE(tag, x, 4)
#elif VEC == 4
#define TURNED(tag, x) EXCHANGE_STAGE(tag, x, 1) EXCHANGE_STAGE(tag, x, 2)
#else
#define TURNED(tag, x)
#endif
#define TURN_TILE(tag, T, x, p, at, stride)                                                            \
    if (count == VEC && n == VEC) {                                                                    \
        __attribute__((opencl_unroll_hint(VEC)))                                                       \
        for (int c = 0; c < VEC; c++)                                                                  \
            x[c] = CAT(LOADP_, T)(p, (at) + c * (stride), VEC);                                        \
    } else {                                                                                           \
        for (int c = 0; c < VEC; c++)                                                                  \
            x[c] = (CAT(V_, tag))(0);                                                                  \
        for (int c = 0; c < n; c++)                                                                    \
            x[c] = CAT(LOADP_, T)(p, (at) + c * (stride), count);                                      \
    }                                                                                                  \
    TURNED(tag, x)
/* The tile at (r, j). Sizes of whole ones are constants, so that these stay in registers. */
#define THROUGH_TILE(tall, wide, unroll)                                                               \
    {                                                                                                  \
        const int count = tall, n = wide;                                                              \
        TILES                                                                                          \
        TURN                                                                                           \
        __attribute__((opencl_unroll_hint(unroll)))                                                    \
        for (int step = 0; step < count; step++) {                                                     \
            BODY_CALL(r + step, j, n);                                                                 \
        }                                                                                              \
    }
#endif

VECTOR_KERNEL __kernel void KERNEL(const long outer, const long rows, const long columns, const long chunk,
                                   const long band_rows, const long band_columns PARAMS)
{
    const size_t down = (rows + band_rows - 1) / band_rows, across = (columns + band_columns - 1) / band_columns;
    const size_t last = min((size_t)outer * down * across, (get_group_id(0) + 1) * chunk);
#if LANES > 1
    const size_t lane = get_local_id(0) % SIDE, first = get_local_id(0) / SIDE;
    TILES
#endif
    for (size_t band = get_group_id(0) * chunk; band < last; band++) {
        const size_t top = band / across % down * band_rows, left = band % across * band_columns;
        const size_t bottom = min((size_t)rows, top + band_rows), right = min((size_t)columns, left + band_columns);
        UNRAVEL(band / across / down)
#if LANES > 1
        barrier(CLK_LOCAL_MEM_FENCE);
        for (size_t step = first; left + step < right; step += LANES / SIDE) {
            const size_t r = top, j = left + step;
            if (r + lane < bottom) {
                TURN
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (size_t step = first; top + step < bottom; step += LANES / SIDE) {
            if (left + lane < right) {
                BODY_CALL(top + step, left + lane, 1);
            }
        }
#else
        for (size_t j = left; j < right; j += VEC)
            for (size_t r = top; r < bottom; r += VEC) {
                const int tall = (int)min((size_t)VEC, bottom - r), wide = (int)min((size_t)VEC, right - j);
                if (tall == VEC && wide == VEC)
                    THROUGH_TILE(VEC, VEC, UNROLL)
                else
                    THROUGH_TILE(tall, wide, 1)
            }
#endif
    }
}

#undef SIDE
#undef UNROLL
#undef LANES
