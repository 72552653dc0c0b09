/* index_add.cl: adds elements or rows where an index says (scatter_add, index_add, scatter_fold).
 *
 * Twins: tinygrad_cl/primitives/index.py, tinygrad_cl/functional/index.py; index_sum.cl (wide rows on a CPU).
 *
 * out = x is (outer, size, inner), src is (outer, count, inner). Each work-item owns a slab of columns and a range of
 * rows of some outer positions: it walks through the whole index and adds what falls there, in the order of the index.
 * So sums are deterministic without atomics. An index out of range is reported in `flags` and adds nothing.
 *
 * Macros
 *   TAG    register tag: f32 f64 i32 i64 u8
 *   IO_T   storage type of x, src and the output
 *   SUM_T  storage type of the sums: IO_T, or float where that is half
 *   SEPARATE   1: SUM_T differs from IO_T, sums are kept in `scratch`
 *   ROWS   1: one index per row (index_add); 0: one per element of src (scatter_add)
 *   JOIN(a, b)   what elements that meet become, without ROWS: their sum, or another fold (scatter_fold)
 */
#ifndef TAG
#define TAG f32
#define IO_T float
#define SUM_T float
#endif
#ifndef SEPARATE
#define SEPARATE 0
#endif
#ifndef ROWS
#define ROWS 1
#endif
#ifndef JOIN
#define JOIN(a, b) ((a) + (b))
#endif

#define V CAT(V_, TAG)

#if ROWS
/* Adds a row of n elements. */
static inline void NAME(add)(__global SUM_T *to, __global const IO_T *src, size_t at, size_t n)
{
    for (size_t i = 0; i < n; i += VEC) {
        const int m = (int)min((size_t)VEC, n - i);
        const V sum = CAT(LOADP_, SUM_T)(to, i, m) + CAT(LOADP_, IO_T)(src, at + i, m);
        CAT(STOREP_, SUM_T)(sum, to, i, m);
    }
}
#endif

/* Copies n elements of x, or its one number, to where sums are kept. */
static inline void NAME(begin)(__global SUM_T *sums, __global const IO_T *x, size_t at, size_t n, int step)
{
    for (size_t i = 0; i < n; i += VEC) {
        const int m = (int)min((size_t)VEC, n - i);
        const V old = step ? CAT(LOADP_, IO_T)(x, at + i, m) : (V)(CAT(LOAD1_, IO_T)(x, 0));
        CAT(STOREP_, SUM_T)(old, sums, at + i, m);
    }
}

#if SEPARATE
/* Rounds n sums to their storage type. */
static inline void NAME(end)(__global IO_T *out, __global const SUM_T *sums, size_t at, size_t n)
{
    for (size_t i = 0; i < n; i += VEC) {
        const int m = (int)min((size_t)VEC, n - i);
        CAT(STOREP_, IO_T)(CAT(LOADP_, SUM_T)(sums, at + i, m), out, at + i, m);
    }
}
#endif

/* Walks through the index of one outer position; `to` and `src_at` are where the slab of `wide` columns begins. */
static inline void NAME(walk)(__global SUM_T *to, __global const IO_T *src, size_t src_at, __global const long *index,
                              __global int *flags, int code, long count, long size, long inner, size_t wide,
                              long first, long last)
{
    long k = 0;
#if ROWS && VEC > 1
    /* Single columns: where the index counts up, as sliding windows do, neighbors are added together. */
    for (; inner == 1 && k + VEC <= count; k += VEC, src_at += VEC) {
        const V_i64 places = LOADP_long(index, k, VEC);
        const long begin = index[k];
        if (begin >= first && begin + VEC <= last && HFOLD_all_b(MASK_i64(places == INDEX_i64(begin, 1)))) {
            NAME(add)(to + begin, src, src_at, VEC);
            continue;
        }
        for (int i = 0; i < VEC; i++) {
            const long found = index[k + i];
            if (found < 0 || found >= size)
                REPORT_INDEX(flags, code, found, size);
            else if (found >= first && found < last)
                to[found] += CAT(LOAD1_, IO_T)(src, src_at + i);
        }
    }
#endif
    for (; k < count; k++, src_at += inner) {
#if ROWS
        const long found = index[k];
        if (found < 0 || found >= size)
            REPORT_INDEX(flags, code, found, size);
        else if (found < first || found >= last)
            continue;
        else if (wide < VEC)
            for (size_t i = 0; i < wide; i++)
                to[found * inner + i] += CAT(LOAD1_, IO_T)(src, src_at + i);
        else
            NAME(add)(to + found * inner, src, src_at, wide);
#else
        for (size_t i = 0; i < wide; i++) {
            const long found = index[src_at + i];
            if (found < 0 || found >= size)
                REPORT_INDEX(flags, code, found, size);
            else if (found >= first && found < last) {
                const SUM_T old = to[found * inner + i], given = CAT(LOAD1_, IO_T)(src, src_at + i);
                to[found * inner + i] = JOIN(old, given);
            }
        }
#endif
    }
}

/* `step` is 1, or 0 if x is one number for all. Global ids: outer positions, slabs, ranges. */
VECTOR_KERNEL __kernel void KERNEL(__global IO_T *out, __global const IO_T *x, const int step,
                                   __global const long *index, __global const IO_T *src,
#if SEPARATE
                                   __global SUM_T *sums,
#endif
                                   __global int *flags, const int code, const long outer, const long count,
                                   const long size, const long inner, const long slab, const long range)
{
#if !SEPARATE
    __global SUM_T *sums = out;
#endif
    const size_t left = get_global_id(1) * slab, wide = min((size_t)slab, inner - left);
    const long first = get_global_id(2) * range, last = min(size, first + range);
    if (left >= (size_t)inner || (first > 0 && first >= last)) /* the first range reports bad indices */
        return;
    for (size_t block = get_global_id(0); block < (size_t)outer; block += get_global_size(0)) {
        const size_t base = block * size * inner + left;
        /* Rows of whole width lie end to end. */
        const size_t runs = wide == (size_t)inner ? 1 : last - first;
        const size_t run = wide == (size_t)inner ? (last - first) * inner : wide;
        for (size_t r = 0; r < runs; r++)
            NAME(begin)(sums, x, base + (first + r) * inner, run, step);
        const size_t src_at = block * count * inner + left;
        NAME(walk)(sums + base, src, src_at, index, flags, code, count, size, inner, wide, first, last);
#if SEPARATE
        for (size_t r = 0; r < runs; r++)
            NAME(end)(out, sums, base + (first + r) * inner, run);
#endif
    }
}

#undef TAG
#undef IO_T
#undef SUM_T
#undef SEPARATE
#undef ROWS
#undef JOIN
#undef V
