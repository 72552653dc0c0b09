/* index_sum.cl: adds whole rows where an index says (index_add), on a CPU.
 *
 * Twins: tinygrad_cl/primitives/index.py, tinygrad_cl/functional/index.py; index_add.cl (narrow rows, GPUs).
 *
 * out = x is (outer, size, inner), src is (outer, count, inner). A work-item owns a range of rows of some outer
 * positions. It first links the places of the index that name the same row, in their order; then it writes each row
 * once, with all that is added to it. So sums are deterministic. An index out of range is reported in `flags` and adds
 * nothing.
 *
 * Macros
 *   TAG   register tag: f32 f64 i32 i64 u8
 *   IO_T  storage type of x, src and the output
 * Tunable
 *   SUMS  registers of a row that are summed at once
 */
#ifndef TAG
#define TAG f32
#define IO_T float
#endif
#ifndef SUMS
#define SUMS 8
#endif
#define V CAT(V_, TAG)
#define SPARE 16 /* chains of what other work-items own: one would make each link wait for the last */

/* Sums `registers` registers of row r from column j on; the last one holds n elements. */
static inline void NAME(sum)(__global IO_T *out, __global const IO_T *x, const int step, __global const IO_T *src,
                             const long inner, const size_t row, const size_t block, __global const int *next, int k,
                             const long j, const int registers, const int n)
{
    V sums[SUMS];
    __attribute__((opencl_unroll_hint(SUMS)))
    for (int i = 0; i < registers; i++)
        sums[i] = step ? CAT(LOADP_, IO_T)(x, row * inner + j + i * VEC, n) : (V)(CAT(LOAD1_, IO_T)(x, 0));
    for (; k >= 0; k = next[k]) {
        const size_t at = (block + k) * inner + j;
        __attribute__((opencl_unroll_hint(SUMS)))
        for (int i = 0; i < registers; i++)
            sums[i] += CAT(LOADP_, IO_T)(src, at + i * VEC, n);
    }
    __attribute__((opencl_unroll_hint(SUMS)))
    for (int i = 0; i < registers; i++)
        CAT(STOREP_, IO_T)(sums[i], out, row * inner + j + i * VEC, n);
}

/* `step` is 1, or 0 if x is one number for all. Global ids: outer positions, ranges of `range` rows. */
VECTOR_KERNEL __kernel void KERNEL(__global IO_T *out, __global const IO_T *x, const int step,
                                   __global const long *index, __global const IO_T *src, __global int *links,
                                   __global int *flags, const int code, const long outer, const long count,
                                   const long size, const long inner, const long range)
{
    const long first = get_global_id(1) * range, rows = min(size - first, range);
    __global int *head = links + (get_global_id(0) * get_global_size(1) + get_global_id(1)) * (range + SPARE + count);
    __global int *next = head + range + SPARE;
    for (long r = 0; r < range + SPARE; r++)
        head[r] = -1;
    for (long k = count - 1; k >= 0; k--) {
        const long found = index[k], place = found - first;
        if ((ulong)found >= (ulong)size)
            REPORT_INDEX(flags, code, found, size);
        const long at = (ulong)place < (ulong)rows ? place : range + k % SPARE;
        next[k] = head[at];
        head[at] = (int)k;
    }
    for (size_t block = get_global_id(0); block < (size_t)outer; block += get_global_size(0))
        for (long r = 0; r < rows; r++) {
            const size_t row = block * size + first + r;
            long j = 0;
            for (; j + SUMS * VEC <= inner; j += SUMS * VEC)
                NAME(sum)(out, x, step, src, inner, row, block * count, next, head[r], j, SUMS, VEC);
            for (; j + VEC <= inner; j += VEC)
                NAME(sum)(out, x, step, src, inner, row, block * count, next, head[r], j, 1, VEC);
            if (j < inner)
                NAME(sum)(out, x, step, src, inner, row, block * count, next, head[r], j, 1, (int)(inner - j));
        }
}

#undef TAG
#undef IO_T
#undef SUMS
#undef V
#undef SPARE
