/* index.cl: reads elements or whole rows by index (gather, index_select).
 *
 * Twins: tinygrad_cl/primitives/index.py, tinygrad_cl/functional/index.py.
 *
 * x is (outer, size, inner), the output is (outer, count, inner). Elements are copied bit by bit, so T only says how
 * wide they are. An index out of range is reported in `flags`, reads nothing, and gives 0.
 *
 * Macros
 *   T     uchar, ushort, uint or ulong
 *   ROWS  1: one index per row of `inner` elements, the same for every outer position (index_select);
 *         0: one index per element of the output (gather)
 *   VEC   elements of a register; 1 on a GPU, where neighbors stand side by side
 */
#ifndef T
#define T uint
#endif
#ifndef ROWS
#define ROWS 1
#endif

#if ROWS
/* Copies n elements, or zeros. */
static inline void NAME(copy)(__global T *to, __global const T *from, size_t n, int inside)
{
    size_t i = 0;
#if VEC > 1
    for (; i + VEC <= n; i += VEC)
        WIDE(vstore)(inside ? WIDE(vload)(0, from + i) : (CAT(T, VEC))(0), 0, to + i);
#endif
    for (; i < n; i++)
        to[i] = inside ? from[i] : 0;
}
#endif

/* A work-item takes a run of units: rows if VEC > 1 (and ROWS), else elements of the output. */
VECTOR_KERNEL __kernel void KERNEL(__global T *out, __global const T *x, __global const long *index,
                                   __global int *flags, const int code, const long outer, const long count,
                                   const long size, const long inner)
{
    const size_t cells = ROWS && VEC > 1 ? 1 : inner; /* units of a row */
    const size_t units = outer * count * cells;
    const size_t chunk = (units + get_global_size(0) - 1) / get_global_size(0);
    const size_t end = min(units, (get_global_id(0) + 1) * chunk);
    size_t unit = get_global_id(0) * chunk;
    if (unit >= end)
        return;
    size_t row = unit / cells, cell = unit % cells, block = row / count, k = row % count;
    for (; unit < end; unit++) {
        const long found = index[ROWS ? k : unit];
        const int inside = found >= 0 && found < size;
        if (!inside)
            REPORT_INDEX(flags, code, found, size);
        const size_t from = (block * size + (inside ? found : 0)) * inner + cell;
#if ROWS && VEC > 1
        NAME(copy)(out + row * inner, x + from, inner, inside);
#else
        out[unit] = inside ? x[from] : 0;
#endif
        if (++cell == cells) {
            cell = 0;
            row++;
            if (++k == (size_t)count) {
                k = 0;
                block++;
            }
        }
    }
}

#undef T
#undef ROWS
