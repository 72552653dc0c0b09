/* topk.cl: the positions of the first few elements of each sorted line, without sorting the rest.
 *
 * Twins: tinygrad_cl/primitives/sort.py, tinygrad_cl/functional/sorting.py.
 *
 * x is (outer, size, inner), positions are (outer, count, inner). A work-item walks along one line and keeps the best
 * `count` positions in order. A NaN is larger than every number; of equal elements the first comes first.
 *
 * Macros
 *   IO_T     type of x: float double int long uchar, or half (loaded as float)
 *   DESCEND  1: the largest first
 */
#ifndef IO_T
#define IO_T float
#endif
#ifndef DESCEND
#define DESCEND 1
#endif

#define KEY(k) CAT(LOAD1_, IO_T)(x, first + (size_t)(k) * inner)
#define UNDER(a, b) ((a) < (b) || ((b) != (b) && (a) == (a)))
#define BEFORE(a, b) (DESCEND ? UNDER(b, a) : UNDER(a, b))

__kernel void KERNEL(__global long *out, __global const IO_T *x, const long outer, const long size,
                     const long count, const long inner)
{
    for (size_t line = get_global_id(0); line < (size_t)(outer * inner); line += get_global_size(0)) {
        const size_t block = line / inner, column = line % inner;
        const size_t first = block * size * inner + column;
        __global long *best = out + block * count * inner + column;
        for (long k = 0; k < size; k++) {
            long at = min(k, count);
            if (at == count && !BEFORE(KEY(k), KEY(best[(count - 1) * inner])))
                continue;
            at = min(at, count - 1);
            for (; at > 0 && BEFORE(KEY(k), KEY(best[(at - 1) * inner])); at--)
                best[at * inner] = best[(at - 1) * inner];
            best[at * inner] = k;
        }
    }
}

#undef IO_T
#undef DESCEND
#undef KEY
#undef UNDER
#undef BEFORE
