/* sort.cl: sorts lines stably, as positions: runs first, then merges of two runs into one until a line is one run.
 *
 * Twins: tinygrad_cl/primitives/sort.py, tinygrad_cl/functional/sorting.py.
 *
 * x is (outer, size, inner), positions are (outer, inner, size) or, in the last launch, (outer, size, inner). A NaN is
 * larger than every number; equal elements keep their order.
 *
 * Macros
 *   IO_T     type of x: float double int long uchar, or half (loaded as float)
 *   MERGE    0: a work-item sorts one run of at most `width` elements; 1: it writes `share` elements of a merge of two
 *            runs of `width` elements
 *   DESCEND  1: the largest first
 */
#ifndef IO_T
#define IO_T float
#endif
#ifndef MERGE
#define MERGE 0
#endif
#ifndef DESCEND
#define DESCEND 0
#endif

#define KEY(k) CAT(LOAD1_, IO_T)(x, first + (size_t)(k) * inner)
#define UNDER(a, b) ((a) < (b) || ((b) != (b) && (a) == (a)))
#define BEFORE(a, b) (DESCEND ? UNDER(b, a) : UNDER(a, b))

__kernel void KERNEL(__global long *to, __global const IO_T *x,
#if MERGE
                     __global const long *from, const long share,
#endif
                     const long width, const long last, const long outer, const long size, const long inner)
{
#if MERGE
    const size_t tasks = (size + share - 1) / share;
#else
    const size_t tasks = (size + width - 1) / width;
#endif
    for (size_t unit = get_global_id(0); unit < outer * inner * tasks; unit += get_global_size(0)) {
        const size_t line = unit / tasks, block = line / inner, column = line % inner;
        const size_t first = block * size * inner + column;
        const size_t start = last ? first : line * size, step = last ? inner : 1;
#if MERGE
        /* The merge of two runs is cut wherever `share` says: a search finds what lies before the cut. */
        __global const long *runs = from + line * size;
        long k = (unit % tasks) * share;
        const long end = min(size, k + share);
        while (k < end) {
            const long left = k / (2 * width) * 2 * width;
            const long middle = min(size, left + width), right = min(size, middle + width);
            const long stop = min(end, right), cut = k - left;
            long low = max(0L, cut - (right - middle)), high = min(cut, middle - left);
            while (low < high) {
                const long half_way = (low + high) / 2;
                if (BEFORE(KEY(runs[middle + cut - 1 - half_way]), KEY(runs[left + half_way])))
                    high = half_way;
                else
                    low = half_way + 1;
            }
            long i = left + low, j = middle + cut - low;
            for (; k < stop; k++) {
                const int second = i >= middle || (j < right && BEFORE(KEY(runs[j]), KEY(runs[i])));
                to[start + k * step] = second ? runs[j++] : runs[i++];
            }
        }
#else
        const long begin = (unit % tasks) * width, end = min(size, begin + width);
        for (long k = begin; k < end; k++) {
            long at = k;
            for (; at > begin; at--) {
                const long other = to[start + (at - 1) * step];
                if (!BEFORE(KEY(k), KEY(other)))
                    break;
                to[start + at * step] = other;
            }
            to[start + at * step] = k;
        }
#endif
    }
}

#undef IO_T
#undef MERGE
#undef DESCEND
#undef KEY
#undef UNDER
#undef BEFORE
